/* Hashes. */
#ifndef FLASKREDIS_HASHES_H
#define FLASKREDIS_HASHES_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Set a field. *added: 1 for a new one, 0 for one that was there. */
FlaskRedisStatus flask_redis_hset(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                  FlaskRedisBytes value, int64_t *added);

/* Set several: FLASK_REDIS_LIST("field1", "value1", "field2", "value2"), or what hgetall returned.
 * *added: how many are new. DATA: a field has no value, or there is none. */
FlaskRedisStatus flask_redis_hset_mapping(FlaskRedis *redis, FlaskRedisBytes key,
                                          FlaskRedisList fields_and_values, int64_t *added);

/* The value of a field. NIL: there is none. */
FlaskRedisStatus flask_redis_hget(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                  FlaskRedisBytes *value);

/* The values of several fields, in their order, nil for those that are missing. */
FlaskRedisStatus flask_redis_hmget(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList fields,
                                   FlaskRedisArray *values);

/* All fields with their values, none for a missing key. */
FlaskRedisStatus flask_redis_hgetall(FlaskRedis *redis, FlaskRedisBytes key,
                                     FlaskRedisPairs *fields);

/* Delete fields. *count: how many there were. */
FlaskRedisStatus flask_redis_hdel(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList fields,
                                  int64_t *count);

/* The names of all fields. */
FlaskRedisStatus flask_redis_hkeys(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisArray *fields);

/* The values of all fields. */
FlaskRedisStatus flask_redis_hvals(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisArray *values);

/* The number of fields. */
FlaskRedisStatus flask_redis_hlen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count);

/* Whether there is such a field. */
FlaskRedisStatus flask_redis_hexists(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                     bool *is_there);

/* Add to a number in a field. *value is the sum. */
FlaskRedisStatus flask_redis_hincrby(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes field,
                                     int64_t amount, int64_t *value);

#ifdef __cplusplus
}
#endif

#endif
