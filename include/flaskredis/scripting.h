/* Scripts. Their answers may be anything, so they are replies as of flaskredis/command.h.
 *
 *     FlaskRedisScript *take = flask_redis_register_script(redis,
 *         "local n = tonumber(redis.call('GET', KEYS[1]) or '0')"
 *         "if n < tonumber(ARGV[1]) then return 0 end "
 *         "return redis.call('DECRBY', KEYS[1], ARGV[1])");
 *     redisReply *left = flask_redis_script_call(take, FLASK_REDIS_LIST("stock"),
 *                                                FLASK_REDIS_LIST("3")); */
#ifndef FLASKREDIS_SCRIPTING_H
#define FLASKREDIS_SCRIPTING_H

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/command.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Run a script. FLASK_REDIS_NONE where there are no keys or arguments. */
redisReply *flask_redis_eval(FlaskRedis *redis, FlaskRedisBytes script, FlaskRedisList keys,
                             FlaskRedisList args);

/* Run a script the server has. NO_SCRIPT: it has none with this hash. */
redisReply *flask_redis_evalsha(FlaskRedis *redis, FlaskRedisBytes sha, FlaskRedisList keys,
                                FlaskRedisList args);

/* Have the server keep a script. *sha is what flask_redis_evalsha calls it by. */
FlaskRedisStatus flask_redis_script_load(FlaskRedis *redis, FlaskRedisBytes script,
                                         FlaskRedisBytes *sha);

/* A script and what the server calls it by. Any number of threads may call it at once. */
typedef struct FlaskRedisScript FlaskRedisScript;

/* Make one; nothing is sent before the first call. The text is copied. Freed before its handle.
 * NULL: NO_MEMORY. */
FlaskRedisScript *flask_redis_register_script(FlaskRedis *redis, FlaskRedisBytes text);

/* Run it by its hash, or by its text when the server does not have it (any more). */
redisReply *flask_redis_script_call(FlaskRedisScript *script, FlaskRedisList keys,
                                    FlaskRedisList args);

/* Forget it; the server keeps it. NULL is fine. */
void flask_redis_script_free(FlaskRedisScript *script);

#ifdef __cplusplus
}
#endif

#endif
