/* WAIT never tells of a replica that has not what the client wrote, wherever the write ran, and
 * delays nobody else. The replica stands still, so that none has it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static struct server *replica;

static bool is_linked(void *context)
{
    return strstr(server_ask(context, "INFO replication")->data, "state=online") != NULL;
}

static void start_linked(const char *settings)
{
    start_with("--repl-diskless-sync-delay 0", settings);
    replica = server_start(NULL);
    server_ask(replica, "REPLICAOF 127.0.0.1 %d", server->port);
    EXPECT(wait_until(is_linked, server, 10 * patience_ms()));
}

static void go_on(void *what)
{
    server_thaw(what);
}

/* From now on no replica has what is written. */
static void freeze(void)
{
    server_freeze(replica);
    case_defer(go_on, replica);
}

static void expect_none(struct client *client)
{
    EXPECT_CALL(client, "WAIT 1 100", ":0\r\n");
    EXPECT_CALL(client, "WAIT 0 0", ":0\r\n");
}

/* --------------------------------------------------------------------------------- the truth */

static void what_a_replica_has_is_counted(void)
{
    start_linked("");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 5000", ":1\r\n");
    EXPECT_CALL(one, "WAIT 0 0", ":1\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k w", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*1\r\n+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 5000", ":1\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nw\r\n");
}

static void what_no_replica_has_is_not_counted(void)
{
    start_linked("");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    freeze();
    for (int round = 0; round < 3; round++) {
        EXPECT_CALL(one, "SET k v", "+OK\r\n");
        expect_none(one);
        EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    }
}

static void what_a_transaction_wrote_is_not_counted_either(void)
{
    start_linked("");
    struct client *one = session(), *other = session();
    freeze();
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*1\r\n+OK\r\n");
    for (int i = 0; i < 3; i++) { /* the connection goes through other hands */
        EXPECT_CALL(other, "WATCH k", "+OK\r\n");
        EXPECT_CALL(other, "UNWATCH", "+OK\r\n");
    }
    expect_none(one);
}

/* The connection of the write is in somebody else's use. */
static void what_ran_on_a_connection_in_use_is_not_counted_either(void)
{
    start_linked("");
    struct client *one = session(), *other = session();
    freeze();
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "UNWATCH", "+OK\r\n");
    EXPECT_CALL(other, "WATCH k", "+OK\r\n");
    expect_none(one);
}

static void what_was_written_under_watch_is_not_counted_either(void)
{
    start_linked("");
    struct client *one = session();
    freeze();
    EXPECT_CALL(one, "SET k v", "+OK\r\n"); /* on the lane */
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    expect_none(one);
    EXPECT_CALL(one, "SET k w", "+OK\r\n"); /* on the lent one */
    expect_none(one);
}

static void what_was_written_in_another_database_is_not_counted_either(void)
{
    start_linked("");
    struct client *one = session();
    freeze();
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "SELECT 4", "+OK\r\n");
    expect_none(one);
}

static void scripts_and_large_values_are_writes(void)
{
    enum {
        LEN = 300000
    };
    struct bytes request = {0};
    start_linked("");
    struct client *one = session();
    freeze();
    EXPECT_CALL(one, "EVAL 'return redis.call(\"SET\", KEYS[1], 1)' 1 k", "+OK\r\n");
    expect_none(one);
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%0*d\r\n", LEN, LEN, 0);
    case_defer(free, request.data);
    client_send_bytes(one, request.data, request.len);
    EXPECT_REPLY(one, "+OK\r\n");
    expect_none(one);
}

/* -------------------------------------------------------------------------------- nobody else */

