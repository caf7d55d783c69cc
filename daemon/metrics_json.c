/* The same as JSON, for the page: numbers as they are, of which it makes rates by itself. */
#include "daemon/metrics.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/lease.h"
#include "include/flaskredis/version.h"

static void add_text(struct evbuffer *to, const char *text)
{
    evbuffer_add_printf(to, "\"");
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        bool is_plain = byte >= ' ' && byte != '"' && byte != '\\';
        evbuffer_add_printf(to, is_plain ? "%c" : "\\u%04x", byte);
    }
    evbuffer_add_printf(to, "\"");
}

static void add_number(struct evbuffer *to, const char *name, int64_t value)
{
    evbuffer_add_printf(to, ",\"%s\":%" PRId64, name, value);
}

static void add_waits(struct evbuffer *to, const struct waits *waits)
{
    for (int row = 0; row < WAIT_COUNT; row++) {
        const struct histogram *histogram = &waits->histograms[row];
        bool is_first = true;
        evbuffer_add_printf(to, ",\"wait_%s\":[", wait_rows[row].name);
        for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
            if (histogram->buckets[i] > 0) {
                evbuffer_add_printf(to, "%s[%" PRIu64 ",%" PRIu64 "]", is_first ? "" : ",",
                                    histogram_bucket_most(i), histogram->buckets[i]);
                is_first = false;
            }
        }
        evbuffer_add_printf(to, "]");
    }
}

static void add_prefix(struct evbuffer *to, const struct tally *tally)
{
    evbuffer_add_printf(to, "{\"prefix\":");
    add_text(to, tally->prefix);
    evbuffer_add_printf(to, ",\"server\":");
    add_text(to, tally->server);
    evbuffer_add_printf(to, ",\"state\":\"%s\"", tally_state(tally));
    for (int row = 0; row < GAUGE_COUNT; row++) {
        add_number(to, gauge_rows[row].name, tally->gauges[row]);
    }
    for (int row = 0; row < STAT_COUNT; row++) {
        add_number(to, stat_rows[row].name, (int64_t)tally->counters[row]);
    }
    evbuffer_add_printf(to, ",\"quotas\":[");
    for (int row = 0; row < TALLY_LIMITS; row++) {
        const struct tally_limit *limit = &tally->limits[row];
        evbuffer_add_printf(to, "%s[\"%s\",%" PRId64 ",%" PRId64 ",%" PRId64 "]",
                            row == 0 ? "" : ",", limit->setting, limit->used, limit->most,
                            limit->waiting);
    }
    evbuffer_add_printf(to, "]");
    add_waits(to, &tally->waits);
    evbuffer_add_printf(to, "}");
}

void metrics_write_json(const struct metrics *metrics, struct evbuffer *to)
{
    const struct house *house = &metrics->service->house;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    evbuffer_add_printf(to, "{\"version\":\"" FLASKREDIS_VERSION "\"");
    add_number(to, "now_ms", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    add_number(to, "started", metrics->started_s);
    add_number(to, "pid", getpid());
    add_number(to, "workers", metrics->service->worker_count);
    add_number(to, "clients", atomic_load(&house->clients));
    add_number(to, "clients_max", atomic_load(&house->clients_max));
    add_number(to, "memory_used", atomic_load(&house->memory_used));
    add_number(to, "memory_max", atomic_load(&house->memory_max));
    add_number(to, "resident_bytes", tally_resident_bytes());
    evbuffer_add_printf(to, ",\"prefixes\":[");
    for (size_t i = 0; i < metrics->tallies->count; i++) {
        evbuffer_add_printf(to, i == 0 ? "\n" : ",\n");
        add_prefix(to, &metrics->tallies->items[i]);
    }
    evbuffer_add_printf(to, "\n]}\n");
}
