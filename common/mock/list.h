/* A list of strings: a ring, so that both ends are cheap. */
#ifndef FR_MOCK_LIST_H
#define FR_MOCK_LIST_H

#include "common/mock/engine.h"

void frm_list_init(struct list *list, struct heap *heap);
void frm_list_finish(struct list *list);

/* Item at of count; at must be within. */
struct str **frm_list_at(const struct list *list, size_t at);

/* Put an item (taken) before place at, 0 to count. */
void frm_list_insert(struct list *list, size_t at, struct str *item);

/* Take the item at a place out of the list. */
struct str *frm_list_take(struct list *list, size_t at);

/* Free count items from place at on. */
void frm_list_cut(struct list *list, size_t at, size_t count);

#endif
