/* Formats are hiredis' business: it writes the request, and its words are found in it again. */
#include "client/words.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hiredis/hiredis.h>

#include "client/error.h"
#include "common/resp.h"

bool fr_word_is(FlaskRedisBytes word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.data, text, word.len) == 0;
}

void fr_written_finish(struct fr_written *written)
{
    free(written->words);
    if (written->block != NULL) {
        redisFreeCommand(written->block);
    }
    *written = (struct fr_written){0};
}

static FlaskRedisStatus no_words(void)
{
    return flask_redis_fail(FLASK_REDIS_DATA, false, "a command has no words");
}

static FlaskRedisBytes *make_words(struct fr_written *written, size_t count)
{
    FlaskRedisBytes *words = calloc(count, sizeof(*words));
    written->words = words;
    written->command = (FlaskRedisCommand){count, words};
    if (words == NULL) {
        fr_fail_memory();
    }
    return words;
}

static size_t count_words(const char *request, size_t len)
{
    struct fr_words words = fr_words_begin(request, len);
    struct fr_word word;
    size_t count = 0;
    while (fr_words_next(&words, &word)) {
        count++;
    }
    return count;
}

static FlaskRedisStatus find_words(struct fr_written *written, size_t len)
{
    struct fr_words walk = fr_words_begin(written->block, len);
    struct fr_word word;
    size_t count = count_words(written->block, len);
    if (count == 0) {
        return no_words();
    }
    FlaskRedisBytes *words = make_words(written, count);
    if (words == NULL) {
        return FLASK_REDIS_NO_MEMORY;
    }
    for (size_t i = 0; i < count && fr_words_next(&walk, &word); i++) {
        words[i] = (FlaskRedisBytes){word.data, word.len};
    }
    return FLASK_REDIS_OK;
}

FlaskRedisStatus fr_write_format(struct fr_written *written, const char *format, va_list args)
{
    *written = (struct fr_written){0};
    int len = redisvFormatCommand(&written->block, format, args);
    if (len == -1) {
        written->block = NULL;
        return fr_fail_memory();
    }
    if (len < 0) {
        written->block = NULL;
        return flask_redis_fail(FLASK_REDIS_DATA, false, "the format \"%.100s\" cannot be read",
                                format);
    }
    FlaskRedisStatus status = find_words(written, (size_t)len);
    if (status != FLASK_REDIS_OK) {
        fr_written_finish(written);
    }
    return status;
}

FlaskRedisStatus fr_write_argv(struct fr_written *written, int argc, const char **argv,
                               const size_t *argvlen)
{
    *written = (struct fr_written){0};
    if (argc <= 0) {
        return no_words();
    }
    FlaskRedisBytes *words = make_words(written, (size_t)argc);
    if (words == NULL) {
        return FLASK_REDIS_NO_MEMORY;
    }
    for (size_t i = 0; i < (size_t)argc; i++) {
        words[i] = (FlaskRedisBytes){argv[i], argvlen != NULL ? argvlen[i] : strlen(argv[i])};
    }
    return FLASK_REDIS_OK;
}

FlaskRedisStatus fr_write_names(struct fr_written *written, const char *name, va_list args)
{
    size_t count = 0;
    va_list again;

    *written = (struct fr_written){0};
    va_copy(again, args);
    for (const char *word = name; word != NULL; word = va_arg(again, const char *)) {
        count++;
    }
    va_end(again);
    if (count == 0) {
        return no_words();
    }
    FlaskRedisBytes *words = make_words(written, count);
    if (words == NULL) {
        return FLASK_REDIS_NO_MEMORY;
    }
    const char *word = name;
    for (size_t i = 0; i < count; i++) {
        words[i] = (FlaskRedisBytes){word, strlen(word)};
        word = va_arg(args, const char *);
    }
    return FLASK_REDIS_OK;
}
