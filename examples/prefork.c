/* A pre-fork server: one handle, made and used before fork(), serves the parent and all workers.
 * Each process gets connections of its own; no worker can meet the reply of another. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <flaskredis.h>

enum {
    WORKERS = 4,
    REQUESTS = 250
};

static FlaskRedis *redis; /* a program-wide global, as in most programs */

static int serve(int worker)
{
    char key[32];
    snprintf(key, sizeof(key), "served:%d", worker);
    for (int i = 0; i < REQUESTS; i++) {
        if (flask_redis_incr(redis, key, NULL) != FLASK_REDIS_OK ||
            flask_redis_incr(redis, "served", NULL) != FLASK_REDIS_OK) {
            fprintf(stderr, "worker %d: %s\n", worker, flask_redis_last_error()->text);
            return 1;
        }
    }
    return 0;
}

int main(void)
{
    FlaskApp *app = flask_app_new();
    FlaskRedisBytes served = {0};
    int status, failed = 0;

    flask_app_config_from_env(app, NULL);
    redis = flask_redis_new(app, NULL);
    if (redis == NULL || flask_redis_set(redis, "served", "0", NULL) != FLASK_REDIS_OK) {
        fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        return 1;
    }
    for (int worker = 0; worker < WORKERS; worker++) {
        if (fork() == 0) {
            _exit(serve(worker));
        }
    }
    while (wait(&status) > 0) {
        failed |= status;
    }
    if (flask_redis_get(redis, "served", &served) == FLASK_REDIS_OK) {
        printf("served: %s\n", served.data);
    }
    flask_redis_bytes_free(&served);
    flask_redis_free(redis);
    flask_app_free(app);
    return failed != 0;
}
