/* Iterating with SCAN and its kin. A page of names is kept as the reply it came in. */
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "client/call.h"
#include "client/error.h"
#include "flaskredis/keys.h"

enum {
    WORDS_MAX = 9,
    CURSOR_CAP = 24
};

struct FlaskRedisScan {
    FlaskRedis *redis;
    FlaskRedisBytes command;
    bool has_values; /* names and values in turns */
    char *key;       /* NULL: over the keys */
    size_t key_len;
    char *match; /* NULL: all */
    size_t match_len;
    char *type;
    int64_t count;
    char cursor[CURSOR_CAP];
    bool is_last; /* the page that is there */
    redisReply *page;
    redisReply *names; /* the page's array */
    size_t next;
};

static bool copy(FlaskRedisBytes from, char **to, size_t *len)
{
    *len = from.len;
    *to = malloc(from.len + 1);
    if (*to == NULL) {
        return false;
    }
    if (from.len > 0) {
        memcpy(*to, from.data, from.len);
    }
    (*to)[from.len] = '\0';
    return true;
}

static bool take_options(FlaskRedisScan *scan, const FlaskRedisScanOptions *options)
{
    if (options == NULL) {
        return true;
    }
    scan->count = options->count;
    if (options->type != NULL && scan->key == NULL &&
        (scan->type = strdup(options->type)) == NULL) {
        return false;
    }
    return options->match.data == NULL || copy(options->match, &scan->match, &scan->match_len);
}

static FlaskRedisScan *make(FlaskRedis *redis, FlaskRedisBytes command, const FlaskRedisBytes *key,
                            const FlaskRedisScanOptions *options)
{
    FlaskRedisScan *scan = calloc(1, sizeof(*scan));
    if (scan == NULL || (key != NULL && !copy(*key, &scan->key, &scan->key_len)) ||
        !take_options(scan, options)) {
        flask_redis_scan_free(scan);
        fr_fail_memory();
        return NULL;
    }
    scan->redis = redis;
    scan->command = command;
    scan->cursor[0] = '0';
    return scan;
}

FlaskRedisScan *flask_redis_scan(FlaskRedis *redis, const FlaskRedisScanOptions *options)
{
    return make(redis, FR_WORD("SCAN"), NULL, options);
}

FlaskRedisScan *flask_redis_hscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options)
{
    FlaskRedisScan *scan = make(redis, FR_WORD("HSCAN"), &key, options);
    if (scan != NULL) {
        scan->has_values = true;
    }
    return scan;
}

FlaskRedisScan *flask_redis_sscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options)
{
    return make(redis, FR_WORD("SSCAN"), &key, options);
}

FlaskRedisScan *flask_redis_zscan(FlaskRedis *redis, FlaskRedisBytes key,
                                  const FlaskRedisScanOptions *options)
{
    FlaskRedisScan *scan = make(redis, FR_WORD("ZSCAN"), &key, options);
    if (scan != NULL) {
        scan->has_values = true;
    }
    return scan;
}

void flask_redis_scan_free(FlaskRedisScan *scan)
{
    if (scan != NULL) {
        flask_redis_reply_free(scan->page);
        free(scan->key);
        free(scan->match);
        free(scan->type);
        free(scan);
    }
}

/* --- pages ------------------------------------------------------------------------------------ */

static size_t write_command(const FlaskRedisScan *scan, char number[24], FlaskRedisBytes *words)
{
    size_t count = 0;
    words[count++] = scan->command;
    if (scan->key != NULL) {
        words[count++] = (FlaskRedisBytes){scan->key, scan->key_len};
    }
    words[count++] = (FlaskRedisBytes){scan->cursor, strlen(scan->cursor)};
    if (scan->match != NULL) {
        words[count++] = FR_WORD("MATCH");
        words[count++] = (FlaskRedisBytes){scan->match, scan->match_len};
    }
    if (scan->count > 0) {
        words[count++] = FR_WORD("COUNT");
        words[count++] = fr_int_word(scan->count, number);
    }
    if (scan->type != NULL) {
        words[count++] = FR_WORD("TYPE");
        words[count++] = (FlaskRedisBytes){scan->type, strlen(scan->type)};
    }
    return count;
}

static bool is_text(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && reply->str != NULL;
}

static bool is_page(const FlaskRedisScan *scan, const redisReply *page)
{
    if (page->type != REDIS_REPLY_ARRAY || page->elements != 2 || !is_text(page->element[0]) ||
        (size_t)page->element[0]->len >= CURSOR_CAP ||
        page->element[1]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    const redisReply *names = page->element[1];
    for (size_t i = 0; i < names->elements; i++) {
        if (!is_text(names->element[i])) {
            return false;
        }
    }
    return !scan->has_values || names->elements % 2 == 0;
}

static FlaskRedisStatus read_page(FlaskRedisScan *scan)
{
    FlaskRedisBytes words[WORDS_MAX];
    char number[24];
    FlaskRedisCommand command = {write_command(scan, number, words), words};
    redisReply *page;

    FlaskRedisStatus status = fr_run(scan->redis, &command, &page);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    if (page->type == REDIS_REPLY_ERROR || !is_page(scan, page)) {
        status = page->type == REDIS_REPLY_ERROR
                     ? fr_fail_reply(page)
                     : flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                        "the reply is not a cursor and an array of names");
        flask_redis_reply_free(page);
        return status;
    }
    flask_redis_reply_free(scan->page);
    scan->page = page;
    scan->names = page->element[1];
    scan->next = 0;
    memcpy(scan->cursor, page->element[0]->str, (size_t)page->element[0]->len + 1);
    scan->is_last = strcmp(scan->cursor, "0") == 0;
    return FLASK_REDIS_OK;
}

static FlaskRedisBytes take(FlaskRedisScan *scan)
{
    const redisReply *text = scan->names->element[scan->next++];
    return (FlaskRedisBytes){text->str, (size_t)text->len};
}

FlaskRedisStatus flask_redis_scan_next(FlaskRedisScan *scan, FlaskRedisBytes *name,
                                       FlaskRedisBytes *value)
{
    FlaskRedisBytes nothing = {0};
    FlaskRedisBytes *to = name != NULL ? name : &nothing;

    *to = nothing;
    if (value != NULL) {
        *value = nothing;
    }
    while (scan->names == NULL || scan->next == scan->names->elements) {
        if (scan->is_last) {
            return FLASK_REDIS_NIL;
        }
        FlaskRedisStatus status = read_page(scan);
        if (status != FLASK_REDIS_OK) {
            return status;
        }
    }
    *to = take(scan);
    if (scan->has_values) {
        nothing = take(scan);
        if (value != NULL) {
            *value = nothing;
        }
    }
    return FLASK_REDIS_OK;
}
