/* A prefix whose URL changes while it has clients: who goes to the new server, when, and with what.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/rings.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

static struct server *server, *other;
static struct daemon *pooler;

#define REDIS "[REDIS]\nurl = {url}\n"
#define CACHE "[CACHE]\nurl = {url}\n"
#define ONE_WORKER "[flaskredisd]\nworkers = 1\n"

static void start(const char *config)
{
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), config);
}

/* Two servers that tell who they are, and a daemon with these settings before the first. */
static void start_two_with(const char *of_daemon, const char *of_prefix)
{
    char *config = case_alloc(512);
    snprintf(config, 512, "%s" REDIS "%s", of_daemon, of_prefix);
    start(config);
    other = server_start(NULL);
    server_ask(server, "SET me one");
    server_ask(other, "SET me two");
}

static void start_two(const char *settings)
{
    start_two_with("", settings);
}

/* The prefix REDIS at the other server, with these settings of the daemon and its own. */
static const char *at_other_with(const char *of_daemon, const char *of_prefix)
{
    char *config = case_alloc(512);
    snprintf(config, 512, "%s[REDIS]\nurl = %s\n%s", of_daemon, server_url(other), of_prefix);
    return config;
}

static const char *at_other(const char *settings)
{
    return at_other_with("", settings);
}

#define EXPECT_RELOADED(config) EXPECT(daemon_reload(pooler, config))

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

#define EXPECT_END(client) EXPECT(wait_until(has_ended, client, patience_ms()))

static bool is_at_other(void *context)
{
    const struct bytes *reply = client_call(context, "GET me");
    return strcmp(reply->data, "$3\r\ntwo\r\n") == 0;
}

/* Workers change over one after the other. */
#define EXPECT_MOVES(client) EXPECT(wait_until(is_at_other, client, patience_ms()))

static void idle_clients_stay_and_speak_with_the_new_server(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis"), *three = daemon_client3(pooler);
    EXPECT_CALL(client, "GET me", "$3\r\none\r\n");
    EXPECT_CALL(client, "CLIENT SETNAME joe", "+OK\r\n");
    EXPECT_RELOADED(at_other(""));
    EXPECT_MOVES(client);
    EXPECT_MOVES(three);
    EXPECT_CALL(client, "CLIENT GETNAME", "$3\r\njoe\r\n");
    EXPECT_CALL_BEGINS(three, "CONFIG GET maxmemory", "%1\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_CALL(daemon_client(pooler, "redis"), "GET me", "$3\r\none\r\n");
    EXPECT_NUMBER(server_clients(other, "name=joe"), 0);
}

static void replies_outstanding_come_from_the_old_server(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "GET me", "$3\r\none\r\n");
    server_freeze(server);
    client_send(client, "GET me");
    client_send(client, "GET me");
    EXPECT_RELOADED(at_other(""));
    struct client *late = daemon_client(pooler, "redis");
    EXPECT_MOVES(late);
    client_send(client, "GET me");
    server_thaw(server);
    EXPECT_REPLY(client, "$3\r\none\r\n");
    EXPECT_REPLY(client, "$3\r\none\r\n");
    EXPECT_REPLY(client, "$3\r\ntwo\r\n");
}

static void a_transaction_ends_where_it_began(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis"), *idle = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "GET me", "+QUEUED\r\n");
    EXPECT_RELOADED(at_other(""));
    EXPECT_MOVES(idle);
    EXPECT_CALL(client, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(client, "EXEC", "*2\r\n$3\r\none\r\n+OK\r\n");
    EXPECT_CALL(client, "GET me", "$3\r\ntwo\r\n");
    EXPECT_NUMBER(server_keys(server, 0), 2);
    EXPECT_NUMBER(server_keys(other, 0), 1);
}

static void a_transaction_that_takes_too_long_is_lost_as_with_its_connection(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "SET k v", "+QUEUED\r\n");
    EXPECT_RELOADED(at_other_with("[flaskredisd]\nshutdown_ms = 0\n", ""));
    EXPECT_INFO(server, "connected_clients", 1); /* the asker's */
    EXPECT_CALL_BEGINS(client, "SET k w", "-POOLLOST ");
    EXPECT_CALL_BEGINS(client, "EXEC", "-EXECABORT ");
    EXPECT_CALL(client, "GET me", "$3\r\ntwo\r\n");
    EXPECT_NUMBER(server_keys(server, 0) + server_keys(other, 0), 2);
}

