/* Applications: two lists of names, with values and with handles. One lock for all of them: they
 * are asked when a program starts, not when it works. The list of applications is there so that a
 * handle that is freed leaves every one of them. */
#include "client/app.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/config_file.h"
#include "client/error.h"

struct setting {
    struct setting *next;
    char *key;
    char *value;
};

struct extension {
    struct extension *next;
    FlaskRedis *redis;
    char name[];
};

struct FlaskApp {
    FlaskApp *next;
    struct setting *settings;
    struct extension *extensions;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FlaskApp *apps;

extern char **environ;

/* --- life ------------------------------------------------------------------------------------- */

FlaskApp *flask_app_new(void)
{
    FlaskApp *app = calloc(1, sizeof(*app));
    if (app == NULL) {
        fr_fail_memory();
        return NULL;
    }
    pthread_mutex_lock(&lock);
    app->next = apps;
    apps = app;
    pthread_mutex_unlock(&lock);
    return app;
}

static void free_setting(struct setting *setting)
{
    if (setting->value != NULL) {
        explicit_bzero(setting->value, strlen(setting->value)); /* a URL may have a password */
    }
    free(setting->value);
    free(setting->key);
    free(setting);
}

static void free_settings(struct setting *setting)
{
    while (setting != NULL) {
        struct setting *next = setting->next;
        free_setting(setting);
        setting = next;
    }
}

static void free_extensions(struct extension *extension)
{
    while (extension != NULL) {
        struct extension *next = extension->next;
        free(extension);
        extension = next;
    }
}

void flask_app_free(FlaskApp *app)
{
    if (app == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    for (FlaskApp **at = &apps; *at != NULL; at = &(*at)->next) {
        if (*at == app) {
            *at = app->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    free_settings(app->settings);
    free_extensions(app->extensions);
    free(app);
}

/* --- configuration ---------------------------------------------------------------------------- */

static struct setting **find(FlaskApp *app, const char *key)
{
    struct setting **at = &app->settings;
    while (*at != NULL && strcmp((*at)->key, key) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static struct setting *make_setting(const char *key, const char *value)
{
    struct setting *setting = calloc(1, sizeof(*setting));
    if (setting == NULL) {
        return NULL;
    }
    setting->key = strdup(key);
    setting->value = strdup(value);
    if (setting->key == NULL || setting->value == NULL) {
        free_setting(setting);
        return NULL;
    }
    return setting;
}

static void replace(FlaskApp *app, const char *key, struct setting *setting)
{
    struct setting **at = find(app, key);
    struct setting *old = *at;
    if (old != NULL) {
        *at = old->next;
        free_setting(old);
    }
    if (setting != NULL) {
        setting->next = app->settings;
        app->settings = setting;
    }
}

FlaskRedisStatus flask_app_config_set(FlaskApp *app, const char *key, const char *value)
{
    struct setting *setting = NULL;

    if (key == NULL || key[0] == '\0' || strchr(key, '=') != NULL) {
        return flask_redis_fail(FLASK_REDIS_DATA, false,
                                "configuration: a key is empty or has a '='");
    }
    if (value != NULL && (setting = make_setting(key, value)) == NULL) {
        return fr_fail_memory();
    }
    pthread_mutex_lock(&lock);
    replace(app, key, setting);
    pthread_mutex_unlock(&lock);
    return FLASK_REDIS_OK;
}

const char *flask_app_config_get(FlaskApp *app, const char *key)
{
    pthread_mutex_lock(&lock);
    struct setting *setting = *find(app, key);
    const char *value = setting != NULL ? setting->value : NULL;
    pthread_mutex_unlock(&lock);
    return value;
}

FlaskRedisStatus fr_app_copy(FlaskApp *app, const char *key, char **value)
{
    pthread_mutex_lock(&lock);
    struct setting *setting = *find(app, key);
    *value = setting != NULL ? strdup(setting->value) : NULL;
    pthread_mutex_unlock(&lock);
    return setting != NULL && *value == NULL ? fr_fail_memory() : FLASK_REDIS_OK;
}

bool flask_app_testing(FlaskApp *app)
{
    static const char *const yes[] = {"1", "true", "yes", "on"};
    const char *value = flask_app_config_get(app, "TESTING");

    for (size_t i = 0; value != NULL && i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(value, yes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static FlaskRedisStatus set_from_variable(FlaskApp *app, const char *variable, size_t skip)
{
    const char *equals = strchr(variable, '=');
    if (equals == NULL || equals <= variable + skip) {
        return FLASK_REDIS_OK;
    }
    char *key = strndup(variable + skip, (size_t)(equals - variable) - skip);
    if (key == NULL) {
        return fr_fail_memory();
    }
    FlaskRedisStatus status = flask_app_config_set(app, key, equals + 1);
    free(key);
    return status;
}

FlaskRedisStatus flask_app_config_from_env(FlaskApp *app, const char *prefix)
{
    size_t skip = prefix != NULL ? strlen(prefix) : 0;
    FlaskRedisStatus status = FLASK_REDIS_OK;

    for (char **at = environ; status == FLASK_REDIS_OK && at != NULL && *at != NULL; at++) {
        if (skip == 0 || strncmp(*at, prefix, skip) == 0) {
            status = set_from_variable(app, *at, skip);
        }
    }
    return status;
}

static FlaskRedisStatus set_line(void *context, const char *key, const char *value)
{
    return flask_app_config_set(context, key, value);
}

FlaskRedisStatus flask_app_config_from_file(FlaskApp *app, const char *path)
{
    return fr_config_file_read(path, set_line, app);
}

/* --- extensions ------------------------------------------------------------------------------- */

static struct extension *find_extension(FlaskApp *app, const char *name)
{
    struct extension *at = app->extensions;
    while (at != NULL && strcmp(at->name, name) != 0) {
        at = at->next;
    }
    return at;
}

FlaskRedisStatus fr_app_register(FlaskApp *app, const char *name, FlaskRedis *redis)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;

    pthread_mutex_lock(&lock);
    struct extension *extension = find_extension(app, name);
    if (extension == NULL) {
        size_t len = strlen(name);
        extension = calloc(1, sizeof(*extension) + len + 1);
        if (extension != NULL) {
            memcpy(extension->name, name, len);
            extension->next = app->extensions;
            app->extensions = extension;
        }
    }
    if (extension != NULL) {
        extension->redis = redis;
    } else {
        status = fr_fail_memory();
    }
    pthread_mutex_unlock(&lock);
    return status;
}

void fr_app_forget(const FlaskRedis *redis)
{
    pthread_mutex_lock(&lock);
    for (FlaskApp *app = apps; app != NULL; app = app->next) {
        for (struct extension *at = app->extensions; at != NULL; at = at->next) {
            if (at->redis == redis) {
                at->redis = NULL;
            }
        }
    }
    pthread_mutex_unlock(&lock);
}

FlaskRedis *flask_app_extension(FlaskApp *app, const char *name)
{
    pthread_mutex_lock(&lock);
    struct extension *extension = find_extension(app, name);
    FlaskRedis *redis = extension != NULL ? extension->redis : NULL;
    pthread_mutex_unlock(&lock);
    return redis;
}

void fr_app_before_fork(void)
{
    pthread_mutex_lock(&lock);
}

void fr_app_after_fork(void)
{
    pthread_mutex_unlock(&lock);
}
