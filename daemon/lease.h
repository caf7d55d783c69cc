/* Leased lanes: a connection lent to one session for as long as its state needs one.
 *
 *   connecting --ready--> lent --given back--> idle --lent again--> lent
 *                          |         |          ^ |
 *                          |         +-> washing+ |
 *                          +--lost, unclean----> closed <--unused too long
 *
 * What the lent connection's own state is, is followed by the replies that come over it:
 *
 *            WATCH +OK            MULTI +OK                 MULTI +OK
 *   PLAIN -------------> WATCHING -----------> QUEUEING <------------- PLAIN
 *     ^    UNWATCH +OK      |                     |
 *     +---------------------+                     |
 *     +------- EXEC: array, null, EXECABORT; DISCARD +OK
 *
 * A connection is clean when every reply owed has come, its state is PLAIN and nothing ran on it
 * that may have changed it otherwise.
 */
#ifndef LEASE_H
#define LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "daemon/pool.h"
#include "daemon/upstream.h"

enum lease_state {
    LEASE_PLAIN,
    LEASE_WATCHING,
    LEASE_QUEUEING
};

/* What a request does to the state of the connection it runs on. */
enum lease_tag {
    TAG_NONE,
    TAG_MULTI,
    TAG_EXEC,
    TAG_DISCARD,
    TAG_WATCH,
    TAG_UNWATCH,
    TAG_PUBSUB,
    TAG_REDIRECT,
    TAG_COUNTED, /* nothing: its reply counts subscribers */
    TAG_OFFSET,
    TAG_TRACKINGINFO,
    TAG_ASKED
};

/* Who has a connection lent. Embedded. */
struct lease_holder {
    const struct reply_sink *sink; /* of its requests */
    /* The connection is gone. What it owed fails after this call. */
    void (*on_lost)(struct lease_holder *holder);
    /* A whole frame has come that may not be a reply. True: it was taken as none. */
    bool (*on_frame)(struct lease_holder *holder, const char *data, size_t len);
    void (*on_tunnel)(struct lease_holder *holder, const char *data, size_t len);
    void (*on_drained)(struct lease_holder *holder);
};

/* Who waits for one. Embedded in the waiting. Route, kind, limit and callbacks are the waiter's to
 * fill in, the rest is lease_acquire's. */
struct lease_waiter {
    TAILQ_ENTRY(lease_waiter) next;
    struct pool *pool;
    struct upstream_route route;
    enum quota_kind kind;
    uint64_t connection; /* rather this one, if it is idle; 0: any of the route */
    int64_t limit_ms;    /* waits no longer than this in all; 0: as long as the settings say */
    const char *late;    /* the line to be refused with then */
    uint64_t since_ms;
    bool is_own_limit;     /* comes first, before what the settings say */
    bool is_queued;        /* for the quota */
    struct lease *pending; /* being connected for this waiter */
    struct event timer;
    /* The wait is over. Neither may begin another wait. */
    void (*on_granted)(struct lease_waiter *waiter, struct lease *lease);
    void (*on_refused)(struct lease_waiter *waiter, const char *error);
};

struct lease {
    TAILQ_ENTRY(lease) next; /* idle and washing ones */
    struct pool *pool;
    struct upstream *upstream;
    enum quota_kind kind;
    enum lease_state state;
    unsigned queued_count; /* requests that wait for EXEC, while QUEUEING */
    bool is_sticky;        /* until the session ends */
    bool is_pinned;        /* is_sticky for more than subscriptions */
    bool is_target; /* the server sends it what concerns others (CLIENT TRACKING, REDIRECT) */
    bool is_dirty;  /* something ran that may have changed the connection */
    bool is_lost;
    struct lease_waiter *waiter; /* while connecting */
    struct lease_holder *holder; /* while lent */
    uint64_t idle_since_ms;      /* or washing */
    bool is_washing;             /* given back; what was left open on it is being ended */
    unsigned washings;           /* requests for that without reply; 0: it will be closed when it */
    const struct reply_sink *former; /* owes replies to this sink alone */
    struct reply_sink washer;
};

/* Get a connection: at once, or NULL and the waiter is told later. Its holder is set by who gets
 * it. */
struct lease *lease_acquire(struct pool *pool, struct lease_waiter *waiter);

/* How many of this kind the settings allow, and by which setting. */
int64_t quota_most(const struct pool *pool, enum quota_kind kind);
extern const char *const quota_settings[QUOTA_KINDS];

/* Whether one of this kind could be had without waiting for others. */
bool lease_has_room(const struct pool *pool, enum quota_kind kind);

/* Give up waiting. */
void lease_forget(struct lease_waiter *waiter);

/* Give it back. Kept for others if it is clean, or when the transaction and the WATCH left on it
 * have been ended; else closed. What it owed may still come to its sinks. NULL is fine. */
void lease_release(struct lease *lease);

/* Have this connection instead of the one it has, which is the caller's to care for from now on. */
void lease_adopt(struct lease *lease, struct upstream *upstream);

/* Close a connection of no use to anybody as soon as it owes nothing any more. Takes it. */
void lease_retire(struct pool *pool, struct upstream *upstream);

/* Close those that nobody has now. Returns how many that were. */
unsigned leases_renew(struct pool *pool);

/* The reply to a request with this tag has come. */
void lease_note_reply(struct lease *lease, enum lease_tag tag, const struct fr_reply *reply);

/* A script may run on the server for long, and then only a connection that stands can end it: have
 * one. It serves who asks for QUOTA_RESCUE. */
void leases_keep_spare(struct pool *pool, const struct identity *identity);

/* Serve who waits, because another worker gave something back. */
void leases_serve_waiters(struct pool *pool);

void leases_close_idle(struct pool *pool);
void leases_close_all(struct pool *pool);

#endif
