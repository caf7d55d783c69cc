/* Whatever Redis can do works through the daemon, with the bytes a direct connection gets: the same
 * scripts of commands are run on both and compared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

/* Run a script in both protocols, through the daemon and directly. */
static void compare(const char *script)
{
    EXPECT_SAME(session(), server_client(twin()), script);
    server_ask(server, "FLUSHALL");
    server_ask(twin(), "FLUSHALL");
    EXPECT_SAME(session3(), direct3(), script);
}

/* ------------------------------------------------------------------------- stateless commands */

static void ordinary_commands_answer_the_same(void)
{
    static const char script[] =
        "PING; PING x; ECHO hello; SET k v; SET k v NX; SET k v GET; GET k; APPEND k w; "
        "STRLEN k; GETRANGE k 0 0; SETRANGE k 5 x; INCR k; INCR n; INCRBY n 41; "
        "INCRBYFLOAT n 0.5; DECR missing; MSET a 1 b 2; MGET a b c; DEL a b c; EXISTS k; "
        "EXPIRE k 1000; TTL k; PERSIST k; TYPE k; LPUSH l a b c; LRANGE l 0 -1; "
        "LINSERT l BEFORE b x; LMOVE l m LEFT RIGHT; RPOP l; SADD s a; SMEMBERS s; "
        "SISMEMBER s a; ZADD z 1.5 a 2 b; ZRANGE z 0 -1 WITHSCORES; ZSCORE z a; "
        "ZINCRBY z 1 a; HSET h a 1 b 2; HGET h a; HGETALL h; HINCRBY h a 5; HSCAN h 0; "
        "XADD x 1-1 f v; XLEN x; XRANGE x - +; XGROUP CREATE x g 0; "
        "XREADGROUP GROUP g c COUNT 1 STREAMS x >; XACK x g 1-1; XPENDING x g; SETBIT b 7 1; "
        "BITCOUNT b; BITFIELD b GET u8 0; PFADD p a b; PFCOUNT p; "
        "GEOADD g 13.361389 38.115556 Palermo; GEODIST g Palermo Palermo; SORT l ALPHA; "
        "SCAN 0 COUNT 100 MATCH k*; OBJECT ENCODING l; DUMP missing; COPY k k2; RENAME k2 k3; "
        "RENAME missing x; TOUCH k; UNLINK k3; DBSIZE; GETEX k; GETDEL k; LPOS l b; "
        "COMMAND COUNT; COMMAND INFO get; COMMAND DOCS get; CONFIG GET maxmemory-policy; "
        "LOLWUT VERSION 1; MEMORY USAGE missing; SLOWLOG LEN; LATENCY RESET; ACL WHOAMI; "
        "WAIT 0 0; FLUSHDB";
    start("");
    compare(script);
}

static void errors_are_the_servers(void)
{
    static const char script[] =
        "NONSENSE; NONSENSE a b c; nonsense|x y; ''; GET; GET a b; SET k; SET k v XX YY; "
        "CONFIG NONSENSE; OBJECT; OBJECT NONSENSE k; LPUSH l a; GET l; INCR l; EXPIRE k x; "
        "EXEC; DISCARD; EVAL; EVAL x; EVAL nonsense 0; EVALSHA 0 0; XREAD STREAMS; BLPOP k; "
        "BLPOP k x; BLPOP k -1; BLPOP l 0; SCAN x; WAIT x y; SUBSCRIBE; PSUBSCRIBE; "
        "PUBLISH c; XREAD BLOCK x STREAMS s 0; HELLO 9; AUTH; CLIENT; CLIENT SETNAME; "
        "CLIENT KILL; CLIENT REPLY; ZADD z x y; SELECT; MULTI x; WATCH; RESET x; "
        "MONITOR x y z; PING a b; QUEUED";
    start("");
    /* MONITOR with arguments would begin in some versions; here it is the words' count that counts.
     */
    EXPECT_SAME(session(), server_client(twin()), script);
}

/* ------------------------------------------------------------------------------- transactions */

