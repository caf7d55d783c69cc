/* Hashes: a dict from fields to strings. */
#include <math.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/scan.h"

enum {
    COMPACT_FIELDS = 512, /* hash-max-listpack-entries */
    COMPACT_LEN = 64      /* hash-max-listpack-value */
};

static bool find_hash(struct call *c, struct value **value)
{
    return frm_find_type(c, &c->argv[1], TYPE_HASH, value);
}

static const struct str *field_of(const struct value *value, const struct fr_word *field)
{
    const struct entry *entry = value ? frm_dict_find(&value->dict, field) : NULL;
    return entry ? entry->value : NULL;
}

static void reply_field(struct out *out, const struct str *text)
{
    if (text) {
        frm_bulk_str(out, text);
    } else {
        frm_null(out);
    }
}

/* Returns whether the field is new. */
static bool put(struct value *value, const struct fr_word *field, const struct fr_word *text)
{
    bool is_new;
    struct entry *entry = frm_dict_put(&value->dict, field, &is_new);
    frm_free(entry->value);
    entry->value = frm_str_of(value->dict.heap, text);
    if (field->len > COMPACT_LEN || text->len > COMPACT_LEN || value->dict.live > COMPACT_FIELDS) {
        value->is_large = true;
    }
    return is_new;
}

static int64_t put_pairs(struct call *c)
{
    if (c->argc % 2 != 0) {
        frm_error(c->out, "ERR wrong number of arguments for '%s' command", c->row->name);
        return -1;
    }
    struct value *value = frm_find_or_make(c, &c->argv[1], TYPE_HASH);
    if (!value) {
        return -1;
    }
    int64_t added = 0;
    for (size_t i = 2; i < c->argc; i += 2) {
        added += put(value, &c->argv[i], &c->argv[i + 1]);
    }
    frm_touch(c->db, &c->argv[1]);
    return added;
}

void frm_cmd_hset(struct call *c)
{
    int64_t added = put_pairs(c);
    if (added >= 0) {
        frm_int(c->out, added);
    }
}

void frm_cmd_hmset(struct call *c)
{
    if (put_pairs(c) >= 0) {
        frm_ok(c->out);
    }
}

void frm_cmd_hsetnx(struct call *c)
{
    struct value *value;
    if (!find_hash(c, &value)) {
        return;
    }
    if (field_of(value, &c->argv[2])) {
        frm_int(c->out, 0);
        return;
    }
    put(frm_find_or_make(c, &c->argv[1], TYPE_HASH), &c->argv[2], &c->argv[3]);
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, 1);
}

void frm_cmd_hget(struct call *c)
{
    struct value *value;
    if (find_hash(c, &value)) {
        reply_field(c->out, field_of(value, &c->argv[2]));
    }
}

void frm_cmd_hmget(struct call *c)
{
    struct value *value;
    if (find_hash(c, &value)) {
        frm_array(c->out, (int64_t)c->argc - 2);
        for (size_t i = 2; i < c->argc; i++) {
            reply_field(c->out, field_of(value, &c->argv[i]));
        }
    }
}

void frm_cmd_hdel(struct call *c)
{
    struct value *value;
    int64_t count = 0;
    if (!find_hash(c, &value)) {
        return;
    }
    for (size_t i = 2; value && i < c->argc; i++) {
        void *text;
        if (frm_dict_remove(&value->dict, &c->argv[i], &text)) {
            frm_free(text);
            count++;
        }
    }
    if (count > 0) {
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_int(c->out, count);
}

void frm_cmd_hlen(struct call *c)
{
    struct value *value;
    if (find_hash(c, &value)) {
        frm_int(c->out, value ? value->dict.live : 0);
    }
}

void frm_cmd_hstrlen(struct call *c)
{
    struct value *value;
    if (find_hash(c, &value)) {
        const struct str *text = field_of(value, &c->argv[2]);
        frm_int(c->out, text ? (int64_t)text->len : 0);
    }
}

void frm_cmd_hexists(struct call *c)
{
    struct value *value;
    if (find_hash(c, &value)) {
        frm_int(c->out, field_of(value, &c->argv[2]) != NULL);
    }
}

static void reply_all(struct call *c, bool has_keys, bool has_values)
{
    struct value *value;
    if (!find_hash(c, &value)) {
        return;
    }
    int64_t count = value ? value->dict.live : 0;
    if (has_keys && has_values) {
        frm_map(c->out, count);
    } else {
        frm_array(c->out, count);
    }
    for (const struct entry *entry = NULL; value && (entry = frm_dict_next(&value->dict, entry));) {
        if (has_keys) {
            frm_bulk_str(c->out, entry->key);
        }
        if (has_values) {
            frm_bulk_str(c->out, entry->value);
        }
    }
}

void frm_cmd_hkeys(struct call *c)
{
    reply_all(c, true, false);
}

void frm_cmd_hvals(struct call *c)
{
    reply_all(c, false, true);
}

void frm_cmd_hgetall(struct call *c)
{
    reply_all(c, true, true);
}

void frm_cmd_hincrby(struct call *c)
{
    int64_t by, number = 0;
    char text[32];
    if (!frm_arg_int(c, 3, &by, NULL)) {
        return;
    }
    struct value *value;
    if (!find_hash(c, &value)) {
        return;
    }
    const struct str *old = field_of(value, &c->argv[2]);
    struct fr_word word = old ? frm_word(old) : (struct fr_word){"0", 1};
    if (!frm_read_int(&word, &number)) {
        frm_error(c->out, "ERR hash value is not an integer");
        return;
    }
    if (frm_add_overflows(number, by)) {
        frm_error(c->out, "ERR increment or decrement would overflow");
        return;
    }
    word = (struct fr_word){text, frm_write_int(text, number + by)};
    put(frm_find_or_make(c, &c->argv[1], TYPE_HASH), &c->argv[2], &word);
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, number + by);
}

