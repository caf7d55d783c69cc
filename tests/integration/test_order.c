/* Replies come in the order of requests, and requests run in the order they were sent, whatever
 * connection carries them. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static void replies_of_all_lanes_come_in_order(void)
{
    static const char script[] = "SET a 1; BLPOP q 0.1; GET a; SELECT 2; GET a; CLIENT ID; GET a";
    start("");
    struct client *one = session();
    client_send_script(one, script);
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "*-1\r\n");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "$-1\r\n");
    EXPECT_BETWEEN(client_read_number(one), 1, INT64_MAX);
    EXPECT_REPLY(one, "$-1\r\n");
}

static void every_change_of_lane_keeps_the_order(void)
{
    static const char script[] =
        "SET a 1; WATCH a; GET a; MULTI; INCR a; EXEC; GET a; HELLO 3; GET a; SUBSCRIBE c; "
        "INCR a; UNSUBSCRIBE c; SELECT 5; GET a; PING x; CLIENT GETNAME; LPUSH q v; "
        "BLPOP q 0; RESET; GET a; MULTI; DISCARD; XREAD BLOCK 1 STREAMS s $; ECHO end; QUIT";
    start("");
    struct client *one = session(), *direct = server_client(server_start(NULL));
    client_send_script(direct, script);
    client_send_script(one, script);
    client_read_all(direct);
    client_read_all(one);
    bytes_mask_ids(&direct->reply);
    bytes_mask_ids(&one->reply);
    expect_bytes(__FILE__, __LINE__, "all replies", one->reply.data, one->reply.len,
                 direct->reply.data, direct->reply.len);
}

enum {
    COUNTERS = 8,
    ROUNDS = 25,
    PER_ROUND = 500
};

static void pipelines_of_many_sessions_count_upwards(void)
{
    struct client *clients[COUNTERS];
    int64_t last[COUNTERS] = {0};
    struct bytes requests = {0};
    start("");
    for (int i = 0; i < PER_ROUND; i++) {
        bytes_add_request(&requests, "INCR n");
    }
    case_defer(free, requests.data);
    for (int i = 0; i < COUNTERS; i++) {
        clients[i] = session();
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < COUNTERS; i++) {
            client_send_bytes(clients[i], requests.data, requests.len);
        }
        for (int i = 0; i < COUNTERS * PER_ROUND; i++) {
            int64_t value = client_read_number(clients[i % COUNTERS]);
            EXPECT_BETWEEN(value, last[i % COUNTERS] + 1, INT64_MAX);
            last[i % COUNTERS] = value;
        }
    }
    client_send(clients[0], "INCR n");
    EXPECT_NUMBER(client_read_number(clients[0]), COUNTERS * ROUNDS * PER_ROUND + 1);
}

enum {
    CLOSED_AT_ONCE = 1000
};

static bool all_keys_are_set(void *context)
{
    return server_keys(context, 0) == CLOSED_AT_ONCE;
}

static void requests_before_a_close_are_executed(void)
{
    start("");
    for (int i = 0; i < CLOSED_AT_ONCE; i++) {
        struct client *one = session();
        client_send(one, "SET k:%d v", i);
        client_close(one);
    }
    EXPECT(wait_until(all_keys_are_set, server, patience_ms()));
}

static void replies_come_after_a_half_close(void)
{
    static const char script[] = "SET k v; GET k; BLPOP k2 0.05; GET k";
    start("");
    struct client *one = session(), *other = session();
    client_send(one, "SET k v");
    client_half_close(one);
    EXPECT_ALL(one, "+OK\r\n");
    client_send_script(other, script); /* of which the server takes BLPOP's client to have gone */
    client_half_close(other);
    EXPECT_ALL(other, "+OK\r\n$1\r\nv\r\n");
}

static void an_incomplete_request_at_the_end_is_dropped(void)
{
    static const char input[] = "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
                                "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n";
    start("");
    struct client *one = session();
    client_send_bytes(one, input, sizeof(input) - 1);
    client_half_close(one);
    EXPECT_ALL(one, "+OK\r\n");
    EXPECT_NUMBER(server_all_keys(server), 1);
}

enum {
    CHANGES = 200
};

