/* A connection: a wire, the bytes on their way in both directions, and the timeouts. It knows
 * RESP but neither URLs nor what a handshake is. One thread uses it at a time. After any failure it
 * is of no use any more. */
#ifndef FR_CLIENT_LINK_H
#define FR_CLIENT_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "flaskredis/provider.h"

struct fr_link;
struct fr_sharing;

/* Take over a connected descriptor (also on failure). timeout_ms: the longest
 * wait for an answer, -1 for ever. */
FlaskRedisStatus fr_link_open(int fd, int timeout_ms, struct fr_link **link);

/* Close and free. NULL is fine. */
void fr_link_close(struct fr_link *link);

/* Close the descriptor of a parent, and nothing else. */
void fr_link_forked(struct fr_link *link);

/* Change the longest wait for an answer. */
void fr_link_set_timeout(struct fr_link *link, int timeout_ms);

/* Send count commands and receive as many replies. is_whole: they are a transaction, of which
 * nothing is done unless the last one has come. On failure replies that came are in their places.
 *
 * TIMEOUT, CONNECTION: maybe_executed is false only if none of the commands can have run. */
FlaskRedisStatus fr_link_exchange(struct fr_link *link, const FlaskRedisCommand *commands,
                                  size_t count, bool is_whole, redisReply **replies);

/* Send a command whose replies fr_link_receive takes. */
FlaskRedisStatus fr_link_send(struct fr_link *link, const FlaskRedisCommand *command);

/* Take the next reply, waiting for at most timeout_ms (0: not at all, negative: for ever). OK with
 * *reply NULL: none came. */
FlaskRedisStatus fr_link_receive(struct fr_link *link, int timeout_ms, redisReply **reply);

/* Whether the other side has closed, or said something nobody asked for. */
bool fr_link_is_stale(const struct fr_link *link);

/* A descriptor that is readable when there is something to receive, until fr_link_receive has found
 * nothing: then it may be another one. -1: the connection is the parent's. */
int fr_link_fileno(struct fr_link *link);

/* Go over to shared memory when so many exchanges have been made, and count what becomes of it.
 * sharing must outlive the link. */
void fr_link_share(struct fr_link *link, struct fr_sharing *sharing);

#endif
