/* Taking messages: what came, whose it is, and what to do when the connection is lost. */
#include "client/pubsub_parts.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "client/clock.h"
#include "client/error.h"

enum shape {
    CONFIRMATION, /* type, name, count */
    PUBLISHED     /* type, [pattern,] channel, data */
};

static const struct form {
    const char *word;
    FlaskRedisMessageType type;
    enum shape shape;
    enum fr_kind kind;
    bool is_end; /* of a subscription */
    size_t elements;
} forms[] = {
    {"message", FLASK_REDIS_MESSAGE, PUBLISHED, FR_CHANNEL, false, 3},
    {"pmessage", FLASK_REDIS_PMESSAGE, PUBLISHED, FR_PATTERN, false, 4},
    {"smessage", FLASK_REDIS_SMESSAGE, PUBLISHED, FR_SHARD, false, 3},
    {"subscribe", FLASK_REDIS_SUBSCRIBE, CONFIRMATION, FR_CHANNEL, false, 3},
    {"unsubscribe", FLASK_REDIS_UNSUBSCRIBE, CONFIRMATION, FR_CHANNEL, true, 3},
    {"psubscribe", FLASK_REDIS_PSUBSCRIBE, CONFIRMATION, FR_PATTERN, false, 3},
    {"punsubscribe", FLASK_REDIS_PUNSUBSCRIBE, CONFIRMATION, FR_PATTERN, true, 3},
    {"ssubscribe", FLASK_REDIS_SSUBSCRIBE, CONFIRMATION, FR_SHARD, false, 3},
    {"sunsubscribe", FLASK_REDIS_SUNSUBSCRIBE, CONFIRMATION, FR_SHARD, true, 3},
};

/* --- reading ---------------------------------------------------------------------------------- */

static FlaskRedisBytes bytes_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING ? (FlaskRedisBytes){reply->str, (size_t)reply->len}
                                             : (FlaskRedisBytes){0};
}

static const struct form *form_of(const redisReply *reply)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(reply->element[0]->str, forms[i].word) == 0 &&
            reply->elements == forms[i].elements) {
            return &forms[i];
        }
    }
    return NULL;
}

/* In RESP2 PONG is a status before, and an array while something is subscribed to. */
static bool is_pong(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "PONG") == 0) ||
           (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
            reply->element[0]->type == REDIS_REPLY_STRING &&
            strcmp(reply->element[0]->str, "pong") == 0);
}

