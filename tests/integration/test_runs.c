/* Requests that stand in a row: whatever goes on together with what, each is answered as if it had
 * come alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

#define BYTES(text) text, sizeof(text) - 1

/* Limits that cut a row at any place. */
static const char *const limits[] = {
    "",
    "turn_count = 1\n",
    "turn_count = 2\noutstanding_max = 3\n",
    "outstanding_max = 1\n",
    "turn_count = 5\noutstanding_max = 4\n",
};

/* Send all in one piece, and QUIT behind it, and read until the end. */
static void send_row(struct client *client, const struct bytes *row)
{
    client_send_bytes(client, row->data, row->len);
    client_send(client, "QUIT");
    client_read_all(client);
}

/* The daemon with each of the limits and a server must answer the same to a row. */
static void expect_same_row(const struct bytes *row)
{
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        start(limits[i]);
        struct client *through = session(), *beside = direct();
        client_call(beside, "FLUSHALL");
        send_row(beside, row);
        send_row(through, row);
        expect_bytes(__FILE__, __LINE__, limits[i], through->reply.data, through->reply.len,
                     beside->reply.data, beside->reply.len);
    }
}

static void expect_same_script(const char *script)
{
    struct bytes row = {0};
    bytes_add_script(&row, script);
    case_defer(free, row.data);
    expect_same_row(&row);
}

static void the_same_command_in_any_case_of_letters(void)
{
    expect_same_script("SET a 1; SET a 2; set a 3; sEt a 4; GET a; GET a; GETT a; GET; GET a b; "
                       "GETRANGE a 0 0; getrange a 0 0; STRLEN a; GET a");
}

static void commands_with_subcommands_between_plain_ones(void)
{
    expect_same_script(
        "SET a 1; CONFIG GET maxmemory-policy; CONFIG GET appendonly; CONFIG NONESUCH; "
        "CONFIG; OBJECT ENCODING a; OBJECT REFCOUNT a; OBJECT; GET a; SCRIPT EXISTS x; "
        "CONFIG GET appendonly; GET a");
}

static void transactions_between_plain_ones(void)
{
    expect_same_script(
        "INCR n; MULTI; INCR n; INCR n; EXEC; INCR n; MULTI; INCR n; DISCARD; GET n; "
        "MULTI; EXEC; MULTI x; GET n; EXEC; MULTI; NONESUCH; INCR n; EXEC; INCR n; "
        "MULTI; MULTI; INCR n; EXEC; INCR n; MULTI; SELECT 1; INCR n; EXEC; INCR n");
}

static void what_cannot_share_a_connection_between_plain_ones(void)
{
    expect_same_script("SET a 1; GET a; BLPOP q 0.01; GET a; WATCH a; GET a; UNWATCH; GET a; "
                       "SELECT 1; GET a; SELECT 0; GET a; PUBLISH c m; PUBLISH c m; "
                       "EVAL return(1) 0; GET a; WAIT 0 0; XADD s 1-1 f v; "
                       "XREAD BLOCK 1 STREAMS s 1-1; XREAD STREAMS s 0; GET a; NONESUCH; GET a");
}

/* To a server before 8.0 these are unknown. */
static void what_is_new_in_8_0_between_plain_ones(void)
{
    expect_same_script(
        "SET a 1; HSETEX h EX 100 FIELDS 2 f 1 g 2; HGETEX h PERSIST FIELDS 1 f; GET a; "
        "HGETDEL h FIELDS 1 g; HGETALL h; VADD v VALUES 2 1 0 x; VADD v VALUES 2 0 1 y CAS; "
        "INCR a; VSIM v ELE x; GET a; VCARD v; VDIM v; VISMEMBER v x; "
        "VSETATTR v x {}; VGETATTR v x; VREM v x; VSIM v ELE y; INCR a; VCARD v; "
        "MULTI; VADD v VALUES 2 1 1 z; VSIM v ELE z COUNT 1; GET a; EXEC; GET a; vcard v");
}

static void silence_ends_where_it_should(void)
{
    expect_same_script(
        "SET a 1; CLIENT REPLY SKIP; GET a; GET a; CLIENT REPLY OFF; INCR a; INCR a; "
        "MULTI; INCR a; EXEC; CLIENT REPLY ON; GET a; CLIENT REPLY SKIP; MULTI; "
        "INCR a; EXEC; GET a; CLIENT REPLY SKIP; RESET; GET a; CLIENT REPLY OFF; RESET; GET a");
}

/* What a server answers to the row below, the newest version first. Here the silence of SKIP ends
 * as before 8.0, whatever the server's version. */
static const struct {
    int since;
    const char *says;
} skipped_empties[] = {
    {REDIS_8_0, "$1\r\n4\r\n+OK\r\n"}, /* an empty request is none: SKIP goes on to the next */
    {0, "$1\r\n1\r\n$1\r\n2\r\n$1\r\n4\r\n+PONG\r\n+OK\r\n"},
};

static const char *skipped_empties_of(int version)
{
    size_t i = 0;
    while (version < skipped_empties[i].since) {
        i++;
    }
    return skipped_empties[i].says;
}

