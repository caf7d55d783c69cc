/* Control of mock engines, for tests. Not included by <flaskredis.h>.
 *
 *     FlaskRedis *redis = flask_redis_from_custom_provider(flask_redis_mock_provider(), app, NULL);
 *     FlaskRedisMock *mock = flask_redis_mock_of(redis);
 *
 *     flask_redis_mock_clock_stop(mock);
 *     remember_for_an_hour(redis, "k");             // what is to be tested
 *     flask_redis_mock_clock_move(mock, 3600000);   // ... k has expired
 *
 *     flask_redis_mock_fail(mock, 1, "LOADING Redis is loading the dataset in memory");
 *     flask_redis_mock_drop(mock, 1);               // the connection is lost instead of an answer
 *
 *     flask_redis_mock_snapshot(mock, "clean");
 *     flask_redis_mock_restore(mock, "clean");      // before each test
 *
 *     flask_redis_mock_free(mock);
 *
 * An engine is a whole Redis in memory: data of 16 databases, connections, a clock. It lives as
 * long as a handle or a FlaskRedisMock refers to it, and is used by any number of threads at once.
 * A command that blocks holds up its own thread only, and is woken by what another one does. After
 * fork() the child has a copy of its own, in which the connections of other threads are gone.
 *
 * Time: whatever Redis measures follows the engine's clock: expiry, idle times, the timeouts of
 * commands that block. While it is stopped, BLPOP waits until it is moved. What the library and the
 * peer of a connection would measure follows the real one: socket_timeout, the timeout of
 * flask_redis_get_message, flask_redis_mock_delay.
 *
 * The same is ordered with the command MOCK over any connection: flask_redis_command(redis, "MOCK
 * CLOCK MOVE %d", 1000). Everything here returns OK, or NO_MEMORY: then the engine has lost its
 * data and orders, as a server that was killed. */
#ifndef FLASKREDIS_MOCK_H
#define FLASKREDIS_MOCK_H

#include <stdint.h>

#include <flaskredis/client.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct FlaskRedisMock FlaskRedisMock;

/* Refer to the engine of a handle. The caller frees it, before or after the handle. NULL: the last
 * error says why; DATA: the handle's provider is not "mock", nor its URL mock://. */
FlaskRedisMock *flask_redis_mock_of(FlaskRedis *redis);

/* Refer to the engine of a name, that of mock://NAME, which is made if there is none. The caller
 * frees it. NULL: NO_MEMORY, or ASSERTION: the name is NULL or empty. */
FlaskRedisMock *flask_redis_mock_named(const char *name);

/* Refer to the engine no longer. NULL is fine. */
void flask_redis_mock_free(FlaskRedisMock *mock);

/* Stop the engine's clock where it is. */
FlaskRedisStatus flask_redis_mock_clock_stop(FlaskRedisMock *mock);

/* Stop it at a time, in milliseconds since 1970. */
FlaskRedisStatus flask_redis_mock_clock_set(FlaskRedisMock *mock, int64_t unix_ms);

/* Move it, stopped or not: keys expire and waits end as if the time had passed. */
FlaskRedisStatus flask_redis_mock_clock_move(FlaskRedisMock *mock, int64_t by_ms);

/* Let it run as the system's again. */
FlaskRedisStatus flask_redis_mock_clock_run(FlaskRedisMock *mock);

/* Answer the next count commands with an error ("ERR text") instead of executing them. What a
 * connection begins with (AUTH, CLIENT, HELLO, SELECT ...) and MOCK are not counted, here and
 * below. */
FlaskRedisStatus flask_redis_mock_fail(FlaskRedisMock *mock, uint64_t count, const char *error);

/* Hold the answers to the next count commands back for so long. */
FlaskRedisStatus flask_redis_mock_delay(FlaskRedisMock *mock, uint64_t count, int64_t ms);

/* Close the connection instead of executing the next count commands: CONNECTION, and since nobody
 * can know, maybe_executed. */
FlaskRedisStatus flask_redis_mock_drop(FlaskRedisMock *mock, uint64_t count);

/* Begin chance anew: the same seed and the same commands give the same answers of SPOP, RANDOMKEY
 * and their kin. An engine begins with seed 0. */
FlaskRedisStatus flask_redis_mock_seed(FlaskRedisMock *mock, uint64_t seed);

/* Keep a copy of all data under a name. */
FlaskRedisStatus flask_redis_mock_snapshot(FlaskRedisMock *mock, const char *name);

/* Bring such a copy back, any number of times. Connections stay. KEY_ERROR: there is none. */
FlaskRedisStatus flask_redis_mock_restore(FlaskRedisMock *mock, const char *name);

/* Forget data, snapshots, scripts and everything ordered above. Connections stay. */
FlaskRedisStatus flask_redis_mock_reset(FlaskRedisMock *mock);

#ifdef __cplusplus
}
#endif

#endif
