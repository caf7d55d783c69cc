/* Consumer groups: XGROUP, XACK, XPENDING, XCLAIM, XAUTOCLAIM. */
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/stream.h"

static int shown_len(const struct fr_word *word)
{
    return (int)strnlen(word->data, word->len);
}

/* The stream of word i and the group of the next one, either of them NULL; false: WRONGTYPE. */
static bool find_group(struct call *c, size_t i, struct value **value, struct group **group)
{
    if (!frm_find_type(c, &c->argv[i], TYPE_STREAM, value)) {
        return false;
    }
    *group = *value ? frm_group_find((*value)->stream, &c->argv[i + 1]) : NULL;
    return true;
}

/* ------------------------------------------------------------------------------------------ XGROUP
 */

struct creating {
    bool makes_stream;
    int64_t entries_read; /* -1: not known */
};

static bool read_creating(struct call *c, struct creating *creating, bool may_make)
{
    for (size_t i = 5; i < c->argc; i++) {
        if (may_make && frm_arg_is(c, i, "mkstream")) {
            creating->makes_stream = true;
        } else if (i + 1 < c->argc && frm_arg_is(c, i, "entriesread")) {
            if (!frm_arg_int(c, ++i, &creating->entries_read, NULL)) {
                return false;
            }
            if (creating->entries_read < -1) {
                frm_error(c->out, "ERR value for ENTRIESREAD must be positive or -1");
                return false;
            }
        } else {
            frm_error(c->out,
                      "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                      "XGROUP HELP.",
                      shown_len(&c->argv[1]), c->argv[1].data);
            return false;
        }
    }
    return true;
}

/* More options than there can be. */
static bool too_many(struct call *c, size_t most)
{
    if (c->argc > most) {
        frm_error(c->out,
                  "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                  "XGROUP HELP.",
                  shown_len(&c->argv[1]), c->argv[1].data);
    }
    return c->argc > most;
}

static bool need_stream(struct call *c, const struct value *value)
{
    if (!value) {
        frm_error(c->out, "ERR The XGROUP subcommand requires the key to exist. Note that for "
                          "CREATE you may want to use the MKSTREAM option to create an empty "
                          "stream automatically.");
    }
    return value != NULL;
}

static bool need_group(struct call *c, const struct group *group)
{
    if (!group) {
        frm_error(c->out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                  shown_len(&c->argv[3]), c->argv[3].data, shown_len(&c->argv[2]), c->argv[2].data);
    }
    return group != NULL;
}

/* The id in word 4; "$" is the last one. */
static bool read_group_id(struct call *c, const struct value *value, struct stream_id *id)
{
    if (c->argv[4].len == 1 && c->argv[4].data[0] == '$') {
        *id = value ? value->stream->last : ID_MIN;
        return true;
    }
    /* SETID takes "-" and "+" for the least and the most, CREATE does not */
    if (!frm_id_read(&c->argv[4], 0, frm_arg_is(c, 1, "create"), id, NULL)) {
        frm_error(c->out, "ERR Invalid stream ID specified as stream command argument");
        return false;
    }
    return true;
}

void frm_cmd_xgroup_create(struct call *c)
{
    struct creating creating = {.entries_read = -1};
    struct value *value;
    struct group *group;
    struct stream_id id;
    if (!read_creating(c, &creating, true) || !find_group(c, 2, &value, &group) ||
        (!creating.makes_stream && !need_stream(c, value)) || too_many(c, 8) ||
        !read_group_id(c, value, &id)) {
        return;
    }
    if (group) {
        frm_error(c->out, "BUSYGROUP Consumer Group name already exists");
        return;
    }
    value = value ? value : frm_find_or_make(c, &c->argv[2], TYPE_STREAM);
    frm_group_new(value->stream, &c->argv[3], id, creating.entries_read);
    frm_touch(c->db, &c->argv[2]);
    frm_ok(c->out);
}

void frm_cmd_xgroup_setid(struct call *c)
{
    struct creating creating = {.entries_read = -1};
    struct value *value;
    struct group *group;
    struct stream_id id;
    if (!read_creating(c, &creating, false) || !find_group(c, 2, &value, &group) ||
        !need_stream(c, value) || !need_group(c, group) || too_many(c, 7) ||
        !read_group_id(c, value, &id)) {
        return;
    }
    group->last = id;
    group->entries_read = creating.entries_read;
    frm_ok(c->out);
}

void frm_cmd_xgroup_destroy(struct call *c)
{
    struct value *value;
    struct group *group;
    if (!find_group(c, 2, &value, &group) || !need_stream(c, value)) {
        return;
    }
    if (group) {
        frm_dict_remove(&value->stream->groups, &c->argv[3], NULL);
        frm_group_free(group);
        frm_ready(c->db, &c->argv[2], false);
    }
    frm_int(c->out, group != NULL);
}

