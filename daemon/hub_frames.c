/* What the server pushes to a hub: messages go to the holders of their topic, acknowledgements to
 * the oldest request. Frames are pubsub.c's, 7.0. */
#include "daemon/hub_parts.h"

#include <string.h>

#include <event2/buffer.h>

#include "common/resp.h"
#include "daemon/shared_bytes.h"

/* From here on a message for several is kept once: below, referring costs more than copying. */
#define SHARED_LEN_MIN 2048

enum push_kind {
    PUSH_MESSAGE,
    PUSH_SUBSCRIBED,
    PUSH_UNSUBSCRIBED
};

static const struct push_row {
    const char *word;
    enum push_kind push;
    enum topic_kind topic;
} rows[] = {
    {"message", PUSH_MESSAGE, TOPIC_CHANNEL},
    {"pmessage", PUSH_MESSAGE, TOPIC_PATTERN},
    {"smessage", PUSH_MESSAGE, TOPIC_SHARD},
    {"subscribe", PUSH_SUBSCRIBED, TOPIC_CHANNEL},
    {"psubscribe", PUSH_SUBSCRIBED, TOPIC_PATTERN},
    {"ssubscribe", PUSH_SUBSCRIBED, TOPIC_SHARD},
    {"unsubscribe", PUSH_UNSUBSCRIBED, TOPIC_CHANNEL},
    {"punsubscribe", PUSH_UNSUBSCRIBED, TOPIC_PATTERN},
    {"sunsubscribe", PUSH_UNSUBSCRIBED, TOPIC_SHARD},
};

/* Find the row of a push, and the name it is about. */
static const struct push_row *read_push(const char *data, size_t len, struct fr_word *name)
{
    const char *end = data + len;
    const char *at = memchr(data, '\n', len);
    struct fr_word word;
    if (at == NULL || (at++, !fr_bulk_take(&at, end, &word)) || !fr_bulk_take(&at, end, name)) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (word.len == strlen(rows[i].word) && memcmp(word.data, rows[i].word, word.len) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* --------------------------------------------------------------------------------------- messages
 */

void hub_message_add(struct hub_message *message, struct evbuffer *to)
{
    if (message->is_for_many && message->shared == NULL) {
        message->shared = shared_bytes_make(message->data, message->len);
    }
    if (message->shared != NULL) {
        shared_bytes_add(message->shared, to);
    } else {
        evbuffer_add(to, message->data, message->len);
    }
}

static void deliver(struct topic *topic, const char *data, size_t len)
{
    struct hub_message message = {.data = data + 1,
                                  .len = len - 1,
                                  .is_for_many = len >= SHARED_LEN_MIN && topic->holder_count > 1};
    struct subscription *next;
    for (struct subscription *holder = TAILQ_FIRST(&topic->holders); holder != NULL;
         holder = next) {
        next = TAILQ_NEXT(holder, next_holder);
        holder->key.subscriber->ops->on_message(holder->key.subscriber, &message);
    }
    stats_add(&topic->hub->pool->context.stats.messages, (uint64_t)topic->holder_count);
    shared_bytes_release(message.shared);
}

/* -------------------------------------------------------------------------------- acknowledgements
 */

/* The hub has it now; it may be that nobody wants it any more. */
static void note_subscribed(struct hub *hub, enum topic_kind kind, const struct fr_word *name)
{
    struct topic *topic = topic_find(hub, kind, name->data, name->len);
    if (topic != NULL) {
        topic_set_held(topic, true);
    }
    if (topic == NULL || topic->wanted == 0) {
        hub_send_release(hub, kind, name->data, name->len);
    }
}

static bool take_subscribed(struct hub *hub, struct ask *ask, const struct push_row *row,
                            const struct fr_word *name)
{
    if (ask->kind != ASK_SUBSCRIBE || ask->topic_kind != row->topic || ask->left == 0) {
        return false;
    }
    note_subscribed(hub, row->topic, name);
    if (ask->subscriber != NULL) {
        struct topic *topic = topic_find(hub, row->topic, name->data, name->len);
        struct subscription *subscription =
            topic == NULL ? NULL : subscription_find(hub, topic, ask->subscriber);
        if (subscription == NULL) {
            return false; /* of something else than was asked for */
        }
        subscription_begin(subscription);
    }
    if (--ask->left == 0) {
        hub_finish_acked(hub);
    }
    return true;
}

static bool is_released(const struct ask *ask, const struct push_row *row,
                        const struct fr_word *name)
{
    return ask->kind == ASK_RELEASE && ask->topic_kind == row->topic && ask->len == name->len &&
           memcmp(ask->text, name->data, name->len) == 0;
}

static bool take_unsubscribed(struct hub *hub, const struct ask *ask, const struct push_row *row,
                              const struct fr_word *name)
{
    struct topic *topic = topic_find(hub, row->topic, name->data, name->len);
    if (ask != NULL && is_released(ask, row, name)) {
        if (topic != NULL) {
            topic_set_held(topic, false);
        }
        hub_finish_acked(hub);
        return true;
    }
    if (row->topic != TOPIC_SHARD) {
        return false;
    }
    if (topic != NULL) { /* unasked: its slot has moved to another server */
        topic_withdraw(topic);
    }
    return true;
}

bool hub_take_push(struct hub *hub, const char *data, size_t len)
{
    struct fr_word name;
    const struct push_row *row = read_push(data, len, &name);
    struct ask *ask = hub_is_next(hub) ? STAILQ_FIRST(&hub->asks) : NULL;
    if (row == NULL) {
        return false;
    }
    if (row->push == PUSH_UNSUBSCRIBED) {
        return take_unsubscribed(hub, ask, row, &name);
    }
    if (row->push == PUSH_SUBSCRIBED) {
        return ask != NULL && take_subscribed(hub, ask, row, &name);
    }
    struct topic *topic = topic_find(hub, row->topic, name.data, name.len);
    if (topic != NULL) {
        deliver(topic, data, len);
    } else if (STAILQ_EMPTY(&hub->asks)) { /* left over from somebody who has gone */
        hub_send_release(hub, row->topic, name.data, name.len);
    }
    return true;
}
