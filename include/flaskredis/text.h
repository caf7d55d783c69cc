/* Lets "text" stand where bytes are wanted, and a single string where a list is.
 *
 * Each function that takes FlaskRedisBytes or FlaskRedisList has a macro of its name here, which
 * looks at the type of what it is given: FlaskRedisBytes goes through as it is, a C string is
 * measured. A literal with commas of its own needs parentheses around it in their place (the
 * preprocessor does not know braces). The functions themselves remain: &flask_redis_get, or
 * (flask_redis_get)(...), is the function. In C++ constructors do the same, and take std::string as
 * well. */
#ifndef FLASKREDIS_TEXT_H
#define FLASKREDIS_TEXT_H

#include <string.h>

#include <flaskredis/bytes.h>

/* So many bytes at data as bytes, to pass to a call. */
static inline FlaskRedisBytes flask_redis_bytes(const void *data, size_t len)
{
    FlaskRedisBytes bytes;
    bytes.data = (const char *)data;
    bytes.len = len;
    return bytes;
}

/* So many bytes strings at items as a list, to pass to a call. */
static inline FlaskRedisList flask_redis_list(const FlaskRedisBytes *items, size_t count)
{
    FlaskRedisList list;
    list.items = items;
    list.count = count;
    list.one.data = NULL;
    list.one.len = 0;
    return list;
}

#ifdef __cplusplus

#define FLASK_REDIS_BYTES(value) (FlaskRedisBytes(value))
#define FLASK_REDIS_LIST(...) (FlaskRedisList{__VA_ARGS__})
#define FLASK_REDIS_NONE (FlaskRedisList())

#else

/* A C string as bytes, NULL as nil. */
static inline FlaskRedisBytes flask_redis_bytes_of_text(const char *text)
{
    FlaskRedisBytes bytes = {text, text != NULL ? strlen(text) : 0};
    return bytes;
}

/* Bytes as they are. */
static inline FlaskRedisBytes flask_redis_bytes_of_bytes(FlaskRedisBytes bytes)
{
    return bytes;
}

/* One C string as a list. */
static inline FlaskRedisList flask_redis_list_of_text(const char *text)
{
    FlaskRedisList list = {NULL, 1, flask_redis_bytes_of_text(text)};
    return list;
}

/* Bytes as a list of one. */
static inline FlaskRedisList flask_redis_list_of_bytes(FlaskRedisBytes bytes)
{
    FlaskRedisList list = {NULL, 1, bytes};
    return list;
}

/* An array as it was returned. */
static inline FlaskRedisList flask_redis_list_of_array(FlaskRedisArray array)
{
    FlaskRedisList list = {array.items, array.count, {NULL, 0}};
    return list;
}

/* Pairs as they were returned: names and values in turns. */
static inline FlaskRedisList flask_redis_list_of_pairs(FlaskRedisPairs pairs)
{
    FlaskRedisList list = {
        (const FlaskRedisBytes *)(const void *)pairs.items, 2 * pairs.count, {NULL, 0}};
    return list;
}

/* A list as it is. */
static inline FlaskRedisList flask_redis_list_of_list(FlaskRedisList list)
{
    return list;
}

/* A C string or bytes, as bytes. */
#define FLASK_REDIS_BYTES(value)                                                                   \
    _Generic((value), FlaskRedisBytes: flask_redis_bytes_of_bytes,                                 \
             char *: flask_redis_bytes_of_text, const char *: flask_redis_bytes_of_text,           \
             void *: flask_redis_bytes_of_text)(value)

/* A C string, bytes, a list, or an array or pairs that a call returned, as a list. */
#define FLASK_REDIS_LIST_OF(value)                                                                 \
    _Generic((value), FlaskRedisList: flask_redis_list_of_list,                                    \
             FlaskRedisArray: flask_redis_list_of_array,                                           \
             FlaskRedisPairs: flask_redis_list_of_pairs,                                           \
             FlaskRedisBytes: flask_redis_list_of_bytes, char *: flask_redis_list_of_text,         \
             const char *: flask_redis_list_of_text)(value)

