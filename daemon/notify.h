/* What is said to the service manager, and what it hands over at the start: the protocol of
 * sd_notify(3) and sd_listen_fds(3), by libsystemd. Built without it (WITH_SYSTEMD=no), or started
 * by nobody who listens (no NOTIFY_SOCKET), nothing is said and nothing comes. Safe from every
 * thread. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Whether somebody listens. */
bool notify_is_wanted(void);

/* Say these assignments, one a line: "READY=1\nSTATUS=…". */
void notify_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with a descriptor, which stays the caller's. Returns whether it was sent. */
bool notify_say_with(int fd, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Wait until all that was said has been read, at most this long. Whoever ends before that may not
 * be recognised as the sender. */
void notify_wait_read(int64_t limit_ms);

/* How often "WATCHDOG=1" is expected at least, in microseconds; 0: never. */
uint64_t notify_watchdog_us(void);

/* The descriptors handed over: returns how many, from *first on, with a name each in *names, which
 * is NULL-terminated and freed by the caller, names and all. They are close-on-exec from now on.
 * Once, at the start. */
int notify_handed_over(int *first, char ***names);

#endif
