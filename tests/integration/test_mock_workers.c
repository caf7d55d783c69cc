/* An engine in memory that several workers call: what crosses between them, what waits for what,
 * and that one who computes keeps nobody else from being served. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/daemon.h"
#include "tests/support/rings.h"

enum {
    CLIENTS = 24, /* so many that each of the workers has some */
    ROUNDS = 40,
    PIPELINED = 20000,
    VALUE_LEN = 3 * 1024 * 1024,
    LARGE_COUNT = 10,
    LANES_MAX = 6,
    WATCHED = 150000,
    CAP = 4096
};

static const char three_workers[] = "[flaskredisd]\nworkers = 3\n"
                                    "[ONE]\nurl = mock://shared\nblocking_max = 200\n"
                                    "connect_ms = 60000\n%s" /* however long a script takes */
                                    "[TWO]\nurl = mock://shared\nconnect_ms = 60000\n"
                                    "[APART]\nurl = mock://\n";

/* Some tenths of a second; a limit of the engine ends it after five. */
static const char computes[] = "EVAL 'for i = 1, 3e7 do end return 7' 0";

static struct daemon *pooler;

static void start(const char *settings)
{
    char *config = case_alloc(1024);
    snprintf(config, 1024, three_workers, settings);
    pooler = daemon_start("", config);
}

static void connect_all(struct client *clients[CLIENTS], const char *prefix)
{
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = daemon_client(pooler, prefix);
    }
}

/* ---------------------------------------------------------------------------------- many workers
 */

static void all_change_the_same_data(void)
{
    NEEDS_DAEMON;
    struct client *clients[2][CLIENTS];
    start("");
    connect_all(clients[0], "one");
    connect_all(clients[1], "two");
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2 * CLIENTS; i++) {
            client_send(clients[i % 2][i / 2], "INCR n");
        }
        for (int i = 0; i < 2 * CLIENTS; i++) {
            int64_t n = client_read_number(clients[i % 2][i / 2]);
            EXPECT_BETWEEN(n, round * 2 * CLIENTS + 1, (round + 1) * 2 * CLIENTS);
        }
    }
    client_send(clients[0][0], "INCRBY n 0");
    EXPECT_NUMBER(client_read_number(clients[0][0]), ROUNDS * 2 * CLIENTS);
}

static void who_blocks_is_served_by_whoever_pushes(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    connect_all(clients, "one");
    struct client *pusher = daemon_client(pooler, "two");
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], "BLPOP q%d 0", i);
    }
    client_wait_listed(daemon_client(pooler, "one"), "cmd=blpop", CLIENTS);
    for (int i = 0; i < CLIENTS; i++) {
        client_call(pusher, "RPUSH q%d %d", i, i);
        EXPECT_HAS(client_read(clients[i])->data, "*2\r\n$");
    }
    EXPECT_CALL(clients[1], "BLPOP q1 0.02", "*-1\r\n");
}

static void subscribe_all(struct client *clients[CLIENTS])
{
    connect_all(clients, "one");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_CALL(clients[i], "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    }
}

static void publish_and_expect(struct client *clients[CLIENTS])
{
    struct client *publisher = daemon_client(pooler, "one");
    for (int round = 0; round < ROUNDS; round++) {
        client_send(publisher, "PUBLISH news x");
        EXPECT_NUMBER(client_read_number(publisher), CLIENTS);
        for (int i = 0; i < CLIENTS; i++) {
            EXPECT_REPLY(clients[i], "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
        }
    }
}

static void messages_reach_all_workers(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    subscribe_all(clients);
    publish_and_expect(clients);
}

static void messages_reach_connections_of_their_own(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("pubsub = lease\n");
    subscribe_all(clients);
    publish_and_expect(clients);
}

static void a_watched_key_is_touched_from_anywhere(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("leases = 100\n");
    connect_all(clients, "one");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_CALL(clients[i], "WATCH k", "+OK\r\n");
    }
    EXPECT_CALL(daemon_client(pooler, "two"), "SET k v", "+OK\r\n");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_CALL(clients[i], "MULTI", "+OK\r\n");
        EXPECT_CALL(clients[i], "EXEC", "*-1\r\n");
    }
}

