/* What the files of the hub share among themselves. Nobody else includes this. */
#ifndef HUB_PARTS_H
#define HUB_PARTS_H

#include <uthash.h>

#include "daemon/hub.h"

/* A channel, pattern or shard channel. */
struct topic {
    UT_hash_handle hh;
    struct hub *hub;
    enum topic_kind kind;
    struct subscription_list holders;
    int64_t holder_count;
    int64_t wanted;  /* subscribers who want it */
    bool is_held;    /* by the hub, for the server */
    int64_t surplus; /* what the prefix' audience has been told of */
    size_t len;
    char name[];
};

struct subscription_key {
    struct topic *topic;
    struct subscriber *subscriber;
};

/* Of one subscriber to one topic. */
struct subscription {
    UT_hash_handle hh;
    struct subscription_key key;
    TAILQ_ENTRY(subscription) next_holder;
    TAILQ_ENTRY(subscription) next_own; /* of the subscriber */
    bool is_wanted;
    bool is_held; /* messages are for it */
};

enum ask_kind {
    ASK_SUBSCRIBE,
    ASK_RELEASE, /* UNSUBSCRIBE of one name nobody wants */
    ASK_FENCE,   /* PING: what was published before the unsubscription has come */
    ASK_PING
};

/* A request on the hub's connection, in the order of its slots. */
struct ask {
    STAILQ_ENTRY(ask) next;
    enum ask_kind kind;
    enum topic_kind topic_kind;
    struct subscriber *subscriber; /* NULL: the hub itself, or one that has left */
    uint32_t left;                 /* acknowledgements to come */
    size_t len;
    char text[]; /* RELEASE: the name; FENCE: the request with the names */
};

STAILQ_HEAD(ask_list, ask);
TAILQ_HEAD(subscriber_list, subscriber);

struct hub {
    UT_hash_handle hh;
    const struct identity *identity;
    struct pool *pool;
    struct upstream *upstream;
    struct reply_sink sink;
    struct ask_list asks;
    struct subscriber_list subscribers;
    struct topic *topics[TOPIC_KINDS];
    struct subscription *subscriptions; /* hash by key */
    uint64_t last_used_ms;
};

/* hub.c: send what the hub itself asks for. */
void hub_send_release(struct hub *hub, enum topic_kind kind, const char *name, size_t len);

/* hub_topics.c */
struct topic *topic_find(const struct hub *hub, enum topic_kind kind, const char *name, size_t len);

/* hub_topics.c: the server says that the hub has it, or has it not. A topic that nobody has any use
 * for is freed. */
void topic_set_held(struct topic *topic, bool is_held);

/* hub_topics.c: the server has taken it away. Its holders are told. */
void topic_withdraw(struct topic *topic);

/* hub_topics.c: free it when nobody has any use for it. */
void topic_settle(struct topic *topic);

/* hub_topics.c: the subscriber wants it from now on, or not any more, but holds it still. */
void subscription_want(struct hub *hub, struct subscriber *subscriber, enum topic_kind kind,
                       const char *name, size_t len);
void subscription_unwant(struct subscription *subscription);

/* hub_topics.c: it is acknowledged: messages are for it, and the subscriber is told. */
void subscription_begin(struct subscription *subscription);

/* hub_topics.c: free it. */
void subscription_end(struct subscription *subscription);

struct subscription *subscription_find(const struct hub *hub, struct topic *topic,
                                       struct subscriber *subscriber);

/* hub_topics.c: the subscriber has gone from this name, or had it not; it is told. */
void subscriber_drop(struct subscriber *subscriber, enum topic_kind kind, const char *name,
                     size_t len);

/* hub_topics.c: the subscriber has no more to do with the hub if it has nothing there. */
void subscriber_settle(struct subscriber *subscriber);

/* hub_frames.c: a push has come. False: it is none that the hub could have asked for. */
bool hub_take_push(struct hub *hub, const char *data, size_t len);

/* hub.c: the oldest ask is answered by acknowledgements. */
void hub_finish_acked(struct hub *hub);

/* hub.c: whether the oldest request without answer is the hub's own oldest ask. */
bool hub_is_next(const struct hub *hub);

#endif
