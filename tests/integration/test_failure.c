/* What a session sees when the server is away, slow, full or strange: an error that says whether
 * the command may have run, never a second execution, never another session's reply. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    SLACK_MS = 1500,
    AT_ONCE_MS = 150
};

static struct daemon *pooler;

static struct client *session(void)
{
    return daemon_client(pooler, "redis");
}

/* A scripted server and a daemon before it. */
static struct peer *start_peer(const char *settings)
{
    struct peer *peer = peer_start();
    pooler = daemon_start_redis(peer_url(peer), settings);
    return peer;
}

/* ------------------------------------------------------------------------------ lost upstream */

enum {
    SESSIONS = 10,
    PER_SESSION = 10
};

static void lost_commands_fail_once_and_run_at_most_once(void)
{
    NEEDS_DAEMON;
    struct client *clients[SESSIONS];
    struct peer *peer = start_peer("");
    peer_on(peer, "INCR", PEER_HOLD, "", 0);
    for (int i = 0; i < SESSIONS * PER_SESSION; i++) {
        clients[i / PER_SESSION] = i % PER_SESSION == 0 ? session() : clients[i / PER_SESSION];
        client_send(clients[i / PER_SESSION], "INCR n");
    }
    peer_expect(peer, "INCR", SESSIONS * PER_SESSION);
    peer_close(peer, 0);
    for (int i = 0; i < SESSIONS * PER_SESSION; i++) {
        EXPECT_REPLY_BEGINS(clients[i / PER_SESSION], "-POOLLOST ");
        EXPECT_REPLY_HAS(clients[i / PER_SESSION], "may have been executed");
    }
    for (int i = 0; i < SESSIONS; i++) {
        EXPECT_CALL(clients[i], "SET k v", "+OK\r\n");
    }
    EXPECT_NUMBER(peer_count(peer, "INCR"), SESSIONS * PER_SESSION);
}

enum {
    BEFORE = 100,
    FROZEN = 10,
    INCREMENTS = SESSIONS * (BEFORE + FROZEN)
};

static void send_increments(struct client *const clients[], int count, const char *request)
{
    for (int i = 0; i < SESSIONS * count; i++) {
        client_send(clients[i % SESSIONS], "%s", request);
    }
}

/* A server that remembers across its own death what it has executed; some requests it has not even
 * read when it dies. */
static void a_killed_server_counts_every_increment_once(void)
{
    NEEDS_DAEMON;
    struct client *clients[SESSIONS];
    int64_t answered = 0, lost = 0, unsent = 0;
    struct server *server = server_start("--appendonly yes --appendfsync always");
    pooler = daemon_start_redis(server_url(server), "upstream_wait_ms = 100\nfail_fast_ms = 100\n");
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
    }
    send_increments(clients, BEFORE, "INCR n");
    server_freeze(server);
    send_increments(clients, FROZEN, "INCRBY n 1");
    client_wait_listed(session(), " cmd=incrby ", SESSIONS);
    server_kill(server);
    for (int i = 0; i < INCREMENTS; i++) {
        const char *reply = client_read(clients[i % SESSIONS])->data;
        answered += reply[0] == ':';
        lost += strncmp(reply, "-POOLLOST ", 10) == 0;
        unsent += strncmp(reply, "-POOLDOWN ", 10) == 0;
    }
    EXPECT_NUMBER(answered + lost + unsent, INCREMENTS);
    EXPECT_BETWEEN(lost + unsent, SESSIONS * FROZEN, INCREMENTS);
    server_restart(server, "--appendonly yes");
    EXPECT_INFO(server, "loading", 0);
    const char *count = server_ask(server, "INCRBY n 0")->data;
    EXPECT_BETWEEN(strtoll(count + 1, NULL, 10), answered, answered + lost);
}

static void what_was_not_sent_waits_for_the_server(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    pooler =
        daemon_start_redis(server_url(server), "upstream_wait_ms = 8000\nfail_fast_ms = 8000\n");
    struct client *one = session(), *late = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    server_kill(server);
    client_send(one, "SET k v");
    client_send(late, "SET other v");
    client_wait_listed(session(), " cmd=set ", 2);
    server_restart(server, NULL);
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(late, "+OK\r\n");
    EXPECT_NUMBER(server_all_keys(server), 2);
}

