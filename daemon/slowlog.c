/* A ring of slow commands. See slowlog.h. */
#include "daemon/slowlog.h"

#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/memory.h"

void slowlog_note(struct slowlog *slowlog, const struct slow_command *command)
{
    struct timespec now;
    if (slowlog->commands == NULL) {
        slowlog->commands = memory_zeroed(SLOWLOG_CAP * sizeof *slowlog->commands);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    struct slow_command *entry = &slowlog->commands[slowlog->count++ % SLOWLOG_CAP];
    *entry = *command;
    entry->number = slowlog->count;
    entry->at_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const struct slow_command *slowlog_at(const struct slowlog *slowlog, unsigned i)
{
    if (slowlog->commands == NULL || i >= SLOWLOG_CAP || i >= slowlog->count) {
        return NULL;
    }
    const struct slow_command *entry = &slowlog->commands[(slowlog->count - 1 - i) % SLOWLOG_CAP];
    return entry->number == 0 ? NULL : entry;
}

/* Both are in the order of time, so the last ones of both are found from their newest ends. */
void slowlog_merge(struct slowlog *slowlog, const struct slowlog *other)
{
    const struct slow_command *mine = slowlog_at(slowlog, 0), *theirs = slowlog_at(other, 0);
    if (theirs == NULL) {
        return;
    }
    struct slowlog merged = {.commands = memory_zeroed(SLOWLOG_CAP * sizeof *merged.commands),
                             .count = slowlog->count + other->count};
    unsigned from_mine = 0, from_theirs = 0;
    for (uint64_t number = merged.count;
         from_mine + from_theirs < SLOWLOG_CAP && (mine != NULL || theirs != NULL); number--) {
        bool is_mine = theirs == NULL || (mine != NULL && mine->at_ms >= theirs->at_ms);
        struct slow_command *entry = &merged.commands[(number - 1) % SLOWLOG_CAP];
        *entry = is_mine ? *mine : *theirs;
        entry->number = number;
        if (is_mine) {
            mine = slowlog_at(slowlog, ++from_mine);
        } else {
            theirs = slowlog_at(other, ++from_theirs);
        }
    }
    slowlog_clear(slowlog);
    *slowlog = merged;
}

void slowlog_clear(struct slowlog *slowlog)
{
    free(slowlog->commands);
    slowlog->commands = NULL;
}
