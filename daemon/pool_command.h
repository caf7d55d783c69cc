/* FLASKREDIS POOL url: on the daemon's main socket, where no prefix is, a client asks for a pool on
 * a URL of its own. The main thread decides and makes it; the session moves there.
 *
 *   session --request--> main thread --layout--> workers
 *      ^                      |
 *      +------- answer -------+ behind the layout, so that the pool is there */
#ifndef POOL_COMMAND_H
#define POOL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/mailbox.h"
#include "daemon/session.h"

struct pool_request {
    struct mail mail; /* to house->main, run by house->on_pool_request */
    struct session *asker;
    bool is_silent;
    int origin;
    size_t url_len;
    char *url; /* wiped when it has been answered */
    /* The answer: the pool's prefix, with a place in its clients taken, or a line. */
    struct prefix *granted;
    char error[512];
};

/* From the main thread: send it home with its answer. */
void pool_request_answer(struct pool_request *request, struct house *house);

#endif
