/* Beside whom a worker runs. See placement.h. */
#include "daemon/placement.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "daemon/peer_core.h"

#define PAUSE_LEAST_US 3000
#define PAUSE_MOST_US 100000

static atomic_uint policy; /* enum beside_server_policy */
static atomic_int worker_count = 1;

void placement_set_policy(enum beside_server_policy new_policy, int workers)
{
    atomic_store(&policy, new_policy);
    atomic_store(&worker_count, workers);
}

static bool is_wanted(const cpu_set_t *cores)
{
    int count = CPU_COUNT(cores);
    switch ((enum beside_server_policy)atomic_load_explicit(&policy, memory_order_relaxed)) {
    case BESIDE_SERVER_AUTO:
        return count == 2 && atomic_load_explicit(&worker_count, memory_order_relaxed) == 1;
    case BESIDE_SERVER_YES:
        return count > 1;
    default:
        return false;
    }
}

/* Whether the thread is free to go everywhere, these cores being all that the system allows now: it
 * has no more of them when it asks for all by name, as it has done then. */
static bool is_free(const cpu_set_t *all, const cpu_set_t *cores)
{
    cpu_set_t now;
    return sched_setaffinity(0, sizeof *all, all) == 0 &&
           sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, cores);
}

/* Go there, and be free to go elsewhere. Who was free to go everywhere stays so, also where cores
 * come and the container is given more. Who was held back on some of the cores by his own choice is
 * so again. Which of them it is has to be found first: on a busy core it takes a while to be there,
 * and a container that grows meanwhile would look like such a choice. */
static bool move(int core, const cpu_set_t *cores)
{
    cpu_set_t all, there;
    memset(&all, 0xff, sizeof all);
    const cpu_set_t *then = is_free(&all, cores) ? &all : cores;
    CPU_ZERO(&there);
    CPU_SET((size_t)core, &there);
    bool is_there = sched_setaffinity(0, sizeof there, &there) == 0;
    bool is_back = sched_setaffinity(0, sizeof *then, then) == 0 ||
                   sched_setaffinity(0, sizeof all, &all) == 0; /* all of them have been taken */
    return is_there && is_back;
}

/* The core to be on, which is one of these; -1: any. */
static int wanted_core(int fd, const cpu_set_t *cores)
{
    int core = is_wanted(cores) ? peer_core(fd) : -1;
    return core >= 0 && core < CPU_SETSIZE && CPU_ISSET((size_t)core, cores) ? core : -1;
}

static void look(struct placement *placement)
{
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) {
        CPU_ZERO(&cores);
    }
    int core = wanted_core(placement->server, &cores);
    bool was_beside = core == sched_getcpu();
    placement->is_beside = core >= 0 && (was_beside || move(core, &cores));
    placement->pause_us = was_beside ? placement->pause_us / 2 : placement->pause_us * 2;
}

static uint64_t within(uint64_t least, uint64_t value, uint64_t most)
{
    return value < least ? least : value > most ? most : value;
}

void placement_note_server(struct placement *placement, int fd, uint64_t now_us)
{
    if (fd >= 0 && now_us >= placement->next_us) {
        placement->server = fd;
        look(placement);
        placement->pause_us = within(PAUSE_LEAST_US, placement->pause_us, PAUSE_MOST_US);
        placement->next_us = now_us + placement->pause_us;
    }
}
