/* Loads a Redis server, or a pooler in front of one, the way pre-fork workers do: many processes,
 * each with one connection of its own and one GET in flight. The client is hiredis with a request
 * formatted once, so that the client costs little, and the same for every target.
 *
 * What the processes share is one mapping, made before the fork:
 *
 *     struct board  | arrived   each process, once its connection has answered
 *                   | start     barrier: the parent comes last, when all have arrived
 *                   | deadline  written by the parent before it comes to the barrier
 *                   | failure   the first one's text, by whoever had it
 *     struct tally  | process 0: replies, errors, histogram   written by that process only,
 *     struct tally  | process 1: ...                          read by the parent when it ended
 *
 * Starting servers, comparing targets and tables are the business of run.sh and report.awk. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <hiredis/hiredis.h>

#include "bench/batch.h"
#include "bench/clock.h"
#include "bench/idle.h"
#include "bench/latency.h"
#include "bench/library_client.h"
#include "bench/target.h"

/* For all processes to be connected; then the benchmark fails instead of hanging. */
#define ARRIVAL_LIMIT_S 60

enum exit_status {
    EXIT_MEASURED = 0,
    EXIT_NOT_MEASURED = 1,
    EXIT_USAGE = 2,
    EXIT_FAULTS = 3
};

/* --- what is asked for, and what is shared ---------------------------------------------------- */

struct tally {
    _Alignas(64) uint64_t replies; /* right ones */
    uint64_t errors;               /* connections that failed or broke */
    uint64_t wrong;                /* replies that were not the value */
    uint64_t end_ns;
    double cpu_s; /* user and system time of the loop */
    struct latency latency;
};

enum format {
    FORMAT_TEXT,
    FORMAT_CSV,
    FORMAT_JSON
};

struct options {
    struct target target;
    bool by_library;
    const struct mode *mode;
    unsigned processes;
    unsigned connections;
    unsigned pipeline;
    double seconds;
    enum format format;
};

struct board {
    sem_t arrived;
    pthread_barrier_t start;
    uint64_t start_ns; /* both before the parent comes to the barrier */
    uint64_t deadline_ns;
    atomic_flag failed;
    char failure[160]; /* of whoever set failed; read when all have ended */
    struct tally tallies[];
};

/* One process of the load. */
struct worker {
    const struct options *options;
    struct board *board;
    struct tally *tally;
    redisContext *link; /* NULL: not connected */
    FlaskRedis *redis;  /* of --library; NULL: hiredis is the client */
    char *batch;        /* as many units as the pipeline is long */
    size_t batch_len;
};

struct mode {
    const char *name;
    const char *help;
    int (*run)(const struct options *options); /* returns the exit status */
    bool reconnects;                           /* a connection per exchange */
    const struct unit *unit;
};

static void note_failure(struct board *board, const char *what, const char *why)
{
    if (!atomic_flag_test_and_set(&board->failed))
        snprintf(board->failure, sizeof(board->failure), "%s: %s", what, why);
}

/* --- one connection --------------------------------------------------------------------------- */

static void drop_link(struct worker *worker)
{
    redisFree(worker->link);
    worker->link = NULL;
}

static bool open_link(struct worker *worker)
{
    worker->link = target_connect(&worker->options->target);
    if (worker->link && !worker->link->err)
        return true;
    worker->tally->errors++;
    note_failure(worker->board, "connect", worker->link ? worker->link->errstr : "out of memory");
    if (worker->link)
        drop_link(worker);
    /* A server that is gone must not turn the load into a busy loop beside the others. */
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return false;
}

/* Of a unit, the last reply counts. */
static void count_reply(struct worker *worker, unsigned i, const redisReply *reply)
{
    const struct unit *unit = worker->options->mode->unit;
    if (unit_reply_is_right(unit, i % unit->count, reply)) {
        worker->tally->replies += (i + 1) % unit->count == 0;
        return;
    }
    worker->tally->wrong++;
    note_failure(worker->board, "wrong reply",
                 reply->type == REDIS_REPLY_ERROR ? reply->str : "not the value stored");
}

