/* The daemon is told to end. What clients had sent before is carried out and answered; what they
 * send afterwards fails at their side, so that they know that it was not run. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/port.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    INCREMENTS = 500,
    CROWD = 20
};

static struct peer *peer;

static void start_with_peer(void)
{
    peer = peer_start();
    pooler = daemon_start(peer_url(peer), "[flaskredisd]\nshutdown_ms = 20000\n"
                                          "[REDIS]\nurl = {url}\n");
}

static void send_increments(struct client *client)
{
    struct bytes requests = {0};
    for (int i = 0; i < INCREMENTS; i++) {
        bytes_add_request(&requests, "INCR n");
    }
    case_defer(free, requests.data);
    client_send_bytes(client, requests.data, requests.len);
}

/* The end is asked for while the daemon stands still, so it finds everything at once. */
static void end_while_frozen(void)
{
    daemon_ask_to_end(pooler);
    process_thaw(&pooler->process);
}

static void expect_answered_at_the_end(struct client *one)
{
    process_freeze(&pooler->process);
    send_increments(one);
    end_while_frozen();
    for (int i = 1; i <= INCREMENTS; i++) {
        EXPECT_NUMBER(client_read_number(one), i);
    }
    EXPECT_ALL(one, "");
}

static void what_was_sent_before_is_answered(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session();
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    expect_answered_at_the_end(one);
}

/* They are in the listener's queue when the daemon is told to end. */
static void who_has_connected_before_is_served(void)
{
    NEEDS_DAEMON;
    struct client *crowd[CROWD];
    start("");
    process_freeze(&pooler->process);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = session();
        client_send(crowd[i], "INCR n");
    }
    end_while_frozen();
    int64_t sum = 0;
    for (int i = 0; i < CROWD; i++) {
        sum += client_read_number(crowd[i]);
        EXPECT_ALL(crowd[i], "");
    }
    EXPECT_NUMBER(sum, CROWD * (CROWD + 1) / 2);
}

