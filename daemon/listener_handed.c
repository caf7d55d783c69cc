/* Listening sockets that were open before the daemon was. Two kinds, told apart by their names:
 *
 *   "cache.sock", "cache.tcp"  what an earlier daemon had the service manager keep. The
 *                              configuration decides what becomes of it
 *   "cache"                    a socket unit's (FileDescriptorName=cache). The unit decides where
 * it listens, and who may
 *
 * See listener.h. */
#include "daemon/listener_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/fd_store.h"
#include "daemon/log.h"
#include "daemon/memory.h"

static void lower_name(const char *prefix, char name[KEPT_NAME_CAP])
{
    size_t at = 0;
    for (; at < KEPT_NAME_CAP - 1 && prefix[at] != '\0'; at++) {
        name[at] = (char)tolower((unsigned char)prefix[at]);
    }
    name[at] = '\0';
}

void listener_kept_name(const char *prefix, const char *kind, char name[KEPT_NAME_CAP])
{
    lower_name(prefix, name);
    size_t len = strlen(name);
    snprintf(name + len, KEPT_NAME_CAP - len, ".%s", kind);
}

/* -------------------------------------------------------------------------------------- addresses
 */

char *listener_show_address(const union listener_address *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    char text[sizeof address->un.sun_path + INET6_ADDRSTRLEN] = "an unknown address";
    switch (address->any.sa_family) {
    case AF_UNIX:
        snprintf(text, sizeof text, "%.*s", (int)sizeof address->un.sun_path, address->un.sun_path);
        break;
    case AF_INET:
        inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof host);
        snprintf(text, sizeof text, "tcp://%s:%u", host, ntohs(address->in.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof host);
        snprintf(text, sizeof text, "tcp://[%s]:%u", host, ntohs(address->in6.sin6_port));
        break;
    default:
        break;
    }
    return memory_text(text, strlen(text));
}

static bool is_same_address(const union listener_address *one, const union listener_address *other)
{
    if (one->any.sa_family != other->any.sa_family) {
        return false;
    }
    switch (one->any.sa_family) {
    case AF_UNIX:
        return strncmp(one->un.sun_path, other->un.sun_path, sizeof one->un.sun_path) == 0;
    case AF_INET:
        return one->in.sin_port == other->in.sin_port &&
               one->in.sin_addr.s_addr == other->in.sin_addr.s_addr;
    case AF_INET6:
        return one->in6.sin6_port == other->in6.sin6_port &&
               memcmp(&one->in6.sin6_addr, &other->in6.sin6_addr, sizeof one->in6.sin6_addr) == 0;
    default:
        return false;
    }
}

/* Where the descriptor listens. False: it is no listening stream socket. */
static bool find_address(int fd, union listener_address *address)
{
    int listens = 0;
    int type = 0;
    socklen_t len = sizeof listens;
    socklen_t type_len = sizeof type;
    socklen_t address_len = sizeof *address;
    *address = (union listener_address){0};
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) == 0 && listens != 0 &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM &&
           getsockname(fd, &address->any, &address_len) == 0;
}

static bool make_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* ------------------------------------------------------------------------------------------- kept
 */

/* Who made it listen. */
static pid_t listening_process(int fd)
{
    struct ucred who = {0};
    socklen_t len = sizeof who;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 ? who.pid : -1;
}

/* Whether clients that connect to the path come to this socket. The file may have been removed, or
 * be another's by now; only connecting tells, which is one client more that ends at once. One whose
 * queue is full is taken for ours. */
static bool leads_to(const char *path, int fd)
{
    union listener_address address = listener_unix_address(path);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_in = probe >= 0 && connect(probe, &address.any, sizeof address.un) == 0;
    bool is_it = is_in ? poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLIN) != 0 &&
                             listening_process(probe) == listening_process(fd)
                       : probe >= 0 && errno == EAGAIN;
    if (probe >= 0) {
        close(probe);
    }
    return is_it;
}

static bool is_wanted(int fd, const union listener_address *wanted)
{
    union listener_address address;
    return find_address(fd, &address) && is_same_address(&address, wanted) &&
           (wanted->any.sa_family != AF_UNIX || leads_to(wanted->un.sun_path, fd));
}

/* It is not listened to any more, here or in the store; a file that led to it goes. */
static void forget(const char *name, int fd)
{
    union listener_address address;
    struct stat status;
    bool has_address = find_address(fd, &address);
    char *shown = has_address ? listener_show_address(&address) : NULL;
    log_notice("listener %s: kept from before, and not wanted any more",
               shown == NULL ? name : shown);
    free(shown);
    bool is_at_path = has_address && address.any.sa_family == AF_UNIX &&
                      lstat(address.un.sun_path, &status) == 0 && S_ISSOCK(status.st_mode);
    shutdown(fd, SHUT_RDWR);
    if (is_at_path && !listener_is_alive(address.un.sun_path)) {
        unlink(address.un.sun_path);
    }
    fd_store_drop(name);
}

int listener_take_kept(const char *name, const union listener_address *wanted)
{
    int found = -1;
    for (int fd; (fd = fd_store_take(name)) >= 0;) {
        if (found < 0 && is_wanted(fd, wanted) && make_nonblocking(fd)) {
            found = fd;
        } else {
            forget(name, fd);
            close(fd);
        }
    }
    return found;
}

static void forget_left(const char *name, int fd)
{
    const char *dot = strrchr(name, '.');
    if (dot != NULL && (strcmp(dot, ".sock") == 0 || strcmp(dot, ".tcp") == 0)) {
        forget(name, fd);
    } else {
        log_warning(
            "a socket unit hands over \"%.64s\", which is no prefix (FileDescriptorName= is "
            "the prefix in lower case)",
            name);
    }
}

void listener_forget_left(void)
{
    fd_store_each_left(forget_left);
}

/* ----------------------------------------------------------------------------------- socket units
 */

static bool is_loopback(const union listener_address *address)
{
    const struct in6_addr *six = &address->in6.sin6_addr;
    return address->any.sa_family == AF_INET6
               ? IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127)
               : ntohl(address->in.sin_addr.s_addr) >> 24 == 127;
}

/* What is wrong with it, or NULL. */
static const char *problem(const struct prefix_settings *prefix, int fd,
                           union listener_address *address)
{
    if (!find_address(fd, address)) {
        return "is no listening stream socket (ListenStream=)";
    }
    if (address->any.sa_family != AF_UNIX && !is_loopback(address) && prefix->auth != AUTH_CHECK) {
        return "can be reached from other hosts, which needs \"auth\" = check";
    }
    return make_nonblocking(fd) ? NULL : "cannot be made non-blocking";
}

bool listener_take_handed(const struct prefix_settings *prefix, int *fd,
                          union listener_address *address, struct problems *problems)
{
    char name[KEPT_NAME_CAP];
    lower_name(prefix->name, name);
    *fd = fd_store_take(name);
    if (*fd < 0) {
        return true;
    }
    const char *wrong = problem(prefix, *fd, address);
    if (wrong != NULL) {
        problems_note(problems, "%s: the socket that its socket unit hands over %s", prefix->name,
                      wrong);
        close(*fd);
        *fd = -1;
    }
    return wrong == NULL;
}
