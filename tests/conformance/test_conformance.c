/* The same script at a server and at the daemon in front of another one gives the same bytes.
 *
 *   CONFORMANCE_COMMANDS    in all; about a minute's unless set
 *   CONFORMANCE_SEED        of the scripts, 21 unless set
 *   CONFORMANCE_SCRIPT      play this one only, as a difference tells
 *   CONFORMANCE_MUTED       and in it leave these connections out, a bit each
 *   CONFORMANCE_TRACE       print every step of it
 *
 * A run is many scripts, each on empty servers and new connections and from a seed of its own: a
 * difference is found again by playing its script alone. See script.h for what is in one, and
 * normal.c for what is not compared. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/conformance/compare.h"
#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    COMMANDS = 200000,
    SLOW_COMMANDS = 60000, /* under sanitizers */
    SEED = 21,
    CASES = 2,
    SCRIPTS = 1000000, /* numbers of scripts of a case */
    STEPS = 120,       /* of a script */
    DIFFERENCES_SHOWN = 5,
    GATHER_MS = 20
};

/* Refusals and limits are documented, and no server's. */
static const char settings[] = "leases = 100\nblocking_max = 100\nsticky_max = 100\n"
                               "lease_wait_ms = 60000\nupstream_wait_ms = 60000\n";

static const char server_arguments[] = "--hz 200 --dbfilename %s.rdb";

struct pair {
    struct server *servers[2]; /* the direct one, the one behind the daemon */
    struct daemon *pooler;
    const char *addresses[2];
    struct side direct, pooled;
};

static int64_t number_of(const char *variable, int64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 0);
}

static uint64_t run_seed(void)
{
    static uint64_t chosen;
    if (chosen == 0) {
        chosen = (uint64_t)number_of("CONFORMANCE_SEED", SEED);
        printf("\n    CONFORMANCE_SEED=%" PRIu64 " ", chosen);
    }
    return chosen;
}

/* -------------------------------------------------------------------------------------- levelling
 */

/* Sessions that have ended may still be ending behind the daemon; the next step may ask about them.
 */
static bool sessions_are_level(void *context)
{
    struct pair *pair = context;
    const struct bytes *list = client_call(pair->pooled.keeper, "CLIENT LIST");
    int count = -1;
    for (size_t i = 0; i < list->len; i++) {
        count += list->data[i] == '\n' && i + 1 < list->len;
    }
    return count - 1 == side_open_lines(&pair->pooled);
}

static bool blocking_is_level(void *context)
{
    struct pair *pair = context;
    return server_info(pair->servers[0], "blocked_clients") ==
           server_info(pair->servers[1], "blocked_clients");
}

static bool channels_are_level(void *context)
{
    static const char *const questions[] = {"PUBSUB CHANNELS", "PUBSUB SHARDCHANNELS"};
    struct pair *pair = context;
    for (size_t i = 0; i < 2; i++) {
        long one = strtol(server_ask(pair->servers[0], "%s", questions[i])->data + 1, NULL, 10);
        long other = strtol(server_ask(pair->servers[1], "%s", questions[i])->data + 1, NULL, 10);
        if (one != other) {
            return false;
        }
    }
    return true;
}

static bool closes(const struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].ending != END_NOT) {
            return true;
        }
    }
    return false;
}

static bool level(struct pair *pair, const struct step *step, struct bytes *text)
{
    static const struct {
        bool (*is_level)(void *context);
        const char *complaint;
    } levels[] = {
        {sessions_are_level, "sessions that have ended are still listed"},
        {blocking_is_level, "the servers have different numbers of blocked clients"},
        {channels_are_level, "the servers have different numbers of channels"},
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        bool concerns = closes(step) || (i == 1 && step->blocks);
        if (concerns && !wait_until(levels[i].is_level, pair, patience_ms())) {
            bytes_printf(text, "    %s\n", levels[i].complaint);
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------------------- playing
 */

static void trace(const struct script *script, const struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        const struct part *part = &step->parts[i];
        for (size_t j = 0; j < part->count; j++) {
            struct bytes shown = {0};
            printf("step %d, %d: %s\n", (int)(step - script->steps), part->connection,
                   bytes_show(&shown, part->bytes.data + part->asks[j].at, part->asks[j].len, 0));
            bytes_finish(&shown);
        }
    }
}

static void await_pooled(struct pair *pair)
{
    int64_t deadline = now_ms() + patience_ms();
    side_gather(&pair->pooled, 0);
    while (!sides_are_level(&pair->direct, &pair->pooled) && now_ms() < deadline) {
        side_gather(&pair->pooled, GATHER_MS);
    }
}

static bool reads_late(const struct step *step)
{
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].reads_late) {
            return true;
        }
    }
    return false;
}

