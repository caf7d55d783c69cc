/* Any command at all. The words of transactions go to the functions of their names, whose outcomes
 * become the replies a server would give. */
#include <errno.h>
#include <stdlib.h>

#include <hiredis/hiredis.h>

#include "client/call.h"
#include "client/error.h"
#include "client/guard.h"
#include "client/words.h"
#include "flaskredis/command.h"
#include "flaskredis/pipeline.h"

static redisReply *ok_or_null(FlaskRedisStatus status)
{
    return status == FLASK_REDIS_OK ? flask_redis_reply_status("OK") : NULL;
}

static redisReply *exec(FlaskRedis *redis)
{
    redisReply *replies;
    FlaskRedisStatus status = flask_redis_exec(redis, &replies);
    if (status == FLASK_REDIS_WATCH) {
        return flask_redis_reply_nil();
    }
    return status == FLASK_REDIS_EXEC_ABORT
               ? flask_redis_reply_error(flask_redis_last_error()->text)
               : replies;
}

static redisReply *run_transaction_word(FlaskRedis *redis, const FlaskRedisCommand *command)
{
    const FlaskRedisBytes name = command->argv[0];
    FlaskRedisList rest = {command->argv + 1, command->argc - 1, {NULL, 0}};

    if (fr_word_is(name, "EXEC")) {
        return exec(redis);
    }
    if (fr_word_is(name, "WATCH")) {
        return ok_or_null(flask_redis_watch(redis, rest));
    }
    if (fr_word_is(name, "MULTI")) {
        return ok_or_null(flask_redis_multi(redis));
    }
    return ok_or_null(fr_word_is(name, "DISCARD") ? flask_redis_discard(redis)
                                                  : flask_redis_unwatch(redis));
}

static redisReply *run_any(FlaskRedis *redis, const FlaskRedisCommand *command)
{
    redisReply *reply;
    if (redis != NULL && fr_is_transaction_word(command)) {
        return run_transaction_word(redis, command);
    }
    if (fr_guard(command) != FLASK_REDIS_OK || fr_run(redis, command, &reply) != FLASK_REDIS_OK) {
        return NULL;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        fr_fail_reply(reply);
    }
    return reply;
}

static redisReply *run_written(FlaskRedis *redis, FlaskRedisStatus status,
                               struct fr_written *written)
{
    redisReply *reply = NULL;
    if (status == FLASK_REDIS_OK) {
        reply = run_any(redis, &written->command);
        fr_written_finish(written);
    }
    return reply;
}

redisReply *flask_redis_commandv(FlaskRedis *redis, const char *format, va_list args)
{
    struct fr_written written;
    int saved = errno;
    redisReply *reply = run_written(redis, fr_write_format(&written, format, args), &written);
    errno = saved;
    return reply;
}

redisReply *flask_redis_command(FlaskRedis *redis, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *reply = flask_redis_commandv(redis, format, args);
    va_end(args);
    return reply;
}

redisReply *flask_redis_command_argv(FlaskRedis *redis, int argc, const char **argv,
                                     const size_t *argvlen)
{
    struct fr_written written;
    int saved = errno;
    redisReply *reply = run_written(redis, fr_write_argv(&written, argc, argv, argvlen), &written);
    errno = saved;
    return reply;
}

redisReply *flask_redis_call(FlaskRedis *redis, const char *name, ...)
{
    struct fr_written written;
    va_list args;
    int saved = errno;

    va_start(args, name);
    redisReply *reply = run_written(redis, fr_write_names(&written, name, args), &written);
    va_end(args);
    errno = saved;
    return reply;
}
