/* Making a pool, and closing what nobody uses. See pool.h. */
#include "daemon/pool.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/event.h>

#include "daemon/container.h"
#include "daemon/hub.h"
#include "daemon/lane.h"
#include "daemon/lease.h"
#include "daemon/memory.h"
#include "daemon/mock_host.h"

#define TICK_S 1

/* -----------------------------------------------------------------------------------------
 * prefixes
 */

struct prefix *prefix_create(struct house *house)
{
    static _Atomic uint64_t last_serial;
    struct prefix *prefix = memory_zeroed(sizeof *prefix);
    prefix->house = house;
    prefix->serial = atomic_fetch_add(&last_serial, 1) + 1;
    atomic_store(&prefix->users, 1);
    audience_init(&prefix->audience);
    return prefix;
}

struct prefix *prefix_hold(struct prefix *prefix)
{
    atomic_fetch_add(&prefix->users, 1);
    return prefix;
}

void prefix_release(struct prefix *prefix)
{
    if (prefix != NULL && atomic_fetch_sub(&prefix->users, 1) == 1) {
        audience_finish(&prefix->audience);
        free(prefix);
    }
}

/* --------------------------------------------------------------------------------------------
 * pools
 */

struct pool *pool_table_find(const struct pool_table *table, uint64_t serial)
{
    struct pool *pool = NULL;
    HASH_FIND(hh, table->pools, &serial, sizeof serial, pool);
    return pool;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;
    (void)fd, (void)what;
    lanes_close_idle(pool);
    leases_close_idle(pool);
    hubs_close_idle(pool);
    pool->on_tick(pool);
}

void pool_tick_soon(struct pool *pool)
{
    event_active(&pool->tick, EV_TIMEOUT, 0);
}

/* Whether a word of "deny" or "allow" names this command: itself, or the container it is in. */
static bool names(const char *word, const char *command)
{
    size_t len = strlen(word);
    return strncasecmp(word, command, len) == 0 && (command[len] == '\0' || command[len] == '|');
}

static void apply_words(struct pool *pool, const struct word_list *words, bool is_denied)
{
    for (size_t i = 0; i < words->count; i++) {
        for (int id = 0; id < FR_CMD_COUNT; id++) {
            if (names(words->items[i], fr_commands[id].name)) {
                pool->is_denied[id] = is_denied;
            }
        }
    }
}

static void apply_settings(struct pool *pool, const struct prefix_settings *settings)
{
    pool->context.settings = settings;
    for (int id = 0; id < FR_CMD_COUNT; id++) {
        pool->is_denied[id] = fr_commands[id].denied;
    }
    apply_words(pool, &settings->allow, false);
    apply_words(pool, &settings->deny, true);
}

void pool_init(struct pool *pool, struct loop *loop, struct prefix *prefix, int worker,
               const struct prefix_settings *settings, void (*on_tick_too)(struct pool *pool))
{
    *pool = (struct pool){.prefix = prefix, .worker = worker, .on_tick = on_tick_too};
    pool->context = (struct upstream_context){
        .loop = loop, .identities = &pool->identities, .server_timeout_ms = -1};
    TAILQ_INIT(&pool->idle_leases);
    TAILQ_INIT(&pool->washing_leases);
    TAILQ_INIT(&pool->sessions);
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        TAILQ_INIT(&pool->waiters[kind]);
    }
    apply_settings(pool, settings);
    event_assign(&pool->tick, loop->base, -1, EV_PERSIST, on_tick, pool);
    struct timeval interval = {.tv_sec = TICK_S};
    event_add(&pool->tick, &interval);
}

void pool_finish(struct pool *pool)
{
    event_del(&pool->tick);
    lanes_close_all(pool);
    leases_close_all(pool);
    hubs_close_all(pool);
    vocabulary_finish(&pool->vocabulary);
    slowlog_clear(&pool->context.slowlog);
}

static void bury(struct loop_task *task)
{
    struct pool *pool = container_of(task, struct pool, bury);
    event_del(&pool->tick); /* its last session may have asked for it while it was finished */
    mock_host_release(pool->context.settings);
    settings_release(pool->context.settings);
    prefix_release(pool->prefix);
    free(pool);
}

struct pool *pool_create(struct pool_table *table, struct loop *loop, struct prefix *prefix,
                         int worker, const struct prefix_settings *settings,
                         void (*on_tick_too)(struct pool *pool))
{
    struct pool *pool = memory_alloc(sizeof *pool);
    pool_init(pool, loop, prefix_hold(prefix), worker, settings_hold(settings), on_tick_too);
    loop_task_init(&pool->bury, LOOP_BURY, bury);
    mock_host_hold(settings);
    HASH_ADD_KEYPTR(hh, table->pools, &prefix->serial, sizeof prefix->serial, pool);
    return pool;
}

void pool_destroy(struct pool_table *table, struct pool *pool)
{
    HASH_DEL(table->pools, pool);
    pool_finish(pool);
    loop_defer(pool->context.loop, &pool->bury); /* behind its connections, which refer to it */
}

void pool_use_settings(struct pool *pool, const struct prefix_settings *settings)
{
    const struct prefix_settings *old = pool->context.settings;
    apply_settings(pool, settings_hold(settings));
    settings_release(old);
}
