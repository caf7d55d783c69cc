/* A hub's connection, and the requests on it. See hub.h; what is subscribed to is hub_topics.c's,
 * the server's pushes are hub_frames.c's. */
#include "daemon/hub_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/resp.h"
#include "daemon/container.h"
#include "daemon/memory.h"

static const char ping[] = "*1\r\n$4\r\nPING\r\n";

static const char *const subscribe_words[TOPIC_KINDS] = {
    [TOPIC_CHANNEL] = "SUBSCRIBE", [TOPIC_PATTERN] = "PSUBSCRIBE", [TOPIC_SHARD] = "SSUBSCRIBE"};
static const char *const release_words[TOPIC_KINDS] = {[TOPIC_CHANNEL] = "UNSUBSCRIBE",
                                                       [TOPIC_PATTERN] = "PUNSUBSCRIBE",
                                                       [TOPIC_SHARD] = "SUNSUBSCRIBE"};

void subscriber_init(struct subscriber *subscriber, const struct subscriber_ops *ops)
{
    *subscriber = (struct subscriber){.ops = ops};
    TAILQ_INIT(&subscriber->subscriptions);
}

/* ------------------------------------------------------------------------------------------- asks
 */

static struct ask *make_ask(enum ask_kind kind, enum topic_kind topic_kind,
                            struct subscriber *subscriber, const char *text, size_t len)
{
    struct ask *ask = memory_zeroed(sizeof *ask + len);
    ask->kind = kind;
    ask->topic_kind = topic_kind;
    ask->subscriber = subscriber;
    ask->len = len;
    memcpy(ask->text, text, len);
    if (subscriber != NULL) {
        subscriber->ask = ask;
    }
    return ask;
}

static void send_ask(struct hub *hub, struct ask *ask, const char *data, size_t len)
{
    struct slot slot = {.sink = &hub->sink, .flags = SLOT_ALONE};
    STAILQ_INSERT_TAIL(&hub->asks, ask, next);
    upstream_send(hub->upstream, &slot, data, len);
}

