/* What shared memory costs: a thousand clients that do nothing, and a great many that come and go.
 *
 *   RINGS_CYCLES         clients that come and go; CYCLES unless set
 *   STRESS_SEED          printed */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/support/children.h"
#include "tests/support/daemon.h"
#include "tests/support/noise.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/wires.h"

enum {
    IDLE = 1000,
    IDLE_DESCRIPTORS = 2, /* of an attached client: its socket, and the eventfd */
    SPARE_DESCRIPTORS = 100,
    COMMANDS = 20,
    LARGE = 50000,
    WINDOW_MS = 3000,
    RUN_MOST_US = 50000, /* of processor time in a window, which a host may take its part of */
    IDLE_BYTES_MOST = 16 * 1024,
    CYCLES = 6000,
    CYCLERS = 4,
    WARM_CYCLES = 400,
    SLACK_KIB = 1024
};

static const char channels[] = "memfd:flaskredis channel";

static struct server *server;
static struct daemon *pooler;
static const char *path;

static void start(int workers)
{
    char config[256];
    snprintf(config, sizeof(config), "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = {url}\n",
             workers);
    allow_many_descriptors();
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), config);
    path = daemon_address(pooler, "redis") + strlen("unix://");
}

/* ------------------------------------------------------------------------------------------- idle
 */

static struct fr_wire wires[IDLE];
static char *large_request, *large_reply;

static void close_wires(void *unused)
{
    (void)unused;
    for (int i = 0; i < IDLE; i++) {
        if (wires[i].fd >= 0) {
            fr_wire_close(&wires[i]);
        }
    }
}

static void prepare_wires(void)
{
    struct bytes request = {0};
    for (int i = 0; i < IDLE; i++) {
        wires[i].fd = -1;
    }
    case_defer(close_wires, NULL);
    large_reply = case_alloc(LARGE + 64);
    int head = snprintf(large_reply, 64, "$%d\r\n", LARGE);
    memset(large_reply + head, 'x', LARGE);
    strcpy(large_reply + head + LARGE, "\r\n");
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n%s", large_reply);
    large_request = request.data;
    case_defer(free, large_request);
}

/* Small commands, and for every tenth a large request and a large reply before them. */
static void use(struct fr_wire *wire, bool is_large)
{
    if (is_large) {
        EXPECT(wire_put(wire, large_request, strlen(large_request)));
        EXPECT(wire_expect(wire, "+OK\r\n", 5));
        EXPECT(wire_call(wire, "GET large", large_reply));
    }
    for (int i = 0; i < COMMANDS; i++) {
        EXPECT(wire_call(wire, "GET k", "$-1\r\n"));
    }
    fr_wire_trim(wire);
}

static bool never(void *unused)
{
    (void)unused;
    return false;
}

/* Nothing wakes the daemon: it sleeps as often as it has threads and seconds, at most. */
static void expect_rest(void)
{
    struct effort before = process_effort(&pooler->process);
    wait_until(never, NULL, WINDOW_MS);
    struct effort after = process_effort(&pooler->process);
    printf("(%d clients, %d threads: %" PRId64 " wake-ups, %" PRId64 " us in %d s) ", IDLE,
           after.threads, after.sleeps - before.sleeps, (after.run_ns - before.run_ns) / 1000,
           WINDOW_MS / 1000);
    if (process_memory_is_bare(&pooler->process)) { /* a sanitizer has a busy thread of its own */
        EXPECT_BETWEEN(after.sleeps - before.sleeps, 0, after.threads * (WINDOW_MS / 1000 + 1));
    }
    EXPECT_BETWEEN((after.run_ns - before.run_ns) / 1000, 0, slack_ms(RUN_MOST_US));
}

/* What both processes have touched: each channel's pages once, however many map them, and what they
 * have allocated. */
struct touched {
    int64_t pages, daemon, client;
};

