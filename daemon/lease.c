/* Connections lent to one session at a time: who gets one, who waits, and what the replies make of
 * it. The pictures are in lease.h, giving back is in lease_return.c. */
#include "daemon/lease_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/mailbox.h"
#include "daemon/memory.h"

static const struct upstream_ops lease_ops;

/* ------------------------------------------------------------------------------------------ quota
 */

int64_t quota_most(const struct pool *pool, enum quota_kind kind)
{
    const struct prefix_settings *settings = pool->context.settings;
    const int64_t most[QUOTA_KINDS] = {[QUOTA_LEASES] = settings->leases,
                                       [QUOTA_BLOCKING] = settings->blocking_max,
                                       [QUOTA_STICKY] = settings->sticky_max,
                                       [QUOTA_LARGE] = settings->large_max,
                                       [QUOTA_RESCUE] = settings->leases};
    return most[kind];
}

const char *const quota_settings[QUOTA_KINDS] = {[QUOTA_LEASES] = "leases",
                                                 [QUOTA_BLOCKING] = "blocking_max",
                                                 [QUOTA_STICKY] = "sticky_max",
                                                 [QUOTA_LARGE] = "large_max",
                                                 [QUOTA_RESCUE] = "leases"};

/* A message that something was given back. */
struct nudge {
    struct mail mail;
    uint64_t prefix; /* its serial */
};

static void on_nudge(struct mail *mail, void *receiver)
{
    struct nudge *nudge = (struct nudge *)mail;
    struct pool *pool = pool_table_find(receiver, nudge->prefix);
    if (pool != NULL) {
        leases_serve_waiters(pool);
    }
    free(nudge);
}

/* Clients of other workers may wait for what was given back. */
static void nudge_others(struct pool *pool, enum quota_kind kind)
{
    struct house *house = pool->prefix->house;
    if (house->worker_count == 1 || atomic_load(&pool->prefix->quotas[kind].waiting) == 0) {
        return;
    }
    for (int i = 0; i < house->worker_count; i++) {
        if (i != pool->worker) {
            struct nudge *nudge = memory_alloc(sizeof *nudge);
            *nudge = (struct nudge){.mail.run = on_nudge, .prefix = pool->prefix->serial};
            mailbox_post(&house->mailboxes[i], &nudge->mail);
        }
    }
}

void lease_give_back_quota(struct pool *pool, enum quota_kind kind)
{
    quota_give(&pool->prefix->quotas[kind]);
    nudge_others(pool, kind);
    leases_serve_waiters(pool);
}

bool lease_has_room(const struct pool *pool, enum quota_kind kind)
{
    return atomic_load(&pool->prefix->quotas[kind].used) < quota_most(pool, kind) &&
           TAILQ_EMPTY(&pool->waiters[kind]);
}

/* ------------------------------------------------------------------------------ making and closing
 */

struct lease *lease_make(struct pool *pool, const struct upstream_route *route)
{
    struct lease *lease = memory_zeroed(sizeof *lease);
    lease->pool = pool;
    lease->upstream = upstream_create(&pool->context, route, &lease_ops, lease);
    return lease;
}

void lease_adopt(struct lease *lease, struct upstream *upstream)
{
    lease->upstream = upstream;
    upstream->ops = &lease_ops;
    upstream->owner = lease;
    upstream->reconnects = false;
}

/* ---------------------------------------------------------------------------------------- waiting
 */

/* What is left of the waiter's own limit. */
static int64_t left_of_limit(const struct lease_waiter *waiter)
{
    int64_t waited = (int64_t)(loop_now_ms() - waiter->since_ms);
    return waiter->limit_ms == 0 ? INT64_MAX : waiter->limit_ms - waited;
}

/* Which of the two limits it will be is noted now: a timer may come early by as long as the turn
 * took that set it, so the clock cannot tell. */
static void set_deadline(struct lease_waiter *waiter, int64_t ms)
{
    int64_t left = left_of_limit(waiter);
    waiter->is_own_limit = left <= ms;
    ms = ms < left ? ms : left < 0 ? 0 : left;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
    event_add(&waiter->timer, &after);
}

static void stop_waiting(struct lease_waiter *waiter)
{
    event_del(&waiter->timer);
    if (waiter->is_queued) {
        TAILQ_REMOVE(&waiter->pool->waiters[waiter->kind], waiter, next);
        atomic_fetch_sub(&waiter->pool->prefix->quotas[waiter->kind].waiting, 1);
        waiter->is_queued = false;
    }
    waiter->pool = NULL;
}

