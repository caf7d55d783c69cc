/* Going over from the socket to shared memory, if the other side is a daemon that has it. */
#ifndef FR_CLIENT_ATTACH_H
#define FR_CLIENT_ATTACH_H

#include <stdbool.h>

struct fr_wire;

enum fr_attached {
    FR_ATTACHED,
    FR_ATTACH_REFUSED, /* all goes on over the socket */
    FR_ATTACH_UNKNOWN, /* the same: the other side does not know what is asked of it, and never will
                        */
    FR_ATTACH_LOST,    /* the connection is of no use any more; nothing was executed */
    FR_ATTACH_LATE,    /* the same: no answer came in time */
    FR_ATTACH_OUTCOMES
};

/* Ask for shared memory and go over to it. Nothing may be under way on the wire. timeout_ms: the
 * longest wait for the answer, -1 for ever. */
enum fr_attached fr_attach(struct fr_wire *wire, int timeout_ms);

#endif
