/* The sessions of an engine: taken, given back, ended. Connecting and disconnecting happen without
 * the lock, so that one that takes long holds up nobody else. */
#include "client/engine.h"

#include <stdlib.h>
#include <string.h>

#include "client/clock.h"
#include "client/error.h"

/* --- lists, with the lock held ---------------------------------------------------------------- */

static void link_session(struct fr_engine *engine, struct fr_session *session)
{
    session->prev = NULL;
    session->next = engine->all;
    if (engine->all != NULL) {
        engine->all->prev = session;
    }
    engine->all = session;
}

static void unlink_session(struct fr_engine *engine, struct fr_session *session)
{
    if (session->prev != NULL) {
        session->prev->next = session->next;
    } else {
        engine->all = session->next;
    }
    if (session->next != NULL) {
        session->next->prev = session->prev;
    }
    for (struct fr_session **at = &engine->idle; *at != NULL; at = &(*at)->next_idle) {
        if (*at == session) {
            *at = session->next_idle;
            break;
        }
    }
}

static void uncount(struct fr_engine *engine)
{
    engine->count--;
    if (engine->waiting > 0) {
        pthread_cond_signal(&engine->returned);
    }
}

/* --- opening and ending ----------------------------------------------------------------------- */

static FlaskRedisStatus open_session(struct fr_engine *engine, bool is_counted,
                                     struct fr_session **made)
{
    struct fr_session *session = calloc(1, sizeof(*session));
    if (session == NULL) {
        return fr_fail_memory();
    }
    session->engine = engine;
    session->is_counted = is_counted;
    FlaskRedisStatus status = engine->provider.connect(engine->instance, &session->state);
    if (status != FLASK_REDIS_OK) {
        free(session);
        return status;
    }
    atomic_store_explicit(&engine->was_connected, true, memory_order_relaxed);
    pthread_mutex_lock(&engine->lock);
    link_session(engine, session);
    pthread_mutex_unlock(&engine->lock);
    *made = session;
    return FLASK_REDIS_OK;
}

void fr_session_drop(struct fr_session *session)
{
    if (session == NULL || session == &session->engine->only) {
        return;
    }
    struct fr_engine *engine = session->engine;
    pthread_mutex_lock(&engine->lock);
    unlink_session(engine, session);
    if (session->is_counted) {
        uncount(engine);
    }
    pthread_mutex_unlock(&engine->lock);
    if (engine->provider.disconnect != NULL) {
        engine->provider.disconnect(session->state);
    }
    free(session);
}

void fr_session_give(struct fr_session *session)
{
    if (session == NULL || session == &session->engine->only) {
        return;
    }
    if (session->is_foreign) {
        fr_session_drop(session);
        return;
    }
    struct fr_engine *engine = session->engine;
    if (engine->health_ms > 0) {
        session->idle_since_ms = fr_now_ms();
    }
    pthread_mutex_lock(&engine->lock);
    session->next_idle = engine->idle;
    engine->idle = session;
    if (engine->waiting > 0) {
        pthread_cond_signal(&engine->returned);
    }
    pthread_mutex_unlock(&engine->lock);
}

FlaskRedisStatus fr_session_open(struct fr_engine *engine, struct fr_session **session)
{
    if (engine->provider.connect == NULL) {
        *session = &engine->only;
        return FLASK_REDIS_OK;
    }
    return open_session(engine, false, session);
}

/* --- taking ----------------------------------------------------------------------------------- */

static struct timespec time_of(int64_t ms)
{
    return (struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};
}

/* Wait until a session was given back, or there is room for another; false: it took too long. */
static bool wait_for_one(struct fr_engine *engine)
{
    struct timespec deadline = time_of(fr_now_ms() + engine->connect_ms);
    bool in_time = true;

    engine->waiting++;
    while (in_time && engine->idle == NULL && engine->count >= engine->max_connections) {
        if (engine->connect_ms < 0) {
            pthread_cond_wait(&engine->returned, &engine->lock);
        } else {
            in_time = pthread_cond_timedwait(&engine->returned, &engine->lock, &deadline) == 0;
        }
    }
    engine->waiting--;
    return engine->idle != NULL || engine->count < engine->max_connections;
}

/* Take an idle one (*session), or the right to open one (*session NULL). */
static FlaskRedisStatus reserve(struct fr_engine *engine, struct fr_session **session)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;

    pthread_mutex_lock(&engine->lock);
    if (engine->idle == NULL && engine->count >= engine->max_connections && !wait_for_one(engine)) {
        status = flask_redis_fail(FLASK_REDIS_POOL_EXHAUSTED, false,
                                  "all %d connections are in use (max_connections)",
                                  engine->max_connections);
    } else if (engine->idle != NULL) {
        *session = engine->idle;
        engine->idle = (*session)->next_idle;
        (*session)->next_idle = NULL;
    } else {
        *session = NULL;
        engine->count++;
    }
    pthread_mutex_unlock(&engine->lock);
    return status;
}

/* Whether it still answers, after it was not used for long. */
static bool is_healthy(struct fr_session *session)
{
    static const FlaskRedisBytes ping = {"PING", 4};
    const FlaskRedisCommand command = {1, &ping};
    redisReply *reply = NULL;

    if (session->engine->health_ms <= 0 ||
        fr_now_ms() - session->idle_since_ms < session->engine->health_ms) {
        return true;
    }
    FlaskRedisStatus status = fr_session_run(session, &command, 1, &reply);
    flask_redis_reply_free(reply);
    return status == FLASK_REDIS_OK;
}

FlaskRedisStatus fr_session_take(struct fr_engine *engine, struct fr_session **session)
{
    *session = &engine->only;
    if (engine->provider.connect == NULL) {
        return FLASK_REDIS_OK;
    }
    FlaskRedisStatus status;
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): a session that is dropped is in no list any more */
    while ((status = reserve(engine, session)) == FLASK_REDIS_OK && *session != NULL) {
        if (!(*session)->is_foreign && is_healthy(*session)) {
            return FLASK_REDIS_OK;
        }
        fr_session_drop(*session);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    status = open_session(engine, true, session);
    if (status != FLASK_REDIS_OK) {
        pthread_mutex_lock(&engine->lock);
        uncount(engine);
        pthread_mutex_unlock(&engine->lock);
    }
    return status;
}

/* --- fork ------------------------------------------------------------------------------------- */

/* Of the sessions in use, those of other threads have no one to give them back any more, and this
 * thread's own are dropped when it is done. What a provider keeps in memory only may stay idle. */
void fr_engine_forked(struct fr_engine *engine)
{
    bool is_shared = engine->provider.forked != NULL;

    for (struct fr_session *session = engine->all; session != NULL; session = session->next) {
        session->is_counted = false;
        session->is_foreign = true;
        if (is_shared) {
            engine->provider.forked(session->state);
        }
    }
    engine->count = 0;
    engine->waiting = 0;
    for (struct fr_session *session = engine->idle; session != NULL; session = session->next_idle) {
        session->is_foreign = is_shared;
        session->is_counted = !is_shared;
        engine->count += session->is_counted;
    }
}
