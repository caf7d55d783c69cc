/* The ring of strings: item i stands at head + i, modulo cap. */
#include "common/mock/list.h"

enum {
    FEWEST = 4
};

void frm_list_init(struct list *list, struct heap *heap)
{
    *list = (struct list){.heap = heap};
}

void frm_list_finish(struct list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        frm_free(*frm_list_at(list, i));
    }
    frm_free(list->items);
    frm_list_init(list, list->heap);
}

struct str **frm_list_at(const struct list *list, size_t at)
{
    return &list->items[(list->head + at) & (list->cap - 1)];
}

static void resize(struct list *list, size_t cap)
{
    struct str **items = frm_alloc(list->heap, cap * sizeof(struct str *));
    for (size_t i = 0; i < list->count; i++) {
        items[i] = *frm_list_at(list, i);
    }
    frm_free(list->items);
    list->items = items;
    list->cap = cap;
    list->head = 0;
}

void frm_list_insert(struct list *list, size_t at, struct str *item)
{
    if (list->count == list->cap) {
        resize(list, list->cap ? list->cap * 2 : FEWEST);
    }
    if (at < list->count / 2) {
        list->head = (list->head - 1) & (list->cap - 1);
        list->count++;
        for (size_t i = 0; i < at; i++) {
            *frm_list_at(list, i) = *frm_list_at(list, i + 1);
        }
    } else {
        list->count++;
        for (size_t i = list->count - 1; i > at; i--) {
            *frm_list_at(list, i) = *frm_list_at(list, i - 1);
        }
    }
    *frm_list_at(list, at) = item;
}

struct str *frm_list_take(struct list *list, size_t at)
{
    struct str *item = *frm_list_at(list, at);
    if (at < list->count / 2) {
        for (size_t i = at; i > 0; i--) {
            *frm_list_at(list, i) = *frm_list_at(list, i - 1);
        }
        list->head = (list->head + 1) & (list->cap - 1);
    } else {
        for (size_t i = at; i + 1 < list->count; i++) {
            *frm_list_at(list, i) = *frm_list_at(list, i + 1);
        }
    }
    list->count--;
    if (list->cap > FEWEST * 4 && list->count < list->cap / 8) {
        resize(list, list->cap / 4);
    }
    return item;
}

void frm_list_cut(struct list *list, size_t at, size_t count)
{
    if (count == 0) {
        return;
    }
    for (size_t i = at; i < at + count; i++) {
        frm_free(*frm_list_at(list, i));
    }
    if (at == 0) {
        list->head = (list->head + count) & (list->cap - 1);
    } else {
        for (size_t i = at; i + count < list->count; i++) {
            *frm_list_at(list, i) = *frm_list_at(list, i + count);
        }
    }
    list->count -= count;
}
