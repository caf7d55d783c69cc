/* Hashes. */
#include "flaskredis/hashes.h"

#include <string.h>

#include "client/call.h"
#include "client/error.h"

FlaskRedisStatus flask_redis_hset(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                  FlaskRedisBytes value, int64_t *added)
{
    return FR_ASK(redis, &fr_int, added, FR_WORD("HSET"), key, field, value);
}

FlaskRedisStatus flask_redis_hget(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                  FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("HGET"), key, field);
}

FlaskRedisStatus flask_redis_hmget(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList fields,
                                   FlaskRedisArray *values)
{
    return FR_ASK_LIST(redis, &fr_array, values, &fields, FR_WORD("HMGET"), key);
}

FlaskRedisStatus flask_redis_hgetall(FlaskRedis *redis, FlaskRedisBytes key,
                                     FlaskRedisPairs *fields)
{
    return FR_ASK(redis, &fr_pairs, fields, FR_WORD("HGETALL"), key);
}

FlaskRedisStatus flask_redis_hdel(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList fields,
                                  int64_t *count)
{
    return FR_ASK_LIST(redis, &fr_int, count, &fields, FR_WORD("HDEL"), key);
}

FlaskRedisStatus flask_redis_hkeys(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisArray *fields)
{
    return FR_ASK(redis, &fr_array, fields, FR_WORD("HKEYS"), key);
}

FlaskRedisStatus flask_redis_hvals(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisArray *values)
{
    return FR_ASK(redis, &fr_array, values, FR_WORD("HVALS"), key);
}

FlaskRedisStatus flask_redis_hlen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count)
{
    return FR_ASK(redis, &fr_int, count, FR_WORD("HLEN"), key);
}

FlaskRedisStatus flask_redis_hexists(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                     bool *is_there)
{
    return FR_ASK(redis, &fr_bool, is_there, FR_WORD("HEXISTS"), key, field);
}

FlaskRedisStatus flask_redis_hincrby(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                     int64_t amount, int64_t *value)
{
    return FR_ASK(redis, &fr_int, value, FR_WORD("HINCRBY"), key, field, FR_INT(amount));
}

FlaskRedisStatus flask_redis_hset_mapping(FlaskRedis *redis, FlaskRedisBytes key,
                                          FlaskRedisList fields_and_values, int64_t *added)
{
    if (fields_and_values.count % 2 != 0) {
        if (added != NULL) {
            *added = 0;
        }
        return flask_redis_fail(FLASK_REDIS_DATA, false, "HSET: the last field has no value");
    }
    return FR_ASK_LIST(redis, &fr_int, added, &fields_and_values, FR_WORD("HSET"), key);
}
