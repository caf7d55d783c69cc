/* Sorted sets: adding, removing, asking for single members, popping, chance. */
#include "common/mock/zset.h"

#include <math.h>

#include "common/mock/commands.h"
#include "common/mock/number.h"
#include "common/mock/scan.h"

enum {
    COMPACT_MEMBERS = 128, /* zset-max-listpack-entries */
    COMPACT_LEN = 64       /* zset-max-listpack-value */
};

struct node *frm_zset_find(const struct value *value, const struct fr_word *member)
{
    const struct entry *entry = value ? frm_dict_find(&value->zset.members, member) : NULL;
    return entry ? entry->value : NULL;
}

void frm_zset_put(struct value *value, const struct fr_word *member, double score)
{
    struct entry *entry = frm_dict_put(&value->zset.members, member, NULL);
    value->is_large |= member->len > COMPACT_LEN;
    if (score == 0 && !value->is_large) {
        score = 0; /* a listpack has no negative zero */
    }
    if (entry->value) {
        frm_skiplist_remove(value->zset.order, entry->value);
    }
    entry->value = frm_skiplist_add(value->zset.order, score, entry->key);
    value->is_large |= value->zset.order->count > COMPACT_MEMBERS;
}

void frm_zset_settle(struct value *value)
{
    struct node *node = frm_skiplist_at(value->zset.order, 0);
    value->is_large = value->zset.order->count > COMPACT_MEMBERS;
    for (; node && !value->is_large; node = frm_skiplist_next(node)) {
        value->is_large = node->member->len > COMPACT_LEN;
    }
    for (node = frm_skiplist_at(value->zset.order, 0); node && !value->is_large;
         node = frm_skiplist_next(node)) {
        node->score = node->score == 0 ? 0 : node->score;
    }
}

void frm_zset_remove(struct value *value, struct node *node)
{
    struct fr_word member = frm_word(node->member);
    frm_skiplist_remove(value->zset.order, node);
    frm_dict_remove(&value->zset.members, &member, NULL);
}

void frm_zset_reply(struct out *out, const struct str *member, double score, bool has_score)
{
    if (has_score && out->protocol == 3) {
        frm_array(out, 2);
    }
    frm_bulk_str(out, member);
    if (has_score) {
        frm_double(out, score);
    }
}

void frm_zset_reply_count(struct out *out, int64_t count, bool has_scores)
{
    frm_array(out, has_scores && out->protocol == 2 ? count * 2 : count);
}

static bool find_zset(struct call *c, struct value **value)
{
    return frm_find_type(c, &c->argv[1], TYPE_ZSET, value);
}

/* ------------------------------------------------------------------------------------------ ZADD
 */

enum add_flag {
    ADD_NX = 1,
    ADD_XX = 2,
    ADD_CH = 4,
    ADD_INCR = 8,
    ADD_GT = 16,
    ADD_LT = 32
};

struct add {
    unsigned flags;
    size_t first; /* the first score */
    int64_t added, updated;
    double score; /* of the last member that was dealt with */
    bool is_done; /* whether one was */
};

static void read_flags(const struct call *c, struct add *add)
{
    static const char *const names[] = {"nx", "xx", "ch", "incr", "gt", "lt"};
    for (add->first = 2; add->first < c->argc; add->first++) {
        unsigned which = 0;
        while (which < 6 && !frm_arg_is(c, add->first, names[which])) {
            which++;
        }
        if (which == 6) {
            return;
        }
        add->flags |= 1U << which;
    }
}

static bool flags_fit(struct call *c, const struct add *add)
{
    size_t words = c->argc - add->first;
    bool gt = add->flags & ADD_GT, lt = add->flags & ADD_LT, nx = add->flags & ADD_NX;
    if (words == 0 || words % 2 != 0) {
        frm_error_syntax(c->out);
    } else if (nx && (add->flags & ADD_XX)) {
        frm_error(c->out, "ERR XX and NX options at the same time are not compatible");
    } else if ((gt && nx) || (lt && nx) || (gt && lt)) {
        frm_error(c->out, "ERR GT, LT, and/or NX options at the same time are not compatible");
    } else if ((add->flags & ADD_INCR) && words > 2) {
        frm_error(c->out, "ERR INCR option supports a single increment-element pair");
    } else {
        return true;
    }
    return false;
}

