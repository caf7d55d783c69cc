/* Byte strings and lists of them, in and out.
 *
 * Everything Redis keeps is a string of bytes with a length. Wherever a parameter is
 * FlaskRedisBytes a C string may stand as well, and where it is FlaskRedisList a single string, or
 * an array that another call returned:
 *
 *     flask_redis_set(redis, "logo", flask_redis_bytes(pixels, pixels_len), NULL);
 *     flask_redis_delete(redis, "a", NULL);
 *     flask_redis_delete(redis, FLASK_REDIS_LIST("a", "b", "c"), NULL);
 *
 * (flaskredis/text.h does that in C; in C++ constructors do.)
 *
 * What a call hands out belongs to the caller, who frees it with the function of its type. It is
 * NUL-terminated behind len. After a call that did not return FLASK_REDIS_OK the out-parameter is
 * all zero, which may be freed too. */
#ifndef FLASKREDIS_BYTES_H
#define FLASKREDIS_BYTES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#include <initializer_list>
#include <string>
#endif

/* A string of bytes. data NULL is nil, which is not the same as len 0. */
typedef struct FlaskRedisBytes {
    const char *data;
    size_t len;
#ifdef __cplusplus
    FlaskRedisBytes() : data(nullptr), len(0)
    {
    }
    FlaskRedisBytes(const char *bytes, size_t count) : data(bytes), len(count)
    {
    }
    FlaskRedisBytes(const char *text) : data(text), len(text ? __builtin_strlen(text) : 0)
    {
    }
    FlaskRedisBytes(const std::string &text) : data(text.data()), len(text.size())
    {
    }
#endif
} FlaskRedisBytes;

/* Several, as a call returns them. Elements may be nil where the command says so (MGET). */
typedef struct FlaskRedisArray {
    FlaskRedisBytes *items;
    size_t count;
} FlaskRedisArray;

/* A name and its value: a field of a hash. */
typedef struct FlaskRedisPair {
    FlaskRedisBytes name;
    FlaskRedisBytes value;
} FlaskRedisPair;

/* Several of them, as HGETALL returns them. */
typedef struct FlaskRedisPairs {
    FlaskRedisPair *items;
    size_t count;
} FlaskRedisPairs;

/* A member of a sorted set and its score. */
typedef struct FlaskRedisScored {
    FlaskRedisBytes member;
    double score;
} FlaskRedisScored;

/* Several of them. */
typedef struct FlaskRedisScores {
    FlaskRedisScored *items;
    size_t count;
} FlaskRedisScores;

/* Several, as a call takes them: made by FLASK_REDIS_LIST, or by flask_redis_list of any length.
 * Names and values of a mapping stand in turns. The caller keeps what it points to. */
typedef struct FlaskRedisList {
    const FlaskRedisBytes *items; /* NULL with count 1: the one below */
    size_t count;
    FlaskRedisBytes one;
#ifdef __cplusplus
    FlaskRedisList() : items(nullptr), count(0)
    {
    }
    FlaskRedisList(const FlaskRedisBytes *from, size_t n) : items(from), count(n)
    {
    }
    FlaskRedisList(std::initializer_list<FlaskRedisBytes> list)
    {
        items = list.begin(); /* which lives as long as the call it is written in */
        count = list.size();
    }
    FlaskRedisList(FlaskRedisBytes bytes) : items(nullptr), count(1), one(bytes)
    {
    }
    FlaskRedisList(const char *text) : items(nullptr), count(1), one(text)
    {
    }
    FlaskRedisList(const std::string &text) : items(nullptr), count(1), one(text)
    {
    }
    FlaskRedisList(const FlaskRedisArray &array) : items(array.items), count(array.count)
    {
    }
    FlaskRedisList(const FlaskRedisPairs &pairs)
        : items(pairs.items ? &pairs.items->name : nullptr), count(2 * pairs.count)
    {
    }
#endif
} FlaskRedisList;

#ifdef __cplusplus
extern "C" {
#endif

/* Free what a call handed out; it is all zero afterwards. NULL, and what is zero already, is
 * fine. Never for bytes the program made itself. */
void flask_redis_bytes_free(FlaskRedisBytes *bytes);

/* The same for several. */
void flask_redis_array_free(FlaskRedisArray *array);

/* The same for names with values. */
void flask_redis_pairs_free(FlaskRedisPairs *pairs);

/* The same for members with scores. */
void flask_redis_scores_free(FlaskRedisScores *scores);

/* Find a name among pairs, for HGETALL's result: its value, which stays the pairs'. NULL: there is
 * no such name. */
const FlaskRedisBytes *flask_redis_pairs_get(const FlaskRedisPairs *pairs, FlaskRedisBytes name);

#ifdef __cplusplus
}
#endif

#endif
