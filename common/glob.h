/* Patterns as PSUBSCRIBE has them: '*' any text, '?' any byte, [abc], [a-z], [^abc] one of a set,
 * '\' takes the next byte as it is (util.c, stringmatchlen, 7.0). */
#ifndef FR_GLOB_H
#define FR_GLOB_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the pattern stands for the whole text; for an empty one only an empty pattern does, not
 * even
 * "*" (KEYS and SCAN take that for all before they look at patterns). Takes at most pattern_len *
 * text_len steps, whatever the pattern. */
bool fr_glob_match(const char *pattern, size_t pattern_len, const char *text, size_t text_len);

#endif