static void replies_held_back_come_in_time_to_all(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    connect_all(clients, "one");
    EXPECT_CALL(clients[0], "MOCK DELAY 24 30", "+OK\r\n");
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], "ECHO x");
    }
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_REPLY(clients[i], "$1\r\nx\r\n");
    }
    EXPECT_CALL(clients[0], "MOCK CLOCK STOP", "+OK\r\n");
    client_send(clients[1], "BLPOP nothing 1000");
    client_wait_listed(clients[2], "cmd=blpop", 1);
    EXPECT_CALL(clients[0], "MOCK CLOCK MOVE 1000000", "+OK\r\n");
    EXPECT_REPLY(clients[1], "*-1\r\n");
}

/* ----------------------------------------------------------------------------------- connections
 */

static void a_dropped_connection_is_lost_and_made_anew(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "one");
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_CALL(client, "MOCK DROP 1", "+OK\r\n");
    EXPECT_CALL_BEGINS(client, "GET k",
                       "-POOLLOST connection to mock://shared lost (closed by the");
    EXPECT_CALL(client, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(client, "WATCH k", "+OK\r\n");
    EXPECT_CALL(client, "MOCK DROP 1", "+OK\r\n");
    EXPECT_CALL_BEGINS(client, "GET k", "-POOLLOST");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "EXEC", "*-1\r\n");
    EXPECT_CALL(client, "GET k", "$1\r\nv\r\n");
}

static void an_end_of_input_ends_what_blocks(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *waiter = daemon_client(pooler, "one"), *other = daemon_client(pooler, "one");
    client_send(waiter, "BLPOP q 0");
    client_half_close(waiter);
    EXPECT_ALL(waiter, "");
    EXPECT_CALL(other, "RPUSH q x", ":1\r\n");
    EXPECT_CALL(other, "LLEN q", ":1\r\n");
    waiter = daemon_client(pooler, "one");
    client_send(waiter, "BLPOP q 0");
    client_half_close(waiter);
    EXPECT_ALL(waiter, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
}

static void connections_to_it_cost_no_descriptors(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    connect_all(clients, "one");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_CALL(clients[i], "PING", "+PONG\r\n");
    }
    int64_t before = daemon_descriptors(pooler);
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], "BLPOP q 0");
    }
    struct client *other = daemon_client(pooler, "one");
    client_wait_listed(other, "cmd=blpop", CLIENTS);
    EXPECT_BETWEEN(daemon_descriptors(pooler), before, before + CLIENTS / 4);
}

/* ------------------------------------------------------------------------------------ large, many
 */

static void pipelines_of_any_length_pass(void)
{
    NEEDS_DAEMON;
    struct bytes requests = {0};
    start("outstanding_max = 100000\n");
    struct client *client = daemon_client(pooler, "one");
    bytes_add_request(&requests, "INCR n");
    char *one = requests.data;
    size_t len = requests.len;
    char *all = case_alloc(len * PIPELINED);
    for (int i = 0; i < PIPELINED; i++) {
        memcpy(all + (size_t)i * len, one, len);
    }
    bytes_finish(&requests);
    client_send_bytes(client, all, len * PIPELINED);
    for (int i = 1; i <= PIPELINED; i++) {
        EXPECT_NUMBER(client_read_number(client), i);
    }
}

static void large_values_pass_in_both_directions(void)
{
    NEEDS_DAEMON;
    struct bytes request = {0};
    start("large_reply = 1gb\n");
    struct client *client = daemon_client(pooler, "one");
    char *value = case_alloc(VALUE_LEN + 1);
    memset(value, 'v', VALUE_LEN);
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%s\r\n", VALUE_LEN, value);
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&request);
    EXPECT_REPLY(client, "+OK\r\n");
    for (int i = 0; i < LARGE_COUNT; i++) {
        client_send(client, "GET k");
    }
    for (int i = 0; i < LARGE_COUNT; i++) {
        const struct bytes *reply = client_read(client);
        EXPECT_NUMBER(reply->len, VALUE_LEN + 12);
        EXPECT(memcmp(reply->data + 10, value, VALUE_LEN) == 0);
    }
    EXPECT_CALL(client, "STRLEN k", ":3145728\r\n");
}

