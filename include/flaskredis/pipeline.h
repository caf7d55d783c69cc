/* Pipelines and transactions.
 *
 *     FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, true);
 *     flask_redis_pipeline_command(pipe, "INCR visits");
 *     flask_redis_pipeline_command(pipe, "LPUSH log %b", line, line_len);
 *     redisReply *replies = NULL;
 *     if (flask_redis_pipeline_execute(pipe, &replies) == FLASK_REDIS_OK) {
 *         printf("%lld\n", replies->element[0]->integer);
 *     }
 *     flask_redis_reply_free(replies);
 *     flask_redis_pipeline_free(pipe);
 *
 * Commands are kept in memory and sent together. In a transaction (the default in redis-py) they
 * run as MULTI ... EXEC, nothing of anybody else between them.
 *
 * Optimistic locking: after flask_redis_pipeline_watch commands run at once, on a connection of the
 * pipeline's own (flask_redis_pipeline_ask hands out their replies), until
 * flask_redis_pipeline_multi; the commands behind that are kept again, and executing them is the
 * status WATCH when a watched key has changed meanwhile. flask_redis_transaction does all that in a
 * loop.
 *
 * A pipeline belongs to one thread, and may be used again after it was executed. */
#ifndef FLASKREDIS_PIPELINE_H
#define FLASKREDIS_PIPELINE_H

#include <stdarg.h>
#include <stdbool.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/command.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct FlaskRedisPipeline FlaskRedisPipeline;

/* Make one. transaction: with MULTI and EXEC. Freed before its handle. NULL: NO_MEMORY, or
 * NOT_INITIALISED. */
FlaskRedisPipeline *flask_redis_pipeline(FlaskRedis *redis, bool transaction);

/* Forget what it keeps, watched keys too, and free it. NULL is fine. */
void flask_redis_pipeline_free(FlaskRedisPipeline *pipe);

/* Keep a command; written as for flask_redis_command. While watching it is run at once instead, and
 * its status is the result. DATA: the format is bad, or the command cannot stand in a pipeline. */
FlaskRedisStatus flask_redis_pipeline_command(FlaskRedisPipeline *pipe, const char *format, ...);

/* The same with the arguments in a list. */
FlaskRedisStatus flask_redis_pipeline_commandv(FlaskRedisPipeline *pipe, const char *format,
                                               va_list args);

/* The same with argc words; argvlen NULL: they are NUL-terminated. */
FlaskRedisStatus flask_redis_pipeline_command_argv(FlaskRedisPipeline *pipe, int argc,
                                                   const char **argv, const size_t *argvlen);

/* The same by name, with words up to a NULL. */
FlaskRedisStatus flask_redis_pipeline_call(FlaskRedisPipeline *pipe, const char *name, ...)
    __attribute__((sentinel));

/* How many commands are kept. */
size_t flask_redis_pipeline_length(const FlaskRedisPipeline *pipe);

/* Whether the first error among the replies fails the call: true at first. */
void flask_redis_pipeline_raise_on_error(FlaskRedisPipeline *pipe, bool raise);

/* Send what is kept, and receive one reply for each command, in their order, as the elements of
 * *replies (NULL: not wanted), which the caller frees. The pipeline is empty afterwards, whatever
 * happened, and watches nothing. An empty one does nothing and gives an empty array.
 *
 * An error among the replies fails the call, its text beginning with the number (from 1) and the
 * name of the command; the other commands have been applied all the same. With raise_on_error off
 * it stands in its place. EXEC_ABORT: a command was refused, which the text names, and nothing was
 * applied. WATCH: a watched key has changed, or the connection was lost while watching; nothing was
 * applied. */
FlaskRedisStatus flask_redis_pipeline_execute(FlaskRedisPipeline *pipe, redisReply **replies);

/* Forget what is kept, and the watched keys. */
FlaskRedisStatus flask_redis_pipeline_reset(FlaskRedisPipeline *pipe);

/* Watch keys; commands run at once from now on. WATCH: after flask_redis_pipeline_multi or kept
 * commands, where it is too late. */
FlaskRedisStatus flask_redis_pipeline_watch(FlaskRedisPipeline *pipe, FlaskRedisList keys);

/* Watch nothing any more; commands are kept again. */
FlaskRedisStatus flask_redis_pipeline_unwatch(FlaskRedisPipeline *pipe);

/* Run a command at once, while watching. NULL as for flask_redis_command; WATCH: not watching. */
redisReply *flask_redis_pipeline_ask(FlaskRedisPipeline *pipe, const char *format, ...);

/* Keep commands from now on, while watching, to be executed as a transaction. RESPONSE: called
 * twice, or with commands kept. */
FlaskRedisStatus flask_redis_pipeline_multi(FlaskRedisPipeline *pipe);

/* What flask_redis_transaction calls, with the keys watched: it asks, calls
 * flask_redis_pipeline_multi, and keeps the commands to be executed. Any status but OK ends the
 * transaction with that status, nothing executed; WATCH: it is tried again. */
typedef FlaskRedisStatus FlaskRedisTransaction(FlaskRedisPipeline *pipe, void *user_data);

/* Watch keys, call back, execute, and begin again when a watched key was changed meanwhile,
 * max_tries times at most. *replies as of flask_redis_pipeline_execute. WATCH: all tries were in
 * vain. DATA: max_tries is not positive. */
FlaskRedisStatus flask_redis_transaction(FlaskRedis *redis, FlaskRedisTransaction *callback,
                                         void *user_data, int max_tries, FlaskRedisList keys,
                                         redisReply **replies);

/* Transactions without a pipeline: a connection of the calling thread's own, from
 * flask_redis_watch or flask_redis_multi to flask_redis_exec or flask_redis_discard. All this
 * thread's commands on the handle use it. Behind flask_redis_multi typed commands return QUEUED and
 * no result. It is given up when the thread ends. RESPONSE: called twice. */
FlaskRedisStatus flask_redis_multi(FlaskRedis *redis);

/* Execute what was queued. *replies (NULL: not wanted): one element for each command, errors in
 * their places. WATCH: a watched key has changed, or the connection was lost while watching.
 * EXEC_ABORT: a command was refused. RESPONSE: without flask_redis_multi. */
FlaskRedisStatus flask_redis_exec(FlaskRedis *redis, redisReply **replies);

/* Forget what was queued, and what is watched. RESPONSE: without flask_redis_multi. */
FlaskRedisStatus flask_redis_discard(FlaskRedis *redis);

/* Watch keys for the next transaction of this thread. RESPONSE: after flask_redis_multi. */
FlaskRedisStatus flask_redis_watch(FlaskRedis *redis, FlaskRedisList keys);

/* Watch nothing any more. Without a watch it does nothing. */
FlaskRedisStatus flask_redis_unwatch(FlaskRedis *redis);

#ifdef __cplusplus
}
#endif

#endif
