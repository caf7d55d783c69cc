/* What two servers cannot say alike, taken out of replies. Everything else is compared byte for
 * byte. Which reply needs what stands beside its request in the script. */
#ifndef TESTS_CONFORMANCE_NORMAL_H
#define TESTS_CONFORMANCE_NORMAL_H

#include "tests/conformance/side.h"

/* Append count frames from the n-th on, as an ask of this kind has them compared. */
void normal_replies(struct bytes *to, const struct frames *frames, size_t n, size_t count,
                    unsigned normal);

/* Append all messages. Those of one channel or pattern stay in their order; how different ones
 * stand to each other, and to replies, is not promised. */
void normal_messages(struct bytes *to, const struct frames *frames);

#endif
