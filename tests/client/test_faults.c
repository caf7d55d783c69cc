/* Connections that break, answers that do not come, threads and children: what is sent again, and
 * what is not. */
#include "tests/client/fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/peer.h"

enum {
    THREADS = 8,
    CHILDREN = 4,
    ROUNDS = 300
};

static FlaskRedis *handle_on(struct peer *peer, const FlaskRedisOptions *options)
{
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", peer_url(peer)));
    return fixture_keep(flask_redis_new(app, options));
}

/* --- connections that break ------------------------------------------------------------------- */

static void an_answer_that_is_lost(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, NULL);
    peer_on(peer, "SET", PEER_CLOSE, "", 1);
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_CONNECTION);
    EXPECT(flask_redis_last_error()->maybe_executed);
    EXPECT_NUMBER(peer_count(peer, "SET"), 1);
    OK(flask_redis_set(redis, "k", "v", NULL));
}

static void a_reply_that_is_cut(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, NULL);
    FlaskRedisBytes value;
    peer_on(peer, "GET", PEER_CLOSE, "$100\r\nabc", 1);
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_CONNECTION);
    EXPECT(value.data == NULL);
    peer_on(peer, "GET", PEER_ANSWER, "nonsense\r\n", 1);
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_CONNECTION);
    EXPECT_HAS(last_text(), "protocol error");
    peer_on(peer, "GET", PEER_ANSWER, "$1\r\na\r\n$1\r\nb\r\n", 1);
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "a");
}

static bool is_closed(void *context)
{
    struct peer *peer = context;
    return peer_connections(peer) >= 1;
}

static void an_idle_connection_that_was_closed(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, NULL);
    for (int i = 0; i < 20; i++) {
        OK(flask_redis_set(redis, "k", "v", NULL));
        EXPECT(wait_until(is_closed, peer, patience_ms()));
        peer_close(peer, 0);
    }
    EXPECT_NUMBER(peer_count(peer, "SET"), 20);
}

static void an_answer_that_does_not_come(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, &(FlaskRedisOptions){.socket_timeout = 0.05});
    peer_on(peer, "SET", PEER_HOLD, "", 1);
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_TIMEOUT);
    EXPECT_HAS(last_text(), "socket_timeout");
    EXPECT(flask_redis_last_error()->maybe_executed);
    peer_send(peer, peer_connection_of(peer, "SET"), "+LATE\r\n");
    peer_on(peer, "GET", PEER_ANSWER, "$2\r\nok\r\n", 0);
    FlaskRedisBytes value;
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "ok");
    EXPECT_NUMBER(peer_count(peer, "SET"), 1);
}

static void retry_on_timeout(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis =
        handle_on(peer, &(FlaskRedisOptions){.socket_timeout = 0.05, .retry_on_timeout = true});
    peer_on(peer, "SET", PEER_HOLD, "", 1);
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(peer_count(peer, "SET"), 2);
    peer_on(peer, "SET", PEER_HOLD, "", 0);
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_TIMEOUT);
    EXPECT_NUMBER(peer_count(peer, "SET"), 4);
}

static void watching_when_the_connection_goes(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, NULL);
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    OK(flask_redis_pipeline_watch(pipe, "k"));
    OK(flask_redis_pipeline_multi(pipe));
    OK(flask_redis_pipeline_command(pipe, "SET k v"));
    peer_close(peer, 0);
    STATUS(flask_redis_pipeline_execute(pipe, NULL), FLASK_REDIS_WATCH);
    flask_redis_pipeline_free(pipe);
    EXPECT_NUMBER(peer_count(peer, "EXEC"), 0);
}

/* Trying again would execute it twice. */
static void an_exec_that_may_have_run(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, NULL);
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    peer_on(peer, "EXEC", PEER_CLOSE, "", 0);
    OK(flask_redis_pipeline_watch(pipe, "k"));
    OK(flask_redis_pipeline_multi(pipe));
    OK(flask_redis_pipeline_command(pipe, "SET k v"));
    STATUS(flask_redis_pipeline_execute(pipe, NULL), FLASK_REDIS_CONNECTION);
    EXPECT(flask_redis_last_error()->maybe_executed);
    OK(flask_redis_pipeline_command(pipe, "SET k v"));
    STATUS(flask_redis_pipeline_execute(pipe, NULL), FLASK_REDIS_CONNECTION);
    EXPECT(flask_redis_last_error()->maybe_executed);
    flask_redis_pipeline_free(pipe);
    EXPECT_NUMBER(peer_count(peer, "EXEC"), 2);
}

