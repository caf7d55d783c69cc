/* Whether two sides got the same from a step, and the difference for a person to read. */
#ifndef TESTS_CONFORMANCE_COMPARE_H
#define TESTS_CONFORMANCE_COMPARE_H

#include "tests/conformance/side.h"

/* Whether all that came to the one has come to the other too, as far as counting tells. */
bool sides_are_level(const struct side *direct, const struct side *pooled);

/* True: the same. Otherwise the difference is described in text. */
bool sides_agree(const struct script *script, size_t step, const struct side *direct,
                 const struct side *pooled, struct bytes *text);

#endif
