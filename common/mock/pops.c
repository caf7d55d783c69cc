/* Popping from the first of several keys. See pops.h. */
#include "common/mock/pops.h"

bool frm_arg_end(struct call *c, size_t i, const struct two_ends *ends, bool *is_first)
{
    *is_first = frm_arg_is(c, i, ends->first);
    if (!*is_first && !frm_arg_is(c, i, ends->last)) {
        frm_error_syntax(c->out);
        return false;
    }
    return true;
}

struct many {
    const struct fr_word *keys;
    size_t key_count;
    bool from_first;
    int64_t count;    /* 0: one, which is no array */
    int64_t until_us; /* 0: do not wait */
};

static void pop_first(struct call *c, const struct two_ends *ends, const struct many *many)
{
    for (size_t i = 0; i < many->key_count; i++) {
        struct value *value;
        if (!frm_find_type(c, &many->keys[i], ends->type, &value)) {
            return;
        }
        if (value) {
            ends->pop(c, &many->keys[i], value, many->from_first, many->count);
            return;
        }
    }
    if (many->until_us != 0 && c->may_block) {
        frm_wait(c, ends->wait, many->until_us, many->keys, many->key_count);
    } else {
        frm_null_array(c->out);
    }
}

void frm_pop_or_wait(struct call *c, const struct two_ends *ends, bool from_first)
{
    struct many many = {c->argv + 1, c->argc - 2, from_first, 0, 0};
    if (frm_arg_timeout(c, c->argc - 1, &many.until_us)) {
        pop_first(c, ends, &many);
    }
}

/* [COUNT count] and nothing behind it; a second COUNT is one too many, but the first is read. */
static bool read_count(struct call *c, size_t i, int64_t *count)
{
    if (i + 1 < c->argc && frm_arg_is(c, i, "count")) {
        if (!frm_arg_range(c, i + 1, 1, INT64_MAX, count, "ERR count should be greater than 0")) {
            return false;
        }
        i += 2;
    }
    if (i != c->argc) {
        frm_error_syntax(c->out);
    }
    return i == c->argc;
}

/* numkeys key … end [COUNT count], from word i on. */
static bool read_many(struct call *c, size_t i, const struct two_ends *ends, struct many *many)
{
    int64_t key_count;
    if (!frm_arg_range(c, i, 1, INT64_MAX, &key_count, "ERR numkeys should be greater than 0")) {
        return false;
    }
    if (key_count >= (int64_t)(c->argc - i - 1)) {
        frm_error_syntax(c->out);
        return false;
    }
    *many = (struct many){c->argv + i + 1, (size_t)key_count, false, 1, 0};
    i += 1 + (size_t)key_count;
    return frm_arg_end(c, i, ends, &many->from_first) && read_count(c, i + 1, &many->count);
}

void frm_pop_many(struct call *c, const struct two_ends *ends)
{
    struct many many;
    if (read_many(c, 1, ends, &many)) {
        pop_first(c, ends, &many);
    }
}

void frm_pop_many_or_wait(struct call *c, const struct two_ends *ends)
{
    struct many many;
    if (read_many(c, 2, ends, &many) && frm_arg_timeout(c, 1, &many.until_us)) {
        pop_first(c, ends, &many);
    }
}

void frm_pop_many_from(struct call *c, const struct two_ends *ends, const struct fr_word *key,
                       struct value *value)
{
    struct many many;
    if (read_many(c, 2, ends, &many)) { /* as it was when the waiting began */
        ends->pop(c, key, value, many.from_first, many.count);
    }
}
