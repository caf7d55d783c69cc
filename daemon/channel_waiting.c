/* How clients best wait for their replies, found from how busy the worker is, and published in its
 * page. What counts is how many channels had requests in the last WINDOW_MS:
 *
 *   fewer than there are cores, and replies within SERVICE_MOST_NS: a client looks for its reply
 *     for about as long as one takes. Being woken from an idle core costs more than all the rest.
 *
 *   MANY and more: it lets others run once, and looks again. With so many, its turn comes when the
 *     reply is there.
 *
 *   anything else: it sleeps at once. Looking would keep those from running whom it waits for.
 *
 * Windows are as long as some ticks of the coarse clock, so that nothing is spent on time. How long
 * replies take is measured only while it decides something. */
#include "daemon/channel.h"

#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum {
    WINDOW_MS = 8,
    MANY = 32,
    SERVICE_FIRST_NS = 20000,
    SERVICE_MOST_NS = 150000,
    SPIN_LEAST_NS = 40000,
    SPIN_MOST_NS = 200000,
    AVERAGE_SHIFT = 5 /* a sample counts for 1/32 */
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

void waiting_init(struct waiting *waiting)
{
    cpu_set_t cores;
    *waiting = (struct waiting){.cores = 1, .service_ns = SERVICE_FIRST_NS, .window = 1};
    if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
        waiting->cores = CPU_COUNT(&cores);
    }
}

static bool is_quiet(const struct waiting *waiting)
{
    return waiting->busy < (unsigned)waiting->cores;
}

static void store(_Atomic uint32_t *to, uint32_t value)
{
    if (atomic_load_explicit(to, memory_order_relaxed) != value) { /* every client has the line */
        atomic_store_explicit(to, value, memory_order_relaxed);
    }
}

static void publish(const struct waiting *waiting, struct fr_page *page)
{
    int64_t spin_ns = 0;
    if (is_quiet(waiting) && waiting->service_ns <= SERVICE_MOST_NS) {
        spin_ns = waiting->service_ns * 3;
        spin_ns = spin_ns < SPIN_LEAST_NS ? SPIN_LEAST_NS : spin_ns;
        spin_ns = spin_ns > SPIN_MOST_NS ? SPIN_MOST_NS : spin_ns;
    }
    store(&page->spin_ns, (uint32_t)spin_ns);
    store(&page->yields, waiting->busy >= MANY);
}

/* A window without requests says nothing of the next. */
static void begin_window(struct channels *channels, uint64_t now_ms)
{
    struct waiting *waiting = &channels->waiting;
    bool is_next = now_ms - waiting->window_ms < 4 * WINDOW_MS;
    waiting->busy = is_next ? waiting->speakers : 0;
    waiting->speakers = 0;
    waiting->window++;
    waiting->window_ms = now_ms;
    publish(waiting, channels->page);
}

void waiting_note_requests(struct channel *channel, uint64_t now_ms)
{
    struct channels *channels = channel->channels;
    struct waiting *waiting = &channels->waiting;
    if (now_ms - waiting->window_ms >= WINDOW_MS) {
        begin_window(channels, now_ms);
    }
    if (channel->window != waiting->window) {
        channel->window = waiting->window;
        waiting->speakers++;
    }
    if (is_quiet(waiting) && channel->asked_ns == 0) {
        channel->asked_ns = now_ns();
    }
}

void waiting_note_replies(struct channel *channel)
{
    struct waiting *waiting = &channel->channels->waiting;
    if (channel->asked_ns != 0) {
        int64_t took_ns = now_ns() - channel->asked_ns;
        took_ns = took_ns > 10 * SERVICE_MOST_NS ? 10 * SERVICE_MOST_NS : took_ns;
        channel->asked_ns = 0;
        waiting->service_ns += (took_ns - waiting->service_ns) / (1 << AVERAGE_SHIFT);
    }
}
