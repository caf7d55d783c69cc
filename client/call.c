/* Running commands. What makes a second attempt right is decided in one place, fr_retry_again. */
#include "client/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/clock.h"
#include "client/error.h"
#include "client/pin.h"

enum {
    PAUSE_MAX_MS = 100,
    WORDS_KEPT = 32 /* on the stack */
};

/* --- again ------------------------------------------------------------------------------------ */

static void sleep_ms(int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

/* The first time at once: the connection may just have been an old one. */
static bool is_patient(struct fr_retry *retry, const struct fr_engine *engine)
{
    int64_t now = fr_now_ms();
    if (retry->deadline_ms == 0) {
        retry->deadline_ms = engine->connect_ms < 0 ? INT64_MAX : now + engine->connect_ms;
        retry->pause_ms = 1;
        return true;
    }
    if (now >= retry->deadline_ms) {
        return false;
    }
    sleep_ms(retry->pause_ms);
    retry->pause_ms = retry->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : retry->pause_ms * 2;
    return true;
}

bool fr_retry_again(struct fr_retry *retry, const struct fr_engine *engine, FlaskRedisStatus status)
{
    if (status == FLASK_REDIS_TIMEOUT && engine->retry_on_timeout && !retry->had_timeout) {
        retry->had_timeout = true;
        return true;
    }
    if (fr_may_have_run() || !atomic_load_explicit(&engine->was_connected, memory_order_relaxed)) {
        return false; /* one that was never there is not waited for */
    }
    return (status == FLASK_REDIS_CONNECTION || status == FLASK_REDIS_UNAVAILABLE) &&
           is_patient(retry, engine);
}

/* --- sessions --------------------------------------------------------------------------------- */

void fr_replies_clear(redisReply **replies, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        flask_redis_reply_free(replies[i]);
        replies[i] = NULL;
    }
}

static FlaskRedisStatus run_once(struct fr_engine *engine, const FlaskRedisCommand *commands,
                                 size_t count, redisReply **replies)
{
    struct fr_session *session;
    FlaskRedisStatus status = fr_session_take(engine, &session);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    status = fr_session_run(session, commands, count, replies);
    if (status == FLASK_REDIS_OK) {
        fr_session_give(session);
        return status;
    }
    fr_replies_clear(replies, count);
    fr_session_drop(session);
    return status;
}

FlaskRedisStatus fr_engine_run(struct fr_engine *engine, const FlaskRedisCommand *commands,
                               size_t count, redisReply **replies)
{
    struct fr_retry retry = {0};
    FlaskRedisStatus status;
    do {
        status = run_once(engine, commands, count, replies);
    } while (status != FLASK_REDIS_OK && fr_retry_again(&retry, engine, status));
    return status;
}

FlaskRedisStatus fr_run(FlaskRedis *redis, const FlaskRedisCommand *command, redisReply **reply)
{
    int saved = errno;
    struct fr_engine *engine;
    struct fr_pin *pin = redis != NULL ? fr_pin_find(redis) : NULL;
    FlaskRedisStatus status;

    *reply = NULL;
    if (pin != NULL) {
        status = fr_pin_run(pin, command, reply);
    } else if ((status = fr_handle_engine(redis, &engine)) == FLASK_REDIS_OK) {
        status = fr_engine_run(engine, command, 1, reply);
        fr_engine_release(engine);
    }
    errno = saved;
    return status;
}

/* --- typed calls ------------------------------------------------------------------------------ */

static bool is_queued(FlaskRedis *redis, const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STATUS && strcmp(reply->str, "QUEUED") == 0 &&
           fr_pin_is_queueing(redis);
}

static FlaskRedisStatus convert(FlaskRedis *redis, const struct fr_result *result, void *out,
                                redisReply *reply)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return fr_fail_reply(reply);
    }
    return is_queued(redis, reply) ? FLASK_REDIS_QUEUED : result->convert(reply, out);
}

FlaskRedisStatus fr_ask(FlaskRedis *redis, const struct fr_result *result, void *out,
                        const FlaskRedisBytes *words, size_t count)
{
    FlaskRedisCommand command = {count, words};
    union {
        FlaskRedisBytes bytes;
        FlaskRedisArray array;
        double number;
    } unwanted;
    redisReply *reply;

    /* what is not wanted is made and freed all the same: a bad reply is an error for everybody */
    if (out != NULL && result->size > 0) {
        memset(out, 0, result->size);
    }
    FlaskRedisStatus status = fr_run(redis, &command, &reply);
    if (status != FLASK_REDIS_OK) {
        return status;
    }
    if (out == NULL) {
        memset(&unwanted, 0, sizeof(unwanted));
        status = convert(redis, result, &unwanted, reply);
        fr_result_free(result, &unwanted);
    } else {
        status = convert(redis, result, out, reply);
    }
    flask_redis_reply_free(reply);
    return status;
}

const FlaskRedisBytes *fr_list_items(const FlaskRedisList *list)
{
    return list->items != NULL ? list->items : &list->one;
}

FlaskRedisStatus fr_ask_list(FlaskRedis *redis, const struct fr_result *result, void *out,
                             const FlaskRedisBytes *words, size_t count, const FlaskRedisList *list)
{
    FlaskRedisBytes kept[WORDS_KEPT];
    FlaskRedisBytes *all = kept;

    if (out != NULL && result->size > 0) {
        memset(out, 0, result->size);
    }
    if (list->count == 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "%.*s of nothing: the list is empty",
                                (int)words[0].len, words[0].data);
    }
    if (count + list->count > WORDS_KEPT &&
        (all = calloc(count + list->count, sizeof(*all))) == NULL) {
        return fr_fail_memory();
    }
    memcpy(all, words, count * sizeof(*all));
    memcpy(all + count, fr_list_items(list), list->count * sizeof(*all));
    FlaskRedisStatus status = fr_ask(redis, result, out, all, count + list->count);
    if (all != kept) {
        free(all);
    }
    return status;
}

/* --- words ------------------------------------------------------------------------------------ */

FlaskRedisBytes fr_int_word(int64_t number, char text[24])
{
    int len = snprintf(text, 24, "%lld", (long long)number);
    return (FlaskRedisBytes){text, (size_t)len};
}
