/* Strings: SET and GET in all their forms, counters, ranges. */
#include <math.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/strings.h"

struct value *frm_string_new(struct heap *heap, const struct fr_word *text)
{
    struct value *value = frm_value_new(heap, TYPE_STRING);
    value->string = frm_str_of(heap, text);
    return value;
}

/* ------------------------------------------------------------------------------------------- SET
 */

enum option_flag {
    OPT_NX = 1,
    OPT_XX = 2,
    OPT_GET = 4,
    OPT_KEEPTTL = 8,
    OPT_PERSIST = 16,
    OPT_EX = 32,
    OPT_PX = 64,
    OPT_EXAT = 128,
    OPT_PXAT = 256
};
#define OPT_TIMES (OPT_EX | OPT_PX | OPT_EXAT | OPT_PXAT)

struct option {
    const char *name;
    unsigned flag;
    unsigned without; /* those it cannot stand beside */
    bool of_set, of_getex;
};

static const struct option options[] = {
    {"nx", OPT_NX, OPT_XX, true, false},
    {"xx", OPT_XX, OPT_NX, true, false},
    {"get", OPT_GET, 0, true, false},
    {"keepttl", OPT_KEEPTTL, OPT_PERSIST | OPT_TIMES, true, false},
    {"persist", OPT_PERSIST, OPT_KEEPTTL | OPT_TIMES, false, true},
    {"ex", OPT_EX, OPT_KEEPTTL | OPT_PERSIST | (OPT_TIMES & ~OPT_EX), true, true},
    {"px", OPT_PX, OPT_KEEPTTL | OPT_PERSIST | (OPT_TIMES & ~OPT_PX), true, true},
    {"exat", OPT_EXAT, OPT_KEEPTTL | OPT_PERSIST | (OPT_TIMES & ~OPT_EXAT), true, true},
    {"pxat", OPT_PXAT, OPT_KEEPTTL | OPT_PERSIST | (OPT_TIMES & ~OPT_PXAT), true, true},
};

struct chosen {
    unsigned flags;
    size_t time_at; /* the word with the time, 0: none */
};

static const struct option *option_named(const struct call *c, size_t i, bool is_set)
{
    for (size_t o = 0; o < sizeof(options) / sizeof(options[0]); o++) {
        if (frm_arg_is(c, i, options[o].name) &&
            (is_set ? options[o].of_set : options[o].of_getex)) {
            return &options[o];
        }
    }
    return NULL;
}

static bool read_options(struct call *c, size_t first, bool is_set, struct chosen *chosen)
{
    for (size_t i = first; i < c->argc; i++) {
        const struct option *option = option_named(c, i, is_set);
        bool has_time = option && (option->flag & OPT_TIMES);
        if (!option || (chosen->flags & option->without) || (has_time && i + 1 == c->argc)) {
            frm_error_syntax(c->out);
            return false;
        }
        chosen->flags |= option->flag;
        if (has_time) {
            chosen->time_at = ++i;
        }
    }
    return true;
}

static bool bad_time(struct call *c)
{
    frm_error(c->out, "ERR invalid expire time in '%s' command", c->row->name);
    return false;
}

/* Read the time in word chosen->time_at; NEVER when there is none. */
static bool read_time(struct call *c, const struct chosen *chosen, int64_t *at_ms)
{
    *at_ms = NEVER;
    if (chosen->time_at == 0) {
        return true;
    }
    if (!frm_arg_int(c, chosen->time_at, at_ms, NULL)) {
        return false;
    }
    bool is_seconds = (chosen->flags & (OPT_EX | OPT_EXAT)) != 0;
    if (*at_ms <= 0 || (is_seconds && *at_ms > INT64_MAX / 1000)) {
        return bad_time(c);
    }
    *at_ms *= is_seconds ? 1000 : 1;
    if (chosen->flags & (OPT_EX | OPT_PX)) {
        if (*at_ms > INT64_MAX - frm_now_ms(c->mock)) {
            return bad_time(c);
        }
        *at_ms += frm_now_ms(c->mock);
    }
    *at_ms -= *at_ms == NEVER; /* the last millisecond stands for "not at all" */
    return true;
}

static void store(struct call *c, const struct fr_word *key, const struct fr_word *text,
                  int64_t expires_ms)
{
    struct value *value = frm_string_new(&c->mock->heap, text);
    value->expires_ms = expires_ms;
    frm_replace(c->db, key, value);
}

/* Reply with a string or null; false: WRONGTYPE. */
static bool reply_string(struct call *c, const struct fr_word *key)
{
    struct value *value;
    if (!frm_find_type(c, key, TYPE_STRING, &value)) {
        return false;
    }
    if (value) {
        frm_bulk_str(c->out, value->string);
    } else {
        frm_null(c->out);
    }
    return true;
}

