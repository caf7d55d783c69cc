/* FLASKREDIS, the daemon's own command: what it answers in which state, and that no server sees it.
 */
#include <stdio.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

static struct server *server;
static struct daemon *pooler;

static void start(const char *settings)
{
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), settings);
}

/* A server answers what it does not know with an error. */
static void expect_server_untouched(void)
{
    EXPECT_NUMBER(server_info(server, "total_error_replies"), 0);
}

static void errors_are_worded_as_for_other_containers(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "FLASKREDIS",
                "-ERR wrong number of arguments for 'flaskredis' command\r\n");
    EXPECT_CALL(client, "flaskredis Nosuch x",
                "-ERR unknown subcommand 'Nosuch'. Try FLASKREDIS HELP.\r\n");
    EXPECT_CALL(client, "FLASKREDIS ''", "-ERR unknown subcommand ''. Try FLASKREDIS HELP.\r\n");
    EXPECT_CALL(client, "FLASKREDIS help me",
                "-ERR wrong number of arguments for 'flaskredis|help' command\r\n");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    expect_server_untouched();
}

static void help_lists_the_subcommands(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL_BEGINS(client, "FlaskRedis Help", "*");
    EXPECT_REPLY_HAS(client, "+FLASKREDIS <subcommand>");
    EXPECT_REPLY_HAS(client, "+HELP\r\n+    Print this help.\r\n");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
}

static void replies_keep_the_order_of_requests(void)
{
    static const char lines[] = "PING\r\nFLASKREDIS X\r\nECHO y\r\n";
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    client_send_bytes(client, lines, sizeof lines - 1);
    EXPECT_REPLY(client, "+PONG\r\n");
    EXPECT_REPLY(client, "-ERR unknown subcommand 'X'. Try FLASKREDIS HELP.\r\n");
    EXPECT_REPLY(client, "$1\r\ny\r\n");
}

static void a_transaction_that_contains_it_fails(void)
{
    static const char block[] = "MULTI\r\nSET k v\r\nFLASKREDIS HELP\r\nEXEC\r\n";
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    client_send_bytes(client, block, sizeof block - 1);
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "+QUEUED\r\n");
    EXPECT_REPLY(client, "-ERR Command not allowed inside a transaction\r\n");
    EXPECT_REPLY_BEGINS(client, "-EXECABORT ");
    EXPECT_CALL(client, "GET k", "$-1\r\n");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL(client, "FLASKREDIS", "-ERR Command not allowed inside a transaction\r\n");
    EXPECT_CALL_BEGINS(client, "EXEC", "-EXECABORT ");
    expect_server_untouched();
}

static void subscribers_may_call_it_in_resp3_only(void)
{
    static const char *const ways[] = {"", "pubsub = lease\n"};
    NEEDS_DAEMON;
    for (size_t i = 0; i < 2; i++) {
        start(ways[i]);
        struct client *two = daemon_client(pooler, "redis"), *three = daemon_client3(pooler);
        client_call(two, "SUBSCRIBE a");
        client_call(three, "SUBSCRIBE a");
        EXPECT_CALL_BEGINS(two, "FLASKREDIS HELP", "-ERR Can't execute 'flaskredis': only ");
        EXPECT_CALL_BEGINS(three, "FLASKREDIS HELP", "*");
        expect_server_untouched();
        daemon_stop(pooler);
    }
}

/* The server is sent the error, to answer with it. */
static void it_does_not_pass_through_a_tunnel(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "MONITOR", "+OK\r\n");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS HELP",
                       "-ERR unknown command 'ERR 'flaskredis' is not possible");
}

static void a_large_request_is_refused_and_skipped(void)
{
    enum {
        LEN = 300000
    };
    NEEDS_DAEMON;
    start("");
    struct client *client = daemon_client(pooler, "redis");
    char *argument = case_alloc(LEN + 1);
    memset(argument, 'x', LEN);
    client_command(client, "FLASKREDIS", "HELP", argument, NULL);
    EXPECT_REPLY_BEGINS(client, "-POOLBIG 'flaskredis' is too large");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    expect_server_untouched();
}

static void it_can_be_denied(void)
{
    NEEDS_DAEMON;
    start("deny = FLASKREDIS\n");
    EXPECT_CALL_BEGINS(daemon_client(pooler, "redis"), "FLASKREDIS HELP",
                       "-POOLDENY 'flaskredis' is denied");
}

static void it_needs_authentication(void)
{
    NEEDS_DAEMON;
    start("auth = check\nusers = default:secret\n");
    EXPECT_CALL(daemon_client(pooler, "redis"), "FLASKREDIS HELP",
                "-NOAUTH Authentication required.\r\n");
}

static const struct test_case cases[] = {
    {"its errors are worded as those of Redis' containers",
     errors_are_worded_as_for_other_containers},
    {"HELP lists the subcommands", help_lists_the_subcommands},
    {"its replies keep the order of the requests", replies_keep_the_order_of_requests},
    {"a transaction that contains it fails as a whole", a_transaction_that_contains_it_fails},
    {"subscribers may call it in RESP3 only", subscribers_may_call_it_in_resp3_only},
    {"it does not pass through a tunnel", it_does_not_pass_through_a_tunnel},
    {"a large request is refused and skipped", a_large_request_is_refused_and_skipped},
    {"it can be denied", it_can_be_denied},
    {"it needs authentication where that is asked for", it_needs_authentication},
};

SUITE_MAIN("own commands", cases)
