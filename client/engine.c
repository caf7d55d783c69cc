/* Making engines, and running commands in their sessions. The pool is in pool.c. */
#include "client/engine.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "client/fork.h"
#include "client/kept.h"
#include "client/options.h"
#include "client/provider_parts.h"

/* --- tables ----------------------------------------------------------------------------------- */

/* The rows up to here existed in the first version of the table. */
#define SIZE_LEAST (offsetof(FlaskRedisProvider, execute) + sizeof(void *))

FlaskRedisStatus fr_provider_check(const FlaskRedisProvider *provider)
{
    if (provider == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false, "the provider is NULL");
    }
    if (provider->size < SIZE_LEAST || provider->execute == NULL || provider->name == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false,
                                "the provider has no name, no execute, or a wrong size");
    }
    if ((provider->size >= sizeof(*provider)) &&
        (provider->send == NULL) != (provider->receive == NULL)) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false,
                                "the provider %s has one of send and receive only", provider->name);
    }
    return FLASK_REDIS_OK;
}

/* --- life ------------------------------------------------------------------------------------- */

static bool init_lock(struct fr_engine *engine)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(&engine->returned, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    if (is_good && pthread_mutex_init(&engine->lock, NULL) != 0) {
        pthread_cond_destroy(&engine->returned);
        is_good = false;
    }
    return is_good;
}

static void set_options(struct fr_engine *engine, const FlaskRedisOptions *options)
{
    engine->connect_ms = fr_options_ms(options->socket_connect_timeout, FR_CONNECT_TIMEOUT_MS);
    engine->health_ms = fr_options_ms(options->health_check_interval, 0);
    engine->health_ms = engine->health_ms < 0 ? 0 : engine->health_ms;
    engine->max_connections =
        options->max_connections > 0 ? options->max_connections : FR_MAX_CONNECTIONS;
    engine->retry_on_timeout = options->retry_on_timeout;
}

/* What the URL says of times the engine keeps itself. A URL that is bad is the provider's to
 * refuse. */
static void set_times_of_url(struct fr_engine *engine, const char *url,
                             const FlaskRedisOptions *options)
{
    struct fr_target target;
    if (url != NULL && engine->is_ours && fr_target_read(url, options, &target) == FLASK_REDIS_OK) {
        engine->connect_ms = target.connect_ms;
        if (target.url.heartbeat_ms >= 0) {
            engine->health_ms = (int)target.url.heartbeat_ms;
        }
        fr_target_finish(&target);
    }
}

static FlaskRedisStatus make_instance(struct fr_engine *engine, const char *url,
                                      const FlaskRedisOptions *options)
{
    const FlaskRedisProvider *provider = &engine->provider;
    engine->instance = provider->context;
    if (provider->from_url == NULL) {
        return FLASK_REDIS_OK;
    }
    return provider->from_url(provider->context, url, options, &engine->instance);
}

FlaskRedisStatus fr_engine_new(const FlaskRedisProvider *provider, const char *url,
                               const FlaskRedisOptions *options, struct fr_engine **made)
{
    struct fr_engine *engine = calloc(1, sizeof(*engine));
    if (engine == NULL || !init_lock(engine)) {
        free(engine);
        return fr_fail_memory();
    }
    size_t size = provider->size < sizeof(*provider) ? provider->size : sizeof(*provider);
    memcpy(&engine->provider, provider, size);
    engine->is_ours = fr_provider_is_ours(provider);
    atomic_init(&engine->holders, 1);
    atomic_init(&engine->was_connected, false);
    set_options(engine, options);
    set_times_of_url(engine, url, options);
    FlaskRedisStatus status = make_instance(engine, url, options);
    if (status != FLASK_REDIS_OK) {
        pthread_cond_destroy(&engine->returned);
        pthread_mutex_destroy(&engine->lock);
        free(engine);
        return status;
    }
    engine->only = (struct fr_session){.state = engine->instance, .engine = engine};
    fr_fork_add_engine(engine);
    *made = engine;
    return FLASK_REDIS_OK;
}

void fr_engine_hold(struct fr_engine *engine)
{
    atomic_fetch_add_explicit(&engine->holders, 1, memory_order_relaxed);
}

static void destroy(struct fr_engine *engine)
{
    fr_fork_remove_engine(engine);
    while (engine->all != NULL) {
        fr_session_drop(engine->all);
    }
    if (engine->provider.close != NULL) {
        engine->provider.close(engine->instance);
    }
    pthread_cond_destroy(&engine->returned);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

/* The release of each holder is acquired by the last one, which then sees all they did. */
void fr_engine_release(struct fr_engine *engine)
{
    if (engine != NULL &&
        atomic_fetch_sub_explicit(&engine->holders, 1, memory_order_acq_rel) == 1) {
        destroy(engine);
    }
}

/* --- running ---------------------------------------------------------------------------------- */

static FlaskRedisStatus run_terminated(struct fr_session *session, const FlaskRedisCommand *command,
                                       redisReply **reply)
{
    FlaskRedisCommand copy = {command->argc, fr_words_copy(command)};
    if (copy.argv == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status = session->engine->provider.execute(session->state, &copy, reply);
    free((void *)copy.argv);
    if (status == FLASK_REDIS_OK && *reply == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, true, "the provider %s returned no reply",
                                session->engine->provider.name);
    }
    return status;
}

static void free_copies(FlaskRedisCommand *copies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)copies[i].argv);
    }
    free(copies);
}

static FlaskRedisStatus run_batch_terminated(struct fr_session *session,
                                             const FlaskRedisCommand *commands, size_t count,
                                             redisReply **replies)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;
    FlaskRedisCommand *copies = calloc(count, sizeof(*copies));
    for (size_t i = 0; copies != NULL && i < count; i++) {
        copies[i] = (FlaskRedisCommand){commands[i].argc, fr_words_copy(&commands[i])};
        if (copies[i].argv == NULL) {
            free_copies(copies, i);
            copies = NULL;
        }
    }
    if (copies == NULL) {
        return fr_fail_memory();
    }
    status = session->engine->provider.execute_batch(session->state, copies, count, replies);
    free_copies(copies, count);
    return status;
}

/* A provider that takes no batches gets its commands one by one; when one of them fails, those
 * before it have run. */
static FlaskRedisStatus run_one_by_one(struct fr_session *session,
                                       const FlaskRedisCommand *commands, size_t count,
                                       redisReply **replies)
{
    for (size_t i = 0; i < count; i++) {
        FlaskRedisStatus status = run_terminated(session, &commands[i], &replies[i]);
        if (status != FLASK_REDIS_OK) {
            return i == 0 ? status
                          : flask_redis_fail(status, true, "%s", flask_redis_last_error()->text);
        }
    }
    return FLASK_REDIS_OK;
}

FlaskRedisStatus fr_session_run(struct fr_session *session, const FlaskRedisCommand *commands,
                                size_t count, redisReply **replies)
{
    const FlaskRedisProvider *provider = &session->engine->provider;

    if (session->engine->is_ours) {
        return count == 1 ? provider->execute(session->state, commands, replies)
                          : provider->execute_batch(session->state, commands, count, replies);
    }
    if (count > 1 && provider->execute_batch != NULL) {
        return run_batch_terminated(session, commands, count, replies);
    }
    return run_one_by_one(session, commands, count, replies);
}
