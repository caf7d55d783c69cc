/* A thread's own session with a handle, while it watches keys or is in a transaction. */
#ifndef FR_CLIENT_PIN_H
#define FR_CLIENT_PIN_H

#include <stdbool.h>

#include <hiredis/hiredis.h>

#include "client/handle.h"

struct fr_pin;

/* The calling thread's, or NULL. Costs next to nothing when there is none. */
struct fr_pin *fr_pin_find(const FlaskRedis *redis);

/* Whether the calling thread is behind MULTI with this handle. */
bool fr_pin_is_queueing(const FlaskRedis *redis);

/* Run a command in it. */
FlaskRedisStatus fr_pin_run(struct fr_pin *pin, const FlaskRedisCommand *command,
                            redisReply **reply);

/* Give up the calling thread's session with a handle that is being freed. */
void fr_pin_forget(const FlaskRedis *redis);

#endif