/* Deal with one pair; false: the sum is no number (answered). */
static bool add_one(struct call *c, struct value *value, struct add *add, size_t i)
{
    double score = 0;
    const struct fr_word *member = &c->argv[i + 1];
    const struct node *node = frm_zset_find(value, member);
    frm_read_double(&c->argv[i], &score);
    if (node ? add->flags & ADD_NX : add->flags & ADD_XX) {
        return true;
    }
    if (node && (add->flags & ADD_INCR)) {
        score += node->score;
        if (isnan(score)) {
            frm_error(c->out, "ERR resulting score is not a number (NaN)");
            return false;
        }
    }
    if (node && ((add->flags & ADD_LT && score >= node->score) ||
                 (add->flags & ADD_GT && score <= node->score))) {
        return true;
    }
    add->is_done = true;
    add->score = score;
    add->added += node == NULL;
    if (!node || node->score != score) {
        add->updated += node != NULL;
        frm_zset_put(value, member, score);
    }
    return true;
}

static void reply_added(struct call *c, const struct add *add)
{
    if (!(add->flags & ADD_INCR)) {
        frm_int(c->out, add->added + (add->flags & ADD_CH ? add->updated : 0));
    } else if (add->is_done) {
        frm_double(c->out, add->score);
    } else {
        frm_null(c->out);
    }
}

static void add_all(struct call *c, struct add *add)
{
    struct value *value;
    double score;
    for (size_t i = add->first; i < c->argc; i += 2) {
        if (!frm_arg_double(c, i, &score, NULL)) {
            return;
        }
    }
    if (!find_zset(c, &value)) {
        return;
    }
    if (!value && (add->flags & ADD_XX)) {
        reply_added(c, add);
        return;
    }
    value = value ? value : frm_find_or_make(c, &c->argv[1], TYPE_ZSET);
    bool is_fine = true;
    for (size_t i = add->first; is_fine && i < c->argc; i += 2) {
        is_fine = add_one(c, value, add, i);
    }
    if (is_fine) {
        reply_added(c, add);
    }
    if (add->added > 0 || add->updated > 0) {
        frm_touch(c->db, &c->argv[1]);
    }
}

void frm_cmd_zadd(struct call *c)
{
    struct add add = {0};
    read_flags(c, &add);
    if (flags_fit(c, &add)) {
        add_all(c, &add);
    }
}

void frm_cmd_zincrby(struct call *c)
{
    struct add add = {.flags = ADD_INCR, .first = 2};
    add_all(c, &add);
}