void frm_cmd_xgroup_createconsumer(struct call *c)
{
    struct value *value;
    struct group *group;
    if (!find_group(c, 2, &value, &group) || !need_stream(c, value) || !need_group(c, group)) {
        return;
    }
    bool is_new = !frm_consumer_find(group, &c->argv[4]);
    if (is_new) {
        frm_consumer_new(value->stream, group, &c->argv[4], frm_now_ms(c->mock));
    }
    frm_int(c->out, is_new);
}

void frm_cmd_xgroup_delconsumer(struct call *c)
{
    struct value *value;
    struct group *group;
    if (!find_group(c, 2, &value, &group) || !need_stream(c, value) || !need_group(c, group)) {
        return;
    }
    struct consumer *consumer = frm_consumer_find(group, &c->argv[4]);
    frm_int(c->out, consumer ? (int64_t)consumer->pending_count : 0);
    if (consumer) {
        frm_consumer_remove(group, consumer);
    }
}

/* -------------------------------------------------------------------------------------------- XACK
 */

void frm_cmd_xack(struct call *c)
{
    struct value *value;
    struct group *group;
    struct stream_id id;
    int64_t count = 0;
    if (!find_group(c, 1, &value, &group)) {
        return;
    }
    for (size_t i = 3; group && i < c->argc; i++) {
        if (!frm_arg_id(c, i, 0, &id, NULL)) {
            return;
        }
    }
    for (size_t i = 3; group && i < c->argc; i++) {
        frm_id_read(&c->argv[i], 0, true, &id, NULL);
        if (frm_pending_find(group, id)) {
            frm_pending_remove(group, frm_pending_place(group, id));
            count++;
        }
    }
    frm_int(c->out, count);
}

/* ---------------------------------------------------------------------------------------- XPENDING
 */

static void summarize(struct call *c, const struct group *group)
{
    frm_array(c->out, 4);
    frm_int(c->out, (int64_t)group->pending_count);
    if (group->pending_count == 0) {
        frm_null(c->out);
        frm_null(c->out);
        frm_null_array(c->out);
        return;
    }
    frm_id_reply(c->out, group->pending[0].id);
    frm_id_reply(c->out, group->pending[group->pending_count - 1].id);
    const struct entry **entries = frm_sorted_entries(&c->mock->heap, &group->consumers);
    size_t mark = frm_later(c->out);
    int64_t shown = 0;
    for (size_t i = 0; i < group->consumers.live; i++) {
        const struct consumer *consumer = entries[i]->value;
        if (consumer->pending_count > 0) {
            frm_array(c->out, 2);
            frm_bulk_str(c->out, consumer->name);
            frm_bulk_int(c->out, (int64_t)consumer->pending_count);
            shown++;
        }
    }
    frm_later_array(c->out, mark, shown);
    frm_free(entries);
}

struct pending_query {
    struct stream_id from, to;
    int64_t count, least_idle_ms;
    size_t consumer_at; /* 0: any */
};

static bool read_pending_query(struct call *c, struct pending_query *query)
{
    size_t first = 3;
    if (c->argc < 6 || c->argc > 9) {
        frm_error_syntax(c->out);
        return false;
    }
    if (frm_arg_is(c, 3, "idle")) {
        if (!frm_arg_int(c, 4, &query->least_idle_ms, NULL)) {
            return false;
        }
        if (c->argc < 8) {
            frm_error_syntax(c->out);
            return false;
        }
        first = 5;
    }
    if (!frm_arg_int(c, first + 2, &query->count, NULL) ||
        !frm_arg_interval(c, first, first + 1, &query->from, &query->to)) {
        return false;
    }
    query->consumer_at = first + 3 < c->argc ? first + 3 : 0;
    return true;
}

static void list_pending(struct call *c, const struct group *group,
                         const struct pending_query *query)
{
    const struct consumer *consumer =
        query->consumer_at ? frm_consumer_find(group, &c->argv[query->consumer_at]) : NULL;
    size_t mark = frm_later(c->out);
    int64_t shown = 0, now_ms = frm_now_ms(c->mock);
    bool is_nobody = query->consumer_at && !consumer;
    for (size_t i = frm_pending_place(group, query->from);
         !is_nobody && i < group->pending_count && shown < query->count; i++) {
        const struct pending *pending = &group->pending[i];
        int64_t idle_ms = now_ms - pending->delivered_ms;
        if (frm_id_compare(pending->id, query->to) > 0) {
            break;
        }
        if ((consumer && pending->consumer != consumer) ||
            (query->least_idle_ms && idle_ms < query->least_idle_ms)) {
            continue;
        }
        frm_array(c->out, 4);
        frm_id_reply(c->out, pending->id);
        frm_bulk_str(c->out, pending->consumer->name);
        frm_int(c->out, idle_ms < 0 ? 0 : idle_ms);
        frm_int(c->out, (int64_t)pending->delivery_count);
        shown++;
    }
    frm_later_array(c->out, mark, shown);
}

