/* CLIENT as a server has it, about sessions: who they are, listing, ending, unblocking and tracking
 * them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    SESSIONS = 100
};

#define FIRST_ID (INT64_C(1) << 32) /* below are ids of servers */

/* The number behind "name=" in a CLIENT INFO line. */
static int64_t info_number(struct client *client, const char *name)
{
    const struct bytes *reply = client_call(client, "CLIENT INFO");
    const char *found = strstr(reply->data, name);
    if (found == NULL) {
        FAIL("CLIENT INFO without %s: %s", name, reply->data);
    }
    return strtoll(found + strlen(name), NULL, 10);
}

static int64_t hello_id(struct client *client)
{
    static const char field[] = "$2\r\nid\r\n:";
    const struct bytes *reply = client_call(client, "HELLO");
    const char *found = strstr(reply->data, field);
    if (found == NULL) {
        FAIL("HELLO without id: %s", reply->data);
    }
    return strtoll(found + strlen(field), NULL, 10);
}

static void ids_are_unique_ascending_and_everywhere_the_same(void)
{
    struct client *clients[SESSIONS];
    int64_t ids[SESSIONS];
    char line[64];
    start("");
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
        client_send(clients[i], "CLIENT ID");
        ids[i] = client_read_number(clients[i]);
        EXPECT_BETWEEN(ids[i], i == 0 ? (daemon_is_direct() ? 1 : FIRST_ID) : ids[i - 1] + 1,
                       INT64_C(1) << 53);
    }
    char *list = case_alloc(client_call(clients[0], "CLIENT LIST")->len + 1);
    strcpy(list, clients[0]->reply.data);
    for (int i = 0; i < SESSIONS; i++) {
        EXPECT_NUMBER(hello_id(clients[i]), ids[i]);
        EXPECT_NUMBER(info_number(clients[i], "id="), ids[i]);
        snprintf(line, sizeof(line), "id=%lld addr=", (long long)ids[i]);
        EXPECT_HAS(list, line);
    }
}

static int64_t client_id(struct client *client)
{
    client_send(client, "CLIENT ID");
    return client_read_number(client);
}

static void unblock_reaches_the_blocked_session(void)
{
    static const struct {
        const char *how, *reply;
    } rows[] = {
        {"", "*-1\r\n"},
        {"TIMEOUT", "*-1\r\n"},
        {"ERROR", "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"},
    };
    start("");
    struct client *blocked = session(), *other = session();
    int64_t id = client_id(blocked);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_send(blocked, "BLPOP missing 0");
        EXPECT_INFO(server, "blocked_clients", 1);
        client_send(other, "CLIENT UNBLOCK %lld %s", (long long)id, rows[i].how);
        EXPECT_REPLY(other, ":1\r\n");
        expect_reply(__FILE__, __LINE__, blocked, rows[i].reply, strlen(rows[i].reply));
    }
    client_send(other, "CLIENT UNBLOCK %lld", (long long)id);
    EXPECT_REPLY(other, ":0\r\n");
    EXPECT_CALL(blocked, "GET missing", "$-1\r\n");
}

/* An order to unblock it that comes too late must not meet another client's command there. */
static void a_connection_unblocked_by_order_is_not_lent_again(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *blocked = session(), *other = session();
    int64_t id = client_id(blocked);
    client_send(blocked, "BLPOP missing 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "GET missing", "$-1\r\n");
    client_send(other, "CLIENT UNBLOCK %lld", (long long)id);
    EXPECT_REPLY(other, ":1\r\n");
    EXPECT_REPLY(blocked, "*-1\r\n");
    int64_t before = server_info(server, "total_connections_received");
    client_send(blocked, "BLPOP missing 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_NUMBER(server_info(server, "total_connections_received"), before + 1);
}

static void kill_closes_sessions_and_no_lane(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), "[REDIS]\nurl = {url}\n[CACHE]\nurl = {url}\n");
    struct client *one = session(), *killer = session(), *third = session();
    struct client *stranger = daemon_client(pooler, "cache");
    EXPECT_CALL(third, "GET k", "$-1\r\n");
    EXPECT_CALL(killer, "GET k", "$-1\r\n");
    EXPECT_CALL(stranger, "GET k", "$-1\r\n");
    int64_t id = client_id(one), connections = server_clients(server, "name=flaskredisd:");
    client_send(killer, "CLIENT KILL ID %lld", (long long)id);
    EXPECT_REPLY(killer, ":1\r\n");
    EXPECT_ALL(one, "");
    client_send(killer, "CLIENT KILL ID %lld", (long long)id);
    EXPECT_REPLY(killer, ":0\r\n");
    client_send(killer, "CLIENT KILL TYPE normal SKIPME no");
    EXPECT_ALL(killer, ":2\r\n");
    EXPECT_ALL(third, "");
    EXPECT_CALL(stranger, "GET k", "$-1\r\n");
    EXPECT_NUMBER(server_clients(server, "name=flaskredisd:"), connections);
    EXPECT_CALL(session(), "GET k", "$-1\r\n");
}

