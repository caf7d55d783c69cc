/* Parts of sorted sets: ZRANGE in all its forms, ZCOUNT, ZLEXCOUNT, ZREMRANGEBY…. Every kind of
 * range becomes a range of ranks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/mock/commands.h"
#include "common/mock/zset.h"

enum {
    SCORE_TEXT = 512 /* no border needs more digits */
};

/* As t_zset.c, zslParseRange: whatever strtod takes up to the first NUL, nothing being 0. */
static bool read_score(const struct fr_word *word, struct border *border)
{
    char text[SCORE_TEXT];
    char *end;
    border->is_exclusive = word->len > 0 && word->data[0] == '(';
    size_t skip = border->is_exclusive ? 1 : 0;
    size_t len = word->len - skip;
    if (len >= sizeof(text)) {
        return false;
    }
    memcpy(text, word->data + skip, len);
    text[len] = '\0';
    border->score = strtod(text, &end);
    return *end == '\0' && !isnan(border->score);
}

static bool read_lex(const struct fr_word *word, struct border *border)
{
    char first = word->len > 0 ? word->data[0] : '\0';
    border->is_exclusive = first == '(';
    border->lex = first == '-' ? LEX_LEAST : first == '+' ? LEX_MOST : LEX_MEMBER;
    if (border->lex != LEX_MEMBER) {
        return word->len == 1 || word->data[1] == '\0';
    }
    if (first != '(' && first != '[') {
        return false;
    }
    border->member = (struct fr_word){word->data + 1, word->len - 1};
    return true;
}

bool frm_zset_read_bounds(struct call *c, enum range_kind kind, size_t min_at, size_t max_at,
                          struct bounds *bounds)
{
    const struct fr_word *min = &c->argv[min_at], *max = &c->argv[max_at];
    memset(bounds, 0, sizeof(*bounds));
    bounds->kind = kind;
    if (kind == RANGE_RANK) {
        return frm_arg_int(c, min_at, &bounds->first, NULL) &&
               frm_arg_int(c, max_at, &bounds->last, NULL);
    }
    bool is_score = kind == RANGE_SCORE;
    if (is_score ? read_score(min, &bounds->min) && read_score(max, &bounds->max)
                 : read_lex(min, &bounds->min) && read_lex(max, &bounds->max)) {
        return true;
    }
    frm_error(c->out, is_score ? "ERR min or max is not a float"
                               : "ERR min or max not valid string range item");
    return false;
}

/* ----------------------------------------------------------------------------------------- borders
 */

static bool score_is_below(const struct node *node, const void *context)
{
    const struct border *min = context;
    return min->is_exclusive ? node->score <= min->score : node->score < min->score;
}

static bool score_is_within(const struct node *node, const void *context)
{
    const struct border *max = context;
    return max->is_exclusive ? node->score < max->score : node->score <= max->score;
}

static int compare_lex(const struct node *node, const struct border *border)
{
    if (border->lex != LEX_MEMBER) {
        return border->lex == LEX_LEAST ? 1 : -1;
    }
    struct fr_word member = frm_word(node->member);
    return frm_word_compare(&member, &border->member);
}

static bool lex_is_below(const struct node *node, const void *context)
{
    const struct border *min = context;
    int order = compare_lex(node, min);
    return min->is_exclusive ? order <= 0 : order < 0;
}

static bool lex_is_within(const struct node *node, const void *context)
{
    const struct border *max = context;
    int order = compare_lex(node, max);
    return max->is_exclusive ? order < 0 : order <= 0;
}

static struct ranks between(size_t first, size_t end)
{
    return (struct ranks){first, end > first ? end - first : 0};
}

static struct ranks by_rank(const struct bounds *bounds, int64_t total, bool is_reversed)
{
    int64_t first = bounds->first < 0 ? bounds->first + total : bounds->first;
    int64_t last = bounds->last < 0 ? bounds->last + total : bounds->last;
    first = first < 0 ? 0 : first;
    last = last >= total ? total - 1 : last;
    if (first > last) {
        return (struct ranks){0, 0};
    }
    return is_reversed ? between((size_t)(total - 1 - last), (size_t)(total - first))
                       : between((size_t)first, (size_t)last + 1);
}

