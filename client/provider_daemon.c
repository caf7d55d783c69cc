/* The default provider: the daemon's socket of the prefix, or the socket of a unix:// URL.
 *
 * A socket that is not there is UNAVAILABLE and not CONNECTION: nothing is broken, something was
 * not started, and the text says what. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client/error.h"
#include "client/provider_parts.h"
#include "client/sharing.h"

struct daemon_target {
    struct fr_target target;
    struct fr_sharing sharing;
    bool is_prefix; /* the daemon's own socket of a prefix, or its main socket */
};

static FlaskRedisStatus prefix_socket(const FlaskRedisOptions *options,
                                      struct daemon_target *daemon)
{
    char path[FLASK_REDIS_SOCKET_PATH_CAP];

    if (flask_redis_socket_path(options->config_prefix, path, sizeof(path)) < 0) {
        return flask_redis_fail(
            FLASK_REDIS_DATA, false,
            "the daemon's socket: the path is too long (FLASKREDIS_RUNTIME_DIR)");
    }
    daemon->is_prefix = true;
    return fr_target_socket(path, options, &daemon->target);
}

/* What the daemon cannot do yet need not be asked of it. */
static FlaskRedisStatus check_scheme(const char *url)
{
    static const char *const missing[] = {"redis+sentinel://", "redis+cluster://"};
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (strncmp(url, missing[i], strlen(missing[i])) == 0) {
            return flask_redis_fail(FLASK_REDIS_UNAVAILABLE, false, "%s is not supported yet",
                                    missing[i]);
        }
    }
    return FLASK_REDIS_OK;
}

/* The daemon's main socket, where it is asked for a pool on the URL. */
static FlaskRedisStatus go_through_daemon(struct daemon_target *daemon)
{
    char path[FLASK_REDIS_SOCKET_PATH_CAP];

    if (flask_redis_socket_path("flaskredisd", path, sizeof(path)) < 0) {
        return flask_redis_fail(
            FLASK_REDIS_DATA, false,
            "the daemon's main socket: the path is too long (FLASKREDIS_RUNTIME_DIR)");
    }
    daemon->is_prefix = true;
    return fr_target_through(&daemon->target, path);
}

static FlaskRedisStatus find_target(const char *url, const FlaskRedisOptions *options,
                                    struct daemon_target *daemon)
{
    if (url == NULL) {
        return prefix_socket(options, daemon);
    }
    FlaskRedisStatus status = check_scheme(url);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    status = fr_target_read(url, options, &daemon->target);
    if (status != FLASK_REDIS_OK || daemon->target.url.scheme == FR_URL_UNIX) {
        return status;
    }
    status = daemon->target.url.scheme == FR_URL_MOCK
                 ? flask_redis_fail(FLASK_REDIS_DATA, false,
                                    "scheme mock:// is not for the provider \"daemon\"")
                 : go_through_daemon(daemon);
    if (status != FLASK_REDIS_OK) {
        fr_target_finish(&daemon->target);
    }
    return status;
}

static FlaskRedisStatus from_url(void *context, const char *url, const FlaskRedisOptions *options,
                                 void **instance)
{
    (void)context;
    struct daemon_target *daemon = calloc(1, sizeof(*daemon));
    if (daemon == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status = fr_sharing_init(&daemon->sharing, options->transport);
    if (status == FLASK_REDIS_OK) {
        status = find_target(url, options, daemon);
    }
    if (status != FLASK_REDIS_OK) {
        free(daemon);
        return status;
    }
    *instance = daemon;
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus not_there(const struct daemon_target *daemon, int reason)
{
    const char *path = daemon->target.url.path;
    return flask_redis_fail(
        FLASK_REDIS_UNAVAILABLE, false,
        "no daemon at %s: %s (start it with \"systemctl start flaskredisd\", or "
        "\"flaskredisd -c FILE\"%s)",
        path, strerror(reason),
        daemon->target.pool == NULL ? " with a section of this prefix" : "");
}

static FlaskRedisStatus open_session(void *instance, void **session)
{
    struct daemon_target *daemon = instance;
    const struct fr_target *target = &daemon->target;
    struct fr_link *link = NULL;

    FlaskRedisStatus status =
        fr_connect_unix(target->url.path, target->connect_ms, target->timeout_ms, &link);
    if (status == FLASK_REDIS_CONNECTION && daemon->is_prefix &&
        (errno == ENOENT || errno == ECONNREFUSED)) {
        return not_there(daemon, errno);
    }
    if (status == FLASK_REDIS_OK) {
        status = fr_handshake(link, target);
    }
    if (status == FLASK_REDIS_OK) {
        fr_link_share(link, &daemon->sharing);
    }
    *session = link;
    return status;
}

static void close_instance(void *instance)
{
    struct daemon_target *daemon = instance;
    fr_target_finish(&daemon->target);
    free(daemon);
}

static const FlaskRedisProvider daemon_provider = {
    .size = sizeof(FlaskRedisProvider),
    .name = "daemon",
    .from_url = from_url,
    .connect = open_session,
    .execute = fr_row_execute,
    .execute_batch = fr_row_execute_batch,
    .send = fr_row_send,
    .receive = fr_row_receive,
    .fileno = fr_row_fileno,
    .forked = fr_row_forked,
    .disconnect = fr_row_disconnect,
    .close = close_instance,
};

const FlaskRedisProvider *flask_redis_daemon_provider(void)
{
    return &daemon_provider;
}
