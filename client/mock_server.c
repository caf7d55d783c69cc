/* Servers in memory.
 *
 *   thread --run--> link --+                  +--on_output--> link --changed--> a thread that waits
 *   thread --run--> link --+--[lock]--> engine
 *   test -----order--------+                  +--on_output--> link --timer----> a poll loop
 *
 * A thread whose command blocks waits on the condition of its link, without the lock, and looks at
 * the engine's clock itself: nobody else does.
 *
 * An engine that finds no memory is ruined. It is thrown away with its data, as a server that was
 * killed; its links are lost, and the next command finds a new one. */
#include "client/mock_server.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "client/blocking.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/reply.h"

enum {
    FEW_WORDS = 32
};

struct fr_mock_link {
    LIST_ENTRY(fr_mock_link) entry;
    FlaskRedisMock *server;
    struct fr_mock_session *session; /* NULL: lost */
    pthread_cond_t changed;
    int timeout_ms;
    int timer_fd; /* -1: nobody asked for one */
    bool is_waiting;
    bool is_parents; /* made by the parent of this process */
};

struct FlaskRedisMock {
    LIST_ENTRY(FlaskRedisMock) entry;
    char *name;       /* NULL: it has none */
    unsigned holders; /* under the lock of all */
    pthread_mutex_t lock;
    struct fr_mock *engine; /* NULL: it was ruined, and no new one is there yet */
    LIST_HEAD(, fr_mock_link) links;
};

/* Order of locks: this one, then those of servers. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, FlaskRedisMock) all = LIST_HEAD_INITIALIZER(all);

/* --- servers ---------------------------------------------------------------------------------- */

static FlaskRedisMock *make_server(const char *name)
{
    FlaskRedisMock *server = calloc(1, sizeof(*server));
    if (server == NULL) {
        return NULL;
    }
    server->holders = 1;
    LIST_INIT(&server->links);
    server->engine = fr_mock_create(NULL);
    server->name = name != NULL ? strdup(name) : NULL;
    if (server->engine == NULL || (name != NULL && server->name == NULL) ||
        pthread_mutex_init(&server->lock, NULL) != 0) {
        fr_mock_destroy(server->engine);
        free(server->name);
        free(server);
        return NULL;
    }
    LIST_INSERT_HEAD(&all, server, entry);
    return server;
}

static FlaskRedisMock *find_server(const char *name)
{
    FlaskRedisMock *server;
    LIST_FOREACH(server, &all, entry)
    {
        if (name != NULL && server->name != NULL && strcmp(server->name, name) == 0) {
            server->holders++;
            return server;
        }
    }
    return NULL;
}

FlaskRedisStatus fr_mock_server_get(const char *name, FlaskRedisMock **server)
{
    pthread_mutex_lock(&all_lock);
    *server = find_server(name);
    if (*server == NULL) {
        *server = make_server(name);
    }
    pthread_mutex_unlock(&all_lock);
    return *server != NULL ? FLASK_REDIS_OK : fr_fail_memory();
}

void fr_mock_server_hold(FlaskRedisMock *server)
{
    pthread_mutex_lock(&all_lock);
    server->holders++;
    pthread_mutex_unlock(&all_lock);
}

void fr_mock_server_release(FlaskRedisMock *server)
{
    if (server == NULL) {
        return;
    }
    pthread_mutex_lock(&all_lock);
    bool is_last = --server->holders == 0;
    if (is_last) {
        LIST_REMOVE(server, entry);
    }
    pthread_mutex_unlock(&all_lock);
    if (is_last) {
        fr_mock_destroy(server->engine);
        pthread_mutex_destroy(&server->lock);
        free(server->name);
        free(server);
    }
}

/* --- the engine, with the lock held ----------------------------------------------------------- */

static void ring(const struct fr_mock_link *link, int64_t in_us)
{
    /* zero would disarm it */
    int64_t ns = in_us > 0 ? in_us * 1000 : 1;
    struct itimerspec when = {.it_value = {ns / 1000000000, ns % 1000000000}};
    timerfd_settime(link->timer_fd, 0, &when, NULL);
}

/* Called by the engine, which must not be called here. */
static void on_output(void *arg)
{
    struct fr_mock_link *link = arg;
    if (link->is_waiting) {
        pthread_cond_signal(&link->changed);
    }
    if (link->timer_fd >= 0) {
        ring(link, 0);
    }
}

