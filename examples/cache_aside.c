/* Cache-aside, and how to test it: with TESTING set the same program uses a provider of its own in
 * place of the daemon, by one line. Such a provider needs no server, and counts what it is asked.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <flaskredis.h>
#include <flaskredis/provider.h>

/* --- the application -------------------------------------------------------------------------- */

static int loads;

/* What is expensive. */
static const char *load_price(const char *article)
{
    (void)article;
    loads++;
    return "9.90";
}

static void print_price(FlaskRedis *cache, const char *article)
{
    FlaskRedisBytes price = {0};
    FlaskRedisStatus status = flask_redis_get(cache, article, &price);

    if (status == FLASK_REDIS_OK) {
        printf("%s costs %s (cached)\n", article, price.data);
        flask_redis_bytes_free(&price);
        return;
    }
    if (status != FLASK_REDIS_NIL) { /* a cache that fails is no reason to fail */
        fprintf(stderr, "cache: %s\n", flask_redis_last_error()->text);
    }
    const char *fresh = load_price(article);
    flask_redis_set(cache, article, fresh, &(FlaskRedisSet){.ex = 300});
    printf("%s costs %s\n", article, fresh);
}

/* --- the provider of its tests ---------------------------------------------------------------- */

struct memory {
    char key[32], value[32];
    int asked;
};

static FlaskRedisStatus execute(void *session, const FlaskRedisCommand *command, redisReply **reply)
{
    struct memory *memory = session;
    const char *name = command->argv[0].data;

    memory->asked++;
    if (strcasecmp(name, "SET") == 0) {
        snprintf(memory->key, sizeof(memory->key), "%s", command->argv[1].data);
        snprintf(memory->value, sizeof(memory->value), "%s", command->argv[2].data);
        *reply = flask_redis_reply_status("OK");
    } else if (strcasecmp(name, "GET") == 0) {
        *reply = strcmp(memory->key, command->argv[1].data) == 0
                     ? flask_redis_reply_string(memory->value, strlen(memory->value))
                     : flask_redis_reply_nil();
    } else {
        *reply = flask_redis_reply_error("ERR unknown command");
    }
    return *reply != NULL ? FLASK_REDIS_OK : FLASK_REDIS_NO_MEMORY;
}

static struct memory memory;

static const FlaskRedisProvider one_key = {
    .size = sizeof(FlaskRedisProvider), .name = "one key", .context = &memory, .execute = execute};

int main(void)
{
    const FlaskRedisOptions options = {.config_prefix = "CACHE"};
    FlaskApp *app = flask_app_new();

    flask_app_config_from_env(app, NULL);
    FlaskRedis *cache = flask_app_testing(app)
                            ? flask_redis_from_custom_provider(&one_key, app, &options)
                            : flask_redis_new(app, &options);
    if (cache == NULL) {
        fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        return 1;
    }
    print_price(cache, "article:1");
    print_price(cache, "article:1");
    printf("loaded %d time(s)\n", loads);
    if (flask_app_testing(app)) {
        printf("the provider was asked %d times\n", memory.asked);
    }
    flask_redis_free(cache);
    flask_app_free(app);
    return 0;
}