static void kill_skips_the_killer_by_default(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session(), *killer = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(killer, "CLIENT KILL TYPE normal", ":1\r\n");
    EXPECT_ALL(one, "");
    EXPECT_CALL(killer, "CLIENT KILL 127.0.0.1:1", "-ERR No such client\r\n");
    EXPECT_CALL(killer, "CLIENT KILL TYPE strange", "-ERR Unknown client type 'strange'\r\n");
    EXPECT_CALL(killer, "GET k", "$-1\r\n");
}

static void unknown_client_subcommands_stay_here(void)
{
    start("");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    int64_t errors = server_info(server, "total_error_replies");
    EXPECT_CALL(one, "CLIENT MAINT_NOTIFICATIONS ON",
                "-ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP.\r\n");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    if (!daemon_is_direct()) {
        EXPECT_NUMBER(server_info(server, "total_error_replies"), errors);
    }
}

static void tracking_redirects_to_a_session(void)
{
    start("");
    struct client *target = session(), *reader = session();
    struct client *writer = server_client(server);
    int64_t id = client_id(target);
    EXPECT_CALL(target, "SUBSCRIBE __redis__:invalidate",
                "*3\r\n$9\r\nsubscribe\r\n$20\r\n__redis__:invalidate\r\n:1\r\n");
    client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", (long long)id);
    EXPECT_REPLY(reader, "+OK\r\n");
    client_send(reader, "CLIENT GETREDIR");
    EXPECT_NUMBER(client_read_number(reader), id);
    char expected[160];
    snprintf(expected, sizeof(expected),
             "*6\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$8\r\nredirect\r\n:%lld\r\n"
             "$8\r\nprefixes\r\n*0\r\n",
             (long long)id);
    client_send(reader, "CLIENT TRACKINGINFO");
    expect_reply(__FILE__, __LINE__, reader, expected, strlen(expected));
    EXPECT_CALL(reader, "GET k", "$-1\r\n");
    EXPECT_CALL(writer, "SET k v", "+OK\r\n");
    EXPECT_REPLY(target, "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
}

/* Whoever is redirected to, in this worker or another, whatever it has then. */
static void who_is_redirected_to_may_subscribe_later(void)
{
    enum {
        ROUNDS = 12
    };
    static const char *const states[] = {"PING", "SELECT 2", "WATCH w", "SUBSCRIBE other"};
    static const char told[] =
        "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n";
    start("");
    for (int round = 0; round < ROUNDS; round++) {
        bool is_told_at_once = round % 4 == 3; /* a push, which needs no subscription */
        struct client *target = is_told_at_once ? session3() : session(), *reader = session();
        client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", (long long)client_id(target));
        client_call(target, "%s", states[round % 4]);
        EXPECT_REPLY(reader, "+OK\r\n");
        EXPECT_CALL_BEGINS(reader, "GET k", "$");
        if (is_told_at_once) {
            EXPECT_HAS(server_ask(server, "SET k v")->data, "OK");
            EXPECT_REPLY(target, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
        } else {
            EXPECT_CALL_BEGINS(target, round < 4 ? "SUBSCRIBE __redis__:invalidate" : "SUBSCRIBE x",
                               "*3\r\n");
            EXPECT_HAS(server_ask(server, "SET k v")->data, "OK");
            EXPECT_REPLY(target, told);
        }
    }
}

/* The one who asks has the only connection. */
static void without_a_connection_for_it_nobody_is_redirected_to(void)
{
    NEEDS_DAEMON;
    start("sticky_max = 1\nlease_wait_ms = 100\n");
    struct client *target = session(), *reader = session();
    client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", (long long)client_id(target));
    EXPECT_REPLY_BEGINS(reader, "-POOLWAIT ");
    EXPECT_CALL(target, "GET k", "$-1\r\n");
    EXPECT_CALL(reader, "CLIENT TRACKING ON", "+OK\r\n");
}

static void who_is_killed_before_it_is_redirected_to_does_not_exist(void)
{
    NEEDS_DAEMON;
    start("sticky_max = 1\nlease_wait_ms = 60000\n");
    struct client *target = session(), *reader = session();
    long long id = client_id(target);
    client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", id);
    client_wait_consumed(reader);
    client_send(session(), "CLIENT KILL ID %lld", id);
    EXPECT_ALL(target, "");
    EXPECT_REPLY(reader, "-ERR The client ID you want redirect to does not exist\r\n");
    EXPECT_CALL(reader, "GET k", "$-1\r\n");
}

static void tracking_that_ended_redirects_nowhere(void)
{
    start("");
    struct client *target = session(), *reader = session();
    int64_t id = client_id(target);
    EXPECT_CALL_BEGINS(target, "SUBSCRIBE __redis__:invalidate", "*3\r\n");
    client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", (long long)id);
    EXPECT_REPLY(reader, "+OK\r\n");
    EXPECT_CALL(reader, "CLIENT TRACKING OFF", "+OK\r\n");
    EXPECT_CALL(reader, "CLIENT GETREDIR", ":-1\r\n");
    EXPECT_CALL(reader, "CLIENT TRACKING ON", "+OK\r\n");
    EXPECT_CALL(reader, "CLIENT GETREDIR", ":0\r\n");
}

/* Of somebody who tracks in RESP3 and redirects: whether it has been told that a write was not told
 * to anybody. */
static bool is_told_of_a_broken_redirection(void *context)
{
    struct client *reader = context;
    EXPECT_HAS(server_ask(server, "SET k v")->data, "OK");
    client_send(reader, "GET k");
    return client_read(reader)->data[0] == '>';
}

/* The target, which speaks RESP3, listens, and the reader redirects to it. Returns its id. */
static long long redirect(struct client *reader, struct client *target)
{
    long long id = client_id(target);
    EXPECT_CALL_BEGINS(target, "SUBSCRIBE __redis__:invalidate", ">3\r\n");
    client_send(reader, "CLIENT TRACKING ON REDIRECT %lld", id);
    EXPECT_REPLY(reader, "+OK\r\n");
    return id;
}

static void who_redirects_to_a_client_that_goes_is_told(void)
{
    start("");
    struct client *target = session3(), *reader = session3();
    long long id = redirect(reader, target);
    EXPECT_CALL(reader, "GET k", "_\r\n");
    EXPECT_CALL_BEGINS(target, "UNSUBSCRIBE __redis__:invalidate", ">3\r\n");
    client_close(target);
    EXPECT(wait_until(is_told_of_a_broken_redirection, reader, patience_ms()));
    char expected[64];
    int len =
        snprintf(expected, sizeof(expected), ">2\r\n$21\r\ntracking-redir-broken\r\n:%lld\r\n", id);
    EXPECT(reader->reply.len == (size_t)len);
    EXPECT_HAS(reader->reply.data, expected);
    EXPECT_REPLY(reader, "$1\r\nv\r\n");
}

/* With a single worker, whoever needs a connection next has the one that was left, if it is kept.
 */
static void what_is_redirected_to_who_has_gone_disturbs_nobody(void)
{
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), "[flaskredisd]\nworkers = 1\n[REDIS]\nurl = {url}\n");
    struct client *target = session3(), *reader = session(), *taker = session3();
    redirect(reader, target);
    EXPECT_CALL(reader, "GET k", "$-1\r\n");
    EXPECT_CALL_BEGINS(target, "UNSUBSCRIBE __redis__:invalidate", ">3\r\n");
    EXPECT_CALL(target, "QUIT", "+OK\r\n");
    client_wait_listed(taker, "laddr=", 2);
    EXPECT_CALL(taker, "WATCH watched", "+OK\r\n");
    EXPECT_HAS(server_ask(server, "SET k v")->data, "OK");
    EXPECT_CALL(taker, "MULTI", "+OK\r\n");
    EXPECT_CALL(taker, "GET k", "+QUEUED\r\n");
    EXPECT_CALL(taker, "EXEC", "*1\r\n$1\r\nv\r\n");
}

