/* Reading the configuration again and putting it into force, all of it or nothing. */
#ifndef RELOAD_H
#define RELOAD_H

#include <stdbool.h>

#include "daemon/service.h"

struct reload_result {
    bool is_done;
    /* Done: what has changed, a line each, none if nothing has. Not done: what is wrong, and
     * nothing has changed. No secret is in any line. */
    struct problems lines;
};

/* Reload, in the main thread. Each worker changes over as a whole when its present turn ends; that
 * is all that may still be to come when this returns. Everything is logged. Returns is_done; the
 * caller finishes the result with reload_result_finish. */
bool reload_run(struct service *service, struct reload_result *result);

void reload_result_finish(struct reload_result *result);

#endif
