/* A Redis server that does what the test tells it, also what no server should: it answers late, in
 * part, twice, garbage or never, and closes when told. It runs on a thread of its own, behind a
 * Unix socket, and remembers every request.
 *
 * Without rules it answers the requests of a connection's beginning as Redis 7.0 would (HELLO,
 * AUTH, SELECT, CLIENT ..., CONFIG GET, INFO, PING, RESET), an empty array to EXEC, and +OK to
 * everything else. A rule comes before that. All functions may be called at any time; it ends with
 * the case. */
#ifndef TESTS_SUPPORT_PEER_H
#define TESTS_SUPPORT_PEER_H

#include <stddef.h>

struct peer;

enum peer_action {
    PEER_ANSWER,       /* send the rule's bytes: a reply, two replies, garbage, a part of one */
    PEER_HOLD,         /* send nothing now; the test may peer_send later */
    PEER_CLOSE,        /* send the rule's bytes (maybe "") and close the connection */
    PEER_STOP_READING, /* send the rule's bytes and never read from this connection again */
};

/* Begin to listen. */
struct peer *peer_start(void);

/* Its address, as a URL for the configuration. */
const char *peer_url(const struct peer *peer);

/* From now on do action for requests that begin with these words (any case: "GET", "GET a"). The
 * oldest rule that matches and is not used up counts. times 0: for ever. */
void peer_on(struct peer *peer, const char *request, enum peer_action action, const char *bytes,
             int times);

/* Forget all rules. */
void peer_forget_rules(struct peer *peer);

/* How many requests that begin with these words ("": all) have come so far. */
size_t peer_count(struct peer *peer, const char *request);

/* Wait until at least count of them have come, or fail the case. */
void peer_expect(struct peer *peer, const char *request, size_t count);

/* The connection (numbered from 1 in order of their coming) that brought the last such request; 0:
 * none. */
int peer_connection_of(struct peer *peer, const char *request);

/* How many connections have come so far. */
int peer_connections(struct peer *peer);

/* Send bytes on a connection. Nothing happens when it is closed. */
void peer_send(struct peer *peer, int connection, const char *bytes);

/* Read nothing more from a connection: writing to it fails, while peer_send goes on. */
void peer_stop_reading(struct peer *peer, int connection);

/* Close a connection; 0: all of them. */
void peer_close(struct peer *peer, int connection);

#endif
