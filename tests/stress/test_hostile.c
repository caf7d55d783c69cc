/* Clients that do with their shared memory whatever they can, all at once and again and again,
 * while honest ones count: these are served exactly and in time, and the daemon keeps its measure.
 *
 *   CHECK_STRESS_SECONDS   how long; SECONDS unless set
 *   STRESS_SEED            printed */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/stress/hostile.h"
#include "tests/support/daemon.h"
#include "tests/support/noise.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/wires.h"

enum {
    SECONDS = 4,
    HONEST = 3,
    AT_ONCE = 8,   /* hostile ones */
    COUNTED = 50,  /* by each honest one, in the least time that a hostile one has */
    LARGE = 20000, /* what they ask for and do not read */
    MEMORY_MOST = 96 * 1024 * 1024, /* of "memory_max", and what is between */
    SLACK = 16 * 1024 * 1024,       /* the daemon gives back what is many bytes at once */
    WINDOW_MS = 2000,
    RUN_MOST_US = 10000
};

struct honest {
    _Atomic int64_t done;
    int64_t longest_ms;
    char wrong[200];
};

struct board {
    atomic_bool is_over;
    struct honest honest[HONEST];
    char wrong[200]; /* what a hostile one could do, and should not have */
};

static struct server *server;
static struct daemon *pooler;
static const char *path;
static struct board *board;
static struct child honest_ones[HONEST], hostile_ones[AT_ONCE];

static void start(void)
{
    char *value = case_alloc(LARGE + 1);
    allow_many_descriptors();
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), "[flaskredisd]\nworkers = 1\nring_size_max = 64kb\n"
                                              "memory_max = 64mb\n"
                                              "[REDIS]\nurl = {url}\nidle_upstream_ms = 1000\n");
    path = daemon_address(pooler, "redis") + strlen("unix://");
    board = children_share(sizeof(*board));
    memset(value, 'v', LARGE);
    client_command(server_client(server), "SET", HOSTILE_KEY, value, NULL);
}

/* -------------------------------------------------------------------------------------- the honest
 */

static void count(void *context)
{
    struct honest *honest = context;
    char line[64], expected[64];
    struct fr_wire wire;
    if (!wire_attach(&wire, path)) {
        child_fail(honest->wrong, sizeof(honest->wrong), "no shared memory");
    }
    while (!atomic_load(&board->is_over)) {
        int64_t since_ms = now_ms();
        snprintf(line, sizeof(line), "INCR count:%d", (int)(honest - board->honest));
        snprintf(expected, sizeof(expected), ":%" PRId64 "\r\n", honest->done + 1);
        if (!wire_call(&wire, line, expected)) {
            child_fail(honest->wrong, sizeof(honest->wrong), "not the right reply, %s in time",
                       now_ms() - since_ms < patience_ms() ? "though" : "and not");
        }
        int64_t took_ms = now_ms() - since_ms;
        honest->longest_ms = took_ms > honest->longest_ms ? took_ms : honest->longest_ms;
        honest->done++;
    }
    fr_wire_close(&wire);
}

/* What the slowest has done. */
static int64_t least_done(void *unused)
{
    int64_t least = INT64_MAX;
    (void)unused;
    for (int i = 0; i < HONEST; i++) {
        least = board->honest[i].done < least ? board->honest[i].done : least;
    }
    return least;
}

static void expect_served(const char *meanwhile)
{
    if (!wait_for_count(least_done, NULL, least_done(NULL) + COUNTED)) {
        FAIL("beside %s: the honest ones have done %" PRId64 ". %s%s%s", meanwhile,
             least_done(NULL), board->honest[0].wrong, board->honest[1].wrong,
             board->honest[2].wrong);
    }
    if (board->wrong[0] != '\0') {
        FAIL("%s", board->wrong);
    }
}

static void expect_counted(void)
{
    int64_t longest_ms = 0, done = 0;
    atomic_store(&board->is_over, true);
    for (int i = 0; i < HONEST; i++) {
        struct honest *honest = &board->honest[i];
        if (!child_wait(&honest_ones[i])) {
            FAIL("an honest one: %s", honest->wrong);
        }
        const char *reply = server_ask(server, "GET count:%d", i)->data;
        EXPECT_NUMBER(strtoll(strchr(reply, '\n') + 1, NULL, 10), honest->done);
        longest_ms = honest->longest_ms > longest_ms ? honest->longest_ms : longest_ms;
        done += honest->done;
    }
    printf("(%" PRId64 " counted, the slowest in %" PRId64 " ms) ", done, longest_ms);
}

/* ------------------------------------------------------------------------------------ the hostile
 */

/* Who has the processor is the system's affair: here it is the daemon's and the honest ones'. */
static void run(void *context)
{
    struct hostile *hostile = context;
    if (nice(19) < 0) {
        child_fail(board->wrong, sizeof(board->wrong), "cannot be nice");
    }
    hostile->kind->run(hostile);
}

