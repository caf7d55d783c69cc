/* The sockets clients connect to: one Unix socket for each prefix, and a TCP port where one is
 * wished. Kept by the main thread; every worker accepts from all of them.
 *
 * Changing them is done in two steps, so that what cannot be had leaves everything as it was:
 *
 *   listeners_prepare: takes over what stays, opens what is new, gives what stays its mode and
 * owner |        | |        +-- listeners_abandon: the new ones are closed, mode and owner are
 * given back
 *       +-- listeners_commit: what is not there any more is closed
 */
#ifndef LISTENER_H
#define LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/settings.h"

/* So many who connect can wait to be accepted. */
#define LISTENER_BACKLOG 4096

struct listener {
    int fd;
    char *prefix;    /* its name */
    char *path;      /* of a Unix socket we may remove; NULL: TCP, or a socket unit's */
    int lock_fd;     /* held while the path is ours */
    char *address;   /* as logs show it */
    char *kept_name; /* in the service manager's store; NULL: not one to be kept there */
    bool is_kept;    /* the service manager holds it, too: it goes on listening when we end */
    uid_t born_uid;  /* of a path: what the system made its owner when it was bound */
    gid_t born_gid;
    bool is_taken; /* while preparing: there before, with the mode and owner below */
    mode_t mode;
    uid_t uid;
    gid_t gid;
};

struct listeners {
    struct listener *items;
    size_t count;
};

/* Make running, at the start, what was open before the daemon was and is what the settings want:
 * sockets that the service manager kept from the daemon before, and those of socket units. What is
 * not wanted is closed and forgotten. False when something must not be used, which is added to the
 * problems; what was taken is to be closed all the same. */
bool listeners_inherit(struct listeners *running, const struct settings *settings,
                       struct problems *problems);

/* Make fresh the sockets of all prefixes of the settings. Those that running has at the same
 * address are taken over, whichever prefix they were of. A socket file that a dead process left is
 * replaced, a live one's never. False when something cannot be had, which is added to the problems;
 * then fresh holds nothing, and all is as it was. */
bool listeners_prepare(struct listeners *fresh, const struct listeners *running,
                       const struct settings *settings, struct problems *problems);

/* Give up what was prepared. */
void listeners_abandon(struct listeners *fresh);

/* What was prepared holds from now on, as running, and is kept by the service manager, if there is
 * one. Files of sockets that are not there any more are removed, and their descriptors given to
 * close_later. */
void listeners_commit(struct listeners *running, struct listeners *fresh,
                      void (*close_later)(void *arg, int fd), void *arg);

/* Open a Unix socket of the daemon's own, RUNTIME_DIR/NAME.sock. False with the reason in the
 * problems; the listener is closed then. */
bool listener_open_own(struct listener *listener, const struct settings *settings, const char *name,
                       int64_t mode, struct problems *problems);

/* The same for a TCP port; text is the setting it comes from. */
bool listener_open_own_port(struct listener *listener, const struct settings *settings,
                            const char *text, const struct tcp_listen *tcp,
                            struct problems *problems);

/* Close it, and remove its file unless it is kept. */
void listener_close(struct listener *listener);

/* Let nobody in any more to those that go with us. Who has come already can still be accepted. */
void listeners_retire(const struct listeners *listeners);

/* Close all, and remove the files of those that are not kept. */
void listeners_close(struct listeners *listeners);

#endif
