/* A stream: entries in the order of their ids, and its consumer groups. */
#ifndef FR_MOCK_STREAM_H
#define FR_MOCK_STREAM_H

#include "common/mock/engine.h"

struct stream_id {
    uint64_t ms, seq;
};

#define ID_MIN ((struct stream_id){0, 0})
#define ID_MAX ((struct stream_id){UINT64_MAX, UINT64_MAX})

/* Redis keeps up to 100 entries or 4096 bytes in a node, and trims whole nodes where told "~". The
 * first entry of what would be a node is marked. */
struct stream_entry {
    struct stream_id id;
    uint32_t field_count; /* pairs */
    bool begins_node;
    struct str *fields[]; /* name, value, name, value … */
};

/* An entry that was delivered and not acknowledged. */
struct pending {
    struct stream_id id;
    struct consumer *consumer;
    int64_t delivered_ms;
    uint64_t delivery_count;
};

struct consumer {
    struct str *name;
    int64_t seen_ms;
    size_t pending_count;
};

struct group {
    struct str *name;
    struct stream_id last;
    int64_t entries_read; /* -1: not known */
    struct dict consumers;
    struct pending *pending; /* in the order of ids */
    size_t pending_count, pending_cap;
};

struct stream {
    struct heap *heap;
    struct stream_entry **entries; /* those that are there: from begin to end */
    size_t begin, end, cap;
    size_t node_count; /* entries of the last node, and its bytes */
    size_t node_bytes;
    struct stream_id last, first, max_deleted;
    uint64_t added;
    struct dict groups;
};

struct stream *frm_stream_new(struct heap *heap);
void frm_stream_free(struct stream *stream);
struct stream *frm_stream_copy(struct heap *heap, const struct stream *stream);

int frm_id_compare(struct stream_id a, struct stream_id b);
bool frm_id_next(struct stream_id *id);
bool frm_id_previous(struct stream_id *id);
void frm_id_reply(struct out *out, struct stream_id id);

size_t frm_stream_len(const struct stream *stream);

/* The place (from 0) of the first entry whose id is at least this. */
size_t frm_stream_place(const struct stream *stream, struct stream_id id);
struct stream_entry *frm_stream_at(const struct stream *stream, size_t place);
struct stream_entry *frm_stream_find(const struct stream *stream, struct stream_id id);

/* Add an entry behind the last; count pairs of words. */
void frm_stream_append(struct stream *stream, struct stream_id id, const struct fr_word *words,
                       size_t count);
void frm_stream_remove(struct stream *stream, size_t place);

/* Remove the first count entries. */
void frm_stream_drop(struct stream *stream, size_t count);

struct group *frm_group_find(const struct stream *stream, const struct fr_word *name);
struct group *frm_group_new(struct stream *stream, const struct fr_word *name,
                            struct stream_id last, int64_t entries_read);
void frm_group_free(void *what);
struct consumer *frm_consumer_find(const struct group *group, const struct fr_word *name);
struct consumer *frm_consumer_new(struct stream *stream, struct group *group,
                                  const struct fr_word *name, int64_t now_ms);

/* The place of the first pending entry whose id is at least this. */
size_t frm_pending_place(const struct group *group, struct stream_id id);
struct pending *frm_pending_find(const struct group *group, struct stream_id id);

/* Find or add; a new one has no consumer. */
struct pending *frm_pending_put(struct stream *stream, struct group *group, struct stream_id id);
void frm_pending_remove(struct group *group, size_t place);
void frm_pending_give(struct pending *pending, struct consumer *consumer);

/* Remove a consumer with what is pending for it. */
void frm_consumer_remove(struct group *group, struct consumer *consumer);

/* Read an id: "ms" (its sequence number is missing_seq then), "ms-seq"; where has_seq is not NULL
 * also "ms-*", which *has_seq tells; where not strict also "-" and "+". The second answers why not.
 */
bool frm_id_read(const struct fr_word *word, uint64_t missing_seq, bool is_strict,
                 struct stream_id *id, bool *has_seq);
bool frm_arg_id(struct call *c, size_t i, uint64_t missing_seq, struct stream_id *id,
                bool *has_seq);

/* Read two ids as the borders of an interval, "(" before one that is not part of it. */
bool frm_arg_interval(struct call *c, size_t from_at, size_t to_at, struct stream_id *from,
                      struct stream_id *to);

void frm_entry_reply(struct out *out, const struct stream_entry *entry);

/* How many entries the group has read when its last one is id; -1: cannot be told. */
int64_t frm_stream_read_count(const struct stream *stream, struct stream_id id);

/* Whether an entry from this id on may have been deleted. */
bool frm_stream_has_gap(const struct stream *stream, struct stream_id from);

/* Answer that there is no such group, with how words it. */
void frm_no_group(struct call *c, const struct fr_word *key, const struct fr_word *group,
                  const char *behind);

/* The names of a dict in alphabetical order, as Redis' radix trees have them; the caller frees the
 * array of so many entries as the dict has. */
const struct entry **frm_sorted_entries(struct heap *heap, const struct dict *dict);

/* Entries from place first on, up to an id, at most count (below 0: all), as an array. */
void frm_entries_reply(struct out *out, const struct stream *stream, struct stream_id from,
                       struct stream_id to, int64_t count, bool is_reversed);

#endif
