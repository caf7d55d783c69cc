/* Sockets and shared memory as one. See wire.h. */
#include "client/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/channel.h"

void fr_wire_open(struct fr_wire *wire, int fd)
{
    /* whoever connected may have set a timeout: it is unknown */
    *wire = (struct fr_wire){.fd = fd, .set_ms = -2};
}

void fr_wire_close(struct fr_wire *wire)
{
    fr_channel_close(wire->channel);
    wire->channel = NULL;
    if (wire->fd >= 0) {
        close(wire->fd);
        wire->fd = -1;
    }
}

void fr_wire_forked(struct fr_wire *wire)
{
    if (wire->channel != NULL) {
        fr_channel_forked(wire->channel);
    }
    if (wire->fd >= 0) {
        close(wire->fd);
        wire->fd = -1;
    }
}

static bool set_receive_timeout(struct fr_wire *wire, int ms)
{
    if (ms == wire->set_ms) {
        return true;
    }
    int usable = ms < 0 ? 0 : ms; /* the system's 0 is for ever */
    struct timeval time = {usable / 1000, (usable % 1000) * 1000};
    wire->set_ms = ms;
    return setsockopt(wire->fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) == 0;
}

ssize_t fr_wire_send(struct fr_wire *wire, const char *data, size_t len)
{
    if (wire->channel != NULL) {
        return fr_channel_write(wire->channel, data, len);
    }
    return send(wire->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t receive_shared(struct fr_wire *wire, char *to, size_t cap, int timeout_ms)
{
    ssize_t got = fr_channel_read(wire->channel, to, cap);
    if (got >= 0 || errno != EAGAIN || timeout_ms == 0) {
        return got;
    }
    if (fr_channel_wait(wire->channel, false, timeout_ms) < 0) {
        return -1;
    }
    return fr_channel_read(wire->channel, to, cap);
}

ssize_t fr_wire_receive(struct fr_wire *wire, char *to, size_t cap, int timeout_ms)
{
    ssize_t got;
    if (wire->channel != NULL) {
        return receive_shared(wire, to, cap, timeout_ms);
    }
    if (timeout_ms != 0 && !set_receive_timeout(wire, timeout_ms)) {
        return -1;
    }
    do {
        got = recv(wire->fd, to, cap, timeout_ms == 0 ? MSG_DONTWAIT : 0);
    } while (got < 0 && errno == EINTR && timeout_ms == 0);
    return got;
}

int fr_wire_wait(struct fr_wire *wire, bool wants_room, int timeout_ms)
{
    struct pollfd ready = {wire->fd, POLLIN, 0};
    if (wire->channel != NULL) {
        return fr_channel_wait(wire->channel, wants_room, timeout_ms);
    }
    if (wants_room) {
        ready.events |= POLLOUT;
    }
    return poll(&ready, 1, timeout_ms);
}

bool fr_wire_arm(struct fr_wire *wire)
{
    return wire->channel == NULL || fr_channel_arm(wire->channel);
}

size_t fr_wire_lost(const struct fr_wire *wire)
{
    return wire->channel != NULL ? fr_channel_left(wire->channel) : 0;
}

void fr_wire_trim(struct fr_wire *wire)
{
    if (wire->channel != NULL) {
        fr_channel_trim(wire->channel);
    }
}

bool fr_wire_is_stale(const struct fr_wire *wire)
{
    char byte;
    if (wire->fd < 0) {
        return true;
    }
    if (wire->channel != NULL && fr_channel_wait(wire->channel, false, 0) != 0) {
        return true;
    }
    ssize_t got = recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got > 0 && wire->channel == NULL) ||
           (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
}
