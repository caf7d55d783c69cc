/* How many clients use shared memory: in all, of one prefix, and of one user of the system. Counted
 * over all workers. */
#ifndef RING_LIMITS_H
#define RING_LIMITS_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/quota.h"

struct ring_user;

/* Of the daemon. Limits may change at any time. */
struct ring_limits {
    struct quota all;
    _Atomic int64_t most;
    _Atomic int64_t user_most;
    _Atomic int64_t size_most;
    pthread_mutex_t lock; /* of users; taken when a client attaches and when it goes */
    struct ring_user *users;
};

void ring_limits_init(struct ring_limits *limits);

/* Free it. Nobody may be counted any more. */
void ring_limits_finish(struct ring_limits *limits);

/* Count one more client, of this user and this prefix, which may have prefix_most. Returns NULL, or
 * the name of the setting that does not allow it; then nothing is counted. */
const char *ring_limits_take(struct ring_limits *limits, struct quota *prefix, int64_t prefix_most,
                             uid_t uid);

/* One less. */
void ring_limits_give(struct ring_limits *limits, struct quota *prefix, uid_t uid);

#endif
