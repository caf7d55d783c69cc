/* Bytes that stand in several output buffers of one worker at once: a large message is kept once,
 * however many clients it is for. */
#ifndef SHARED_BYTES_H
#define SHARED_BYTES_H

#include <stddef.h>

struct evbuffer;

struct shared_bytes {
    size_t users; /* who refer to it: its maker, and each buffer */
    size_t len;
    char data[];
};

/* Copy these bytes; the caller is the first user. */
struct shared_bytes *shared_bytes_make(const char *data, size_t len);

/* Put them at the end of a buffer, without copying. */
void shared_bytes_add(struct shared_bytes *bytes, struct evbuffer *to);

/* Refer to them no more: the last one frees. NULL is fine. */
void shared_bytes_release(struct shared_bytes *bytes);

#endif
