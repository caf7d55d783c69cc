/* A worker: a thread with an event loop and all that belongs to it, a pool for each prefix and the
 * clients it accepted. Workers share nothing that a command's way touches. */
#ifndef WORKER_H
#define WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/mailbox.h"
#include "daemon/pool.h"

struct worker {
    int number;
    pthread_t thread;
    struct loop loop;
    struct mailbox *mailbox;
    struct pool *pools; /* one for each prefix */
    size_t pool_count;
    struct entrance *entrances; /* one for each listener */
    size_t entrance_count;
    struct event pause; /* no descriptors left: accept again later */
    bool is_draining;
    struct event drain_check;
    void (*on_end)(struct worker *worker); /* in the worker's thread, as its last act */
};

/* Make a worker; its thread does not run yet. False with errno when the system refuses. */
bool worker_init(struct worker *worker, int number, struct house *house, struct prefix *prefixes,
                 const struct settings *settings, const struct listeners *listeners);

/* Start the thread. */
bool worker_start(struct worker *worker);

/* From any thread: accept no more, finish what is outstanding, and end. */
void worker_drain(struct worker *worker);

/* From any thread: end now. */
void worker_end(struct worker *worker);

/* From any thread: use these settings from now on. When each of the workers has them, they run
 * on_done with arg, the last of them. */
void workers_use_settings(struct worker *workers, int count, const struct settings *settings,
                          void (*on_done)(void *arg), void *arg);

/* Free it; its thread has ended or never run. */
void worker_finish(struct worker *worker);

#endif
