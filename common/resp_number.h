/* The line most values begin with: a type byte, a number of few digits, CR LF. For the framers. */
#ifndef FR_RESP_NUMBER_H
#define FR_RESP_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/* Digits of such a number at most: it cannot exceed anybody's limit of a length in memory. */
#define FR_SHORT_DIGITS 5

/* Read such a line, of whose bytes there are there. Returns its length with CR LF, or 0 when it is
 * any other line, or not whole: the framers have a careful way for these. */
static inline size_t fr_short_number(const char *line, size_t there, int64_t *number)
{
    size_t most = there < FR_SHORT_DIGITS + 1 ? there : FR_SHORT_DIGITS + 1;
    unsigned value = 0;
    size_t at = 1;
    for (; at < most; at++) {
        unsigned digit = (unsigned char)line[at] - (unsigned)'0';
        if (digit > 9) {
            break;
        }
        value = value * 10 + digit;
    }
    if (at < 2 || (line[1] == '0' && at > 2) || there < at + 2 || line[at] != '\r' ||
        line[at + 1] != '\n') {
        return 0;
    }
    *number = value;
    return at + 2;
}

#endif
