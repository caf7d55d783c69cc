/* Strings, and items as Python has them. */
#include "flaskredis/strings.h"

#include <math.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"

enum {
    SET_WORDS_MAX = 8
};

FlaskRedisStatus flask_redis_get(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("GET"), key);
}

FlaskRedisStatus flask_redis_getset(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                    FlaskRedisBytes *old)
{
    return FR_ASK(redis, &fr_bytes, old, FR_WORD("GETSET"), key, value);
}

FlaskRedisStatus flask_redis_getdel(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("GETDEL"), key);
}

FlaskRedisStatus flask_redis_incrby(FlaskRedis *redis, FlaskRedisBytes key, int64_t amount,
                                    int64_t *value)
{
    return FR_ASK(redis, &fr_int, value, FR_WORD("INCRBY"), key, FR_INT(amount));
}

FlaskRedisStatus flask_redis_incr(FlaskRedis *redis, FlaskRedisBytes key, int64_t *value)
{
    return FR_ASK(redis, &fr_int, value, FR_WORD("INCRBY"), key, FR_INT(1));
}

FlaskRedisStatus flask_redis_decr(FlaskRedis *redis, FlaskRedisBytes key, int64_t *value)
{
    return FR_ASK(redis, &fr_int, value, FR_WORD("DECRBY"), key, FR_INT(1));
}

FlaskRedisStatus flask_redis_decrby(FlaskRedis *redis, FlaskRedisBytes key, int64_t amount,
                                    int64_t *value)
{
    return FR_ASK(redis, &fr_int, value, FR_WORD("DECRBY"), key, FR_INT(amount));
}

FlaskRedisStatus flask_redis_append(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                    int64_t *len)
{
    return FR_ASK(redis, &fr_int, len, FR_WORD("APPEND"), key, value);
}

FlaskRedisStatus flask_redis_strlen(FlaskRedis *redis, FlaskRedisBytes key, int64_t *len)
{
    return FR_ASK(redis, &fr_int, len, FR_WORD("STRLEN"), key);
}

FlaskRedisStatus flask_redis_mget(FlaskRedis *redis, FlaskRedisList keys, FlaskRedisArray *values)
{
    return FR_ASK_LIST(redis, &fr_array, values, &keys, FR_WORD("MGET"));
}

FlaskRedisStatus flask_redis_setnx(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                   bool *was_set)
{
    return FR_ASK(redis, &fr_bool, was_set, FR_WORD("SETNX"), key, value);
}

FlaskRedisStatus flask_redis_setrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t offset,
                                      FlaskRedisBytes value, int64_t *len)
{
    return FR_ASK(redis, &fr_int, len, FR_WORD("SETRANGE"), key, FR_INT(offset), value);
}

FlaskRedisStatus flask_redis_getrange(FlaskRedis *redis, FlaskRedisBytes key, int64_t start,
                                      int64_t end, FlaskRedisBytes *value)
{
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("GETRANGE"), key, FR_INT(start), FR_INT(end));
}

FlaskRedisStatus flask_redis_contains(FlaskRedis *redis, FlaskRedisBytes key, bool *is_there)
{
    return FR_ASK(redis, &fr_bool, is_there, FR_WORD("EXISTS"), key);
}

FlaskRedisStatus flask_redis_incrbyfloat(FlaskRedis *redis, FlaskRedisBytes key, double amount,
                                         double *value)
{
    if (!isfinite(amount)) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "INCRBYFLOAT: the amount is not finite");
    }
    return FR_ASK(redis, &fr_double, value, FR_WORD("INCRBYFLOAT"), key, FR_DOUBLE(amount));
}

FlaskRedisStatus flask_redis_mset(FlaskRedis *redis, FlaskRedisList keys_and_values)
{
    if (keys_and_values.count % 2 != 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "MSET: the last key has no value");
    }
    return FR_ASK_LIST(redis, &fr_ok, NULL, &keys_and_values, FR_WORD("MSET"));
}

/* --- options ---------------------------------------------------------------------------------- */

/* A time of SET or GETEX, and the word before it. */
struct expiry {
    FlaskRedisBytes word;
    int64_t value;
};

/* How many are given; -1: one is negative. The one that is given moves to the front. */
static int pick(struct expiry *times, size_t count)
{
    int given = 0;
    for (size_t i = 0; i < count; i++) {
        if (times[i].value < 0) {
            return -1;
        }
        if (times[i].value > 0) {
            times[0] = times[i];
            given++;
        }
    }
    return given;
}

