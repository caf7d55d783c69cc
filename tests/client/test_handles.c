/* Applications, options, handles, providers: what holds before a command is run. */
#include "tests/client/fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/support/peer.h"

/* --- configuration ---------------------------------------------------------------------------- */

static void expect_setting(FlaskApp *app, const char *key, const char *expected)
{
    const char *value = flask_app_config_get(app, key);
    if (value == NULL || strcmp(value, expected) != 0) {
        FAIL("%s: got %s, expected %s", key, value != NULL ? value : "nothing", expected);
    }
}

static void the_last_one_wins(void)
{
    FlaskApp *app = fixture_app();
    char *path = case_path("app.conf");
    EXPECT(flask_app_config_get(app, "A_URL") == NULL);
    OK(flask_app_config_set(app, "A_URL", "one"));
    file_write(path, "# comment\n\n A_URL = \"two words\" \n;x\nB='3'\nC=a=b\nD=\n");
    OK(flask_app_config_from_file(app, path));
    expect_setting(app, "A_URL", "two words");
    expect_setting(app, "B", "3");
    expect_setting(app, "C", "a=b");
    expect_setting(app, "D", "");
    setenv("SHOP_A_URL", "four", 1);
    setenv("SHOP_", "nameless", 1);
    OK(flask_app_config_from_env(app, "SHOP_"));
    expect_setting(app, "A_URL", "four");
    OK(flask_app_config_from_env(app, NULL));
    expect_setting(app, "SHOP_A_URL", "four");
    OK(flask_app_config_set(app, "A_URL", NULL));
    EXPECT(flask_app_config_get(app, "A_URL") == NULL);
}

static void a_bad_file_changes_nothing(void)
{
    FlaskApp *app = fixture_app();
    char *path = case_path("app.conf");
    file_write(path, "A=1\nno equals\n");
    STATUS(flask_app_config_from_file(app, path), FLASK_REDIS_DATA);
    EXPECT_HAS(last_text(), "app.conf:2:");
    EXPECT(flask_app_config_get(app, "A") == NULL);
    STATUS(flask_app_config_from_file(app, case_path("none")), FLASK_REDIS_DATA);
    EXPECT_HAS(last_text(), "No such file");
    STATUS(flask_app_config_set(app, "a=b", "c"), FLASK_REDIS_DATA);
    STATUS(flask_app_config_set(app, "", "c"), FLASK_REDIS_DATA);
}

static void testing(void)
{
    FlaskApp *app = fixture_app();
    EXPECT(!flask_app_testing(app));
    OK(flask_app_config_set(app, "TESTING", "True"));
    EXPECT(flask_app_testing(app));
    OK(flask_app_config_set(app, "TESTING", "0"));
    EXPECT(!flask_app_testing(app));
}

/* --- handles ---------------------------------------------------------------------------------- */

static void two_prefixes(void)
{
    struct server *server = server_start(NULL);
    daemon_start(server_url(server), "[REDIS]\nurl = {url}?db=1\n[CACHE]\nurl = {url}?db=2\n");
    FlaskApp *app = fixture_app();
    FlaskRedis *redis = fixture_keep(flask_redis_new(app, NULL));
    FlaskRedis *cache =
        fixture_keep(flask_redis_new(app, &(FlaskRedisOptions){.config_prefix = "CACHE"}));
    FlaskRedisBytes value;
    EXPECT(flask_app_extension(app, "redis") == redis);
    EXPECT(flask_app_extension(app, "cache") == cache);
    EXPECT(flask_app_extension(app, "REDIS") == NULL);
    OK(flask_redis_set(redis, "k", "one", NULL));
    OK(flask_redis_set(cache, "k", "two", NULL));
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "one");
    EXPECT_NUMBER(server_keys(server, 1), 1);
    EXPECT_NUMBER(server_keys(server, 2), 1);
}

static void before_init_app(void)
{
    FlaskRedis *redis = fixture_keep(flask_redis_new(NULL, NULL));
    FlaskRedisBytes value;
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_NOT_INITIALISED);
    EXPECT_HAS(last_text(), "flask_redis_init_app");
    EXPECT(flask_redis_command(redis, "GET k") == NULL);
    EXPECT(flask_redis_pipeline(redis, true) == NULL);
    EXPECT(flask_redis_pubsub(redis) == NULL);
    STATUS(flask_redis_multi(redis), FLASK_REDIS_NOT_INITIALISED);
    STATUS(flask_redis_init_app(redis, NULL, NULL), FLASK_REDIS_ASSERTION);
}