static void health_checks(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis = handle_on(peer, &(FlaskRedisOptions){.health_check_interval = 0.001});
    peer_on(peer, "PING", PEER_ANSWER, "+PONG\r\n", 0);
    OK(flask_redis_set(redis, "k", "v", NULL));
    int64_t until = now_ms() + 5;
    while (now_ms() < until) {
    }
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(peer_count(peer, "PING"), 1);
}

static void a_daemon_that_restarts(void)
{
    struct server *server = server_start(NULL);
    struct daemon *pooler = daemon_start_redis(server_url(server), "");
    FlaskRedis *redis = fixture_keep(flask_redis_new(fixture_app(), NULL));
    int64_t number;
    OK(flask_redis_incr(redis, "n", &number));
    for (int i = 2; i < 5; i++) {
        daemon_stop(pooler);
        daemon_restart(pooler);
        OK(flask_redis_incr(redis, "n", &number));
        EXPECT_NUMBER(number, i);
    }
}

/* --- bounds ----------------------------------------------------------------------------------- */

static void no_connection_free(void)
{
    struct peer *peer = peer_start();
    FlaskRedis *redis =
        handle_on(peer, &(FlaskRedisOptions){.max_connections = 1, .socket_connect_timeout = 0.05});
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    OK(flask_redis_pipeline_watch(pipe, "k"));
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_POOL_EXHAUSTED);
    EXPECT_HAS(last_text(), "max_connections");
    flask_redis_pipeline_free(pipe);
    OK(flask_redis_set(redis, "k", "v", NULL));
}

/* --- threads and children --------------------------------------------------------------------- */

struct work {
    FlaskRedis *redis;
    int number;
    bool failed;
};

/* Every reply names who asked. */
static void *work(void *context)
{
    struct work *work = context;
    char text[64];
    for (int i = 0; i < ROUNDS && !work->failed; i++) {
        FlaskRedisBytes value = {0};
        snprintf(text, sizeof(text), "%d:%d:%d", (int)getpid(), work->number, i);
        redisReply *reply = flask_redis_command(work->redis, "ECHO %s", text);
        FlaskRedisPipeline *pipe = flask_redis_pipeline(work->redis, i % 2 == 0);
        redisReply *replies = NULL;
        flask_redis_pipeline_command(pipe, "ECHO %s", text);
        flask_redis_pipeline_command(pipe, "INCR n");
        work->failed = reply == NULL || strcmp(reply->str, text) != 0 ||
                       flask_redis_set(work->redis, text, text, NULL) != FLASK_REDIS_OK ||
                       flask_redis_get(work->redis, text, &value) != FLASK_REDIS_OK ||
                       strcmp(value.data, text) != 0 ||
                       flask_redis_pipeline_execute(pipe, &replies) != FLASK_REDIS_OK ||
                       strcmp(replies->element[0]->str, text) != 0;
        flask_redis_reply_free(reply);
        flask_redis_reply_free(replies);
        flask_redis_pipeline_free(pipe);
        flask_redis_bytes_free(&value);
    }
    return NULL;
}