static void expect_said(const struct client *client, const char *expected)
{
    expect_bytes(__FILE__, __LINE__, "all replies", client->reply.data, client->reply.len, expected,
                 strlen(expected));
}

static void silence_may_be_for_an_empty_request(void)
{
    struct bytes row = {0};
    bytes_add_script(&row, "CLIENT REPLY SKIP");
    bytes_add(&row, BYTES("\r\n"));
    bytes_add_script(&row, "ECHO 1; CLIENT REPLY SKIP");
    bytes_add(&row, BYTES("*0\r\n"));
    bytes_add_script(&row, "ECHO 2; CLIENT REPLY SKIP; ECHO 3; ECHO 4; CLIENT REPLY SKIP");
    bytes_add(&row, BYTES("*-1\r\nPING\r\n"));
    case_defer(free, row.data);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        start(limits[i]);
        int version = server_version(server);
        struct client *through = session(), *beside = direct();
        send_row(through, &row);
        expect_said(through, skipped_empties_of(daemon_is_direct() ? version : 0));
        send_row(beside, &row);
        expect_said(beside, skipped_empties_of(version));
    }
}

/* A server of 8.0 leaves the refusal out when replies before it are still to be written. */
static void a_refused_auth_is_answered_in_its_place(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session();
    client_send_script(one, "ECHO 1; AUTH nobody any; ECHO 2; HELLO 3 AUTH nobody any; ECHO 3");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
    EXPECT_REPLY_BEGINS(one, "-WRONGPASS ");
    EXPECT_REPLY(one, "$1\r\n2\r\n");
    EXPECT_REPLY_BEGINS(one, "-WRONGPASS ");
    EXPECT_REPLY(one, "$1\r\n3\r\n");
}

/* In a transaction the server cannot be told, and the client is closed. */
static void silence_goes_on_in_a_tunnel(void)
{
    expect_same_script("CLIENT REPLY OFF; MONITOR; PING; GET a; RESET; GET a");
    expect_same_script("MONITOR x; CLIENT GETNAME; SUBSCRIBE c; MONITOR x; RESET; GET a");
    /* EXEC announces replies that do not come */
    expect_same_script("MULTI; CLIENT REPLY OFF; EXEC; PING; RESET; PING; SELECT 1; PING");
    expect_same_script("MULTI; CLIENT REPLY OFF; PING; EXEC; RESET; PING; GET a");
    expect_same_script("MULTI; PING; CLIENT REPLY OFF; EXEC; MULTI; RESET; PING; GET a");
    if (daemon_is_direct()) {
        return;
    }
    struct client *one = session();
    client_send_script(one, "PING; CLIENT REPLY OFF; MULTI; SET k v; CLIENT GETNAME; EXEC; GET a");
    EXPECT_ALL(one, "+PONG\r\n");
    EXPECT_CALL(session(), "GET k", "$-1\r\n");
}

/* As of a server before 6.2. */
static void a_tunnel_outlasts_a_server_without_reset(void)
{
    NEEDS_DAEMON;
    start_with("--rename-command RESET other", "");
    struct client *one = session();
    client_send_script(one, "MULTI; CLIENT ID; EXEC; NONESUCH; Reset; PING; RESET x; SET k v");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "*1\r\n:");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'NONESUCH'");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'Reset'");
    EXPECT_REPLY(one, "+PONG\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'RESET'");
    EXPECT_REPLY(one, "+OK\r\n");
}

static void requests_without_a_name_or_a_word(void)
{
    static const char odd[] =
        "*1\r\n$4\r\nPING\r\n*0\r\n*-1\r\n*1\r\n$4\r\nPING\r\n"
        "*1\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\nPING\r\n\r\n*1\r\n$4\r\nping\r\n";
    static const char nameless[] = "*1\r\n$0\r\n\r\n*2\r\n$0\r\n\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n"
                                   "*1\r\n$0\r\n\r\n";
    struct bytes row = {0};
    bytes_add(&row, BYTES(odd));
    bytes_add(&row, BYTES(nameless));
    case_defer(free, row.data);
    expect_same_row(&row);
}

static void a_broken_one_ends_the_row(void)
{
    struct bytes row = {0};
    bytes_add(&row,
              BYTES("*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPING\r\n*1\r\n$x\r\n*1\r\n$4\r\nPING\r\n"));
    case_defer(free, row.data);
    expect_same_row(&row);
}

static void a_denied_one_is_refused_alone(void)
{
    NEEDS_DAEMON;
    start("deny = strlen, incr\n");
    struct client *one = session();
    client_send_script(one, "SET a 1; STRLEN a; GET a; STRLEN a; strlen a; GET a");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "-POOLDENY ");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
    EXPECT_REPLY_BEGINS(one, "-POOLDENY ");
    EXPECT_REPLY_BEGINS(one, "-POOLDENY ");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
    client_send_script(one, "GET a; MULTI; GET a; INCR a; EXEC; GET a");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "-POOLDENY ");
    EXPECT_REPLY_BEGINS(one, "-EXECABORT ");
    EXPECT_REPLY(one, "$1\r\n1\r\n");
}