static struct touched touched(void)
{
    struct process self = {.pid = getpid()};
    return (struct touched){process_mapped(pooler->process.pid, channels, "Pss") +
                                process_mapped(self.pid, channels, "Pss"),
                            process_memory(&pooler->process), process_memory(&self)};
}

static void expect_little(const struct touched *before)
{
    struct touched now = touched();
    int64_t pages = now.pages / IDLE, daemon = (now.daemon - before->daemon) / IDLE,
            client = (now.client - before->client) / IDLE;
    printf("(bytes of each: %" PRId64 " shared, %" PRId64 " the daemon's, %" PRId64
           " the client's) ",
           pages, daemon, client);
    EXPECT_BETWEEN(pages, 1, IDLE_BYTES_MOST);
    if (process_memory_is_bare(&pooler->process)) {
        EXPECT_BETWEEN(pages + daemon + client, 1, IDLE_BYTES_MOST);
    }
}

static bool can_have_so_many(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_max >= IDLE * IDLE_DESCRIPTORS + SPARE_DESCRIPTORS;
}

static void idle_clients_cost_nothing(void)
{
    NEEDS_DAEMON;
    start(2);
    if (!can_have_so_many()) {
        case_skip("the system allows too few descriptors");
        return;
    }
    prepare_wires();
    EXPECT(wire_attach(&wires[0], path));
    use(&wires[0], true); /* what is made for the first one */
    fr_wire_close(&wires[0]);
    struct touched before = touched();
    for (int i = 0; i < IDLE; i++) {
        EXPECT(wire_attach(&wires[i], path));
        use(&wires[i], i % 10 == 0);
    }
    EXPECT_NUMBER(daemon_shows(pooler, "POOLS redis", "clients_sharing"), IDLE);
    expect_rest();
    EXPECT_NUMBER(daemon_shows(pooler, "POOLS redis", "clients_sharing"), IDLE); /* wakes, parks */
    expect_little(&before);
    for (int i = 0; i < IDLE; i++) {
        EXPECT(wire_call(&wires[i], "PING", "+PONG\r\n"));
    }
}

/* ------------------------------------------------------------------------------- coming and going
 */

struct cycler {
    uint64_t random;
    _Atomic int64_t done;
    int64_t count;
    char wrong[200];
};

static struct child children[CYCLERS];
static struct cycler *cyclers;

/* How a client goes: it asked nothing, was not answered, blocks, is in the middle of a request, or
 * has its answer. */
static bool live(struct fr_wire *wire, uint32_t how)
{
    static const char *const unanswered[] = {"", "PING\r\n", "BLPOP none 0\r\n",
                                             "*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n$9\r\nba"};
    if (how < sizeof(unanswered) / sizeof(unanswered[0])) {
        return wire_put(wire, unanswered[how], strlen(unanswered[how]));
    }
    return wire_call(wire, "PING", "+PONG\r\n");
}

/* Descriptors are the lowest that are free: who leaks one gets another number. */
static void come_and_go(void *context)
{
    struct cycler *cycler = context;
    int first_fd = -1;
    while (cycler->done < cycler->count) {
        struct fr_wire wire;
        if (!wire_attach(&wire, path)) {
            child_fail(cycler->wrong, sizeof(cycler->wrong), "no shared memory");
        }
        first_fd = first_fd < 0 ? wire.fd : first_fd;
        if (wire.fd != first_fd) {
            child_fail(cycler->wrong, sizeof(cycler->wrong), "descriptors are left");
        }
        if (!live(&wire, noise_pick(&cycler->random, 16))) {
            child_fail(cycler->wrong, sizeof(cycler->wrong), "no right reply");
        }
        fr_wire_close(&wire);
        cycler->done++;
    }
}

static int64_t all_done(void *unused)
{
    int64_t done = 0;
    (void)unused;
    for (int i = 0; i < CYCLERS; i++) {
        done += cyclers[i].done;
    }
    return done;
}

