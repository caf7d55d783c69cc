/* XREAD and XREADGROUP, waiting and not. */
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/stream.h"

struct reading {
    bool is_grouped, no_ack;
    int64_t count;           /* 0: all */
    int64_t until_us;        /* 0: does not wait */
    size_t first, key_count; /* of the keys; ids stand behind them */
    size_t group_at;         /* 0: none */
};

static bool read_block(struct call *c, size_t i, int64_t *until_us)
{
    int64_t ms;
    if (!frm_arg_int(c, i, &ms, "ERR timeout is not an integer or out of range")) {
        return false;
    }
    if (ms < 0) {
        frm_error(c->out, "ERR timeout is negative");
        return false;
    }
    if (ms > INT64_MAX - frm_now_ms(c->mock)) {
        frm_error(c->out, "ERR timeout is out of range");
        return false;
    }
    bool is_endless = ms == 0 || ms > (INT64_MAX - c->mock->now_us) / 1000;
    *until_us = is_endless ? NEVER : c->mock->now_us + ms * 1000;
    return true;
}

static bool grouped_only(struct call *c, const struct reading *reading, const char *option)
{
    if (!reading->is_grouped) {
        frm_error(c->out,
                  "ERR The %s option is only supported by XREADGROUP. You called XREAD "
                  "instead.",
                  option);
    }
    return reading->is_grouped;
}

/* Read one option at *i and move behind it; false: answered. */
static bool read_option(struct call *c, size_t *i, struct reading *reading)
{
    size_t left = c->argc - *i - 1;
    if (left >= 1 && frm_arg_is(c, *i, "block")) {
        *i += 2;
        return read_block(c, *i - 1, &reading->until_us);
    }
    if (left >= 1 && frm_arg_is(c, *i, "count")) {
        *i += 2;
        bool reads = frm_arg_int(c, *i - 1, &reading->count, NULL);
        reading->count = reading->count < 0 ? 0 : reading->count;
        return reads;
    }
    if (left >= 2 && frm_arg_is(c, *i, "group")) {
        reading->group_at = *i + 1;
        *i += 3;
        return grouped_only(c, reading, "GROUP");
    }
    if (frm_arg_is(c, *i, "noack")) {
        reading->no_ack = true;
        *i += 1;
        return grouped_only(c, reading, "NOACK");
    }
    frm_error_syntax(c->out);
    return false;
}

static bool read_arguments(struct call *c, struct reading *reading)
{
    size_t i = 1;
    while (i < c->argc && !(i + 1 < c->argc && frm_arg_is(c, i, "streams"))) {
        if (!read_option(c, &i, reading)) {
            return false;
        }
    }
    if (i >= c->argc) {
        frm_error_syntax(c->out);
        return false;
    }
    reading->first = i + 1;
    if ((c->argc - reading->first) % 2 != 0) {
        frm_error(c->out,
                  "ERR Unbalanced '%s' list of streams: for each stream key an ID or '$' "
                  "must be specified.",
                  c->row->name);
        return false;
    }
    reading->key_count = (c->argc - reading->first) / 2;
    if (reading->is_grouped && reading->group_at == 0) {
        frm_error(c->out, "ERR Missing GROUP option for XREADGROUP");
        return false;
    }
    return true;
}

static const struct fr_word *key_of(const struct call *c, const struct reading *reading, size_t k)
{
    return &c->argv[reading->first + k];
}

static bool is_sign(const struct fr_word *word, char sign)
{
    return word->len == 1 && word->data[0] == sign;
}

/* Behind which entry to read; ">" is the highest id. */
static bool read_id(struct call *c, const struct reading *reading, size_t k,
                    struct stream_id *after)
{
    struct value *value;
    size_t at = reading->first + reading->key_count + k;
    const struct fr_word *word = &c->argv[at], *key = key_of(c, reading, k);
    if (!frm_find_type(c, key, TYPE_STREAM, &value)) {
        return false;
    }
    if (reading->is_grouped &&
        (!value || !frm_group_find(value->stream, &c->argv[reading->group_at]))) {
        frm_no_group(c, key, &c->argv[reading->group_at], " in XREADGROUP with GROUP option");
        return false;
    }
    if (is_sign(word, '$')) {
        if (reading->is_grouped) {
            frm_error(c->out,
                      "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read "
                      "the history of this consumer by specifying a proper ID, or use the > ID to "
                      "get new messages. The $ ID would just return an empty result set.");
            return false;
        }
        *after = value ? value->stream->last : ID_MIN;
        return true;
    }
    if (is_sign(word, '>')) {
        if (!reading->is_grouped) {
            frm_error(c->out,
                      "ERR The > ID can be specified only when calling XREADGROUP using the "
                      "GROUP <group> <consumer> option.");
        }
        *after = ID_MAX;
        return reading->is_grouped;
    }
    return frm_arg_id(c, at, 0, after, NULL);
}

