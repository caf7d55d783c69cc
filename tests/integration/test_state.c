/* What a session may hold (database, user, protocol, name, reply mode) is its own and nobody
 * else's, however few connections carry all of it. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    SESSIONS = 100
};

#define FIRST_ID (INT64_C(1) << 32) /* below are ids of servers */

/* ---------------------------------------------------------------------------------- databases */

static void select_is_private(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_NUMBER(server_keys(server, 3), 1);
    EXPECT_NUMBER(server_all_keys(server), 1);
}

static void select_words_its_errors_as_redis(void)
{
    static const char script[] =
        "SELECT x; SELECT +1; SELECT 01; SELECT ' 1'; SELECT ''; SELECT 99999999999999999999; "
        "SELECT 9999999999; SELECT -9999999999; SELECT -1; SELECT 16; SELECT 2147483647; "
        "SELECT; SELECT 1 2; SELECT 15; GET k";
    start("");
    EXPECT_SAME(session(), server_client(server), script);
}

/* A script that runs until it is killed; the server answers -BUSY to the others. */
static bool is_busy(void *context)
{
    const struct bytes *reply = client_call(context, "PING");
    return strncmp(reply->data, "-BUSY", 5) == 0;
}

static void select_during_a_long_script_writes_nowhere_else(void)
{
    start_with("--busy-reply-threshold 50", "connect_ms = 500\nupstream_wait_ms = 500\n");
    struct client *one = session();
    struct client *busy = server_client(server), *watcher = server_client(server);
    EXPECT_NUMBER(server_all_keys(server), 0);
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    client_send(busy, "EVAL 'while true do end' 0");
    EXPECT(wait_until(is_busy, watcher, patience_ms()));
    client_send(one, "SELECT 5");
    client_send(one, "SET k v");
    EXPECT_REPLY_BEGINS(one, "-");
    EXPECT(strstr(one->reply.data, "-BUSY") == one->reply.data ||
           strstr(one->reply.data, "-POOLDOWN") == one->reply.data);
    EXPECT_CALL(watcher, "SCRIPT KILL", "+OK\r\n");
    client_read(one);
    EXPECT_NUMBER(server_all_keys(server), server_keys(server, 0));
    EXPECT_CALL(one, "SET again v", "+OK\r\n");
    EXPECT_NUMBER(server_all_keys(server), server_keys(server, 0));
}

static void fewer_databases_after_a_restart_are_an_error(void)
{
    NEEDS_DAEMON;
    start_with("--databases 16", "upstream_wait_ms = 1000\nfail_fast_ms = 5000\n");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "SELECT 9", "+OK\r\n");
    EXPECT_CALL(one, "SET before v", "+OK\r\n");
    server_kill(server);
    server_restart(server, "--databases 4");
    for (int i = 0; i < 3; i++) {
        EXPECT_CALL_BEGINS(one, "SET k v", "-");
    }
    EXPECT_NUMBER(server_all_keys(server), 0);
    EXPECT_CALL(other, "GET k", "$-1\r\n");
}

/* ---------------------------------------------------------------------------------- protocols */

static const char shapes[] =
    "DEL z s g h l; ZADD z 1 a 2 b; ZRANGE z 0 -1 WITHSCORES; ZPOPMIN z 1; "
    "XADD s 1-1 f v; XREAD COUNT 5 STREAMS s 0; XREAD COUNT 5 STREAMS s 1-1; "
    "XREAD BLOCK 10 STREAMS s $; GEOADD g 13.361389 38.115556 Palermo; "
    "GEOPOS g Palermo missing; BLPOP missing 0.01; HSET h f v; HGETALL h; "
    "HGETALL missing; HRANDFIELD h 1 WITHVALUES; LPOP missing 2; LMPOP 1 missing LEFT; "
    "GET missing; MGET missing h; SMISMEMBER missing a b; CONFIG GET maxmemory; "
    "EVAL 'redis.setresp(3); return redis.call(\"ZRANGE\", KEYS[1], 0, -1, \"WITHSCORES\")' 1 z; "
    "EVAL 'redis.setresp(3); return redis.call(\"HGETALL\", KEYS[1])' 1 h; "
    "EVAL 'redis.setresp(3); return {true, false, {double=1.5}}' 0; "
    "DEBUG PROTOCOL attrib; DEBUG PROTOCOL verbatim; DEBUG PROTOCOL bignum; "
    "DEBUG PROTOCOL null";

