/* The sockets clients connect to: one Unix socket for each prefix, and a TCP port where one is
 * wished. Opened before the workers start; every worker accepts from all of them. */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings.h"

struct listener {
    int fd;
    int prefix;    /* number of the prefix */
    char *path;    /* of a Unix socket; NULL: TCP */
    int lock_fd;   /* held while the path is ours */
    char *address; /* as logs show it */
};

struct listeners {
    struct listener *items;
    size_t count;
};

/* Open the sockets of all prefixes, with their modes and owners. A socket file that a dead process
 * left is replaced, a live one's never. False when one cannot be had, which has been logged; none
 * is left open. */
bool listeners_open(struct listeners *listeners, const struct settings *settings);

/* Close all and remove the files. */
void listeners_close(struct listeners *listeners);

#endif
