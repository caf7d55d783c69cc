/* From a command's name to what runs it, and how Redis refuses what it does not know. */
#include "common/mock/commands.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_MAX = 128
};

/* By identifier of the command table; those without a function are not known here. */
static const struct command commands[FR_CMD_COUNT] = {
#define MOCK_COMMAND(id, name, function, flags) [FR_CMD_##id] = {name, frm_cmd_##function, flags},
#include "common/mock/commands.def"
#undef MOCK_COMMAND
};

static const char *const names[] = {
#define MOCK_COMMAND(id, name, function, flags) name,
#include "common/mock/commands.def"
#undef MOCK_COMMAND
    "mock", NULL};

const char *const *fr_mock_commands(void)
{
    return names;
}

const char *frm_command_name(size_t id)
{
    return commands[id].name;
}

/* MOCK is no command of Redis and so not in its table. */
static const struct fr_command mock_row = {.name = "mock", .id = FR_CMD_COUNT, .arity = -2};
static const struct command mock_command = {"mock", frm_cmd_mock,
                                            UNCOUNTED | NO_SCRIPT | CONTROL | LONG};

const struct command *frm_command_find(const struct fr_word *words, size_t count,
                                       const struct fr_command **row)
{
    const struct fr_word none = {NULL, 0};
    const struct fr_word *sub = count > 1 ? &words[1] : &none;
    *row = fr_command_find(words[0].data, words[0].len, sub->data, sub->len);
    if (*row) {
        return commands[(*row)->id].run ? &commands[(*row)->id] : NULL;
    }
    if (frm_word_is(&words[0], "mock")) {
        *row = &mock_row;
        return &mock_command;
    }
    return NULL;
}

unsigned frm_command_flags(const struct command *command, size_t count)
{
    bool is_long = (command->flags & DRAWS) && count > 2;
    return is_long ? command->flags | LONG : command->flags;
}

/* Append to at most SHOWN_MAX bytes of text, as much as "%s" would show of a word. */
static void unknown(struct out *out, const struct fr_word *words, size_t count)
{
    char shown[2 * SHOWN_MAX + 16] = "";
    size_t len = 0;
    for (size_t i = 1; i < count && len < SHOWN_MAX; i++) {
        size_t word_len = strnlen(words[i].data, words[i].len);
        int most = (int)(SHOWN_MAX - len);
        len += (size_t)snprintf(shown + len, sizeof(shown) - len, "'%.*s' ",
                                word_len < (size_t)most ? (int)word_len : most, words[i].data);
    }
    int name_len = words[0].len < SHOWN_MAX ? (int)words[0].len : SHOWN_MAX;
    frm_error(out, "ERR unknown command '%.*s', with args beginning with: %s", name_len,
              words[0].data, shown);
}

/* Whether the engine knows any subcommand of a container; otherwise it does not know the container.
 */
static bool knows_container(const struct fr_command *row)
{
    size_t len = strlen(row->name);
    for (size_t i = 0; names[i]; i++) {
        if (strncmp(names[i], row->name, len) == 0 && names[i][len] == '|') {
            return true;
        }
    }
    return false;
}

static void unknown_subcommand(struct out *out, const struct fr_word *words, const char *container)
{
    char upper[32];
    size_t len = 0;
    for (; container[len] && container[len] != '|' && len < sizeof(upper) - 1; len++) {
        upper[len] = (char)toupper((unsigned char)container[len]);
    }
    upper[len] = '\0';
    int sub_len = words[1].len < SHOWN_MAX ? (int)words[1].len : SHOWN_MAX;
    frm_error(out, "ERR unknown subcommand '%.*s'. Try %s HELP.", sub_len, words[1].data, upper);
}

/* The table has the arities of the newest release; before 7.2 ZRANK had no option. */
static bool arity_fits(const struct fr_command *row, size_t count)
{
    int arity = row->id == FR_CMD_ZRANK || row->id == FR_CMD_ZREVRANK ? 3 : row->arity;
    return arity >= 0 ? count == (size_t)arity : count >= (size_t)-arity;
}

/* The row of the container itself when its subcommand is not known here. */
static const struct fr_command *container_of(const struct fr_word *words)
{
    const struct fr_command *row = fr_command_find(words[0].data, words[0].len, NULL, 0);
    return row && (row->flags & FR_FLAG_CONTAINER) && knows_container(row) ? row : NULL;
}

bool frm_command_check(struct out *out, const struct fr_word *words, size_t count,
                       const struct command **command, const struct fr_command **row)
{
    *command = frm_command_find(words, count, row);
    if (*command) {
        if (arity_fits(*row, count)) {
            return true;
        }
        frm_error(out, "%s wrong number of arguments for '%s' command",
                  (*row)->id == FR_CMD_EXEC ? "EXECABORT Transaction discarded because of:" : "ERR",
                  (*row)->name);
        return false;
    }
    const struct fr_command *container = container_of(words);
    if (!container || (count == 1 && container->arity == -1)) { /* COMMAND alone is not known */
        unknown(out, words, count);
    } else if (count == 1) {
        frm_error(out, "ERR wrong number of arguments for '%s' command", container->name);
    } else {
        unknown_subcommand(out, words, container->name);
    }
    return false;
}
