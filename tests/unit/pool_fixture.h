/* A pool of one worker and one prefix, whose server is a scripted peer, and its loop, which the
 * case turns itself. */
#ifndef TESTS_UNIT_POOL_FIXTURE_H
#define TESTS_UNIT_POOL_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/pool.h"
#include "daemon/settings.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

struct pool_fixture {
    struct loop loop;
    struct house house;
    struct prefix prefix;
    struct pool pool;
    struct settings *all_settings;
    struct prefix_settings *settings; /* the case may change them */
    const struct identity *identity;
    struct peer *peer;
    struct event *tick;
};

static struct pool_fixture fixture;

static inline void on_fixture_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* so that what the peer's thread has done is looked at */
}

static inline void on_pool_tick(struct pool *pool)
{
    (void)pool;
}

static inline void fixture_finish(void *what)
{
    struct pool_fixture *it = what;
    pool_finish(&it->pool);
    loop_run_tasks(&it->loop);
    identity_release(&it->pool.identities, it->identity);
    EXPECT(it->pool.identities == NULL);
    audience_finish(&it->prefix.audience);
    event_free(it->tick);
    loop_finish(&it->loop);
    settings_free(it->all_settings);
}

static inline void fixture_load_settings(const char *url)
{
    char variable[320];
    char *const environment[] = {variable, NULL};
    struct problems problems = {0};
    snprintf(variable, sizeof(variable), "REDIS_URL=%s", url);
    fixture.all_settings = settings_load(NULL, environment, &problems);
    EXPECT(fixture.all_settings != NULL);
    problems_finish(&problems);
    fixture.settings = &fixture.all_settings->prefixes[0];
}

/* url NULL: the peer's. */
static inline void fixture_begin_at(const char *url)
{
    struct timeval interval = {.tv_usec = 5000};
    memset(&fixture, 0, sizeof(fixture));
    log_set_level(LOG_LEVEL_ERROR); /* connections are lost on purpose here */
    fixture.peer = peer_start();
    EXPECT(loop_init(&fixture.loop));
    fixture_load_settings(url != NULL ? url : peer_url(fixture.peer));
    fixture.house.worker_count = 1;
    fixture.prefix.house = &fixture.house;
    audience_init(&fixture.prefix.audience);
    pool_init(&fixture.pool, &fixture.loop, &fixture.prefix, 0, fixture.settings, on_pool_tick);
    fixture.identity = identity_intern(&fixture.pool.identities, NULL, NULL);
    fixture.tick = event_new(fixture.loop.base, -1, EV_PERSIST, on_fixture_tick, NULL);
    EXPECT(fixture.tick != NULL && event_add(fixture.tick, &interval) == 0);
    case_defer(fixture_finish, &fixture);
}

static inline struct upstream_route route_to(int64_t db)
{
    return (struct upstream_route){.db = db, .proto = 2, .identity = fixture.identity};
}

/* Turn the loop until the condition holds, or fail the case. */
#define EXPECT_SOON(condition)                                                                     \
    do {                                                                                           \
        int64_t deadline_ms = now_ms() + patience_ms();                                            \
        while (!(condition)) {                                                                     \
            if (now_ms() > deadline_ms) {                                                          \
                FAIL("does not come true: %s", #condition);                                        \
            }                                                                                      \
            event_base_loop(fixture.loop.base, EVLOOP_ONCE);                                       \
            loop_run_tasks(&fixture.loop);                                                         \
        }                                                                                          \
    } while (0)

#endif