static void tracking_words_its_errors_as_redis(void)
{
    static const char script[] =
        "CLIENT TRACKING MAYBE; CLIENT TRACKING OFF NOSUCH; CLIENT TRACKING OFF NOLOOP; "
        "CLIENT TRACKING ON NOSUCH; CLIENT TRACKING; CLIENT TRACKING OFF; CLIENT TRACKINGINFO; "
        "CLIENT UNBLOCK 1 ERROR x; CLIENT UNBLOCK 1 MAYBE; CLIENT UNBLOCK";
    start("");
    EXPECT_SAME(session(), server_client(server), script);
}

static void list_and_kill_word_their_errors_as_redis(void)
{
    static const char script[] =
        "CLIENT LIST ID 0; CLIENT LIST ID -7 -9223372036854775808; CLIENT LIST ID 1 x; "
        "CLIENT LIST ID; CLIENT LIST TYPE; CLIENT LIST TYPE nosuch; CLIENT LIST TYPE master; "
        "CLIENT LIST TYPE normal ID 1; CLIENT LIST nosuch; CLIENT KILL ID 0; CLIENT KILL ID -1; "
        "CLIENT KILL ID x; CLIENT KILL ID 1 ID x; CLIENT KILL TYPE nosuch; CLIENT KILL ID; "
        "CLIENT KILL USER DEFAULT; CLIENT KILL USER nosuch; CLIENT KILL SKIPME perhaps; "
        "CLIENT KILL ADDR 1:2; CLIENT KILL LADDR 1:2; CLIENT KILL ADDR 1:2 SKIPME; CLIENT KILL";
    start("");
    EXPECT_SAME(session(), server_client(server), script);
    EXPECT_SAME(session3(), direct3(), script);
}

