/* Whether a reply is the one that its request must get, and what is known of the server then.
 *
 * A reply is compared when it comes, not when its request is made: what was answered before decides
 * what is right. An error of the daemon is right only while connections are killed, and says
 * whether the request can have been executed. */
#include "tests/stress/crowd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"

struct reply {
    const char *data;
    size_t len;
};

/* An item with its text. */
struct wanted {
    const struct item *item;
    const char *text;
};

enum fate {
    FATE_ANSWERED,
    FATE_NOT_EXECUTED,
    FATE_UNKNOWN
};

static bool begins(const struct reply *reply, const char *text, size_t len)
{
    return reply->len >= len && memcmp(reply->data, text, len) == 0;
}

#define BEGINS(reply, literal) begins(reply, literal, sizeof(literal) - 1)

static bool is_text(const struct reply *reply, const char *text, size_t len)
{
    return reply->len == len && memcmp(reply->data, text, len) == 0;
}

#define IS(reply, literal) is_text(reply, literal, sizeof(literal) - 1)

static bool is_null(const struct reply *reply)
{
    return IS(reply, "_\r\n") || IS(reply, "$-1\r\n") || IS(reply, "*-1\r\n");
}

static bool is_number(const struct reply *reply, int64_t *number)
{
    if (reply->len < 4 || reply->data[0] != ':') {
        return false;
    }
    *number = strtoll(reply->data + 1, NULL, 10);
    return true;
}

static const struct {
    const char *word;
    enum fate fate;
} errors[] = {{"-POOLDOWN ", FATE_NOT_EXECUTED}, {"-POOLWAIT ", FATE_NOT_EXECUTED},
              {"-POOLLOST ", FATE_UNKNOWN},      {"-POOLTIME ", FATE_UNKNOWN},
              {"-LOADING ", FATE_NOT_EXECUTED},  {"-EXECABORT ", FATE_NOT_EXECUTED}};

/* What the daemon, or a server that has just started, says instead of a reply. */
static enum fate fate_of(const struct crowd *crowd, const struct reply *reply)
{
    if (!crowd->has_kills || reply->data[0] != '-') {
        return FATE_ANSWERED;
    }
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        bool is_possible = errors[i].word[1] != 'L' || crowd->has_restarts;
        if (is_possible && begins(reply, errors[i].word, strlen(errors[i].word))) {
            return errors[i].fate;
        }
    }
    return FATE_ANSWERED;
}

/* ---------------------------------------------------------------------- what was not answered */

void check_unanswered(struct caller *caller, const struct item *item)
{
    if (item->kind == ITEM_OWN_INCR) {
        caller->counters[item->db].most++;
    } else if (item->kind == ITEM_SHARED_INCR) {
        caller->crowd->shared[item->db][item->index].unknown++;
    } else if (item->kind == ITEM_SET) {
        value_may_be(&caller->values[item->db][item->index], item->serial);
    }
}

/* A request without reply that the server had before one that was answered. */
static void check_silent(struct caller *caller, const struct item *item)
{
    check_unanswered(caller, item);
    if (item->kind == ITEM_OWN_INCR && !caller->crowd->has_kills) {
        caller->counters[item->db].least++;
    }
}

/* The session stays as it was. */
static void take_back(struct caller *caller, const struct item *item)
{
    if (item->kind == ITEM_SELECT) {
        caller->db = (int)item->serial;
    } else if (item->kind == ITEM_HELLO) {
        caller->proto = (int)item->serial;
    } else if (item->kind == ITEM_SUBSCRIBE) {
        caller->subscribed = -1;
        caller->lost_subscribing = true;
    }
}

static void end_transaction(struct caller *caller, enum fate fate)
{
    struct transaction *transaction = &caller->transaction;
    for (int i = 0; i < transaction->count && fate == FATE_UNKNOWN; i++) {
        check_unanswered(caller, &transaction->queued[i]);
    }
    for (int i = 0; i < transaction->count; i++) {
        bytes_finish(&transaction->texts[i]);
    }
    *transaction = (struct transaction){0};
}

static void on_error(struct caller *caller, const struct item *item, const struct reply *reply,
                     enum fate fate)
{
    struct crowd *crowd = caller->crowd;
    bool is_abort = BEGINS(reply, "-EXECABORT ");
    crowd->lost += fate == FATE_UNKNOWN;
    crowd->refused += fate == FATE_NOT_EXECUTED;
    if (item->kind == ITEM_EXEC || item->kind == ITEM_DISCARD) {
        caller->watches = caller->watches && !is_abort;
        end_transaction(caller, item->kind == ITEM_EXEC ? fate : FATE_NOT_EXECUTED);
        return;
    }
    if (fate == FATE_UNKNOWN) {
        check_unanswered(caller, item);
    }
    take_back(caller, item);
    caller->transaction.is_doubtful = true;
    caller->transaction.is_broken = caller->transaction.is_begun;
}