static void init_app_again(void)
{
    struct server *one = server_start(NULL), *two = server_start(NULL);
    FlaskApp *first = fixture_app(), *second = fixture_app();
    FlaskRedis *redis = fixture_keep(flask_redis_new(NULL, &(FlaskRedisOptions){.db = 3}));
    OK(flask_app_config_set(first, "REDIS_URL", server_url(one)));
    OK(flask_app_config_set(second, "SHOP_URL", server_url(two)));
    OK(flask_redis_init_app(redis, first, NULL));
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(one, 3), 1);
    OK(flask_redis_init_app(redis, second, &(FlaskRedisOptions){.config_prefix = "SHOP"}));
    EXPECT(flask_app_extension(second, "shop") == redis);
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(two, 3), 1);
    OK(flask_app_config_set(first, "SHOP_URL", "redis://x/y"));
    STATUS(flask_redis_init_app(redis, first, NULL), FLASK_REDIS_DATA);
    OK(flask_redis_set(redis, "again", "v", NULL));
    EXPECT_NUMBER(server_keys(two, 3), 2);
}

static void options_and_urls(void)
{
    struct server *server = server_start("--requirepass secret");
    FlaskApp *app = fixture_app();
    char url[256];
    snprintf(url, sizeof(url), "%s?db=4&client_name=of-the-url", server_url(server));
    OK(flask_app_config_set(app, "A_URL", url));
    OK(flask_app_config_set(app, "B_URL", server_url(server)));
    FlaskRedisOptions options = {.config_prefix = "A",
                                 .db = 7,
                                 .password = "secret",
                                 .client_name = "of-the-options",
                                 .strict = true};
    FlaskRedis *redis = fixture_keep(flask_redis_new(app, &options));
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(server, 4), 1);
    EXPECT_NUMBER(server_clients(server, "name=of-the-url"), 1);
    options.config_prefix = "B";
    redis = fixture_keep(flask_redis_new(app, &options));
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_keys(server, 7), 1);
    EXPECT_NUMBER(server_clients(server, "name=of-the-options"), 1);
    options.password = "wrong";
    redis = fixture_keep(flask_redis_new(app, &options));
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_AUTH);
    EXPECT_LACKS(last_text(), "wrong\"");
}

/* The user of a server, by option and by URL; what the URL says wins as a whole. */
static void users(void)
{
    struct server *server = server_start(NULL);
    FlaskApp *app = fixture_app();
    char url[256];
    server_ask(server, "ACL SETUSER ada on >lovelace ~* +@all");
    OK(flask_app_config_set(app, "A_URL", server_url(server)));
    FlaskRedisOptions options = {.config_prefix = "A", .username = "ada", .password = "lovelace"};
    FlaskRedis *redis = fixture_keep(flask_redis_new(app, &options));
    OK(flask_redis_set(redis, "k", "v", NULL));
    EXPECT_NUMBER(server_clients(server, "user=ada"), 1);
    options.password = "wrong";
    STATUS(flask_redis_set(fixture_keep(flask_redis_new(app, &options)), "k", "v", NULL),
           FLASK_REDIS_AUTH);
    snprintf(url, sizeof(url), "unix://ada:lovelace@%s?db=2", server->socket_path);
    OK(flask_app_config_set(app, "A_URL", url));
    OK(flask_redis_set(fixture_keep(flask_redis_new(app, &options)), "k", "v", NULL));
    EXPECT_NUMBER(server_keys(server, 2), 1);
    EXPECT_NUMBER(server_clients(server, "user=ada db=2"), 1);
}

static void bad_urls_and_options(void)
{
    static const struct {
        const char *url, *says;
    } bad[] = {
        {"redis://h/x", "A_URL: path is not a database number"},
        {"redis://h/1/2", "A_URL: path has several parts"},
        {"redis://h?nonsense=1", "A_URL: query: unknown key"},
        {"ftp://h", "A_URL: scheme is unknown"},
        {"unix://relative", "A_URL: path is relative"},
    };
    static const FlaskRedisOptions bad_options[] = {{.db = -1},
                                                    {.socket_timeout = 1e9},
                                                    {.socket_connect_timeout = 1e9},
                                                    {.health_check_interval = 1e9},
                                                    {.max_connections = -2},
                                                    {.transport = (FlaskRedisTransport)3},
                                                    {.config_prefix = "a b"}};
    FlaskApp *app = fixture_app();
    FlaskRedisOptions options = {.config_prefix = "A"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        OK(flask_app_config_set(app, "A_URL", bad[i].url));
        EXPECT(flask_redis_new(app, &options) == NULL);
        EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
        EXPECT_HAS(last_text(), bad[i].says);
    }
    EXPECT(flask_app_extension(app, "a") == NULL);
    for (size_t i = 0; i < sizeof(bad_options) / sizeof(bad_options[0]); i++) {
        EXPECT(flask_redis_new(app, &bad_options[i]) == NULL);
        EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_DATA);
        EXPECT_HAS(last_text(), "option ");
    }
}