static void run_threads(FlaskRedis *redis)
{
    struct work works[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        works[i] = (struct work){redis, i, false};
        EXPECT_NUMBER(pthread_create(&threads[i], NULL, work, &works[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        EXPECT(!works[i].failed);
    }
}

static void threads_share_a_handle(void)
{
    FlaskRedis *redis = fixture_open_with(&(FlaskRedisOptions){.max_connections = 4})->redis;
    FlaskRedisBytes value;
    run_threads(redis);
    OK(flask_redis_get(redis, "n", &value));
    EXPECT_NUMBER(strtol(value.data, NULL, 10), THREADS * ROUNDS);
    flask_redis_bytes_free(&value);
}

static void run_children(FlaskRedis *redis)
{
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct work mine = {redis, i, false};
            work(&mine);
            _exit(mine.failed);
        }
    }
    struct work mine = {redis, CHILDREN, false};
    work(&mine);
    EXPECT(!mine.failed);
    for (int i = 0; i < CHILDREN; i++) {
        int status;
        EXPECT_NUMBER(waitpid(children[i], &status, 0), children[i]);
        EXPECT_NUMBER(status, 0);
    }
}

static void children_share_their_parents(void)
{
    for (fixture_kind = FIXTURE_DAEMON; fixture_kind <= FIXTURE_CUSTOM; fixture_kind++) {
        FlaskRedis *redis = fixture_open()->redis;
        FlaskRedisBytes value;
        OK(flask_redis_set(redis, "opened", "before", NULL));
        run_children(redis);
        OK(flask_redis_get(redis, "n", &value));
        EXPECT_NUMBER(strtol(value.data, NULL, 10), (CHILDREN + 1) * ROUNDS);
        flask_redis_bytes_free(&value);
    }
    fixture_kind = FIXTURE_DAEMON;
}

/* What the parent watches, and what it is subscribed to, is not the child's. */
static void a_child_while_watching(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    FlaskRedisPubSub *pubsub = flask_redis_pubsub(redis);
    FlaskRedisMessage message;
    int status;
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    OK(flask_redis_get_message(pubsub, 10, &message));
    OK(flask_redis_pipeline_watch(pipe, "k"));
    OK(flask_redis_pipeline_multi(pipe));
    OK(flask_redis_pipeline_command(pipe, "SET k v"));
    pid_t child = fork();
    if (child == 0) {
        bool is_good = flask_redis_pipeline_execute(pipe, NULL) == FLASK_REDIS_WATCH &&
                       flask_redis_get_message(pubsub, 10, &message) == FLASK_REDIS_OK &&
                       message.type == FLASK_REDIS_RECONNECTED &&
                       flask_redis_set(redis, "child", "x", NULL) == FLASK_REDIS_OK;
        flask_redis_pubsub_free(pubsub);
        flask_redis_pipeline_free(pipe);
        _exit(!is_good);
    }
    EXPECT_NUMBER(waitpid(child, &status, 0), child);
    EXPECT_NUMBER(status, 0);
    OK(flask_redis_pipeline_execute(pipe, NULL));
    OK(flask_redis_publish(redis, "a", "x", NULL));
    OK(flask_redis_get_message(pubsub, 10, &message));
    EXPECT_NUMBER(message.type, FLASK_REDIS_MESSAGE);
    flask_redis_pubsub_free(pubsub);
    flask_redis_pipeline_free(pipe);
}

static void *begin_and_leave(void *redis)
{
    flask_redis_multi(redis);
    flask_redis_set(redis, "k", "never", NULL);
    return NULL;
}

static void a_thread_that_ends_in_a_transaction(void)
{
    FlaskRedis *redis = fixture_open_with(&(FlaskRedisOptions){.max_connections = 1})->redis;
    FlaskRedisBytes value;
    pthread_t thread;
    EXPECT_NUMBER(pthread_create(&thread, NULL, begin_and_leave, redis), 0);
    pthread_join(thread, NULL);
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_NIL);
}

static const struct test_case cases[] = {
    {"an answer that is lost leaves the command maybe executed, and unrepeated",
     an_answer_that_is_lost},
    {"a cut or broken reply ends its connection only", a_reply_that_is_cut},
    {"an idle connection that was closed costs no command", an_idle_connection_that_was_closed},
    {"an answer that does not come is TIMEOUT, and never somebody else's",
     an_answer_that_does_not_come},
    {"retry_on_timeout sends once more", retry_on_timeout},
    {"a connection lost while watching is WATCH", watching_when_the_connection_goes},
    {"an EXEC that may have run is not WATCH", an_exec_that_may_have_run},
    {"health checks try a connection before it is used", health_checks},
    {"a daemon that restarts is waited for", a_daemon_that_restarts},
    {"with all connections in use a thread waits, then POOL_EXHAUSTED", no_connection_free},
    {"threads share a handle and get their own replies", threads_share_a_handle},
    {"children share their parent's handle and get their own replies",
     children_share_their_parents},
    {"a child does not inherit watches and subscriptions", a_child_while_watching},
    {"a thread that ends in a transaction leaves nothing", a_thread_that_ends_in_a_transaction},
};

SUITE_MAIN("faults", cases)
