/* Commands as programs write them: formats, words, names. */
#ifndef FR_CLIENT_WORDS_H
#define FR_CLIENT_WORDS_H

#include <stdarg.h>

#include "flaskredis/provider.h"

/* A command with the memory it lives in. */
struct fr_written {
    FlaskRedisCommand command;
    void *words;
    char *block; /* hiredis', or NULL */
};

/* Each fills a command, which fr_written_finish frees; nothing to free on failure. DATA: a bad
 * format, or no words. */
FlaskRedisStatus fr_write_format(struct fr_written *written, const char *format, va_list args);
FlaskRedisStatus fr_write_argv(struct fr_written *written, int argc, const char **argv,
                               const size_t *argvlen);
FlaskRedisStatus fr_write_names(struct fr_written *written, const char *name, va_list args);

void fr_written_finish(struct fr_written *written);

/* Whether a word is this one, in any case. */
bool fr_word_is(FlaskRedisBytes word, const char *text);

#endif