static void a_freed_handle_is_no_extension(void)
{
    FlaskApp *app = fixture_app();
    FlaskRedis *redis = flask_redis_new(app, NULL);
    EXPECT(flask_app_extension(app, "redis") == redis);
    flask_redis_free(redis);
    EXPECT(flask_app_extension(app, "redis") == NULL);
    flask_redis_free(NULL);
    flask_app_free(NULL);
}

static void a_missing_daemon(void)
{
    setenv("FLASKREDIS_RUNTIME_DIR", case_dir(), 1);
    FlaskRedis *redis = fixture_keep(flask_redis_new(fixture_app(), NULL));
    errno = 4711;
    STATUS(flask_redis_set(redis, "k", "v", NULL), FLASK_REDIS_UNAVAILABLE);
    EXPECT_NUMBER(errno, 4711);
    EXPECT_HAS(last_text(), case_path("redis.sock"));
    EXPECT_HAS(last_text(), "systemctl start flaskredisd");
    EXPECT(!flask_redis_last_error()->maybe_executed);
}

/* --- providers -------------------------------------------------------------------------------- */

/* Nothing is said of an address: Flask-Redis' own, where a server may stand or not. */
static void the_default_url(void)
{
    FlaskRedisOptions options = {.socket_connect_timeout = 1, .client_name = "of-the-test"};
    FlaskRedis *redis = fixture_keep(
        flask_redis_from_custom_provider(flask_redis_direct_provider(), fixture_app(), &options));
    redisReply *reply = flask_redis_command(redis, "PING");
    EXPECT(strcmp(FLASK_REDIS_DEFAULT_URL, "redis://localhost:6379/0") == 0);
    if (reply == NULL) {
        EXPECT_HAS(last_text(), "redis://localhost:6379");
    }
    flask_redis_reply_free(reply);
}

static FlaskRedisStatus canned(void *session, const FlaskRedisCommand *command, redisReply **reply)
{
    const char *name = command->argv[0].data;
    if (strcasecmp(name, "GET") == 0) {
        *reply = flask_redis_reply_string(session, strlen(session));
    } else if (strcasecmp(name, "MGET") == 0) {
        *reply = flask_redis_reply_array(command->argc - 1);
        for (size_t i = 0; *reply != NULL && i + 1 < command->argc; i++) {
            (*reply)->element[i] =
                i % 2 == 0 ? flask_redis_reply_string("x", 1) : flask_redis_reply_nil();
        }
    } else if (strcasecmp(name, "INCRBY") == 0) {
        *reply = flask_redis_reply_status("surprise");
    } else if (strcasecmp(name, "STRLEN") == 0) {
        *reply = flask_redis_reply_integer(INT64_MIN);
    } else {
        *reply = flask_redis_reply_error("ERR unknown command");
    }
    return *reply != NULL ? FLASK_REDIS_OK : FLASK_REDIS_NO_MEMORY;
}

static void without_daemon_and_server(void)
{
    FlaskRedisProvider provider = {
        .size = sizeof(provider), .name = "canned", .context = "hello", .execute = canned};
    FlaskApp *app = fixture_app();
    FlaskRedis *redis = fixture_keep(flask_redis_from_custom_provider(&provider, app, NULL));
    FlaskRedisBytes value;
    FlaskRedisArray values;
    int64_t number;
    setenv("FLASKREDIS_RUNTIME_DIR", "/nowhere", 1);
    EXPECT(flask_app_extension(app, "redis") == redis);
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "hello");
    OK(flask_redis_mget(redis, FLASK_REDIS_LIST("a", "b"), &values));
    ARRAY(&values, "x (nil)");
    OK(flask_redis_strlen(redis, "k", &number));
    EXPECT_NUMBER(number, INT64_MIN);
    STATUS(flask_redis_incr(redis, "n", &number), FLASK_REDIS_RESPONSE);
    EXPECT_HAS(last_text(), "the reply is a status");
    STATUS(flask_redis_delitem(redis, "n"), FLASK_REDIS_RESPONSE);
    EXPECT(flask_redis_pubsub(redis) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_PUBSUB);
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, false);
    redisReply *replies;
    OK(flask_redis_pipeline_command(pipe, "GET a"));
    OK(flask_redis_pipeline_command(pipe, "GET b"));
    OK(flask_redis_pipeline_execute(pipe, &replies));
    EXPECT_NUMBER(replies->elements, 2);
    flask_redis_reply_free(replies);
    flask_redis_pipeline_free(pipe);
}

