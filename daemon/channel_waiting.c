/* How clients best wait for their replies, found from how busy the worker is, and published in its
 * page. What counts is how many channels had requests in the last WINDOW_MS:
 *
 *   fewer than MANY, and replies within SERVICE_MOST_NS: a client looks for its reply for about as
 *     long as one takes, and lets others run in between. Being woken costs more than that, and from
 *     an idle core more than all the rest; while somebody looks, the core is not idle.
 *
 *   MANY and more: it lets others run for some times. With so many, its turn comes when the reply
 *     is there.
 *
 *   anything else: it sleeps at once.
 *
 * Who lets others run is not in the way of those it waits for, as long as each of them has a core
 * to itself or one it shares with others that do the same. One that computes makes looking in vain,
 * and then it is left out (client/channel.c).
 *
 * Windows are as long as some ticks of the coarse clock, and replies are timed by the turn's, so
 * that little is spent on time. */
#include "daemon/channel.h"

#include <stdatomic.h>

enum {
    WINDOW_MS = 8,
    MANY = 32,
    YIELDS = 8, /* of each of many */
    SERVICE_FIRST_NS = 20000,
    SERVICE_MOST_NS = 150000,
    SPIN_LEAST_NS = 40000,
    SPIN_MOST_NS = 200000,
    AVERAGE_SHIFT = 5 /* a sample counts for 1/32 */
};

void waiting_init(struct waiting *waiting)
{
    *waiting = (struct waiting){.service_ns = SERVICE_FIRST_NS, .window = 1};
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
    if (waiting->busy < MANY && waiting->service_ns <= SERVICE_MOST_NS) {
        spin_ns = waiting->service_ns * 3;
        spin_ns = spin_ns < SPIN_LEAST_NS ? SPIN_LEAST_NS : spin_ns;
        spin_ns = spin_ns > SPIN_MOST_NS ? SPIN_MOST_NS : spin_ns;
    }
    store(&page->spin_ns, (uint32_t)spin_ns);
    store(&page->yields, waiting->busy >= MANY ? YIELDS : 0);
}

/* What follows for all from how many are busy. */
static void apply(struct channels *channels, unsigned busy)
{
    struct waiting *waiting = &channels->waiting;
    waiting->busy = busy;
    publish(waiting, channels->page);
    /* of many, all that share the core would run before it comes back; who sleeps is woken first */
    channels->poller.expects = busy > 1 && busy < MANY;
}

/* A window without requests says nothing of the next. */
static void begin_window(struct channels *channels, uint64_t now_ms)
{
    struct waiting *waiting = &channels->waiting;
    bool is_next = now_ms - waiting->window_ms < 4 * WINDOW_MS;
    unsigned busy = is_next ? waiting->speakers : 0;
    waiting->speakers = 0;
    waiting->window++;
    waiting->window_ms = now_ms;
    apply(channels, busy);
}

void waiting_note_silence(struct channels *channels)
{
    channels->waiting.speakers = 0;
    channels->waiting.window++;
    apply(channels, 0);
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
    if (channel->asked_us == 0) {
        channel->asked_us = loop_turn_us(channels->loop);
        waiting->asking++;
    }
}

void waiting_forget(struct channel *channel)
{
    if (channel->asked_us != 0) {
        channel->asked_us = 0;
        channel->channels->waiting.asking--;
    }
}

void waiting_note_replies(struct channel *channel)
{
    struct waiting *waiting = &channel->channels->waiting;
    if (channel->asked_us != 0) {
        int64_t took_ns =
            (int64_t)(loop_turn_us(channel->channels->loop) - channel->asked_us) * 1000;
        took_ns = took_ns > 10 * SERVICE_MOST_NS ? 10 * SERVICE_MOST_NS : took_ns;
        waiting->service_ns += (took_ns - waiting->service_ns) / (1 << AVERAGE_SHIFT);
        waiting_forget(channel);
    }
}

bool waiting_expects_more(const struct waiting *waiting)
{
    return waiting->busy > 1 && waiting->asking < waiting->busy;
}
