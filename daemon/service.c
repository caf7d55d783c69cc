/* Turning settings into what is served. See service.h. */
#include "daemon/service.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/placement.h"

struct settings *service_read(const struct service *service, struct problems *problems)
{
    return settings_load(service->config, environ, problems);
}

/* ------------------------------------------------------------------------------------------- pools
 */

static struct service_pool *find_pool(struct service_pool *pools, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pools[i].settings->name, name) == 0) {
            return &pools[i];
        }
    }
    return NULL;
}

/* A prefix stays what it is as long as its server does; else another takes its place. */
static void add_pool(struct service *service, struct service_pool *pool,
                     const struct prefix_settings *settings, struct layout *layout)
{
    const struct service_pool *before =
        find_pool(service->pools, service->pool_count, settings->name);
    struct prefix *replaced = NULL;
    pool->settings = settings;
    if (before != NULL && settings_same_server(before->settings, settings)) {
        pool->prefix = prefix_hold(before->prefix);
    } else {
        pool->prefix = prefix_create(&service->house);
        replaced = before == NULL ? NULL : before->prefix;
    }
    if (replaced != NULL) { /* what was ordered for it holds with another server, too */
        atomic_store(&pool->prefix->paused_since_ms, atomic_load(&replaced->paused_since_ms));
        atomic_store(&pool->prefix->holds, atomic_load(&replaced->holds));
    }
    layout_add_pool(layout, pool->prefix, settings, replaced);
}

static void free_pools(struct service_pool *pools, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        prefix_release(pools[i].prefix);
    }
    free(pools);
}

/* Have pools for the prefixes of these settings, and put them into the layout. */
static void exchange_pools(struct service *service, const struct settings *settings,
                           struct layout *layout)
{
    struct service_pool *pools = memory_zeroed(settings->prefix_count * sizeof *pools);
    for (size_t i = 0; i < settings->prefix_count; i++) {
        add_pool(service, &pools[i], &settings->prefixes[i], layout);
    }
    free_pools(service->pools, service->pool_count);
    service->pools = pools;
    service->pool_count = settings->prefix_count;
}

/* What is there beside the pools of prefixes. */
static void add_the_rest(struct service *service, struct layout *layout)
{
    layout_add_pool(layout, service->lobby, &service->settings->client_pools, NULL);
    client_pools_add(service, layout);
    for (size_t i = 0; i < service->listeners.count; i++) {
        const struct listener *listener = &service->listeners.items[i];
        const struct service_pool *pool =
            find_pool(service->pools, service->pool_count, listener->prefix);
        layout_add_door(layout, listener->fd, listener->address,
                        pool == NULL ? service->lobby : pool->prefix, listener->is_kept);
    }
}

static void give_to_workers(struct service *service, struct layout *layout)
{
    for (int i = 0; i < service->worker_count; i++) {
        worker_serve(&service->workers[i], layout);
    }
    layout_release(layout);
}

void service_publish(struct service *service)
{
    struct layout *layout = layout_create(service->settings->daemon.shutdown_ms);
    for (size_t i = 0; i < service->pool_count; i++) {
        layout_add_pool(layout, service->pools[i].prefix, service->pools[i].settings, NULL);
    }
    add_the_rest(service, layout);
    give_to_workers(service, layout);
}

/* ------------------------------------------------------------------------------------------- using
 */

static void use_daemon_settings(struct service *service, const struct daemon_settings *settings)
{
    log_set_level(settings->log_level);
    placement_set_policy(settings->beside_server, service->worker_count);
    atomic_store(&service->house.clients_max, settings->clients_max);
    atomic_store(&service->house.memory_max, settings->memory_max);
    atomic_store(&service->house.rings.most, settings->rings_max);
    atomic_store(&service->house.rings.user_most, settings->rings_user_max);
    atomic_store(&service->house.rings.size_most, settings->ring_size_max);
}

static void close_later(void *arg, int fd)
{
    layout_add_closing(arg, fd);
}

bool service_use(struct service *service, struct settings *settings, struct problems *problems)
{
    struct listeners fresh;
    if (!listeners_prepare(&fresh, &service->listeners, settings, problems)) {
        return false;
    }
    struct layout *layout = layout_create(settings->daemon.shutdown_ms);
    listeners_commit(&service->listeners, &fresh, close_later, layout);
    exchange_pools(service, settings, layout);
    settings_let_go(service->settings);
    service->settings = settings;
    use_daemon_settings(service, &settings->daemon);
    client_pools_use_settings(service);
    add_the_rest(service, layout);
    give_to_workers(service, layout);
    return true;
}

bool service_open(struct service *service)
{
    service->lobby = prefix_create(&service->house);
    service->lobby->is_lobby = true;
    client_pools_open(service);
    if (!mailbox_init(&service->mailbox, service)) {
        return false;
    }
    mailbox_open(&service->mailbox, service->base);
    service->house.main = &service->mailbox;
    return true;
}

struct prefix *service_prefix(const struct service *service, const char *name)
{
    const struct service_pool *pool = find_pool(service->pools, service->pool_count, name);
    return pool == NULL ? NULL : pool->prefix;
}

void service_finish(struct service *service)
{
    listeners_close(&service->listeners);
    if (service->house.main != NULL) {
        mailbox_close(&service->mailbox);
        mailbox_finish(&service->mailbox);
    }
    client_pools_close(service);
    prefix_release(service->lobby);
    free_pools(service->pools, service->pool_count);
    service->pools = NULL;
    service->pool_count = 0;
    settings_let_go(service->settings);
    service->settings = NULL;
}
