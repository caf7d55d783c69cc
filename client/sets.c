/* Sets and sorted sets. */
#include "flaskredis/sets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"

enum {
    ZADD_OPTIONS_MAX = 5,
    SCORE_CAP = 40
};

FlaskRedisStatus flask_redis_sadd(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *added)
{
    return FR_ASK_LIST(redis, &fr_int, added, &members, FR_WORD("SADD"), key);
}

FlaskRedisStatus flask_redis_smembers(FlaskRedis *redis, FlaskRedisBytes key,
                                      FlaskRedisArray *members)
{
    return FR_ASK(redis, &fr_array, members, FR_WORD("SMEMBERS"), key);
}

FlaskRedisStatus flask_redis_srem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *removed)
{
    return FR_ASK_LIST(redis, &fr_int, removed, &members, FR_WORD("SREM"), key);
}

FlaskRedisStatus flask_redis_scard(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count)
{
    return FR_ASK(redis, &fr_int, count, FR_WORD("SCARD"), key);
}

FlaskRedisStatus flask_redis_sismember(FlaskRedis *redis, FlaskRedisBytes key,
                                       FlaskRedisBytes member, bool *is_member)
{
    return FR_ASK(redis, &fr_bool, is_member, FR_WORD("SISMEMBER"), key, member);
}

FlaskRedisStatus flask_redis_sinter(FlaskRedis *redis, FlaskRedisList keys,
                                    FlaskRedisArray *members)
{
    return FR_ASK_LIST(redis, &fr_array, members, &keys, FR_WORD("SINTER"));
}

FlaskRedisStatus flask_redis_sunion(FlaskRedis *redis, FlaskRedisList keys,
                                    FlaskRedisArray *members)
{
    return FR_ASK_LIST(redis, &fr_array, members, &keys, FR_WORD("SUNION"));
}

FlaskRedisStatus flask_redis_sdiff(FlaskRedis *redis, FlaskRedisList keys, FlaskRedisArray *members)
{
    return FR_ASK_LIST(redis, &fr_array, members, &keys, FR_WORD("SDIFF"));
}

FlaskRedisStatus flask_redis_spop(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *member)
{
    return FR_ASK(redis, &fr_bytes, member, FR_WORD("SPOP"), key);
}

FlaskRedisStatus flask_redis_zrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                    int64_t stop, FlaskRedisArray *members)
{
    return FR_ASK(redis, &fr_array, members, FR_WORD("ZRANGE"), key, FR_INT(start), FR_INT(stop));
}

FlaskRedisStatus flask_redis_zrange_withscores(FlaskRedis *redis, FlaskRedisBytes key,
                                               int64_t start, int64_t stop,
                                               FlaskRedisScores *members)
{
    return FR_ASK(redis, &fr_scores, members, FR_WORD("ZRANGE"), key, FR_INT(start), FR_INT(stop),
                  FR_WORD("WITHSCORES"));
}

FlaskRedisStatus flask_redis_zrangebyscore(FlaskRedis *redis, FlaskRedisBytes key,
                                           FlaskRedisBytes min, FlaskRedisBytes max,
                                           FlaskRedisArray *members)
{
    return FR_ASK(redis, &fr_array, members, FR_WORD("ZRANGEBYSCORE"), key, min, max);
}

FlaskRedisStatus flask_redis_zrangebyscore_withscores(FlaskRedis *redis, FlaskRedisBytes key,
                                                      FlaskRedisBytes min, FlaskRedisBytes max,
                                                      FlaskRedisScores *members)
{
    return FR_ASK(redis, &fr_scores, members, FR_WORD("ZRANGEBYSCORE"), key, min, max,
                  FR_WORD("WITHSCORES"));
}

FlaskRedisStatus flask_redis_zrem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisList members,
                                  int64_t *removed)
{
    return FR_ASK_LIST(redis, &fr_int, removed, &members, FR_WORD("ZREM"), key);
}

