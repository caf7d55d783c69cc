/* A service manager for tests, as far as a daemon sees one: the socket it reports to, and the
 * descriptors it hands over. What is in its store is handed to the next daemon that starts, as is
 * what a socket unit would have. It listens on a thread of its own, from manager_start until the
 * case ends; the daemons of the case are its services. */
#ifndef TESTS_SUPPORT_MANAGER_H
#define TESTS_SUPPORT_MANAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For cases about it: leave when there is no daemon, or one that was built without systemd. */
#ifdef WITH_SYSTEMD
#define NEEDS_SERVICE NEEDS_DAEMON
#else
#define NEEDS_SERVICE                                                                              \
    do {                                                                                           \
        case_skip("built with WITH_SYSTEMD=no");                                                   \
        return;                                                                                    \
    } while (0)
#endif

struct manager;

/* Begin to listen. watchdog_ms: how often the daemon must give a sign of life; 0: never. */
struct manager *manager_start(int64_t watchdog_ms);

/* Hand this listening socket to daemons that start from now on, as a socket unit with
 * FileDescriptorName=name does. It stays the caller's. */
void manager_hand_over(struct manager *manager, const char *name, int fd);

/* How many messages have had this line so far; what it begins with is enough ("STATUS="). */
int manager_count(struct manager *manager, const char *line);

/* Wait until there are that many, or fail the case. */
void manager_expect(struct manager *manager, const char *line, int count);

/* All messages so far, one after the other, a line with only "--" between them. Freed when the case
 * ends. */
char *manager_text(struct manager *manager);

/* The last line that begins so. Freed when the case ends; "" when there is none. */
char *manager_last(struct manager *manager, const char *line);

/* The shortest time between two messages with such a line; INT64_MAX: there are not two. */
int64_t manager_shortest_ms(struct manager *manager, const char *line);

/* How many descriptors of this name are in the store. */
int manager_stored(struct manager *manager, const char *name);

#endif