/* A list of up to 16 C strings or bytes. Longer ones: flask_redis_list. */
#define FLASK_REDIS_LIST(...)                                                                      \
    ((FlaskRedisList){.items = (const FlaskRedisBytes[]){FLASK_REDIS_EACH(__VA_ARGS__)},           \
                      .count = FLASK_REDIS_COUNT(__VA_ARGS__)})

/* A list of nothing. */
#define FLASK_REDIS_NONE ((FlaskRedisList){NULL, 0, {NULL, 0}})

/* What these are made of. */
#define FLASK_REDIS_COUNT(...)                                                                     \
    FLASK_REDIS_17TH(__VA_ARGS__, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0)
#define FLASK_REDIS_17TH(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, ...) q
#define FLASK_REDIS_EACH(...)                                                                      \
    FLASK_REDIS_17TH(__VA_ARGS__, FLASK_REDIS_E16, FLASK_REDIS_E15, FLASK_REDIS_E14,               \
                     FLASK_REDIS_E13, FLASK_REDIS_E12, FLASK_REDIS_E11, FLASK_REDIS_E10,           \
                     FLASK_REDIS_E9, FLASK_REDIS_E8, FLASK_REDIS_E7, FLASK_REDIS_E6,               \
                     FLASK_REDIS_E5, FLASK_REDIS_E4, FLASK_REDIS_E3, FLASK_REDIS_E2,               \
                     FLASK_REDIS_E1, 0)                                                            \
    (__VA_ARGS__)
#define FLASK_REDIS_E1(a) FLASK_REDIS_BYTES(a)
#define FLASK_REDIS_E2(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E1(__VA_ARGS__)
#define FLASK_REDIS_E3(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E2(__VA_ARGS__)
#define FLASK_REDIS_E4(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E3(__VA_ARGS__)
#define FLASK_REDIS_E5(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E4(__VA_ARGS__)
#define FLASK_REDIS_E6(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E5(__VA_ARGS__)
#define FLASK_REDIS_E7(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E6(__VA_ARGS__)
#define FLASK_REDIS_E8(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E7(__VA_ARGS__)
#define FLASK_REDIS_E9(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E8(__VA_ARGS__)
#define FLASK_REDIS_E10(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E9(__VA_ARGS__)
#define FLASK_REDIS_E11(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E10(__VA_ARGS__)
#define FLASK_REDIS_E12(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E11(__VA_ARGS__)
#define FLASK_REDIS_E13(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E12(__VA_ARGS__)
#define FLASK_REDIS_E14(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E13(__VA_ARGS__)
#define FLASK_REDIS_E15(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E14(__VA_ARGS__)
#define FLASK_REDIS_E16(a, ...) FLASK_REDIS_BYTES(a), FLASK_REDIS_E15(__VA_ARGS__)

/* flaskredis/bytes.h */
#define flask_redis_pairs_get(pairs, name) flask_redis_pairs_get(pairs, FLASK_REDIS_BYTES(name))