/* ------------------------------------------------------------------------------ kinds of reply */

static bool check_text(struct caller *caller, const struct wanted *wanted,
                       const struct reply *reply)
{
    (void)caller;
    return is_text(reply, wanted->text, wanted->item->text_len);
}

static bool check_begins(struct caller *caller, const struct wanted *wanted,
                         const struct reply *reply)
{
    (void)caller;
    return begins(reply, wanted->text, wanted->item->text_len);
}

static bool check_has(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    (void)caller;
    return memmem(reply->data, reply->len, wanted->text, wanted->item->text_len) != NULL;
}

static bool check_number(struct caller *caller, const struct wanted *wanted,
                         const struct reply *reply)
{
    int64_t number;
    (void)caller, (void)wanted;
    return is_number(reply, &number);
}

/* Numbers of connections are above those of servers, and never used twice. */
static bool check_id(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    int64_t id;
    (void)wanted;
    if (!is_number(reply, &id) || (caller->id != 0 && caller->id != id) || id >> 32 != 1) {
        return false;
    }
    size_t at = (size_t)(id & 0xffffff) / 8;
    unsigned char bit = (unsigned char)(1U << (id % 8));
    bool is_known = caller->crowd->ids[at] & bit;
    bool is_right = is_known == (caller->id == id);
    caller->crowd->ids[at] |= bit;
    caller->id = id;
    return is_right;
}

static bool check_own_incr(struct caller *caller, const struct wanted *wanted,
                           const struct reply *reply)
{
    struct counter *counter = &caller->counters[wanted->item->db];
    int64_t number;
    if (!is_number(reply, &number) || number <= counter->least || number > counter->most + 1) {
        return false;
    }
    counter->least = counter->most = number;
    return true;
}

static bool check_shared_incr(struct caller *caller, const struct wanted *wanted,
                              const struct reply *reply)
{
    const struct item *item = wanted->item;
    struct shared_counter *counter = &caller->crowd->shared[item->db][item->index];
    int64_t *last = &caller->shared_last[item->db][item->index];
    int64_t number;
    if (!is_number(reply, &number) || number <= *last || !shared_take(counter, number)) {
        return false;
    }
    counter->acknowledged++;
    *last = number;
    return true;
}

static bool check_set(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    const struct item *item = wanted->item;
    if (!IS(reply, "+OK\r\n")) {
        return false;
    }
    value_set(&caller->values[item->db][item->index], item->serial);
    return true;
}

/* The serial number in a value is behind its last 's'. */
static uint32_t serial_of(const struct reply *reply)
{
    const char *at = memchr(reply->data, 's', reply->len);
    return at == NULL ? 0 : (uint32_t)strtoul(at + 1, NULL, 10);
}

static bool check_get(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    const struct item *item = wanted->item;
    struct value *value = &caller->values[item->db][item->index];
    uint32_t serial = is_null(reply) ? 0 : serial_of(reply);
    bool is_right = serial == 0 && is_null(reply);
    if (serial != 0) {
        struct bytes text = {0};
        script_value(&text, caller, item->db, item->index, serial);
        is_right = reply->len > text.len + 2 && reply->data[0] == '$' &&
                   memcmp(reply->data + reply->len - 2 - text.len, text.data, text.len) == 0;
        bytes_finish(&text);
    }
    if (!is_right || !value_is(value, serial)) {
        return false;
    }
    value_set(value, serial);
    return true;
}

static bool check_pop(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    bool is_popped = check_text(caller, wanted, reply);
    caller->crowd->pops += is_popped;
    caller->crowd->nulls += is_null(reply);
    return is_popped || is_null(reply);
}

static bool check_watch(struct caller *caller, const struct wanted *wanted,
                        const struct reply *reply)
{
    caller->transaction.is_doubtful = false;
    caller->watches = true;
    return check_text(caller, wanted, reply);
}

static bool check_unwatch(struct caller *caller, const struct wanted *wanted,
                          const struct reply *reply)
{
    caller->watches = false;
    return check_text(caller, wanted, reply);
}

static bool check_subscribe(struct caller *caller, const struct wanted *wanted,
                            const struct reply *reply)
{
    unsigned channel = wanted->item->index;
    memset(caller->heard[channel], 0, sizeof(caller->heard[channel]));
    caller->hears[channel] = true;
    return check_text(caller, wanted, reply);
}

