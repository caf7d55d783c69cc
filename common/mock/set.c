/* Sets: a dict without values. What Redis would keep as an intset is called compact here. */
#include "common/mock/set.h"

#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/scan.h"

enum {
    INTSET_MAX = 512 /* set-max-intset-entries */
};

bool frm_set_add(struct value *value, const struct fr_word *member)
{
    bool is_new;
    int64_t number;
    frm_dict_put(&value->dict, member, &is_new);
    if (is_new && (value->dict.live > INTSET_MAX || !frm_read_int(member, &number))) {
        value->is_large = true;
    }
    return is_new;
}

bool frm_set_has(const struct value *value, const struct fr_word *member)
{
    return value && frm_dict_find(&value->dict, member);
}

static bool find_set(struct call *c, struct value **value)
{
    return frm_find_type(c, &c->argv[1], TYPE_SET, value);
}

void frm_cmd_sadd(struct call *c)
{
    struct value *value = frm_find_or_make(c, &c->argv[1], TYPE_SET);
    int64_t added = 0;
    if (!value) {
        return;
    }
    for (size_t i = 2; i < c->argc; i++) {
        added += frm_set_add(value, &c->argv[i]);
    }
    if (added > 0) {
        frm_touch(c->db, &c->argv[1]);
    }
    frm_int(c->out, added);
}

void frm_cmd_srem(struct call *c)
{
    struct value *value;
    int64_t count = 0;
    if (!find_set(c, &value)) {
        return;
    }
    for (size_t i = 2; value && i < c->argc; i++) {
        count += frm_dict_remove(&value->dict, &c->argv[i], NULL);
    }
    if (count > 0) {
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_int(c->out, count);
}

void frm_cmd_sismember(struct call *c)
{
    struct value *value;
    if (find_set(c, &value)) {
        frm_int(c->out, frm_set_has(value, &c->argv[2]));
    }
}

void frm_cmd_smismember(struct call *c)
{
    struct value *value;
    if (find_set(c, &value)) {
        frm_array(c->out, (int64_t)c->argc - 2);
        for (size_t i = 2; i < c->argc; i++) {
            frm_int(c->out, frm_set_has(value, &c->argv[i]));
        }
    }
}

void frm_cmd_scard(struct call *c)
{
    struct value *value;
    if (find_set(c, &value)) {
        frm_int(c->out, value ? value->dict.live : 0);
    }
}

void frm_cmd_smove(struct call *c)
{
    const struct fr_word *from = &c->argv[1], *to = &c->argv[2], *member = &c->argv[3];
    struct value *value = frm_find(c, from), *target = frm_find(c, to);
    if (!value) {
        frm_int(c->out, 0);
        return;
    }
    if (value->type != TYPE_SET || (target && target->type != TYPE_SET)) {
        frm_wrong_type(c->out);
        return;
    }
    if (value == target || !frm_set_has(value, member)) {
        frm_int(c->out, frm_set_has(value, member));
        return;
    }
    target = target ? target : frm_find_or_make(c, to, TYPE_SET);
    frm_dict_remove(&value->dict, member, NULL);
    frm_set_add(target, member);
    frm_shrunk(c, from, value);
    frm_touch(c->db, to);
    frm_int(c->out, 1);
}

static void show_member(struct scan *scan, const struct entry *entry)
{
    frm_bulk_str(scan->c->out, entry->key);
}

void frm_cmd_sscan(struct call *c)
{
    frm_scan_collection(c, TYPE_SET, show_member, 1);
}

/* ----------------------------------------------------------------------------------------- random
 */

static struct entry *pick(struct call *c, const struct value *value)
{
    return frm_dict_pick(&value->dict, frm_random(c->mock));
}

static void pop_one(struct call *c, struct value *value)
{
    struct entry *entry = pick(c, value);
    struct fr_word member = frm_word(entry->key);
    frm_bulk_str(c->out, entry->key);
    frm_dict_remove(&value->dict, &member, NULL);
    frm_shrunk(c, &c->argv[1], value);
}

/* Walk over count members drawn by chance, each at most once. */
static void draw(struct call *c, struct value *value, int64_t count, bool removes)
{
    int64_t left = value->dict.live;
    for (struct entry *entry = NULL; count > 0 && (entry = frm_dict_next(&value->dict, entry));
         left--) {
        if ((int64_t)(frm_random(c->mock) % (uint64_t)left) >= count) {
            continue;
        }
        frm_bulk_str(c->out, entry->key);
        if (removes) {
            frm_dict_remove_entry(&value->dict, entry);
        }
        count--;
    }
}

void frm_cmd_spop(struct call *c)
{
    struct value *value;
    int64_t count = 1;
    if (c->argc > 3) {
        frm_error_syntax(c->out);
        return;
    }
    if ((c->argc == 3 && !frm_arg_range(c, 2, 0, INT64_MAX, &count, NULL)) ||
        !find_set(c, &value)) {
        return;
    }
    if (c->argc == 2) {
        if (value) {
            pop_one(c, value);
        } else {
            frm_null(c->out);
        }
        return;
    }
    int64_t total = value ? value->dict.live : 0;
    count = count < total ? count : total;
    frm_set(c->out, count);
    if (count > 0) {
        draw(c, value, count, true);
        frm_shrunk(c, &c->argv[1], value);
    }
}

void frm_cmd_srandmember(struct call *c)
{
    struct value *value;
    int64_t count = 1;
    if (c->argc > 3) {
        frm_error_syntax(c->out);
        return;
    }
    if ((c->argc == 3 && !frm_arg_range(c, 2, -INT64_MAX, INT64_MAX, &count, NULL)) ||
        !find_set(c, &value)) {
        return;
    }
    if (c->argc == 2) {
        if (value) {
            frm_bulk_str(c->out, pick(c, value)->key);
        } else {
            frm_null(c->out);
        }
        return;
    }
    if (!value || count == 0) {
        frm_array(c->out, 0);
        return;
    }
    if (count < 0) {
        frm_array(c->out, -count);
        for (; count < 0 && !c->out->has_overflown; count++) {
            frm_bulk_str(c->out, pick(c, value)->key);
        }
        return;
    }
    count = count < (int64_t)value->dict.live ? count : (int64_t)value->dict.live;
    frm_array(c->out, count);
    draw(c, value, count, false);
}
