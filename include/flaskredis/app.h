/* The application: a configuration, and the handles made from it.
 *
 *     FlaskApp *app = flask_app_new();
 *     flask_app_config_set(app, "CACHE_URL", "unix:///run/flaskredis/cache.sock");
 *     flask_app_config_from_file(app, "/etc/shop.conf");
 *     flask_app_config_from_env(app, "SHOP_");      // SHOP_CACHE_URL sets CACHE_URL
 *
 * As in Flask the last one to set a key wins, and nothing is read that was not asked for. Keys the
 * library looks at: <PREFIX>_URL, and TESTING.
 *
 * Any thread may call these at any time; with the environment, as long as no other thread changes
 * it. */
#ifndef FLASKREDIS_APP_H
#define FLASKREDIS_APP_H

#include <stdbool.h>

#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct FlaskApp FlaskApp;
typedef struct FlaskRedis FlaskRedis;

/* Make an application with an empty configuration. NULL: FLASK_REDIS_NO_MEMORY. */
FlaskApp *flask_app_new(void);

/* Free it. The handles made with it go on working, and are freed by themselves. NULL is fine. */
void flask_app_free(FlaskApp *app);

/* Set a key; value NULL removes it. Both are copied. DATA: the key is empty or has a '='. */
FlaskRedisStatus flask_app_config_set(FlaskApp *app, const char *key, const char *value);

/* The value of a key, or NULL. The text stays the application's, until the key is set again. */
const char *flask_app_config_get(FlaskApp *app, const char *key);

/* Take over every variable of the environment that begins with prefix, without the prefix (NULL or
 * "": all of them, as they are). A variable that has no name left is passed over. */
FlaskRedisStatus flask_app_config_from_env(FlaskApp *app, const char *prefix);

/* Take over KEY=VALUE lines of a file, as systemd's EnvironmentFile= has them: blanks around key
 * and value do not count, nor do quotes around a value; lines that are empty or begin with '#' or
 * ';' are comments. DATA: the file cannot be read, or a line is none of these; the text names file
 * and line, and nothing was taken over. */
FlaskRedisStatus flask_app_config_from_file(FlaskApp *app, const char *path);

/* Find the handle that was made for a prefix, by the prefix in lower case: "redis", "cache". NULL:
 * there is none. With several the last one counts. */
FlaskRedis *flask_app_extension(FlaskApp *app, const char *name);

/* Whether TESTING is set to 1, true, yes or on, in any case: a factory of handles may choose its
 * provider by it. */
bool flask_app_testing(FlaskApp *app);

#ifdef __cplusplus
}
#endif

#endif