/* In a transaction, and behind it or MONITOR, CLIENT is about connections to the server. */
static void kill_reaches_no_connection_to_the_server(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    int64_t before = server_info(server, "total_connections_received");
    client_send_script(one, "MULTI; CLIENT KILL TYPE normal; SET k w; EXEC; GET k");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "-POOLDENY 'client|kill' is denied in MULTI");
    client_read(one);
    EXPECT_REPLY_BEGINS(one, "-EXECABORT ");
    EXPECT_REPLY(one, "$1\r\nv\r\n");
    client_send_script(one, "MULTI; CLIENT GETNAME; EXEC; CLIENT KILL TYPE normal; GET k; MULTI; "
                            "CLIENT KILL TYPE normal; EXEC; GET k");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "*1\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'POOLDENY 'client|kill' is denied");
    EXPECT_REPLY(one, "$1\r\nv\r\n");
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'POOLDENY 'client|kill' is denied");
    EXPECT_REPLY_BEGINS(one, "-EXECABORT ");
    EXPECT_REPLY(one, "$1\r\nv\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    /* the lane's and the lent one, which is the tunnel's */
    EXPECT_BETWEEN(server_info(server, "total_connections_received"), before, before + 2);
    client_send_script(one, "RESET; CLIENT KILL ID 1");
    EXPECT_REPLY(one, "+RESET\r\n");
    EXPECT_REPLY(one, ":0\r\n");
}

/* Where an id stands in a list of clients; the list must have it. */
static const char *line_of(const struct bytes *list, int64_t id)
{
    char field[32];
    snprintf(field, sizeof(field), "id=%lld addr=", (long long)id);
    EXPECT_HAS(list->data, field);
    return strstr(list->data, field);
}

/* A server turns its list round now and then (server.c, clientsCron). */
static void lists_are_in_the_order_of_connecting_or_of_naming(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *clients[SESSIONS];
    int64_t ids[SESSIONS];
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
        ids[i] = client_id(clients[i]);
    }
    const struct bytes *list = client_call(clients[5], "CLIENT LIST");
    for (int i = 1; i < SESSIONS; i++) {
        EXPECT(line_of(list, ids[i - 1]) < line_of(list, ids[i]));
    }
    list = client_call(clients[0], "CLIENT LIST ID %lld %lld %lld", (long long)ids[9],
                       (long long)ids[2], (long long)ids[30]);
    EXPECT(line_of(list, ids[9]) < line_of(list, ids[2]));
    EXPECT(line_of(list, ids[2]) < line_of(list, ids[30]));
}

static void lists_count_what_is_queued(void)
{
    start("");
    struct client *one = session(), *other = session();
    int64_t id = client_id(one);
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "+QUEUED\r\n");
    EXPECT_CALL(one, "GET k", "+QUEUED\r\n");
    client_send(other, "CLIENT LIST ID %lld", (long long)id);
    EXPECT_REPLY_BEGINS(other, "$");
    EXPECT_REPLY_HAS(other, " multi=2 ");
    EXPECT_CALL(one, "DISCARD", "+OK\r\n");
    client_send(other, "CLIENT LIST ID %lld", (long long)id);
    EXPECT_REPLY_BEGINS(other, "$");
    EXPECT_REPLY_HAS(other, " multi=-1 ");
}

