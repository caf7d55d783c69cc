/* What tests order of an engine: the calls of <flaskredis/mock.h>. */
#include "flaskredis/mock.h"

#include <errno.h>
#include <string.h>

#include "client/error.h"
#include "client/handle.h"
#include "client/mock_server.h"

/* What an order may have to say. */
struct order {
    uint64_t count;
    int64_t number;
    const char *text;
    bool is_missing; /* what it was about */
};

static FlaskRedisStatus give(FlaskRedisMock *mock, void (*order)(struct fr_mock *, void *),
                             struct order what)
{
    int saved = errno;
    if (mock == NULL) {
        return flask_redis_fail(FLASK_REDIS_ASSERTION, false, "the mock is NULL");
    }
    FlaskRedisStatus status = fr_mock_server_do(mock, order, &what);
    if (status == FLASK_REDIS_OK && what.is_missing) {
        status =
            flask_redis_fail(FLASK_REDIS_KEY_ERROR, false, "no snapshot is named %s", what.text);
    }
    errno = saved;
    return status;
}

/* --- engines ---------------------------------------------------------------------------------- */

FlaskRedisMock *flask_redis_mock_of(FlaskRedis *redis)
{
    struct fr_engine *engine;
    if (fr_handle_engine(redis, &engine) != FLASK_REDIS_OK) {
        return NULL;
    }
    FlaskRedisMock *mock = fr_mock_of_engine(engine);
    if (mock != NULL) {
        fr_mock_server_hold(mock);
    } else {
        flask_redis_fail(FLASK_REDIS_DATA, false, "the handle's provider is %s, not mock",
                         engine->provider.name);
    }
    fr_engine_release(engine);
    return mock;
}

FlaskRedisMock *flask_redis_mock_named(const char *name)
{
    FlaskRedisMock *mock = NULL;
    int saved = errno;
    if (name == NULL || name[0] == '\0') {
        flask_redis_fail(FLASK_REDIS_ASSERTION, false, "the mock's name is NULL or empty");
    } else if (fr_mock_server_get(name, &mock) != FLASK_REDIS_OK) {
        mock = NULL;
    }
    errno = saved;
    return mock;
}

void flask_redis_mock_free(FlaskRedisMock *mock)
{
    int saved = errno;
    fr_mock_server_release(mock);
    errno = saved;
}

/* --- the clock -------------------------------------------------------------------------------- */

enum {
    US_IN_MS = 1000
};

/* Beyond it, times in microseconds would leave 64 bits. */
#define MS_MOST (INT64_MAX / US_IN_MS / 2)

static int64_t bounded(int64_t ms)
{
    return ms > MS_MOST ? MS_MOST : ms < -MS_MOST ? -MS_MOST : ms;
}

static void stop_clock(struct fr_mock *engine, void *unused)
{
    (void)unused;
    fr_mock_clock_stop(engine);
}

static void set_clock(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_clock_set(engine, bounded(order->number) * US_IN_MS);
}

static void move_clock(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_clock_move(engine, bounded(order->number) * US_IN_MS);
}

static void run_clock(struct fr_mock *engine, void *unused)
{
    (void)unused;
    fr_mock_clock_run(engine);
}

FlaskRedisStatus flask_redis_mock_clock_stop(FlaskRedisMock *mock)
{
    return give(mock, stop_clock, (struct order){0});
}

FlaskRedisStatus flask_redis_mock_clock_set(FlaskRedisMock *mock, int64_t unix_ms)
{
    return give(mock, set_clock, (struct order){.number = unix_ms});
}

FlaskRedisStatus flask_redis_mock_clock_move(FlaskRedisMock *mock, int64_t by_ms)
{
    return give(mock, move_clock, (struct order){.number = by_ms});
}

FlaskRedisStatus flask_redis_mock_clock_run(FlaskRedisMock *mock)
{
    return give(mock, run_clock, (struct order){0});
}

/* --- failures and chance ---------------------------------------------------------------------- */

static void fail(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_fail(engine, order->count, order->text, strlen(order->text));
}

static void delay(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_delay(engine, order->count, bounded(order->number) * US_IN_MS);
}

static void drop(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_drop(engine, order->count);
}

static void begin_chance(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_seed(engine, order->count);
}

FlaskRedisStatus flask_redis_mock_fail(FlaskRedisMock *mock, uint64_t count, const char *error)
{
    return give(mock, fail, (struct order){.count = count, .text = error != NULL ? error : "ERR"});
}

FlaskRedisStatus flask_redis_mock_delay(FlaskRedisMock *mock, uint64_t count, int64_t ms)
{
    return give(mock, delay, (struct order){.count = count, .number = ms});
}

FlaskRedisStatus flask_redis_mock_drop(FlaskRedisMock *mock, uint64_t count)
{
    return give(mock, drop, (struct order){.count = count});
}

FlaskRedisStatus flask_redis_mock_seed(FlaskRedisMock *mock, uint64_t seed)
{
    return give(mock, begin_chance, (struct order){.count = seed});
}

/* --- data ------------------------------------------------------------------------------------- */

static void snapshot(struct fr_mock *engine, void *arg)
{
    const struct order *order = arg;
    fr_mock_snapshot(engine, order->text, strlen(order->text));
}

static void restore(struct fr_mock *engine, void *arg)
{
    struct order *order = arg;
    order->is_missing = !fr_mock_restore(engine, order->text, strlen(order->text));
}

static void reset(struct fr_mock *engine, void *unused)
{
    (void)unused;
    fr_mock_reset(engine);
}

FlaskRedisStatus flask_redis_mock_snapshot(FlaskRedisMock *mock, const char *name)
{
    return give(mock, snapshot, (struct order){.text = name != NULL ? name : ""});
}

FlaskRedisStatus flask_redis_mock_restore(FlaskRedisMock *mock, const char *name)
{
    return give(mock, restore, (struct order){.text = name != NULL ? name : ""});
}

FlaskRedisStatus flask_redis_mock_reset(FlaskRedisMock *mock)
{
    return give(mock, reset, (struct order){0});
}