static bool check_unsubscribe(struct caller *caller, const struct wanted *wanted,
                              const struct reply *reply)
{
    caller->hears[wanted->item->index] = false;
    return check_text(caller, wanted, reply);
}

static bool check_reset(struct caller *caller, const struct wanted *wanted,
                        const struct reply *reply)
{
    memset(caller->hears, 0, sizeof(caller->hears));
    caller->watches = false;
    return check_text(caller, wanted, reply);
}

/* ------------------------------------------------------------------------------- transactions */

static bool check_multi(struct caller *caller, const struct wanted *wanted,
                        const struct reply *reply)
{
    caller->transaction.is_begun = true;
    return check_text(caller, wanted, reply);
}

static bool check_wanted(struct caller *caller, const struct wanted *wanted,
                         const struct reply *reply);

static bool check_results(struct caller *caller, const struct reply *reply)
{
    struct transaction *transaction = &caller->transaction;
    const char *end = reply->data + reply->len;
    const char *at = (const char *)memchr(reply->data, '\n', reply->len) + 1;
    for (int i = 0; i < transaction->count; i++) {
        struct wanted wanted = {&transaction->queued[i], transaction->texts[i].data};
        long len = reply_frame_len(at, (size_t)(end - at));
        struct reply result = {at, (size_t)len};
        if (len <= 0 || !check_wanted(caller, &wanted, &result)) {
            return false;
        }
        at += len;
    }
    return at == end;
}

/* MULTI itself may have failed, and then the rest was executed one by one. */
static bool is_excused(const struct caller *caller, const struct reply *reply)
{
    return caller->crowd->has_kills && !caller->transaction.is_begun &&
           (IS(reply, "-ERR EXEC without MULTI\r\n") ||
            IS(reply, "-ERR DISCARD without MULTI\r\n"));
}

static bool check_exec(struct caller *caller, const struct wanted *wanted,
                       const struct reply *reply)
{
    const struct transaction *transaction = &caller->transaction;
    uint32_t outcome = wanted->item->serial;
    bool is_right = is_excused(caller, reply);
    if (is_null(reply)) { /* a connection that is lost while it watches counts as touched */
        is_right = transaction->is_begun && caller->watches &&
                   (outcome != EXEC_RUNS || caller->crowd->has_kills);
    } else if (reply->data[0] == '*') {
        is_right = transaction->is_begun && !transaction->is_broken &&
                   (outcome != EXEC_IS_NULL || transaction->is_doubtful) &&
                   strtol(reply->data + 1, NULL, 10) == transaction->count &&
                   check_results(caller, reply);
    }
    caller->crowd->transactions++;
    caller->watches = caller->watches && !transaction->is_begun;
    end_transaction(caller, FATE_NOT_EXECUTED);
    return is_right;
}

static bool check_discard(struct caller *caller, const struct wanted *wanted,
                          const struct reply *reply)
{
    bool is_begun = caller->transaction.is_begun;
    caller->watches = caller->watches && !is_begun;
    bool is_right = is_excused(caller, reply) || (is_begun && check_text(caller, wanted, reply));
    end_transaction(caller, FATE_NOT_EXECUTED);
    return is_right;
}

static bool keep_queued(struct caller *caller, const struct wanted *wanted,
                        const struct reply *reply)
{
    struct transaction *transaction = &caller->transaction;
    if (!IS(reply, "+QUEUED\r\n") || transaction->count == QUEUED_MAX) {
        return false;
    }
    int i = transaction->count++;
    transaction->queued[i] = *wanted->item;
    transaction->queued[i].flags = 0;
    bytes_add(&transaction->texts[i], wanted->text, wanted->item->text_len);
    return true;
}

/* -------------------------------------------------------------------------------- any reply */

static bool (*const checks[ITEM_KINDS])(struct caller *caller, const struct wanted *wanted,
                                        const struct reply *reply) = {
    [ITEM_TEXT] = check_text,
    [ITEM_BEGINS] = check_begins,
    [ITEM_HAS] = check_has,
    [ITEM_NUMBER] = check_number,
    [ITEM_ID] = check_id,
    [ITEM_OWN_INCR] = check_own_incr,
    [ITEM_SHARED_INCR] = check_shared_incr,
    [ITEM_SET] = check_set,
    [ITEM_GET] = check_get,
    [ITEM_POP] = check_pop,
    [ITEM_SELECT] = check_text,
    [ITEM_HELLO] = check_has,
    [ITEM_WATCH] = check_watch,
    [ITEM_MULTI] = check_multi,
    [ITEM_EXEC] = check_exec,
    [ITEM_DISCARD] = check_discard,
    [ITEM_UNWATCH] = check_unwatch,
    [ITEM_SUBSCRIBE] = check_subscribe,
    [ITEM_UNSUBSCRIBE] = check_unsubscribe,
    [ITEM_RESET] = check_reset,
};

