/* Pipelines: keeping commands, and running them at once while watching. */
#include "client/pipeline_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"
#include "client/guard.h"
#include "client/words.h"

/* --- life ------------------------------------------------------------------------------------- */

FlaskRedisPipeline *flask_redis_pipeline(FlaskRedis *redis, bool transaction)
{
    FlaskRedisPipeline *pipe = calloc(1, sizeof(*pipe));
    if (pipe == NULL) {
        fr_fail_memory();
        return NULL;
    }
    if (fr_handle_engine(redis, &pipe->engine) != FLASK_REDIS_OK) {
        free(pipe);
        return NULL;
    }
    pipe->is_transaction = transaction;
    pipe->raises = true;
    return pipe;
}

void fr_pipeline_reset(FlaskRedisPipeline *pipe, bool is_clean)
{
    fr_kept_clear(&pipe->kept);
    if (is_clean) {
        fr_session_give(pipe->session);
    } else {
        fr_session_drop(pipe->session);
    }
    pipe->session = NULL;
    pipe->state = FR_PIPELINE_KEEPING;
}

FlaskRedisStatus fr_pipeline_lost(void)
{
    return flask_redis_fail(FLASK_REDIS_WATCH, false,
                            "the connection was lost while watching: begin again");
}

static FlaskRedisStatus run_here(FlaskRedisPipeline *pipe, const FlaskRedisCommand *command,
                                 redisReply **reply)
{
    *reply = NULL;
    if (pipe->session == NULL) {
        return fr_pipeline_lost();
    }
    FlaskRedisStatus status = fr_session_run(pipe->session, command, 1, reply);
    if (status != FLASK_REDIS_OK) {
        fr_replies_clear(reply, 1);
        fr_session_drop(pipe->session);
        pipe->session = NULL;
    }
    return status;
}

/* Run a command whose reply matters only if it is an error. */
static FlaskRedisStatus run_plain(FlaskRedisPipeline *pipe, const FlaskRedisCommand *command)
{
    redisReply *reply;
    FlaskRedisStatus status = run_here(pipe, command, &reply);
    if (status == FLASK_REDIS_OK && reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        status = fr_fail_reply(reply);
    }
    flask_redis_reply_free(reply);
    return status;
}

/* The connection goes back to the pool if it can be made to forget what it watches. */
static void unwatch(FlaskRedisPipeline *pipe)
{
    const FlaskRedisBytes word = FR_WORD("UNWATCH");
    const FlaskRedisCommand command = {1, &word};
    bool is_clean = pipe->session != NULL && run_plain(pipe, &command) == FLASK_REDIS_OK;
    fr_pipeline_reset(pipe, is_clean);
}

FlaskRedisStatus flask_redis_pipeline_reset(FlaskRedisPipeline *pipe)
{
    int saved = errno;
    unwatch(pipe);
    errno = saved;
    return FLASK_REDIS_OK;
}

void flask_redis_pipeline_free(FlaskRedisPipeline *pipe)
{
    if (pipe != NULL) {
        flask_redis_pipeline_reset(pipe);
        fr_engine_release(pipe->engine);
        free(pipe);
    }
}

size_t flask_redis_pipeline_length(const FlaskRedisPipeline *pipe)
{
    return pipe->kept.count;
}

void flask_redis_pipeline_raise_on_error(FlaskRedisPipeline *pipe, bool raise)
{
    pipe->raises = raise;
}

/* --- commands --------------------------------------------------------------------------------- */

static FlaskRedisStatus add(FlaskRedisPipeline *pipe, const FlaskRedisCommand *command)
{
    if (fr_is_transaction_word(command)) {
        return flask_redis_fail(FLASK_REDIS_DATA, false,
                                "%.*s in a pipeline: make it a transaction, or take "
                                "flask_redis_pipeline_watch and flask_redis_pipeline_multi",
                                (int)command->argv[0].len, command->argv[0].data);
    }
    FlaskRedisStatus status = fr_guard(command);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    return pipe->state == FR_PIPELINE_WATCHING ? run_plain(pipe, command)
                                               : fr_kept_add(&pipe->kept, command);
}

