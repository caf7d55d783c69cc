/* Rare meetings: of limits and pipelines, heartbeats and transactions, state and refusals, a server
 * that goes and commands that are half on their way. */
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
    AT_ONCE_MS = 150
};

static const char three_workers[] = "[flaskredisd]\nworkers = 3\n[REDIS]\nurl = {url}\n";

/* A scripted server and a daemon before it. */
static struct peer *start_peer(const char *settings)
{
    struct peer *peer = peer_start();
    pooler = daemon_start_redis(peer_url(peer), settings);
    return peer;
}

/* Append a request of some short words ("SET k") and one of len zeros. */
static void add_long(struct bytes *to, const char *words, int len)
{
    struct bytes short_words = {0};
    bytes_add_request(&short_words, words);
    bytes_printf(to, "*%ld%s$%d\r\n%0*d\r\n", strtol(short_words.data + 1, NULL, 10) + 1,
                 strchr(short_words.data, '\r'), len, len, 0);
    bytes_finish(&short_words);
}

/* url with credentials ("user:password") put in. */
static const char *with_credentials(const char *url, const char *credentials)
{
    static const char scheme[] = "unix://";
    char *whole = case_alloc(strlen(url) + strlen(credentials) + 2);
    sprintf(whole, "%s%s@%s", scheme, credentials, url + strlen(scheme));
    return whole;
}

static int64_t call_time(struct client *client, const char *line, const char *begins)
{
    int64_t before = now_ms();
    EXPECT_CALL_BEGINS(client, line, begins);
    return now_ms() - before;
}

/* ------------------------------------------------------------------------------- many requests */

static void a_pipeline_longer_than_its_limit_is_answered(void)
{
    static const struct {
        int most, sent;
    } rows[] = {{1, 3}, {100, 400}, {10000, 30000}};
    char settings[64];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bytes requests = {0};
        snprintf(settings, sizeof(settings), "outstanding_max = %d\n", rows[i].most);
        start(settings);
        struct client *one = session();
        EXPECT_CALL(one, "SET k 1", "+OK\r\n");
        for (int j = 0; j < rows[i].sent; j++) {
            bytes_add_request(&requests, "TOUCH k");
        }
        case_defer(free, requests.data);
        client_send_bytes(one, requests.data, requests.len);
        for (int j = 0; j < rows[i].sent; j++) {
            EXPECT_REPLY(one, ":1\r\n");
        }
        daemon_stop(pooler);
    }
}

/* An argument's length stands in a line that begins where about 64 KiB have come and never ends. */
static void a_length_that_never_ends_is_a_protocol_error(void)
{
    enum {
        EDGE = 64 * KIB,
        AROUND = 3
    };
    start("");
    for (int edge = EDGE - AROUND; edge <= EDGE + AROUND; edge++) {
        struct bytes input = {0};
        int len = edge - 30; /* without the rest of the request */
        bytes_printf(&input, "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n%0*d\r\n", len, len, 0);
        EXPECT_NUMBER(input.len, edge);
        bytes_printf(&input, "$%0*d", EDGE + 100, 1);
        case_defer(free, input.data);
        struct client *one = session();
        client_send_bytes(one, input.data, input.len);
        EXPECT_ALL(one, "-ERR Protocol error: too big bulk count string\r\n");
    }
}

/* -------------------------------------------------------------------------------- transactions */

static void select_under_watch_lasts_however_the_watch_ends(void)
{
    static const struct {
        const char *script;
        int db;
    } rows[] = {
        {"GET x; WATCH k; SELECT 3; UNWATCH; SET k v", 3},
        {"GET x; WATCH k; SELECT 3; MULTI; GET k; DISCARD; SET k v", 3},
        {"GET x; WATCH k; SELECT 3; MULTI; GET k; EXEC; SET k v", 3},
        {"GET x; WATCH k; SELECT 3; EXEC; UNWATCH; SET k v", 3},
        {"GET x; WATCH k; SELECT 3; SELECT 99; UNWATCH; SET k v", 3},
        {"GET x; WATCH k; SELECT 3; SELECT 0; UNWATCH; SET k v", 0},
        {"GET x; SELECT 3; WATCH k; SELECT 5; RESET; SET k v", 0},
    };
    start("");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        EXPECT_SAME(session(), server_client(twin()), rows[i].script);
        EXPECT_NUMBER(server_keys(server, rows[i].db), 1);
        EXPECT_NUMBER(server_all_keys(server), 1);
        server_ask(server, "FLUSHALL");
        server_ask(twin(), "FLUSHALL");
    }
}

