/* How many connections a prefix may lend, over all workers. Kinds are counted apart, so that those
 * who block or subscribe cannot starve short transactions. */
#ifndef QUOTA_H
#define QUOTA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum quota_kind {
    QUOTA_LEASES,
    QUOTA_BLOCKING,
    QUOTA_STICKY,
    QUOTA_LARGE,
    QUOTA_RESCUE, /* what must get through when nothing else does: SCRIPT KILL */
    QUOTA_KINDS
};

struct quota {
    _Atomic int64_t used;
    _Atomic int64_t waiting; /* clients queued for it, in all workers */
};

/* Take one unless most are taken. */
static inline bool quota_take(struct quota *quota, int64_t most)
{
    int64_t used = atomic_load_explicit(&quota->used, memory_order_relaxed);
    while (used < most) {
        if (atomic_compare_exchange_weak(&quota->used, &used, used + 1)) {
            return true;
        }
    }
    return false;
}

static inline void quota_give(struct quota *quota)
{
    atomic_fetch_sub(&quota->used, 1);
}

#endif
