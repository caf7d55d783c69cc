/* Blocking commands: on connections of their own, within a quota of their own, in the order of
 * their coming, for no longer than they say, and given up with their client. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    SLACK_MS = 200
};

/* A client blocked for ever in BLPOP of this list, so many being blocked then. */
static struct client *blocked_on(const char *list, int64_t count)
{
    struct client *one = session();
    client_send(one, "BLPOP %s 0", list);
    EXPECT_INFO(server, "blocked_clients", count);
    return one;
}

static bool has_passed(void *context)
{
    return now_ms() >= *(const int64_t *)context;
}

static void pass(int64_t ms)
{
    int64_t end = now_ms() + ms;
    wait_until(has_passed, &end, patience_ms());
}

static int64_t client_id(struct client *client)
{
    client_send(client, "CLIENT ID");
    return client_read_number(client);
}

/* ------------------------------------------------------------------------------------ nobody else
 */

static void a_blocked_client_delays_nobody(void)
{
    start("");
    struct client *one = blocked_on("q", 1), *other = session();
    int64_t before = now_ms();
    for (int i = 0; i < 1000; i++) {
        EXPECT_CALL(other, "GET k", "$-1\r\n");
    }
    EXPECT_BETWEEN(now_ms() - before, 0, patience_ms());
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_REPLY(one, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
}

struct refusals {
    struct client **clients;
    int count;
    int wanted;
};

static bool as_many_are_refused(void *context)
{
    static const char refusal[] = "-POOLWAIT no connection free within 500 ms (blocking_max 100 of "
                                  "100, setting \"blocking_max\")\r\n";
    struct refusals *refusals = context;
    int refused = 0;
    for (int i = 0; i < refusals->count; i++) {
        client_gather(refusals->clients[i]);
        refused +=
            refusals->clients[i]->in.len > 0 && strcmp(refusals->clients[i]->in.data, refusal) == 0;
    }
    return refused == refusals->wanted;
}

static void more_blocked_clients_than_the_quota_delay_nobody(void)
{
    enum {
        CLIENTS = 200,
        QUOTA = 100,
        ROUNDS = 200
    };
    struct client *clients[CLIENTS];
    NEEDS_DAEMON;
    start("blocking_max = 100\nlease_wait_ms = 500\n");
    struct client *other = session();
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = session();
        client_send(clients[i], "BLPOP q 0");
    }
    EXPECT_INFO(server, "blocked_clients", QUOTA);
    int64_t worst = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t before = now_ms();
        EXPECT_CALL(other, "SET k v", "+OK\r\n");
        EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
        EXPECT_CALL(other, "MULTI", "+OK\r\n"); /* nor do they take what transactions need */
        EXPECT_CALL(other, "EXEC", "*0\r\n");
        worst = now_ms() - before > worst ? now_ms() - before : worst;
    }
    EXPECT_BETWEEN(worst, 0, slack_ms(SLACK_MS));
    EXPECT(wait_until(as_many_are_refused, &(struct refusals){clients, CLIENTS, CLIENTS - QUOTA},
                      patience_ms()));
    EXPECT_NUMBER(server_info(server, "blocked_clients"), QUOTA);
}

/* ------------------------------------------------------------------------------------------ turns
 */

