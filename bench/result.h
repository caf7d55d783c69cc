/* What a measurement found, as one line. */
#ifndef BENCH_RESULT_H
#define BENCH_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/latency.h"

enum result_format {
    RESULT_TEXT,
    RESULT_CSV,
    RESULT_JSON
};

struct result {
    const char *mode;
    unsigned processes; /* listeners, of fanout */
    unsigned threads;
    unsigned pipeline;
    double seconds;
    uint64_t replies; /* right ones */
    uint64_t errors;
    uint64_t wrong;
    double client_cpu_s;
    double server_cpu_s; /* 0: not asked for */
    double pooler_cpu_s;
    const struct latency *latency;
};

/* Print it to the standard output. */
void result_print(const struct result *result, enum result_format format);

/* Print the names of the columns, on a line. */
void result_print_columns(void);

/* Write the histogram (latency_write) to a file. False, after saying why: it is not there. */
bool result_write_histogram(const struct result *result, const char *path);

#endif
