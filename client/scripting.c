/* Scripts: EVAL and its kin, and scripts that remember what the server calls them. */
#include "flaskredis/scripting.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"
#include "client/pin.h"

enum {
    SHA_LEN = 40
};

struct FlaskRedisScript {
    FlaskRedis *redis;
    pthread_mutex_t lock;  /* the hash */
    char sha[SHA_LEN + 1]; /* "": not known yet */
    FlaskRedisBytes text;
    char copy[]; /* of the text */
};

static redisReply *run(FlaskRedis *redis, FlaskRedisBytes name, FlaskRedisBytes script,
                       const FlaskRedisList *keys, const FlaskRedisList *args)
{
    size_t count = 3 + keys->count + args->count;
    FlaskRedisBytes *words = calloc(count, sizeof(*words));
    redisReply *reply = NULL;

    if (words == NULL) {
        fr_fail_memory();
        return NULL;
    }
    words[0] = name;
    words[1] = script;
    words[2] = FR_INT((int64_t)keys->count);
    memcpy(words + 3, fr_list_items(keys), keys->count * sizeof(*words));
    memcpy(words + 3 + keys->count, fr_list_items(args), args->count * sizeof(*words));
    FlaskRedisCommand command = {count, words};
    if (fr_run(redis, &command, &reply) == FLASK_REDIS_OK && reply->type == REDIS_REPLY_ERROR) {
        fr_fail_reply(reply);
    }
    free(words);
    return reply;
}

redisReply *flask_redis_eval(FlaskRedis *redis, FlaskRedisBytes script, FlaskRedisList keys,
                             FlaskRedisList args)
{
    return run(redis, FR_WORD("EVAL"), script, &keys, &args);
}

redisReply *flask_redis_evalsha(FlaskRedis *redis, FlaskRedisBytes sha, FlaskRedisList keys,
                                FlaskRedisList args)
{
    return run(redis, FR_WORD("EVALSHA"), sha, &keys, &args);
}

FlaskRedisStatus flask_redis_script_load(FlaskRedis *redis, FlaskRedisBytes script,
                                         FlaskRedisBytes *sha)
{
    return FR_ASK(redis, &fr_bytes, sha, FR_WORD("SCRIPT"), FR_WORD("LOAD"), script);
}

/* --- registered ------------------------------------------------------------------------------- */

FlaskRedisScript *flask_redis_register_script(FlaskRedis *redis, FlaskRedisBytes text)
{
    FlaskRedisScript *script = calloc(1, sizeof(*script) + text.len + 1);
    if (script == NULL || pthread_mutex_init(&script->lock, NULL) != 0) {
        free(script);
        fr_fail_memory();
        return NULL;
    }
    if (text.len > 0) {
        memcpy(script->copy, text.data, text.len);
    }
    script->redis = redis;
    script->text = (FlaskRedisBytes){script->copy, text.len};
    return script;
}

void flask_redis_script_free(FlaskRedisScript *script)
{
    if (script != NULL) {
        pthread_mutex_destroy(&script->lock);
        free(script);
    }
}

static bool known_sha(FlaskRedisScript *script, char sha[SHA_LEN + 1])
{
    pthread_mutex_lock(&script->lock);
    memcpy(sha, script->sha, SHA_LEN + 1);
    pthread_mutex_unlock(&script->lock);
    return sha[0] != '\0';
}

/* Inside a transaction SCRIPT LOAD answers when it is too late. */
static void learn_sha(FlaskRedisScript *script)
{
    FlaskRedisBytes sha = {0};
    if (flask_redis_script_load(script->redis, script->text, &sha) == FLASK_REDIS_OK &&
        sha.len == SHA_LEN) {
        pthread_mutex_lock(&script->lock);
        memcpy(script->sha, sha.data, SHA_LEN);
        pthread_mutex_unlock(&script->lock);
    }
    flask_redis_bytes_free(&sha);
}

redisReply *flask_redis_script_call(FlaskRedisScript *script, FlaskRedisList keys,
                                    FlaskRedisList args)
{
    char sha[SHA_LEN + 1];

    if (!known_sha(script, sha) && !fr_pin_is_queueing(script->redis)) {
        learn_sha(script);
        known_sha(script, sha);
    }
    if (sha[0] == '\0' || fr_pin_is_queueing(script->redis)) {
        return flask_redis_eval(script->redis, script->text, keys, args);
    }
    redisReply *reply =
        flask_redis_evalsha(script->redis, (FlaskRedisBytes){sha, SHA_LEN}, keys, args);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR &&
        strncmp(reply->str, "NOSCRIPT", strlen("NOSCRIPT")) == 0) {
        flask_redis_reply_free(reply);
        reply = flask_redis_eval(script->redis, script->text, keys, args);
    }
    return reply;
}
