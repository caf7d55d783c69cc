#include "bench/result.h"

#include <errno.h>
#include <string.h>

/* The columns after the mode, in every format. run.sh knows them by their place. */
#define COLUMNS(X)                                                                                 \
    X(processes, 0, result->processes)                                                             \
    X(pipeline, 0, result->pipeline)                                                               \
    X(seconds, 3, result->seconds)                                                                 \
    X(replies, 0, (double)result->replies)                                                         \
    X(rate, 1, result->seconds > 0 ? (double)result->replies / result->seconds : 0)                \
    X(p50_us, 2, latency_us(result->latency, 500))                                                 \
    X(p99_us, 2, latency_us(result->latency, 990))                                                 \
    X(max_us, 2, (double)result->latency->max_ns / 1000)                                           \
    X(errors, 0, (double)result->errors)                                                           \
    X(wrong, 0, (double)result->wrong)                                                             \
    X(client_cpu_s, 6, result->client_cpu_s)                                                       \
    X(server_cpu_s, 6, result->server_cpu_s)                                                       \
    X(pooler_cpu_s, 6, result->pooler_cpu_s)                                                       \
    X(p90_us, 2, latency_us(result->latency, 900))                                                 \
    X(p999_us, 2, latency_us(result->latency, 999))                                                \
    X(threads, 0, result->threads)

struct column {
    const char *name;
    int decimals;
    double value;
};

static void print_column(enum result_format format, const struct column *column)
{
    if (format == RESULT_CSV)
        printf(",%.*f", column->decimals, column->value);
    else
        printf(format == RESULT_JSON ? ",\"%s\":%.*f" : "  %s %.*f", column->name, column->decimals,
               column->value);
}

void result_print(const struct result *result, enum result_format format)
{
#define COLUMN(name, decimals, value) {#name, decimals, value},
    const struct column columns[] = {COLUMNS(COLUMN)};
#undef COLUMN
    printf(format == RESULT_JSON ? "{\"mode\":\"%s\"" : "%s", result->mode);
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        print_column(format, &columns[i]);
    puts(format == RESULT_JSON ? "}" : "");
}

void result_print_columns(void)
{
#define NAME(name, ...) " " #name
    puts("mode" COLUMNS(NAME));
#undef NAME
}

bool result_write_histogram(const struct result *result, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file)
        latency_write(result->latency, file);
    bool is_written = file && !ferror(file);
    if ((file && fclose(file) != 0) || !is_written) {
        fprintf(stderr, "histogram %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}
