/* XINFO STREAM, XINFO GROUPS, XINFO CONSUMERS. */
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/stream.h"

static struct stream *find_stream(struct call *c)
{
    struct value *value;
    if (!frm_find_type(c, &c->argv[2], TYPE_STREAM, &value)) {
        return NULL;
    }
    if (!value) {
        frm_error(c->out, "ERR no such key");
        return NULL;
    }
    return value->stream;
}

static int64_t node_count(const struct stream *stream)
{
    int64_t count = 0;
    for (size_t i = 0; i < frm_stream_len(stream); i++) {
        count += frm_stream_at(stream, i)->begins_node;
    }
    return count;
}

static void show_entry(struct out *out, const char *name, const struct stream_entry *entry)
{
    frm_bulk_text(out, name);
    if (entry) {
        frm_entry_reply(out, entry);
    } else {
        frm_null(out);
    }
}

static void show_id(struct out *out, const char *name, struct stream_id id)
{
    frm_bulk_text(out, name);
    frm_id_reply(out, id);
}

static void show_number(struct out *out, const char *name, int64_t number)
{
    frm_bulk_text(out, name);
    frm_int(out, number);
}

#define UNKNOWN INT64_MIN

/* How many entries the group has still to read; as wrong as Redis' where ENTRIESREAD was wrong. */
static int64_t lag_of(const struct stream *stream, const struct group *group)
{
    int64_t read = group->entries_read;
    if (stream->added == 0) {
        return 0;
    }
    if (read == -1 || frm_stream_has_gap(stream, group->last)) {
        read = frm_stream_read_count(stream, group->last);
    }
    return read == -1 ? UNKNOWN : (int64_t)stream->added - read;
}

static void show_known(struct out *out, const char *name, int64_t number)
{
    frm_bulk_text(out, name);
    if (number == UNKNOWN) {
        frm_null(out);
    } else {
        frm_int(out, number);
    }
}

/* ------------------------------------------------------------------------------------------ FULL
 */

/* At most count of what is pending (0: all), of all consumers (NULL) or one. */
static void show_pending(struct out *out, const struct group *group,
                         const struct consumer *consumer, int64_t count)
{
    int64_t shown = 0;
    frm_bulk_text(out, "pending");
    size_t mark = frm_later(out);
    for (size_t i = 0; i < group->pending_count && (count == 0 || shown < count); i++) {
        const struct pending *pending = &group->pending[i];
        if (consumer && pending->consumer != consumer) {
            continue;
        }
        shown++;
        frm_array(out, consumer ? 3 : 4);
        frm_id_reply(out, pending->id);
        if (!consumer) {
            frm_bulk_str(out, pending->consumer->name);
        }
        frm_int(out, pending->delivered_ms);
        frm_int(out, (int64_t)pending->delivery_count);
    }
    frm_later_array(out, mark, shown);
}

static void show_consumers(struct call *c, const struct group *group, int64_t count)
{
    const struct entry **entries = frm_sorted_entries(&c->mock->heap, &group->consumers);
    frm_bulk_text(c->out, "consumers");
    frm_array(c->out, group->consumers.live);
    for (size_t i = 0; i < group->consumers.live; i++) {
        const struct consumer *consumer = entries[i]->value;
        frm_map(c->out, 4);
        frm_bulk_text(c->out, "name");
        frm_bulk_str(c->out, consumer->name);
        show_number(c->out, "seen-time", consumer->seen_ms);
        show_number(c->out, "pel-count", (int64_t)consumer->pending_count);
        show_pending(c->out, group, consumer, count);
    }
    frm_free(entries);
}

static void show_groups(struct call *c, const struct stream *stream, int64_t count)
{
    const struct entry **entries = frm_sorted_entries(&c->mock->heap, &stream->groups);
    frm_bulk_text(c->out, "groups");
    frm_array(c->out, stream->groups.live);
    for (size_t i = 0; i < stream->groups.live; i++) {
        const struct group *group = entries[i]->value;
        frm_map(c->out, 7);
        frm_bulk_text(c->out, "name");
        frm_bulk_str(c->out, group->name);
        show_id(c->out, "last-delivered-id", group->last);
        show_known(c->out, "entries-read",
                   group->entries_read == -1 ? UNKNOWN : group->entries_read);
        show_known(c->out, "lag", lag_of(stream, group));
        show_number(c->out, "pel-count", (int64_t)group->pending_count);
        show_pending(c->out, group, NULL, count);
        show_consumers(c, group, count);
    }
    frm_free(entries);
}