void frm_cmd_zrem(struct call *c)
{
    struct value *value;
    int64_t count = 0;
    if (!find_zset(c, &value)) {
        return;
    }
    for (size_t i = 2; value && i < c->argc; i++) {
        struct node *node = frm_zset_find(value, &c->argv[i]);
        if (node) {
            frm_zset_remove(value, node);
            count++;
        }
    }
    if (count > 0) {
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_int(c->out, count);
}

/* --------------------------------------------------------------------------------- single members
 */

static void reply_score(struct call *c, const struct value *value, const struct fr_word *member)
{
    const struct node *node = frm_zset_find(value, member);
    if (node) {
        frm_double(c->out, node->score);
    } else {
        frm_null(c->out);
    }
}

void frm_cmd_zscore(struct call *c)
{
    struct value *value;
    if (find_zset(c, &value)) {
        reply_score(c, value, &c->argv[2]);
    }
}

void frm_cmd_zmscore(struct call *c)
{
    struct value *value;
    if (find_zset(c, &value)) {
        frm_array(c->out, (int64_t)c->argc - 2);
        for (size_t i = 2; i < c->argc; i++) {
            reply_score(c, value, &c->argv[i]);
        }
    }
}

void frm_cmd_zcard(struct call *c)
{
    struct value *value;
    if (find_zset(c, &value)) {
        frm_int(c->out, value ? (int64_t)value->zset.order->count : 0);
    }
}

static void rank(struct call *c, bool is_reversed)
{
    struct value *value;
    if (!find_zset(c, &value)) {
        return;
    }
    const struct node *node = frm_zset_find(value, &c->argv[2]);
    if (!node) {
        frm_null(c->out);
        return;
    }
    size_t before = frm_skiplist_rank(value->zset.order, node);
    frm_int(c->out, (int64_t)(is_reversed ? value->zset.order->count - 1 - before : before));
}

void frm_cmd_zrank(struct call *c)
{
    rank(c, false);
}

void frm_cmd_zrevrank(struct call *c)
{
    rank(c, true);
}

static void show_member(struct scan *scan, const struct entry *entry)
{
    const struct node *node = entry->value;
    char text[64];
    size_t len = scan->is_compact ? frm_write_compact_double(text, node->score)
                                  : frm_write_double(text, node->score);
    frm_bulk_str(scan->c->out, entry->key);
    frm_bulk(scan->c->out, text, len);
}

void frm_cmd_zscan(struct call *c)
{
    frm_scan_collection(c, TYPE_ZSET, show_member, 2);
}

/* ----------------------------------------------------------------------------------- ZRANDMEMBER
 */

static void draw_again(struct call *c, const struct value *value, int64_t count, bool has_scores)
{
    frm_zset_reply_count(c->out, count, has_scores);
    for (; count > 0 && !c->out->has_overflown; count--) {
        const struct node *node =
            frm_skiplist_at(value->zset.order, frm_random(c->mock) % value->zset.order->count);
        frm_zset_reply(c->out, node->member, node->score, has_scores);
    }
}

static void draw_once(struct call *c, const struct value *value, int64_t count, bool has_scores)
{
    int64_t left = (int64_t)value->zset.order->count;
    count = count < left ? count : left;
    frm_zset_reply_count(c->out, count, has_scores);
    for (const struct node *node = frm_skiplist_at(value->zset.order, 0); node && count > 0;
         node = frm_skiplist_next(node), left--) {
        if ((int64_t)(frm_random(c->mock) % (uint64_t)left) < count) {
            frm_zset_reply(c->out, node->member, node->score, has_scores);
            count--;
        }
    }
}

static void reply_one(struct call *c, const struct value *value)
{
    if (!value) {
        frm_null(c->out);
        return;
    }
    size_t at = frm_random(c->mock) % value->zset.order->count;
    frm_bulk_str(c->out, frm_skiplist_at(value->zset.order, at)->member);
}

void frm_cmd_zrandmember(struct call *c)
{
    struct value *value;
    int64_t count = 1;
    if (c->argc > 2 && !frm_arg_range(c, 2, -INT64_MAX, INT64_MAX, &count, NULL)) {
        return;
    }
    bool has_scores = c->argc == 4 && frm_arg_is(c, 3, "withscores");
    if (c->argc > 4 || (c->argc == 4 && !has_scores)) {
        frm_error_syntax(c->out);
        return;
    }
    if (has_scores && (count < -INT64_MAX / 2 || count > INT64_MAX / 2)) {
        frm_error(c->out, "ERR value is out of range");
        return;
    }
    if (!find_zset(c, &value)) {
        return;
    }
    if (c->argc == 2) {
        reply_one(c, value);
    } else if (!value || count == 0) {
        frm_array(c->out, 0);
    } else if (count < 0) {
        draw_again(c, value, -count, has_scores);
    } else {
        draw_once(c, value, count, has_scores);
    }
}
