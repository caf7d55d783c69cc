/* A provider of the tests' own, as an application would write it. */
#include "tests/client/fixture.h"

#include <stdlib.h>
#include <unistd.h>

char hiredis_provider_path[108];

static FlaskRedisStatus open_session(void *instance, void **session)
{
    redisContext *context = redisConnectUnix(instance);
    *session = context;
    if (context != NULL && context->err == 0) {
        return FLASK_REDIS_OK;
    }
    redisFree(context);
    return flask_redis_fail(FLASK_REDIS_CONNECTION, false, "no server at %s", (char *)instance);
}

static FlaskRedisStatus execute(void *session, const FlaskRedisCommand *command, redisReply **reply)
{
    const char **argv = calloc(command->argc, sizeof(*argv));
    size_t *lengths = calloc(command->argc, sizeof(*lengths));
    for (size_t i = 0; i < command->argc; i++) {
        argv[i] = command->argv[i].data;
        lengths[i] = command->argv[i].len;
    }
    *reply = redisCommandArgv(session, (int)command->argc, argv, lengths);
    free(argv);
    free(lengths);
    return *reply != NULL ? FLASK_REDIS_OK
                          : flask_redis_fail(FLASK_REDIS_CONNECTION, true, "%s",
                                             ((redisContext *)session)->errstr);
}

static void forked(void *session)
{
    redisContext *context = session;
    close(context->fd);
    context->fd = -1;
}

static void disconnect(void *session)
{
    redisFree(session);
}

const FlaskRedisProvider hiredis_provider = {
    .size = sizeof(FlaskRedisProvider),
    .name = "hiredis",
    .context = hiredis_provider_path,
    .connect = open_session,
    .execute = execute,
    .forked = forked,
    .disconnect = disconnect,
};