/* The command of one name. */
static void send_name(struct hub *hub, struct ask *ask, const char *word, const char *name,
                      size_t len)
{
    struct evbuffer *frame = evbuffer_new();
    evbuffer_add_printf(frame, "*2\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(word), word, len);
    evbuffer_add(frame, name, len);
    evbuffer_add(frame, "\r\n", 2);
    send_ask(hub, ask, (const char *)evbuffer_pullup(frame, -1), evbuffer_get_length(frame));
    evbuffer_free(frame);
}

void hub_send_release(struct hub *hub, enum topic_kind kind, const char *name, size_t len)
{
    struct ask *ask = make_ask(ASK_RELEASE, kind, NULL, name, len);
    ask->left = 1;
    send_name(hub, ask, release_words[kind], name, len);
}

/* On a new connection: subscribe again for those who hold the topic. */
static void send_again(struct topic *topic)
{
    struct ask *ask = make_ask(ASK_SUBSCRIBE, topic->kind, NULL, topic->name, topic->len);
    ask->left = 1;
    send_name(topic->hub, ask, subscribe_words[topic->kind], topic->name, topic->len);
}

bool hub_is_next(const struct hub *hub)
{
    const struct requests *requests = &hub->upstream->requests;
    return requests->sent > 0 && requests_slot(requests, 0)->sink == &hub->sink;
}

static struct ask *take_ask(struct hub *hub)
{
    struct ask *ask = STAILQ_FIRST(&hub->asks);
    STAILQ_REMOVE_HEAD(&hub->asks, next);
    hub->last_used_ms = loop_now_ms();
    if (ask->subscriber != NULL) {
        ask->subscriber->ask = NULL;
    }
    return ask;
}

/* The request is over; with what is left of it the subscriber goes on, or leaves the hub. */
static void finish_ask(struct ask *ask, const char *reply, size_t len, bool is_failure)
{
    struct subscriber *subscriber = ask->subscriber;
    free(ask);
    if (subscriber != NULL) {
        subscriber_settle(subscriber);
        subscriber->ops->on_done(subscriber, reply, len, is_failure);
    }
}

void hub_finish_acked(struct hub *hub)
{
    struct ask *ask = take_ask(hub);
    upstream_pop_reply(hub->upstream);
    finish_ask(ask, NULL, 0, false);
}

/* ---------------------------------------------------------------------------------------- replies
 */

/* What the subscriber asked for and has not got. */
static void give_up_asked(struct subscriber *subscriber)
{
    struct subscription *subscription = TAILQ_FIRST(&subscriber->subscriptions);
    while (subscription != NULL) {
        struct subscription *next = TAILQ_NEXT(subscription, next_own);
        if (!subscription->is_held) {
            subscription_end(subscription);
        }
        subscription = next;
    }
}

/* The server does not subscribe again to what is held here. */
static void lose_topic(struct hub *hub, const struct ask *ask)
{
    struct topic *topic = topic_find(hub, ask->topic_kind, ask->text, ask->len);
    while (topic != NULL && !TAILQ_EMPTY(&topic->holders)) {
        struct subscriber *holder = TAILQ_FIRST(&topic->holders)->key.subscriber;
        holder->ops->on_lost(holder);
        topic = topic_find(hub, ask->topic_kind, ask->text, ask->len);
    }
}

/* What was published before the unsubscription has come. */
static void complete_unsubscription(struct ask *ask)
{
    struct subscriber *subscriber = ask->subscriber;
    struct fr_words words = fr_words_begin(ask->text, ask->len);
    struct fr_word word;
    bool is_named = false;
    fr_words_next(&words, &word);
    while (fr_words_next(&words, &word)) {
        subscriber_drop(subscriber, ask->topic_kind, word.data, word.len);
        is_named = true;
    }
    struct subscription *subscription = TAILQ_FIRST(&subscriber->subscriptions);
    bool has_any = false;
    while (!is_named && subscription != NULL) {
        struct subscription *next = TAILQ_NEXT(subscription, next_own);
        const struct topic *topic = subscription->key.topic;
        if (topic->kind == ask->topic_kind) {
            subscriber_drop(subscriber, topic->kind, topic->name, topic->len);
            has_any = true;
        }
        subscription = next;
    }
    if (!is_named && !has_any) {
        subscriber_drop(subscriber, ask->topic_kind, NULL, 0);
    }
}

/* A reply has come instead of acknowledgements, or for a PING; or none will. */
static void end_ask(struct hub *hub, const char *reply, size_t len, bool is_failure)
{
    struct ask *ask = take_ask(hub);
    if (ask->kind == ASK_SUBSCRIBE && ask->subscriber != NULL) {
        give_up_asked(ask->subscriber);
    } else if (ask->kind == ASK_SUBSCRIBE && !is_failure) {
        lose_topic(hub, ask);
    } else if (ask->kind == ASK_FENCE && ask->subscriber != NULL) {
        /* even an error is an answer; and without a connection nothing is subscribed to */
        complete_unsubscription(ask);
        reply = NULL;
        len = 0;
    }
    finish_ask(ask, reply, len, is_failure && reply != NULL);
}

static void on_reply(struct reply_sink *sink, const struct reply_part *part)
{
    struct hub *hub = container_of(sink, struct hub, sink);
    end_ask(hub, part->data, part->len, false);
}

static void on_failure(struct reply_sink *sink, const struct slot *slot, const char *error,
                       bool is_cut)
{
    struct hub *hub = container_of(sink, struct hub, sink);
    (void)slot, (void)is_cut; /* its frames come whole */
    end_ask(hub, error, strlen(error), true);
}

static const struct reply_sink_ops sink_ops = {on_reply, on_failure};

/* ------------------------------------------------------------------------------------- connection
 */

static void on_ready(struct upstream *upstream)
{
    struct hub *hub = upstream->owner;
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        for (struct topic *topic = hub->topics[kind]; topic != NULL; topic = topic->hh.next) {
            if (topic->holder_count > 0 && topic->wanted > 0) {
                send_again(topic);
            }
        }
    }
}

static bool holds_any(const struct subscriber *subscriber)
{
    return subscriber->counts[TOPIC_CHANNEL] + subscriber->counts[TOPIC_PATTERN] +
               subscriber->counts[TOPIC_SHARD] >
           0;
}