/* Its connection and mapping are made here and left to the child. */
static void let_loose(struct child *child, const struct hostile_kind *kind, uint64_t seed)
{
    struct hostile hostile = {.rings = rings_attach(pooler, FR_RING_CAP_MIN << seed % 5),
                              .kind = kind,
                              .random = seed,
                              .wrong = board->wrong,
                              .wrong_cap = sizeof(board->wrong)};
    child_kill(child);
    child_start(child, run, &hostile);
    rings_close(hostile.rings);
}

static void kill_all(void)
{
    for (int i = 0; i < AT_ONCE; i++) {
        child_kill(&hostile_ones[i]);
    }
}

static bool are_gone(void *left)
{
    return daemon_shows(pooler, "POOLS redis", "clients") == *(const int64_t *)left;
}

static bool has_as_few(void *descriptors)
{
    return daemon_descriptors(pooler) <= *(const int64_t *)descriptors;
}

static bool has_as_little(void *memory)
{
    return process_memory(&pooler->process) <= *(const int64_t *)memory;
}

static void expect_left(int64_t clients, int64_t descriptors, int64_t memory)
{
    EXPECT(wait_until(are_gone, &clients, patience_ms()));
    EXPECT_NUMBER(daemon_shows(pooler, "POOLS redis", "clients_sharing"), clients);
    EXPECT(wait_until(has_as_few, &descriptors, patience_ms()));
    memory += SLACK;
    if (process_memory_is_bare(&pooler->process) &&
        !wait_until(has_as_little, &memory, patience_ms())) {
        FAIL("the daemon keeps %" PRId64 " bytes", process_memory(&pooler->process));
    }
}

static void start_honest(void)
{
    for (int i = 0; i < HONEST; i++) {
        child_start(&honest_ones[i], count, &board->honest[i]);
    }
    expect_served("nobody");
}

/* Each kind comes as often as any other; who comes beside whom is by chance. */
static void honest_clients_are_served(void)
{
    NEEDS_DAEMON;
    uint64_t seed = noise_seed();
    uint64_t random = seed;
    int64_t until_ms = now_ms() + stress_ms(SECONDS), most = 0, round = 0;
    start();
    start_honest();
    int64_t descriptors = daemon_descriptors(pooler), memory = process_memory(&pooler->process);
    for (; now_ms() < until_ms || round < hostile_kind_count; round++) {
        const struct hostile_kind *kind = &hostile_kinds[round % hostile_kind_count];
        let_loose(&hostile_ones[noise_pick(&random, AT_ONCE)], kind,
                  noise_mix(seed, (uint64_t)round));
        expect_served(kind->name);
        int64_t now = process_memory(&pooler->process);
        most = now > most ? now : most;
    }
    kill_all();
    expect_served("the dead");
    expect_left(HONEST, descriptors, memory);
    printf("(%" PRId64 " hostile ones, %" PRId64 " of them broken off; %" PRId64
           " KiB, at most %" PRId64 ") ",
           round, daemon_shows(pooler, "STATS redis", "rings_broken"), memory / 1024, most / 1024);
    EXPECT_BETWEEN(daemon_shows(pooler, "STATS redis", "rings_broken"), 1, round);
    if (process_memory_is_bare(&pooler->process)) {
        EXPECT_BETWEEN(most, 0, memory + MEMORY_MOST);
    }
    expect_counted();
}

/* A window in which the daemon did next to nothing has passed. */
struct resting {
    struct effort before;
    int64_t since_ms;
};

static bool has_rested(void *context)
{
    struct resting *resting = context;
    struct effort now = process_effort(&pooler->process);
    if ((now.run_ns - resting->before.run_ns) / 1000 > slack_ms(RUN_MOST_US)) {
        *resting = (struct resting){now, now_ms()};
    }
    return now_ms() - resting->since_ms >= WINDOW_MS;
}

static void who_stands_still_costs_nothing(void)
{
    NEEDS_DAEMON;
    uint64_t seed = noise_seed();
    int standing = 0;
    start();
    start_honest();
    expect_counted(); /* and they go */
    int64_t descriptors = daemon_descriptors(pooler), memory = process_memory(&pooler->process);
    for (int i = 0; i < hostile_kind_count; i++) {
        if (hostile_kinds[i].stands_still) {
            EXPECT_BETWEEN(standing, 0, AT_ONCE - 1);
            let_loose(&hostile_ones[standing++], &hostile_kinds[i], noise_mix(seed, (uint64_t)i));
        }
    }
    struct resting resting = {process_effort(&pooler->process), now_ms()};
    EXPECT(wait_until(has_rested, &resting, WINDOW_MS + patience_ms()));
    kill_all();
    expect_left(0, descriptors, memory);
}

static const struct test_case cases[] = {
    {"honest clients are served exactly and in time, whatever others do with their memory",
     honest_clients_are_served},
    {"who stands still costs nothing, whatever state it left its memory in",
     who_stands_still_costs_nothing},
};

SUITE_MAIN("hostile", cases)