struct ranks frm_zset_ranks(const struct value *value, const struct bounds *bounds,
                            bool is_reversed)
{
    const struct skiplist *order = value->zset.order;
    if (bounds->kind == RANGE_RANK) {
        return by_rank(bounds, (int64_t)order->count, is_reversed);
    }
    bool is_score = bounds->kind == RANGE_SCORE;
    return between(
        frm_skiplist_count(order, is_score ? score_is_below : lex_is_below, &bounds->min),
        frm_skiplist_count(order, is_score ? score_is_within : lex_is_within, &bounds->max));
}

/* ------------------------------------------------------------------------------------------ ZRANGE
 */

struct query {
    enum range_kind kind;
    bool is_reversed, direction_is_fixed;
    bool has_scores;
    int64_t skip, limit; /* limit below 0: none */
    size_t key_at;
    bool stores; /* into the first key */
};

/* Read one option; returns how many words it has, 0: it is none, -1: answered. */
static int read_option(struct call *c, size_t i, struct query *query)
{
    if (!query->stores && frm_arg_is(c, i, "withscores")) {
        query->has_scores = true;
        return 1;
    }
    if (frm_arg_is(c, i, "limit") && i + 2 < c->argc) {
        bool reads =
            frm_arg_int(c, i + 1, &query->skip, NULL) && frm_arg_int(c, i + 2, &query->limit, NULL);
        return reads ? 3 : -1;
    }
    if (!query->direction_is_fixed && frm_arg_is(c, i, "rev")) {
        query->is_reversed = query->direction_is_fixed = true;
        return 1;
    }
    if (query->kind == RANGE_AUTO && frm_arg_is(c, i, "bylex")) {
        query->kind = RANGE_LEX;
        return 1;
    }
    if (query->kind == RANGE_AUTO && frm_arg_is(c, i, "byscore")) {
        query->kind = RANGE_SCORE;
        return 1;
    }
    return 0;
}

static bool read_query(struct call *c, struct query *query)
{
    for (size_t i = query->key_at + 3; i < c->argc;) {
        int words = read_option(c, i, query);
        if (words == 0) {
            frm_error_syntax(c->out);
        }
        if (words <= 0) {
            return false;
        }
        i += (size_t)words;
    }
    query->kind = query->kind == RANGE_AUTO ? RANGE_RANK : query->kind;
    if (query->limit != -1 && query->kind == RANGE_RANK) {
        frm_error(c->out, "ERR syntax error, LIMIT is only supported in combination with either "
                          "BYSCORE or BYLEX");
        return false;
    }
    if (query->has_scores && query->kind == RANGE_LEX) {
        frm_error(c->out, "ERR syntax error, WITHSCORES not supported in combination with BYLEX");
        return false;
    }
    return true;
}

/* Take LIMIT's part of the ranks; the skipped ones are at the side one begins from. */
static struct ranks limited(const struct query *query, struct ranks ranks)
{
    size_t skip =
        query->skip < 0 || (size_t)query->skip > ranks.count ? ranks.count : (size_t)query->skip;
    size_t count = ranks.count - skip;
    if (query->limit >= 0 && (size_t)query->limit < count) {
        count = (size_t)query->limit;
    }
    return (struct ranks){
        query->is_reversed ? ranks.first + ranks.count - skip - count : ranks.first + skip, count};
}

static void reply_ranks(struct call *c, const struct value *value, struct ranks ranks,
                        const struct query *query)
{
    size_t at = query->is_reversed ? ranks.first + ranks.count - 1 : ranks.first;
    const struct node *node = ranks.count ? frm_skiplist_at(value->zset.order, at) : NULL;
    frm_zset_reply_count(c->out, (int64_t)ranks.count, query->has_scores);
    for (size_t i = 0; i < ranks.count && node; i++) {
        frm_zset_reply(c->out, node->member, node->score, query->has_scores);
        node = query->is_reversed ? node->before : frm_skiplist_next(node);
    }
}

static void store_ranks(struct call *c, const struct value *value, struct ranks ranks)
{
    if (ranks.count == 0) {
        frm_delete(c->db, &c->argv[1]);
        frm_int(c->out, 0);
        return;
    }
    struct value *result = frm_value_new(&c->mock->heap, TYPE_ZSET);
    const struct node *node = frm_skiplist_at(value->zset.order, ranks.first);
    for (size_t i = 0; i < ranks.count; i++, node = frm_skiplist_next(node)) {
        struct fr_word member = frm_word(node->member);
        frm_zset_put(result, &member, node->score);
    }
    frm_replace(c->db, &c->argv[1], result);
    frm_int(c->out, (int64_t)ranks.count);
}

