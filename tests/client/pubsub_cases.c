/* Publish/subscribe. */
#include "tests/client/fixture.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

static void free_pubsub(void *pubsub)
{
    flask_redis_pubsub_free(pubsub);
}

static FlaskRedisPubSub *subscriber(FlaskRedis *redis)
{
    FlaskRedisPubSub *pubsub = flask_redis_pubsub(redis);
    if (pubsub == NULL) {
        FAIL("%s", last_text());
    }
    case_defer(free_pubsub, pubsub);
    return pubsub;
}

static double patience(void)
{
    return (double)patience_ms() / 1000;
}

static void expect_next(FlaskRedisPubSub *pubsub, FlaskRedisMessageType type, const char *name,
                        const char *data)
{
    FlaskRedisMessage message;
    OK(flask_redis_get_message(pubsub, patience(), &message));
    EXPECT_NUMBER(message.type, type);
    const char *got = message.pattern.data != NULL ? message.pattern.data : message.channel.data;
    if (name != NULL && (got == NULL || strcmp(got, name) != 0)) {
        FAIL("got %s, expected %s", got != NULL ? got : "nil", name);
    }
    if (data != NULL) {
        expect_bytes(__FILE__, __LINE__, "data", message.data.data, message.data.len, data,
                     strlen(data));
    }
}

static void messages(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    FlaskRedisMessage message;
    int64_t receivers;
    STATUS(flask_redis_get_message(pubsub, 0, &message), FLASK_REDIS_PUBSUB);
    OK(flask_redis_subscribe(pubsub, FLASK_REDIS_LIST("a", "b"), NULL, NULL));
    expect_next(pubsub, FLASK_REDIS_SUBSCRIBE, "a", NULL);
    OK(flask_redis_get_message(pubsub, patience(), &message));
    EXPECT_NUMBER(message.count, 2);
    OK(flask_redis_psubscribe(pubsub, "p*", NULL, NULL));
    expect_next(pubsub, FLASK_REDIS_PSUBSCRIBE, "p*", NULL);
    STATUS(flask_redis_get_message(pubsub, 0, &message), FLASK_REDIS_NIL);
    STATUS(flask_redis_get_message(pubsub, 0.02, &message), FLASK_REDIS_NIL);
    OK(flask_redis_publish(redis, "a", flask_redis_bytes("x\0y", 3), &receivers));
    EXPECT_NUMBER(receivers, 1);
    OK(flask_redis_get_message(pubsub, patience(), &message));
    EXPECT_NUMBER(message.type, FLASK_REDIS_MESSAGE);
    EXPECT_NUMBER(message.data.len, 3);
    OK(flask_redis_publish(redis, "pq", "hello", NULL));
    OK(flask_redis_get_message(pubsub, patience(), &message));
    EXPECT_NUMBER(message.type, FLASK_REDIS_PMESSAGE);
    EXPECT(strcmp(message.pattern.data, "p*") == 0 && strcmp(message.channel.data, "pq") == 0);
    OK(flask_redis_pubsub_ping(pubsub));
    expect_next(pubsub, FLASK_REDIS_PONG, NULL, NULL);
    OK(flask_redis_unsubscribe(pubsub, FLASK_REDIS_NONE));
    expect_next(pubsub, FLASK_REDIS_UNSUBSCRIBE, NULL, NULL);
    expect_next(pubsub, FLASK_REDIS_UNSUBSCRIBE, NULL, NULL);
    EXPECT(flask_redis_is_subscribed(pubsub));
    OK(flask_redis_punsubscribe(pubsub, "p*"));
    expect_next(pubsub, FLASK_REDIS_PUNSUBSCRIBE, "p*", NULL);
    EXPECT(!flask_redis_is_subscribed(pubsub));
}

static void shard_channels(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    OK(flask_redis_ssubscribe(pubsub, "s", NULL, NULL));
    expect_next(pubsub, FLASK_REDIS_SSUBSCRIBE, "s", NULL);
    fixture_do(redis, "SPUBLISH s x");
    expect_next(pubsub, FLASK_REDIS_SMESSAGE, "s", "x");
    OK(flask_redis_sunsubscribe(pubsub, FLASK_REDIS_NONE));
    expect_next(pubsub, FLASK_REDIS_SUNSUBSCRIBE, "s", NULL);
}

struct heard {
    int handled, listened;
};

static void on_message(FlaskRedisPubSub *pubsub, const FlaskRedisMessage *message, void *user_data)
{
    struct heard *heard = user_data;
    EXPECT_NUMBER(message->type, FLASK_REDIS_MESSAGE);
    if (++heard->handled == 2) {
        OK(flask_redis_unsubscribe(pubsub, FLASK_REDIS_NONE));
    }
}

static void on_other(FlaskRedisPubSub *pubsub, const FlaskRedisMessage *message, void *user_data)
{
    struct heard *heard = user_data;
    (void)pubsub;
    (void)message;
    heard->listened++;
}

static void handlers(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    struct heard heard = {0};
    FlaskRedisMessage message;
    OK(flask_redis_subscribe(pubsub, "a", on_message, &heard));
    expect_next(pubsub, FLASK_REDIS_SUBSCRIBE, "a", NULL);
    OK(flask_redis_publish(redis, "a", "1", NULL));
    STATUS(flask_redis_get_message(pubsub, patience(), &message), FLASK_REDIS_NIL);
    EXPECT_NUMBER(heard.handled, 1);
    OK(flask_redis_publish(redis, "a", "2", NULL));
    OK(flask_redis_listen(pubsub, on_other, &heard));
    EXPECT_NUMBER(heard.handled, 2);
    EXPECT_NUMBER(heard.listened, 1);
}

