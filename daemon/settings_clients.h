/* Pools on URLs that clients bring: which servers they may be of, what makes two URLs the same
 * pool, and the settings of one. */
#ifndef SETTINGS_CLIENTS_H
#define SETTINGS_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/url.h"
#include "daemon/settings.h"

/* Read a URL that a client brings and ask the setting "client_urls" about it. False: error holds
 * the line to answer, without a secret in it. On true fr_url_finish frees url. */
bool client_url_read(const struct settings *settings, const char *text, struct fr_url *url,
                     char *error, size_t cap);

/* Whether the setting allows its server. */
bool client_url_is_allowed(const struct daemon_settings *settings, const struct fr_url *url);

/* All that the URL says, password included, as a text that is the same for no other: to be wiped
 * and freed with client_url_forget_key. Who knows it knows the password, and only they share. */
char *client_url_key(const struct fr_url *url);
void client_url_forget_key(char *key);

/* Settings whose only prefix is a pool on this URL; what the URL does not say is as in
 * [client_pools]. The caller gives them up with settings_let_go. */
struct settings *client_url_settings(const struct settings *settings, const struct fr_url *url);

#endif