static bool three_more_pings(void *before)
{
    return server_calls(server, "ping") >= *(int64_t *)before + 3;
}

/* The heartbeats of the shared connection tell the time. */
static void a_heartbeat_is_never_queued_in_a_transaction(void)
{
    NEEDS_DAEMON;
    start("heartbeat_ms = 100\n");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k 1", "+QUEUED\r\n");
    int64_t before = server_calls(server, "ping");
    EXPECT(wait_until(three_more_pings, &before, patience_ms()));
    EXPECT_CALL(one, "SET k 2", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*2\r\n+OK\r\n+OK\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\n2\r\n");
}

/* What follows a MULTI that was not taken would run at once, which nobody wants: whoever has sent
 * it already is told so and closed; whoever waits for the reply can decide. */
static void a_refused_transaction_runs_nothing(void)
{
    NEEDS_DAEMON;
    start("leases = 1\nlease_wait_ms = 200\n");
    struct client *holder = session(), *alone = session(), *hasty = session();
    EXPECT_CALL(holder, "MULTI", "+OK\r\n");
    client_send_script(hasty, "MULTI; INCR n; INCR n");
    EXPECT_CALL_BEGINS(alone, "MULTI", "-POOLWAIT ");
    EXPECT_CALL(alone, "GET n", "$-1\r\n");
    EXPECT_REPLY_BEGINS(hasty, "-POOLWAIT ");
    EXPECT_ALL(hasty, "");
    EXPECT_NUMBER(server_all_keys(server), 0);
}

/* With one request outstanding at most, what follows the MULTI is still in the input. */
static void a_lost_transaction_runs_nothing(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("outstanding_max = 1\n");
    struct client *alone = session(), *hasty = session();
    peer_on(peer, "MULTI", PEER_HOLD, "", 2);
    client_send(alone, "MULTI");
    peer_expect(peer, "MULTI", 1);
    client_send_script(hasty, "MULTI; INCR n");
    peer_expect(peer, "MULTI", 2);
    client_wait_consumed(hasty);
    peer_close(peer, 0);
    EXPECT_REPLY_BEGINS(alone, "-POOLLOST ");
    EXPECT_CALL(alone, "SET k v", "+OK\r\n");
    EXPECT_REPLY_BEGINS(hasty, "-POOLLOST ");
    EXPECT_ALL(hasty, "");
    EXPECT_NUMBER(peer_count(peer, "INCR"), 0);
}

/* What was already sent behind it went the same way. */
static void what_was_sent_in_a_lost_transaction_is_not_sent_again(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("");
    struct client *one = session();
    peer_on(peer, "MULTI", PEER_HOLD, "", 1);
    peer_on(peer, "INCR", PEER_HOLD, "", 1);
    client_send_script(one, "MULTI; INCR n");
    peer_expect(peer, "INCR", 1);
    peer_close(peer, 0);
    EXPECT_REPLY_BEGINS(one, "-POOLLOST ");
    EXPECT_REPLY_BEGINS(one, "-POOLLOST ");
    EXPECT_CALL(session(), "SET k v", "+OK\r\n");
    EXPECT_NUMBER(peer_count(peer, "INCR"), 1);
}

enum {
    FILLER_LEN = 10000,
    BODY_LEN = 60000,
    FILLERS_LEAST = 10,
    FILLERS_MOST = 22
};

/* A server reads no more, so that of what is sent to it a part stays unsent: fillers, and behind
 * them a transaction. It has answered all that was sent when it goes. */
static void lose_behind(struct peer *peer, int fillers)
{
    struct bytes filler = {0}, block = {0};
    struct client *one = session(), *two = session(), *late = session();
    add_long(&filler, "ECHO", FILLER_LEN);
    bytes_add_request(&block, "MULTI");
    add_long(&block, "SET k", BODY_LEN);
    bytes_add_request(&block, "EXEC");
    case_defer(free, filler.data);
    case_defer(free, block.data);
    peer_on(peer, "ECHO first", PEER_STOP_READING, "$1\r\nx\r\n", 1);
    EXPECT_CALL(one, "ECHO first", "$1\r\nx\r\n");
    for (int i = 0; i < fillers; i++) {
        client_send_bytes(one, filler.data, filler.len);
    }
    client_wait_consumed(one);
    client_send_bytes(two, block.data, block.len);
    client_wait_consumed(two);
    int first = peer_connection_of(peer, "ECHO first");
    for (int i = 0; i < fillers; i++) {
        peer_send(peer, first, "$1\r\nx\r\n");
    }
    peer_send(peer, first, "+OK\r\n");
    client_read(two); /* of the MULTI, from here or, if it was not sent, from the next connection */
    peer_close(peer, first);
    EXPECT_CALL(late, "SET done v", "+OK\r\n");
}

/* Where the unsent part begins depends on the system's buffers, hence the loop. */
static void no_part_of_a_transaction_is_sent_without_its_beginning(void)
{
    NEEDS_DAEMON;
    for (int fillers = FILLERS_LEAST; fillers <= FILLERS_MOST; fillers += 2) {
        struct peer *peer = start_peer("upstream_wait_ms = 5000\n");
        lose_behind(peer, fillers);
        EXPECT_NUMBER(peer_count(peer, "SET k"), peer_count(peer, "MULTI"));
        EXPECT_NUMBER(peer_count(peer, "EXEC"), peer_count(peer, "MULTI"));
        daemon_stop(pooler);
    }
}

/* --------------------------------------------------------------------- order between the workers
 */

static void clients_of_all_workers_are_listed_in_turn(void)
{
    NEEDS_DAEMON;
    pooler = daemon_start(server_url(server = server_start(NULL)), three_workers);
    for (int i = 0; i < 50; i++) {
        struct client *one = session();
        EXPECT_CALL(one, "PING", "+PONG\r\n");
        client_send_script(one, "CLIENT LIST; PING; CLIENT KILL ID 5; PING");
        EXPECT_REPLY_BEGINS(one, "$");
        EXPECT_REPLY(one, "+PONG\r\n");
        EXPECT_REPLY(one, ":0\r\n");
        EXPECT_REPLY(one, "+PONG\r\n");
        client_close(one);
    }
}

static void a_client_of_another_worker_is_unblocked_in_turn(void)
{
    NEEDS_DAEMON;
    pooler = daemon_start(server_url(server = server_start(NULL)), three_workers);
    for (int i = 0; i < 30; i++) {
        struct client *blocked = session(), *one = session();
        char script[64];
        client_send(blocked, "CLIENT ID");
        snprintf(script, sizeof(script), "CLIENT UNBLOCK %lld; PING",
                 (long long)client_read_number(blocked));
        client_send(blocked, "BLPOP q 0");
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
        EXPECT_INFO(server, "blocked_clients", 1);
        client_send_script(one, script);
        EXPECT_REPLY(one, ":1\r\n");
        EXPECT_REPLY(one, "+PONG\r\n");
        EXPECT_REPLY(blocked, "*-1\r\n");
    }
}

static void kill_without_arguments_kills_nobody(void)
{
    start("");
    struct client *other = session(), *one = session();
    EXPECT_CALL(other, "PING", "+PONG\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "CLIENT KILL", "-ERR wrong number of arguments for 'client|kill' command\r\n");
    EXPECT_CALL(one, "CLIENT SETNAME",
                "-ERR wrong number of arguments for 'client|setname' command\r\n");
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    EXPECT_CALL(other, "PING", "+PONG\r\n");
}

/* The ids of the server's connections are small; those of sessions are not. */
static void messages_are_not_redirected_to_the_daemons_connections(void)
{
    enum {
        IDS = 30
    };
    NEEDS_DAEMON;
    start("");
    struct client *victim = session3(), *one = session();
    EXPECT_CALL(victim, "GET k", "_\r\n");
    for (int id = 1; id <= IDS; id++) {
        client_send(one, "CLIENT TRACKING ON REDIRECT %d BCAST", id);
        EXPECT_REPLY(one, "-ERR The client ID you want redirect to does not exist\r\n");
    }
    server_ask(server, "SET k v");
    EXPECT_CALL(victim, "GET k", "$1\r\nv\r\n");
    EXPECT_LACKS(daemon_log(pooler), " lost");
}

/* -------------------------------------------------------------- heartbeats and changes of a lease
 */

/* A heartbeat is on its way when the connection is lent for something that passes bytes on: the
 * server answers both, the client gets its own answer only. */
static void expect_own_answer(const char *before, bool same_client, const char *line)
{
    struct peer *peer = start_peer("heartbeat_ms = 500\n");
    struct client *one = session();
    EXPECT_CALL(one, before, "+OK\r\n");
    peer_on(peer, "PING", PEER_HOLD, "", 0);
    peer_on(peer, line, PEER_HOLD, "", 0);
    peer_expect(peer, "PING", 1);
    one = same_client ? one : session();
    client_send(one, "%s", line);
    peer_expect(peer, line, 1);
    int connection = peer_connection_of(peer, line);
    if (connection == peer_connection_of(peer, "PING")) {
        peer_send(peer, connection, "+PONG\r\n");
    }
    peer_send(peer, connection, "+mine\r\n");
    EXPECT_REPLY(one, "+mine\r\n");
    daemon_stop(pooler);
}

static void a_heartbeats_answer_reaches_nobody(void)
{
    NEEDS_DAEMON;
    expect_own_answer("BLPOP q 1", false, "MONITOR");
    expect_own_answer("WATCH k", true, "MONITOR");
    expect_own_answer("WATCH k", true, "GET k");
}

/* --------------------------------------------------------------------- large and slow requests */

/* A clock without sleeping: the server answers after 200 ms. */
static void let_time_pass(void)
{
    EXPECT_CALL(server_client(server), "BLPOP nothing 0.2", "*-1\r\n");
}

static void the_time_of_a_command_begins_when_it_has_come(void)
{
    enum {
        PIECE = 100000,
        PIECES = 4
    };
    struct bytes request = {0};
    start("command_ms = 300\n");
    struct client *one = session();
    add_long(&request, "SET k", PIECE * PIECES);
    case_defer(free, request.data);
    for (size_t at = 0; at < request.len; at += PIECE) {
        size_t left = request.len - at;
        client_send_bytes(one, request.data + at, left < PIECE ? left : PIECE);
        let_time_pass();
    }
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_CALL(one, "STRLEN k", ":400000\r\n");
}

static void a_large_wait_is_the_servers_to_refuse(void)
{
    static const int lens[] = {70000, 100000, 140000};
    start("");
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct bytes wait = {0};
        struct client *one = session();
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
        server_freeze(server);
        client_send(one, "GET k");
        add_long(&wait, "WAIT 1 10", lens[i]);
        bytes_add_request(&wait, "PING");
        case_defer(free, wait.data);
        client_fill(one, wait.data, wait.len);
        server_thaw(server);
        EXPECT_REPLY(one, "$-1\r\n");
        EXPECT_REPLY(one, "-ERR wrong number of arguments for 'wait' command\r\n");
        EXPECT_REPLY(one, "+PONG\r\n");
    }
}

/* ---------------------------------------------------------------------------- names and secrets */

static void the_password_is_never_told(void)
{
    static const char config[] = "[flaskredisd]\nlog_level = debug\n[REDIS]\nurl = {url}\n"
                                 "upstream_wait_ms = 300\n";
    NEEDS_DAEMON;
    server = server_start("--rename-command AUTH zz");
    pooler = daemon_start(with_credentials(server_url(server), "joe:s3cret"), config);
    static const char *const lines[] = {"GET k", "SELECT 3", "WATCH k", "SUBSCRIBE c", "HELLO 3"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client *one = session();
        EXPECT_CALL_BEGINS(one, lines[i], "-");
        EXPECT_LACKS(one->reply.data, "s3cret");
    }
    EXPECT_LACKS(daemon_log(pooler), "s3cret");
}

static void a_refusals_line_ends_stay_out_of_the_reply(void)
{
    static const char letters[] = "0123456789012345678901234567890123456789"
                                  "0123456789012345678901234567890123456789";
    char longest[256];
    snprintf(longest, sizeof(longest), "-ERR %s%.74s\r\n", letters, letters);
    const char *const replies[] = {"$5\r\na\r\nb!\r\n", longest};
    NEEDS_DAEMON;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        struct peer *peer = peer_start();
        peer_on(peer, "AUTH", PEER_ANSWER, replies[i], 0);
        pooler =
            daemon_start_redis(with_credentials(peer_url(peer), ":pw"), "upstream_wait_ms = 300\n");
        struct client *one = session();
        EXPECT_CALL_BEGINS(one, "GET k", "-POOLDOWN ");
        EXPECT_CALL(one, "CLIENT GETNAME", "$-1\r\n");
        daemon_stop(pooler);
    }
}

