/* What BITFIELD has in common with the other commands about bits. */
#ifndef FR_MOCK_BITS_H
#define FR_MOCK_BITS_H

#include "common/mock/engine.h"

/* Read word i as the place of a bit, or answer why not; with a width also "#n", the n-th field so
 * wide. */
bool frm_arg_bit_offset(struct call *c, size_t i, unsigned width, uint64_t *offset);

#endif