static FlaskRedisStatus ruined(FlaskRedisMock *server)
{
    struct fr_mock_link *link;
    fr_mock_destroy(server->engine);
    server->engine = NULL;
    LIST_FOREACH(link, &server->links, entry)
    {
        link->session = NULL;
        on_output(link);
    }
    return flask_redis_fail(FLASK_REDIS_NO_MEMORY, false,
                            "out of memory: the mock engine has lost its data");
}

/* Something to be done with the engine, as fr_mock_guard takes it. */
struct work {
    struct fr_mock *engine;
    void (*order)(struct fr_mock *engine, void *arg);
    void *arg;
};

static void do_work(void *arg)
{
    const struct work *work = arg;
    work->order(work->engine, work->arg);
}

static FlaskRedisStatus guarded(FlaskRedisMock *server, void (*order)(struct fr_mock *, void *),
                                void *arg)
{
    if (server->engine == NULL && (server->engine = fr_mock_create(NULL)) == NULL) {
        return fr_fail_memory();
    }
    struct work work = {server->engine, order, arg};
    return fr_mock_guard(server->engine, do_work, &work) ? FLASK_REDIS_OK : ruined(server);
}

FlaskRedisStatus fr_mock_server_do(FlaskRedisMock *server, void (*order)(struct fr_mock *, void *),
                                   void *arg)
{
    pthread_mutex_lock(&server->lock);
    FlaskRedisStatus status = guarded(server, order, arg);
    pthread_mutex_unlock(&server->lock);
    return status;
}

static void tick(struct fr_mock *engine, void *unused)
{
    (void)unused;
    fr_mock_tick(engine);
}

/* --- links ------------------------------------------------------------------------------------ */

static bool init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return false;
    }
    bool is_good = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
                   pthread_cond_init(condition, &attributes) == 0;
    pthread_condattr_destroy(&attributes);
    return is_good;
}

static void connect_to(struct fr_mock *engine, void *arg)
{
    struct fr_mock_link *link = arg;
    link->session = fr_mock_session_create(engine, on_output, link);
}

FlaskRedisStatus fr_mock_link_open(FlaskRedisMock *server, int timeout_ms,
                                   struct fr_mock_link **made)
{
    struct fr_mock_link *link = calloc(1, sizeof(*link));
    if (link == NULL || !init_condition(&link->changed)) {
        free(link);
        return fr_fail_memory();
    }
    link->server = server;
    link->timeout_ms = timeout_ms;
    link->timer_fd = -1;
    pthread_mutex_lock(&server->lock);
    FlaskRedisStatus status = guarded(server, connect_to, link);
    if (status == FLASK_REDIS_OK) {
        LIST_INSERT_HEAD(&server->links, link, entry);
    }
    pthread_mutex_unlock(&server->lock);
    if (status != FLASK_REDIS_OK) {
        pthread_cond_destroy(&link->changed);
        free(link);
        return status;
    }
    *made = link;
    return FLASK_REDIS_OK;
}

void fr_mock_link_close(struct fr_mock_link *link)
{
    pthread_mutex_lock(&link->server->lock);
    fr_mock_session_destroy(link->session);
    LIST_REMOVE(link, entry);
    pthread_mutex_unlock(&link->server->lock);
    if (link->timer_fd >= 0) {
        close(link->timer_fd);
    }
    if (!link->is_parents) { /* one that has waiters in the parent would wait for them */
        pthread_cond_destroy(&link->changed);
    }
    free(link);
}

static FlaskRedisStatus lost(const struct fr_mock_link *link, bool may_have_run)
{
    return flask_redis_fail(FLASK_REDIS_CONNECTION, may_have_run,
                            link->is_parents ? "the connection belongs to the parent process"
                                             : "the mock engine has closed the connection");
}

static bool is_lost(const struct fr_mock_link *link)
{
    return link->session == NULL || fr_mock_has_ended(link->session);
}

/* --- waiting, with the lock held -------------------------------------------------------------- */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* How long a wait may take; the time is asked for only when something is waited for. */
struct patience {
    int ms;           /* -1: for ever */
    int64_t until_us; /* 0: not begun */
};

static int64_t deadline_of(struct patience *patience)
{
    if (patience->until_us == 0) {
        patience->until_us = patience->ms < 0 ? INT64_MAX : now_us() + (int64_t)patience->ms * 1000;
    }
    return patience->until_us;
}

