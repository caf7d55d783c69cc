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

/* Make a handle on a socket, with the application it never asks again. NULL: the last error says
 * why. */
static inline FlaskRedis *library_open(const char *socket_path)
{
    char url[256];
    FlaskApp *app = flask_app_new();
    snprintf(url, sizeof(url), "unix://%s", socket_path);
    if (!app || flask_app_config_set(app, "REDIS_URL", url) != FLASK_REDIS_OK)
        return NULL;
    return flask_redis_new(app, NULL);
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
