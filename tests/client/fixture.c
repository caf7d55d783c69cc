/* Handles for cases. */
#include "tests/client/fixture.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fixture_kind fixture_kind = FIXTURE_DAEMON;

static void free_app(void *app)
{
    flask_app_free(app);
}

static void free_handle(void *redis)
{
    flask_redis_free(redis);
}

FlaskApp *fixture_app(void)
{
    FlaskApp *app = flask_app_new();
    EXPECT(app != NULL);
    case_defer(free_app, app);
    return app;
}

FlaskRedis *fixture_keep(FlaskRedis *redis)
{
    if (redis == NULL) {
        FAIL("no handle: %s", last_text());
    }
    case_defer(free_handle, redis);
    return redis;
}

static void set_url(struct fixture *fixture, const FlaskRedisOptions *options)
{
    char key[128];
    snprintf(key, sizeof(key), "%s_URL",
             options != NULL && options->config_prefix != NULL ? options->config_prefix : "REDIS");
    if (fixture_kind == FIXTURE_MOCK) {
        OK(flask_app_config_set(fixture->app, key, "mock://fixture"));
        return;
    }
    if (fixture_kind == FIXTURE_DIRECT) {
        OK(flask_app_config_set(fixture->app, key, server_url(fixture->server)));
    }
    if (fixture_kind == FIXTURE_URL) {
        OK(flask_app_config_set(fixture->app, key, server_tcp_url(fixture->server)));
    }
    snprintf(hiredis_provider_path, sizeof(hiredis_provider_path), "%s",
             fixture->server->socket_path);
}

FlaskRedis *fixture_handle(struct fixture *fixture, const FlaskRedisOptions *options)
{
    set_url(fixture, options);
    switch (fixture_kind) {
    case FIXTURE_DIRECT:
        return fixture_keep(
            flask_redis_from_custom_provider(flask_redis_direct_provider(), fixture->app, options));
    case FIXTURE_CUSTOM:
        return fixture_keep(
            flask_redis_from_custom_provider(&hiredis_provider, fixture->app, options));
    case FIXTURE_MOCK:
        return fixture_keep(
            flask_redis_from_custom_provider(flask_redis_mock_provider(), fixture->app, options));
    case FIXTURE_RINGS: {
        FlaskRedisOptions shared = options != NULL ? *options : (FlaskRedisOptions){0};
        shared.transport = FLASK_REDIS_TRANSPORT_SHARED;
        return fixture_keep(flask_redis_new(fixture->app, &shared));
    }
    case FIXTURE_DAEMON:
    case FIXTURE_URL:
        break;
    }
    return fixture_keep(flask_redis_new(fixture->app, options));
}

struct fixture *fixture_open_with(const FlaskRedisOptions *options)
{
    struct fixture *fixture = case_alloc(sizeof(*fixture));
    fixture->server = fixture_kind == FIXTURE_MOCK ? NULL : server_start(NULL);
    if (fixture_kind == FIXTURE_DAEMON || fixture_kind == FIXTURE_RINGS) {
        fixture->pooler = daemon_start_redis(server_url(fixture->server), "");
    }
    if (fixture_kind == FIXTURE_URL) {
        fixture->pooler =
            daemon_start(server_url(fixture->server),
                         "[flaskredisd]\nclient_urls = 127.0.0.1\n[UNUSED]\nurl = redis://h:1\n");
    }
    fixture->app = fixture_app();
    fixture->redis = fixture_handle(fixture, options);
    return fixture;
}

struct fixture *fixture_open(void)
{
    return fixture_open_with(NULL);
}

bool fixture_has_scripts(void)
{
#ifdef FR_MOCK_LUA
    return true;
#else
    return fixture_kind != FIXTURE_MOCK;
#endif
}

/* The mock's engine by a connection beside the handle's. */
static const struct bytes *ask_engine(struct fixture *fixture, const char *command)
{
    struct bytes *text = case_alloc(sizeof(*text));
    FlaskRedis *redis = flask_redis_new(fixture->app, NULL);
    redisReply *reply = flask_redis_command(redis, command);
    if (reply == NULL) {
        FAIL("%s: %s", command, last_text());
    }
    if (reply->type == REDIS_REPLY_INTEGER) {
        bytes_printf(text, ":%lld\r\n", reply->integer);
    } else {
        bytes_add_text(text, reply->str != NULL ? reply->str : "");
    }
    flask_redis_reply_free(reply);
    flask_redis_free(redis);
    case_defer(free, text->data);
    return text;
}

const struct bytes *fixture_ask(struct fixture *fixture, const char *command)
{
    return fixture->server != NULL ? server_ask(fixture->server, "%s", command)
                                   : ask_engine(fixture, command);
}

int64_t fixture_calls(struct fixture *fixture, const char *command)
{
    char line[64];
    if (fixture->server != NULL) {
        return server_calls(fixture->server, command);
    }
    snprintf(line, sizeof(line), "cmdstat_%s:calls=", command);
    const char *found = strstr(ask_engine(fixture, "INFO commandstats")->data, line);
    return found != NULL ? strtoll(found + strlen(line), NULL, 10) : 0;
}

const char *last_text(void)
{
    return flask_redis_last_error()->text;
}

void expect_status(const char *file, int line, const char *what, FlaskRedisStatus actual,
                   FlaskRedisStatus expected)
{
    if (actual != expected) {
        case_fail(file, line, "%s: got %s (%s), expected %s", what, flask_redis_status_name(actual),
                  actual >= FLASK_REDIS_ERROR ? last_text() : "no error",
                  flask_redis_status_name(expected));
    }
}

void expect_text(const char *file, int line, const char *what, FlaskRedisBytes *actual,
                 const char *expected, size_t len)
{
    if (actual->data == NULL) {
        case_fail(file, line, "%s: got nil, expected %s", what, expected);
    }
    expect_bytes(file, line, what, actual->data, actual->len, expected, len);
    if (actual->data[actual->len] != '\0') {
        case_fail(file, line, "%s: not terminated", what);
    }
    flask_redis_bytes_free(actual);
}

static int compare(const void *a, const void *b)
{
    return strcmp(((const FlaskRedisBytes *)a)->data, ((const FlaskRedisBytes *)b)->data);
}

void expect_array(const char *file, int line, FlaskRedisArray *actual, const char *expected,
                  bool is_sorted)
{
    struct bytes text = {0};
    if (is_sorted && actual->count > 0) {
        qsort(actual->items, actual->count, sizeof(*actual->items), compare);
    }
    bytes_add_text(&text, "");
    for (size_t i = 0; i < actual->count; i++) {
        bytes_printf(&text, "%s%s", i > 0 ? " " : "",
                     actual->items[i].data != NULL ? actual->items[i].data : "(nil)");
    }
    case_defer(free, text.data);
    expect_bytes(file, line, "array", text.data != NULL ? text.data : "", text.len, expected,
                 strlen(expected));
    flask_redis_array_free(actual);
}

void fixture_do(FlaskRedis *redis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = flask_redis_commandv(redis, format, args);
    va_end(args);
    if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
        FAIL("%s: %s", format, last_text());
    }
    flask_redis_reply_free(reply);
}
