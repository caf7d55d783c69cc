/* Unions, intersections and differences of sorted sets; sets count as sorted ones of score 1. */
#include <math.h>
#include <stdlib.h>

#include "common/mock/commands.h"
#include "common/mock/set.h"
#include "common/mock/zset.h"

enum operation {
    UNION,
    INTER,
    DIFF
};

enum aggregate {
    SUM,
    MIN,
    MAX
};

struct source {
    const struct value *value; /* NULL: there is none */
    double weight;
    size_t place; /* among the keys */
};

struct plan {
    enum operation operation;
    enum aggregate aggregate;
    struct source *sources;
    size_t count;
    bool has_scores, stores, counts_only;
    int64_t limit;
};

static size_t size_of(const struct value *value)
{
    return !value ? 0 : value->type == TYPE_SET ? value->dict.live : value->zset.order->count;
}

static bool score_of(const struct value *value, const struct fr_word *member, double *score)
{
    if (!value) {
        return false;
    }
    if (value->type == TYPE_SET) {
        *score = 1;
        return frm_set_has(value, member);
    }
    const struct node *node = frm_zset_find(value, member);
    *score = node ? node->score : 0;
    return node != NULL;
}

static const struct dict *members_of(const struct value *value)
{
    return value->type == TYPE_SET ? &value->dict : &value->zset.members;
}

/* infinity times 0 is 0 here, and infinity minus infinity too */
static double number_or_0(double value)
{
    return isnan(value) ? 0 : value;
}

static double aggregated(enum aggregate aggregate, double a, double b)
{
    switch (aggregate) {
    case SUM:
        return number_or_0(a + b);
    case MIN:
        return b < a ? b : a;
    case MAX:
        break;
    }
    return b > a ? b : a;
}

/* ------------------------------------------------------------------------------------- arguments
 */

static bool find_sources(struct call *c, size_t count_at, struct plan *plan)
{
    int64_t count;
    if (!frm_arg_int(c, count_at, &count, NULL)) {
        return false;
    }
    if (count < 1) {
        frm_error(c->out, "ERR at least 1 input key is needed for '%s' command", c->row->name);
        return false;
    }
    if (count > (int64_t)(c->argc - count_at - 1)) {
        frm_error_syntax(c->out);
        return false;
    }
    plan->count = (size_t)count;
    plan->sources = frm_zalloc(&c->mock->heap, plan->count * sizeof(struct source));
    for (size_t i = 0; i < plan->count; i++) {
        const struct value *value = frm_find(c, &c->argv[count_at + 1 + i]);
        if (value && value->type != TYPE_ZSET && value->type != TYPE_SET) {
            frm_wrong_type(c->out);
            return false;
        }
        plan->sources[i] = (struct source){value, 1, i};
    }
    return true;
}

static bool read_weights(struct call *c, size_t first, struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (!frm_arg_double(c, first + i, &plan->sources[i].weight,
                            "ERR weight value is not a float")) {
            return false;
        }
    }
    return true;
}

static bool read_aggregate(struct call *c, size_t i, struct plan *plan)
{
    static const char *const names[] = {"sum", "min", "max"};
    for (unsigned a = 0; a < 3; a++) {
        if (frm_arg_is(c, i, names[a])) {
            plan->aggregate = (enum aggregate)a;
            return true;
        }
    }
    frm_error_syntax(c->out);
    return false;
}

static bool read_options(struct call *c, size_t i, struct plan *plan)
{
    bool weighs = plan->operation != DIFF && !plan->counts_only;
    while (i < c->argc) {
        size_t left = c->argc - i;
        if (weighs && left >= plan->count + 1 && frm_arg_is(c, i, "weights")) {
            if (!read_weights(c, i + 1, plan)) {
                return false;
            }
            i += 1 + plan->count;
        } else if (weighs && left >= 2 && frm_arg_is(c, i, "aggregate")) {
            if (!read_aggregate(c, i + 1, plan)) {
                return false;
            }
            i += 2;
        } else if (!plan->stores && !plan->counts_only && frm_arg_is(c, i, "withscores")) {
            plan->has_scores = true;
            i++;
        } else if (plan->counts_only && left >= 2 && frm_arg_is(c, i, "limit")) {
            if (!frm_arg_range(c, i + 1, 0, INT64_MAX, &plan->limit,
                               "ERR LIMIT can't be negative")) {
                return false;
            }
            i += 2;
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    return true;
}

/* -------------------------------------------------------------------------------------- computing
 */

/* The smallest first, as Redis takes them: the order of additions shows in the last digit. */
static int compare_sizes(const void *a, const void *b)
{
    const struct source *first = a, *second = b;
    size_t m = size_of(first->value), n = size_of(second->value);
    if (m != n) {
        return m < n ? -1 : 1;
    }
    return first->place < second->place ? -1 : 1;
}

static void unite(const struct plan *plan, struct value *result)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct source *source = &plan->sources[i];
        for (const struct entry *entry = NULL;
             source->value && (entry = frm_dict_next(members_of(source->value), entry));) {
            struct fr_word member = frm_word(entry->key);
            double score = 0;
            score_of(source->value, &member, &score);
            score = number_or_0(source->weight * score);
            const struct node *node = frm_zset_find(result, &member);
            score = node ? aggregated(plan->aggregate, node->score, score) : score;
            frm_zset_put(result, &member, score);
        }
    }
}

