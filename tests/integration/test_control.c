/* What an administrator orders over the admin socket, and that clients lose nothing by it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    CLIENTS = 9,
    RECONNECTS = 30,
    PIPELINE = 50
};

static struct client *order;

static const int worker_counts[] = {1, 3};
#define FOR_WORKERS(i) for (size_t i = 0; i < sizeof worker_counts / sizeof *worker_counts; i++)

static void start_workers(int workers, const char *settings)
{
    char config[512];
    server = server_start(NULL);
    snprintf(config, sizeof config,
             "[flaskredisd]\nworkers = %d\n[REDIS]\nurl = {url}\n%s[CACHE]\nurl = {url}\n", workers,
             settings);
    pooler = daemon_start(server_url(server), config);
    order = daemon_client(pooler, "admin");
}

static int64_t gauge(const char *name)
{
    char field[64];
    const char *reply = client_call(order, "SHOW POOLS redis")->data;
    snprintf(field, sizeof field, "\r\n%s\r\n:", name);
    const char *found = strstr(reply, field);
    if (found == NULL) {
        FAIL("no %s in %s", name, reply);
    }
    return strtoll(found + strlen(field), NULL, 10);
}

struct wanted {
    const char *name;
    int64_t value;
};

static bool is_so(void *context)
{
    const struct wanted *wanted = context;
    return gauge(wanted->name) == wanted->value;
}

static void wait_gauge(const char *name, int64_t value)
{
    struct wanted wanted = {name, value};
    if (!wait_until(is_so, &wanted, patience_ms())) {
        FAIL("%s stays %lld", name, (long long)gauge(name));
    }
}

static void expect_state(const char *state)
{
    char field[64];
    client_call(order, "SHOW POOLS redis");
    snprintf(field, sizeof field, "$5\r\nstate\r\n$%zu\r\n%s\r\n", strlen(state), state);
    EXPECT_REPLY_HAS(order, field);
}

static void paused_commands_wait_and_go_on_in_order(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *clients[CLIENTS];
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = session();
            EXPECT_CALL(clients[i], "GET k", "$-1\r\n");
        }
        EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
        expect_state("paused");
        struct client *late = session(), *other = daemon_client(pooler, "cache");
        client_send(late, "PING");
        for (int i = 0; i < CLIENTS; i++) {
            client_send(clients[i], "RPUSH list%d a", i);
            client_send(clients[i], "RPUSH list%d b", i);
            client_send(clients[i], "LRANGE list%d 0 -1", i);
        }
        wait_gauge("clients_paused", CLIENTS + 1);
        EXPECT_CALL(other, "DBSIZE", ":0\r\n");
        EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
        EXPECT_REPLY(late, "+PONG\r\n");
        for (int i = 0; i < CLIENTS; i++) {
            EXPECT_REPLY(clients[i], ":1\r\n");
            EXPECT_REPLY(clients[i], ":2\r\n");
            EXPECT_REPLY(clients[i], "*2\r\n$1\r\na\r\n$1\r\nb\r\n");
        }
        expect_state("up");
        daemon_stop(pooler);
    }
}

static void pausing_waits_for_what_is_under_way(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = session(), *open = session(), *blocked = session();
        EXPECT_CALL(one, "SET k v", "+OK\r\n");
        client_send(blocked, "BLPOP q 0");
        wait_gauge("clients_blocked", 1);
        EXPECT_CALL(open, "MULTI", "+OK\r\n");
        EXPECT_CALL(order, "PAUSE redis TIMEOUT 30",
                    "-BUSY 1 requests are still under way; the prefix stays paused\r\n");
        EXPECT_CALL(open, "SET t 1", "+QUEUED\r\n"); /* transactions end */
        EXPECT_CALL(open, "EXEC", "*1\r\n+OK\r\n");
        EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
        EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
        server_freeze(server);
        client_send(one, "GET k");
        wait_gauge("requests_outstanding", 2);
        client_send(order, "PAUSE redis");
        struct client *second = daemon_client(pooler, "admin");
        EXPECT_CALL(second, "PAUSE redis TIMEOUT 0",
                    "-BUSY 1 requests are still under way; the prefix stays paused\r\n");
        server_thaw(server);
        EXPECT_REPLY(order, "+OK\r\n");
        EXPECT_REPLY(one, "$1\r\nv\r\n");
        EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
        EXPECT_CALL(one, "LPUSH q x", ":1\r\n");
        EXPECT_REPLY(blocked, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
        daemon_stop(pooler);
    }
}

