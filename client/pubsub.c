/* Subscribers: what is subscribed to, and the connection for it.
 *
 * The tables of subscriptions are what the program wants; what the server knows follows from them
 * each time a connection is made. */
#include "client/pubsub_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/call.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/kept.h"

enum {
    NAMES_AT_ONCE = 256,
    PAUSE_MS = 20
};

static const FlaskRedisBytes subscribe_words[FR_KINDS] = {
    {"SUBSCRIBE", 9}, {"PSUBSCRIBE", 10}, {"SSUBSCRIBE", 10}};
static const FlaskRedisBytes unsubscribe_words[FR_KINDS] = {
    {"UNSUBSCRIBE", 11}, {"PUNSUBSCRIBE", 12}, {"SUNSUBSCRIBE", 12}};

/* --- life ------------------------------------------------------------------------------------- */

FlaskRedisPubSub *flask_redis_pubsub(FlaskRedis *redis)
{
    FlaskRedisPubSub *pubsub = calloc(1, sizeof(*pubsub));
    if (pubsub == NULL) {
        fr_fail_memory();
        return NULL;
    }
    if (fr_handle_engine(redis, &pubsub->engine) != FLASK_REDIS_OK) {
        free(pubsub);
        return NULL;
    }
    if (pubsub->engine->provider.send == NULL) {
        flask_redis_fail(FLASK_REDIS_PUBSUB, false, "the provider %s has no publish/subscribe",
                         pubsub->engine->provider.name);
        flask_redis_pubsub_free(pubsub);
        return NULL;
    }
    return pubsub;
}

static void forget(FlaskRedisPubSub *pubsub, enum fr_kind kind, struct fr_subscription *one)
{
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc): uthash's lists are beyond the analyzer */
    HASH_DEL(pubsub->subscriptions[kind], one);
    free(one);
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
}

void flask_redis_pubsub_free(FlaskRedisPubSub *pubsub)
{
    if (pubsub == NULL) {
        return;
    }
    int saved = errno;
    for (enum fr_kind kind = 0; kind < FR_KINDS; kind++) {
        struct fr_subscription *one, *next;
        HASH_ITER(hh, pubsub->subscriptions[kind], one, next)
        {
            forget(pubsub, kind, one);
        }
    }
    flask_redis_reply_free(pubsub->current);
    fr_session_drop(pubsub->session);
    fr_engine_release(pubsub->engine);
    free(pubsub);
    errno = saved;
}

void flask_redis_ignore_subscribe_messages(FlaskRedisPubSub *pubsub, bool ignore)
{
    pubsub->ignores_confirmations = ignore;
}

bool flask_redis_is_subscribed(const FlaskRedisPubSub *pubsub)
{
    return pubsub->subscriptions[FR_CHANNEL] != NULL || pubsub->subscriptions[FR_PATTERN] != NULL ||
           pubsub->subscriptions[FR_SHARD] != NULL;
}

int flask_redis_pubsub_fileno(const FlaskRedisPubSub *pubsub)
{
    return pubsub->session != NULL && pubsub->engine->provider.fileno != NULL
               ? pubsub->engine->provider.fileno(pubsub->session->state)
               : -1;
}

/* --- the tables ------------------------------------------------------------------------------- */

struct fr_subscription *fr_pubsub_find(const FlaskRedisPubSub *pubsub, enum fr_kind kind,
                                       FlaskRedisBytes name)
{
    struct fr_subscription *one = NULL;
    if (name.data != NULL) {
        HASH_FIND(hh, pubsub->subscriptions[kind], name.data, name.len, one);
    }
    return one;
}

static FlaskRedisStatus remember(FlaskRedisPubSub *pubsub, enum fr_kind kind, FlaskRedisBytes name,
                                 FlaskRedisHandler *handler, void *user_data)
{
    struct fr_subscription *one = fr_pubsub_find(pubsub, kind, name);
    if (one == NULL) {
        one = calloc(1, sizeof(*one) + name.len + 1);
        if (one == NULL) {
            return fr_fail_memory();
        }
        one->len = name.len;
        if (name.len > 0) {
            memcpy(one->name, name.data, name.len);
        }
        HASH_ADD(hh, pubsub->subscriptions[kind], name, one->len, one);
        if (one->is_leaving) { /* set by uthash_nonfatal_oom: it was not added */
            free(one);
            return fr_fail_memory();
        }
    }
    one->handler = handler;
    one->user_data = user_data;
    one->is_leaving = false;
    return FLASK_REDIS_OK;
}

