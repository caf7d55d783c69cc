/* Giving connections back. A clean one is kept for the next who needs one. What a client left open
 * on it is ended first, since a new connection costs the server more than two short commands:
 *
 *                +-- clean ------------------------------------------> idle --> lent, closed
 *   given back --+-- replies owed, MULTI, WATCH --> washing --> clean --^
 *                |                                     |
 *                +-- anything else --> closed <--------+-- not within WASHING_MS, lost
 *
 * Washing is DISCARD, if a transaction may be open, and UNWATCH behind all that is owed. UNWATCH is
 * answered +OK only outside of MULTI, and then nothing is watched: its reply proves that the
 * connection is as new (multi.c, 7.0). The quota is given back when the washing is over.
 *
 * A connection that was a shared one before (lane_trade) may owe replies to others. They are not
 * made to suffer: it is closed when they have got them, which may take longer than a washing. */
#include "daemon/lease_parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/container.h"
#include "daemon/memory.h"

#define WASHING_MS 1000

void lease_close(struct lease *lease)
{
    upstream_destroy(lease->upstream);
    free(lease);
}

/* ------------------------------------------------------------------------------------------- idle
 */

/* Whether the waiter can do with this idle one. */
static bool suits(const struct upstream_route *route, const struct lease_waiter *waiter)
{
    return waiter->kind == QUOTA_RESCUE ? route->identity == waiter->route.identity
                                        : memcmp(route, &waiter->route, sizeof *route) == 0;
}

struct lease *lease_take_idle(struct pool *pool, const struct lease_waiter *waiter)
{
    if (waiter->kind == QUOTA_RESCUE && pool->spare != NULL &&
        upstream_is_ready(pool->spare->upstream) && suits(&pool->spare->upstream->route, waiter)) {
        struct lease *spare = pool->spare;
        pool->spare = NULL;
        return spare;
    }
    struct lease *lease;
    struct lease *found = NULL;
    TAILQ_FOREACH_REVERSE(lease, &pool->idle_leases, lease_list, next)
    {
        const struct upstream *upstream = lease->upstream;
        if (waiter->connection != 0 && upstream->connection == waiter->connection) {
            found = lease;
            break;
        }
        if (found == NULL && suits(&upstream->route, waiter)) {
            found = lease;
        }
    }
    if (found != NULL) {
        TAILQ_REMOVE(&pool->idle_leases, found, next);
        pool->idle_lease_count--;
    }
    return found;
}

static void close_idle(struct lease *lease)
{
    TAILQ_REMOVE(&lease->pool->idle_leases, lease, next);
    lease->pool->idle_lease_count--;
    lease_close(lease);
}

static void keep_idle(struct lease *lease)
{
    struct pool *pool = lease->pool;
    lease->waiter = NULL;
    if (lease->kind == QUOTA_RESCUE && pool->spare == NULL) {
        pool->spare = lease;
        return;
    }
    lease->idle_since_ms = loop_now_ms();
    TAILQ_INSERT_TAIL(&pool->idle_leases, lease, next);
    if (++pool->idle_lease_count > pool->context.settings->leases) {
        close_idle(TAILQ_FIRST(&pool->idle_leases));
    }
}

/* ------------------------------------------------------------------------------------------ spare
 */

/* Of any database: handshakes are answered while a script runs, SELECT is not (server.c, 7.0). */
void leases_keep_spare(struct pool *pool, const struct identity *identity)
{
    struct upstream_route route = {.db = 0, .proto = 2, .identity = identity};
    pool->spare_wanted_ms = loop_now_ms();
    if (pool->spare == NULL) {
        pool->spare = lease_make(pool, &route);
        pool->spare->kind = QUOTA_RESCUE;
        upstream_connect(pool->spare->upstream);
    }
}

static void close_spare(struct pool *pool)
{
    if (pool->spare != NULL) {
        lease_close(pool->spare);
        pool->spare = NULL;
    }
}

/* Close the idle ones from the longest idle on, while they have been so for at least this long. */
static void close_idle_since(struct pool *pool, uint64_t limit_ms)
{
    struct lease *lease = TAILQ_FIRST(&pool->idle_leases);
    while (lease != NULL && loop_now_ms() - lease->idle_since_ms >= limit_ms) {
        struct lease *next = TAILQ_NEXT(lease, next);
        close_idle(lease);
        lease = next;
    }
}

/* ---------------------------------------------------------------------------------------- washing
 */

static bool is_sound(const struct lease *lease)
{
    return !lease->is_lost && !lease->is_dirty && !lease->upstream->is_tunnel &&
           upstream_is_ready(lease->upstream);
}

static bool is_clean(const struct lease *lease)
{
    return is_sound(lease) && lease->state == LEASE_PLAIN && lease->upstream->requests.count == 0;
}

/* Whether what it owes will come soon and whole, so that it can be waited for: no blocking command,
 * no half of a request, no large reply. */
static bool can_be_washed(const struct lease *lease)
{
    const struct requests *requests = &lease->upstream->requests;
    bool is_soon = is_sound(lease) && !requests->is_open && !lease->upstream->is_passing;
    for (uint32_t i = 0; is_soon && i < requests->count; i++) {
        is_soon = !(requests_slot(requests, i)->flags & SLOT_UNLIMITED);
    }
    return is_soon;
}

/* Whether a transaction is open, or will be when what is owed has been answered. */
static bool may_be_queueing(const struct lease *lease)
{
    const struct requests *requests = &lease->upstream->requests;
    bool may_be = lease->state == LEASE_QUEUEING;
    for (uint32_t i = 0; !may_be && i < requests->count; i++) {
        const struct fr_command *command = requests_slot(requests, i)->command;
        may_be = command != NULL && command->id == FR_CMD_MULTI;
    }
    return may_be;
}

