/* Cores of the machine and who runs on them. See cores.h. */
#include "tests/support/cores.h"

#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/suite.h"

static cpu_set_t before;

static void restore(void *unused)
{
    (void)unused;
    sched_setaffinity(0, sizeof before, &before);
}

static int next_core(int core)
{
    do {
        core++;
    } while (core < CPU_SETSIZE && !CPU_ISSET((size_t)core, &before));
    return core;
}

static void allow(int first, int second)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET((size_t)first, &cores);
    CPU_SET((size_t)second, &cores);
    EXPECT(sched_setaffinity(0, sizeof cores, &cores) == 0);
}

bool cores_take_two(struct core_pair *cores)
{
    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    if (CPU_COUNT(&before) < 2) {
        case_skip("one core");
        return false;
    }
    case_defer(restore, NULL);
    cores->first = next_core(-1);
    cores->second = next_core(cores->first);
    allow(cores->first, cores->second);
    return true;
}

void cores_stay_on(int core)
{
    allow(core, core);
}

void cores_go_to(const struct core_pair *cores, int core)
{
    cores_stay_on(core);
    allow(cores->first, cores->second);
}

static int keep(int fd)
{
    EXPECT(fd >= 0);
    case_close(fd);
    return fd;
}

/* Both ends of a connection. */
static void connect_pair(int ends[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT(bind(listener, (const struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0);
    EXPECT(getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    ends[0] = keep(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT(connect(ends[0], (const struct sockaddr *)&address, len) == 0);
    ends[1] = keep(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
}

int cores_hear_from(int core)
{
    int ends[2];
    char byte = 'x';
    cpu_set_t now;
    EXPECT(sched_getaffinity(0, sizeof now, &now) == 0);
    connect_pair(ends);
    cores_stay_on(core);
    EXPECT(write(ends[1], &byte, 1) == 1 && read(ends[0], &byte, 1) == 1);
    EXPECT(sched_setaffinity(0, sizeof now, &now) == 0);
    return ends[0];
}
