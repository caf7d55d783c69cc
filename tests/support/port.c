/* Asked for a free port, the kernel gives one of those it also gives to outgoing connections: until
 * the server that is started next listens on it, a suite beside this one may have it as an end of a
 * connection. So ports are taken from below that range. Which test process has one is told by the
 * name of an abstract Unix socket, which goes with the process. */
#include "tests/support/port.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/suite.h"

enum {
    FIRST_PORT = 20000,
    PORTS = 10000, /* Linux gives 32768 and above to outgoing connections */
    STRIDE = 1009  /* prime to PORTS: all are visited, and neighbours begin far from each other */
};

static bool binds(int family, const void *address, socklen_t len, int *kept)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    if (bind(fd, address, len) != 0) {
        close(fd);
        return false;
    }
    *kept = fd;
    return true;
}

static bool is_reserved(uint16_t port)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int kept;
    int len =
        snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "flaskredis-test-port-%u", port);
    return binds(AF_UNIX, &name,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len), &kept);
}

static bool is_free(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int probe;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!binds(AF_INET, &address, sizeof address, &probe)) {
        return false;
    }
    close(probe);
    return true;
}

uint16_t free_tcp_port(void)
{
    static unsigned turn;
    for (unsigned tries = 0; tries < PORTS; tries++, turn++) {
        uint16_t port = (uint16_t)(FIRST_PORT + ((unsigned)getpid() + turn * STRIDE) % PORTS);
        if (is_reserved(port) && is_free(port)) {
            turn++;
            return port;
        }
    }
    FAIL("no free port from %d to %d", FIRST_PORT, FIRST_PORT + PORTS - 1);
}