static void shapes_of_replies_are_those_of_the_protocol(void)
{
    start_with(NULL, "allow = debug\n");
    struct client *direct2 = server_client(twin()), *direct3 = server_client(twin());
    struct client *through2 = session(), *through3 = session3();
    EXPECT_CALL_BEGINS(direct3, "HELLO 3", "%7\r\n");
    EXPECT_SAME(through2, direct2, shapes);
    EXPECT_SAME(through3, direct3, shapes);
    EXPECT_SAME(through2, direct2, shapes);
}

static void hello_changes_all_or_nothing(void)
{
    static const char script[] =
        "HELLO 3 SETNAME x; CLIENT GETNAME; GET missing; HELLO; HELLO 2; GET missing; "
        "HELLO 4; HELLO 1; HELLO 0; HELLO three; HELLO 03; HELLO 3 BAD; HELLO 3 SETNAME; "
        "HELLO 3 AUTH; HELLO 3 AUTH default; HELLO 3 SETNAME 'a b'; HELLO; GET missing; "
        "CLIENT GETNAME; HELLO 3; HELLO 4; GET missing; "
        "HELLO 3 AUTH default anything SETNAME y; CLIENT GETNAME; "
        "HELLO 2 AUTH nobody anything; GET missing; HELLO 3 SETNAME 'a b' BAD; "
        "HELLO 3 SETNAME 'a b' AUTH nobody anything; HELLO 3 BAD SETNAME 'a b'; "
        "CLIENT GETNAME; GET missing";
    start("");
    EXPECT_SAME(session(), server_client(server), script);
}

/* ------------------------------------------------------------------------------------- CLIENT */

static void names_stay_with_their_session(void)
{
    static const char script[] =
        "CLIENT GETNAME; CLIENT SETNAME a; CLIENT GETNAME; CLIENT SETNAME 'a b'; "
        "CLIENT GETNAME; CLIENT SETNAME ''; CLIENT GETNAME; CLIENT SETNAME; CLIENT GETREDIR; "
        "CLIENT TRACKINGINFO; CLIENT NO-EVICT ON; CLIENT NO-EVICT OFF; CLIENT NO-EVICT MAYBE; "
        "CLIENT CACHING YES; CLIENT";
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "CLIENT SETNAME a", "+OK\r\n");
    EXPECT_CALL(other, "CLIENT GETNAME", "$-1\r\n");
    EXPECT_CALL(one, "CLIENT GETNAME", "$1\r\na\r\n");
    EXPECT_CALL(session3(), "CLIENT GETNAME", "_\r\n");
    EXPECT_SAME(other, server_client(server), script);
}

/* -------------------------------------------------------------------------------- reply modes */

/* Each row is sent at once, with a QUIT and the end of input behind it (Redis 7.0 does not close on
 * a QUIT whose reply is off), and all that comes until the close is compared. */
