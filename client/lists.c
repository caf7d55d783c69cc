/* Lists. */
#include "flaskredis/lists.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"

FlaskRedisStatus flask_redis_lpush(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList values,
                                   int64_t *len)
{
    return FR_ASK_LIST(redis, &fr_int, len, &values, FR_WORD("LPUSH"), key);
}

FlaskRedisStatus flask_redis_rpush(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList values,
                                   int64_t *len)
{
    return FR_ASK_LIST(redis, &fr_int, len, &values, FR_WORD("RPUSH"), key);
}

FlaskRedisStatus flask_redis_lpop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("LPOP"), key);
}

FlaskRedisStatus flask_redis_rpop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("RPOP"), key);
}

FlaskRedisStatus flask_redis_lpop_count(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                        FlaskRedisArray *values)
{
    return FR_ASK(redis, &fr_array_or_nil, values, FR_WORD("LPOP"), key, FR_INT(count));
}

FlaskRedisStatus flask_redis_rpop_count(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                        FlaskRedisArray *values)
{
    return FR_ASK(redis, &fr_array_or_nil, values, FR_WORD("RPOP"), key, FR_INT(count));
}

FlaskRedisStatus flask_redis_llen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *len)
{
    return FR_ASK(redis, &fr_int, len, FR_WORD("LLEN"), key);
}

FlaskRedisStatus flask_redis_lrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                    int64_t stop, FlaskRedisArray *values)
{
    return FR_ASK(redis, &fr_array, values, FR_WORD("LRANGE"), key, FR_INT(start), FR_INT(stop));
}

FlaskRedisStatus flask_redis_lindex(FlaskRedis *redis, FlaskRedisBytes key, int64_t index,
                                    FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("LINDEX"), key, FR_INT(index));
}

FlaskRedisStatus flask_redis_lset(FlaskRedis *redis, FlaskRedisBytes key, int64_t index,
                                  FlaskRedisBytes value)
{
    return FR_ASK(redis, &fr_ok, NULL, FR_WORD("LSET"), key, FR_INT(index), value);
}

FlaskRedisStatus flask_redis_lrem(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                  FlaskRedisBytes value, int64_t *removed)
{
    return FR_ASK(redis, &fr_int, removed, FR_WORD("LREM"), key, FR_INT(count), value);
}

FlaskRedisStatus flask_redis_ltrim(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                   int64_t stop)
{
    return FR_ASK(redis, &fr_ok, NULL, FR_WORD("LTRIM"), key, FR_INT(start), FR_INT(stop));
}

/* --- sides ------------------------------------------------------------------------------------ */

static FlaskRedisBytes side_word(FlaskRedisSide side)
{
    return side == FLASK_REDIS_LEFT ? FR_WORD("LEFT") : FR_WORD("RIGHT");
}

FlaskRedisStatus flask_redis_linsert(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisSide where,
                                     FlaskRedisBytes pivot, FlaskRedisBytes value, int64_t *len)
{
    FlaskRedisBytes place = where == FLASK_REDIS_LEFT ? FR_WORD("BEFORE") : FR_WORD("AFTER");
    return FR_ASK(redis, &fr_int, len, FR_WORD("LINSERT"), key, place, pivot, value);
}

FlaskRedisStatus flask_redis_lmove(FlaskRedis *redis, FlaskRedisBytes source,
                                   FlaskRedisBytes destination, FlaskRedisSide from,
                                   FlaskRedisSide to, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("LMOVE"), source, destination, side_word(from),
                  side_word(to));
}

/* --- waiting ---------------------------------------------------------------------------------- */

static FlaskRedisStatus check_timeout(double timeout)
{
    return isfinite(timeout) && timeout >= 0
               ? FLASK_REDIS_OK
               : flask_redis_fail(FLASK_REDIS_DATA, false, "the timeout is negative or no number");
}

FlaskRedisStatus flask_redis_blmove(FlaskRedis *redis, FlaskRedisBytes source,
                                    FlaskRedisBytes destination, FlaskRedisSide from,
                                    FlaskRedisSide to, double timeout, FlaskRedisBytes *value)
{
    FlaskRedisStatus status = check_timeout(timeout);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("BLMOVE"), source, destination, side_word(from),
                  side_word(to), FR_DOUBLE(timeout));
}

/* Run with a timeout behind the keys. */
static FlaskRedisStatus ask_with_timeout(FlaskRedis *redis, FlaskRedisBytes name,
                                         const FlaskRedisList *keys, double timeout,
                                         FlaskRedisArray *array)
{
    FlaskRedisBytes *list = calloc(keys->count + 1, sizeof(*list));
    char number[40];
    if (list == NULL) {
        return fr_fail_memory();
    }
    memcpy(list, fr_list_items(keys), keys->count * sizeof(*list));
    list[keys->count] = fr_double_word(timeout, number);
    FlaskRedisList words = {list, keys->count + 1, {NULL, 0}};
    FlaskRedisStatus status = fr_ask_list(redis, &fr_array_or_nil, array, &name, 1, &words);
    free(list);
    return status;
}

static void hand_out(FlaskRedisBytes *from, FlaskRedisBytes *to)
{
    if (to != NULL) {
        *to = *from;
        *from = (FlaskRedisBytes){0};
    }
}

static FlaskRedisStatus blocking_pop(FlaskRedis *redis, FlaskRedisBytes name,
                                     const FlaskRedisList *keys, double timeout,
                                     FlaskRedisBytes *key, FlaskRedisBytes *value)
{
    FlaskRedisArray array = {0};
    FlaskRedisBytes nothing = {0};

    hand_out(&nothing, key);
    hand_out(&nothing, value);
    FlaskRedisStatus status = check_timeout(timeout);
    if (status == FLASK_REDIS_OK && keys->count == 0) {
        status = flask_redis_fail(FLASK_REDIS_DATA, false, "%s of nothing: the list is empty",
                                  name.data);
    }
    if (status == FLASK_REDIS_OK) {
        status = ask_with_timeout(redis, name, keys, timeout, &array);
    }
    if (status == FLASK_REDIS_OK && array.count != 2) {
        status = flask_redis_fail(FLASK_REDIS_RESPONSE, true,
                                  "%s: the reply is not a key and a value", name.data);
    } else if (status == FLASK_REDIS_OK) {
        hand_out(&array.items[0], key);
        hand_out(&array.items[1], value);
    }
    flask_redis_array_free(&array);
    return status;
}

FlaskRedisStatus flask_redis_blpop(FlaskRedis *redis, FlaskRedisList keys, double timeout,
                                   FlaskRedisBytes *key, FlaskRedisBytes *value)
{
    return blocking_pop(redis, FR_WORD("BLPOP"), &keys, timeout, key, value);
}

FlaskRedisStatus flask_redis_brpop(FlaskRedis *redis, FlaskRedisList keys, double timeout,
                                   FlaskRedisBytes *key, FlaskRedisBytes *value)
{
    return blocking_pop(redis, FR_WORD("BRPOP"), &keys, timeout, key, value);
}
