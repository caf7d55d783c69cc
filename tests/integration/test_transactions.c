/* Transactions and WATCH: on shared connections in one piece, on lent ones otherwise, and what
 * becomes of them when a client or a server ends in the middle. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static int64_t connections_made(void)
{
    return server_info(server, "total_connections_received");
}

/* Everything in one write, all replies compared. */
static void compare_in_one_piece(struct client *through, struct client *beside, const char *script)
{
    struct bytes requests = {0};
    bytes_add_script(&requests, script);
    bytes_add_request(&requests, "QUIT");
    case_defer(free, requests.data);
    client_send_bytes(through, requests.data, requests.len);
    client_send_bytes(beside, requests.data, requests.len);
    client_read_all(through);
    client_read_all(beside);
    expect_bytes(__FILE__, __LINE__, script, through->reply.data, through->reply.len,
                 beside->reply.data, beside->reply.len);
}

/* ----------------------------------------------------------------------------- the same replies
 */

/* Wherever it is cut, it is executed once and answered the same. */
static void a_transaction_cut_anywhere_is_answered_the_same(void)
{
    static const char expected[] = "+PONG\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n";
    struct bytes block = {0};
    char replies[128];
    start("");
    bytes_add_script(&block, "PING; MULTI; INCR n; INCR n; EXEC");
    case_defer(free, block.data);
    for (size_t at = 1; at < block.len; at++) {
        struct client *one = session();
        client_send_bytes(one, block.data, at);
        if (!daemon_is_direct()) {
            client_wait_consumed(one);
        }
        client_send_bytes(one, block.data + at, block.len - at);
        client_half_close(one);
        snprintf(replies, sizeof(replies), "%s:%zu\r\n:%zu\r\n", expected, 2 * at - 1, 2 * at);
        snprintf(one->about, sizeof(one->about), "cut at %zu", at);
        const struct bytes *all = client_read_all(one);
        expect_bytes(__FILE__, __LINE__, one->about, all->data, all->len, replies, strlen(replies));
        client_close(one);
    }
}

static const char *const scripts[] = {
    "MULTI; NONSENSE; SET k 1; EXEC; GET k",
    "MULTI; GET; SET k 2; EXEC; GET k",
    "MULTI; CONFIG NONSENSE; SET k 3; EXEC; GET k",
    "MULTI; SAVE; SET k 4; EXEC; GET k",
    "MULTI; MULTI; SET k 5; EXEC; GET k",
    "MULTI; WATCH k; SET k 6; EXEC; GET k",
    "MULTI; SET k x; INCR k; GET k; EXEC; GET k",
    "MULTI; SET k 7; DISCARD; GET k; EXEC; DISCARD",
    "MULTI; BLPOP nokey 0; BLMOVE a b LEFT LEFT 0; WAIT 1 0; EXEC; GET k",
    "MULTI; BZPOPMIN z 0; XREAD BLOCK 0 STREAMS s $; EXEC; GET k",
    "WATCH k; SET k mine; MULTI; PING; EXEC; GET k",
    "WATCH k; EXEC; DISCARD; MULTI; SET k 8; EXEC; GET k",
    "WATCH k; UNWATCH; SET k 9; MULTI; GET k; EXEC",
    "WATCH missing; FLUSHALL; MULTI; PING; EXEC; SET k 1; WATCH k; FLUSHALL; MULTI; PING; EXEC",
    "MULTI; SELECT 3; SET in3 v; EXEC; GET in3; SELECT 0; GET in3",
    "MULTI; SELECT 99; SET in0 v; EXEC; GET in0",
    "MULTI; EVALSHA ffffffffffffffffffffffffffffffffffffffff 0; SET k 10; EXEC; GET k",
    "MULTI; EVAL 'return redis.call(\"SET\", KEYS[1], \"s\")' 1 k; EXEC; GET k",
    "MULTI x; SET k 11; EXEC x; EXEC; DISCARD",
    "MULTI; SUBSCRIBE a b c; PING; EXEC; PING x",
    "MULTI; SET k 12; RESET x; SET k 13; EXEC; GET k",
};

