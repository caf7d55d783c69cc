/* Scripts and functions: known to everybody, without effect on the connection they run on, and
 * ended by SCRIPT KILL while they hold up everything else. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

/* ------------------------------------------------------------------------------------- no effect
 */

static void a_script_that_selects_moves_nobody(void)
{
    start_with(NULL, "");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_CALL(one,
                "EVAL 'redis.call(\"SELECT\", 5) return redis.call(\"SET\", \"k\", \"five\")' 0",
                "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_NUMBER(server_keys(server, 5), 1);
}

static void what_a_script_may_not_do_is_told_as_by_a_server(void)
{
    static const char script[] =
        "EVAL 'return redis.call(\"SUBSCRIBE\", \"c\")' 0; EVAL 'return redis.call(\"AUTH\", "
        "\"x\")' 0; "
        "EVAL 'return redis.call(\"HELLO\", \"3\")' 0; EVAL 'return redis.call(\"MONITOR\")' 0; "
        "EVAL 'return redis.call(\"CLIENT\", \"REPLY\", \"OFF\")' 0; "
        "EVAL 'return redis.call(\"WATCH\", \"k\")' 0; EVAL 'return redis.call(\"MULTI\")' 0; "
        "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0; "
        "MULTI; EVALSHA ffffffffffffffffffffffffffffffffffffffff 0; SET k v; EXEC; GET k; "
        "SCRIPT KILL; FUNCTION KILL; SCRIPT DEBUG NO";
    start_with(NULL, "");
    EXPECT_SAME(session(), server_client(server_start(NULL)), script);
}

/* ----------------------------------------------------------------------------------- being killed
 */

static bool is_busy(void *context)
{
    return strncmp(client_call(context, "GET k")->data, "-BUSY", 5) == 0;
}

static void expect_killed(struct client *one, struct client *killer, int64_t limit_ms)
{
    int64_t before = now_ms();
    EXPECT_CALL(killer, "SCRIPT KILL", "+OK\r\n");
    EXPECT_BETWEEN(now_ms() - before, 0, limit_ms);
    EXPECT_REPLY_BEGINS(one, "-");
    EXPECT_REPLY_HAS(one, "Script killed by user");
}

static void a_busy_script_is_told_of_and_killed(void)
{
    start_with("--busy-reply-threshold 50", "");
    struct client *one = session(), *other = session(), *killer = session();
    EXPECT_CALL(killer, "SELECT 3", "+OK\r\n");
    client_send(one, "EVAL 'while true do end' 0");
    EXPECT(wait_until(is_busy, server_client(server), patience_ms()));
    EXPECT_CALL_BEGINS(killer, "GET k", "-BUSY Redis is busy running a script.");
    expect_killed(one, killer, 1000);
    EXPECT_CALL(other, "GET k", "$-1\r\n");
}

static bool has_two_connections(void *context)
{
    return server_clients(context, "name=flaskredisd:") >= 2;
}

/* Nothing new can be connected before the threshold has passed; the connection for it stands. */
static void a_script_is_killed_as_soon_as_the_server_allows(void)
{
    NEEDS_DAEMON;
    start_with("--busy-reply-threshold 1500", "upstream_wait_ms = 500\nconnect_ms = 300\n");
    struct client *one = session(), *killer = session();
    EXPECT_CALL(one, "EVAL 'return 1' 0", ":1\r\n");
    EXPECT(wait_until(has_two_connections, server, patience_ms()));
    for (int round = 0; round < 2; round++) {
        client_send(one, "EVAL 'while true do end' 0");
        client_wait_consumed(one);
        expect_killed(one, killer, patience_ms());
    }
    EXPECT_NUMBER(server_clients(server, "name=flaskredisd:"), 2);
}

/* Transactions have used up what may be lent, and stand behind the script. */
static void a_script_is_killed_although_nothing_can_be_lent(void)
{
    NEEDS_DAEMON;
    start_with("--busy-reply-threshold 50", "leases = 1\n");
    struct client *holder = session(), *one = session(), *killer = session();
    EXPECT_CALL(holder, "MULTI", "+OK\r\n");
    client_send(one, "EVAL 'while true do end' 0");
    EXPECT(wait_until(is_busy, server_client(server), patience_ms()));
    EXPECT_CALL_BEGINS(holder, "GET k", "-BUSY ");
    expect_killed(one, killer, 1000);
    EXPECT_CALL_BEGINS(holder, "EXEC", "-EXECABORT ");
}

static void a_script_that_has_written_is_not_killed(void)
{
    static const char endless[] =
        "EVAL 'redis.call(\"SET\", \"k\", \"v\") local n = 0 while n < 3e7 do n = n + 1 end' 0";
    start_with("--busy-reply-threshold 50", "");
    struct client *one = session(), *killer = session();
    client_send(one, "%s", endless);
    EXPECT(wait_until(is_busy, server_client(server), patience_ms()));
    EXPECT_CALL_BEGINS(killer, "SCRIPT KILL", "-UNKILLABLE ");
    client_read(one);
    EXPECT_CALL(killer, "SCRIPT KILL", "-NOTBUSY No scripts in execution right now.\r\n");
}

static void a_function_is_killed(void)
{
    static const char library[] = "FUNCTION LOAD '#!lua name=lib\n redis.register_function(\"f\", "
                                  "function() while true do end "
                                  "end)'";
    start_with("--busy-reply-threshold 50", "");
    struct client *one = session(), *killer = session();
    EXPECT_CALL(one, library, "$3\r\nlib\r\n");
    client_send(one, "FCALL f 0");
    EXPECT(wait_until(is_busy, server_client(server), patience_ms()));
    EXPECT_CALL(killer, "FUNCTION KILL", "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "-");
    EXPECT_CALL(killer, "FUNCTION KILL", "-NOTBUSY No scripts in execution right now.\r\n");
}

/* A connection that is made while a script runs learns nothing wrong from it. */
static void a_connection_made_while_a_script_runs_works(void)
{
    start_with("--busy-reply-threshold 50 --timeout 1", "");
    struct client *busy = server_client(server), *watcher = server_client(server);
    client_send(busy, "EVAL 'while true do end' 0");
    EXPECT(wait_until(is_busy, watcher, patience_ms()));
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "GET k", "-BUSY ");
    EXPECT_CALL(one, "SCRIPT KILL", "+OK\r\n");
    EXPECT_REPLY_BEGINS(busy, "-");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

/* The connection for it may be one of another database and protocol. */
static void what_follows_script_kill_goes_its_own_way(void)
{
    start_with(NULL, "");
    struct client *one = session3();
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "EVAL 'return 1' 0", ":1\r\n");
    client_send_script(one, "SCRIPT KILL; GET k; GET missing");
    EXPECT_REPLY_BEGINS(one, "-NOTBUSY ");
    EXPECT_REPLY(one, "$1\r\nv\r\n");
    EXPECT_REPLY(one, "_\r\n");
}

static const struct test_case cases[] = {
    {"a script that selects moves nobody", a_script_that_selects_moves_nobody},
    {"what a script may not do is told as by a server",
     what_a_script_may_not_do_is_told_as_by_a_server},
    {"a busy script is told of and killed", a_busy_script_is_told_of_and_killed},
    {"a script is killed as soon as the server allows",
     a_script_is_killed_as_soon_as_the_server_allows},
    {"a script is killed although nothing can be lent",
     a_script_is_killed_although_nothing_can_be_lent},
    {"a script that has written is not killed", a_script_that_has_written_is_not_killed},
    {"a function is killed", a_function_is_killed},
    {"a connection made while a script runs works", a_connection_made_while_a_script_runs_works},
    {"what follows SCRIPT KILL goes its own way", what_follows_script_kill_goes_its_own_way},
};

SUITE_MAIN("scripts", cases)