static void wait_until(struct fr_mock_link *link, int64_t until_us)
{
    struct timespec until = {(time_t)(until_us / 1000000), (long)(until_us % 1000000) * 1000};
    link->is_waiting = true;
    if (until_us == INT64_MAX) {
        pthread_cond_wait(&link->changed, &link->server->lock);
    } else {
        pthread_cond_timedwait(&link->changed, &link->server->lock, &until);
    }
    link->is_waiting = false;
}

/* Wait until something may have changed; *is_over: the patience is. */
static FlaskRedisStatus wait_for_change(struct fr_mock_link *link, struct patience *patience,
                                        bool *is_over)
{
    int64_t due_us = fr_mock_due_us(link->server->engine);
    if (due_us == 0) {
        return guarded(link->server, tick, NULL);
    }
    int64_t deadline_us = deadline_of(patience), now = now_us();
    *is_over = now >= deadline_us;
    if (!*is_over) {
        int64_t due_at_us = due_us < 0 || due_us > INT64_MAX - now ? INT64_MAX : now + due_us;
        wait_until(link, due_at_us < deadline_us ? due_at_us : deadline_us);
    }
    return FLASK_REDIS_OK;
}

/* --- commands, with the lock held ------------------------------------------------------------- */

struct asked {
    struct fr_mock_link *link;
    const FlaskRedisCommand *command;
    struct fr_word *words;
};

static void ask_engine(struct fr_mock *engine, void *arg)
{
    const struct asked *asked = arg;
    (void)engine;
    fr_mock_call(asked->link->session, asked->words, asked->command->argc);
}

static FlaskRedisStatus ask(struct fr_mock_link *link, const FlaskRedisCommand *command)
{
    struct fr_word few[FEW_WORDS];
    struct fr_word *words =
        command->argc <= FEW_WORDS ? few : calloc(command->argc, sizeof(*words));
    if (words == NULL) {
        return fr_fail_memory();
    }
    for (size_t i = 0; i < command->argc; i++) {
        const FlaskRedisBytes *word = &command->argv[i];
        words[i] = (struct fr_word){word->data != NULL ? word->data : "", word->len};
    }
    struct asked asked = {link, command, words};
    FlaskRedisStatus status = guarded(link->server, ask_engine, &asked);
    if (words != few) {
        free(words);
    }
    return status;
}

/* Take the next reply; *reply NULL: there is none yet. */
static FlaskRedisStatus take(struct fr_mock_link *link, redisReply **reply)
{
    size_t len, taken;
    const char *output = fr_mock_output(link->session, &len);
    *reply = NULL;
    if (len == 0) {
        return FLASK_REDIS_OK;
    }
    FlaskRedisStatus status = fr_reply_read_first(output, len, &taken, reply);
    fr_mock_taken(link->session, taken);
    return status;
}

static int wait_of(const struct fr_mock_link *link, const FlaskRedisCommand *command)
{
    int ms = fr_blocking_ms(command);
    return ms < 0 || link->timeout_ms < 0 || ms > INT_MAX - link->timeout_ms
               ? -1
               : ms + link->timeout_ms;
}

static FlaskRedisStatus wait_for_reply(struct fr_mock_link *link, const FlaskRedisCommand *command,
                                       redisReply **reply)
{
    struct patience patience = {wait_of(link, command), 0};
    FlaskRedisStatus status;
    bool is_over = false;

    while ((status = take(link, reply)) == FLASK_REDIS_OK && *reply == NULL) {
        if (is_lost(link)) {
            return lost(link, true);
        }
        if (is_over) {
            return flask_redis_fail(FLASK_REDIS_TIMEOUT, true,
                                    "no answer within %d ms (socket_timeout)", patience.ms);
        }
        if ((status = wait_for_change(link, &patience, &is_over)) != FLASK_REDIS_OK) {
            break;
        }
        if (link->session == NULL) {
            return lost(link, true);
        }
    }
    return status;
}

static FlaskRedisStatus run_one(struct fr_mock_link *link, const FlaskRedisCommand *command,
                                redisReply **reply)
{
    if (is_lost(link)) {
        return lost(link, false);
    }
    FlaskRedisStatus status = ask(link, command);
    if (status == FLASK_REDIS_OK) {
        status = wait_for_reply(link, command, reply);
    }
    if (status == FLASK_REDIS_NO_MEMORY && link->session != NULL) {
        return flask_redis_fail(status, true, "out of memory for the reply");
    }
    return status;
}