static int64_t call_time(struct client *client, const char *line, const char *begins)
{
    int64_t before = now_ms();
    EXPECT_CALL_BEGINS(client, line, begins);
    return now_ms() - before;
}

static bool fails_at_once(void *client)
{
    return call_time(client, "SET k v", "-POOLDOWN ") < AT_ONCE_MS;
}

static void a_server_that_stays_away_is_said_so_in_time(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "upstream_wait_ms = 400\nfail_fast_ms = 400\n");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    server_kill(server);
    EXPECT_BETWEEN(call_time(one, "SET k v", "-POOLDOWN no connection to "), 0, 400 + SLACK_MS);
    EXPECT_REPLY_HAS(one, "not sent");
    EXPECT(wait_until(fails_at_once, one, patience_ms()));
    EXPECT(fails_at_once(one));
    server_restart(server, NULL);
    int64_t deadline = now_ms() + patience_ms();
    while (client_call(one, "GET k")->data[0] != '$') {
        EXPECT(now_ms() < deadline);
    }
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void a_server_that_was_never_there_is_said_so(void)
{
    NEEDS_DAEMON;
    char *url = case_alloc(256);
    snprintf(url, 256, "unix://%s/nobody.sock", case_dir());
    pooler = daemon_start_redis(url, "upstream_wait_ms = 300\nfail_fast_ms = 300\n");
    struct client *one = session();
    EXPECT_BETWEEN(call_time(one, "GET k", "-POOLDOWN no connection to unix://"), 0,
                   300 + SLACK_MS);
    EXPECT_CALL(one, "SELECT 0", "+OK\r\n");
    EXPECT_CALL(one, "CLIENT GETNAME", "$-1\r\n");
}

/* ---------------------------------------------------------------------------- what is retried */

static void reads_are_retried_only_if_wanted(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *settings, *reply;
        size_t times;
    } rows[] = {
        {"retry_reads = no\n", "-POOLLOST ", 1},
        {"retry_reads = yes\n", "$1\r\nv\r\n", 2},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct peer *peer = start_peer(rows[i].settings);
        struct client *one = session();
        peer_on(peer, "GET", PEER_CLOSE, "", 1);
        peer_on(peer, "GET", PEER_ANSWER, "$1\r\nv\r\n", 0);
        EXPECT_CALL_BEGINS(one, "GET k", rows[i].reply);
        EXPECT_NUMBER(peer_count(peer, "GET"), rows[i].times);
        EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    }
}

static void a_read_is_retried_once_only(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("retry_reads = yes\n");
    struct client *one = session();
    peer_on(peer, "GET", PEER_CLOSE, "", 0);
    EXPECT_CALL_BEGINS(one, "GET k", "-POOLLOST ");
    EXPECT_NUMBER(peer_count(peer, "GET"), 2);
}

static void writes_are_never_sent_again(void)
{
    NEEDS_DAEMON;
    static const char *const lines[] = {
        "SET k v", "EVAL 'return 1' 0", "EVALSHA abc 0", "FCALL f 0", "BLPOP q 0", "PUBLISH c m",
        "INCR k",  "GETDEL k",          "UNHEARDOF k",
    };
    struct peer *peer = start_peer("retry_reads = yes\n");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        peer_on(peer, lines[i], PEER_CLOSE, "", 0);
    }
    peer_on(peer, "EVAL", PEER_CLOSE, "", 0);
    struct client *one = session();
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char name[32] = "";
        sscanf(lines[i], "%31s", name);
        EXPECT_CALL_BEGINS(one, lines[i], "-POOLLOST ");
        EXPECT_CALL(one, "SET fine v", "+OK\r\n");
        EXPECT_NUMBER(peer_count(peer, name), strcmp(name, "SET") == 0 ? 2 : 1);
    }
}

