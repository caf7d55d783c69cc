/* What a subscriber is, for its two files: subscriptions and connection (pubsub.c), messages
 * (pubsub_messages.c). */
#ifndef FR_CLIENT_PUBSUB_PARTS_H
#define FR_CLIENT_PUBSUB_PARTS_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

/* Running out of memory must not end the process. */
#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->is_leaving = true)
#include <uthash.h>

#include "client/engine.h"
#include "flaskredis/pubsub.h"

enum fr_kind {
    FR_CHANNEL,
    FR_PATTERN,
    FR_SHARD,
    FR_KINDS
};

struct fr_subscription {
    UT_hash_handle hh;
    FlaskRedisHandler *handler; /* NULL: messages are handed out */
    void *user_data;
    bool is_leaving; /* unsubscribed, not confirmed yet */
    size_t len;
    char name[];
};

struct FlaskRedisPubSub {
    struct fr_engine *engine;   /* held */
    struct fr_session *session; /* NULL: not connected */
    struct fr_subscription *subscriptions[FR_KINDS];
    bool ignores_confirmations;
    bool was_lost;
    size_t to_swallow; /* confirmations of what was subscribed to again */
    redisReply *current;
};

/* Connect, if need be, and subscribe again to what was. Tries until until_ms (of fr_now_ms). */
FlaskRedisStatus fr_pubsub_connect(FlaskRedisPubSub *pubsub, int64_t until_ms);

/* Give up a connection that broke. */
void fr_pubsub_disconnect(FlaskRedisPubSub *pubsub);

struct fr_subscription *fr_pubsub_find(const FlaskRedisPubSub *pubsub, enum fr_kind kind,
                                       FlaskRedisBytes name);

/* An unsubscription was confirmed. */
void fr_pubsub_left(FlaskRedisPubSub *pubsub, enum fr_kind kind, FlaskRedisBytes name);

#endif