/* ---------------------------------------------------------------------------------------- STREAM
 */

struct detail {
    bool is_full;
    int64_t count; /* of entries and pending ones, 0: all */
};

/* [FULL [COUNT count]] */
static bool read_detail(struct call *c, struct detail *detail)
{
    *detail = (struct detail){c->argc > 3, 10};
    bool is_known = (c->argc == 3) || (c->argc == 4 && frm_arg_is(c, 3, "full")) ||
                    (c->argc == 6 && frm_arg_is(c, 3, "full") && frm_arg_is(c, 4, "count"));
    if (!is_known) {
        frm_error(c->out,
                  "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                  "XINFO HELP.",
                  (int)c->argv[1].len, c->argv[1].data);
        return false;
    }
    if (c->argc == 6 && !frm_arg_int(c, 5, &detail->count, NULL)) {
        return false;
    }
    detail->count = detail->count < 0 ? 10 : detail->count;
    return true;
}

void frm_cmd_xinfo_stream(struct call *c)
{
    const struct stream *stream = find_stream(c);
    struct detail detail;
    if (!stream || !read_detail(c, &detail)) {
        return;
    }
    size_t len = frm_stream_len(stream);
    frm_map(c->out, detail.is_full ? 9 : 10);
    show_number(c->out, "length", (int64_t)len);
    show_number(c->out, "radix-tree-keys", node_count(stream));
    show_number(c->out, "radix-tree-nodes", node_count(stream) + 1);
    show_id(c->out, "last-generated-id", stream->last);
    show_id(c->out, "max-deleted-entry-id", stream->max_deleted);
    show_number(c->out, "entries-added", (int64_t)stream->added);
    show_id(c->out, "recorded-first-entry-id", stream->first);
    if (detail.is_full) {
        frm_bulk_text(c->out, "entries");
        frm_entries_reply(c->out, stream, ID_MIN, ID_MAX, detail.count == 0 ? -1 : detail.count,
                          false);
        show_groups(c, stream, detail.count);
        return;
    }
    show_number(c->out, "groups", stream->groups.live);
    show_entry(c->out, "first-entry", frm_stream_at(stream, 0));
    show_entry(c->out, "last-entry", len ? frm_stream_at(stream, len - 1) : NULL);
}

/* ------------------------------------------------------------------------- GROUPS and CONSUMERS
 */

void frm_cmd_xinfo_groups(struct call *c)
{
    const struct stream *stream = find_stream(c);
    if (!stream) {
        return;
    }
    const struct entry **entries = frm_sorted_entries(&c->mock->heap, &stream->groups);
    frm_array(c->out, stream->groups.live);
    for (size_t i = 0; i < stream->groups.live; i++) {
        const struct group *group = entries[i]->value;
        frm_map(c->out, 6);
        frm_bulk_text(c->out, "name");
        frm_bulk_str(c->out, group->name);
        show_number(c->out, "consumers", group->consumers.live);
        show_number(c->out, "pending", (int64_t)group->pending_count);
        show_id(c->out, "last-delivered-id", group->last);
        show_known(c->out, "entries-read",
                   group->entries_read == -1 ? UNKNOWN : group->entries_read);
        show_known(c->out, "lag", lag_of(stream, group));
    }
    frm_free(entries);
}

void frm_cmd_xinfo_consumers(struct call *c)
{
    const struct stream *stream = find_stream(c);
    const struct group *group = stream ? frm_group_find(stream, &c->argv[3]) : NULL;
    if (!stream) {
        return;
    }
    if (!group) {
        frm_error(c->out, "NOGROUP No such consumer group '%.*s' for key name '%.*s'",
                  (int)strnlen(c->argv[3].data, c->argv[3].len), c->argv[3].data,
                  (int)strnlen(c->argv[2].data, c->argv[2].len), c->argv[2].data);
        return;
    }
    const struct entry **entries = frm_sorted_entries(&c->mock->heap, &group->consumers);
    frm_array(c->out, group->consumers.live);
    for (size_t i = 0; i < group->consumers.live; i++) {
        const struct consumer *consumer = entries[i]->value;
        int64_t idle_ms = frm_now_ms(c->mock) - consumer->seen_ms;
        frm_map(c->out, 3);
        frm_bulk_text(c->out, "name");
        frm_bulk_str(c->out, consumer->name);
        show_number(c->out, "pending", (int64_t)consumer->pending_count);
        show_number(c->out, "idle", idle_ms < 0 ? 0 : idle_ms);
    }
    frm_free(entries);
}