void frm_cmd_xpending(struct call *c)
{
    struct pending_query query = {0};
    struct value *value;
    struct group *group;
    bool is_summary = c->argc == 3;
    if ((!is_summary && !read_pending_query(c, &query)) || !find_group(c, 1, &value, &group)) {
        return;
    }
    if (!group) {
        frm_no_group(c, &c->argv[1], &c->argv[2], "");
    } else if (is_summary) {
        summarize(c, group);
    } else {
        list_pending(c, group, &query);
    }
}

/* -----------------------------------------------------------------------------------------
 * claiming */

struct claim {
    int64_t least_idle_ms, delivered_ms, retry_count; /* -1: not given */
    bool is_forced, ids_only;
    struct stream_id last;
};

static struct consumer *claimer(struct call *c, struct stream *stream, struct group *group)
{
    struct consumer *consumer = frm_consumer_find(group, &c->argv[3]);
    if (!consumer) {
        consumer = frm_consumer_new(stream, group, &c->argv[3], frm_now_ms(c->mock));
    }
    consumer->seen_ms = frm_now_ms(c->mock);
    return consumer;
}

static bool is_idle_enough(const struct call *c, const struct pending *pending,
                           const struct claim *claim)
{
    return !pending->consumer || claim->least_idle_ms == 0 ||
           frm_now_ms(c->mock) - pending->delivered_ms >= claim->least_idle_ms;
}

static void give(struct call *c, struct stream *stream, struct group *group,
                 struct pending *pending, const struct claim *claim)
{
    frm_pending_give(pending, claimer(c, stream, group));
    pending->delivered_ms = claim->delivered_ms;
    if (claim->retry_count >= 0) {
        pending->delivery_count = (uint64_t)claim->retry_count;
    } else {
        pending->delivery_count += !claim->ids_only;
    }
    if (claim->ids_only) {
        frm_id_reply(c->out, pending->id);
    } else {
        frm_entry_reply(c->out, frm_stream_find(stream, pending->id));
    }
}

/* Returns whether it was answered. */
static bool claim_one(struct call *c, struct stream *stream, struct group *group,
                      struct stream_id id, const struct claim *claim)
{
    struct pending *pending = frm_pending_find(group, id);
    if (!frm_stream_find(stream, id)) {
        if (pending) {
            frm_pending_remove(group, frm_pending_place(group, id));
        }
        return false;
    }
    if (!pending && claim->is_forced) {
        pending = frm_pending_put(stream, group, id);
        pending->delivery_count = 1;
    }
    if (!pending || !is_idle_enough(c, pending, claim)) {
        return false;
    }
    give(c, stream, group, pending, claim);
    return true;
}

static bool read_claim_time(struct call *c, size_t i, struct claim *claim, bool is_idle)
{
    int64_t ms, now_ms = frm_now_ms(c->mock);
    if (!frm_arg_int(c, i, &ms,
                     is_idle ? "ERR Invalid IDLE option argument for XCLAIM"
                             : "ERR Invalid TIME option argument for XCLAIM")) {
        return false;
    }
    claim->delivered_ms = !is_idle ? ms : __builtin_sub_overflow(now_ms, ms, &ms) ? now_ms : ms;
    return true;
}

static bool read_claim_options(struct call *c, size_t i, struct claim *claim)
{
    for (; i < c->argc; i++) {
        bool has_more = i + 1 < c->argc;
        bool reads = true;
        if (frm_arg_is(c, i, "force")) {
            claim->is_forced = true;
        } else if (frm_arg_is(c, i, "justid")) {
            claim->ids_only = true;
        } else if (has_more && (frm_arg_is(c, i, "idle") || frm_arg_is(c, i, "time"))) {
            reads = read_claim_time(c, i + 1, claim, frm_arg_is(c, i, "idle"));
            i++;
        } else if (has_more && frm_arg_is(c, i, "retrycount")) {
            reads = frm_arg_int(c, ++i, &claim->retry_count,
                                "ERR Invalid RETRYCOUNT option argument for XCLAIM");
        } else if (has_more && frm_arg_is(c, i, "lastid")) {
            reads = frm_arg_id(c, ++i, 0, &claim->last, NULL);
        } else {
            frm_error(c->out, "ERR Unrecognized XCLAIM option '%.*s'", shown_len(&c->argv[i]),
                      c->argv[i].data);
            reads = false;
        }
        if (!reads) {
            return false;
        }
    }
    return true;
}

