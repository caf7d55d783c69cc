/* --help-config: the rows of settings.def in columns. */
#include "daemon/settings.h"

#include <string.h>

#include "daemon/settings_parts.h"

#define HELP_INDENT 4
#define HELP_WIDTH 92

/* Print text, words separated by single blanks, in lines of at most HELP_WIDTH. */
static void print_wrapped(FILE *to, const char *text)
{
    int column = 0;
    while (*text) {
        int len = (int)strcspn(text, " ");
        bool new_line = column == 0 || column + 1 + len > HELP_WIDTH;
        const char *before = column == 0 ? "" : new_line ? "\n" : " ";
        int indent = new_line ? HELP_INDENT : 0;
        fprintf(to, "%s%*s%.*s", before, indent, "", len, text);
        column = new_line ? indent + len : column + 1 + len;
        text += len + (text[len] == ' ');
    }
    fputc('\n', to);
}

static void print_row(FILE *to, const struct setting_row *row)
{
    char range[80];
    const char *shown = row->default_text[0] ? row->default_text : "(empty)";
    value_range(row, range, sizeof(range));
    if (range[0] == '\0') {
        snprintf(range, sizeof(range), "-");
    }
    fprintf(to, "  %-19s %-12s %-26s %-42s %s\n", row->name, value_type_name(row->type), shown,
            range, row->reloadable ? "yes" : "no");
    print_wrapped(to, row->help);
}

static void print_table(FILE *to, const char *title, const struct setting_table *table)
{
    fprintf(to, "%s\n\n  %-19s %-12s %-26s %-42s %s\n", title, "SETTING", "TYPE", "DEFAULT",
            "RANGE", "RELOAD");
    for (size_t i = 0; i < table->count; i++) {
        print_row(to, &table->rows[i]);
    }
    fputc('\n', to);
}

void settings_help(FILE *to)
{
    print_table(to, "Section [" DAEMON_SECTION "], the daemon:", &daemon_table);
    fputs("Section [" CLIENTS_SECTION "], pools on URLs of clients (\"client_urls\"): the settings "
          "of a prefix, but for url,\n"
          "password_file, listen, auth, users, users_file and mock_memory; mode and owner are "
          "those of the main socket.\n\n",
          to);
    print_table(
        to, "Section [PREFIX], one for each config prefix ([REDIS], [CACHE], ...):", &prefix_table);
    fputs("Without any prefix there is one: REDIS, at its defaults. RELOAD: whether a reload "
          "applies a change\n"
          "to the running daemon. A size is in bytes or has kb, mb or gb; a list has blanks or "
          "commas between\n"
          "its words and may go on in lines that begin with a blank.\n"
          "\n"
          "Environment variables:\n"
          "\n"
          "  PREFIX_URL              the server of a prefix (REDIS_URL, CACHE_URL, ...): wins over "
          "its \"url\", and\n"
          "                          makes the prefix where the file has none, if it begins with\n"
          "                          redis://, rediss://, unix:// or mock://\n"
          "  FLASKREDIS_RUNTIME_DIR  wins over \"runtime_dir\"\n",
          to);
}
