/* Pools on URLs that clients bring to the daemon's main socket: who may, what they get, how many
 * there are, and when they go. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

static struct server *server;
static struct daemon *pooler;

/* The daemon's section, and a prefix at the same server. */
static const char *config_with(const char *daemon_settings, const char *more)
{
    char *config = case_alloc(1024);
    snprintf(config, 1024, "[flaskredisd]\n%s\n[REDIS]\nurl = {url}\n%s", daemon_settings, more);
    return config;
}

static void start(const char *daemon_settings)
{
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), config_with(daemon_settings, ""));
}

static struct client *main_client(void)
{
    return daemon_client(pooler, "flaskredisd");
}

/* URL of the server with something in it: "redis://" before 127.0.0.1:PORT after. */
static const char *url_with(const char *login, const char *rest)
{
    char *url = case_alloc(256);
    snprintf(url, 256, "redis://%s127.0.0.1:%u%s", login, server->port, rest);
    return url;
}

static struct client *pool_client(const char *url)
{
    struct client *client = main_client();
    client_send(client, "FLASKREDIS POOL %s", url);
    EXPECT_REPLY(client, "+OK\r\n");
    return client;
}

static void expect_refused(const char *url, const char *begins)
{
    struct client *client = main_client();
    client_send(client, "FLASKREDIS POOL %s", url);
    EXPECT_REPLY_BEGINS(client, begins);
    EXPECT_LACKS(client->reply.data, "hunter");
    EXPECT_CALL_BEGINS(client, "PING", "-POOLDENY ");
}

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

#define EXPECT_END(client) EXPECT(wait_until(has_ended, client, patience_ms()))

/* Connections that the server has for pools on URLs. */
static int64_t pool_connections(void)
{
    return server_clients(server, "name=flaskredisd:redis://127.0.0.1");
}

static bool has_no_pool_connections(void *context)
{
    (void)context;
    return pool_connections() == 0;
}

/* ------------------------------------------------------------------------------------- the socket
 */

static void the_main_socket_says_what_it_is_for(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    struct client *client = main_client();
    EXPECT_CALL_BEGINS(client, "PING", "-POOLDENY this is the daemon's main socket");
    EXPECT_CALL_BEGINS(client, "NOSUCHCOMMAND x", "-POOLDENY this is the daemon's main socket");
    EXPECT_CALL_BEGINS(client, "HELLO 3", "-POOLDENY this is the daemon's main socket");
    EXPECT_CALL_BEGINS(client, "MULTI", "-POOLDENY this is the daemon's main socket");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS HELP", "*");
    EXPECT_REPLY_HAS(client, "+POOL <url>\r\n");
    EXPECT_CALL(client, "RESET", "+RESET\r\n");
    EXPECT_CALL(client, "FLASKREDIS POOL",
                "-ERR wrong number of arguments for 'flaskredis|pool' command\r\n");
    EXPECT_CALL(client, "QUIT", "+OK\r\n");
    EXPECT_END(client);
    EXPECT_NUMBER(pool_connections(), 0);
}

static void a_socket_of_a_prefix_has_its_pool(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    EXPECT_CALL(daemon_client(pooler, "redis"), "FLASKREDIS POOL redis://h",
                "-ERR this connection has a pool already\r\n");
}

static void its_mode_is_that_of_client_pools(void)
{
    struct stat status;
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start(server_url(server),
                          config_with("client_urls = any", "[client_pools]\nsocket_mode = 0600\n"
                                                           "deny = GET\n"));
    const char *path = daemon_address(pooler, "flaskredisd") + strlen("unix://");
    EXPECT(stat(path, &status) == 0);
    EXPECT_NUMBER(status.st_mode & 07777, 0600);
    struct client *client = pool_client(url_with("", ""));
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_CALL_BEGINS(client, "GET k", "-POOLDENY 'get' is denied for prefix redis://127.0.0.1:");
    EXPECT_CALL(daemon_client(pooler, "redis"), "GET k", "$1\r\nv\r\n");
}

/* --------------------------------------------------------------------------------------- the pools
 */

static void a_client_with_a_url_speaks_with_its_server(void)
{
    NEEDS_DAEMON;
    start("client_urls = 127.0.0.1");
    struct client *client = pool_client(url_with("", "/3"));
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(server_keys(server, 3), 1);
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "INCR n", "+QUEUED\r\n");
    EXPECT_CALL(client, "EXEC", "*1\r\n:1\r\n");
    EXPECT_CALL_BEGINS(client, "HELLO 3", "%7\r\n");
    EXPECT_CALL_BEGINS(client, "SUBSCRIBE a", ">3\r\n");
    EXPECT_CALL(client, "FLASKREDIS POOL redis://h", "-ERR this connection has a pool already\r\n");
    EXPECT_CALL(client, "RESET", "+RESET\r\n");
    EXPECT_CALL(client, "GET k", "$1\r\nv\r\n");
}

