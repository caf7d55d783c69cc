/* Keys, whatever they hold. Scans are in scan.c. */
#include "flaskredis/keys.h"

#include "client/call.h"

FlaskRedisStatus flask_redis_delete(FlaskRedis *redis, FlaskRedisList keys, int64_t *count)
{
    return FR_ASK_LIST(redis, &fr_int, count, &keys, FR_WORD("DEL"));
}

FlaskRedisStatus flask_redis_unlink(FlaskRedis *redis, FlaskRedisList keys, int64_t *count)
{
    return FR_ASK_LIST(redis, &fr_int, count, &keys, FR_WORD("UNLINK"));
}

FlaskRedisStatus flask_redis_exists(FlaskRedis *redis, FlaskRedisList keys, int64_t *count)
{
    return FR_ASK_LIST(redis, &fr_int, count, &keys, FR_WORD("EXISTS"));
}

FlaskRedisStatus flask_redis_expire(FlaskRedis *redis, FlaskRedisBytes key, int64_t seconds,
                                    bool *was_set)
{
    return FR_ASK(redis, &fr_bool, was_set, FR_WORD("EXPIRE"), key, FR_INT(seconds));
}

FlaskRedisStatus flask_redis_pexpire(FlaskRedis *redis, FlaskRedisBytes key, int64_t milliseconds,
                                     bool *was_set)
{
    return FR_ASK(redis, &fr_bool, was_set, FR_WORD("PEXPIRE"), key, FR_INT(milliseconds));
}

FlaskRedisStatus flask_redis_expireat(FlaskRedis *redis, FlaskRedisBytes key, int64_t unix_seconds,
                                      bool *was_set)
{
    return FR_ASK(redis, &fr_bool, was_set, FR_WORD("EXPIREAT"), key, FR_INT(unix_seconds));
}

FlaskRedisStatus flask_redis_persist(FlaskRedis *redis, FlaskRedisBytes key, bool *was_set)
{
    return FR_ASK(redis, &fr_bool, was_set, FR_WORD("PERSIST"), key);
}

FlaskRedisStatus flask_redis_ttl(FlaskRedis *redis, FlaskRedisBytes key, int64_t *seconds)
{
    return FR_ASK(redis, &fr_int, seconds, FR_WORD("TTL"), key);
}

FlaskRedisStatus flask_redis_pttl(FlaskRedis *redis, FlaskRedisBytes key, int64_t *milliseconds)
{
    return FR_ASK(redis, &fr_int, milliseconds, FR_WORD("PTTL"), key);
}

FlaskRedisStatus flask_redis_type(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *type)
{
    return FR_ASK(redis, &fr_bytes, type, FR_WORD("TYPE"), key);
}

FlaskRedisStatus flask_redis_rename(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes name)
{
    return FR_ASK(redis, &fr_ok, NULL, FR_WORD("RENAME"), key, name);
}

FlaskRedisStatus flask_redis_keys(FlaskRedis *redis, FlaskRedisBytes pattern, FlaskRedisArray *keys)
{
    return FR_ASK(redis, &fr_array, keys, FR_WORD("KEYS"), pattern);
}
