/* What the provider "mock" has beyond the others: whose engine it is, what tests order of it, and
 * what waits, threads and children mean without a server. */
#include "tests/client/fixture.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <flaskredis/mock.h>

enum {
    HOUR_MS = 3600000,
    THREADS = 16,
    EACH = 500
};

static FlaskRedis *handle(const char *url, const FlaskRedisOptions *options)
{
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", url));
    return fixture_keep(
        flask_redis_from_custom_provider(flask_redis_mock_provider(), app, options));
}

static void free_mock(void *mock)
{
    flask_redis_mock_free(mock);
}

static FlaskRedisMock *control(FlaskRedis *redis)
{
    FlaskRedisMock *mock = flask_redis_mock_of(redis);
    if (mock == NULL) {
        FAIL("%s", last_text());
    }
    case_defer(free_mock, mock);
    return mock;
}

static void expect_value(FlaskRedis *redis, const char *key, const char *expected)
{
    FlaskRedisBytes value;
    if (expected == NULL) {
        STATUS(flask_redis_get(redis, key, &value), FLASK_REDIS_NIL);
        return;
    }
    OK(flask_redis_get(redis, key, &value));
    expect_text(__FILE__, __LINE__, key, &value, expected, strlen(expected));
}

/* --- whose it is ------------------------------------------------------------------------------ */

static void a_name_is_shared(void)
{
    FlaskRedis *one = handle("mock://shop", NULL), *two = handle("mock://shop/3", NULL);
    FlaskRedis *three = handle("mock://shop?db=3&client_name=three", NULL);
    FlaskRedis *other = handle("mock://other", NULL);
    OK(flask_redis_set(one, "k", "of one", NULL));
    OK(flask_redis_set(two, "k", "of two", NULL));
    expect_value(three, "k", "of two");
    expect_value(one, "k", "of one");
    expect_value(other, "k", NULL);
    redisReply *name = flask_redis_command(three, "CLIENT GETNAME");
    EXPECT(name != NULL && strcmp(name->str, "three") == 0);
    flask_redis_reply_free(name);
}

static void without_a_name_it_is_private(void)
{
    static const char *const urls[] = {NULL,
                                       "mock://",
                                       "mock://",
                                       "redis://user:pw@db1:7000/0",
                                       "redis://user:pw@db1:7000/0",
                                       "unix:///run/redis.sock"};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        FlaskRedis *redis = handle(urls[i], &(FlaskRedisOptions){.password = "unused"});
        expect_value(redis, "k", NULL);
        OK(flask_redis_set(redis, "k", "v", NULL));
    }
}

