/* Handles: made, pointed to an application, freed. */
#include "client/handle.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/app.h"
#include "client/error.h"
#include "client/fork.h"
#include "client/options.h"
#include "client/pin.h"
#include "client/provider_parts.h"

enum {
    KEY_CAP = 80
};

static const char default_prefix[] = "REDIS";

/* --- life ------------------------------------------------------------------------------------- */

static FlaskRedis *make(const FlaskRedisProvider *provider)
{
    static atomic_uint_fast64_t last_id;
    FlaskRedis *redis = calloc(1, sizeof(*redis));

    if (redis == NULL || pthread_mutex_init(&redis->lock, NULL) != 0) {
        free(redis);
        fr_fail_memory();
        return NULL;
    }
    redis->id = atomic_fetch_add(&last_id, 1) + 1;
    redis->provider = provider;
    fr_fork_add_handle(redis);
    return redis;
}

void flask_redis_free(FlaskRedis *redis)
{
    if (redis == NULL) {
        return;
    }
    int saved = errno;
    fr_app_forget(redis);
    fr_fork_remove_handle(redis);
    fr_pin_forget(redis);
    fr_engine_release(redis->engine);
    fr_options_finish(&redis->options);
    pthread_mutex_destroy(&redis->lock);
    free(redis);
    errno = saved;
}

FlaskRedis *flask_redis_from_custom_provider(const FlaskRedisProvider *provider, FlaskApp *app,
                                             const FlaskRedisOptions *options)
{
    int saved = errno;
    FlaskRedis *redis = NULL;

    if (fr_provider_check(provider) != FLASK_REDIS_OK || (redis = make(provider)) == NULL) {
        errno = saved;
        return NULL;
    }
    FlaskRedisStatus status = fr_options_merge(&redis->options, options);
    if (status == FLASK_REDIS_OK && app != NULL) {
        status = flask_redis_init_app(redis, app, NULL);
    }
    if (status != FLASK_REDIS_OK) {
        flask_redis_free(redis);
        redis = NULL;
    }
    errno = saved;
    return redis;
}

FlaskRedis *flask_redis_new(FlaskApp *app, const FlaskRedisOptions *options)
{
    return flask_redis_from_custom_provider(flask_redis_daemon_provider(), app, options);
}

/* --- an application --------------------------------------------------------------------------- */

/* The prefix as a name of the daemon's, in lower case; DATA: it is none. */
static FlaskRedisStatus lower_case(const char *prefix, char name[KEY_CAP])
{
    char path[FLASK_REDIS_SOCKET_PATH_CAP];
    int saved = errno;
    bool is_bad = flask_redis_socket_path(prefix, path, sizeof(path)) < 0 && errno == EINVAL;

    errno = saved;
    if (is_bad) {
        return flask_redis_fail(FLASK_REDIS_DATA, false,
                                "option config_prefix is not a letter and up to 63 letters, "
                                "digits or underscores");
    }
    size_t i = 0;
    for (; prefix[i] != '\0'; i++) {
        char c = prefix[i];
        name[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    name[i] = '\0';
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus make_engine(const FlaskRedis *redis, FlaskApp *app,
                                    const FlaskRedisOptions *options, struct fr_engine **engine)
{
    char key[KEY_CAP];
    char *url = NULL;

    snprintf(key, sizeof(key), "%s_URL", options->config_prefix);
    FlaskRedisStatus status = fr_app_copy(app, key, &url);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    status = fr_engine_new(fr_provider_for(redis->provider, url), url, options, engine);
    if (status != FLASK_REDIS_OK) {
        fr_fail_about("%s", key);
    }
    if (url != NULL) {
        explicit_bzero(url, strlen(url));
        free(url);
    }
    return status;
}

static void swap(FlaskRedis *redis, FlaskRedisOptions *options, struct fr_engine *engine)
{
    pthread_mutex_lock(&redis->lock);
    FlaskRedisOptions old_options = redis->options;
    struct fr_engine *old_engine = redis->engine;
    redis->options = *options;
    redis->engine = engine;
    pthread_mutex_unlock(&redis->lock);
    *options = old_options;
    fr_engine_release(old_engine);
}

/* options are a copy; they become the handle's, or what the handle had before. */
static FlaskRedisStatus init_with(FlaskRedis *redis, FlaskApp *app, FlaskRedisOptions *options)
{
    struct fr_engine *engine = NULL;
    char name[KEY_CAP];

    FlaskRedisStatus status = lower_case(options->config_prefix, name);
    if (status == FLASK_REDIS_OK) {
        status = make_engine(redis, app, options, &engine);
    }
    if (status == FLASK_REDIS_OK) {
        status = fr_app_register(app, name, redis);
    }
    if (status != FLASK_REDIS_OK) {
        fr_engine_release(engine);
        return status;
    }
    swap(redis, options, engine);
    return FLASK_REDIS_OK;
}

FlaskRedisStatus flask_redis_init_app(FlaskRedis *redis, FlaskApp *app,
                                      const FlaskRedisOptions *options)
{
    static const FlaskRedisOptions usual = {.config_prefix = default_prefix};
    FlaskRedisOptions merged = {0};
    int saved = errno;

    if (app == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false, "the application is NULL");
    }
    FlaskRedisStatus status = fr_options_merge(&merged, &usual);
    if (status == FLASK_REDIS_OK) {
        status = fr_options_merge(&merged, &redis->options);
    }
    if (status == FLASK_REDIS_OK) {
        status = fr_options_merge(&merged, options);
    }
    if (status == FLASK_REDIS_OK) {
        status = init_with(redis, app, &merged);
    }
    fr_options_finish(&merged);
    errno = saved;
    return status;
}

FlaskRedisStatus fr_handle_engine(FlaskRedis *redis, struct fr_engine **engine)
{
    if (redis == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false, "the handle is NULL");
    }
    pthread_mutex_lock(&redis->lock);
    *engine = redis->engine;
    if (*engine != NULL) {
        fr_engine_hold(*engine);
    }
    pthread_mutex_unlock(&redis->lock);
    if (*engine == NULL) {
        return flask_redis_fail(FLASK_REDIS_NOT_INITIALISED, false,
                                "the handle has no application yet: call flask_redis_init_app");
    }
    return FLASK_REDIS_OK;
}
