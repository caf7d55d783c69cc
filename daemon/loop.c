/* The event loop of a worker and the order of work in a turn. See loop.h. */
#include "daemon/loop.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <event2/dns.h>
#include <event2/event.h>

static struct evdns_base *make_resolver(struct event_base *base)
{
    struct evdns_base *dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (dns == NULL) { /* no resolv.conf: numeric addresses and the hosts file still work */
        dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        if (dns != NULL) {
            evdns_base_load_hosts(dns, "/etc/hosts");
        }
    }
    return dns;
}

/* Run the tasks queued so far, up to a marker behind them; what they queue in the same phase waits
 * for the next turn. One list throughout, so that a task may cancel any other. */
static void run_phase(struct loop *loop, enum loop_phase phase)
{
    struct loop_tasks *tasks = &loop->tasks[phase];
    struct loop_task *task;
    TAILQ_INSERT_TAIL(tasks, &loop->marker, next);
    while ((task = TAILQ_FIRST(tasks)) != &loop->marker) {
        TAILQ_REMOVE(tasks, task, next);
        task->is_queued = false;
        task->run(task);
    }
    TAILQ_REMOVE(tasks, &loop->marker, next);
}

static void expect_soon(struct loop *loop)
{
    static const struct timeval delay = {0, LOOP_SOON_MS * 1000};
    if (!evtimer_pending(&loop->soon, NULL)) {
        evtimer_add(&loop->soon, &delay);
    }
}

static void on_soon(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;
    (void)fd, (void)what;
    run_phase(loop, LOOP_SOON);
    if (loop_has(loop, LOOP_SOON)) {
        expect_soon(loop);
    }
}

bool loop_init(struct loop *loop)
{
    *loop = (struct loop){0};
    for (int phase = 0; phase < LOOP_LISTS; phase++) {
        TAILQ_INIT(&loop->tasks[phase]);
    }
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return false;
    }
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    loop->spinning.is_possible = sysconf(_SC_NPROCESSORS_ONLN) > 1;
    loop->scratch = malloc(LOOP_SCRATCH_CAP);
    loop->dns = loop->base == NULL ? NULL : make_resolver(loop->base);
    if (loop->base != NULL) {
        evtimer_assign(&loop->soon, loop->base, on_soon, loop);
    }
    if (loop->scratch == NULL || loop->dns == NULL) {
        loop_finish(loop);
        errno = ENOMEM;
        return false;
    }
    return true;
}

void loop_finish(struct loop *loop)
{
    if (loop->dns != NULL) {
        evdns_base_free(loop->dns, 0);
    }
    if (loop->base != NULL) {
        evtimer_del(&loop->soon);
        event_base_free(loop->base);
    }
    free(loop->scratch);
    *loop = (struct loop){0};
}

static bool has_tasks(const struct loop *loop)
{
    for (int phase = 0; phase < LOOP_PHASES; phase++) {
        if (loop_has(loop, (enum loop_phase)phase)) {
            return true;
        }
    }
    return false;
}

void loop_run_tasks(struct loop *loop)
{
    for (int phase = 0; phase < LOOP_PHASES; phase++) {
        if (phase == LOOP_SEND || phase == LOOP_ANSWER || phase == LOOP_SEND_LATE) {
            loop->turn_us = 0; /* what was read at the turn's beginning has waited until now */
        }
        run_phase(loop, (enum loop_phase)phase);
    }
}

static bool look(struct loop *loop)
{
    return loop->poller != NULL && loop->poller->look(loop->poller);
}

/* Run the callbacks of what has happened, waiting for it when there is nothing else to do. */
static void run_events(struct loop *loop, bool may_wait)
{
    struct loop_poller *poller = may_wait ? loop->poller : NULL;
    bool waits = may_wait && (poller == NULL || poller->prepare(poller));
    event_base_loop(loop->base, EVLOOP_ONCE | (waits ? 0 : EVLOOP_NONBLOCK));
    if (poller != NULL) {
        poller->resume(poller);
    }
}

