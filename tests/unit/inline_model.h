/* What Redis makes of an inline line (sds.c, sdssplitargs, 7.0), told once more as a machine that
 * reads one character after the other, to compare the daemon's own splitting with. */
#ifndef TESTS_UNIT_INLINE_MODEL_H
#define TESTS_UNIT_INLINE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum {
    MODEL_WORDS_CAP = 4096
};

struct inline_model {
    char words[MODEL_WORDS_CAP]; /* array elements, each "$LEN\r\nWORD\r\n" */
    size_t len;
    unsigned count;
};

static inline bool model_is_space(char c)
{
    return c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
}

static inline int model_hex(char c)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    const char *found = c == '\0' ? NULL : strchr(digits, c);
    return found == NULL ? -1 : (int)(found - digits) - (found - digits > 15 ? 6 : 0);
}

static inline void model_add(struct inline_model *model, const char *word, size_t word_len)
{
    model->len += (size_t)snprintf(model->words + model->len, MODEL_WORDS_CAP - model->len,
                                   "$%zu\r\n", word_len);
    memcpy(model->words + model->len, word, word_len);
    memcpy(model->words + model->len + word_len, "\r\n", 2);
    model->len += word_len + 2;
    model->count++;
}

/* One escape between double quotes: what it stands for, and how many characters it takes. */
static inline char model_escape(const char *at, size_t left, size_t *takes)
{
    static const char plain[] = "nrtba";
    static const char meant[] = "\n\r\t\b\a";
    if (left >= 4 && at[1] == 'x' && model_hex(at[2]) >= 0 && model_hex(at[3]) >= 0) {
        *takes = 4;
        return (char)(model_hex(at[2]) * 16 + model_hex(at[3]));
    }
    *takes = 2;
    const char *found = at[1] == '\0' ? NULL : strchr(plain, at[1]);
    return found == NULL ? at[1] : meant[found - plain];
}

/* Read the inside of quotes from line[*at] to word; *at stands behind the closing one afterwards.
 * False: it does not end, or something else than a blank follows. */
static inline bool model_quoted(const char *line, size_t len, size_t *at, char quote, char *word,
                                size_t *word_len)
{
    for (; *at < len; (*word_len)++) {
        size_t left = len - *at;
        size_t takes = 1;
        char c = line[*at];
        if (c == quote) {
            *at += 1;
            return *at == len || model_is_space(line[*at]);
        }
        if (c == '\\' && left >= 2 && quote == '"') {
            c = model_escape(line + *at, left, &takes);
        } else if (c == '\\' && left >= 2 && line[*at + 1] == '\'') {
            c = '\'';
            takes = 2;
        }
        word[*word_len] = c;
        *at += takes;
    }
    return false;
}

/* Lines of 500 bytes at most. False: unbalanced quotes. */
static inline bool model_split(const char *line, size_t len, struct inline_model *model)
{
    char word[512];
    size_t at = 0;
    model->len = 0;
    model->count = 0;
    while (true) {
        size_t word_len = 0;
        while (at < len && model_is_space(line[at])) {
            at++;
        }
        if (at == len) {
            return true;
        }
        for (bool ends = false; at < len && !ends;) {
            char c = line[at++];
            if (c == '"' || c == '\'') {
                if (!model_quoted(line, len, &at, c, word, &word_len)) {
                    return false;
                }
                ends = true;
            } else if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
                ends = true;
            } else {
                word[word_len++] = c;
            }
        }
        model_add(model, word, word_len);
    }
}

#endif
