/* Commands the table lacks, as the server tells of them (COMMAND INFO): another name for one it has
 * (rename-command), or a module's. What a server has once told counts until it may have become
 * another process. */
#ifndef VOCABULARY_H
#define VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/command.h"
#include "daemon/upstream.h"

/* Names longer than this are not asked about. */
#define VOCABULARY_NAME_MAX 64

enum word_kind {
    WORD_UNASKED,
    WORD_STRANGE, /* nothing is known that would help */
    WORD_RENAMED, /* another name for a command of the table */
    WORD_ORDINARY /* a module's, which does nothing to its connection and does not wait */
};

struct vocabulary {
    struct vocabulary_entry *entries;
    size_t count;
    uint64_t sight; /* of the server that told */
};

/* What is known of this name, in any case of letters. For WORD_RENAMED, *original is the table's
 * name. */
enum word_kind vocabulary_look(struct vocabulary *vocabulary,
                               const struct upstream_context *context, const char *name, size_t len,
                               const char **original);

/* Note the reply to COMMAND INFO name. An error counts for a second, after which it is asked again.
 */
void vocabulary_note(struct vocabulary *vocabulary, const struct upstream_context *context,
                     const char *name, const char *reply, size_t len);

void vocabulary_finish(struct vocabulary *vocabulary);

#endif
