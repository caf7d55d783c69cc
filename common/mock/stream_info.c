/* XINFO STREAM (without FULL), XINFO GROUPS, XINFO CONSUMERS. */
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

void frm_cmd_xinfo_stream(struct call *c)
{
    const struct stream *stream = find_stream(c);
    if (!stream) {
        return;
    }
    if (c->argc > 3) {
        frm_error(c->out,
                  "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try "
                  "XINFO HELP.",
                  (int)c->argv[1].len, c->argv[1].data);
        return;
    }
    size_t len = frm_stream_len(stream);
    frm_map(c->out, 10);
    show_number(c->out, "length", (int64_t)len);
    show_number(c->out, "radix-tree-keys", node_count(stream));
    show_number(c->out, "radix-tree-nodes", node_count(stream) + 1);
    show_id(c->out, "last-generated-id", stream->last);
    show_id(c->out, "max-deleted-entry-id", stream->max_deleted);
    show_number(c->out, "entries-added", (int64_t)stream->added);
    show_id(c->out, "recorded-first-entry-id", stream->first);
    show_number(c->out, "groups", stream->groups.live);
    show_entry(c->out, "first-entry", frm_stream_at(stream, 0));
    show_entry(c->out, "last-entry", len ? frm_stream_at(stream, len - 1) : NULL);
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
