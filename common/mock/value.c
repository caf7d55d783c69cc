/* Values: made, freed, copied, and the name of the encoding Redis would have them in. */
#include <string.h>

#include "common/mock/engine.h"
#include "common/mock/list.h"
#include "common/mock/number.h"
#include "common/mock/skiplist.h"
#include "common/mock/stream.h"

enum {
    EMBSTR_MAX = 44 /* object.c, OBJ_ENCODING_EMBSTR_SIZE_LIMIT */
};

struct value *frm_value_new(struct heap *heap, enum value_type type)
{
    struct value *value = frm_zalloc(heap, sizeof(*value));
    value->type = (uint8_t)type;
    value->expires_ms = NEVER;
    if (type == TYPE_LIST) {
        frm_list_init(&value->list, heap);
    } else if (type == TYPE_SET || type == TYPE_HASH) {
        frm_dict_init(&value->dict, heap);
    } else if (type == TYPE_ZSET) {
        frm_dict_init(&value->zset.members, heap);
        value->zset.order = frm_skiplist_new(heap);
    } else if (type == TYPE_STREAM) {
        value->stream = frm_stream_new(heap);
    }
    return value;
}

static void free_string(struct value *value)
{
    frm_free(value->string);
}

static void free_list(struct value *value)
{
    frm_list_finish(&value->list);
}

static void free_set(struct value *value)
{
    frm_dict_finish(&value->dict, NULL);
}

static void free_zset(struct value *value)
{
    frm_skiplist_free(value->zset.order);
    frm_dict_finish(&value->zset.members, NULL);
}

static void free_hash(struct value *value)
{
    frm_dict_finish(&value->dict, frm_free);
}

static void free_stream(struct value *value)
{
    frm_stream_free(value->stream);
}

void frm_value_free(void *what)
{
    static void (*const free_content[])(struct value * value) = {
        free_string, free_list, free_set, free_zset, free_hash, free_stream};
    struct value *value = what;
    if (value) {
        free_content[value->type](value);
        frm_free(value);
    }
}

static struct str *copy_str(struct heap *heap, const struct str *str)
{
    return frm_str(heap, str->data, str->len);
}

static void copy_string(struct value *to, const struct value *from, struct heap *heap)
{
    to->string = copy_str(heap, from->string);
}

static void copy_list(struct value *to, const struct value *from, struct heap *heap)
{
    for (size_t i = 0; i < from->list.count; i++) {
        frm_list_insert(&to->list, i, copy_str(heap, *frm_list_at(&from->list, i)));
    }
}

static void copy_dict(struct value *to, const struct value *from, struct heap *heap)
{
    for (const struct entry *entry = frm_dict_next(&from->dict, NULL); entry;
         entry = frm_dict_next(&from->dict, entry)) {
        struct fr_word key = frm_word(entry->key);
        struct entry *added = frm_dict_put(&to->dict, &key, NULL);
        added->value = entry->value ? copy_str(heap, entry->value) : NULL;
    }
}

static void copy_zset(struct value *to, const struct value *from, struct heap *heap)
{
    (void)heap;
    for (const struct node *node = frm_skiplist_at(from->zset.order, 0); node;
         node = frm_skiplist_next(node)) {
        struct fr_word member = frm_word(node->member);
        struct entry *added = frm_dict_put(&to->zset.members, &member, NULL);
        added->value = frm_skiplist_add(to->zset.order, node->score, added->key);
    }
}

static void copy_stream(struct value *to, const struct value *from, struct heap *heap)
{
    frm_stream_free(to->stream);
    to->stream = frm_stream_copy(heap, from->stream);
}

struct value *frm_value_copy(struct heap *heap, const struct value *value)
{
    static void (*const copy_content[])(struct value * to, const struct value *from,
                                        struct heap *heap) = {copy_string, copy_list, copy_dict,
                                                              copy_zset,   copy_dict, copy_stream};
    struct value *copy = frm_value_new(heap, value->type);
    copy->is_large = value->is_large;
    copy->number_form = value->number_form;
    copy->expires_ms = value->expires_ms;
    copy->used_ms = value->used_ms;
    copy_content[value->type](copy, value, heap);
    return copy;
}

static const char *string_encoding(const struct value *value)
{
    int64_t number;
    struct fr_word word = frm_word(value->string);
    if (value->is_large) {
        return "raw";
    }
    if (value->number_form != NUMBER_TEXT && frm_read_int(&word, &number)) {
        return "int";
    }
    return word.len <= EMBSTR_MAX ? "embstr" : "raw";
}

const char *frm_value_encoding(const struct value *value)
{
    static const char *const compact[] = {NULL,       "quicklist", "intset",
                                          "listpack", "listpack",  "stream"};
    static const char *const large[] = {NULL,       "quicklist", "hashtable",
                                        "skiplist", "hashtable", "stream"};
    if (value->type == TYPE_STRING) {
        return string_encoding(value);
    }
    return value->is_large ? large[value->type] : compact[value->type];
}

bool frm_value_is_empty(const struct value *value)
{
    switch ((enum value_type)value->type) {
    case TYPE_LIST:
        return value->list.count == 0;
    case TYPE_SET:
    case TYPE_HASH:
        return value->dict.live == 0;
    case TYPE_ZSET:
        return value->zset.order->count == 0;
    case TYPE_STRING:
    case TYPE_STREAM:
    case TYPE_NONE:
        break;
    }
    return false; /* an empty string and an empty stream are something */
}
