/* Beside whom a worker runs: on the core of the server it speaks with, on a host where server,
 * worker and clients have not a core each.
 *
 * Such a host has idle cores for moments, and the kernel uses them: it wakes the server on the core
 * beside the worker's. Then clients, worker and server wait for each other in turns, each for what
 * the one before has done for all; a core is idle for a quarter of the time, and each wake-up is an
 * interrupt on another core, which on a virtual machine takes 10 to 20 µs of whoever wakes. With
 * worker and server on one core, waking costs 1 to 3 µs, and the clients have the other one for
 * themselves: they ask while those two answer.
 *
 * So a worker that writes to a server looks now and then where that runs, and goes there. Where the
 * kernel parts them again and again, it looks less often. It is never bound to a core: the kernel
 * may move it again, also to cores that a container is given later.
 *
 * With more cores each can have one of its own, and the kernel is left alone unless it is told. */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

/* Words of a setting. */
enum beside_server_policy {
    BESIDE_SERVER_AUTO, /* where the worker is alone and has two cores */
    BESIDE_SERVER_NO,
    BESIDE_SERVER_YES
};

struct placement {
    int server;        /* the socket that was looked at last */
    bool is_beside;    /* its peer and the worker are on one core since */
    uint64_t next_us;  /* no look before */
    uint64_t pause_us; /* from the last one to that */
};

/* For all threads; from any. */
void placement_set_policy(enum beside_server_policy policy, int workers);

/* Something is about to be written to a server over this socket; -1: there is none between it and
 * the worker. May move the calling thread. */
void placement_note_server(struct placement *placement, int fd, uint64_t now_us);

/* Whether the thread runs beside the server at the other end of this socket, as far as is known. */
static inline bool placement_is_beside(const struct placement *placement, int fd)
{
    return placement->is_beside && placement->server == fd;
}

#endif
