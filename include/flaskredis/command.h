/* Any command at all, today's and tomorrow's. The answer is hiredis' own redisReply: code that
 * reads replies of redisCommand() stays as it is.
 *
 *     redisReply *reply = flask_redis_command(redis, "ZADD %s %d %b", key, 5, member, member_len);
 *     if (reply == NULL || reply->type == REDIS_REPLY_ERROR) {
 *         fprintf(stderr, "%s\n", flask_redis_last_error()->text);
 *     }
 *     flask_redis_reply_free(reply);
 *
 * NULL: no answer came, and the last error says why. An error of the server is a reply of the type
 * REDIS_REPLY_ERROR, as with hiredis, and the last error too. The fields of redisReply are in
 * <hiredis/hiredis.h>.
 *
 * What concerns the connection rather than the data has calls of its own: SELECT, AUTH and HELLO
 * are refused with DATA (options: db, username, password), so are the commands of publish/subscribe
 * (flask_redis_pubsub), MONITOR and CLIENT REPLY. MULTI, EXEC, WATCH and their kin do what the
 * functions of that name do. */
#ifndef FLASKREDIS_COMMAND_H
#define FLASKREDIS_COMMAND_H

#include <stdarg.h>
#include <stddef.h>

#include <flaskredis/app.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct redisReply redisReply;

/* Run a command: words with blanks between, where %s is a string, %b bytes with a size_t length,
 * %d, %lld, %f and the like are numbers, and %% is '%'. A word may be several of these. */
redisReply *flask_redis_command(FlaskRedis *redis, const char *format, ...);

/* The same with the arguments in a list. */
redisReply *flask_redis_commandv(FlaskRedis *redis, const char *format, va_list args);

/* Run a command given as argc words; argvlen has their lengths, NULL: they are NUL-terminated. */
redisReply *flask_redis_command_argv(FlaskRedis *redis, int argc, const char **argv,
                                     const size_t *argvlen);

/* Run a command by name, in any case, with NUL-terminated words up to a NULL:
 * flask_redis_call(redis, "zadd", "key", "1", "one", NULL). */
redisReply *flask_redis_call(FlaskRedis *redis, const char *name, ...) __attribute__((sentinel));

/* Free a reply, as freeReplyObject() does, which may be used as well. NULL is fine. */
void flask_redis_reply_free(redisReply *reply);

#ifdef __cplusplus
}
#endif

#endif
