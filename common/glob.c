/* Matching patterns. See glob.h.
 *
 * Redis tries every length for each '*', which takes time exponential in their number. It is enough
 * to come back to the last one: what an earlier star could take more of, the last one can too. */
#include "common/glob.h"

/* What a pattern still has to say, or a text. */
struct rest {
    const char *at;
    const char *end;
};

static bool is_between(unsigned char c, unsigned char a, unsigned char b)
{
    return a <= b ? a <= c && c <= b : b <= c && c <= a;
}

/* One member of a set, a byte or a range; steps over it. */
static bool member_has(struct rest *pattern, char c)
{
    const char *at = pattern->at;
    if (pattern->end - at >= 2 && at[0] == '\\') {
        pattern->at += 2;
        return at[1] == c;
    }
    if (pattern->end - at >= 3 && at[1] == '-') {
        pattern->at += 3;
        return is_between((unsigned char)c, (unsigned char)at[0], (unsigned char)at[2]);
    }
    pattern->at++;
    return at[0] == c;
}

/* A set, whose '[' has been passed. One without end reaches to the pattern's end. */
static bool set_has(struct rest *pattern, char c)
{
    bool is_negated = pattern->at < pattern->end && *pattern->at == '^';
    bool is_found = false;
    pattern->at += is_negated;
    while (pattern->at < pattern->end && *pattern->at != ']') {
        is_found = member_has(pattern, c) || is_found;
    }
    pattern->at += pattern->at < pattern->end;
    return is_found != is_negated;
}

/* Match one byte against what stands for one; steps over it. There is something, and no star. */
static bool one_matches(struct rest *pattern, char c)
{
    char kind = *pattern->at++;
    if (kind == '?') {
        return true;
    }
    if (kind == '[') {
        return set_has(pattern, c);
    }
    if (kind == '\\' && pattern->at < pattern->end) {
        kind = *pattern->at++;
    }
    return kind == c;
}

bool fr_glob_match(const char *pattern, size_t pattern_len, const char *text, size_t text_len)
{
    struct rest rest = {pattern, pattern + pattern_len};
    const char *end = text + text_len;
    const char *behind_star = NULL; /* where the pattern goes on behind the last one */
    const char *star_took = NULL;   /* up to where that one reaches in the text so far */
    if (text_len == 0) {
        return pattern_len == 0; /* Redis does not look at a star then */
    }
    while (text < end) {
        if (rest.at < rest.end && *rest.at == '*') {
            behind_star = ++rest.at;
            star_took = text;
        } else if (rest.at < rest.end && one_matches(&rest, *text)) {
            text++;
        } else if (behind_star != NULL) {
            rest.at = behind_star;
            text = ++star_took;
        } else {
            return false;
        }
    }
    while (rest.at < rest.end && *rest.at == '*') {
        rest.at++;
    }
    return rest.at == rest.end;
}