static void a_transaction_is_never_sent_again(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("retry_reads = yes\n");
    struct bytes block = {0};
    struct client *one = session();
    peer_on(peer, "GET a", PEER_ANSWER, "+QUEUED\r\n", 0);
    peer_on(peer, "EXEC", PEER_CLOSE, "", 0);
    bytes_add_request(&block, "MULTI");
    bytes_add_request(&block, "GET a");
    bytes_add_request(&block, "EXEC");
    case_defer(free, block.data);
    client_send_bytes(one, block.data, block.len);
    EXPECT_REPLY(one, "+OK\r\n");
    EXPECT_REPLY(one, "+QUEUED\r\n");
    EXPECT_REPLY_BEGINS(one, "-POOLLOST ");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(peer_count(peer, "EXEC"), 1);
    EXPECT_NUMBER(peer_count(peer, "MULTI"), 1);
}

static void a_transaction_whose_connection_is_lost_is_aborted(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "");
    struct client *one = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    server_ask(server, "CLIENT KILL TYPE normal SKIPME yes");
    EXPECT_CALL_BEGINS(one, "SET other v", "-POOLLOST ");
    EXPECT_CALL_BEGINS(one, "EXEC", "-EXECABORT Transaction discarded because of: POOLLOST ");
    EXPECT_NUMBER(server_all_keys(server), 0);
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void a_lost_watch_outlasts_further_losses(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("");
    struct client *one = session();
    peer_on(peer, "WATCH", PEER_ANSWER, "+OK\r\n", 1);
    peer_on(peer, "UNHEARD.OF", PEER_CLOSE, "", 2);
    peer_on(peer, "MULTI", PEER_ANSWER, "+OK\r\n", 1);
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "UNHEARD.OF", "-POOLLOST "); /* where it watches */
    EXPECT_CALL_BEGINS(one, "UNHEARD.OF", "-POOLLOST "); /* on a connection of its own */
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "EXEC", "*-1\r\n");
    EXPECT_NUMBER(peer_count(peer, "EXEC"), 0);
}

/* ---------------------------------------------------------------------------- strange servers */

static void a_partial_reply_and_a_close_is_a_loss(void)
{
    NEEDS_DAEMON;
    static const char *const parts[] = {"$5\r\nab", "*2\r\n$1\r\na\r\n", "+O", ":1",
                                        "$5\r\nabcde\r"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct peer *peer = start_peer("");
        struct client *one = session();
        peer_on(peer, "GET", PEER_CLOSE, parts[i], 1);
        peer_on(peer, "GET", PEER_ANSWER, "$1\r\nv\r\n", 0);
        client_send(one, "GET k");
        if (client_try_read(one, patience_ms())) {
            EXPECT_LACKS(one->reply.data, "ab");
            expect_bytes(__FILE__, __LINE__, parts[i], one->reply.data, 10, "-POOLLOST ", 10);
            EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
        } else {
            EXPECT(client_has_ended(one)); /* part of the reply was on its way already */
        }
        EXPECT_CALL(session(), "GET k", "$1\r\nv\r\n");
    }
}

static void an_unasked_reply_closes_the_connection_and_reaches_nobody(void)
{
    NEEDS_DAEMON;
    static const char *const strange[] = {
        "$1\r\nv\r\n$1\r\nw\r\n",
        "$1\r\nv\r\n>2\r\n+strange\r\n+push\r\n",
        "$1\r\nv\r\nnonsense\r\n",
    };
    for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
        struct peer *peer = start_peer("");
        struct client *one = session(), *other = session();
        peer_on(peer, "GET a", PEER_ANSWER, strange[i], 1);
        peer_on(peer, "GET", PEER_ANSWER, "$4\r\nmine\r\n", 0);
        EXPECT_CALL(one, "GET a", "$1\r\nv\r\n");
        /* Right behind it the connection dies; a request already on its way is lost with it. */
        client_send(other, "GET b");
        if (strncmp(client_read(other)->data, "-POOLLOST ", 10) != 0) {
            expect_bytes(__FILE__, __LINE__, strange[i], other->reply.data, other->reply.len,
                         "$4\r\nmine\r\n", 10);
        }
        EXPECT_CALL(one, "GET b", "$4\r\nmine\r\n");
        EXPECT_CALL(other, "GET b", "$4\r\nmine\r\n");
        EXPECT(peer_connection_of(peer, "GET b") > peer_connection_of(peer, "GET a"));
    }
}

