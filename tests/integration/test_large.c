/* Large values stream: in little memory, at the pace of the slower side, and beside everybody
 * else's small commands. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    LARGE_LEN = 64 * MIB,
    GROWTH = 24 * MIB,
    SLACK_MS = 250
};

/* Small commands beside something large: how long the slowest took through the daemon, and what the
 * server itself made a direct client wait. */
struct beside {
    struct client *through, *direct;
    int64_t worst, worst_direct;
    int64_t memory, most_memory;
};

static struct beside begin_beside(void)
{
    struct beside beside = {.through = session(), .direct = server_client(server)};
    EXPECT_CALL(beside.through, "SET small v", "+OK\r\n");
    beside.memory = beside.most_memory = process_memory(&pooler->process);
    return beside;
}

static void call_small(struct client *client, int64_t *worst)
{
    int64_t before = now_ms();
    EXPECT_CALL(client, "GET small", "$1\r\nv\r\n");
    *worst = now_ms() - before > *worst ? now_ms() - before : *worst;
}

static void look_beside(struct beside *beside)
{
    call_small(beside->direct, &beside->worst_direct);
    call_small(beside->through, &beside->worst);
    int64_t memory = process_memory(&pooler->process);
    beside->most_memory = memory > beside->most_memory ? memory : beside->most_memory;
}

static void expect_undisturbed(const struct beside *beside)
{
    EXPECT_BETWEEN(beside->worst, 0, beside->worst_direct + slack_ms(SLACK_MS));
    EXPECT_BETWEEN(process_memory_is_bare(&pooler->process) ? beside->most_memory - beside->memory
                                                            : 0,
                   -GROWTH, GROWTH);
}

static void upload(struct client *client, size_t len, struct beside *beside)
{
    char *piece = case_alloc(MIB);
    memset(piece, 'x', MIB);
    struct bytes head = {0};
    bytes_printf(&head, "*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%zu\r\n", len);
    case_defer(free, head.data);
    client_send_bytes(client, head.data, head.len);
    for (size_t at = 0; at < len; at += MIB) {
        client_send_bytes(client, piece, MIB);
        if (at % (16 * MIB) == 0) {
            look_beside(beside);
        }
    }
    client_send_bytes(client, "\r\n", 2);
    EXPECT_REPLY(client, "+OK\r\n");
}

/* Take a reply of so many bytes in all, of which nothing is kept. */
static void download(struct client *client, size_t len, struct beside *beside)
{
    size_t got = 0, seen = 0;
    int64_t deadline = now_ms() + 12 * patience_ms();
    while (got < len) {
        EXPECT(!client->ended && now_ms() < deadline);
        got += client_gather(client);
        client->taken = client->in.len;
        if (got - seen >= 16 * MIB) {
            seen = got;
            look_beside(beside);
        }
    }
    EXPECT_NUMBER(got, len);
}

static void the_largest_value_passes_in_little_memory(void)
{
    NEEDS_DAEMON;
    const size_t huge_len = (is_slow() ? 96UL : 512UL) * MIB;
    struct bytes head = {0};
    bytes_printf(&head, "$%zu\r\n", huge_len);
    case_defer(free, head.data);
    start("");
    struct client *one = session();
    struct beside beside = begin_beside();
    upload(one, huge_len, &beside);
    client_send(one, "STRLEN large");
    EXPECT_NUMBER(client_read_number(one), (int64_t)huge_len);
    for (int round = 0; round < 2; round++) { /* at first it is not known to be large */
        client_send(one, "GET large");
        download(one, head.len + huge_len + 2, &beside);
    }
    EXPECT_CALL(one, "GET small", "$1\r\nv\r\n");
    expect_undisturbed(&beside);
}

/* ------------------------------------------------------------------------------------ slow readers
 */

/* A client that reads the beginning of the large value, until the reply has a connection of its
 * own, and then nothing. Returns how much is left of it. */
