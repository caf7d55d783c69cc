/* Adding up and showing the counters. See stats.h. */
#include "daemon/stats.h"

#include <inttypes.h>
#include <stddef.h>

#include "daemon/log.h"

static const struct {
    const char *name;
    size_t offset;
} rows[] = {
#define STAT(name, help) {#name, offsetof(struct stats, name)},
#include "daemon/stats.def"
#undef STAT
};

static uint64_t total(const struct stats *const *sets, int count, size_t offset)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        const _Atomic uint64_t *counter =
            (const _Atomic uint64_t *)(const void *)((const char *)sets[i] + offset);
        sum += atomic_load_explicit(counter, memory_order_relaxed);
    }
    return sum;
}

void stats_log(const struct stats *const *sets, int count)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t sum = total(sets, count, rows[i].offset);
        if (sum != 0) {
            log_notice("stats %s: %" PRIu64, rows[i].name, sum);
        }
    }
}
