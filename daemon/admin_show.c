/* SHOW of what the main thread knows itself, and of what is added up over the workers. */
#include "daemon/admin_parts.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/lease.h"
#include "daemon/loop.h"
#include "daemon/settings_show.h"
#include "include/flaskredis/version.h"

/* ----------------------------------------------------------------------------------- main thread
 */

void admin_show_version(const struct admin_request *request)
{
    const struct admin *admin = request->admin;
    struct rows rows;
    rows_init(&rows, request->guest->proto);
    rows_begin(&rows);
    rows_text(&rows, "version", FLASKREDIS_VERSION);
    rows_number(&rows, "pid", getpid());
    rows_number(&rows, "started", admin->started_s);
    rows_number(&rows, "uptime_s", (int64_t)(loop_now_ms() - admin->started_ms) / 1000);
    rows_number(&rows, "workers", admin->office->worker_count);
    rows_text(&rows, "config", admin->service->config);
    rows_text(&rows, "runtime_dir", admin->service->settings->daemon.runtime_dir);
    rows_text(&rows, "libevent", event_get_version());
    rows_end(&rows);
    admin_answer_rows(request->guest, &rows);
}

static void show_setting(void *arg, const struct shown_setting *setting)
{
    struct rows *rows = arg;
    rows_begin(rows);
    rows_text(rows, "section", setting->section);
    rows_text(rows, "setting", setting->name);
    rows_text(rows, "value", setting->value);
    rows_text(rows, "default", setting->default_text);
    rows_text(rows, "reloadable", setting->is_reloadable ? "yes" : "no");
    rows_end(rows);
}

void admin_show_config(const struct admin_request *request)
{
    struct rows rows;
    char section[ADMIN_NAME_CAP];
    const char *only = request->count > 2 ? admin_word_text(&request->words[2], section) : NULL;
    rows_init(&rows, request->guest->proto);
    if (settings_show(request->admin->service->settings, only, show_setting, &rows) == 0) {
        rows_finish(&rows);
        admin_answer_error(request->guest, "ERR no section %s in the configuration", only);
        return;
    }
    admin_answer_rows(request->guest, &rows);
}

/* ------------------------------------------------------------------------------------- added up
 */

static void count_pool(struct question *question, struct pool *pool)
{
    tallies_add(&question->tallies, pool);
}

/* Ask for the tallies of the prefixes, and tell them so. */
static void ask_tallies(const struct admin_request *request,
                        void (*tell)(struct question *question))
{
    struct question *question = admin_question(request, 2);
    if (question != NULL) {
        question->visit = count_pool;
        question->tell = tell;
        admin_ask(question);
    }
}

static void tell_pools(struct question *question)
{
    for (size_t i = 0; i < question->tallies.count; i++) {
        const struct tally *tally = &question->tallies.items[i];
        rows_begin(&question->rows);
        rows_text(&question->rows, "prefix", tally->prefix);
        rows_text(&question->rows, "server", tally->server);
        rows_text(&question->rows, "state", tally_state(tally));
        for (int row = 0; row < GAUGE_COUNT; row++) {
            rows_number(&question->rows, gauge_rows[row].name, tally->gauges[row]);
        }
        rows_end(&question->rows);
    }
}

void admin_show_pools(const struct admin_request *request)
{
    ask_tallies(request, tell_pools);
}

static void tell_stats(struct question *question)
{
    for (size_t i = 0; i < question->tallies.count; i++) {
        const struct tally *tally = &question->tallies.items[i];
        rows_begin(&question->rows);
        rows_text(&question->rows, "prefix", tally->prefix);
        for (int row = 0; row < STAT_COUNT; row++) {
            rows_number(&question->rows, stat_rows[row].name, (int64_t)tally->counters[row]);
        }
        rows_end(&question->rows);
    }
}

void admin_show_stats(const struct admin_request *request)
{
    ask_tallies(request, tell_stats);
}

/* ----------------------------------------------------------------------------------------- LATENCY
 */

/* "MICROSECONDS:COUNT" of the buckets that are not empty, so that readers can subtract what was
 * before. */
static void add_buckets(struct rows *rows, const struct histogram *histogram)
{
    char text[HISTOGRAM_BUCKETS * 24] = "";
    size_t at = 0;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] > 0) {
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%" PRIu64 ":%" PRIu64,
                                   at == 0 ? "" : " ", histogram_bucket_most(i),
                                   histogram->buckets[i]);
        }
    }
    rows_text(rows, "buckets", text);
}