static void transactions_answer_the_same(void)
{
    static const char script[] =
        "MULTI; SET k v; GET k; INCR k; LPUSH k x; EXEC; GET k; MULTI; NONSENSE; SET k w; "
        "EXEC; GET k; MULTI; GET; EXEC; MULTI; MULTI; WATCH k; SET k x; EXEC; MULTI; SET k y; "
        "DISCARD; GET k; WATCH k; SET k z; MULTI; PING; EXEC; WATCH k; EXEC; UNWATCH; MULTI; "
        "GET k; EXEC; MULTI; BLPOP nokey 0; XREAD BLOCK 0 STREAMS s $; WAIT 1 0; EXEC; MULTI; "
        "SELECT 3; SET in3 v; EXEC; DBSIZE; SELECT 0; DBSIZE; MULTI; CONFIG NONSENSE; EXEC; "
        "MULTI; EXEC; EXEC; DISCARD; MULTI; "
        "EVALSHA ffffffffffffffffffffffffffffffffffffffff 0; SET k v; EXEC";
    start("");
    compare(script);
}

static void pipelined_transactions_stay_whole(void)
{
    enum {
        SESSIONS = 8,
        ROUNDS = 40
    };
    struct client *clients[SESSIONS];
    struct bytes block = {0};
    char expected[64];
    start("");
    bytes_add_request(&block, "MULTI");
    bytes_add_request(&block, "INCR n");
    bytes_add_request(&block, "INCR n");
    bytes_add_request(&block, "EXEC");
    case_defer(free, block.data);
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
        for (int j = 0; j < ROUNDS; j++) {
            client_send_bytes(clients[i], block.data, block.len);
        }
    }
    for (int i = 0; i < SESSIONS * ROUNDS; i++) {
        struct client *one = clients[i % SESSIONS];
        long long first = 0;
        EXPECT_REPLY(one, "+OK\r\n");
        EXPECT_REPLY(one, "+QUEUED\r\n");
        EXPECT_REPLY(one, "+QUEUED\r\n");
        EXPECT(sscanf(client_read(one)->data, "*2\r\n:%lld", &first) == 1);
        snprintf(expected, sizeof(expected), "*2\r\n:%lld\r\n:%lld\r\n", first, first + 1);
        expect_bytes(__FILE__, __LINE__, "EXEC", one->reply.data, one->reply.len, expected,
                     strlen(expected));
        EXPECT_NUMBER(first % 2, 1);
    }
}

static void watch_notices_writes_of_others(void)
{
    start("");
    struct client *one = session(), *other = session();
    for (int round = 0; round < 20; round++) {
        bool touched = round % 2 == 0;
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
        client_call(one, "GET k");
        client_send(other, "SET %s %d", touched ? "k" : "other", round);
        EXPECT_REPLY(other, "+OK\r\n");
        EXPECT_CALL(one, "MULTI", "+OK\r\n");
        EXPECT_CALL(one, "SET k mine", "+QUEUED\r\n");
        client_send(one, "EXEC");
        if (touched) {
            EXPECT_REPLY(one, "*-1\r\n");
        } else {
            EXPECT_REPLY(one, "*1\r\n+OK\r\n");
        }
    }
}

/* The quota is used up by one interactive transaction: a whole one must not need it. */
static void a_whole_transaction_needs_no_lent_connection(void)
{
    NEEDS_DAEMON;
    start("leases = 1\nlease_wait_ms = 50\n");
    struct client *holder = session(), *one = session();
    struct bytes block = {0};
    EXPECT_CALL(holder, "MULTI", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "WATCH k", "-POOLWAIT ");
    const char *const lines[] = {"MULTI",  "INCR n", "GET",   "EXEC",  "MULTI",   "INCR n",
                                 "INCR n", "EXEC",   "GET n", "MULTI", "SET x 1", "EXEC"};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        bytes_add_request(&block, lines[i]);
    }
    case_defer(free, block.data);
    client_send_bytes(one, block.data, block.len);
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR wrong number of arguments");
    EXPECT_REPLY_BEGINS(one, "-EXECABORT ");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY(one, "*2\r\n:1\r\n:2\r\n");
    EXPECT_REPLY(one, "$1\r\n2\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY(one, "*1\r\n+OK\r\n");
}

