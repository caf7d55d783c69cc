/* Commands kept in memory, in their order. All zero is empty. */
#ifndef FR_CLIENT_KEPT_H
#define FR_CLIENT_KEPT_H

#include "flaskredis/provider.h"

struct fr_kept {
    FlaskRedisCommand *commands;
    size_t count, cap;
};

/* Copy a command's words into one block, each NUL-terminated behind its length. free() frees it.
 * NULL: no memory. */
FlaskRedisBytes *fr_words_copy(const FlaskRedisCommand *command);

/* Keep a copy of a command. NO_MEMORY: nothing has changed. */
FlaskRedisStatus fr_kept_add(struct fr_kept *kept, const FlaskRedisCommand *command);

/* Forget all of them. */
void fr_kept_clear(struct fr_kept *kept);

#endif
