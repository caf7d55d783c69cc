/* Publish/subscribe: a handler for one channel, everything else in a loop, and the end by
 * unsubscribing. The program publishes to itself. */
#include <stdio.h>

#include <flaskredis.h>

static void on_weather(FlaskRedisPubSub *news, const FlaskRedisMessage *message, void *user_data)
{
    (void)news;
    (void)user_data;
    printf("weather: %s\n", message->data.data);
}

static void on_any(FlaskRedisPubSub *news, const FlaskRedisMessage *message, void *user_data)
{
    int *left = user_data;

    if (message->type == FLASK_REDIS_RECONNECTED) {
        printf("the connection was lost: some news may be missing\n");
        return;
    }
    printf("%s: %s\n", message->channel.data, message->data.data);
    if (--*left == 0) {
        flask_redis_unsubscribe(news, FLASK_REDIS_NONE);
        flask_redis_punsubscribe(news, FLASK_REDIS_NONE);
    }
}

int main(void)
{
    FlaskApp *app = flask_app_new();
    int left = 2;

    flask_app_config_from_env(app, NULL);
    FlaskRedis *redis = flask_redis_new(app, NULL);
    FlaskRedisPubSub *news = redis != NULL ? flask_redis_pubsub(redis) : NULL;
    if (news == NULL ||
        flask_redis_subscribe(news, "weather", on_weather, NULL) != FLASK_REDIS_OK ||
        flask_redis_psubscribe(news, "sport:*", NULL, NULL) != FLASK_REDIS_OK) {
        fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        return 1;
    }
    flask_redis_ignore_subscribe_messages(news, true);
    flask_redis_pubsub_ping(news); /* the answer says that the subscriptions stand */
    FlaskRedisMessage message;
    while (flask_redis_get_message(news, 5, &message) == FLASK_REDIS_OK &&
           message.type != FLASK_REDIS_PONG) {
    }
    flask_redis_publish(redis, "weather", "fine", NULL);
    flask_redis_publish(redis, "sport:chess", "1-0", NULL);
    flask_redis_publish(redis, "sport:go", "B+R", NULL);

    FlaskRedisStatus status = flask_redis_listen(news, on_any, &left);
    flask_redis_pubsub_free(news);
    flask_redis_free(redis);
    flask_app_free(app);
    return status != FLASK_REDIS_OK;
}
