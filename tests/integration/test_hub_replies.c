/* Subscribing on the hub: acknowledgements, restrictions and the order of messages and replies are
 * those of a connection of one's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

/* ----------------------------------------------------------------------------------------- replies
 */

/* Send a script in one piece to both, and compare all they say until they close. */
static void expect_same_stream(struct client *through, struct client *direct, const char *script)
{
    struct bytes expected = {0};
    client_send_script(through, script);
    client_send_script(direct, script);
    const struct bytes *said = client_read_all(direct);
    bytes_add(&expected, said->data, said->len);
    said = client_read_all(through);
    struct bytes actual = {0};
    bytes_add(&actual, said->data, said->len);
    bytes_mask_ids(&actual);
    bytes_mask_ids(&expected);
    expect_bytes(__FILE__, __LINE__, script, actual.data, actual.len, expected.data, expected.len);
    bytes_finish(&actual);
    bytes_finish(&expected);
}

static const char *const scripts[] = {
    "SUBSCRIBE a b c; SUBSCRIBE a; PSUBSCRIBE n* m*; SSUBSCRIBE s t; UNSUBSCRIBE b; UNSUBSCRIBE "
    "zz; "
    "UNSUBSCRIBE a c; PUNSUBSCRIBE m* n*; SUNSUBSCRIBE t; SUNSUBSCRIBE s; GET k; QUIT",
    "UNSUBSCRIBE; PUNSUBSCRIBE; SUNSUBSCRIBE; UNSUBSCRIBE a b; PUNSUBSCRIBE x; SUNSUBSCRIBE y; "
    "QUIT",
    "SUBSCRIBE a a b; UNSUBSCRIBE a a; UNSUBSCRIBE; UNSUBSCRIBE; PING; PING x; QUIT",
    "PSUBSCRIBE p; PUNSUBSCRIBE; SSUBSCRIBE s; SUNSUBSCRIBE; PUNSUBSCRIBE; SUNSUBSCRIBE; GET k; "
    "QUIT",
    "SUBSCRIBE; SUBSCRIBE a; SUBSCRIBE; PSUBSCRIBE; SSUBSCRIBE; QUIT",
    "SUBSCRIBE \"\"; UNSUBSCRIBE \"\"; SUBSCRIBE a; RESET; GET k; UNSUBSCRIBE a; QUIT",
    "SET k 1; SUBSCRIBE a; UNSUBSCRIBE; GET k; INCR k; SUBSCRIBE b; QUIT",
    "MULTI; SET k 1; EXEC; SUBSCRIBE a; PING; UNSUBSCRIBE; MULTI; GET k; EXEC; QUIT",
    "WATCH k; SUBSCRIBE a; UNSUBSCRIBE; MULTI; GET k; EXEC; QUIT",
    "CLIENT REPLY OFF; SUBSCRIBE a; PSUBSCRIBE b; UNSUBSCRIBE a; QUIT",
    "CLIENT REPLY SKIP; SUBSCRIBE a; PSUBSCRIBE b; UNSUBSCRIBE a; QUIT",
    "SUBSCRIBE a; PING; PING x; PING x y; QUIT",
};

static void compare_replies(const char *settings)
{
    start(settings);
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        expect_same_stream(session(), server_client(twin()), scripts[i]);
        struct client *direct = server_client(twin());
        EXPECT_CALL_BEGINS(direct, "HELLO 3", "%7\r\n");
        expect_same_stream(session3(), direct, scripts[i]);
        server_ask(server, "FLUSHALL");
        server_ask(twin(), "FLUSHALL");
    }
}

static void replies_are_those_of_a_direct_server(void)
{
    compare_replies("");
}

static void replies_on_leases_are_too(void)
{
    compare_replies("pubsub = lease\n");
}

static void a_resp2_subscriber_is_restricted(void)
{
    static const char script[] =
        "SUBSCRIBE a; GET k; SET k v; CLIENT ID; FOO; FOO a b; PING x; PING; SUBSCRIBE; GET; "
        "MULTI; EXEC; DISCARD; CONFIG NONSENSE; CONFIG GET maxmemory; MONITOR; BLPOP q 0; EVAL x "
        "0; PUBLISH a m; "
        "WATCH k; SELECT 3; HELLO 3; CLIENT LIST; SPUBLISH a m; QUIT; GET k";
    start("");
    expect_same_stream(session(), server_client(twin()), script);
}

static void a_resp3_subscriber_is_not(void)
{
    static const char script[] =
        "SUBSCRIBE a; PSUBSCRIBE n*; GET k; SET k v; GET k; PING; PING x; MULTI; INCR n; EXEC; "
        "BLPOP q 0.01; FOO; WATCH k; UNWATCH; SELECT 3; GET k; ECHO e; UNSUBSCRIBE a; HELLO 2; "
        "GET k; PUNSUBSCRIBE n*; GET k; QUIT";
    start("");
    struct client *direct = server_client(twin());
    EXPECT_CALL_BEGINS(direct, "HELLO 3", "%7\r\n");
    expect_same_stream(session3(), direct, script);
}