/* --------------------------------------------------------------------------------------- replying
 */

static struct consumer *consumer_of(struct call *c, const struct reading *reading,
                                    struct stream *stream, struct group *group)
{
    const struct fr_word *name = &c->argv[reading->group_at + 1];
    struct consumer *consumer = frm_consumer_find(group, name);
    if (!consumer) {
        consumer = frm_consumer_new(stream, group, name, frm_now_ms(c->mock));
    }
    consumer->seen_ms = frm_now_ms(c->mock);
    return consumer;
}

/* Show an entry to a consumer as a new one. */
static void deliver(struct call *c, struct stream *stream, struct group *group,
                    struct consumer *consumer, const struct stream_entry *entry, bool no_ack)
{
    if (group->entries_read != -1 && !frm_stream_has_gap(stream, entry->id)) {
        group->entries_read++;
    } else if (stream->added > 0) {
        group->entries_read = frm_stream_read_count(stream, entry->id);
    }
    group->last = entry->id;
    frm_entry_reply(c->out, entry);
    if (!no_ack) {
        struct pending *pending = frm_pending_put(stream, group, entry->id);
        pending->delivered_ms = frm_now_ms(c->mock);
        pending->delivery_count = 1;
        frm_pending_give(pending, consumer);
    }
}

static void show_new(struct call *c, const struct reading *reading, struct stream *stream,
                     struct group *group)
{
    struct consumer *consumer = consumer_of(c, reading, stream, group);
    struct stream_id from = group->last;
    size_t mark = frm_later(c->out);
    int64_t shown = 0;
    frm_id_next(&from);
    for (size_t place = frm_stream_place(stream, from);
         place < frm_stream_len(stream) && (reading->count == 0 || shown < reading->count);
         place++, shown++) {
        deliver(c, stream, group, consumer, frm_stream_at(stream, place), reading->no_ack);
    }
    frm_later_array(c->out, mark, shown);
}

/* What the consumer was shown before and has not acknowledged. */
static void show_history(struct call *c, const struct reading *reading, struct stream *stream,
                         struct group *group, struct stream_id after)
{
    const struct consumer *consumer = consumer_of(c, reading, stream, group);
    size_t mark = frm_later(c->out);
    int64_t shown = 0;
    bool has_more = frm_id_next(&after);
    for (size_t i = frm_pending_place(group, after);
         has_more && i < group->pending_count && (reading->count == 0 || shown < reading->count);
         i++) {
        struct pending *pending = &group->pending[i];
        if (pending->consumer != consumer) {
            continue;
        }
        const struct stream_entry *entry = frm_stream_find(stream, pending->id);
        if (entry) {
            frm_entry_reply(c->out, entry);
            pending->delivered_ms = frm_now_ms(c->mock);
            pending->delivery_count++;
        } else {
            frm_array(c->out, 2);
            frm_id_reply(c->out, pending->id);
            frm_null_array(c->out);
        }
        shown++;
    }
    frm_later_array(c->out, mark, shown);
}

/* The highest id that may be read: of an entry that is there; or, to who has waited, of one that
 * was added, though it may have been trimmed away at once. */
static struct stream_id highest(const struct stream *stream, bool has_waited)
{
    size_t len = frm_stream_len(stream);
    return has_waited ? stream->last : len > 0 ? frm_stream_at(stream, len - 1)->id : ID_MIN;
}

/* Show what one stream has behind an id; false: nothing. */
static bool show_stream(struct call *c, const struct reading *reading, const struct fr_word *key,
                        struct stream_id after, bool has_waited)
{
    struct value *value = frm_find(c, key);
    if (!value || value->type != TYPE_STREAM) {
        return false;
    }
    struct stream *stream = value->stream;
    struct group *group =
        reading->is_grouped ? frm_group_find(stream, &c->argv[reading->group_at]) : NULL;
    bool is_history = group && frm_id_compare(after, ID_MAX) != 0;
    struct stream_id seen = group ? group->last : after;
    if (!is_history && frm_id_compare(highest(stream, has_waited), seen) <= 0) {
        return false;
    }
    if (c->out->protocol == 2) {
        frm_array(c->out, 2);
    }
    frm_bulk(c->out, key->data, key->len);
    if (is_history) {
        show_history(c, reading, stream, group, after);
    } else if (group) {
        show_new(c, reading, stream, group);
    } else {
        frm_id_next(&after);
        frm_entries_reply(c->out, stream, after, ID_MAX, reading->count ? reading->count : -1,
                          false);
    }
    return true;
}

