/* The clocks of the benchmark: the wall's, and the processor's of threads and processes. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <sys/resource.h>
#include <sys/types.h>

static inline uint64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Sleep until a time of clock_ns(). */
static inline void clock_sleep_until(uint64_t ns)
{
    struct timespec end = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        continue;
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

/* The same of the calling thread alone. */
static inline double clock_thread_cpu_s(void)
{
    struct timespec used;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The same of any process, those of its threads that have ended included. False: errno says why. */
static inline bool clock_process_cpu_s(pid_t process, double *cpu_s)
{
    clockid_t clock;
    struct timespec used = {0};
    errno = clock_getcpuclockid(process, &clock);
    if (errno != 0 || clock_gettime(clock, &used) < 0)
        return false;
    *cpu_s = (double)used.tv_sec + (double)used.tv_nsec / 1e9;
    return true;
}

#endif