static void every_transaction_is_answered_as_by_a_server(void)
{
    start("");
    for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
        compare_in_one_piece(session(), direct(), scripts[i]);
        compare_in_one_piece(session3(), direct3(), scripts[i]);
        if (strstr(scripts[i], "SUBSCRIBE") == NULL) { /* one reply for each request */
            EXPECT_SAME(session(), direct(), scripts[i]);
            EXPECT_SAME(session3(), direct3(), scripts[i]);
        }
    }
}

static void what_the_server_refuses_when_queued_aborts_the_transaction(void)
{
    static const char script[] = "MULTI; GET k; SET k v; EXEC; GET k";
    start("");
    struct client *beside = direct();
    server_ask(server, "CONFIG SET maxmemory 1");
    server_ask(twin(), "CONFIG SET maxmemory 1");
    EXPECT_SAME(session(), beside, script);
    compare_in_one_piece(session(), direct(), script);
}

static void a_user_who_may_not_begin_one_is_told_as_by_a_server(void)
{
    static const char rules[] = "ACL SETUSER u on >p ~* +@all -multi";
    static const char script[] = "AUTH u p; MULTI; SET k v; EXEC; GET k";
    start("auth = passthrough\n");
    struct client *beside = direct();
    server_ask(server, rules);
    server_ask(twin(), rules);
    EXPECT_SAME(session(), beside, script);
    compare_in_one_piece(session(), direct(), script);
}

/* A server that knows EXEC or DISCARD by another name, or a user who may not send DISCARD: the
 * connection stays in the transaction, and must be nobody else's any more. */
static void a_transaction_that_does_not_end_catches_nobody_else(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *arguments, *script, *last;
    } rows[] = {
        {"--rename-command EXEC other", "MULTI; SET k w; EXEC", "-ERR unknown command 'EXEC'"},
        {"--rename-command DISCARD other", "MULTI; SET k w; DISCARD",
         "-ERR unknown command 'DISCARD'"},
        {"--user default on nopass ~* &* +@all -discard", "MULTI; SET k w; DISCARD", "-NOPERM "},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        start_with(rows[i].arguments, "");
        struct client *one = session(), *other = session();
        EXPECT_CALL(other, "SET k v", "+OK\r\n");
        client_send_script(one, rows[i].script);
        EXPECT_REPLY(one, "+OK\r\n");
        EXPECT_REPLY(one, "+QUEUED\r\n");
        EXPECT_REPLY_BEGINS(one, rows[i].last);
        EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
        EXPECT_CALL(session(), "GET k", "$1\r\nv\r\n");
        daemon_stop(pooler);
    }
}

static void a_write_of_another_between_watch_and_exec_is_noticed_after_a_vain_exec(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "EXEC", "-ERR EXEC without MULTI\r\n");
    EXPECT_CALL(other, "SET k theirs", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k mine", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*-1\r\n");
    EXPECT_CALL(other, "GET k", "$6\r\ntheirs\r\n");
}

static void a_database_chosen_in_a_transaction_is_the_clients_alone(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SELECT 3", "+QUEUED\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*2\r\n+OK\r\n+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_NUMBER(server_keys(server, 3), 1);
}

static long listed_database(struct client *client)
{
    client_call(client, "CLIENT INFO");
    EXPECT_REPLY_HAS(client, " db=");
    return strtol(strstr(client->reply.data, " db=") + 4, NULL, 10);
}