static void of_other_urls_the_database_counts(void)
{
    FlaskRedis *redis = handle("redis://db1/5", NULL);
    redisReply *reply = flask_redis_command(redis, "CLIENT INFO");
    EXPECT_HAS(reply->str, " db=5 ");
    flask_redis_reply_free(reply);
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", "redis://db1/x"));
    EXPECT(flask_redis_from_custom_provider(flask_redis_mock_provider(), app, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    FlaskRedis *beyond = handle("mock:///99", NULL);
    STATUS(flask_redis_set(beyond, "k", "v", NULL), FLASK_REDIS_RESPONSE);
    EXPECT_HAS(last_text(), "DB index is out of range");
}

static void the_default_provider_leaves_it_to_the_mock(void)
{
    FlaskApp *app = fixture_app();
    setenv("FLASKREDIS_RUNTIME_DIR", case_dir(), 1);
    OK(flask_app_config_set(app, "CACHE_URL", "mock://cache"));
    FlaskRedis *cache =
        fixture_keep(flask_redis_new(app, &(FlaskRedisOptions){.config_prefix = "CACHE"}));
    OK(flask_redis_set(cache, "k", "v", NULL));
    expect_value(handle("mock://cache", NULL), "k", "v");
}

static void init_app_again_points_elsewhere(void)
{
    FlaskApp *app = fixture_app();
    FlaskRedis *redis = fixture_keep(flask_redis_new(NULL, NULL));
    OK(flask_app_config_set(app, "REDIS_URL", "mock://a"));
    OK(flask_redis_init_app(redis, app, NULL));
    OK(flask_redis_set(redis, "k", "a", NULL));
    FlaskRedis *keeper = handle("mock://a", NULL);
    OK(flask_app_config_set(app, "REDIS_URL", "mock://b"));
    OK(flask_redis_init_app(redis, app, NULL));
    expect_value(redis, "k", NULL);
    expect_value(keeper, "k", "a");
    OK(flask_app_config_set(app, "REDIS_URL", NULL));
    setenv("FLASKREDIS_RUNTIME_DIR", case_dir(), 1);
    OK(flask_redis_init_app(redis, app, NULL));
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_UNAVAILABLE);
    EXPECT(flask_redis_mock_of(redis) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    EXPECT_HAS(last_text(), "daemon");
}

static void it_lives_as_long_as_somebody_refers_to_it(void)
{
    FlaskRedisMock *mock = flask_redis_mock_named("kept");
    EXPECT(mock != NULL);
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", "mock://kept"));
    for (int i = 0; i < 2; i++) {
        FlaskRedis *redis = flask_redis_new(app, NULL);
        int64_t number;
        OK(flask_redis_incr(redis, "n", &number));
        EXPECT_NUMBER(number, i + 1);
        flask_redis_free(redis);
    }
    flask_redis_mock_free(mock);
    expect_value(handle("mock://kept", NULL), "n", NULL);
    EXPECT(flask_redis_mock_named("") == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_ASSERTION);
    STATUS(flask_redis_mock_reset(NULL), FLASK_REDIS_ASSERTION);
    flask_redis_mock_free(NULL);
}

/* --- orders ----------------------------------------------------------------------------------- */

static void the_clock(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    int64_t left;
    OK(flask_redis_mock_clock_stop(mock));
    OK(flask_redis_set(redis, "k", "v", &(FlaskRedisSet){.px = HOUR_MS}));
    OK(flask_redis_mock_clock_move(mock, HOUR_MS - 1));
    OK(flask_redis_pttl(redis, "k", &left));
    EXPECT_NUMBER(left, 1);
    OK(flask_redis_mock_clock_move(mock, 1));
    expect_value(redis, "k", NULL);
    OK(flask_redis_mock_clock_set(mock, 1000));
    redisReply *reply = flask_redis_command(redis, "TIME");
    EXPECT(reply != NULL && strcmp(reply->element[0]->str, "1") == 0);
    flask_redis_reply_free(reply);
    OK(flask_redis_mock_clock_run(mock));
    OK(flask_redis_mock_clock_move(mock, INT64_MAX)); /* bounded, not overflown */
    OK(flask_redis_mock_clock_move(mock, INT64_MIN));
    OK(flask_redis_mock_clock_run(mock));
}

static void failures(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    OK(flask_redis_mock_fail(mock, 2, "READONLY You can't write against a read only replica."));
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_READ_ONLY);
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_READ_ONLY);
    EXPECT(strcmp(flask_redis_last_error()->code, "READONLY") == 0);
    OK(flask_redis_set(redis, "k", "v", NULL));
    OK(flask_redis_mock_drop(mock, 1));
    STATUS(flask_redis_set(redis, "k", "other", NULL), FLASK_REDIS_CONNECTION);
    EXPECT(flask_redis_last_error()->maybe_executed);
    expect_value(redis, "k", "v");
}

static void a_delay_beyond_the_timeout(void)
{
    FlaskRedis *redis = handle("mock://", &(FlaskRedisOptions){.socket_timeout = 0.05});
    FlaskRedisMock *mock = control(redis);
    OK(flask_redis_mock_delay(mock, 1, HOUR_MS));
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_TIMEOUT);
    EXPECT(flask_redis_last_error()->maybe_executed);
    expect_value(redis, "k", "v");
    OK(flask_redis_mock_delay(mock, 1, 1));
    OK(flask_redis_set(redis, "k", "w", NULL));
}

static void snapshots(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    STATUS(flask_redis_mock_restore(mock, "clean"), FLASK_REDIS_KEY_ERROR);
    EXPECT_HAS(last_text(), "clean");
    OK(flask_redis_set(redis, "k", "v", NULL));
    OK(flask_redis_mock_snapshot(mock, "clean"));
    for (int i = 0; i < 2; i++) {
        OK(flask_redis_append(redis, "k", "more", NULL));
        OK(flask_redis_set(redis, "other", "v", NULL));
        OK(flask_redis_mock_restore(mock, "clean"));
        expect_value(redis, "k", "v");
        expect_value(redis, "other", NULL);
    }
    OK(flask_redis_mock_reset(mock));
    expect_value(redis, "k", NULL);
    STATUS(flask_redis_mock_restore(mock, "clean"), FLASK_REDIS_KEY_ERROR);
}

