/* Loads a Redis server, or a pooler in front of one, the way pre-fork workers do: many processes,
 * each with one connection and one GET in flight. Or as a program with many threads does.
 *
 * A caller is in caller.c, all of them together in crew.c. Starting servers, comparing targets and
 * tables are the business of run.sh and report.awk. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "bench/crew.h"
#include "bench/idle.h"
#include "bench/result.h"

enum exit_status {
    EXIT_MEASURED = 0,
    EXIT_NOT_MEASURED = 1,
    EXIT_USAGE = 2,
    EXIT_FAULTS = 3
};

struct options {
    struct crew crew;
    const struct mode *mode;
    unsigned connections;
    enum result_format format;
    const char *histogram; /* NULL: not written */
};

struct mode {
    const char *name;
    const char *help;
    int (*run)(const struct options *options); /* returns the exit status */
    bool reconnects;                           /* a connection per exchange */
    const struct unit *unit;
};

/* --- modes ------------------------------------------------------------------------------------ */

static struct result result_of(const struct options *options, const struct crew *crew,
                               const struct outcome *outcome)
{
    const struct tally *sum = &outcome->sum;
    return (struct result){.mode = options->mode->name,
                           .processes = crew->processes,
                           .threads = crew->threads,
                           .pipeline = crew->calls.pipeline,
                           .seconds = outcome->seconds,
                           .replies = sum->replies,
                           .errors = sum->errors,
                           .wrong = sum->wrong,
                           .client_cpu_s = sum->cpu_s,
                           .server_cpu_s = crew->spent.server_s,
                           .pooler_cpu_s = crew->spent.pooler_s,
                           .latency = &sum->latency};
}

static int run_load(const struct options *options)
{
    static struct outcome outcome;
    struct crew crew = options->crew;
    crew.calls.unit = options->mode->unit;
    crew.calls.reconnects = options->mode->reconnects;
    if (!crew_run(&crew, &outcome))
        return EXIT_NOT_MEASURED;
    struct result result = result_of(options, &crew, &outcome);
    if (options->histogram && !result_write_histogram(&result, options->histogram))
        return EXIT_NOT_MEASURED;
    result_print(&result, options->format);
    if (result.errors + result.wrong == 0)
        return EXIT_MEASURED;
    fprintf(stderr, "load: %" PRIu64 " errors, %" PRIu64 " wrong replies; the first: %s\n",
            result.errors, result.wrong, outcome.fault);
    return EXIT_FAULTS;
}

static int run_store(const struct options *options)
{
    redisContext *link = target_connect_or_say(&options->crew.calls.target);
    if (!link)
        return EXIT_NOT_MEASURED;
    bool stored = target_answers(link, REDIS_REPLY_STATUS, "SET", TARGET_VALUE);
    redisFree(link);
    return stored ? EXIT_MEASURED : EXIT_NOT_MEASURED;
}

static int run_idle(const struct options *options)
{
    return idle_run(&options->crew.calls.target, options->connections) ? EXIT_MEASURED
                                                                       : EXIT_NOT_MEASURED;
}

static const struct mode modes[] = {
    {"get", "one connection per process, one batch of GETs in flight", run_load, false, &unit_get},
    {"transaction", "as get, with MULTI, two GETs and EXEC", run_load, false, &unit_transaction},
    {"connect", "connect, one batch of GETs, close; again and again", run_load, true, &unit_get},
    {"idle", "open --connections, say \"ready\", keep them until stdin ends", run_idle, false,
     NULL},
    {"store", "store the value that the other modes read", run_store, false, NULL},
};
#define MODE_COUNT (sizeof(modes) / sizeof(*modes))

/* --- command line ----------------------------------------------------------------------------- */

static void print_help(void)
{
    puts("Usage: load (--socket PATH | --tcp HOST:PORT) [options]\n"
         "\n"
         "Loads a Redis server or a pooler with GETs of 64 bytes and checks every reply.\n"
         "\n"
         "  -s, --socket PATH      the target's Unix socket\n"
         "  -t, --tcp HOST:PORT    or its TCP address\n"
         "  -l, --library          of mode get: libflaskredis is the client, not hiredis\n"
         "  -m, --mode MODE        what to do (get)\n"
         "  -n, --processes N      processes of the load, each with one connection (1)\n"
         "  -T, --threads N        or threads of one process, with --library of one handle\n"
         "  -d, --seconds S        how long (3)\n"
         "  -P, --pipeline N       of them in a batch; latency is that of the batch (1)\n"
         "  -c, --connections N    of mode idle (10000)\n"
         "      --server-pid PID   whose processor time is told, from the start until the time\n"
         "      --pooler-pid PID   is over\n"
         "      --histogram FILE   write latencies there: lines of \"below_us,count\"\n"
         "      --csv, --json      the result as a line of that format\n"
         "  -V, --version          version of the client library\n"
         "  -h, --help             this text\n"
         "\nModes:");
    for (size_t i = 0; i < MODE_COUNT; i++)
        printf("  %-10s %s\n", modes[i].name, modes[i].help);
    printf("\nColumns: ");
    result_print_columns();
    puts("Exit status: 0 measured, 1 not measured, 2 usage, 3 measured with errors or wrong "
         "replies");
}