static const struct {
    const char *lines[8];
    const char *replies;
} reply_modes[] = {
    {{"CLIENT REPLY SKIP", "SET a 1", "GET a"}, "$1\r\n1\r\n+OK\r\n"},
    {{"CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "SET a 2", "GET a"}, "$1\r\n2\r\n+OK\r\n"},
    {{"CLIENT REPLY SKIP", "CLIENT REPLY ON", "GET a"}, "+OK\r\n$1\r\n2\r\n+OK\r\n"},
    {{"CLIENT REPLY OFF", "SET a 3", "GET a", "CLIENT REPLY ON"}, "+OK\r\n+OK\r\n"},
    {{"CLIENT REPLY OFF", "CLIENT REPLY SKIP", "SET a 4", "CLIENT REPLY ON", "GET a"},
     "+OK\r\n$1\r\n4\r\n+OK\r\n"},
    {{"CLIENT REPLY OFF", "NONSENSE", "GET", "SELECT x"}, ""},
    {{"CLIENT REPLY OFF", "SUBSCRIBE c"}, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"},
    {{"CLIENT REPLY OFF", "MULTI", "SET a 5", "EXEC", "CLIENT REPLY ON", "GET a"},
     "+OK\r\n$1\r\n5\r\n+OK\r\n"},
    {{"CLIENT REPLY SKIP", "MULTI", "SET a 6", "EXEC"}, "+QUEUED\r\n*1\r\n+OK\r\n+OK\r\n"},
    {{"CLIENT REPLY SKIP", "CLIENT ID", "SELECT 0"}, "+OK\r\n+OK\r\n"},
    {{"CLIENT REPLY OFF", "RESET", "GET a"}, "+RESET\r\n$1\r\n6\r\n+OK\r\n"},
    {{"CLIENT REPLY MAYBE"}, "-ERR syntax error\r\n+OK\r\n"},
};

static void reply_modes_silence_only_their_session(void)
{
    start("");
    struct client *other = session();
    for (size_t row = 0; row < sizeof(reply_modes) / sizeof(reply_modes[0]); row++) {
        struct client *one = session();
        struct bytes requests = {0};
        for (size_t i = 0; reply_modes[row].lines[i] != NULL; i++) {
            bytes_add_request(&requests, reply_modes[row].lines[i]);
        }
        bytes_add_request(&requests, "QUIT");
        snprintf(one->about, sizeof(one->about), "reply modes, row %zu", row + 1);
        client_send_bytes(one, requests.data, requests.len);
        client_half_close(one);
        bytes_finish(&requests);
        client_send(other, "ECHO %zu-x", row + 10);
        const struct bytes *all = client_read_all(one);
        expect_bytes(__FILE__, __LINE__, one->about, all->data, all->len, reply_modes[row].replies,
                     strlen(reply_modes[row].replies));
        char echo[16];
        snprintf(echo, sizeof(echo), "$4\r\n%zu-x\r\n", row + 10);
        expect_reply(__FILE__, __LINE__, other, echo, strlen(echo));
    }
}

static void quit_closes_although_replies_are_off(void)
{
    NEEDS_DAEMON; /* Redis 7.0 waits for the end of input */
    start("");
    struct client *one = session();
    client_send(one, "CLIENT REPLY OFF");
    client_send(one, "QUIT");
    EXPECT_ALL(one, "");
}

static void a_protocol_error_closes_although_replies_are_off(void)
{
    NEEDS_DAEMON; /* Redis 7.0 waits for the end of input */
    start("");
    struct client *one = session();
    client_send(one, "CLIENT REPLY OFF");
    client_send_bytes(one, "*x\r\n", 4);
    EXPECT_ALL(one, "");
}

static void messages_come_although_replies_are_off(void)
{
    start("");
    struct client *two = session(), *three = session3();
    client_send(two, "CLIENT REPLY OFF");
    client_send(three, "CLIENT REPLY OFF");
    EXPECT_CALL(two, "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT_CALL(three, "SUBSCRIBE c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    server_ask(server, "PUBLISH c m");
    EXPECT_REPLY(two, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
    EXPECT_REPLY(three, ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n");
}

/* -------------------------------------------------------------------------------------- RESET */

static void reset_drops_all_state(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL_BEGINS(one, "HELLO 3 SETNAME a", "%7\r\n");
    EXPECT_CALL(one, "WATCH w", "+OK\r\n");
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SUBSCRIBE c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT_CALL(one, "RESET", "+RESET\r\n");
    EXPECT_CALL(other, "SET w 1", "+OK\r\n");
    EXPECT_CALL(other, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(other, "SET k 1", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "CLIENT INFO", "$");
    EXPECT_REPLY_HAS(one, " name= ");
    EXPECT_REPLY_HAS(one, " db=0 ");
    EXPECT_REPLY_HAS(one, " sub=0 ");
    EXPECT_REPLY_HAS(one, " resp=2");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET z 1", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*1\r\n+OK\r\n");
    EXPECT_NUMBER(server_keys(server, 0), 2);
    EXPECT_NUMBER(server_info(server, "pubsub_channels"), 0);
}

static void reset_works_inside_multi_and_when_subscribed(void)
{
    static const char script[] =
        "MULTI; SET k 1; RESET; GET k; EXEC; SUBSCRIBE c; GET k; RESET; GET k";
    start("");
    EXPECT_SAME(session(), server_client(twin()), script);
}

/* -------------------------------------------------------------------------------------- users */

#define WRONGPASS "-WRONGPASS invalid username-password pair or user is disabled.\r\n"

static void policy_check_asks_for_a_password(void)
{
    start_with(daemon_is_direct() ? "--requirepass secret" : NULL,
               "auth = check\nusers = default:secret\n");
    server_ask(server, "SET k v");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL(one, "AUTH bad", WRONGPASS);
    EXPECT_CALL(one, "AUTH secret", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(one, "AUTH bad", WRONGPASS);
    EXPECT_CALL(one, "AUTH default bad", WRONGPASS);
    EXPECT_CALL(one, "AUTH nobody secret", WRONGPASS);
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(one, "RESET", "+RESET\r\n");
    EXPECT_CALL(one, "GET k", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL_BEGINS(one, "HELLO 3", "-NOAUTH HELLO must be called with the client already");
    EXPECT_CALL_BEGINS(one, "HELLO 3 AUTH default secret", "%7\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
}

static void policy_ignore_accepts_any_password(void)
{
    NEEDS_DAEMON;
    start_with(NULL, "auth = ignore\n");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "AUTH anything", "+OK\r\n");
    EXPECT_CALL(one, "AUTH somebody anything", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "HELLO 3 AUTH somebody anything", "%7\r\n");
    EXPECT_CALL(one, "GET k", "_\r\n");
}

static void policy_upstream_is_a_server_without_passwords(void)
{
    static const char script[] = "AUTH p; AUTH default x; AUTH nobody x; AUTH; AUTH a b c; GET k";
    start("");
    EXPECT_SAME(session(), server_client(server), script);
}

static void policy_passthrough_lets_the_server_decide(void)
{
    static const char script[] =
        "AUTH u wrong; GET u:1; AUTH u p; GET x; GET u:1; SET u:1 v; SELECT 1; GET u:1; "
        "AUTH u wrong; GET x; GET u:1; AUTH default x; GET x; HELLO 3 AUTH u p; GET x; RESET; "
        "GET x";
    static const char rules[] = "ACL SETUSER u on >p ~u:* +@all -select";
    start_with(NULL, "auth = passthrough\n");
    EXPECT_HAS(server_ask(server, rules)->data, "+OK");
    EXPECT_HAS(server_ask(twin(), rules)->data, "+OK");
    EXPECT_SAME(session(), server_client(twin()), script);
}

/* Neither what the server is asked nor what is answered here. */
static void who_is_not_let_in_gets_nothing(void)
{
    static const char script[] =
        "GET k; HELLO 3; HELLO; SELECT 1; CLIENT ID; CLIENT GETNAME; CLIENT SETNAME x; "
        "CLIENT REPLY OFF; CLIENT REPLY SKIP; CLIENT LIST; CLIENT KILL TYPE normal; CLIENT INFO; "
        "CLIENT UNBLOCK 1; CLIENT TRACKING ON; CLIENT TRACKING OFF; CLIENT NO-EVICT ON; "
        "SUBSCRIBE c; MULTI; WATCH k; BLPOP k 1; EVAL return(1) 0; AUTH wrong; GET k; "
        "CLIENT GETNAME; AUTH secret; GET k; CLIENT SETNAME x; CLIENT GETNAME; RESET; "
        "CLIENT GETNAME; GET k; SELECT 1; HELLO 3 AUTH default secret; GET k; CLIENT GETNAME";
    start("auth = passthrough\nupstream_wait_ms = 10000\n"); /* it is asked again once a second */
    EXPECT_HAS(server_ask(server, "CONFIG SET requirepass secret")->data, "+OK");
    EXPECT_HAS(server_ask(twin(), "CONFIG SET requirepass secret")->data, "+OK");
    EXPECT_SAME(session(), client_connect(server_url(twin())), script);
}

/* POOLLOST is for what was on its way to the server meanwhile. */
static bool is_known_to_be_out(void *context)
{
    return strncmp(client_call(context, "GET k")->data, "-POOLLOST ", 10) != 0;
}

/* The server closes the connections of a user it has no more. Here they are other clients' next. */
static void who_is_let_in_no_more_must_log_in_again(void)
{
    NEEDS_DAEMON;
    start_with(NULL, "auth = passthrough\n");
    EXPECT_HAS(server_ask(server, "ACL SETUSER u on >p ~* &* +@all")->data, "+OK");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "AUTH u p", "+OK\r\n");
    EXPECT_CALL(other, "AUTH u p", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_HAS(server_ask(server, "ACL DELUSER u")->data, ":1");
    EXPECT(wait_until(is_known_to_be_out, one, patience_ms()));
    EXPECT_CALL(one, "GET k", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL(other, "GET k", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL(other, "MULTI", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL(other, "SUBSCRIBE c", "-NOAUTH Authentication required.\r\n");
    EXPECT_CALL(one, "AUTH default any", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
}

static bool is_refused(void *client)
{
    client_send(client, "GET k");
    return strncmp(client_read(client)->data, "-ERR DB index is out of range", 29) == 0;
}

/* The next attempt is half a second away. */
static void who_has_waited_for_a_refused_connection_is_told_why(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), "[REDIS]\nurl = {url}?db=99\nupstream_wait_ms = 1\n");
    struct client *one = session();
    EXPECT(wait_until(is_refused, one, patience_ms()));
    EXPECT_CALL_BEGINS(one, "HELLO", "-ERR DB index is out of range");
}

static const struct test_case cases[] = {
    {"SELECT of a session moves no other session", select_is_private},
    {"SELECT words its errors as Redis", select_words_its_errors_as_redis},
    {"SELECT during a long script writes into no other database",
     select_during_a_long_script_writes_nowhere_else},
    {"a database that is gone after a restart is an error and nothing is written",
     fewer_databases_after_a_restart_are_an_error},
    {"replies have the shape of the session's protocol",
     shapes_of_replies_are_those_of_the_protocol},
    {"HELLO changes everything or nothing", hello_changes_all_or_nothing},
    {"names stay with their session", names_stay_with_their_session},
    {"reply modes silence only their session", reply_modes_silence_only_their_session},
    {"QUIT closes although replies are off", quit_closes_although_replies_are_off},
    {"a protocol error closes although replies are off",
     a_protocol_error_closes_although_replies_are_off},
    {"messages come although replies are off", messages_come_although_replies_are_off},
    {"RESET drops all state of a session", reset_drops_all_state},
    {"RESET works inside MULTI and when subscribed", reset_works_inside_multi_and_when_subscribed},
    {"policy check asks for a password", policy_check_asks_for_a_password},
    {"policy ignore accepts any password", policy_ignore_accepts_any_password},
    {"policy upstream is a server without passwords",
     policy_upstream_is_a_server_without_passwords},
    {"policy passthrough lets the server decide", policy_passthrough_lets_the_server_decide},
    {"with policy passthrough who is not let in gets nothing", who_is_not_let_in_gets_nothing},
    {"with policy passthrough who is let in no more must log in again",
     who_is_let_in_no_more_must_log_in_again},
    {"who has waited for a refused connection is told why",
     who_has_waited_for_a_refused_connection_is_told_why},
};

SUITE_MAIN("state", cases)
