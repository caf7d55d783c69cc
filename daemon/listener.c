/* Opening and closing listening sockets. See listener.h. */
#include "daemon/listener_parts.h"

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

#include "daemon/fd_store.h"
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

union listener_address listener_unix_address(const char *path)
{
    union listener_address address = {.un.sun_family = AF_UNIX};
    snprintf(address.un.sun_path, sizeof address.un.sun_path, "%s", path);
    return address;
}

bool listener_is_alive(const char *path)
{
    union listener_address address = listener_unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_refused = fd >= 0 && connect(fd, &address.any, sizeof address.un) != 0 &&
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
    if (listener_is_alive(path)) {
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
    union listener_address address = listener_unix_address(listener->path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(opening, "make a socket");
    }
    /* nobody gets in before mode and owner are right */
    mode_t before = umask(0777);
    int bound = bind(listener->fd, &address.any, sizeof address.un);
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

static union listener_address tcp_address(const struct tcp_listen *tcp)
{
    union listener_address address = {0};
    if (inet_pton(AF_INET, tcp->host, &address.in.sin_addr) == 1) {
        address.in.sin_family = AF_INET;
        address.in.sin_port = htons(tcp->port);
        return address;
    }
    inet_pton(AF_INET6, tcp->host, &address.in6.sin6_addr);
    address.in6.sin6_family = AF_INET6;
    address.in6.sin6_port = htons(tcp->port);
    return address;
}

static bool open_tcp(const struct opening *opening)
{
    struct listener *listener = opening->listener;
    int yes = 1;
    union listener_address address = tcp_address(&opening->prefix->tcp);
    socklen_t len = address.any.sa_family == AF_INET ? sizeof address.in : sizeof address.in6;
    listener->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->fd < 0) {
        return fail(opening, "make a socket");
    }
    setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener->fd, &address.any, len) != 0) {
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

bool listener_open_own(struct listener *listener, const struct settings *settings, const char *name,
                       int64_t mode, struct problems *problems)
{
    char nobody[] = "";
    const struct prefix_settings own = {.name = (char *)(uintptr_t)name,
                                        .socket_mode = mode,
                                        .socket_owner = nobody,
                                        .socket_group = nobody};
    struct opening opening = {
        .listener = listener, .settings = settings, .prefix = &own, .problems = problems};
    *listener =
        (struct listener){.fd = -1, .lock_fd = -1, .address = make_path(settings, name, ".sock")};
    bool is_open = make_runtime_dir(settings->daemon.runtime_dir, problems) && open_unix(&opening);
    if (!is_open) {
        listener_close(listener);
    }
    return is_open;
}

bool listener_open_own_port(struct listener *listener, const struct settings *settings,
                            const char *text, const struct tcp_listen *tcp,
                            struct problems *problems)
{
    const struct prefix_settings own = {.tcp = *tcp};
    struct opening opening = {
        .listener = listener, .settings = settings, .prefix = &own, .problems = problems};
    *listener =
        (struct listener){.fd = -1, .lock_fd = -1, .address = memory_text(text, strlen(text))};
    bool is_open = open_tcp(&opening);
    if (!is_open) {
        listener_close(listener);
    }
    return is_open;
}

static struct listener *find(const struct listeners *listeners, const char *address)
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
    listener->is_kept = there->is_kept;
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

/* A socket of the prefix, not open yet. Takes the address; kind says how it is kept, NULL: not by
 * us.
 */
static struct listener *add_closed(struct listeners *listeners, const char *prefix, char *address,
                                   const char *kind)
{
    char name[KEPT_NAME_CAP] = "";
    struct listener *listener = &listeners->items[listeners->count++];
    *listener =
        (struct listener){.fd = -1, .lock_fd = -1, .prefix = memory_text(prefix, strlen(prefix))};
    listener->address = address;
    if (kind != NULL) {
        listener_kept_name(prefix, kind, name);
        listener->kept_name = memory_text(name, strlen(name));
    }
    return listener;
}

/* Add one that is open already. Takes the address. */
static bool add_open(struct listeners *fresh, struct opening *opening, const struct listener *there,
                     char *address, const char *kind)
{
    opening->listener =
        add_closed(fresh, opening->prefix->name, address, there->kept_name == NULL ? NULL : kind);
    return take_over(opening, there);
}

/* Add the socket at this address, which is taken. */
static bool add(struct listeners *fresh, const struct listeners *running, struct opening *opening,
                char *address, bool (*open_it)(const struct opening *opening))
{
    const struct listener *there = find(running, address);
    const char *kind = open_it == open_unix ? "sock" : "tcp";
    if (there != NULL) {
        return add_open(fresh, opening, there, address, kind);
    }
    opening->listener = add_closed(fresh, opening->prefix->name, address, kind);
    return open_it(opening);
}

static char *unix_address_of(const struct settings *settings, const struct prefix_settings *prefix)
{
    return make_path(settings, prefix->name, ".sock");
}

static char *tcp_address_of(const struct prefix_settings *prefix)
{
    union listener_address address = tcp_address(&prefix->tcp);
    return listener_show_address(&address);
}

/* Sockets that socket units have for the prefix beside its own. */
static bool add_handed(struct listeners *fresh, const struct listeners *running,
                       struct opening *opening)
{
    bool is_added = true;
    for (size_t i = 0; i < running->count && is_added; i++) {
        const struct listener *there = &running->items[i];
        if (there->kept_name == NULL && strcmp(there->prefix, opening->prefix->name) == 0 &&
            find(fresh, there->address) == NULL) {
            is_added = add_open(fresh, opening, there,
                                memory_text(there->address, strlen(there->address)), NULL);
        }
    }
    return is_added;
}

/* Who has sockets: the daemon itself, which has the main socket, then the prefixes. */
static const struct prefix_settings *listening(const struct settings *settings, size_t i)
{
    return i == 0 ? &settings->client_pools : &settings->prefixes[i - 1];
}

/* A Unix socket and a port for each; what socket units add is apart. */
static size_t sockets_max(const struct settings *settings)
{
    return (settings->prefix_count + 1) * 2;
}

bool listeners_prepare(struct listeners *fresh, const struct listeners *running,
                       const struct settings *settings, struct problems *problems)
{
    bool is_open = make_runtime_dir(settings->daemon.runtime_dir, problems);
    *fresh = (struct listeners){0};
    fresh->items = memory_zeroed((sockets_max(settings) + running->count) * sizeof *fresh->items);
    for (size_t i = 0; i < settings->prefix_count + 1 && is_open; i++) {
        const struct prefix_settings *prefix = listening(settings, i);
        struct opening opening = {.settings = settings, .prefix = prefix, .problems = problems};
        is_open = add(fresh, running, &opening, unix_address_of(settings, prefix), open_unix);
        if (is_open && prefix->tcp.wanted) {
            is_open = add(fresh, running, &opening, tcp_address_of(prefix), open_tcp);
        }
        is_open = is_open && add_handed(fresh, running, &opening);
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
    free(listener->kept_name);
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
        if (!listeners->items[i].is_kept) {
            shut(&listeners->items[i]);
        }
    }
}

/* The path and its lock are free from now on, also for a listener that comes back soon. */
static void retire(struct listener *listener, void (*close_later)(void *arg, int fd), void *arg)
{
    if (listener->kept_name == NULL) {
        log_warning("listener %s: its socket unit lets clients in whom nobody serves any more",
                    listener->address);
    }
    shut(listener);
    close_later(arg, listener->fd);
    listener->fd = -1;
    listener_close(listener);
}

/* What goes on under another name, or not at all, is kept no more under the one it had. */
static void drop_name(const struct listener *listener, struct listener *successor)
{
    bool goes_on = successor != NULL && listener->kept_name != NULL &&
                   successor->kept_name != NULL &&
                   strcmp(successor->kept_name, listener->kept_name) == 0;
    if (listener->is_kept && listener->kept_name != NULL && !goes_on) {
        fd_store_drop(listener->kept_name);
        if (successor != NULL) {
            successor->is_kept = false;
        }
    }
}

static void keep(struct listener *listener)
{
    if (!listener->is_kept && listener->kept_name != NULL) {
        listener->is_kept = fd_store_keep(listener->kept_name, listener->fd);
    }
}

void listeners_commit(struct listeners *running, struct listeners *fresh,
                      void (*close_later)(void *arg, int fd), void *arg)
{
    for (size_t i = 0; i < running->count; i++) {
        struct listener *listener = &running->items[i];
        struct listener *successor = find(fresh, listener->address);
        drop_name(listener, successor);
        if (successor != NULL) {
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
        keep(&running->items[i]);
    }
}

/* -------------------------------------------------------------------------------------- inheriting
 */

/* Take what was kept at this address, which is taken. */
static bool inherit_kept(struct listeners *running, struct opening *opening, char *address,
                         const char *kind, const union listener_address *wanted)
{
    struct listener *listener = add_closed(running, opening->prefix->name, address, kind);
    opening->listener = listener;
    listener->fd = listener_take_kept(listener->kept_name, wanted);
    if (listener->fd < 0) {
        free_listener(listener);
        running->count--;
        return true;
    }
    listener->is_kept = true;
    if (wanted->any.sa_family == AF_UNIX) {
        listener->path = memory_text(address, strlen(address));
        listener->born_uid = geteuid();
        listener->born_gid = getegid();
        return take_lock(opening);
    }
    return true;
}

static bool inherit_handed(struct listeners *running, const struct opening *opening)
{
    union listener_address address;
    bool is_good;
    int fd;
    while ((is_good = listener_take_handed(opening->prefix, &fd, &address, opening->problems)) &&
           fd >= 0) {
        struct listener *listener =
            add_closed(running, opening->prefix->name, listener_show_address(&address), NULL);
        listener->fd = fd;
        listener->is_kept = true;
    }
    return is_good;
}

bool listeners_inherit(struct listeners *running, const struct settings *settings,
                       struct problems *problems)
{
    bool is_good = true;
    *running = (struct listeners){0};
    fd_store_open();
    running->items =
        memory_zeroed((sockets_max(settings) + fd_store_count()) * sizeof *running->items);
    for (size_t i = 0; i < settings->prefix_count + 1 && is_good; i++) {
        const struct prefix_settings *prefix = listening(settings, i);
        struct opening opening = {.settings = settings, .prefix = prefix, .problems = problems};
        char *path = unix_address_of(settings, prefix);
        union listener_address wanted = listener_unix_address(path);
        is_good = inherit_handed(running, &opening) &&
                  inherit_kept(running, &opening, path, "sock", &wanted);
        if (is_good && prefix->tcp.wanted) {
            wanted = tcp_address(&prefix->tcp);
            is_good = inherit_kept(running, &opening, tcp_address_of(prefix), "tcp", &wanted);
        }
    }
    listener_forget_left();
    return is_good;
}

/* ----------------------------------------------------------------------------------------- closing
 */

void listener_close(struct listener *listener)
{
    if (listener->fd >= 0) {
        if (listener->path != NULL && !listener->is_kept) {
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
