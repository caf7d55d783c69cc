/* An engine: an instance of a provider, its sessions, and who may use them. A handle points to one,
 * and to another after flask_redis_init_app; whoever uses one holds it meanwhile.
 *
 *            take                       give
 *   idle ------------> one thread's -----------> idle          at most max_connections
 *    |                     | drop                              of both together
 *    +--- stale, forked ---+-----> disconnected
 */
#ifndef FR_CLIENT_ENGINE_H
#define FR_CLIENT_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "flaskredis/provider.h"

struct fr_engine;

struct fr_session {
    void *state; /* the provider's */
    struct fr_engine *engine;
    struct fr_session *next_idle;
    struct fr_session *prev, *next; /* of all sessions of the engine */
    int64_t idle_since_ms;          /* kept only for health checks */
    bool is_counted;                /* against max_connections */
    bool is_foreign;                /* made by the parent of this process */
};

struct fr_engine {
    FlaskRedisProvider provider; /* a copy, rows it does not know NULL */
    void *instance;
    int connect_ms; /* -1: for ever */
    int health_ms;  /* 0: never */
    int max_connections;
    bool retry_on_timeout;
    bool is_ours; /* the provider is this library's own: it needs no terminators */
    atomic_bool was_connected;
    atomic_uint holders;

    pthread_mutex_t lock; /* what follows */
    pthread_cond_t returned;
    struct fr_session *idle, *all;
    int count;              /* of counted sessions, the ones being opened included */
    int waiting;            /* threads */
    struct fr_session only; /* of a provider without connect; not in the lists */
    struct fr_engine *prev_engine, *next_engine; /* of all in the process, under fork.c's lock */
};

/* Make the engine of a handle, held once. provider must be complete (fr_provider_check). */
FlaskRedisStatus fr_engine_new(const FlaskRedisProvider *provider, const char *url,
                               const FlaskRedisOptions *options, struct fr_engine **made);

/* Use it, and stop using it; the last one to stop ends the sessions and frees it. NULL is fine. */
void fr_engine_hold(struct fr_engine *engine);
void fr_engine_release(struct fr_engine *engine);

/* Have a session for this thread alone. POOL_EXHAUSTED: none became free within connect_ms. Does
 * not hold the engine. */
FlaskRedisStatus fr_session_take(struct fr_engine *engine, struct fr_session **session);

/* The same, beside max_connections and never shared: for subscribers. */
FlaskRedisStatus fr_session_open(struct fr_engine *engine, struct fr_session **session);

/* Give a session back that is as it was when it was taken. NULL is fine. */
void fr_session_give(struct fr_session *session);

/* End a session. NULL is fine. */
void fr_session_drop(struct fr_session *session);

/* Run commands in a session. Any status but OK: it must be dropped. */
FlaskRedisStatus fr_session_run(struct fr_session *session, const FlaskRedisCommand *commands,
                                size_t count, redisReply **replies);

/* ASSERTION unless the table has what is mandatory. */
FlaskRedisStatus fr_provider_check(const FlaskRedisProvider *provider);

/* Called by fork.c, with all engines locked: in the child, part with what is the parent's. */
void fr_engine_forked(struct fr_engine *engine);

#endif
