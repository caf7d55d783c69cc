/* What a reload cannot change: the rows of two configurations side by side. */
#include "daemon/settings.h"

#include <string.h>

#include "daemon/settings_parts.h"

static bool texts_are_same(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

/* The timeouts in a URL are settings of their own by now, and reloadable. */
static bool servers_are_same(const struct fr_url *one, const struct fr_url *other)
{
    return one->scheme == other->scheme && one->port == other->port && one->db == other->db &&
           texts_are_same(one->host, other->host) && texts_are_same(one->path, other->path) &&
           texts_are_same(one->user, other->user) &&
           texts_are_same(one->password, other->password) &&
           texts_are_same(one->client_name, other->client_name);
}

static bool users_are_same(const struct prefix_settings *one, const struct prefix_settings *other)
{
    bool same = one->user_count == other->user_count;
    for (size_t i = 0; same && i < one->user_count; i++) {
        same = strcmp(one->user_entries[i].name, other->user_entries[i].name) == 0 &&
               strcmp(one->user_entries[i].password, other->user_entries[i].password) == 0;
    }
    return same;
}

static void say(struct problems *problems, const char *section, const char *setting,
                const char *what)
{
    const struct place place = {.section = section, .setting = setting};
    (void)problems_add(problems, &place, "%s: takes effect at the next start", what);
}

static void compare_rows(const struct setting_table *table, const char *section, const void *one,
                         const void *other, struct problems *problems)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        if (!row->reloadable &&
            !value_is_same(row, row_value_const(row, one), row_value_const(row, other))) {
            say(problems, section, row->name, "changed");
        }
    }
}

/* "url" and "users" no longer hold their secrets, so the rows alone would miss a changed password.
 */
static void compare_secrets(const struct prefix_settings *one, const struct prefix_settings *other,
                            struct problems *problems)
{
    if (!servers_are_same(&one->server, &other->server) && strcmp(one->url, other->url) == 0) {
        say(problems, one->name, "url", "changed");
    }
    if (!users_are_same(one, other)) {
        say(problems, one->name, "users", "changed");
    }
}

/* Say what became of the prefixes of one that other has not. */
static void compare_presence(const struct settings *one, const struct settings *other,
                             const char *what, struct problems *problems)
{
    for (size_t i = 0; i < one->prefix_count; i++) {
        if (!settings_prefix(other, one->prefixes[i].name)) {
            say(problems, one->prefixes[i].name, NULL, what);
        }
    }
}

void settings_compare(const struct settings *running, const struct settings *fresh,
                      struct problems *problems)
{
    compare_rows(&daemon_table, DAEMON_SECTION, &running->daemon, &fresh->daemon, problems);
    for (size_t i = 0; i < running->prefix_count; i++) {
        const struct prefix_settings *one = &running->prefixes[i];
        const struct prefix_settings *other = settings_prefix(fresh, one->name);
        if (other) {
            compare_rows(&prefix_table, one->name, one, other, problems);
            compare_secrets(one, other, problems);
        }
    }
    compare_presence(running, fresh, "removed", problems);
    compare_presence(fresh, running, "added", problems);
}
