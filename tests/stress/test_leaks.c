/* Thousands of sessions die at any point of what they had begun, in every way in which a client can
 * go: nobody else ever meets what they left, and the server is rid of them.
 *
 *   LEAK_SESSIONS  that die, in each case; 3000 unless set
 *   STRESS_SEED    printed
 *
 * A life is some lines that change what a connection is. Its bytes are cut at a random place, so a
 * session dies before, in the middle of, and behind each of them, with replies read or not. Between
 * the deaths witnesses look at everything that could have leaked. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    SESSIONS = 3000,
    WAVE = 60,
    WITNESSES = 6,
    OTHER_DB = 7,
    LARGE = 1000000
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char settings[] = "leases = 100\nblocking_max = 100\nsticky_max = 100\n"
                               "lease_wait_ms = 60000\nidle_upstream_ms = 1000\n";

/* Nothing of this is ever executed by a server, or would be seen if it were: EXEC never comes, and
 * what is pushed and set is looked for. */
static const char *const lives[] = {
    "WATCH shared",
    "WATCH shared; GET shared; MULTI; SET poison x",
    "MULTI; SET poison x; INCR poison",
    "MULTI; SELECT 7; HELLO 3",
    "MULTI; SUBSCRIBE leak:c; CLIENT REPLY OFF",
    "MULTI; CLIENT SETNAME leaked; NOSUCH",
    "SUBSCRIBE leak:a leak:b",
    "PSUBSCRIBE leak:*; PING",
    "SSUBSCRIBE leak:a; SUBSCRIBE leak:a; UNSUBSCRIBE",
    "HELLO 3; SUBSCRIBE leak:a; GET shared; MULTI; SET poison x",
    "BLPOP leak:list 0; SET poison x",
    "PING; BLMOVE leak:list poison LEFT RIGHT 0",
    "XREAD BLOCK 0 STREAMS leak:stream $",
    "BZPOPMIN leak:zset 0; GET shared",
    "WAIT 1 0; SET poison x",
    "SELECT 7; GET where; WATCH where; MULTI",
    "SELECT 7; BLPOP leak:list 0",
    "CLIENT REPLY OFF; GET shared; SELECT 7; WATCH where",
    "CLIENT REPLY SKIP",
    "CLIENT REPLY OFF; SUBSCRIBE leak:a",
    "HELLO 3 SETNAME leaked; HGETALL hash",
    "HELLO 3; CLIENT TRACKING ON; GET shared; MGET shared where",
    "HELLO 3; CLIENT TRACKING ON BCAST; SELECT 7",
    "CLIENT TRACKING ON NOLOOP; GET shared; CLIENT SETNAME leaked",
    "CLIENT SETNAME leaked; CLIENT NO-EVICT ON; SCRIPT LOAD 'return 1'",
    "HELLO 3; WATCH shared; HELLO 2; GET shared",
    "MONITOR; PING",
};

struct run {
    struct server *server;
    struct daemon *pooler;
    struct client *witnesses[WITNESSES];
    uint64_t random;
    int64_t idle; /* connections to the server when nobody does anything */
};

static uint32_t pick(struct run *run, uint32_t limit)
{
    run->random = run->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(run->random >> 33) % limit;
}

static int64_t number_of(const char *variable, int64_t otherwise)
{
    const char *text = getenv(variable);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 10);
}

/* ----------------------------------------------------------------------------------- the dying */

/* The beginning of a large request, which streams. */
static void add_large(struct bytes *to)
{
    char part[1000];
    memset(part, 'x', sizeof(part));
    bytes_printf(to, "*3\r\n$3\r\nSET\r\n$6\r\npoison\r\n$%d\r\n", LARGE * 2);
    for (size_t len = 0; len < LARGE; len += sizeof(part)) {
        bytes_add(to, part, sizeof(part));
    }
}

/* The bytes of one life, up to where it ends. */
static void add_life(struct run *run, struct bytes *to)
{
    uint32_t which = pick(run, COUNT_OF(lives) + 1);
    for (uint32_t before = pick(run, 3); before > 0; before--) {
        bytes_add_request(to, "GET shared");
    }
    if (which == COUNT_OF(lives)) {
        add_large(to);
    } else {
        bytes_add_script(to, lives[which]);
    }
    if (pick(run, 3) > 0) {
        to->len = pick(run, (uint32_t)to->len) + 1;
    }
}

