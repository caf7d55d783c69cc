/* Overriding one setting. See settings_override.h. */
#include "daemon/settings_override.h"

#include <string.h>
#include <strings.h>

#include "daemon/settings_parts.h"

static bool is_simple(const struct setting_row *row)
{
    return row->type != VALUE_TEXT && row->type != VALUE_LIST && row->type != VALUE_MODE &&
           row->type != VALUE_AUTH;
}

/* The values of the section, and its table; NULL: there is none of the name. */
static void *find_values(struct settings *settings, const char *section,
                         const struct setting_table **table)
{
    *table = &daemon_table;
    if (section == NULL) {
        return &settings->daemon;
    }
    *table = &prefix_table;
    for (size_t i = 0; i < settings->prefix_count; i++) {
        if (strcasecmp(settings->prefixes[i].name, section) == 0) {
            return &settings->prefixes[i];
        }
    }
    return NULL;
}

bool settings_override(struct settings *settings, const char *section, const char *name,
                       const char *text, char *why, size_t cap)
{
    const struct setting_table *table;
    void *values = find_values(settings, section, &table);
    const struct setting_row *row = values == NULL ? NULL : table_find(table, name);
    if (values == NULL) {
        snprintf(why, cap, "there is no prefix of this name");
        return false;
    }
    if (row == NULL) {
        snprintf(why, cap, "there is no such setting %s",
                 section == NULL ? "of the daemon (SET PREFIX SETTING VALUE is for a prefix')"
                                 : "of a prefix");
        return false;
    }
    if (!row->reloadable || !is_simple(row)) {
        snprintf(why, cap,
                 row->reloadable ? "is changed in the file, and RELOAD"
                                 : "takes effect at the next start");
        return false;
    }
    return value_read(row, text, row_value(row, values), why, cap);
}