static void a_pause_has_an_end_for_commands(void)
{
    NEEDS_DAEMON;
    start_workers(1, "pause_ms = 50\n");
    struct client *one = session(), *two = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
    client_send(one, "MULTI");
    client_send(one, "SET k 1");
    client_send(one, "EXEC");
    for (int i = 0; i < 3; i++) {
        EXPECT_REPLY_BEGINS(one, "-POOLDOWN prefix REDIS is paused, for more than 50 ms");
    }
    EXPECT_CALL_BEGINS(two, "GET k", "-POOLDOWN prefix REDIS is paused");
    EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
    EXPECT_CALL(two, "GET k", "$-1\r\n");
}

static void a_server_can_be_replaced_during_a_pause(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct server *next = server_start(NULL);
        struct client *one = session();
        EXPECT_CALL(one, "SET k old", "+OK\r\n");
        EXPECT_CALL(server_client(next), "SET k new", "+OK\r\n");
        EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
        client_send(one, "GET k");
        wait_gauge("clients_paused", 1);
        char *config = case_alloc(512);
        snprintf(config, 512,
                 "[flaskredisd]\nworkers = %d\nshutdown_ms = 2000\n[REDIS]\nurl = %s\n"
                 "[CACHE]\nurl = %s\n",
                 worker_counts[w], server_url(next), server_url(server));
        file_write(pooler->config_path, config);
        EXPECT_CALL_BEGINS(order, "RELOAD", "*1\r\n");
        expect_state("paused");
        EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
        EXPECT_REPLY(one, "$3\r\nnew\r\n");
        daemon_stop(pooler);
    }
}

static void reload_to(int workers, const char *redis)
{
    char config[512];
    snprintf(config, sizeof config,
             "[flaskredisd]\nworkers = %d\nshutdown_ms = 2000\n%s[CACHE]\nurl = %s\n", workers,
             redis, server_url(server));
    file_write(pooler->config_path, config);
    EXPECT_CALL_BEGINS(order, "RELOAD", "*1\r\n");
}

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

/* What has to stay on a server that is left is resumed by the order for the one in its place. */
static void who_cannot_go_to_the_other_server_is_resumed_too(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct server *next = server_start(NULL);
        char redis[256];
        struct client *one = session3();
        EXPECT_CALL(one, "SET k old", "+OK\r\n");
        EXPECT_CALL_BEGINS(one, "SUBSCRIBE a", ">3\r\n");
        EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
        client_send(one, "GET k");
        wait_gauge("clients_paused", 1);
        snprintf(redis, sizeof redis, "[REDIS]\nurl = %s\n", server_url(next));
        reload_to(worker_counts[w], redis);
        expect_state("paused");
        EXPECT_CALL(order, "RESUME redis", "+OK\r\n");
        EXPECT_REPLY(one, "$3\r\nold\r\n");
        EXPECT(wait_until(has_ended, one, patience_ms()));
        daemon_stop(pooler);
    }
}

/* Nobody could resume it any more. */
static void a_pause_ends_with_its_prefix(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = session();
        EXPECT_CALL(one, "SET k v", "+OK\r\n");
        EXPECT_CALL(order, "PAUSE redis", "+OK\r\n");
        client_send(one, "GET k");
        wait_gauge("clients_paused", 1);
        reload_to(worker_counts[w], "");
        EXPECT_ALL(one, "$1\r\nv\r\n");
        daemon_stop(pooler);
    }
}

static void who_is_not_let_in_is_told_so(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = session();
        EXPECT_CALL(one, "GET k", "$-1\r\n");
        EXPECT_CALL(order, "DISABLE redis", "+OK\r\n");
        expect_state("disabled");
        EXPECT_ALL(session(), "-POOLDENY prefix REDIS takes no new clients now\r\n");
        EXPECT_CALL(one, "GET k", "$-1\r\n");
        EXPECT_CALL(order, "ENABLE redis", "+OK\r\n");
        EXPECT_CALL(session(), "GET k", "$-1\r\n");
        daemon_stop(pooler);
    }
}

static void drained_clients_get_what_they_are_owed(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *idle = session(), *busy = session(), *other = daemon_client(pooler, "cache");
        EXPECT_CALL(idle, "GET k", "$-1\r\n");
        EXPECT_CALL(busy, "SET k v", "+OK\r\n");
        server_freeze(server);
        client_send(busy, "GET k");
        wait_gauge("requests_outstanding", 1);
        EXPECT_CALL(order, "DRAIN redis TIMEOUT 50",
                    "-BUSY 1 clients are still there, finishing; KILL ends them\r\n");
        expect_state("draining");
        EXPECT_ALL(idle, "");
        server_thaw(server);
        EXPECT_ALL(busy, "$1\r\nv\r\n");
        EXPECT_CALL(order, "DRAIN redis", "+OK\r\n");
        EXPECT_ALL(session(), "-POOLDENY prefix REDIS takes no new clients now\r\n");
        EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
        EXPECT_CALL(order, "ENABLE redis", "+OK\r\n");
        EXPECT_CALL(session(), "GET k", "$1\r\nv\r\n");
        daemon_stop(pooler);
    }
}

