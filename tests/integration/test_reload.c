/* Reading the configuration again: what changes, for whom, and that nobody else notices. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

static struct server *server, *other;
static struct daemon *pooler;

#define REDIS "[REDIS]\nurl = {url}\n"
#define CACHE "[CACHE]\nurl = {url}\n"

static void start(const char *config)
{
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), config);
}

#define EXPECT_RELOADED(config) EXPECT(daemon_reload(pooler, config))
#define EXPECT_REFUSED(config) EXPECT(!daemon_reload(pooler, config))
#define EXPECT_LOGGED(text) EXPECT_HAS(daemon_log(pooler), text)

static bool cannot_connect(void *context)
{
    struct client *client = client_try_connect(context);
    if (client != NULL) {
        client_close(client);
    }
    return client == NULL;
}

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

#define EXPECT_END(client) EXPECT(wait_until(has_ended, client, patience_ms()))

/* ------------------------------------------------------------------------------------ as a whole
 */

static void limits_change_under_a_client(void)
{
    NEEDS_DAEMON;
    start(REDIS);
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "FLUSHALL", "+OK\r\n");
    EXPECT_RELOADED(REDIS "deny = FLUSHALL\nleases = 7\n");
    EXPECT_LOGGED("section [REDIS], setting \"deny\": (empty) -> flushall");
    EXPECT_LOGGED("section [REDIS], setting \"leases\": 32 -> 7");
    EXPECT_CALL_BEGINS(client, "FLUSHALL", "-POOLDENY ");
    EXPECT_RELOADED(REDIS);
    EXPECT_CALL(client, "FLUSHALL", "+OK\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_LOGGED("configuration: in use, nothing has changed");
}

static void a_bad_file_changes_nothing(void)
{
    NEEDS_DAEMON;
    start(REDIS "deny = KEYS\n");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_REFUSED("[REDIS]\nurl = redis://:hunter2@h:x\nleases = many\n[NEW]\nurl = {url}\n");
    EXPECT_LOGGED("setting \"leases\": is not a whole number");
    EXPECT_LOGGED("setting \"url\": ");
    EXPECT_LACKS(daemon_log(pooler), "hunter2");
    EXPECT_CALL_BEGINS(client, "KEYS *", "-POOLDENY ");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    EXPECT(cannot_connect(daemon_address(pooler, "new")));
}

static void what_needs_a_restart_changes_nothing_and_is_named(void)
{
    NEEDS_DAEMON;
    start("[flaskredisd]\nworkers = 1\n" REDIS);
    EXPECT_REFUSED("[flaskredisd]\nworkers = 2\n" REDIS "deny = PING\n");
    EXPECT_LOGGED("section [flaskredisd], setting \"workers\": changed, which needs a restart");
    EXPECT_CALL(daemon_client(pooler, "redis"), "PING", "+PONG\r\n");
}

static void no_secret_is_told(void)
{
    NEEDS_DAEMON;
    start(REDIS CACHE "auth = check\nusers = a:hunter1\n");
    EXPECT_RELOADED("[REDIS]\nurl = redis://u:hunter2@localhost:1/3?client_name=hunter3\n" CACHE
                    "auth = check\nusers = a:hunter4, b:hunter5\n[NEW]\nurl = "
                    "redis://:hunter6@h\n");
    EXPECT_LOGGED("section [REDIS], setting \"url\": user or password changed");
    EXPECT_LOGGED("section [REDIS], setting \"url\": database 0 -> 3");
    EXPECT_LOGGED("section [CACHE], setting \"users\": changed (1 -> 2)");
    EXPECT_LOGGED("section [NEW]: added (redis://h:6379)");
    EXPECT_LACKS(daemon_log(pooler), "hunter");
}

/* ------------------------------------------------------------------------------------- prefixes */

