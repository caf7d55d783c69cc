/* The shared connections of a pool. See lane.h. */
#include "daemon/lane.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/lease.h"
#include "daemon/memory.h"

/* Tell all who wait on a list. */
static void settle(struct lane_waiter_list *list)
{
    struct lane_waiter *waiter;
    while ((waiter = TAILQ_FIRST(list)) != NULL) {
        lane_forget(waiter);
        waiter->on_settled(waiter);
    }
}

static void on_ready(struct upstream *upstream)
{
    struct lane *lane = upstream->owner;
    settle(&lane->waiters);
}

static void on_down(struct upstream *upstream)
{
    struct lane *lane = upstream->owner;
    if (upstream->refusal != NULL) {
        settle(&lane->waiters);
    }
    settle(&lane->stuffed);
}

static void on_drained(struct upstream *upstream)
{
    struct lane *lane = upstream->owner;
    settle(&lane->stuffed);
}

static const struct upstream_ops lane_ops = {
    .on_ready = on_ready, .on_down = on_down, .on_drained = on_drained};

static void close_lane(struct lane *lane)
{
    HASH_DEL(lane->pool->lanes, lane);
    upstream_destroy(lane->upstream);
    free(lane);
}

static bool is_unused(const struct lane *lane)
{
    return lane->attached == 0 && lane->upstream->requests.count == 0 &&
           TAILQ_EMPTY(&lane->waiters) && TAILQ_EMPTY(&lane->stuffed);
}

/* Close the lane unused for longest; false when all are in use. */
static bool make_room(struct pool *pool)
{
    struct lane *oldest = NULL;
    for (struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        if (is_unused(lane) && (oldest == NULL || lane->last_used_ms < oldest->last_used_ms)) {
            oldest = lane;
        }
    }
    if (oldest != NULL) {
        close_lane(oldest);
    }
    return oldest != NULL;
}

static struct lane *add_lane(struct pool *pool, const struct upstream_route *route)
{
    struct lane *lane = memory_zeroed(sizeof *lane);
    lane->key = *route;
    lane->pool = pool;
    lane->last_used_ms = loop_now_ms();
    TAILQ_INIT(&lane->waiters);
    TAILQ_INIT(&lane->stuffed);
    lane->upstream = upstream_create(&pool->context, route, &lane_ops, lane);
    HASH_ADD(hh, pool->lanes, key, sizeof lane->key, lane);
    return lane;
}

struct lane *lane_find(struct pool *pool, const struct upstream_route *route)
{
    struct lane *lane = NULL;
    HASH_FIND(hh, pool->lanes, route, sizeof *route, lane);
    return lane;
}

struct lane *lane_get(struct pool *pool, const struct upstream_route *route, char *error,
                      size_t cap)
{
    struct lane *lane = lane_find(pool, route);
    if (lane != NULL) {
        return lane;
    }
    int64_t most = pool->context.settings->lanes_max;
    if (HASH_COUNT(pool->lanes) >= (uint64_t)most && !make_room(pool)) {
        snprintf(error, cap,
                 "-POOLWAIT no shared connection free for another database, user or protocol "
                 "(%lld of %lld in use, setting \"lanes_max\")\r\n",
                 (long long)most, (long long)most);
        stats_count(&pool->context.stats, errors_poolwait);
        return NULL;
    }
    return add_lane(pool, route);
}

struct lane *lane_of_connection(struct pool *pool, uint64_t connection)
{
    for (struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        if (connection != 0 && lane->upstream->connection == connection) {
            return lane;
        }
    }
    return NULL;
}

void lane_trade(struct lane *lane, struct lease *lease)
{
    struct upstream *given = lane->upstream;
    lane->upstream = lease->upstream;
    lane->upstream->ops = &lane_ops;
    lane->upstream->owner = lane;
    lane->upstream->reconnects = true;
    lease_adopt(lease, given);
    settle(&lane->stuffed);
}

unsigned lanes_renew(struct pool *pool)
{
    unsigned count = 0;
    for (struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        struct upstream *old = lane->upstream;
        if (!upstream_is_ready(old)) {
            upstream_hurry(old);
            continue;
        }
        lane->upstream = upstream_create(&pool->context, &lane->key, &lane_ops, lane);
        upstream_connect(lane->upstream);
        lease_retire(pool, old);
        settle(&lane->stuffed);
        count++;
    }
    return count;
}

void lane_attach(struct lane *lane)
{
    lane->attached++;
}

void lane_detach(struct lane *lane)
{
    lane->attached--;
    lane->last_used_ms = loop_now_ms();
}

static void wait_on(struct lane_waiter_list *list, struct lane_waiter *waiter)
{
    waiter->list = list;
    TAILQ_INSERT_TAIL(list, waiter, next);
}

void lane_wait_ready(struct lane *lane, struct lane_waiter *waiter)
{
    wait_on(&lane->waiters, waiter);
    upstream_connect(lane->upstream);
    if (lane->attached == 0 && lane->upstream->refusal != NULL) {
        upstream_hurry(lane->upstream); /* refused before: whoever asks again wants to know */
    }
}

void lane_wait_room(struct lane *lane, struct lane_waiter *waiter)
{
    wait_on(&lane->stuffed, waiter);
}

void lane_forget(struct lane_waiter *waiter)
{
    if (waiter->list != NULL) {
        TAILQ_REMOVE(waiter->list, waiter, next);
        waiter->list = NULL;
    }
}

void lanes_close_idle(struct pool *pool)
{
    uint64_t now = loop_now_ms();
    struct lane *lane;
    struct lane *next;
    HASH_ITER(hh, pool->lanes, lane, next)
    {
        bool is_old =
            now - lane->last_used_ms >= (uint64_t)pool->context.settings->idle_upstream_ms;
        /* a refused one is not tried again and again for nobody */
        if (is_unused(lane) && (is_old || lane->upstream->refusal != NULL)) {
            close_lane(lane);
        }
    }
}

void lanes_close_all(struct pool *pool)
{
    struct lane *lane;
    struct lane *next;
    HASH_ITER(hh, pool->lanes, lane, next)
    {
        close_lane(lane);
    }
}