void frm_cmd_hincrbyfloat(struct call *c)
{
    long double by, number = 0;
    char text[NUMBER_CAP];
    struct value *value;
    if (!frm_read_long_double(&c->argv[3], &by)) {
        frm_error(c->out, "ERR value is not a valid float");
        return;
    }
    if (isinf(by)) {
        frm_error(c->out, "ERR value is NaN or Infinity");
        return;
    }
    if (!find_hash(c, &value)) {
        return;
    }
    const struct str *old = field_of(value, &c->argv[2]);
    struct fr_word word = old ? frm_word(old) : (struct fr_word){"0", 1};
    if (!frm_read_long_double(&word, &number)) {
        frm_error(c->out, "ERR hash value is not a float");
        return;
    }
    number += by;
    if (isnan(number) || isinf(number)) {
        frm_error(c->out, "ERR increment would produce NaN or Infinity");
        return;
    }
    word = (struct fr_word){text, frm_write_long_double(text, number)};
    put(frm_find_or_make(c, &c->argv[1], TYPE_HASH), &c->argv[2], &word);
    frm_touch(c->db, &c->argv[1]);
    frm_bulk(c->out, word.data, word.len);
}

static void show_field(struct scan *scan, const struct entry *entry)
{
    frm_bulk_str(scan->c->out, entry->key);
    frm_bulk_str(scan->c->out, entry->value);
}

void frm_cmd_hscan(struct call *c)
{
    frm_scan_collection(c, TYPE_HASH, show_field, 2);
}

/* ------------------------------------------------------------------------------------ HRANDFIELD
 */

static void show_random(struct call *c, const struct entry *entry, bool has_values)
{
    if (has_values && c->out->protocol == 3) {
        frm_array(c->out, 2);
    }
    frm_bulk_str(c->out, entry->key);
    if (has_values) {
        frm_bulk_str(c->out, entry->value);
    }
}

static void show_count(struct call *c, int64_t count, bool has_values)
{
    frm_array(c->out, has_values && c->out->protocol == 2 ? count * 2 : count);
}

/* As many as asked for, each drawn from all. */
static void draw_again(struct call *c, const struct value *value, int64_t count, bool has_values)
{
    show_count(c, count, has_values);
    for (int64_t i = 0; i < count && !c->out->has_overflown; i++) {
        show_random(c, frm_dict_pick(&value->dict, frm_random(c->mock)), has_values);
    }
}

/* Each at most once: of those that are left, as many are taken as are still wanted, by chance. */
static void draw_once(struct call *c, const struct value *value, int64_t count, bool has_values)
{
    int64_t left = value->dict.live;
    count = count < left ? count : left;
    show_count(c, count, has_values);
    for (const struct entry *entry = NULL;
         count > 0 && (entry = frm_dict_next(&value->dict, entry)); left--) {
        if ((int64_t)(frm_random(c->mock) % (uint64_t)left) < count) {
            show_random(c, entry, has_values);
            count--;
        }
    }
}

void frm_cmd_hrandfield(struct call *c)
{
    struct value *value;
    int64_t count = 1;
    if (c->argc > 2 && !frm_arg_range(c, 2, -INT64_MAX, INT64_MAX, &count, NULL)) {
        return;
    }
    bool has_values = c->argc == 4 && frm_arg_is(c, 3, "withvalues");
    if (c->argc > 4 || (c->argc == 4 && !has_values)) {
        frm_error_syntax(c->out);
        return;
    }
    if (has_values && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        frm_error(c->out, "ERR value is out of range");
        return;
    }
    if (!find_hash(c, &value)) {
        return;
    }
    if (c->argc == 2) {
        reply_field(c->out, value ? frm_dict_pick(&value->dict, frm_random(c->mock))->key : NULL);
    } else if (!value || count == 0) {
        frm_array(c->out, 0);
    } else if (count < 0) {
        draw_again(c, value, -count, has_values);
    } else {
        draw_once(c, value, count, has_values);
    }
}
