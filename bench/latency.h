/* A histogram of latencies, in memory of the caller, all zero at first. Log-linear: every power of
 * two has 64 buckets, so what it tells is at most 1.6 % from what was recorded. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define LATENCY_LINEAR_BITS 6
#define LATENCY_LINEAR (1u << LATENCY_LINEAR_BITS)
#define LATENCY_OCTAVES 36u /* up to 2^42 ns, above an hour; beyond, the last bucket */
#define LATENCY_BUCKETS ((LATENCY_OCTAVES + 1) * LATENCY_LINEAR)

struct latency {
    uint64_t count;
    uint64_t max_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* The first 64 buckets hold one nanosecond each. Then, for m from 64 to 127, bucket 64 * k + m
 * holds those from m * 2^k up to, not including, (m + 1) * 2^k. */
static inline size_t latency_bucket(uint64_t ns)
{
    if (ns < LATENCY_LINEAR)
        return ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - LATENCY_LINEAR_BITS;
    size_t bucket = shift * LATENCY_LINEAR + (ns >> shift);
    return bucket < LATENCY_BUCKETS ? bucket : LATENCY_BUCKETS - 1;
}

/* The least that a bucket holds, also for the one behind the last. */
static inline uint64_t latency_bucket_least_ns(size_t bucket)
{
    if (bucket < LATENCY_LINEAR)
        return bucket;
    size_t shift = bucket / LATENCY_LINEAR - 1;
    return (uint64_t)(bucket - shift * LATENCY_LINEAR) << shift;
}

static inline double latency_bucket_middle_ns(size_t bucket)
{
    uint64_t least = latency_bucket_least_ns(bucket);
    return (double)least + (double)(latency_bucket_least_ns(bucket + 1) - least - 1) / 2;
}

static inline void latency_record(struct latency *latency, uint64_t ns)
{
    latency->count++;
    latency->buckets[latency_bucket(ns)]++;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
}

static inline void latency_add(struct latency *sum, const struct latency *one)
{
    sum->count += one->count;
    if (one->max_ns > sum->max_ns)
        sum->max_ns = one->max_ns;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++)
        sum->buckets[i] += one->buckets[i];
}

/* The microseconds that so many of 1000 samples did not exceed; 0 without samples. */
static inline double latency_us(const struct latency *latency, unsigned permille)
{
    uint64_t rank = (latency->count * permille + 999) / 1000;
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen > 0 && seen >= rank)
            return latency_bucket_middle_ns(i) / 1000;
    }
    return 0;
}

/* Eight steps for every doubling are enough for a picture. */
#define LATENCY_STEP (LATENCY_LINEAR / 8)

/* Write a line "below_us,count" for each step that holds samples: so many took less than that, and
 * no less than the step before. */
static inline void latency_write(const struct latency *latency, FILE *to)
{
    for (size_t i = 0; i < LATENCY_BUCKETS; i += LATENCY_STEP) {
        uint64_t count = 0;
        for (size_t j = i; j < i + LATENCY_STEP; j++)
            count += latency->buckets[j];
        if (count > 0)
            fprintf(to, "%.3f,%" PRIu64 "\n",
                    (double)latency_bucket_least_ns(i + LATENCY_STEP) / 1000, count);
    }
}

#endif