static void clients_are_served_in_the_order_they_blocked(void)
{
    start("");
    struct client *first = blocked_on("q", 1), *second = blocked_on("q", 2);
    struct client *other = session();
    EXPECT_CALL(other, "RPUSH q a", ":1\r\n");
    EXPECT_REPLY(first, "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    EXPECT_CALL(other, "RPUSH q b", ":1\r\n");
    EXPECT_REPLY(second, "*2\r\n$1\r\nq\r\n$1\r\nb\r\n");
}

static void who_waits_for_the_quota_is_served_in_turn(void)
{
    enum {
        CLIENTS = 5
    };
    struct client *clients[CLIENTS];
    char expected[64];
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 5000\n");
    struct client *other = session();
    if (daemon_workers() > 1) {
        case_skip("turns are kept within a worker");
        return;
    }
    clients[0] = blocked_on("q", 1);
    for (int i = 1; i < CLIENTS; i++) {
        clients[i] = session();
        client_send(clients[i], "BLPOP q 0");
        client_wait_consumed(clients[i]);
        EXPECT_CALL(other, "PING", "+PONG\r\n"); /* what was read before has been dealt with */
    }
    for (int i = 0; i < CLIENTS; i++) {
        client_call(other, "RPUSH q %d", i);
        snprintf(expected, sizeof(expected), "*2\r\n$1\r\nq\r\n$1\r\n%d\r\n", i);
        expect_reply(__FILE__, __LINE__, clients[i], expected, strlen(expected));
    }
}

static void a_pipeline_around_a_blocked_command_keeps_its_order(void)
{
    start("");
    struct client *one = session(), *other = session();
    client_send(one, "SET a 1");
    client_send(one, "BLPOP q 0");
    client_send(one, "GET a");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "SET a 2", "+OK\r\n"); /* what stands behind has not run yet */
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
    EXPECT_REPLY(one, "$1\r\n2\r\n");
}

/* ------------------------------------------------------------------------------------------- time
 */

/* What each command answers when its time is over, and that it is over in time. */
static void every_blocking_command_ends_in_time(void)
{
    static const char *const lines[] = {
        "BLPOP q 0.1",
        "BRPOP q r 0.1",
        "BLMOVE q r LEFT RIGHT 0.1",
        "BRPOPLPUSH q r 0.1",
        "BLMPOP 0.1 2 q r LEFT COUNT 3",
        "BZPOPMIN z 0.1",
        "BZPOPMAX z y 0.1",
        "BZMPOP 0.1 1 z MIN",
        "XREAD COUNT 2 BLOCK 100 STREAMS s $",
        "XREADGROUP GROUP g c BLOCK 100 COUNT 1 STREAMS stream >",
    };
    start("");
    server_ask(server, "XGROUP CREATE stream g $ MKSTREAM");
    struct client *two = session(), *three = session3();
    struct client *direct = server_client(server);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int64_t before = now_ms();
        EXPECT_SAME(two, direct, lines[i]);
        EXPECT_CALL(two, lines[i], "*-1\r\n");
        EXPECT_CALL(three, lines[i], "_\r\n");
        EXPECT_BETWEEN(now_ms() - before, 400 - 4 * 5, patience_ms());
    }
}

/* With the quota used up, each ends when its own time is over, as if it had blocked. */
static void who_waits_for_the_quota_ends_in_time_too(void)
{
    static const char *const lines[] = {
        "BLPOP r 0.3",         "BLMOVE r q LEFT RIGHT 0.3", "BRPOPLPUSH r q 0.3",
        "BLMPOP 0.3 1 r LEFT", "BZMPOP 0.3 1 z MIN",        "XREAD BLOCK 300 STREAMS s $",
    };
    enum {
        LINES = sizeof(lines) / sizeof(lines[0])
    };
    struct client *clients[LINES];
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 5000\n");
    blocked_on("q", 1);
    int64_t before = now_ms();
    for (int i = 0; i < LINES; i++) {
        clients[i] = i % 2 == 0 ? session() : session3();
        client_send(clients[i], "%s", lines[i]);
    }
    for (int i = 0; i < LINES; i++) {
        if (i % 2 == 0) {
            EXPECT_REPLY(clients[i], "*-1\r\n");
        } else {
            EXPECT_REPLY(clients[i], "_\r\n");
        }
        EXPECT_CALL(clients[i], "PING", "+PONG\r\n");
    }
    EXPECT_BETWEEN(now_ms() - before, 280, 300 + slack_ms(2 * SLACK_MS));
    EXPECT_NUMBER(server_calls(server, "blmove") + server_calls(server, "xread"), 0); /* not sent */
}

