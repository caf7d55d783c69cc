/* What is said on a new connection before any request: credentials, protocol, name, database. All
 * steps are written at once and their replies awaited in order. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include <stddef.h>
#include <stdint.h>

struct evbuffer;
struct upstream;

enum handshake_outcome {
    HANDSHAKE_MORE,
    HANDSHAKE_DONE,
    HANDSHAKE_FAILED
};

/* Write all steps that apply, and begin with the first. */
void handshake_begin(struct upstream *upstream, struct evbuffer *out);

/* Judge the reply to the current step. FAILED: the reason is in the upstream, with the server's own
 * words in its refusal when it refused for good. */
enum handshake_outcome handshake_reply(struct upstream *upstream, const char *reply, size_t len);

/* Write the server's reply to HELLO with another connection id in it. */
void handshake_write_hello(const struct upstream *upstream, uint64_t id, struct evbuffer *out);

#endif
