/* What a first program looks like: an application, two prefixes, a few commands.
 *
 *     cc quickstart.c $(pkg-config --cflags --libs flaskredis) && ./a.out
 *
 * It takes its URLs from the environment (REDIS_URL, CACHE_URL), and the daemon's sockets where
 * there are none. */
#include <stdio.h>
#include <stdlib.h>

#include <flaskredis.h>

static FlaskRedis *open_or_exit(FlaskApp *app, const char *prefix)
{
    FlaskRedis *redis = flask_redis_new(app, &(FlaskRedisOptions){.config_prefix = prefix});
    if (redis == NULL) {
        fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        exit(1);
    }
    return redis;
}

int main(void)
{
    FlaskApp *app = flask_app_new();
    flask_app_config_from_env(app, NULL);
    FlaskRedis *redis = open_or_exit(app, "REDIS");
    FlaskRedis *cache = open_or_exit(app, "CACHE");
    FlaskRedisPairs user = {0};
    FlaskRedisBytes page = {0};

    flask_redis_hset_mapping(redis, "user:1", FLASK_REDIS_LIST("name", "Ada", "team", "engines"),
                             NULL);
    if (flask_redis_hgetall(redis, "user:1", &user) != FLASK_REDIS_OK) {
        fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        return 1;
    }
    for (size_t i = 0; i < user.count; i++) {
        printf("%s = %s\n", user.items[i].name.data, user.items[i].value.data);
    }
    flask_redis_pairs_free(&user);

    if (flask_redis_set(cache, "page", "<html>", &(FlaskRedisSet){.ex = 60, .nx = true}) ==
        FLASK_REDIS_NOT_SET) {
        printf("the page was cached already\n");
    }
    if (flask_redis_get(cache, "page", &page) == FLASK_REDIS_OK) {
        printf("page: %s\n", page.data);
    }
    flask_redis_bytes_free(&page);

    printf("extensions found: %s\n",
           flask_app_extension(app, "redis") == redis && flask_app_extension(app, "cache") == cache
               ? "yes"
               : "no");
    flask_redis_free(cache);
    flask_redis_free(redis);
    flask_app_free(app);
    return 0;
}
