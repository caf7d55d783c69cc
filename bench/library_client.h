/* libflaskredis as the client of a measurement: a handle, and one GET at a time. */
#ifndef BENCH_LIBRARY_CLIENT_H
#define BENCH_LIBRARY_CLIENT_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <flaskredis.h>

#include "bench/target.h"

/* Until a connection has gone over to shared memory, if it does. */
enum {
    LIBRARY_WARM_UP = 120
};

struct library {
    FlaskApp *app; /* which the handle asks for its URL once, and never again */
    FlaskRedis *redis;
};

/* Free what library_open() made; an empty one is fine. */
static inline void library_close(struct library *library)
{
    flask_redis_free(library->redis);
    flask_app_free(library->app);
    *library = (struct library){0};
}

/* Make a handle on a socket for so many threads, a connection for each. Returns whether there is
 * one; otherwise the last error says why. */
static inline bool library_open(struct library *library, const char *socket_path, unsigned threads)
{
    char url[256];
    FlaskRedisOptions options = {.max_connections = (int)threads};
    snprintf(url, sizeof(url), "unix://%s", socket_path);
    library->app = flask_app_new();
    if (library->app && flask_app_config_set(library->app, "REDIS_URL", url) == FLASK_REDIS_OK)
        library->redis = flask_redis_new(library->app, &options);
    if (library->redis == NULL)
        library_close(library);
    return library->redis != NULL;
}

/* Ask for the value; returns whether there was a reply. */
static inline bool library_get(FlaskRedis *redis, bool *is_right)
{
    FlaskRedisBytes value;
    if (flask_redis_get(redis, TARGET_KEY, &value) >= FLASK_REDIS_ERROR)
        return false;
    *is_right =
        value.len == TARGET_VALUE_LEN && memcmp(value.data, TARGET_VALUE, TARGET_VALUE_LEN) == 0;
    flask_redis_bytes_free(&value);
    return true;
}

#endif