static void prefixes_come_and_go(void)
{
    NEEDS_DAEMON;
    start(REDIS);
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_RELOADED(REDIS CACHE);
    struct client *cache = daemon_client(pooler, "cache");
    EXPECT_CALL(cache, "GET k", "$1\r\nv\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_LOGGED("section [CACHE]: removed");
    EXPECT_END(cache);
    EXPECT(cannot_connect(daemon_address(pooler, "cache")));
    EXPECT_CALL(client, "GET k", "$1\r\nv\r\n");
    EXPECT_RELOADED(REDIS CACHE);
    EXPECT_CALL(daemon_client(pooler, "cache"), "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(client, "GET k", "$1\r\nv\r\n");
}

/* A client that is frozen out of its replies by a server that stands still. */
static void clients_of_a_removed_prefix_get_what_they_are_owed(void)
{
    NEEDS_DAEMON;
    start(REDIS CACHE);
    struct client *client = daemon_client(pooler, "cache"), *idle = daemon_client(pooler, "cache");
    EXPECT_CALL(client, "SET n 1", "+OK\r\n");
    server_freeze(server);
    client_send_bytes(client, "INCR n\r\nINCR n\r\nMULTI\r\nINCR n\r\nEXEC\r\nINC", 39);
    EXPECT_RELOADED(REDIS);
    EXPECT_END(idle);
    server_thaw(server);
    EXPECT_ALL(client, ":2\r\n:3\r\n+OK\r\n+QUEUED\r\n*1\r\n:4\r\n");
    EXPECT_CALL(daemon_client(pooler, "redis"), "GET n", "$1\r\n4\r\n");
}

static void what_a_client_sends_after_its_prefix_has_gone_fails_at_its_side(void)
{
    NEEDS_DAEMON;
    start(REDIS CACHE);
    struct client *client = daemon_client(pooler, "cache");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_END(client);
    client_send(client, "SET k v");
    EXPECT_CALL(daemon_client(pooler, "redis"), "EXISTS k", ":0\r\n");
}

/* --------------------------------------------------------------------------------- who may come in
 */

static void removed_users_are_closed_and_the_others_stay(void)
{
    NEEDS_DAEMON;
    start(REDIS "auth = check\nusers = a:1, b:2\n");
    struct client *a = daemon_client(pooler, "redis"), *b = daemon_client(pooler, "redis");
    struct client *nobody = daemon_client(pooler, "redis");
    EXPECT_CALL(a, "AUTH a 1", "+OK\r\n");
    EXPECT_CALL(b, "AUTH b 2", "+OK\r\n");
    EXPECT_RELOADED(REDIS "auth = check\nusers = a:3\n");
    EXPECT_END(b);
    EXPECT_CALL(a, "PING", "+PONG\r\n");
    EXPECT_CALL_BEGINS(nobody, "AUTH a 1", "-WRONGPASS ");
    EXPECT_CALL(nobody, "AUTH a 3", "+OK\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_END(a);
    EXPECT_END(nobody);
    EXPECT_CALL(daemon_client(pooler, "redis"), "PING", "+PONG\r\n");
}

static int mode_of(const char *prefix)
{
    struct stat status;
    const char *path = daemon_address(pooler, prefix) + strlen("unix://");
    EXPECT(stat(path, &status) == 0);
    return (int)(status.st_mode & 07777);
}

static void the_mode_of_a_socket_changes_in_place(void)
{
    NEEDS_DAEMON;
    start(REDIS);
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_NUMBER(mode_of("redis"), 0660);
    EXPECT_RELOADED(REDIS "socket_mode = 0600\n");
    EXPECT_NUMBER(mode_of("redis"), 0600);
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    /* a socket that cannot be had takes everything back */
    file_write(daemon_address(pooler, "cache") + strlen("unix://"), "no socket");
    EXPECT_REFUSED(REDIS "socket_mode = 0666\n[B]\nurl = {url}\n" CACHE);
    EXPECT_LOGGED("cache.sock: something that is no socket stands there");
    EXPECT_NUMBER(mode_of("redis"), 0600);
    EXPECT(cannot_connect(daemon_address(pooler, "b")));
    EXPECT_CALL(client, "PING", "+PONG\r\n");
}

/* A port that was free a moment ago. */
static unsigned free_port(void)
{
    struct server *one = server_start(NULL);
    server_kill(one);
    return one->port;
}

static const char *on_ports(unsigned redis, unsigned cache)
{
    char *text = case_alloc(256);
    snprintf(text, 256,
             REDIS "listen = tcp://127.0.0.1:%u\n" CACHE
                   "deny = GET\nlisten = tcp://127.0.0.1:%u\n",
             redis, cache);
    return text;
}

static char *port_url(unsigned port)
{
    char *url = case_alloc(64);
    snprintf(url, 64, "redis://127.0.0.1:%u", port);
    return url;
}

static bool is_denied(void *context)
{
    struct client *client = client_connect(context);
    bool denies = strncmp(client_call(client, "GET k")->data, "-POOLDENY ", 10) == 0;
    client_close(client);
    return denies;
}

static void ports_open_close_and_change_hands(void)
{
    NEEDS_DAEMON;
    start(REDIS CACHE "deny = GET\n");
    unsigned one = free_port(), two = free_port();
    EXPECT_RELOADED(on_ports(one, two));
    struct client *client = client_connect(port_url(one));
    EXPECT_CALL(client, "GET k", "$-1\r\n");
    EXPECT(is_denied(port_url(two)));
    EXPECT_RELOADED(on_ports(two, one));
    EXPECT(wait_until(is_denied, port_url(one), patience_ms()));
    EXPECT(!is_denied(port_url(two)));
    EXPECT_CALL(client, "GET k", "$-1\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT(wait_until(cannot_connect, port_url(one), patience_ms()));
    EXPECT(wait_until(cannot_connect, port_url(two), patience_ms()));
    EXPECT_CALL(client, "GET k", "$-1\r\n");
}

/* ----------------------------------------------------------------------------------------- for
 * long
 */

enum {
    CLIENTS = 20,
    ROUNDS = 300
};

/* Configurations that differ in all but the prefix COUNTER. */
static const char *configuration(int i)
{
    static char text[1024];
    snprintf(text, sizeof text, "[COUNTER]\nurl = {url}\n[REDIS]\nurl = %s\nleases = %d\n%s%s",
             i % 2 ? server_url(other) : "{url}", 10 + i % 5,
             i % 3 ? CACHE "socket_mode = 0600\n" : "", i % 7 ? "[LAST]\nurl = {url}\n" : "");
    return text;
}

static void clients_of_what_does_not_change_notice_nothing(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    other = server_start(NULL);
    pooler = daemon_start(server_url(server), "[COUNTER]\nurl = {url}\n");
    struct client *clients[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = daemon_client(pooler, "counter");
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            client_send(clients[i], "INCR own:%d", i);
            client_send(clients[i], "INCR all");
        }
        if (round % 10 == 0) {
            EXPECT_RELOADED(configuration(round / 10));
        }
        for (int i = 0; i < CLIENTS; i++) {
            EXPECT_NUMBER(client_read_number(clients[i]), round + 1);
            client_read_number(clients[i]);
        }
    }
    EXPECT_NUMBER(atoi(server_ask(server, "GET all")->data + 4), CLIENTS * ROUNDS);
}

static int64_t threads_of(const struct daemon *of)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/status", (int)of->process.pid);
    const char *line = strstr(file_text(path), "Threads:");
    return line == NULL ? 0 : strtoll(line + strlen("Threads:"), NULL, 10);
}

static bool is_ready(void *context)
{
    (void)context;
    return strstr(daemon_log(pooler), " is ready, ") != NULL;
}

static bool has_one_engine_less(void *context)
{
    return threads_of(pooler) == *(int64_t *)context;
}

static void engines_in_memory_end_with_the_last_prefix(void)
{
    NEEDS_DAEMON;
    start(REDIS "[A]\nurl = mock://one\n");
    EXPECT(wait_until(is_ready, NULL, patience_ms())); /* its threads run */
    int64_t before = threads_of(pooler), with_one = before + 1;
    struct client *a = daemon_client(pooler, "a");
    EXPECT_CALL(a, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(threads_of(pooler), with_one);
    EXPECT_RELOADED(REDIS "[B]\nurl = mock://one\n");
    EXPECT_END(a);
    struct client *b = daemon_client(pooler, "b");
    EXPECT_CALL(b, "GET k", "$1\r\nv\r\n");
    EXPECT_RELOADED(REDIS);
    EXPECT_END(b);
    EXPECT(wait_until(has_one_engine_less, &before, patience_ms()));
    EXPECT_RELOADED(REDIS "[B]\nurl = mock://one\n");
    EXPECT_CALL(daemon_client(pooler, "b"), "GET k", "$-1\r\n");
}

static int reloads_wanted(void)
{
    const char *text = getenv("RELOADS");
    return text == NULL ? 200 : atoi(text);
}

static bool is_settled(void *context)
{
    return server_clients(other, "name=flaskredisd:REDIS") == 0 &&
           daemon_descriptors(pooler) <= *(int64_t *)context;
}

static void many_reloads_leave_nothing_behind(void)
{
    enum {
        ROOM = 1024 * 1024
    };
    NEEDS_DAEMON;
    server = server_start(NULL);
    other = server_start(NULL);
    pooler = daemon_start(server_url(server), "[COUNTER]\nurl = {url}\n");
    int64_t descriptors = 0, memory = 0;
    struct client *client = NULL;
    for (int i = 0; i <= reloads_wanted(); i++) {
        EXPECT_RELOADED(configuration(i));
        if (client == NULL) {
            client = daemon_client(pooler, "redis");
        }
        client_call(client, "GET k");
        if (i == 42) {
            EXPECT_RELOADED("[COUNTER]\nurl = {url}\n");
            EXPECT_END(client);
            client = NULL;
            memory = process_memory(&pooler->process);
            descriptors = daemon_descriptors(pooler);
        }
    }
    EXPECT_RELOADED("[COUNTER]\nurl = {url}\n");
    EXPECT(wait_until(is_settled, &descriptors, patience_ms()));
    if (process_memory_is_bare(&pooler->process)) {
        EXPECT_BETWEEN(process_memory(&pooler->process), 0, memory + ROOM);
    }
}

static const struct test_case cases[] = {
    {"limits change under a connected client, and each change is logged",
     limits_change_under_a_client},
    {"a bad file changes nothing", a_bad_file_changes_nothing},
    {"what needs a restart is named, and nothing changes",
     what_needs_a_restart_changes_nothing_and_is_named},
    {"no secret is told", no_secret_is_told},
    {"prefixes come and go, and come again", prefixes_come_and_go},
    {"clients of a removed prefix get what they are owed",
     clients_of_a_removed_prefix_get_what_they_are_owed},
    {"what a client sends after its prefix has gone is not executed",
     what_a_client_sends_after_its_prefix_has_gone_fails_at_its_side},
    {"removed users are closed, and the others stay", removed_users_are_closed_and_the_others_stay},
    {"the mode of a socket changes in place, or not at all", the_mode_of_a_socket_changes_in_place},
    {"ports open, close and change hands", ports_open_close_and_change_hands},
    {"engines in memory end with the last prefix that has them",
     engines_in_memory_end_with_the_last_prefix},
    {"clients of what does not change notice nothing",
     clients_of_what_does_not_change_notice_nothing},
    {"many reloads leave nothing behind", many_reloads_leave_nothing_behind},
};

SUITE_MAIN("reload", cases)
