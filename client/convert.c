/* Replies to out-parameters. Bytes are taken out of the reply, not copied. A reply of another type
 * than the command has is an error: with a server that does not happen, with a provider it may. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"

static FlaskRedisStatus unexpected(const redisReply *reply, const char *wanted)
{
    static const char *const names[] = {
        [REDIS_REPLY_STRING] = "bytes",     [REDIS_REPLY_ARRAY] = "an array",
        [REDIS_REPLY_INTEGER] = "a number", [REDIS_REPLY_NIL] = "nil",
        [REDIS_REPLY_STATUS] = "a status",  [REDIS_REPLY_ERROR] = "an error"};
    bool is_known = reply->type > 0 && (size_t)reply->type < sizeof(names) / sizeof(names[0]);

    if (reply->type == REDIS_REPLY_ERROR) {
        return fr_fail_reply(reply);
    }
    return flask_redis_fail(FLASK_REDIS_RESPONSE, true, "the reply is %s, expected %s",
                            is_known ? names[reply->type] : "of an unknown type", wanted);
}

static bool is_text(const redisReply *reply)
{
    return (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS) &&
           reply->str != NULL;
}

static FlaskRedisBytes take(redisReply *reply)
{
    FlaskRedisBytes bytes = {reply->str, (size_t)reply->len};
    reply->str = NULL;
    reply->len = 0;
    return bytes;
}

/* --- single values ---------------------------------------------------------------------------- */

static FlaskRedisStatus to_ok(redisReply *reply, void *out)
{
    (void)out;
    return reply->type == REDIS_REPLY_NIL ? FLASK_REDIS_NIL : FLASK_REDIS_OK;
}

static FlaskRedisStatus to_bytes(redisReply *reply, void *out)
{
    FlaskRedisBytes *bytes = out;
    if (reply->type == REDIS_REPLY_NIL) {
        return FLASK_REDIS_NIL;
    }
    if (!is_text(reply)) {
        return unexpected(reply, "bytes");
    }
    *bytes = take(reply);
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus to_int(redisReply *reply, void *out)
{
    int64_t *number = out;
    if (reply->type == REDIS_REPLY_NIL) {
        return FLASK_REDIS_NIL;
    }
    if (reply->type != REDIS_REPLY_INTEGER) {
        return unexpected(reply, "a number");
    }
    *number = reply->integer;
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus to_bool(redisReply *reply, void *out)
{
    bool *is_true = out;
    if (reply->type != REDIS_REPLY_INTEGER) {
        return unexpected(reply, "0 or 1");
    }
    *is_true = reply->integer > 0;
    return FLASK_REDIS_OK;
}

/* Redis writes numbers as C does, in the C locale; the program's may have a comma. */
static bool read_double(const char *text, size_t len, double *number)
{
    char copy[64];
    if (len == 0 || len >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    return fr_double_read(copy, number);
}

static FlaskRedisStatus to_double(redisReply *reply, void *out)
{
    if (reply->type == REDIS_REPLY_NIL) {
        return FLASK_REDIS_NIL;
    }
    if (!is_text(reply) || !read_double(reply->str, (size_t)reply->len, out)) {
        return unexpected(reply, "a number with a fraction");
    }
    return FLASK_REDIS_OK;
}

/* --- several ---------------------------------------------------------------------------------- */

static FlaskRedisStatus to_array_or_nil(redisReply *reply, void *out)
{
    FlaskRedisArray *array = out;
    if (reply->type == REDIS_REPLY_NIL) {
        return FLASK_REDIS_NIL;
    }
    if (reply->type != REDIS_REPLY_ARRAY) {
        return unexpected(reply, "an array");
    }
    for (size_t i = 0; i < reply->elements; i++) {
        if (!is_text(reply->element[i]) && reply->element[i]->type != REDIS_REPLY_NIL) {
            return unexpected(reply->element[i], "an array of bytes");
        }
    }
    if (reply->elements == 0) {
        return FLASK_REDIS_OK;
    }
    array->items = calloc(reply->elements, sizeof(*array->items));
    if (array->items == NULL) {
        return fr_fail_memory();
    }
    array->count = reply->elements;
    for (size_t i = 0; i < array->count; i++) {
        array->items[i] = take(reply->element[i]);
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus to_array(redisReply *reply, void *out)
{
    return reply->type == REDIS_REPLY_NIL ? FLASK_REDIS_OK : to_array_or_nil(reply, out);
}

/* An array of names and values in turns is an array of pairs in memory, too. */
_Static_assert(sizeof(FlaskRedisPair) == 2 * sizeof(FlaskRedisBytes), "a pair is two bytes");

static FlaskRedisStatus to_pairs(redisReply *reply, void *out)
{
    FlaskRedisPairs *pairs = out;
    FlaskRedisArray array = {0};

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements % 2 != 0) {
        return unexpected(reply, "names and values in turns");
    }
    FlaskRedisStatus status = to_array(reply, &array);
    *pairs = (FlaskRedisPairs){(FlaskRedisPair *)(void *)array.items, array.count / 2};
    return status;
}

static FlaskRedisStatus to_scores(redisReply *reply, void *out)
{
    FlaskRedisScores *scores = out;
    FlaskRedisPairs pairs = {0};

    FlaskRedisStatus status = to_pairs(reply, &pairs);
    if (status != FLASK_REDIS_OK || pairs.count == 0) {
        flask_redis_pairs_free(&pairs);
        return status;
    }
    scores->items = calloc(pairs.count, sizeof(*scores->items));
    if (scores->items == NULL) {
        flask_redis_pairs_free(&pairs);
        return fr_fail_memory();
    }
    scores->count = pairs.count;
    for (size_t i = 0; i < pairs.count && status == FLASK_REDIS_OK; i++) {
        FlaskRedisBytes *score = &pairs.items[i].value;
        scores->items[i].member = pairs.items[i].name;
        pairs.items[i].name = (FlaskRedisBytes){0};
        if (score->data == NULL || !read_double(score->data, score->len, &scores->items[i].score)) {
            status = unexpected(reply, "members with their scores");
        }
    }
    flask_redis_pairs_free(&pairs);
    if (status != FLASK_REDIS_OK) {
        flask_redis_scores_free(scores);
    }
    return status;
}

const struct fr_result fr_ok = {to_ok, 0};
const struct fr_result fr_bytes = {to_bytes, sizeof(FlaskRedisBytes)};
const struct fr_result fr_int = {to_int, sizeof(int64_t)};
const struct fr_result fr_bool = {to_bool, sizeof(bool)};
const struct fr_result fr_double = {to_double, sizeof(double)};
const struct fr_result fr_array = {to_array, sizeof(FlaskRedisArray)};
const struct fr_result fr_array_or_nil = {to_array_or_nil, sizeof(FlaskRedisArray)};
const struct fr_result fr_pairs = {to_pairs, sizeof(FlaskRedisPairs)};
const struct fr_result fr_scores = {to_scores, sizeof(FlaskRedisScores)};

void fr_result_free(const struct fr_result *result, void *out)
{
    if (result == &fr_bytes) {
        flask_redis_bytes_free(out);
    } else if (result == &fr_array || result == &fr_array_or_nil) {
        flask_redis_array_free(out);
    } else if (result == &fr_pairs) {
        flask_redis_pairs_free(out);
    } else if (result == &fr_scores) {
        flask_redis_scores_free(out);
    }
}
