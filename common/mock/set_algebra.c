/* Intersections, unions and differences of sets. */
#include "common/mock/commands.h"
#include "common/mock/set.h"

/* Sets in the order of the command's keys; NULL: there is none. */
struct sets {
    struct value **at;
    size_t count;
};

/* Find them all, or answer that one is no set. */
static bool find_sets(struct call *c, size_t first, size_t count, struct sets *sets)
{
    sets->at = frm_alloc(&c->mock->heap, (count + 1) * sizeof(struct value *));
    sets->count = count;
    for (size_t i = 0; i < count; i++) {
        if (!frm_find_type(c, &c->argv[first + i], TYPE_SET, &sets->at[i])) {
            frm_free(sets->at);
            return false;
        }
    }
    return true;
}

/* Add to result what the sets have together; at most limit members (0: all). */
static void intersect(const struct sets *sets, struct value *result, int64_t limit)
{
    const struct value *smallest = sets->at[0];
    for (size_t i = 0; i < sets->count; i++) {
        if (!sets->at[i]) {
            return;
        }
        smallest = sets->at[i]->dict.live < smallest->dict.live ? sets->at[i] : smallest;
    }
    for (const struct entry *entry = NULL; (entry = frm_dict_next(&smallest->dict, entry));) {
        struct fr_word member = frm_word(entry->key);
        size_t has = 0;
        while (has < sets->count && frm_set_has(sets->at[has], &member)) {
            has++;
        }
        if (has == sets->count) {
            frm_set_add(result, &member);
        }
        if (limit != 0 && result->dict.live == limit) {
            return;
        }
    }
}

static void unite(const struct sets *sets, struct value *result, int64_t limit)
{
    (void)limit;
    for (size_t i = 0; i < sets->count; i++) {
        for (const struct entry *entry = NULL;
             sets->at[i] && (entry = frm_dict_next(&sets->at[i]->dict, entry));) {
            struct fr_word member = frm_word(entry->key);
            frm_set_add(result, &member);
        }
    }
}

static void subtract(const struct sets *sets, struct value *result, int64_t limit)
{
    (void)limit;
    for (const struct entry *entry = NULL;
         sets->at[0] && (entry = frm_dict_next(&sets->at[0]->dict, entry));) {
        struct fr_word member = frm_word(entry->key);
        size_t i = 1;
        while (i < sets->count && !frm_set_has(sets->at[i], &member)) {
            i++;
        }
        if (i == sets->count) {
            frm_set_add(result, &member);
        }
    }
}

typedef void algebra(const struct sets *sets, struct value *result, int64_t limit);

static struct value *compute(struct call *c, size_t first, size_t count, algebra *combine,
                             int64_t limit)
{
    struct sets sets;
    if (!find_sets(c, first, count, &sets)) {
        return NULL;
    }
    struct value *result = frm_value_new(&c->mock->heap, TYPE_SET);
    combine(&sets, result, limit);
    frm_free(sets.at);
    return result;
}

static void reply(struct call *c, algebra *combine)
{
    struct value *result = compute(c, 1, c->argc - 1, combine, 0);
    if (!result) {
        return;
    }
    frm_set(c->out, result->dict.live);
    for (const struct entry *entry = NULL; (entry = frm_dict_next(&result->dict, entry));) {
        frm_bulk_str(c->out, entry->key);
    }
    frm_value_free(result);
}

static void store(struct call *c, algebra *combine)
{
    struct value *result = compute(c, 2, c->argc - 2, combine, 0);
    if (!result) {
        return;
    }
    int64_t count = result->dict.live;
    if (count > 0) {
        frm_replace(c->db, &c->argv[1], result);
    } else {
        frm_value_free(result);
        frm_delete(c->db, &c->argv[1]);
    }
    frm_int(c->out, count);
}

void frm_cmd_sinter(struct call *c)
{
    reply(c, intersect);
}

void frm_cmd_sunion(struct call *c)
{
    reply(c, unite);
}

void frm_cmd_sdiff(struct call *c)
{
    reply(c, subtract);
}

void frm_cmd_sinterstore(struct call *c)
{
    store(c, intersect);
}

void frm_cmd_sunionstore(struct call *c)
{
    store(c, unite);
}

void frm_cmd_sdiffstore(struct call *c)
{
    store(c, subtract);
}

void frm_cmd_sintercard(struct call *c)
{
    int64_t count, limit = 0;
    if (!frm_arg_range(c, 1, 1, INT64_MAX, &count, "ERR numkeys should be greater than 0")) {
        return;
    }
    if (count > (int64_t)c->argc - 2) {
        frm_error(c->out, "ERR Number of keys can't be greater than number of args");
        return;
    }
    for (size_t i = 2 + (size_t)count; i < c->argc; i += 2) {
        if (!frm_arg_is(c, i, "limit") || i + 1 == c->argc) {
            frm_error_syntax(c->out);
            return;
        }
        if (!frm_arg_range(c, i + 1, 0, INT64_MAX, &limit, "ERR LIMIT can't be negative")) {
            return;
        }
    }
    struct value *result = compute(c, 2, (size_t)count, intersect, limit);
    if (result) {
        frm_int(c->out, result->dict.live);
        frm_value_free(result);
    }
}
