/* What happens around fork().
 *
 * Order of locks: this list's, then handles', then engines'. Nobody holds one of a handle or an
 * engine when taking the list's, nor two of the others at once but here. Those of mock servers
 * (mock_server.c) and the application's (app.c) are taken after all of these. */
#include "client/fork.h"

#include <pthread.h>

#include "client/app.h"
#include "client/mock_server.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct fr_engine *engines;
static FlaskRedis *handles;

static void before(void)
{
    pthread_mutex_lock(&lock);
    for (FlaskRedis *redis = handles; redis != NULL; redis = redis->next_handle) {
        pthread_mutex_lock(&redis->lock);
    }
    for (struct fr_engine *engine = engines; engine != NULL; engine = engine->next_engine) {
        pthread_mutex_lock(&engine->lock);
    }
    fr_mock_before_fork();
    fr_app_before_fork();
}

static void unlock_all(void)
{
    fr_app_after_fork();
    fr_mock_after_fork();
    for (struct fr_engine *engine = engines; engine != NULL; engine = engine->next_engine) {
        pthread_mutex_unlock(&engine->lock);
    }
    for (FlaskRedis *redis = handles; redis != NULL; redis = redis->next_handle) {
        pthread_mutex_unlock(&redis->lock);
    }
    pthread_mutex_unlock(&lock);
}

/* The threads that waited are not in the child, but a condition that has waiters remembers them. */
static void renew_condition(struct fr_engine *engine)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&engine->returned, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void in_child(void)
{
    for (struct fr_engine *engine = engines; engine != NULL; engine = engine->next_engine) {
        fr_engine_forked(engine);
        renew_condition(engine);
    }
    unlock_all();
}

static void install(void)
{
    pthread_atfork(before, unlock_all, in_child);
}

void fr_fork_add_engine(struct fr_engine *engine)
{
    pthread_once(&once, install);
    pthread_mutex_lock(&lock);
    engine->prev_engine = NULL;
    engine->next_engine = engines;
    if (engines != NULL) {
        engines->prev_engine = engine;
    }
    engines = engine;
    pthread_mutex_unlock(&lock);
}

void fr_fork_remove_engine(struct fr_engine *engine)
{
    pthread_mutex_lock(&lock);
    if (engine->prev_engine != NULL) {
        engine->prev_engine->next_engine = engine->next_engine;
    } else {
        engines = engine->next_engine;
    }
    if (engine->next_engine != NULL) {
        engine->next_engine->prev_engine = engine->prev_engine;
    }
    pthread_mutex_unlock(&lock);
}

void fr_fork_add_handle(FlaskRedis *redis)
{
    pthread_mutex_lock(&lock);
    redis->prev_handle = NULL;
    redis->next_handle = handles;
    if (handles != NULL) {
        handles->prev_handle = redis;
    }
    handles = redis;
    pthread_mutex_unlock(&lock);
}

void fr_fork_remove_handle(FlaskRedis *redis)
{
    pthread_mutex_lock(&lock);
    if (redis->prev_handle != NULL) {
        redis->prev_handle->next_handle = redis->next_handle;
    } else {
        handles = redis->next_handle;
    }
    if (redis->next_handle != NULL) {
        redis->next_handle->prev_handle = redis->prev_handle;
    }
    pthread_mutex_unlock(&lock);
}
