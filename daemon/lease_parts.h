/* What the files of leases share among themselves. Nobody else includes this. */
#ifndef LEASE_PARTS_H
#define LEASE_PARTS_H

#include "daemon/lease.h"

/* lease.c: one that nobody has, not yet connecting. */
struct lease *lease_make(struct pool *pool, const struct upstream_route *route);

/* lease.c: one of this kind may be lent again; tells who waits, here and in other workers. */
void lease_give_back_quota(struct pool *pool, enum quota_kind kind);

/* lease_return.c */

/* Close its connection and free it; the quota is the caller's affair. */
void lease_close(struct lease *lease);

/* The idle one that this waiter asks for, else that of its route which was used last, or NULL. */
struct lease *lease_take_idle(struct pool *pool, const struct lease_waiter *waiter);

/* The connection of one that nobody has is lost. */
void lease_lost_unlent(struct lease *lease);

extern const struct reply_sink_ops lease_washer_ops;

#endif
