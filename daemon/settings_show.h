/* The settings in use, one by one, as their file would have them. No secret among them. */
#ifndef SETTINGS_SHOW_H
#define SETTINGS_SHOW_H

#include "daemon/settings.h"

struct shown_setting {
    const char *section, *name, *value, *default_text;
    bool is_reloadable;
};

/* Show each setting of the daemon and of every prefix, or of one section only. What is shown is
 * valid for the call. Returns how many there were. */
size_t settings_show(const struct settings *settings, const char *only,
                     void (*show)(void *arg, const struct shown_setting *setting), void *arg);

#endif