static void read_message(const struct form *form, const redisReply *reply,
                         FlaskRedisMessage *message)
{
    FlaskRedisBytes name = bytes_of(reply->element[1]);
    *message = (FlaskRedisMessage){.type = form->type};
    if (form->kind == FR_PATTERN) {
        message->pattern = name;
    } else {
        message->channel = name;
    }
    if (form->shape == CONFIRMATION) {
        message->count = reply->element[2]->integer;
        return;
    }
    if (form->kind == FR_PATTERN) {
        message->channel = bytes_of(reply->element[2]);
    }
    message->data = bytes_of(reply->element[form->elements - 1]);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* Returns whether it is to be handed out; otherwise it was taken care of. */
static bool settle_confirmation(FlaskRedisPubSub *pubsub, const struct form *form,
                                const redisReply *reply)
{
    if (form->is_end) {
        fr_pubsub_left(pubsub, form->kind, bytes_of(reply->element[1]));
    } else if (pubsub->to_swallow > 0) {
        pubsub->to_swallow--;
        return false;
    }
    return !pubsub->ignores_confirmations;
}

static bool settle_published(FlaskRedisPubSub *pubsub, const struct form *form,
                             const redisReply *reply, const FlaskRedisMessage *message,
                             bool *was_handled)
{
    const struct fr_subscription *one =
        fr_pubsub_find(pubsub, form->kind, bytes_of(reply->element[1]));
    if (one == NULL || one->handler == NULL) {
        return true;
    }
    *was_handled = true;
    one->handler(pubsub, message, one->user_data);
    return false;
}

/* OK: message is to be handed out. NIL: a handler has taken it. QUEUED: nothing anybody waits for.
 */
static FlaskRedisStatus settle(FlaskRedisPubSub *pubsub, const redisReply *reply,
                               FlaskRedisMessage *message)
{
    const struct form *form = form_of(reply);
    bool was_handled = false, is_news;

    if (reply->type == REDIS_REPLY_ERROR) {
        return fr_fail_reply(reply);
    }
    if (is_pong(reply)) {
        *message = (FlaskRedisMessage){.type = FLASK_REDIS_PONG};
        return FLASK_REDIS_OK;
    }
    if (form == NULL) {
        fr_pubsub_disconnect(pubsub);
        return flask_redis_fail(FLASK_REDIS_CONNECTION, false,
                                "protocol error: what came is no message");
    }
    read_message(form, reply, message);
    is_news = form->shape == CONFIRMATION
                  ? settle_confirmation(pubsub, form, reply)
                  : settle_published(pubsub, form, reply, message, &was_handled);
    if (is_news) {
        return FLASK_REDIS_OK;
    }
    return was_handled ? FLASK_REDIS_NIL : FLASK_REDIS_QUEUED;
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int time_left(int64_t deadline_ms)
{
    if (deadline_ms == INT64_MAX) {
        return -1;
    }
    int64_t left = deadline_ms - fr_now_ms();
    return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

/* Connect again, with the patience of connecting, but not beyond the deadline. */
static FlaskRedisStatus connect_again(FlaskRedisPubSub *pubsub, int64_t deadline_ms,
                                      FlaskRedisMessage *message)
{
    int64_t patience =
        pubsub->engine->connect_ms < 0 ? INT64_MAX : fr_now_ms() + pubsub->engine->connect_ms;
    bool was_lost = pubsub->was_lost;

    FlaskRedisStatus status =
        fr_pubsub_connect(pubsub, deadline_ms < patience ? deadline_ms : patience);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    pubsub->was_lost = false;
    *message = (FlaskRedisMessage){.type = FLASK_REDIS_RECONNECTED};
    return was_lost ? FLASK_REDIS_OK : FLASK_REDIS_QUEUED;
}

static FlaskRedisStatus receive(FlaskRedisPubSub *pubsub, int64_t deadline_ms,
                                FlaskRedisMessage *message)
{
    redisReply *reply = NULL;
    FlaskRedisStatus status =
        pubsub->engine->provider.receive(pubsub->session->state, time_left(deadline_ms), &reply);

    if (status == FLASK_REDIS_NO_MEMORY) {
        fr_pubsub_disconnect(pubsub);
        return status;
    }
    if (status != FLASK_REDIS_OK) {
        fr_log("subscriber: %s", flask_redis_last_error()->text);
        fr_pubsub_disconnect(pubsub);
        return FLASK_REDIS_QUEUED;
    }
    if (reply == NULL) {
        return deadline_ms != INT64_MAX && time_left(deadline_ms) == 0 ? FLASK_REDIS_NIL
                                                                       : FLASK_REDIS_QUEUED;
    }
    pubsub->current = reply;
    return settle(pubsub, reply, message);
}

static FlaskRedisStatus next_message(FlaskRedisPubSub *pubsub, int64_t deadline_ms,
                                     FlaskRedisMessage *message)
{
    bool was_subscribed = flask_redis_is_subscribed(pubsub);
    FlaskRedisStatus status;
    do {
        flask_redis_reply_free(pubsub->current);
        pubsub->current = NULL;
        if (was_subscribed && !flask_redis_is_subscribed(pubsub)) {
            return FLASK_REDIS_NIL; /* the last confirmation, which was not to be handed out */
        }
        status = pubsub->session == NULL || pubsub->was_lost
                     ? connect_again(pubsub, deadline_ms, message)
                     : receive(pubsub, deadline_ms, message);
    } while (status == FLASK_REDIS_QUEUED);
    return status;
}

static int64_t deadline_of(double timeout)
{
    if (timeout < 0 || !isfinite(timeout) || timeout > INT_MAX) {
        return INT64_MAX;
    }
    return fr_now_ms() + (int64_t)ceil(timeout * 1000);
}

FlaskRedisStatus flask_redis_get_message(FlaskRedisPubSub *pubsub, double timeout,
                                         FlaskRedisMessage *message)
{
    FlaskRedisMessage unwanted = {0};
    int saved = errno;

    message = message != NULL ? message : &unwanted;
    *message = (FlaskRedisMessage){0};
    if (!flask_redis_is_subscribed(pubsub) && (pubsub->session == NULL || timeout < 0)) {
        return flask_redis_fail(FLASK_REDIS_PUBSUB, false,
                                "nothing is subscribed to: call flask_redis_subscribe first");
    }
    FlaskRedisStatus status = next_message(pubsub, deadline_of(timeout), message);
    if (status != FLASK_REDIS_OK) {
        *message = (FlaskRedisMessage){0};
    }
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_listen(FlaskRedisPubSub *pubsub, FlaskRedisHandler *callback,
                                    void *user_data)
{
    FlaskRedisMessage message;
    while (flask_redis_is_subscribed(pubsub)) {
        FlaskRedisStatus status = flask_redis_get_message(pubsub, -1, &message);
        if (status >= FLASK_REDIS_ERROR) {
            return status;
        }
        if (status == FLASK_REDIS_OK && callback != NULL) {
            callback(pubsub, &message, user_data);
        }
    }
    return FLASK_REDIS_OK;
}