/* All has been read by the daemon, some of the replies may have been read by the client. */
static void live(struct run *run, struct client *client)
{
    struct bytes life = {0};
    add_life(run, &life);
    size_t first = pick(run, (uint32_t)life.len);
    client_send_bytes(client, life.data, first);
    if (pick(run, 2) == 0) {
        client_gather(client);
    }
    client_send_bytes(client, life.data + first, life.len - first);
    if (pick(run, 2) == 0) {
        client_wait_consumed(client);
    }
    if (pick(run, 2) == 0) {
        client_gather(client);
    }
    bytes_finish(&life);
}

/* With replies unread a close is a reset of the connection to the other side. */
static void die(struct run *run, struct client *client)
{
    if (pick(run, 3) == 0) {
        client_half_close(client);
        if (pick(run, 2) == 0) {
            client_read_all(client);
        }
    }
    client_close(client);
    bytes_finish(&client->in);
    bytes_finish(&client->reply);
    client->taken = 0;
}

/* ------------------------------------------------------------------------------- the witnesses */

/* What a session sees that has changed nothing: each line shows that something has not leaked. */
static const struct {
    const char *line;
    const char *reply;
} plain[] = {
    {"GET where", "$1\r\n0\r\n"},                     /* database */
    {"HGETALL hash", "*2\r\n$1\r\nf\r\n$1\r\nv\r\n"}, /* protocol */
    {"CLIENT GETNAME", "$-1\r\n"},
    {"CLIENT GETREDIR", ":-1\r\n"},
    {"GET poison", "$-1\r\n"},   /* queued, and nothing else */
    {"SET shared s", "+OK\r\n"}, /* neither queued, nor silent, nor restricted */
    {"DISCARD", "-ERR DISCARD without MULTI\r\n"},
    {"MULTI", "+OK\r\n"},
    {"SET shared t", "+QUEUED\r\n"},
    {"EXEC", "*1\r\n+OK\r\n"}, /* nobody watched */
    {"GET shared", "$1\r\nt\r\n"},
};

static void expect_lines(struct client *witness, bool at_once)
{
    struct bytes requests = {0};
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        bytes_add_request(&requests, plain[i].line);
    }
    if (at_once) {
        client_send_bytes(witness, requests.data, requests.len);
    }
    bytes_finish(&requests);
    for (size_t i = 0; i < COUNT_OF(plain); i++) {
        if (!at_once) {
            client_send(witness, "%s", plain[i].line);
        }
        expect_reply(__FILE__, __LINE__, witness, plain[i].reply, strlen(plain[i].reply));
    }
    EXPECT_NUMBER(client_gather(witness), 0); /* no message, no invalidation */
}

/* A session that watches what nobody changes runs its transaction, whoever watched before it. */
static void expect_own_watch(struct run *run, struct client *witness)
{
    EXPECT_CALL(witness, "WATCH quiet", "+OK\r\n");
    server_ask(run->server, "SET shared u");
    EXPECT_CALL(witness, "MULTI", "+OK\r\n");
    EXPECT_CALL(witness, "SET own x", "+QUEUED\r\n");
    EXPECT_CALL(witness, "EXEC", "*1\r\n+OK\r\n");
}

static void look(struct run *run)
{
    for (int i = 0; i < WITNESSES; i++) {
        expect_lines(run->witnesses[i], i % 2 == 0);
        expect_own_watch(run, run->witnesses[i]);
    }
    struct client *fresh = daemon_client(run->pooler, "redis");
    expect_lines(fresh, false);
    expect_own_watch(run, fresh);
    client_close(fresh);
}

/* ---------------------------------------------------------------------------------- afterwards */

