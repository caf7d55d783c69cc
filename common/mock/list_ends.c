/* The ends of lists: LMOVE and LMPOP, and what waits for one: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH,
 * BLMPOP. */
#include "common/mock/list_ends.h"

#include "common/mock/commands.h"
#include "common/mock/list.h"

static struct str *take(struct value *value, bool is_left)
{
    return frm_list_take(&value->list, is_left ? 0 : value->list.count - 1);
}

void frm_list_pop_one(struct call *c, const struct fr_word *key, struct value *value, bool is_left)
{
    struct str *item = take(value, is_left);
    frm_bulk_str(c->out, item);
    frm_free(item);
    frm_shrunk(c, key, value);
}

void frm_list_pop_many(struct call *c, const struct fr_word *key, struct value *value, bool is_left,
                       int64_t count)
{
    int64_t total = (int64_t)value->list.count;
    count = count < total ? count : total;
    frm_array(c->out, count);
    for (; count > 0; count--) {
        struct str *item = take(value, is_left);
        frm_bulk_str(c->out, item);
        frm_free(item);
    }
    frm_shrunk(c, key, value);
}

/* ------------------------------------------------------------------------------------------ LMOVE
 */

static bool read_end(struct call *c, size_t i, bool *is_left)
{
    *is_left = frm_arg_is(c, i, "left");
    if (!*is_left && !frm_arg_is(c, i, "right")) {
        frm_error_syntax(c->out);
        return false;
    }
    return true;
}

struct move {
    bool from_left, to_left;
};

/* Move an item between lists that may be the same one. */
static void move(struct call *c, struct value *value, struct move how)
{
    const struct fr_word *from = &c->argv[1], *to = &c->argv[2];
    struct value *target;
    if (!frm_find_type(c, to, TYPE_LIST, &target)) {
        return;
    }
    struct str *item = take(value, how.from_left);
    target = target ? target : frm_find_or_make(c, to, TYPE_LIST);
    frm_list_insert(&target->list, how.to_left ? 0 : target->list.count, item);
    frm_bulk_str(c->out, item);
    frm_touch(c->db, to);
    frm_shrunk(c, from, value);
}

static void move_or_wait(struct call *c, struct move how, bool may_wait, int64_t until_us)
{
    struct value *value;
    if (!frm_find_type(c, &c->argv[1], TYPE_LIST, &value)) {
        return;
    }
    if (value) {
        move(c, value, how);
    } else if (may_wait && c->may_block) {
        frm_wait(c, WAIT_LIST, until_us, &c->argv[1], 1);
    } else {
        frm_null(c->out);
    }
}

void frm_cmd_lmove(struct call *c)
{
    struct move how;
    if (read_end(c, 3, &how.from_left) && read_end(c, 4, &how.to_left)) {
        move_or_wait(c, how, false, 0);
    }
}

void frm_cmd_rpoplpush(struct call *c)
{
    move_or_wait(c, (struct move){false, true}, false, 0);
}

void frm_cmd_blmove(struct call *c)
{
    struct move how;
    int64_t until_us;
    if (read_end(c, 3, &how.from_left) && read_end(c, 4, &how.to_left) &&
        frm_arg_timeout(c, 5, &until_us)) {
        move_or_wait(c, how, true, until_us);
    }
}

void frm_cmd_brpoplpush(struct call *c)
{
    int64_t until_us;
    if (frm_arg_timeout(c, 3, &until_us)) {
        move_or_wait(c, (struct move){false, true}, true, until_us);
    }
}

/* -------------------------------------------------------------------------------- several lists */

static void pop_with_key(struct call *c, const struct fr_word *key, struct value *value,
                         bool is_left, int64_t count)
{
    frm_array(c->out, 2);
    frm_bulk(c->out, key->data, key->len);
    if (count == 0) {
        frm_list_pop_one(c, key, value, is_left);
    } else {
        frm_list_pop_many(c, key, value, is_left, count);
    }
}

/* Take from the first list that is there; count 0: one item, not an array. */
static void pop_first(struct call *c, const struct fr_word *keys, size_t key_count, bool is_left,
                      int64_t count, int64_t until_us)
{
    for (size_t i = 0; i < key_count; i++) {
        struct value *value;
        if (!frm_find_type(c, &keys[i], TYPE_LIST, &value)) {
            return;
        }
        if (value) {
            pop_with_key(c, &keys[i], value, is_left, count);
            return;
        }
    }
    if (until_us != 0 && c->may_block) {
        frm_wait(c, WAIT_LIST, until_us, keys, key_count);
    } else {
        frm_null_array(c->out);
    }
}

static void blocking_pop(struct call *c, bool is_left)
{
    int64_t until_us;
    if (frm_arg_timeout(c, c->argc - 1, &until_us)) {
        pop_first(c, c->argv + 1, c->argc - 2, is_left, 0, until_us);
    }
}

void frm_cmd_blpop(struct call *c)
{
    blocking_pop(c, true);
}

void frm_cmd_brpop(struct call *c)
{
    blocking_pop(c, false);
}

struct many {
    size_t first_key, key_count;
    bool is_left;
    int64_t count;
};

/* numkeys key … LEFT|RIGHT [COUNT count], from word i on. */
static bool read_many(struct call *c, size_t i, struct many *many)
{
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
    if (!read_end(c, i, &many->is_left)) {
        return false;
    }
    if (i + 1 == c->argc) {
        return true;
    }
    if (i + 3 != c->argc || !frm_arg_is(c, i + 1, "count")) {
        /* a second COUNT is one too many, but the first is read before it */
        bool reads_count = i + 3 < c->argc && frm_arg_is(c, i + 1, "count");
        if (!reads_count || frm_arg_range(c, i + 2, 1, INT64_MAX, &many->count,
                                          "ERR count should be greater than 0")) {
            frm_error_syntax(c->out);
        }
        return false;
    }
    return frm_arg_range(c, i + 2, 1, INT64_MAX, &many->count,
                         "ERR count should be greater than 0");
}

void frm_cmd_lmpop(struct call *c)
{
    struct many many = {0};
    if (read_many(c, 1, &many)) {
        pop_first(c, c->argv + many.first_key, many.key_count, many.is_left, many.count, 0);
    }
}

void frm_cmd_blmpop(struct call *c)
{
    struct many many = {0};
    int64_t until_us;
    if (read_many(c, 2, &many) && frm_arg_timeout(c, 1, &until_us)) {
        pop_first(c, c->argv + many.first_key, many.key_count, many.is_left, many.count, until_us);
    }
}

/* --------------------------------------------------------------------------------------- serving
 */

bool frm_serve_list(struct call *c, const struct fr_word *key)
{
    struct value *value = frm_find(c, key);
    struct move how = {false, true};
    struct many many = {0};
    if (!value || value->type != TYPE_LIST) {
        return false;
    }
    switch (c->row->id) {
    case FR_CMD_BLMOVE:
        read_end(c, 3, &how.from_left);
        read_end(c, 4, &how.to_left);
        move(c, value, how);
        break;
    case FR_CMD_BRPOPLPUSH:
        move(c, value, how);
        break;
    case FR_CMD_BLMPOP:
        read_many(c, 2, &many);
        pop_with_key(c, key, value, many.is_left, many.count);
        break;
    default:
        pop_with_key(c, key, value, c->row->id == FR_CMD_BLPOP, 0);
        break;
    }
    return true;
}