static void head(struct out *out, size_t mark, int64_t count)
{
    if (out->protocol == 3) {
        frm_later_map(out, mark, count);
    } else {
        frm_later_array(out, mark, count);
    }
}

/* Wait with ids as they are now: "$" means what was last when the command came. */
static void wait(struct call *c, const struct reading *reading, const struct stream_id *after)
{
    struct fr_word *words = frm_alloc(&c->mock->heap, c->argc * sizeof(*words));
    char(*texts)[64] = frm_alloc(&c->mock->heap, reading->key_count * sizeof(*texts));
    memcpy(words, c->argv, c->argc * sizeof(*words));
    for (size_t k = 0; k < reading->key_count; k++) {
        size_t at = reading->first + reading->key_count + k;
        if (is_sign(&words[at], '$')) {
            size_t len = frm_write_int(texts[k], (int64_t)after[k].ms);
            texts[k][len++] = '-';
            len += frm_write_int(texts[k] + len, (int64_t)after[k].seq);
            words[at] = (struct fr_word){texts[k], len};
        }
    }
    const struct fr_word *argv = c->argv;
    c->argv = words;
    frm_wait(c, WAIT_STREAM, reading->until_us, words + reading->first, reading->key_count);
    c->argv = argv;
    frm_free(texts);
    frm_free(words);
}

static void read_streams(struct call *c, const struct reading *reading,
                         const struct stream_id *after)
{
    size_t mark = frm_later(c->out);
    int64_t shown = 0;
    for (size_t k = 0; k < reading->key_count; k++) {
        shown += show_stream(c, reading, key_of(c, reading, k), after[k], false);
    }
    if (shown > 0) {
        head(c->out, mark, shown);
    } else if (reading->until_us != 0 && c->may_block) {
        wait(c, reading, after);
    } else {
        frm_null_array(c->out);
    }
}

static void xread(struct call *c, bool is_grouped)
{
    struct reading reading = {.is_grouped = is_grouped};
    if (!read_arguments(c, &reading)) {
        return;
    }
    struct stream_id *after =
        frm_alloc(&c->mock->heap, (reading.key_count + 1) * sizeof(struct stream_id));
    bool reads = true;
    for (size_t k = 0; reads && k < reading.key_count; k++) {
        reads = read_id(c, &reading, k, &after[k]);
    }
    if (reads) {
        read_streams(c, &reading, after);
    }
    frm_free(after);
}

void frm_cmd_xread(struct call *c)
{
    xread(c, false);
}

void frm_cmd_xreadgroup(struct call *c)
{
    xread(c, true);
}

/* ---------------------------------------------------------------------------------------- serving
 */

static bool group_is_there(const struct call *c, const struct reading *reading,
                           const struct value *value)
{
    return frm_group_find(value->stream, &c->argv[reading->group_at]) != NULL;
}

bool frm_serve_stream(struct call *c, const struct fr_word *key)
{
    struct reading reading = {.is_grouped = c->row->id == FR_CMD_XREADGROUP};
    struct stream_id after = ID_MAX;
    const struct value *value = frm_find(c, key);
    read_arguments(c, &reading);
    if (reading.is_grouped && (!value || value->type != TYPE_STREAM)) {
        frm_error(c->out, "UNBLOCKED the stream key no longer exists");
        return true;
    }
    if (reading.is_grouped && !group_is_there(c, &reading, value)) {
        frm_error(c->out, "NOGROUP the consumer group this client was blocked on no longer exists");
        return true;
    }
    for (size_t k = 0; k < reading.key_count; k++) {
        if (frm_word_equal(key_of(c, &reading, k), key)) {
            frm_id_read(&c->argv[reading.first + reading.key_count + k], 0, true, &after, NULL);
            after = reading.is_grouped ? ID_MAX : after;
            break;
        }
    }
    size_t mark = frm_later(c->out);
    if (!show_stream(c, &reading, key, after, true)) {
        return false;
    }
    head(c->out, mark, 1);
    return true;
}