static void what_was_waited_for_the_quota_is_taken_off_the_time(void)
{
    static const char *const lines[] = {"BLPOP r 2", "BLMPOP 2 1 r LEFT",
                                        "XREAD BLOCK 2000 STREAMS s $"};
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 5000\n");
    struct client *waiting = session(), *other = session();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client *first = blocked_on("q", 1);
        int64_t before = now_ms();
        client_send(waiting, "%s", lines[i]);
        pass(500);
        EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
        client_read(first);
        EXPECT_INFO(server, "blocked_clients", 1); /* on the server now */
        EXPECT_REPLY(waiting, "*-1\r\n");
        EXPECT_BETWEEN(now_ms() - before, 1980, 2000 + slack_ms(2 * SLACK_MS)); /* 2500: not */
        client_close(first);
    }
}

/* What is no time to the daemon is for the server to judge. */
static void odd_times_are_the_servers_to_judge(void)
{
    static const char script[] =
        "BLPOP q -1; BLPOP q x; BLPOP q ''; BLPOP q nan; BLPOP q inf; BLPOP q 1e400; BLPOP q; "
        "BLMPOP x 1 q LEFT; XREAD BLOCK -1 STREAMS s $; XREAD BLOCK x STREAMS s $; "
        "XREAD BLOCK; BZMPOP; BLPOP q 0x0.1p0; RPUSH l v; BLPOP l 0";
    start("");
    EXPECT_SAME(session(), server_client(server_start(NULL)), script);
}

static void only_the_option_block_blocks(void)
{
    static const char script[] =
        "XREAD COUNT 1 STREAMS s 0; XREAD STREAMS BLOCK 0; XREAD STREAMS BLOCK s 0 0; "
        "XREAD COUNT 2 STREAMS BLOCK 0-0; XREADGROUP GROUP BLOCK c STREAMS s >";
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 0\n");
    struct client *one = session();
    blocked_on("q", 1);
    server_ask(server, "XADD s 1-1 f v");
    EXPECT_SAME(one, server_client(server), script);
    EXPECT_CALL_BEGINS(one, "XREAD COUNT 1 BLOCK 10 STREAMS s $", "-POOLWAIT ");
}

/* ------------------------------------------------------------------------------------- given up
 */

static void a_blocked_client_that_goes_takes_nothing(void)
{
    start("");
    struct client *closed = blocked_on("q", 1), *other = session();
    client_close(closed);
    EXPECT_INFO(server, "blocked_clients", 0);
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_CALL(other, "LRANGE q 0 -1", "*1\r\n$1\r\nv\r\n");
}

static void a_half_closed_blocked_client_is_given_up(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    client_send(one, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_half_close(one);
    EXPECT_ALL(one, "");
    EXPECT_INFO(server, "blocked_clients", 0);
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_CALL(other, "LLEN q", ":1\r\n");
}

/* Each way in is tried with a connection to be made and with one that stands. */
static void the_end_behind_a_request_that_need_not_block_is_no_cancel(void)
{
    static const struct {
        const char *requests, *replies;
    } rows[] = {
        {"RPUSH q v; BLPOP q 0", ":1\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n"},
        {"BLPOP q x", "-ERR timeout is not a float or out of range\r\n"},
        {"RPUSH q v; BLPOP q 0; SET k w; GET k",
         ":1\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n+OK\r\n$1\r\nw\r\n"},
        {"RPUSH q v v; BLPOP q 0; BLPOP q 0; PING",
         ":2\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n+PONG\r\n"},
        {"WATCH k; RPUSH q v; BLPOP q 0", "+OK\r\n:1\r\n*2\r\n$1\r\nq\r\n$1\r\nv\r\n"},
        {"XADD s 1-1 f v; XREAD BLOCK 0 STREAMS s 0",
         "$3\r\n1-1\r\n*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$"
         "1\r\nv\r\n"},
        {"WAIT 0 0", ":0\r\n"},
        {"WATCH k; BLPOP q; SET k w; PING",
         "+OK\r\n-ERR wrong number of arguments for 'blpop' command\r\n+OK\r\n+PONG\r\n"},
        {"CLIENT TRACKING ON; WAIT 1 1 1; PING",
         "+OK\r\n-ERR wrong number of arguments for 'wait' command\r\n+PONG\r\n"},
    };
    start("");
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *one = session();
        server_ask(server, "FLUSHALL");
        client_send_script(one, rows[i / 2].requests);
        client_half_close(one);
        const char *replies = rows[i / 2].replies;
        expect_all(__FILE__, __LINE__, one, replies, strlen(replies));
    }
    if (!daemon_is_direct()) {
        EXPECT_INFO(server, "blocked_clients", 0);
    }
}

