/* Executing a pipeline.
 *
 *   sent        MULTI   command 1   command 2   EXEC
 *   answered    +OK     +QUEUED     +QUEUED     [reply 1, reply 2], nil, or an error
 *
 * Without a transaction the replies to the commands are the result themselves. */
#include "client/pipeline_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"

/* --- results ---------------------------------------------------------------------------------- */

static FlaskRedisStatus fail_command(const FlaskRedisPipeline *pipe, size_t i,
                                     const redisReply *error)
{
    FlaskRedisBytes name = pipe->kept.commands[i].argv[0];
    fr_fail_reply(error);
    return fr_fail_about("command %zu (%.*s)", i + 1, name.len > 64 ? 64 : (int)name.len,
                         name.data);
}

static FlaskRedisStatus first_error(const FlaskRedisPipeline *pipe, redisReply *const *replies,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (replies[i]->type == REDIS_REPLY_ERROR) {
            return fail_command(pipe, i, replies[i]);
        }
    }
    return FLASK_REDIS_OK;
}

/* What a refused command did to its transaction: the server says EXECABORT, the cause is the error
 * that came for the command. */
static FlaskRedisStatus aborted(const FlaskRedisPipeline *pipe, redisReply *const *replies,
                                const redisReply *exec)
{
    FlaskRedisStatus status = fr_fail_reply(exec);
    if (status == FLASK_REDIS_EXEC_ABORT &&
        first_error(pipe, replies + 1, pipe->kept.count) != FLASK_REDIS_OK) {
        char cause[256];
        strncpy(cause, flask_redis_last_error()->text, sizeof(cause) - 1);
        cause[sizeof(cause) - 1] = '\0';
        fr_fail_reply(exec);
        return fr_fail_because(cause);
    }
    return status;
}

/* Without its MULTI what followed ran on its own. */
static FlaskRedisStatus not_begun(const redisReply *multi)
{
    FlaskRedisStatus status = fr_fail_reply(multi);
    return flask_redis_fail(status, true, "MULTI: %s", flask_redis_last_error()->text);
}