static void chance_repeats(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    char first[64], again[64];
    for (char *to = first; to != NULL; to = to == first ? again : NULL) {
        fixture_do(redis, "DEL s");
        fixture_do(redis, "SADD s a b c d e f g h");
        OK(flask_redis_mock_seed(mock, 4711));
        redisReply *reply = flask_redis_command(redis, "SRANDMEMBER s -20");
        EXPECT(reply != NULL && reply->elements == 20);
        for (size_t i = 0; i < reply->elements; i++) {
            to[i] = reply->element[i]->str[0];
        }
        to[20] = '\0';
        flask_redis_reply_free(reply);
    }
    EXPECT(strcmp(first, again) == 0);
}

/* --- waiting ---------------------------------------------------------------------------------- */

struct waiter {
    FlaskRedis *redis;
    const char *command;
    FlaskRedisStatus status;
    char got[64];
};

static void *wait_for_it(void *context)
{
    struct waiter *waiter = context;
    redisReply *reply = flask_redis_command(waiter->redis, waiter->command);
    waiter->status = flask_redis_last_error()->status;
    if (reply != NULL) {
        const redisReply *last = reply;
        waiter->status = FLASK_REDIS_OK;
        while (last->type == REDIS_REPLY_ARRAY && last->elements > 0) {
            last = last->element[last->elements - 1];
        }
        snprintf(waiter->got, sizeof(waiter->got), "%s",
                 last->type == REDIS_REPLY_NIL ? "(nil)" : last->str);
    }
    flask_redis_reply_free(reply);
    return NULL;
}

static bool somebody_is_blocked(void *redis)
{
    redisReply *reply = flask_redis_command(redis, "INFO clients");
    bool is_blocked = reply != NULL && strstr(reply->str, "blocked_clients:1") != NULL;
    flask_redis_reply_free(reply);
    return is_blocked;
}

/* Let another thread wait, and see that it does. */
static void start_waiting(struct waiter *waiter, pthread_t *thread, FlaskRedis *redis,
                          const char *command)
{
    *waiter = (struct waiter){.redis = redis, .command = command};
    EXPECT_NUMBER(pthread_create(thread, NULL, wait_for_it, waiter), 0);
    EXPECT(wait_until(somebody_is_blocked, redis, patience_ms()));
}

static void expect_got(struct waiter *waiter, pthread_t thread, const char *expected)
{
    pthread_join(thread, NULL);
    EXPECT_NUMBER(waiter->status, FLASK_REDIS_OK);
    expect_bytes(__FILE__, __LINE__, waiter->command, waiter->got, strlen(waiter->got), expected,
                 strlen(expected));
}

static void a_push_wakes_another_thread(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    struct waiter waiter;
    pthread_t thread;
    start_waiting(&waiter, &thread, redis, "BLPOP l 0");
    OK(flask_redis_rpush(redis, "l", "pushed", NULL));
    expect_got(&waiter, thread, "pushed");
    start_waiting(&waiter, &thread, redis, "XREAD BLOCK 0 STREAMS s $");
    fixture_do(redis, "XADD s * f added");
    expect_got(&waiter, thread, "added");
    start_waiting(&waiter, &thread, redis, "BLMOVE l to LEFT RIGHT 0");
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    OK(flask_redis_pipeline_command(pipe, "RPUSH l in-a-transaction"));
    OK(flask_redis_pipeline_execute(pipe, NULL));
    flask_redis_pipeline_free(pipe);
    expect_got(&waiter, thread, "in-a-transaction");
}

static void waits_follow_the_engines_clock(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    struct waiter waiter;
    pthread_t thread;
    OK(flask_redis_mock_clock_stop(mock));
    start_waiting(&waiter, &thread, redis, "BLPOP l 0.01");
    OK(flask_redis_mock_clock_run(mock)); /* the waiting thread looks at the clock anew */
    expect_got(&waiter, thread, "(nil)");
    OK(flask_redis_mock_clock_stop(mock));
    start_waiting(&waiter, &thread, redis, "BLPOP l 3600");
    OK(flask_redis_mock_clock_move(mock, HOUR_MS - 1));
    EXPECT(somebody_is_blocked(redis));
    OK(flask_redis_mock_clock_move(mock, 1));
    expect_got(&waiter, thread, "(nil)");
}

static void a_dropped_client_stops_waiting(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    struct waiter waiter;
    pthread_t thread;
    start_waiting(&waiter, &thread, redis, "BLPOP l 0");
    fixture_do(redis, "CLIENT KILL TYPE normal");
    pthread_join(thread, NULL);
    EXPECT_NUMBER(waiter.status, FLASK_REDIS_CONNECTION);
}

/* --- messages --------------------------------------------------------------------------------- */

