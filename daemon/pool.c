/* Making a pool, and closing what nobody uses. See pool.h. */
#include "daemon/pool.h"

#include <string.h>
#include <strings.h>

#include <event2/event.h>

#include "daemon/hub.h"
#include "daemon/lane.h"
#include "daemon/lease.h"

#define TICK_S 1

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct pool *pool = arg;
    (void)fd, (void)what;
    lanes_close_idle(pool);
    leases_close_idle(pool);
    hubs_close_idle(pool);
    pool->on_tick(pool);
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
    pool_use_settings(pool, settings);
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

void pool_use_settings(struct pool *pool, const struct prefix_settings *settings)
{
    pool->context.settings = settings;
    for (int id = 0; id < FR_CMD_COUNT; id++) {
        pool->is_denied[id] = fr_commands[id].denied;
    }
    apply_words(pool, &settings->allow, false);
    apply_words(pool, &settings->deny, true);
}
