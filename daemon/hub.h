/* The hub: one connection to the server that holds the subscriptions of all clients of a prefix, in
 * each worker, for each user. Messages are fanned out here.
 *
 *   subscriber --SUBSCRIBE a----> asks, in order --------------> server
 *   subscriber <--acknowledgement-- oldest ask <-- "subscribe a" --+
 *        ^                                                        |
 *        +--- holders of the topic "a" <-- "message a ..." -------+
 *
 * What the clients are promised by a server holds here too:
 *
 *   Every SUBSCRIBE is sent, also when the hub holds the channel, and is acknowledged when the
 *   server's acknowledgement has come: nothing published before reaches the subscriber, which an
 *   answer from here could not keep away, since such a message may be on its way.
 *
 *   An unsubscription is a PING on the hub, behind an UNSUBSCRIBE of what nobody else wants. Until
 *   its answer comes the subscriber is one: nothing published before is lost to it.
 *
 * A topic is wanted by subscribers who hold it or have asked for it and not yet against it; it is
 * held as far as the server is concerned from its acknowledgement on. What is held and not wanted
 * is released. The two may differ for a moment: when an acknowledgement comes for what nobody wants
 * any more, it is released then.
 *
 *           wanted, not held --ack--> wanted and held --last one leaves--> held only --ack--> gone
 *
 * The hub speaks RESP3, where all that is not a reply is a push.
 */
#ifndef HUB_H
#define HUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/audience.h"
#include "daemon/pool.h"

struct ask;
struct evbuffer;
struct hub;
struct shared_bytes;
struct subscriber;
struct subscription;

/* A message on its way to its subscribers. */
struct hub_message {
    const char *data; /* behind the type byte '>' */
    size_t len;
    struct shared_bytes *shared; /* a copy for all of them, made when it is worth it */
    bool is_for_many;
};

/* Put all of it but the type byte into a buffer. */
void hub_message_add(struct hub_message *message, struct evbuffer *to);

/* One name has been subscribed to, or not any more. */
struct hub_ack {
    enum topic_kind kind;
    bool is_subscribed;
    const char *name; /* NULL: there was nothing to unsubscribe from */
    size_t len;
    int64_t count; /* subscriptions of the subscriber left, as the server counts them */
};

struct subscriber_ops {
    void (*on_message)(struct subscriber *subscriber, struct hub_message *message);
    void (*on_ack)(struct subscriber *subscriber, const struct hub_ack *ack);
    /* The request is done. The acknowledgements were the answer; or reply is it: the server's to
     * PING, or an error. is_failure: one of the daemon's. */
    void (*on_done)(struct subscriber *subscriber, const char *reply, size_t len, bool is_failure);
    /* Messages may be missing from now on. It must leave. */
    void (*on_lost)(struct subscriber *subscriber);
};

TAILQ_HEAD(subscription_list, subscription);

/* Somebody with subscriptions. Embedded; all zero but for ops: one without. */
struct subscriber {
    const struct subscriber_ops *ops;
    struct hub *hub; /* while there is a subscription or a request; NULL: none */
    TAILQ_ENTRY(subscriber) link;
    struct subscription_list subscriptions;
    struct ask *ask; /* the request under way; one at a time */
    int64_t counts[TOPIC_KINDS];
};

void subscriber_init(struct subscriber *subscriber, const struct subscriber_ops *ops);

/* The hub of this user, made if there is none. NULL: it cannot be had now; error holds the line to
 * answer. */
struct hub *hub_get(struct pool *pool, const struct identity *identity, char *error, size_t cap);

/* Whether the hub takes requests now. False: error holds the line to answer. */
bool hub_accepts(const struct hub *hub, char *error, size_t cap);

/* The server's version, 702 for 7.2; 0 when not known. */
int hub_server_version(const struct hub *hub);

/* Send a request as its client wrote it, which is (P|S)SUBSCRIBE with count names. The subscriber
 * has no request under way, and no other hub. */
void hub_subscribe(struct hub *hub, struct subscriber *subscriber, enum topic_kind kind,
                   const char *frame, size_t len, uint32_t count);

/* Unsubscribe from the names of this request, or from all of the kind when it has none. The
 * subscriber has a hub and no request under way. */
void hub_unsubscribe(struct subscriber *subscriber, enum topic_kind kind, const char *frame,
                     size_t len);

/* Send a PING on the hub; its reply comes behind the messages sent before it. The same holds. */
void hub_ping(struct subscriber *subscriber, const char *frame, size_t len);

/* Give up all subscriptions at once. Returns whether a request was under way, which is not answered
 * any more. */
bool hub_leave(struct subscriber *subscriber);

/* Close hubs unused for "idle_upstream_ms", and release what was left over. */
void hubs_close_idle(struct pool *pool);

/* Show the connection of each hub of the pool. */
void hubs_visit(const struct pool *pool, void (*visit)(void *arg, const struct upstream *upstream),
                void *arg);

/* Nobody may be subscribed. */
void hubs_close_all(struct pool *pool);

#endif
