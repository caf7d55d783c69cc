/* On which core the process at the other end of a socket runs. See peer_core.h. */
#include "daemon/peer_core.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage storage;
};

/* Who speaks with an address of this host from the same address is on this host. */
static bool is_same_host(const union address *own, const union address *peer)
{
    if (own->any.sa_family != peer->any.sa_family) {
        return false;
    }
    return own->any.sa_family == AF_INET6
               ? memcmp(&own->v6.sin6_addr, &peer->v6.sin6_addr, sizeof own->v6.sin6_addr) == 0
               : own->v4.sin_addr.s_addr == peer->v4.sin_addr.s_addr;
}

static int core_of_bytes(int fd)
{
    int core = -1;
    socklen_t len = sizeof core;
    return getsockopt(fd, SOL_SOCKET, SO_INCOMING_CPU, &core, &len) == 0 ? core : -1;
}

/* The number of a field behind the name of the process, which may contain anything: proc(5). */
static int field_behind_name(const char *stat, int field)
{
    const char *at = strrchr(stat, ')');
    for (int i = 2; at != NULL && i < field; i++) {
        at = strchr(at + 1, ' ');
    }
    return at != NULL ? (int)strtol(at, NULL, 10) : -1;
}

static int core_of_process(pid_t process)
{
    enum {
        PROCESSOR = 39
    };
    char path[40], stat[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)process);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t len = read(fd, stat, sizeof stat - 1);
    close(fd);
    stat[len > 0 ? len : 0] = '\0';
    return field_behind_name(stat, PROCESSOR);
}

static int core_of_listener(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    bool is_known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0;
    return is_known ? core_of_process(peer.pid) : -1;
}

int peer_core(int fd)
{
    union address own = {0}, peer = {0};
    socklen_t own_len = sizeof own, peer_len = sizeof peer;
    if (getsockname(fd, &own.any, &own_len) != 0 || getpeername(fd, &peer.any, &peer_len) != 0) {
        return -1;
    }
    if (own.any.sa_family == AF_UNIX) {
        return core_of_listener(fd);
    }
    return is_same_host(&own, &peer) ? core_of_bytes(fd) : -1;
}
