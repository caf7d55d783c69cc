/* Strings.
 *
 * For this and the other families: out-parameters may be NULL where the result does not matter.
 * Every call may fail as flaskredis/status.h tells; the comments name what is particular. Offsets
 * and times are 64 bits wide, as in the server. */
#ifndef FLASKREDIS_STRINGS_H
#define FLASKREDIS_STRINGS_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Options of SET. Zero is not given; at most one of the first five, and one of nx and xx. */
typedef struct FlaskRedisSet {
    int64_t ex;           /* expire after so many seconds */
    int64_t px;           /* ... milliseconds */
    int64_t exat;         /* expire at a Unix time in seconds */
    int64_t pxat;         /* ... in milliseconds */
    bool keepttl;         /* keep the expiry the key has */
    bool nx;              /* only if the key does not exist */
    bool xx;              /* only if it exists */
    FlaskRedisBytes *get; /* SET … GET: receives the value there was, nil for none; freed by the
                           * caller. Since Redis 6.2, with nx since 7.0 */
} FlaskRedisSet;

/* Options of GETEX: at most one. */
typedef struct FlaskRedisExpiry {
    int64_t ex;   /* expire after so many seconds */
    int64_t px;   /* ... milliseconds */
    int64_t exat; /* expire at a Unix time in seconds */
    int64_t pxat; /* ... in milliseconds */
    bool persist; /* never expire */
} FlaskRedisExpiry;

/* Set a key, whatever it was. options NULL: none. NOT_SET: nx or xx was not met, nothing changed.
 * DATA: options contradict each other or a time is negative; nothing was sent. */
FlaskRedisStatus flask_redis_set(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                 const FlaskRedisSet *options);

/* The value of a key. NIL: there is none. */
FlaskRedisStatus flask_redis_get(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value);

/* Set a key and receive the value there was. NIL: set, there was none. */
FlaskRedisStatus flask_redis_getset(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                    FlaskRedisBytes *old);

/* The value of a key, which is deleted (since 6.2). NIL: there was none. */
FlaskRedisStatus flask_redis_getdel(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value);

/* The value of a key, changing its expiry (since 6.2). options NULL: no change. NIL: there is no
 * key. DATA: more than one option. */
FlaskRedisStatus flask_redis_getex(FlaskRedis *redis, FlaskRedisBytes key,
                                   const FlaskRedisExpiry *options, FlaskRedisBytes *value);

/* Add to a number (INCRBY); a missing key counts as 0. *value is the sum. */
FlaskRedisStatus flask_redis_incrby(FlaskRedis *redis, FlaskRedisBytes key, int64_t amount,
                                    int64_t *value);

/* Add one. */
FlaskRedisStatus flask_redis_incr(FlaskRedis *redis, FlaskRedisBytes key, int64_t *value);

/* Subtract one. */
FlaskRedisStatus flask_redis_decr(FlaskRedis *redis, FlaskRedisBytes key, int64_t *value);

/* Subtract from a number (DECRBY). */
FlaskRedisStatus flask_redis_decrby(FlaskRedis *redis, FlaskRedisBytes key, int64_t amount,
                                    int64_t *value);

/* Add to a number with a fraction. DATA: amount is not finite. */
FlaskRedisStatus flask_redis_incrbyfloat(FlaskRedis *redis, FlaskRedisBytes key, double amount,
                                         double *value);

/* Add bytes at the end. *len is the new length. */
FlaskRedisStatus flask_redis_append(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                    int64_t *len);

/* The length in bytes, 0 for a missing key. */
FlaskRedisStatus flask_redis_strlen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *len);

/* The values of several keys, in their order; nil (data NULL) for those that are missing or no
 * strings. DATA: keys is empty. */
FlaskRedisStatus flask_redis_mget(FlaskRedis *redis, FlaskRedisList keys, FlaskRedisArray *values);

/* Set several keys at once: FLASK_REDIS_LIST("key1", "value1", "key2", "value2"). DATA: a key has
 * no value, or there is none. */
FlaskRedisStatus flask_redis_mset(FlaskRedis *redis, FlaskRedisList keys_and_values);

/* Set a key that does not exist. *was_set: whether it was. */
FlaskRedisStatus flask_redis_setnx(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                   bool *was_set);

/* Overwrite from an offset in bytes, filling up with NUL. *len is the new length. */
FlaskRedisStatus flask_redis_setrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t offset,
                                      FlaskRedisBytes value, int64_t *len);

/* The bytes from start to end, both included, negative ones counted from the end; empty where there
 * are none. */
FlaskRedisStatus flask_redis_getrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                      int64_t end, FlaskRedisBytes *value);

/* redis[key]: the value. KEY_ERROR: there is no such key. */
FlaskRedisStatus flask_redis_getitem(FlaskRedis *redis, FlaskRedisBytes key,
                                     FlaskRedisBytes *value);

/* redis[key] = value. */
FlaskRedisStatus flask_redis_setitem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value);

/* del redis[key]. A missing key is fine. */
FlaskRedisStatus flask_redis_delitem(FlaskRedis *redis, FlaskRedisBytes key);

/* key in redis. */
FlaskRedisStatus flask_redis_contains(FlaskRedis *redis, FlaskRedisBytes key, bool *is_there);

#ifdef __cplusplus
}
#endif

#endif