static FlaskRedisStatus transaction_result(const FlaskRedisPipeline *pipe, redisReply **replies,
                                           redisReply **result)
{
    redisReply **exec = &replies[pipe->kept.count + 1];

    if (replies[0]->type == REDIS_REPLY_ERROR) {
        return not_begun(replies[0]);
    }
    if ((*exec)->type == REDIS_REPLY_NIL) {
        return flask_redis_fail(FLASK_REDIS_WATCH, false, "a watched key has changed");
    }
    if ((*exec)->type == REDIS_REPLY_ERROR) {
        return aborted(pipe, replies, *exec);
    }
    if ((*exec)->type != REDIS_REPLY_ARRAY || (*exec)->elements != pipe->kept.count) {
        return flask_redis_fail(FLASK_REDIS_RESPONSE, true,
                                "EXEC: the reply is not an array of %zu", pipe->kept.count);
    }
    *result = *exec;
    *exec = NULL;
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus plain_result(const FlaskRedisPipeline *pipe, redisReply **replies,
                                     redisReply **result)
{
    *result = flask_redis_reply_array(pipe->kept.count);
    if (*result == NULL) {
        return FLASK_REDIS_NO_MEMORY;
    }
    for (size_t i = 0; i < pipe->kept.count; i++) {
        (*result)->element[i] = replies[i];
        replies[i] = NULL;
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus make_result(const FlaskRedisPipeline *pipe, bool is_transaction,
                                    redisReply **replies, redisReply **result)
{
    FlaskRedisStatus status = is_transaction ? transaction_result(pipe, replies, result)
                                             : plain_result(pipe, replies, result);
    if (status == FLASK_REDIS_OK && pipe->raises) {
        status = first_error(pipe, (*result)->element, (*result)->elements);
    }
    if (status != FLASK_REDIS_OK) {
        flask_redis_reply_free(*result);
        *result = NULL;
    }
    return status;
}

/* --- sending ---------------------------------------------------------------------------------- */

/* A connection lost while watching is WATCH, unless EXEC may have arrived: trying again would
 * execute it twice. */
static FlaskRedisStatus run_watching(FlaskRedisPipeline *pipe, const FlaskRedisCommand *commands,
                                     size_t count, redisReply **replies)
{
    if (pipe->session == NULL) {
        return fr_pipeline_lost();
    }
    FlaskRedisStatus status = fr_session_run(pipe->session, commands, count, replies);
    if (status == FLASK_REDIS_OK) {
        return status;
    }
    fr_session_drop(pipe->session);
    pipe->session = NULL;
    bool is_lost = flask_redis_status_is(status, FLASK_REDIS_CONNECTION) && !fr_may_have_run();
    return is_lost ? fr_pipeline_lost() : status;
}

static FlaskRedisStatus run(FlaskRedisPipeline *pipe, const FlaskRedisCommand *commands,
                            size_t count, redisReply **replies)
{
    return pipe->state == FR_PIPELINE_KEEPING
               ? fr_engine_run(pipe->engine, commands, count, replies)
               : run_watching(pipe, commands, count, replies);
}

static FlaskRedisStatus execute(FlaskRedisPipeline *pipe, redisReply **result)
{
    static const FlaskRedisBytes multi = {"MULTI", 5}, exec = {"EXEC", 4};
    bool is_transaction = pipe->is_transaction || pipe->state == FR_PIPELINE_TRANSACTION;
    size_t around = is_transaction ? 1 : 0;
    size_t count = pipe->kept.count + 2 * around;
    FlaskRedisCommand *commands = calloc(count, sizeof(*commands));
    redisReply **replies = calloc(count, sizeof(*replies));
    FlaskRedisStatus status = FLASK_REDIS_OK;

    if (commands == NULL || replies == NULL) {
        free(commands);
        free(replies);
        return fr_fail_memory();
    }
    memcpy(commands + around, pipe->kept.commands, pipe->kept.count * sizeof(*commands));
    if (is_transaction) {
        commands[0] = (FlaskRedisCommand){1, &multi};
        commands[count - 1] = (FlaskRedisCommand){1, &exec};
    }
    status = run(pipe, commands, count, replies);
    if (status == FLASK_REDIS_OK) {
        status = make_result(pipe, is_transaction, replies, result);
    }
    fr_replies_clear(replies, count);
    free(replies);
    free(commands);
    return status;
}

static FlaskRedisStatus execute_any(FlaskRedisPipeline *pipe, redisReply **result)
{
    if (pipe->kept.count == 0) {
        flask_redis_pipeline_reset(pipe);
        *result = flask_redis_reply_array(0);
        return *result != NULL ? FLASK_REDIS_OK : FLASK_REDIS_NO_MEMORY;
    }
    FlaskRedisStatus status = execute(pipe, result);
    /* EXEC ends the watch whatever its answer; anything else does not */
    bool is_clean = status == FLASK_REDIS_OK || status == FLASK_REDIS_WATCH;
    fr_pipeline_reset(pipe, is_clean);
    return status;
}

FlaskRedisStatus flask_redis_pipeline_execute(FlaskRedisPipeline *pipe, redisReply **replies)
{
    int saved = errno;
    redisReply *result = NULL;

    FlaskRedisStatus status = execute_any(pipe, &result);
    if (replies != NULL) {
        *replies = result;
    } else {
        flask_redis_reply_free(result);
    }
    errno = saved;
    return status;
}

/* --- transaction() ---------------------------------------------------------------------------- */

static FlaskRedisStatus try_once(FlaskRedisPipeline *pipe, FlaskRedisTransaction *callback,
                                 void *user_data, const FlaskRedisList *keys, redisReply **replies)
{
    FlaskRedisStatus status =
        keys->count > 0 ? flask_redis_pipeline_watch(pipe, *keys) : FLASK_REDIS_OK;
    if (status == FLASK_REDIS_OK) {
        status = callback(pipe, user_data);
    }
    if (status == FLASK_REDIS_OK) {
        return flask_redis_pipeline_execute(pipe, replies);
    }
    flask_redis_pipeline_reset(pipe);
    return status;
}

FlaskRedisStatus flask_redis_transaction(FlaskRedis *redis, FlaskRedisTransaction *callback,
                                         void *user_data, int max_tries, FlaskRedisList keys,
                                         redisReply **replies)
{
    if (replies != NULL) {
        *replies = NULL;
    }
    if (max_tries <= 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "max_tries is not positive");
    }
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
    FlaskRedisStatus status = FLASK_REDIS_WATCH;

    if (pipe == NULL) {
        return flask_redis_last_error()->status;
    }
    for (int i = 0; i < max_tries && status == FLASK_REDIS_WATCH; i++) {
        status = try_once(pipe, callback, user_data, &keys, replies);
    }
    flask_redis_pipeline_free(pipe);
    return status;
}
