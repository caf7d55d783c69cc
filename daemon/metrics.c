/* Prometheus' text format, version 0.0.4: families of samples, each with its help and type. */
#include "daemon/metrics.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/lease.h"
#include "include/flaskredis/version.h"

#define ERROR_ROWS "errors_"
/* Buckets of a histogram are told at powers of two: 16 us to 17 s. */
#define BUCKET_LEAST 4
#define BUCKET_MOST 24

static void begin_family(struct evbuffer *to, const char *name, const char *type, const char *help)
{
    evbuffer_add_printf(to, "# HELP flaskredis_%s %s\n# TYPE flaskredis_%s %s\n", name, help, name,
                        type);
}

/* ---------------------------------------------------------------------------------------- process
 */

static void add_process_sample(struct evbuffer *to, const char *name, const char *type,
                               const char *help, double value)
{
    evbuffer_add_printf(to, "# HELP process_%s %s\n# TYPE process_%s %s\nprocess_%s %.17g\n", name,
                        help, name, type, name, value);
}

static double cpu_seconds(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double open_descriptors(void)
{
    double count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL) {
        count++;
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count > 3 ? count - 3 : 0; /* "." and ".." and the directory itself */
}

static void write_process(const struct metrics *metrics, struct evbuffer *to)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    add_process_sample(to, "cpu_seconds_total", "counter", "User and system time of the daemon.",
                       cpu_seconds());
    add_process_sample(to, "resident_memory_bytes", "gauge", "Memory of the daemon.",
                       (double)tally_resident_bytes());
    add_process_sample(to, "open_fds", "gauge", "Open file descriptors.", open_descriptors());
    add_process_sample(to, "max_fds", "gauge", "File descriptors it may have.",
                       (double)limit.rlim_cur);
    add_process_sample(to, "start_time_seconds", "gauge", "When it was started, since 1970.",
                       (double)metrics->started_s);
}

static void write_daemon(const struct metrics *metrics, struct evbuffer *to)
{
    const struct house *house = &metrics->service->house;
    begin_family(to, "build_info", "gauge", "The version, always 1.");
    evbuffer_add_printf(to, "flaskredis_build_info{version=\"" FLASKREDIS_VERSION "\"} 1\n");
    begin_family(to, "workers", "gauge", "Event loops, each a thread.");
    evbuffer_add_printf(to, "flaskredis_workers %d\n", metrics->service->worker_count);
    begin_family(to, "clients_limit", "gauge", "Client connections there may be, clients_max.");
    evbuffer_add_printf(to, "flaskredis_clients_limit %" PRId64 "\n",
                        atomic_load(&house->clients_max));
    begin_family(to, "buffered_bytes", "gauge", "Bytes of replies no client has read yet.");
    evbuffer_add_printf(to, "flaskredis_buffered_bytes %" PRId64 "\n",
                        atomic_load(&house->memory_used));
    begin_family(to, "buffered_limit_bytes", "gauge", "Bytes there may be of these, memory_max.");
    evbuffer_add_printf(to, "flaskredis_buffered_limit_bytes %" PRId64 "\n",
                        atomic_load(&house->memory_max));
}

/* --------------------------------------------------------------------------------------- prefixes
 */

static void write_gauges(const struct tallies *tallies, struct evbuffer *to)
{
    begin_family(to, "up", "gauge", "0 while the prefix' server cannot be reached, else 1.");
    for (size_t i = 0; i < tallies->count; i++) {
        evbuffer_add_printf(to, "flaskredis_up{prefix=\"%s\"} %d\n", tallies->items[i].label,
                            tallies->items[i].away == 0);
    }
    for (int row = 0; row < GAUGE_COUNT; row++) {
        begin_family(to, gauge_rows[row].name, "gauge", gauge_rows[row].help);
        for (size_t i = 0; i < tallies->count; i++) {
            evbuffer_add_printf(to, "flaskredis_%s{prefix=\"%s\"} %" PRId64 "\n",
                                gauge_rows[row].name, tallies->items[i].label,
                                tallies->items[i].gauges[row]);
        }
    }
}

static bool is_error(int row)
{
    return strncmp(stat_rows[row].name, ERROR_ROWS, strlen(ERROR_ROWS)) == 0;
}

