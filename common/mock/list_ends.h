/* Taking from the ends of lists, for commands that wait and those that do not. */
#ifndef FR_MOCK_LIST_ENDS_H
#define FR_MOCK_LIST_ENDS_H

#include "common/mock/engine.h"

/* Answer with one item, or an array of at most count of them, taken from an end; a list that has
 * none left is removed. */
void frm_list_pop_one(struct call *c, const struct fr_word *key, struct value *value, bool is_left);
void frm_list_pop_many(struct call *c, const struct fr_word *key, struct value *value, bool is_left,
                       int64_t count);

#endif
