/* Applications that bring their own URL, through the daemon: what it refuses and how that reads,
 * what options add to the URL, and what becomes of it over a restart. */
#include "tests/client/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "[UNUSED]\nurl = redis://h:1\n"

static struct server *server;
static struct daemon *pooler;

static void start(const char *settings)
{
    char *config = case_alloc(512);
    server = server_start(NULL);
    snprintf(config, 512, "[flaskredisd]\n%s\n" PREFIX, settings);
    pooler = daemon_start(server_url(server), config);
}

static FlaskRedis *handle_on(const char *url, const FlaskRedisOptions *options)
{
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", url));
    return fixture_keep(flask_redis_new(app, options));
}

static char *url_with(const char *login, const char *rest)
{
    char *url = case_alloc(256);
    snprintf(url, 256, "redis://%s127.0.0.1:%u%s", login, server->port, rest);
    return url;
}

static void a_refused_url_is_unavailable_and_names_the_setting(void)
{
    start("client_urls = db.example");
    FlaskRedis *redis = handle_on(url_with(":hunter2@", ""), NULL);
    int64_t value;
    STATUS(flask_redis_incr(redis, "k", &value), FLASK_REDIS_UNAVAILABLE);
    EXPECT_HAS(last_text(), "are not allowed (setting \"client_urls\")");
    EXPECT_LACKS(last_text(), "hunter");
    EXPECT(!flask_redis_last_error()->maybe_executed);
    redis = handle_on("rediss://db.example", NULL);
    STATUS(flask_redis_incr(redis, "k", &value), FLASK_REDIS_UNAVAILABLE);
    EXPECT_HAS(last_text(), "TLS is not built in yet");
}

static void what_is_not_supported_yet_is_told_when_the_handle_is_made(void)
{
    static const char *const urls[] = {"redis+sentinel://h/name", "redis+cluster://h"};
    FlaskApp *app = fixture_app();
    for (size_t i = 0; i < 2; i++) {
        OK(flask_app_config_set(app, "REDIS_URL", urls[i]));
        EXPECT(flask_redis_new(app, NULL) == NULL);
        EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_UNAVAILABLE);
        EXPECT_HAS(last_text(), "is not supported yet");
    }
}

static void without_a_daemon_the_main_socket_is_named(void)
{
    setenv("FLASKREDIS_RUNTIME_DIR", case_dir(), 1);
    FlaskRedis *redis = handle_on("redis://h", NULL);
    int64_t value;
    STATUS(flask_redis_incr(redis, "k", &value), FLASK_REDIS_UNAVAILABLE);
    EXPECT_HAS(last_text(), case_path("flaskredisd.sock"));
    EXPECT_HAS(last_text(), "systemctl start flaskredisd");
}

static void with_all_pools_in_use_it_is_a_connection_s_error(void)
{
    start("client_urls = any\nclient_pools_max = 1");
    FlaskRedis *first = handle_on(url_with("", "/1"), NULL);
    int64_t value;
    OK(flask_redis_incr(first, "k", &value));
    FlaskRedis *second = handle_on(url_with("", "/2"), NULL);
    STATUS(flask_redis_incr(second, "k", &value), FLASK_REDIS_POOL_EXHAUSTED);
    EXPECT_HAS(last_text(), "setting \"client_pools_max\"");
    EXPECT(flask_redis_status_is(flask_redis_last_error()->status, FLASK_REDIS_CONNECTION));
    OK(flask_redis_incr(first, "k", &value));
    EXPECT_NUMBER(value, 2);
}

static void options_add_what_the_url_does_not_say(void)
{
    static const FlaskRedisOptions options = {
        .db = 3, .username = "joe", .password = "p@ss w:rd/%", .client_name = "worker"};
    start("client_urls = any");
    struct client *admin = server_client(server);
    client_command(admin, "ACL", "SETUSER", "joe", "on", ">p@ss w:rd/%", "~*", "&*", "+@all", NULL);
    EXPECT_REPLY(admin, "+OK\r\n");
    FlaskRedis *redis = handle_on(url_with("", ""), &options);
    redisReply *reply = flask_redis_command(redis, "ACL WHOAMI");
    EXPECT(reply != NULL && reply->str != NULL && strcmp(reply->str, "joe") == 0);
    flask_redis_reply_free(reply);
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(server, 3), 1);
    reply = flask_redis_command(redis, "CLIENT GETNAME");
    EXPECT(reply != NULL && reply->str != NULL && strcmp(reply->str, "worker") == 0);
    flask_redis_reply_free(reply);
    /* what the URL says wins */
    redis = handle_on(url_with("", "/5"), &options);
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(server, 5), 1);
}

static void a_wrong_password_is_told(void)
{
    start("client_urls = any");
    FlaskRedis *redis = handle_on(url_with(":hunter2@", ""), NULL);
    int64_t value;
    STATUS(flask_redis_incr(redis, "k", &value), FLASK_REDIS_CONNECTION);
    EXPECT_LACKS(last_text(), "hunter");
}

static void a_restart_of_the_daemon_is_survived(void)
{
    start("client_urls = any");
    FlaskRedis *redis = handle_on(url_with("", ""), NULL);
    int64_t value;
    for (int64_t round = 1; round <= 4; round++) {
        OK(flask_redis_incr(redis, "k", &value));
        EXPECT_NUMBER(value, round);
        daemon_stop(pooler);
        daemon_restart_at(pooler, "[UNUSED]");
    }
}

static void two_handles_on_one_url_share_a_connection(void)
{
    start("client_urls = any");
    FlaskRedis *one = handle_on(url_with("", ""), NULL),
               *other = handle_on(url_with("", "/0"), NULL);
    int64_t value;
    OK(flask_redis_incr(one, "k", &value));
    OK(flask_redis_incr(other, "k", &value));
    EXPECT_NUMBER(value, 2);
    EXPECT_BETWEEN(server_clients(server, "name=flaskredisd:redis://127.0.0.1"), 1,
                   daemon_workers());
}

static const struct test_case cases[] = {
    {"a refused URL is UNAVAILABLE, and the text names the setting",
     a_refused_url_is_unavailable_and_names_the_setting},
    {"what is not supported yet is told when the handle is made",
     what_is_not_supported_yet_is_told_when_the_handle_is_made},
    {"without a daemon the main socket is named", without_a_daemon_the_main_socket_is_named},
    {"with all pools in use it is an error of connections",
     with_all_pools_in_use_it_is_a_connection_s_error},
    {"options add what the URL does not say", options_add_what_the_url_does_not_say},
    {"a wrong password is told, and not which", a_wrong_password_is_told},
    {"a restart of the daemon is survived", a_restart_of_the_daemon_is_survived},
    {"two handles on one URL share a connection", two_handles_on_one_url_share_a_connection},
};

SUITE_MAIN("urls", cases)
