/* One caller of a load: a process, or a thread of one. It asks, waits for the reply, and asks again
 * until its time is over; what it finds goes into a tally that is its own. */
#ifndef BENCH_CALLER_H
#define BENCH_CALLER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <flaskredis.h>

#include "bench/batch.h"
#include "bench/latency.h"
#include "bench/library_client.h"
#include "bench/target.h"

/* What all callers of a load do. */
struct calls {
    struct target target;
    const struct unit *unit;
    unsigned pipeline; /* units in flight at a time */
    bool reconnects;   /* a connection per exchange */
    bool by_library;   /* libflaskredis is the client, not hiredis */
    FlaskRedis *redis; /* of by_library: a handle they share; NULL: each makes its own */
    char *batch;       /* as many units as the pipeline is long, formatted once */
    size_t batch_len;
};

/* Written by one caller only, read when it has ended. All zero at first. */
struct tally {
    _Alignas(64) uint64_t replies; /* right ones */
    uint64_t errors;               /* connections that failed or broke */
    uint64_t wrong;                /* replies that were not the value */
    uint64_t end_ns;
    double cpu_s; /* user and system time of the loop */
    struct latency latency;
};

/* The first thing that went wrong, of whoever was first; read when all have ended. */
struct fault {
    atomic_flag is_known;
    char text[160];
};

struct caller {
    const struct calls *calls;
    struct tally *tally;
    struct fault *fault;
    redisContext *link;     /* NULL: not connected */
    struct library library; /* its own; empty: there is none, or they share one */
    FlaskRedis *redis;      /* NULL: hiredis is the client */
};

/* Make what it needs and use it: connections are made, and warm, before the clock runs. Of what
 * this counts only the faults stay in the tally. False: it has no client to ask with; the fault
 * says why. */
bool caller_warm_up(struct caller *caller);

/* Ask until a time of clock_ns(); one exchange ends after it. */
void caller_run(struct caller *caller, uint64_t deadline_ns);

/* Close what caller_warm_up() made. */
void caller_finish(struct caller *caller);

#endif