/* A lost transaction is over with its EXEC, and only EXEC aborts one. */
static bool is_error_of(const struct item *item, const struct reply *reply)
{
    bool is_within = memmem(reply->data, reply->len, "and the transaction with it", 27) != NULL;
    return (!is_within || item->flags & IS_QUEUED) &&
           (!BEGINS(reply, "-EXECABORT ") || item->kind == ITEM_EXEC);
}

static bool check_wanted(struct caller *caller, const struct wanted *wanted,
                         const struct reply *reply)
{
    const struct item *item = wanted->item;
    enum fate fate = fate_of(caller->crowd, reply);
    if (fate != FATE_ANSWERED) {
        on_error(caller, item, reply, fate);
        return is_error_of(item, reply);
    }
    if (item->flags & IS_QUEUED && caller->transaction.is_begun) {
        return keep_queued(caller, wanted, reply);
    }
    return checks[item->kind](caller, wanted, reply);
}

/* ---------------------------------------------------------------------------------- messages */

static bool is_message(const struct reply *reply)
{
    return BEGINS(reply, "*3\r\n$7\r\nmessage\r\n") || BEGINS(reply, ">3\r\n$7\r\nmessage\r\n");
}

/* "SLOT.LIFE.SERIAL" on the channel "chN": of each caller the next one, and only while subscribed.
 */
static void check_message(struct caller *caller, const struct reply *reply)
{
    const char *channel_at = memmem(reply->data, reply->len, "\r\nch", 4);
    const char *payload = memmem(reply->data, reply->len, "\r\np", 3);
    unsigned channel, slot;
    uint32_t life, serial;
    if (channel_at == NULL || payload == NULL || sscanf(channel_at, "\r\nch%u", &channel) != 1 ||
        sscanf(payload, "\r\np%u.%" SCNu32 ".%" SCNu32, &slot, &life, &serial) != 3 ||
        channel >= CHANNELS || slot >= CALLERS || !caller->hears[channel]) {
        crowd_fail(caller, "a message that is none of its: %.*s", (int)reply->len, reply->data);
        return;
    }
    struct heard *heard = &caller->heard[channel][slot];
    bool is_next = heard->life < life || serial == heard->serial + 1;
    bool is_later = serial > heard->serial && caller->crowd->has_kills;
    caller->crowd->messages++;
    if (life < heard->life) {
        return; /* of a connection that was cut, executed after its successor's: nobody waited */
    }
    if (!is_next && !is_later) {
        crowd_fail(caller, "message %u.%u.%u of channel %u after %u.%u.%u", slot, life, serial,
                   channel, slot, heard->life, heard->serial);
    }
    *heard = (struct heard){life, serial};
}

/* ------------------------------------------------------------------------------------ frames */

static void drop_text(struct caller *caller, const struct item *item)
{
    stream_take(&caller->texts, item->text_len);
    caller->texts_claimed -= item->text_len;
}

static void skip_silent(struct caller *caller)
{
    while (caller->sent_count > 0 && caller->items[caller->item_at].flags & IS_SILENT) {
        struct item item = caller_take(caller);
        check_silent(caller, &item);
        drop_text(caller, &item);
    }
}

static void explain(struct caller *caller, const struct wanted *wanted, const struct reply *reply)
{
    struct bytes got = {0}, text = {0};
    bytes_show(&got, reply->data, reply->len, 0);
    bytes_show(&text, wanted->text, wanted->item->text_len, 0);
    crowd_fail(caller,
               "a wrong reply, kind %d flags %d db %d index %d serial %u\n"
               "      got      %s\n      expected %s",
               wanted->item->kind, wanted->item->flags, wanted->item->db, wanted->item->index,
               wanted->item->serial, got.data, text.data);
    bytes_finish(&got);
    bytes_finish(&text);
}

void check_frame(struct caller *caller, const char *data, size_t len)
{
    struct reply reply = {data, len};
    caller_note(caller, '<', data, len);
    if (is_message(&reply)) {
        check_message(caller, &reply);
        return;
    }
    skip_silent(caller);
    if (caller->sent_count == 0) {
        crowd_fail(caller, "a reply to nothing: %.*s", len > 200 ? 200 : (int)len, data);
        return;
    }
    struct item item = caller_take(caller);
    struct wanted wanted = {&item, caller->texts.bytes.data + caller->texts.at};
    if (!check_wanted(caller, &wanted, &reply)) {
        explain(caller, &wanted, &reply);
    }
    drop_text(caller, &item);
}
