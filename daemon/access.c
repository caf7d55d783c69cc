/* The peer of a Unix socket against the lists of the settings. See access.h. */
#include "daemon/access.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/resp.h"
#include "daemon/memory.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

static bool read_number(const char *text, int64_t *number)
{
    size_t len = 0;
    while (text[len] != '\0') {
        len++;
    }
    return fr_parse_int64(text, len, number) && *number >= 0 && *number < UINT32_MAX;
}

bool access_find_user(const char *text, uid_t *uid)
{
    int64_t number = 0;
    if (read_number(text, &number)) {
        *uid = (uid_t)number;
        return true;
    }
    const struct passwd *user = getpwnam(text);
    *uid = user == NULL ? (uid_t)-1 : user->pw_uid;
    return user != NULL;
}

bool access_find_group(const char *text, gid_t *gid)
{
    int64_t number = 0;
    if (read_number(text, &number)) {
        *gid = (gid_t)number;
        return true;
    }
    const struct group *group = getgrnam(text);
    *gid = group == NULL ? (gid_t)-1 : group->gr_gid;
    return group != NULL;
}

static bool is_user_listed(const struct word_list *users, uid_t uid)
{
    uid_t listed = 0;
    for (size_t i = 0; i < users->count; i++) {
        if (access_find_user(users->items[i], &listed) && listed == uid) {
            return true;
        }
    }
    return false;
}

static bool is_group_listed(const struct word_list *groups, gid_t gid)
{
    gid_t listed = 0;
    for (size_t i = 0; i < groups->count; i++) {
        if (access_find_group(groups->items[i], &listed) && listed == gid) {
            return true;
        }
    }
    return false;
}

/* The groups of the process besides its first one; the caller frees them. */
static gid_t *groups_of(int fd, size_t *count)
{
    socklen_t len = 64 * sizeof(gid_t);
    gid_t *groups = memory_alloc(len);
    while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) != 0) {
        if (errno != ERANGE) {
            len = 0; /* a kernel before 4.13 does not tell */
            break;
        }
        groups = memory_resize(groups, len);
    }
    *count = len / sizeof(gid_t);
    return groups;
}

static bool is_in_groups(const struct word_list *listed, int fd, gid_t first)
{
    size_t count = 0;
    gid_t *groups = groups_of(fd, &count);
    bool is_in = is_group_listed(listed, first);
    for (size_t i = 0; i < count && !is_in; i++) {
        is_in = is_group_listed(listed, groups[i]);
    }
    free(groups);
    return is_in;
}

bool access_is_shared(const struct daemon_settings *settings)
{
    return settings->admin_users.count > 0 || settings->admin_groups.count > 0;
}

bool access_allows(const struct daemon_settings *settings, int fd, struct access_peer *peer)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;
    *peer = (struct access_peer){.uid = (uid_t)-1};
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0) {
        return false;
    }
    *peer = (struct access_peer){.pid = who.pid, .uid = who.uid};
    return who.uid == 0 || who.uid == geteuid() ||
           is_user_listed(&settings->admin_users, who.uid) ||
           (settings->admin_groups.count > 0 && is_in_groups(&settings->admin_groups, fd, who.gid));
}