FlaskRedisStatus fr_mock_link_run(struct fr_mock_link *link, const FlaskRedisCommand *commands,
                                  size_t count, redisReply **replies)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;
    size_t done = 0;

    pthread_mutex_lock(&link->server->lock);
    while (done < count && status == FLASK_REDIS_OK) {
        status = run_one(link, &commands[done], &replies[done]);
        done++;
    }
    pthread_mutex_unlock(&link->server->lock);
    if (status != FLASK_REDIS_OK && done > 1 && !fr_may_have_run()) {
        return flask_redis_fail(status, true, "%s", flask_redis_last_error()->text);
    }
    return status;
}

/* --- publish/subscribe ------------------------------------------------------------------------ */

/* Have the descriptor say whether there is something to receive. */
static void settle(const struct fr_mock_link *link)
{
    size_t len = 0;
    if (link->timer_fd < 0) {
        return;
    }
    if (!is_lost(link)) {
        fr_mock_output(link->session, &len);
    }
    if (len > 0 || is_lost(link)) {
        ring(link, 0);
    } else if (!fr_mock_may_call(link->session) && fr_mock_due_us(link->server->engine) >= 0) {
        ring(link, fr_mock_due_us(link->server->engine));
    } else {
        timerfd_settime(link->timer_fd, 0, &(struct itimerspec){0}, NULL);
    }
}

static FlaskRedisStatus send_one(struct fr_mock_link *link, const FlaskRedisCommand *command)
{
    struct patience patience = {link->timeout_ms, 0};
    bool is_over = false;

    while (!is_lost(link) && !fr_mock_may_call(link->session)) {
        if (is_over) {
            return flask_redis_fail(FLASK_REDIS_TIMEOUT, false,
                                    "not sent within %d ms (socket_timeout)", patience.ms);
        }
        FlaskRedisStatus status = wait_for_change(link, &patience, &is_over);
        if (status != FLASK_REDIS_OK) {
            return status;
        }
    }
    return is_lost(link) ? lost(link, false) : ask(link, command);
}

FlaskRedisStatus fr_mock_link_send(struct fr_mock_link *link, const FlaskRedisCommand *command)
{
    pthread_mutex_lock(&link->server->lock);
    FlaskRedisStatus status = send_one(link, command);
    settle(link);
    pthread_mutex_unlock(&link->server->lock);
    return status;
}

static FlaskRedisStatus receive_one(struct fr_mock_link *link, int timeout_ms, redisReply **reply)
{
    struct patience patience = {timeout_ms, 0};
    FlaskRedisStatus status = FLASK_REDIS_OK;
    bool is_over = false;

    while (status == FLASK_REDIS_OK && link->session != NULL) {
        status = take(link, reply);
        if (status != FLASK_REDIS_OK || *reply != NULL) {
            return status;
        }
        if (is_lost(link)) {
            break;
        }
        if (is_over) {
            return FLASK_REDIS_OK;
        }
        status = wait_for_change(link, &patience, &is_over);
    }
    return status == FLASK_REDIS_OK ? lost(link, false) : status;
}

FlaskRedisStatus fr_mock_link_receive(struct fr_mock_link *link, int timeout_ms, redisReply **reply)
{
    *reply = NULL;
    pthread_mutex_lock(&link->server->lock);
    FlaskRedisStatus status = receive_one(link, timeout_ms, reply);
    settle(link);
    pthread_mutex_unlock(&link->server->lock);
    return status;
}

int fr_mock_link_fileno(struct fr_mock_link *link)
{
    pthread_mutex_lock(&link->server->lock);
    if (link->timer_fd < 0 && !link->is_parents) {
        link->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        settle(link);
    }
    pthread_mutex_unlock(&link->server->lock);
    return link->timer_fd;
}

/* --- fork ------------------------------------------------------------------------------------- */

void fr_mock_before_fork(void)
{
    FlaskRedisMock *server;
    pthread_mutex_lock(&all_lock);
    LIST_FOREACH(server, &all, entry)
    {
        pthread_mutex_lock(&server->lock);
    }
}

void fr_mock_after_fork(void)
{
    FlaskRedisMock *server;
    LIST_FOREACH(server, &all, entry)
    {
        pthread_mutex_unlock(&server->lock);
    }
    pthread_mutex_unlock(&all_lock);
}

/* In the engine's copy the child must not have clients that wait or listen and are not there. The
 * descriptor's timer is the parent's too. */
void fr_mock_link_forked(struct fr_mock_link *link)
{
    fr_mock_session_destroy(link->session);
    link->session = NULL;
    link->is_parents = true;
    if (link->timer_fd >= 0) {
        close(link->timer_fd);
        link->timer_fd = -1;
    }
}
