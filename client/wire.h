/* Bytes in both directions and waiting for them: over the socket, or over shared memory beside it.
 * One thread uses a wire at a time. */
#ifndef FR_CLIENT_WIRE_H
#define FR_CLIENT_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fr_channel;

struct fr_wire {
    int fd;                     /* -1: closed, or the parent's */
    int set_ms;                 /* the socket's receive timeout, as it is set now */
    struct fr_channel *channel; /* NULL: bytes pass through the socket */
};

/* Take over a connected descriptor. */
void fr_wire_open(struct fr_wire *wire, int fd);

/* Close it. Nothing happens when it is closed. */
void fr_wire_close(struct fr_wire *wire);

/* In a child after fork(): part with what is the parent's. */
void fr_wire_forked(struct fr_wire *wire);

/* Send what is taken at once. -1: errno, EAGAIN when nothing is. */
ssize_t fr_wire_send(struct fr_wire *wire, const char *data, size_t len);

/* Receive what is there, waiting for at most timeout_ms (0: not at all, -1: for ever). 0: the end.
 * -1: errno, EAGAIN when nothing came in time, EINTR when a signal did. */
ssize_t fr_wire_receive(struct fr_wire *wire, char *to, size_t cap, int timeout_ms);

/* Wait until something can be received, or sent if that is wanted: 1, or as poll(). */
int fr_wire_wait(struct fr_wire *wire, bool wants_room, int timeout_ms);

/* Have the descriptor be readable when something can be received. False: something can be now. */
bool fr_wire_arm(struct fr_wire *wire);

/* How many bytes of those sent certainly never reach the other side: it has closed. */
size_t fr_wire_lost(const struct fr_wire *wire);

/* Nothing is under way: give back memory. */
void fr_wire_trim(struct fr_wire *wire);

/* Whether there is anything to be received, the end included. */
bool fr_wire_is_stale(const struct fr_wire *wire);

#endif
