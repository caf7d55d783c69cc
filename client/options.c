/* Options: zero is "not said", so merging is laying what is said over what was. */
#include "client/options.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "client/error.h"

enum {
    CONNECTIONS_MAX = 65536
};

/* A day, as in URLs: longer ones are mistakes (milliseconds written as seconds). */
#define SECONDS_MAX 86400.0
#define MS_PER_S 1000.0

static const size_t texts[] = {
    offsetof(FlaskRedisOptions, config_prefix),
    offsetof(FlaskRedisOptions, username),
    offsetof(FlaskRedisOptions, password),
    offsetof(FlaskRedisOptions, client_name),
};
#define TEXT_COUNT (sizeof(texts) / sizeof(texts[0]))

static const struct {
    const char *name;
    size_t at;
} times[] = {
    {"socket_timeout", offsetof(FlaskRedisOptions, socket_timeout)},
    {"socket_connect_timeout", offsetof(FlaskRedisOptions, socket_connect_timeout)},
    {"health_check_interval", offsetof(FlaskRedisOptions, health_check_interval)},
};
#define TIME_COUNT (sizeof(times) / sizeof(times[0]))

static char **text_at(FlaskRedisOptions *options, size_t i)
{
    return (char **)(void *)((char *)options + texts[i]);
}

static const char *text_of(const FlaskRedisOptions *options, size_t i)
{
    return *(const char *const *)(const void *)((const char *)options + texts[i]);
}

static double *time_at(FlaskRedisOptions *options, size_t i)
{
    return (double *)(void *)((char *)options + times[i].at);
}

static double time_of(const FlaskRedisOptions *options, size_t i)
{
    return *(const double *)(const void *)((const char *)options + times[i].at);
}

void fr_options_finish(FlaskRedisOptions *options)
{
    if (options->password != NULL) {
        explicit_bzero(*text_at(options, 2), strlen(options->password));
    }
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        free(*text_at(options, i));
    }
    *options = (FlaskRedisOptions){0};
}

static FlaskRedisStatus bad(const char *name, const char *what)
{
    return flask_redis_fail(FLASK_REDIS_DATA, false, "option %s %s", name, what);
}

static FlaskRedisStatus check(const FlaskRedisOptions *options)
{
    for (size_t i = 0; i < TIME_COUNT; i++) {
        double seconds = time_of(options, i);
        if (!isfinite(seconds) || seconds > SECONDS_MAX) {
            return bad(times[i].name, "is not a time in seconds (at most 86400)");
        }
    }
    if (options->db < 0) {
        return bad("db", "is negative");
    }
    if (options->max_connections < 0 || options->max_connections > CONNECTIONS_MAX) {
        return bad("max_connections", "is not between 1 and 65536");
    }
    if ((unsigned)options->transport > FLASK_REDIS_TRANSPORT_SHARED) {
        return bad("transport", "is none of FlaskRedisTransport");
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus copy_texts(FlaskRedisOptions *to, const FlaskRedisOptions *first,
                                   const FlaskRedisOptions *second)
{
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        const char *text = text_of(first, i) != NULL ? text_of(first, i) : text_of(second, i);
        *text_at(to, i) = text != NULL ? strdup(text) : NULL;
        if (text != NULL && *text_at(to, i) == NULL) {
            return fr_fail_memory();
        }
    }
    return FLASK_REDIS_OK;
}

static void merge_numbers(FlaskRedisOptions *to, const FlaskRedisOptions *more)
{
    for (size_t i = 0; i < TIME_COUNT; i++) {
        if (time_of(more, i) != 0) {
            *time_at(to, i) = time_of(more, i);
        }
    }
    to->db = more->db != 0 ? more->db : to->db;
    to->max_connections = more->max_connections != 0 ? more->max_connections : to->max_connections;
    to->transport = more->transport != 0 ? more->transport : to->transport;
    to->retry_on_timeout |= more->retry_on_timeout;
    to->strict |= more->strict;
}

FlaskRedisStatus fr_options_merge(FlaskRedisOptions *options, const FlaskRedisOptions *more)
{
    static const FlaskRedisOptions nothing;
    FlaskRedisOptions merged = *options;

    more = more != NULL ? more : &nothing;
    FlaskRedisStatus status = check(more);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    merge_numbers(&merged, more);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        *text_at(&merged, i) = NULL;
    }
    status = copy_texts(&merged, more, options);
    if (status != FLASK_REDIS_OK) {
        fr_options_finish(&merged);
        return status;
    }
    fr_options_finish(options);
    *options = merged;
    return FLASK_REDIS_OK;
}

int fr_options_ms(double seconds, int default_ms)
{
    if (seconds == 0) {
        return default_ms;
    }
    double ms = ceil(seconds * MS_PER_S);
    return seconds < 0 ? -1 : (int)ms;
}
