/* Two hundred connections do everything at once, for as long as one likes, while connections break
 * on both sides; not one reply may be foreign, lost, doubled or out of order, and every increment
 * is executed as often as its reply says.
 *
 *   CHECK_STRESS_SECONDS  for all cases together, 20 unless set
 *   STRESS_COMMANDS       for all cases together, instead of a time
 *   STRESS_SEED           of the requests; printed
 *
 * See crowd.h for who does what. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/stress/crowd.h"
#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    SECONDS = 20,
    CASES = 7,
    KILL_EVERY_MS = 40,
    RESTARTS = 2,
    DOWN_TURNS = 100,
    PIPELINE = 500,
    MEMORY_MOST = 96 * 1024 * 1024,
    SLOW_MEMORY_FACTOR = 12 /* sanitizers keep what was freed */
};

/* Every wait is long enough: nothing but a lost connection may make a request fail. */
static const char patient[] =
    "leases = 250\nblocking_max = 250\nsticky_max = 250\nlease_wait_ms = 60000\n"
    "connect_ms = 60000\nupstream_wait_ms = 60000\nfail_fast_ms = 60000\nidle_upstream_ms = 1000\n";

/* Few connections and short waits: every kind of refusal comes up. */
static const char impatient[] =
    "leases = 16\nblocking_max = 16\nsticky_max = 40\nlease_wait_ms = 100\n"
    "upstream_wait_ms = 100\nfail_fast_ms = 100\nidle_upstream_ms = 1000\n";

struct run {
    struct server *server; /* NULL: an engine in the daemon's memory */
    struct client *direct; /* of another prefix on that engine */
    struct daemon *pooler;
    struct crowd *crowd;
    int64_t next_kill_ms;
    uint64_t random; /* of the kills */
};

/* -------------------------------------------------------------------------------- how long */

static int64_t number_of(const char *variable, int64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 10);
}

static uint64_t seed(void)
{
    static uint64_t chosen;
    if (chosen == 0) {
        chosen = (uint64_t)number_of("STRESS_SEED", (int64_t)time(NULL));
        printf("\n    STRESS_SEED=%" PRIu64 " ", chosen);
    }
    return chosen;
}

/* Whether there was something of everything, so that nothing is tested by nothing. */
static bool has_had_all(const struct crowd *crowd)
{
    return crowd->messages > 0 && crowd->pops > 0 && crowd->transactions > 0;
}

/* Go on until the given part of the run is over, and longer on a machine so slow that there was not
 * something of everything yet. disturb is called after each turn. */
static void go_on(struct run *run, int64_t part, int64_t parts, void (*disturb)(struct run *run))
{
    int64_t commands = number_of("STRESS_COMMANDS", 0) / CASES * part / parts;
    int64_t ms = number_of("CHECK_STRESS_SECONDS", SECONDS) * 1000 / CASES / parts;
    int64_t end = now_ms() + ms, latest = end + patience_ms();
    bool is_over = false;
    while (!is_over && run->crowd->failures == 0) {
        crowd_turn(run->crowd);
        disturb(run);
        is_over = commands > 0 ? run->crowd->commands >= (uint64_t)commands
                               : now_ms() >= latest || (now_ms() >= end && has_had_all(run->crowd));
    }
}

/* ----------------------------------------------------------------------------- beginning, end */

/* As the engine counts, which is asked over one of its own. */
static int64_t lines_to_engine(struct run *run)
{
    const char *count =
        strstr(client_call(run->direct, "INFO clients")->data, "connected_clients:");
    EXPECT(count != NULL);
    return strtoll(strchr(count, ':') + 1, NULL, 10) - 1;
}

static int64_t upstreams(struct run *run)
{
    if (run->server == NULL) {
        return lines_to_engine(run);
    }
    return server_clients(run->server, "name=flaskredisd:REDIS");
}

/* Who asks behind the crowd's back. */
static struct client *direct_client(struct run *run)
{
    return run->server == NULL ? run->direct : server_client(run->server);
}