static void set_generic(struct call *c, const struct chosen *chosen, const struct fr_word *text)
{
    int64_t at_ms;
    bool wants_old = (chosen->flags & OPT_GET) != 0;
    if (!read_time(c, chosen, &at_ms) || (wants_old && !reply_string(c, &c->argv[1]))) {
        return;
    }
    const struct value *old = frm_find(c, &c->argv[1]);
    if ((chosen->flags & OPT_NX && old) || (chosen->flags & OPT_XX && !old)) {
        if (!wants_old) {
            frm_null(c->out);
        }
        return;
    }
    if (old && (chosen->flags & OPT_KEEPTTL)) {
        at_ms = old->expires_ms;
    }
    store(c, &c->argv[1], text, at_ms);
    if (!wants_old) {
        frm_ok(c->out);
    }
}

void frm_cmd_set(struct call *c)
{
    struct chosen chosen = {0, 0};
    if (read_options(c, 3, true, &chosen)) {
        set_generic(c, &chosen, &c->argv[2]);
    }
}

void frm_cmd_setex(struct call *c)
{
    struct chosen chosen = {OPT_EX, 2};
    set_generic(c, &chosen, &c->argv[3]);
}

void frm_cmd_psetex(struct call *c)
{
    struct chosen chosen = {OPT_PX, 2};
    set_generic(c, &chosen, &c->argv[3]);
}

void frm_cmd_setnx(struct call *c)
{
    if (frm_find(c, &c->argv[1])) {
        frm_int(c->out, 0);
        return;
    }
    store(c, &c->argv[1], &c->argv[2], NEVER);
    frm_int(c->out, 1);
}

void frm_cmd_getset(struct call *c)
{
    if (reply_string(c, &c->argv[1])) {
        store(c, &c->argv[1], &c->argv[2], NEVER);
    }
}

void frm_cmd_get(struct call *c)
{
    reply_string(c, &c->argv[1]);
}

void frm_cmd_getdel(struct call *c)
{
    if (reply_string(c, &c->argv[1])) {
        frm_delete(c->db, &c->argv[1]);
    }
}

void frm_cmd_getex(struct call *c)
{
    struct chosen chosen = {0, 0};
    struct value *value;
    int64_t at_ms;
    const struct fr_word *key = &c->argv[1];
    if (!read_options(c, 2, false, &chosen) || !frm_find_type(c, key, TYPE_STRING, &value)) {
        return;
    }
    if (!value) {
        frm_null(c->out);
        return;
    }
    if (!read_time(c, &chosen, &at_ms)) {
        return;
    }
    frm_bulk_str(c->out, value->string);
    if (chosen.time_at != 0 && at_ms <= frm_now_ms(c->mock)) {
        frm_delete(c->db, key);
    } else if (chosen.time_at != 0 || (chosen.flags & OPT_PERSIST && value->expires_ms != NEVER)) {
        frm_expire_at(c->db, value, at_ms);
        frm_touch(c->db, key);
    }
}

void frm_cmd_mget(struct call *c)
{
    frm_array(c->out, (int64_t)c->argc - 1);
    for (size_t i = 1; i < c->argc; i++) {
        const struct value *value = frm_find(c, &c->argv[i]);
        if (value && value->type == TYPE_STRING) {
            frm_bulk_str(c->out, value->string);
        } else {
            frm_null(c->out);
        }
    }
}

static bool are_pairs(struct call *c)
{
    if (c->argc % 2 == 1) {
        return true;
    }
    frm_error(c->out, "ERR wrong number of arguments for '%s' command", c->row->name);
    return false;
}

static void store_pairs(struct call *c)
{
    for (size_t i = 1; i < c->argc; i += 2) {
        store(c, &c->argv[i], &c->argv[i + 1], NEVER);
    }
}

void frm_cmd_mset(struct call *c)
{
    if (are_pairs(c)) {
        store_pairs(c);
        frm_ok(c->out);
    }
}

void frm_cmd_msetnx(struct call *c)
{
    if (!are_pairs(c)) {
        return;
    }
    for (size_t i = 1; i < c->argc; i += 2) {
        if (frm_find(c, &c->argv[i])) {
            frm_int(c->out, 0);
            return;
        }
    }
    store_pairs(c);
    frm_int(c->out, 1);
}

/* -------------------------------------------------------------------------------------- counters
 */

/* Put text in the place of a string, its expiry kept. */
static void rewrite(struct call *c, struct value *value, const char *text, size_t len,
                    enum number_form form)
{
    const struct fr_word word = {text, len};
    if (value) {
        frm_free(value->string);
        value->string = frm_str_of(&c->mock->heap, &word);
        value->is_large = false;
        frm_touch(c->db, &c->argv[1]);
    } else {
        store(c, &c->argv[1], &word, NEVER);
        value = frm_find(c, &c->argv[1]);
    }
    value->number_form = (uint8_t)form;
}

static void count(struct call *c, int64_t by)
{
    struct value *value;
    int64_t number = 0;
    char text[32];
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    struct fr_word word = value ? frm_word(value->string) : (struct fr_word){"0", 1};
    if (!frm_read_int(&word, &number)) {
        frm_error(c->out, "ERR value is not an integer or out of range");
        return;
    }
    if (frm_add_overflows(number, by)) {
        frm_error(c->out, "ERR increment or decrement would overflow");
        return;
    }
    number += by;
    rewrite(c, value, text, frm_write_int(text, number), NUMBER_USUAL);
    frm_int(c->out, number);
}

