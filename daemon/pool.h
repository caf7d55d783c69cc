/* The connections of one prefix in one worker: its shared lanes and its leases. What several
 * workers must agree on is in struct prefix. */
#ifndef POOL_H
#define POOL_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "common/command.h"
#include "daemon/audience.h"
#include "daemon/identity.h"
#include "daemon/quota.h"
#include "daemon/settings.h"
#include "daemon/upstream.h"
#include "daemon/vocabulary.h"

struct hub;
struct lane;
struct lease;
struct lease_waiter;
struct mailbox;
struct session;

/* What the whole daemon shares, made before the first worker. */
struct house {
    _Atomic int64_t clients; /* connections accepted and not ended */
    _Atomic int64_t clients_max;
    _Atomic int64_t memory_used; /* bytes waiting for clients that read slowly */
    _Atomic int64_t memory_max;
    _Atomic uint64_t next_id;  /* of client connections; from 2^32 up, never used again */
    struct mailbox *mailboxes; /* one for each worker */
    int worker_count;
    _Atomic int draining; /* workers that take nobody in any more */
};

/* What the workers of one prefix share. */
struct prefix {
    struct house *house;
    int index; /* among the prefixes */
    struct quota quotas[QUOTA_KINDS];
    struct audience audience;
};

TAILQ_HEAD(lease_list, lease);
TAILQ_HEAD(lease_waiter_list, lease_waiter);
TAILQ_HEAD(session_list, session);

struct pool {
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
    struct session_list sessions;
    struct event tick;
};

void pool_init(struct pool *pool, struct loop *loop, struct prefix *prefix, int worker,
               const struct prefix_settings *settings, void (*on_tick)(struct pool *pool));

/* Close all connections. No session may be left. */
void pool_finish(struct pool *pool);

/* Use other settings from now on; the old ones are not looked at any more. */
void pool_use_settings(struct pool *pool, const struct prefix_settings *settings);

#endif