static void a_name_with_line_ends_forges_no_client(void)
{
    NEEDS_DAEMON;
    start("auth = ignore\n");
    struct client *one = session();
    client_command(one, "AUTH", "x\nid=1 addr=fake", "p", NULL);
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "CLIENT LIST", "$");
    EXPECT_LACKS(one->reply.data, "\nid=1 ");
}

static void auth_under_watch_changes_the_user(void)
{
    static const char script[] = "WATCH k; AUTH bob bad; ACL WHOAMI; AUTH bob b; ACL WHOAMI; "
                                 "SET secret 1; SET bob:1 x; UNWATCH; ACL WHOAMI; SET secret 1; "
                                 "MULTI; SET bob:2 y; EXEC; GET bob:2";
    static const char user[] = "ACL SETUSER bob on >b ~bob:* +@all";
    start("auth = passthrough\n");
    server_ask(server, user);
    server_ask(twin(), user);
    EXPECT_SAME(session(), server_client(twin()), script);
}

static void who_must_authenticate_is_told_at_once(void)
{
    NEEDS_DAEMON;
    server = server_start("--requirepass pw");
    pooler = daemon_start_redis(server_url(server), "auth = passthrough\n");
    struct client *one = session();
    EXPECT_BETWEEN(call_time(one, "GET k", "-NOAUTH "), 0, AT_ONCE_MS);
    EXPECT_BETWEEN(call_time(one, "AUTH bad", "-WRONGPASS "), 0, AT_ONCE_MS);
    EXPECT_BETWEEN(call_time(one, "AUTH pw", "+OK"), 0, AT_ONCE_MS);
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

/* ---------------------------------------------------------------------------- a server that goes
 */

/* The second connection never stands: it was sent all the same. */
static void a_read_that_cannot_be_retried_may_have_been_executed(void)
{
    NEEDS_DAEMON;
    struct peer *peer = peer_start();
    pooler = daemon_start_redis(peer_url(peer), "retry_reads = yes\nupstream_wait_ms = 300\n");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    peer_on(peer, "HELLO", PEER_HOLD, "", 0);
    peer_on(peer, "CLIENT", PEER_HOLD, "", 0);
    peer_on(peer, "GET", PEER_CLOSE, "", 0);
    EXPECT_CALL_BEGINS(one, "GET k", "-POOLLOST ");
    EXPECT_CALL_BEGINS(one, "GET k", "-POOLDOWN ");
    EXPECT_NUMBER(peer_count(peer, "GET"), 1);
}

static bool fails_at_once(void *client)
{
    return call_time(client, "GET k", "-POOLDOWN ") < AT_ONCE_MS;
}

static void every_command_fails_at_once_while_a_server_stays_away(void)
{
    static const char *const lines[] = {"HELLO 3", "SELECT 5", "GET k", "WATCH k", "BLPOP q 1"};
    NEEDS_DAEMON;
    start("upstream_wait_ms = 600\nfail_fast_ms = 300\n");
    server_kill(server);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client *one = session(); /* its worker may be one that has not tried yet */
        EXPECT(wait_until(fails_at_once, one, patience_ms()));
        EXPECT_BETWEEN(call_time(one, lines[i], "-POOLDOWN "), 0, AT_ONCE_MS);
    }
}

