/* Numbers with a fraction, in Redis' writing whatever the program's locale is. */
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/call.h"

enum {
    DIGITS = 17 /* enough to read the same number back (IEEE 754 binary64) */
};

static locale_t c_locale;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_locale(void)
{
    c_locale = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);
}

bool fr_double_read(const char *text, double *number)
{
    char *end;
    pthread_once(&once, make_locale);
    *number = c_locale != (locale_t)0 ? strtod_l(text, &end, c_locale) : strtod(text, &end);
    return end != text && *end == '\0' && !isnan(*number);
}

/* The shortest writing that reads back as the same number: 0.1, not 0.10000000000000001. */
FlaskRedisBytes fr_double_word(double number, char text[40])
{
    double same = 0;
    int len = 0;

    if (isinf(number)) {
        len = snprintf(text, 40, "%sinf", number < 0 ? "-" : "+");
        return (FlaskRedisBytes){text, (size_t)len};
    }
    for (int digits = DIGITS - 2; digits <= DIGITS; digits++) {
        len = snprintf(text, 40, "%.*g", digits, number);
        char *comma = strpbrk(text, ",");
        if (comma != NULL) {
            *comma = '.';
        }
        if (fr_double_read(text, &same) && !(same < number) && !(same > number)) {
            break;
        }
    }
    return (FlaskRedisBytes){text, (size_t)len};
}