static void what_is_refused_in_a_transaction_aborts_it(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k 1", "+QUEUED\r\n");
    EXPECT_CALL_BEGINS(one, "SHUTDOWN", "-POOLDENY ");
    EXPECT_CALL(one, "SET k 2", "+QUEUED\r\n");
    EXPECT_CALL_BEGINS(one, "EXEC", "-EXECABORT Transaction discarded because of previous errors.");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "SHUTDOWN", "-POOLDENY ");
    EXPECT_CALL(one, "DISCARD", "+OK\r\n");
    EXPECT_CALL(one, "SET k 3", "+OK\r\n");
}

static void select_under_watch_lasts_beyond_it(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "SET k 0", "+OK\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k 3", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*1\r\n+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\n3\r\n");
    EXPECT_CALL(one, "SET k 33", "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\n0\r\n");
    EXPECT_CALL(other, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$2\r\n33\r\n");
}

static void a_watch_ends_with_its_session(void)
{
    start("");
    for (int round = 0; round < 20; round++) {
        struct client *one = session(), *next = session();
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
        client_close(one);
        EXPECT_CALL(next, "MULTI", "+OK\r\n");
        EXPECT_CALL(session(), "SET k v", "+OK\r\n");
        EXPECT_CALL(next, "GET k", "+QUEUED\r\n");
        EXPECT_CALL(next, "EXEC", "*1\r\n$1\r\nv\r\n");
        client_close(next);
    }
}

static void an_unfinished_transaction_is_dropped_with_its_session(void)
{
    start("");
    struct client *one = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    client_close(one);
    for (int i = 0; i < 10; i++) {
        struct client *next = session();
        EXPECT_CALL(next, "MULTI", "+OK\r\n");
        EXPECT_CALL(next, "GET k", "+QUEUED\r\n");
        EXPECT_CALL(next, "EXEC", "*1\r\n$-1\r\n");
    }
}

/* ----------------------------------------------------------------------------------- blocking */

static void blocking_pops_wait_and_wake(void)
{
    start("");
    struct client *two = session(), *three = session3(), *other = session();
    EXPECT_CALL(two, "BLPOP q 0.05", "*-1\r\n");
    EXPECT_CALL(three, "BLPOP q 0.05", "_\r\n");
    EXPECT_CALL(three, "BLMOVE q r LEFT LEFT 0.05", "_\r\n");
    EXPECT_CALL(three, "BZPOPMIN z 0.05", "_\r\n");
    client_send(two, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_send(three, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 2);
    EXPECT_CALL(other, "RPUSH q a b", ":2\r\n");
    EXPECT_REPLY(two, "*2\r\n$1\r\nq\r\n$1\r\na\r\n");
    EXPECT_REPLY(three, "*2\r\n$1\r\nq\r\n$1\r\nb\r\n");
    client_send(two, "BZPOPMAX z 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "ZADD z 1 m", ":1\r\n");
    EXPECT_REPLY(two, "*3\r\n$1\r\nz\r\n$1\r\nm\r\n$1\r\n1\r\n");
    client_send(two, "XREAD BLOCK 0 STREAMS s $");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "XADD s 1-1 f v", "$3\r\n1-1\r\n");
    EXPECT_REPLY_BEGINS(two, "*1\r\n*2\r\n$1\r\ns\r\n");
}

static void blocked_sessions_delay_nobody(void)
{
    enum {
        BLOCKED = 50
    };
    struct client *clients[BLOCKED];
    start("");
    struct client *other = session();
    for (int i = 0; i < BLOCKED; i++) {
        clients[i] = session();
        client_send(clients[i], "BLPOP q 0");
    }
    EXPECT_INFO(server, "blocked_clients", BLOCKED);
    for (int i = 0; i < 200; i++) {
        EXPECT_CALL(other, "SET k v", "+OK\r\n");
    }
    for (int i = 0; i < BLOCKED / 2; i++) {
        client_close(clients[i]);
    }
    EXPECT_INFO(server, "blocked_clients", BLOCKED - BLOCKED / 2);
    for (int i = BLOCKED / 2; i < BLOCKED; i++) {
        client_call(other, "RPUSH q %d", i);
    }
    for (int i = BLOCKED / 2; i < BLOCKED; i++) {
        EXPECT_REPLY_BEGINS(clients[i], "*2\r\n$1\r\nq\r\n");
    }
    EXPECT_CALL(other, "LLEN q", ":0\r\n");
}

/* --------------------------------------------------------------------- scripts, WAIT, cursors */

static void scripts_are_known_to_all_sessions(void)
{
    static const char script[] =
        "EVAL 'return {1,2,{3}}' 0; EVAL 'return redis.call(\"GET\", KEYS[1])' 1 k; "
        "EVAL 'return redis.error_reply(\"MY error\")' 0; "
        "EVAL 'redis.call(\"SELECT\", 5) return 1' 0; DBSIZE; SCRIPT EXISTS abc; "
        "SCRIPT LOAD 'return 1'; EVALSHA e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0; "
        "EVALSHA abc 0; "
        "FUNCTION LOAD '#!lua name=lib\n redis.register_function(\"f\", function() return 7 end)'; "
        "FCALL f 0; FUNCTION DELETE lib; FCALL f 0; SCRIPT FLUSH; SCRIPT KILL; "
        "EVAL_RO 'return 1' 0";
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL_BEGINS(one, "SCRIPT LOAD 'return 42'", "$40\r\n");
    char *sha = case_alloc(64);
    sscanf(one->reply.data, "$40\r\n%40s", sha);
    client_send(other, "EVALSHA %s 0", sha);
    EXPECT_REPLY(other, ":42\r\n");
    compare(script);
}

static bool is_busy(void *context)
{
    return strncmp(client_call(context, "GET k")->data, "-BUSY", 5) == 0;
}

static void a_long_script_can_be_killed(void)
{
    start("");
    server_ask(server, "CONFIG SET busy-reply-threshold 50");
    struct client *one = session(), *other = session(), *killer = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    client_send(one, "EVAL 'while true do end' 0");
    /* Whoever shares the connection waits with the script; a new connection is told. */
    EXPECT(wait_until(is_busy, server_client(server), patience_ms()));
    int64_t before = now_ms();
    EXPECT_CALL(killer, "SCRIPT KILL", "+OK\r\n");
    EXPECT_BETWEEN(now_ms() - before, 0, 1000);
    EXPECT_REPLY_BEGINS(one, "-");
    EXPECT_REPLY_HAS(one, "Script killed by user");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
}

static void wait_without_replicas_times_out(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "WAIT 0 0", ":0\r\n");
    client_send(one, "WAIT 1 200");
    client_send(one, "GET k");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    EXPECT_REPLY(one, ":0\r\n");
    EXPECT_REPLY(one, "$1\r\nv\r\n");
}

static void cursors_continue_on_any_connection(void)
{
    enum {
        KEYS = 500
    };
    static char seen[KEYS];
    char cursor[32] = "0";
    start("");
    memset(seen, 0, sizeof(seen));
    for (int i = 0; i < KEYS; i++) {
        server_ask(server, "SET scan:%03d v", i);
    }
    do {
        struct client *one = session();
        const char *at = client_call(one, "SCAN %s COUNT 50", cursor)->data;
        EXPECT(sscanf(at, "*2\r\n$%*d\r\n%31s", cursor) == 1);
        while ((at = strstr(at, "scan:")) != NULL) {
            at += strlen("scan:");
            seen[atoi(at)] = 1;
        }
        client_close(one);
    } while (strcmp(cursor, "0") != 0);
    EXPECT(memchr(seen, 0, sizeof(seen)) == NULL);
}

/* ------------------------------------------------------------------------------------ pooling */

static void stateless_sessions_share_one_connection_per_database(void)
{
    NEEDS_DAEMON;
    enum {
        SESSIONS = 50
    };
    struct client *clients[SESSIONS];
    start("");
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
        client_send(clients[i], "SELECT %d", i % 2 == 0 ? 0 : 3);
        EXPECT_REPLY(clients[i], "+OK\r\n");
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < SESSIONS; i++) {
            client_send(clients[i], "SET k:%d v", i);
            client_send(clients[i], "GET k:%d", i);
            client_send(clients[i], "TTL missing");
        }
        for (int i = 0; i < SESSIONS; i++) {
            EXPECT_REPLY(clients[i], "+OK\r\n");
            EXPECT_REPLY(clients[i], "$1\r\nv\r\n");
            EXPECT_REPLY(clients[i], ":-2\r\n");
        }
    }
    EXPECT_BETWEEN(server_clients(server, "name=flaskredisd: db=0 sub=0"), 1, daemon_workers());
    EXPECT_BETWEEN(server_clients(server, "name=flaskredisd: db=3 sub=0"), 1, daemon_workers());
    EXPECT_NUMBER(server_keys(server, 0), SESSIONS / 2);
    EXPECT_NUMBER(server_keys(server, 3), SESSIONS / 2);
}