static void on_loss_close_closes_for_every_command(void)
{
    static const char *const lines[] = {"GET k", "SELECT 2", "HELLO 3", "MULTI", "BLPOP q 1"};
    NEEDS_DAEMON;
    start("on_loss = close\nupstream_wait_ms = 200\n");
    server_kill(server);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct client *one = session();
        client_send(one, "%s", lines[i]);
        EXPECT_ALL(one, "");
    }
}

/* It accepts and lets in, and closes: that is no success that the next attempt may follow at once.
 */
static void a_server_that_closes_after_the_handshake_is_not_hammered(void)
{
    enum {
        WINDOW_MS = 1500,
        ATTEMPTS_MAX = 40
    };
    NEEDS_DAEMON;
    struct peer *peer = peer_start();
    peer_on(peer, "CLIENT SETNAME", PEER_CLOSE, "+OK\r\n*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n", 1);
    peer_on(peer, "CLIENT SETNAME", PEER_CLOSE, "+OK\r\n", 0);
    pooler = daemon_start_redis(peer_url(peer), "");
    struct client *one = session();
    for (int64_t end = now_ms() + WINDOW_MS; now_ms() < end;) {
        EXPECT_CALL_BEGINS(one, "GET k", "-POOL");
    }
    EXPECT_BETWEEN(peer_connections(peer), 2, ATTEMPTS_MAX);
}