static void a_request_of_which_the_end_is_missing_is_not_run(void)
{
    static const char half[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n";
    NEEDS_DAEMON;
    start("");
    struct client *one = session();
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    client_send_bytes(one, half, sizeof(half) - 1);
    client_wait_consumed(one);
    daemon_ask_to_end(pooler);
    EXPECT_ALL(one, "");
    EXPECT_NUMBER(server_all_keys(server), 0);
}

/* An empty line asks for nothing. */
static int error_of_sending(struct client *client)
{
    errno = 0;
    return send(client->fd, "\r\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

static bool cannot_send(void *client)
{
    return error_of_sending(client) == EPIPE;
}

/* A client that still waits for a reply learns that what it sends now is read by nobody. */
static void what_is_sent_afterwards_fails(void)
{
    NEEDS_DAEMON;
    start_with_peer();
    struct client *one = session();
    peer_on(peer, "GET slow", PEER_HOLD, "", 1);
    client_send(one, "GET slow");
    peer_expect(peer, "GET slow", 1);
    daemon_ask_to_end(pooler);
    EXPECT(wait_until(cannot_send, one, patience_ms()));
    peer_send(peer, peer_connection_of(peer, "GET slow"), "$4\r\nlate\r\n");
    EXPECT_ALL(one, "$4\r\nlate\r\n");
    EXPECT_NUMBER(error_of_sending(one), EPIPE);
}

/* Who connects when the end has begun is refused at once, and not kept waiting. */
static void nobody_is_let_in_afterwards(void)
{
    NEEDS_DAEMON;
    start_with_peer();
    struct client *one = session();
    char *address = daemon_address(pooler, "redis");
    peer_on(peer, "GET slow", PEER_HOLD, "", 1);
    client_send(one, "GET slow");
    peer_expect(peer, "GET slow", 1);
    daemon_ask_to_end(pooler);
    EXPECT(wait_until(cannot_send, one, patience_ms()));
    EXPECT(client_try_connect(address) == NULL);
    peer_send(peer, peer_connection_of(peer, "GET slow"), "$-1\r\n");
    EXPECT_ALL(one, "$-1\r\n");
}

static void a_command_that_waits_to_block_is_told_that_it_was_not_run(void)
{
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 60000\n");
    struct client *blocked = session(), *waiting = session();
    client_send(blocked, "BLPOP a 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_send(waiting, "BLPOP b 0");
    client_wait_consumed(waiting);
    daemon_ask_to_end(pooler);
    EXPECT_ALL(waiting, "-POOLDOWN the connection is being ended; not sent\r\n");
    EXPECT_ALL(blocked, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

/* What the server takes out of a list for a blocked client must not be lost with the daemon. */
static void a_blocked_client_gets_what_was_taken_for_it(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *blocked = session(), *direct = server_client(server);
    client_send(blocked, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    server_freeze(server);
    client_send(direct, "RPUSH q x");
    daemon_ask_to_end(pooler);
    EXPECT(!client_try_read(blocked, 50));
    server_thaw(server);
    const char *all = client_read_all(blocked)->data;
    bool has_it = strcmp(all, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n") == 0;
    EXPECT(has_it || strncmp(all, "-UNBLOCKED ", 11) == 0);
    EXPECT_REPLY(direct, ":1\r\n");
    EXPECT_NUMBER(server_keys(server, 0), has_it ? 0 : 1);
}

static void a_server_that_lets_nobody_unblock_does_not_hold_up_the_end(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start(server_url(server),
                          "[flaskredisd]\nshutdown_ms = 3600000\n[REDIS]\nurl = {url}\n");
    server_ask(server, "ACL SETUSER default -client|unblock");
    struct client *blocked = session();
    client_send(blocked, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    daemon_ask_to_end(pooler);
    EXPECT_ALL(blocked, "");
}

static void whoever_waits_without_a_request_is_closed(void)
{
    static const char *const states[] = {"PING", "SUBSCRIBE c", "WATCH k", "MULTI", "MONITOR"};
    struct client *clients[sizeof(states) / sizeof(states[0])];
    NEEDS_DAEMON;
    start("");
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        clients[i] = session();
        client_call(clients[i], "%s", states[i]);
    }
    daemon_ask_to_end(pooler);
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        client_read_all(clients[i]);
    }
}

/* What waits for a connection when the end begins is not cut off: it has its usual time. */
static void what_waits_for_a_connection_is_still_served(void)
{
    NEEDS_DAEMON;
    start("leases = 1\nlease_wait_ms = 60000\n");
    struct client *holder = session(), *waiting = session();
    EXPECT_CALL(holder, "MULTI", "+OK\r\n");
    client_send(waiting, "WATCH k");
    client_send(waiting, "INCR n");
    client_wait_consumed(waiting);
    daemon_ask_to_end(pooler);
    EXPECT_ALL(waiting, "+OK\r\n:1\r\n");
}

static void tcp_clients_are_answered_too(void)
{
    enum {
        PORT_CAP = 64
    };
    NEEDS_DAEMON;
    struct bytes settings = {0};
    char address[PORT_CAP];
    int port = free_tcp_port();
    bytes_printf(&settings, "listen = tcp://127.0.0.1:%d\n", port);
    case_defer(free, settings.data);
    start(settings.data);
    snprintf(address, sizeof(address), "redis://127.0.0.1:%d", port);
    struct client *one = client_connect(address);
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    expect_answered_at_the_end(one);
}

static const struct test_case cases[] = {
    {"all that was sent before the end is carried out and answered",
     what_was_sent_before_is_answered},
    {"who has connected before the end is served, accepted or not",
     who_has_connected_before_is_served},
    {"a request of which the end is missing is not run",
     a_request_of_which_the_end_is_missing_is_not_run},
    {"what is sent after the end has begun fails at its sender", what_is_sent_afterwards_fails},
    {"nobody is let in after the end has begun", nobody_is_let_in_afterwards},
    {"a command that waits to block is told that it was not run",
     a_command_that_waits_to_block_is_told_that_it_was_not_run},
    {"a server that lets nobody unblock does not hold up the end",
     a_server_that_lets_nobody_unblock_does_not_hold_up_the_end},
    {"a blocked client gets what was taken for it, or it stays",
     a_blocked_client_gets_what_was_taken_for_it},
    {"whoever waits without a request is closed", whoever_waits_without_a_request_is_closed},
    {"what waits for a connection is still served", what_waits_for_a_connection_is_still_served},
    {"clients over TCP are answered too", tcp_clients_are_answered_too},
};

SUITE_MAIN("drain", cases)
