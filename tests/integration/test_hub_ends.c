/* Subscribers that are slow or go, and hubs that are lost. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static bool nothing_is_subscribed(void *context)
{
    (void)context;
    return server_info(server, "pubsub_channels") == 0 &&
           server_info(server, "pubsub_patterns") == 0;
}

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

static void expect_end(struct client *client)
{
    EXPECT(wait_until(has_ended, client, patience_ms()));
}

/* ------------------------------------------------------------------------------------------- slow
 */

enum {
    PIECE = 1024 * 1024
};

static void publish_pieces(struct client *publisher, int count)
{
    char *text = case_alloc(PIECE + 1);
    memset(text, 'x', PIECE);
    for (int i = 0; i < count; i++) {
        client_command(publisher, "PUBLISH", "ch", text, NULL);
        client_read(publisher);
    }
}

static void a_slow_subscriber_is_closed_alone(void)
{
    enum {
        PIECES = 40
    };
    start("");
    struct client *slow = session(), *fast = session(), *publisher = session();
    EXPECT_CALL_BEGINS(slow, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL_BEGINS(fast, "SUBSCRIBE ch", "*3\r\n");
    for (int i = 0; i < PIECES; i++) {
        publish_pieces(publisher, 1);
        EXPECT_REPLY_BEGINS(fast, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1048576\r\nxxx");
    }
    expect_end(slow);
    EXPECT_CALL(fast, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    EXPECT_CALL(publisher, "PUBSUB NUMSUB ch", "*2\r\n$2\r\nch\r\n:1\r\n");
    if (!daemon_is_direct()) {
        EXPECT_HAS(daemon_log(pooler), "subscriber_limit");
    }
}

static void a_subscriber_that_stays_slow_is_closed(void)
{
    NEEDS_DAEMON;
    start("subscriber_soft_limit = 1mb\nsubscriber_soft_ms = 200\n");
    struct client *slow = session(), *fast = session(), *publisher = session();
    EXPECT_CALL_BEGINS(slow, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL_BEGINS(fast, "SUBSCRIBE ch", "*3\r\n");
    publish_pieces(publisher, 4);
    for (int i = 0; i < 4; i++) {
        EXPECT_REPLY_BEGINS(fast, "*3\r\n$7\r\nmessage\r\n");
    }
    int64_t deadline = now_ms() + patience_ms();
    while (strstr(daemon_log(pooler), "subscriber_soft_limit") == NULL) {
        EXPECT(now_ms() < deadline);
        EXPECT_CALL(fast, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
    expect_end(slow);
}

/* ------------------------------------------------------------------------------------------- ends
 */

static void subscribers_that_go_leave_nothing(void)
{
    enum {
        ROUNDS = 10000
    };
    start("");
    client_close(session()); /* the first of each kind makes connections */
    EXPECT_CALL_BEGINS(session(), "GET k", "$-1");
    for (int i = 0; i < ROUNDS; i++) {
        struct client *one = client_connect(daemon_address(pooler, "redis"));
        client_send(one, i % 3 == 0 ? "SUBSCRIBE a b%d" : "PSUBSCRIBE x%d*", i % 100);
        if (i % 5 == 0) {
            client_read(one);
        }
        client_close(one);
    }
    EXPECT(wait_until(nothing_is_subscribed, NULL, patience_ms()));
    if (!daemon_is_direct()) {
        EXPECT_BETWEEN(server_clients(server, "name=flaskredisd:REDIS"), 0, 2 * daemon_workers());
    }
}

static void a_hub_nobody_needs_is_closed(void)
{
    NEEDS_DAEMON;
    start("idle_upstream_ms = 1000\n");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_NUMBER(server_clients(server, "resp=3"), 1);
    EXPECT_CALL_BEGINS(one, "UNSUBSCRIBE ch", "*3\r\n");
    int64_t deadline = now_ms() + patience_ms();
    while (server_clients(server, "resp=3") > 0) {
        EXPECT(now_ms() < deadline);
    }
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL(session(), "PUBLISH ch m", ":1\r\n");
    EXPECT_REPLY_BEGINS(one, "*3\r\n$7\r\nmessage\r\n");
}

static void subscribers_learn_of_a_lost_hub_by_their_end(void)
{
    start("");
    struct client *one = session(), *two = session3(), *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL_BEGINS(two, "PSUBSCRIBE c*", ">3\r\n");
    server_ask(server, "CLIENT KILL TYPE pubsub");
    expect_end(one);
    expect_end(two);
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(other, "PUBLISH ch m", ":0\r\n");
    struct client *again = session();
    EXPECT_CALL_BEGINS(again, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL(other, "PUBLISH ch m", ":1\r\n");
}

static bool is_heard(void *publisher)
{
    client_send(publisher, "PUBLISH ch m");
    return client_read_number(publisher) == 2;
}

static void a_hub_subscribes_again_if_wanted(void)
{
    NEEDS_DAEMON;
    start("hub_loss = resubscribe\n");
    struct client *one = session(), *two = session3(), *other = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL_BEGINS(two, "PSUBSCRIBE c*", ">3\r\n");
    for (int round = 0; round < 3; round++) {
        server_ask(server, "CLIENT KILL TYPE pubsub");
        EXPECT(wait_until(is_heard, other, patience_ms()));
        EXPECT_REPLY_BEGINS(one, "*3\r\n$7\r\nmessage\r\n");
        while (client_try_read(one, 0)) {
            EXPECT_HAS(one->reply.data, "message");
        }
        EXPECT_CALL(one, "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
    EXPECT_CALL_BEGINS(one, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
}

static void subscribing_waits_for_a_server_that_comes_back(void)
{
    NEEDS_DAEMON;
    start("upstream_wait_ms = 20000\nfail_fast_ms = 20000\n");
    struct client *one = session();
    server_kill(server);
    client_send(one, "SUBSCRIBE ch");
    server_restart(server, NULL);
    EXPECT_REPLY(one, "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
}

static void subscribing_fails_without_a_server(void)
{
    NEEDS_DAEMON;
    start("upstream_wait_ms = 100\n");
    struct client *one = session();
    server_kill(server);
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "-POOLDOWN ");
    EXPECT_CALL(one, "UNSUBSCRIBE ch", "*3\r\n$11\r\nunsubscribe\r\n$2\r\nch\r\n:0\r\n");
    server_restart(server, NULL);
    int64_t deadline = now_ms() + patience_ms();
    while (strncmp(client_call(one, "SUBSCRIBE ch")->data, "-POOLDOWN", 9) == 0) {
        EXPECT(now_ms() < deadline);
    }
    EXPECT_CALL(session(), "PUBLISH ch m", ":1\r\n");
    EXPECT_REPLY_BEGINS(one, "*3\r\n$7\r\nmessage\r\n");
}

/* Each user has a hub, so that the server checks its channels. */
static void users_have_hubs_of_their_own(void)
{
    NEEDS_DAEMON;
    start("auth = passthrough\n");
    server_ask(server, "ACL SETUSER ann on >one allcommands allkeys resetchannels &a*");
    server_ask(server, "ACL SETUSER ben on >two allcommands allkeys allchannels");
    struct client *ann = session(), *ben = session3();
    EXPECT_CALL(ann, "AUTH ann one", "+OK\r\n");
    EXPECT_CALL(ben, "AUTH ben two", "+OK\r\n");
    EXPECT_CALL_BEGINS(ben, "SUBSCRIBE b", ">3\r\n");
    EXPECT_CALL_BEGINS(ben, "SUBSCRIBE a", ">3\r\n");
    EXPECT_CALL_BEGINS(ann, "SUBSCRIBE b", "-NOPERM");
    EXPECT_CALL_BEGINS(ann, "SUBSCRIBE a", "*3\r\n");
    EXPECT_NUMBER(server_clients(server, "user=ann sub=1"), 1);
    EXPECT_CALL(ben, "PUBLISH a m", ":2\r\n");
    EXPECT_REPLY(ann, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    EXPECT_REPLY(ben, ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    EXPECT_CALL_BEGINS(ben, "AUTH ann one", "-POOLDENY ");
    server_ask(server, "ACL DELUSER ann");
    expect_end(ann);
    EXPECT_CALL(ben, "PING", "+PONG\r\n");
}

static const struct test_case cases[] = {
    {"a slow subscriber is closed alone", a_slow_subscriber_is_closed_alone},
    {"a subscriber that stays slow is closed", a_subscriber_that_stays_slow_is_closed},
    {"subscribers that go leave nothing", subscribers_that_go_leave_nothing},
    {"a hub nobody needs is closed", a_hub_nobody_needs_is_closed},
    {"subscribers learn of a lost hub by their end", subscribers_learn_of_a_lost_hub_by_their_end},
    {"a hub subscribes again if wanted", a_hub_subscribes_again_if_wanted},
    {"subscribing waits for a server that comes back",
     subscribing_waits_for_a_server_that_comes_back},
    {"subscribing fails without a server", subscribing_fails_without_a_server},
    {"users have hubs of their own", users_have_hubs_of_their_own},
};

SUITE_MAIN("hub_ends", cases)