static size_t stop_reading(struct client *slow, int64_t connections)
{
    size_t got = 0;
    int64_t deadline = now_ms() + patience_ms();
    client_send(slow, "GET large");
    while (got < 8 * MIB || server_clients(server, "name=flaskredisd:") < connections) {
        EXPECT(!slow->ended && now_ms() < deadline && got < LARGE_LEN / 2);
        got += client_gather_part(slow);
        slow->taken = slow->in.len;
    }
    return strlen("$67108864\r\n") + LARGE_LEN + 2 - got;
}

static void set_large(void)
{
    char line[64];
    snprintf(line, sizeof(line), "SETRANGE large %d x", LARGE_LEN - 1);
    EXPECT_HAS(server_ask(server, "%s", line)->data, "67108864");
}

static void who_does_not_read_a_large_reply_waits_alone(void)
{
    NEEDS_DAEMON;
    start("reply_limit = 16mb\n");
    set_large();
    struct client *slow = session();
    EXPECT_CALL(slow, "PING", "+PONG\r\n");
    struct beside beside = begin_beside();
    size_t left = stop_reading(slow, 2);
    for (int i = 0; i < 200; i++) {
        look_beside(&beside);
    }
    download(slow, left, &beside);
    EXPECT_CALL(slow, "GET small", "$1\r\nv\r\n");
    expect_undisturbed(&beside);
}

static void many_who_do_not_read_large_replies_leave_the_lane_to_others(void)
{
    enum {
        SLOW = 8
    };
    struct client *slow[SLOW];
    size_t left[SLOW];
    NEEDS_DAEMON;
    start("reply_limit = 16mb\n");
    set_large();
    struct beside beside = begin_beside();
    for (int i = 0; i < SLOW; i++) {
        slow[i] = session();
        left[i] = stop_reading(slow[i], i + 2);
        look_beside(&beside);
    }
    for (int i = 0; i < SLOW; i++) {
        download(slow[i], left[i], &beside);
    }
    expect_undisturbed(&beside);
}

/* There is no connection to be had for it: what it does not read is kept up to the limit. */
static void without_a_connection_for_it_the_limit_holds(void)
{
    NEEDS_DAEMON;
    start("reply_limit = 16mb\nlarge_max = 1\nlease_wait_ms = 100\n");
    set_large();
    struct client *uploader = session(), *slow = session(), *other = session();
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n";
    char *part = case_alloc(200 * KIB);
    client_send_bytes(uploader, head, sizeof(head) - 1);
    client_send_bytes(uploader, part, 200 * KIB);
    client_wait_consumed(uploader); /* it has the only one */
    client_send(slow, "GET large");
    client_wait_consumed(slow);
    for (int i = 0; i < 100; i++) {
        EXPECT_CALL(other, "SET small v", "+OK\r\n");
    }
    int64_t deadline = now_ms() + patience_ms();
    while (strstr(daemon_log(pooler), "setting \"reply_limit\"") == NULL) {
        EXPECT(now_ms() < deadline);
        EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
    }
    client_read_all(slow);
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
}