/* flaskredis/strings.h */
#define flask_redis_set(redis, key, value, ...)                                                    \
    flask_redis_set(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_get(redis, key, ...) flask_redis_get(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_getset(redis, key, value, ...)                                                 \
    flask_redis_getset(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_getdel(redis, key, ...)                                                        \
    flask_redis_getdel(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_getex(redis, key, ...)                                                         \
    flask_redis_getex(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_incrby(redis, key, ...)                                                        \
    flask_redis_incrby(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_incr(redis, key, ...)                                                          \
    flask_redis_incr(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_decr(redis, key, ...)                                                          \
    flask_redis_decr(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_decrby(redis, key, ...)                                                        \
    flask_redis_decrby(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_incrbyfloat(redis, key, ...)                                                   \
    flask_redis_incrbyfloat(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_append(redis, key, value, ...)                                                 \
    flask_redis_append(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_strlen(redis, key, ...)                                                        \
    flask_redis_strlen(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_mget(redis, keys, ...)                                                         \
    flask_redis_mget(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_mset(redis, keys_and_values)                                                   \
    flask_redis_mset(redis, FLASK_REDIS_LIST_OF(keys_and_values))
#define flask_redis_setnx(redis, key, value, ...)                                                  \
    flask_redis_setnx(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_setrange(redis, key, offset, value, ...)                                       \
    flask_redis_setrange(redis, FLASK_REDIS_BYTES(key), offset, FLASK_REDIS_BYTES(value),          \
                         __VA_ARGS__)
#define flask_redis_getrange(redis, key, ...)                                                      \
    flask_redis_getrange(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_getitem(redis, key, ...)                                                       \
    flask_redis_getitem(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_setitem(redis, key, value)                                                     \
    flask_redis_setitem(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(value))
#define flask_redis_delitem(redis, key) flask_redis_delitem(redis, FLASK_REDIS_BYTES(key))
#define flask_redis_contains(redis, key, ...)                                                      \
    flask_redis_contains(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)

/* flaskredis/keys.h */
#define flask_redis_delete(redis, keys, ...)                                                       \
    flask_redis_delete(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_unlink(redis, keys, ...)                                                       \
    flask_redis_unlink(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_exists(redis, keys, ...)                                                       \
    flask_redis_exists(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_expire(redis, key, ...)                                                        \
    flask_redis_expire(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_pexpire(redis, key, ...)                                                       \
    flask_redis_pexpire(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_expireat(redis, key, ...)                                                      \
    flask_redis_expireat(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_persist(redis, key, ...)                                                       \
    flask_redis_persist(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_ttl(redis, key, ...) flask_redis_ttl(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_pttl(redis, key, ...)                                                          \
    flask_redis_pttl(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_type(redis, key, ...)                                                          \
    flask_redis_type(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_rename(redis, key, name)                                                       \
    flask_redis_rename(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(name))
#define flask_redis_keys(redis, pattern, ...)                                                      \
    flask_redis_keys(redis, FLASK_REDIS_BYTES(pattern), __VA_ARGS__)
#define flask_redis_hscan(redis, key, ...)                                                         \
    flask_redis_hscan(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_sscan(redis, key, ...)                                                         \
    flask_redis_sscan(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zscan(redis, key, ...)                                                         \
    flask_redis_zscan(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)

/* flaskredis/hashes.h */
#define flask_redis_hset(redis, key, field, value, ...)                                            \
    flask_redis_hset(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(field),                      \
                     FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_hset_mapping(redis, key, fields_and_values, ...)                               \
    flask_redis_hset_mapping(redis, FLASK_REDIS_BYTES(key),                                        \
                             FLASK_REDIS_LIST_OF(fields_and_values), __VA_ARGS__)
#define flask_redis_hget(redis, key, field, ...)                                                   \
    flask_redis_hget(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(field), __VA_ARGS__)
#define flask_redis_hmget(redis, key, fields, ...)                                                 \
    flask_redis_hmget(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(fields), __VA_ARGS__)
#define flask_redis_hgetall(redis, key, ...)                                                       \
    flask_redis_hgetall(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_hdel(redis, key, fields, ...)                                                  \
    flask_redis_hdel(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(fields), __VA_ARGS__)
#define flask_redis_hkeys(redis, key, ...)                                                         \
    flask_redis_hkeys(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_hvals(redis, key, ...)                                                         \
    flask_redis_hvals(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_hlen(redis, key, ...)                                                          \
    flask_redis_hlen(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_hexists(redis, key, field, ...)                                                \
    flask_redis_hexists(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(field), __VA_ARGS__)
#define flask_redis_hincrby(redis, key, field, ...)                                                \
    flask_redis_hincrby(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(field), __VA_ARGS__)

/* flaskredis/lists.h */
#define flask_redis_lpush(redis, key, values, ...)                                                 \
    flask_redis_lpush(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(values), __VA_ARGS__)
#define flask_redis_rpush(redis, key, values, ...)                                                 \
    flask_redis_rpush(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(values), __VA_ARGS__)
#define flask_redis_lpop(redis, key, ...)                                                          \
    flask_redis_lpop(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_rpop(redis, key, ...)                                                          \
    flask_redis_rpop(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_lpop_count(redis, key, ...)                                                    \
    flask_redis_lpop_count(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_rpop_count(redis, key, ...)                                                    \
    flask_redis_rpop_count(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_llen(redis, key, ...)                                                          \
    flask_redis_llen(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_lrange(redis, key, ...)                                                        \
    flask_redis_lrange(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_lindex(redis, key, ...)                                                        \
    flask_redis_lindex(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_lset(redis, key, index, value)                                                 \
    flask_redis_lset(redis, FLASK_REDIS_BYTES(key), index, FLASK_REDIS_BYTES(value))
#define flask_redis_lrem(redis, key, count, value, ...)                                            \
    flask_redis_lrem(redis, FLASK_REDIS_BYTES(key), count, FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_ltrim(redis, key, ...)                                                         \
    flask_redis_ltrim(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_linsert(redis, key, where, pivot, value, ...)                                  \
    flask_redis_linsert(redis, FLASK_REDIS_BYTES(key), where, FLASK_REDIS_BYTES(pivot),            \
                        FLASK_REDIS_BYTES(value), __VA_ARGS__)
#define flask_redis_lmove(redis, source, destination, ...)                                         \
    flask_redis_lmove(redis, FLASK_REDIS_BYTES(source), FLASK_REDIS_BYTES(destination), __VA_ARGS__)
#define flask_redis_blpop(redis, keys, ...)                                                        \
    flask_redis_blpop(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_brpop(redis, keys, ...)                                                        \
    flask_redis_brpop(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_blmove(redis, source, destination, ...)                                        \
    flask_redis_blmove(redis, FLASK_REDIS_BYTES(source), FLASK_REDIS_BYTES(destination),           \
                       __VA_ARGS__)

/* flaskredis/sets.h */
#define flask_redis_sadd(redis, key, members, ...)                                                 \
    flask_redis_sadd(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(members), __VA_ARGS__)
#define flask_redis_smembers(redis, key, ...)                                                      \
    flask_redis_smembers(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_srem(redis, key, members, ...)                                                 \
    flask_redis_srem(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(members), __VA_ARGS__)
#define flask_redis_scard(redis, key, ...)                                                         \
    flask_redis_scard(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_sismember(redis, key, member, ...)                                             \
    flask_redis_sismember(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(member), __VA_ARGS__)
#define flask_redis_sinter(redis, keys, ...)                                                       \
    flask_redis_sinter(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_sunion(redis, keys, ...)                                                       \
    flask_redis_sunion(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_sdiff(redis, keys, ...)                                                        \
    flask_redis_sdiff(redis, FLASK_REDIS_LIST_OF(keys), __VA_ARGS__)
#define flask_redis_spop(redis, key, ...)                                                          \
    flask_redis_spop(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zadd(redis, key, score, member, ...)                                           \
    flask_redis_zadd(redis, FLASK_REDIS_BYTES(key), score, FLASK_REDIS_BYTES(member), __VA_ARGS__)
#define flask_redis_zadd_mapping(redis, key, ...)                                                  \
    flask_redis_zadd_mapping(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zrange(redis, key, ...)                                                        \
    flask_redis_zrange(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zrange_withscores(redis, key, ...)                                             \
    flask_redis_zrange_withscores(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zrangebyscore(redis, key, min, max, ...)                                       \
    flask_redis_zrangebyscore(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(min),               \
                              FLASK_REDIS_BYTES(max), __VA_ARGS__)
#define flask_redis_zrangebyscore_withscores(redis, key, min, max, ...)                            \
    flask_redis_zrangebyscore_withscores(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(min),    \
                                         FLASK_REDIS_BYTES(max), __VA_ARGS__)
#define flask_redis_zrem(redis, key, members, ...)                                                 \
    flask_redis_zrem(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_LIST_OF(members), __VA_ARGS__)
#define flask_redis_zscore(redis, key, member, ...)                                                \
    flask_redis_zscore(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(member), __VA_ARGS__)
#define flask_redis_zcard(redis, key, ...)                                                         \
    flask_redis_zcard(redis, FLASK_REDIS_BYTES(key), __VA_ARGS__)
#define flask_redis_zincrby(redis, key, amount, member, ...)                                       \
    flask_redis_zincrby(redis, FLASK_REDIS_BYTES(key), amount, FLASK_REDIS_BYTES(member),          \
                        __VA_ARGS__)
#define flask_redis_zrank(redis, key, member, ...)                                                 \
    flask_redis_zrank(redis, FLASK_REDIS_BYTES(key), FLASK_REDIS_BYTES(member), __VA_ARGS__)

/* flaskredis/scripting.h */
#define flask_redis_eval(redis, script, keys, args)                                                \
    flask_redis_eval(redis, FLASK_REDIS_BYTES(script), FLASK_REDIS_LIST_OF(keys),                  \
                     FLASK_REDIS_LIST_OF(args))
#define flask_redis_evalsha(redis, sha, keys, args)                                                \
    flask_redis_evalsha(redis, FLASK_REDIS_BYTES(sha), FLASK_REDIS_LIST_OF(keys),                  \
                        FLASK_REDIS_LIST_OF(args))
#define flask_redis_script_load(redis, script, ...)                                                \
    flask_redis_script_load(redis, FLASK_REDIS_BYTES(script), __VA_ARGS__)
#define flask_redis_register_script(redis, script)                                                 \
    flask_redis_register_script(redis, FLASK_REDIS_BYTES(script))
#define flask_redis_script_call(script, keys, args)                                                \
    flask_redis_script_call(script, FLASK_REDIS_LIST_OF(keys), FLASK_REDIS_LIST_OF(args))

/* flaskredis/pipeline.h */
#define flask_redis_pipeline_watch(pipe, keys)                                                     \
    flask_redis_pipeline_watch(pipe, FLASK_REDIS_LIST_OF(keys))
#define flask_redis_transaction(redis, callback, user_data, max_tries, keys, ...)                  \
    flask_redis_transaction(redis, callback, user_data, max_tries, FLASK_REDIS_LIST_OF(keys),      \
                            __VA_ARGS__)
#define flask_redis_watch(redis, keys) flask_redis_watch(redis, FLASK_REDIS_LIST_OF(keys))

/* flaskredis/pubsub.h */
#define flask_redis_subscribe(pubsub, channels, ...)                                               \
    flask_redis_subscribe(pubsub, FLASK_REDIS_LIST_OF(channels), __VA_ARGS__)
#define flask_redis_psubscribe(pubsub, patterns, ...)                                              \
    flask_redis_psubscribe(pubsub, FLASK_REDIS_LIST_OF(patterns), __VA_ARGS__)
#define flask_redis_ssubscribe(pubsub, channels, ...)                                              \
    flask_redis_ssubscribe(pubsub, FLASK_REDIS_LIST_OF(channels), __VA_ARGS__)
#define flask_redis_unsubscribe(pubsub, channels)                                                  \
    flask_redis_unsubscribe(pubsub, FLASK_REDIS_LIST_OF(channels))
#define flask_redis_punsubscribe(pubsub, patterns)                                                 \
    flask_redis_punsubscribe(pubsub, FLASK_REDIS_LIST_OF(patterns))
#define flask_redis_sunsubscribe(pubsub, channels)                                                 \
    flask_redis_sunsubscribe(pubsub, FLASK_REDIS_LIST_OF(channels))
#define flask_redis_publish(redis, channel, message, ...)                                          \
    flask_redis_publish(redis, FLASK_REDIS_BYTES(channel), FLASK_REDIS_BYTES(message), __VA_ARGS__)

#endif

#endif
