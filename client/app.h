/* What handles do with an application: read a key, be found, be forgotten. */
#ifndef FR_CLIENT_APP_H
#define FR_CLIENT_APP_H

#include "flaskredis/app.h"

/* A copy of a key's value, which the caller frees; *value NULL: not set. */
FlaskRedisStatus fr_app_copy(FlaskApp *app, const char *key, char **value);

/* Make a handle the extension of this name. */
FlaskRedisStatus fr_app_register(FlaskApp *app, const char *name, FlaskRedis *redis);

/* Have no application know the handle any more. */
void fr_app_forget(const FlaskRedis *redis);

/* Take and give back the lock of all applications around fork(). */
void fr_app_before_fork(void);
void fr_app_after_fork(void);

#endif