/* All clients of these tests come by Unix sockets (U). */
static void expect_tracking(struct client *asker, long long id, const char *flag,
                            const char *redirection)
{
    char flags[32], redir[48];
    snprintf(flags, sizeof(flags), " flags=%sU ", flag);
    snprintf(redir, sizeof(redir), " redir=%s ", redirection);
    client_send(asker, "CLIENT LIST ID %lld", id);
    EXPECT_REPLY_BEGINS(asker, "$");
    EXPECT_REPLY_HAS(asker, flags);
    EXPECT_REPLY_HAS(asker, redir);
}

static void lists_tell_who_tracks_and_who_is_told(void)
{
    static const struct {
        const char *line, *flag, *redirection;
    } rows[] = {
        {"CLIENT TRACKING ON", "t", "0"},
        {"CLIENT TRACKING OFF", "", "-1"},
        {"CLIENT TRACKING ON BCAST PREFIX a", "tB", "0"},
        {"CLIENT TRACKING OFF", "", "-1"},
        {"CLIENT TRACKING ON NOSUCH", "", "-1"},
    };
    start("");
    struct client *one = session(), *other = session();
    long long id = client_id(one), told = client_id(other);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        client_call(one, "%s", rows[i].line);
        expect_tracking(other, id, rows[i].flag, rows[i].redirection);
    }
    client_call(one, "CLIENT TRACKING ON REDIRECT %lld", told);
    char number[24];
    snprintf(number, sizeof(number), "%lld", told);
    expect_tracking(other, id, "t", number);
    EXPECT_CALL(one, "RESET", "+RESET\r\n");
    expect_tracking(other, id, "", "-1");
}

/* The watched key stays watched, and the session itself. */
static void hello_changes_the_protocol_of_who_has_a_connection(void)
{
    start("");
    struct client *one = session(), *other = session();
    int64_t id = client_id(one);
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_NUMBER(hello_id(one), id);
    EXPECT_CALL_BEGINS(one, "HELLO 3", "%7\r\n");
    EXPECT_NUMBER(client_id(one), id);
    EXPECT_CALL(one, "GET k", "_\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k w", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "_\r\n");
    EXPECT_CALL(one, "HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    EXPECT_CALL(one, "CLIENT TRACKING ON", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "HELLO 2", "*14\r\n");
    EXPECT_CALL(one, "GET missing", "$-1\r\n");
    EXPECT_NUMBER(client_id(one), id);
}

static const struct test_case cases[] = {
    {"ids are unique, ascending and the same wherever shown",
     ids_are_unique_ascending_and_everywhere_the_same},
    {"CLIENT UNBLOCK reaches a blocked session by its id", unblock_reaches_the_blocked_session},
    {"a connection unblocked by order is not lent again",
     a_connection_unblocked_by_order_is_not_lent_again},
    {"CLIENT KILL closes sessions of its prefix and no lane", kill_closes_sessions_and_no_lane},
    {"CLIENT KILL skips the killer by default", kill_skips_the_killer_by_default},
    {"an unknown CLIENT subcommand is answered here", unknown_client_subcommands_stay_here},
    {"CLIENT TRACKING redirects to a session by its id", tracking_redirects_to_a_session},
    {"who is redirected to may subscribe later", who_is_redirected_to_may_subscribe_later},
    {"without a connection for it nobody is redirected to",
     without_a_connection_for_it_nobody_is_redirected_to},
    {"who is killed before it is redirected to does not exist",
     who_is_killed_before_it_is_redirected_to_does_not_exist},
    {"HELLO changes the protocol of who has a connection",
     hello_changes_the_protocol_of_who_has_a_connection},
    {"CLIENT GETREDIR names nobody when tracking has ended", tracking_that_ended_redirects_nowhere},
    {"who redirects to a client that goes is told", who_redirects_to_a_client_that_goes_is_told},
    {"what is redirected to who has gone disturbs nobody",
     what_is_redirected_to_who_has_gone_disturbs_nobody},
    {"CLIENT TRACKING and UNBLOCK word their errors as a server",
     tracking_words_its_errors_as_redis},
    {"CLIENT LIST and KILL word their errors as a server",
     list_and_kill_word_their_errors_as_redis},
    {"CLIENT KILL reaches no connection to the server", kill_reaches_no_connection_to_the_server},
    {"CLIENT LIST is in the order of connecting, or of the ids named",
     lists_are_in_the_order_of_connecting_or_of_naming},
    {"CLIENT LIST counts the commands queued in MULTI", lists_count_what_is_queued},
    {"CLIENT LIST tells who tracks, and who is told instead",
     lists_tell_who_tracks_and_who_is_told},
};

SUITE_MAIN("clients", cases)
