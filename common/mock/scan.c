/* SCAN, and what HSCAN, SSCAN and ZSCAN share with it. A cursor is an id of dict.h. */
#include "common/mock/scan.h"

#include <ctype.h>
#include <string.h>

#include "common/mock/commands.h"

enum {
    USUAL_COUNT = 10
};

/* As strtoul reads it: a sign and leading zeros are fine. */
bool frm_scan_cursor(struct call *c, size_t i, uint64_t *cursor)
{
    const struct fr_word *word = &c->argv[i];
    size_t at = word->len > 0 && (word->data[0] == '+' || word->data[0] == '-') ? 1 : 0;
    bool is_number = at < word->len;
    uint64_t number = 0;
    for (; at < word->len && is_number; at++) {
        unsigned digit = (unsigned char)word->data[at] - (unsigned)'0';
        is_number = digit < 10 && !__builtin_mul_overflow(number, (uint64_t)10, &number) &&
                    !__builtin_add_overflow(number, (uint64_t)digit, &number);
    }
    if (!is_number) {
        frm_error(c->out, "ERR invalid cursor");
    }
    *cursor = word->len > 0 && word->data[0] == '-' ? -number : number;
    return is_number;
}

bool frm_scan_options(struct scan *scan, size_t first, bool may_have_type)
{
    struct call *c = scan->c;
    scan->count = USUAL_COUNT;
    for (size_t i = first; i < c->argc; i += 2) {
        bool has_value = i + 1 < c->argc;
        if (has_value && frm_arg_is(c, i, "count")) {
            if (!frm_arg_int(c, i + 1, &scan->count, NULL)) {
                return false;
            }
            has_value = scan->count >= 1;
        } else if (has_value && frm_arg_is(c, i, "match")) {
            scan->match = &c->argv[i + 1];
        } else if (has_value && may_have_type && frm_arg_is(c, i, "type")) {
            scan->type = &c->argv[i + 1];
        } else {
            has_value = false;
        }
        if (!has_value) {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

bool frm_scan_matches(const struct scan *scan, const struct str *key)
{
    struct fr_word word = frm_word(key);
    bool is_all = !scan->match || (scan->match->len == 1 && scan->match->data[0] == '*');
    return is_all || frm_glob(scan->match, &word);
}

static void reply_cursor(struct out *out, uint64_t cursor)
{
    char text[24];
    size_t at = sizeof(text);
    do {
        text[--at] = (char)('0' + cursor % 10);
        cursor /= 10;
    } while (cursor > 0);
    frm_bulk(out, text + at, sizeof(text) - at);
}

static void show_key(const struct entry *entry, void *context)
{
    struct scan *scan = context;
    const struct value *value = entry->value;
    if (frm_scan_matches(scan, entry->key) &&
        (!scan->type || frm_word_is(scan->type, frm_type_name(value)))) {
        frm_bulk_str(scan->c->out, entry->key);
        scan->shown++;
    }
}

void frm_cmd_scan(struct call *c)
{
    struct scan scan = {.c = c};
    if (!frm_scan_cursor(c, 1, &scan.cursor) || !frm_scan_options(&scan, 2, true)) {
        return;
    }
    frm_expire_due(c->db);
    size_t mark = frm_later(c->out);
    uint64_t next = frm_dict_scan(&c->db->keys, scan.cursor, (uint64_t)scan.count, show_key, &scan);
    frm_later_array(c->out, mark, scan.shown);
    /* what stands in front is known last: both headers and the cursor */
    struct out head;
    frm_out_init(&head, &c->mock->heap);
    frm_array(&head, 2);
    reply_cursor(&head, next);
    frm_later_raw(c->out, mark, head.data, head.end);
    frm_out_finish(&head);
}

struct collection {
    struct scan scan;
    void (*show)(struct scan *scan, const struct entry *entry);
};

static void show_entry(const struct entry *entry, void *context)
{
    struct collection *collection = context;
    if (frm_scan_matches(&collection->scan, entry->key)) {
        collection->show(&collection->scan, entry);
        collection->scan.shown++;
    }
}

static void reply_none(struct out *out)
{
    frm_array(out, 2);
    frm_bulk_text(out, "0");
    frm_array(out, 0);
}

void frm_scan_collection(struct call *c, enum value_type type,
                         void (*show)(struct scan *scan, const struct entry *entry), int items_each)
{
    struct collection collection = {{.c = c}, show};
    struct scan *scan = &collection.scan;
    struct value *value;
    if (!frm_scan_cursor(c, 2, &scan->cursor) || !frm_find_type(c, &c->argv[1], type, &value)) {
        return;
    }
    if (!value) {
        reply_none(c->out);
        return;
    }
    if (!frm_scan_options(scan, 3, false)) {
        return;
    }
    scan->is_compact = !value->is_large;
    const struct dict *dict = type == TYPE_ZSET ? &value->zset.members : &value->dict;
    uint64_t cursor = value->is_large ? scan->cursor : 0;
    uint64_t count = value->is_large ? (uint64_t)scan->count : UINT64_MAX;
    size_t mark = frm_later(c->out);
    uint64_t next = frm_dict_scan(dict, cursor, count, show_entry, &collection);
    frm_later_array(c->out, mark, scan->shown * items_each);
    struct out head;
    frm_out_init(&head, &c->mock->heap);
    frm_array(&head, 2);
    reply_cursor(&head, next);
    frm_later_raw(c->out, mark, head.data, head.end);
    frm_out_finish(&head);
}