static void connections_lent_are_used_again(void)
{
    NEEDS_DAEMON;
    start("");
    int64_t before = 0;
    for (int i = 0; i < 50; i++) {
        struct client *one = session();
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
        EXPECT_CALL(one, "MULTI", "+OK\r\n");
        EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
        EXPECT_CALL(one, "EXEC", "*1\r\n+OK\r\n");
        EXPECT_CALL(one, "BLPOP missing 0.01", "*-1\r\n");
        client_close(one);
        before = i == 9 ? server_info(server, "total_connections_received") : before;
    }
    EXPECT_BETWEEN(server_info(server, "total_connections_received") - before, 0,
                   2 * daemon_workers());
}

static void requests_without_state_need_the_socket_only(void)
{
    start("");
    struct client *one = client_connect(daemon_address(pooler, "redis"));
    client_command(one, "SET", "key with blanks", "value \"quoted\"", NULL);
    EXPECT_REPLY(one, "+OK\r\n");
    client_command(one, "GET", "key with blanks", NULL);
    EXPECT_REPLY(one, "$14\r\nvalue \"quoted\"\r\n");
    client_command(one, "QUIT", NULL);
    EXPECT_ALL(one, "+OK\r\n");
}

static const struct test_case cases[] = {
    {"ordinary commands answer as a direct server", ordinary_commands_answer_the_same},
    {"errors are the server's own", errors_are_the_servers},
    {"transactions answer as a direct server", transactions_answer_the_same},
    {"pipelined transactions of many sessions stay whole", pipelined_transactions_stay_whole},
    {"WATCH notices the writes of others", watch_notices_writes_of_others},
    {"a whole transaction needs no lent connection", a_whole_transaction_needs_no_lent_connection},
    {"what is refused in a transaction aborts it", what_is_refused_in_a_transaction_aborts_it},
    {"SELECT under WATCH lasts beyond it", select_under_watch_lasts_beyond_it},
    {"a WATCH ends with its session", a_watch_ends_with_its_session},
    {"an unfinished transaction is dropped with its session",
     an_unfinished_transaction_is_dropped_with_its_session},
    {"blocking commands wait and wake", blocking_pops_wait_and_wake},
    {"blocked sessions delay nobody", blocked_sessions_delay_nobody},
    {"scripts and functions are known to all sessions", scripts_are_known_to_all_sessions},
    {"a long script can be killed", a_long_script_can_be_killed},
    {"WAIT without replicas delays its session only", wait_without_replicas_times_out},
    {"cursors continue on any connection", cursors_continue_on_any_connection},
    {"stateless sessions share one connection for each database",
     stateless_sessions_share_one_connection_per_database},
    {"lent connections are used again", connections_lent_are_used_again},
    {"keys and values may hold any text", requests_without_state_need_the_socket_only},
};

SUITE_MAIN("commands work", cases)