static void it_passes_through_shared_memory(void)
{
    NEEDS_DAEMON;
    pooler = daemon_start_redis("mock://", "");
    struct rings *rings = rings_attach(pooler, CAP);
    struct client *other = daemon_client(pooler, "redis");
    EXPECT_RINGS(rings, "SET k v", "+OK\r\n");
    EXPECT_RINGS(rings, "GET k", "$1\r\nv\r\n");
    rings_send(rings, "BLPOP q 0");
    client_wait_listed(other, "cmd=blpop", 1);
    EXPECT_CALL(other, "RPUSH q x", ":1\r\n");
    EXPECT_HAS(rings_read(rings), "x\r\n");
    EXPECT_RINGS(rings, "KEYS *", "*1\r\n$1\r\nk\r\n");
    EXPECT_RINGS(rings, "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT_CALL(other, "PUBLISH c hello", ":1\r\n");
    EXPECT_HAS(rings_read(rings), "hello");
}

/* -------------------------------------------------------------------------- who takes long
 */

static bool has_scripts(struct client *client)
{
    client_call(client, "EVAL 'return 1' 0");
    if (strcmp(client->reply.data, ":1\r\n") != 0) {
        case_skip("scripts are not built in");
        return false;
    }
    return true;
}

static void start_alone(void)
{
    pooler = daemon_start("", "[flaskredisd]\nworkers = 1\n[ONE]\nurl = mock://\n"
                              "[APART]\nurl = mock://\n");
}

/* Whether the other one is answered while the script runs. */
static bool overtakes(struct client *other, struct client *script)
{
    client_send(script, computes);
    client_wait_consumed(script);
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    bool is_first = client_gather(script) == 0;
    EXPECT_REPLY(script, ":7\r\n");
    return is_first;
}

/* Who asks may itself be kept from running for as long as a script takes, but not every time. */
static void who_computes_keeps_no_other_engine_waiting(void)
{
    enum {
        ATTEMPTS = 20
    };
    NEEDS_DAEMON;
    start_alone();
    struct client *script = daemon_client(pooler, "one"), *other = daemon_client(pooler, "apart");
    if (!has_scripts(script)) {
        return;
    }
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    bool is_first = false;
    for (int i = 0; i < ATTEMPTS && !is_first; i++) {
        is_first = overtakes(other, script);
    }
    EXPECT(is_first);
}

static void what_stands_behind_a_script_waits_for_it(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    struct client *script = daemon_client(pooler, "one");
    if (!has_scripts(script)) {
        return;
    }
    EXPECT_CALL(script, "SET k before", "+OK\r\n");
    client_send(script, "GET k");
    client_send(script, computes);
    client_send(script, "SET k behind");
    client_send(script, "GET k");
    connect_all(clients, "two"); /* some have to connect to the engine meanwhile */
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], "INCR n");
        client_send(clients[i], i % 2 ? "BLPOP nothing 0.01" : "MULTI");
    }
    EXPECT_REPLY(script, "$6\r\nbefore\r\n");
    EXPECT_REPLY(script, ":7\r\n");
    EXPECT_REPLY(script, "+OK\r\n");
    EXPECT_REPLY(script, "$6\r\nbehind\r\n");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_BETWEEN(client_read_number(clients[i]), 1, CLIENTS);
        EXPECT_HAS(client_read(clients[i])->data, i % 2 ? "*-1\r\n" : "+OK\r\n");
    }
}

/* What is left are lanes, one at most for each worker and prefix. */
static bool only_lanes_are_left(void *what)
{
    const char *count = strstr(client_call(what, "INFO clients")->data, "connected_clients:");
    return count != NULL && strtol(strchr(count, ':') + 1, NULL, 10) <= LANES_MAX;
}