static void add_latency(struct rows *rows, const char *prefix, const char *wait,
                        const struct histogram *histogram)
{
    static const struct {
        const char *name;
        double part;
    } quantiles[] = {{"p50_us", 0.5}, {"p90_us", 0.9}, {"p99_us", 0.99}, {"most_us", 1.0}};
    rows_begin(rows);
    rows_text(rows, "prefix", prefix);
    rows_text(rows, "wait", wait);
    rows_number(rows, "count", (int64_t)histogram->count);
    rows_number(rows, "sum_us", (int64_t)histogram->sum_us);
    for (size_t i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
        rows_number(rows, quantiles[i].name,
                    (int64_t)histogram_quantile(histogram, quantiles[i].part));
    }
    add_buckets(rows, histogram);
    rows_end(rows);
}

static void tell_latency(struct question *question)
{
    for (size_t i = 0; i < question->tallies.count; i++) {
        const struct tally *tally = &question->tallies.items[i];
        for (int row = 0; row < WAIT_COUNT; row++) {
            add_latency(&question->rows, tally->prefix, wait_rows[row].name,
                        &tally->waits.histograms[row]);
        }
    }
}

void admin_show_latency(const struct admin_request *request)
{
    ask_tallies(request, tell_latency);
}

/* ------------------------------------------------------------------------------------------ LIMITS
 */

static void add_limit(struct rows *rows, const char *prefix, const struct tally_limit *limit)
{
    rows_begin(rows);
    rows_text(rows, "prefix", prefix);
    rows_text(rows, "setting", limit->setting);
    rows_number(rows, "used", limit->used);
    rows_number(rows, "most", limit->most);
    rows_number(rows, "waiting", limit->waiting);
    rows_end(rows);
}

static void tell_limits_of_all(const struct house *house, struct rows *rows)
{
    const struct tally_limit limits[] = {
        {"clients_max", atomic_load(&house->clients), atomic_load(&house->clients_max), 0},
        {"memory_max", atomic_load(&house->memory_used), atomic_load(&house->memory_max), 0},
        {"rings_max", atomic_load(&house->rings.all.used), atomic_load(&house->rings.most), 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        add_limit(rows, "", &limits[i]);
    }
}

static void tell_limits(struct question *question)
{
    if (question->prefix[0] == '\0') {
        tell_limits_of_all(&question->admin->service->house, &question->rows);
    }
    for (size_t i = 0; i < question->tallies.count; i++) {
        const struct tally *tally = &question->tallies.items[i];
        for (int row = 0; row < TALLY_LIMITS; row++) {
            add_limit(&question->rows, tally->prefix, &tally->limits[row]);
        }
    }
}

void admin_show_limits(const struct admin_request *request)
{
    ask_tallies(request, tell_limits);
}

/* ------------------------------------------------------------------------------------------ MEMORY
 */

static void add_memory(struct rows *rows, const char *name, int64_t bytes)
{
    rows_begin(rows);
    rows_text(rows, "what", name);
    rows_number(rows, "bytes", bytes);
    rows_end(rows);
}

static void tell_memory(struct question *question)
{
    struct mallinfo2 allocated = mallinfo2();
    int64_t input = 0;
    int64_t unwritten = 0;
    int64_t shared = 0;
    for (size_t i = 0; i < question->tallies.count; i++) {
        input += question->tallies.items[i].gauges[GAUGE_input_bytes];
        unwritten += question->tallies.items[i].gauges[GAUGE_unwritten_bytes];
        shared += question->tallies.items[i].gauges[GAUGE_shared_bytes];
    }
    add_memory(&question->rows, "resident", tally_resident_bytes());
    add_memory(&question->rows, "allocated", (int64_t)(allocated.uordblks + allocated.hblkhd));
    add_memory(&question->rows, "unread_replies",
               atomic_load(&question->admin->service->house.memory_used));
    add_memory(&question->rows, "requests_of_clients", input);
    add_memory(&question->rows, "unwritten_to_servers", unwritten);
    add_memory(&question->rows, "shared_with_clients", shared);
}

void admin_show_memory(const struct admin_request *request)
{
    ask_tallies(request, tell_memory);
}
