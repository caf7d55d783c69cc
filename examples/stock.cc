// C++: text and std::string go where bytes are wanted, lists are written in braces, and a
// unique_ptr frees what the library made.
#include <cstdio>
#include <memory>
#include <string>

#include <hiredis/hiredis.h>

#include <flaskredis.h>

using App = std::unique_ptr<FlaskApp, decltype(&flask_app_free)>;
using Redis = std::unique_ptr<FlaskRedis, decltype(&flask_redis_free)>;
using Reply = std::unique_ptr<redisReply, decltype(&flask_redis_reply_free)>;

static std::string take(FlaskRedisBytes &bytes)
{
    std::string text(bytes.data ? bytes.data : "", bytes.len);
    flask_redis_bytes_free(&bytes);
    return text;
}

int main()
{
    App app(flask_app_new(), flask_app_free);
    flask_app_config_from_env(app.get(), nullptr);
    Redis redis(flask_redis_new(app.get(), nullptr), flask_redis_free);
    const std::string key = "stock:bolts";
    FlaskRedisBytes left;
    int64_t gone = 0;

    if (!redis || flask_redis_set(redis.get(), key, "5", nullptr) != FLASK_REDIS_OK) {
        std::fprintf(stderr, "%s\n", flask_redis_last_error()->text);
        return 1;
    }
    Reply reply(flask_redis_command(redis.get(), "DECRBY %s %d", key.c_str(), 2),
                flask_redis_reply_free);
    std::printf("%lld left\n", reply ? reply->integer : -1);
    flask_redis_get(redis.get(), key, &left);
    std::printf("%s left\n", take(left).c_str());
    flask_redis_delete(redis.get(), {key, "stock:nuts"}, &gone);
    std::printf("%lld deleted\n", static_cast<long long>(gone));
    return 0;
}
