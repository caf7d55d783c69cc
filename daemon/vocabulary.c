/* What the server says about commands the table lacks. See vocabulary.h. */
#include "daemon/vocabulary.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/resp.h"
#include "daemon/loop.h"
#include "daemon/memory.h"

/* So that whoever invents names cannot fill the memory. Few are needed, and looking through them
 * costs less than the connection that an unknown command takes. */
#define ENTRIES_MAX 256
#define ERROR_COUNTS_MS 1000

struct vocabulary_entry {
    enum word_kind kind;
    uint64_t until_ms; /* 0: for as long as the server is the same */
    char *original;    /* of a renamed one */
    size_t len;
    char name[VOCABULARY_NAME_MAX];
};

void vocabulary_finish(struct vocabulary *vocabulary)
{
    for (size_t i = 0; i < vocabulary->count; i++) {
        free(vocabulary->entries[i].original);
    }
    free(vocabulary->entries);
    vocabulary->entries = NULL;
    vocabulary->count = 0;
}

static bool is_named(const struct vocabulary_entry *entry, const char *name, size_t len)
{
    return entry->len == len && strncasecmp(entry->name, name, len) == 0;
}

static struct vocabulary_entry *find(const struct vocabulary *vocabulary, const char *name,
                                     size_t len)
{
    for (size_t i = 0; i < vocabulary->count; i++) {
        if (is_named(&vocabulary->entries[i], name, len)) {
            return &vocabulary->entries[i];
        }
    }
    return NULL;
}

/* The entry of this name, a new one if there is none. */
static struct vocabulary_entry *have(struct vocabulary *vocabulary, const char *name, size_t len)
{
    struct vocabulary_entry *entry = find(vocabulary, name, len);
    if (entry != NULL) {
        free(entry->original);
    } else {
        if (vocabulary->count == ENTRIES_MAX) {
            vocabulary_finish(vocabulary);
        }
        if (vocabulary->entries == NULL) {
            vocabulary->entries = memory_alloc(ENTRIES_MAX * sizeof *vocabulary->entries);
        }
        entry = &vocabulary->entries[vocabulary->count++];
    }
    *entry = (struct vocabulary_entry){.len = len};
    memcpy(entry->name, name, len);
    return entry;
}

/* Another server may know other names. */
static void check_sight(struct vocabulary *vocabulary, const struct upstream_context *context)
{
    if (vocabulary->sight != context->sight) {
        vocabulary_finish(vocabulary);
        vocabulary->sight = context->sight;
    }
}

enum word_kind vocabulary_look(struct vocabulary *vocabulary,
                               const struct upstream_context *context, const char *name, size_t len,
                               const char **original)
{
    if (len == 0 || len > VOCABULARY_NAME_MAX || memchr(name, '\0', len) != NULL) {
        return WORD_STRANGE;
    }
    check_sight(vocabulary, context);
    const struct vocabulary_entry *entry = find(vocabulary, name, len);
    if (entry == NULL || (entry->until_ms != 0 && entry->until_ms <= loop_now_ms())) {
        return WORD_UNASKED;
    }
    *original = entry->original;
    return entry->kind;
}

/* -------------------------------------------------------------------------------- COMMAND's reply
 */

/* What is left of a reply. */
struct rest {
    const char *at;
    const char *end;
};

/* Take a line, without its end. */
static bool take_line(struct rest *rest, struct fr_word *line)
{
    size_t left = (size_t)(rest->end - rest->at);
    const char *cr = left == 0 ? NULL : memchr(rest->at, '\r', left);
    if (cr == NULL || rest->end - cr < 2) {
        return false;
    }
    *line = (struct fr_word){rest->at, (size_t)(cr - rest->at)};
    rest->at = cr + 2;
    return true;
}

/* Take the header of an aggregate or bulk of one of these types, and its number. */
static bool take_header(struct rest *rest, const char *types, int64_t *number)
{
    struct fr_word line;
    return take_line(rest, &line) && line.len > 1 && strchr(types, line.data[0]) != NULL &&
           fr_parse_int64(line.data + 1, line.len - 1, number);
}

/* Take the name the server has for the command: the original one. */
static bool take_name(struct rest *rest, struct fr_word *name)
{
    int64_t number = 0;
    bool is_told = take_header(rest, "*", &number) && number == 1 &&
                   take_header(rest, "*", &number) && number >= 6;
    return is_told && take_header(rest, "$", &number) && number > 0 && take_line(rest, name) &&
           name->len == (size_t)number && name->len <= VOCABULARY_NAME_MAX;
}

/* Whether the flags that follow are those of a module's command that may share a connection. */
static bool has_ordinary_flags(struct rest *rest)
{
    static const char *const bad[] = {"+blocking", "+pubsub", "+admin", "+noscript"};
    struct fr_word line;
    int64_t count = 0;
    bool is_module = false;
    if (!take_line(rest, &line) || !take_header(rest, "*~", &count)) {
        return false;
    }
    while (count-- > 0 && take_line(rest, &line)) {
        is_module = is_module || (line.len == 7 && memcmp(line.data, "+module", 7) == 0);
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            if (line.len == strlen(bad[i]) && memcmp(line.data, bad[i], line.len) == 0) {
                return false;
            }
        }
    }
    return is_module;
}

static void judge(struct vocabulary_entry *entry, const char *reply, size_t len)
{
    struct rest rest = {reply, reply + len};
    struct fr_word original;
    entry->kind = WORD_STRANGE;
    if (!take_name(&rest, &original)) {
        return;
    }
    if (fr_command_find(original.data, original.len, NULL, 0) != NULL) {
        entry->kind = WORD_RENAMED;
        entry->original = memory_text(original.data, original.len);
    } else if (has_ordinary_flags(&rest)) {
        entry->kind = WORD_ORDINARY;
    }
}

void vocabulary_note(struct vocabulary *vocabulary, const struct upstream_context *context,
                     const char *name, const char *reply, size_t len)
{
    check_sight(vocabulary, context);
    struct vocabulary_entry *entry = have(vocabulary, name, strlen(name));
    judge(entry, reply, len);
    entry->until_ms = len > 0 && reply[0] == '*' ? 0 : loop_now_ms() + ERROR_COUNTS_MS;
}
