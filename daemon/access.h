/* Who may use the admin socket: root, the daemon's own user, and whom the settings "admin_users"
 * and "admin_groups" name; by what the kernel says of the process at the other end, not by its
 * word. */
#ifndef ACCESS_H
#define ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/settings.h"

struct access_peer {
    pid_t pid;
    uid_t uid;
};

/* Whether the process that connected this Unix socket may. Fills in the peer, uid -1 when the
 * kernel does not know it, which may not. */
bool access_allows(const struct daemon_settings *settings, int fd, struct access_peer *peer);

/* Whether anybody but root and the daemon's user may at all. */
bool access_is_shared(const struct daemon_settings *settings);

/* Look up a user or a group by name or number. False: there is none. */
bool access_find_user(const char *text, uid_t *uid);
bool access_find_group(const char *text, gid_t *gid);

#endif
