/* Arguments of commands, and patterns. */
#include <math.h>

#include "common/mock/engine.h"
#include "common/mock/number.h"

bool frm_arg_is(const struct call *c, size_t i, const char *text)
{
    return i < c->argc && frm_word_is(&c->argv[i], text);
}

bool frm_arg_int(struct call *c, size_t i, int64_t *value, const char *error)
{
    if (frm_read_int(&c->argv[i], value)) {
        return true;
    }
    frm_error(c->out, "%s", error ? error : "ERR value is not an integer or out of range");
    return false;
}

bool frm_arg_range(struct call *c, size_t i, int64_t least, int64_t most, int64_t *value,
                   const char *error)
{
    if (!error && least == 0 && most == INT64_MAX) {
        error = "ERR value is out of range, must be positive";
    }
    if (!frm_arg_int(c, i, value, error)) {
        return false;
    }
    if (*value >= least && *value <= most) {
        return true;
    }
    if (error) {
        frm_error(c->out, "%s", error);
    } else {
        frm_error(c->out, "ERR value is out of range, value must between %lld and %lld",
                  (long long)least, (long long)most);
    }
    return false;
}

bool frm_arg_double(struct call *c, size_t i, double *value, const char *error)
{
    if (frm_read_double(&c->argv[i], value)) {
        return true;
    }
    frm_error(c->out, "%s", error ? error : "ERR value is not a valid float");
    return false;
}

/* -------------------------------------------------------------------------------------- patterns
 */

/* Match one [...] at *at, which stands behind the bracket, and move *at behind its end. */
static bool class_has(const struct fr_word *pattern, size_t *at, unsigned char byte)
{
    const unsigned char *p = (const unsigned char *)pattern->data;
    bool is_negated = *at < pattern->len && p[*at] == '^';
    bool has = false;
    size_t i = *at + (is_negated ? 1 : 0);
    for (;; i++) {
        if (i >= pattern->len) { /* never closed: its last byte counts once more */
            break;
        }
        if (p[i] == '\\' && pattern->len - i >= 2) {
            has |= p[++i] == byte;
        } else if (p[i] == ']') {
            break;
        } else if (pattern->len - i >= 3 && p[i + 1] == '-') {
            unsigned char low = p[i], high = p[i + 2];
            if (low > high) {
                unsigned char swapped = low;
                low = high;
                high = swapped;
            }
            i += 2;
            has |= byte >= low && byte <= high;
        } else {
            has |= p[i] == byte;
        }
    }
    *at = i < pattern->len ? i + 1 : pattern->len;
    return has != is_negated;
}

/* Match one element that is no star against a byte. */
static bool one_matches(const struct fr_word *pattern, size_t *at, unsigned char byte)
{
    const unsigned char *p = (const unsigned char *)pattern->data;
    unsigned char what = p[(*at)++];
    if (what == '?') {
        return true;
    }
    if (what == '[') {
        return class_has(pattern, at, byte);
    }
    if (what == '\\' && *at < pattern->len) {
        what = p[(*at)++];
    }
    return what == byte;
}

/* A star that fails is tried again one byte later; only the last star needs to be, so time is at
 * most the product of both lengths. */
bool frm_glob(const struct fr_word *pattern, const struct fr_word *text)
{
    size_t at = 0, star_at = SIZE_MAX, star_text = 0, i = 0;
    if (text->len == 0) {
        return pattern->len == 0; /* not even * */
    }
    while (i < text->len) {
        if (at < pattern->len && pattern->data[at] == '*') {
            star_at = ++at;
            star_text = i;
            continue;
        }
        if (at < pattern->len && one_matches(pattern, &at, (unsigned char)text->data[i])) {
            i++;
            continue;
        }
        if (star_at == SIZE_MAX) {
            return false;
        }
        at = star_at;
        i = ++star_text;
    }
    while (at < pattern->len && pattern->data[at] == '*') {
        at++;
    }
    return at == pattern->len;
}