static void garbage_instead_of_a_reply_is_a_loss(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("");
    struct client *one = session();
    peer_on(peer, "GET a", PEER_ANSWER, "HTTP/1.1 400 Bad Request\r\n\r\n", 0);
    EXPECT_CALL_BEGINS(one, "GET a", "-POOLLOST ");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void a_late_reply_meets_nobody_elses_request(void)
{
    NEEDS_DAEMON;
    struct peer *peer = start_peer("command_ms = 300\n");
    struct client *one = session(), *other = session();
    peer_on(peer, "GET a", PEER_HOLD, "", 0);
    peer_on(peer, "GET b", PEER_ANSWER, "$4\r\nmine\r\n", 0);
    int64_t before = now_ms();
    EXPECT_CALL_BEGINS(one, "GET a", "-POOLTIME ");
    EXPECT_BETWEEN(now_ms() - before, 250, 300 + SLACK_MS);
    client_send(other, "GET b");
    peer_send(peer, peer_connection_of(peer, "GET a"), "$4\r\nlate\r\n");
    EXPECT_REPLY(other, "$4\r\nmine\r\n");
    EXPECT_CALL(one, "GET b", "$4\r\nmine\r\n");
    EXPECT(peer_connection_of(peer, "GET b") != peer_connection_of(peer, "GET a"));
}

/* Nobody behind half a reply would ever be answered. */
static void a_server_that_falls_silent_within_a_reply_is_given_up(void)
{
    static const char *const halves[] = {"$10\r\nhalf", "*2\r\n:1\r\n", ":12",
                                         "*2\r\n$3\r\nabc\r\n$"};
    NEEDS_DAEMON;
    struct peer *peer = start_peer("read_stall_ms = 200\n");
    peer_on(peer, "GET b", PEER_HOLD, "", 0);
    for (size_t i = 0; i < sizeof(halves) / sizeof(halves[0]); i++) {
        struct client *one = session(), *other = session();
        peer_on(peer, "GET a", PEER_ANSWER, halves[i], 1);
        int64_t before = now_ms();
        client_send(one, "GET a");
        peer_expect(peer, "GET a", i + 1);
        EXPECT_CALL_BEGINS(other, "GET b", "-POOLLOST ");
        EXPECT_BETWEEN(now_ms() - before, 150, 200 + SLACK_MS);
        EXPECT_REPLY_BEGINS(one, "-POOLLOST ");
        EXPECT_REPLY_HAS(one, "silent within a reply for 200 ms (setting \"read_stall_ms\")");
        EXPECT_CALL(one, "SET k v", "+OK\r\n");
    }
}

static void a_server_that_never_answers_the_handshake_is_down(void)
{
    NEEDS_DAEMON;
    struct peer *peer = peer_start();
    peer_on(peer, "", PEER_HOLD, "", 0);
    pooler = daemon_start_redis(peer_url(peer),
                                "connect_ms = 200\nupstream_wait_ms = 500\nfail_fast_ms = 500\n");
    struct client *one = session();
    EXPECT_BETWEEN(call_time(one, "GET k", "-POOLDOWN "), 0, 500 + SLACK_MS);
    peer_forget_rules(peer);
    int64_t deadline = now_ms() + patience_ms();
    while (client_call(one, "SET k v")->data[0] != '+') {
        EXPECT(now_ms() < deadline);
    }
}

/* ------------------------------------------------------------------------- loading, passwords */

/* A server that needs a while to load its keys. */
static struct server *start_loading(void)
{
    struct server *server = server_start(NULL);
    server_ask(server, "DEBUG POPULATE 1000 key 10");
    server_ask(server, "SET k v");
    server_ask(server, "SAVE");
    return server;
}

static const char slowly[] = "--key-load-delay 1000 --loading-process-events-interval-bytes 1024";

static bool has_loaded(void *client)
{
    const char *reply = client_call(client, "GET k")->data;
    if (strncmp(reply, "-LOADING ", 9) != 0 && strcmp(reply, "$1\r\nv\r\n") != 0) {
        FAIL("while loading: got %s", reply);
    }
    return reply[0] == '$';
}

static void loading_is_passed_on(void)
{
    struct server *server = start_loading();
    server_kill(server);
    server_restart(server, slowly);
    pooler = daemon_start_redis(server_url(server), "loading = pass\n");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "GET k", "-LOADING ");
    EXPECT(wait_until(has_loaded, one, 2 * patience_ms()));
}

