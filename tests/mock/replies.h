/* Replies of two servers compared. */
#ifndef TESTS_MOCK_REPLIES_H
#define TESTS_MOCK_REPLIES_H

#include "tests/mock/generator.h"
#include "tests/support/bytes.h"

/* The complete frames inside an aggregate; returns how many, at most cap. */
size_t reply_children(const struct fr_word *frame, struct fr_word *children, size_t cap);

/* Whether two frames are the same in this way; members, for CHANCE, is a frame whose strings are
 * all that may stand in either (NULL: any). */
bool reply_same(const struct fr_word *a, const struct fr_word *b, enum comparison how,
                const struct bytes *members);

#endif
