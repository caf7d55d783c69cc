/* Counters, one set for each pool. */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct stats {
#define STAT(name, help) _Atomic uint64_t name;
#include "daemon/stats.def"
#undef STAT
};

enum counter {
#define STAT(name, help) STAT_##name,
#include "daemon/stats.def"
#undef STAT
    STAT_COUNT
};

extern const struct stat_row {
    const char *name, *help;
} stat_rows[STAT_COUNT];

/* Count one more. Only the worker whose statistics these are writes, so no locked instruction is
 * needed. */
#define stats_count(stats, name) stats_add(&(stats)->name, 1)

static inline void stats_add(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + count, memory_order_relaxed);
}

/* Add all counters of another one, from the thread that writes to them. */
void stats_merge(struct stats *to, const struct stats *from);

/* One of the counters, by its row. */
uint64_t stats_get(const struct stats *stats, enum counter row);

#endif
