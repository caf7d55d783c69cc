/* A worker that goes where its server runs, and answers as ever. */
#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/cores.h"
#include "tests/support/daemon.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

#define SETTINGS(text) "[flaskredisd]\nworkers = 1\n" text "[REDIS]\nurl = {url}\n"

static struct core_pair cores;

/* The core that the thread of the worker ran on last. */
static int core_of_worker(void)
{
    char path[300], name[32] = "";
    int core = -1;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pooler->process.pid);
    DIR *threads = opendir(path);
    EXPECT(threads != NULL);
    struct dirent *thread;
    while (core < 0 && (thread = readdir(threads)) != NULL) {
        snprintf(path, sizeof path, "/proc/%d/task/%s/stat", (int)pooler->process.pid,
                 thread->d_name);
        const char *stat = file_text(path);
        if (sscanf(stat, "%*d (%31[^)])", name) == 1 && strcmp(name, "worker 0") == 0) {
            sscanf(strrchr(stat, ')'),
                   ") %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                   "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %d",
                   &core);
        }
    }
    closedir(threads);
    return core;
}

static void keep_server_on(int core)
{
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((size_t)core, &only);
    EXPECT(sched_setaffinity(server->process.pid, sizeof only, &only) == 0);
}

struct stay {
    int core;
    struct client *client;
    int found; /* times it was there */
};

static bool has_been_there(void *context)
{
    struct stay *stay = context;
    for (int i = 0; i < 100; i++) {
        client_send_script(stay->client, "PING; SET k v; GET k");
    }
    for (int i = 0; i < 300; i++) {
        client_read(stay->client);
    }
    stay->found += core_of_worker() == stay->core;
    return stay->found >= 10;
}

/* The kernel moves it as well, at any time, the more others want the cores; it comes back. */
static void expect_worker_on(int core, struct client *client)
{
    EXPECT(wait_until(has_been_there, &(struct stay){core, client, 0}, patience_ms()));
}

static void expect_to_follow(const char *url)
{
    pooler = daemon_start(url, SETTINGS("beside_server = yes\n"));
    struct client *client = session();
    for (int round = 0; round < 3; round++) {
        keep_server_on(cores.first);
        expect_worker_on(cores.first, client);
        keep_server_on(cores.second);
        expect_worker_on(cores.second, client);
    }
}

static void a_worker_follows_a_server_on_a_unix_socket(void)
{
    NEEDS_DAEMON;
    if (cores_take_two(&cores)) {
        server = server_start(NULL);
        expect_to_follow(server_url(server));
    }
}

static void a_worker_follows_a_server_on_tcp(void)
{
    NEEDS_DAEMON;
    if (cores_take_two(&cores)) {
        server = server_start(NULL);
        expect_to_follow(server_tcp_url(server));
    }
}

/* A server and a daemon before it with these settings, where there are two cores for them. */
static bool begin(const char *settings)
{
    if (!cores_take_two(&cores)) {
        return false;
    }
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), settings);
    return true;
}

static void a_reload_ends_it_and_begins_it(void)
{
    NEEDS_DAEMON;
    if (!begin(SETTINGS("beside_server = no\n"))) {
        return;
    }
    struct client *client = session();
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    EXPECT(daemon_reload(pooler, SETTINGS("beside_server = yes\n")));
    keep_server_on(cores.second);
    expect_worker_on(cores.second, client);
    EXPECT(daemon_reload(pooler, SETTINGS("beside_server = no\n")));
    EXPECT_CALL(client, "PING", "+PONG\r\n");
}

/* Replies go to their clients before requests go to the server: in what order they come to each
 * stays as it was. */