static void reconnecting_loses_no_reply(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *clients[CLIENTS];
        int64_t expected = 0;
        for (int i = 0; i < CLIENTS; i++) {
            clients[i] = session();
        }
        struct client *open = session(), *subscriber = session();
        EXPECT_CALL(open, "WATCH k", "+OK\r\n");
        EXPECT_CALL_BEGINS(subscriber, "SUBSCRIBE c", "*3\r\n");
        for (int round = 0; round < RECONNECTS; round++) {
            for (int i = 0; i < CLIENTS; i++) {
                for (int n = 0; n < PIPELINE; n++) {
                    client_send(clients[i], "INCR own%d", i);
                }
            }
            EXPECT_CALL_BEGINS(order, "RECONNECT redis", ":");
            for (int i = 0; i < CLIENTS; i++) {
                for (int n = 1; n <= PIPELINE; n++) {
                    EXPECT_NUMBER(client_read_number(clients[i]), expected + n);
                }
            }
            expected += PIPELINE;
        }
        EXPECT_CALL(open, "MULTI", "+OK\r\n"); /* was lent before */
        EXPECT_CALL(open, "GET own0", "+QUEUED\r\n");
        EXPECT_CALL(open, "EXEC", "*1\r\n$4\r\n1500\r\n");
        EXPECT_CALL(clients[0], "PUBLISH c hello", ":1\r\n");
        EXPECT_REPLY(subscriber, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n");
        daemon_stop(pooler);
    }
}

static void connections_are_other_ones_after_reconnecting(void)
{
    NEEDS_DAEMON;
    start_workers(1, "");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    int64_t before = server_info(server, "total_connections_received");
    EXPECT_CALL(order, "RECONNECT redis", ":1\r\n");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_BETWEEN(server_info(server, "total_connections_received"), before + 1, INT64_MAX);
    EXPECT_CALL(order, "RECONNECT redis", ":1\r\n");
    wait_gauge("connections_ready", 1); /* the old ones are gone */
}

static void clients_are_killed_by_number_or_all(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = session(), *two = session(), *three = session();
        struct client *other = daemon_client(pooler, "cache");
        EXPECT_CALL(other, "GET k", "$-1\r\n");
        EXPECT_CALL(two, "GET k", "$-1\r\n");
        client_send(one, "CLIENT ID");
        int64_t id = client_read_number(one);
        client_send(order, "KILL %lld", (long long)id);
        EXPECT_REPLY(order, ":1\r\n");
        EXPECT_ALL(one, "");
        EXPECT_CALL(order, "KILL 1", ":0\r\n");
        EXPECT_CALL(three, "GET k", "$-1\r\n");
        EXPECT_CALL(order, "KILL redis", ":2\r\n");
        EXPECT_ALL(two, "");
        EXPECT_ALL(three, "");
        EXPECT_CALL(other, "GET k", "$-1\r\n");
        EXPECT_CALL_BEGINS(order, "KILL nobody", "-ERR no prefix nobody");
        daemon_stop(pooler);
    }
}

static void a_reload_tells_what_changed_or_is_wrong(void)
{
    NEEDS_DAEMON;
    start_workers(3, "");
    char config[512];
    static const char form[] = "[flaskredisd]\nworkers = 3\nshutdown_ms = 2000\n[REDIS]\nurl = "
                               "%s\n%s\n[CACHE]\nurl = %s\n";
    EXPECT_CALL(order, "RELOAD", "*0\r\n");
    snprintf(config, sizeof config, form, server_url(server), "leases = 7", server_url(server));
    file_write(pooler->config_path, config);
    EXPECT_CALL(order, "RELOAD", "*1\r\n$42\r\nsection [REDIS], setting \"leases\": 32 -> 7\r\n");
    snprintf(config, sizeof config, form, server_url(server), "leases = no\nfoo = 1",
             server_url(server));
    file_write(pooler->config_path, config);
    EXPECT_CALL_BEGINS(order, "RELOAD", "-ERR the configuration is not changed: ");
    EXPECT_REPLY_HAS(order, "\"leases\"");
    EXPECT_REPLY_HAS(order, "; ");
    EXPECT_REPLY_HAS(order, "foo");
    client_call(order, "SHOW LIMITS redis");
    EXPECT_REPLY_HAS(order, "leases\r\n$4\r\nused\r\n:0\r\n$4\r\nmost\r\n:7\r\n");
}

