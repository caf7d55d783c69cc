/* url = mock://: a prefix without a Redis server. */
#include "tests/support/daemon.h"
#include "tests/support/server.h"

static void clients_share_its_data(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = daemon_start_redis("mock://", "");
    struct client *one = daemon_client(pooler, "redis"), *other = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(other, "SELECT 1", "+OK\r\n");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(other, "NOSUCH x",
                "-ERR unknown command 'NOSUCH', with args beginning with: 'x' \r\n");
}

static const char two_prefixes[] = "[ONE]\nurl = %s\n[TWO]\nurl = %s\n";

static struct daemon *start_two(const char *first, const char *second)
{
    struct bytes config = {0};
    bytes_printf(&config, two_prefixes, first, second);
    struct daemon *pooler = daemon_start("", config.data);
    bytes_finish(&config);
    return pooler;
}

static void a_name_is_shared(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = start_two("mock://shared/0", "mock://shared/3");
    struct client *one = daemon_client(pooler, "one"), *two = daemon_client(pooler, "two");
    EXPECT_CALL(one, "SELECT 3", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(two, "GET k", "$1\r\nv\r\n");
}

static void without_a_name_it_is_private(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = start_two("mock://", "mock://");
    struct client *one = daemon_client(pooler, "one"), *two = daemon_client(pooler, "two");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(two, "GET k", "$-1\r\n");
}

static void state_and_waiting_work(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = daemon_start_redis("mock://", "");
    struct client *one = daemon_client(pooler, "redis"), *other = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(other, "SET k w", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "+QUEUED\r\n");
    EXPECT_CALL(one, "EXEC", "*-1\r\n");
    EXPECT_CALL(one, "SUBSCRIBE news", "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n");
    EXPECT_CALL(other, "PUBLISH news hello", ":1\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    struct client *waiter = daemon_client(pooler, "redis");
    client_send(waiter, "BLPOP queue 0");
    EXPECT_CALL(other, "RPUSH queue x", ":1\r\n");
    EXPECT_REPLY(waiter, "*2\r\n$5\r\nqueue\r\n$1\r\nx\r\n");
    EXPECT_CALL(waiter, "BLPOP queue 0.01", "*-1\r\n");
}

static void it_can_be_controlled(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = daemon_start_redis("mock://", "");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "MOCK CLOCK SET 1000000", "+OK\r\n");
    EXPECT_CALL(client, "SET k v PX 500", "+OK\r\n");
    EXPECT_CALL(client, "PTTL k", ":500\r\n");
    EXPECT_CALL(client, "MOCK CLOCK MOVE 500", "+OK\r\n");
    EXPECT_CALL(client, "GET k", "$-1\r\n");
    EXPECT_CALL(client, "MOCK FAIL 1 'BUSY told to'", "+OK\r\n");
    EXPECT_CALL(client, "GET k", "-BUSY told to\r\n");
    EXPECT_CALL(client, "GET k", "$-1\r\n");
}

static void its_memory_is_bounded(void)
{
    NEEDS_DAEMON;
    struct daemon *pooler = daemon_start_redis("mock://", "mock_memory = 1mb\n");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "SETRANGE big 699999 x", ":700000\r\n");
    EXPECT_CALL(client, "SETRANGE other 900000 x",
                "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    EXPECT_CALL(client, "STRLEN big", ":700000\r\n");
}

static void control_is_refused_elsewhere(void)
{
    NEEDS_DAEMON;
    struct server *server = server_start(NULL);
    struct daemon *pooler = daemon_start_redis(server_url(server), "");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL_BEGINS(client, "MOCK RESET", "-ERR unknown command 'MOCK'");
}

static const struct test_case cases[] = {
    {"clients of a mock prefix share its data", clients_share_its_data},
    {"a named mock is shared by prefixes", a_name_is_shared},
    {"a mock without a name is its prefix' own", without_a_name_it_is_private},
    {"transactions, messages and waiting work on a mock", state_and_waiting_work},
    {"a mock's clock and its failures are ordered over RESP", it_can_be_controlled},
    {"a mock's memory is bounded", its_memory_is_bounded},
    {"MOCK is no command of other prefixes", control_is_refused_elsewhere},
};
SUITE_MAIN("mock", cases)