FlaskRedisStatus flask_redis_zscore(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes member,
                                    double *score)
{
    return FR_ASK(redis, &fr_double, score, FR_WORD("ZSCORE"), key, member);
}

FlaskRedisStatus flask_redis_zcard(FlaskRedis *redis, FlaskRedisBytes key, int64_t *count)
{
    return FR_ASK(redis, &fr_int, count, FR_WORD("ZCARD"), key);
}

FlaskRedisStatus flask_redis_zrank(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes member,
                                   int64_t *rank)
{
    return FR_ASK(redis, &fr_int, rank, FR_WORD("ZRANK"), key, member);
}

FlaskRedisStatus flask_redis_zincrby(FlaskRedis *redis, FlaskRedisBytes key, double amount,
                                     FlaskRedisBytes member, double *score)
{
    if (isnan(amount)) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "ZINCRBY: the amount is not a number");
    }
    return FR_ASK(redis, &fr_double, score, FR_WORD("ZINCRBY"), key, FR_DOUBLE(amount), member);
}

/* --- ZADD ------------------------------------------------------------------------------------- */

FlaskRedisStatus flask_redis_zadd(FlaskRedis *redis, FlaskRedisBytes key, double score,
                                  FlaskRedisBytes member, int64_t *added)
{
    FlaskRedisScored one = {member, score};
    return flask_redis_zadd_mapping(redis, key, &one, 1, NULL, added);
}

static FlaskRedisStatus check_zadd(const FlaskRedisScored *members, size_t count,
                                   const FlaskRedisZAdd *options)
{
    if (count == 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "ZADD of nothing: there is no member");
    }
    if ((options->nx && (options->xx || options->gt || options->lt)) ||
        (options->gt && options->lt)) {
        return flask_redis_fail(FLASK_REDIS_DATA, false,
                                "ZADD: of nx and xx, nx and gt or lt, gt and lt only one");
    }
    for (size_t i = 0; i < count; i++) {
        if (isnan(members[i].score)) {
            return flask_redis_fail(FLASK_REDIS_DATA, false, "ZADD: a score is not a number");
        }
    }
    return FLASK_REDIS_OK;
}

static size_t zadd_options(const FlaskRedisZAdd *options, FlaskRedisBytes *words)
{
    const struct {
        bool is_given;
        FlaskRedisBytes word;
    } all[ZADD_OPTIONS_MAX] = {{options->nx, FR_WORD("NX")},
                               {options->xx, FR_WORD("XX")},
                               {options->gt, FR_WORD("GT")},
                               {options->lt, FR_WORD("LT")},
                               {options->ch, FR_WORD("CH")}};
    size_t count = 0;
    for (size_t i = 0; i < ZADD_OPTIONS_MAX; i++) {
        if (all[i].is_given) {
            words[count++] = all[i].word;
        }
    }
    return count;
}

FlaskRedisStatus flask_redis_zadd_mapping(FlaskRedis *redis, FlaskRedisBytes key,
                                          const FlaskRedisScored *members, size_t count,
                                          const FlaskRedisZAdd *options, int64_t *added)
{
    static const FlaskRedisZAdd none;
    const FlaskRedisZAdd *given = options != NULL ? options : &none;

    if (added != NULL) {
        *added = 0;
    }
    FlaskRedisStatus status = check_zadd(members, count, given);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    FlaskRedisBytes *words = calloc(2 + ZADD_OPTIONS_MAX + 2 * count, sizeof(*words));
    char(*scores)[SCORE_CAP] = calloc(count, sizeof(*scores));
    if (words == NULL || scores == NULL) {
        free(words);
        free(scores);
        return fr_fail_memory();
    }
    words[0] = FR_WORD("ZADD");
    words[1] = key;
    size_t at = 2 + zadd_options(given, words + 2);
    for (size_t i = 0; i < count; i++) {
        words[at++] = fr_double_word(members[i].score, scores[i]);
        words[at++] = members[i].member;
    }
    status = fr_ask(redis, &fr_int, added, words, at);
    free(words);
    free(scores);
    return status;
}
