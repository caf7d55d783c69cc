/* A worker's life: accepting, serving, draining. See worker.h. */
#include "daemon/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/container.h"
#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/pause.h"
#include "daemon/session.h"

/* Connections accepted from one listener before others get their turn. */
#define ACCEPTS_PER_TURN 64
/* How long to wait when there are no descriptors left. */
#define PAUSE_MS 100
#define DRAIN_CHECK_MS 10

/* A socket that accepts, as one worker sees it. */
struct entrance {
    LIST_ENTRY(entrance) link;
    struct worker *worker;
    struct pool *pool;
    char *address;
    bool is_kept; /* who comes to it while we end is served by the daemon that follows */
    struct event event;
};

/* --------------------------------------------------------------------------------------- accepting
 */

static void set_accepting(struct worker *worker, bool is_wanted)
{
    struct entrance *entrance;
    LIST_FOREACH(entrance, &worker->entrances, link)
    {
        if (is_wanted) {
            event_add(&entrance->event, NULL);
        } else {
            event_del(&entrance->event);
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
static void accept_the_rest(struct entrance *entrance)
{
    int fd = event_get_fd(&entrance->event);
    for (int left = LISTENER_BACKLOG; left > 0; left--) {
        if (accept_one(entrance, fd) != ACCEPTED) {
            break;
        }
    }
}

static void open_entrance(struct worker *worker, int fd, const char *address)
{
    struct entrance *entrance = memory_zeroed(sizeof *entrance);
    entrance->worker = worker;
    entrance->address = memory_text(address, strlen(address));
    event_assign(&entrance->event, worker->loop.base, fd, EV_READ | EV_PERSIST, on_client,
                 entrance);
    if (!worker->is_draining) {
        event_add(&entrance->event, NULL);
    }
    LIST_INSERT_HEAD(&worker->entrances, entrance, link);
}

static void close_entrance(struct entrance *entrance)
{
    LIST_REMOVE(entrance, link);
    event_del(&entrance->event);
    free(entrance->address);
    free(entrance);
}

/* ---------------------------------------------------------------------------------------- draining
 */

static void close_sessions(struct worker *worker)
{
    struct pool *pool;
    struct pool *next;
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        struct session *session;
        while ((session = TAILQ_FIRST(&pool->sessions)) != NULL) {
            session_close(session, "the daemon ends");
        }
    }
}

static void on_drain_check(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    (void)fd, (void)what;
    struct house *house = worker->table.house;
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
    struct entrance *entrance;
    LIST_FOREACH(entrance, &worker->entrances, link)
    {
        if (!entrance->is_kept) {
            accept_the_rest(entrance);
        }
    }
    struct pool *pool;
    struct pool *next;
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        sessions_retire(pool);
    }
    atomic_fetch_add(&worker->table.house->draining, 1);
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

/* ------------------------------------------------------------------------------------------ layout
 */

/* To who counts, it is the same prefix. */
static void bequeath(const struct pool *pool, struct pool *successor)
{
    stats_merge(&successor->context.stats, &pool->context.stats);
    for (int row = 0; row < WAIT_COUNT; row++) {
        histogram_add(&successor->context.waits.histograms[row],
                      &pool->context.waits.histograms[row]);
    }
    slowlog_merge(&successor->context.slowlog, &pool->context.slowlog);
}

/* Once a second. */
static void on_pool_tick(struct pool *pool)
{
    struct worker *worker = container_of(pool->context.loop, struct worker, loop);
    sessions_check_limits(pool);
    pause_check(pool);
    if (pool->is_leaving && sessions_have_left(pool)) {
        if (pool->successor != NULL) {
            bequeath(pool, pool->successor);
        }
        pool_destroy(&worker->table, pool);
    }
}

static void take_pool(struct worker *worker, const struct layout_pool *wanted)
{
    struct pool *pool = pool_table_find(&worker->table, wanted->prefix->serial);
    if (pool == NULL) {
        pool = pool_create(&worker->table, &worker->loop, wanted->prefix, worker->number,
                           wanted->settings, on_pool_tick);
    } else if (pool->context.settings != wanted->settings) {
        sessions_use_settings(pool, wanted->settings);
    }
    pool->layout = worker->layouts;
}

/* Leave the pool in whose place another one is now. */
static void replace_pool(struct worker *worker, const struct layout_pool *wanted, int64_t leave_ms)
{
    struct pool *replaced =
        wanted->replaces == NULL ? NULL : pool_table_find(&worker->table, wanted->replaces->serial);
    if (replaced != NULL && !replaced->is_leaving) {
        sessions_leave(&worker->table, replaced,
                       pool_table_find(&worker->table, wanted->prefix->serial), leave_ms);
    }
}

/* Leave what the layout does not have. */
static void leave_pools(struct worker *worker, const struct layout *layout)
{
    struct pool *pool;
    struct pool *next;
    for (size_t i = 0; i < layout->pool_count; i++) {
        replace_pool(worker, &layout->pools[i], layout->leave_ms);
    }
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        if (!pool->is_leaving && pool->layout != worker->layouts) {
            sessions_leave(&worker->table, pool, NULL, layout->leave_ms);
        }
    }
}

static const struct layout_door *find_door(const struct layout *layout, int fd)
{
    for (size_t i = 0; i < layout->door_count; i++) {
        if (layout->doors[i].fd == fd) {
            return &layout->doors[i];
        }
    }
    return NULL;
}

static struct entrance *find_entrance(const struct worker *worker, int fd)
{
    struct entrance *entrance;
    LIST_FOREACH(entrance, &worker->entrances, link)
    {
        if (event_get_fd(&entrance->event) == fd) {
            return entrance;
        }
    }
    return NULL;
}

static void take_doors(struct worker *worker, const struct layout *layout)
{
    struct entrance *entrance;
    struct entrance *next;
    for (entrance = LIST_FIRST(&worker->entrances); entrance != NULL; entrance = next) {
        next = LIST_NEXT(entrance, link);
        if (find_door(layout, event_get_fd(&entrance->event)) == NULL) {
            accept_the_rest(entrance); /* its pool is left next, and they with it */
            close_entrance(entrance);
        }
    }
    for (size_t i = 0; i < layout->door_count; i++) {
        const struct layout_door *door = &layout->doors[i];
        if (find_entrance(worker, door->fd) == NULL) {
            open_entrance(worker, door->fd, door->address);
        }
        entrance = find_entrance(worker, door->fd);
        entrance->pool = pool_table_find(&worker->table, door->prefix->serial);
        entrance->is_kept = door->is_kept;
    }
}

/* A layout on its way to a worker. */
struct delivery {
    struct mail mail;
    struct worker *worker;
    struct layout *layout;
};

/* New pools first: the others' clients may go there. */
static void take(struct mail *mail, void *receiver)
{
    struct delivery *delivery = (struct delivery *)mail;
    struct worker *worker = delivery->worker;
    const struct layout *layout = delivery->layout;
    (void)receiver;
    worker->layouts++;
    for (size_t i = 0; i < layout->pool_count; i++) {
        take_pool(worker, &layout->pools[i]);
    }
    take_doors(worker, layout);
    leave_pools(worker, layout);
    layout_release(delivery->layout);
    free(delivery);
}

void worker_serve(struct worker *worker, struct layout *layout)
{
    struct delivery *delivery = memory_alloc(sizeof *delivery);
    *delivery =
        (struct delivery){.mail.run = take, .worker = worker, .layout = layout_hold(layout)};
    mailbox_post(worker->mailbox, &delivery->mail);
}

/* ------------------------------------------------------------------------------------ life, thread
 */

bool worker_init(struct worker *worker, int number, struct house *house)
{
    *worker = (struct worker){
        .number = number, .mailbox = &house->mailboxes[number], .table.house = house};
    LIST_INIT(&worker->entrances);
    if (!loop_init(&worker->loop)) {
        return false;
    }
    if (!mailbox_init(worker->mailbox, &worker->table)) {
        loop_finish(&worker->loop);
        return false;
    }
    worker->loop.mailbox = worker->mailbox;
    channels_init(&worker->channels, &worker->loop);
    if (worker->channels.page == NULL) {
        log_notice("worker %d: no shared memory for clients: %s", number, strerror(errno));
    }
    event_assign(&worker->pause, worker->loop.base, -1, 0, on_pause_over, worker);
    event_assign(&worker->drain_check, worker->loop.base, -1, EV_PERSIST, on_drain_check, worker);
    mailbox_open(worker->mailbox, worker->loop.base);
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
    struct entrance *entrance;
    struct entrance *next_entrance;
    struct pool *pool;
    struct pool *next;
    for (entrance = LIST_FIRST(&worker->entrances); entrance != NULL; entrance = next_entrance) {
        next_entrance = LIST_NEXT(entrance, link);
        close_entrance(entrance);
    }
    event_del(&worker->pause);
    event_del(&worker->drain_check);
    mailbox_close(worker->mailbox);
    loop_run_tasks(&worker->loop); /* sessions that ended last */
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        pool_destroy(&worker->table, pool);
    }
    loop_run_tasks(&worker->loop);
    channels_finish(&worker->channels);
    loop_finish(&worker->loop);
    mailbox_finish(worker->mailbox);
}
