/* Walking over the settings in use. See settings_show.h. */
#include "daemon/settings_show.h"

#include <stdlib.h>
#include <strings.h>

#include "daemon/settings_parts.h"

struct showing {
    const char *only;
    void (*show)(void *arg, const struct shown_setting *setting);
    void *arg;
    size_t count;
};

static void show_section(struct showing *showing, const char *section,
                         const struct setting_table *table, const void *values)
{
    if (showing->only != NULL && strcasecmp(showing->only, section) != 0) {
        return;
    }
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        char *value = value_text(row, row_value_const(row, values));
        const struct shown_setting shown = {.section = section,
                                            .name = row->name,
                                            .value = value,
                                            .default_text = row->default_text,
                                            .is_reloadable = row->reloadable};
        showing->show(showing->arg, &shown);
        showing->count++;
        free(value);
    }
}

size_t settings_show(const struct settings *settings, const char *only,
                     void (*show)(void *arg, const struct shown_setting *setting), void *arg)
{
    struct showing showing = {.only = only, .show = show, .arg = arg};
    show_section(&showing, DAEMON_SECTION, &daemon_table, &settings->daemon);
    show_section(&showing, CLIENTS_SECTION, &prefix_table, &settings->client_pools);
    for (size_t i = 0; i < settings->prefix_count; i++) {
        show_section(&showing, settings->prefixes[i].name, &prefix_table, &settings->prefixes[i]);
    }
    return showing.count;
}
