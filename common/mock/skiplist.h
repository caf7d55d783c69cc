/* Members in the order of their scores, those of equal score in the order of their bytes. Finding,
 * adding, removing and counting take logarithmic time. */
#ifndef FR_MOCK_SKIPLIST_H
#define FR_MOCK_SKIPLIST_H

#include "common/mock/heap.h"

enum {
    SKIPLIST_LEVELS = 32
};

struct node {
    const struct str *member; /* borrowed: the dict of the sorted set has it */
    double score;
    struct node *before;
    int level_count;
    struct {
        struct node *next;
        size_t span; /* nodes from here to next, next counted */
    } level[];
};

struct skiplist {
    struct heap *heap;
    struct node *head; /* stands before the first; has no member */
    struct node *last;
    size_t count;
    int level_count;
    uint64_t chance; /* of levels */
};

struct skiplist *frm_skiplist_new(struct heap *heap);
void frm_skiplist_free(struct skiplist *list);

struct node *frm_skiplist_add(struct skiplist *list, double score, const struct str *member);
void frm_skiplist_remove(struct skiplist *list, struct node *node);

/* The node with so many before it, NULL beyond the end. */
struct node *frm_skiplist_at(const struct skiplist *list, size_t rank);
size_t frm_skiplist_rank(const struct skiplist *list, const struct node *node);

/* How many nodes, from the first on, are before a border. */
size_t frm_skiplist_count(const struct skiplist *list,
                          bool (*is_before)(const struct node *node, const void *border),
                          const void *border);

struct node *frm_skiplist_next(const struct node *node);

#endif
