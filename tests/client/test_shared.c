/* When the library goes over to shared memory, what it does where there is none, and what becomes
 * of it around fork() and with the daemon's end. */
#include "tests/client/fixture.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    LARGE = 1000 * 1000,
    CHILDREN = 4,
    COMMANDS = 200
};

static const FlaskRedisOptions shared = {.transport = FLASK_REDIS_TRANSPORT_SHARED};
static const FlaskRedisOptions by_socket = {.transport = FLASK_REDIS_TRANSPORT_SOCKET};

static FlaskRedisTransportCounts counts(void)
{
    FlaskRedisTransportCounts now;
    flask_redis_transport_counts(&now);
    return now;
}

static void ask(FlaskRedis *redis, int times)
{
    for (int i = 0; i < times; i++) {
        OK(flask_redis_set(redis, "k", "v", NULL));
    }
}

static void auto_takes_a_hundred_commands(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    uint64_t before = counts().shared;
    ask(redis, 99);
    EXPECT_NUMBER(counts().shared, before);
    ask(redis, 1);
    EXPECT_NUMBER(counts().shared, before + 1);
    ask(redis, 200);
    EXPECT_NUMBER(counts().shared, before + 1);
}

static void forget_variable(void *unused)
{
    (void)unused;
    unsetenv("FLASKREDIS_TRANSPORT");
}

static void set_variable(const char *value)
{
    setenv("FLASKREDIS_TRANSPORT", value, 1);
    case_defer(forget_variable, NULL);
}

static void options_and_environment_decide(void)
{
    struct fixture *fixture = fixture_open_with(&by_socket);
    uint64_t before = counts().shared;
    ask(fixture->redis, 300);
    EXPECT_NUMBER(counts().shared, before);
    ask(fixture_handle(fixture, &shared), 1);
    EXPECT_NUMBER(counts().shared, before + 1);
    set_variable("socket");
    ask(fixture_handle(fixture, &shared), 300);
    EXPECT_NUMBER(counts().shared, before + 1);
    set_variable("auto:5");
    ask(fixture_handle(fixture, &by_socket), 5);
    EXPECT_NUMBER(counts().shared, before + 2);
    set_variable("auto:none");
    EXPECT(flask_redis_new(fixture->app, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
    EXPECT_HAS(last_text(), "FLASKREDIS_TRANSPORT");
}

static void a_plain_server_is_asked_once(void)
{
    struct fixture *fixture = fixture_open_with(&by_socket);
    FlaskRedisTransportCounts before = counts();
    OK(flask_app_config_set(fixture->app, "PLAIN_URL", server_url(fixture->server)));
    FlaskRedisOptions options = shared;
    options.config_prefix = "PLAIN";
    options.max_connections = 1;
    FlaskRedis *redis = fixture_keep(flask_redis_new(fixture->app, &options));
    ask(redis, 3);
    EXPECT_NUMBER(counts().refused, before.refused + 1);
    server_ask(fixture->server, "CLIENT KILL TYPE normal SKIPME yes");
    ask(redis, 3);
    EXPECT_NUMBER(counts().refused, before.refused + 1);
    EXPECT_NUMBER(counts().shared, before.shared);
}

static void who_is_refused_stays_on_the_socket(void)
{
    struct fixture *fixture = case_alloc(sizeof(*fixture));
    fixture->server = server_start(NULL);
    fixture->pooler = daemon_start_redis(server_url(fixture->server), "rings = 1\n");
    fixture->app = fixture_app();
    uint64_t refused = counts().refused;
    ask(fixture_handle(fixture, &shared), 3);
    EXPECT_NUMBER(counts().refused, refused);
    ask(fixture_handle(fixture, &shared), 3);
    EXPECT_NUMBER(counts().refused, refused + 1);
}

/* Before anything asks for shared memory in it. */
static void a_transaction_is_not_interrupted(void)
{
    set_variable("auto:3");
    FlaskRedis *redis = fixture_open()->redis;
    uint64_t before = counts().shared;
    OK(flask_redis_watch(redis, "k"));
    OK(flask_redis_multi(redis));
    STATUS(flask_redis_set(redis, "k", "1", NULL), FLASK_REDIS_QUEUED);
    STATUS(flask_redis_set(redis, "l", "2", NULL), FLASK_REDIS_QUEUED);
    redisReply *reply = NULL;
    OK(flask_redis_exec(redis, &reply));
    EXPECT_NUMBER(reply->elements, 2);
    flask_redis_reply_free(reply);
    ask(redis, 3);
    EXPECT_NUMBER(counts().shared, before + 1);
}

static void free_pubsub(void *pubsub)
{
    flask_redis_pubsub_free(pubsub);
}

static FlaskRedisPubSub *subscriber(FlaskRedis *redis)
{
    FlaskRedisPubSub *pubsub = flask_redis_pubsub(redis);
    EXPECT(pubsub != NULL);
    case_defer(free_pubsub, pubsub);
    return pubsub;
}

static void expect_message(FlaskRedisPubSub *pubsub, FlaskRedisMessageType type,
                           const char *channel)
{
    FlaskRedisMessage message;
    OK(flask_redis_get_message(pubsub, (double)patience_ms() / 1000, &message));
    EXPECT_NUMBER(message.type, type);
    EXPECT(strcmp(message.channel.data, channel) == 0);
}

/* What comes next need not be the answer to what was asked last. */
static void a_subscriber_asks_before_all_else_or_never(void)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    size_t count = sizeof(names) / sizeof(names[0]);
    set_variable("auto:3");
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    FlaskRedisTransportCounts before = counts();
    for (size_t i = 0; i < count; i++) {
        OK(flask_redis_subscribe(pubsub, FLASK_REDIS_LIST(names[i]), NULL, NULL));
    }
    for (size_t i = 0; i < count; i++) {
        expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, names[i]);
    }
    OK(flask_redis_publish(redis, "f", "x", NULL));
    expect_message(pubsub, FLASK_REDIS_MESSAGE, "f");
    EXPECT_NUMBER(counts().shared + counts().refused + counts().lost,
                  before.shared + before.refused + before.lost);
}

