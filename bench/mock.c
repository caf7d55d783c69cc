/* How many SET and GET an engine in this process does on one core, through typed calls of the
 * library and by itself: what a test suite waits for.
 *
 *   build/default/bench/mock [SECONDS]
 *
 * SECONDS are of processor time, for each of four rows. Over ten thousand keys, every value looked
 * at. */
#include <stdio.h>
#include <stdlib.h>

#include <flaskredis.h>

#include "bench/clock.h"
#include "common/mock/mock.h"

enum {
    KEYS = 10000,
    TURN = 1000
};

static const char value[] = "a value of some bytes";
#define VALUE_LEN (sizeof(value) - 1)

static char keys[KEYS][16];
static size_t key_lens[KEYS];

static size_t key_of(uint64_t turn)
{
    return turn * 7919 % KEYS;
}

/* ------------------------------------------------------------------------------------- the engine
 */

static void call_engine(void *context, size_t key, bool is_set)
{
    struct fr_mock_session *session = context;
    struct fr_word words[3] = {
        {is_set ? "SET" : "GET", 3}, {keys[key], key_lens[key]}, {value, VALUE_LEN}};
    size_t len;
    fr_mock_call(session, words, is_set ? 3 : 2);
    fr_mock_output(session, &len);
    fr_mock_taken(session, len);
}

/* ------------------------------------------------------------------------------------ the library
 */

static void call_library(void *context, size_t key, bool is_set)
{
    FlaskRedisBytes got = {0};
    FlaskRedisBytes name = flask_redis_bytes(keys[key], key_lens[key]);
    FlaskRedisStatus status =
        is_set ? flask_redis_set(context, name, flask_redis_bytes(value, VALUE_LEN), NULL)
               : flask_redis_get(context, name, &got);
    if (status != FLASK_REDIS_OK || (!is_set && got.len != VALUE_LEN)) {
        fprintf(stderr, "mock: %s\n", flask_redis_last_error()->text);
        exit(1);
    }
    flask_redis_bytes_free(&got);
}

/* -------------------------------------------------------------------------------------- measuring
 */

static void measure(const char *what, void (*call)(void *context, size_t key, bool is_set),
                    void *context, double seconds)
{
    for (int kind = 0; kind < 2; kind++) {
        double from_s = clock_cpu_s(), took_s = 0;
        uint64_t done = 0;
        while (took_s < seconds) {
            for (int i = 0; i < TURN; i++, done++) {
                call(context, key_of(done), kind == 0);
            }
            took_s = clock_cpu_s() - from_s;
        }
        printf("mock in-process: %s, %s %.0f per second of one core\n", what,
               kind == 0 ? "SET" : "GET", (double)done / took_s);
    }
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 2;
    for (int i = 0; i < KEYS; i++) {
        key_lens[i] = (size_t)snprintf(keys[i], sizeof(keys[i]), "key:%d", i);
    }
    struct fr_mock *mock = fr_mock_create(NULL);
    struct fr_mock_session *session = fr_mock_session_create(mock, NULL, NULL);
    measure("engine", call_engine, session, seconds);
    fr_mock_session_destroy(session);
    fr_mock_destroy(mock);

    FlaskApp *app = flask_app_new();
    FlaskRedis *redis = flask_redis_from_custom_provider(flask_redis_mock_provider(), app, NULL);
    measure("typed calls of the library", call_library, redis, seconds);
    flask_redis_free(redis);
    flask_app_free(app);
    return 0;
}
