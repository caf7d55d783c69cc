/* The sockets clients connect to: one Unix socket for each prefix, and a TCP port where one is
 * wished. Opened before the workers start; every worker accepts from all of them. */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/settings.h"

/* So many who connect can wait to be accepted. */
#define LISTENER_BACKLOG 4096

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

/* Let nobody in any more. Who has come already can still be accepted. */
void listeners_retire(const struct listeners *listeners);

/* Close all and remove the files. */
void listeners_close(struct listeners *listeners);

#endif
