/* What a process of the load has in flight at a time: the same unit some times over, a GET or a
 * whole transaction, formatted once. */
#ifndef BENCH_BATCH_H
#define BENCH_BATCH_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "bench/target.h"

#define UNIT_REQUESTS_MAX 4

struct unit {
    unsigned count;                            /* of its requests, one reply each */
    const char *requests[UNIT_REQUESTS_MAX];   /* %s is the key */
    bool (*is_right)(const redisReply *reply); /* the last one, which counts */
};

static inline bool unit_values_are_right(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           target_value_is(reply->element[0]) && target_value_is(reply->element[1]);
}

static const struct unit unit_get = {1, {"GET %s"}, target_value_is};
static const struct unit unit_transaction = {
    4, {"MULTI", "GET %s", "GET %s", "EXEC"}, unit_values_are_right};

/* Whether the reply to request number i of the unit is right. */
static inline bool unit_reply_is_right(const struct unit *unit, unsigned i, const redisReply *reply)
{
    return i + 1 == unit->count ? unit->is_right(reply) : reply->type == REDIS_REPLY_STATUS;
}

/* Format a unit; the caller frees it. NULL: out of memory. */
static inline char *unit_format(const struct unit *unit, size_t *len)
{
    char *whole = NULL;
    *len = 0;
    for (unsigned i = 0; i < unit->count; i++) {
        char *request = NULL;
        int added = redisFormatCommand(&request, unit->requests[i], TARGET_KEY);
        char *grown = added < 0 ? NULL : realloc(whole, *len + (size_t)added);
        if (grown == NULL) {
            redisFreeCommand(request);
            free(whole);
            return NULL;
        }
        memcpy(grown + *len, request, (size_t)added);
        *len += (size_t)added;
        whole = grown;
        redisFreeCommand(request);
    }
    return whole;
}

/* The same, so many times in a row. */
static inline char *unit_repeat(const struct unit *unit, unsigned count, size_t *len)
{
    size_t one_len = 0;
    char *one = unit_format(unit, &one_len);
    char *all = one ? malloc(one_len * count) : NULL;
    *len = one_len * count;
    for (size_t at = 0; all && at < *len; at += one_len)
        memcpy(all + at, one, one_len);
    free(one);
    return all;
}

#endif
