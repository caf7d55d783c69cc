/* How long a blocking command says it will wait, and taking off that what it has waited here for a
 * connection: the client shall not notice that there was none. Only the server judges whether the
 * number is right: what is no time to this file passes unchanged. */
#include "daemon/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

enum place {
    LAST = -1,       /* the last word */
    BEHIND_BLOCK = 0 /* the word behind the option BLOCK */
};

/* Where each command has its time (commands.tsv, arities), and whether it counts milliseconds. */
static const struct time_row {
    enum fr_command_id id;
    int place; /* enum place, or the number of the word */
    bool is_ms;
} rows[] = {
    {FR_CMD_BLPOP, LAST, false},
    {FR_CMD_BRPOP, LAST, false},
    {FR_CMD_BLMOVE, LAST, false},
    {FR_CMD_BRPOPLPUSH, LAST, false},
    {FR_CMD_BZPOPMIN, LAST, false},
    {FR_CMD_BZPOPMAX, LAST, false},
    {FR_CMD_BLMPOP, 1, false},
    {FR_CMD_BZMPOP, 1, false},
    {FR_CMD_XREAD, BEHIND_BLOCK, true},
    {FR_CMD_XREADGROUP, BEHIND_BLOCK, true},
    {FR_CMD_WAIT, 2, true},
    {FR_CMD_WAITAOF, 3, true},
};

static const struct time_row *row_of(const struct call *call)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (call_is(call, rows[i].id)) {
            return &rows[i];
        }
    }
    return NULL;
}

uint32_t blocking_option_at(const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    uint32_t skipped = 1;
    for (uint32_t at = 0; fr_words_next(&words, &word) && !word_is(&word, "STREAMS"); at++) {
        if (skipped > 0) {
            skipped--;
        } else if (word_is(&word, "BLOCK")) {
            return at + 1;
        } else {
            skipped = word_is(&word, "COUNT") ? 1 : word_is(&word, "GROUP") ? 2 : 0;
        }
    }
    return 0;
}

/* The number of the word that says how long; 0: there is none. */
static uint32_t time_at(const struct call *call, const struct time_row *row)
{
    if (row->place == BEHIND_BLOCK) {
        return blocking_option_at(call);
    }
    return row->place == LAST ? call->argc - 1 : (uint32_t)row->place;
}

static bool find_word(const struct call *call, uint32_t at, struct fr_word *word)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    bool is_there = fr_words_next(&words, word);
    while (is_there && at-- > 0) {
        is_there = fr_words_next(&words, word);
    }
    return is_there;
}

/* Seconds as Redis reads them, in milliseconds rounded up (timeout.c, 7.0). */
static int64_t read_seconds(const struct fr_word *word)
{
    char text[64];
    char *end = NULL;
    if (word->len == 0 || word->len >= sizeof text || word->data[0] == ' ') {
        return 0;
    }
    memcpy(text, word->data, word->len);
    text[word->len] = '\0';
    double ms = strtod(text, &end) * 1000;
    if (end != text + word->len || !(ms > 0 && ms < (double)INT32_MAX)) {
        return 0;
    }
    int64_t whole = (int64_t)ms;
    return whole + ((double)whole < ms);
}

static int64_t read_time(const struct fr_word *word, bool is_ms)
{
    int64_t ms = 0;
    if (!is_ms) {
        return read_seconds(word);
    }
    return fr_parse_int64(word->data, word->len, &ms) && ms > 0 && ms < INT32_MAX ? ms : 0;
}

int64_t blocking_limit_ms(const struct call *call)
{
    /* with a wrong number of words it is an error, which shows the words */
    bool is_right = call->is_whole && call_has_right_count(call);
    const struct time_row *row = is_right ? row_of(call) : NULL;
    uint32_t at = row == NULL ? 0 : time_at(call, row);
    struct fr_word word;
    return at > 0 && find_word(call, at, &word) ? read_time(&word, row->is_ms) : 0;
}

static void add_word(struct evbuffer *out, const char *data, size_t len)
{
    evbuffer_add_printf(out, "$%zu\r\n", len);
    evbuffer_add(out, data, len);
    evbuffer_add(out, "\r\n", 2);
}

static void add_time(struct evbuffer *out, int64_t ms, bool is_ms)
{
    char text[32];
    int len = is_ms ? snprintf(text, sizeof text, "%lld", (long long)ms)
                    : snprintf(text, sizeof text, "%lld.%03lld", (long long)(ms / 1000),
                               (long long)(ms % 1000));
    add_word(out, text, (size_t)len);
}

void blocking_shorten(const struct call *call, int64_t waited_ms, struct evbuffer *out)
{
    const struct time_row *row = row_of(call);
    uint32_t time = time_at(call, row);
    int64_t left = blocking_limit_ms(call) - waited_ms;
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    evbuffer_add_printf(out, "*%u\r\n", call->argc);
    for (uint32_t at = 0; fr_words_next(&words, &word); at++) {
        if (at == time) {
            add_time(out, left < 1 ? 1 : left, row->is_ms);
        } else {
            add_word(out, word.data, word.len);
        }
    }
}