static void send_washing(struct lease *lease, enum lease_tag tag, const char *data, size_t len)
{
    struct slot slot = {.sink = &lease->washer, .tag = (uint8_t)tag, .flags = SLOT_ALONE};
    lease->washings++;
    upstream_send(lease->upstream, &slot, data, len);
}

static void put_aside(struct lease *lease)
{
    lease->is_washing = true;
    lease->washings = 0;
    lease->idle_since_ms = loop_now_ms();
    TAILQ_INSERT_TAIL(&lease->pool->washing_leases, lease, next);
}

static void begin_washing(struct lease *lease)
{
    static const char discard[] = "*1\r\n$7\r\nDISCARD\r\n";
    static const char unwatch[] = "*1\r\n$7\r\nUNWATCH\r\n";
    put_aside(lease);
    lease->washer.ops = &lease_washer_ops;
    if (may_be_queueing(lease)) {
        send_washing(lease, TAG_DISCARD, discard, sizeof discard - 1);
    }
    send_washing(lease, TAG_UNWATCH, unwatch, sizeof unwatch - 1);
}

/* It is kept or closed, and may be lent again. */
static void end_washing(struct lease *lease, bool is_kept)
{
    struct pool *pool = lease->pool;
    enum quota_kind kind = lease->kind;
    TAILQ_REMOVE(&pool->washing_leases, lease, next);
    lease->is_washing = false;
    if (is_kept) {
        keep_idle(lease);
    } else {
        lease_close(lease);
    }
    lease_give_back_quota(pool, kind);
}

static void on_washed(struct reply_sink *sink, const struct reply_part *part)
{
    struct lease *lease = container_of(sink, struct lease, washer);
    if (!part->is_last) {
        return;
    }
    lease_note_reply(lease, (enum lease_tag)part->slot->tag, part->frame);
    if (--lease->washings == 0) {
        end_washing(lease, FR_REPLY_BEGINS(part->frame, "+OK\r\n") && is_clean(lease));
    }
}

/* The connection is lost; or it is being closed, and then who does that ends the washing. */
static void on_washing_failed(struct reply_sink *sink, const struct slot *slot, const char *error,
                              bool is_cut)
{
    struct lease *lease = container_of(sink, struct lease, washer);
    (void)slot, (void)error, (void)is_cut;
    if (--lease->washings == 0 && !lease->upstream->is_dead) {
        end_washing(lease, false);
    }
}

const struct reply_sink_ops lease_washer_ops = {on_washed, on_washing_failed};

void lease_lost_unlent(struct lease *lease)
{
    if (lease == lease->pool->spare) {
        close_spare(lease->pool);    /* the next script makes another one */
    } else if (!lease->is_washing) { /* else its requests fail next, and tell */
        close_idle(lease);
    }
}

/* Whether it need not be waited for any longer. */
static bool is_over(const struct lease *lease, uint64_t limit_ms)
{
    if (lease->washings == 0) {
        return limit_ms == 0 || !upstream_owes_others(lease->upstream, lease->former);
    }
    return loop_now_ms() - lease->idle_since_ms >= limit_ms;
}

static void close_washing_since(struct pool *pool, uint64_t limit_ms)
{
    struct lease *lease;
    struct lease *next;
    for (lease = TAILQ_FIRST(&pool->washing_leases); lease != NULL; lease = next) {
        next = TAILQ_NEXT(lease, next);
        if (is_over(lease, limit_ms)) {
            end_washing(lease, false);
        }
    }
}

/* -------------------------------------------------------------------------------------- returning
 */

void lease_release(struct lease *lease)
{
    if (lease == NULL) {
        return;
    }
    struct pool *pool = lease->pool;
    enum quota_kind kind = lease->kind;
    lease->former = lease->holder == NULL ? NULL : lease->holder->sink;
    lease->holder = NULL;
    lease->upstream->wants_frames = false;
    upstream_pause(lease->upstream, false);
    if (is_clean(lease)) {
        keep_idle(lease);
    } else if (upstream_owes_others(lease->upstream, lease->former)) {
        put_aside(lease);
        return;
    } else if (can_be_washed(lease)) {
        begin_washing(lease);
        return;
    } else {
        lease_close(lease);
    }
    lease_give_back_quota(pool, kind);
}

void lease_retire(struct pool *pool, struct upstream *upstream)
{
    struct lease *lease = memory_zeroed(sizeof *lease);
    lease->pool = pool;
    lease->kind = QUOTA_RESCUE; /* which bounds nobody for long */
    lease->is_dirty = true;
    lease_adopt(lease, upstream);
    atomic_fetch_add(&pool->prefix->quotas[lease->kind].used, 1); /* given back when it is closed */
    put_aside(lease);
    close_washing_since(pool, WASHING_MS);
}

unsigned leases_renew(struct pool *pool)
{
    unsigned count = (unsigned)pool->idle_lease_count + (pool->spare != NULL);
    close_idle_since(pool, 0);
    close_spare(pool);
    return count;
}

void leases_close_idle(struct pool *pool)
{
    close_idle_since(pool, (uint64_t)pool->context.settings->idle_upstream_ms);
    close_washing_since(pool, WASHING_MS);
    bool is_wanted =
        loop_now_ms() - pool->spare_wanted_ms < (uint64_t)pool->context.settings->idle_upstream_ms;
    if (TAILQ_EMPTY(&pool->sessions) && !is_wanted) {
        close_spare(pool);
    }
}

void leases_close_all(struct pool *pool)
{
    close_idle_since(pool, 0);
    close_washing_since(pool, 0);
    close_spare(pool);
}