static void prepare(struct run *run)
{
    struct client *direct = direct_client(run);
    for (int db = 0; db < DBS; db++) {
        client_send(direct, "SELECT %d", db_numbers[db]);
        EXPECT_REPLY(direct, "+OK\r\n");
        EXPECT_CALL(direct, "HSET hash f v", ":1\r\n");
    }
}

static void let_crowd_in(struct run *run)
{
    const char *path = daemon_address(run->pooler, "redis") + strlen("unix://");
    run->crowd = crowd_create(path, seed());
    case_defer(crowd_destroy, run->crowd);
}

static struct run start(const char *server_arguments, const char *settings, int workers)
{
    struct run run = {.random = seed() | 1};
    char config[1024];
    allow_many_descriptors();
    run.server = server_start(server_arguments);
    prepare(&run);
    snprintf(config, sizeof(config), "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = {url}\n%s",
             workers, settings);
    run.pooler = daemon_start(server_url(run.server), config);
    let_crowd_in(&run);
    return run;
}

/* The crowd is on one prefix of an engine, who looks at it on another one. */
static struct run start_on_engine(const char *settings, int workers)
{
    struct run run = {.random = seed() | 1};
    char config[1024];
    allow_many_descriptors();
    snprintf(config, sizeof(config),
             "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = mock://crowd\n%s"
             "[DIRECT]\nurl = mock://crowd\nidle_upstream_ms = 1000\n",
             workers, settings);
    run.pooler = daemon_start("", config);
    run.direct = daemon_client(run.pooler, "direct");
    prepare(&run);
    let_crowd_in(&run);
    return run;
}

static void expect_no_failure(const struct run *run)
{
    if (run->crowd->failures > 0) {
        FAIL("%s", run->crowd->failure_text.data);
    }
}

/* Read so many integers (or nulls, which are 0) one after the other. */
static int64_t next_number(struct client *client)
{
    const struct bytes *reply = client_read(client);
    if (reply->data[0] == '$' && reply->data[1] != '-') {
        return strtoll(strchr(reply->data, '\n') + 1, NULL, 10);
    }
    return 0;
}

static void expect_own_counters(struct run *run, struct client *direct, int db)
{
    const struct ledger *ledger = &run->crowd->ledger;
    size_t asked = 0;
    for (size_t read = 0; read < ledger->count; read++) {
        for (; asked < ledger->count && asked < read + PIPELINE; asked++) {
            client_send(direct, "GET c%d.%u", ledger->lines[asked].slot, ledger->lines[asked].life);
        }
        const struct ledger_line *line = &ledger->lines[read];
        int64_t value = next_number(direct);
        if (line->db == db && (value < line->counter.least || value > line->counter.most)) {
            FAIL("counter c%d.%u of db %d is %" PRId64 ", its replies say %" PRId64 " to %" PRId64,
                 line->slot, line->life, db_numbers[db], value, line->counter.least,
                 line->counter.most);
        }
    }
}

static void expect_shared_counters(struct run *run, struct client *direct, int db)
{
    for (int i = 0; i < SHARED; i++) {
        const struct shared_counter *counter = &run->crowd->shared[db][i];
        client_send(direct, "GET shared%d", i);
        int64_t value = next_number(direct);
        if (value < counter->acknowledged || value > counter->acknowledged + counter->unknown) {
            FAIL("shared%d of db %d is %" PRId64 " with %" PRId64 " acknowledged, %" PRId64
                 " unknown",
                 i, db_numbers[db], value, counter->acknowledged, counter->unknown);
        }
    }
}

static bool has_no_upstreams(void *what)
{
    return upstreams(what) == 0;
}

static void expect_idle(struct run *run)
{
    int64_t most = MEMORY_MOST * (is_slow() ? SLOW_MEMORY_FACTOR : 1LL);
    if (!wait_until(has_no_upstreams, run, 4 * patience_ms())) {
        FAIL("%" PRId64 " connections to the server are left: %s", upstreams(run),
             run->server == NULL ? "" : server_ask(run->server, "CLIENT LIST")->data);
    }
    EXPECT_BETWEEN(process_memory(&run->pooler->process), 0, most);
}