static const struct test_case cases[] = {
    {"a pipeline longer than its limit is answered", a_pipeline_longer_than_its_limit_is_answered},
    {"a length that never ends is a protocol error", a_length_that_never_ends_is_a_protocol_error},
    {"SELECT under WATCH lasts however the WATCH ends",
     select_under_watch_lasts_however_the_watch_ends},
    {"a heartbeat is never queued in a transaction", a_heartbeat_is_never_queued_in_a_transaction},
    {"a refused transaction runs nothing", a_refused_transaction_runs_nothing},
    {"a lost transaction runs nothing", a_lost_transaction_runs_nothing},
    {"what was sent in a lost transaction is not sent again",
     what_was_sent_in_a_lost_transaction_is_not_sent_again},
    {"no part of a transaction is sent without its beginning",
     no_part_of_a_transaction_is_sent_without_its_beginning},
    {"clients of all workers are listed in turn", clients_of_all_workers_are_listed_in_turn},
    {"a client of another worker is unblocked in turn",
     a_client_of_another_worker_is_unblocked_in_turn},
    {"CLIENT KILL without arguments kills nobody", kill_without_arguments_kills_nobody},
    {"messages are not redirected to the daemon's connections",
     messages_are_not_redirected_to_the_daemons_connections},
    {"a heartbeat's answer reaches nobody", a_heartbeats_answer_reaches_nobody},
    {"the time of a command begins when it has come",
     the_time_of_a_command_begins_when_it_has_come},
    {"a large WAIT is the server's to refuse", a_large_wait_is_the_servers_to_refuse},
    {"the password is never told", the_password_is_never_told},
    {"a refusal's line ends stay out of the reply", a_refusals_line_ends_stay_out_of_the_reply},
    {"a name with line ends forges no client", a_name_with_line_ends_forges_no_client},
    {"AUTH under WATCH changes the user", auth_under_watch_changes_the_user},
    {"who must authenticate is told at once", who_must_authenticate_is_told_at_once},
    {"a read that cannot be retried may have been executed",
     a_read_that_cannot_be_retried_may_have_been_executed},
    {"every command fails at once while a server stays away",
     every_command_fails_at_once_while_a_server_stays_away},
    {"on_loss = close closes for every command", on_loss_close_closes_for_every_command},
    {"a server that closes after the handshake is not hammered",
     a_server_that_closes_after_the_handshake_is_not_hammered},
};

SUITE_MAIN("edges", cases)
