/* What an administrator may do to a prefix: hold its commands back (PAUSE), let no new client in
 * (DISABLE), send its clients away as they finish (DRAIN), have fresh connections (RECONNECT). Kept
 * in the prefix, which all workers read; nothing of it is in the configuration.
 *
 *   command --PAUSE--> waits in its session's input, "pause_ms" at most --RESUME--> routed
 *
 * Who has a connection lent goes on, so that transactions end.
 */
#ifndef PAUSE_H
#define PAUSE_H

#include "daemon/router.h"

/* Whether the session's next request has to wait, or has waited for too long. */
bool pause_concerns(const struct session *session);

/* It waits, or is answered with why it was not carried out. */
enum routed pause_route(struct session *session, const struct call *call);

/* The pause is over: sessions that wait go on, also those of a pool that is being left. */
void pause_release(struct pool *pool);

/* Look whether it has been for too long; once a second. */
void pause_check(struct pool *pool);

/* Requests under way that PAUSE waits for: blocking ones, which may take for ever, are not. */
uint64_t pause_under_way(const struct pool *pool);

/* Have new connections: shared ones are replaced at once, and the old ones end with the last reply
 * they owe; lent ones end when they are given back; hubs stay, since messages would be lost.
 * Returns how many were replaced or ended. */
unsigned pool_reconnect(struct pool *pool);

#endif
