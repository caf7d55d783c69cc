/* A transaction that has arrived whole: MULTI ... EXEC in one piece of input goes on the shared
 * lane in one piece, and needs no connection of its own. What the server answers to each of its
 * requests is passed on as always.
 *
 * Nothing else may come between its requests, and they share one fate: if the connection is lost
 * when some of them had been written, the others are not written to the next one, where they would
 * run without their MULTI. */
#ifndef BLOCK_H
#define BLOCK_H

#include "daemon/session.h"

#define BLOCK_COUNT_MAX 512

/* Make a run of this MULTI of one word alone, at block->data. */
void block_begin(struct request_run *block, size_t multi_len, const struct fr_command *multi);

/* Add what stands behind it, within len bytes from block->data on, up to EXEC. A DISCARD that the
 * server refuses leaves the transaction open: what ends so takes a lease. There is room for
 * BLOCK_COUNT_MAX parts. False: it is no block that may go on the shared lane. */
bool block_find(const struct session *session, size_t len, struct request_run *block);

/* Send the block that this MULTI begins, if it is one. False: it is not. *routed is what becomes of
 * it. */
bool block_route(struct session *session, const struct call *multi, enum routed *routed);

#endif