static void a_setting_can_be_set_until_the_next_reload(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        EXPECT_CALL(order, "SET redis leases 5", "+OK\r\n");
        EXPECT_CALL(order, "SET redis on_loss close", "+OK\r\n");
        EXPECT_CALL(order, "SET redis leases 6", "+OK\r\n");
        EXPECT_CALL(order, "SET clients_max 77", "+OK\r\n");
        client_call(order, "SHOW LIMITS");
        EXPECT_REPLY_HAS(order, "$4\r\nmost\r\n:77\r\n");
        EXPECT_REPLY_HAS(order, "leases\r\n$4\r\nused\r\n:0\r\n$4\r\nmost\r\n:6\r\n");
        EXPECT_CALL_BEGINS(order, "SET redis leases no", "-ERR the configuration is not changed");
        EXPECT_CALL_BEGINS(order, "SET workers 5", "-ERR the configuration is not changed");
        EXPECT_CALL_BEGINS(order, "SET redis url x", "-ERR the configuration is not changed");
        EXPECT_CALL_BEGINS(order, "SET redis nothing 1", "-ERR the configuration is not changed");
        EXPECT_CALL_BEGINS(order, "SET none leases 1", "-ERR no prefix none");
        char *text = file_text(pooler->config_path), *longer = case_alloc(strlen(text) + 64);
        sprintf(longer, "%slanes_max = 3\n", text);
        file_write(pooler->config_path, longer);
        EXPECT_CALL_BEGINS(order, "SET redis leases 9",
                           "-ERR the configuration is not changed: "
                           "the configuration file has changed, too");
        file_write(pooler->config_path, text);
        EXPECT_CALL_BEGINS(order, "RELOAD", "*3\r\n");
        EXPECT_CALL(order, "RELOAD", "*0\r\n");
        daemon_stop(pooler);
    }
}

static void the_end_does_not_wait_for_orders(void)
{
    NEEDS_DAEMON;
    start_workers(3, "");
    struct client *one = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    client_send(order, "PAUSE redis TIMEOUT 60000");
    struct client *second = daemon_client(pooler, "admin");
    while (strstr(client_call(second, "SHOW POOLS redis")->data, "paused") == NULL) {
    }
    daemon_stop(pooler);
}

static bool cannot_be_set(void *context)
{
    return strstr(client_call(context, "SET redis leases 5")->data, ": the daemon is ending") !=
           NULL;
}

static void nothing_is_set_while_the_daemon_ends(void)
{
    NEEDS_DAEMON;
    start_workers(3, "");
    struct client *one = session();
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    server_freeze(server);
    client_send(one, "GET k");
    wait_gauge("requests_outstanding", 1);
    daemon_ask_to_end(pooler);
    EXPECT(wait_until(cannot_be_set, order, patience_ms()));
    server_thaw(server);
    EXPECT_ALL(one, "$-1\r\n");
}

static void draining_does_not_pile_up_requests(void)
{
    NEEDS_DAEMON;
    start_workers(1, "");
    struct client *blocked = session();
    EXPECT_CALL(blocked, "GET k", "$-1\r\n");
    client_send(blocked, "BLPOP q 0");
    wait_gauge("clients_blocked", 1);
    server_freeze(server);
    EXPECT_CALL_BEGINS(order, "DRAIN redis TIMEOUT 300", "-BUSY 1 clients");
    server_thaw(server);
    EXPECT_ALL(blocked, "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    EXPECT_BETWEEN(server_calls(server, "client|unblock"), 1, 4);
}

static const struct test_case cases[] = {
    {"paused commands wait and go on in order", paused_commands_wait_and_go_on_in_order},
    {"pausing waits for what is under way", pausing_waits_for_what_is_under_way},
    {"a pause has an end for commands", a_pause_has_an_end_for_commands},
    {"a server can be replaced during a pause", a_server_can_be_replaced_during_a_pause},
    {"who cannot go to the other server is resumed, too",
     who_cannot_go_to_the_other_server_is_resumed_too},
    {"a pause ends with its prefix", a_pause_ends_with_its_prefix},
    {"who is not let in is told so", who_is_not_let_in_is_told_so},
    {"drained clients get what they are owed", drained_clients_get_what_they_are_owed},
    {"reconnecting loses no reply", reconnecting_loses_no_reply},
    {"connections are other ones after reconnecting",
     connections_are_other_ones_after_reconnecting},
    {"clients are killed by number or all", clients_are_killed_by_number_or_all},
    {"a reload tells what changed or is wrong", a_reload_tells_what_changed_or_is_wrong},
    {"a setting can be set until the next reload", a_setting_can_be_set_until_the_next_reload},
    {"the end does not wait for orders", the_end_does_not_wait_for_orders},
    {"draining does not pile up requests", draining_does_not_pile_up_requests},
    {"nothing is set while the daemon ends", nothing_is_set_while_the_daemon_ends},
};

SUITE_MAIN("control", cases)
