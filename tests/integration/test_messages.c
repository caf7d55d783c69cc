/* What the server says unasked, messages of channels, MONITOR and invalidations, reaches the
 * session that wants it, in order, and no other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

/* ------------------------------------------------------------------------- publish, subscribe */

static void subscriptions_answer_the_same(void)
{
    static const char script2[] =
        "SUBSCRIBE a; SUBSCRIBE a; PSUBSCRIBE n*; SSUBSCRIBE sh; PING; PING x; GET k; "
        "CLIENT ID; NONSENSE; MULTI; UNSUBSCRIBE zz; UNSUBSCRIBE a; PUNSUBSCRIBE; "
        "SUNSUBSCRIBE sh; UNSUBSCRIBE; GET k; PUNSUBSCRIBE; SUNSUBSCRIBE";
    static const char script3[] =
        "SUBSCRIBE a; SUBSCRIBE a; PSUBSCRIBE n*; PING; PING x; GET k; SET k v; GET k; "
        "UNSUBSCRIBE zz; UNSUBSCRIBE a; PUNSUBSCRIBE; UNSUBSCRIBE; GET k";
    start("");
    EXPECT_SAME(session(), server_client(twin()), script2);
    EXPECT_SAME(session3(), direct3(), script3);
}

static void messages_reach_all_subscribers(void)
{
    enum {
        SUBSCRIBERS = 20,
        MESSAGES = 50
    };
    struct client *clients[SUBSCRIBERS];
    char expected[64];
    start("");
    struct client *publisher = session(), *three = session3();
    for (int i = 0; i < SUBSCRIBERS; i++) {
        clients[i] = session();
        EXPECT_CALL(clients[i], "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    }
    EXPECT_CALL(three, "SUBSCRIBE c", ">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT_CALL(three, "PSUBSCRIBE c*", ">3\r\n$10\r\npsubscribe\r\n$2\r\nc*\r\n:2\r\n");
    for (int i = 0; i < MESSAGES; i++) {
        client_send(publisher, "PUBLISH c %d", i + 10);
        EXPECT_NUMBER(client_read_number(publisher), SUBSCRIBERS + 2);
    }
    for (int i = 0; i < SUBSCRIBERS * MESSAGES; i++) {
        int message = i / SUBSCRIBERS + 10;
        snprintf(expected, sizeof(expected), "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n%d\r\n",
                 message);
        expect_reply(__FILE__, __LINE__, clients[i % SUBSCRIBERS], expected, strlen(expected));
    }
    EXPECT_REPLY(three, ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\n10\r\n");
    EXPECT_REPLY(three, ">4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$2\r\n10\r\n");
}

static void a_subscription_begins_with_its_acknowledgement(void)
{
    start("");
    struct client *early = session(), *late = session(), *publisher = session();
    EXPECT_CALL_BEGINS(early, "SUBSCRIBE c", "*3\r\n");
    for (int i = 10; i < 40; i++) {
        client_call(publisher, "PUBLISH c %d", i);
        EXPECT_CALL_BEGINS(late, "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n");
        client_call(publisher, "PUBLISH c last");
        EXPECT_REPLY(late, "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\nlast\r\n");
        EXPECT_CALL(late, "UNSUBSCRIBE c", "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n");
    }
}

static void subscriptions_end_with_their_session(void)
{
    start("");
    struct client *stays = session();
    for (int i = 0; i < 30; i++) {
        struct client *one = session();
        EXPECT_CALL_BEGINS(one, "SUBSCRIBE c", "*3\r\n");
        client_close(one);
        client_send(session(), "SUBSCRIBE d");
    }
    EXPECT_CALL_BEGINS(stays, "SUBSCRIBE e", "*3\r\n");
    client_close(stays);
    EXPECT_INFO(server, "pubsub_channels", 1); /* d, held by thirty */
}

static void keyspace_events_are_messages(void)
{
    start("");
    server_ask(server, "CONFIG SET notify-keyspace-events KEA");
    struct client *one = session(), *other = session();
    EXPECT_CALL_BEGINS(one, "PSUBSCRIBE __key*__:*", "*3\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_REPLY_BEGINS(one, "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n");
    EXPECT_REPLY_BEGINS(one, "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n");
}

/* -------------------------------------------------------------------------- MONITOR, tracking */

static void monitor_shows_what_runs(void)
{
    start("");
    struct client *monitor = session(), *other = session();
    EXPECT_CALL(monitor, "MONITOR", "+OK\r\n");
    EXPECT_CALL(other, "SET seen v", "+OK\r\n");
    EXPECT_CALL(other, "GET seen", "$1\r\nv\r\n");
    int found = 0;
    while (found < 2) {
        EXPECT_REPLY_BEGINS(monitor, "+");
        found += strstr(monitor->reply.data, "\"seen\"") != NULL;
    }
    EXPECT_REPLY_HAS(monitor, "\"GET\" \"seen\"");
    EXPECT_CALL(session(), "GET seen", "$1\r\nv\r\n");
}

static void monitor_ends_with_reset_and_quit(void)
{
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(one, "MONITOR", "+OK\r\n");
    client_send(one, "RESET");
    while (strcmp(client_read(one)->data, "+RESET\r\n") != 0) {
        EXPECT(one->reply.data[0] == '+');
    }
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
}

static void tracking_pushes_invalidations(void)
{
    start("");
    struct client *one = session3(), *other = session();
    EXPECT_CALL(one, "CLIENT TRACKING ON", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "_\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_REPLY(one, ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(one, "CLIENT TRACKING OFF", "+OK\r\n");
    EXPECT_CALL(other, "SET k w", "+OK\r\n");
    EXPECT_CALL(one, "GET k", "$1\r\nw\r\n");
    EXPECT_CALL(other, "CLIENT TRACKING OFF", "+OK\r\n");
    EXPECT_CALL_BEGINS(other, "CLIENT TRACKING ON BCAST OPTIN", "-ERR ");
    EXPECT_CALL(other, "GET k", "$1\r\nw\r\n");
}

static const struct test_case cases[] = {
    {"subscriptions answer as a direct server", subscriptions_answer_the_same},
    {"messages reach all subscribers in order", messages_reach_all_subscribers},
    {"a subscription begins with its acknowledgement",
     a_subscription_begins_with_its_acknowledgement},
    {"subscriptions end with their session", subscriptions_end_with_their_session},
    {"keyspace events are messages", keyspace_events_are_messages},
    {"MONITOR shows what runs", monitor_shows_what_runs},
    {"MONITOR ends with RESET", monitor_ends_with_reset_and_quit},
    {"CLIENT TRACKING pushes invalidations", tracking_pushes_invalidations},
};

SUITE_MAIN("messages", cases)
