/* Bytes in, bytes out: a connected stream and its two events. Knows nothing of RESP.
 *
 * The stream is a socket, or a channel of shared memory (channel.h), beside which the socket stays
 * open as sign of life. Whoever uses a transport need not know which.
 *
 * The read event stands while its owner wants to read; the write event only while the kernel takes
 * no more, because arming it costs a system call.
 *
 * On a Unix socket, taking bytes out of the kernel wakes the peer that waits for its reply, for
 * nothing: it might want to write. That wake-up costs more than all the rest of a small request. A
 * transport opened as lazy therefore only looks at the bytes (MSG_PEEK) and takes those of several
 * requests together, when its owner has just written and the peer is awake (transport_consume_much)
 * or at once, when no reply is near (transport_consume). What is left is taken soon in any case:
 * a peer with a tiny buffer may wait for it. After a read of more than would be left, the next one
 * takes at once: who sends pipelines goes on sending them, and looking costs a call of its own.
 *
 * The events of a lazy transport tell of changes, not of states, and a change may pass unseen
 * beside another: an owner that is not about to write, which would fail if the peer has gone, looks
 * again (transport_rearm). */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "daemon/loop.h"

struct channel;
struct evbuffer;

enum transport_outcome {
    TRANSPORT_OK,
    TRANSPORT_AGAIN, /* nothing now; an event will tell */
    TRANSPORT_END,   /* the peer sends no more */
    TRANSPORT_FAILED /* errno says why */
};

struct transport {
    int fd; /* -1: closed */
    bool is_reading;
    bool is_writing;
    bool is_lazy;
    bool is_bulky;           /* the last read brought more than is left in the kernel */
    unsigned looks;          /* since bytes were taken */
    size_t peeked;           /* bytes looked at and not taken yet */
    struct channel *channel; /* NULL: the stream is the socket */
    struct loop *loop;
    struct loop_task taking;
    struct event read_event;
    struct event write_event;
};

/* Take the descriptor, which must not block. Callbacks get arg; neither event is armed yet. */
void transport_open(struct transport *transport, struct loop *loop, int fd,
                    event_callback_fn on_readable, event_callback_fn on_writable, void *arg);

/* Make a transport just opened on a Unix socket lazy. Nothing happens on another one. */
void transport_make_lazy(struct transport *transport);

/* Have the bytes of an open transport pass through the channel from now on, and take the channel.
 * What comes over the socket then is an error, and its end the stream's. */
void transport_attach(struct transport *transport, struct channel *channel);

/* How much memory it shares with its peer; 0: the stream is the socket. */
size_t transport_shared_bytes(const struct transport *transport);

/* Take what has been looked at out of the kernel. */
void transport_consume(struct transport *transport);

/* The same while the peer is awake, and only when it is worth a system call. */
void transport_consume_much(struct transport *transport);

/* More may be there than was read: have the read event tell again. */
void transport_rearm(struct transport *transport);

/* Let the peer send no more: what it has sent can still be read, up to its end. On a Unix socket
 * what it sends from now on fails at its side (EPIPE), so that it knows that nobody read it. */
void transport_end_input(struct transport *transport);

/* Whether the peer is known to have closed altogether, not its sending side alone. A TCP peer may
 * have, and only writing tells. */
bool transport_has_hung_up(const struct transport *transport);

/* Close it; a closed one stays closed. */
void transport_close(struct transport *transport);

bool transport_is_open(const struct transport *transport);

void transport_want_read(struct transport *transport, bool is_wanted);
void transport_want_write(struct transport *transport, bool is_wanted);

/* Read at most cap bytes; *count says how many on OK. */
enum transport_outcome transport_read(struct transport *transport, void *to, size_t cap,
                                      size_t *count);

/* Write what stands in from behind its first skip bytes, at most most bytes, in one call. Nothing
 * is drained. *count says how many bytes were taken, also with AGAIN. */
enum transport_outcome transport_write(struct transport *transport, struct evbuffer *from,
                                       size_t skip, size_t most, size_t *count);

#endif
