/* Transactions directly on a handle.
 *
 *                  watch                    multi
 *   (no session) --------> WATCHING ------------------> QUEUEING
 *        |  ^                 | unwatch                    |
 *        |  +-----------------+                            |
 *        |  +------------------ exec, discard -------------+
 *        +---- multi ------------------------------------> QUEUEING
 *
 * Each thread keeps a list of its own; a session in it is used by nobody else. When a connection is
 * lost the entry remains, so that the commands that follow do not run outside of the transaction,
 * until exec or discard tell. */
#include "client/pin.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"
#include "client/error.h"
#include "client/pin_end.h"
#include "flaskredis/pipeline.h"

enum {
    CAUSE_CAP = 256
};

struct fr_pin {
    struct fr_pin *next;
    uint64_t handle_id;
    struct fr_engine *engine;   /* held */
    struct fr_session *session; /* NULL: lost */
    bool is_watching;
    bool is_queueing;
    char cause[CAUSE_CAP]; /* of an EXECABORT: the first refusal */
};

static _Thread_local struct fr_pin *pins;

/* --- life ------------------------------------------------------------------------------------- */

struct fr_pin *fr_pin_find(const FlaskRedis *redis)
{
    struct fr_pin *pin = pins;
    while (pin != NULL && pin->handle_id != redis->id) {
        pin = pin->next;
    }
    return pin;
}

bool fr_pin_is_queueing(const FlaskRedis *redis)
{
    const struct fr_pin *pin = fr_pin_find(redis);
    return pin != NULL && pin->is_queueing;
}

/* Without an orderly end the session has state that nobody else should meet. */
static void end(struct fr_pin *pin, bool is_clean)
{
    for (struct fr_pin **at = &pins; *at != NULL; at = &(*at)->next) {
        if (*at == pin) {
            *at = pin->next;
            break;
        }
    }
    if (is_clean) {
        fr_session_give(pin->session);
    } else {
        fr_session_drop(pin->session);
    }
    fr_engine_release(pin->engine);
    free(pin);
}

void fr_pin_forget(const FlaskRedis *redis)
{
    struct fr_pin *pin = fr_pin_find(redis);
    if (pin != NULL) {
        end(pin, false);
    }
}

static void forget_all(void *unused)
{
    (void)unused;
    while (pins != NULL) {
        end(pins, false);
    }
}

/* NULL: the last error says why. */
static struct fr_pin *begin(FlaskRedis *redis)
{
    struct fr_pin *pin = calloc(1, sizeof(*pin));
    if (pin == NULL || !fr_at_thread_end(forget_all)) {
        free(pin);
        fr_fail_memory();
        return NULL;
    }
    if (fr_handle_engine(redis, &pin->engine) != FLASK_REDIS_OK) {
        free(pin);
        return NULL;
    }
    pin->handle_id = redis->id;
    pin->next = pins;
    pins = pin;
    return pin;
}

/* --- commands --------------------------------------------------------------------------------- */

static FlaskRedisStatus lost(const struct fr_pin *pin)
{
    return pin->is_watching
               ? flask_redis_fail(FLASK_REDIS_WATCH, false,
                                  "the connection was lost while watching: begin again")
               : flask_redis_fail(
                     FLASK_REDIS_CONNECTION, false,
                     "the connection was lost in a transaction, which is not executed");
}

/* The first command opens the session, and may do so again when it provably did not run. */
static FlaskRedisStatus run_first(struct fr_pin *pin, const FlaskRedisCommand *command,
                                  redisReply **reply)
{
    struct fr_retry retry = {0};
    FlaskRedisStatus status;
    do {
        status = fr_session_take(pin->engine, &pin->session);
        if (status != FLASK_REDIS_OK) {
            pin->session = NULL;
            continue;
        }
        status = fr_session_run(pin->session, command, 1, reply);
        if (status != FLASK_REDIS_OK) {
            fr_session_drop(pin->session);
            pin->session = NULL;
        }
    } while (status != FLASK_REDIS_OK && fr_retry_again(&retry, pin->engine, status));
    return status;
}

static void note_refusal(struct fr_pin *pin, const FlaskRedisCommand *command,
                         const redisReply *reply)
{
    if (pin->is_queueing && reply->type == REDIS_REPLY_ERROR && pin->cause[0] == '\0') {
        snprintf(pin->cause, sizeof(pin->cause), "%.*s: %s", (int)command->argv[0].len,
                 command->argv[0].data, reply->str);
    }
}

FlaskRedisStatus fr_pin_run(struct fr_pin *pin, const FlaskRedisCommand *command,
                            redisReply **reply)
{
    if (pin->session == NULL) {
        return lost(pin);
    }
    FlaskRedisStatus status = fr_session_run(pin->session, command, 1, reply);
    if (status != FLASK_REDIS_OK) {
        fr_replies_clear(reply, 1);
        fr_session_drop(pin->session);
        pin->session = NULL;
        return status;
    }
    note_refusal(pin, command, *reply);
    return FLASK_REDIS_OK;
}

/* Run a word or words of the transaction itself, whose good answer is OK. */
static FlaskRedisStatus run_plain(struct fr_pin *pin, const FlaskRedisCommand *command,
                                  bool is_first)
{
    redisReply *reply = NULL;
    FlaskRedisStatus status =
        is_first ? run_first(pin, command, &reply) : fr_pin_run(pin, command, &reply);
    if (status == FLASK_REDIS_OK && reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        status = fr_fail_reply(reply);
    }
    flask_redis_reply_free(reply);
    return status;
}

static const FlaskRedisBytes multi_word = {"MULTI", 5}, exec_word = {"EXEC", 4},
                             discard_word = {"DISCARD", 7}, unwatch_word = {"UNWATCH", 7};

