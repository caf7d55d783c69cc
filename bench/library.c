/* What a synchronous GET costs the client's processor: bare hiredis, and libflaskredis, on the same
 * Unix socket, by turns.
 *
 *     library SOCKET [REQUESTS] [ROUNDS]
 *
 * Prints the microseconds of processor time for each, the medians of the rounds, and their ratio.
 */
#include <stdio.h>
#include <stdlib.h>

#include <flaskredis.h>

#include "bench/clock.h"
#include "bench/target.h"

enum {
    REQUESTS = 100000,
    ROUNDS = 9,
    ROUNDS_MAX = 101
};

static int by_size(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_size);
    return values[count / 2];
}

static double measure_hiredis(redisContext *link, long requests)
{
    double before = clock_cpu_s();
    for (long i = 0; i < requests; i++) {
        redisReply *reply = redisCommand(link, "GET %s", TARGET_KEY);
        if (!reply || !target_value_is(reply)) {
            fprintf(stderr, "library: hiredis: %s\n", link->errstr);
            exit(1);
        }
        freeReplyObject(reply);
    }
    return (clock_cpu_s() - before) * 1e6 / (double)requests;
}

static double measure_library(FlaskRedis *redis, long requests)
{
    double before = clock_cpu_s();
    for (long i = 0; i < requests; i++) {
        FlaskRedisBytes value;
        if (flask_redis_get(redis, TARGET_KEY, &value) != FLASK_REDIS_OK ||
            value.len != TARGET_VALUE_LEN) {
            fprintf(stderr, "library: %s\n", flask_redis_last_error()->text);
            exit(1);
        }
        flask_redis_bytes_free(&value);
    }
    return (clock_cpu_s() - before) * 1e6 / (double)requests;
}

static FlaskRedis *open_library(FlaskApp *app, const char *path)
{
    char url[256];
    snprintf(url, sizeof(url), "unix://%s", path);
    flask_app_config_set(app, "REDIS_URL", url);
    return flask_redis_new(app, NULL);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: library SOCKET [REQUESTS] [ROUNDS]\n");
        return 2;
    }
    long requests = argc > 2 ? strtol(argv[2], NULL, 10) : REQUESTS;
    size_t rounds = argc > 3 ? strtoul(argv[3], NULL, 10) : ROUNDS;
    static double bare[ROUNDS_MAX], library[ROUNDS_MAX];
    struct target target = {.socket_path = argv[1]};
    FlaskApp *app = flask_app_new();
    FlaskRedis *redis = open_library(app, argv[1]);
    redisContext *link = target_connect_or_say(&target);

    if (!redis || !link || rounds < 1 || rounds > ROUNDS_MAX ||
        flask_redis_set(redis, TARGET_KEY, TARGET_VALUE, NULL) != FLASK_REDIS_OK) {
        fprintf(stderr, "library: %s\n", flask_redis_last_error()->text);
        return 1;
    }
    for (size_t i = 0; i < rounds; i++) {
        bare[i] = measure_hiredis(link, requests);
        library[i] = measure_library(redis, requests);
    }
    double least = median(bare, rounds), ours = median(library, rounds);
    printf(
        "GET, processor time of the client: hiredis %.2f us, libflaskredis %.2f us, ratio %.3f\n",
        least, ours, ours / least);
    redisFree(link);
    flask_redis_free(redis);
    flask_app_free(app);
    return 0;
}