/* Nobody counts what is owed to a tunnel, but the server, whose error it is there. */
static void a_denied_one_is_refused_in_its_place_in_a_tunnel(void)
{
    NEEDS_DAEMON;
    start("deny = strlen\n");
    struct client *one = session();
    client_send_script(one,
                       "MULTI; CLIENT GETNAME; EXEC; INCR n; STRLEN a; INCR n; FLASKREDIS HELP; "
                       "INCR n; MULTI; INCR n; STRLEN a; EXEC; GET n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "*1\r\n");
    EXPECT_REPLY(one, ":1\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'POOLDENY 'strlen' is denied");
    EXPECT_REPLY(one, ":2\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'ERR 'flaskredis' is not possible");
    EXPECT_REPLY(one, ":3\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'POOLDENY 'strlen' is denied");
    EXPECT_REPLY_BEGINS(one, "-EXECABORT ");
    EXPECT_REPLY(one, "$1\r\n3\r\n");
}

/* As if it had come one by one: the transaction is not begun as a whole. */
static void a_limit_of_requests_holds_in_a_transaction(void)
{
    NEEDS_DAEMON;
    start("args_max = 4\n");
    struct client *one = session();
    client_send_script(one, "SET a 1; MULTI; INCR a; MSET a 1 b 2; EXEC; INCR a");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_ALL(one, "-ERR Protocol error: invalid multibulk length\r\n");
    EXPECT_CALL(session(), "GET a", "$1\r\n1\r\n");
}

#define PREFIX "[flaskredisd]\nworkers = 1\n[REDIS]\nurl = {url}\n"

enum {
    HELD = 100,
    MANY = 2000
};

static bool is_denied(void *client)
{
    return strncmp(client_call(client, "CLIENT ID")->data, "-POOLDENY ", 10) == 0;
}

/* More is outstanding then than may be, and nothing has stopped the client's input yet. */
static void a_limit_that_has_sunk_below_what_is_outstanding(void)
{
    NEEDS_DAEMON;
    struct peer *peer = peer_start();
    struct bytes row = {0}, replies = {0};
    pooler = daemon_start(peer_url(peer), PREFIX);
    struct client *one = session();
    peer_on(peer, "PING", PEER_HOLD, "", HELD + 1);
    for (int i = 0; i < MANY; i++) {
        bytes_add_request(&row, "PING");
    }
    case_defer(free, row.data);
    client_send_bytes(one, row.data, row.len / MANY * HELD);
    peer_expect(peer, "PING", HELD);
    EXPECT(daemon_reload(pooler, PREFIX "outstanding_max = 10\ndeny = client|id\n"));
    EXPECT(wait_until(is_denied, session(), patience_ms()));
    client_send_bytes(one, row.data, row.len);
    peer_expect(peer, "PING", HELD + 1); /* that one notices */
    for (int i = 0; i <= HELD; i++) {
        bytes_add_text(&replies, "+HELD\r\n");
    }
    peer_send(peer, peer_connection_of(peer, "PING"), replies.data);
    bytes_finish(&replies);
    for (int i = 0; i < HELD + MANY; i++) {
        const struct bytes *reply = client_read(one);
        const char *expected = i <= HELD ? "+HELD\r\n" : "+PONG\r\n";
        expect_bytes(__FILE__, __LINE__, "a reply", reply->data, reply->len, expected, 7);
    }
    EXPECT_NUMBER(peer_count(peer, "PING"), HELD + MANY);
}

static const struct test_case cases[] = {
    {"a denied one is refused in its place in a tunnel",
     a_denied_one_is_refused_in_its_place_in_a_tunnel},
    {"a limit of requests holds in a transaction", a_limit_of_requests_holds_in_a_transaction},
    {"a limit that has sunk below what is outstanding",
     a_limit_that_has_sunk_below_what_is_outstanding},
    {"the same command in any case of letters", the_same_command_in_any_case_of_letters},
    {"commands with subcommands between plain ones", commands_with_subcommands_between_plain_ones},
    {"transactions between plain ones", transactions_between_plain_ones},
    {"what cannot share a connection between plain ones",
     what_cannot_share_a_connection_between_plain_ones},
    {"what is new in 8.0 between plain ones", what_is_new_in_8_0_between_plain_ones},
    {"silence ends where it should", silence_ends_where_it_should},
    {"silence may be for an empty request", silence_may_be_for_an_empty_request},
    {"a refused AUTH is answered in its place", a_refused_auth_is_answered_in_its_place},
    {"silence goes on in a tunnel", silence_goes_on_in_a_tunnel},
    {"a tunnel outlasts a server without RESET", a_tunnel_outlasts_a_server_without_reset},
    {"requests without a name or a word", requests_without_a_name_or_a_word},
    {"a broken one ends the row", a_broken_one_ends_the_row},
    {"a denied one is refused alone", a_denied_one_is_refused_alone},
};

SUITE_MAIN("runs", cases)