static void run_query(struct call *c, struct query query)
{
    struct bounds bounds;
    struct value *value;
    if (!read_query(c, &query)) {
        return;
    }
    size_t first = query.key_at + 1, last = query.key_at + 2;
    bool is_swapped = query.is_reversed && query.kind != RANGE_RANK;
    if (!frm_zset_read_bounds(c, query.kind, is_swapped ? last : first, is_swapped ? first : last,
                              &bounds) ||
        !frm_find_type(c, &c->argv[query.key_at], TYPE_ZSET, &value)) {
        return;
    }
    struct ranks ranks = {0, 0};
    if (value) {
        ranks = frm_zset_ranks(value, &bounds, query.is_reversed);
        ranks = query.kind == RANGE_RANK ? ranks : limited(&query, ranks);
    }
    if (query.stores) {
        store_ranks(c, value, ranks);
    } else {
        reply_ranks(c, value, ranks, &query);
    }
}

void frm_cmd_zrange(struct call *c)
{
    run_query(c, (struct query){.limit = -1, .key_at = 1});
}

void frm_cmd_zrangestore(struct call *c)
{
    run_query(c, (struct query){.limit = -1, .key_at = 2, .stores = true});
}

static void run_old(struct call *c, enum range_kind kind, bool is_reversed)
{
    run_query(c, (struct query){.kind = kind,
                                .is_reversed = is_reversed,
                                .direction_is_fixed = true,
                                .limit = -1,
                                .key_at = 1});
}

void frm_cmd_zrevrange(struct call *c)
{
    run_old(c, RANGE_RANK, true);
}

void frm_cmd_zrangebyscore(struct call *c)
{
    run_old(c, RANGE_SCORE, false);
}

void frm_cmd_zrevrangebyscore(struct call *c)
{
    run_old(c, RANGE_SCORE, true);
}

void frm_cmd_zrangebylex(struct call *c)
{
    run_old(c, RANGE_LEX, false);
}

void frm_cmd_zrevrangebylex(struct call *c)
{
    run_old(c, RANGE_LEX, true);
}

/* --------------------------------------------------------------------------- counting, removing */

static bool find_ranks(struct call *c, enum range_kind kind, struct value **value,
                       struct ranks *ranks)
{
    struct bounds bounds;
    if (!frm_zset_read_bounds(c, kind, 2, 3, &bounds) ||
        !frm_find_type(c, &c->argv[1], TYPE_ZSET, value)) {
        return false;
    }
    *ranks = *value ? frm_zset_ranks(*value, &bounds, false) : (struct ranks){0, 0};
    return true;
}

static void count(struct call *c, enum range_kind kind)
{
    struct value *value;
    struct ranks ranks;
    if (find_ranks(c, kind, &value, &ranks)) {
        frm_int(c->out, (int64_t)ranks.count);
    }
}

void frm_cmd_zcount(struct call *c)
{
    count(c, RANGE_SCORE);
}

void frm_cmd_zlexcount(struct call *c)
{
    count(c, RANGE_LEX);
}

static void remove_range(struct call *c, enum range_kind kind)
{
    struct value *value;
    struct ranks ranks;
    if (!find_ranks(c, kind, &value, &ranks)) {
        return;
    }
    struct node *node = ranks.count ? frm_skiplist_at(value->zset.order, ranks.first) : NULL;
    for (size_t i = 0; i < ranks.count; i++) {
        struct node *next = frm_skiplist_next(node);
        frm_zset_remove(value, node);
        node = next;
    }
    if (ranks.count > 0) {
        frm_shrunk(c, &c->argv[1], value);
    }
    frm_int(c->out, (int64_t)ranks.count);
}

void frm_cmd_zremrangebyrank(struct call *c)
{
    remove_range(c, RANGE_RANK);
}

void frm_cmd_zremrangebyscore(struct call *c)
{
    remove_range(c, RANGE_SCORE);
}

void frm_cmd_zremrangebylex(struct call *c)
{
    remove_range(c, RANGE_LEX);
}