/* Their connections go while the engine is busy, one of them with the script itself. */
static void who_goes_during_a_script_leaves_nothing(void)
{
    NEEDS_DAEMON;
    struct client *clients[CLIENTS];
    start("");
    struct client *script = daemon_client(pooler, "one");
    if (!has_scripts(script)) {
        return;
    }
    connect_all(clients, "one");
    for (int i = 0; i < CLIENTS; i++) {
        EXPECT_CALL(clients[i], "WATCH k", "+OK\r\n");
    }
    client_send(script, computes);
    client_wait_consumed(script);
    for (int i = 0; i < CLIENTS; i++) {
        client_send(clients[i], "BLPOP q 0");
        client_close(clients[i]);
    }
    client_close(script);
    struct client *last = daemon_client(pooler, "two");
    EXPECT(wait_until(only_lanes_are_left, last, patience_ms()));
    EXPECT_CALL(last, "RPUSH q x", ":1\r\n");
    EXPECT_CALL(last, "LLEN q", ":1\r\n");
}

static void a_prefix_may_go_during_a_script(void)
{
    NEEDS_DAEMON;
    start_alone();
    struct client *script = daemon_client(pooler, "one"), *other = daemon_client(pooler, "apart");
    if (!has_scripts(script)) {
        return;
    }
    client_send(script, computes);
    client_wait_consumed(script);
    EXPECT(daemon_reload(pooler, "[flaskredisd]\nworkers = 1\n[ONE]\nurl = mock://else\n"
                                 "[APART]\nurl = mock://\n"));
    EXPECT_CALL(other, "PING", "+PONG\r\n");
    EXPECT_REPLY(script, ":7\r\n");
    EXPECT_CALL(script, "DBSIZE", ":0\r\n");
}

/* Each word is compared with all before it, which takes some ten seconds. */
static void who_computes_does_not_hold_up_the_end(void)
{
    NEEDS_DAEMON;
    struct bytes request = {0};
    pooler =
        daemon_start("", "[flaskredisd]\nworkers = 1\nshutdown_ms = 100\n[ONE]\nurl = mock://\n");
    struct client *client = daemon_client(pooler, "one");
    bytes_printf(&request, "*%d\r\n$5\r\nWATCH\r\n", WATCHED + 1);
    for (int i = 0; i < WATCHED; i++) {
        bytes_printf(&request, "$8\r\n%08d\r\n", i);
    }
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&request);
    client_wait_consumed(client);
    int64_t since_ms = now_ms();
    daemon_stop(pooler);
    EXPECT_BETWEEN(now_ms() - since_ms, 0, patience_ms());
}

static const struct test_case cases[] = {
    {"clients of all workers change the same data", all_change_the_same_data},
    {"who blocks is served by whoever pushes", who_blocks_is_served_by_whoever_pushes},
    {"messages reach all workers", messages_reach_all_workers},
    {"messages reach connections of their own", messages_reach_connections_of_their_own},
    {"a watched key is touched from anywhere", a_watched_key_is_touched_from_anywhere},
    {"replies held back come in time, to all workers", replies_held_back_come_in_time_to_all},
    {"a dropped connection is lost, and made anew", a_dropped_connection_is_lost_and_made_anew},
    {"an end of input ends what blocks", an_end_of_input_ends_what_blocks},
    {"connections to an engine cost no descriptors", connections_to_it_cost_no_descriptors},
    {"pipelines of any length pass", pipelines_of_any_length_pass},
    {"large values pass in both directions", large_values_pass_in_both_directions},
    {"an engine is reached through shared memory", it_passes_through_shared_memory},
    {"who computes keeps no other engine waiting", who_computes_keeps_no_other_engine_waiting},
    {"what stands behind a script waits for it", what_stands_behind_a_script_waits_for_it},
    {"who goes during a script leaves nothing", who_goes_during_a_script_leaves_nothing},
    {"a prefix may go during a script", a_prefix_may_go_during_a_script},
    {"who computes does not hold up the end", who_computes_does_not_hold_up_the_end},
};
SUITE_MAIN("mock workers", cases)
