/* How long a command may keep its caller waiting on purpose. */
#ifndef FR_CLIENT_BLOCKING_H
#define FR_CLIENT_BLOCKING_H

#include "flaskredis/provider.h"

/* Milliseconds that the command itself asks to be blocked for: 0 for most, -1 for ever. A timeout
 * that is none counts as 0: the server refuses it at once. */
int fr_blocking_ms(const FlaskRedisCommand *command);

#endif