static void what_is_pipelined_behind_the_request_goes_to_the_pool(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    struct client *client = main_client();
    struct bytes out = {0};
    bytes_printf(&out, "FLASKREDIS POOL %s\r\nSET k v\r\nGET k\r\n", url_with("", ""));
    case_defer(free, out.data);
    client_send_bytes(client, out.data, out.len);
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "$1\r\nv\r\n");
}

static void the_very_same_url_shares_a_pool(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    struct client *one = pool_client(url_with("", "")), *same = pool_client(url_with("", "/0"));
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(same, "GET k", "$-1\r\n");
    EXPECT_BETWEEN(pool_connections(), 1, daemon_workers());
    client_wait_listed(one, "id=", 2);
    struct client *other = pool_client(url_with("", "/1"));
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    client_wait_listed(other, "id=", 1);
    EXPECT_BETWEEN(pool_connections(), 2, 1 + daemon_workers());
}

static void credentials_are_never_shared_by_accident(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    server_ask(server, "ACL SETUSER joe on >hunter2 ~* &* +@all");
    server_ask(server, "ACL SETUSER default -set");
    struct client *joe = pool_client(url_with("joe:hunter2@", ""));
    EXPECT_CALL(joe, "ACL WHOAMI", "$3\r\njoe\r\n");
    EXPECT_CALL(joe, "SET k v", "+OK\r\n");
    struct client *wrong = pool_client(url_with("joe:hunter3@", ""));
    EXPECT_CALL_BEGINS(wrong, "GET k", "-POOLDOWN ");
    EXPECT_LACKS(wrong->reply.data, "hunter");
    struct client *nobody = pool_client(url_with("", ""));
    EXPECT_CALL_BEGINS(nobody, "SET k v", "-NOPERM ");
    EXPECT_CALL(joe, "ACL WHOAMI", "$3\r\njoe\r\n");
    EXPECT_LACKS(daemon_log(pooler), "hunter");
}

/* ----------------------------------------------------------------------------------------- policy
 */

static void urls_are_refused_unless_they_are_allowed(void)
{
    static const struct {
        const char *setting, *url;
        bool is_allowed;
    } rows[] = {
        {"", "redis://127.0.0.1", false},
        {"client_urls = off", "redis://127.0.0.1", false},
        {"client_urls = any", "redis://127.0.0.1", true},
        {"client_urls = localhost, 127.0.0.*", "redis://:hunter@127.0.0.1:1/5", true},
        {"client_urls = localhost, 127.0.0.*", "redis://:hunter@127.0.1.1", false},
        {"client_urls = *.example", "redis://DB1.Example", true},
        {"client_urls = *.example", "redis://example", false},
        {"client_urls = db1.example:6379", "redis://db1.example", true},
        {"client_urls = db1.example:6379", "redis://db1.example:6380", false},
        {"client_urls = db1.example:0x1", "redis://db1.example:1", false},
        {"client_urls = [::1]:7", "redis://[::1]:7", true},
        {"client_urls = [::1]:7", "redis://[::1]:8", false},
        {"client_urls = ::1", "redis://[::1]:8", true},
    };
    NEEDS_DAEMON;
    start("");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT(daemon_reload(pooler, config_with(rows[i].setting, "")));
        struct client *client = main_client();
        client_send(client, "FLASKREDIS POOL %s", rows[i].url);
        if (rows[i].is_allowed) {
            EXPECT_REPLY(client, "+OK\r\n");
        } else {
            EXPECT_REPLY_BEGINS(client, "-POOLDENY pools on redis");
            EXPECT_REPLY_HAS(client, "(setting \"client_urls\")");
            EXPECT_LACKS(client->reply.data, "hunter");
        }
    }
}

static void what_is_no_url_for_a_pool_is_refused(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    expect_refused("unix:///tmp/x.sock",
                   "-ERR a pool is asked for with redis://, not with unix://");
    expect_refused("mock://x", "-ERR a pool is asked for with redis://, not with mock://");
    expect_refused("rediss://h", "-ERR TLS is not built in yet");
    expect_refused("redis+sentinel://:hunter@h/mymaster",
                   "-ERR following a Sentinel is not supported");
    expect_refused("redis+cluster://:hunter@h", "-ERR clusters are not supported yet");
    expect_refused("http://:hunter@h", "-ERR bad URL: ");
    expect_refused("redis://:hunter@h/x", "-ERR bad URL: ");
    expect_refused("redis://h?socket_connect_timeout=7200", "-ERR bad URL: its time for ");
    expect_refused("''", "-ERR bad URL: ");
    static const char with_nul[] =
        "*3\r\n$10\r\nFLASKREDIS\r\n$4\r\nPOOL\r\n$11\r\nredis://h\0x\r\n";
    struct client *client = main_client();
    client_send_bytes(client, with_nul, sizeof with_nul - 1);
    EXPECT_REPLY(client, "-ERR bad URL: it has a NUL byte\r\n");
}