void frm_cmd_incr(struct call *c)
{
    count(c, 1);
}

void frm_cmd_decr(struct call *c)
{
    count(c, -1);
}

void frm_cmd_incrby(struct call *c)
{
    int64_t by;
    if (frm_arg_int(c, 2, &by, NULL)) {
        count(c, by);
    }
}

void frm_cmd_decrby(struct call *c)
{
    int64_t by;
    if (!frm_arg_int(c, 2, &by, NULL)) {
        return;
    }
    if (by == INT64_MIN) {
        frm_error(c->out, "ERR decrement would overflow");
        return;
    }
    count(c, -by);
}

void frm_cmd_incrbyfloat(struct call *c)
{
    struct value *value;
    long double number = 0, by;
    char text[NUMBER_CAP];
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    struct fr_word word = value ? frm_word(value->string) : (struct fr_word){"0", 1};
    if (!frm_read_long_double(&word, &number) || !frm_read_long_double(&c->argv[2], &by)) {
        frm_error(c->out, "ERR value is not a valid float");
        return;
    }
    number += by;
    if (isnan(number) || isinf(number)) {
        frm_error(c->out, "ERR increment would produce NaN or Infinity");
        return;
    }
    size_t len = frm_write_long_double(text, number);
    rewrite(c, value, text, len, NUMBER_TEXT);
    frm_bulk(c->out, text, len);
}

/* ---------------------------------------------------------------------------------------- ranges
 */

bool frm_string_may_be(struct call *c, const struct value *value, int64_t len)
{
    int64_t has = value ? (int64_t)value->string->len : 0;
    if (len < 0 || len > STRING_MAX) {
        frm_error(c->out, "ERR string exceeds maximum allowed size (proto-max-bulk-len)");
        return false;
    }
    if (len > has && !frm_heap_has_room(&c->mock->heap, (size_t)(len - has))) {
        frm_error(c->out, "OOM command not allowed when used memory > 'maxmemory'.");
        return false;
    }
    return true;
}

struct value *frm_string_grow(struct call *c, const struct fr_word *key, struct value *value,
                              size_t len)
{
    if (!value) {
        const struct fr_word empty = {"", 0};
        value = frm_string_new(&c->mock->heap, &empty);
        frm_add(c->db, key, value);
    }
    value->is_large = true;
    if (len > value->string->len) {
        value->string = frm_str_resize(value->string, len);
    }
    return value;
}

void frm_cmd_append(struct call *c)
{
    struct value *value;
    const struct fr_word *more = &c->argv[2];
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    if (!value) {
        store(c, &c->argv[1], more, NEVER);
        frm_int(c->out, (int64_t)more->len);
        return;
    }
    size_t len = value->string->len;
    if (!frm_string_may_be(c, value, (int64_t)(len + more->len))) {
        return;
    }
    frm_string_grow(c, &c->argv[1], value, len + more->len);
    if (more->len > 0) {
        memcpy(value->string->data + len, more->data, more->len);
    }
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, (int64_t)value->string->len);
}

void frm_cmd_strlen(struct call *c)
{
    struct value *value;
    if (frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        frm_int(c->out, value ? (int64_t)value->string->len : 0);
    }
}

void frm_cmd_setrange(struct call *c)
{
    struct value *value;
    int64_t at;
    const struct fr_word *text = &c->argv[3];
    if (!frm_arg_int(c, 2, &at, NULL)) {
        return;
    }
    if (at < 0) {
        frm_error(c->out, "ERR offset is out of range");
        return;
    }
    if (!frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    if (text->len == 0) {
        frm_int(c->out, value ? (int64_t)value->string->len : 0);
        return;
    }
    if (at > STRING_MAX) {
        frm_string_may_be(c, value, -1);
        return;
    }
    if (!frm_string_may_be(c, value, at + (int64_t)text->len)) {
        return;
    }
    value = frm_string_grow(c, &c->argv[1], value, (size_t)at + text->len);
    memcpy(value->string->data + at, text->data, text->len);
    frm_touch(c->db, &c->argv[1]);
    frm_int(c->out, (int64_t)value->string->len);
}

void frm_cmd_getrange(struct call *c)
{
    struct value *value;
    int64_t from, to;
    if (!frm_arg_int(c, 2, &from, NULL) || !frm_arg_int(c, 3, &to, NULL) ||
        !frm_find_type(c, &c->argv[1], TYPE_STRING, &value)) {
        return;
    }
    int64_t len = value ? (int64_t)value->string->len : 0;
    bool is_reversed = from < 0 && to < 0 && from > to;
    from = from < 0 ? from + len : from;
    to = to < 0 ? to + len : to;
    from = from < 0 ? 0 : from;
    to = to < 0 ? 0 : to >= len ? len - 1 : to;
    if (is_reversed || from > to || len == 0) {
        frm_bulk(c->out, "", 0);
    } else {
        frm_bulk(c->out, value->string->data + from, (size_t)(to - from + 1));
    }
}
