/* The two clocks of the benchmark: the wall's and the processor's. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>
#include <time.h>

#include <sys/resource.h>

static inline uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline double clock_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* User and system time of this process so far. */
static inline double clock_cpu_s(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return clock_seconds(use.ru_utime) + clock_seconds(use.ru_stime);
}

#endif
