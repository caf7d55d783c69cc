/* Publish/subscribe.
 *
 *     FlaskRedisPubSub *news = flask_redis_pubsub(redis);
 *     flask_redis_subscribe(news, "news", NULL, NULL);
 *     FlaskRedisMessage message;
 *     while (flask_redis_get_message(news, 10.0, &message) == FLASK_REDIS_OK) {
 *         printf("%s: %s\n", message.channel.data, message.data.data);
 *     }
 *     flask_redis_pubsub_free(news);
 *
 * A subscriber has a connection of its own, and belongs to one thread. When the connection is lost
 * it connects and subscribes again by itself, handlers kept, and says so with a message of the type
 * RECONNECTED: what was published meanwhile is gone. */
#ifndef FLASKREDIS_PUBSUB_H
#define FLASKREDIS_PUBSUB_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What came. */
typedef enum FlaskRedisMessageType {
    FLASK_REDIS_SUBSCRIBE, /* confirmations, with count */
    FLASK_REDIS_UNSUBSCRIBE,
    FLASK_REDIS_PSUBSCRIBE,
    FLASK_REDIS_PUNSUBSCRIBE,
    FLASK_REDIS_SSUBSCRIBE,
    FLASK_REDIS_SUNSUBSCRIBE,
    FLASK_REDIS_MESSAGE,    /* published to a channel subscribed to */
    FLASK_REDIS_PMESSAGE,   /* ... to one that matches a pattern */
    FLASK_REDIS_SMESSAGE,   /* ... to a shard channel */
    FLASK_REDIS_PONG,       /* the answer to flask_redis_pubsub_ping */
    FLASK_REDIS_RECONNECTED /* the connection was lost and stands again */
} FlaskRedisMessageType;

/* A message. Its bytes are the subscriber's, and valid until the next call on it. */
typedef struct FlaskRedisMessage {
    FlaskRedisMessageType type;
    FlaskRedisBytes pattern; /* PMESSAGE and confirmations of patterns; else nil */
    FlaskRedisBytes channel; /* nil in confirmations of patterns, PONG and RECONNECTED */
    FlaskRedisBytes data;    /* what was published; else nil */
    int64_t count;           /* confirmations: subscriptions the connection has now */
} FlaskRedisMessage;

typedef struct FlaskRedisPubSub FlaskRedisPubSub;

/* Called for a message in place of handing it out. It may call the subscriber, but not free it. */
typedef void FlaskRedisHandler(FlaskRedisPubSub *pubsub, const FlaskRedisMessage *message,
                               void *user_data);

/* Make a subscriber. No connection is made yet. Freed before its handle. NULL: NO_MEMORY,
 * NOT_INITIALISED; PUBSUB: the handle's provider has no publish/subscribe. */
FlaskRedisPubSub *flask_redis_pubsub(FlaskRedis *redis);

/* Close its connection and free it. NULL is fine. */
void flask_redis_pubsub_free(FlaskRedisPubSub *pubsub);

/* Drop confirmations instead of handing them out. */
void flask_redis_ignore_subscribe_messages(FlaskRedisPubSub *pubsub, bool ignore);

/* Subscribe to channels. handler is called for their messages; NULL: flask_redis_get_message hands
 * them out. Subscribing again replaces the handler. */
FlaskRedisStatus flask_redis_subscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels,
                                       FlaskRedisHandler *handler, void *user_data);

/* The same to patterns of names (*, ?, [a-z]). */
FlaskRedisStatus flask_redis_psubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList patterns,
                                        FlaskRedisHandler *handler, void *user_data);

/* The same to shard channels (since 7.0). */
FlaskRedisStatus flask_redis_ssubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels,
                                        FlaskRedisHandler *handler, void *user_data);

/* Unsubscribe from channels; FLASK_REDIS_NONE: from all. */
FlaskRedisStatus flask_redis_unsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels);

/* The same for patterns. */
FlaskRedisStatus flask_redis_punsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList patterns);

/* The same for shard channels. */
FlaskRedisStatus flask_redis_sunsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels);

/* Ask for a PONG, to see that the connection stands. */
FlaskRedisStatus flask_redis_pubsub_ping(FlaskRedisPubSub *pubsub);

/* Whether anything is subscribed to, or an unsubscription is not confirmed yet. */
bool flask_redis_is_subscribed(const FlaskRedisPubSub *pubsub);

/* Take the next message, waiting for at most timeout seconds (0: not at all, negative: for ever).
 * NIL: none came in this time, or a handler has taken it. PUBSUB: nothing was subscribed to. */
FlaskRedisStatus flask_redis_get_message(FlaskRedisPubSub *pubsub, double timeout,
                                         FlaskRedisMessage *message);

/* Take messages until the last unsubscription is confirmed, calling callback (NULL: none) for those
 * that no handler takes. OK: nothing is subscribed to any more. */
FlaskRedisStatus flask_redis_listen(FlaskRedisPubSub *pubsub, FlaskRedisHandler *callback,
                                    void *user_data);

/* The descriptor to wait for in a poll loop of the program's own: when it is readable, call
 * flask_redis_get_message with timeout 0 until it returns NIL twice in a row, and ask for the
 * descriptor again, since connecting anew changes it. -1: not connected, or the provider has none.
 */
int flask_redis_pubsub_fileno(const FlaskRedisPubSub *pubsub);

/* Publish. *receivers: how many subscribers the message went to. */
FlaskRedisStatus flask_redis_publish(FlaskRedis *redis, FlaskRedisBytes channel,
                                     FlaskRedisBytes message, int64_t *receivers);

#ifdef __cplusplus
}
#endif

#endif
