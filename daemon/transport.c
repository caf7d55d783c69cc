/* A connected socket, or what carries it, as a stream of bytes. See transport.h. */
#include "daemon/transport.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/container.h"

/* Pieces handed to the kernel in one call. */
#define PIECES_MAX 64

/* What may be left in the kernel after a reply: so many requests, and so many bytes of them. With
 * the next one they fit the smallest buffer a peer can have (4608 bytes, of which a small message
 * costs 768), so that one which blocks does not wait for us. One which polls may, with a buffer
 * below 12 KiB; it waits LOOP_SOON_MS at most. */
enum {
    LEFT_LOOKS_MAX = 3,
    LEFT_LEN_MAX = 256
};

static void on_soon(struct loop_task *task)
{
    transport_consume(container_of(task, struct transport, taking));
}

void transport_open(struct transport *transport, struct loop *loop, int fd,
                    event_callback_fn on_readable, event_callback_fn on_writable, void *arg)
{
    transport->fd = fd;
    transport->is_reading = false;
    transport->is_writing = false;
    transport->is_lazy = false;
    transport->is_bulky = false;
    transport->looks = 0;
    transport->peeked = 0;
    transport->carrier = NULL;
    transport->loop = loop;
    loop_task_init(&transport->taking, LOOP_SOON, on_soon);
    event_assign(&transport->read_event, loop->base, fd, EV_READ | EV_PERSIST, on_readable, arg);
    event_assign(&transport->write_event, loop->base, fd, EV_WRITE | EV_PERSIST, on_writable, arg);
}

void transport_open_carried(struct transport *transport, struct loop *loop, struct carrier *carrier,
                            event_callback_fn on_readable, event_callback_fn on_writable, void *arg)
{
    transport_open(transport, loop, -1, on_readable, on_writable, arg);
    transport->carrier = carrier;
    carrier->ops->open(carrier, transport);
}

