/* All callers in one loop. */
#include "tests/stress/crowd.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "tests/support/process.h"

enum {
    IDS_SIZE = 2 * 1024 * 1024,
    WAIT_MS = 5
};

uint32_t pick(struct caller *caller, uint32_t limit)
{
    uint64_t x = caller->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    caller->random = x;
    return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 33) % limit;
}

struct crowd *crowd_create(const char *path, uint64_t seed)
{
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    unsigned char *ids = calloc(1, IDS_SIZE);
    if (crowd == NULL || ids == NULL) {
        abort();
    }
    crowd->path = path;
    crowd->seed = seed;
    crowd->ids = ids;
    for (int i = 0; i < CALLERS; i++) {
        crowd->callers[i] = (struct caller){.crowd = crowd, .slot = i, .fd = -1};
    }
    return crowd;
}

static void destroy_caller(struct caller *caller)
{
    if (caller->fd >= 0) {
        caller_close(caller);
    }
    bytes_finish(&caller->requests.bytes);
    bytes_finish(&caller->texts.bytes);
    bytes_finish(&caller->in);
    free(caller->items);
}

void crowd_destroy(void *what)
{
    struct crowd *crowd = what;
    for (int i = 0; i < CALLERS; i++) {
        destroy_caller(&crowd->callers[i]);
    }
    for (int i = 0; i < DBS * SHARED; i++) {
        free(crowd->shared[i / SHARED][i % SHARED].had);
    }
    free(crowd->ledger.lines);
    bytes_finish(&crowd->failure_text);
    free(crowd->ids);
    free(crowd);
}

/* --------------------------------------------------------------------------------- failures */

static void show_history(struct bytes *to, const struct caller *caller)
{
    unsigned count = caller->history_at < HISTORY ? caller->history_at : HISTORY;
    for (unsigned i = caller->history_at - count; i != caller->history_at; i++) {
        const struct history_line *line = &caller->history[i % HISTORY];
        size_t len = line->len < HISTORY_TEXT ? line->len : HISTORY_TEXT;
        struct bytes text = {0};
        bytes_printf(to, "      %c %s%s\n", line->mark, bytes_show(&text, line->text, len, 0),
                     line->len > len ? "..." : "");
        bytes_finish(&text);
    }
}

void crowd_fail(struct caller *caller, const char *format, ...)
{
    struct crowd *crowd = caller->crowd;
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (crowd->failures++ < FAILURES_SHOWN) {
        bytes_printf(&crowd->failure_text, "\n    caller %d.%u, db %d, proto %d, channel %d: %s\n",
                     caller->slot, caller->life, db_numbers[caller->db], caller->proto,
                     caller->subscribed, text);
        show_history(&crowd->failure_text, caller);
    }
}

/* -------------------------------------------------------------------------------- the loop */

/* All that it was owed has come, and it was to close then. */
static bool is_done(const struct caller *caller)
{
    return caller->is_ending && caller->ending == END_CLOSE && caller->item_count == 0;
}

static void write_all(struct crowd *crowd)
{
    for (int i = 0; i < CALLERS; i++) {
        struct caller *caller = &crowd->callers[i];
        if (caller->fd < 0 && !crowd->is_closing) {
            caller_connect(caller);
        }
        if (caller->fd >= 0) {
            caller_write(caller);
        }
        if (caller->fd >= 0 && is_done(caller)) {
            caller_close(caller);
        }
    }
}

static short wanted_events(const struct caller *caller, int64_t now)
{
    short events = now < caller->deaf_until_ms ? 0 : POLLIN;
    return (short)(events | (caller->released > 0 ? POLLOUT : 0));
}

void crowd_turn(struct crowd *crowd)
{
    struct pollfd fds[CALLERS];
    int64_t now = now_ms();
    write_all(crowd);
    for (int i = 0; i < CALLERS; i++) {
        const struct caller *caller = &crowd->callers[i];
        fds[i] = (struct pollfd){.fd = caller->fd, .events = wanted_events(caller, now)};
    }
    poll(fds, CALLERS, WAIT_MS);
    for (int i = 0; i < CALLERS && crowd->failures == 0; i++) {
        bool is_deaf = !(fds[i].events & POLLIN);
        if (fds[i].revents & (POLLIN | POLLHUP | POLLERR) && !is_deaf) {
            caller_read(&crowd->callers[i]);
        }
    }
}

static int connected(const struct crowd *crowd)
{
    int count = 0;
    for (int i = 0; i < CALLERS; i++) {
        count += crowd->callers[i].fd >= 0;
    }
    return count;
}

static void complain_of_silence(struct crowd *crowd)
{
    for (int i = 0; i < CALLERS; i++) {
        struct caller *caller = &crowd->callers[i];
        if (caller->fd >= 0) {
            crowd_fail(caller, "still waits for %zu replies, %zu requests unsent",
                       caller->sent_count, caller->item_count - caller->sent_count);
        }
    }
}

bool crowd_finish(struct crowd *crowd, int64_t timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    crowd->is_closing = true;
    while (crowd->failures == 0 && connected(crowd) > 0 && now_ms() < deadline) {
        crowd_turn(crowd);
    }
    if (crowd->failures == 0) {
        complain_of_silence(crowd);
    }
    return crowd->failures == 0;
}