static bool holds_nothing(void *context)
{
    static const char *const fields[] = {"blocked_clients", "tracking_clients", "pubsub_channels",
                                         "pubsub_patterns", "pubsubshard_channels"};
    struct run *run = context;
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (server_info(run->server, fields[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool lists_only_witnesses(void *context)
{
    struct run *run = context;
    const struct bytes *list = client_call(run->witnesses[0], "CLIENT LIST");
    int count = 0;
    for (const char *at = list->data; (at = strstr(at, "id=")) != NULL; at++) {
        count += at == list->data || at[-1] == '\n';
    }
    return count == WITNESSES;
}

static int64_t upstreams(struct run *run)
{
    return server_clients(run->server, "name=flaskredisd:REDIS");
}

static bool is_idle(void *context)
{
    struct run *run = context;
    return upstreams(run) == run->idle;
}

/* Nobody waits in the place of the dead: what is pushed stays, what is published reaches no one. */
static void expect_nobody_waits(struct run *run)
{
    struct client *witness = run->witnesses[0];
    EXPECT_CALL(witness, "RPUSH leak:list x", ":1\r\n");
    EXPECT_CALL(witness, "ZADD leak:zset 1 x", ":1\r\n");
    EXPECT_CALL(witness, "PUBLISH leak:a x", ":0\r\n");
    EXPECT_CALL(witness, "SPUBLISH leak:a x", ":0\r\n");
    EXPECT_CALL(witness, "LPOP leak:list", "$1\r\nx\r\n");
    EXPECT_CALL(witness, "ZPOPMIN leak:zset", "*2\r\n$1\r\nx\r\n$1\r\n1\r\n");
    EXPECT_CALL(witness, "EXISTS poison", ":0\r\n");
}

static void expect_idle(struct run *run)
{
    if (!wait_until(is_idle, run, 4 * patience_ms())) {
        FAIL("%" PRId64 " connections to the server, %" PRId64 " before: %s", upstreams(run),
             run->idle, server_ask(run->server, "CLIENT LIST")->data);
    }
    for (int i = 0; i < WITNESSES; i++) {
        client_close(run->witnesses[i]);
    }
    run->idle = 0;
    EXPECT(wait_until(is_idle, run, 4 * patience_ms()));
}

/* --------------------------------------------------------------------------------------- cases */

static void fill(struct run *run)
{
    struct client *direct = server_client(run->server);
    EXPECT_CALL(direct, "HSET hash f v", ":1\r\n");
    EXPECT_CALL(direct, "SET where 0", "+OK\r\n");
    EXPECT_CALL(direct, "SET shared s", "+OK\r\n");
    client_send(direct, "SELECT %d", OTHER_DB);
    EXPECT_REPLY(direct, "+OK\r\n");
    client_send(direct, "SET where %d", OTHER_DB);
    EXPECT_REPLY(direct, "+OK\r\n");
}

/* What the witnesses alone need. */
static void note_idle(struct run *run)
{
    for (int i = 0; i < WITNESSES; i++) {
        EXPECT_CALL(run->witnesses[i], "GET where", "$1\r\n0\r\n");
    }
    run->idle = upstreams(run);
}

static void start(struct run *run, int workers)
{
    char config[512];
    allow_many_descriptors();
    run->random = (uint64_t)number_of("STRESS_SEED", (int64_t)time(NULL));
    printf("\n    STRESS_SEED=%" PRIu64 " ", run->random);
    snprintf(config, sizeof(config), "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = {url}\n%s",
             workers, settings);
    run->server = server_start(NULL);
    run->pooler = daemon_start(server_url(run->server), config);
    for (int i = 0; i < WITNESSES; i++) {
        run->witnesses[i] = daemon_client(run->pooler, "redis");
    }
    fill(run);
    note_idle(run);
}

static void run_with(int workers)
{
    struct run run = {0};
    start(&run, workers);
    int64_t total = number_of("LEAK_SESSIONS", SESSIONS);
    for (int64_t dead = 0; dead < total; dead += WAVE) {
        struct client *dying[WAVE];
        for (int i = 0; i < WAVE; i++) {
            dying[i] = daemon_client(run.pooler, "redis");
            live(&run, dying[i]);
        }
        look(&run);
        for (int i = 0; i < WAVE; i++) {
            die(&run, dying[i]);
        }
        look(&run);
    }
    EXPECT(wait_until(holds_nothing, &run, patience_ms()));
    EXPECT(wait_until(lists_only_witnesses, &run, patience_ms()));
    look(&run);
    expect_nobody_waits(&run);
    expect_idle(&run);
    printf("\n    %" PRId64 " sessions have died ", total);
}

static void the_dead_of_one_worker_leave_nothing(void)
{
    NEEDS_DAEMON;
    run_with(1);
}

static void the_dead_of_two_workers_leave_nothing(void)
{
    NEEDS_DAEMON;
    run_with(2);
}

static const struct test_case cases[] = {
    {"one worker: sessions that die anywhere leave nothing behind",
     the_dead_of_one_worker_leave_nothing},
    {"two workers: sessions that die anywhere leave nothing behind",
     the_dead_of_two_workers_leave_nothing},
};

SUITE_MAIN("leaks", cases)