static uint32_t waited_us(const struct lease_waiter *waiter)
{
    uint64_t ms = loop_now_ms() - waiter->since_ms;
    return ms < UINT32_MAX / 1000 ? (uint32_t)ms * 1000 : UINT32_MAX;
}

/* The connection is the waiter's now. */
static struct lease *lend(struct lease_waiter *waiter, struct lease *lease)
{
    stats_count(&lease->pool->context.stats, leases_granted);
    waits_note(&lease->pool->context.waits, lease, waited_us(waiter), 1);
    lease->waiter = NULL;
    lease->kind = waiter->kind;
    lease->is_sticky = waiter->kind == QUOTA_STICKY;
    lease->is_pinned = false;
    lease->upstream->reconnects = false; /* its state would be lost with it */
    waiter->pending = NULL;
    stop_waiting(waiter);
    return lease;
}

static void grant(struct lease_waiter *waiter, struct lease *lease)
{
    waiter->on_granted(waiter, lend(waiter, lease));
}

static void refuse(struct lease_waiter *waiter, const char *error)
{
    struct pool *pool = waiter->pool;
    struct lease *pending = waiter->pending;
    enum quota_kind kind = waiter->kind;
    waiter->pending = NULL;
    stop_waiting(waiter);
    waiter->on_refused(waiter, error);
    if (pending != NULL) {
        pending->waiter = NULL;
        lease_close(pending);
        lease_give_back_quota(pool, kind);
    }
}

static void quota_error(const struct lease_waiter *waiter, char *error, size_t cap)
{
    int64_t most = quota_most(waiter->pool, waiter->kind);
    snprintf(error, cap,
             "-POOLWAIT no connection free within %lld ms (%s %lld of %lld, setting \"%s\")\r\n",
             (long long)waiter->pool->context.settings->lease_wait_ms, quota_settings[waiter->kind],
             (long long)atomic_load(&waiter->pool->prefix->quotas[waiter->kind].used),
             (long long)most, quota_settings[waiter->kind]);
}

/* The server takes no more connections, though it serves the ones it has. */
static void full_error(const struct lease_waiter *waiter, char *error, size_t cap)
{
    snprintf(error, cap, "-POOLWAIT no connection free within %lld ms (%s)\r\n",
             (long long)waiter->pool->context.settings->upstream_wait_ms,
             waiter->pending->upstream->reason);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct lease_waiter *waiter = arg;
    struct stats *stats = &waiter->pool->context.stats;
    char error[480];
    (void)fd, (void)what;
    if (waiter->is_own_limit) {
        refuse(waiter, waiter->late);
        return;
    }
    if (waiter->pending == NULL) {
        stats_count(stats, errors_poolwait);
        quota_error(waiter, error, sizeof error);
    } else if (waiter->pending->upstream->is_server_full) {
        stats_count(stats, errors_poolwait);
        full_error(waiter, error, sizeof error);
    } else {
        stats_count(stats, errors_pooldown);
        upstream_down_error(waiter->pending->upstream, error, sizeof error);
    }
    refuse(waiter, error);
}

/* Try to serve one waiter: lend an idle connection, or begin to make one. False: the quota is used
 * up. */
static struct lease *try_serve(struct lease_waiter *waiter)
{
    struct pool *pool = waiter->pool;
    if (!quota_take(&pool->prefix->quotas[waiter->kind], quota_most(pool, waiter->kind))) {
        return NULL;
    }
    struct lease *lease = lease_take_idle(pool, waiter);
    if (lease == NULL) {
        lease = lease_make(pool, &waiter->route);
        lease->kind = waiter->kind;
        lease->waiter = waiter;
        waiter->pending = lease;
    }
    return lease;
}

static void begin_connecting(struct lease_waiter *waiter)
{
    set_deadline(waiter, waiter->pool->context.settings->upstream_wait_ms);
    upstream_connect(waiter->pending->upstream);
}

struct lease *lease_acquire(struct pool *pool, struct lease_waiter *waiter)
{
    waiter->pool = pool;
    waiter->since_ms = loop_now_ms();
    waiter->is_queued = false;
    waiter->pending = NULL;
    event_assign(&waiter->timer, pool->context.loop->base, -1, 0, on_deadline, waiter);
    struct lease *lease = TAILQ_EMPTY(&pool->waiters[waiter->kind]) ? try_serve(waiter) : NULL;
    if (lease == NULL) {
        stats_count(&pool->context.stats, leases_queued);
        TAILQ_INSERT_TAIL(&pool->waiters[waiter->kind], waiter, next);
        atomic_fetch_add(&pool->prefix->quotas[waiter->kind].waiting, 1);
        waiter->is_queued = true;
        set_deadline(waiter, pool->context.settings->lease_wait_ms);
        /* given back by another worker before we stood in the queue? */
        leases_serve_waiters(pool);
        return NULL;
    }
    if (waiter->pending != NULL) {
        begin_connecting(waiter);
        return NULL;
    }
    return lend(waiter, lease);
}

