/* What a prefix has and has done, added up over all workers: the rows of stats.def and gauges.def,
 * and its limits. */
#ifndef TALLY_H
#define TALLY_H

#include <stddef.h>
#include <stdint.h>

#include "daemon/pool.h"

enum gauge {
#define GAUGE(name, help) GAUGE_##name,
#include "daemon/gauges.def"
#undef GAUGE
    GAUGE_COUNT
};

extern const struct gauge_row {
    const char *name, *help;
} gauge_rows[GAUGE_COUNT];

/* Something of a prefix that is bounded: each kind of connection that is lent, and shared memory.
 */
struct tally_limit {
    const char *setting; /* that bounds it */
    int64_t used, most;
    int64_t waiting; /* clients in the queue for it */
};

enum {
    TALLY_LIMITS = QUOTA_RESCUE + 1
};

struct tally {
    char *prefix;   /* its name; for pools of clients' URLs, the URL without a password */
    char *label;    /* the same as it stands between the quotes of a metric */
    char *server;   /* without a password */
    unsigned away;  /* workers that cannot reach the server */
    unsigned holds; /* enum prefix_hold */
    uint64_t counters[STAT_COUNT];
    int64_t gauges[GAUGE_COUNT];
    struct waits waits;
    struct tally_limit limits[TALLY_LIMITS];
};

struct tallies {
    struct tally *items;
    size_t count;
};

/* Add what this pool has, to the tally of its prefix. In the pool's thread. */
void tallies_add(struct tallies *tallies, const struct pool *pool);

/* How the prefix is, in a word: "up", "down" (a worker has tried in vain to reach the server),
 * "idle" (no connection is wanted); or what was ordered: "paused", "draining", "disabled". */
const char *tally_state(const struct tally *tally);

/* Memory of the whole process. */
int64_t tally_resident_bytes(void);

void tallies_finish(struct tallies *tallies);

#endif
