/* Every allocation of the library fails once: nothing crashes or leaks, the status says what
 * happened, and the next call works. The linker puts these functions in the place of the C
 * library's for what is linked statically: the library, and this. */
#include "tests/client/fixture.h"

#include <flaskredis/mock.h>

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t len);

/* Allocations until the one that fails; negative: none does. */
static _Thread_local long countdown = -1;
static _Thread_local bool has_failed;

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0) {
        return false;
    }
    has_failed = true;
    return true;
}

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len)
{
    return fails() ? NULL : __real_strndup(text, len);
}

/* --- scripts ---------------------------------------------------------------------------------- */

static const FlaskRedisProvider *provider;
static char *conf_path;
static FlaskApp *app;
static FlaskRedis *shared;

static FlaskRedisStatus last(void)
{
    return flask_redis_last_error()->status;
}

/* The status of a call that returns an object, which is freed. */
#define OBJECT(object, release)                                                                    \
    do {                                                                                           \
        redisReply *made = (object);                                                               \
        if (made == NULL) {                                                                        \
            return last();                                                                         \
        }                                                                                          \
        release(made);                                                                             \
    } while (0)

static FlaskRedisStatus life(void)
{
    FlaskApp *other = flask_app_new();
    FlaskRedisStatus status;
    if (other == NULL) {
        return last();
    }
    status = flask_app_config_set(other, "CACHE_URL", flask_app_config_get(app, "REDIS_URL"));
    if (status == FLASK_REDIS_OK) {
        status = flask_app_config_from_file(other, conf_path);
    }
    FlaskRedisOptions options = {.config_prefix = "CACHE", .client_name = "me"};
    FlaskRedis *redis = status == FLASK_REDIS_OK
                            ? flask_redis_from_custom_provider(provider, other, &options)
                            : NULL;
    status = status != FLASK_REDIS_OK ? status : redis == NULL ? last() : FLASK_REDIS_OK;
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_set(redis, "k", "v", NULL);
    }
    flask_redis_free(redis);
    flask_app_free(other);
    return status;
}

static FlaskRedisStatus typed(void)
{
    FlaskRedisBytes value = {0};
    FlaskRedisArray array = {0};
    FlaskRedisPairs pairs = {0};
    FlaskRedisScores scores = {0};
    FlaskRedisStatus status = flask_redis_get(shared, "s", &value);
    flask_redis_bytes_free(&value);
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_hgetall(shared, "h", &pairs);
        flask_redis_pairs_free(&pairs);
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_zrange_withscores(shared, "z", 0, -1, &scores);
        flask_redis_scores_free(&scores);
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_mget(shared, FLASK_REDIS_LIST("s", "none"), &array);
        flask_redis_array_free(&array);
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_blpop(shared, "l", 1, NULL, NULL);
    }
    return status == FLASK_REDIS_NIL ? FLASK_REDIS_OK : status;
}

static FlaskRedisStatus free_form(void)
{
    const char *words[] = {"GET", "s"};
    OBJECT(flask_redis_command_argv(shared, 2, words, NULL), flask_redis_reply_free);
    OBJECT(flask_redis_call(shared, "LRANGE", "l", "0", "-1", NULL), flask_redis_reply_free);
    OBJECT(flask_redis_command(shared, "HGETALL %s", "h"), flask_redis_reply_free);
    OBJECT(flask_redis_eval(shared, "return {1,'a',{2}}", FLASK_REDIS_NONE, FLASK_REDIS_NONE),
           flask_redis_reply_free);
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus scan(void)
{
    FlaskRedisScan *scan = flask_redis_hscan(
        shared, "h", &(FlaskRedisScanOptions){.match = FLASK_REDIS_BYTES("*"), .count = 2});
    FlaskRedisBytes name;
    FlaskRedisStatus status;
    if (scan == NULL) {
        return last();
    }
    while ((status = flask_redis_scan_next(scan, &name, NULL)) == FLASK_REDIS_OK) {
    }
    flask_redis_scan_free(scan);
    return status == FLASK_REDIS_NIL ? FLASK_REDIS_OK : status;
}

static FlaskRedisStatus pipeline(void)
{
    FlaskRedisPipeline *pipe = flask_redis_pipeline(shared, true);
    redisReply *replies = NULL;
    if (pipe == NULL) {
        return last();
    }
    FlaskRedisStatus status = flask_redis_pipeline_watch(pipe, "s");
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_pipeline_multi(pipe);
    }
    for (int i = 0; i < 20 && status == FLASK_REDIS_OK; i++) {
        status = flask_redis_pipeline_call(pipe, "GET", "s", NULL);
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_pipeline_execute(pipe, &replies);
    }
    flask_redis_reply_free(replies);
    flask_redis_pipeline_free(pipe);
    return status;
}

static FlaskRedisStatus direct_transaction(void)
{
    redisReply *replies = NULL;
    FlaskRedisStatus status = flask_redis_watch(shared, "s");
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_multi(shared);
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_get(shared, "s", NULL);
        status = status == FLASK_REDIS_QUEUED ? FLASK_REDIS_OK : status;
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_exec(shared, &replies);
    } else {
        flask_redis_unwatch(shared);
        flask_redis_discard(shared);
    }
    flask_redis_reply_free(replies);
    return status;
}