static FlaskRedisStatus check_times(const char *command, int given)
{
    if (given < 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "%s: a time is negative", command);
    }
    if (given > 1) {
        return flask_redis_fail(FLASK_REDIS_DATA, false,
                                "%s: only one of its expiry options can be given", command);
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus check_set(const FlaskRedisSet *options, struct expiry *times, int *given)
{
    *given = pick(times, 4);
    if (options->nx && options->xx) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "SET: nx and xx exclude each other");
    }
    return check_times("SET", *given < 0 ? *given : *given + options->keepttl);
}

/* What SET says without GET is whether it set; with GET, what was there before. */
static FlaskRedisStatus set_and_get(FlaskRedis *redis, const FlaskRedisSet *options,
                                    const FlaskRedisBytes *words, size_t count)
{
    FlaskRedisStatus status = fr_ask(redis, &fr_bytes, options->get, words, count);
    if (status == FLASK_REDIS_NIL) {
        return options->xx ? FLASK_REDIS_NOT_SET : FLASK_REDIS_OK;
    }
    return status == FLASK_REDIS_OK && options->nx ? FLASK_REDIS_NOT_SET : status;
}

FlaskRedisStatus flask_redis_set(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value,
                                 const FlaskRedisSet *options)
{
    static const FlaskRedisSet none;
    const FlaskRedisSet *given = options != NULL ? options : &none;
    struct expiry times[] = {{FR_WORD("EX"), given->ex},
                             {FR_WORD("PX"), given->px},
                             {FR_WORD("EXAT"), given->exat},
                             {FR_WORD("PXAT"), given->pxat}};
    FlaskRedisBytes words[SET_WORDS_MAX] = {FR_WORD("SET"), key, value};
    size_t count = 3;
    int expires = 0;
    char number[24];

    if (given->get != NULL) {
        *given->get = (FlaskRedisBytes){0};
    }
    FlaskRedisStatus status = check_set(given, times, &expires);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    if (expires > 0) {
        words[count++] = times[0].word;
        words[count++] = fr_int_word(times[0].value, number);
    }
    if (given->keepttl) {
        words[count++] = FR_WORD("KEEPTTL");
    }
    if (given->nx || given->xx) {
        words[count++] = given->nx ? FR_WORD("NX") : FR_WORD("XX");
    }
    if (given->get != NULL) {
        words[count++] = FR_WORD("GET");
        return set_and_get(redis, given, words, count);
    }
    status = fr_ask(redis, &fr_ok, NULL, words, count);
    return status == FLASK_REDIS_NIL ? FLASK_REDIS_NOT_SET : status;
}

FlaskRedisStatus flask_redis_getex(FlaskRedis *redis, FlaskRedisBytes key,
                                   const FlaskRedisExpiry *options, FlaskRedisBytes *value)
{
    static const FlaskRedisExpiry none;
    const FlaskRedisExpiry *given = options != NULL ? options : &none;
    struct expiry times[] = {{FR_WORD("EX"), given->ex},
                             {FR_WORD("PX"), given->px},
                             {FR_WORD("EXAT"), given->exat},
                             {FR_WORD("PXAT"), given->pxat}};
    int expires = pick(times, 4);
    FlaskRedisStatus status =
        check_times("GETEX", expires < 0 ? expires : expires + given->persist);

    if (status != FLASK_REDIS_OK) {
        if (value != NULL) {
            *value = (FlaskRedisBytes){0};
        }
        return status;
    }
    if (given->persist) {
        return FR_ASK(redis, &fr_bytes, value, FR_WORD("GETEX"), key, FR_WORD("PERSIST"));
    }
    if (expires == 0) {
        return FR_ASK(redis, &fr_bytes, value, FR_WORD("GETEX"), key);
    }
    return FR_ASK(redis, &fr_bytes, value, FR_WORD("GETEX"), key, times[0].word,
                  FR_INT(times[0].value));
}

/* --- items ------------------------------------------------------------------------------------ */

FlaskRedisStatus flask_redis_getitem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes *value)
{
    FlaskRedisStatus status = flask_redis_get(redis, key, value);
    return status == FLASK_REDIS_NIL
               ? flask_redis_fail(FLASK_REDIS_KEY_ERROR, false, "no such key: %.*s",
                                  key.len > 100 ? 100 : (int)key.len, key.data)
               : status;
}

FlaskRedisStatus flask_redis_setitem(FlaskRedis *redis, FlaskRedisBytes key, FlaskRedisBytes value)
{
    return flask_redis_set(redis, key, value, NULL);
}

FlaskRedisStatus flask_redis_delitem(FlaskRedis *redis, FlaskRedisBytes key)
{
    return FR_ASK(redis, &fr_int, NULL, FR_WORD("DEL"), key);
}
