/* Keys, whatever they hold. */
#ifndef FLASKREDIS_KEYS_H
#define FLASKREDIS_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Delete keys. *count: how many there were. DATA: keys is empty. */
FlaskRedisStatus flask_redis_delete(FlaskRedis *redis, FlaskRedisList keys, int64_t *count);

/* The same, with the server freeing memory in the background. */
FlaskRedisStatus flask_redis_unlink(FlaskRedis *redis, FlaskRedisList keys, int64_t *count);

/* Count those that exist; a key given twice counts twice. */
FlaskRedisStatus flask_redis_exists(FlaskRedis *redis, FlaskRedisList keys, int64_t *count);

/* Let a key expire after so many seconds; zero or less deletes it. *was_set: whether the key is
 * there. */
FlaskRedisStatus flask_redis_expire(FlaskRedis *redis, FlaskRedisBytes key, int64_t seconds,
                                    bool *was_set);

/* The same in milliseconds. */
FlaskRedisStatus flask_redis_pexpire(FlaskRedis *redis, FlaskRedisBytes key, int64_t milliseconds,
                                     bool *was_set);

/* Let a key expire at a Unix time in seconds. */
FlaskRedisStatus flask_redis_expireat(FlaskRedis *redis, FlaskRedisBytes key, int64_t unix_seconds,
                                      bool *was_set);

/* Let a key not expire. *was_set: whether it would have. */
FlaskRedisStatus flask_redis_persist(FlaskRedis *redis, FlaskRedisBytes key, bool *was_set);

/* The seconds until a key expires: -1 never, -2 there is no such key. */
FlaskRedisStatus flask_redis_ttl(FlaskRedis *redis, FlaskRedisBytes key, int64_t *seconds);

/* The same in milliseconds. */
FlaskRedisStatus flask_redis_pttl(FlaskRedis *redis, FlaskRedisBytes key, int64_t *milliseconds);

/* What a key holds: "string", "list", "set", "zset", "hash", "stream", or "none". */
FlaskRedisStatus flask_redis_type(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *type);

/* Give a key another name, over what that name had. RESPONSE: there is no such key. */
FlaskRedisStatus flask_redis_rename(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes name);

/* All keys that match a pattern (*, ?, [a-z]). The server does nothing else meanwhile: for large
 * databases take flask_redis_scan. */
FlaskRedisStatus flask_redis_keys(FlaskRedis *redis, FlaskRedisBytes pattern,
                                  FlaskRedisArray *keys);

/* An iteration over names: of one thread, and freed before its handle. */
typedef struct FlaskRedisScan FlaskRedisScan;

/* Options of an iteration, zero is not given. */
typedef struct FlaskRedisScanOptions {
    FlaskRedisBytes match; /* a pattern; nil: all */
    int64_t count;         /* how many the server should look at in a step */
    const char *type;      /* flask_redis_scan only: keys of a type (since 6.0) */
} FlaskRedisScanOptions;

/* Begin to iterate over the keys. Nothing is sent before the first flask_redis_scan_next. options
 * are copied, NULL: none. NULL: NO_MEMORY. */
FlaskRedisScan *flask_redis_scan(FlaskRedis *redis, const FlaskRedisScanOptions *options);

/* Over the fields of a hash, with their values. */
FlaskRedisScan *flask_redis_hscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options);

/* Over the members of a set. */
FlaskRedisScan *flask_redis_sscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options);

/* Over the members of a sorted set, with their scores as text. */
FlaskRedisScan *flask_redis_zscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options);

/* Take the next name, and its value where there are values (NULL: not wanted). Both stay the
 * iteration's, until the next call; they are not freed. NIL: that was all. What is there from
 * beginning to end is met at least once, and now and then twice (SCAN's guarantee). */
FlaskRedisStatus flask_redis_scan_next(FlaskRedisScan *scan, FlaskRedisBytes *name,
                                       FlaskRedisBytes *value);

/* End an iteration, at any time. NULL is fine. */
void flask_redis_scan_free(FlaskRedisScan *scan);

#ifdef __cplusplus
}
#endif

#endif
