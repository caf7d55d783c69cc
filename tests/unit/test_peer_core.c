/* On which core the process at the other end of a socket runs. */
#include "daemon/peer_core.h"

#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/cores.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static struct core_pair cores;

static void tcp_bytes_tell_where_they_came_from(void)
{
    if (cores_take_two(&cores)) {
        int from_first = cores_hear_from(cores.first);
        int from_second = cores_hear_from(cores.second);
        EXPECT_NUMBER(peer_core(from_first), cores.first);
        EXPECT_NUMBER(peer_core(from_second), cores.second);
    }
}

static pid_t children[2];

static void kill_child(void *child)
{
    pid_t *pid = child;
    if (*pid > 0) {
        kill(*pid, SIGKILL);
        waitpid(*pid, NULL, 0);
        *pid = 0;
    }
}

/* Listens on a socket, from this core, and tells when it does. */
static void serve(const struct sockaddr_un *address, int core, int ready)
{
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    cores_stay_on(core);
    if (bind(listener, (const struct sockaddr *)address, sizeof *address) == 0 &&
        listen(listener, 1) == 0 && write(ready, "x", 1) == 1) {
        for (;;) {
            pause();
        }
    }
    _exit(1);
}

/* A socket connected with a process that listens there. */
static int connect_to_server_on(int core, pid_t *child)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int ready[2];
    char byte;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", case_path("server-%d.sock", core));
    EXPECT(pipe(ready) == 0);
    *child = fork();
    if (*child == 0) {
        serve(&address, core, ready[1]);
    }
    EXPECT(*child > 0);
    case_defer(kill_child, child);
    close(ready[1]);
    EXPECT(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case_close(fd);
    EXPECT(connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

static void who_listens_on_a_unix_socket_is_found_by_its_process(void)
{
    if (cores_take_two(&cores)) {
        int first = connect_to_server_on(cores.first, &children[0]);
        int second = connect_to_server_on(cores.second, &children[1]);
        EXPECT_NUMBER(peer_core(first), cores.first);
        EXPECT_NUMBER(peer_core(second), cores.second);
    }
}

static void one_that_has_ended_runs_nowhere(void)
{
    if (cores_take_two(&cores)) {
        int fd = connect_to_server_on(cores.first, &children[0]);
        kill_child(&children[0]);
        EXPECT_NUMBER(peer_core(fd), -1);
    }
}

static void without_a_peer_there_is_no_core(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_NUMBER(peer_core(fd), -1);
    EXPECT_NUMBER(peer_core(-1), -1);
    close(fd);
}

/* From another address than its own: as one of another host. */
static void other_hosts_are_not_asked(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000002)};
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof peer;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case_close(listener);
    case_close(fd);
    EXPECT(bind(listener, (const struct sockaddr *)&peer, len) == 0 && listen(listener, 1) == 0);
    EXPECT(getsockname(listener, (struct sockaddr *)&peer, &len) == 0);
    EXPECT(bind(fd, (const struct sockaddr *)&own, sizeof own) == 0);
    EXPECT(connect(fd, (const struct sockaddr *)&peer, sizeof peer) == 0);
    EXPECT_NUMBER(peer_core(fd), -1);
}

static const struct test_case cases[] = {
    {"TCP bytes tell where they came from", tcp_bytes_tell_where_they_came_from},
    {"who listens on a Unix socket is found by its process",
     who_listens_on_a_unix_socket_is_found_by_its_process},
    {"one that has ended runs nowhere", one_that_has_ended_runs_nowhere},
    {"without a peer there is no core", without_a_peer_there_is_no_core},
    {"other hosts are not asked", other_hosts_are_not_asked},
};

SUITE_MAIN("peer_core", cases)