static void tell_holders(struct hub *hub)
{
    struct subscriber *next;
    for (struct subscriber *subscriber = TAILQ_FIRST(&hub->subscribers); subscriber != NULL;
         subscriber = next) {
        next = TAILQ_NEXT(subscriber, link);
        if (holds_any(subscriber)) {
            subscriber->ops->on_lost(subscriber);
        }
    }
}

static void on_down(struct upstream *upstream)
{
    struct hub *hub = upstream->owner;
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        struct topic *next;
        for (struct topic *topic = hub->topics[kind]; topic != NULL; topic = next) {
            next = topic->hh.next;
            topic_set_held(topic, false);
        }
    }
    /* whom the server does not let in any more will not be served again either */
    if (upstream->context->settings->hub_loss == HUB_LOSS_CLOSE || upstream->refusal != NULL) {
        tell_holders(hub);
    }
}

static bool on_frame(struct upstream *upstream, const char *data, size_t len)
{
    return data[0] == '>' && hub_take_push(upstream->owner, data, len);
}

static void on_drained(struct upstream *upstream)
{
    (void)upstream; /* nobody waits: each client has one request under way at most */
}

static const struct upstream_ops hub_ops = {
    .on_ready = on_ready, .on_down = on_down, .on_frame = on_frame, .on_drained = on_drained};

bool hub_accepts(const struct hub *hub, char *error, size_t cap)
{
    return upstream_accepts(hub->upstream, error, cap);
}

int hub_server_version(const struct hub *hub)
{
    return hub->upstream->server_version;
}

/* -------------------------------------------------------------------------------- what clients ask
 */

/* The subscriber has to do with the hub from now on. */
static void join(struct hub *hub, struct subscriber *subscriber)
{
    if (subscriber->hub == NULL) {
        subscriber->hub = hub;
        TAILQ_INSERT_TAIL(&hub->subscribers, subscriber, link);
    }
}

void hub_subscribe(struct hub *hub, struct subscriber *subscriber, enum topic_kind kind,
                   const char *frame, size_t len, uint32_t count)
{
    struct fr_words words = fr_words_begin(frame, len);
    struct fr_word word;
    join(hub, subscriber);
    fr_words_next(&words, &word);
    while (fr_words_next(&words, &word)) {
        subscription_want(hub, subscriber, kind, word.data, word.len);
    }
    struct ask *ask = make_ask(ASK_SUBSCRIBE, kind, subscriber, "", 0);
    ask->left = count;
    send_ask(hub, ask, frame, len);
}

static void unwant_named(struct subscriber *subscriber, enum topic_kind kind, const char *name,
                         size_t len)
{
    struct topic *topic = topic_find(subscriber->hub, kind, name, len);
    struct subscription *subscription =
        topic == NULL ? NULL : subscription_find(subscriber->hub, topic, subscriber);
    if (subscription != NULL) {
        subscription_unwant(subscription);
    }
}

void hub_unsubscribe(struct subscriber *subscriber, enum topic_kind kind, const char *frame,
                     size_t len)
{
    struct hub *hub = subscriber->hub;
    struct fr_words words = fr_words_begin(frame, len);
    struct fr_word word;
    struct subscription *subscription;
    bool is_named = false;
    fr_words_next(&words, &word);
    while (fr_words_next(&words, &word)) {
        unwant_named(subscriber, kind, word.data, word.len);
        is_named = true;
    }
    TAILQ_FOREACH(subscription, &subscriber->subscriptions, next_own)
    {
        if (!is_named && subscription->key.topic->kind == kind) {
            subscription_unwant(subscription);
        }
    }
    send_ask(hub, make_ask(ASK_FENCE, kind, subscriber, frame, len), ping, sizeof ping - 1);
}

void hub_ping(struct subscriber *subscriber, const char *frame, size_t len)
{
    send_ask(subscriber->hub, make_ask(ASK_PING, TOPIC_CHANNEL, subscriber, "", 0), frame, len);
}

bool hub_leave(struct subscriber *subscriber)
{
    struct subscription *subscription;
    bool had_asked = subscriber->ask != NULL;
    if (had_asked) {
        subscriber->ask->subscriber = NULL;
        subscriber->ask = NULL;
    }
    while ((subscription = TAILQ_FIRST(&subscriber->subscriptions)) != NULL) {
        subscription_end(subscription);
    }
    if (subscriber->hub != NULL) {
        subscriber_settle(subscriber);
    }
    return had_asked;
}

