/* Beside whom a worker runs: on the core of the server it speaks with, while several clients
 * share memory with it. Those on sockets wake it, and are woken, by interrupts as well.
 *
 * Waking a server that sleeps takes 1 to 3 µs on the worker's own core. On another one it takes an
 * interrupt, which costs a worker on a virtual machine 10 to 20 µs and lets the server wait for 30:
 * more than all the rest of a turn in which some clients ask. Where cores are idle that is the
 * price of running side by side, and the kernel decides for it. Where none is, it is a loss, and
 * the kernel leaves both where they happen to be.
 *
 * So a worker whose writes to servers are slow moves to its next core, once. If that is the
 * server's, writes are quick from then on. If not, it is as before, and the pause until the next
 * time is twice as long. The worker is never bound to a core: the kernel may move it again, also to
 * cores that a container is given later. */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include <stdbool.h>
#include <stdint.h>

struct placement {
    int64_t write_ns; /* a write to a server takes so long, as a moving average */
    unsigned writes;  /* since the last move */
    int64_t next_ns;  /* no move before */
    int64_t pause_ns; /* 0: the shortest */
    bool is_wanted;   /* several clients share memory with it */
    bool is_fixed;    /* there is no other core, or the system does not allow it */
};

/* A write to a server took so long, and ended now. May move the calling thread. */
void placement_note_write(struct placement *placement, int64_t took_ns, int64_t now_ns);

#endif
