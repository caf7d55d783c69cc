/* The configuration: an INI file, the environment and defaults, read into structs that nobody
 * changes afterwards. One section [flaskredisd], one for each config prefix ([REDIS], [CACHE], …).
 * All that is wrong is reported at once; a configuration with a problem is never used.
 *
 * Without any prefix, in file or environment, there is one: REDIS at redis://localhost:6379/0. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/url.h"
#include "daemon/log.h"
#include "daemon/placement.h"

enum auth_policy {
    AUTH_UPSTREAM,
    AUTH_IGNORE,
    AUTH_CHECK,
    AUTH_PASSTHROUGH
};
enum loss_policy {
    LOSS_ERROR,
    LOSS_CLOSE
};
enum loading_policy {
    LOADING_PASS,
    LOADING_WAIT
};
enum pubsub_policy {
    PUBSUB_HUB,
    PUBSUB_LEASE
};
enum hub_loss_policy {
    HUB_LOSS_CLOSE,
    HUB_LOSS_RESUBSCRIBE
};
enum publish_count_policy {
    PUBLISH_COUNT_ADJUST,
    PUBLISH_COUNT_SERVER
};

enum modules_policy {
    MODULES_LEASE,
    MODULES_SHARED
};

/* A list of words; items[count] is NULL. */
struct word_list {
    char **items;
    size_t count;
};

#define SETTING_TYPE_BOOL bool
#define SETTING_TYPE_INT int64_t
#define SETTING_TYPE_MS int64_t
#define SETTING_TYPE_SIZE int64_t
#define SETTING_TYPE_TEXT char *
#define SETTING_TYPE_LIST struct word_list
#define SETTING_TYPE_MODE int64_t
#define SETTING_TYPE_LEVEL enum log_level
#define SETTING_TYPE_BESIDE_SERVER enum beside_server_policy
#define SETTING_TYPE_AUTH enum auth_policy
#define SETTING_TYPE_LOSS enum loss_policy
#define SETTING_TYPE_LOADING enum loading_policy
#define SETTING_TYPE_PUBSUB enum pubsub_policy
#define SETTING_TYPE_HUB_LOSS enum hub_loss_policy
#define SETTING_TYPE_PUBLISH_COUNT enum publish_count_policy
#define SETTING_TYPE_MODULES enum modules_policy

/* A TCP port, from "listen" or "metrics_listen". */
struct tcp_listen {
    bool wanted;
    char *host; /* numeric */
    uint16_t port;
};

struct daemon_settings {
    struct tcp_listen metrics_tcp; /* from metrics_listen */
#define DAEMON_SETTING(type, name, ...) SETTING_TYPE_##type name;
#define PREFIX_SETTING(...)
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
};

struct user_entry {
    char *name;
    char *password;
};

struct settings;

struct prefix_settings {
    struct settings *of;  /* what it is a part of, and lives with */
    char *name;           /* upper case, as in the file: CACHE */
    struct fr_url server; /* from url, which keeps neither user nor password */
    struct tcp_listen tcp;
    struct user_entry *user_entries; /* from users, which is empty then */
    size_t user_count;
#define DAEMON_SETTING(...)
#define PREFIX_SETTING(type, name, ...) SETTING_TYPE_##type name;
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
};

struct settings {
    _Atomic int holders; /* who refer to them; settings_release by the last frees them */
    struct daemon_settings daemon;
    /* What pools have that clients ask for by URL. Its name is the daemon's, and its socket's mode
     * and owner are those of the main socket, where they ask. */
    struct prefix_settings client_pools;
    struct prefix_settings *prefixes; /* as in the file, then by the environment's names */
    size_t prefix_count;
};

/* What is wrong, a line each: "FILE:LINE: section [CACHE], setting \"leases\": … (hint)". No secret
 * in any of them. */
struct problems {
    char **lines;
    size_t count;
};

void problems_finish(struct problems *problems);

/* Add a line of somebody else's. */
void problems_note(struct problems *problems, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Read path (NULL: no file) and environment (NULL-terminated NAME=VALUE strings: PREFIX_URL,
 * FLASKREDIS_RUNTIME_DIR). Returns settings that the caller frees with settings_free, or NULL with
 * every problem added to problems, which the caller finishes. */
struct settings *settings_load(const char *path, char *const environment[],
                               struct problems *problems);

/* Wipe the passwords and free, whoever refers to them. NULL is fine. */
void settings_free(struct settings *settings);

/* Refer to the settings that these are part of, so that they last; and no more. From any thread,
 * and NULL is fine. Whoever loaded them refers to them already, and gives that up with
 * settings_let_go. */
const struct prefix_settings *settings_hold(const struct prefix_settings *prefix);
void settings_release(const struct prefix_settings *prefix);
void settings_let_go(struct settings *settings);

/* The settings of this prefix, or NULL. */
const struct prefix_settings *settings_prefix(const struct settings *settings, const char *name);

/* Whether both are the same server, in the same database and as the same user. */
bool settings_same_server(const struct prefix_settings *one, const struct prefix_settings *other);

/* Add a line for each change from one to the other: settings with both values, prefixes that came
 * or went. No secret is in any. */
void settings_tell_changes(const struct settings *running, const struct settings *fresh,
                           struct problems *lines);

/* Say which settings differ between the two although they are not reloadable, as problems (a line
 * each, "changed, which needs a restart"). */
void settings_compare(const struct settings *running, const struct settings *fresh,
                      struct problems *problems);

/* Print every setting with type, default, range and help (--help-config). */
void settings_help(FILE *to);

#endif