static void databases_alternate_within_one_pipeline(void)
{
    struct bytes requests = {0};
    char line[64];
    start("");
    struct client *one = session();
    for (int i = 0; i < CHANGES; i++) {
        snprintf(line, sizeof(line), "SELECT %d", i % 2);
        bytes_add_request(&requests, line);
        snprintf(line, sizeof(line), "RPUSH l %d", i);
        bytes_add_request(&requests, line);
    }
    case_defer(free, requests.data);
    client_send_bytes(one, requests.data, requests.len);
    for (int i = 0; i < CHANGES; i++) {
        EXPECT_REPLY(one, "+OK\r\n");
        EXPECT_NUMBER(client_read_number(one), i / 2 + 1);
    }
    struct client *direct = server_client(server);
    for (int db = 0; db < 2; db++) {
        client_call(direct, "SELECT %d", db);
        for (int i = 0; i < CHANGES / 2; i++) {
            snprintf(line, sizeof(line), "%d\r\n", i * 2 + db);
            EXPECT_HAS(client_call(direct, "LINDEX l %d", i)->data, line);
        }
    }
}

enum {
    PINGS = 1000000,
    PINGS_PER_FILL = 5000,
    GET_SLACK_MS = 300
};

struct flood {
    struct client *client;
    struct bytes pings;
    size_t to_send;
    size_t received;
};

/* Send what goes, take what came; neither waits. */
static void flood_on(struct flood *flood)
{
    size_t at = flood->to_send % flood->pings.len;
    size_t part = at == 0 ? flood->pings.len : at;
    part = part < flood->to_send ? part : flood->to_send;
    flood->to_send -= client_fill(flood->client, flood->pings.data + flood->pings.len - part, part);
    flood->received += client_gather(flood->client);
    flood->client->taken = flood->client->in.len;
}

static void a_flood_of_one_session_does_not_delay_another(void)
{
    static const char pong[] = "+PONG\r\n";
    struct flood flood = {0};
    start("");
    flood.client = session();
    struct client *other = session();
    for (int i = 0; i < PINGS_PER_FILL; i++) {
        bytes_add_request(&flood.pings, "PING");
    }
    case_defer(free, flood.pings.data);
    flood.to_send = flood.pings.len * (PINGS / PINGS_PER_FILL);
    int64_t deadline = now_ms() + 12 * patience_ms(), worst = 0;
    for (int turn = 0; flood.received < PINGS * strlen(pong); turn++) {
        flood_on(&flood);
        EXPECT(!flood.client->ended && now_ms() < deadline);
        if (turn % 16 == 0) {
            int64_t before = now_ms();
            EXPECT_CALL(other, "GET k", "$-1\r\n");
            worst = now_ms() - before > worst ? now_ms() - before : worst;
        }
    }
    EXPECT_NUMBER(flood.received, PINGS * strlen(pong));
    EXPECT_BETWEEN(worst, 0, slack_ms(GET_SLACK_MS));
}

static void a_write_acknowledged_to_one_is_seen_by_all(void)
{
    enum {
        READERS = 4,
        WRITES = 500
    };
    struct client *readers[READERS];
    char expected[64];
    start("");
    struct client *writer = session();
    for (int i = 0; i < READERS; i++) {
        readers[i] = session();
    }
    for (int i = 0; i < WRITES; i++) {
        client_send(writer, "SET k %d", i);
        EXPECT_REPLY(writer, "+OK\r\n");
        client_send(readers[i % READERS], "GET k");
        snprintf(expected, sizeof(expected), "$%d\r\n%d\r\n", i < 10 ? 1 : i < 100 ? 2 : 3, i);
        expect_reply(__FILE__, __LINE__, readers[i % READERS], expected, strlen(expected));
    }
}

static const struct test_case cases[] = {
    {"replies of all lanes come in request order", replies_of_all_lanes_come_in_order},
    {"every change of lane within a pipeline keeps the order",
     every_change_of_lane_keeps_the_order},
    {"pipelines of many sessions each count upwards", pipelines_of_many_sessions_count_upwards},
    {"requests sent right before a close are executed", requests_before_a_close_are_executed},
    {"replies come after a half-close, then the end", replies_come_after_a_half_close},
    {"an incomplete request at the end of input is dropped",
     an_incomplete_request_at_the_end_is_dropped},
    {"databases alternate within one pipeline", databases_alternate_within_one_pipeline},
    {"a flood of one session does not delay another",
     a_flood_of_one_session_does_not_delay_another},
    {"a write acknowledged to one session is seen by all",
     a_write_acknowledged_to_one_is_seen_by_all},
};

SUITE_MAIN("order", cases)