/* Whether every source has the member; the score it gets then. */
static bool all_have(const struct plan *plan, const struct fr_word *member, double *score)
{
    for (size_t i = 0; i < plan->count; i++) {
        double own;
        if (!score_of(plan->sources[i].value, member, &own)) {
            return false;
        }
        own *= plan->sources[i].weight;
        *score = i == 0 ? number_or_0(own) : aggregated(plan->aggregate, *score, own);
    }
    return true;
}

static void intersect(const struct plan *plan, struct value *result)
{
    const struct value *smallest = plan->sources[0].value;
    for (const struct entry *entry = NULL;
         smallest && (entry = frm_dict_next(members_of(smallest), entry));) {
        struct fr_word member = frm_word(entry->key);
        double score = 0;
        if (all_have(plan, &member, &score)) {
            frm_zset_put(result, &member, score);
        }
        if (plan->limit != 0 && result->zset.order->count == (size_t)plan->limit) {
            return;
        }
    }
}

static void subtract(const struct plan *plan, struct value *result)
{
    const struct value *first = plan->sources[0].value;
    for (const struct entry *entry = NULL;
         first && (entry = frm_dict_next(members_of(first), entry));) {
        struct fr_word member = frm_word(entry->key);
        double score, other;
        size_t i = 1;
        while (i < plan->count && !score_of(plan->sources[i].value, &member, &other)) {
            i++;
        }
        if (i == plan->count && score_of(first, &member, &score)) {
            frm_zset_put(result, &member, score);
        }
    }
}

static struct value *compute(struct call *c, const struct plan *plan)
{
    static void (*const run[])(const struct plan *plan, struct value *result) = {unite, intersect,
                                                                                 subtract};
    struct value *result = frm_value_new(&c->mock->heap, TYPE_ZSET);
    result->is_large = true;
    if (plan->operation != DIFF) {
        qsort(plan->sources, plan->count, sizeof(struct source), compare_sizes);
    }
    run[plan->operation](plan, result);
    return result;
}

/* Takes result. */
static void answer(struct call *c, const struct plan *plan, struct value *result)
{
    int64_t count = (int64_t)result->zset.order->count;
    if (plan->stores && count > 0) {
        frm_zset_settle(result);
        frm_replace(c->db, &c->argv[1], result);
        frm_int(c->out, count);
        return;
    }
    if (plan->stores) {
        frm_delete(c->db, &c->argv[1]);
        frm_int(c->out, 0);
    } else if (plan->counts_only) {
        frm_int(c->out, count);
    } else {
        frm_zset_reply_count(c->out, count, plan->has_scores);
        for (const struct node *node = frm_skiplist_at(result->zset.order, 0); node;
             node = frm_skiplist_next(node)) {
            frm_zset_reply(c->out, node->member, node->score, plan->has_scores);
        }
    }
    frm_value_free(result);
}

static void run(struct call *c, enum operation operation, bool stores, bool counts_only)
{
    struct plan plan = {.operation = operation, .stores = stores, .counts_only = counts_only};
    size_t count_at = stores ? 2 : 1;
    if (find_sources(c, count_at, &plan) && read_options(c, count_at + 1 + plan.count, &plan)) {
        answer(c, &plan, compute(c, &plan));
    }
    frm_free(plan.sources);
}

void frm_cmd_zunion(struct call *c)
{
    run(c, UNION, false, false);
}

void frm_cmd_zinter(struct call *c)
{
    run(c, INTER, false, false);
}

void frm_cmd_zdiff(struct call *c)
{
    run(c, DIFF, false, false);
}

void frm_cmd_zunionstore(struct call *c)
{
    run(c, UNION, true, false);
}

void frm_cmd_zinterstore(struct call *c)
{
    run(c, INTER, true, false);
}

void frm_cmd_zdiffstore(struct call *c)
{
    run(c, DIFF, true, false);
}

void frm_cmd_zintercard(struct call *c)
{
    run(c, INTER, false, true);
}