static void watched_keys_count_as_touched(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis"), *idle = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "WATCH k", "+OK\r\n");
    EXPECT_RELOADED(at_other(""));
    EXPECT_MOVES(idle);
    EXPECT_CALL(client, "GET me", "$3\r\ntwo\r\n");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(client, "EXEC", "*-1\r\n");
    EXPECT_CALL(client, "EXISTS k", ":0\r\n");
}

static void blocked_clients_are_unblocked_and_stay(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis");
    client_send(client, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_RELOADED(at_other(""));
    EXPECT_REPLY_BEGINS(client, "-UNBLOCKED ");
    EXPECT_CALL(client, "GET me", "$3\r\ntwo\r\n");
    client_send(client, "BLPOP q 0");
    EXPECT_INFO(other, "blocked_clients", 1);
    server_ask(other, "RPUSH q x");
    EXPECT_REPLY(client, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
}

static void blocked_clients_of_a_removed_prefix_are_told_before_the_end(void)
{
    NEEDS_DAEMON;
    start(REDIS CACHE);
    struct client *client = daemon_client(pooler, "cache");
    client_send(client, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_RELOADED(REDIS);
    EXPECT_ALL(client, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

static void who_waits_for_a_connection_gets_one_to_the_new_server(void)
{
    NEEDS_DAEMON;
    start_two("blocking_max = 1\nlease_wait_ms = 60000\n");
    struct client *first = daemon_client(pooler, "redis");
    struct client *second = daemon_client(pooler, "redis");
    client_send(first, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_send(second, "BLPOP q 0");
    client_wait_consumed(second);
    EXPECT_RELOADED(at_other("blocking_max = 1\nlease_wait_ms = 60000\n"));
    EXPECT_INFO(other, "blocked_clients", 1);
    server_ask(other, "RPUSH q x");
    EXPECT_REPLY(second, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
    EXPECT_REPLY_BEGINS(first, "-UNBLOCKED ");
}

static void who_has_something_on_the_old_server_is_closed(void)
{
    static const char *const words[] = {"SUBSCRIBE a", "PSUBSCRIBE a*", "CLIENT TRACKING ON",
                                        "MONITOR"};
    NEEDS_DAEMON;
    start_two("");
    struct client *clients[4], *last = daemon_client3(pooler);
    for (size_t i = 0; i < 4; i++) {
        clients[i] = daemon_client3(pooler);
        client_call(clients[i], "%s", words[i]);
    }
    EXPECT_CALL_BEGINS(last, "SUBSCRIBE x", ">3\r\n");
    EXPECT_CALL_BEGINS(last, "UNSUBSCRIBE x", ">3\r\n");
    EXPECT_RELOADED(at_other(""));
    for (size_t i = 0; i < 4; i++) {
        EXPECT_END(clients[i]);
    }
    EXPECT_MOVES(last);
}

static void a_database_of_the_client_stays_and_the_url_s_changes(void)
{
    NEEDS_DAEMON;
    start_two("");
    server_ask(other, "COPY me me DB 5 REPLACE");
    server_ask(other, "COPY me me DB 7 REPLACE");
    struct client *plain = daemon_client(pooler, "redis"), *chosen = daemon_client(pooler, "redis");
    struct client *same = daemon_client(pooler, "redis");
    EXPECT_CALL(plain, "GET me", "$3\r\none\r\n");
    EXPECT_CALL(chosen, "SELECT 5", "+OK\r\n");
    EXPECT_CALL(same, "SELECT 0", "+OK\r\n");
    char *config = case_alloc(512);
    snprintf(config, 512, "[REDIS]\nurl = %s?db=7\n", server_url(other));
    EXPECT_RELOADED(config);
    EXPECT_MOVES(plain);
    EXPECT_MOVES(chosen);
    EXPECT_MOVES(same);
    EXPECT_CALL(plain, "SET here plain", "+OK\r\n");
    EXPECT_CALL(chosen, "SET here chosen", "+OK\r\n");
    EXPECT_CALL(same, "SET here same", "+OK\r\n");
    EXPECT_NUMBER(server_keys(other, 0), 2);
    EXPECT_NUMBER(server_keys(other, 5), 2);
    EXPECT_NUMBER(server_keys(other, 7), 2);
}

static void wait_claims_nothing_of_what_the_old_server_got(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_RELOADED(at_other(""));
    EXPECT_MOVES(client);
    EXPECT_CALL_BEGINS(client, "WAIT 0 100", "-POOLLOST ");
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_CALL(client, "WAIT 0 100", ":0\r\n");
}

static void credentials_of_clients_go_with_them(void)
{
    NEEDS_DAEMON;
    start_two("auth = passthrough\n");
    server_ask(server, "ACL SETUSER joe on >secret ~* &* +@all");
    server_ask(other, "ACL SETUSER joe on >secret ~* &* +@all");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "AUTH joe secret", "+OK\r\n");
    EXPECT_RELOADED(at_other("auth = passthrough\n"));
    EXPECT_MOVES(client);
    EXPECT_CALL(client, "ACL WHOAMI", "$3\r\njoe\r\n");
}

static void who_has_not_moved_yet_moves_on(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct server *third = server_start(NULL);
    server_ask(third, "SET me two");
    struct client *client = daemon_client(pooler, "redis"), *idle = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_RELOADED(at_other(""));
    EXPECT_MOVES(idle);
    other = third;
    EXPECT_RELOADED(at_other(""));
    EXPECT_CALL(client, "GET me", "+QUEUED\r\n");
    EXPECT_CALL(client, "EXEC", "*1\r\n$3\r\none\r\n");
    EXPECT_MOVES(client);
    EXPECT_NUMBER(server_calls(third, "get"), 1);
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_RELOADED(CACHE);
    EXPECT_END(client);
}

static void what_has_nowhere_to_go_any_more_is_answered_where_it_is(void)
{
    NEEDS_DAEMON;
    start_two_with(ONE_WORKER, "");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "GET me", "$3\r\none\r\n");
    server_freeze(server);
    client_send(client, "GET me");
    EXPECT_RELOADED(at_other_with(ONE_WORKER, ""));
    EXPECT_MOVES(daemon_client(pooler, "redis"));
    client_send(client, "GET me");
    EXPECT_RELOADED(ONE_WORKER CACHE);
    EXPECT_CALL_BEGINS(daemon_client(pooler, "cache"), "CLIENT ID", ":");
    server_thaw(server);
    EXPECT_ALL(client, "$3\r\none\r\n$3\r\none\r\n");
}

static void the_end_comes_while_a_server_that_was_left_owes_a_reply(void)
{
    NEEDS_DAEMON;
    start_two("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "GET me", "$3\r\none\r\n");
    server_freeze(server);
    client_send(client, "GET me");
    client_wait_consumed(client);
    EXPECT_RELOADED(at_other_with("[flaskredisd]\nshutdown_ms = 0\n", ""));
    EXPECT_ALL(client, "");
    daemon_stop(pooler);
    server_thaw(server);
}

static bool is_in_use(void *context)
{
    (void)context;
    return strstr(daemon_log(pooler), "configuration: in use") != NULL;
}

enum {
    ASKERS = 200
};

/* The number of a connection means another one, or none, at another server. */
static void unblocking_asked_for_during_a_reload_stays_at_its_server(void)
{
    NEEDS_DAEMON;
    static const char workers[] = "[flaskredisd]\nworkers = 3\n";
    start_two_with(workers, "");
    struct client *blocked = daemon_client(pooler, "redis"), *askers[ASKERS];
    client_send(blocked, "CLIENT ID");
    int64_t id = client_read_number(blocked);
    client_send(blocked, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    for (int i = 0; i < ASKERS; i++) {
        askers[i] = daemon_client(pooler, "redis");
        EXPECT_CALL(askers[i], "PING", "+PONG\r\n");
    }
    server_freeze(server);
    process_freeze(&pooler->process);
    for (int i = 0; i < ASKERS; i++) {
        client_send(askers[i], "CLIENT UNBLOCK %lld", (long long)id);
    }
    daemon_reconfigure(pooler, at_other_with(workers, ""));
    process_signal(&pooler->process, SIGHUP);
    process_thaw(&pooler->process);
    EXPECT(wait_until(is_in_use, NULL, patience_ms()));
    server_thaw(server);
    for (int i = 0; i < ASKERS; i++) {
        EXPECT_BETWEEN(client_read_number(askers[i]), 0, 1);
        EXPECT_MOVES(askers[i]);
    }
    EXPECT_NUMBER(server_calls(other, "client|unblock"), 0);
}

static void rules_that_change_meanwhile_hold_for_who_has_not_moved_yet(void)
{
    static const char rules[] = "auth = check\nusers = a:1, b:2\n";
    NEEDS_DAEMON;
    start_two(rules);
    struct client *client = daemon_client(pooler, "redis"), *late = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "AUTH b 2", "+OK\r\n");
    EXPECT_CALL(late, "AUTH a 1", "+OK\r\n");
    EXPECT_CALL(client, "GET me", "$3\r\none\r\n");
    server_freeze(server);
    client_send(client, "GET me");
    client_wait_consumed(client);
    EXPECT_RELOADED(at_other(rules));
    EXPECT_MOVES(late);
    EXPECT_RELOADED(at_other("auth = check\nusers = a:1\n"));
    EXPECT_CALL(late, "GET me", "$3\r\ntwo\r\n");
    server_thaw(server);
    EXPECT_ALL(client, "$3\r\none\r\n");
}

static bool is_shared_at_other(void *rings)
{
    rings_send(rings, "GET me");
    return strcmp(rings_read(rings), "$3\r\ntwo\r\n") == 0;
}

/* And counts among those who have some of the prefix as it is now. */
static void shared_memory_goes_along(void)
{
    start_two("");
    struct rings *rings = rings_attach(pooler, FR_RING_CAP_MIN);
    EXPECT_RINGS(rings, "GET me", "$3\r\none\r\n");
    EXPECT_RELOADED(at_other("rings = 1\n"));
    EXPECT(wait_until(is_shared_at_other, rings, patience_ms()));
    EXPECT(rings_try_attach(pooler, FR_RING_CAP_MIN, FR_RING_CAP_MIN) == NULL);
    EXPECT_HAS(rings_refusal(), "\"rings\"");
    EXPECT_RINGS(rings, "SET k v", "+OK\r\n");
    rings_close(rings);
    client_wait_listed(daemon_client(pooler, "redis"), "id=", 2); /* the refused one, and this */
    rings_attach(pooler, FR_RING_CAP_MIN);
}

static bool is_left_alone(void *left)
{
    return server_clients(left, "name=flaskredisd") == 0;
}

static void the_slow_log_goes_along(void)
{
    NEEDS_DAEMON;
    start_two("slow_ms = 1\n");
    struct client *client = daemon_client(pooler, "redis"), *admin = daemon_client(pooler, "admin");
    client_send(client, "EVAL 'for i = 1, 3e6 do end return 1' 0");
    EXPECT_REPLY(client, ":1\r\n");
    EXPECT_RELOADED(at_other("slow_ms = 1\n"));
    EXPECT_MOVES(client);
    EXPECT(wait_until(is_left_alone, server, patience_ms()));
    client_call(admin, "SLOWLOG REDIS");
    EXPECT_REPLY_HAS(admin, "$7\r\ncommand\r\n$4\r\neval\r\n");
}

static const struct test_case cases[] = {
    {"idle clients stay, and speak with the new server",
     idle_clients_stay_and_speak_with_the_new_server},
    {"replies outstanding come from the old server, what follows from the new one",
     replies_outstanding_come_from_the_old_server},
    {"shared memory goes along", shared_memory_goes_along},
    {"the slow log goes along", the_slow_log_goes_along},
    {"a transaction ends where it began", a_transaction_ends_where_it_began},
    {"a transaction that takes too long is lost as with its connection",
     a_transaction_that_takes_too_long_is_lost_as_with_its_connection},
    {"watched keys count as touched", watched_keys_count_as_touched},
    {"blocked clients are unblocked and stay", blocked_clients_are_unblocked_and_stay},
    {"blocked clients of a removed prefix are told before the end",
     blocked_clients_of_a_removed_prefix_are_told_before_the_end},
    {"who waits for a connection gets one to the new server",
     who_waits_for_a_connection_gets_one_to_the_new_server},
    {"who has something on the old server is closed",
     who_has_something_on_the_old_server_is_closed},
    {"a database of the client's choice stays, the URL's changes",
     a_database_of_the_client_stays_and_the_url_s_changes},
    {"WAIT claims nothing of what the old server got",
     wait_claims_nothing_of_what_the_old_server_got},
    {"credentials of clients go with them", credentials_of_clients_go_with_them},
    {"who has not moved yet moves on", who_has_not_moved_yet_moves_on},
    {"what has nowhere to go any more is answered where it is",
     what_has_nowhere_to_go_any_more_is_answered_where_it_is},
    {"the end comes while a server that was left owes a reply",
     the_end_comes_while_a_server_that_was_left_owes_a_reply},
    {"rules that change meanwhile hold for who has not moved yet",
     rules_that_change_meanwhile_hold_for_who_has_not_moved_yet},
    {"unblocking asked for during a reload stays at its server",
     unblocking_asked_for_during_a_reload_stays_at_its_server},
};

SUITE_MAIN("reload, another server", cases)
