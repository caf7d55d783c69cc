/* How long something took, as counts of microseconds: four buckets for each power of two, so what
 * is told is at most a quarter too much. Written by one thread; adding one more is a shift and two
 * additions. */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 124 /* for all of 32 bits */

struct histogram {
    uint64_t count;
    uint64_t sum_us;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline unsigned histogram_bucket(uint32_t us)
{
    if (us < 4) {
        return us;
    }
    unsigned shift = 29U - (unsigned)__builtin_clz(us);
    return shift * 4 + (us >> shift);
}

/* So many took this long each. */
static inline void histogram_note(struct histogram *histogram, uint32_t us, uint64_t count)
{
    histogram->count += count;
    histogram->sum_us += count * us;
    histogram->buckets[histogram_bucket(us)] += count;
}

/* The most that a bucket holds. */
uint64_t histogram_bucket_most(unsigned bucket);

/* Add the counts of another one. */
void histogram_add(struct histogram *to, const struct histogram *from);

/* How many took less than 2^bits microseconds, 31 bits at most. */
uint64_t histogram_below(const struct histogram *histogram, unsigned bits);

/* What this part of all stayed within, 0.99 for all but a hundredth; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);

#endif