static void who_waits_for_replicas_delays_nobody(void)
{
    enum {
        OTHERS = 50,
        ROUNDS = 40,
        WAIT_MS = 600,
        LIMIT_MS = 300
    };
    struct client *others[OTHERS];
    start_linked("");
    struct client *one = session();
    for (int i = 0; i < OTHERS; i++) {
        others[i] = session();
        EXPECT_CALL(others[i], "SET k v", "+OK\r\n");
    }
    freeze();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    int64_t before = now_ms(), worst = 0;
    client_send(one, "WAIT 1 %d", WAIT_MS);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = now_ms();
        for (int i = 0; i < OTHERS; i++) {
            client_send(others[i], "SET k %d", round);
        }
        for (int i = 0; i < OTHERS; i++) {
            EXPECT_REPLY(others[i], "+OK\r\n");
        }
        worst = now_ms() - began > worst ? now_ms() - began : worst;
    }
    EXPECT_REPLY(one, ":0\r\n");
    EXPECT_BETWEEN(now_ms() - before, WAIT_MS - 20, WAIT_MS + patience_ms());
    EXPECT_BETWEEN(worst, 0, LIMIT_MS);
}

/* The connection is taken over while replies of others are on their way: each gets its own. */
static void replies_of_others_come_over_the_connection_that_was_taken(void)
{
    enum {
        OTHERS = 20,
        ROUNDS = 100
    };
    struct client *others[OTHERS];
    start_linked("");
    struct client *one = session();
    for (int i = 0; i < OTHERS; i++) {
        others[i] = session();
    }
    for (int round = 0; round < ROUNDS; round++) {
        client_send(one, "SET k v");
        client_send(one, "WAIT 1 1000");
        for (int i = 0; i < OTHERS; i++) {
            client_send(others[i], "INCR n:%d", i);
            client_send(others[i], "ECHO %d-%d", i, round);
        }
        EXPECT_REPLY(one, "+OK\r\n");
        EXPECT_REPLY(one, ":1\r\n");
        for (int i = 0; i < OTHERS; i++) {
            char expected[32];
            EXPECT_NUMBER(client_read_number(others[i]), round + 1);
            snprintf(expected, sizeof(expected), "%d-%d\r\n", i, round);
            EXPECT_HAS(client_read(others[i])->data, expected);
        }
    }
}

static int64_t connections(void)
{
    return server_clients(server, "name=flaskredisd:");
}

static void waiting_often_makes_no_more_connections(void)
{
    NEEDS_DAEMON;
    start_linked("");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 5000", ":1\r\n");
    int64_t before = connections(), made = server_info(server, "total_connections_received");
    for (int i = 0; i < 50; i++) {
        EXPECT_CALL(one, "SET k v", "+OK\r\n");
        EXPECT_CALL(one, "WAIT 1 5000", ":1\r\n");
    }
    EXPECT_NUMBER(connections(), before);
    EXPECT_NUMBER(server_info(server, "total_connections_received"), made);
}

