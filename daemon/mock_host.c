/* Mock engines: which there are, who refers to them, and the thread of each. See mock_host.h, and
 * mock_parts.h for who may touch what. */
#include "daemon/mock_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/memory.h"
#include "daemon/mock_parts.h"

/* Beyond the memory of the engine, for requests that are not complete. */
#define INPUT_BEYOND (128 * 1024)
#define NEVER INT64_MAX
/* Seconds until one that is in the middle of something is left to the end of the process. */
#define LAST_S 1

/* How many refer to the engine of this key, which need not have been started. */
struct use {
    LIST_ENTRY(use) link;
    char *key;
    unsigned count;
};

static LIST_HEAD(, use) uses = LIST_HEAD_INITIALIZER(uses);
static LIST_HEAD(host_list, mock_host) hosts = LIST_HEAD_INITIALIZER(hosts);
static struct host_list ending = LIST_HEAD_INITIALIZER(ending); /* their threads go on alone */
static struct host_list left = LIST_HEAD_INITIALIZER(left);     /* to the end of the process */
static pthread_mutex_t hosts_lock = PTHREAD_MUTEX_INITIALIZER;

/* ----------------------------------------------------------------------------------------- thread
 */

static int64_t now_us(void)
{
    return loop_now_ns() / 1000;
}

void mock_host_wake(struct mock_host *host)
{
    if (host->wakes_us != 0) {
        host->wakes_us = 0;
        pthread_cond_signal(&host->wanted);
    }
}

void mock_host_note_wait(struct mock_host *host)
{
    int64_t due_us = fr_mock_due_us(host->mock);
    bool is_sooner = host->wakes_us == NEVER || now_us() + due_us < host->wakes_us;
    if (due_us >= 0 && is_sooner) {
        mock_host_wake(host);
    }
}

/* Sleep until there is something to do, or this is due. */
static void sleep_for(struct mock_host *host, int64_t due_us)
{
    int64_t now = now_us();
    host->wakes_us = due_us < 0 || due_us > NEVER - now - 1 ? NEVER : now + due_us + 1;
    if (host->wakes_us == NEVER) {
        pthread_cond_wait(&host->wanted, &host->lock);
    } else {
        struct timespec until = {host->wakes_us / 1000000, host->wakes_us % 1000000 * 1000};
        pthread_cond_timedwait(&host->wanted, &host->lock, &until);
    }
    host->wakes_us = 0;
}

static void work(struct mock_host *host)
{
    struct mock_line *line = TAILQ_FIRST(&host->pending);
    if (line != NULL && mock_line_may_work(line)) {
        mock_line_work(line);
        return;
    }
    int64_t due_us = fr_mock_due_us(host->mock);
    if (due_us == 0) {
        fr_mock_tick(host->mock);
        mock_lines_tell(host);
    } else if (!host->is_ending) {
        sleep_for(host, due_us);
    }
}

/* Lines that were abandoned are still to be freed at the end. */
static void *run(void *arg)
{
    struct mock_host *host = arg;
    pthread_setname_np(pthread_self(), "mock");
    pthread_mutex_lock(&host->lock);
    while (!host->is_ending || !TAILQ_EMPTY(&host->pending)) {
        work(host);
        pthread_mutex_unlock(&host->lock); /* others wait for it */
        pthread_mutex_lock(&host->lock);
    }
    pthread_mutex_unlock(&host->lock);
    fr_mock_destroy(host->mock);
    atomic_store(&host->has_ended, true);
    return NULL;
}

/* ------------------------------------------------------------------------------------------- hosts
 */

static void free_host(struct mock_host *host)
{
    pthread_mutex_destroy(&host->lock);
    pthread_cond_destroy(&host->wanted);
    free(host->key);
    free(host);
}

/* What is held for moments is looked for a moment before anybody sleeps for it; the thread's sleep
 * is measured by a clock that nobody sets. */
static void init_locks(struct mock_host *host)
{
    pthread_mutexattr_t mutex;
    pthread_condattr_t condition;
    pthread_mutexattr_init(&mutex);
    pthread_mutexattr_settype(&mutex, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&host->lock, &mutex);
    pthread_mutexattr_destroy(&mutex);
    pthread_condattr_init(&condition);
    pthread_condattr_setclock(&condition, CLOCK_MONOTONIC);
    pthread_cond_init(&host->wanted, &condition);
    pthread_condattr_destroy(&condition);
}

