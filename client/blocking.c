/* The commands that block, and where they say for how long. */
#include "client/blocking.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum place {
    FIRST,        /* behind the name */
    LAST,         /* at the end */
    BEHIND_BLOCK, /* behind the word BLOCK, if it is there */
};

static const struct {
    const char *name;
    enum place place;
    double ms; /* in a unit of the argument */
} blocking[] = {
    {"BLPOP", LAST, 1000},           {"BRPOP", LAST, 1000},      {"BLMOVE", LAST, 1000},
    {"BLMPOP", FIRST, 1000},         {"BRPOPLPUSH", LAST, 1000}, {"BZPOPMIN", LAST, 1000},
    {"BZPOPMAX", LAST, 1000},        {"BZMPOP", FIRST, 1000},    {"XREAD", BEHIND_BLOCK, 1},
    {"XREADGROUP", BEHIND_BLOCK, 1}, {"WAIT", LAST, 1},          {"WAITAOF", LAST, 1},
};

static bool word_is(FlaskRedisBytes word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.data, text, word.len) == 0;
}

static int milliseconds(FlaskRedisBytes word, double unit)
{
    char text[64], *end;
    if (word.len == 0 || word.len >= sizeof(text)) {
        return 0;
    }
    memcpy(text, word.data, word.len);
    text[word.len] = '\0';
    double ms = ceil(strtod(text, &end) * unit);
    if (*end != '\0' || !isfinite(ms) || ms < 0) {
        return 0;
    }
    return ms == 0 || ms > INT32_MAX ? -1 : (int)ms;
}

static int behind_block(const FlaskRedisCommand *command)
{
    for (size_t i = 1; i + 1 < command->argc && !word_is(command->argv[i], "STREAMS"); i++) {
        if (word_is(command->argv[i], "BLOCK")) {
            return milliseconds(command->argv[i + 1], 1);
        }
    }
    return 0;
}

int fr_blocking_ms(const FlaskRedisCommand *command)
{
    /* most commands are known by their first letter not to block */
    if (command->argc < 2 || command->argv[0].len < 4 ||
        memchr("bBwWxX", command->argv[0].data[0], 6) == NULL) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(blocking) / sizeof(blocking[0]); i++) {
        if (word_is(command->argv[0], blocking[i].name)) {
            size_t at = blocking[i].place == FIRST ? 1 : command->argc - 1;
            return blocking[i].place == BEHIND_BLOCK
                       ? behind_block(command)
                       : milliseconds(command->argv[at], blocking[i].ms);
        }
    }
    return 0;
}