static FlaskRedisStatus subscriber(void)
{
    FlaskRedisPubSub *pubsub = flask_redis_pubsub(shared);
    FlaskRedisMessage message;
    if (pubsub == NULL) {
        return last();
    }
    FlaskRedisStatus status = flask_redis_subscribe(pubsub, FLASK_REDIS_LIST("a", "b"), NULL, NULL);
    for (int i = 0; i < 2 && status == FLASK_REDIS_OK; i++) {
        status = flask_redis_get_message(pubsub, 10, &message);
    }
    flask_redis_pubsub_free(pubsub);
    return status;
}

static FlaskRedisStatus orders(void)
{
    FlaskRedisMock *mock = flask_redis_mock_of(shared), *named = flask_redis_mock_named("other");
    FlaskRedisStatus status = mock == NULL || named == NULL ? last() : FLASK_REDIS_OK;
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_mock_snapshot(mock, "a");
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_mock_restore(mock, "a");
    }
    if (status == FLASK_REDIS_OK) {
        status = flask_redis_mock_fail(named, 1, "ERR x");
    }
    flask_redis_mock_free(mock);
    flask_redis_mock_free(named);
    return status;
}

/* --- running them ----------------------------------------------------------------------------- */

/* An engine that found no memory has lost its data. */
static void fill(void)
{
    fixture_do(shared, "FLUSHALL");
    fixture_do(shared, "SET s value");
    for (int i = 0; i < 10; i++) {
        fixture_do(shared, "HSET h f%d v%d", i, i);
        fixture_do(shared, "ZADD z %d m%d", i, i);
        fixture_do(shared, "RPUSH l %d", i);
    }
}

static bool is_through_daemon; /* on a URL that the daemon is asked for a pool on */

static const char *own_url(void)
{
    struct server *server = server_start(NULL);
    if (!is_through_daemon) {
        return server_url(server);
    }
    daemon_start(server_url(server),
                 "[flaskredisd]\nclient_urls = any\n[UNUSED]\nurl = redis://h:1\n");
    return server_tcp_url(server);
}

static void prepare(void)
{
    bool is_mock = provider == flask_redis_mock_provider();
    app = fixture_app();
    conf_path = case_path("conf");
    file_write(conf_path, "A=1\nB=2\n");
    OK(flask_app_config_set(app, "REDIS_URL", is_mock ? "mock://shared" : own_url()));
    shared = fixture_keep(flask_redis_from_custom_provider(provider, app, NULL));
    fill();
}

/* Fail the first allocation, then the second, until all of it runs without one failing. */
static void each_allocation(FlaskRedisStatus (*script)(void))
{
    prepare();
    OK(script());
    for (long i = 0;; i++) {
        has_failed = false;
        countdown = i;
        FlaskRedisStatus status = script();
        countdown = -1;
        if (!has_failed) {
            OK(status);
            EXPECT(i > 0);
            return;
        }
        if (status != FLASK_REDIS_OK && status != FLASK_REDIS_NO_MEMORY) {
            FAIL("allocation %ld: got %s (%s)", i, flask_redis_status_name(status), last_text());
        }
        fill();
        OK(script());
    }
}

#define CASE(script)                                                                               \
    static void script##_without_memory(void)                                                      \
    {                                                                                              \
        provider = flask_redis_daemon_provider();                                                  \
        each_allocation(script);                                                                   \
    }                                                                                              \
    static void mock_##script##_without_memory(void)                                               \
    {                                                                                              \
        provider = flask_redis_mock_provider();                                                    \
        each_allocation(script);                                                                   \
    }
static void life_through_the_daemon_without_memory(void)
{
    NEEDS_DAEMON;
    provider = flask_redis_daemon_provider();
    is_through_daemon = true;
    each_allocation(life);
    is_through_daemon = false;
}
CASE(life)
CASE(typed)
CASE(free_form)
CASE(scan)
CASE(pipeline)
CASE(direct_transaction)
CASE(subscriber)

static void orders_without_memory(void)
{
    provider = flask_redis_mock_provider();
    each_allocation(orders);
}

static const struct test_case cases[] = {
    {"applications, options and handles survive every failed allocation", life_without_memory},
    {"so they do with a URL that goes through the daemon", life_through_the_daemon_without_memory},
    {"typed commands do", typed_without_memory},
    {"free-form commands do", free_form_without_memory},
    {"scans do", scan_without_memory},
    {"pipelines do", pipeline_without_memory},
    {"transactions on a handle do", direct_transaction_without_memory},
    {"subscribers do", subscriber_without_memory},
    {"mock: applications, options and handles survive every failed allocation",
     mock_life_without_memory},
    {"mock: typed commands do", mock_typed_without_memory},
    {"mock: free-form commands do", mock_free_form_without_memory},
    {"mock: scans do", mock_scan_without_memory},
    {"mock: pipelines do", mock_pipeline_without_memory},
    {"mock: transactions on a handle do", mock_direct_transaction_without_memory},
    {"mock: subscribers do", mock_subscriber_without_memory},
    {"mock: orders do", orders_without_memory},
};

SUITE_MAIN("no_memory", cases)
