/* The provider "direct": to the server of the URL, without a daemon. hiredis connects (names,
 * addresses, families are its business); the conversation is the same as with the daemon. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <hiredis/hiredis.h>

#include "client/error.h"
#include "client/provider_parts.h"

/* There is no TLS here, and no server in memory. */
static bool is_for_daemon(enum fr_url_scheme scheme)
{
    return scheme == FR_URL_TLS || scheme == FR_URL_MOCK;
}

static FlaskRedisStatus from_url(void *context, const char *url, const FlaskRedisOptions *options,
                                 void **instance)
{
    (void)context;
    struct fr_target *target = calloc(1, sizeof(*target));
    if (target == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status =
        fr_target_read(url != NULL ? url : FLASK_REDIS_DEFAULT_URL, options, target);
    if (status == FLASK_REDIS_OK && is_for_daemon(target->url.scheme)) {
        bool is_tls = target->url.scheme == FR_URL_TLS;
        fr_target_finish(target);
        status =
            flask_redis_fail(FLASK_REDIS_DATA, false,
                             "scheme %s is not for the provider \"direct\", but for the daemon",
                             is_tls ? "rediss://" : "mock://");
    }
    if (status != FLASK_REDIS_OK) {
        free(target);
        return status;
    }
    *instance = target;
    return FLASK_REDIS_OK;
}

static redisContext *connect_to(const struct fr_target *target)
{
    const struct fr_url *url = &target->url;
    struct timeval limit = {target->connect_ms / 1000, (target->connect_ms % 1000) * 1000};

    if (target->connect_ms < 0) {
        return url->scheme == FR_URL_UNIX ? redisConnectUnix(url->path)
                                          : redisConnect(url->host, url->port);
    }
    return url->scheme == FR_URL_UNIX ? redisConnectUnixWithTimeout(url->path, limit)
                                      : redisConnectWithTimeout(url->host, url->port, limit);
}

static FlaskRedisStatus take_descriptor(redisContext *context, const struct fr_target *target,
                                        int *fd)
{
    char shown[256];

    if (context == NULL) {
        return fr_fail_memory();
    }
    if (context->err != 0) {
        flask_redis_fail(FLASK_REDIS_CONNECTION, false, "cannot connect to %s: %s",
                         fr_url_show(&target->url, shown, sizeof(shown)), context->errstr);
        redisFree(context);
        return FLASK_REDIS_CONNECTION;
    }
    *fd = redisFreeKeepFd(context);
    fcntl(*fd, F_SETFD, FD_CLOEXEC);
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus open_session(void *instance, void **session)
{
    const struct fr_target *target = instance;
    struct fr_link *link = NULL;
    int fd = -1;

    FlaskRedisStatus status = take_descriptor(connect_to(target), target, &fd);
    if (status == FLASK_REDIS_OK) {
        status = fr_link_open(fd, target->timeout_ms, &link);
    }
    if (status == FLASK_REDIS_OK) {
        status = fr_handshake(link, target);
    }
    *session = link;
    return status;
}

static void close_instance(void *instance)
{
    fr_target_finish(instance);
    free(instance);
}

static const FlaskRedisProvider direct = {
    .size = sizeof(FlaskRedisProvider),
    .name = "direct",
    .from_url = from_url,
    .connect = open_session,
    .execute = fr_row_execute_checked,
    .execute_batch = fr_row_execute_batch_checked,
    .send = fr_row_send,
    .receive = fr_row_receive,
    .fileno = fr_row_fileno,
    .forked = fr_row_forked,
    .disconnect = fr_row_disconnect,
    .close = close_instance,
};

const FlaskRedisProvider *flask_redis_direct_provider(void)
{
    return &direct;
}
