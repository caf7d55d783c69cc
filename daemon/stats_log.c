/* The counters on the log. See stats_log.h. */
#include "daemon/stats_log.h"

#include <inttypes.h>
#include <stdlib.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/tally.h"

struct counting {
    struct census census;
    struct tallies tallies;
};

static void visit(struct census *census, struct worker *worker)
{
    struct counting *counting = (struct counting *)census;
    const struct pool *pool;
    for (pool = worker->table.pools; pool != NULL; pool = pool->hh.next) {
        tallies_add(&counting->tallies, pool);
    }
}

static void finish(struct census *census)
{
    struct counting *counting = (struct counting *)census;
    for (size_t i = 0; i < counting->tallies.count; i++) {
        const struct tally *tally = &counting->tallies.items[i];
        for (int row = 0; row < STAT_COUNT; row++) {
            if (tally->counters[row] != 0) {
                log_notice("stats %s %s: %" PRIu64, tally->prefix, stat_rows[row].name,
                           tally->counters[row]);
            }
        }
    }
    tallies_finish(&counting->tallies);
    free(counting);
}

void stats_log(struct census_office *office)
{
    struct counting *counting = memory_zeroed(sizeof *counting);
    counting->census.visit = visit;
    counting->census.finish = finish;
    if (!census_start(&counting->census, office)) {
        free(counting);
        log_warning("stats: too many questions are under way");
    }
}
