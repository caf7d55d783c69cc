/* Counting the clients that use shared memory. See ring_limits.h. */
#include "daemon/ring_limits.h"

#include <stdlib.h>

#include <uthash.h>

#include "daemon/memory.h"

struct ring_user {
    uid_t uid;
    int64_t count;
    UT_hash_handle hh;
};

void ring_limits_init(struct ring_limits *limits)
{
    *limits = (struct ring_limits){0};
    pthread_mutex_init(&limits->lock, NULL);
}

void ring_limits_finish(struct ring_limits *limits)
{
    pthread_mutex_destroy(&limits->lock);
}

static struct ring_user *find_user(struct ring_limits *limits, uid_t uid)
{
    struct ring_user *user = NULL;
    HASH_FIND(hh, limits->users, &uid, sizeof uid, user);
    return user;
}

static bool take_for_user(struct ring_limits *limits, uid_t uid)
{
    int64_t most = atomic_load(&limits->user_most);
    pthread_mutex_lock(&limits->lock);
    struct ring_user *user = find_user(limits, uid);
    bool is_taken = (user == NULL ? 0 : user->count) < most;
    if (is_taken && user == NULL) {
        user = memory_zeroed(sizeof *user);
        user->uid = uid;
        HASH_ADD(hh, limits->users, uid, sizeof user->uid, user);
    }
    if (is_taken) {
        user->count++;
    }
    pthread_mutex_unlock(&limits->lock);
    return is_taken;
}

const char *ring_limits_take(struct ring_limits *limits, struct quota *prefix, int64_t prefix_most,
                             uid_t uid)
{
    if (!quota_take(&limits->all, atomic_load(&limits->most))) {
        return "rings_max";
    }
    if (!quota_take(prefix, prefix_most)) {
        quota_give(&limits->all);
        return "rings";
    }
    if (!take_for_user(limits, uid)) {
        quota_give(&limits->all);
        quota_give(prefix);
        return "rings_user_max";
    }
    return NULL;
}

void ring_limits_give(struct ring_limits *limits, struct quota *prefix, uid_t uid)
{
    quota_give(&limits->all);
    quota_give(prefix);
    pthread_mutex_lock(&limits->lock);
    struct ring_user *user = find_user(limits, uid);
    if (user != NULL && --user->count == 0) {
        HASH_DEL(limits->users, user);
        free(user);
    }
    pthread_mutex_unlock(&limits->lock);
}
