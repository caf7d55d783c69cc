/* Commands the table lacks: renamed ones are what they were, a module's may share connections if
 * wished, and of all others nobody sees what they did to their connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static struct peer *peer;

static void start_peer(const char *settings)
{
    peer = peer_start();
    pooler = daemon_start_redis(peer_url(peer), settings);
}

/* -------------------------------------------------------------------------------------- renamed */

static void a_renamed_command_is_what_it_was(void)
{
    NEEDS_DAEMON; /* the daemon's own refusals are looked at */
    start_with("--rename-command SHUTDOWN halt --rename-command CONFIG setup "
               "--rename-command GET fetch --rename-command KEYS ''",
               "");
    struct client *one = session(), *three = session3();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "FETCH k", "$1\r\nv\r\n");
    EXPECT_CALL(three, "fetch missing", "_\r\n");
    EXPECT_CALL_BEGINS(one, "HALT NOSAVE", "-POOLDENY 'shutdown' is denied");
    EXPECT_CALL(one, "SETUP GET maxmemory", "*2\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n");
    EXPECT_CALL_BEGINS(one, "GET k", "-ERR unknown command");
    EXPECT_CALL_BEGINS(one, "KEYS *", "-ERR unknown command");
    EXPECT_CALL(one, "FETCH k", "$1\r\nv\r\n");
}

static void a_renamed_transaction_is_one(void)
{
    start_with(
        "--rename-command MULTI begin --rename-command EXEC commit --rename-command BLPOP wpop",
        "");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "BEGIN", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "COMMIT", "*1\r\n+OK\r\n");
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    client_send(one, "WPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    client_close(one);
    EXPECT_INFO(server, "blocked_clients", 0);
}

static void a_transaction_ends_with_a_renamed_exec(void)
{
    start_with("--rename-command EXEC commit", "");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
    EXPECT_CALL(one, "COMMIT", "*1\r\n+OK\r\n");
    client_send(one, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1); /* it is in no transaction any more */
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_REPLY(one, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
}

static void the_server_is_asked_once_about_a_name(void)
{
    NEEDS_DAEMON;
    start_with("--rename-command GET fetch", "");
    struct client *one = session(), *other = session();
    for (int i = 0; i < 10; i++) {
        EXPECT_CALL(one, "FETCH k", "$-1\r\n");
        EXPECT_CALL(other, "fetch k", "$-1\r\n");
        EXPECT_CALL_BEGINS(one, "NONSENSE", "-ERR unknown command 'NONSENSE'");
    }
    EXPECT_BETWEEN(server_calls(server, "command|info"), 2, 2 * daemon_workers());
}

static void another_server_is_asked_again(void)
{
    NEEDS_DAEMON;
    start_with("--rename-command GET fetch", "upstream_wait_ms = 5000\nfail_fast_ms = 10000\n");
    struct client *one = session();
    EXPECT_CALL(one, "FETCH k", "$-1\r\n");
    server_kill(server);
    server_restart(server, "--rename-command SHUTDOWN fetch");
    struct client *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_CALL_BEGINS(other, "FETCH k", "-POOLDENY 'shutdown' is denied");
}

/* -------------------------------------------------------------------------------------- modules */

#define INFO_OF(name, len, flags)                                                                  \
    "*1\r\n*10\r\n$" len "\r\n" name "\r\n:-2\r\n" flags                                           \
    ":1\r\n:1\r\n:1\r\n*0\r\n*0\r\n*0\r\n*0\r\n"

static void start_modules(const char *settings)
{
    start_peer(settings);
    peer_on(peer, "COMMAND INFO json.get", PEER_ANSWER,
            INFO_OF("json.get", "8", "*2\r\n+readonly\r\n+module\r\n"), 0);
    peer_on(peer, "COMMAND INFO json.wait", PEER_ANSWER,
            INFO_OF("json.wait", "9", "*3\r\n+write\r\n+module\r\n+blocking\r\n"), 0);
    peer_on(peer, "COMMAND INFO newer", PEER_ANSWER, INFO_OF("newer", "5", "*1\r\n+readonly\r\n"),
            0);
    peer_on(peer, "COMMAND INFO secret", PEER_ANSWER, "-NOPERM no\r\n", 0);
    peer_on(peer, "COMMAND INFO", PEER_ANSWER, "*1\r\n*-1\r\n", 0);
}

/* Whether the command, sent twice, went with GET over the shared connection. */
static bool is_shared(struct client *client, const char *line)
{
    EXPECT_CALL(client, "GET k", "+OK\r\n");
    EXPECT_CALL(client, line, "+OK\r\n");
    EXPECT_CALL(client, line, "+OK\r\n");
    return peer_connection_of(peer, line) == peer_connection_of(peer, "GET");
}

static void a_modules_command_shares_connections_if_wished(void)
{
    NEEDS_DAEMON;
    start_modules("modules = shared\n");
    struct client *one = session();
    EXPECT(is_shared(one, "json.get k"));
    EXPECT(!is_shared(one, "json.wait k"));
    EXPECT(!is_shared(one, "newer k"));
    EXPECT(!is_shared(one, "secret k"));
    EXPECT(!is_shared(one, "nonsense k"));
    EXPECT_NUMBER(peer_count(peer, "COMMAND INFO json.get"), 1);
}

static void a_modules_command_has_a_connection_of_its_own_unless_wished(void)
{
    NEEDS_DAEMON;
    start_modules("");
    EXPECT(!is_shared(session(), "json.get k"));
}

static void odd_answers_make_no_command_known(void)
{
    static const char *const answers[] = {
        "*0\r\n", "*1\r\n*2\r\n$8\r\njson.get\r\n:1\r\n", "*1\r\n*-1\r\n", ":1\r\n", "+OK\r\n",
    };
    NEEDS_DAEMON;
    start_peer("modules = shared\n");
    struct client *one = session();
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        char line[32];
        snprintf(line, sizeof(line), "COMMAND INFO odd%zu", i);
        peer_on(peer, line, PEER_ANSWER, answers[i], 0);
        EXPECT(!is_shared(one, line + strlen("COMMAND INFO ")));
    }
}