/* ------------------------------------------------------------------------------------ life of hubs
 */

static bool is_unused(const struct hub *hub)
{
    return TAILQ_EMPTY(&hub->subscribers) && STAILQ_EMPTY(&hub->asks);
}

static void free_topics(struct hub *hub)
{
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        struct topic *topic;
        while ((topic = hub->topics[kind]) != NULL) {
            topic_set_held(topic, false); /* without anybody who wants it, that is its end */
        }
    }
}

static void close_hub(struct hub *hub)
{
    HASH_DEL(hub->pool->hubs, hub);
    upstream_destroy(hub->upstream);
    free_topics(hub);
    free(hub);
}

/* Close the hub unused for longest; false when all are in use. */
static bool make_room(struct pool *pool)
{
    struct hub *oldest = NULL;
    for (struct hub *hub = pool->hubs; hub != NULL; hub = hub->hh.next) {
        if (is_unused(hub) && (oldest == NULL || hub->last_used_ms < oldest->last_used_ms)) {
            oldest = hub;
        }
    }
    if (oldest != NULL) {
        close_hub(oldest);
    }
    return oldest != NULL;
}

static struct hub *add_hub(struct pool *pool, const struct identity *identity)
{
    struct hub *hub = memory_zeroed(sizeof *hub);
    struct upstream_route route = {.db = 0, .proto = 3, .identity = identity};
    hub->identity = identity;
    hub->pool = pool;
    hub->sink.ops = &sink_ops;
    hub->last_used_ms = loop_now_ms();
    STAILQ_INIT(&hub->asks);
    TAILQ_INIT(&hub->subscribers);
    hub->upstream = upstream_create(&pool->context, &route, &hub_ops, hub);
    hub->upstream->wants_frames = true; /* messages are fanned out whole */
    HASH_ADD(hh, pool->hubs, identity, sizeof hub->identity, hub);
    return hub;
}

struct hub *hub_get(struct pool *pool, const struct identity *identity, char *error, size_t cap)
{
    struct hub *hub = NULL;
    int64_t most = pool->context.settings->lanes_max;
    HASH_FIND(hh, pool->hubs, &identity, sizeof identity, hub);
    if (hub != NULL) {
        return hub;
    }
    if (HASH_COUNT(pool->hubs) >= (uint64_t)most && !make_room(pool)) {
        snprintf(error, cap,
                 "-POOLWAIT no connection free for the subscriptions of another user (%lld of %lld "
                 "in use, setting \"lanes_max\")\r\n",
                 (long long)most, (long long)most);
        stats_count(&pool->context.stats, errors_poolwait);
        return NULL;
    }
    return add_hub(pool, identity);
}

/* What the server refused to release (it was busy with a script, say) is asked for again. */
static void release_left_over(struct hub *hub)
{
    for (int kind = 0; kind < TOPIC_KINDS && STAILQ_EMPTY(&hub->asks); kind++) {
        for (struct topic *topic = hub->topics[kind]; topic != NULL; topic = topic->hh.next) {
            if (topic->wanted == 0) {
                hub_send_release(hub, topic->kind, topic->name, topic->len);
            }
        }
    }
}

void hubs_close_idle(struct pool *pool)
{
    uint64_t limit = (uint64_t)pool->context.settings->idle_upstream_ms;
    struct hub *hub;
    struct hub *next;
    HASH_ITER(hh, pool->hubs, hub, next)
    {
        release_left_over(hub);
        bool is_old = loop_now_ms() - hub->last_used_ms >= limit;
        if (is_unused(hub) && (is_old || hub->upstream->refusal != NULL)) {
            close_hub(hub);
        }
    }
}

void hubs_visit(const struct pool *pool, void (*visit)(void *arg, const struct upstream *upstream),
                void *arg)
{
    for (const struct hub *hub = pool->hubs; hub != NULL; hub = hub->hh.next) {
        visit(arg, hub->upstream);
    }
}

void hubs_close_all(struct pool *pool)
{
    struct hub *hub;
    struct hub *next;
    HASH_ITER(hh, pool->hubs, hub, next)
    {
        close_hub(hub);
    }
}