static void a_database_that_exec_could_not_choose_is_not_the_clients(void)
{
    static const char *const queued[] = {
        "MULTI; SELECT 99; EXEC",
        "MULTI; SET k v; SELECT 9999999999; SELECT -1; EXEC",
        "MULTI; SELECT 3; GET k; SELECT 99; SET in3 v; EXEC",
        "MULTI; SELECT 3; SELECT 0; SELECT 99; EXEC",
        "MULTI; SELECT 3; NONSENSE; EXEC; MULTI; GET k; EXEC",
        "WATCH k; MULTI; SELECT 3; DISCARD; WATCH k; MULTI; GET k; EXEC",
        "CLIENT TRACKING ON; MULTI; SELECT 3; DISCARD; MULTI; GET k; EXEC",
        "MULTI; GETRANGE large 0 -1; SELECT 4; GETRANGE large 1 -1; SELECT 99; LRANGE list 0 -1; "
        "SELECT 5; SELECT x; EXEC",
        "MULTI; SELECT 1; SELECT 2; SELECT 3; SELECT 4; SELECT 5; SELECT 6; SELECT 7; SELECT 8; "
        "SELECT 9; SELECT 10; SELECT 11; SELECT 12; SELECT 13; SELECT 14; SELECT 15; SELECT 99; "
        "SET in15 v; EXEC",
        "MULTI; SELECT 1; SELECT 2; SELECT 1; SELECT 2; SELECT 1; SELECT 2; SELECT 1; SELECT 2; "
        "SELECT 1; SELECT 2; SELECT 1; SELECT 2; SELECT 1; SELECT 2; SELECT 1; SELECT 2; "
        "SELECT 5; SELECT 99; SET in5 v; EXEC",
    };
    start("");
    struct client *beside = direct();
    EXPECT_SAME(session(), beside, "SETRANGE large 300000 x; RPUSH list +OK +OK +OK a b c");
    for (size_t i = 0; i < sizeof(queued) / sizeof(queued[0]); i++) {
        struct client *one = session(), *other = direct();
        EXPECT_SAME(one, other, queued[i]);
        EXPECT_NUMBER(listed_database(one), listed_database(other));
        client_call(one, "HELLO 3");
        EXPECT_REPLY_HAS(one, "proto");
    }
}

/* ------------------------------------------------------------------------- pipelined transactions
 */

static void expect_next_block(struct client *client, long long *last)
{
    char expected[64];
    long long first = 0;
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "+QUEUED\r\n");
    EXPECT_REPLY(client, "+QUEUED\r\n");
    EXPECT(sscanf(client_read(client)->data, "*2\r\n:%lld", &first) == 1 && first > *last);
    snprintf(expected, sizeof(expected), "*2\r\n:%lld\r\n:%lld\r\n", first, first + 1);
    expect_bytes(__FILE__, __LINE__, "EXEC", client->reply.data, client->reply.len, expected,
                 strlen(expected));
    *last = first + 1;
}

/* The only connection that may be lent is taken: each of them that needed one would be told. */
static void pipelined_transactions_of_many_clients_cost_no_lent_connection(void)
{
    enum {
        CLIENTS = 50,
        BLOCKS = 1000
    };
    struct client *clients[CLIENTS];
    long long last[CLIENTS] = {0};
    struct bytes blocks = {0};
    start("leases = 1\nlease_wait_ms = 0\nturn_count = 100000\n");
    struct client *holder = session();
    EXPECT_CALL(holder, "WATCH k", "+OK\r\n");
    for (int i = 0; i < BLOCKS; i++) {
        bytes_add_script(&blocks, "MULTI; INCR counter; INCR counter; EXEC");
    }
    case_defer(free, blocks.data);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = session();
        EXPECT_CALL(clients[i], "GET k", "$-1\r\n"); /* there is a lane */
        client_send_bytes(clients[i], blocks.data, blocks.len);
    }
    for (int i = 0; i < CLIENTS; i++) {
        for (int j = 0; j < BLOCKS; j++) {
            expect_next_block(clients[i], &last[i]);
        }
    }
    EXPECT_CALL(clients[0], "GET counter", "$6\r\n100000\r\n");
}

/* The daemon says so although the session has a lent connection. */
static void switching_off_what_is_not_on_while_watching_is_answered(void)
{
    start("");
    EXPECT_SAME(
        session(), direct(),
        "WATCH a; CLIENT TRACKING OFF; SET b 1; CLIENT TRACKING NO; MULTI; GET b; EXEC; "
        "CLIENT TRACKING OFF; WATCH a; SCRIPT DEBUG NO; SET a 1; MULTI; GET a; EXEC; GET a");
}

