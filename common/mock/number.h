/* Numbers as Redis reads and writes them. */
#ifndef FR_MOCK_NUMBER_H
#define FR_MOCK_NUMBER_H

#include "common/mock/heap.h"

enum {
    NUMBER_CAP = 6144 /* of a long double without exponent: 4933 digits, a point and 17 more */
};

/* Read a whole word as a decimal number within 64 bits (util.c, string2ll). */
bool frm_read_int(const struct fr_word *word, int64_t *value);

/* Read a whole word as a floating-point number, not NaN nor out of range (object.c,
 * getDoubleFromObject; the long double one is util.c, string2ld). */
bool frm_read_double(const struct fr_word *word, double *value);
bool frm_read_long_double(const struct fr_word *word, long double *value);

/* Write a number as INCRBYFLOAT does: 17 digits behind the point without the trailing zeros
 * (util.c, ld2string, LD_STR_HUMAN). to has NUMBER_CAP bytes; returns the length. */
size_t frm_write_long_double(char *to, long double value);

/* Write a score as SCAN replies do (util.c, d2string); to has at least 64 bytes. */
size_t frm_write_double(char *to, double value);

/* The same as a listpack keeps it: whole numbers have no exponent (util.c, d2string, 7.0). */
size_t frm_write_compact_double(char *to, double value);

/* Write a decimal number; to has at least 24 bytes; returns the length. */
size_t frm_write_int(char *to, int64_t value);

/* Whether a + b leaves 64 bits. */
bool frm_add_overflows(int64_t a, int64_t b);

#endif
