/* Requests that go on together. A pipelining client's requests stand in a row in its input, and of
 * nearly all of them the router would decide the same: to the session's shared lane, and nothing to
 * be noted. Such a row is found with one look at the session's state and one at each request, and
 * goes on in one piece:
 *
 *   input:  GET a | SET b | MULTI | GET c | EXEC | BLPOP d | GET e ...
 *           |            a run                  |  router  | a run ...
 *
 * A block of a transaction (block.c) is part of a run as a whole. Whatever is not plain, of the
 * session or of the request, is left to the router: a run is a shorter way to the same end.
 */
#ifndef RUN_H
#define RUN_H

#include "daemon/session.h"

/* Send the run at the beginning of the input, of *most requests at most, from which those sent are
 * taken off; a block counts as its requests, and may exceed what is left. Returns how many bytes it
 * was; 0: there is none, and the router shall have the first request. The session has no reason to
 * stop. */
size_t run_send(struct session *session, const char *data, size_t len, int64_t *most);

#endif