void leases_serve_waiters(struct pool *pool)
{
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        struct lease_waiter *waiter;
        while ((waiter = TAILQ_FIRST(&pool->waiters[kind])) != NULL) {
            struct lease *lease = try_serve(waiter);
            if (lease == NULL) {
                break;
            }
            TAILQ_REMOVE(&pool->waiters[kind], waiter, next);
            atomic_fetch_sub(&pool->prefix->quotas[kind].waiting, 1);
            waiter->is_queued = false;
            if (waiter->pending != NULL) {
                begin_connecting(waiter);
            } else {
                grant(waiter, lease);
            }
        }
    }
}

void lease_forget(struct lease_waiter *waiter)
{
    struct pool *pool = waiter->pool;
    struct lease *pending = waiter->pending;
    if (pool == NULL) {
        return;
    }
    waiter->pending = NULL;
    stop_waiting(waiter);
    if (pending != NULL) {
        pending->waiter = NULL;
        enum quota_kind kind = pending->kind;
        lease_close(pending);
        lease_give_back_quota(pool, kind);
    }
}

/* ------------------------------------------------------------------------------------------ state
 */

static enum lease_state after_exec(const struct lease *lease, const struct fr_reply *reply)
{
    bool has_ended = FR_REPLY_BEGINS(reply, "*") || FR_REPLY_BEGINS(reply, "_") ||
                     FR_REPLY_BEGINS(reply, "-EXECABORT");
    /* without MULTI it is an error, and watched keys stay watched */
    return lease->state == LEASE_QUEUEING && has_ended ? LEASE_PLAIN : lease->state;
}

void lease_note_reply(struct lease *lease, enum lease_tag tag, const struct fr_reply *reply)
{
    bool is_ok = FR_REPLY_BEGINS(reply, "+OK\r\n");
    if (tag == TAG_EXEC) {
        lease->state = after_exec(lease, reply);
    } else if (is_ok && tag == TAG_MULTI) {
        lease->state = LEASE_QUEUEING;
        lease->queued_count = 0;
    } else if (is_ok && tag == TAG_WATCH) {
        lease->state = LEASE_WATCHING;
    } else if (is_ok && (tag == TAG_DISCARD || tag == TAG_UNWATCH)) {
        lease->state = LEASE_PLAIN;
    } else if (FR_REPLY_BEGINS(reply, "+QUEUED\r\n")) {
        lease->queued_count++;
    }
    lease->upstream->is_queueing = lease->state == LEASE_QUEUEING;
}

/* ------------------------------------------------------------------------------ upstream's
 * callbacks */

static void on_ready(struct upstream *upstream)
{
    struct lease *lease = upstream->owner;
    if (lease->waiter != NULL) {
        grant(lease->waiter, lease);
    }
}

static void on_down(struct upstream *upstream)
{
    struct lease *lease = upstream->owner;
    char error[480];
    if (lease->waiter != NULL) {
        if (upstream->refusal != NULL) { /* else it tries again until the waiter's deadline */
            stats_count(&upstream->context->stats, errors_pooldown);
            upstream_down_error(upstream, error, sizeof error);
            refuse(lease->waiter, error);
        }
    } else if (lease->holder != NULL) {
        lease->is_lost = true;
        lease->holder->on_lost(lease->holder);
    } else {
        lease_lost_unlent(lease);
    }
}

static bool on_frame(struct upstream *upstream, const char *data, size_t len)
{
    struct lease *lease = upstream->owner;
    return lease->holder != NULL && lease->is_sticky &&
           lease->holder->on_frame(lease->holder, data, len);
}

static void on_tunnel(struct upstream *upstream, const char *data, size_t len)
{
    struct lease *lease = upstream->owner;
    lease->holder->on_tunnel(lease->holder, data, len);
}

static void on_drained(struct upstream *upstream)
{
    struct lease *lease = upstream->owner;
    if (lease->holder != NULL) {
        lease->holder->on_drained(lease->holder);
    }
}

static const struct upstream_ops lease_ops = {.on_ready = on_ready,
                                              .on_down = on_down,
                                              .on_frame = on_frame,
                                              .on_tunnel = on_tunnel,
                                              .on_drained = on_drained};