/* What stands behind it is not executed, and what was before it is answered. */
static void the_end_behind_a_request_that_blocks_ends_it_and_what_follows(void)
{
    start("");
    struct client *one = session(), *other = session();
    client_send_script(one, "SET a 1; GET a; BLPOP q 0; SET b 1");
    client_half_close(one);
    EXPECT_ALL(one, "+OK\r\n$1\r\n1\r\n");
    EXPECT_INFO(server, "blocked_clients", 0);
    EXPECT_CALL(other, "EXISTS b", ":0\r\n");
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_CALL(other, "LLEN q", ":1\r\n");
}

static bool list_is_empty(void *context)
{
    (void)context;
    return strcmp(server_ask(server, "LLEN q")->data, ":0\r\n") == 0;
}

/* As a server does it: what has been received completely is executed. */
static void a_request_that_need_not_block_runs_although_its_client_has_gone(void)
{
    enum {
        ROUNDS = 100
    };
    start("");
    struct client *other = session();
    for (int i = 0; i < ROUNDS; i++) {
        EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
        struct client *one = session();
        client_send(one, "BLPOP q 0");
        client_close(one);
        EXPECT(wait_until(list_is_empty, NULL, patience_ms()));
    }
}

static bool has_logged_lost_reply(void *context)
{
    (void)context;
    return strstr(daemon_log(pooler), "blocked_reply_lost: 1") != NULL;
}

/* The element is in nobody's hands; that is at least told to who looks at the counters. */
static void a_reply_that_finds_its_client_gone_is_counted(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "BLPOP q 0.01", "*-1\r\n"); /* makes the connection */
    server_ask(server, "RPUSH q v");
    server_freeze(server);
    client_send(one, "BLPOP q 0");
    client_close(one);
    for (int turn = 0; turn < 2; turn++) { /* the daemon has seen both when it answers another */
        client_id(other);
    }
    server_thaw(server);
    EXPECT(wait_until(list_is_empty, NULL, patience_ms()));
    EXPECT_CALL(other, "PING", "+PONG\r\n");
    kill(pooler->process.pid, SIGUSR1);
    EXPECT(wait_until(has_logged_lost_reply, NULL, patience_ms()));
}

