/* What the service manager is told. See supervision.h. */
#include "daemon/supervision.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/notify.h"
#include "daemon/stats.h"

/* While nothing changes the status is looked at less and less often, as waking for it is all that
 * an idle main thread does. */
#define STATUS_WAIT_LEAST_MS 1000
#define STATUS_WAIT_MOST_MS 8000
/* Beyond "shutdown_ms": for what is done when all clients have gone. */
#define ENDING_SPARE_MS 5000
#define BARRIER_MS 1000

static struct timeval milliseconds(int64_t ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* ------------------------------------------------------------------------------------------ status
 */

static void write_status(const struct supervision *supervision, char *to, size_t cap)
{
    long long clients = (long long)atomic_load(&supervision->house->clients);
    uint64_t rate = supervision->rate;
    uint64_t upstreams = supervision->upstreams;
    if (supervision->is_ending) {
        snprintf(to, cap, "ending: %lld client%s left", clients, clients == 1 ? "" : "s");
        return;
    }
    snprintf(
        to, cap, "%lld client%s, %" PRIu64 " request%s/s, %" PRIu64 " connection%s to servers%s",
        clients, clients == 1 ? "" : "s", rate, rate == 1 ? "" : "s", upstreams,
        upstreams == 1 ? "" : "s",
        supervision->is_reload_refused ? "; the last reload was refused, the log says why" : "");
}

/* Note the status as of now. Returns whether it is another one. */
static bool renew_status(struct supervision *supervision)
{
    char status[sizeof supervision->status];
    write_status(supervision, status, sizeof status);
    if (strcmp(status, supervision->status) == 0) {
        return false;
    }
    memcpy(supervision->status, status, sizeof status);
    return true;
}

static void expect_status(struct supervision *supervision)
{
    struct timeval wait = milliseconds(supervision->status_wait_ms);
    event_add(&supervision->status_timer, &wait);
}

/* What the workers have done and have, added up. */
struct look {
    struct census census;
    struct supervision *supervision;
    uint64_t requests;
    uint64_t upstreams;
};

static void visit(struct census *census, struct worker *worker)
{
    struct look *look = (struct look *)census;
    const struct pool *pool;
    for (pool = worker->table.pools; pool != NULL; pool = pool->hh.next) {
        const struct stats *stats = &pool->context.stats;
        look->requests += stats_get(stats, STAT_requests_shared) +
                          stats_get(stats, STAT_requests_leased) +
                          stats_get(stats, STAT_requests_local);
        look->upstreams += pool->context.standing;
    }
}

static void note_rate(struct supervision *supervision, uint64_t requests)
{
    uint64_t now_ms = loop_now_ms();
    uint64_t passed_ms = now_ms - supervision->status_ms;
    /* a prefix that went took its count along */
    uint64_t count = requests > supervision->requests ? requests - supervision->requests : 0;
    supervision->rate = passed_ms == 0 ? 0 : (count * 1000 + passed_ms / 2) / passed_ms;
    supervision->status_ms = now_ms;
    supervision->requests = requests;
}

static void finish(struct census *census)
{
    struct look *look = (struct look *)census;
    struct supervision *supervision = look->supervision;
    note_rate(supervision, look->requests);
    supervision->upstreams = look->upstreams;
    free(look);
    if (supervision->is_over) {
        return;
    }
    if (renew_status(supervision)) {
        notify_say("STATUS=%s", supervision->status);
        supervision->status_wait_ms = STATUS_WAIT_LEAST_MS;
    } else if (supervision->status_wait_ms < STATUS_WAIT_MOST_MS) {
        supervision->status_wait_ms *= 2;
    }
    expect_status(supervision);
}

static void on_status_time(evutil_socket_t fd, short what, void *arg)
{
    struct supervision *supervision = arg;
    struct look *look = memory_zeroed(sizeof *look);
    (void)fd, (void)what;
    look->census.visit = visit;
    look->census.finish = finish;
    look->supervision = supervision;
    if (!census_start(&look->census, supervision->office)) {
        free(look);
        expect_status(supervision);
    }
}

/* ---------------------------------------------------------------------------------------- watchdog
 */

static void on_visit(struct mail *mail, void *receiver)
{
    struct watch *watch = container_of(mail, struct watch, mail);
    (void)receiver;
    if (++watch->next < watch->supervision->worker_count) {
        mailbox_post(watch->supervision->workers[watch->next].mailbox, &watch->mail);
        return;
    }
    notify_say("WATCHDOG=1");
    atomic_store(&watch->is_away, false); /* the last act: the letter may be sent again */
}

static void on_watch_time(evutil_socket_t fd, short what, void *arg)
{
    struct supervision *supervision = arg;
    struct watch *watch = &supervision->watch;
    (void)fd, (void)what;
    if (atomic_load(&watch->is_away)) {
        log_error("a worker has not answered for %" PRIu64 " ms: no sign of life for the watchdog",
                  loop_now_ms() - watch->since_ms);
        return;
    }
    watch->mail.run = on_visit;
    watch->next = 0;
    watch->since_ms = loop_now_ms();
    atomic_store(&watch->is_away, true);
    mailbox_post(supervision->workers[0].mailbox, &watch->mail);
}

static void start_watch(struct supervision *supervision)
{
    uint64_t limit_us = notify_watchdog_us();
    struct timeval interval = milliseconds((int64_t)(limit_us / 2 / 1000));
    if (limit_us == 0) {
        return;
    }
    supervision->watch.supervision = supervision;
    event_add(&supervision->watch_timer, &interval);
    on_watch_time(-1, 0, supervision);
}

/* ------------------------------------------------------------------------------------------- life
 */

void supervision_ready(struct supervision *supervision, struct event_base *base,
                       struct census_office *office, struct house *house)
{
    *supervision = (struct supervision){.office = office,
                                        .workers = office->workers,
                                        .worker_count = office->worker_count,
                                        .house = house,
                                        .status_wait_ms = STATUS_WAIT_LEAST_MS,
                                        .status_ms = loop_now_ms()};
    event_assign(&supervision->status_timer, base, -1, 0, on_status_time, supervision);
    event_assign(&supervision->watch_timer, base, -1, EV_PERSIST, on_watch_time, supervision);
    if (!notify_is_wanted()) {
        return;
    }
    renew_status(supervision);
    notify_say("READY=1\nSTATUS=%s", supervision->status);
    expect_status(supervision);
    start_watch(supervision);
}

/* The time tells the service manager which of its own requests this answers. */
void supervision_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    notify_say("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void supervision_reloaded(struct supervision *supervision, bool is_refused)
{
    supervision->is_reload_refused = is_refused;
    if (notify_is_wanted()) {
        renew_status(supervision);
        notify_say("READY=1\nSTATUS=%s", supervision->status);
    }
}

void supervision_ending(struct supervision *supervision, int64_t limit_ms)
{
    supervision->is_ending = true;
    if (!notify_is_wanted()) {
        return;
    }
    renew_status(supervision);
    notify_say("STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld\nSTATUS=%s",
               (long long)(limit_ms + ENDING_SPARE_MS) * 1000, supervision->status);
}

void supervision_finish(struct supervision *supervision)
{
    supervision->is_over = true;
    event_del(&supervision->status_timer);
    event_del(&supervision->watch_timer);
}

void supervision_wait_heard(void)
{
    notify_wait_read(BARRIER_MS);
}