static bool read_least_idle(struct call *c, const char *error, struct claim *claim)
{
    if (!frm_arg_int(c, 4, &claim->least_idle_ms, error)) {
        return false;
    }
    claim->least_idle_ms = claim->least_idle_ms < 0 ? 0 : claim->least_idle_ms;
    return true;
}

void frm_cmd_xclaim(struct call *c)
{
    int64_t now_ms = frm_now_ms(c->mock);
    struct claim claim = {.delivered_ms = -1, .retry_count = -1};
    struct value *value;
    struct group *group;
    struct stream_id id;
    if (!find_group(c, 1, &value, &group)) {
        return;
    }
    if (!group) {
        frm_no_group(c, &c->argv[1], &c->argv[2], "");
        return;
    }
    size_t end = 5;
    while (end < c->argc && frm_id_read(&c->argv[end], 0, true, &id, NULL)) {
        end++;
    }
    if (!read_least_idle(c, "ERR Invalid min-idle-time argument for XCLAIM", &claim) ||
        !read_claim_options(c, end, &claim)) {
        return;
    }
    bool is_possible = claim.delivered_ms >= 0 && claim.delivered_ms <= now_ms;
    claim.delivered_ms = is_possible ? claim.delivered_ms : now_ms;
    group->last = frm_id_compare(claim.last, group->last) > 0 ? claim.last : group->last;
    size_t mark = frm_later(c->out);
    int64_t shown = 0;
    for (size_t i = 5; i < end; i++) {
        frm_id_read(&c->argv[i], 0, true, &id, NULL);
        shown += claim_one(c, value->stream, group, id, &claim);
    }
    frm_later_array(c->out, mark, shown);
}

/* ------------------------------------------------------------------------------------- XAUTOCLAIM
 */

struct autoclaim {
    struct claim claim;
    struct stream_id from;
    int64_t count;
};

static bool read_autoclaim(struct call *c, struct autoclaim *automatic)
{
    struct stream_id to;
    if (!read_least_idle(c, "ERR Invalid min-idle-time argument for XAUTOCLAIM",
                         &automatic->claim) ||
        !frm_arg_interval(c, 5, 5, &automatic->from, &to)) {
        return false;
    }
    for (size_t i = 6; i < c->argc; i++) {
        if (i + 1 < c->argc && frm_arg_is(c, i, "count")) {
            if (!frm_arg_range(c, ++i, 1, INT64_MAX / 160, &automatic->count,
                               "ERR COUNT must be > 0")) {
                return false;
            }
        } else if (frm_arg_is(c, i, "justid")) {
            automatic->claim.ids_only = true;
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

/* Claim from place *at on; ids of entries that are no more go to deleted. */
static int64_t claim_some(struct call *c, struct stream *stream, struct group *group,
                          const struct autoclaim *automatic, size_t *at, struct out *deleted,
                          int64_t *deleted_count)
{
    int64_t left = automatic->count, tries = automatic->count * 10, shown = 0;
    while (tries-- > 0 && left > 0 && *at < group->pending_count) {
        struct pending *pending = &group->pending[*at];
        if (!frm_stream_find(stream, pending->id)) {
            frm_id_reply(deleted, pending->id);
            (*deleted_count)++;
            frm_pending_remove(group, *at);
            left--;
            continue;
        }
        (*at)++;
        if (is_idle_enough(c, pending, &automatic->claim)) {
            give(c, stream, group, pending, &automatic->claim);
            shown++;
            left--;
        }
    }
    return shown;
}

void frm_cmd_xautoclaim(struct call *c)
{
    struct autoclaim automatic = {.claim = {.retry_count = -1}, .count = 100};
    struct value *value;
    struct group *group;
    if (!read_autoclaim(c, &automatic) || !find_group(c, 1, &value, &group)) {
        return;
    }
    if (!group) {
        frm_no_group(c, &c->argv[1], &c->argv[2], "");
        return;
    }
    automatic.claim.delivered_ms = frm_now_ms(c->mock);
    struct out deleted, claimed, *out = c->out;
    int64_t deleted_count = 0;
    size_t at = frm_pending_place(group, automatic.from);
    frm_out_init(&deleted, &c->mock->heap);
    frm_out_init(&claimed, &c->mock->heap);
    c->out = &claimed;
    int64_t shown = claim_some(c, value->stream, group, &automatic, &at, &deleted, &deleted_count);
    c->out = out;
    frm_array(out, 3);
    frm_id_reply(out, at < group->pending_count ? group->pending[at].id : ID_MIN);
    frm_array(out, shown);
    frm_out_raw(out, claimed.data, claimed.end);
    frm_array(out, deleted_count);
    frm_out_raw(out, deleted.data, deleted.end);
    frm_out_finish(&claimed);
    frm_out_finish(&deleted);
}