static bool take_reply(struct worker *worker, unsigned i)
{
    void *reply = NULL;
    if (redisGetReply(worker->link, &reply) != REDIS_OK)
        return false;
    count_reply(worker, i, reply);
    freeReplyObject(reply);
    return true;
}

/* Send the batch and take its replies. A connection that failed is closed and counted. */
static bool exchange(struct worker *worker)
{
    bool whole =
        redisAppendFormattedCommand(worker->link, worker->batch, worker->batch_len) == REDIS_OK;
    unsigned count = worker->options->pipeline * worker->options->mode->unit->count;
    for (unsigned i = 0; whole && i < count; i++)
        whole = take_reply(worker, i);
    if (!whole) {
        worker->tally->errors++;
        note_failure(worker->board, "exchange", worker->link->errstr);
        drop_link(worker);
    }
    return whole;
}

/* The same through libflaskredis, which has connections of its own. */
static bool ask_library(struct worker *worker)
{
    bool is_right = false;
    if (!library_get(worker->redis, &is_right)) {
        worker->tally->errors++;
        note_failure(worker->board, "exchange", flask_redis_last_error()->text);
        return false;
    }
    worker->tally->replies += is_right;
    worker->tally->wrong += !is_right;
    return true;
}

/* --- one process ------------------------------------------------------------------------------ */

static void run_until_deadline(struct worker *worker)
{
    bool reconnects = worker->options->mode->reconnects;
    if (reconnects && worker->link)
        drop_link(worker);
    /* One look at the clock per exchange: the end of one is the beginning of the next. */
    uint64_t begin_ns = clock_ns();
    while (begin_ns < worker->board->deadline_ns) {
        bool answered = worker->redis ? ask_library(worker)
                                      : (worker->link || open_link(worker)) && exchange(worker);
        if (answered && reconnects)
            drop_link(worker);
        uint64_t end_ns = clock_ns();
        if (answered)
            latency_record(&worker->tally->latency, end_ns - begin_ns);
        begin_ns = end_ns;
    }
    worker->tally->end_ns = begin_ns;
}

/* Connections are made, and warm, before the clock runs. What this counts was not measured, only
 * its faults stay in the tally. */
static void warm_up(struct worker *worker)
{
    if (worker->options->by_library)
        worker->redis = library_open(worker->options->target.socket_path);
    for (int i = 0; worker->redis && i < LIBRARY_WARM_UP; i++)
        ask_library(worker);
    if (!worker->redis && open_link(worker))
        exchange(worker);
    worker->tally->replies = 0;
}

static void work(struct worker *worker)
{
    worker->batch =
        unit_repeat(worker->options->mode->unit, worker->options->pipeline, &worker->batch_len);
    if (!worker->batch) {
        /* Without arriving: the parent sees the end of this process. */
        note_failure(worker->board, "start", "out of memory");
        _exit(EXIT_NOT_MEASURED);
    }
    warm_up(worker);
    sem_post(&worker->board->arrived);
    pthread_barrier_wait(&worker->board->start);
    double before_s = clock_cpu_s();
    run_until_deadline(worker);
    worker->tally->cpu_s = clock_cpu_s() - before_s;
    if (worker->link)
        drop_link(worker);
    free(worker->batch);
}

/* --- all processes ---------------------------------------------------------------------------- */

static size_t board_size(unsigned processes)
{
    return sizeof(struct board) + processes * sizeof(struct tally);
}

static struct board *board_create(unsigned processes)
{
    struct board *board = mmap(NULL, board_size(processes), PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED)
        return NULL;
    pthread_barrierattr_t shared;
    pthread_barrierattr_init(&shared);
    pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&board->start, &shared, processes + 1);
    pthread_barrierattr_destroy(&shared);
    sem_init(&board->arrived, 1, 0);
    atomic_flag_clear(&board->failed);
    return board;
}

