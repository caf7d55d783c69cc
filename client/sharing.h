/* When connections of a handle go over to shared memory, and how often they did. */
#ifndef FR_CLIENT_SHARING_H
#define FR_CLIENT_SHARING_H

#include <stdatomic.h>

#include "client/attach.h"
#include "flaskredis/client.h"

struct fr_sharing {
    atomic_uint after;  /* exchanges of a connection; 0: never */
    atomic_uint losses; /* connections in a row that broke when they asked */
};

/* Find out what the option says and, before it, the variable FLASKREDIS_TRANSPORT. DATA: the
 * variable is none of what it may be. */
FlaskRedisStatus fr_sharing_init(struct fr_sharing *sharing, FlaskRedisTransport option);

/* Count what became of a connection that asked. Where the other side does not know of shared
 * memory, or breaks connections that ask for it, nobody asks again. */
void fr_sharing_note(struct fr_sharing *sharing, enum fr_attached attached);

#endif
