/* Lists. Left is the beginning, right the end; indices count from 0, negative ones from the end. */
#ifndef FLASKREDIS_LISTS_H
#define FLASKREDIS_LISTS_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An end of a list, or a place beside an element. */
typedef enum FlaskRedisSide {
    FLASK_REDIS_LEFT,  /* the beginning; before */
    FLASK_REDIS_RIGHT, /* the end; after */
} FlaskRedisSide;

/* Add at the beginning, one after the other: the last one is first then. *len is the new length. */
FlaskRedisStatus flask_redis_lpush(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList values,
                                   int64_t *len);

/* Add at the end. */
FlaskRedisStatus flask_redis_rpush(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList values,
                                   int64_t *len);

/* Take the first element. NIL: there is no list. */
FlaskRedisStatus flask_redis_lpop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value);

/* Take the last element. */
FlaskRedisStatus flask_redis_rpop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value);

/* Take up to count of the first elements (since 6.2). NIL: there is no list; an empty array only
 * for count 0. */
FlaskRedisStatus flask_redis_lpop_count(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                        FlaskRedisArray *values);

/* The same from the end, the last one first. */
FlaskRedisStatus flask_redis_rpop_count(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                        FlaskRedisArray *values);

/* The number of elements, 0 for a missing key. */
FlaskRedisStatus flask_redis_llen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *len);

/* The elements from start to stop, both included; none where there are none. */
FlaskRedisStatus flask_redis_lrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                    int64_t stop, FlaskRedisArray *values);

/* One element. NIL: there is none at this index. */
FlaskRedisStatus flask_redis_lindex(FlaskRedis *redis, FlaskRedisBytes key, int64_t index,
                                    FlaskRedisBytes *value);

/* Replace an element. RESPONSE: there is none at this index. */
FlaskRedisStatus flask_redis_lset(FlaskRedis *redis, FlaskRedisBytes key, int64_t index,
                                  FlaskRedisBytes value);

/* Remove elements that equal value: the first count ones, the last ones for a negative count, all
 * for 0. *removed: how many. */
FlaskRedisStatus flask_redis_lrem(FlaskRedis *redis, FlaskRedisBytes key, int64_t count,
                                  FlaskRedisBytes value, int64_t *removed);

/* Keep only the elements from start to stop. */
FlaskRedisStatus flask_redis_ltrim(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                   int64_t stop);

/* Insert beside the first element that equals pivot. *len: the new length, 0 without a list, -1
 * without such an element. */
FlaskRedisStatus flask_redis_linsert(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisSide where,
                                     FlaskRedisBytes pivot, FlaskRedisBytes value, int64_t *len);

/* Take an element from one end and add it to an end of another list, or of the same (since 6.2).
 * NIL: there was none. */
FlaskRedisStatus flask_redis_lmove(FlaskRedis *redis, FlaskRedisBytes source,
                                   FlaskRedisBytes destination, FlaskRedisSide from,
                                   FlaskRedisSide to, FlaskRedisBytes *value);

/* Take the first element of the first list that has one, waiting for at most timeout seconds (0:
 * for ever). *key tells which list. NIL: none came. DATA: timeout is negative or no number. */
FlaskRedisStatus flask_redis_blpop(FlaskRedis *redis, FlaskRedisList keys, double timeout,
                                   FlaskRedisBytes *key, FlaskRedisBytes *value);

/* The same with the last element. */
FlaskRedisStatus flask_redis_brpop(FlaskRedis *redis, FlaskRedisList keys, double timeout,
                                   FlaskRedisBytes *key, FlaskRedisBytes *value);

/* As flask_redis_lmove, waiting for an element. */
FlaskRedisStatus flask_redis_blmove(FlaskRedis *redis, FlaskRedisBytes source,
                                    FlaskRedisBytes destination, FlaskRedisSide from,
                                    FlaskRedisSide to, double timeout, FlaskRedisBytes *value);

#ifdef __cplusplus
}
#endif

#endif
