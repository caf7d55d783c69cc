/* The connections of one prefix in one worker: its shared lanes and its leases. What several
 * workers must agree on is in struct prefix.
 *
 *             pool_init                    sessions_leave                       none is left
 *   (nothing) ---------> serving, settings ---------------> is_leaving: ends ----------------->
 * freed may change        no longer served  what was begun
 *
 * A prefix whose URL changes is another one from then on: a new pool takes the place of the old,
 * and its clients. */
#ifndef POOL_H
#define POOL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>
#include <uthash.h>

#include "common/command.h"
#include "daemon/audience.h"
#include "daemon/identity.h"
#include "daemon/quota.h"
#include "daemon/ring_limits.h"
#include "daemon/settings.h"
#include "daemon/upstream.h"
#include "daemon/vocabulary.h"

struct hub;
struct lane;
struct lease;
struct lease_waiter;
struct mail;
struct mailbox;
struct session;

/* What the whole daemon shares, made before the first worker. */
struct house {
    _Atomic int64_t clients; /* connections accepted and not ended */
    _Atomic int64_t clients_max;
    _Atomic int64_t memory_used; /* bytes waiting for clients that read slowly */
    _Atomic int64_t memory_max;
    struct ring_limits rings;
    _Atomic uint64_t next_id;  /* of client connections; from 2^32 up, never used again */
    struct mailbox *mailboxes; /* one for each worker */
    struct mailbox *main;      /* of the main thread */
    void (*on_pool_request)(struct mail *mail, void *receiver); /* there */
    int worker_count;
    _Atomic int draining; /* workers that take nobody in any more */
};

/* What an administrator has ordered for a prefix, see pause.h. */
enum prefix_hold {
    HOLD_PAUSED = 1,   /* commands wait */
    HOLD_DISABLED = 2, /* no new client is let in */
    HOLD_DRAINING = 4  /* and those there are leave */
};

/* What the workers of one prefix share. Freed by the last who refers to it. */
struct prefix {
    struct house *house;
    uint64_t serial;   /* by which mails find its pools; never used again */
    bool is_lobby;     /* of the main socket, which has no server: its clients are to ask for one */
    _Atomic int users; /* its pools, and the main thread while it serves */
    _Atomic int64_t clients; /* sessions, and those that have been promised a place */
    _Atomic unsigned holds;  /* enum prefix_hold; changed by the main thread, and by the
                                workers once no pool of it is served any more */
    _Atomic uint64_t paused_since_ms;
    struct quota quotas[QUOTA_KINDS];
    struct quota rings; /* clients that use shared memory */
    struct audience audience;
};

TAILQ_HEAD(lease_list, lease);
TAILQ_HEAD(lease_waiter_list, lease_waiter);
TAILQ_HEAD(session_list, session);

/* A worker's pools: the receiver of all mails to it. */
struct pool_table {
    struct house *house;
    struct pool *pools; /* hash by serial */
};

struct pool {
    UT_hash_handle hh; /* of the table */
    struct upstream_context context;
    struct prefix *prefix;
    int worker;                    /* number of the worker it belongs to */
    struct lane *lanes;            /* hash by route */
    struct hub *hubs;              /* hash by identity */
    struct lease_list idle_leases; /* longest idle first */
    int64_t idle_lease_count;
    struct lease_list washing_leases; /* given back, being cleaned; longest first */
    struct lease *spare; /* idle, for SCRIPT KILL alone; NULL: no script has run of late */
    uint64_t spare_wanted_ms;
    struct lease_waiter_list waiters[QUOTA_KINDS];
    struct vocabulary vocabulary;
    struct identity *identities;
    bool is_denied[FR_CMD_COUNT];       /* by table and settings */
    void (*on_tick)(struct pool *pool); /* once a second, for the floor above */
    struct reply_sink unblocker;        /* of CLIENT UNBLOCK for clients that have to leave */
    bool cannot_unblock;                /* the server does not let us */
    struct session_list sessions;
    uint64_t session_count; /* with those that have ended and wait for what they are owed */
    uint64_t layout;        /* number of the worker's last layout that had it */
    bool is_leaving;        /* nobody is taken in any more */
    struct pool *successor; /* while leaving: where its clients go on; NULL: they are closed */
    uint64_t leave_by_ms;   /* what is left then is closed */
    struct event tick;
    struct loop_task bury;
};

/* Make what workers of a prefix share; the caller refers to it. */
struct prefix *prefix_create(struct house *house);
struct prefix *prefix_hold(struct prefix *prefix);

/* From any thread. NULL is fine. */
void prefix_release(struct prefix *prefix);

static inline bool prefix_is(const struct prefix *prefix, enum prefix_hold hold)
{
    return atomic_load_explicit(&prefix->holds, memory_order_relaxed) & hold;
}

/* The pool of this serial, or NULL: it is not there any more. */
struct pool *pool_table_find(const struct pool_table *table, uint64_t serial);

/* Make a pool on the caller's memory. Prefix and settings must last as long. */
void pool_init(struct pool *pool, struct loop *loop, struct prefix *prefix, int worker,
               const struct prefix_settings *settings, void (*on_tick)(struct pool *pool));

/* Close all connections. No session may be left. */
void pool_finish(struct pool *pool);

/* The same for one in the table, which refers to prefix and settings itself, and is freed when the
 * turn ends. */
struct pool *pool_create(struct pool_table *table, struct loop *loop, struct prefix *prefix,
                         int worker, const struct prefix_settings *settings,
                         void (*on_tick)(struct pool *pool));
void pool_destroy(struct pool_table *table, struct pool *pool);

/* Do what is done once a second, now that there is something to be done. */
void pool_tick_soon(struct pool *pool);

/* Have one in the table use other settings of the same server from now on; the old ones are not
 * referred to any more. */
void pool_use_settings(struct pool *pool, const struct prefix_settings *settings);

#endif