/* In the new process. Ends with the parent, however that ends. */
static void become_worker(const struct options *options, struct board *board, unsigned number,
                          pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_NOT_MEASURED);
    struct worker worker = {.options = options, .board = board, .tally = &board->tallies[number]};
    work(&worker);
    _exit(0);
}

static bool fork_workers(const struct options *options, struct board *board)
{
    pid_t parent = getpid();
    for (unsigned i = 0; i < options->processes; i++) {
        pid_t child = fork();
        if (child < 0) {
            fprintf(stderr, "load: fork of process %u failed: %s\n", i, strerror(errno));
            return false;
        }
        if (child == 0)
            become_worker(options, board, i, parent);
    }
    return true;
}

/* A process that died before it arrived would leave the others at the barrier for ever; the parent
 * gives up instead, and they end with it. */
static bool wait_for_arrivals(struct board *board, unsigned processes)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += ARRIVAL_LIMIT_S;
    for (unsigned i = 0; i < processes; i++) {
        int status;
        while ((status = sem_timedwait(&board->arrived, &limit)) < 0 && errno == EINTR)
            continue;
        if (status < 0) {
            fprintf(stderr, "load: only %u of %u processes were ready within %d s\n", i, processes,
                    ARRIVAL_LIMIT_S);
            return false;
        }
    }
    return true;
}

static void start_workers(const struct options *options, struct board *board)
{
    board->start_ns = clock_ns();
    board->deadline_ns = board->start_ns + (uint64_t)(options->seconds * 1e9);
    pthread_barrier_wait(&board->start);
}

static bool wait_for_ends(void)
{
    bool all_well = true;
    int status;
    while (wait(&status) > 0)
        all_well = all_well && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (!all_well)
        fprintf(stderr, "load: a process of the load died\n");
    return all_well;
}

static void add_tally(struct tally *sum, const struct tally *one)
{
    sum->replies += one->replies;
    sum->errors += one->errors;
    sum->wrong += one->wrong;
    sum->cpu_s += one->cpu_s;
    if (one->end_ns > sum->end_ns)
        sum->end_ns = one->end_ns;
    latency_add(&sum->latency, &one->latency);
}

/* --- the result, one line --------------------------------------------------------------------- */

/* Columns after the mode, in this order in every format. */
#define COLUMNS(X)                                                                                 \
    X(processes, 0, options->processes)                                                            \
    X(pipeline, 0, options->pipeline)                                                              \
    X(seconds, 3, seconds)                                                                         \
    X(replies, 0, (double)sum->replies)                                                            \
    X(rate, 1, (double)sum->replies / seconds)                                                     \
    X(p50_us, 2, latency_us(&sum->latency, 500))                                                   \
    X(p99_us, 2, latency_us(&sum->latency, 990))                                                   \
    X(max_us, 2, (double)sum->latency.max_ns / 1000)                                               \
    X(errors, 0, (double)sum->errors)                                                              \
    X(wrong, 0, (double)sum->wrong)                                                                \
    X(client_cpu_s, 3, sum->cpu_s)

struct column {
    const char *name;
    int decimals;
    double value;
};

static void print_column(enum format format, const struct column *column)
{
    if (format == FORMAT_CSV)
        printf(",%.*f", column->decimals, column->value);
    else
        printf(format == FORMAT_JSON ? ",\"%s\":%.*f" : "  %s %.*f", column->name, column->decimals,
               column->value);
}

static void print_result(const struct options *options, const struct board *board,
                         const struct tally *sum)
{
    double seconds = (double)(sum->end_ns - board->start_ns) / 1e9;
#define COLUMN(name, decimals, value) {#name, decimals, value},
    const struct column columns[] = {COLUMNS(COLUMN)};
#undef COLUMN
    printf(options->format == FORMAT_JSON ? "{\"mode\":\"%s\"" : "%s", options->mode->name);
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        print_column(options->format, &columns[i]);
    puts(options->format == FORMAT_JSON ? "}" : "");
}

