/* What the files of listeners share; nobody else includes it.
 *
 *   listener.c         opening and closing
 *   listener_handed.c  sockets that were open before the daemon was
 */
#ifndef LISTENER_PARTS_H
#define LISTENER_PARTS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/listener.h"

/* Longest name of a socket in the store: a prefix, a dot, what kind it is. */
#define KEPT_NAME_CAP 96

/* An address of any kind a listener may have. */
union listener_address {
    struct sockaddr any;
    struct sockaddr_un un;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

union listener_address listener_unix_address(const char *path);

/* Whether somebody listens at the path. */
bool listener_is_alive(const char *path);

/* "cache.sock", "cache.tcp": under this name the service manager keeps a prefix' socket. */
void listener_kept_name(const char *prefix, const char *kind, char name[KEPT_NAME_CAP]);

/* Take the socket of this name that was kept, if it listens at this address; one that does not is
 * forgotten. -1: there is none. */
int listener_take_kept(const char *name, const union listener_address *wanted);

/* Take the next socket that a socket unit has for the prefix, if any: *address is where it listens.
 * -1: there is none (left). False: there is one that must not be used, as the problems say now. */
bool listener_take_handed(const struct prefix_settings *prefix, int *fd,
                          union listener_address *address, struct problems *problems);

/* How logs show it. The caller frees. */
char *listener_show_address(const union listener_address *address);

/* Forget what was kept for prefixes that are gone, and say what else was handed over for nothing.
 */
void listener_forget_left(void);

#endif