static FlaskRedisStatus watch(struct fr_pin *pin, const FlaskRedisList *keys, bool is_first)
{
    FlaskRedisBytes *words = calloc(keys->count + 1, sizeof(*words));
    if (words == NULL) {
        return fr_fail_memory();
    }
    words[0] = FR_WORD("WATCH");
    memcpy(words + 1, fr_list_items(keys), keys->count * sizeof(*words));
    FlaskRedisCommand command = {keys->count + 1, words};
    FlaskRedisStatus status = run_plain(pin, &command, is_first);
    free(words);
    pin->is_watching |= status == FLASK_REDIS_OK;
    return status;
}

/* --- calls, with errno left alone ------------------------------------------------------------- */

static FlaskRedisStatus do_watch(FlaskRedis *redis, const FlaskRedisList *keys)
{
    struct fr_pin *pin = fr_pin_find(redis);
    bool is_first = pin == NULL;

    if (keys->count == 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "WATCH of nothing: the list is empty");
    }
    if (pin != NULL && pin->is_queueing) {
        return flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                "flask_redis_watch after flask_redis_multi: watch first");
    }
    if (pin == NULL && (pin = begin(redis)) == NULL) {
        return flask_redis_last_error()->status;
    }
    FlaskRedisStatus status = watch(pin, keys, is_first);
    if (status != FLASK_REDIS_OK && is_first) {
        end(pin, false);
    }
    return status;
}

static FlaskRedisStatus do_multi(FlaskRedis *redis)
{
    const FlaskRedisCommand command = {1, &multi_word};
    struct fr_pin *pin = fr_pin_find(redis);
    bool is_first = pin == NULL;

    if (pin != NULL && pin->is_queueing) {
        return flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                "flask_redis_multi twice: end the transaction with "
                                "flask_redis_exec or flask_redis_discard");
    }
    if (pin == NULL && (pin = begin(redis)) == NULL) {
        return flask_redis_last_error()->status;
    }
    FlaskRedisStatus status = run_plain(pin, &command, is_first);
    pin->is_queueing = status == FLASK_REDIS_OK;
    if (status != FLASK_REDIS_OK && is_first) {
        end(pin, false);
    }
    return status;
}

static FlaskRedisStatus without_multi(const char *function)
{
    return flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                            "%s without flask_redis_multi in this thread", function);
}

/* An EXEC that may have arrived is not WATCH, which invites to try again. */
static FlaskRedisStatus exec_failed(const struct fr_pin *pin, FlaskRedisStatus status)
{
    bool is_lost = flask_redis_status_is(status, FLASK_REDIS_CONNECTION) && !fr_may_have_run();
    return pin->is_watching && is_lost ? lost(pin) : status;
}

static FlaskRedisStatus exec_result(const struct fr_pin *pin, redisReply *reply)
{
    if (reply->type == REDIS_REPLY_NIL) {
        return flask_redis_fail(FLASK_REDIS_WATCH, false, "a watched key has changed");
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        FlaskRedisStatus status = fr_fail_reply(reply);
        return status == FLASK_REDIS_EXEC_ABORT && pin->cause[0] != '\0'
                   ? fr_fail_because(pin->cause)
                   : status;
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus do_exec(FlaskRedis *redis, redisReply **replies)
{
    const FlaskRedisCommand command = {1, &exec_word};
    struct fr_pin *pin = fr_pin_find(redis);
    redisReply *reply = NULL;

    if (pin == NULL || !pin->is_queueing) {
        return without_multi("flask_redis_exec");
    }
    FlaskRedisStatus status = fr_pin_run(pin, &command, &reply);
    bool is_clean = status == FLASK_REDIS_OK && reply != NULL;
    status = is_clean ? exec_result(pin, reply) : exec_failed(pin, status);
    end(pin, is_clean);
    if (status == FLASK_REDIS_OK && replies != NULL) {
        *replies = reply;
    } else {
        flask_redis_reply_free(reply);
    }
    return status;
}

/* A connection that is lost has forgotten all by itself. */
static FlaskRedisStatus do_end(struct fr_pin *pin, const FlaskRedisBytes *word)
{
    const FlaskRedisCommand command = {1, word};
    bool is_clean = pin->session != NULL && run_plain(pin, &command, false) == FLASK_REDIS_OK;
    end(pin, is_clean);
    return FLASK_REDIS_OK;
}

FlaskRedisStatus flask_redis_watch(FlaskRedis *redis, FlaskRedisList keys)
{
    int saved = errno;
    FlaskRedisStatus status = do_watch(redis, &keys);
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_unwatch(FlaskRedis *redis)
{
    int saved = errno;
    struct fr_pin *pin = fr_pin_find(redis);
    FlaskRedisStatus status = FLASK_REDIS_OK;
    if (pin != NULL && pin->is_queueing) {
        status = flask_redis_fail(FLASK_REDIS_RESPONSE, false,
                                  "flask_redis_unwatch after flask_redis_multi: "
                                  "flask_redis_discard ends both");
    } else if (pin != NULL) {
        status = do_end(pin, &unwatch_word);
    }
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_multi(FlaskRedis *redis)
{
    int saved = errno;
    FlaskRedisStatus status = do_multi(redis);
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_exec(FlaskRedis *redis, redisReply **replies)
{
    int saved = errno;
    if (replies != NULL) {
        *replies = NULL;
    }
    FlaskRedisStatus status = do_exec(redis, replies);
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_discard(FlaskRedis *redis)
{
    int saved = errno;
    struct fr_pin *pin = fr_pin_find(redis);
    FlaskRedisStatus status = pin != NULL && pin->is_queueing
                                  ? do_end(pin, &discard_word)
                                  : without_multi("flask_redis_discard");
    errno = saved;
    return status;
}
