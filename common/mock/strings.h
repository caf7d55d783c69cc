/* Strings as other commands make and change them. */
#ifndef FR_MOCK_STRINGS_H
#define FR_MOCK_STRINGS_H

#include "common/mock/engine.h"

struct value *frm_string_new(struct heap *heap, const struct fr_word *text);

/* Whether a string may become this long; answers when not. */
bool frm_string_may_be(struct call *c, const struct value *value, int64_t len);

/* Make a string, or the key anew (value NULL), at least len bytes long. */
struct value *frm_string_grow(struct call *c, const struct fr_word *key, struct value *value,
                              size_t len);

#endif