static void confirmations_ignored(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    flask_redis_ignore_subscribe_messages(pubsub, true);
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    OK(flask_redis_pubsub_ping(pubsub));
    expect_next(pubsub, FLASK_REDIS_PONG, NULL, NULL);
    OK(flask_redis_publish(redis, "a", "x", NULL));
    expect_next(pubsub, FLASK_REDIS_MESSAGE, "a", "x");
    OK(flask_redis_unsubscribe(pubsub, FLASK_REDIS_NONE));
    OK(flask_redis_listen(pubsub, NULL, NULL)); /* ends, though nothing is handed out */
    EXPECT(!flask_redis_is_subscribed(pubsub));
}

static void own_poll_loop(void)
{
    FlaskRedis *redis = fixture_open()->redis;
    FlaskRedisPubSub *pubsub = subscriber(redis);
    FlaskRedisMessage message;
    EXPECT_NUMBER(flask_redis_pubsub_fileno(pubsub), -1);
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    expect_next(pubsub, FLASK_REDIS_SUBSCRIBE, "a", NULL);
    struct pollfd ready = {flask_redis_pubsub_fileno(pubsub), POLLIN, 0};
    EXPECT_NUMBER(poll(&ready, 1, 0), 0);
    OK(flask_redis_publish(redis, "a", "x", NULL));
    EXPECT_NUMBER(poll(&ready, 1, (int)patience_ms()), 1);
    OK(flask_redis_get_message(pubsub, 0, &message));
    EXPECT_NUMBER(message.type, FLASK_REDIS_MESSAGE);
}

static void hear(void *user_data, const char *line)
{
    snprintf(user_data, 128, "%s", line);
}

static void fall_silent(void *unused)
{
    (void)unused;
    flask_redis_set_log(NULL, NULL);
}

static void subscribed_again(void)
{
    char line[128] = "";
    flask_redis_set_log(hear, line);
    case_defer(fall_silent, NULL);
    struct fixture *fixture = fixture_open();
    FlaskRedisPubSub *pubsub = subscriber(fixture->redis);
    struct heard heard = {0};
    FlaskRedisMessage message;
    OK(flask_redis_subscribe(pubsub, "a", NULL, NULL));
    OK(flask_redis_subscribe(pubsub, "h", on_message, &heard));
    OK(flask_redis_psubscribe(pubsub, "p*", NULL, NULL));
    expect_next(pubsub, FLASK_REDIS_SUBSCRIBE, "a", NULL);
    expect_next(pubsub, FLASK_REDIS_SUBSCRIBE, "h", NULL);
    expect_next(pubsub, FLASK_REDIS_PSUBSCRIBE, "p*", NULL);
    fixture_ask(fixture, "CLIENT KILL TYPE pubsub");
    expect_next(pubsub, FLASK_REDIS_RECONNECTED, NULL, NULL);
    EXPECT_HAS(line, "subscriber: "); /* the program's log was told why */
    OK(flask_redis_pubsub_ping(pubsub));
    expect_next(pubsub, FLASK_REDIS_PONG, NULL, NULL);
    OK(flask_redis_publish(fixture->redis, "pq", "1", NULL));
    expect_next(pubsub, FLASK_REDIS_PMESSAGE, "p*", "1");
    OK(flask_redis_publish(fixture->redis, "h", "2", NULL));
    STATUS(flask_redis_get_message(pubsub, patience(), &message), FLASK_REDIS_NIL);
    EXPECT_NUMBER(heard.handled, 1);
    OK(flask_redis_publish(fixture->redis, "a", "3", NULL));
    expect_next(pubsub, FLASK_REDIS_MESSAGE, "a", "3");
}

/* One command cannot name them all. */
static void many_channels(void)
{
    struct fixture *fixture = fixture_open();
    FlaskRedisPubSub *pubsub = subscriber(fixture->redis);
    FlaskRedisBytes names[1000];
    for (size_t i = 0; i < 1000; i++) {
        char *name = case_alloc(16);
        snprintf(name, 16, "c%zu", i);
        names[i] = FLASK_REDIS_BYTES(name);
    }
    flask_redis_ignore_subscribe_messages(pubsub, true);
    OK(flask_redis_subscribe(pubsub, flask_redis_list(names, 1000), NULL, NULL));
    OK(flask_redis_pubsub_ping(pubsub));
    expect_next(pubsub, FLASK_REDIS_PONG, NULL, NULL);
    fixture_ask(fixture, "CLIENT KILL TYPE pubsub");
    expect_next(pubsub, FLASK_REDIS_RECONNECTED, NULL, NULL);
    OK(flask_redis_pubsub_ping(pubsub));
    expect_next(pubsub, FLASK_REDIS_PONG, NULL, NULL);
    redisReply *reply = flask_redis_command(fixture->redis, "PUBSUB NUMSUB c999");
    EXPECT(reply != NULL && reply->elements == 2);
    EXPECT_NUMBER(reply->element[1]->integer, 1);
    flask_redis_reply_free(reply);
}

static const struct test_case cases[] = {
    {"messages, patterns, confirmations, polling", messages},
    {"shard channels", shard_channels},
    {"handlers take their messages, listen ends with the last subscription", handlers},
    {"confirmations can be ignored", confirmations_ignored},
    {"fileno serves a poll loop", own_poll_loop},
    {"a lost subscriber subscribes again and says so once", subscribed_again},
    {"any number of channels", many_channels},
};

const struct case_table pubsub_cases = {cases, sizeof(cases) / sizeof(cases[0])};
