/* What the files settings*.c share; nobody else includes it.
 *
 *   settings.c         a configuration's way from file, environment and defaults into structs
 *   settings_file.c    lines of the file -> sections, names and values (inih)
 *   settings_values.c  the rows of settings.def and the types of their values
 *   settings_check.c   what one value cannot know alone: URLs, users, commands, paths
 *   settings_secrets.c secrets in files of their own
 *   settings_problems.c, settings_compare.c  what is wrong; what a reload cannot change
 *   settings_help.c    --help-config
 *   settings_clients.c pools on URLs of clients: policy, and settings of one
 */
#ifndef SETTINGS_PARTS_H
#define SETTINGS_PARTS_H

#include "daemon/settings.h"

#define DAEMON_SECTION "flaskredisd"
#define CLIENTS_SECTION "client_pools"
#define PREFIX_NAME_LEN_MAX 64

/* Rows. */

enum value_type {
    VALUE_BOOL,
    VALUE_INT,
    VALUE_MS,
    VALUE_SIZE,
    VALUE_TEXT,
    VALUE_LIST,
    VALUE_MODE,
    VALUE_LEVEL,
    VALUE_BESIDE_SERVER,
    VALUE_AUTH,
    VALUE_LOSS,
    VALUE_LOADING,
    VALUE_PUBSUB,
    VALUE_HUB_LOSS,
    VALUE_PUBLISH_COUNT,
    VALUE_MODULES,
};

struct setting_row {
    const char *name, *default_text, *help;
    enum value_type type;
    bool reloadable;
    size_t offset; /* of the value in struct daemon_settings or struct prefix_settings */
    int64_t least, most;
};

/* A row's place in its table: DAEMON_AT_workers, PREFIX_AT_url. */
enum daemon_setting_at {
#define DAEMON_SETTING(type, name, ...) DAEMON_AT_##name,
#define PREFIX_SETTING(...)
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
    DAEMON_ROW_COUNT
};

enum prefix_setting_at {
#define DAEMON_SETTING(...)
#define PREFIX_SETTING(type, name, ...) PREFIX_AT_##name,
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
    PREFIX_ROW_COUNT
};

#define ROW_COUNT_MAX                                                                              \
    ((int)DAEMON_ROW_COUNT > (int)PREFIX_ROW_COUNT ? (int)DAEMON_ROW_COUNT : (int)PREFIX_ROW_COUNT)

struct setting_table {
    const struct setting_row *rows;
    size_t count;
};

extern const struct setting_table daemon_table, prefix_table;

/* The row of this name, or NULL. */
const struct setting_row *table_find(const struct setting_table *table, const char *name);

/* The row whose name a typo most likely meant, or NULL when none is near. */
const struct setting_row *table_nearest(const struct setting_table *table, const char *name);

/* Values. to and value point at the field of the row's type. */

/* Read text into to, which is all zero; words of a list are added to what it holds. Returns false
 * with the reason in why (never with the text in it, which may be a misplaced password); to is then
 * as before, but for the words of a list. */
bool value_read(const struct setting_row *row, const char *text, void *to, char *why,
                size_t why_cap);

/* Wipe, free and leave all zero. */
void value_finish(const struct setting_row *row, void *value);

bool value_is_same(const struct setting_row *row, const void *one, const void *other);

/* The value as it would be written in the file; the caller frees it. */
char *value_text(const struct setting_row *row, const void *value);

/* Check a number that did not come as text against the row's range. Returns as value_read. */
bool value_in_range(const struct setting_row *row, int64_t value, char *why, size_t why_cap);

/* "number", "yes or no", … */
const char *value_type_name(enum value_type type);

/* Write the range or the words a value may take, "" where there is none. Returns to. */
const char *value_range(const struct setting_row *row, char *to, size_t cap);

/* The value of a row in the struct of its table. */
void *row_value(const struct setting_row *row, void *values);
const void *row_value_const(const struct setting_row *row, const void *values);

/* Read decimal digits and nothing else, up to most, which is at most INT64_MAX. */
bool number_read(const char *text, size_t len, int64_t most, int64_t *to);

/* Wipe and free a text. NULL is fine. */
void text_wipe_free(char *text);

/* Problems. */

/* Where a problem is; what is NULL or 0 is left out. */
struct place {
    const char *variable; /* of the environment, whole */
    const char *file;
    int line;
    const char *section;
    const char *setting;
};

/* Add a line. Returns false when memory is out and the line lost. */
bool problems_add(struct problems *problems, const struct place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The file. */

struct file_events {
    void *user;
    void (*on_section)(void *user, int line, const char *name);
    /* goes_on: value stands in a further line of the setting before, whose name is name. */
    void (*on_value)(void *user, int line, const char *name, const char *value, bool goes_on);
    void (*on_problem)(void *user, int line, const char *text); /* line 0: the file as a whole */
};

void settings_file_read(const char *path, const struct file_events *events);

/* Loading. */

#define SET_BY_DEFAULT 0
#define SET_BY_ENVIRONMENT (-1)

/* Where a section stands while they are read. */
enum section_at {
    DAEMON_SECTION_AT,
    CLIENTS_SECTION_AT,
    FIRST_PREFIX_AT /* of settings->prefixes[0]; the others follow */
};

/* One section while it is read. */
struct section {
    char *name;
    char *url_variable;        /* NAME_URL; NULL for the daemon's section */
    int line;                  /* of its heading; 0 where it has none */
    int set_at[ROW_COUNT_MAX]; /* line of each row, or SET_BY_… */
};

struct load {
    const char *path;
    char *const *environment;
    struct problems *problems;
    struct settings *settings;
    struct section *sections; /* in the order of enum section_at */
    size_t section_count;
    size_t current; /* section the file's lines belong to; SIZE_MAX: none yet */
    bool failed;    /* a problem was found, whether or not there was memory to say which */
};

/* The place of a setting as problems name it. */
struct place setting_place(const struct load *load, size_t section, const struct setting_row *row);

/* Add a problem and mark the load as failed. */
#define load_fail(load, place, ...)                                                                \
    ((void)problems_add((load)->problems, place, __VA_ARGS__), (void)((load)->failed = true))

/* The environment's variable of this name, or NULL. */
const char *load_variable(const struct load *load, const char *name);

/* The secret in a file: name is its whole path, or that of a credential. Without a line end behind
 * it. The caller frees it with text_wipe_free; NULL: why says what is wrong, and never the secret.
 */
char *secret_read(const struct load *load, const char *name, size_t len_max, char *why,
                  size_t why_cap);

/* Check all values against each other and the system, and fill in what is made from them: server,
 * tcp, user_entries. Passwords then live there only: "url" is without them and "users" is empty. */
void settings_check(struct load *load);

#endif
