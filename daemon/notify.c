/* Speaking with the service manager. See notify.h. */
#include "daemon/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/log.h"

#ifdef WITH_SYSTEMD

#include <systemd/sd-daemon.h>

#define TEXT_CAP 1024

bool notify_is_wanted(void)
{
    const char *address = getenv("NOTIFY_SOCKET");
    return address != NULL && address[0] != '\0';
}

/* Nobody can be told that the one who would be told is not there, but the log can. */
static bool say(const char *text, const int *fds, unsigned fd_count)
{
    int said = sd_pid_notify_with_fds(0, false, text, fds, fd_count);
    if (said < 0) {
        log_warning("service manager: cannot be told \"%.60s\": %s", text, strerror(-said));
    }
    return said > 0;
}

void notify_say(const char *format, ...)
{
    char text[TEXT_CAP];
    va_list args;
    if (!notify_is_wanted()) {
        return;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(text, NULL, 0);
}

bool notify_say_with(int fd, const char *format, ...)
{
    char text[TEXT_CAP];
    va_list args;
    if (!notify_is_wanted()) {
        return false;
    }
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return say(text, &fd, 1);
}

void notify_wait_read(int64_t limit_ms)
{
    if (notify_is_wanted()) {
        sd_notify_barrier(false, (uint64_t)limit_ms * 1000);
    }
}

uint64_t notify_watchdog_us(void)
{
    uint64_t limit_us = 0;
    return notify_is_wanted() && sd_watchdog_enabled(false, &limit_us) > 0 ? limit_us : 0;
}

int notify_handed_over(int *first, char ***names)
{
    *first = SD_LISTEN_FDS_START;
    *names = NULL;
    int count = sd_listen_fds_with_names(false, names);
    if (count < 0) {
        log_error("service manager: what it hands over cannot be taken: %s", strerror(-count));
    }
    return count > 0 ? count : 0;
}

#else

bool notify_is_wanted(void)
{
    return false;
}

void notify_say(const char *format, ...)
{
    (void)format;
}

bool notify_say_with(int fd, const char *format, ...)
{
    (void)fd, (void)format;
    return false;
}

void notify_wait_read(int64_t limit_ms)
{
    (void)limit_ms;
}

uint64_t notify_watchdog_us(void)
{
    return 0;
}

int notify_handed_over(int *first, char ***names)
{
    if (getenv("LISTEN_FDS") != NULL || getenv("NOTIFY_SOCKET") != NULL) {
        log_warning("service manager: it is told nothing, and no socket of it is used: this "
                    "flaskredisd was built with WITH_SYSTEMD=no");
    }
    *first = -1;
    *names = NULL;
    return 0;
}

#endif
