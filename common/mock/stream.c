/* Streams as data: entries, groups, consumers, what is pending. The commands are elsewhere. */
#include "common/mock/stream.h"

#include <string.h>

enum {
    FEWEST = 8
};

struct stream *frm_stream_new(struct heap *heap)
{
    struct stream *stream = frm_zalloc(heap, sizeof(*stream));
    stream->heap = heap;
    frm_dict_init(&stream->groups, heap);
    return stream;
}

static void entry_free(struct stream_entry *entry)
{
    for (size_t i = 0; i < 2 * (size_t)entry->field_count; i++) {
        frm_free(entry->fields[i]);
    }
    frm_free(entry);
}

void frm_stream_free(struct stream *stream)
{
    for (size_t i = stream->begin; i < stream->end; i++) {
        entry_free(stream->entries[i]);
    }
    frm_free(stream->entries);
    frm_dict_finish(&stream->groups, frm_group_free);
    frm_free(stream);
}

/* -------------------------------------------------------------------------------------------- ids
 */

int frm_id_compare(struct stream_id a, struct stream_id b)
{
    if (a.ms != b.ms) {
        return a.ms < b.ms ? -1 : 1;
    }
    return (a.seq > b.seq) - (a.seq < b.seq);
}

bool frm_id_next(struct stream_id *id)
{
    if (++id->seq == 0 && ++id->ms == 0) {
        *id = ID_MAX;
        return false;
    }
    return true;
}

