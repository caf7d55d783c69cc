/* Constant load by the library, until SIGTERM: each thread counts in a key of its own and knows
 * what INCR must answer next. Prints what came of it, and exits with 1 when a command was lost, ran
 * twice or was left in doubt.
 *
 *     load [THREADS]
 */
#include <flaskredis.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    THREADS = 8,
    THREADS_MAX = 64
};

struct count {
    pthread_t thread;
    char key[32];
    int64_t done;
    int64_t in_doubt;
    int64_t failed; /* and not run */
    int64_t wrong;  /* answers that were not the next number */
};

static FlaskRedis *redis;
static atomic_bool is_over;
static struct count counts[THREADS_MAX];

static void note_failure(struct count *count)
{
    const FlaskRedisError *error = flask_redis_last_error();
    int64_t *kind = error->maybe_executed ? &count->in_doubt : &count->failed;
    if ((*kind)++ == 0) {
        fprintf(stderr, "%s: %s%s\n", count->key, error->text,
                error->maybe_executed ? " (may have run)" : "");
    }
}

static void *work(void *context)
{
    struct count *count = context;
    int64_t number = 0;
    while (!atomic_load(&is_over)) {
        if (flask_redis_incr(redis, count->key, &number) != FLASK_REDIS_OK) {
            note_failure(count);
            continue;
        }
        count->done++;
        count->wrong += count->in_doubt == 0 && number != count->done;
    }
    return NULL;
}

static void wait_for_the_end(void)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigwait(&set, &number);
}

static void block_the_end(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* What the server has counted beyond what was done and is in doubt. */
static int64_t surplus(const struct count *count)
{
    FlaskRedisBytes bytes = {0};
    if (flask_redis_get(redis, count->key, &bytes) != FLASK_REDIS_OK) {
        return 1;
    }
    int64_t stands = bytes.data == NULL ? 0 : strtoll(bytes.data, NULL, 10);
    flask_redis_bytes_free(&bytes);
    bool is_right = stands >= count->done && stands <= count->done + count->in_doubt;
    return is_right ? 0 : 1;
}

int main(int argc, char **argv)
{
    int threads = argc > 1 ? atoi(argv[1]) : THREADS;
    threads = threads < 1 || threads > THREADS_MAX ? THREADS : threads;
    FlaskApp *app = flask_app_new();
    struct count all = {0};
    redis = flask_redis_new(app, &(FlaskRedisOptions){.socket_connect_timeout = 20});
    if (redis == NULL || flask_redis_delete(redis, "load:0", NULL) != FLASK_REDIS_OK) {
        fprintf(stderr, "load: %s\n", flask_redis_last_error()->text);
        return 2;
    }
    block_the_end();
    for (int i = 0; i < threads; i++) {
        snprintf(counts[i].key, sizeof(counts[i].key), "load:%d", i);
        flask_redis_delete(redis, counts[i].key, NULL);
        pthread_create(&counts[i].thread, NULL, work, &counts[i]);
    }
    wait_for_the_end();
    atomic_store(&is_over, true);
    for (int i = 0; i < threads; i++) {
        pthread_join(counts[i].thread, NULL);
        all.done += counts[i].done;
        all.in_doubt += counts[i].in_doubt;
        all.failed += counts[i].failed;
        all.wrong += counts[i].wrong + surplus(&counts[i]);
    }
    printf("%lld done, %lld in doubt, %lld failed, %lld wrong\n", (long long)all.done,
           (long long)all.in_doubt, (long long)all.failed, (long long)all.wrong);
    flask_redis_free(redis);
    flask_app_free(app);
    return all.done > 0 && all.in_doubt == 0 && all.failed == 0 && all.wrong == 0 ? 0 : 1;
}