void fr_pubsub_left(FlaskRedisPubSub *pubsub, enum fr_kind kind, FlaskRedisBytes name)
{
    struct fr_subscription *one = fr_pubsub_find(pubsub, kind, name);
    if (one != NULL && one->is_leaving) {
        forget(pubsub, kind, one);
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

void fr_pubsub_disconnect(FlaskRedisPubSub *pubsub)
{
    fr_session_drop(pubsub->session);
    pubsub->session = NULL;
    pubsub->was_lost = true;
    pubsub->to_swallow = 0;
}

static FlaskRedisStatus send_command(FlaskRedisPubSub *pubsub, const FlaskRedisBytes *words,
                                     size_t count)
{
    FlaskRedisCommand command = {count, words};
    if (pubsub->engine->is_ours) {
        return pubsub->engine->provider.send(pubsub->session->state, &command);
    }
    FlaskRedisCommand copy = {count, fr_words_copy(&command)};
    if (copy.argv == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status = pubsub->engine->provider.send(pubsub->session->state, &copy);
    free((void *)copy.argv);
    return status;
}

/* Send a word with names behind it, in several commands where there are many. */
static FlaskRedisStatus send_names(FlaskRedisPubSub *pubsub, FlaskRedisBytes word,
                                   const FlaskRedisBytes *names, size_t count)
{
    FlaskRedisBytes words[NAMES_AT_ONCE + 1] = {word};
    FlaskRedisStatus status = FLASK_REDIS_OK;

    for (size_t at = 0; status == FLASK_REDIS_OK && at < count; at += NAMES_AT_ONCE) {
        size_t step = count - at < NAMES_AT_ONCE ? count - at : NAMES_AT_ONCE;
        memcpy(words + 1, names + at, step * sizeof(*words));
        status = send_command(pubsub, words, step + 1);
    }
    return status;
}

static FlaskRedisStatus subscribe_again(FlaskRedisPubSub *pubsub)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;
    for (enum fr_kind kind = 0; kind < FR_KINDS && status == FLASK_REDIS_OK; kind++) {
        FlaskRedisBytes words[NAMES_AT_ONCE + 1] = {subscribe_words[kind]};
        struct fr_subscription *one, *next;
        size_t count = 0;
        HASH_ITER(hh, pubsub->subscriptions[kind], one, next)
        {
            if (one->is_leaving) { /* which the loss has done */
                forget(pubsub, kind, one);
                continue;
            }
            words[++count] = (FlaskRedisBytes){one->name, one->len};
            pubsub->to_swallow++;
            if (count == NAMES_AT_ONCE && status == FLASK_REDIS_OK) {
                status = send_command(pubsub, words, count + 1);
                count = 0;
            }
        }
        if (count > 0 && status == FLASK_REDIS_OK) {
            status = send_command(pubsub, words, count + 1);
        }
    }
    return status;
}

/* --- connecting ------------------------------------------------------------------------------- */

static void pause_until(int64_t until_ms)
{
    int64_t left = until_ms - fr_now_ms();
    struct timespec time = {0, (left < PAUSE_MS ? (left > 0 ? left : 0) : PAUSE_MS) * 1000000L};
    nanosleep(&time, NULL);
}

FlaskRedisStatus fr_pubsub_connect(FlaskRedisPubSub *pubsub, int64_t until_ms)
{
    while (pubsub->session == NULL) {
        pubsub->to_swallow = 0;
        FlaskRedisStatus status = fr_session_open(pubsub->engine, &pubsub->session);
        if (status == FLASK_REDIS_OK) {
            status = subscribe_again(pubsub);
            if (status == FLASK_REDIS_OK) {
                pubsub->to_swallow = pubsub->was_lost ? pubsub->to_swallow : 0;
                break;
            }
            fr_session_drop(pubsub->session);
        }
        pubsub->session = NULL;
        if (!pubsub->was_lost || fr_now_ms() >= until_ms || status == FLASK_REDIS_NO_MEMORY) {
            return status;
        }
        pause_until(until_ms);
    }
    return FLASK_REDIS_OK;
}

/* --- subscribing ------------------------------------------------------------------------------ */

/* What cannot be sent now is sent when the connection is made: the tables know. */
static FlaskRedisStatus send_or_connect(FlaskRedisPubSub *pubsub, FlaskRedisBytes word,
                                        const FlaskRedisList *names)
{
    if (pubsub->session != NULL) {
        if (send_names(pubsub, word, fr_list_items(names), names->count) == FLASK_REDIS_OK) {
            return FLASK_REDIS_OK;
        }
        fr_pubsub_disconnect(pubsub);
    }
    bool is_first = !pubsub->was_lost;
    FlaskRedisStatus status = fr_pubsub_connect(pubsub, fr_now_ms());
    return is_first || status == FLASK_REDIS_NO_MEMORY ? status : FLASK_REDIS_OK;
}

static FlaskRedisStatus subscribe(FlaskRedisPubSub *pubsub, enum fr_kind kind,
                                  const FlaskRedisList *names, FlaskRedisHandler *handler,
                                  void *user_data)
{
    const FlaskRedisBytes *items = fr_list_items(names);
    int saved = errno;

    if (names->count == 0) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "%s of nothing: the list is empty",
                                subscribe_words[kind].data);
    }
    FlaskRedisStatus status = FLASK_REDIS_OK;
    for (size_t i = 0; i < names->count && status == FLASK_REDIS_OK; i++) {
        status = remember(pubsub, kind, items[i], handler, user_data);
    }
    if (status == FLASK_REDIS_OK) {
        status = send_or_connect(pubsub, subscribe_words[kind], names);
    }
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_subscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels,
                                       FlaskRedisHandler *handler, void *user_data)
{
    return subscribe(pubsub, FR_CHANNEL, &channels, handler, user_data);
}