void transport_make_lazy(struct transport *transport)
{
    static const int from_the_beginning = 0;
    int family = 0;
    socklen_t len = sizeof family;
    struct event *read_event = &transport->read_event;
    struct event *write_event = &transport->write_event;
    bool is_unix =
        getsockopt(transport->fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 && family == AF_UNIX;
    /* each look begins where the last one ended */
    if (!is_unix || setsockopt(transport->fd, SOL_SOCKET, SO_PEEK_OFF, &from_the_beginning,
                               sizeof from_the_beginning) != 0) {
        return;
    }
    transport->is_lazy = true;
    event_assign(read_event, event_get_base(read_event), transport->fd,
                 EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, event_get_callback(read_event),
                 event_get_callback_arg(read_event));
    event_assign(write_event, event_get_base(write_event), transport->fd,
                 EV_WRITE | EV_ET | EV_PERSIST, event_get_callback(write_event),
                 event_get_callback_arg(write_event));
}

void transport_attach(struct transport *transport, struct carrier *carrier)
{
    bool is_reading = transport->is_reading;
    transport_consume(transport);
    transport_want_read(transport, false);
    transport_want_write(transport, false);
    transport->is_lazy = false;
    transport->carrier = carrier;
    carrier->ops->open(carrier, transport);
    transport_want_read(transport, is_reading);
}

size_t transport_shared_bytes(const struct transport *transport)
{
    return transport->carrier == NULL ? 0 : transport->carrier->shared_len;
}

void transport_consume(struct transport *transport)
{
    char taken[4096];
    transport->looks = 0;
    while (transport->peeked > 0) {
        size_t most = transport->peeked < sizeof taken ? transport->peeked : sizeof taken;
        ssize_t got = recv(transport->fd, taken, most, 0);
        transport->peeked = got > 0 ? transport->peeked - (size_t)got : 0;
    }
}

void transport_consume_much(struct transport *transport)
{
    if (transport->looks > LEFT_LOOKS_MAX || transport->peeked > LEFT_LEN_MAX) {
        transport_consume(transport);
    }
}

void transport_rearm(struct transport *transport)
{
    if (transport->is_lazy && transport->is_reading) {
        transport_want_read(transport, false);
        transport_want_read(transport, true);
    }
}

void transport_end_input(struct transport *transport)
{
    if (transport->fd >= 0) {
        shutdown(transport->fd, SHUT_RD);
        transport_rearm(transport);
    }
}

void transport_end_output(struct transport *transport)
{
    if (transport->carrier != NULL) {
        transport->carrier->ops->end_output(transport->carrier);
    } else {
        shutdown(transport->fd, SHUT_WR);
    }
}

bool transport_has_hung_up(const struct transport *transport)
{
    struct pollfd one = {.fd = transport->fd};
    return poll(&one, 1, 0) > 0 && one.revents & (POLLHUP | POLLERR);
}

void transport_close(struct transport *transport)
{
    if (transport->fd < 0 && transport->carrier == NULL) {
        return;
    }
    transport_consume(transport); /* or the peer would be told of a reset */
    loop_cancel(transport->loop, &transport->taking);
    transport_want_read(transport, false);
    transport_want_write(transport, false);
    if (transport->carrier != NULL) {
        transport->carrier->ops->close(transport->carrier);
        transport->carrier = NULL;
    }
    if (transport->fd >= 0) {
        close(transport->fd);
        transport->fd = -1;
    }
}

static void want(struct event *event, bool *is_armed, bool is_wanted)
{
    if (*is_armed != is_wanted) {
        *is_armed = is_wanted;
        if (is_wanted) {
            event_add(event, NULL);
        } else {
            event_del_noblock(event);
        }
    }
}

void transport_want_read(struct transport *transport, bool is_wanted)
{
    if (transport->carrier != NULL) {
        transport->is_reading = is_wanted;
        transport->carrier->ops->want(transport->carrier);
    } else if (transport->fd >= 0) {
        want(&transport->read_event, &transport->is_reading, is_wanted);
    }
}

void transport_want_write(struct transport *transport, bool is_wanted)
{
    if (transport->carrier != NULL) {
        transport->is_writing = is_wanted;
        transport->carrier->ops->want(transport->carrier);
    } else if (transport->fd >= 0) {
        want(&transport->write_event, &transport->is_writing, is_wanted);
    }
}

static enum transport_outcome failure(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TRANSPORT_AGAIN
                                                                     : TRANSPORT_FAILED;
}

enum transport_outcome transport_read(struct transport *transport, void *to, size_t cap,
                                      size_t *count)
{
    if (transport->carrier != NULL) {
        return transport->carrier->ops->read(transport->carrier, to, cap, count);
    }
    /* what was looked at must be taken first: taking begins with the oldest bytes */
    bool is_look = transport->is_lazy && !(transport->is_bulky && transport->peeked == 0);
    ssize_t got = recv(transport->fd, to, cap, is_look ? MSG_PEEK : 0);
    *count = got > 0 ? (size_t)got : 0;
    transport->is_bulky = *count > LEFT_LEN_MAX;
    if (is_look && got > 0) {
        transport->looks++;
        transport->peeked += *count;
        loop_defer(transport->loop, &transport->taking);
    }
    if (got < 0) {
        return failure();
    }
    return got == 0 ? TRANSPORT_END : TRANSPORT_OK;
}

/* Describe the bytes of from behind skip, at most most of them, in pieces; returns how many pieces.
 */
static int gather(struct evbuffer *from, size_t skip, size_t most, struct iovec *pieces)
{
    struct evbuffer_ptr start;
    if (skip > 0) {
        evbuffer_ptr_set(from, &start, skip, EVBUFFER_PTR_SET);
    }
    int count = evbuffer_peek(from, (ev_ssize_t)most, skip > 0 ? &start : NULL, pieces, PIECES_MAX);
    count = count > PIECES_MAX ? PIECES_MAX : count;
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        if (pieces[i].iov_len > most - total) {
            pieces[i].iov_len = most - total;
        }
        total += pieces[i].iov_len;
    }
    return count;
}

/* A single piece, the usual case, costs the kernel less by a call of its own. */
static ssize_t send_pieces(int fd, struct iovec *pieces, size_t count)
{
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
    return count == 1 ? send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL)
                      : sendmsg(fd, &message, MSG_NOSIGNAL);
}

enum transport_outcome transport_write(struct transport *transport, struct evbuffer *from,
                                       size_t skip, size_t most, size_t *count)
{
    struct iovec pieces[PIECES_MAX]; /* the same type as libevent's */
    size_t piece_count = (size_t)gather(from, skip, most, pieces);
    *count = 0;
    if (piece_count == 0) {
        return TRANSPORT_OK;
    }
    if (transport->carrier != NULL) {
        return transport->carrier->ops->write(transport->carrier, pieces, piece_count, count);
    }
    ssize_t written = send_pieces(transport->fd, pieces, piece_count);
    if (written < 0) {
        return failure();
    }
    *count = (size_t)written;
    return TRANSPORT_OK;
}