static bool is_connected_again(void *pubsub)
{
    FlaskRedisMessage message;
    return flask_redis_get_message(pubsub, 0, &message) == FLASK_REDIS_OK &&
           message.type == FLASK_REDIS_RECONNECTED;
}

static void who_only_looks_for_messages_sees_the_end_too(void)
{
    struct fixture *fixture = fixture_open_with(&shared);
    FlaskRedisPubSub *pubsub = subscriber(fixture->redis);
    uint64_t before = counts().shared;
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, "a");
    EXPECT_NUMBER(counts().shared, before + 1);
    daemon_stop(fixture->pooler);
    daemon_restart(fixture->pooler);
    EXPECT(wait_until(is_connected_again, pubsub, patience_ms()));
}

/* Wherever the message is by the time the descriptor is asked for: in the ring, or under way. */
static void no_message_is_missed_in_a_poll_loop(void)
{
    FlaskRedis *redis = fixture_open_with(&shared)->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, "a");
    for (int i = 0; i < COMMANDS; i++) {
        FlaskRedisMessage message;
        OK(flask_redis_publish(redis, "a", "x", NULL));
        struct pollfd ready = {flask_redis_pubsub_fileno(pubsub), POLLIN, 0};
        EXPECT_NUMBER(poll(&ready, 1, (int)patience_ms()), 1);
        expect_message(pubsub, FLASK_REDIS_MESSAGE, "a");
        STATUS(flask_redis_get_message(pubsub, 0, &message), FLASK_REDIS_NIL);
    }
}

static void large_values_pass(void)
{
    FlaskRedis *redis = fixture_open_with(&shared)->redis;
    char *value = case_alloc(LARGE + 1);
    FlaskRedisBytes got;
    memset(value, 'x', LARGE);
    for (int i = 0; i < 3; i++) {
        OK(flask_redis_set(redis, "large", flask_redis_bytes(value, LARGE), NULL));
        OK(flask_redis_get(redis, "large", &got));
        EXPECT_NUMBER(got.len, LARGE);
        EXPECT(memcmp(got.data, value, LARGE) == 0);
        flask_redis_bytes_free(&got);
    }
}

static void a_restarted_daemon_is_attached_to_again(void)
{
    struct fixture *fixture = fixture_open_with(&shared);
    ask(fixture->redis, 3);
    uint64_t before = counts().shared;
    daemon_stop(fixture->pooler);
    daemon_restart(fixture->pooler);
    ask(fixture->redis, 3);
    EXPECT_NUMBER(counts().shared, before + 1);
}

/* What a killed daemon had not taken was not executed, and is sent again. */
static void a_killed_daemon_loses_nothing_that_it_had_not_taken(void)
{
    struct fixture *fixture = fixture_open_with(&shared);
    int64_t value = 0;
    OK(flask_redis_incr(fixture->redis, "n", &value));
    process_kill(&fixture->pooler->process);
    daemon_restart(fixture->pooler);
    OK(flask_redis_incr(fixture->redis, "n", &value));
    EXPECT_NUMBER(value, 2);
}

static _Noreturn void count_in_child(FlaskRedis *redis)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (flask_redis_incr(redis, "children", NULL) != FLASK_REDIS_OK) {
            _exit(1);
        }
    }
    _exit(0);
}