static void large_requests_take_nothing_from_transactions(void)
{
    static const char head[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n";
    NEEDS_DAEMON;
    start("leases = 1\nlarge_max = 1\nlease_wait_ms = 100\n");
    struct client *uploader = session(), *second = session(), *one = session();
    char *part = case_alloc(200 * KIB);
    client_send_bytes(uploader, head, sizeof(head) - 1);
    client_send_bytes(uploader, part, 200 * KIB);
    client_wait_consumed(uploader);
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "UNWATCH", "+OK\r\n");
    client_send_bytes(second, head, sizeof(head) - 1);
    client_send_bytes(second, part, 200 * KIB);
    EXPECT_REPLY_BEGINS(second, "-POOLWAIT no connection free within 100 ms (large_max 1 of 1, "
                                "setting \"large_max\")");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

/* ---------------------------------------------------------------------------------- who goes where
 */

static struct peer *start_peer(void)
{
    struct bytes reply = {0};
    struct peer *peer = peer_start();
    bytes_printf(&reply, "$%d\r\n%0*d\r\n", 2 * MIB, 2 * MIB, 0);
    case_defer(free, reply.data);
    peer_on(peer, "GET large", PEER_ANSWER, reply.data, 0);
    peer_on(peer, "GET small", PEER_ANSWER, "$1\r\nv\r\n", 0);
    pooler = daemon_start_redis(peer_url(peer), "");
    return peer;
}

static void who_had_a_large_reply_has_a_connection_of_its_own_for_some_time(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer();
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
    EXPECT_REPLY_BEGINS((client_send(one, "GET large"), one), "$2097152\r\n");
    peer_expect(peer, "CLIENT SETNAME", 2);
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n"); /* the daemon has seen that it is answered */
    EXPECT_REPLY_BEGINS((client_send(one, "GET large"), one), "$2097152\r\n");
    EXPECT_CALL(one, "GET small", "$1\r\nv\r\n");
    int own = peer_connection_of(peer, "GET small");
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
    EXPECT(peer_connection_of(peer, "GET small") != own);
    EXPECT_NUMBER(peer_connections(peer), 2);
}

/* What is asked for while a large reply is on its way goes over another connection. */
static void a_large_reply_has_nobody_behind_it(void)
{
    struct bytes part = {0};
    struct peer *peer = peer_start();
    NEEDS_DAEMON;
    bytes_printf(&part, "$%d\r\n%0*d", 2 * MIB + 3, 2 * MIB, 0);
    case_defer(free, part.data);
    peer_on(peer, "GET large", PEER_ANSWER, part.data, 1);
    peer_on(peer, "GET small", PEER_ANSWER, "$1\r\nv\r\n", 0);
    pooler = daemon_start_redis(peer_url(peer), "");
    struct client *one = session(), *other = session();
    client_send(one, "GET large");
    int64_t deadline = now_ms() + patience_ms();
    while (client_gather(one) < 2 * MIB || peer_connections(peer) < 2) {
        EXPECT(!one->ended && now_ms() < deadline);
    }
    peer_expect(peer, "CLIENT SETNAME", 2);
    for (int i = 0; i < 3; i++) { /* the daemon has seen that it is answered */
        EXPECT_CALL_BEGINS(other, "CLIENT ID", ":");
    }
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
    EXPECT(peer_connection_of(peer, "GET small") != peer_connection_of(peer, "GET large"));
    peer_send(peer, peer_connection_of(peer, "GET large"), "end\r\n");
    EXPECT_REPLY_BEGINS(one, "$2097155\r\n");
    EXPECT_CALL(one, "GET small", "$1\r\nv\r\n");
}

/* What is outstanding then is the request itself. */
static void a_request_that_streams_ends_with_one_outstanding_at_most(void)
{
    enum {
        LEN = 200000
    };
    struct bytes request = {0};
    start("outstanding_max = 1\n");
    struct client *one = session();
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%0*d\r\n", LEN, LEN, 0);
    case_defer(free, request.data);
    for (int i = 0; i < 3; i++) {
        client_send_bytes(one, request.data, LEN / 2);
        client_wait_consumed(one);
        client_send_bytes(one, request.data + LEN / 2, request.len - LEN / 2);
        client_send(one, "STRLEN k");
        EXPECT_REPLY(one, "+OK\r\n");
        EXPECT_REPLY(one, ":200000\r\n");
    }
}

static const struct test_case cases[] = {
    {"a request that streams ends with one outstanding at most",
     a_request_that_streams_ends_with_one_outstanding_at_most},
    {"the largest value passes in little memory", the_largest_value_passes_in_little_memory},
    {"who does not read a large reply waits alone", who_does_not_read_a_large_reply_waits_alone},
    {"many who do not read large replies leave the lane to others",
     many_who_do_not_read_large_replies_leave_the_lane_to_others},
    {"without a connection for it the limit holds", without_a_connection_for_it_the_limit_holds},
    {"large requests take nothing from transactions",
     large_requests_take_nothing_from_transactions},
    {"who had a large reply has a connection of its own for some time",
     who_had_a_large_reply_has_a_connection_of_its_own_for_some_time},
    {"a large reply has nobody behind it", a_large_reply_has_nobody_behind_it},
};

SUITE_MAIN("large", cases)
