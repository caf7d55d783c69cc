/* Sets as other commands make them. */
#ifndef FR_MOCK_SET_H
#define FR_MOCK_SET_H

#include "common/mock/engine.h"

/* Returns whether the member is new. */
bool frm_set_add(struct value *value, const struct fr_word *member);

/* value may be NULL: an empty set. */
bool frm_set_has(const struct value *value, const struct fr_word *member);

#endif
