/* Clients that know nothing of the daemon work with no change but the address: redis-cli,
 * redis-benchmark, redis-py and hiredis. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <hiredis/hiredis.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

#define NOT_INSTALLED 77
#define PYTHON "/usr/bin/python3"

static struct server *server;
static struct daemon *pooler;

static void start(const char *settings)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), settings);
}

static char *socket_path(void)
{
    char *path = case_alloc(256);
    snprintf(path, 256, "%s/redis.sock", pooler->runtime_dir);
    return path;
}

/* Run a program to its end and return its exit status; what it printed is in *output. */
static int run(char *const argv[], const char **output)
{
    struct process process = {0};
    char *log = case_path("%s.log", strrchr(argv[0], '/') != NULL ? "script" : argv[0]);
    process_start(&process, argv, log);
    bool has_ended = process_wait(&process, 6 * patience_ms());
    process_kill(&process);
    *output = file_text(log);
    EXPECT(has_ended);
    return WIFEXITED(process.status) ? WEXITSTATUS(process.status) : -1;
}

static void run_script(char *script)
{
    const char *output = "";
    char *argv[] = {PYTHON, script, socket_path(), NULL};
    int status = run(argv, &output);
    if (status == NOT_INSTALLED) {
        case_skip("redis-py is not installed");
        return;
    }
    if (status != 0) {
        FAIL("%s ended with status %d:\n%s", script, status, output);
    }
}

static void redis_py_works(void)
{
    start("");
    run_script("tests/integration/other_clients.py");
}

/* The daemon may still count the connection that found it ready. */
static bool has_taken_the_place(void *context)
{
    (void)context;
    struct client *client = daemon_client(pooler, "redis");
    client_send(client, "PING");
    return client_try_read(client, patience_ms()) && client->reply.data[0] == '+';
}

static void redis_py_sees_a_full_daemon_as_a_connection_error(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler =
        daemon_start(server_url(server), "[flaskredisd]\nclients_max = 1\n[REDIS]\nurl = {url}\n");
    EXPECT(wait_until(has_taken_the_place, NULL, patience_ms()));
    run_script("tests/integration/crowded_out.py");
}

static void redis_cli_works(void)
{
    const char *output = "";
    start("");
    char *set[] = {"redis-cli", "-s", socket_path(), "SET", "k", "from redis-cli", NULL};
    EXPECT_NUMBER(run(set, &output), 0);
    char *get[] = {"redis-cli", "-3", "-n", "0", "-s", socket_path(), "GET", "k", NULL};
    EXPECT_NUMBER(run(get, &output), 0);
    EXPECT_HAS(output, "OK\nfrom redis-cli\n");
    char *scan[] = {"redis-cli", "-s", socket_path(), "--scan", NULL};
    EXPECT_NUMBER(run(scan, &output), 0);
}

static void redis_benchmark_works(void)
{
    const char *output = "";
    start("");
    char *argv[] = {"redis-benchmark",
                    "-s",
                    socket_path(),
                    "-n",
                    "20000",
                    "-c",
                    "50",
                    "-P",
                    "16",
                    "-t",
                    "set,get,incr,lpush,mset",
                    "--csv",
                    NULL};
    EXPECT_NUMBER(run(argv, &output), 0);
    EXPECT_HAS(output, "\"MSET (10 keys)\"");
    EXPECT_LACKS(output, "rror");
}

static void hiredis_works(void)
{
    start("");
    redisContext *context = redisConnectUnix(socket_path());
    EXPECT(context != NULL);
    case_defer((void (*)(void *))redisFree, context);
    EXPECT_NUMBER(context->err, 0);
    for (int i = 0; i < 1000; i++) {
        redisAppendCommand(context, "INCRBY n %d", i);
    }
    redisReply *reply = NULL;
    int64_t sum = 0;
    for (int i = 0; i < 1000; i++) {
        EXPECT_NUMBER(redisGetReply(context, (void **)&reply), REDIS_OK);
        sum += i;
        EXPECT_NUMBER(reply->integer, sum);
        freeReplyObject(reply);
    }
}

static const struct test_case cases[] = {
    {"redis-py works, with pipelines, locks, scripts and messages", redis_py_works},
    {"redis-py sees a full daemon as a connection error",
     redis_py_sees_a_full_daemon_as_a_connection_error},
    {"redis-cli works", redis_cli_works},
    {"redis-benchmark works", redis_benchmark_works},
    {"hiredis works", hiredis_works},
};

SUITE_MAIN("other_clients", cases)