static void who_waits_for_replicas_and_goes_is_given_up(void)
{
    start_linked("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    freeze();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    client_send(one, "WAIT 1 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_close(one);
    EXPECT_INFO(server, "blocked_clients", 0);
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
}

/* ------------------------------------------------------------------------- what is not known */

static void a_write_lost_with_its_server_is_not_confirmed(void)
{
    NEEDS_DAEMON;
    start_linked("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    server_ask(server, "CLIENT KILL TYPE normal");
    EXPECT_CALL(other, "SET k w", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "WAIT 1 100",
                       "-POOLLOST the connection that carried the write is gone");
    EXPECT_CALL_BEGINS(one, "WAIT 0 0", "-POOLLOST ");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 5000", ":1\r\n");
}

#define HELLO_OF_7_2                                                                               \
    "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4\r\n$5\r\nproto\r\n:2\r\n"  \
    "$2\r\nid\r\n:5\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"          \
    "$7\r\nmodules\r\n*0\r\n"

static struct peer *start_newer(void)
{
    struct peer *peer = peer_start();
    peer_on(peer, "HELLO", PEER_ANSWER, HELLO_OF_7_2, 0);
    peer_on(peer, "WAIT", PEER_ANSWER, ":0\r\n", 0);
    pooler = daemon_start_redis(peer_url(peer), "");
    return peer;
}

/* Write on a connection that is in another's use when WAIT comes. */
static struct client *write_out_of_reach(void)
{
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "UNWATCH", "+OK\r\n");
    EXPECT_CALL(other, "WATCH k", "+OK\r\n");
    return one;
}

/* From 7.2 on only what is propagated moves the offset. */
static void a_newer_server_is_sent_what_it_propagates(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_newer();
    peer_on(peer, "PUBLISH flaskredisd:offset", PEER_ANSWER, ":0\r\n", 0);
    struct client *none = session();
    EXPECT_CALL(none, "WAIT 1 100", ":0\r\n");
    EXPECT_NUMBER(peer_count(peer, "PUBLISH"), 0); /* it has written nothing */
    EXPECT_CALL(none, "SET k v", "+OK\r\n");
    EXPECT_CALL(none, "WAIT 1 100", ":0\r\n");
    EXPECT_NUMBER(peer_count(peer, "PUBLISH"), 0);
    EXPECT_NUMBER(peer_connection_of(peer, "WAIT"), peer_connection_of(peer, "SET"));
    struct client *one = write_out_of_reach();
    EXPECT_CALL(one, "WAIT 1 100", ":0\r\n");
    EXPECT_NUMBER(peer_count(peer, "PUBLISH"), 1);
    EXPECT_NUMBER(peer_connection_of(peer, "WAIT"), peer_connection_of(peer, "PUBLISH"));
}

/* The last command may have changed nothing, and then its connection's offset means nothing. */
static void writes_on_two_connections_are_both_meant(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_newer();
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 100", ":0\r\n");
    EXPECT_NUMBER(peer_count(peer, "PUBLISH"), 1);
    EXPECT_CALL(one, "WAIT 1 100", ":0\r\n");
    EXPECT_NUMBER(peer_count(peer, "PUBLISH"), 1);
    EXPECT_NUMBER(peer_connection_of(peer, "WAIT"), peer_connection_of(peer, "PUBLISH"));
}

static void who_may_not_move_the_offset_is_told(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_newer();
    peer_on(peer, "PUBLISH", PEER_ANSWER, "-NOPERM no channel\r\n", 0);
    struct client *one = write_out_of_reach();
    EXPECT_CALL_BEGINS(one, "WAIT 1 100",
                       "-POOLLOST the connection that carried the write is gone");
    EXPECT_NUMBER(peer_count(peer, "WAIT"), 0);
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 1 100", ":0\r\n");
}

static const struct test_case cases[] = {
    {"what a replica has is counted", what_a_replica_has_is_counted},
    {"what no replica has is not counted", what_no_replica_has_is_not_counted},
    {"what a transaction wrote is not counted either",
     what_a_transaction_wrote_is_not_counted_either},
    {"what ran on a connection in use is not counted either",
     what_ran_on_a_connection_in_use_is_not_counted_either},
    {"what was written under WATCH is not counted either",
     what_was_written_under_watch_is_not_counted_either},
    {"what was written in another database is not counted either",
     what_was_written_in_another_database_is_not_counted_either},
    {"scripts and large values are writes", scripts_and_large_values_are_writes},
    {"who waits for replicas delays nobody", who_waits_for_replicas_delays_nobody},
    {"replies of others come over the connection that was taken",
     replies_of_others_come_over_the_connection_that_was_taken},
    {"waiting often makes no more connections", waiting_often_makes_no_more_connections},
    {"who waits for replicas and goes is given up", who_waits_for_replicas_and_goes_is_given_up},
    {"a write lost with its server is not confirmed",
     a_write_lost_with_its_server_is_not_confirmed},
    {"a newer server is sent what it propagates", a_newer_server_is_sent_what_it_propagates},
    {"writes on two connections are both meant", writes_on_two_connections_are_both_meant},
    {"who may not move the offset is told", who_may_not_move_the_offset_is_told},
};

SUITE_MAIN("waiting", cases)