static void loading_may_be_waited_for(void)
{
    NEEDS_DAEMON;
    struct server *server = start_loading();
    server_kill(server);
    server_restart(server, slowly);
    pooler = daemon_start_redis(server_url(server),
                                "loading = wait\nupstream_wait_ms = 20000\nfail_fast_ms = 20000\n");
    struct client *one = session();
    client_send(one, "GET k");
    EXPECT(client_try_read(one, 4 * patience_ms()));
    expect_bytes(__FILE__, __LINE__, "reply to GET", one->reply.data, one->reply.len, "$1\r\nv\r\n",
                 7);
}

static void a_wrong_password_is_named_without_being_told(void)
{
    NEEDS_DAEMON;
    enum {
        ATTEMPTS_MAX = 30
    };
    struct server *server = server_start("--requirepass rightsecret");
    char *url = case_alloc(128);
    snprintf(url, 128, "redis://:wrongsecret@127.0.0.1:%u", server->port);
    int64_t before = server_info(server, "total_connections_received");
    pooler = daemon_start_redis(url, "upstream_wait_ms = 500\nfail_fast_ms = 500\n");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SET k v", "-POOLDOWN ");
    EXPECT(strcasestr(one->reply.data, "auth") != NULL ||
           strstr(one->reply.data, "WRONGPASS") != NULL);
    EXPECT_LACKS(one->reply.data, "wrongsecret");
    EXPECT_CALL_BEGINS(one, "SET k v", "-POOLDOWN ");
    EXPECT_BETWEEN(server_info(server, "total_connections_received") - before, 1, ATTEMPTS_MAX);
    EXPECT_LACKS(daemon_log(pooler), "wrongsecret");
}

static void the_right_password_is_used_and_never_told(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start("--requirepass rightsecret");
    char *url = case_alloc(128);
    snprintf(url, 128, "redis://:rightsecret@127.0.0.1:%u/2", server->port);
    pooler = daemon_start_redis(url, "upstream_wait_ms = 300\nfail_fast_ms = 300\n");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(server_keys(server, 2), 1);
    server_kill(server);
    EXPECT_CALL_BEGINS(one, "SET k v", "-POOLDOWN ");
    EXPECT_LACKS(one->reply.data, "rightsecret");
    EXPECT_LACKS(daemon_log(pooler), "rightsecret");
}

/* ---------------------------------------------------------------------------- waiting, policy */

static void a_lease_is_waited_for_and_then_refused(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    /* One worker: the limit is one for all of them, but shared out among them. */
    pooler =
        daemon_start(server_url(server), "[flaskredisd]\nworkers = 1\n"
                                         "[REDIS]\nurl = {url}\nleases = 1\nlease_wait_ms = 500\n");
    struct client *holder = session(), *other = session();
    EXPECT_CALL(holder, "MULTI", "+OK\r\n");
    EXPECT_BETWEEN(call_time(other, "WATCH k", "-POOLWAIT "), 400, 500 + SLACK_MS);
    EXPECT_REPLY_HAS(other, "leases");
    client_send(other, "WATCH k");
    client_wait_consumed(other);
    EXPECT_CALL(holder, "DISCARD", "+OK\r\n");
    EXPECT_REPLY(other, "+OK\r\n");
    EXPECT_CALL(holder, "GET k", "$-1\r\n");
}

