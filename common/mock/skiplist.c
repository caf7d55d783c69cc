/* The skip list (W. Pugh, 1990) with spans, from which ranks follow.
 *
 *     head ------------------------> c ----------> NULL      level 1
 *     head ----> a ------> b ------> c ----> d --> NULL      level 0
 */
#include "common/mock/skiplist.h"

#include <string.h>

static struct node *node_new(struct heap *heap, int level_count)
{
    struct node *node =
        frm_zalloc(heap, sizeof(*node) + (size_t)level_count * sizeof(node->level[0]));
    node->level_count = level_count;
    return node;
}

struct skiplist *frm_skiplist_new(struct heap *heap)
{
    struct skiplist *list = frm_zalloc(heap, sizeof(*list));
    list->heap = heap;
    list->head = node_new(heap, SKIPLIST_LEVELS);
    list->level_count = 1;
    list->chance = heap->seed[0] | 1;
    return list;
}

void frm_skiplist_free(struct skiplist *list)
{
    struct node *next;
    for (struct node *node = list->head; node; node = next) {
        next = node->level[0].next;
        frm_free(node);
    }
    frm_free(list);
}

/* One in four is a level higher. */
static int random_level(struct skiplist *list)
{
    int level = 1;
    for (;;) {
        list->chance ^= list->chance << 13;
        list->chance ^= list->chance >> 7;
        list->chance ^= list->chance << 17;
        if (level == SKIPLIST_LEVELS || (list->chance >> 33 & 3) != 0) {
            return level;
        }
        level++;
    }
}

static bool is_less(const struct node *node, double score, const struct str *member)
{
    if (node->score != score) {
        return node->score < score;
    }
    struct fr_word a = frm_word(node->member), b = frm_word(member);
    return frm_word_compare(&a, &b) < 0;
}

/* For each level the last node before the place, and how many nodes stand before that one. */
struct path {
    struct node *node[SKIPLIST_LEVELS];
    size_t rank[SKIPLIST_LEVELS];
};

static void find_path(const struct skiplist *list, double score, const struct str *member,
                      struct path *path)
{
    struct node *at = list->head;
    size_t rank = 0;
    for (int i = list->level_count - 1; i >= 0; i--) {
        while (at->level[i].next && is_less(at->level[i].next, score, member)) {
            rank += at->level[i].span;
            at = at->level[i].next;
        }
        path->node[i] = at;
        path->rank[i] = rank;
    }
}

static void raise_levels(struct skiplist *list, int level_count, struct path *path)
{
    for (; list->level_count < level_count; list->level_count++) {
        path->node[list->level_count] = list->head;
        path->rank[list->level_count] = 0;
        list->head->level[list->level_count].span = list->count;
    }
}

struct node *frm_skiplist_add(struct skiplist *list, double score, const struct str *member)
{
    struct path path;
    find_path(list, score, member, &path);
    int level_count = random_level(list);
    raise_levels(list, level_count, &path);
    struct node *node = node_new(list->heap, level_count);
    node->score = score;
    node->member = member;
    for (int i = 0; i < level_count; i++) {
        struct node *before = path.node[i];
        size_t skipped = path.rank[0] - path.rank[i];
        node->level[i].next = before->level[i].next;
        node->level[i].span = before->level[i].span - skipped;
        before->level[i].next = node;
        before->level[i].span = skipped + 1;
    }
    for (int i = level_count; i < list->level_count; i++) {
        path.node[i]->level[i].span++;
    }
    node->before = path.node[0] == list->head ? NULL : path.node[0];
    if (node->level[0].next) {
        node->level[0].next->before = node;
    } else {
        list->last = node;
    }
    list->count++;
    return node;
}

void frm_skiplist_remove(struct skiplist *list, struct node *node)
{
    struct path path;
    find_path(list, node->score, node->member, &path);
    for (int i = 0; i < list->level_count; i++) {
        struct node *before = path.node[i];
        if (before->level[i].next == node) {
            before->level[i].span += node->level[i].span - 1;
            before->level[i].next = node->level[i].next;
        } else {
            before->level[i].span--;
        }
    }
    if (node->level[0].next) {
        node->level[0].next->before = node->before;
    } else {
        list->last = node->before;
    }
    list->count--;
    frm_free(node);
}

struct node *frm_skiplist_at(const struct skiplist *list, size_t rank)
{
    if (rank >= list->count) {
        return NULL;
    }
    struct node *at = list->head;
    size_t left = rank + 1;
    for (int i = list->level_count - 1; i >= 0; i--) {
        while (at->level[i].next && at->level[i].span <= left) {
            left -= at->level[i].span;
            at = at->level[i].next;
        }
    }
    return at;
}

size_t frm_skiplist_rank(const struct skiplist *list, const struct node *node)
{
    struct path path = {.rank = {0}};
    find_path(list, node->score, node->member, &path);
    return path.rank[0];
}

size_t frm_skiplist_count(const struct skiplist *list,
                          bool (*is_before)(const struct node *node, const void *border),
                          const void *border)
{
    const struct node *at = list->head;
    size_t rank = 0;
    for (int i = list->level_count - 1; i >= 0; i--) {
        while (at->level[i].next && is_before(at->level[i].next, border)) {
            rank += at->level[i].span;
            at = at->level[i].next;
        }
    }
    return rank;
}

struct node *frm_skiplist_next(const struct node *node)
{
    return node->level[0].next;
}
