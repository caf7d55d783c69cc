/* The provider "mock": an engine in this process. What a URL says of a server that is elsewhere
 * does not matter here, so that a test needs to change nothing but the provider. */
#include <stdlib.h>
#include <string.h>

#include "client/error.h"
#include "client/mock_server.h"
#include "client/provider_parts.h"

struct mock_instance {
    struct fr_target target;
    FlaskRedisMock *server;
};

static FlaskRedisStatus read_target(const char *url, const FlaskRedisOptions *options,
                                    struct fr_target *target)
{
    FlaskRedisOptions without_login = *options;
    without_login.username = without_login.password = NULL;
    FlaskRedisStatus status = fr_target_read(url != NULL ? url : "mock://", &without_login, target);
    if (status == FLASK_REDIS_OK && target->url.password != NULL) {
        explicit_bzero(target->url.password, strlen(target->url.password));
        free(target->url.password);
        target->url.password = NULL;
    }
    return status;
}

static FlaskRedisStatus from_url(void *context, const char *url, const FlaskRedisOptions *options,
                                 void **instance)
{
    (void)context;
    struct mock_instance *mock = calloc(1, sizeof(*mock));
    if (mock == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status = read_target(url, options, &mock->target);
    if (status != FLASK_REDIS_OK) {
        free(mock);
        return status;
    }
    bool is_named = mock->target.url.scheme == FR_URL_MOCK;
    status = fr_mock_server_get(is_named ? mock->target.url.host : NULL, &mock->server);
    if (status != FLASK_REDIS_OK) {
        fr_target_finish(&mock->target);
        free(mock);
        return status;
    }
    *instance = mock;
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus run_batch(void *session, const FlaskRedisCommand *commands, size_t count,
                                  redisReply **replies)
{
    return fr_mock_link_run(session, commands, count, replies);
}

static FlaskRedisStatus open_session(void *instance, void **session)
{
    const struct mock_instance *mock = instance;
    struct fr_mock_link *link = NULL;

    FlaskRedisStatus status = fr_mock_link_open(mock->server, mock->target.timeout_ms, &link);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    status = fr_introduce(link, &mock->target, run_batch);
    if (status != FLASK_REDIS_OK) {
        fr_mock_link_close(link);
        return status;
    }
    *session = link;
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus execute(void *session, const FlaskRedisCommand *command, redisReply **reply)
{
    return fr_mock_link_run(session, command, 1, reply);
}

static FlaskRedisStatus give(void *session, const FlaskRedisCommand *command)
{
    return fr_mock_link_send(session, command);
}

static FlaskRedisStatus receive(void *session, int timeout_ms, redisReply **message)
{
    return fr_mock_link_receive(session, timeout_ms, message);
}

static int descriptor(void *session)
{
    return fr_mock_link_fileno(session);
}

static void forked(void *session)
{
    fr_mock_link_forked(session);
}

static void disconnect(void *session)
{
    fr_mock_link_close(session);
}

static void close_instance(void *instance)
{
    struct mock_instance *mock = instance;
    fr_mock_server_release(mock->server);
    fr_target_finish(&mock->target);
    free(mock);
}

static const FlaskRedisProvider mock_provider = {
    .size = sizeof(FlaskRedisProvider),
    .name = "mock",
    .from_url = from_url,
    .connect = open_session,
    .execute = execute,
    .execute_batch = run_batch,
    .send = give,
    .receive = receive,
    .fileno = descriptor,
    .forked = forked,
    .disconnect = disconnect,
    .close = close_instance,
};

const FlaskRedisProvider *flask_redis_mock_provider(void)
{
    return &mock_provider;
}

FlaskRedisMock *fr_mock_of_engine(const struct fr_engine *engine)
{
    return engine->provider.execute == execute
               ? ((const struct mock_instance *)engine->instance)->server
               : NULL;
}
