/* Beside whom a worker runs. See placement.h. */
#include "daemon/placement.h"

#include <sched.h>
#include <string.h>

enum {
    SLOW_NS = 10000,
    MOST_NS = 100000, /* what took longer was interrupted */
    WRITES = 64,      /* to be judged by */
    AVERAGE_SHIFT = 5 /* a sample counts for 1/32 */
};

#define PAUSE_LEAST_NS INT64_C(10000000)
#define PAUSE_MOST_NS INT64_C(10000000000)

static unsigned next_core(const cpu_set_t *cores)
{
    unsigned core = (unsigned)sched_getcpu();
    do {
        core = (core + 1) % CPU_SETSIZE;
    } while (!CPU_ISSET(core, cores));
    return core;
}

/* Whoever was free to go everywhere stays so, also where cores come and the container is given
 * more: what is asked for by name then counts, and no more than the system allows now is taken of
 * it. Who was held back on some of the cores by his own choice is so again. */
static bool set_free(const cpu_set_t *cores)
{
    cpu_set_t all, now;
    memset(&all, 0xff, sizeof all);
    bool is_free = sched_setaffinity(0, sizeof all, &all) == 0;
    bool is_same = is_free && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, cores);
    return is_same || sched_setaffinity(0, sizeof *cores, cores) == 0 || is_free;
}

/* Go there, and be free to go elsewhere. */
static bool move(void)
{
    cpu_set_t cores, next;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) < 2) {
        return false;
    }
    CPU_ZERO(&next);
    CPU_SET(next_core(&cores), &next);
    return sched_setaffinity(0, sizeof next, &next) == 0 && set_free(&cores);
}

void placement_note_write(struct placement *placement, int64_t took_ns, int64_t now_ns)
{
    took_ns = took_ns < MOST_NS ? took_ns : MOST_NS;
    placement->write_ns += (took_ns - placement->write_ns) / (1 << AVERAGE_SHIFT);
    if (placement->is_fixed || ++placement->writes < WRITES) {
        return;
    }
    if (placement->write_ns < SLOW_NS) {
        placement->pause_ns = 0;
    } else if (now_ns >= placement->next_ns) {
        int64_t pause_ns = placement->pause_ns * 2;
        pause_ns = pause_ns < PAUSE_MOST_NS ? pause_ns : PAUSE_MOST_NS;
        placement->pause_ns = pause_ns < PAUSE_LEAST_NS ? PAUSE_LEAST_NS : pause_ns;
        placement->next_ns = now_ns + placement->pause_ns;
        placement->writes = 0;
        placement->is_fixed = !move();
    }
}
