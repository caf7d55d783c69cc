/* Bytes in, bytes out: a connected stream and its two events. Knows nothing of RESP.
 *
 * The stream is a socket, or what carries it instead: a channel of shared memory (channel.h),
 * beside which the socket stays open as sign of life, or a line to an engine in this process
 * (mock_line.h), which has none. Whoever uses a transport need not know which.
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

struct carrier;
struct evbuffer;
struct iovec;
struct transport;

enum transport_outcome {
    TRANSPORT_OK,
    TRANSPORT_AGAIN, /* nothing now; an event will tell */
    TRANSPORT_END,   /* the peer sends no more */
    TRANSPORT_FAILED /* errno says why */
};

/* What carries the bytes of a transport in the place of its socket. */
struct carrier_ops {
    /* The transport is open now; from now on its owner is called as by the events of a socket. */
    void (*open)(struct carrier *carrier, struct transport *transport);
    /* What its owner waits for may have changed: is_reading, is_writing. */
    void (*want)(struct carrier *carrier);
    /* As of a transport. */
    enum transport_outcome (*read)(struct carrier *carrier, void *to, size_t cap, size_t *count);
    enum transport_outcome (*write)(struct carrier *carrier, const struct iovec *pieces,
                                    size_t piece_count, size_t *count);
    /* Nothing more will be written. NULL: its owners never say so. */
    void (*end_output)(struct carrier *carrier);
    /* Close and free it. */
    void (*close)(struct carrier *carrier);
};

/* Embedded in it. */
struct carrier {
    const struct carrier_ops *ops;
    size_t shared_len; /* memory it shares with the peer */
};

struct transport {
    int fd; /* -1: closed, or carried without a socket */
    bool is_reading;
    bool is_writing;
    bool is_lazy;
    bool is_bulky;           /* the last read brought more than is left in the kernel */
    unsigned looks;          /* since bytes were taken */
    size_t peeked;           /* bytes looked at and not taken yet */
    struct carrier *carrier; /* NULL: the stream is the socket */
    struct loop *loop;
    struct loop_task taking;
    struct event read_event;
    struct event write_event;
};

/* Take the descriptor, which must not block. Callbacks get arg; neither event is armed yet. */
void transport_open(struct transport *transport, struct loop *loop, int fd,
                    event_callback_fn on_readable, event_callback_fn on_writable, void *arg);

/* The same with a carrier, which is taken, and no socket. */
void transport_open_carried(struct transport *transport, struct loop *loop, struct carrier *carrier,
                            event_callback_fn on_readable, event_callback_fn on_writable,
                            void *arg);

/* Make a transport just opened on a Unix socket lazy. Nothing happens on another one. */
void transport_make_lazy(struct transport *transport);

/* Have the bytes of an open transport pass through the carrier from now on, and take the carrier.
 * What comes over the socket then is an error, and its end the stream's. */
void transport_attach(struct transport *transport, struct carrier *carrier);

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

/* Nothing more will be written: the peer is told, and can still be read from. */
void transport_end_output(struct transport *transport);

/* Whether the peer is known to have closed altogether, not its sending side alone. A TCP peer may
 * have, and only writing tells. */
bool transport_has_hung_up(const struct transport *transport);

/* Close it; a closed one stays closed. */
void transport_close(struct transport *transport);

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
