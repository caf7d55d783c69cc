/* Processor time that server and pooler spend meanwhile. */
#ifndef BENCH_SPENT_H
#define BENCH_SPENT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bench/clock.h"

struct spent {
    pid_t server; /* 0: nobody asks */
    pid_t pooler;
    double server_s; /* between the two calls below */
    double pooler_s;
};

static inline bool spent_add(pid_t process, double sign, double *sum_s)
{
    double cpu_s = 0;
    if (process != 0 && !clock_process_cpu_s(process, &cpu_s)) {
        fprintf(stderr, "processor time of process %d: %s\n", (int)process, strerror(errno));
        return false;
    }
    *sum_s += sign * cpu_s;
    return true;
}

/* False, after saying why: one of them is not there. */
static inline bool spent_begin(struct spent *spent)
{
    spent->server_s = spent->pooler_s = 0;
    return spent_add(spent->server, -1, &spent->server_s) &&
           spent_add(spent->pooler, -1, &spent->pooler_s);
}

static inline bool spent_end(struct spent *spent)
{
    return spent_add(spent->server, 1, &spent->server_s) &&
           spent_add(spent->pooler, 1, &spent->pooler_s);
}

#endif