static void hello_2_restricts_a_subscriber(void)
{
    start("");
    struct client *one = session3();
    EXPECT_CALL(one, "SUBSCRIBE a", ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    EXPECT_CALL_BEGINS(one, "HELLO 2", "*14\r\n");
    EXPECT_CALL_BEGINS(one, "GET k", "-ERR Can't execute 'get': only (P|S)SUBSCRIBE /");
    EXPECT_CALL(session(), "PUBLISH a m", ":1\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
}

/* A large request is not read whole, and must not be carried out either. */
static void a_large_request_of_a_resp2_subscriber_is_refused(void)
{
    start("");
    size_t len = 300000;
    char *value = case_alloc(len + 1);
    memset(value, 'v', len);
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE a", "*3\r\n");
    client_command(one, "SET", "k", value, NULL);
    EXPECT_REPLY_BEGINS(one, "-ERR Can't execute 'set'");
    if (!daemon_is_direct()) { /* the hub is sent what is read whole, and a lane answers otherwise
                                */
        client_command(one, "PING", value, NULL);
        EXPECT_REPLY_BEGINS(one, "-POOLBIG 'ping' is larger than ");
    }
    EXPECT_CALL(one, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    EXPECT_NUMBER(server_keys(server, 0), 0);
}

static void permissions_of_channels_are_the_servers(void)
{
    start("");
    server_ask(server, "ACL SETUSER default resetchannels &a*");
    struct client *one = session(), *two = session3(), *beside = server_client(server);
    const char *refusal =
        client_call(beside, "SUBSCRIBE a1 b a2")->data; /* a version's own words */
    EXPECT(strncmp(refusal, "-NOPERM ", 8) == 0);
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE a1 b a2", refusal);
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "SUBSCRIBE a1", "*3\r\n$9\r\nsubscribe\r\n$2\r\na1\r\n:1\r\n");
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE b", refusal);
    EXPECT_CALL_BEGINS(two, "PSUBSCRIBE b*", refusal);
    EXPECT_CALL(two, "SUBSCRIBE a1", ">3\r\n$9\r\nsubscribe\r\n$2\r\na1\r\n:1\r\n");
    EXPECT_CALL(session(), "PUBLISH a1 m", ":2\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$2\r\na1\r\n$1\r\nm\r\n");
    EXPECT_REPLY(two, ">3\r\n$7\r\nmessage\r\n$2\r\na1\r\n$1\r\nm\r\n");
    EXPECT_CALL(one, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$2\r\na1\r\n:0\r\n");
}

/* --------------------------------------------------------------------------- messages and replies
 */

static void messages_stand_between_replies(void)
{
    enum {
        ROUNDS = 2000
    };
    start("");
    struct client *one = session3(), *publisher = session();
    struct bytes requests = {0};
    struct bytes messages = {0};
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", ">3\r\n");
    for (int i = 0; i < ROUNDS; i++) {
        char line[64];
        snprintf(line, sizeof line, "SET k %d", i);
        bytes_add_request(&requests, line);
        bytes_add_request(&requests, "GET k");
        snprintf(line, sizeof line, "PUBLISH ch %d", i);
        bytes_add_request(&messages, line);
    }
    client_send_bytes(publisher, messages.data, messages.len);
    client_send_bytes(one, requests.data, requests.len);
    int replies = 0, pushes = 0;
    while (replies < 2 * ROUNDS || pushes < ROUNDS) {
        char expected[128];
        const struct bytes *frame = client_read(one);
        char number[16];
        bool is_push = frame->data[0] == '>';
        snprintf(number, sizeof number, "%d", is_push ? pushes : replies / 2);
        if (is_push) {
            snprintf(expected, sizeof expected, ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$%zu\r\n%s\r\n",
                     strlen(number), number);
            pushes++;
        } else if (replies++ % 2 == 0) {
            snprintf(expected, sizeof expected, "+OK\r\n");
        } else {
            snprintf(expected, sizeof expected, "$%zu\r\n%s\r\n", strlen(number), number);
        }
        expect_bytes(__FILE__, __LINE__, "frame", frame->data, frame->len, expected,
                     strlen(expected));
    }
    bytes_finish(&requests);
    bytes_finish(&messages);
}

static void no_message_stands_in_a_long_reply(void)
{
    enum {
        ROUNDS = 40,
        LEN = 3000000
    };
    start("");
    struct client *one = session3(), *publisher = session();
    char *value = case_alloc(LEN + 1);
    memset(value, 'v', LEN);
    client_command(publisher, "SET", "k", value, NULL);
    EXPECT_REPLY(publisher, "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", ">3\r\n");
    for (int i = 0; i < ROUNDS; i++) {
        client_send(one, "GET k");
        client_send(publisher, "PUBLISH ch m");
        bool has_value = false, has_message = false;
        while (!has_value || !has_message) {
            const struct bytes *frame = client_read(one);
            if (frame->data[0] == '>') {
                has_message = true;
                continue;
            }
            has_value = true;
            EXPECT_NUMBER(frame->len, LEN + 12);
            EXPECT(memcmp(frame->data + 10, value, LEN) == 0);
        }
        EXPECT(client_read_number(publisher) == 1);
    }
}

static void a_clients_own_message_follows_its_reply(void)
{
    enum {
        COUNT = 3000
    };
    NEEDS_DAEMON; /* up to 7.0 a server does it the other way round */
    start("");
    struct client *one = session3();
    struct bytes script = {0};
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", ">3\r\n");
    for (int i = 0; i < COUNT; i++) {
        bytes_add_request(&script, "PUBLISH ch m");
    }
    client_send_bytes(one, script.data, script.len);
    bytes_finish(&script);
    int replies = 0, messages = 0;
    while (messages < COUNT) {
        const struct bytes *frame = client_read(one);
        replies += frame->data[0] == ':';
        messages += frame->data[0] == '>';
        EXPECT(messages <= replies);
    }
    EXPECT_CALL(one, "PING", "+PONG\r\n");
}

static void a_blocked_subscriber_gets_messages(void)
{
    start("");
    struct client *one = session3(), *other = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", ">3\r\n");
    client_send(one, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    EXPECT_CALL(other, "PUBLISH ch m", ":1\r\n");
    EXPECT_REPLY(one, ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
    EXPECT_CALL(other, "RPUSH q v", ":1\r\n");
    EXPECT_REPLY(one, "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
}

static void invalidations_as_messages_take_a_connection_of_their_own(void)
{
    start("");
    struct client *listener = session(), *reader = session(), *other = session();
    client_call(listener, "CLIENT ID");
    char *id = case_alloc(32);
    snprintf(id, 32, "%lld", strtoll(listener->reply.data + 1, NULL, 10));
    EXPECT_CALL_BEGINS(listener, "SUBSCRIBE __redis__:invalidate", "*3\r\n");
    EXPECT_CALL_BEGINS(listener, "SUBSCRIBE ch", "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:2\r\n");
    client_send(reader, "CLIENT TRACKING ON REDIRECT %s", id);
    EXPECT_REPLY(reader, "+OK\r\n");
    EXPECT_CALL(reader, "GET k", "$-1\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_REPLY(listener,
                 "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
    EXPECT_CALL(other, "PUBLISH ch m", ":1\r\n");
    EXPECT_REPLY(listener, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
}

static void what_needs_a_tunnel_is_denied_to_a_subscriber(void)
{
    NEEDS_DAEMON;
    static const char *const queued[] = {"CLIENT ID", "HELLO 2", "SUBSCRIBE other"};
    start("");
    struct client *one = session3(), *publisher = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", ">3\r\n");
    EXPECT_CALL_BEGINS(one, "MONITOR", "-POOLDENY 'monitor' is denied while subscribed ");
    for (size_t i = 0; i < sizeof(queued) / sizeof(queued[0]); i++) {
        EXPECT_CALL(one, "MULTI", "+OK\r\n");
        EXPECT_CALL_BEGINS(one, queued[i], "-POOLDENY ");
        EXPECT_CALL(one, "SET k v", "+QUEUED\r\n");
        EXPECT_CALL_BEGINS(one, "EXEC", "-EXECABORT ");
    }
    EXPECT_CALL(one, "GET k", "_\r\n");
    EXPECT_CALL(publisher, "PUBLISH ch m", ":1\r\n");
    EXPECT_REPLY(one, ">3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
}

static const struct test_case cases[] = {
    {"replies are those of a direct server", replies_are_those_of_a_direct_server},
    {"replies with pubsub = lease are too", replies_on_leases_are_too},
    {"a RESP2 subscriber is restricted", a_resp2_subscriber_is_restricted},
    {"a RESP3 subscriber is not restricted", a_resp3_subscriber_is_not},
    {"HELLO 2 restricts a subscriber", hello_2_restricts_a_subscriber},
    {"a large request of a RESP2 subscriber is refused",
     a_large_request_of_a_resp2_subscriber_is_refused},
    {"permissions of channels are the server's", permissions_of_channels_are_the_servers},
    {"messages stand between replies", messages_stand_between_replies},
    {"no message stands in a long reply", no_message_stands_in_a_long_reply},
    {"a client's own message follows its reply", a_clients_own_message_follows_its_reply},
    {"a blocked subscriber gets messages", a_blocked_subscriber_gets_messages},
    {"what needs a tunnel is denied to a subscriber",
     what_needs_a_tunnel_is_denied_to_a_subscriber},
    {"invalidations as messages take a connection of their own",
     invalidations_as_messages_take_a_connection_of_their_own},
};

SUITE_MAIN("hub_replies", cases)
