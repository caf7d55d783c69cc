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

/* What is being opened, and where to say what is wrong. */
struct opening {
    struct listener *listener;
    const struct settings *settings;
    const struct prefix_settings *prefix;
    struct problems *problems;
};

static bool fail(const struct opening *opening, const char *what)
{
    problems_note(opening->problems, "listener %s: cannot %s: %s", opening->listener->address, what,
                  strerror(errno));
    return false;
}

static bool refuse(const struct opening *opening, const char *why)
{
    problems_note(opening->problems, "listener %s: %s", opening->listener->address, why);
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
static bool take_lock(const struct opening *opening)
{
    struct listener *listener = opening->listener;
    char *path = make_path(opening->settings, opening->prefix->name, ".lock");
    listener->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (listener->lock_fd < 0) {
        return fail(opening, "make its lock file");
    }
    return flock(listener->lock_fd, LOCK_EX | LOCK_NB) == 0 ||
           refuse(opening, "another flaskredisd serves this prefix here (setting \"runtime_dir\")");
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
static bool clear_path(const struct opening *opening, const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0) {
        return errno == ENOENT || fail(opening, "look at the path");
    }
    if (!S_ISSOCK(status.st_mode)) {
        return refuse(opening, "something that is no socket stands there");
    }
    if (is_alive(path)) {
        return refuse(opening, "another process listens there");
    }
    log_notice("listener %s: replacing the socket a dead process left", path);
    return unlink(path) == 0 || fail(opening, "remove the old socket");
}

static bool own_path(const struct opening *opening)
{
    const struct prefix_settings *prefix = opening->prefix;
    const struct listener *listener = opening->listener;
    const char *path = listener->path;
    const struct passwd *user =
        prefix->socket_owner[0] == '\0' ? NULL : getpwnam(prefix->socket_owner);
    const struct group *group =
        prefix->socket_group[0] == '\0' ? NULL : getgrnam(prefix->socket_group);
    uid_t uid = user == NULL ? listener->born_uid : user->pw_uid;
    gid_t gid = group == NULL ? listener->born_gid : group->gr_gid;
    struct stat now;
    bool is_right = lstat(path, &now) == 0 && now.st_uid == uid && now.st_gid == gid;
    if (!is_right && chown(path, uid, gid) != 0) {
        return fail(opening, "change the owner (settings \"socket_owner\", \"socket_group\")");
    }
    return chmod(path, (mode_t)prefix->socket_mode) == 0 ||
           fail(opening, "change the mode (setting \"socket_mode\")");
}

static bool note_birth(const struct opening *opening)
{
    struct stat now;
    if (lstat(opening->listener->path, &now) != 0) {
        return fail(opening, "look at the path");
    }
    opening->listener->born_uid = now.st_uid;
    opening->listener->born_gid = now.st_gid;
    return true;
}

static bool bind_path(const struct opening *opening)
{
    struct listener *listener = opening->listener;
    struct sockaddr_un un = unix_address(listener->path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(opening, "make a socket");
    }
    /* nobody gets in before mode and owner are right */
    mode_t before = umask(0777);
    int bound = bind(listener->fd, (struct sockaddr *)&un, sizeof un);
    umask(before);
    if (bound != 0) {
        return fail(opening, "bind the socket");
    }
    return note_birth(opening) && own_path(opening) &&
           (listen(listener->fd, LISTENER_BACKLOG) == 0 || fail(opening, "listen"));
}

static bool open_unix(const struct opening *opening)
{
    struct listener *listener = opening->listener;
    char *path = memory_text(listener->address, strlen(listener->address));
    if (!take_lock(opening) || !clear_path(opening, path)) {
        free(path);
        return false;
    }
    listener->path = path;
    return bind_path(opening);
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

static bool open_tcp(const struct opening *opening)
{
    struct listener *listener = opening->listener;
    struct sockaddr_storage address;
    int yes = 1;
    socklen_t len = tcp_address(&opening->prefix->tcp, &address);
    listener->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(opening, "make a socket");
    }
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener->fd, (struct sockaddr *)&address, len) != 0) {
        return fail(opening, "bind the socket (setting \"listen\")");
    }
    return listen(listener->fd, LISTENER_BACKLOG) == 0 || fail(opening, "listen");
}

/* --------------------------------------------------------------------------------------- preparing
 */

static bool make_runtime_dir(const char *path, struct problems *problems)
{
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        problems_note(problems,
                      "runtime directory %s: cannot make it: %s (setting \"runtime_dir\")", path,
                      strerror(errno));
        return false;
    }
    return true;
}

static const struct listener *find(const struct listeners *listeners, const char *address)
{
    for (size_t i = 0; i < listeners->count; i++) {
        if (strcmp(listeners->items[i].address, address) == 0) {
            return &listeners->items[i];
        }
    }
    return NULL;
}

/* Have the socket that is open already, and note what it is to be again if this comes to nothing.
 */