static void write_counters(const struct tallies *tallies, struct evbuffer *to)
{
    char name[80];
    for (int row = 0; row < STAT_COUNT; row++) {
        if (is_error(row)) {
            continue;
        }
        snprintf(name, sizeof name, "%s_total", stat_rows[row].name);
        begin_family(to, name, "counter", stat_rows[row].help);
        for (size_t i = 0; i < tallies->count; i++) {
            evbuffer_add_printf(to, "flaskredis_%s{prefix=\"%s\"} %" PRIu64 "\n", name,
                                tallies->items[i].label, tallies->items[i].counters[row]);
        }
    }
}

/* "errors_poollost" is one family with the word as a label, in capitals as clients see it. */
static void write_errors(const struct tallies *tallies, struct evbuffer *to)
{
    char code[32];
    begin_family(to, "errors_total", "counter", "errors answered to clients, by their first word");
    for (int row = 0; row < STAT_COUNT; row++) {
        for (size_t i = 0; is_error(row) && i < tallies->count; i++) {
            snprintf(code, sizeof code, "%s", stat_rows[row].name + strlen(ERROR_ROWS));
            for (char *at = code; *at != '\0'; at++) {
                *at = (char)toupper((unsigned char)*at);
            }
            evbuffer_add_printf(to,
                                "flaskredis_errors_total{prefix=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                                tallies->items[i].label, code, tallies->items[i].counters[row]);
        }
    }
}

static void write_quotas(const struct tallies *tallies, struct evbuffer *to)
{
    static const struct {
        const char *name, *help;
    } families[] = {
        {"quota_used", "connections lent or memory shared, by the setting that bounds it"},
        {"quota_limit", "how much there may be of it"},
        {"quota_waiting", "clients in the queue for one"}};
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        begin_family(to, families[f].name, "gauge", families[f].help);
        for (size_t i = 0; i < tallies->count; i++) {
            const struct tally *tally = &tallies->items[i];
            for (int row = 0; row < TALLY_LIMITS; row++) {
                const struct tally_limit *limit = &tally->limits[row];
                const int64_t values[] = {limit->used, limit->most, limit->waiting};
                evbuffer_add_printf(to, "flaskredis_%s{prefix=\"%s\",quota=\"%s\"} %" PRId64 "\n",
                                    families[f].name, tally->label, limit->setting, values[f]);
            }
        }
    }
}

static void write_histogram(struct evbuffer *to, const char *name, const char *prefix,
                            const struct histogram *histogram)
{
    for (unsigned bits = BUCKET_LEAST; bits <= BUCKET_MOST; bits++) {
        evbuffer_add_printf(to, "flaskredis_%s_bucket{prefix=\"%s\",le=\"%.6f\"} %" PRIu64 "\n",
                            name, prefix, (double)(1U << bits) / 1e6,
                            histogram_below(histogram, bits));
    }
    evbuffer_add_printf(to,
                        "flaskredis_%s_bucket{prefix=\"%s\",le=\"+Inf\"} %" PRIu64
                        "\nflaskredis_%s_sum{prefix=\"%s\"} %.6f\n"
                        "flaskredis_%s_count{prefix=\"%s\"} %" PRIu64 "\n",
                        name, prefix, histogram->count, name, prefix,
                        (double)histogram->sum_us / 1e6, name, prefix, histogram->count);
}

static void write_waits(const struct tallies *tallies, struct evbuffer *to)
{
    char name[80];
    for (int row = 0; row < WAIT_COUNT; row++) {
        snprintf(name, sizeof name, "wait_%s_seconds", wait_rows[row].name);
        begin_family(to, name, "histogram", wait_rows[row].help);
        for (size_t i = 0; i < tallies->count; i++) {
            write_histogram(to, name, tallies->items[i].label,
                            &tallies->items[i].waits.histograms[row]);
        }
    }
}

void metrics_write_text(const struct metrics *metrics, struct evbuffer *to)
{
    write_daemon(metrics, to);
    write_process(metrics, to);
    write_gauges(metrics->tallies, to);
    write_counters(metrics->tallies, to);
    write_errors(metrics->tallies, to);
    write_quotas(metrics->tallies, to);
    write_waits(metrics->tallies, to);
}