bool frm_id_previous(struct stream_id *id)
{
    if (id->seq-- == 0 && id->ms-- == 0) {
        *id = ID_MIN;
        return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------- entries
 */

size_t frm_stream_len(const struct stream *stream)
{
    return stream->end - stream->begin;
}

struct stream_entry *frm_stream_at(const struct stream *stream, size_t place)
{
    return place < frm_stream_len(stream) ? stream->entries[stream->begin + place] : NULL;
}

size_t frm_stream_place(const struct stream *stream, struct stream_id id)
{
    size_t low = stream->begin, high = stream->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (frm_id_compare(stream->entries[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low - stream->begin;
}

struct stream_entry *frm_stream_find(const struct stream *stream, struct stream_id id)
{
    struct stream_entry *entry = frm_stream_at(stream, frm_stream_place(stream, id));
    return entry && frm_id_compare(entry->id, id) == 0 ? entry : NULL;
}

static void make_room(struct stream *stream)
{
    if (stream->end < stream->cap) {
        return;
    }
    size_t count = frm_stream_len(stream);
    if (stream->begin > 0 && stream->begin >= stream->cap / 2) {
        memmove(stream->entries, stream->entries + stream->begin,
                count * sizeof(struct stream_entry *));
        stream->begin = 0;
        stream->end = count;
        return;
    }
    stream->cap = stream->cap ? stream->cap * 2 : FEWEST;
    size_t size = stream->cap * sizeof(struct stream_entry *);
    stream->entries =
        stream->entries ? frm_realloc(stream->entries, size) : frm_alloc(stream->heap, size);
}

/* Where Redis would begin a new node (t_stream.c, streamAppendItem). */
static bool begins_node(struct stream *stream, size_t bytes)
{
    enum {
        NODE_ENTRIES = 100,
        NODE_BYTES = 4096
    };
    if (frm_stream_len(stream) == 0 || stream->node_count >= NODE_ENTRIES ||
        stream->node_bytes + bytes >= NODE_BYTES) {
        stream->node_count = 1;
        stream->node_bytes = bytes;
        return true;
    }
    stream->node_count++;
    stream->node_bytes += bytes;
    return false;
}

void frm_stream_append(struct stream *stream, struct stream_id id, const struct fr_word *words,
                       size_t count)
{
    struct stream_entry *entry =
        frm_alloc(stream->heap, sizeof(*entry) + 2 * count * sizeof(struct str *));
    size_t bytes = 0;
    for (size_t i = 0; i < 2 * count; i++) {
        entry->fields[i] = frm_str_of(stream->heap, &words[i]);
        bytes += words[i].len;
    }
    entry->id = id;
    entry->field_count = (uint32_t)count;
    entry->begins_node = begins_node(stream, bytes);
    make_room(stream);
    if (frm_stream_len(stream) == 0) {
        stream->first = id;
    }
    stream->entries[stream->end++] = entry;
    stream->last = id;
    stream->added++;
}

static void settle_first(struct stream *stream)
{
    stream->first = frm_stream_len(stream) ? stream->entries[stream->begin]->id : ID_MIN;
}

void frm_stream_remove(struct stream *stream, size_t place)
{
    size_t at = stream->begin + place;
    struct stream_entry *entry = stream->entries[at];
    if (entry->begins_node && at + 1 < stream->end) {
        stream->entries[at + 1]->begins_node = true;
    }
    if (stream->node_count > 0 && at + stream->node_count >= stream->end) {
        stream->node_count--;
    }
    entry_free(entry);
    if (place == 0) {
        stream->begin++;
    } else {
        memmove(stream->entries + at, stream->entries + at + 1,
                (stream->end - at - 1) * sizeof(struct stream_entry *));
        stream->end--;
    }
    settle_first(stream);
}

void frm_stream_drop(struct stream *stream, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        entry_free(stream->entries[stream->begin++]);
    }
    if (frm_stream_len(stream) > 0) {
        stream->entries[stream->begin]->begins_node = true;
    }
    settle_first(stream);
}

/* ----------------------------------------------------------------------------------------- groups
 */

static void consumer_free(void *what)
{
    struct consumer *consumer = what;
    frm_free(consumer->name);
    frm_free(consumer);
}

void frm_group_free(void *what)
{
    struct group *group = what;
    frm_dict_finish(&group->consumers, consumer_free);
    frm_free(group->pending);
    frm_free(group->name);
    frm_free(group);
}

struct group *frm_group_find(const struct stream *stream, const struct fr_word *name)
{
    const struct entry *entry = frm_dict_find(&stream->groups, name);
    return entry ? entry->value : NULL;
}

struct group *frm_group_new(struct stream *stream, const struct fr_word *name,
                            struct stream_id last, int64_t entries_read)
{
    struct group *group = frm_zalloc(stream->heap, sizeof(*group));
    group->name = frm_str_of(stream->heap, name);
    group->last = last;
    group->entries_read = entries_read;
    frm_dict_init(&group->consumers, stream->heap);
    frm_dict_put(&stream->groups, name, NULL)->value = group;
    return group;
}

struct consumer *frm_consumer_find(const struct group *group, const struct fr_word *name)
{
    const struct entry *entry = frm_dict_find(&group->consumers, name);
    return entry ? entry->value : NULL;
}

struct consumer *frm_consumer_new(struct stream *stream, struct group *group,
                                  const struct fr_word *name, int64_t now_ms)
{
    struct consumer *consumer = frm_zalloc(stream->heap, sizeof(*consumer));
    consumer->name = frm_str_of(stream->heap, name);
    consumer->seen_ms = now_ms;
    frm_dict_put(&group->consumers, name, NULL)->value = consumer;
    return consumer;
}

void frm_consumer_remove(struct group *group, struct consumer *consumer)
{
    size_t kept = 0;
    for (size_t i = 0; i < group->pending_count; i++) {
        if (group->pending[i].consumer != consumer) {
            group->pending[kept++] = group->pending[i];
        }
    }
    group->pending_count = kept;
    struct fr_word name = frm_word(consumer->name);
    frm_dict_remove(&group->consumers, &name, NULL);
    consumer_free(consumer);
}

/* ---------------------------------------------------------------------------------------- pending
 */

size_t frm_pending_place(const struct group *group, struct stream_id id)
{
    size_t low = 0, high = group->pending_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (frm_id_compare(group->pending[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct pending *frm_pending_find(const struct group *group, struct stream_id id)
{
    size_t place = frm_pending_place(group, id);
    bool is_there =
        place < group->pending_count && frm_id_compare(group->pending[place].id, id) == 0;
    return is_there ? &group->pending[place] : NULL;
}

struct pending *frm_pending_put(struct stream *stream, struct group *group, struct stream_id id)
{
    struct pending *found = frm_pending_find(group, id);
    if (found) {
        return found;
    }
    if (group->pending_count == group->pending_cap) {
        group->pending_cap = group->pending_cap ? group->pending_cap * 2 : FEWEST;
        size_t size = group->pending_cap * sizeof(struct pending);
        group->pending =
            group->pending ? frm_realloc(group->pending, size) : frm_alloc(stream->heap, size);
    }
    size_t place = frm_pending_place(group, id);
    memmove(group->pending + place + 1, group->pending + place,
            (group->pending_count - place) * sizeof(struct pending));
    group->pending_count++;
    group->pending[place] = (struct pending){.id = id};
    return &group->pending[place];
}

void frm_pending_give(struct pending *pending, struct consumer *consumer)
{
    if (pending->consumer) {
        pending->consumer->pending_count--;
    }
    pending->consumer = consumer;
    consumer->pending_count++;
}

void frm_pending_remove(struct group *group, size_t place)
{
    group->pending[place].consumer->pending_count--;
    group->pending_count--;
    memmove(group->pending + place, group->pending + place + 1,
            (group->pending_count - place) * sizeof(struct pending));
}

/* ---------------------------------------------------------------------------------------- copying
 */

static void copy_group(struct stream *to, const struct group *from)
{
    struct fr_word name = frm_word(from->name);
    struct group *group = frm_group_new(to, &name, from->last, from->entries_read);
    for (const struct entry *entry = NULL; (entry = frm_dict_next(&from->consumers, entry));) {
        const struct consumer *consumer = entry->value;
        name = frm_word(consumer->name);
        frm_consumer_new(to, group, &name, consumer->seen_ms);
    }
    for (size_t i = 0; i < from->pending_count; i++) {
        const struct pending *old = &from->pending[i];
        struct pending *pending = frm_pending_put(to, group, old->id);
        pending->delivered_ms = old->delivered_ms;
        pending->delivery_count = old->delivery_count;
        name = frm_word(old->consumer->name);
        frm_pending_give(pending, frm_consumer_find(group, &name));
    }
}

struct stream *frm_stream_copy(struct heap *heap, const struct stream *stream)
{
    struct stream *copy = frm_stream_new(heap);
    for (size_t i = stream->begin; i < stream->end; i++) {
        const struct stream_entry *entry = stream->entries[i];
        struct fr_word *words =
            frm_alloc(heap, (2 * (size_t)entry->field_count + 1) * sizeof(struct fr_word));
        for (size_t w = 0; w < 2 * (size_t)entry->field_count; w++) {
            words[w] = frm_word(entry->fields[w]);
        }
        frm_stream_append(copy, entry->id, words, entry->field_count);
        copy->entries[copy->end - 1]->begins_node = entry->begins_node;
        frm_free(words);
    }
    copy->node_count = stream->node_count;
    copy->node_bytes = stream->node_bytes;
    copy->last = stream->last;
    copy->first = stream->first;
    copy->max_deleted = stream->max_deleted;
    copy->added = stream->added;
    for (const struct entry *entry = NULL; (entry = frm_dict_next(&stream->groups, entry));) {
        copy_group(copy, entry->value);
    }
    return copy;
}
