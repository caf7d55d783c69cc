/* Shared lanes: one multiplexed connection for each database, user and protocol in use. The
 * requests of all sessions that speak that way are pipelined on it, one reply each.
 *
 * Only what yields exactly one reply and leaves the connection as it was may go here. SELECT never
 * does: it can fail while the command behind it succeeds, in another client's database. */
#ifndef LANE_H
#define LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <uthash.h>

#include "daemon/pool.h"
#include "daemon/upstream.h"

/* Somebody who waits until a lane's connection stands, or is refused. Embedded in the waiting. */
TAILQ_HEAD(lane_waiter_list, lane_waiter);

struct lane_waiter {
    TAILQ_ENTRY(lane_waiter) next;
    struct lane_waiter_list *list; /* NULL: does not wait */
    /* The lane is ready or was refused (its upstream tells), or has room. The waiter waits no more,
     * and must not begin to within this call. */
    void (*on_settled)(struct lane_waiter *waiter);
};

struct lane {
    UT_hash_handle hh;
    struct upstream_route key;
    struct pool *pool;
    struct upstream *upstream;
    unsigned attached; /* sessions that speak on it */
    uint64_t last_used_ms;
    struct lane_waiter_list waiters;
    struct lane_waiter_list stuffed; /* who waits for room, told by on_settled too */
};

/* The lane of this route, made if there is none. NULL: "lanes_max" are in use; error holds the line
 * to answer. */
struct lane *lane_get(struct pool *pool, const struct upstream_route *route, char *error,
                      size_t cap);

/* The lane of this route if there is one, or NULL. */
struct lane *lane_find(struct pool *pool, const struct upstream_route *route);

/* The lane that has this connection now, or NULL. */
struct lane *lane_of_connection(struct pool *pool, uint64_t connection);

/* Exchange the lane's connection with the lease's, which is ready, owes nothing and is of the same
 * route. Replies that the lane's connection owes still come, over the lease's from now on; who
 * waits for some must have them before it speaks on the lane again. */
void lane_trade(struct lane *lane, struct lease *lease);

/* Replace the connections that stand by new ones. The old ones end when they owe nothing any more.
 * Returns how many that were. */
unsigned lanes_renew(struct pool *pool);

/* A session speaks on the lane, or does not any more. */
void lane_attach(struct lane *lane);
void lane_detach(struct lane *lane);

/* Wait until the lane is ready or refused, connecting it if need be. */
void lane_wait_ready(struct lane *lane, struct lane_waiter *waiter);

/* Wait until there is room for more requests. */
void lane_wait_room(struct lane *lane, struct lane_waiter *waiter);

/* Wait no more. */
void lane_forget(struct lane_waiter *waiter);

/* Close lanes unused for "idle_upstream_ms" that no session is attached to. */
void lanes_close_idle(struct pool *pool);

void lanes_close_all(struct pool *pool);

#endif
