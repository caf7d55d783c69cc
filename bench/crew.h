/* All callers of a load at once, processes or threads, and what they found together. */
#ifndef BENCH_CREW_H
#define BENCH_CREW_H

#include <stdbool.h>

#include "bench/caller.h"
#include "bench/spent.h"

struct crew {
    struct calls calls;
    unsigned processes; /* with a caller each, or 1 with */
    unsigned threads;   /* that many; 1: processes, not threads */
    double seconds;
    struct spent spent; /* from the start until the time is over */
};

struct outcome {
    double seconds; /* from the common start to the end of whoever was last */
    struct tally sum;
    char fault[160]; /* the first one's text; empty without any */
};

/* Have all callers connect, start together, and call until the time is over. False, after saying
 * why: nothing was measured, and callers may still be there; they end with this process. */
bool crew_run(struct crew *crew, struct outcome *outcome);

#endif
