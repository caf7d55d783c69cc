/* Another value for one setting, ordered while the daemon runs. */
#ifndef SETTINGS_OVERRIDE_H
#define SETTINGS_OVERRIDE_H

#include "daemon/settings.h"

/* Put a value in place of the one that settings, which nobody uses yet, have. section NULL: the
 * daemon's. Numbers and words only: what must agree with other settings, or with the system, is
 * changed in the file. False with the reason in why. */
bool settings_override(struct settings *settings, const char *section, const char *name,
                       const char *text, char *why, size_t cap);

#endif
