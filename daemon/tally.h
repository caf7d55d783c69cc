/* What a prefix has and has done, added up over all workers: the rows of stats.def and gauges.def,
 * and its quotas. */
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

struct tally {
    char *prefix;   /* its name; for pools of clients' URLs, the URL without a password */
    char *label;    /* the same as it stands between the quotes of a metric */
    char *server;   /* without a password */
    unsigned away;  /* workers that cannot reach the server */
    unsigned holds; /* enum prefix_hold */
    uint64_t counters[STAT_COUNT];
    int64_t gauges[GAUGE_COUNT];
    struct waits waits;
    struct {
        int64_t used, waiting, most;
    } quotas[QUOTA_KINDS];
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
