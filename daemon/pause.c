/* Holding a prefix' commands back. See pause.h. */
#include "daemon/pause.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What has been removed cannot be resumed by anybody. */
static bool is_paused(const struct pool *pool)
{
    bool is_removed = pool->is_leaving && pool->successor == NULL;
    return prefix_is(pool->prefix, HOLD_PAUSED) && !is_removed;
}

bool pause_concerns(const struct session *session)
{
    return is_paused(session->pool) && session->lease == NULL && session->stream == STREAM_NONE &&
           session->refusal == NULL;
}

static bool is_over(const struct pool *pool)
{
    int64_t limit = pool->context.settings->pause_ms;
    uint64_t since = atomic_load(&pool->prefix->paused_since_ms);
    return limit > 0 && loop_now_ms() >= since + (uint64_t)limit;
}

enum routed pause_route(struct session *session, const struct call *call)
{
    char error[256];
    if (!is_over(session->pool)) {
        session_stop(session, STOP_PAUSE);
        return ROUTE_LATER;
    }
    snprintf(error, sizeof error,
             "-POOLDOWN prefix %s is paused, for more than %lld ms (setting \"pause_ms\"); not "
             "sent\r\n",
             session->pool->context.settings->name,
             (long long)session->pool->context.settings->pause_ms);
    enum routed routed = router_answer_instead(session, call, error);
    if (routed == ROUTED) {
        stats_count(&session->pool->context.stats, errors_pooldown);
    }
    return routed;
}

static void wake(struct pool *pool)
{
    struct session *session;
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        session_resume(session, STOP_PAUSE);
    }
}

void pause_release(struct pool *pool)
{
    if (pool->is_leaving) { /* the order has reached the prefix in its place alone */
        atomic_fetch_and(&pool->prefix->holds, ~(unsigned)HOLD_PAUSED);
    }
    wake(pool);
}

void pause_check(struct pool *pool)
{
    if (prefix_is(pool->prefix, HOLD_PAUSED) && is_over(pool)) {
        wake(pool);
    }
}

uint64_t pause_under_way(const struct pool *pool)
{
    const struct session *session;
    uint64_t count = 0;
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        bool is_open = session->lease != NULL && session->lease->state != LEASE_PLAIN;
        count += session->is_blocking ? 0 : session->outstanding + is_open;
    }
    return count;
}

unsigned pool_reconnect(struct pool *pool)
{
    struct session *session;
    unsigned count = lanes_renew(pool) + leases_renew(pool);
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        if (session->lease != NULL && !session->lease->is_dirty) {
            session->lease->is_dirty = true; /* so it is closed when it is given back */
            count++;
        }
    }
    return count;
}
