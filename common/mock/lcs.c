/* LCS: the longest common subsequence of two strings, by the usual table of lengths. The ranges are
 * found from the end, as Redis finds them (t_string.c, lcsCommand, 7.0). */
#include "common/mock/commands.h"

struct lcs {
    struct fr_word a, b;
    uint32_t *lengths; /* of the common subsequence of the first i bytes of a and j of b */
    bool wants_len, wants_ranges, wants_match_len;
    int64_t least_len;
};

static uint32_t *length_at(const struct lcs *lcs, size_t i, size_t j)
{
    return &lcs->lengths[i * (lcs->b.len + 1) + j];
}

static bool read_options(struct call *c, struct lcs *lcs)
{
    for (size_t i = 3; i < c->argc; i++) {
        if (frm_arg_is(c, i, "idx")) {
            lcs->wants_ranges = true;
        } else if (frm_arg_is(c, i, "len")) {
            lcs->wants_len = true;
        } else if (frm_arg_is(c, i, "withmatchlen")) {
            lcs->wants_match_len = true;
        } else if (frm_arg_is(c, i, "minmatchlen") && i + 1 < c->argc) {
            if (!frm_arg_int(c, ++i, &lcs->least_len, NULL)) {
                return false;
            }
        } else {
            frm_error_syntax(c->out);
            return false;
        }
    }
    if (lcs->wants_ranges && lcs->wants_len) {
        frm_error(c->out, "ERR If you want both the length and indexes, please just use IDX.");
        return false;
    }
    return true;
}

static void fill(struct lcs *lcs)
{
    for (size_t i = 1; i <= lcs->a.len; i++) {
        for (size_t j = 1; j <= lcs->b.len; j++) {
            uint32_t left = *length_at(lcs, i, j - 1), up = *length_at(lcs, i - 1, j);
            bool same = lcs->a.data[i - 1] == lcs->b.data[j - 1];
            *length_at(lcs, i, j) = same        ? *length_at(lcs, i - 1, j - 1) + 1
                                    : left > up ? left
                                                : up;
        }
    }
}

/* A run of bytes that are the same in both; a_first == a.len: there is none. */
struct run {
    size_t a_first, a_last, b_first, b_last;
};

static bool reply_run(struct out *out, const struct lcs *lcs, const struct run *run)
{
    int64_t len = (int64_t)(run->a_last - run->a_first + 1);
    if (!lcs->wants_ranges || (lcs->least_len > 0 && len < lcs->least_len)) {
        return false;
    }
    frm_array(out, lcs->wants_match_len ? 3 : 2);
    frm_array(out, 2);
    frm_int(out, (int64_t)run->a_first);
    frm_int(out, (int64_t)run->a_last);
    frm_array(out, 2);
    frm_int(out, (int64_t)run->b_first);
    frm_int(out, (int64_t)run->b_last);
    if (lcs->wants_match_len) {
        frm_int(out, len);
    }
    return true;
}

/* Take the bytes before i and j, which are the same, into the run; true: it ends here. */
static bool extend(const struct lcs *lcs, struct run *run, size_t i, size_t j)
{
    bool ends = false;
    if (run->a_first == lcs->a.len) {
        *run = (struct run){i - 1, i - 1, j - 1, j - 1};
    } else if (run->a_first == i && run->b_first == j) {
        run->a_first--;
        run->b_first--;
    } else {
        ends = true;
    }
    return ends || run->a_first == 0 || run->b_first == 0;
}

/* Walk back through the table; returns how many runs were answered. */
static int64_t walk(struct out *out, const struct lcs *lcs, char *common)
{
    size_t i = lcs->a.len, j = lcs->b.len;
    size_t at = *length_at(lcs, i, j);
    int64_t count = 0;
    struct run run = {lcs->a.len, 0, 0, 0};
    while (i > 0 && j > 0) {
        bool ends;
        if (lcs->a.data[i - 1] == lcs->b.data[j - 1]) {
            common[--at] = lcs->a.data[i - 1];
            ends = extend(lcs, &run, i--, j--);
        } else {
            if (*length_at(lcs, i - 1, j) > *length_at(lcs, i, j - 1)) {
                i--;
            } else {
                j--;
            }
            ends = run.a_first != lcs->a.len;
        }
        if (ends) {
            count += reply_run(out, lcs, &run);
            run.a_first = lcs->a.len;
        }
    }
    return count;
}

static void reply(struct call *c, const struct lcs *lcs)
{
    uint32_t len = *length_at(lcs, lcs->a.len, lcs->b.len);
    if (lcs->wants_len) {
        frm_int(c->out, len);
        return;
    }
    char *common = frm_alloc(&c->mock->heap, (size_t)len + 1);
    if (lcs->wants_ranges) {
        frm_map(c->out, 2);
        frm_bulk_text(c->out, "matches");
        size_t mark = frm_later(c->out);
        frm_later_array(c->out, mark, walk(c->out, lcs, common));
        frm_bulk_text(c->out, "len");
        frm_int(c->out, len);
    } else {
        walk(c->out, lcs, common);
        frm_bulk(c->out, common, len);
    }
    frm_free(common);
}

void frm_cmd_lcs(struct call *c)
{
    struct lcs lcs = {{"", 0}, {"", 0}, NULL, false, false, false, 0};
    struct fr_word *sides[] = {&lcs.a, &lcs.b};
    for (size_t i = 0; i < 2; i++) {
        const struct value *value = frm_find(c, &c->argv[1 + i]);
        if (value && value->type != TYPE_STRING) {
            frm_error(c->out, "ERR The specified keys must contain string values");
            return;
        }
        if (value) {
            *sides[i] = frm_word(value->string);
        }
    }
    if (!read_options(c, &lcs)) {
        return;
    }
    size_t cells = (lcs.a.len + 1) * (lcs.b.len + 1);
    if (cells > STRING_MAX / sizeof(uint32_t) ||
        !frm_heap_has_room(&c->mock->heap, cells * sizeof(uint32_t))) {
        frm_error(c->out, "ERR Insufficient memory, transient memory for LCS exceeds "
                          "proto-max-bulk-len");
        return;
    }
    lcs.lengths = frm_zalloc(&c->mock->heap, cells * sizeof(uint32_t));
    fill(&lcs);
    reply(c, &lcs);
    frm_free(lcs.lengths);
}
