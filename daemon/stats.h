/* Counters, one set for each worker. */
#ifndef STATS_H
#define STATS_H

#include <stdatomic.h>
#include <stdint.h>

struct stats {
#define STAT(name, help) _Atomic uint64_t name;
#include "daemon/stats.def"
#undef STAT
};

/* Count one more. Only the worker whose statistics these are writes, so no locked instruction is
 * needed. */
#define stats_count(stats, name) stats_add(&(stats)->name, 1)

static inline void stats_add(_Atomic uint64_t *counter, uint64_t count)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + count, memory_order_relaxed);
}

/* Log the counters that are not zero, added up over count sets. */
void stats_log(const struct stats *const *sets, int count);

#endif
