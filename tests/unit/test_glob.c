/* Patterns of PSUBSCRIBE. What is expected here is what Redis 7.0 answers;
 * integration/test_patterns asks it. */
#include <string.h>

#include "common/glob.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static const struct row {
    const char *pattern;
    const char *text;
    bool matches;
} rows[] = {
    {"", "", true},
    {"", "a", false},
    {"*", "", false},
    {"**", "", false},
    {"*", "anything", true},
    {"**", "a", true},
    {"a*", "a", true},
    {"a*", "ba", false},
    {"*a", "bba", true},
    {"*a", "bab", false},
    {"a*b*c", "aXbYc", true},
    {"a*b*c", "aXbYbZc", true},
    {"a*b*c", "aXc", false},
    {"?", "a", true},
    {"?", "", false},
    {"??", "a", false},
    {"h?llo", "hello", true},
    {"h[ae]llo", "hallo", true},
    {"h[ae]llo", "hillo", false},
    {"h[^e]llo", "hallo", true},
    {"h[^e]llo", "hello", false},
    {"[a-c]x", "bx", true},
    {"[c-a]x", "bx", true},
    {"[a-c]x", "dx", false},
    {"[a-]x", "-x", false}, /* a range up to ']', and the set has no end */
    {"[a", "a", true},
    {"[]a", "a", false},
    {"[^]a", "xa", true},
    {"[\\]]", "]", true},
    {"\\*", "*", true},
    {"\\*", "a", false},
    {"a\\", "a\\", true},
    {"a\\", "a", false},
    {"[\\", "\\", true},
};

static void rows_match_as_on_a_server(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *row = &rows[i];
        bool matches =
            fr_glob_match(row->pattern, strlen(row->pattern), row->text, strlen(row->text));
        if (matches != row->matches) {
            FAIL("\"%s\" and \"%s\": %s", row->pattern, row->text, matches ? "match" : "do not");
        }
    }
}

static void bytes_may_be_any(void)
{
    EXPECT(fr_glob_match("a\0*", 3, "a\0b", 3));
    EXPECT(!fr_glob_match("a\0*", 3, "ab", 2));
    EXPECT(fr_glob_match("[\x80-\xff]", 5, "\x90", 1));
    EXPECT(fr_glob_match("?", 1, "\xff", 1));
}

/* Every star tried with every length would take longer than the universe is old. */
static void many_stars_take_no_time(void)
{
    char text[2000];
    char pattern[401];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < 200; i++) {
        memcpy(pattern + 2 * i, "*a", 2);
    }
    pattern[400] = 'b';
    int64_t began = now_ms();
    EXPECT(!fr_glob_match(pattern, 401, text, sizeof text));
    EXPECT(fr_glob_match(pattern, 400, text, sizeof text));
    EXPECT(now_ms() - began < patience_ms());
}

static const struct test_case cases[] = {
    {"patterns match as on a server", rows_match_as_on_a_server},
    {"patterns and texts may hold any byte", bytes_may_be_any},
    {"a pattern of many stars takes no time", many_stars_take_no_time},
};

SUITE_MAIN("glob", cases)