static int report(const struct options *options, const struct board *board)
{
    static struct tally sum;
    for (unsigned i = 0; i < options->processes; i++)
        add_tally(&sum, &board->tallies[i]);
    print_result(options, board, &sum);
    if (sum.errors + sum.wrong == 0)
        return EXIT_MEASURED;
    fprintf(stderr, "load: %" PRIu64 " errors, %" PRIu64 " wrong replies; the first: %s\n",
            sum.errors, sum.wrong, board->failure);
    return EXIT_FAULTS;
}

/* --- modes ------------------------------------------------------------------------------------ */

static int run_load(const struct options *options)
{
    struct board *board = board_create(options->processes);
    if (!board) {
        fprintf(stderr, "load: shared mapping: %s\n", strerror(errno));
        return EXIT_NOT_MEASURED;
    }
    if (!fork_workers(options, board) || !wait_for_arrivals(board, options->processes))
        return EXIT_NOT_MEASURED;
    start_workers(options, board);
    if (!wait_for_ends())
        return EXIT_NOT_MEASURED;
    int status = report(options, board);
    munmap(board, board_size(options->processes));
    return status;
}

static int run_store(const struct options *options)
{
    redisContext *link = target_connect_or_say(&options->target);
    if (!link)
        return EXIT_NOT_MEASURED;
    bool stored = target_answers(link, REDIS_REPLY_STATUS, "SET", TARGET_VALUE);
    redisFree(link);
    return stored ? EXIT_MEASURED : EXIT_NOT_MEASURED;
}

static int run_idle(const struct options *options)
{
    return idle_run(&options->target, options->connections) ? EXIT_MEASURED : EXIT_NOT_MEASURED;
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
         "  -d, --seconds S        how long (3)\n"
         "  -P, --pipeline N       of them in a batch; latency is that of the batch (1)\n"
         "  -c, --connections N    of mode idle (10000)\n"
         "      --csv, --json      the result as a line of that format\n"
         "  -V, --version          version of the client library\n"
         "  -h, --help             this text\n"
         "\nModes:");
    for (size_t i = 0; i < MODE_COUNT; i++)
        printf("  %-10s %s\n", modes[i].name, modes[i].help);
#define NAME(name, ...) " " #name
    puts("\nColumns: mode" COLUMNS(NAME));
    puts("Exit status: 0 measured, 1 not measured, 2 usage, 3 measured with errors or wrong "
         "replies");
#undef NAME
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
    {"seconds", required_argument, NULL, 'd'},
    {"pipeline", required_argument, NULL, 'P'},
    {"connections", required_argument, NULL, 'c'},
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
        options->target.socket_path = value;
        return true;
    case 'l':
        options->by_library = true;
        return true;
    case 't':
        return target_parse(value, &options->target);
    case 'm':
        options->mode = find_mode(value);
        return options->mode != NULL;
    case 'n':
        return parse_count(value, 10000, &options->processes);
    case 'd':
        return parse_seconds(value, &options->seconds);
    case 'P':
        return parse_count(value, 10000, &options->pipeline);
    case 'c':
        return parse_count(value, 1000000, &options->connections);
    case 'C':
        options->format = FORMAT_CSV;
        return true;
    case 'J':
        options->format = FORMAT_JSON;
        return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {
        .mode = &modes[0], .processes = 1, .connections = 10000, .pipeline = 1, .seconds = 3};
    /* A target that goes away is an error to be counted, not the end of the process that wrote. */
    signal(SIGPIPE, SIG_IGN);
    int letter;
    while ((letter = getopt_long(argc, argv, "s:t:lm:n:d:P:c:Vh", long_options, NULL)) != -1) {
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
    if (!options.target.socket_path == !options.target.host)
        return usage("either --socket or --tcp is needed", NULL);
    if (options.by_library &&
        (!options.target.socket_path || options.mode != &modes[0] || options.pipeline != 1))
        return usage("--library needs --socket, mode get and no pipeline", NULL);
    return options.mode->run(&options);
}