static void a_client_that_goes_from_the_queue_leaves_its_turn(void)
{
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 60000\n");
    struct client *first = blocked_on("q", 1), *gone = session(), *half = session();
    struct client *last = session(), *other = session();
    client_send(gone, "BLPOP q 0");
    client_send(half, "BLPOP q 0");
    client_wait_consumed(gone);
    client_wait_consumed(half);
    client_send(last, "BLPOP q 0");
    client_wait_consumed(last);
    client_close(gone);
    client_half_close(half);
    EXPECT_ALL(half, "");
    EXPECT_CALL(other, "RPUSH q a", ":1\r\n");
    EXPECT_REPLY(first, "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "RPUSH q b", ":1\r\n");
    EXPECT_REPLY(last, "*2\r\n$1\r\nq\r\n$1\r\nb\r\n");
}

static void unblock_reaches_a_client_that_waits_for_the_quota(void)
{
    static const char *const hows[] = {"", " TIMEOUT", " ERROR"};
    NEEDS_DAEMON;
    start("blocking_max = 1\nlease_wait_ms = 60000\n");
    struct client *waiting = session(), *other = session();
    int64_t id = client_id(waiting);
    blocked_on("q", 1);
    for (int i = 0; i < 3; i++) {
        client_send(waiting, "BLPOP q 0");
        client_wait_consumed(waiting);
        EXPECT_CALL(other, "PING", "+PONG\r\n");
        client_send(other, "CLIENT UNBLOCK %lld%s", (long long)id, hows[i]);
        EXPECT_REPLY(other, ":1\r\n");
        EXPECT_REPLY_BEGINS(waiting, i < 2 ? "*-1\r\n" : "-UNBLOCKED client unblocked via");
    }
    client_send(other, "CLIENT UNBLOCK %lld", (long long)id);
    EXPECT_REPLY(other, ":0\r\n");
}

static void a_blocked_command_whose_connection_is_killed_is_not_sent_again(void)
{
    NEEDS_DAEMON;
    start("retry_reads = yes\n");
    struct client *pop = blocked_on("q", 1), *read = session(), *other = session();
    client_send(read, "XREAD BLOCK 0 STREAMS s $");
    EXPECT_INFO(server, "blocked_clients", 2);
    server_ask(server, "CLIENT KILL TYPE normal");
    EXPECT_REPLY_BEGINS(pop, "-POOLLOST ");
    EXPECT_REPLY_BEGINS(read, "-POOLLOST ");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_NUMBER(server_info(server, "blocked_clients"), 0);
    EXPECT_CALL(pop, "RPUSH q v", ":1\r\n");
    EXPECT_CALL(pop, "BLPOP q 0", "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
}

static void what_ends_a_blocked_command_on_the_server_is_passed_on(void)
{
    start("");
    server_ask(server, "XGROUP CREATE s g $ MKSTREAM");
    struct client *one = session();
    client_send(one, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
    EXPECT_INFO(server, "blocked_clients", 1);
    server_ask(server, "DEL s");
    EXPECT_REPLY_BEGINS(one, "-");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

static const struct test_case cases[] = {
    {"a blocked client delays nobody", a_blocked_client_delays_nobody},
    {"more blocked clients than the quota delay nobody",
     more_blocked_clients_than_the_quota_delay_nobody},
    {"clients are served in the order they blocked", clients_are_served_in_the_order_they_blocked},
    {"who waits for the quota is served in turn", who_waits_for_the_quota_is_served_in_turn},
    {"a pipeline around a blocked command keeps its order",
     a_pipeline_around_a_blocked_command_keeps_its_order},
    {"every blocking command ends in time", every_blocking_command_ends_in_time},
    {"who waits for the quota ends in time too", who_waits_for_the_quota_ends_in_time_too},
    {"what was waited for the quota is taken off the time",
     what_was_waited_for_the_quota_is_taken_off_the_time},
    {"odd times are the server's to judge", odd_times_are_the_servers_to_judge},
    {"only the option BLOCK blocks", only_the_option_block_blocks},
    {"a blocked client that goes takes nothing", a_blocked_client_that_goes_takes_nothing},
    {"a half-closed blocked client is given up", a_half_closed_blocked_client_is_given_up},
    {"the end behind a request that need not block is no cancel",
     the_end_behind_a_request_that_need_not_block_is_no_cancel},
    {"the end behind a request that blocks ends it and what follows",
     the_end_behind_a_request_that_blocks_ends_it_and_what_follows},
    {"a request that need not block runs although its client has gone",
     a_request_that_need_not_block_runs_although_its_client_has_gone},
    {"a reply that finds its client gone is counted",
     a_reply_that_finds_its_client_gone_is_counted},
    {"a client that goes from the queue leaves its turn",
     a_client_that_goes_from_the_queue_leaves_its_turn},
    {"CLIENT UNBLOCK reaches a client that waits for the quota",
     unblock_reaches_a_client_that_waits_for_the_quota},
    {"a blocked command whose connection is killed is not sent again",
     a_blocked_command_whose_connection_is_killed_is_not_sent_again},
    {"what ends a blocked command on the server is passed on",
     what_ends_a_blocked_command_on_the_server_is_passed_on},
};

SUITE_MAIN("blocking", cases)
