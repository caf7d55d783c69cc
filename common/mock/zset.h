/* Sorted sets: a dict from members to nodes of a skip list. */
#ifndef FR_MOCK_ZSET_H
#define FR_MOCK_ZSET_H

#include "common/mock/engine.h"
#include "common/mock/skiplist.h"

/* The node of a member; NULL: it has none. value may be NULL. */
struct node *frm_zset_find(const struct value *value, const struct fr_word *member);

/* Give a member a score, new or not. */
void frm_zset_put(struct value *value, const struct fr_word *member, double score);
void frm_zset_remove(struct value *value, struct node *node);

/* Let a finished value be compact where Redis would make it a listpack, or not. */
void frm_zset_settle(struct value *value);

/* How a client asks for a part of a sorted set. */
enum range_kind {
    RANGE_AUTO,
    RANGE_RANK,
    RANGE_SCORE,
    RANGE_LEX
};

/* From rank first on, count members. */
struct ranks {
    size_t first, count;
};

struct border {
    double score;
    struct fr_word member;
    enum {
        LEX_MEMBER,
        LEX_LEAST,
        LEX_MOST
    } lex;
    bool is_exclusive;
};

struct bounds {
    enum range_kind kind;
    int64_t first, last; /* RANGE_RANK */
    struct border min, max;
};

/* Read two borders from words, or answer why not. */
bool frm_zset_read_bounds(struct call *c, enum range_kind kind, size_t min_at, size_t max_at,
                          struct bounds *bounds);
struct ranks frm_zset_ranks(const struct value *value, const struct bounds *bounds,
                            bool is_reversed);

/* A member, and its score in the same way as Redis writes it in this protocol: paired in RESP3. */
void frm_zset_reply(struct out *out, const struct str *member, double score, bool has_score);
void frm_zset_reply_count(struct out *out, int64_t count, bool has_scores);

#endif