static void report(const struct run *run)
{
    const struct crowd *crowd = run->crowd;
    printf("\n    %" PRIu64 " commands, %" PRIu64 " connections (%" PRIu64 " cut), %" PRIu64
           " transactions, %" PRIu64 " messages, %" PRIu64 " pops; %" PRIu64 " lost, %" PRIu64
           " refused, %" PRIu64 " closed by the daemon ",
           crowd->commands, crowd->connections, crowd->aborts, crowd->transactions, crowd->messages,
           crowd->pops, crowd->lost, crowd->refused, crowd->closed);
}

/* All replies are in; the daemon and the server hold nothing of it; the numbers are right. */
static void finish(struct run *run)
{
    crowd_finish(run->crowd, 6 * patience_ms());
    report(run);
    expect_no_failure(run);
    EXPECT(has_had_all(run->crowd));
    expect_idle(run);
    if (run->server != NULL) { /* an engine ends with it */
        daemon_stop(run->pooler);
    }
    struct client *direct = direct_client(run);
    for (int db = 0; db < DBS; db++) {
        client_send(direct, "SELECT %d", db_numbers[db]);
        EXPECT_REPLY(direct, "+OK\r\n");
        expect_own_counters(run, direct, db);
        expect_shared_counters(run, direct, db);
    }
}

/* ------------------------------------------------------------------------------------- kills */

static uint32_t draw(struct run *run, uint32_t limit)
{
    run->random = run->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(run->random >> 33) % limit;
}

/* One of the daemon's connections, whatever it does just now. */
static void kill_one(struct run *run)
{
    int64_t count = upstreams(run);
    const struct bytes *list = server_ask(run->server, "CLIENT LIST");
    long long id = 0;
    int64_t chosen = count > 0 ? draw(run, (uint32_t)count) : 0;
    for (const char *line = list->data; (line = strstr(line, "id=")) != NULL; line++) {
        const char *name = strstr(line, " name=");
        bool is_ours = name != NULL && strncmp(name + 6, "flaskredisd:", 12) == 0;
        if (is_ours && chosen-- == 0) {
            id = strtoll(line + 3, NULL, 10);
            break;
        }
        line = strchr(line, '\n') == NULL ? line + strlen(line) - 1 : strchr(line, '\n');
    }
    if (id != 0) {
        server_ask(run->server, "CLIENT KILL ID %lld", id);
    }
}

static void kill_normal(struct run *run)
{
    server_ask(run->server, "CLIENT KILL TYPE normal");
}

static void kill_subscribers(struct run *run)
{
    server_ask(run->server, "CLIENT KILL TYPE pubsub");
}

static void kill_now_and_then(struct run *run)
{
    static void (*const kills[])(struct run * run) = {kill_one, kill_one,         kill_one,
                                                      kill_one, kill_subscribers, kill_normal};
    if (now_ms() >= run->next_kill_ms) {
        run->next_kill_ms = now_ms() + draw(run, 2 * KILL_EVERY_MS);
        kills[draw(run, sizeof(kills) / sizeof(kills[0]))](run);
    }
}

/* The engine closes the connection of whose command comes next. */
static void drop_now_and_then(struct run *run)
{
    if (now_ms() >= run->next_kill_ms) {
        run->next_kill_ms = now_ms() + draw(run, 2 * KILL_EVERY_MS);
        EXPECT_CALL(run->direct, "MOCK DROP 1", "+OK\r\n");
    }
}

static void leave_alone(struct run *run)
{
    (void)run;
}

/* ------------------------------------------------------------------------------------- cases */

static void run_undisturbed(int workers)
{
    struct run run = start(NULL, patient, workers);
    go_on(&run, 1, 1, leave_alone);
    finish(&run);
    EXPECT_NUMBER(run.crowd->closed, 0);
}