static void a_poll_loop_sees_what_was_held_back(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    FlaskRedisMock *mock = control(redis);
    FlaskRedisPubSub *news = flask_redis_pubsub(redis);
    FlaskRedisMessage message;
    OK(flask_redis_subscribe(news, "a", NULL, NULL));
    OK(flask_redis_get_message(news, 1, &message));
    OK(flask_redis_mock_delay(mock, 1, 20));
    OK(flask_redis_pubsub_ping(news));
    STATUS(flask_redis_get_message(news, 0, &message), FLASK_REDIS_NIL);
    struct pollfd ready = {flask_redis_pubsub_fileno(news), POLLIN, 0};
    FlaskRedisStatus status = FLASK_REDIS_NIL;
    while (status == FLASK_REDIS_NIL) {
        EXPECT_NUMBER(poll(&ready, 1, (int)patience_ms()), 1);
        status = flask_redis_get_message(news, 0, &message);
    }
    EXPECT_NUMBER(status, FLASK_REDIS_OK);
    EXPECT_NUMBER(message.type, FLASK_REDIS_PONG);
    STATUS(flask_redis_get_message(news, 0, &message), FLASK_REDIS_NIL);
    EXPECT_NUMBER(poll(&ready, 1, 0), 0);
    flask_redis_pubsub_free(news);
}

struct reader {
    FlaskRedisPubSub *news;
    atomic_int count;
};

static void count_one(FlaskRedisPubSub *pubsub, const FlaskRedisMessage *message, void *user_data)
{
    struct reader *reader = user_data;
    atomic_fetch_add(&reader->count, 1);
    if (message->data.len == 4 && memcmp(message->data.data, "stop", 4) == 0) {
        flask_redis_unsubscribe(pubsub, FLASK_REDIS_NONE);
    }
}

static void *read_news(void *context)
{
    struct reader *reader = context;
    flask_redis_listen(reader->news, NULL, NULL);
    return NULL;
}

static void a_thread_listens_while_others_publish(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    struct reader reader = {.news = flask_redis_pubsub(redis)};
    pthread_t thread;
    int64_t receivers;
    OK(flask_redis_subscribe(reader.news, "a", count_one, &reader));
    EXPECT_NUMBER(pthread_create(&thread, NULL, read_news, &reader), 0);
    for (int i = 0; i < EACH; i++) {
        OK(flask_redis_publish(redis, "a", i + 1 < EACH ? "go" : "stop", &receivers));
        EXPECT_NUMBER(receivers, 1);
    }
    pthread_join(thread, NULL);
    EXPECT_NUMBER(atomic_load(&reader.count), EACH);
    flask_redis_pubsub_free(reader.news);
}

/* --- threads and children --------------------------------------------------------------------- */

static void *count_up(void *context)
{
    FlaskRedis *redis = context;
    for (int i = 0; i < EACH; i++) {
        if (i % 4 == 0) {
            FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
            flask_redis_pipeline_command(pipe, "INCR n");
            flask_redis_pipeline_execute(pipe, NULL);
            flask_redis_pipeline_free(pipe);
        } else {
            flask_redis_incr(redis, "n", NULL);
        }
    }
    return NULL;
}

static void count_in_threads(FlaskRedis *redis)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, count_up, redis) != 0) {
            abort();
        }
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void threads_share_a_handle(void)
{
    FlaskRedis *redis = handle("mock://", &(FlaskRedisOptions){.max_connections = 4});
    char expected[16];
    count_in_threads(redis);
    snprintf(expected, sizeof(expected), "%d", THREADS * EACH);
    expect_value(redis, "n", expected);
}

/* Run in a child, whose status says how it went. */
static void in_child(bool (*run)(void *), void *context)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        _exit(run(context) ? 0 : 1);
    }
    EXPECT_NUMBER(waitpid(child, &status, 0), child);
    EXPECT_NUMBER(status, 0);
}

static bool value_is(FlaskRedis *redis, const char *key, const char *expected)
{
    FlaskRedisBytes value = {0};
    bool is_same =
        flask_redis_get(redis, key, &value) == FLASK_REDIS_OK && strcmp(value.data, expected) == 0;
    flask_redis_bytes_free(&value);
    return is_same;
}

static bool child_works_on_its_copy(void *redis)
{
    char expected[16];
    snprintf(expected, sizeof(expected), "%d", THREADS * EACH);
    bool is_good = value_is(redis, "k", "of the parent") &&
                   flask_redis_set(redis, "k", "of the child", NULL) == FLASK_REDIS_OK;
    count_in_threads(redis);
    return is_good && value_is(redis, "n", expected);
}

