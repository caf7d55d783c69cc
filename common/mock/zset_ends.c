/* The ends of sorted sets: ZPOPMIN, ZPOPMAX, ZMPOP, and what waits: BZPOPMIN, BZPOPMAX, BZMPOP. */
#include "common/mock/commands.h"
#include "common/mock/zset.h"

/* How popped members are written. */
enum form {
    FORM_FLAT,   /* member, score */
    FORM_PAIRED, /* the same, as pairs in RESP3 */
    FORM_NESTED, /* key, [[member, score], …] */
    FORM_KEYED   /* key, member, score */
};

static void write_head(struct call *c, const struct fr_word *key, enum form form, int64_t count)
{
    if (form == FORM_NESTED) {
        frm_array(c->out, 2);
        frm_bulk(c->out, key->data, key->len);
        frm_array(c->out, count);
    } else if (form == FORM_KEYED) {
        frm_array(c->out, 3);
        frm_bulk(c->out, key->data, key->len);
    } else {
        bool is_paired = form == FORM_PAIRED && c->out->protocol == 3;
        frm_array(c->out, is_paired ? count : count * 2);
    }
}

static void pop(struct call *c, const struct fr_word *key, struct value *value, bool is_max,
                int64_t count, enum form form)
{
    int64_t total = (int64_t)value->zset.order->count;
    bool is_paired = form == FORM_NESTED || (form == FORM_PAIRED && c->out->protocol == 3);
    count = count < total ? count : total;
    write_head(c, key, form, count);
    for (; count > 0; count--) {
        struct node *node =
            is_max ? value->zset.order->last : frm_skiplist_at(value->zset.order, 0);
        if (is_paired) {
            frm_array(c->out, 2);
        }
        frm_bulk_str(c->out, node->member);
        frm_double(c->out, node->score);
        frm_zset_remove(value, node);
    }
    frm_shrunk(c, key, value);
}

static void pop_from_one(struct call *c, bool is_max)
{
    struct value *value;
    int64_t count = 1;
    if (c->argc > 3) {
        frm_error_syntax(c->out);
        return;
    }
    if ((c->argc == 3 && !frm_arg_range(c, 2, 0, INT64_MAX, &count, NULL)) ||
        !frm_find_type(c, &c->argv[1], TYPE_ZSET, &value)) {
        return;
    }
    if (!value || count == 0) {
        frm_array(c->out, 0);
        return;
    }
    pop(c, &c->argv[1], value, is_max, count, c->argc == 3 ? FORM_PAIRED : FORM_FLAT);
}

void frm_cmd_zpopmin(struct call *c)
{
    pop_from_one(c, false);
}

void frm_cmd_zpopmax(struct call *c)
{
    pop_from_one(c, true);
}

/* Pop from the first of the keys that is there, or wait until until_us (0: do not). */
static void pop_first(struct call *c, const struct fr_word *keys, size_t key_count, bool is_max,
                      int64_t count, enum form form, int64_t until_us)
{
    for (size_t i = 0; i < key_count; i++) {
        struct value *value;
        if (!frm_find_type(c, &keys[i], TYPE_ZSET, &value)) {
            return;
        }
        if (value) {
            pop(c, &keys[i], value, is_max, count, form);
            return;
        }
    }
    if (until_us != 0 && c->may_block) {
        frm_wait(c, WAIT_ZSET, until_us, keys, key_count);
    } else {
        frm_null_array(c->out);
    }
}

static void blocking_pop(struct call *c, bool is_max)
{
    int64_t until_us;
    if (frm_arg_timeout(c, c->argc - 1, &until_us)) {
        pop_first(c, c->argv + 1, c->argc - 2, is_max, 1, FORM_KEYED, until_us);
    }
}

void frm_cmd_bzpopmin(struct call *c)
{
    blocking_pop(c, false);
}

void frm_cmd_bzpopmax(struct call *c)
{
    blocking_pop(c, true);
}

struct many {
    size_t first_key, key_count;
    bool is_max;
    int64_t count;
};

static bool read_where(struct call *c, size_t i, bool *is_max)
{
    *is_max = frm_arg_is(c, i, "max");
    if (!*is_max && !frm_arg_is(c, i, "min")) {
        frm_error_syntax(c->out);
        return false;
    }
    return true;
}

/* numkeys key … MIN|MAX [COUNT count], from word i on. */
static bool read_many(struct call *c, size_t i, struct many *many)
{
    static const char bad_count[] = "ERR count should be greater than 0";
    int64_t key_count;
    if (!frm_arg_range(c, i, 1, INT64_MAX, &key_count, "ERR numkeys should be greater than 0")) {
        return false;
    }
    if (key_count >= (int64_t)(c->argc - i - 1)) {
        frm_error_syntax(c->out);
        return false;
    }
    *many = (struct many){i + 1, (size_t)key_count, false, 1};
    i += 1 + (size_t)key_count;
    if (!read_where(c, i, &many->is_max)) {
        return false;
    }
    i++;
    if (i + 1 < c->argc && frm_arg_is(c, i, "count")) {
        if (!frm_arg_range(c, i + 1, 1, INT64_MAX, &many->count, bad_count)) {
            return false;
        }
        i += 2;
    }
    if (i != c->argc) {
        frm_error_syntax(c->out);
    }
    return i == c->argc;
}

void frm_cmd_zmpop(struct call *c)
{
    struct many many = {0};
    if (read_many(c, 1, &many)) {
        pop_first(c, c->argv + many.first_key, many.key_count, many.is_max, many.count, FORM_NESTED,
                  0);
    }
}

void frm_cmd_bzmpop(struct call *c)
{
    struct many many = {0};
    int64_t until_us;
    if (read_many(c, 2, &many) && frm_arg_timeout(c, 1, &until_us)) {
        pop_first(c, c->argv + many.first_key, many.key_count, many.is_max, many.count, FORM_NESTED,
                  until_us);
    }
}

bool frm_serve_zset(struct call *c, const struct fr_word *key)
{
    struct value *value = frm_find(c, key);
    struct many many = {0};
    if (!value || value->type != TYPE_ZSET) {
        return false;
    }
    if (c->row->id == FR_CMD_BZMPOP) {
        read_many(c, 2, &many);
        pop(c, key, value, many.is_max, many.count, FORM_NESTED);
    } else {
        pop(c, key, value, c->row->id == FR_CMD_BZPOPMAX, 1, FORM_KEYED);
    }
    return true;
}
