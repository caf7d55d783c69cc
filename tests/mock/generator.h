/* Writes commands from the templates in templates.def: with edge values, wrong types, words too
 * many or too few, options in odd orders. The same seed writes the same commands. */
#ifndef TESTS_MOCK_GENERATOR_H
#define TESTS_MOCK_GENERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/resp.h"

enum comparison {
    SAME,
    SORTED,
    PAIRS,
    CHANCE,
    TIME,
    SHAPE,
    SCANNED,
    AGES,
    MOMENTS
};

enum {
    WORDS_MAX = 64,
    WORD_CAP = 192
};

struct command_text {
    enum comparison comparison;
    size_t template_at;
    size_t count;
    struct fr_word words[WORDS_MAX];
    char bytes[WORDS_MAX][WORD_CAP];
    uint32_t options; /* bits of the template's literal words that stand in it */
};

struct generator {
    uint64_t state;
    int64_t now_ms; /* for absolute times */
};

void generator_init(struct generator *generator, uint64_t seed);
uint64_t generator_random(struct generator *generator, uint64_t below);

/* Write the next command. */
void generator_next(struct generator *generator, struct command_text *command);

size_t generator_template_count(void);
const char *generator_template(size_t at);

/* The literal word that bit stands for in a template's options, NULL behind the last. */
const char *generator_option(size_t template_at, unsigned bit, char *to, size_t cap);

#endif