static void replies_and_requests_in_one_turn_keep_their_order(void)
{
    NEEDS_DAEMON;
    if (!begin(SETTINGS("beside_server = yes\n"))) {
        return;
    }
    struct client *clients[8];
    for (int i = 0; i < 8; i++) {
        clients[i] = session();
    }
    for (int round = 1; round <= 200; round++) {
        for (int i = 0; i < 8; i++) {
            client_send(clients[i], "INCR k%d", i);
            client_send_script(clients[i], "MULTI; PING; ECHO a; EXEC");
        }
        for (int i = 0; i < 8; i++) {
            char number[40];
            int len = snprintf(number, sizeof number, ":%d\r\n", round);
            const struct bytes *reply = client_read(clients[i]);
            expect_bytes(__FILE__, __LINE__, "INCR", reply->data, reply->len, number, (size_t)len);
            EXPECT_REPLY(clients[i], "+OK\r\n");
            EXPECT_REPLY(clients[i], "+QUEUED\r\n");
            EXPECT_REPLY(clients[i], "+QUEUED\r\n");
            EXPECT_REPLY(clients[i], "*2\r\n+PONG\r\n$1\r\na\r\n");
        }
    }
}

enum {
    BLOCKERS = 6
};

static void serve_blocked(struct client **clients)
{
    EXPECT_INFO(server, "blocked_clients", BLOCKERS);
    for (int i = 0; i < BLOCKERS; i++) {
        char expected[40];
        int len = snprintf(expected, sizeof expected, "*2\r\n$1\r\nq\r\n$1\r\n%d\r\n", i);
        server_ask(server, "RPUSH q %d", i);
        const struct bytes *reply = client_read(clients[i]);
        expect_bytes(__FILE__, __LINE__, "BLPOP", reply->data, reply->len, expected, (size_t)len);
    }
}

/* Each on a connection of its own, of which the worker knows of one, most of the time, that it is
 * beside its server. */
static void clients_that_ask_in_one_turn_block_in_that_order(void)
{
    NEEDS_DAEMON;
    if (!begin(SETTINGS("beside_server = yes\n"))) {
        return;
    }
    struct client *clients[BLOCKERS];
    for (int i = 0; i < BLOCKERS; i++) {
        clients[i] = session();
        client_send(clients[i], "BLPOP q 0");
        EXPECT_INFO(server, "blocked_clients", i + 1);
    }
    serve_blocked(clients);
    for (int round = 0; round < 100; round++) {
        process_freeze(&pooler->process);
        for (int i = 0; i < BLOCKERS; i++) {
            client_send(clients[i], "BLPOP q 0");
        }
        process_thaw(&pooler->process);
        serve_blocked(clients);
    }
}

/* Who monitors sends something and goes, and is found gone in the same turn, when it is to be told
 * what another one did. */
static void last_words_in_a_tunnel_are_carried_out(void)
{
    NEEDS_DAEMON;
    if (!begin(SETTINGS("beside_server = yes\n"))) {
        return;
    }
    for (int round = 0; round < 10; round++) {
        server_ask(server, "SCRIPT FLUSH");
        struct client *one = session();
        EXPECT_CALL(one, "MONITOR", "+OK\r\n");
        client_send(one, "PING");
        client_read(one); /* its reply, and that it was sent: nothing more is on its way */
        client_read(one);
        process_freeze(&pooler->process);
        server_ask(server, "PING");
        server_ask(server, "PING"); /* it has told of the first */
        client_send(one, "SCRIPT LOAD return");
        client_close(one);
        server_freeze(server); /* else it may find the monitor gone, too, before it reads */
        process_thaw(&pooler->process);
        struct client *other = session();
        for (int i = 0; i < 3; i++) { /* the turn is over */
            EXPECT_CALL_BEGINS(other, "CLIENT ID", ":");
        }
        client_close(other);
        server_thaw(server);
        EXPECT_INFO(server, "number_of_cached_scripts", 1);
    }
}

static const struct test_case cases[] = {
    {"a worker follows a server on a Unix socket", a_worker_follows_a_server_on_a_unix_socket},
    {"a worker follows a server on TCP", a_worker_follows_a_server_on_tcp},
    {"a reload ends it and begins it", a_reload_ends_it_and_begins_it},
    {"replies and requests in one turn keep their order",
     replies_and_requests_in_one_turn_keep_their_order},
    {"clients that ask in one turn block in that order",
     clients_that_ask_in_one_turn_block_in_that_order},
    {"last words in a tunnel are carried out", last_words_in_a_tunnel_are_carried_out},
};

SUITE_MAIN("beside_server", cases)