static bool play_step(struct pair *pair, const struct script *script, size_t n, struct bytes *text)
{
    const struct step *step = &script->steps[n];
    side_clear(&pair->direct);
    side_clear(&pair->pooled);
    side_send(&pair->direct, step, script->muted);
    side_send(&pair->pooled, step, script->muted);
    side_settle(&pair->direct, step, script->muted);
    if (reads_late(step)) {
        await_pooled(pair);
        side_read_late(&pair->direct);
        side_settle(&pair->direct, step, script->muted);
        side_read_late(&pair->pooled);
    }
    side_tell_unsaid(&pair->direct, step, script->muted);
    await_pooled(pair);
    bool is_same = sides_agree(script, n, &pair->direct, &pair->pooled, text);
    side_close(&pair->direct, step, script->muted);
    side_close(&pair->pooled, step, script->muted);
    return is_same && level(pair, step, text);
}

static void empty_server(struct server *server)
{
    server_ask(server, "FLUSHALL");
    server_ask(server, "SCRIPT FLUSH");
    server_ask(server, "FUNCTION FLUSH");
    server_ask(server, "CONFIG SET notify-keyspace-events ''");
    server_ask(server, "CONFIG SET maxmemory 0");
    server_ask(server, "CONFIG SET min-replicas-to-write 0");
    server_ask(server, "ACL SETUSER default +@all ~*");
    server_ask(server, "ACL DELUSER someone");
}

/* True: no difference. */
static bool play(struct pair *pair, const struct script *script, struct bytes *text)
{
    bool is_same = true;
    for (int i = 0; i < 2; i++) {
        empty_server(pair->servers[i]);
    }
    side_begin(&pair->direct, pair->addresses[0], pair->servers[0], true);
    side_begin(&pair->pooled, pair->addresses[1], pair->servers[1], false);
    for (size_t n = 0; n < script->count && is_same; n++) {
        if (getenv("CONFORMANCE_TRACE") != NULL) {
            trace(script, &script->steps[n]);
        }
        is_same = play_step(pair, script, n, text);
    }
    side_end(&pair->direct);
    side_end(&pair->pooled);
    return is_same;
}

/* ------------------------------------------------------------------------------------------ runs
 */

static struct pair start(int workers)
{
    struct pair pair = {0};
    char config[512], arguments[2][128];
    for (int i = 0; i < 2; i++) {
        snprintf(arguments[i], sizeof(arguments[i]), server_arguments,
                 i == 0 ? "direct" : "pooled");
        pair.servers[i] = server_start(arguments[i]);
    }
    snprintf(config, sizeof(config), "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = {url}\n%s",
             workers, settings);
    pair.pooler = daemon_start(server_url(pair.servers[1]), config);
    pair.addresses[0] = server_url(pair.servers[0]);
    pair.addresses[1] = daemon_address(pair.pooler, "redis");
    return pair;
}

static uint64_t script_seed(uint64_t n)
{
    uint64_t seed = (run_seed() * 1000003 + n) * 0x9e3779b97f4a7c15u;
    return seed ^ (seed >> 29);
}

/* Play script n; the number of its commands. */
static size_t play_nth(struct pair *pair, uint64_t n, size_t *differences)
{
    struct script script;
    struct bytes text = {0};
    script_write(&script, script_seed(n), STEPS);
    script.muted = (unsigned)number_of("CONFORMANCE_MUTED", 0);
    size_t asks = script.asks;
    if (!play(pair, &script, &text)) {
        (*differences)++;
        printf("\n  again: CONFORMANCE_SEED=%" PRIu64 " CONFORMANCE_SCRIPT=%" PRIu64 "\n%s",
               run_seed(), n, text.data);
    }
    bytes_finish(&text);
    script_finish(&script);
    return asks;
}

static void run(int workers)
{
    size_t commands = 0, differences = 0;
    int64_t usual = is_slow() ? SLOW_COMMANDS : COMMANDS;
    int64_t only = number_of("CONFORMANCE_SCRIPT", -1);
    uint64_t n = only < 0 ? (uint64_t)workers * SCRIPTS : (uint64_t)only;
    size_t wanted = only < 0 ? (size_t)number_of("CONFORMANCE_COMMANDS", usual) / CASES : 1;
    allow_many_descriptors();
    struct pair pair = start(workers);
    while (commands < wanted && differences < DIFFERENCES_SHOWN) {
        commands += play_nth(&pair, n++, &differences);
    }
    printf("\n    %zu commands, %zu scripts with differences ", commands, differences);
    EXPECT_NUMBER(differences, 0);
}

static void one_worker_answers_as_the_server(void)
{
    NEEDS_DAEMON;
    run(1);
}

static void two_workers_answer_as_the_server(void)
{
    NEEDS_DAEMON;
    run(2);
}

static const struct test_case cases[] = {
    {"one worker: every reply is the one a server gives", one_worker_answers_as_the_server},
    {"two workers: every reply is the one a server gives", two_workers_answer_as_the_server},
};

SUITE_MAIN("conformance", cases)
