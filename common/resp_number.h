/* The line most values begin with: a type byte, a number of few digits, CR LF. For the framers. */
#ifndef FR_RESP_NUMBER_H
#define FR_RESP_NUMBER_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Digits of such a number at most: it cannot exceed anybody's limit of a length in memory. */
#define FR_SHORT_DIGITS 5

/* Read such a line, of whose bytes there are there. Returns its length with CR LF, or 0 when it is
 * any other line, or not whole: the framers have a careful way for these. */
static inline size_t fr_short_number(const char *line, size_t there, int64_t *number)
{
    if (there < sizeof "$0\r\n" - 1) {
        return 0;
    }
    unsigned value = (unsigned char)line[1] - (unsigned)'0';
    unsigned digit = (unsigned char)line[2] - (unsigned)'0';
    size_t at = 2;
    if (value > 9 || (value == 0 && digit <= 9)) {
        return 0;
    }
    while (digit <= 9 && at <= FR_SHORT_DIGITS && at + 2 < there) {
        value = value * 10 + digit;
        digit = (unsigned char)line[++at] - (unsigned)'0';
    }
    if (memcmp(line + at, "\r\n", 2) != 0) {
        return 0;
    }
    *number = value;
    return at + 2;
}

#endif