static void children_have_channels_of_their_own(void)
{
    struct fixture *fixture = fixture_open_with(&shared);
    pid_t children[CHILDREN];
    int64_t count = 0;
    int status;
    ask(fixture->redis, 3);
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        EXPECT(children[i] >= 0);
        if (children[i] == 0) {
            count_in_child(fixture->redis);
        }
    }
    for (int i = 0; i < COMMANDS; i++) {
        OK(flask_redis_incr(fixture->redis, "parent", &count));
        EXPECT_NUMBER(count, i + 1);
    }
    for (int i = 0; i < CHILDREN; i++) {
        EXPECT_NUMBER(waitpid(children[i], &status, 0), children[i]);
        EXPECT_NUMBER(status, 0);
    }
    OK(flask_redis_incrby(fixture->redis, "children", 0, &count));
    EXPECT_NUMBER(count, CHILDREN * COMMANDS);
}

/* The child has what its parent had received and not handed out, and no wire. */
static void a_child_takes_messages_of_a_polled_subscriber(void)
{
    struct fixture *fixture = fixture_open_with(&shared);
    FlaskRedisPubSub *pubsub = subscriber(fixture->redis);
    FlaskRedisMessage message;
    int status;
    OK(flask_redis_subscribe(pubsub, FLASK_REDIS_LIST("a", "b", "c"), NULL, NULL));
    EXPECT(flask_redis_pubsub_fileno(pubsub) >= 0);
    expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, "a"); /* which have come together */
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 3; i++) {
            flask_redis_get_message(pubsub, 0, &message);
        }
        _exit(0);
    }
    EXPECT_NUMBER(waitpid(child, &status, 0), child);
    EXPECT_NUMBER(status, 0);
    expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, "b");
    expect_message(pubsub, FLASK_REDIS_SUBSCRIBE, "c");
}

static void a_late_answer_is_a_timeout(void)
{
    FlaskRedisOptions options = shared;
    options.socket_timeout = 0.05;
    struct fixture *fixture = fixture_open_with(&options);
    ask(fixture->redis, 1);
    server_freeze(fixture->server);
    STATUS(flask_redis_set(fixture->redis, "k", "late", NULL), FLASK_REDIS_TIMEOUT);
    EXPECT(flask_redis_last_error()->maybe_executed);
    server_thaw(fixture->server);
    ask(fixture->redis, 1);
}

/* It was not sent, and is not tried again for as long once more. */
static void a_daemon_that_does_not_answer_is_waited_for_once(void)
{
    FlaskRedisOptions options = {.socket_timeout = 0.05};
    set_variable("auto:2");
    struct fixture *fixture = fixture_open_with(&options);
    uint64_t lost = counts().lost;
    ask(fixture->redis, 1);
    process_freeze(&fixture->pooler->process);
    STATUS(flask_redis_incr(fixture->redis, "n", NULL), FLASK_REDIS_TIMEOUT);
    process_thaw(&fixture->pooler->process);
    EXPECT(!flask_redis_last_error()->maybe_executed);
    EXPECT_HAS(last_text(), "shared memory");
    EXPECT_NUMBER(counts().lost, lost + 1);
    EXPECT_NUMBER(server_calls(fixture->server, "incr"), 0);
    ask(fixture->redis, 3);
}

static const struct test_case cases[] = {
    {"auto goes over with the hundredth command", auto_takes_a_hundred_commands},
    {"options decide, and the environment before them", options_and_environment_decide},
    {"a plain server is asked once", a_plain_server_is_asked_once},
    {"who is refused stays on the socket", who_is_refused_stays_on_the_socket},
    {"a transaction is not interrupted", a_transaction_is_not_interrupted},
    {"a subscriber asks before all else, or never", a_subscriber_asks_before_all_else_or_never},
    {"who only looks for messages sees the daemon's end, too",
     who_only_looks_for_messages_sees_the_end_too},
    {"no message is missed in a poll loop", no_message_is_missed_in_a_poll_loop},
    {"large values pass", large_values_pass},
    {"a restarted daemon is attached to again", a_restarted_daemon_is_attached_to_again},
    {"a killed daemon loses nothing that it had not taken",
     a_killed_daemon_loses_nothing_that_it_had_not_taken},
    {"children have channels of their own", children_have_channels_of_their_own},
    {"a child takes messages of a polled subscriber",
     a_child_takes_messages_of_a_polled_subscriber},
    {"a late answer is a timeout", a_late_answer_is_a_timeout},
    {"a daemon that does not answer ATTACH is waited for once",
     a_daemon_that_does_not_answer_is_waited_for_once},
};

SUITE_MAIN("shared", cases)
