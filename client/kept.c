/* Each command is one block: its words, then their bytes with terminators. */
#include "client/kept.h"

#include <stdlib.h>
#include <string.h>

#include "client/error.h"

enum {
    CAP_FIRST = 16
};

FlaskRedisBytes *fr_words_copy(const FlaskRedisCommand *command)
{
    size_t len = command->argc * sizeof(FlaskRedisBytes);
    for (size_t i = 0; i < command->argc; i++) {
        len += command->argv[i].len + 1;
    }
    FlaskRedisBytes *words = malloc(len);
    if (words == NULL) {
        return NULL;
    }
    char *at = (char *)(words + command->argc);
    for (size_t i = 0; i < command->argc; i++) {
        words[i] = (FlaskRedisBytes){at, command->argv[i].len};
        if (words[i].len > 0) {
            memcpy(at, command->argv[i].data, words[i].len);
        }
        at[words[i].len] = '\0';
        at += words[i].len + 1;
    }
    return words;
}

static bool grow(struct fr_kept *kept)
{
    if (kept->count < kept->cap) {
        return true;
    }
    size_t cap = kept->cap > 0 ? kept->cap * 2 : CAP_FIRST;
    FlaskRedisCommand *commands = realloc(kept->commands, cap * sizeof(*commands));
    if (commands == NULL) {
        return false;
    }
    kept->commands = commands;
    kept->cap = cap;
    return true;
}

FlaskRedisStatus fr_kept_add(struct fr_kept *kept, const FlaskRedisCommand *command)
{
    const FlaskRedisBytes *words = grow(kept) ? fr_words_copy(command) : NULL;
    if (words == NULL) {
        return fr_fail_memory();
    }
    kept->commands[kept->count++] = (FlaskRedisCommand){command->argc, words};
    return FLASK_REDIS_OK;
}

void fr_kept_clear(struct fr_kept *kept)
{
    for (size_t i = 0; i < kept->count; i++) {
        free((void *)kept->commands[i].argv);
    }
    free(kept->commands);
    *kept = (struct fr_kept){0};
}
