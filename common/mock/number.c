/* Numbers; number.h names the functions of Redis they follow. */
#include "common/mock/number.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONGEST = 5119 /* a longer text is no number to Redis either (MAX_LONG_DOUBLE_CHARS) */
};

bool frm_read_int(const struct fr_word *word, int64_t *value)
{
    return word->len <= 20 && fr_parse_int64(word->data, word->len, value);
}

/* strtod wants a NUL behind its text. */
static bool terminated(const struct fr_word *word, char *to)
{
    if (word->len == 0 || word->len > LONGEST || isspace((unsigned char)word->data[0])) {
        return false;
    }
    memcpy(to, word->data, word->len);
    to[word->len] = '\0';
    return true;
}

bool frm_read_double(const struct fr_word *word, double *value)
{
    char text[LONGEST + 1];
    char *end;
    if (!terminated(word, text)) {
        return false;
    }
    errno = 0;
    *value = strtod(text, &end);
    bool is_out_of_range = errno == ERANGE && (isinf(*value) || *value == 0);
    return end == text + word->len && !is_out_of_range && !isnan(*value);
}

bool frm_read_long_double(const struct fr_word *word, long double *value)
{
    char text[LONGEST + 1];
    char *end;
    if (!terminated(word, text)) {
        return false;
    }
    errno = 0;
    *value = strtold(text, &end);
    bool is_out_of_range = errno == ERANGE && (isinf(*value) || *value == 0);
    return end == text + word->len && !is_out_of_range && !isnan(*value);
}

size_t frm_write_long_double(char *to, long double value)
{
    int len = snprintf(to, NUMBER_CAP, "%.17Lf", value);
    if (memchr(to, '.', (size_t)len)) {
        while (to[len - 1] == '0') {
            len--;
        }
        if (to[len - 1] == '.') {
            len--;
        }
    }
    if (len == 2 && memcmp(to, "-0", 2) == 0) {
        to[0] = '0';
        len = 1;
    }
    to[len] = '\0';
    return (size_t)len;
}

bool frm_add_overflows(int64_t a, int64_t b)
{
    return b > 0 ? a > INT64_MAX - b : a < INT64_MIN - b;
}

size_t frm_write_int(char *to, int64_t value)
{
    return (size_t)snprintf(to, 24, "%lld", (long long)value);
}

size_t frm_write_double(char *to, double value)
{
    int len;
    if (isinf(value)) {
        len = snprintf(to, 64, "%s", value > 0 ? "inf" : "-inf");
    } else if (value > -4503599627370495.0 && value < 4503599627370496.0 &&
               value == (double)(int64_t)value && !(value == 0 && signbit(value))) {
        len = snprintf(to, 64, "%lld", (long long)value); /* as %.17g would, only sooner */
    } else {
        len = snprintf(to, 64, "%.17g", value);
    }
    return (size_t)len;
}

size_t frm_write_compact_double(char *to, double value)
{
    double most = (double)(INT64_MAX / 2);
    bool is_whole = value >= -most && value <= most && value == (double)(int64_t)value;
    return is_whole && value != 0 ? frm_write_int(to, (int64_t)value) : frm_write_double(to, value);
}
