/* What is subscribed to, and by whom. The picture of a topic's life is in hub.h. */
#include "daemon/hub_parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

/* ----------------------------------------------------------------------------------------- topics
 */

struct topic *topic_find(const struct hub *hub, enum topic_kind kind, const char *name, size_t len)
{
    struct topic *topic = NULL;
    HASH_FIND(hh, hub->topics[kind], name, len, topic);
    return topic;
}

static struct topic *topic_get(struct hub *hub, enum topic_kind kind, const char *name, size_t len)
{
    struct topic *topic = topic_find(hub, kind, name, len);
    if (topic == NULL) {
        topic = memory_zeroed(sizeof *topic + len);
        topic->hub = hub;
        topic->kind = kind;
        topic->len = len;
        TAILQ_INIT(&topic->holders);
        memcpy(topic->name, name, len);
        HASH_ADD_KEYPTR(hh, hub->topics[kind], topic->name, len, topic);
    }
    return topic;
}

void topic_settle(struct topic *topic)
{
    if (topic->wanted == 0 && !topic->is_held && topic->holder_count == 0) {
        HASH_DEL(topic->hub->topics[topic->kind], topic);
        free(topic);
    }
}

/* Tell the prefix how many more hear this than the server counts. While the last one's release is
 * on its way nobody here knows whether the server still counts the hub: what it says is right. */
static void note_surplus(struct topic *topic)
{
    int64_t surplus = topic->is_held && topic->holder_count > 0 ? topic->holder_count - 1 : 0;
    if (surplus != topic->surplus) {
        audience_add(&topic->hub->pool->prefix->audience, topic->kind, topic->name, topic->len,
                     surplus - topic->surplus);
        topic->surplus = surplus;
    }
}

void topic_set_held(struct topic *topic, bool is_held)
{
    topic->is_held = is_held;
    note_surplus(topic);
    topic_settle(topic);
}

/* ---------------------------------------------------------------------------------- subscriptions
 */

struct subscription *subscription_find(const struct hub *hub, struct topic *topic,
                                       struct subscriber *subscriber)
{
    struct subscription *subscription = NULL;
    struct subscription_key key;
    memset(&key, 0, sizeof key); /* all its bytes are hashed */
    key.topic = topic;
    key.subscriber = subscriber;
    HASH_FIND(hh, hub->subscriptions, &key, sizeof key, subscription);
    return subscription;
}

void subscription_want(struct hub *hub, struct subscriber *subscriber, enum topic_kind kind,
                       const char *name, size_t len)
{
    struct topic *topic = topic_get(hub, kind, name, len);
    struct subscription *subscription = subscription_find(hub, topic, subscriber);
    if (subscription == NULL) {
        subscription = memory_zeroed(sizeof *subscription);
        subscription->key = (struct subscription_key){topic, subscriber};
        subscription->is_wanted = true;
        topic->wanted++;
        HASH_ADD(hh, hub->subscriptions, key, sizeof subscription->key, subscription);
        TAILQ_INSERT_TAIL(&subscriber->subscriptions, subscription, next_own);
    }
}

void subscription_unwant(struct subscription *subscription)
{
    struct topic *topic = subscription->key.topic;
    if (subscription->is_wanted) {
        subscription->is_wanted = false;
        if (--topic->wanted == 0 && topic->is_held) {
            hub_send_release(topic->hub, topic->kind, topic->name, topic->len);
        }
    }
}

/* As the server counts what a connection has of this kind. */
static int64_t count_of(const struct subscriber *subscriber, enum topic_kind kind)
{
    return kind == TOPIC_SHARD
               ? subscriber->counts[TOPIC_SHARD]
               : subscriber->counts[TOPIC_CHANNEL] + subscriber->counts[TOPIC_PATTERN];
}

static void tell(struct subscriber *subscriber, enum topic_kind kind, bool is_subscribed,
                 const char *name, size_t len)
{
    struct hub_ack ack = {.kind = kind,
                          .is_subscribed = is_subscribed,
                          .name = name,
                          .len = len,
                          .count = count_of(subscriber, kind)};
    subscriber->ops->on_ack(subscriber, &ack);
}

void subscription_begin(struct subscription *subscription)
{
    struct topic *topic = subscription->key.topic;
    struct subscriber *subscriber = subscription->key.subscriber;
    if (!subscription->is_held) {
        subscription->is_held = true;
        TAILQ_INSERT_TAIL(&topic->holders, subscription, next_holder);
        topic->holder_count++;
        subscriber->counts[topic->kind]++;
        note_surplus(topic);
    }
    tell(subscriber, topic->kind, true, topic->name, topic->len);
}

void subscription_end(struct subscription *subscription)
{
    struct topic *topic = subscription->key.topic;
    struct subscriber *subscriber = subscription->key.subscriber;
    subscription_unwant(subscription);
    if (subscription->is_held) {
        TAILQ_REMOVE(&topic->holders, subscription, next_holder);
        topic->holder_count--;
        subscriber->counts[topic->kind]--;
        note_surplus(topic);
    }
    HASH_DEL(topic->hub->subscriptions, subscription);
    TAILQ_REMOVE(&subscriber->subscriptions, subscription, next_own);
    free(subscription);
    topic_settle(topic);
}

void subscriber_drop(struct subscriber *subscriber, enum topic_kind kind, const char *name,
                     size_t len)
{
    struct hub *hub = subscriber->hub;
    struct topic *topic = name == NULL ? NULL : topic_find(hub, kind, name, len);
    struct subscription *subscription =
        topic == NULL ? NULL : subscription_find(hub, topic, subscriber);
    char *kept = NULL;
    if (subscription != NULL) {
        kept = memory_text(name, len); /* the name may be the topic's own */
        name = kept;
        subscription_end(subscription);
    }
    tell(subscriber, kind, false, name, len);
    free(kept);
}

void topic_withdraw(struct topic *topic)
{
    struct hub *hub = topic->hub;
    enum topic_kind kind = topic->kind;
    size_t len = topic->len;
    char *name = memory_text(topic->name, len);
    topic_set_held(topic, false);
    while ((topic = topic_find(hub, kind, name, len)) != NULL && !TAILQ_EMPTY(&topic->holders)) {
        struct subscriber *holder = TAILQ_FIRST(&topic->holders)->key.subscriber;
        subscriber_drop(holder, kind, name, len);
        subscriber_settle(holder);
    }
    free(name);
}

void subscriber_settle(struct subscriber *subscriber)
{
    if (subscriber->hub != NULL && subscriber->ask == NULL &&
        TAILQ_EMPTY(&subscriber->subscriptions)) {
        TAILQ_REMOVE(&subscriber->hub->subscribers, subscriber, link);
        subscriber->hub->last_used_ms = loop_now_ms();
        subscriber->hub = NULL;
    }
}