static void denied_commands_say_why(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "deny = flushall config|set\n");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SHUTDOWN NOSAVE", "-POOLDENY 'shutdown' is denied for prefix REDIS");
    EXPECT_CALL_BEGINS(one, "FLUSHALL", "-POOLDENY 'flushall' is denied for prefix REDIS");
    EXPECT_CALL_BEGINS(one, "CONFIG SET maxmemory 1", "-POOLDENY ");
    EXPECT_CALL_BEGINS(one, "CONFIG GET maxmemory", "*2\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void on_loss_close_closes_instead_of_answering(void)
{
    NEEDS_DAEMON;
    struct client *clients[SESSIONS];
    struct peer *peer = start_peer("on_loss = close\n");
    peer_on(peer, "INCR", PEER_HOLD, "", 0);
    struct client *idle = session();
    EXPECT_CALL(idle, "SET k v", "+OK\r\n");
    for (int i = 0; i < SESSIONS; i++) {
        clients[i] = session();
        EXPECT_CALL(clients[i], "SET k v", "+OK\r\n");
    }
    for (int i = 0; i < SESSIONS; i++) {
        client_send(clients[i], "INCR n");
        client_send(clients[i], "INCR n");
    }
    peer_expect(peer, "INCR", SESSIONS * 2);
    peer_close(peer, 0);
    for (int i = 0; i < SESSIONS; i++) {
        EXPECT_ALL(clients[i], "");
    }
    EXPECT_CALL(idle, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(peer_count(peer, "INCR"), SESSIONS * 2);
}

static void subscribers_are_closed_when_their_connection_is_lost(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "");
    struct client *subscriber = session(), *other = session();
    EXPECT_CALL_BEGINS(subscriber, "SUBSCRIBE c", "*3\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    server_ask(server, "CLIENT KILL TYPE pubsub");
    EXPECT_ALL(subscriber, "");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
}

static const struct test_case cases[] = {
    {"lost commands fail once and run at most once", lost_commands_fail_once_and_run_at_most_once},
    {"a killed server has counted every increment once",
     a_killed_server_counts_every_increment_once},
    {"what was not sent waits for the server", what_was_not_sent_waits_for_the_server},
    {"a server that stays away is said so in time", a_server_that_stays_away_is_said_so_in_time},
    {"a server that was never there is said so", a_server_that_was_never_there_is_said_so},
    {"reads are retried only if wanted", reads_are_retried_only_if_wanted},
    {"a read is retried once only", a_read_is_retried_once_only},
    {"writes are never sent again", writes_are_never_sent_again},
    {"a transaction is never sent again", a_transaction_is_never_sent_again},
    {"a transaction whose connection is lost is aborted",
     a_transaction_whose_connection_is_lost_is_aborted},
    {"a lost watch outlasts further losses", a_lost_watch_outlasts_further_losses},
    {"a partial reply and a close is a loss", a_partial_reply_and_a_close_is_a_loss},
    {"an unasked reply closes the connection and reaches nobody",
     an_unasked_reply_closes_the_connection_and_reaches_nobody},
    {"garbage instead of a reply is a loss", garbage_instead_of_a_reply_is_a_loss},
    {"a late reply meets nobody else's request", a_late_reply_meets_nobody_elses_request},
    {"a server that falls silent within a reply is given up",
     a_server_that_falls_silent_within_a_reply_is_given_up},
    {"a server that never answers the handshake is down",
     a_server_that_never_answers_the_handshake_is_down},
    {"LOADING is passed on", loading_is_passed_on},
    {"LOADING may be waited for", loading_may_be_waited_for},
    {"a wrong password is named without being told", a_wrong_password_is_named_without_being_told},
    {"the right password is used and never told", the_right_password_is_used_and_never_told},
    {"a lease is waited for and then refused", a_lease_is_waited_for_and_then_refused},
    {"denied commands say why", denied_commands_say_why},
    {"on_loss = close closes instead of answering", on_loss_close_closes_instead_of_answering},
    {"subscribers are closed when their connection is lost",
     subscribers_are_closed_when_their_connection_is_lost},
};

SUITE_MAIN("failure", cases)