static void a_policy_that_changes_ends_what_it_does_not_allow(void)
{
    NEEDS_DAEMON;
    start("client_urls = any");
    struct client *client = pool_client(url_with("", ""));
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    EXPECT(daemon_reload(pooler,
                         config_with("client_urls = 127.0.0.1", "[client_pools]\ndeny = GET\n")));
    EXPECT_CALL_BEGINS(client, "GET k", "-POOLDENY ");
    EXPECT_CALL(client, "SET k w", "+OK\r\n");
    EXPECT(daemon_reload(pooler, config_with("client_urls = other", "")));
    EXPECT_END(client);
    EXPECT(wait_until(has_no_pool_connections, NULL, patience_ms()));
}

/* ------------------------------------------------------------------------------------------ bounds
 */

static void pools_are_bounded_and_an_idle_one_makes_room(void)
{
    NEEDS_DAEMON;
    start("client_urls = any\nclient_pools_max = 2");
    struct client *one = pool_client(url_with("", "/1")), *two = pool_client(url_with("", "/2"));
    expect_refused(url_with("", "/3"),
                   "-POOLWAIT no more pools on URLs of clients (2 of 2 in use, setting "
                   "\"client_pools_max\")");
    struct client *again = pool_client(url_with("", "/2"));
    EXPECT_CALL(again, "SET k v", "+OK\r\n");
    client_close(again);
    client_close(two);
    client_wait_listed(one, "id=", 1);
    struct client *three = NULL;
    for (int64_t until = now_ms() + patience_ms(); three == NULL;) {
        struct client *client = main_client();
        client_send(client, "FLASKREDIS POOL %s", url_with("", "/3"));
        three = client_read(client)->data[0] == '+' ? client : NULL;
        EXPECT(now_ms() < until);
    }
    EXPECT_CALL(three, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void idle_pools_are_closed(void)
{
    NEEDS_DAEMON;
    start("client_urls = any\nclient_pool_idle_ms = 100");
    struct client *client = pool_client(url_with("", "/1"));
    EXPECT_CALL(client, "SET k v", "+OK\r\n");
    struct client *other = pool_client(url_with("", "/2"));
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(pool_connections(), 2);
    client_close(client);
    for (int64_t until = now_ms() + patience_ms(); pool_connections() > 1;) {
        EXPECT(now_ms() < until);
    }
    EXPECT_HAS(daemon_log(pooler), "closed: no client used it (setting \"client_pool_idle_ms\")");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(pool_client(url_with("", "/1")), "GET k", "$1\r\nv\r\n");
}

static void who_asks_for_no_pool_is_closed_in_time(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler =
        daemon_start(server_url(server), config_with("client_urls = any",
                                                     "[client_pools]\nunauthenticated_ms = 100\n"));
    struct client *client = main_client(), *quick = pool_client(url_with("", ""));
    EXPECT_END(client);
    EXPECT_CALL(quick, "SET k v", "+OK\r\n");
}

static void many_clients_come_and_go(void)
{
    enum {
        CLIENTS = 300,
        DBS = 7
    };
    NEEDS_DAEMON;
    start("client_urls = any\nclient_pools_max = 4\nclient_pool_idle_ms = 0");
    int served = 0;
    for (int i = 0; i < CLIENTS; i++) {
        char db[8];
        struct client *client = main_client(), *hasty = main_client();
        snprintf(db, sizeof db, "/%d", i % DBS);
        client_send(hasty, "FLASKREDIS POOL %s", url_with("", db));
        client_close(hasty);
        client_send(client, "FLASKREDIS POOL %s", url_with("", db));
        if (client_read(client)->data[0] == '+') {
            client_send(client, "INCR n");
            client_read_number(client);
            served++;
        }
        client_close(client);
    }
    EXPECT_BETWEEN(served, CLIENTS / 2, CLIENTS);
    EXPECT(wait_until(has_no_pool_connections, NULL, patience_ms()));
}

static const struct test_case cases[] = {
    {"the main socket says what it is for", the_main_socket_says_what_it_is_for},
    {"a socket of a prefix has its pool", a_socket_of_a_prefix_has_its_pool},
    {"its mode, and what pools may do, stands in [client_pools]", its_mode_is_that_of_client_pools},
    {"a client with a URL speaks with its server", a_client_with_a_url_speaks_with_its_server},
    {"what is pipelined behind the request goes to the pool",
     what_is_pipelined_behind_the_request_goes_to_the_pool},
    {"the very same URL shares a pool", the_very_same_url_shares_a_pool},
    {"credentials are never shared by accident", credentials_are_never_shared_by_accident},
    {"URLs are refused unless they are allowed", urls_are_refused_unless_they_are_allowed},
    {"what is no URL for a pool is refused", what_is_no_url_for_a_pool_is_refused},
    {"a policy that changes ends what it does not allow",
     a_policy_that_changes_ends_what_it_does_not_allow},
    {"pools are bounded, and an idle one makes room", pools_are_bounded_and_an_idle_one_makes_room},
    {"idle pools are closed", idle_pools_are_closed},
    {"who asks for no pool is closed in time", who_asks_for_no_pool_is_closed_in_time},
    {"many clients come and go", many_clients_come_and_go},
};

SUITE_MAIN("client urls", cases)
