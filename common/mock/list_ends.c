/* The ends of lists: LMOVE and LMPOP, and what waits for one: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH,
 * BLMPOP. */
#include "common/mock/list_ends.h"

#include "common/mock/commands.h"
#include "common/mock/list.h"
#include "common/mock/pops.h"

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

static const struct two_ends ends = {TYPE_LIST, WAIT_LIST, "left", "right", pop_with_key};

/* ------------------------------------------------------------------------------------------ LMOVE
 */

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
    if (frm_arg_end(c, 3, &ends, &how.from_left) && frm_arg_end(c, 4, &ends, &how.to_left)) {
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
    if (frm_arg_end(c, 3, &ends, &how.from_left) && frm_arg_end(c, 4, &ends, &how.to_left) &&
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

void frm_cmd_blpop(struct call *c)
{
    frm_pop_or_wait(c, &ends, true);
}

void frm_cmd_brpop(struct call *c)
{
    frm_pop_or_wait(c, &ends, false);
}

void frm_cmd_lmpop(struct call *c)
{
    frm_pop_many(c, &ends);
}

void frm_cmd_blmpop(struct call *c)
{
    frm_pop_many_or_wait(c, &ends);
}

/* --------------------------------------------------------------------------------------- serving
 */

bool frm_serve_list(struct call *c, const struct fr_word *key)
{
    struct value *value = frm_find(c, key);
    struct move how = {false, true};
    if (!value || value->type != TYPE_LIST) {
        return false;
    }
    switch (c->row->id) {
    case FR_CMD_BLMOVE:
        frm_arg_end(c, 3, &ends, &how.from_left);
        frm_arg_end(c, 4, &ends, &how.to_left);
        move(c, value, how);
        break;
    case FR_CMD_BRPOPLPUSH:
        move(c, value, how);
        break;
    case FR_CMD_BLMPOP:
        frm_pop_many_from(c, &ends, key, value);
        break;
    default:
        pop_with_key(c, key, value, c->row->id == FR_CMD_BLPOP, 0);
        break;
    }
    return true;
}
