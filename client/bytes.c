/* Freeing what calls hand out, and looking into it. */
#include "flaskredis/bytes.h"

#include <stdlib.h>
#include <string.h>

void flask_redis_bytes_free(FlaskRedisBytes *bytes)
{
    if (bytes != NULL) {
        free((void *)bytes->data);
        *bytes = (FlaskRedisBytes){0};
    }
}

void flask_redis_array_free(FlaskRedisArray *array)
{
    if (array != NULL) {
        for (size_t i = 0; i < array->count; i++) {
            flask_redis_bytes_free(&array->items[i]);
        }
        free(array->items);
        *array = (FlaskRedisArray){0};
    }
}

void flask_redis_pairs_free(FlaskRedisPairs *pairs)
{
    if (pairs != NULL) {
        for (size_t i = 0; i < pairs->count; i++) {
            flask_redis_bytes_free(&pairs->items[i].name);
            flask_redis_bytes_free(&pairs->items[i].value);
        }
        free(pairs->items);
        *pairs = (FlaskRedisPairs){0};
    }
}

void flask_redis_scores_free(FlaskRedisScores *scores)
{
    if (scores != NULL) {
        for (size_t i = 0; i < scores->count; i++) {
            flask_redis_bytes_free(&scores->items[i].member);
        }
        free(scores->items);
        *scores = (FlaskRedisScores){0};
    }
}

const FlaskRedisBytes *flask_redis_pairs_get(const FlaskRedisPairs *pairs, FlaskRedisBytes name)
{
    for (size_t i = 0; i < pairs->count; i++) {
        const FlaskRedisBytes *at = &pairs->items[i].name;
        if (at->len == name.len && (name.len == 0 || memcmp(at->data, name.data, name.len) == 0)) {
            return &pairs->items[i].value;
        }
    }
    return NULL;
}
