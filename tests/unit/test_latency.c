/* The histogram of the benchmark: which bucket a latency has, what is told of them, and the lines
 * that are written. */
#include "bench/latency.h"

#include "tests/support/suite.h"

static void every_latency_has_one_bucket_that_holds_it(void)
{
    for (uint64_t ns = 0; ns < UINT64_C(1) << 41; ns += 1 + ns / 97) {
        size_t bucket = latency_bucket(ns);
        EXPECT(bucket < LATENCY_BUCKETS);
        EXPECT(ns >= latency_bucket_least_ns(bucket));
        EXPECT(ns < latency_bucket_least_ns(bucket + 1));
    }
    EXPECT_NUMBER(latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
}

static void percentiles_are_of_what_was_recorded(void)
{
    struct latency *latency = case_alloc(sizeof *latency);
    EXPECT_NUMBER(latency_us(latency, 999), 0);
    for (uint64_t us = 1; us <= 10000; us++)
        latency_record(latency, us * 1000);
    EXPECT_BETWEEN(latency_us(latency, 500), 4920, 5080);
    EXPECT_BETWEEN(latency_us(latency, 900), 8856, 9144);
    EXPECT_BETWEEN(latency_us(latency, 990), 9742, 10058);
    EXPECT_BETWEEN(latency_us(latency, 999), 9830, 10150);
    EXPECT_NUMBER(latency->max_ns, 10000000);
}

/* Read what was written: counts of lines, which come in order. Returns their sum. */
static unsigned long long read_lines(FILE *file, double *last_us)
{
    unsigned long long sum = 0, count;
    double below_us;
    while (fscanf(file, "%lf,%llu\n", &below_us, &count) == 2) {
        EXPECT(below_us > *last_us);
        *last_us = below_us;
        sum += count;
    }
    EXPECT(feof(file));
    return sum;
}

static void all_samples_are_written_in_order(void)
{
    struct latency *latency = case_alloc(sizeof *latency);
    double last_us = -1;
    for (uint64_t ns = 1; ns < 20000000; ns += 1 + ns / 50)
        latency_record(latency, ns);
    FILE *file = tmpfile();
    EXPECT(file != NULL);
    latency_write(latency, file);
    rewind(file);
    EXPECT_NUMBER(read_lines(file, &last_us), latency->count);
    fclose(file);
    /* the last line ends behind the longest, by an eighth at most */
    EXPECT(last_us * 1000 > (double)latency->max_ns);
    EXPECT(last_us * 1000 <= (double)latency->max_ns * 9 / 8);
}

static const struct test_case cases[] = {
    {"every latency has one bucket that holds it", every_latency_has_one_bucket_that_holds_it},
    {"percentiles are of what was recorded", percentiles_are_of_what_was_recorded},
    {"all samples are written in order", all_samples_are_written_in_order},
};

SUITE_MAIN("latency", cases)