static void run_with_kills(int workers)
{
    struct run run = start(NULL, impatient, workers);
    run.crowd->has_kills = true;
    go_on(&run, 1, 1, kill_now_and_then);
    finish(&run);
    EXPECT(run.crowd->lost > 0);
}

static void one_worker_makes_no_error_of_its_own(void)
{
    NEEDS_DAEMON;
    run_undisturbed(1);
}

static void three_workers_make_no_error_of_their_own(void)
{
    NEEDS_DAEMON;
    run_undisturbed(3);
}

static void killed_connections_cost_one_worker_only_what_was_on_them(void)
{
    NEEDS_DAEMON;
    run_with_kills(1);
}

static void killed_connections_cost_three_workers_only_what_was_on_them(void)
{
    NEEDS_DAEMON;
    run_with_kills(3);
}

/* Its append-only file is written before a reply is, so it remembers what it has acknowledged. */
static void a_server_that_dies_and_returns_executed_what_it_acknowledged(void)
{
    NEEDS_DAEMON;
    static const char arguments[] =
        "--appendonly yes --appendfsync no --auto-aof-rewrite-percentage 0";
    struct run run = start(arguments, impatient, 2);
    run.crowd->has_kills = run.crowd->has_restarts = true;
    for (int i = 0; i < RESTARTS; i++) {
        go_on(&run, i + 1, RESTARTS + 1, leave_alone);
        server_kill(run.server);
        for (int turn = 0; turn < DOWN_TURNS && run.crowd->failures == 0; turn++) {
            crowd_turn(run.crowd);
        }
        server_restart(run.server, arguments);
    }
    go_on(&run, RESTARTS + 1, RESTARTS + 1, leave_alone);
    finish(&run);
    EXPECT(run.crowd->lost > 0 && run.crowd->refused > 0);
}

/* The crowd runs some. */
static bool has_scripts(struct run *run)
{
    bool is_built_in =
        strcmp(client_call(run->direct, "SCRIPT EXISTS x")->data, "*1\r\n:0\r\n") == 0;
    if (!is_built_in) {
        case_skip("scripts are not built into the engine");
    }
    return is_built_in;
}

static void an_engine_makes_no_error_of_its_own(void)
{
    NEEDS_DAEMON;
    struct run run = start_on_engine(patient, 3);
    if (!has_scripts(&run)) {
        return;
    }
    go_on(&run, 1, 1, leave_alone);
    finish(&run);
    EXPECT_NUMBER(run.crowd->closed, 0);
}

static void connections_an_engine_drops_cost_only_what_was_on_them(void)
{
    NEEDS_DAEMON;
    struct run run = start_on_engine(impatient, 3);
    if (!has_scripts(&run)) {
        return;
    }
    run.crowd->has_kills = true;
    go_on(&run, 1, 1, drop_now_and_then);
    EXPECT_CALL(run.direct, "MOCK DROP 0", "+OK\r\n");
    finish(&run);
    EXPECT(run.crowd->lost > 0);
}

static const struct test_case cases[] = {
    {"one worker: 200 clients get exactly their replies, and no error", //
     one_worker_makes_no_error_of_its_own},
    {"three workers: 200 clients get exactly their replies, and no error",
     three_workers_make_no_error_of_their_own},
    {"one worker: killed connections cost what was on them and nothing else",
     killed_connections_cost_one_worker_only_what_was_on_them},
    {"three workers: killed connections cost what was on them and nothing else",
     killed_connections_cost_three_workers_only_what_was_on_them},
    {"a server that dies and returns has executed what it acknowledged, once",
     a_server_that_dies_and_returns_executed_what_it_acknowledged},
    {"three workers on an engine in memory: 200 clients get exactly their replies, and no error",
     an_engine_makes_no_error_of_its_own},
    {"three workers: connections an engine drops cost what was on them and nothing else",
     connections_an_engine_drops_cost_only_what_was_on_them},
};

SUITE_MAIN("mixed", cases)
