/* Two configurations side by side: what a reload cannot change, and what it changes. */
#include "daemon/settings.h"

#include <stdlib.h>
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

static bool secrets_are_same(const struct fr_url *one, const struct fr_url *other)
{
    return texts_are_same(one->user, other->user) && texts_are_same(one->password, other->password);
}

bool settings_same_server(const struct prefix_settings *one, const struct prefix_settings *other)
{
    return servers_are_same(&one->server, &other->server);
}

/* ---------------------------------------------------------------------- what a reload cannot
 * change
 */

static void compare_rows(const struct setting_table *table, const char *section, const void *one,
                         const void *other, struct problems *problems)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        const struct place place = {.section = section, .setting = row->name};
        if (!row->reloadable &&
            !value_is_same(row, row_value_const(row, one), row_value_const(row, other))) {
            (void)problems_add(problems, &place, "changed, which needs a restart");
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
        }
    }
}

/* -------------------------------------------------------------------------------- what it changes
 */

static void tell_row(const char *section, const struct setting_row *row, const void *one,
                     const void *other, struct problems *lines)
{
    char *before = value_text(row, one);
    char *after = value_text(row, other);
    const struct place place = {.section = section, .setting = row->name};
    (void)problems_add(lines, &place, "%s -> %s", before[0] ? before : "(empty)",
                       after[0] ? after : "(empty)");
    free(before);
    free(after);
}

static void tell_rows(const struct setting_table *table, const char *section, const void *one,
                      const void *other, struct problems *lines)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        const void *before = row_value_const(row, one), *after = row_value_const(row, other);
        if (!value_is_same(row, before, after)) {
            tell_row(section, row, before, after, lines);
        }
    }
}

/* "url" and "users" no longer hold their secrets, nor does "url" the database: the rows alone would
 * miss them. */
static void tell_hidden(const struct prefix_settings *one, const struct prefix_settings *other,
                        struct problems *lines)
{
    const struct place url = {.section = one->name, .setting = "url"};
    const struct place users = {.section = one->name, .setting = "users"};
    if (one->server.db != other->server.db) {
        (void)problems_add(lines, &url, "database %lld -> %lld", (long long)one->server.db,
                           (long long)other->server.db);
    }
    if (!secrets_are_same(&one->server, &other->server)) {
        (void)problems_add(lines, &url, "user or password changed");
    }
    if (!texts_are_same(one->server.client_name, other->server.client_name)) {
        (void)problems_add(lines, &url, "client_name changed");
    }
    if (!users_are_same(one, other)) {
        (void)problems_add(lines, &users, "changed (%zu -> %zu)", one->user_count,
                           other->user_count);
    }
}

/* Tell of the prefixes of one that other has not. */
static void tell_presence(const struct settings *one, const struct settings *other,
                          const char *what, struct problems *lines)
{
    for (size_t i = 0; i < one->prefix_count; i++) {
        const struct place place = {.section = one->prefixes[i].name};
        if (!settings_prefix(other, one->prefixes[i].name)) {
            (void)problems_add(lines, &place, "%s (%s)", what, one->prefixes[i].url);
        }
    }
}

void settings_tell_changes(const struct settings *running, const struct settings *fresh,
                           struct problems *lines)
{
    tell_rows(&daemon_table, DAEMON_SECTION, &running->daemon, &fresh->daemon, lines);
    tell_rows(&prefix_table, CLIENTS_SECTION, &running->client_pools, &fresh->client_pools, lines);
    tell_presence(running, fresh, "removed", lines);
    tell_presence(fresh, running, "added", lines);
    for (size_t i = 0; i < running->prefix_count; i++) {
        const struct prefix_settings *one = &running->prefixes[i];
        const struct prefix_settings *other = settings_prefix(fresh, one->name);
        if (other) {
            tell_rows(&prefix_table, one->name, one, other, lines);
            tell_hidden(one, other, lines);
        }
    }
}
