/* Pools on URLs of clients, in the main thread. See client_pools.h. */
#include "daemon/client_pools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/settings_clients.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/memory.h"
#include "daemon/pool_command.h"
#include "daemon/service.h"

/* How often idle pools are looked for, at most: a quarter of the time they may be idle is enough.
 */
#define TICK_MS_MAX 1000
#define TICK_MS_MIN 10

/* ----------------------------------------------------------------------------------------- one
 * pool
 */

static const char *name_of(const struct client_pool *pool)
{
    return pool->settings->prefixes[0].name;
}

static int64_t clients_of(const struct client_pool *pool)
{
    return atomic_load(&pool->prefix->clients);
}

/* Takes the URL. */
static struct client_pool *make(struct service *service, const struct fr_url *url, char *key)
{
    struct client_pool *pool = memory_zeroed(sizeof *pool);
    pool->key = key;
    pool->url = *url;
    pool->settings = client_url_settings(service->settings, url);
    pool->prefix = prefix_create(&service->house);
    LIST_INSERT_HEAD(&service->client_pools.items, pool, link);
    service->client_pools.count++;
    return pool;
}

/* Its clients, if it has any, are retired once the workers know. */
static void give_up(struct service *service, struct client_pool *pool)
{
    LIST_REMOVE(pool, link);
    service->client_pools.count--;
    client_url_forget_key(pool->key);
    fr_url_finish(&pool->url);
    settings_let_go(pool->settings);
    prefix_release(pool->prefix);
    free(pool);
}

static struct client_pool *find(const struct service *service, const char *key)
{
    struct client_pool *pool;
    LIST_FOREACH(pool, &service->client_pools.items, link)
    {
        if (strcmp(pool->key, key) == 0) {
            return pool;
        }
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------------- idle
 */

/* The one without clients for longest, or NULL. */
static struct client_pool *find_idlest(const struct service *service)
{
    struct client_pool *idlest = NULL;
    struct client_pool *pool;
    LIST_FOREACH(pool, &service->client_pools.items, link)
    {
        if (clients_of(pool) == 0 &&
            (idlest == NULL || pool->idle_since_ms < idlest->idle_since_ms)) {
            idlest = pool;
        }
    }
    return idlest;
}

/* Whether nobody has used it for so long; notes since when nobody does. */
static bool is_overdue(struct client_pool *pool, uint64_t limit_ms)
{
    uint64_t now = loop_now_ms();
    if (clients_of(pool) > 0) {
        pool->idle_since_ms = 0;
    } else if (pool->idle_since_ms == 0) {
        pool->idle_since_ms = now;
    }
    return pool->idle_since_ms != 0 && now - pool->idle_since_ms >= limit_ms;
}

static void set_tick(struct service *service)
{
    int64_t ms = service->settings->daemon.client_pool_idle_ms / 4;
    ms = ms > TICK_MS_MAX ? TICK_MS_MAX : ms < TICK_MS_MIN ? TICK_MS_MIN : ms;
    struct timeval after = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    if (!LIST_EMPTY(&service->client_pools.items)) {
        event_add(&service->client_pools.tick, &after);
    }
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct service *service = arg;
    struct client_pool *pool;
    struct client_pool *next;
    int64_t count = service->client_pools.count;
    (void)fd, (void)what;
    for (pool = LIST_FIRST(&service->client_pools.items); pool != NULL; pool = next) {
        next = LIST_NEXT(pool, link);
        if (is_overdue(pool, (uint64_t)service->settings->daemon.client_pool_idle_ms)) {
            log_info("pool %s: closed: no client used it (setting \"client_pool_idle_ms\")",
                     name_of(pool));
            give_up(service, pool);
        }
    }
    if (service->client_pools.count != count) {
        service_publish(service);
    }
    set_tick(service);
}

/* ---------------------------------------------------------------------------------------- requests
 */

/* Whether there is room for one more, or can be made. */
static bool has_room(struct service *service, struct pool_request *request)
{
    int64_t most = service->settings->daemon.client_pools_max;
    struct client_pool *idlest = find_idlest(service);
    if (service->client_pools.count >= most && idlest != NULL) {
        log_info("pool %s: closed: another one is asked for (setting \"client_pools_max\")",
                 name_of(idlest));
        give_up(service, idlest);
    }
    if (service->client_pools.count < most) {
        return true;
    }
    snprintf(request->error, sizeof request->error,
             "-POOLWAIT no more pools on URLs of clients (%lld of %lld in use, setting "
             "\"client_pools_max\")\r\n",
             (long long)service->client_pools.count, (long long)most);
    return false;
}

/* The pool of this URL, which is taken. */
static struct client_pool *have(struct service *service, struct fr_url *url,
                                struct pool_request *request)
{
    char *key = client_url_key(url);
    struct client_pool *pool = find(service, key);
    if (pool == NULL && has_room(service, request)) {
        pool = make(service, url, key);
        log_info("pool %s: made for a client", name_of(pool));
        service_publish(service);
        set_tick(service);
        return pool;
    }
    client_url_forget_key(key);
    fr_url_finish(url);
    return pool;
}

static void decide(struct service *service, struct pool_request *request)
{
    struct fr_url url;
    char *error = request->error;
    if (service->is_ending) {
        snprintf(error, sizeof request->error, "-POOLDOWN the daemon ends\r\n");
        return;
    }
    if (strlen(request->url) != request->url_len) {
        snprintf(error, sizeof request->error, "-ERR bad URL: it has a NUL byte\r\n");
        return;
    }
    if (!client_url_read(service->settings, request->url, &url, error, sizeof request->error)) {
        return;
    }
    struct client_pool *pool = have(service, &url, request);
    if (pool != NULL) {
        pool->idle_since_ms = 0;
        request->granted = prefix_hold(pool->prefix);
        atomic_fetch_add(&pool->prefix->clients, 1);
    }
}

static void on_request(struct mail *mail, void *receiver)
{
    struct pool_request *request = (struct pool_request *)mail;
    struct service *service = receiver;
    decide(service, request);
    pool_request_answer(request, &service->house);
}

/* ----------------------------------------------------------------------------------------- service
 */

void client_pools_open(struct service *service)
{
    LIST_INIT(&service->client_pools.items);
    event_assign(&service->client_pools.tick, service->base, -1, 0, on_tick, service);
    service->house.on_pool_request = on_request;
}

void client_pools_close(struct service *service)
{
    struct client_pool *pool;
    struct client_pool *next;
    for (pool = LIST_FIRST(&service->client_pools.items); pool != NULL; pool = next) {
        next = LIST_NEXT(pool, link);
        give_up(service, pool);
    }
}

void client_pools_use_settings(struct service *service)
{
    struct client_pool *pool;
    struct client_pool *next;
    for (pool = LIST_FIRST(&service->client_pools.items); pool != NULL; pool = next) {
        next = LIST_NEXT(pool, link);
        if (client_url_is_allowed(&service->settings->daemon, &pool->url)) {
            settings_let_go(pool->settings);
            pool->settings = client_url_settings(service->settings, &pool->url);
        } else {
            log_notice("pool %s: closed: not allowed any more (setting \"client_urls\")",
                       name_of(pool));
            give_up(service, pool);
        }
    }
    set_tick(service);
}

void client_pools_add(const struct service *service, struct layout *layout)
{
    const struct client_pool *pool;
    LIST_FOREACH(pool, &service->client_pools.items, link)
    {
        layout_add_pool(layout, pool->prefix, &pool->settings->prefixes[0], NULL);
    }
}
