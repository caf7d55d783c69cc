/* Histograms of microseconds: which bucket, and what is told of them; and the ring of slow
 * commands.
 */
#include "daemon/histogram.h"
#include "daemon/slowlog.h"

#include "tests/support/suite.h"

static void every_time_has_one_bucket_that_holds_it(void)
{
    for (uint64_t us = 0; us <= UINT32_MAX; us = us < 5000 ? us + 1 : us + us / 7) {
        unsigned bucket = histogram_bucket((uint32_t)us);
        EXPECT(bucket < HISTOGRAM_BUCKETS);
        EXPECT(us <= histogram_bucket_most(bucket));
        EXPECT(bucket == 0 || us > histogram_bucket_most(bucket - 1));
        /* at most a quarter too much is told */
        EXPECT(histogram_bucket_most(bucket) <= us + us / 4);
    }
    EXPECT_NUMBER(histogram_bucket_most(HISTOGRAM_BUCKETS - 1), UINT32_MAX);
}

static void quantiles_are_of_what_was_noted(void)
{
    struct histogram *histogram = case_alloc(sizeof *histogram);
    EXPECT_NUMBER(histogram_quantile(histogram, 0.5), 0);
    for (uint32_t us = 1; us <= 1000; us++) {
        histogram_note(histogram, us, 1);
    }
    EXPECT_NUMBER(histogram->count, 1000);
    EXPECT_NUMBER(histogram->sum_us, 500500);
    EXPECT_BETWEEN(histogram_quantile(histogram, 0.5), 500, 625);
    EXPECT_BETWEEN(histogram_quantile(histogram, 0.99), 990, 1238);
    EXPECT_BETWEEN(histogram_quantile(histogram, 1.0), 1000, 1250);
}

static void counts_below_powers_of_two_are_exact(void)
{
    struct histogram *histogram = case_alloc(sizeof *histogram);
    for (uint32_t us = 0; us < 100000; us++) {
        histogram_note(histogram, us, 1);
    }
    for (unsigned bits = 0; bits < 32; bits++) {
        uint64_t below = (uint64_t)1 << bits;
        EXPECT_NUMBER(histogram_below(histogram, bits), below < 100000 ? below : 100000);
    }
}

static void histograms_add_up(void)
{
    struct histogram *sum = case_alloc(sizeof *sum), *one = case_alloc(sizeof *one);
    histogram_note(sum, 5, 1);
    histogram_note(one, 5, 3);
    histogram_note(one, 500000, 1);
    histogram_add(sum, one);
    EXPECT_NUMBER(sum->count, 5);
    EXPECT_NUMBER(sum->sum_us, 500020);
    EXPECT_NUMBER(sum->buckets[histogram_bucket(5)], 4);
}

static void the_slow_log_keeps_the_last_ones(void)
{
    struct slowlog slowlog = {0};
    EXPECT(slowlog_at(&slowlog, 0) == NULL);
    for (uint32_t i = 1; i <= SLOWLOG_CAP + 3; i++) {
        slowlog_note(&slowlog, &(struct slow_command){.client = i, .name = "get"});
    }
    EXPECT_NUMBER(slowlog_at(&slowlog, 0)->client, SLOWLOG_CAP + 3);
    EXPECT_NUMBER(slowlog_at(&slowlog, SLOWLOG_CAP - 1)->client, 4);
    EXPECT(slowlog_at(&slowlog, SLOWLOG_CAP) == NULL);
    slowlog_clear(&slowlog);
    EXPECT(slowlog_at(&slowlog, 0) == NULL);
    slowlog_note(&slowlog, &(struct slow_command){.client = 7});
    EXPECT_NUMBER(slowlog_at(&slowlog, 0)->client, 7);
    EXPECT(slowlog_at(&slowlog, 1) == NULL);
    slowlog_clear(&slowlog);
}

/* Filled by hand: when it is, is of the clock on the wall. */
static void slow_note_at(struct slowlog *slowlog, int64_t at_ms, uint64_t client)
{
    slowlog_note(slowlog, &(struct slow_command){.client = client});
    slowlog->commands[(slowlog->count - 1) % SLOWLOG_CAP].at_ms = at_ms;
}

static void slow_logs_of_two_become_one_in_the_order_of_time(void)
{
    struct slowlog one = {0}, two = {0}, none = {0};
    slow_note_at(&two, 20, 2);
    slow_note_at(&two, 40, 4);
    slowlog_merge(&one, &two); /* into an empty one */
    EXPECT_NUMBER(slowlog_at(&one, 0)->client, 4);
    slowlog_clear(&two);
    slow_note_at(&two, 10, 1);
    slow_note_at(&two, 30, 3);
    slow_note_at(&two, 50, 5);
    slowlog_merge(&one, &two);
    slowlog_merge(&one, &none);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_NUMBER(slowlog_at(&one, i)->client, 5 - i);
    }
    EXPECT(slowlog_at(&one, 5) == NULL);
    slowlog_note(&one, &(struct slow_command){.client = 6});
    EXPECT_NUMBER(slowlog_at(&one, 0)->client, 6);
    EXPECT_NUMBER(slowlog_at(&one, 5)->client, 1);
    slowlog_clear(&one);
    slowlog_clear(&two);
}

static void of_two_full_slow_logs_the_newest_stay(void)
{
    struct slowlog one = {0}, two = {0};
    for (uint64_t i = 0; i < 2 * SLOWLOG_CAP; i += 2) {
        slow_note_at(&one, (int64_t)i, i);
        slow_note_at(&two, (int64_t)i + 1, i + 1);
    }
    slowlog_merge(&one, &two);
    for (unsigned i = 0; i < SLOWLOG_CAP; i++) {
        EXPECT_NUMBER(slowlog_at(&one, i)->client, 2 * SLOWLOG_CAP - 1 - i);
    }
    EXPECT(slowlog_at(&one, SLOWLOG_CAP) == NULL);
    slowlog_clear(&one);
    slowlog_clear(&two);
}

static const struct test_case cases[] = {
    {"every time has one bucket that holds it", every_time_has_one_bucket_that_holds_it},
    {"quantiles are of what was noted", quantiles_are_of_what_was_noted},
    {"counts below powers of two are exact", counts_below_powers_of_two_are_exact},
    {"histograms add up", histograms_add_up},
    {"the slow log keeps the last ones", the_slow_log_keeps_the_last_ones},
    {"slow logs of two become one in the order of time",
     slow_logs_of_two_become_one_in_the_order_of_time},
    {"of two full slow logs the newest stay", of_two_full_slow_logs_the_newest_stay},
};

SUITE_MAIN("histogram", cases)
