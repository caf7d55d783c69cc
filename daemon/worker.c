/* A worker's life: accepting, serving, draining. See worker.h. */
#include "daemon/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/session.h"

/* Connections accepted from one listener before others get their turn. */
#define ACCEPTS_PER_TURN 64
/* How long to wait when there are no descriptors left. */
#define PAUSE_MS 100
#define DRAIN_CHECK_MS 10

/* A listener as one worker sees it. */
struct entrance {
    struct worker *worker;
    struct pool *pool;
    const char *address;
    struct event event;
};

/* --------------------------------------------------------------------------------------- accepting
 */

static void set_accepting(struct worker *worker, bool is_wanted)
{
    for (size_t i = 0; i < worker->entrance_count; i++) {
        if (is_wanted) {
            event_add(&worker->entrances[i].event, NULL);
        } else {
            event_del(&worker->entrances[i].event);
        }
    }
}

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    (void)fd, (void)what;
    if (!worker->is_draining) {
        set_accepting(worker, true);
    }
}

/* Out of descriptors or memory: the clients that wait are not lost, they wait in the backlog. */
static void pause_accepting(struct entrance *entrance)
{
    struct timeval after = {.tv_usec = PAUSE_MS * 1000};
    log_warning("listener %s: cannot accept a client: %s; trying again in %d ms", entrance->address,
                strerror(errno), PAUSE_MS);
    set_accepting(entrance->worker, false);
    event_add(&entrance->worker->pause, &after);
}

enum accepted {
    ACCEPTED,
    NOBODY_WAITS,
    CANNOT_ACCEPT
};