/* --------------------------------------------------------------------------------- what is left
 */

static void a_connection_left_in_a_transaction_is_cleaned_and_lent_again(void)
{
    static const char *const lines[] = {"WATCH k", "MULTI"};
    NEEDS_DAEMON;
    start("leases = 1\nlease_wait_ms = 5000\n");
    EXPECT_CALL(session(), "SET k 0", "+OK\r\n");
    int64_t before = 0;
    for (int round = 0; round < 20; round++) {
        struct client *one = session(), *next = session();
        EXPECT_CALL(one, lines[round % 2], "+OK\r\n");
        before = round == 0 ? connections_made() : before;
        client_close(one);
        EXPECT_CALL(next, "MULTI", "+OK\r\n");
        server_ask(server, "INCR k"); /* whoever watched it does not any more */
        EXPECT_CALL(next, "SET x v", "+QUEUED\r\n");
        EXPECT_CALL(next, "EXEC", "*1\r\n+OK\r\n");
        client_close(next);
    }
    EXPECT_BETWEEN(connections_made() - before, 0, 2 * (daemon_workers() - 1));
}

static void reset_gives_the_connection_back(void)
{
    NEEDS_DAEMON;
    start("leases = 1\nlease_wait_ms = 5000\n");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    int64_t before = connections_made();
    for (int round = 0; round < 10; round++) {
        EXPECT_CALL(one, "MULTI", "+OK\r\n");
        EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
        EXPECT_CALL(one, "RESET", "+RESET\r\n");
        EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    }
    EXPECT_NUMBER(connections_made(), before);
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

static bool is_executed(void *context)
{
    return strcmp(server_ask(server, "GET n")->data, context) == 0;
}

static void a_transaction_whose_client_closes_at_once_is_executed_once(void)
{
    enum {
        ROUNDS = 200
    };
    struct bytes block = {0};
    start("");
    bytes_add_script(&block, "MULTI; INCR n; INCR n; EXEC");
    case_defer(free, block.data);
    for (int i = 0; i < ROUNDS; i++) {
        struct client *one = session();
        client_send_bytes(one, block.data, block.len);
        client_close(one);
    }
    EXPECT(wait_until(is_executed, "$3\r\n400\r\n", patience_ms()));
}

static const struct test_case cases[] = {
    {"switching off what is not on while watching is answered",
     switching_off_what_is_not_on_while_watching_is_answered},
    {"a transaction cut anywhere is answered the same",
     a_transaction_cut_anywhere_is_answered_the_same},
    {"every transaction is answered as by a server", every_transaction_is_answered_as_by_a_server},
    {"what the server refuses when queued aborts the transaction",
     what_the_server_refuses_when_queued_aborts_the_transaction},
    {"a transaction that does not end catches nobody else",
     a_transaction_that_does_not_end_catches_nobody_else},
    {"a user who may not begin one is told as by a server",
     a_user_who_may_not_begin_one_is_told_as_by_a_server},
    {"a write of another between WATCH and EXEC is noticed after a vain EXEC",
     a_write_of_another_between_watch_and_exec_is_noticed_after_a_vain_exec},
    {"a database that EXEC could not choose is not the client's",
     a_database_that_exec_could_not_choose_is_not_the_clients},
    {"a database chosen in a transaction is the client's alone",
     a_database_chosen_in_a_transaction_is_the_clients_alone},
    {"pipelined transactions of many clients cost no lent connection",
     pipelined_transactions_of_many_clients_cost_no_lent_connection},
    {"a connection left in a transaction is cleaned and lent again",
     a_connection_left_in_a_transaction_is_cleaned_and_lent_again},
    {"RESET gives the connection back", reset_gives_the_connection_back},
    {"a transaction whose client closes at once is executed once",
     a_transaction_whose_client_closes_at_once_is_executed_once},
};

SUITE_MAIN("transactions", cases)