/* A name, or the prefix it is private to; no name has a colon. */
static char *key_of(const struct prefix_settings *settings)
{
    char key[512];
    const char *name = settings->server.host;
    int len = snprintf(key, sizeof key, "%s%s",
                       name != NULL ? "" : "prefix:", name != NULL ? name : settings->name);
    return memory_text(key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1);
}

/* Take the key. */
static struct mock_host *host_new(const struct prefix_settings *settings, char *key)
{
    struct mock_host *host = memory_zeroed(sizeof *host);
    struct fr_mock_options options = {.memory_max = (size_t)settings->mock_memory};
    host->key = key;
    host->limits = (struct fr_request_limits){settings->args_max, settings->bulk_max, false};
    host->input_max = (size_t)settings->mock_memory + INPUT_BEYOND;
    LIST_INIT(&host->lines);
    TAILQ_INIT(&host->pending);
    TAILQ_INIT(&host->news);
    init_locks(host);
    host->mock = fr_mock_create(&options);
    int error = host->mock == NULL ? ENOMEM : pthread_create(&host->thread, NULL, run, host);
    if (error != 0) {
        fr_mock_destroy(host->mock);
        free_host(host);
        errno = error;
        return NULL;
    }
    LIST_INSERT_HEAD(&hosts, host, link);
    return host;
}

static struct mock_host *find(const char *key)
{
    struct mock_host *host;
    LIST_FOREACH(host, &hosts, link)
    {
        if (strcmp(host->key, key) == 0) {
            return host;
        }
    }
    return NULL;
}

struct mock_host *mock_host_get(const struct prefix_settings *settings)
{
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct mock_host *host = find(key);
    if (host != NULL) {
        free(key);
    } else {
        host = host_new(settings, key);
    }
    pthread_mutex_unlock(&hosts_lock);
    return host;
}

/* Its thread may be in the middle of a script: nobody waits for it here. */
static void end_host(struct mock_host *host)
{
    LIST_REMOVE(host, link);
    LIST_INSERT_HEAD(&ending, host, link);
    pthread_mutex_lock(&host->lock);
    host->is_ending = true;
    mock_host_wake(host);
    pthread_mutex_unlock(&host->lock);
}

/* Free what has ended by then; NULL: now. */
static void reap(const struct timespec *until)
{
    struct mock_host *host;
    struct mock_host *next;
    for (host = LIST_FIRST(&ending); host != NULL; host = next) {
        next = LIST_NEXT(host, link);
        bool has_ended =
            until != NULL ? pthread_timedjoin_np(host->thread, NULL, until) == 0
                          : atomic_load(&host->has_ended) && pthread_join(host->thread, NULL) == 0;
        if (has_ended) {
            LIST_REMOVE(host, link);
            free_host(host);
        }
    }
}

/* Their threads end with the process, wherever they are. */
static void leave_rest(void)
{
    struct mock_host *host;
    while ((host = LIST_FIRST(&ending)) != NULL) {
        LIST_REMOVE(host, link);
        LIST_INSERT_HEAD(&left, host, link);
        pthread_detach(host->thread);
    }
}

static struct use *find_use(const char *key)
{
    struct use *use;
    LIST_FOREACH(use, &uses, link)
    {
        if (strcmp(use->key, key) == 0) {
            return use;
        }
    }
    return NULL;
}

void mock_host_hold(const struct prefix_settings *settings)
{
    if (settings->server.scheme != FR_URL_MOCK) {
        return;
    }
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct use *use = find_use(key);
    if (use != NULL) {
        free(key);
    } else {
        use = memory_zeroed(sizeof *use);
        use->key = key;
        LIST_INSERT_HEAD(&uses, use, link);
    }
    use->count++;
    pthread_mutex_unlock(&hosts_lock);
}

void mock_host_release(const struct prefix_settings *settings)
{
    if (settings->server.scheme != FR_URL_MOCK) {
        return;
    }
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct use *use = find_use(key);
    struct mock_host *host = find(key);
    if (--use->count == 0) {
        LIST_REMOVE(use, link);
        free(use->key);
        free(use);
        if (host != NULL) {
            end_host(host);
        }
    }
    reap(NULL);
    pthread_mutex_unlock(&hosts_lock);
    free(key);
}

void mock_hosts_finish(void)
{
    struct mock_host *host;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LAST_S;
    pthread_mutex_lock(&hosts_lock);
    while ((host = LIST_FIRST(&hosts)) != NULL) {
        end_host(host);
    }
    reap(&until);
    leave_rest();
    pthread_mutex_unlock(&hosts_lock);
}
