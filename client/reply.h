/* hiredis' reply objects, made here: its own reader (0.14) ends the process when memory is short.
 */
#ifndef FR_CLIENT_REPLY_H
#define FR_CLIENT_REPLY_H

#include <stddef.h>

#include <hiredis/hiredis.h>

#include "flaskredis/bytes.h"
#include "flaskredis/status.h"

/* Make the reply of a complete RESP2 frame, which the framer has delimited. On failure CONNECTION
 * (the frame is none that RESP2 has, or nested too deep) or NO_MEMORY. */
FlaskRedisStatus fr_reply_read(const char *frame, size_t len, redisReply **reply);

/* The same of the first frame of several, all complete; *taken: how long it is. */
FlaskRedisStatus fr_reply_read_first(const char *frames, size_t len, size_t *taken,
                                     redisReply **reply);

#endif
