/* Sets and sorted sets. */
#ifndef FLASKREDIS_SETS_H
#define FLASKREDIS_SETS_H

#include <stdbool.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/bytes.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Add members. *added: how many were not there. */
FlaskRedisStatus flask_redis_sadd(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *added);

/* All members, in no order; none for a missing key. */
FlaskRedisStatus flask_redis_smembers(FlaskRedis *redis, FlaskRedisBytes key,
                                      FlaskRedisArray *members);

/* Remove members. *removed: how many were there. */
FlaskRedisStatus flask_redis_srem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *removed);

/* The number of members. */
FlaskRedisStatus flask_redis_scard(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count);

/* Whether it is a member. */
FlaskRedisStatus flask_redis_sismember(FlaskRedis *redis, FlaskRedisBytes key,
                                       FlaskRedisBytes member, bool *is_member);

/* The members that all sets have. */
FlaskRedisStatus flask_redis_sinter(FlaskRedis *redis, FlaskRedisList keys,
                                    FlaskRedisArray *members);

/* The members that any set has. */
FlaskRedisStatus flask_redis_sunion(FlaskRedis *redis, FlaskRedisList keys,
                                    FlaskRedisArray *members);

/* The members of the first set that no other has. */
FlaskRedisStatus flask_redis_sdiff(FlaskRedis *redis, FlaskRedisList keys,
                                   FlaskRedisArray *members);

/* Take a member at random. NIL: there is none. */
FlaskRedisStatus flask_redis_spop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *member);

/* Options of ZADD; zero is not given. nx and xx, nx and gt, nx and lt, gt and lt exclude each
 * other. */
typedef struct FlaskRedisZAdd {
    bool nx; /* only add */
    bool xx; /* only update */
    bool gt; /* update only to a greater score (since 6.2) */
    bool lt; /* update only to a smaller score (since 6.2) */
    bool ch; /* count updates as well as additions */
} FlaskRedisZAdd;

/* Add a member with its score, or change its score. *added: 1 for a new member, else 0. DATA: score
 * is not a number. */
FlaskRedisStatus flask_redis_zadd(FlaskRedis *redis, FlaskRedisBytes key, double score,
                                  FlaskRedisBytes member, int64_t *added);

/* The same for count members, with options (NULL: none). DATA: options exclude each other, or count
 * is 0. */
FlaskRedisStatus flask_redis_zadd_mapping(FlaskRedis *redis, FlaskRedisBytes key,
                                          const FlaskRedisScored *members, size_t count,
                                          const FlaskRedisZAdd *options, int64_t *added);

/* The members from start to stop by rank, both included, lowest score first. */
FlaskRedisStatus flask_redis_zrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                    int64_t stop, FlaskRedisArray *members);

/* The same with scores. */
FlaskRedisStatus flask_redis_zrange_withscores(FlaskRedis *redis, FlaskRedisBytes key,
                                               int64_t start, int64_t stop,
                                               FlaskRedisScores *members);

/* The members with scores from min to max, both included; infinities are "-inf" and "+inf", and
 * "(5" excludes 5 itself. */
FlaskRedisStatus flask_redis_zrangebyscore(FlaskRedis *redis, FlaskRedisBytes key,
                                           FlaskRedisBytes min, FlaskRedisBytes max,
                                           FlaskRedisArray *members);

/* The same with scores. */
FlaskRedisStatus flask_redis_zrangebyscore_withscores(FlaskRedis *redis, FlaskRedisBytes key,
                                                      FlaskRedisBytes min, FlaskRedisBytes max,
                                                      FlaskRedisScores *members);

/* Remove members. *removed: how many were there. */
FlaskRedisStatus flask_redis_zrem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *removed);

/* The score of a member. NIL: it is none. */
FlaskRedisStatus flask_redis_zscore(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes member,
                                    double *score);

/* The number of members. */
FlaskRedisStatus flask_redis_zcard(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count);

/* Add to a score; who is no member becomes one. *score is the sum. */
FlaskRedisStatus flask_redis_zincrby(FlaskRedis *redis, FlaskRedisBytes key, double amount,
                                     FlaskRedisBytes member, double *score);

/* The rank of a member, from 0 for the lowest score. NIL: it is none. */
FlaskRedisStatus flask_redis_zrank(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes member,
                                   int64_t *rank);

#ifdef __cplusplus
}
#endif

#endif