static void no_provider(void)
{
    FlaskRedisProvider empty = {.size = sizeof(empty), .name = "empty"};
    FlaskRedisProvider small = {.size = 8, .name = "small", .execute = canned};
    EXPECT(flask_redis_from_custom_provider(NULL, NULL, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_ASSERTION);
    EXPECT_HAS(last_text(), "NULL");
    EXPECT(flask_redis_from_custom_provider(&empty, NULL, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_ASSERTION);
    EXPECT(flask_redis_from_custom_provider(&small, NULL, NULL) == NULL);
    EXPECT_NUMBER(flask_redis_last_error()->status, FLASK_REDIS_ASSERTION);
}

static void a_custom_provider_initialised_later(void)
{
    FlaskRedisProvider provider = {
        .size = sizeof(provider), .name = "canned", .context = "later", .execute = canned};
    FlaskRedis *redis = fixture_keep(flask_redis_from_custom_provider(&provider, NULL, NULL));
    FlaskRedisBytes value;
    STATUS(flask_redis_get(redis, "k", &value), FLASK_REDIS_NOT_INITIALISED);
    OK(flask_redis_init_app(redis, fixture_app(), NULL));
    OK(flask_redis_get(redis, "k", &value));
    TEXT(&value, "later");
}

static void urls_of_the_direct_provider(void)
{
    struct server *server = server_start(NULL);
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", server_tcp_url(server)));
    FlaskRedis *redis =
        fixture_keep(flask_redis_from_custom_provider(flask_redis_direct_provider(), app, NULL));
    OK(flask_redis_set(redis, "k", "v", NULL));
    OK(flask_app_config_set(app, "REDIS_URL", "rediss://h"));
    EXPECT(flask_redis_from_custom_provider(flask_redis_direct_provider(), app, NULL) == NULL);
    EXPECT_HAS(last_text(), "rediss://");
    OK(flask_app_config_set(app, "REDIS_URL", "mock://"));
    EXPECT(flask_redis_from_custom_provider(flask_redis_direct_provider(), app, NULL) == NULL);
    EXPECT_HAS(last_text(), "mock://");
}

/* --- statuses --------------------------------------------------------------------------------- */

static void kinds(void)
{
    EXPECT(flask_redis_status_is(FLASK_REDIS_NO_SCRIPT, FLASK_REDIS_RESPONSE));
    EXPECT(flask_redis_status_is(FLASK_REDIS_NO_SCRIPT, FLASK_REDIS_ERROR));
    EXPECT(flask_redis_status_is(FLASK_REDIS_NO_SCRIPT, FLASK_REDIS_NO_SCRIPT));
    EXPECT(!flask_redis_status_is(FLASK_REDIS_NO_SCRIPT, FLASK_REDIS_CONNECTION));
    EXPECT(flask_redis_status_is(FLASK_REDIS_AUTH, FLASK_REDIS_CONNECTION));
    EXPECT(flask_redis_status_is(FLASK_REDIS_LOADING, FLASK_REDIS_CONNECTION));
    EXPECT(flask_redis_status_is(FLASK_REDIS_POOL_EXHAUSTED, FLASK_REDIS_CONNECTION));
    EXPECT(!flask_redis_status_is(FLASK_REDIS_TIMEOUT, FLASK_REDIS_CONNECTION));
    EXPECT(!flask_redis_status_is(FLASK_REDIS_OK, FLASK_REDIS_ERROR));
    EXPECT(!flask_redis_status_is(FLASK_REDIS_NIL, FLASK_REDIS_ERROR));
    EXPECT(!flask_redis_status_is((FlaskRedisStatus)9999, FLASK_REDIS_ERROR));
    EXPECT(strcmp(flask_redis_status_name(FLASK_REDIS_WATCH), "WATCH") == 0);
    EXPECT(strcmp(flask_redis_status_name((FlaskRedisStatus)9999), "UNKNOWN") == 0);
}

static void words_of_the_server(void)
{
    static const struct {
        const char *reply;
        FlaskRedisStatus status;
        bool maybe;
    } words[] = {
        {"-NOSCRIPT x\r\n", FLASK_REDIS_NO_SCRIPT, false},
        {"-READONLY x\r\n", FLASK_REDIS_READ_ONLY, false},
        {"-OOM x\r\n", FLASK_REDIS_OUT_OF_MEMORY, false},
        {"-EXECABORT x\r\n", FLASK_REDIS_EXEC_ABORT, false},
        {"-NOPERM x\r\n", FLASK_REDIS_NO_PERMISSION, false},
        {"-CROSSSLOT x\r\n", FLASK_REDIS_CROSS_SLOT, false},
        {"-CLUSTERDOWN x\r\n", FLASK_REDIS_CLUSTER_DOWN, false},
        {"-TRYAGAIN x\r\n", FLASK_REDIS_TRY_AGAIN, false},
        {"-NOAUTH x\r\n", FLASK_REDIS_AUTH, false},
        {"-WRONGPASS x\r\n", FLASK_REDIS_AUTH, false},
        {"-LOADING x\r\n", FLASK_REDIS_LOADING, false},
        {"-ERR max number of clients reached\r\n", FLASK_REDIS_POOL_EXHAUSTED, false},
        {"-POOLDOWN x\r\n", FLASK_REDIS_CONNECTION, false},
        {"-POOLLOST x; the command may have been executed\r\n", FLASK_REDIS_CONNECTION, true},
        {"-POOLLOST x; not executed\r\n", FLASK_REDIS_CONNECTION, false},
        {"-POOLTIME x\r\n", FLASK_REDIS_TIMEOUT, true},
        {"-POOLWAIT x\r\n", FLASK_REDIS_POOL_EXHAUSTED, false},
        {"-POOLDENY x\r\n", FLASK_REDIS_NO_PERMISSION, false},
        {"-OOMPH x\r\n", FLASK_REDIS_RESPONSE, false},
        {"-ERR x\r\n", FLASK_REDIS_RESPONSE, false},
    };
    struct peer *peer = peer_start();
    FlaskApp *app = fixture_app();
    OK(flask_app_config_set(app, "REDIS_URL", peer_url(peer)));
    FlaskRedis *redis = fixture_keep(flask_redis_new(app, NULL));
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        peer_forget_rules(peer);
        peer_on(peer, "SET", PEER_ANSWER, words[i].reply, 0);
        STATUS(flask_redis_set(redis, "k", "v", NULL), words[i].status);
        EXPECT_NUMBER(flask_redis_last_error()->maybe_executed, words[i].maybe);
        EXPECT(strncmp(last_text(), words[i].reply + 1, strlen(last_text())) == 0);
    }
}

static const struct test_case cases[] = {
    {"a configuration is set by the program, a file, the environment; the last wins",
     the_last_one_wins},
    {"a bad file is named with its line and changes nothing", a_bad_file_changes_nothing},
    {"TESTING is read as a truth", testing},
    {"two prefixes are two databases, found by name", two_prefixes},
    {"a command before init_app is NOT_INITIALISED", before_init_app},
    {"init_app again points the handle elsewhere, options stay", init_app_again},
    {"what the URL says wins over the options", options_and_urls},
    {"users are those of the URL, or of the options", users},
    {"without any URL the direct provider goes where Flask-Redis does", the_default_url},
    {"bad URLs and options are named when the handle is made", bad_urls_and_options},
    {"a freed handle is no extension any more", a_freed_handle_is_no_extension},
    {"a missing daemon is UNAVAILABLE and says how to start it", a_missing_daemon},
    {"a provider of the program's own needs neither daemon nor server", without_daemon_and_server},
    {"no provider is ASSERTION", no_provider},
    {"a provider of the program's own may be initialised later",
     a_custom_provider_initialised_later},
    {"the direct provider goes to TCP, and not to TLS", urls_of_the_direct_provider},
    {"kinds of statuses are those of redis-py", kinds},
    {"the server's words decide the status", words_of_the_server},
};

SUITE_MAIN("handles", cases)