/* -------------------------------------------------------------------------------------- giving way
 *
 * Who shares this core with us are mostly clients, which want to put requests, and servers, which
 * want to answer: what we have to do next. They sleep or give way themselves after some
 * microseconds. One that computes keeps the core for as long as the kernel lets it. So when it took
 * long to come back, the next times are left out, twice as many each time. */

#define GIVE_WAY_NS 1000000
#define GIVE_WAY_PENALTY_MOST 4096

bool loop_give_way(struct loop *loop)
{
    struct giving_way *giving_way = &loop->giving_way;
    if (giving_way->left_out > 0) {
        giving_way->left_out--;
        return false;
    }
    int64_t before_ns = loop_now_ns();
    sched_yield();
    if (loop_now_ns() - before_ns < GIVE_WAY_NS) {
        giving_way->penalty -= giving_way->penalty > 0;
        return true;
    }
    giving_way->penalty = giving_way->penalty < GIVE_WAY_PENALTY_MOST ? giving_way->penalty * 2 + 1
                                                                      : GIVE_WAY_PENALTY_MOST;
    giving_way->left_out = giving_way->penalty;
    return true;
}

/* ---------------------------------------------------------------------------------------- spinning
 *
 * A client that waits for each reply before it goes on is woken twice for a command, by us and for
 * us by the server. With a core to spare, the loop looks for the next event without sleeping for as
 * long as such a command takes. It does so while a single client speaks, or the poller expects
 * something, and a look that was in vain costs turns in which none is taken, twice as many each
 * time: so slow clients, or a machine whose cores are busy, soon end it. */

#define SPIN_NS 40000
#define SPIN_STREAK 8
#define SPIN_PENALTY_MOST 4096

void loop_note_speaker(struct loop *loop, const void *speaker)
{
    struct spinning *spinning = &loop->spinning;
    spinning->streak = spinning->speaker == speaker ? spinning->streak + 1 : 0;
    spinning->speaker = speaker;
}

int64_t loop_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static bool should_spin(struct loop *loop)
{
    struct spinning *spinning = &loop->spinning;
    bool expects = loop->poller != NULL && loop->poller->expects;
    if (!spinning->is_possible || (spinning->streak < SPIN_STREAK && !expects)) {
        return false;
    }
    if (spinning->left_out > 0) {
        spinning->left_out--;
        return false;
    }
    return true;
}

static bool finds_work(struct loop *loop)
{
    loop->turn_us = 0;
    run_events(loop, false);
    return look(loop) || has_tasks(loop) || loop->is_stopped;
}

/* Look for events until some have left work, or the time is over. */
static void spin(struct loop *loop)
{
    struct spinning *spinning = &loop->spinning;
    int64_t end_ns = loop_now_ns() + SPIN_NS;
    do {
        if (finds_work(loop)) {
            spinning->penalty /= 2;
            return;
        }
    } while (loop_now_ns() < end_ns && loop_give_way(loop));
    spinning->penalty =
        spinning->penalty < SPIN_PENALTY_MOST ? spinning->penalty * 2 + 1 : SPIN_PENALTY_MOST;
    spinning->left_out = spinning->penalty;
}

void loop_run(struct loop *loop)
{
    bool had_work = false;
    while (!loop->is_stopped) {
        loop->turn_us = 0;
        run_events(loop, !had_work && !has_tasks(loop));
        had_work = look(loop);
        loop_run_tasks(loop);
        if (should_spin(loop)) {
            spin(loop);
        }
    }
    loop->is_stopped = false;
}

void loop_read_clock(struct loop *loop)
{
    loop->turn_us = (uint64_t)loop_now_ns() / 1000;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}

void loop_task_init(struct loop_task *task, enum loop_phase phase,
                    void (*run)(struct loop_task *task))
{
    *task = (struct loop_task){.run = run, .phase = phase};
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (!task->is_queued) {
        task->is_queued = true;
        TAILQ_INSERT_TAIL(&loop->tasks[task->phase], task, next);
        if (task->phase == LOOP_SOON) {
            expect_soon(loop);
        }
    }
}

void loop_cancel(struct loop *loop, struct loop_task *task)
{
    if (task->is_queued) {
        task->is_queued = false;
        TAILQ_REMOVE(&loop->tasks[task->phase], task, next);
    }
}

uint64_t loop_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}
