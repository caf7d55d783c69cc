/* FLASKREDIS ATTACH version request-bytes reply-bytes: from its reply on a client's requests and
 * replies pass through memory it shares with the daemon, not through its Unix socket, which stays
 * open as sign of life.
 *
 * The reply is an array of three numbers: the version of the layout, and the sizes of the two
 * rings, which may be others than asked for: powers of two, bounded by "ring_size_max". With its
 * first byte come three descriptors (SCM_RIGHTS), in the order of enum channel_descriptor. Any
 * error leaves the session on its socket. */
#ifndef ATTACH_H
#define ATTACH_H

#include "daemon/own_commands.h"

enum routed attach_run(struct session *session, const struct call *call);

/* The session goes on in another pool of its worker, where it is already: so does its shared
 * memory, as one more of that prefix even if it has as many as it may. */
void attach_move(struct session *session, struct pool *from);

/* The session ends: it counts no more among those with shared memory. */
void attach_end(struct session *session);

#endif
