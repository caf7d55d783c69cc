/* Opening and closing listening sockets. See listener.h. */
#include "daemon/listener.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/memory.h"

#define PATH_CAP 256

static bool fail(const char *address, const char *what)
{
    log_error("listener %s: cannot %s: %s", address, what, strerror(errno));
    return false;
}

/* RUNTIME_DIR/prefix in lower case.SUFFIX */
static char *make_path(const struct settings *settings, const char *prefix, const char *suffix)
{
    char text[PATH_CAP];
    size_t at = (size_t)snprintf(text, sizeof text, "%s/", settings->daemon.runtime_dir);
    for (; *prefix != '\0' && at < sizeof text - 1; prefix++) {
        text[at++] = (char)tolower((unsigned char)*prefix);
    }
    snprintf(text + at, sizeof text - at, "%s", suffix);
    return memory_text(text, strlen(text));
}

/* -------------------------------------------------------------------------------------- Unix
 * socket */

/* Hold the lock file beside the socket as long as the daemon lives, so that of two daemons one
 * yields. */
static bool take_lock(struct listener *listener, const struct settings *settings,
                      const char *prefix)
{
    char *path = make_path(settings, prefix, ".lock");
    listener->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (listener->lock_fd < 0) {
        return fail(listener->address, "make its lock file");
    }
    if (flock(listener->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        log_error("listener %s: another flaskredisd serves this prefix here (setting "
                  "\"runtime_dir\")",
                  listener->address);
        return false;
    }
    return true;
}

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    return un;
}

/* Whether somebody listens at the path. */
static bool is_alive(const char *path)
{
    struct sockaddr_un un = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_refused = fd >= 0 && connect(fd, (struct sockaddr *)&un, sizeof un) != 0 &&
                      (errno == ECONNREFUSED || errno == ENOENT);
    if (fd >= 0) {
        close(fd);
    }
    return !is_refused;
}

/* Remove what a dead process left at the path; anything else is somebody's. */
static bool clear_path(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT || fail(path, "look at the path");
    }
    if (!S_ISSOCK(status.st_mode)) {
        log_error("listener %s: something that is no socket stands there", path);
        return false;
    }
    if (is_alive(path)) {
        log_error("listener %s: another process listens there", path);
        return false;
    }
    log_notice("listener %s: replacing the socket a dead process left", path);
    return unlink(path) == 0 || fail(path, "remove the old socket");
}

static bool own_path(const struct prefix_settings *prefix, const char *path)
{
    const struct passwd *user =
        prefix->socket_owner[0] == '\0' ? NULL : getpwnam(prefix->socket_owner);
    const struct group *group =
        prefix->socket_group[0] == '\0' ? NULL : getgrnam(prefix->socket_group);
    uid_t uid = user == NULL ? (uid_t)-1 : user->pw_uid;
    gid_t gid = group == NULL ? (gid_t)-1 : group->gr_gid;
    if ((user != NULL || group != NULL) && chown(path, uid, gid) != 0) {
        return fail(path, "change the owner (settings \"socket_owner\", \"socket_group\")");
    }
    return chmod(path, (mode_t)prefix->socket_mode) == 0 ||
           fail(path, "change the mode (setting \"socket_mode\")");
}

static bool bind_path(struct listener *listener, const struct prefix_settings *prefix)
{
    struct sockaddr_un un = unix_address(listener->path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(listener->address, "make a socket");
    }
    /* nobody gets in before mode and owner are right */
    mode_t before = umask(0777);
    int bound = bind(listener->fd, (struct sockaddr *)&un, sizeof un);
    umask(before);
    if (bound != 0) {
        return fail(listener->address, "bind the socket");
    }
    return own_path(prefix, listener->path) &&
           (listen(listener->fd, LISTENER_BACKLOG) == 0 || fail(listener->address, "listen"));
}

static bool open_unix(struct listener *listener, const struct settings *settings,
                      const struct prefix_settings *prefix)
{
    char *path = make_path(settings, prefix->name, ".sock");
    listener->address = memory_text(path, strlen(path));
    bool is_ours = take_lock(listener, settings, prefix->name) && clear_path(path);
    if (!is_ours) {
        free(path);
        return false;
    }
    listener->path = path;
    return bind_path(listener, prefix);
}

/* ----------------------------------------------------------------------------------------------
 * TCP */

static socklen_t tcp_address(const struct tcp_listen *tcp, struct sockaddr_storage *address)
{
    struct sockaddr_in *in = (void *)address;
    struct sockaddr_in6 *in6 = (void *)address;
    *address = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, tcp->host, &in->sin_addr) == 1) {
        in->sin_family = AF_INET;
        in->sin_port = htons(tcp->port);
        return sizeof *in;
    }
    inet_pton(AF_INET6, tcp->host, &in6->sin6_addr);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(tcp->port);
    return sizeof *in6;
}

static bool open_tcp(struct listener *listener, const struct prefix_settings *prefix)
{
    struct sockaddr_storage address;
    int yes = 1;
    socklen_t len = tcp_address(&prefix->tcp, &address);
    listener->address = memory_text(prefix->listen, strlen(prefix->listen));
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(listener->address, "make a socket");
    }
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener->fd, (struct sockaddr *)&address, len) != 0) {
        return fail(listener->address, "bind the socket (setting \"listen\")");
    }
    return listen(listener->fd, LISTENER_BACKLOG) == 0 || fail(listener->address, "listen");
}

/* ----------------------------------------------------------------------------------------------
 * all */

static bool make_runtime_dir(const char *path)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        log_error("runtime directory %s: cannot make it: %s (setting \"runtime_dir\")", path,
                  strerror(errno));
        return false;
    }
    return true;
}

static struct listener *add(struct listeners *listeners, size_t prefix)
{
    struct listener *listener = &listeners->items[listeners->count++];
    *listener = (struct listener){.fd = -1, .lock_fd = -1, .prefix = (int)prefix};
    return listener;
}

bool listeners_open(struct listeners *listeners, const struct settings *settings)
{
    bool is_open = make_runtime_dir(settings->daemon.runtime_dir);
    *listeners = (struct listeners){0};
    listeners->items = memory_zeroed(settings->prefix_count * 2 * sizeof *listeners->items);
    for (size_t i = 0; i < settings->prefix_count && is_open; i++) {
        const struct prefix_settings *prefix = &settings->prefixes[i];
        is_open = open_unix(add(listeners, i), settings, prefix);
        if (is_open && prefix->tcp.wanted) {
            is_open = open_tcp(add(listeners, i), prefix);
        }
    }
    if (!is_open) {
        listeners_close(listeners);
    }
    return is_open;
}

/* A Unix socket then refuses, and gives out those who wait; a TCP socket would send them away. */
void listeners_retire(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        if (listener->path != NULL) {
            unlink(listener->path);
            shutdown(listener->fd, SHUT_RD);
        }
    }
}

static void close_listener(struct listener *listener)
{
    if (listener->path != NULL) {
        unlink(listener->path);
    }
    if (listener->fd >= 0) {
        close(listener->fd);
    }
    if (listener->lock_fd >= 0) {
        close(listener->lock_fd);
    }
    free(listener->path);
    free(listener->address);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        close_listener(&listeners->items[i]);
    }
    free(listeners->items);
    *listeners = (struct listeners){0};
}
