/* Reading histograms. See histogram.h. */
#include "daemon/histogram.h"

uint64_t histogram_bucket_most(unsigned bucket)
{
    if (bucket < 4) {
        return bucket;
    }
    unsigned shift = bucket / 4 - 1;
    return ((uint64_t)(bucket - shift * 4 + 1) << shift) - 1;
}

void histogram_add(struct histogram *to, const struct histogram *from)
{
    to->count += from->count;
    to->sum_us += from->sum_us;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        to->buckets[i] += from->buckets[i];
    }
}

uint64_t histogram_below(const struct histogram *histogram, unsigned bits)
{
    uint64_t count = 0;
    unsigned end = histogram_bucket((uint32_t)1 << bits);
    for (unsigned i = 0; i < end; i++) {
        count += histogram->buckets[i];
    }
    return count;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS && histogram->count > 0; i++) {
        seen += histogram->buckets[i];
        if ((double)seen >= part * (double)histogram->count) {
            return histogram_bucket_most(i);
        }
    }
    return 0;
}
