/* A worker: a thread with an event loop and all that belongs to it, a pool for each prefix and the
 * clients it accepted. Workers share nothing that a command's way touches. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/channel.h"
#include "daemon/layout.h"
#include "daemon/loop.h"
#include "daemon/mailbox.h"
#include "daemon/pool.h"

LIST_HEAD(entrance_list, entrance);

struct worker {
    int number;
    pthread_t thread;
    struct loop loop;
    struct channels channels;
    struct mailbox *mailbox;
    uint64_t layouts;               /* taken so far */
    struct pool_table table;        /* a pool for each prefix, and those that are being left */
    struct entrance_list entrances; /* one for each socket that accepts */
    struct event pause;             /* no descriptors left: accept again later */
    bool is_draining;
    struct event drain_check;
    void (*on_end)(struct worker *worker); /* in the worker's thread, as its last act */
};

/* Make a worker; its thread does not run yet. False with errno when the system refuses. */
bool worker_init(struct worker *worker, int number, struct house *house);

/* Start the thread. */
bool worker_start(struct worker *worker);

/* From any thread: accept no more, finish what is outstanding, and end. */
void worker_drain(struct worker *worker);

/* From any thread: end now. */
void worker_end(struct worker *worker);

/* From any thread: serve what the layout says from now on. */
void worker_serve(struct worker *worker, struct layout *layout);

/* Free it; its thread has ended or never run. */
void worker_finish(struct worker *worker);

#endif
