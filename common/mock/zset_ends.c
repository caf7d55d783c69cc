/* The ends of sorted sets: ZPOPMIN, ZPOPMAX, ZMPOP, and what waits: BZPOPMIN, BZPOPMAX, BZMPOP. */
#include "common/mock/commands.h"
#include "common/mock/pops.h"
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

/* --------------------------------------------------------------------------------- several keys */

static void pop_with_key(struct call *c, const struct fr_word *key, struct value *value,
                         bool is_min, int64_t count)
{
    pop(c, key, value, !is_min, count == 0 ? 1 : count, count == 0 ? FORM_KEYED : FORM_NESTED);
}

static const struct two_ends ends = {TYPE_ZSET, WAIT_ZSET, "min", "max", pop_with_key};

void frm_cmd_bzpopmin(struct call *c)
{
    frm_pop_or_wait(c, &ends, true);
}

void frm_cmd_bzpopmax(struct call *c)
{
    frm_pop_or_wait(c, &ends, false);
}

void frm_cmd_zmpop(struct call *c)
{
    frm_pop_many(c, &ends);
}

void frm_cmd_bzmpop(struct call *c)
{
    frm_pop_many_or_wait(c, &ends);
}

bool frm_serve_zset(struct call *c, const struct fr_word *key)
{
    struct value *value = frm_find(c, key);
    if (!value || value->type != TYPE_ZSET) {
        return false;
    }
    if (c->row->id == FR_CMD_BZMPOP) {
        frm_pop_many_from(c, &ends, key, value);
    } else {
        pop_with_key(c, key, value, c->row->id == FR_CMD_BZPOPMIN, 0);
    }
    return true;
}