static void a_child_has_a_copy(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    OK(flask_redis_set(redis, "k", "of the parent", NULL));
    in_child(child_works_on_its_copy, redis);
    expect_value(redis, "k", "of the parent");
    expect_value(redis, "n", NULL);
}

/* The thread that waits is not in the child, so nothing may be given to it there. */
static bool child_keeps_what_it_pushes(void *redis)
{
    int64_t len = 0;
    return flask_redis_rpush(redis, "l", "x", NULL) == FLASK_REDIS_OK &&
           flask_redis_llen(redis, "l", &len) == FLASK_REDIS_OK && len == 1;
}

static void who_waits_in_the_parent_is_not_in_the_child(void)
{
    FlaskRedis *redis = handle("mock://", NULL);
    struct waiter waiter;
    pthread_t thread;
    start_waiting(&waiter, &thread, redis, "BLPOP l 0");
    in_child(child_keeps_what_it_pushes, redis);
    EXPECT(somebody_is_blocked(redis));
    OK(flask_redis_rpush(redis, "l", "y", NULL));
    expect_got(&waiter, thread, "y");
}

struct child_subscriber {
    FlaskRedis *redis;
    FlaskRedisPubSub *news;
};

static bool child_subscribes_again(void *context)
{
    struct child_subscriber *child = context;
    FlaskRedisMessage message;
    int64_t receivers = 0;
    bool is_good = flask_redis_get_message(child->news, 1, &message) == FLASK_REDIS_OK &&
                   message.type == FLASK_REDIS_RECONNECTED;
    is_good = is_good &&
              flask_redis_publish(child->redis, "a", "x", &receivers) == FLASK_REDIS_OK &&
              receivers == 1;
    is_good = is_good && flask_redis_get_message(child->news, 1, &message) == FLASK_REDIS_OK &&
              message.type == FLASK_REDIS_MESSAGE;
    flask_redis_pubsub_free(child->news);
    flask_redis_free(child->redis);
    return is_good;
}

static void a_subscriber_of_the_parent_in_the_child(void)
{
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", "mock://"));
    struct child_subscriber both = {.redis = flask_redis_new(app, NULL)};
    FlaskRedisMessage message;
    both.news = flask_redis_pubsub(both.redis);
    OK(flask_redis_subscribe(both.news, "a", NULL, NULL));
    OK(flask_redis_get_message(both.news, 1, &message));
    EXPECT(flask_redis_pubsub_fileno(both.news) >= 0);
    in_child(child_subscribes_again, &both);
    OK(flask_redis_publish(both.redis, "a", "y", NULL));
    OK(flask_redis_get_message(both.news, 1, &message));
    expect_bytes(__FILE__, __LINE__, "data", message.data.data, message.data.len, "y", 1);
    flask_redis_pubsub_free(both.news);
    flask_redis_free(both.redis);
}

static const struct test_case cases[] = {
    {"engines of a name are one, of other names others", a_name_is_shared},
    {"without a name an engine is the handle's alone", without_a_name_it_is_private},
    {"of other URLs the database counts", of_other_urls_the_database_counts},
    {"the default provider leaves mock:// to it", the_default_provider_leaves_it_to_the_mock},
    {"init_app again points to another engine, or to the daemon", init_app_again_points_elsewhere},
    {"a named engine lives as long as somebody refers to it",
     it_lives_as_long_as_somebody_refers_to_it},
    {"the clock is stopped, set, moved, run", the_clock},
    {"commands fail and connections drop as ordered", failures},
    {"a delay beyond socket_timeout is TIMEOUT", a_delay_beyond_the_timeout},
    {"snapshots come back any number of times", snapshots},
    {"chance repeats with its seed", chance_repeats},
    {"a push wakes another thread", a_push_wakes_another_thread},
    {"waits follow the engine's clock", waits_follow_the_engines_clock},
    {"a client that was killed stops waiting", a_dropped_client_stops_waiting},
    {"a poll loop sees what was held back", a_poll_loop_sees_what_was_held_back},
    {"a thread listens while another publishes", a_thread_listens_while_others_publish},
    {"threads share a handle", threads_share_a_handle},
    {"a child has a copy of its own", a_child_has_a_copy},
    {"who waits in the parent is not in the child", who_waits_in_the_parent_is_not_in_the_child},
    {"a subscriber of the parent subscribes again in the child",
     a_subscriber_of_the_parent_in_the_child},
};

SUITE_MAIN("mock provider", cases)