static bool take_over(const struct opening *opening, const struct listener *there)
{
    struct listener *listener = opening->listener;
    struct stat now;
    listener->fd = there->fd;
    listener->lock_fd = there->lock_fd;
    listener->is_taken = true;
    if (there->path == NULL) {
        return true;
    }
    if (lstat(there->path, &now) != 0) {
        return fail(opening, "look at the path");
    }
    listener->path = memory_text(there->path, strlen(there->path));
    listener->born_uid = there->born_uid;
    listener->born_gid = there->born_gid;
    listener->mode = now.st_mode & 07777;
    listener->uid = now.st_uid;
    listener->gid = now.st_gid;
    return own_path(opening);
}

/* Add the socket at this address, which is taken. */
static bool add(struct listeners *fresh, const struct listeners *running, struct opening *opening,
                char *address, bool (*open_it)(const struct opening *opening))
{
    struct listener *listener = &fresh->items[fresh->count++];
    const char *name = opening->prefix->name;
    const struct listener *there = find(running, address);
    *listener = (struct listener){
        .fd = -1, .lock_fd = -1, .prefix = memory_text(name, strlen(name)), .address = address};
    opening->listener = listener;
    return there != NULL ? take_over(opening, there) : open_it(opening);
}

bool listeners_prepare(struct listeners *fresh, const struct listeners *running,
                       const struct settings *settings, struct problems *problems)
{
    bool is_open = make_runtime_dir(settings->daemon.runtime_dir, problems);
    *fresh = (struct listeners){0};
    fresh->items = memory_zeroed(settings->prefix_count * 2 * sizeof *fresh->items);
    for (size_t i = 0; i < settings->prefix_count && is_open; i++) {
        const struct prefix_settings *prefix = &settings->prefixes[i];
        struct opening opening = {.settings = settings, .prefix = prefix, .problems = problems};
        is_open =
            add(fresh, running, &opening, make_path(settings, prefix->name, ".sock"), open_unix);
        if (is_open && prefix->tcp.wanted) {
            is_open = add(fresh, running, &opening,
                          memory_text(prefix->listen, strlen(prefix->listen)), open_tcp);
        }
    }
    if (!is_open) {
        listeners_abandon(fresh);
    }
    return is_open;
}

static void free_listener(struct listener *listener)
{
    free(listener->prefix);
    free(listener->path);
    free(listener->address);
    *listener = (struct listener){.fd = -1, .lock_fd = -1};
}

/* What it was before. It has been that, so the system allows it; if not, nothing more can be done.
 */
static void give_back(struct listener *listener)
{
    if (listener->path != NULL && (chown(listener->path, listener->uid, listener->gid) != 0 ||
                                   chmod(listener->path, listener->mode) != 0)) {
        log_error("listener %s: cannot give back mode and owner: %s", listener->address,
                  strerror(errno));
    }
    free_listener(listener);
}

void listeners_abandon(struct listeners *fresh)
{
    for (size_t i = 0; i < fresh->count; i++) {
        if (fresh->items[i].is_taken) {
            give_back(&fresh->items[i]);
        } else {
            listener_close(&fresh->items[i]);
        }
    }
    free(fresh->items);
    *fresh = (struct listeners){0};
}

/* Let nobody in any more. A Unix socket then refuses, and gives out those who wait; a TCP socket
 * would send them away. */
static void shut(const struct listener *listener)
{
    if (listener->path != NULL) {
        unlink(listener->path);
        shutdown(listener->fd, SHUT_RD);
    }
}

void listeners_retire(const struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        shut(&listeners->items[i]);
    }
}

/* The path and its lock are free from now on, also for a listener that comes back soon. */
static void retire(struct listener *listener, void (*close_later)(void *arg, int fd), void *arg)
{
    shut(listener);
    close_later(arg, listener->fd);
    listener->fd = -1;
    listener_close(listener);
}

void listeners_commit(struct listeners *running, struct listeners *fresh,
                      void (*close_later)(void *arg, int fd), void *arg)
{
    for (size_t i = 0; i < running->count; i++) {
        struct listener *listener = &running->items[i];
        if (find(fresh, listener->address) != NULL) {
            free_listener(listener);
        } else {
            retire(listener, close_later, arg);
        }
    }
    free(running->items);
    *running = *fresh;
    *fresh = (struct listeners){0};
    for (size_t i = 0; i < running->count; i++) {
        running->items[i].is_taken = false;
    }
}

/* ----------------------------------------------------------------------------------------- closing
 */

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0) {
        if (listener->path != NULL) {
            unlink(listener->path);
        }
        close(listener->fd);
    }
    if (listener->lock_fd >= 0) {
        close(listener->lock_fd);
    }
    free_listener(listener);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        listener_close(&listeners->items[i]);
    }
    free(listeners->items);
    *listeners = (struct listeners){0};
}