FlaskRedisStatus flask_redis_psubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList patterns,
                                        FlaskRedisHandler *handler, void *user_data)
{
    return subscribe(pubsub, FR_PATTERN, &patterns, handler, user_data);
}

FlaskRedisStatus flask_redis_ssubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels,
                                        FlaskRedisHandler *handler, void *user_data)
{
    return subscribe(pubsub, FR_SHARD, &channels, handler, user_data);
}

/* --- unsubscribing ---------------------------------------------------------------------------- */

static void mark_leaving(FlaskRedisPubSub *pubsub, enum fr_kind kind, const FlaskRedisList *names)
{
    struct fr_subscription *one, *next;
    for (size_t i = 0; i < names->count; i++) {
        one = fr_pubsub_find(pubsub, kind, fr_list_items(names)[i]);
        if (one != NULL) {
            one->is_leaving = true;
        }
    }
    if (names->count == 0) {
        HASH_ITER(hh, pubsub->subscriptions[kind], one, next)
        {
            one->is_leaving = true;
        }
    }
}

static void forget_leaving(FlaskRedisPubSub *pubsub, enum fr_kind kind)
{
    struct fr_subscription *one, *next;
    HASH_ITER(hh, pubsub->subscriptions[kind], one, next)
    {
        if (one->is_leaving) {
            forget(pubsub, kind, one);
        }
    }
}

static FlaskRedisStatus unsubscribe(FlaskRedisPubSub *pubsub, enum fr_kind kind,
                                    const FlaskRedisList *names)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;
    int saved = errno;

    if (pubsub->subscriptions[kind] == NULL) {
        return FLASK_REDIS_OK;
    }
    mark_leaving(pubsub, kind, names);
    if (pubsub->session != NULL) {
        status = names->count > 0 ? send_names(pubsub, unsubscribe_words[kind],
                                               fr_list_items(names), names->count)
                                  : send_command(pubsub, &unsubscribe_words[kind], 1);
        if (status != FLASK_REDIS_OK) {
            fr_pubsub_disconnect(pubsub);
        }
    }
    if (pubsub->session == NULL) { /* nobody is left who could confirm it */
        forget_leaving(pubsub, kind);
    }
    errno = saved;
    return status == FLASK_REDIS_NO_MEMORY ? status : FLASK_REDIS_OK;
}

FlaskRedisStatus flask_redis_unsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels)
{
    return unsubscribe(pubsub, FR_CHANNEL, &channels);
}

FlaskRedisStatus flask_redis_punsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList patterns)
{
    return unsubscribe(pubsub, FR_PATTERN, &patterns);
}

FlaskRedisStatus flask_redis_sunsubscribe(FlaskRedisPubSub *pubsub, FlaskRedisList channels)
{
    return unsubscribe(pubsub, FR_SHARD, &channels);
}

FlaskRedisStatus flask_redis_pubsub_ping(FlaskRedisPubSub *pubsub)
{
    const FlaskRedisBytes word = FR_WORD("PING");
    int saved = errno;
    FlaskRedisStatus status = fr_pubsub_connect(pubsub, fr_now_ms());
    if (status == FLASK_REDIS_OK) {
        status = send_command(pubsub, &word, 1);
        if (status != FLASK_REDIS_OK) {
            fr_pubsub_disconnect(pubsub);
        }
    }
    errno = saved;
    return status;
}

FlaskRedisStatus flask_redis_publish(FlaskRedis *redis, FlaskRedisBytes channel,
                                     FlaskRedisBytes message, int64_t *receivers)
{
    return FR_ASK(redis, &fr_int, receivers, FR_WORD("PUBLISH"), channel, message);
}