static FlaskRedisStatus add_written(FlaskRedisPipeline *pipe, FlaskRedisStatus status,
                                    struct fr_written *written)
{
    int saved = errno;
    if (status == FLASK_REDIS_OK) {
        status = add(pipe, &written->command);
        fr_written_finish(written);
    }
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_pipeline_commandv(FlaskRedisPipeline *pipe, const char *format,
                                               va_list args)
{
    struct fr_written written;
    return add_written(pipe, fr_write_format(&written, format, args), &written);
}

FlaskRedisStatus flask_redis_pipeline_command(FlaskRedisPipeline *pipe, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    FlaskRedisStatus status = flask_redis_pipeline_commandv(pipe, format, args);
    va_end(args);
    return status;
}

FlaskRedisStatus flask_redis_pipeline_command_argv(FlaskRedisPipeline *pipe, int argc,
                                                   const char **argv, const size_t *argvlen)
{
    struct fr_written written;
    return add_written(pipe, fr_write_argv(&written, argc, argv, argvlen), &written);
}

FlaskRedisStatus flask_redis_pipeline_call(FlaskRedisPipeline *pipe, const char *name, ...)
{
    struct fr_written written;
    va_list args;
    va_start(args, name);
    FlaskRedisStatus status = add_written(pipe, fr_write_names(&written, name, args), &written);
    va_end(args);
    return status;
}

/* --- watching --------------------------------------------------------------------------------- */

/* The first WATCH opens the session, and may do so again when it provably did not run. */
static FlaskRedisStatus watch_first(FlaskRedisPipeline *pipe, const FlaskRedisCommand *command)
{
    struct fr_retry retry = {0};
    FlaskRedisStatus status;
    do {
        status = fr_session_take(pipe->engine, &pipe->session);
        if (status != FLASK_REDIS_OK) {
            pipe->session = NULL;
            continue;
        }
        status = run_plain(pipe, command);
    } while (status != FLASK_REDIS_OK && pipe->session == NULL &&
             fr_retry_again(&retry, pipe->engine, status));
    if (status != FLASK_REDIS_OK) {
        fr_session_drop(pipe->session);
        pipe->session = NULL;
    }
    return status;
}

static FlaskRedisStatus watch(FlaskRedisPipeline *pipe, const FlaskRedisList *keys)
{
    FlaskRedisBytes *words = calloc(keys->count + 1, sizeof(*words));
    if (words == NULL) {
        return fr_fail_memory();
    }
    words[0] = FR_WORD("WATCH");
    memcpy(words + 1, fr_list_items(keys), keys->count * sizeof(*words));
    FlaskRedisCommand command = {keys->count + 1, words};
    bool is_first = pipe->state == FR_PIPELINE_KEEPING;
    FlaskRedisStatus status = is_first ? watch_first(pipe, &command) : run_plain(pipe, &command);
    free(words);
    if (status == FLASK_REDIS_OK) {
        pipe->state = FR_PIPELINE_WATCHING;
    }
    return status;
}

FlaskRedisStatus flask_redis_pipeline_watch(FlaskRedisPipeline *pipe, FlaskRedisList keys)
{
    if (pipe->state == FR_PIPELINE_TRANSACTION || pipe->kept.count > 0) {
        return flask_redis_fail(FLASK_REDIS_WATCH, false,
                                "flask_redis_pipeline_watch is too late: watch before "
                                "flask_redis_pipeline_multi and before keeping commands");
    }
    if (keys.count == 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "WATCH of nothing: the list is empty");
    }
    int saved = errno;
    FlaskRedisStatus status = watch(pipe, &keys);
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_pipeline_unwatch(FlaskRedisPipeline *pipe)
{
    int saved = errno;
    if (pipe->state == FR_PIPELINE_WATCHING) {
        unwatch(pipe);
    }
    errno = saved;
    return FLASK_REDIS_OK;
}

static redisReply *ask(FlaskRedisPipeline *pipe, const FlaskRedisCommand *command)
{
    redisReply *reply = NULL;
    if (pipe->state != FR_PIPELINE_WATCHING) {
        flask_redis_fail(FLASK_REDIS_WATCH, false,
                         "flask_redis_pipeline_ask without flask_redis_pipeline_watch, or after "
                         "flask_redis_pipeline_multi");
        return NULL;
    }
    if (fr_guard(command) == FLASK_REDIS_OK && run_here(pipe, command, &reply) == FLASK_REDIS_OK &&
        reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        fr_fail_reply(reply);
    }
    return reply;
}

redisReply *flask_redis_pipeline_ask(FlaskRedisPipeline *pipe, const char *format, ...)
{
    struct fr_written written;
    redisReply *reply = NULL;
    va_list args;
    int saved = errno;

    va_start(args, format);
    if (fr_write_format(&written, format, args) == FLASK_REDIS_OK) {
        reply = ask(pipe, &written.command);
        fr_written_finish(&written);
    }
    va_end(args);
    errno = saved;
    return reply;
}

FlaskRedisStatus flask_redis_pipeline_multi(FlaskRedisPipeline *pipe)
{
    if (pipe->state == FR_PIPELINE_TRANSACTION) {
        return flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                "flask_redis_pipeline_multi twice: the transaction has begun, "
                                "flask_redis_pipeline_execute ends it");
    }
    if (pipe->kept.count > 0) {
        return flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                "flask_redis_pipeline_multi with commands kept: execute or reset "
                                "them first");
    }
    if (pipe->state == FR_PIPELINE_WATCHING) {
        pipe->state = FR_PIPELINE_TRANSACTION;
    } else {
        pipe->is_transaction = true; /* without a watch it is what execute sends anyway */
    }
    return FLASK_REDIS_OK;
}