static int usage(const char *problem, const char *word)
{
    fprintf(stderr, "load: %s%s%s (--help shows how)\n", problem, word ? ": " : "",
            word ? word : "");
    return EXIT_USAGE;
}

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < MODE_COUNT; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

static bool parse_count(const char *text, unsigned most, unsigned *to)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    *to = (unsigned)value;
    return errno == 0 && end != text && !*end && *text != '-' && value >= 1 && value <= most;
}

static bool parse_process(const char *text, pid_t *to)
{
    unsigned number = 0;
    bool is_one = parse_count(text, INT_MAX, &number);
    *to = (pid_t)number;
    return is_one;
}

static bool parse_seconds(const char *text, double *to)
{
    char *end;
    *to = strtod(text, &end);
    return end != text && !*end && *to > 0 && *to <= 86400;
}

static const struct option long_options[] = {
    {"socket", required_argument, NULL, 's'},
    {"tcp", required_argument, NULL, 't'},
    {"library", no_argument, NULL, 'l'},
    {"mode", required_argument, NULL, 'm'},
    {"processes", required_argument, NULL, 'n'},
    {"threads", required_argument, NULL, 'T'},
    {"seconds", required_argument, NULL, 'd'},
    {"pipeline", required_argument, NULL, 'P'},
    {"connections", required_argument, NULL, 'c'},
    {"server-pid", required_argument, NULL, 'S'},
    {"pooler-pid", required_argument, NULL, 'p'},
    {"histogram", required_argument, NULL, 'H'},
    {"csv", no_argument, NULL, 'C'},
    {"json", no_argument, NULL, 'J'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* Take one option. Returns whether its value is one. */
static bool set_option(int letter, char *value, struct options *options)
{
    switch (letter) {
    case 's':
        options->crew.calls.target.socket_path = value;
        return true;
    case 'l':
        options->crew.calls.by_library = true;
        return true;
    case 't':
        return target_parse(value, &options->crew.calls.target);
    case 'm':
        options->mode = find_mode(value);
        return options->mode != NULL;
    case 'n':
        return parse_count(value, 10000, &options->crew.processes);
    case 'T':
        return parse_count(value, 10000, &options->crew.threads);
    case 'S':
        return parse_process(value, &options->crew.spent.server);
    case 'p':
        return parse_process(value, &options->crew.spent.pooler);
    case 'H':
        options->histogram = value;
        return true;
    case 'd':
        return parse_seconds(value, &options->crew.seconds);
    case 'P':
        return parse_count(value, 10000, &options->crew.calls.pipeline);
    case 'c':
        return parse_count(value, 1000000, &options->connections);
    case 'C':
        options->format = RESULT_CSV;
        return true;
    case 'J':
        options->format = RESULT_JSON;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {
        .crew = {.calls = {.pipeline = 1}, .processes = 1, .threads = 1, .seconds = 3},
        .mode = &modes[0],
        .connections = 10000};
    /* A target that goes away is an error to be counted, not the end of the process that wrote. */
    signal(SIGPIPE, SIG_IGN);
    int letter;
    while ((letter = getopt_long(argc, argv, "s:t:lm:n:T:d:P:c:Vh", long_options, NULL)) != -1) {
        if (letter == 'h') {
            print_help();
            return 0;
        }
        if (letter == 'V') {
            printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
            return 0;
        }
        if (!set_option(letter, optarg, &options))
            return usage("bad option or value", optarg);
    }
    if (optind < argc)
        return usage("unexpected word", argv[optind]);
    if (!options.crew.calls.target.socket_path == !options.crew.calls.target.host)
        return usage("either --socket or --tcp is needed", NULL);
    if (options.crew.processes > 1 && options.crew.threads > 1)
        return usage("either --processes or --threads", NULL);
    if (options.crew.calls.by_library &&
        (!options.crew.calls.target.socket_path || options.mode != &modes[0] ||
         options.crew.calls.pipeline != 1))
        return usage("--library needs --socket, mode get and no pipeline", NULL);
    return options.mode->run(&options);
}