static bool are_gone(void *unused)
{
    (void)unused;
    return daemon_shows(pooler, "POOLS redis", "clients") == 0;
}

static void cycle(uint64_t seed, int64_t count)
{
    for (int i = 0; i < CYCLERS; i++) {
        cyclers[i] =
            (struct cycler){.random = noise_mix(seed, (uint64_t)i), .count = count / CYCLERS};
        child_start(&children[i], come_and_go, &cyclers[i]);
    }
    bool is_done = wait_for_count(all_done, NULL, count / CYCLERS * CYCLERS);
    for (int i = 0; i < CYCLERS; i++) {
        if (!child_wait(&children[i]) || !is_done) {
            FAIL("client %d: %s", i, cyclers[i].wrong);
        }
    }
    EXPECT(wait_until(are_gone, NULL, patience_ms()));
}

/* What the daemon has when nobody is there. */
struct holding {
    int64_t descriptors, anonymous_kib, resident_kib, mapped_kib, size_kib;
};

static struct holding holding(void)
{
    return (struct holding){daemon_descriptors(pooler), process_memory(&pooler->process) / 1024,
                            process_status(&pooler->process, "VmRSS"),
                            process_mapped(pooler->process.pid, channels, "Size") / 1024,
                            process_status(&pooler->process, "VmSize")};
}

static void show(const char *when, const struct holding *it)
{
    printf("\n    %s: %" PRId64 " descriptors, %" PRId64 " KiB allocated, %" PRId64
           " resident, %" PRId64 " of addresses ",
           when, it->descriptors, it->anonymous_kib, it->resident_kib, it->size_kib);
}

/* Those who ask the daemon come and go as well, and it notices in its own time. */
static bool has_no_more_descriptors(void *most)
{
    return daemon_descriptors(pooler) <= *(int64_t *)most;
}

static void expect_no_more(struct holding *before, const struct holding *after)
{
    EXPECT(wait_until(has_no_more_descriptors, &before->descriptors, patience_ms()));
    EXPECT_NUMBER(after->mapped_kib, 0);
    if (process_memory_is_bare(&pooler->process)) { /* sanitizers keep what was freed */
        EXPECT_BETWEEN(after->anonymous_kib, 0, before->anonymous_kib + SLACK_KIB);
        EXPECT_BETWEEN(after->resident_kib, 0, before->resident_kib + SLACK_KIB);
        EXPECT_BETWEEN(after->size_kib, 0, before->size_kib + SLACK_KIB);
    }
}

static void nothing_grows_with_those_who_come_and_go(void)
{
    int64_t count = stress_number("RINGS_CYCLES", CYCLES);
    NEEDS_DAEMON;
    start(2);
    uint64_t seed = noise_seed();
    cyclers = children_share(CYCLERS * sizeof(*cyclers));
    cycle(seed, WARM_CYCLES);
    struct holding before = holding();
    int64_t attached = daemon_shows(pooler, "STATS redis", "rings_attached");
    int64_t since_ms = now_ms();
    cycle(seed + 1, count);
    int64_t took_ms = now_ms() - since_ms;
    struct holding after = holding();
    show("before", &before);
    show("after", &after);
    printf("\n    %" PRId64 " came and went in %" PRId64 " ms ", count, took_ms);
    EXPECT_NUMBER(daemon_shows(pooler, "STATS redis", "rings_attached"),
                  attached + count / CYCLERS * CYCLERS);
    EXPECT_NUMBER(daemon_shows(pooler, "STATS redis", "rings_broken"), 0);
    EXPECT_NUMBER(daemon_shows(pooler, "POOLS redis", "clients_sharing"), 0);
    expect_no_more(&before, &after);
}

static const struct test_case cases[] = {
    {"a thousand idle clients cost no wake-ups and at most 16 KiB each", idle_clients_cost_nothing},
    {"nothing grows with those who come and go", nothing_grows_with_those_who_come_and_go},
};

SUITE_MAIN("footprint", cases)