/* The connection breaks while the server is asked: the request itself was not sent yet. */
static void a_question_that_is_lost_is_not_the_command(void)
{
    NEEDS_DAEMON;
    start_peer("");
    peer_on(peer, "COMMAND INFO", PEER_CLOSE, "", 1);
    struct client *one = session();
    EXPECT_CALL(one, "json.get k", "+OK\r\n");
    EXPECT_NUMBER(peer_count(peer, "json.get"), 1);
}

static void many_unknown_names_are_not_all_kept(void)
{
    enum {
        NAMES = 3000
    };
    NEEDS_DAEMON;
    start_with(NULL, "");
    struct client *one = session();
    for (int i = 0; i < NAMES; i++) {
        client_send(one, "nonsense%d", i);
        EXPECT_REPLY_BEGINS(one, "-ERR unknown command 'nonsense");
    }
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

static const struct test_case cases[] = {
    {"a renamed command is what it was", a_renamed_command_is_what_it_was},
    {"a renamed transaction is one", a_renamed_transaction_is_one},
    {"a transaction ends with a renamed EXEC", a_transaction_ends_with_a_renamed_exec},
    {"the server is asked once about a name", the_server_is_asked_once_about_a_name},
    {"another server is asked again", another_server_is_asked_again},
    {"a module's command shares connections if wished",
     a_modules_command_shares_connections_if_wished},
    {"a module's command has a connection of its own unless wished",
     a_modules_command_has_a_connection_of_its_own_unless_wished},
    {"odd answers make no command known", odd_answers_make_no_command_known},
    {"a question that is lost is not the command", a_question_that_is_lost_is_not_the_command},
    {"many unknown names are not all kept", many_unknown_names_are_not_all_kept},
};

SUITE_MAIN("unknown commands", cases)
