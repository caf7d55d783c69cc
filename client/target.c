/* URL over options, as redis-py has it: query over path over keyword. */
#include "client/target.h"

#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "client/options.h"

enum {
    ERROR_CAP = 256
};

static void wipe_free(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

static bool fill_text(char **to, const char *from)
{
    if (*to == NULL && from != NULL) {
        *to = strdup(from);
        return *to != NULL;
    }
    return true;
}

/* A user without a password logs in with an empty one, as in URLs. */
static FlaskRedisStatus fill(struct fr_target *target, const FlaskRedisOptions *options)
{
    struct fr_url *url = &target->url;
    bool has_login = url->password != NULL;
    const char *password = options->password;

    if (!has_login && options->username != NULL && password == NULL) {
        password = "";
    }
    if ((!has_login &&
         (!fill_text(&url->user, options->username) || !fill_text(&url->password, password))) ||
        !fill_text(&url->client_name, options->client_name)) {
        return fr_fail_memory();
    }
    if (!url->has_db && options->db > 0) {
        url->db = options->db;
        url->has_db = true;
    }
    target->timeout_ms = url->command_ms >= 0
                             ? (url->command_ms == 0 ? -1 : (int)url->command_ms)
                             : fr_options_ms(options->socket_timeout, FR_SOCKET_TIMEOUT_MS);
    target->connect_ms =
        url->connect_ms > 0 ? (int)url->connect_ms
                            : fr_options_ms(options->socket_connect_timeout, FR_CONNECT_TIMEOUT_MS);
    return FLASK_REDIS_OK;
}

FlaskRedisStatus fr_target_read(const char *text, const FlaskRedisOptions *options,
                                struct fr_target *target)
{
    char error[ERROR_CAP] = "";

    *target = (struct fr_target){0};
    if (!fr_url_parse(text, &target->url, error, sizeof(error))) {
        if (strstr(error, ": out of memory") != NULL) { /* the reader of URLs knows one outcome */
            return fr_fail_memory();
        }
        return flask_redis_fail(FLASK_REDIS_DATA, false, "%s", error);
    }
    FlaskRedisStatus status = fill(target, options);
    if (status != FLASK_REDIS_OK) {
        fr_target_finish(target);
    }
    return status;
}

FlaskRedisStatus fr_target_socket(const char *path, const FlaskRedisOptions *options,
                                  struct fr_target *target)
{
    *target = (struct fr_target){
        .url = {.scheme = FR_URL_UNIX, .command_ms = -1, .connect_ms = -1, .heartbeat_ms = -1}};
    target->url.path = strdup(path);
    FlaskRedisStatus status = target->url.path != NULL ? fill(target, options) : fr_fail_memory();
    if (status != FLASK_REDIS_OK) {
        fr_target_finish(target);
    }
    return status;
}

FlaskRedisStatus fr_target_through(struct fr_target *target, const char *path)
{
    struct fr_url *url = &target->url;
    struct fr_url server = *url;
    char *pool = fr_url_write_server(url);
    char *socket = strdup(path);
    if (pool == NULL || socket == NULL) {
        wipe_free(pool);
        free(socket);
        return fr_fail_memory();
    }
    target->pool = pool;
    *url = (struct fr_url){.scheme = FR_URL_UNIX,
                           .path = socket,
                           .client_name = server.client_name,
                           .command_ms = server.command_ms,
                           .connect_ms = server.connect_ms,
                           .heartbeat_ms = server.heartbeat_ms};
    server.client_name = NULL;
    fr_url_finish(&server);
    return FLASK_REDIS_OK;
}

void fr_target_finish(struct fr_target *target)
{
    wipe_free(target->pool);
    target->pool = NULL;
    fr_url_finish(&target->url);
}
