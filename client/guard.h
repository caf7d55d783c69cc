/* Commands about the connection rather than the data, which a shared connection must not be given.
 */
#ifndef FR_CLIENT_GUARD_H
#define FR_CLIENT_GUARD_H

#include <stdbool.h>

#include "flaskredis/provider.h"

/* DATA, with what to do instead, for a command that would leave a connection changed, answer more
 * than once, or never. */
FlaskRedisStatus fr_guard(const FlaskRedisCommand *command);

/* Whether it is one of MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
bool fr_is_transaction_word(const FlaskRedisCommand *command);

#endif