static enum accepted accept_one(struct entrance *entrance, int fd)
{
    int client;
    do {
        client = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (client < 0 && (errno == ECONNABORTED || errno == EINTR));
    if (client >= 0) {
        session_create(entrance->pool, client);
        return ACCEPTED;
    }
    /* EINVAL: it lets nobody in any more, and all who had come are in */
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINVAL ? NOBODY_WAITS
                                                                      : CANNOT_ACCEPT;
}

static void on_client(evutil_socket_t fd, short what, void *arg)
{
    struct entrance *entrance = arg;
    enum accepted accepted = ACCEPTED;
    (void)what;
    for (int i = 0; i < ACCEPTS_PER_TURN && accepted == ACCEPTED; i++) {
        accepted = accept_one(entrance, fd);
    }
    if (accepted == CANNOT_ACCEPT) {
        pause_accepting(entrance);
    }
}

/* Who connected to a listener that goes may have sent something already. As many as the queue of
 * one can hold: TCP goes on letting people in. */
static void accept_the_rest(struct worker *worker)
{
    for (size_t i = 0; i < worker->entrance_count; i++) {
        struct entrance *entrance = &worker->entrances[i];
        int fd = event_get_fd(&entrance->event);
        for (int left = LISTENER_BACKLOG; left > 0; left--) {
            if (accept_one(entrance, fd) != ACCEPTED) {
                break;
            }
        }
    }
}

static void make_entrances(struct worker *worker, const struct listeners *listeners)
{
    worker->entrances = memory_zeroed(listeners->count * sizeof *worker->entrances);
    worker->entrance_count = listeners->count;
    for (size_t i = 0; i < listeners->count; i++) {
        const struct listener *listener = &listeners->items[i];
        struct entrance *entrance = &worker->entrances[i];
        entrance->worker = worker;
        entrance->pool = &worker->pools[listener->prefix];
        entrance->address = listener->address;
        event_assign(&entrance->event, worker->loop.base, listener->fd, EV_READ | EV_PERSIST,
                     on_client, entrance);
        event_add(&entrance->event, NULL);
    }
}

/* ---------------------------------------------------------------------------------------- draining
 */

static void close_sessions(struct worker *worker)
{
    for (size_t i = 0; i < worker->pool_count; i++) {
        struct session *session;
        while ((session = TAILQ_FIRST(&worker->pools[i].sessions)) != NULL) {
            session_close(session, "the daemon ends");
        }
    }
}

static void on_drain_check(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    (void)fd, (void)what;
    struct house *house = worker->pools[0].prefix->house;
    /* not before all have none left, nor can get any: letters between workers must still go round
     */
    if (atomic_load(&house->draining) == house->worker_count && atomic_load(&house->clients) == 0) {
        event_del(&worker->drain_check);
        loop_stop(&worker->loop);
    }
}

/* A message to a worker. */
struct order {
    struct mail mail;
    struct worker *worker;
};

static void drain(struct mail *mail, void *receiver)
{
    struct worker *worker = ((struct order *)mail)->worker;
    struct timeval interval = {.tv_usec = DRAIN_CHECK_MS * 1000};
    (void)receiver;
    free(mail);
    worker->is_draining = true;
    set_accepting(worker, false);
    accept_the_rest(worker);
    for (size_t i = 0; i < worker->pool_count; i++) {
        sessions_retire(&worker->pools[i]);
    }
    atomic_fetch_add(&worker->pools[0].prefix->house->draining, 1);
    event_add(&worker->drain_check, &interval);
}

static void end(struct mail *mail, void *receiver)
{
    struct worker *worker = ((struct order *)mail)->worker;
    (void)receiver;
    free(mail);
    loop_stop(&worker->loop);
}

static void give_order(struct worker *worker, void (*run)(struct mail *mail, void *receiver))
{
    struct order *order = memory_zeroed(sizeof *order);
    order->mail.run = run;
    order->worker = worker;
    mailbox_post(worker->mailbox, &order->mail);
}

void worker_drain(struct worker *worker)
{
    give_order(worker, drain);
}

void worker_end(struct worker *worker)
{
    give_order(worker, end);
}

/* ---------------------------------------------------------------------------------------- settings
 */

/* Goes from worker to worker. */
struct change {
    struct mail mail;
    struct worker *workers;
    int count;
    int next;
    const struct settings *settings;
    void (*on_done)(void *arg);
    void *arg;
};

static void on_change(struct mail *mail, void *receiver)
{
    struct change *change = (struct change *)mail;
    struct pool *pools = receiver;
    for (size_t i = 0; i < change->settings->prefix_count; i++) {
        const char *name = pools[i].context.settings->name;
        pool_use_settings(&pools[i], settings_prefix(change->settings, name));
    }
    if (++change->next < change->count) {
        mailbox_post(change->workers[change->next].mailbox, &change->mail);
        return;
    }
    change->on_done(change->arg);
    free(change);
}

void workers_use_settings(struct worker *workers, int count, const struct settings *settings,
                          void (*on_done)(void *arg), void *arg)
{
    struct change *change = memory_zeroed(sizeof *change);
    *change = (struct change){.mail.run = on_change,
                              .workers = workers,
                              .count = count,
                              .settings = settings,
                              .on_done = on_done,
                              .arg = arg};
    mailbox_post(workers[0].mailbox, &change->mail);
}

/* -------------------------------------------------------------------------------------- life,
 * thread */

bool worker_init(struct worker *worker, int number, struct house *house, struct prefix *prefixes,
                 const struct settings *settings, const struct listeners *listeners)
{
    *worker = (struct worker){.number = number, .mailbox = &house->mailboxes[number]};
    if (!loop_init(&worker->loop)) {
        return false;
    }
    worker->pool_count = settings->prefix_count;
    worker->pools = memory_zeroed(worker->pool_count * sizeof *worker->pools);
    if (!mailbox_init(worker->mailbox, worker->pools)) {
        free(worker->pools);
        loop_finish(&worker->loop);
        return false;
    }
    for (size_t i = 0; i < worker->pool_count; i++) {
        pool_init(&worker->pools[i], &worker->loop, &prefixes[i], number, &settings->prefixes[i],
                  sessions_check_limits);
    }
    event_assign(&worker->pause, worker->loop.base, -1, 0, on_pause_over, worker);
    event_assign(&worker->drain_check, worker->loop.base, -1, EV_PERSIST, on_drain_check, worker);
    make_entrances(worker, listeners);
    mailbox_open(worker->mailbox, &worker->loop);
    return true;
}

static void *run(void *arg)
{
    struct worker *worker = arg;
    char name[16]; /* as top -H shows it */
    snprintf(name, sizeof name, "worker %d", worker->number);
    pthread_setname_np(pthread_self(), name);
    loop_run(&worker->loop);
    close_sessions(worker);
    worker->on_end(worker);
    return NULL;
}

bool worker_start(struct worker *worker)
{
    int error = pthread_create(&worker->thread, NULL, run, worker);
    errno = error;
    return error == 0;
}

void worker_finish(struct worker *worker)
{
    set_accepting(worker, false);
    event_del(&worker->pause);
    event_del(&worker->drain_check);
    mailbox_close(worker->mailbox);
    for (size_t i = 0; i < worker->pool_count; i++) {
        pool_finish(&worker->pools[i]);
    }
    loop_run_tasks(&worker->loop);
    loop_finish(&worker->loop);
    mailbox_finish(worker->mailbox);
    free(worker->entrances);
    free(worker->pools);
}
