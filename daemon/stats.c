/* The counters as rows. See stats.h. */
#include "daemon/stats.h"

#include <stddef.h>

const struct stat_row stat_rows[STAT_COUNT] = {
#define STAT(name, help) {#name, help},
#include "daemon/stats.def"
#undef STAT
};

static const size_t offsets[STAT_COUNT] = {
#define STAT(name, help) offsetof(struct stats, name),
#include "daemon/stats.def"
#undef STAT
};

uint64_t stats_get(const struct stats *stats, enum counter row)
{
    const void *counter = (const char *)stats + offsets[row];
    return atomic_load_explicit((const _Atomic uint64_t *)counter, memory_order_relaxed);
}

void stats_merge(struct stats *to, const struct stats *from)
{
    for (int row = 0; row < STAT_COUNT; row++) {
        void *counter = (char *)to + offsets[row];
        stats_add(counter, stats_get(from, (enum counter)row));
    }
}
