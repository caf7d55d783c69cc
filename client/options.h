/* Options of a handle: their texts copied, merged, and what a URL says laid over them. */
#ifndef FR_CLIENT_OPTIONS_H
#define FR_CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "flaskredis/client.h"

/* Lay what more says over options, whose texts are copies of their own. NULL says nothing. DATA: a
 * value is out of range; the text names it. On failure options are as before. */
FlaskRedisStatus fr_options_merge(FlaskRedisOptions *options, const FlaskRedisOptions *more);

/* Wipe the password and free the texts; all zero afterwards. */
void fr_options_finish(FlaskRedisOptions *options);

/* Seconds as milliseconds: the default for 0, -1 (for ever) for less. */
int fr_options_ms(double seconds, int default_ms);

/* The times and numbers that an option leaves open. */
enum {
    FR_SOCKET_TIMEOUT_MS = 30000,
    FR_CONNECT_TIMEOUT_MS = 5000,
    FR_MAX_CONNECTIONS = 64
};

#endif
