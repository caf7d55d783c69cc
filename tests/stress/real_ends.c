/* Both ends of a channel as they are: the library's wire, which asks for shared memory as it asks a
 * daemon, and the daemon's loop, channels and transport, of which everything above is left out. */
#include "tests/stress/streams.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "client/attach.h"
#include "client/wire.h"
#include "daemon/channel.h"
#include "daemon/transport.h"
#include "tests/support/noise.h"

static char piece[PIECE_MAX], taken[PIECE_MAX];

/* ------------------------------------------------------------------------------------- the client
 */

struct client {
    const struct pair *pair;
    struct fr_wire wire;
    struct source source;
    struct sink sink;
};

static bool client_sends(struct client *client)
{
    uint32_t len = source_piece(&client->source, 0, piece);
    ssize_t sent = len == 0 ? 0 : fr_wire_send(&client->wire, piece, len);
    if (sent < 0 && errno != EAGAIN) {
        end_fails(client->pair, REQUESTS, "cannot send");
    }
    uint32_t count = sent > 0 ? (uint32_t)sent : 0;
    source_sent(&client->source, count, count); /* where that is in the ring is not told */
    return sent > 0;
}

static bool client_receives(struct client *client)
{
    ssize_t count = fr_wire_receive(&client->wire, taken, sink_appetite(&client->sink), 0);
    if (count == 0 || (count < 0 && errno != EAGAIN)) {
        end_fails(client->pair, REQUESTS, count == 0 ? "an early end" : "cannot receive");
    }
    sink_take(&client->sink, taken, count > 0 ? (uint32_t)count : 0);
    return count > 0;
}

/* As the library waits, or as a program that polls the descriptor: that one is told of replies
 * alone. */
static void client_sleeps(struct client *client)
{
    struct pollfd ready = {client->wire.fd, POLLIN, 0};
    bool sends = !source_is_done(&client->source);
    if (sends || noise_pick(&client->sink.random, 2) == 0) {
        fr_wire_wait(&client->wire, sends, -1);
    } else if (fr_wire_arm(&client->wire)) {
        poll(&ready, 1, -1);
    }
    if (noise_pick(&client->sink.random, 8) == 0) {
        fr_wire_trim(&client->wire);
    }
}

void real_client(void *context)
{
    const struct pair *pair = context;
    struct client client = {.pair = pair};
    close(pair->sockets[1]);
    fr_wire_open(&client.wire, pair->sockets[0]);
    source_begin(&client.source, pair, REQUESTS);
    sink_begin(&client.sink, pair, REPLIES);
    if (fr_attach(&client.wire, -1) != FR_ATTACHED) {
        end_fails(pair, REQUESTS, "no shared memory");
    }
    while (!source_is_done(&client.source) || !sink_is_done(&client.sink)) {
        bool has_sent = client_sends(&client);
        bool has_received = !sink_is_done(&client.sink) && client_receives(&client);
        if (!has_sent && !has_received) {
            client_sleeps(&client);
        }
    }
}

/* ------------------------------------------------------------------------------------- the daemon
 */

static struct {
    const struct pair *pair;
    struct loop loop;
    struct channels channels;
    struct stats stats;
    struct transport transport;
    struct evbuffer *out;
    struct source source;
    struct sink sink;
} peer;

/* Write pieces until no more fits, or for as many as may be. What is left is asked for room. */
static void give(void)
{
    uint32_t most = noise_pick(&peer.source.random, 8);
    enum transport_outcome outcome = TRANSPORT_OK;
    for (uint32_t i = 0; i < most && outcome == TRANSPORT_OK; i++) {
        size_t count = 0;
        if (evbuffer_get_length(peer.out) == 0) {
            evbuffer_add(peer.out, piece, source_piece(&peer.source, 0, piece));
        }
        if (evbuffer_get_length(peer.out) == 0) {
            break;
        }
        outcome = transport_write(&peer.transport, peer.out, 0, PIECE_MAX, &count);
        evbuffer_drain(peer.out, count);
        source_sent(&peer.source, (uint32_t)count, (uint32_t)count);
    }
    if (outcome == TRANSPORT_FAILED) {
        end_fails(peer.pair, REPLIES, "cannot write");
    }
    /* who reads nothing more has no other reason to go on */
    transport_want_write(&peer.transport,
                         !source_is_done(&peer.source) &&
                             (outcome == TRANSPORT_AGAIN || sink_is_done(&peer.sink) ||
                              evbuffer_get_length(peer.out) > 0));
}

static void go_on(void)
{
    give();
    transport_want_read(&peer.transport, !sink_is_done(&peer.sink));
    if (source_is_done(&peer.source) && sink_is_done(&peer.sink)) {
        loop_stop(&peer.loop);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    size_t count = 0;
    (void)fd, (void)what, (void)arg;
    enum transport_outcome outcome =
        transport_read(&peer.transport, taken, sink_appetite(&peer.sink), &count);
    if (outcome == TRANSPORT_END || outcome == TRANSPORT_FAILED) {
        end_fails(peer.pair, REPLIES, "an early end of requests");
    }
    sink_take(&peer.sink, taken, (uint32_t)count);
    go_on();
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    go_on();
}

/* As daemon/attach.c does, for rings of the sizes that the test wants. */
static bool answer(const struct channel *channel)
{
    char text[512];
    int fds[CHANNEL_DESCRIPTORS];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(fds))];
    } control = {.room = {0}};
    if (recv(peer.pair->sockets[1], text, sizeof(text), 0) <= 0) {
        return false;
    }
    int len = snprintf(text, sizeof(text), "*3\r\n:%d\r\n:%u\r\n:%u\r\n", FR_CHANNEL_VERSION,
                       peer.pair->caps[REQUESTS], peer.pair->caps[REPLIES]);
    struct iovec part = {text, (size_t)len};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    channel_descriptors(channel, fds);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(rights), fds, sizeof(fds));
    return sendmsg(peer.pair->sockets[1], &message, MSG_NOSIGNAL) == len;
}

static bool begin_daemon(const struct pair *pair)
{
    peer.pair = pair;
    peer.out = evbuffer_new();
    source_begin(&peer.source, pair, REPLIES);
    sink_begin(&peer.sink, pair, REQUESTS);
    if (!loop_init(&peer.loop) || peer.out == NULL) {
        return false;
    }
    channels_init(&peer.channels, &peer.loop);
    struct channel *channel =
        channel_create(&peer.channels, &peer.stats, pair->caps[REQUESTS], pair->caps[REPLIES]);
    if (channel == NULL || !answer(channel)) {
        return false;
    }
    evutil_make_socket_nonblocking(pair->sockets[1]);
    transport_open(&peer.transport, &peer.loop, pair->sockets[1], on_readable, on_writable, NULL);
    transport_attach(&peer.transport, &channel->carrier);
    return true;
}

void real_daemon(void *context)
{
    const struct pair *pair = context;
    close(pair->sockets[0]);
    if (!begin_daemon(pair)) {
        end_fails(pair, REPLIES, "no channel");
    }
    transport_want_read(&peer.transport, true);
    loop_run(&peer.loop);
    transport_close(&peer.transport);
    channels_finish(&peer.channels);
    loop_finish(&peer.loop);
    evbuffer_free(peer.out);
}
