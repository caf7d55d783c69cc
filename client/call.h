/* One command's way through the library: from a handle to a session, and again when it provably has
 * not run; and the reply to an out-parameter. */
#ifndef FR_CLIENT_CALL_H
#define FR_CLIENT_CALL_H

#include <stddef.h>

#include <hiredis/hiredis.h>

#include "client/handle.h"
#include "flaskredis/provider.h"

/* Run commands on any session of an engine, all in the same. Errors of the server are replies. On
 * failure all replies are NULL. */
FlaskRedisStatus fr_engine_run(struct fr_engine *engine, const FlaskRedisCommand *commands,
                               size_t count, redisReply **replies);

/* Run one command for this thread: in its transaction, if it has one. errno stays. */
FlaskRedisStatus fr_run(FlaskRedis *redis, const FlaskRedisCommand *command, redisReply **reply);

/* How long an engine that failed is tried again: whether now, after a short sleep. All zero at
 * first. */
struct fr_retry {
    int64_t deadline_ms; /* 0: not begun */
    int pause_ms;
    bool had_timeout;
};
bool fr_retry_again(struct fr_retry *retry, const struct fr_engine *engine,
                    FlaskRedisStatus status);

/* Free count replies, and set them to NULL. */
void fr_replies_clear(redisReply **replies, size_t count);

/* Make an out-parameter (not NULL) of a reply that is no error, taking what it needs of it. */
typedef FlaskRedisStatus fr_convert(redisReply *reply, void *out);

/* A kind of result. */
struct fr_result {
    fr_convert *convert;
    size_t size; /* of the out-parameter, which is all zero unless the status is OK */
};

/* Free what an out-parameter of this kind has. */
void fr_result_free(const struct fr_result *result, void *out);

/* Run a command and convert its reply. out NULL: not wanted. */
FlaskRedisStatus fr_ask(FlaskRedis *redis, const struct fr_result *result, void *out,
                        const FlaskRedisBytes *words, size_t count);

/* The same, with a list behind count words. DATA: the list is empty. */
FlaskRedisStatus fr_ask_list(FlaskRedis *redis, const struct fr_result *result, void *out,
                             const FlaskRedisBytes *words, size_t count,
                             const FlaskRedisList *list);

/* The items of a list, wherever they are. */
const FlaskRedisBytes *fr_list_items(const FlaskRedisList *list);

/* Words: a literal, a number, a number with a fraction. The memory of numbers is the caller's
 * block. */
#define FR_WORD(text) ((FlaskRedisBytes){text, sizeof(text) - 1})
#define FR_INT(number) fr_int_word((number), (char[24]){0})
#define FR_DOUBLE(number) fr_double_word((number), (char[40]){0})
FlaskRedisBytes fr_int_word(int64_t number, char text[24]);
FlaskRedisBytes fr_double_word(double number, char text[40]);

/* Read a whole text as a number, in the C locale, infinities included. */
bool fr_double_read(const char *text, double *number);

#define FR_ASK(redis, result, out, ...)                                                            \
    fr_ask(redis, result, out, (FlaskRedisBytes[]){__VA_ARGS__},                                   \
           sizeof((FlaskRedisBytes[]){__VA_ARGS__}) / sizeof(FlaskRedisBytes))
#define FR_ASK_LIST(redis, result, out, list, ...)                                                 \
    fr_ask_list(redis, result, out, (FlaskRedisBytes[]){__VA_ARGS__},                              \
                sizeof((FlaskRedisBytes[]){__VA_ARGS__}) / sizeof(FlaskRedisBytes), list)

/* The kinds of result (convert.c): nothing but OK; bytes, or nil; int64_t; bool; double; arrays,
 * pairs and scores, which are empty when nothing is there (an array_or_nil may be nil). */
extern const struct fr_result fr_ok, fr_bytes, fr_int, fr_bool, fr_double, fr_array,
    fr_array_or_nil, fr_pairs, fr_scores;

#endif
