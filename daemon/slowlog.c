/* A ring of slow commands. See slowlog.h. */
#include "daemon/slowlog.h"

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

void slowlog_clear(struct slowlog *slowlog)
{
    free(slowlog->commands);
    slowlog->commands = NULL;
}
