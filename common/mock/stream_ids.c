/* Ids of streams as commands write them, and entries as replies show them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mock/stream.h"

/* As util.c, string2ull: what strtoull takes as a whole, unless it is a plain negative number. */
static bool read_part(const char *text, uint64_t *number)
{
    char *end;
    int64_t signed_number;
    if (fr_parse_int64(text, strlen(text), &signed_number)) {
        *number = (uint64_t)signed_number;
        return signed_number >= 0;
    }
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *text != '\0' && *end == '\0';
}

bool frm_id_read(const struct fr_word *word, uint64_t missing_seq, bool is_strict,
                 struct stream_id *id, bool *has_seq)
{
    char text[128];
    if (word->len > sizeof(text) - 1) {
        return false;
    }
    memcpy(text, word->data, word->len);
    text[word->len] = '\0';
    if (has_seq) {
        *has_seq = true;
    }
    if (strcmp(text, "-") == 0 || strcmp(text, "+") == 0) {
        *id = text[0] == '-' ? ID_MIN : ID_MAX;
        return !is_strict;
    }
    char *dash = strchr(text, '-');
    if (dash) {
        *dash = '\0';
    }
    id->seq = missing_seq;
    if (!read_part(text, &id->ms)) {
        return false;
    }
    if (dash && has_seq && strcmp(dash + 1, "*") == 0) {
        id->seq = 0;
        *has_seq = false;
        return true;
    }
    return !dash || read_part(dash + 1, &id->seq);
}

static void bad_id(struct call *c)
{
    frm_error(c->out, "ERR Invalid stream ID specified as stream command argument");
}

bool frm_arg_id(struct call *c, size_t i, uint64_t missing_seq, struct stream_id *id, bool *has_seq)
{
    if (frm_id_read(&c->argv[i], missing_seq, true, id, has_seq)) {
        return true;
    }
    bad_id(c);
    return false;
}

static bool read_border(struct call *c, size_t i, uint64_t missing_seq, struct stream_id *id,
                        bool *is_exclusive)
{
    struct fr_word word = c->argv[i];
    *is_exclusive = word.len > 1 && word.data[0] == '(';
    if (*is_exclusive) {
        word = (struct fr_word){word.data + 1, word.len - 1};
    }
    if (!frm_id_read(&word, missing_seq, *is_exclusive, id, NULL)) {
        bad_id(c);
        return false;
    }
    return true;
}

bool frm_arg_interval(struct call *c, size_t from_at, size_t to_at, struct stream_id *from,
                      struct stream_id *to)
{
    bool is_exclusive;
    if (!read_border(c, from_at, 0, from, &is_exclusive)) {
        return false;
    }
    if (is_exclusive && !frm_id_next(from)) {
        frm_error(c->out, "ERR invalid start ID for the interval");
        return false;
    }
    if (!read_border(c, to_at, UINT64_MAX, to, &is_exclusive)) {
        return false;
    }
    if (is_exclusive && !frm_id_previous(to)) {
        frm_error(c->out, "ERR invalid end ID for the interval");
        return false;
    }
    return true;
}

void frm_id_reply(struct out *out, struct stream_id id)
{
    char text[64];
    int len = snprintf(text, sizeof(text), "%" PRIu64 "-%" PRIu64, id.ms, id.seq);
    frm_bulk(out, text, (size_t)len);
}

void frm_entry_reply(struct out *out, const struct stream_entry *entry)
{
    frm_array(out, 2);
    frm_id_reply(out, entry->id);
    frm_array(out, 2 * (int64_t)entry->field_count);
    for (size_t i = 0; i < 2 * (size_t)entry->field_count; i++) {
        frm_bulk_str(out, entry->fields[i]);
    }
}

void frm_entries_reply(struct out *out, const struct stream *stream, struct stream_id from,
                       struct stream_id to, int64_t count, bool is_reversed)
{
    size_t mark = frm_later(out), first = frm_stream_place(stream, from), end;
    int64_t shown = 0;
    end = frm_stream_place(stream, to);
    const struct stream_entry *last = frm_stream_at(stream, end);
    end += last && frm_id_compare(last->id, to) == 0;
    for (size_t i = first; i < end && (count < 0 || shown < count); i++, shown++) {
        frm_entry_reply(out, frm_stream_at(stream, is_reversed ? end - 1 - (i - first) : i));
    }
    frm_later_array(out, mark, shown);
}

void frm_no_group(struct call *c, const struct fr_word *key, const struct fr_word *group,
                  const char *behind)
{
    frm_error(c->out, "NOGROUP No such key '%.*s' or consumer group '%.*s'%s",
              (int)strnlen(key->data, key->len), key->data, (int)strnlen(group->data, group->len),
              group->data, behind);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *const *first = a, *const *second = b;
    struct fr_word x = frm_word((*first)->key), y = frm_word((*second)->key);
    return frm_word_compare(&x, &y);
}

const struct entry **frm_sorted_entries(struct heap *heap, const struct dict *dict)
{
    const struct entry **entries = frm_alloc(heap, (dict->live + 1U) * sizeof(struct entry *));
    size_t count = 0;
    for (const struct entry *entry = NULL; (entry = frm_dict_next(dict, entry));) {
        entries[count++] = entry;
    }
    qsort(entries, count, sizeof(struct entry *), compare_entries);
    return entries;
}

/* t_stream.c, streamRangeHasTombstones, 7.0: what was deleted before the first entry leaves none.
 */
bool frm_stream_has_gap(const struct stream *stream, struct stream_id from)
{
    bool has_deleted = frm_id_compare(stream->max_deleted, ID_MIN) != 0;
    return frm_stream_len(stream) > 0 && has_deleted &&
           frm_id_compare(stream->first, stream->max_deleted) <= 0 &&
           frm_id_compare(from, stream->max_deleted) <= 0;
}

/* t_stream.c, streamEstimateDistanceFromFirstEverEntry, 7.0 */
int64_t frm_stream_read_count(const struct stream *stream, struct stream_id id)
{
    int64_t added = (int64_t)stream->added, len = (int64_t)frm_stream_len(stream);
    int to_last = frm_id_compare(id, stream->last), to_first = frm_id_compare(id, stream->first);
    if (added == 0 || (len == 0 && to_last < 1) || to_last == 0) {
        return added;
    }
    bool has_deleted = frm_id_compare(stream->max_deleted, ID_MIN) != 0;
    bool front_is_whole = !has_deleted || frm_id_compare(stream->max_deleted, stream->first) < 0;
    if (to_last > 0 || !front_is_whole || to_first > 0) {
        return -1;
    }
    return added - len + (to_first == 0);
}
