/* A server that does to the hub what a real one does seldom or never. */
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

static struct peer *peer;

static void start_peer_before(const char *settings)
{
    struct bytes config = {0};
    bytes_printf(&config, "[flaskredisd]\nworkers = 1\n[REDIS]\nurl = {url}\n%s", settings);
    peer = peer_start();
    pooler = daemon_start(peer_url(peer), config.data);
    bytes_finish(&config);
}

static bool has_ended(void *context)
{
    return client_has_ended(context);
}

static void expect_end(struct client *client)
{
    EXPECT(wait_until(has_ended, client, patience_ms()));
}

#define SUBSCRIBED_A ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"

/* A session that has the channel a. */
static struct client *subscriber(void)
{
    struct client *one = session();
    EXPECT_CALL(one, "SUBSCRIBE a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    return one;
}

static void push(const char *bytes)
{
    peer_send(peer, peer_connection_of(peer, "SUBSCRIBE"), bytes);
}

/* In a cluster, when the slot of the channel moves to another server. */
static void a_shard_channel_taken_away_is_told_to_its_subscribers(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SSUBSCRIBE s", PEER_ANSWER, ">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n", 0);
    struct client *one = session(), *two = session3();
    EXPECT_CALL(one, "SSUBSCRIBE s", "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
    EXPECT_CALL(two, "SSUBSCRIBE s", ">3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n");
    peer_send(peer, peer_connection_of(peer, "SSUBSCRIBE"),
              ">3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
    EXPECT_REPLY(one, "*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
    EXPECT_REPLY(two, ">3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
}

static void acknowledgements_nobody_waits_for_end_the_hub(void)
{
    static const char *const pushes[] = {
        SUBSCRIBED_A,
        ">3\r\n$9\r\nsubscribe\r\n$1\r\nz\r\n:1\r\n",
        ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n",
        ">3\r\n$9\r\nsubscribe\r\n:7\r\n:1\r\n",
        ">2\r\n$7\r\nmessage\r\n:99999\r\n",
        ">1\r\n$9\r\nsurprise!\r\n",
        ">0\r\n",
        "+OK\r\n",
    };
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    struct client *other = session();
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    for (size_t i = 0; i < sizeof pushes / sizeof pushes[0]; i++) {
        struct client *one = subscriber();
        push(pushes[i]);
        expect_end(one);
        EXPECT_CALL(other, "SET k v", "+OK\r\n");
    }
}

static void an_acknowledgement_of_another_name_ends_the_hub(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, ">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n", 0);
    EXPECT_CALL_BEGINS(session(), "SUBSCRIBE a", "-POOLLOST ");
}

static void messages_for_nobody_are_given_up(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    peer_on(peer, "UNSUBSCRIBE z", PEER_ANSWER, ">3\r\n$11\r\nunsubscribe\r\n$1\r\nz\r\n:1\r\n", 0);
    struct client *one = subscriber();
    push(">3\r\n$7\r\nmessage\r\n$1\r\nz\r\n$1\r\nm\r\n");
    peer_expect(peer, "UNSUBSCRIBE z", 1);
    push(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nm\r\n");
}

/* A server in a long script refuses nearly everything. */
static void a_refused_release_is_asked_for_again(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    peer_on(peer, "UNSUBSCRIBE a", PEER_ANSWER, "-BUSY Redis is busy running a script.\r\n", 2);
    peer_on(peer, "UNSUBSCRIBE a", PEER_ANSWER, ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n", 0);
    struct client *one = subscriber();
    EXPECT_CALL(one, "UNSUBSCRIBE", "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    peer_expect(peer, "UNSUBSCRIBE a", 3);
    EXPECT_CALL(one, "SUBSCRIBE a", "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
}

static void a_subscriber_that_goes_before_its_acknowledgement_leaves_nothing(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_HOLD, "", 1);
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    struct client *one = session();
    client_send(one, "SUBSCRIBE a");
    peer_expect(peer, "SUBSCRIBE a", 1);
    client_close(one);
    push(SUBSCRIBED_A);
    peer_expect(peer, "UNSUBSCRIBE a", 1);
}

/* One that wants the channel keeps it, whoever leaves meanwhile. */
static void nothing_is_released_that_somebody_waits_for(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 1);
    peer_on(peer, "SUBSCRIBE a", PEER_HOLD, "", 0);
    peer_on(peer, "PING", PEER_HOLD, "", 0);
    struct client *one = subscriber(), *two = session();
    client_send(two, "SUBSCRIBE a");
    peer_expect(peer, "SUBSCRIBE a", 2);
    client_send(one, "UNSUBSCRIBE a");
    peer_expect(peer, "PING", 1);
    push(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n" SUBSCRIBED_A
         "+PONG\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n");
    EXPECT_REPLY(two, "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
    EXPECT_REPLY(two, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n2\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n1\r\n");
    EXPECT_REPLY(one, "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(peer_count(peer, "UNSUBSCRIBE"), 0);
}

static void a_subscription_that_was_sent_and_lost_says_so(void)
{
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE", PEER_CLOSE, "", 1);
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE a", "-POOLLOST ");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    daemon_stop(pooler);
    start_peer_before("on_loss = close\n");
    peer_on(peer, "SUBSCRIBE", PEER_CLOSE, "", 1);
    struct client *two = session();
    client_send(two, "SUBSCRIBE a");
    expect_end(two);
}

/* Whom the server takes a channel away from on a new connection cannot be told in another way. */
static void subscribers_end_when_they_cannot_be_subscribed_again(void)
{
    NEEDS_DAEMON;
    start_peer_before("hub_loss = resubscribe\n");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 1);
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, "-NOPERM no more\r\n", 0);
    peer_on(peer, "SUBSCRIBE b", PEER_ANSWER, ">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:1\r\n", 0);
    struct client *one = subscriber(), *two = session();
    EXPECT_CALL_BEGINS(two, "SUBSCRIBE b", "*3\r\n");
    peer_close(peer, peer_connection_of(peer, "SUBSCRIBE"));
    expect_end(one);
    peer_expect(peer, "SUBSCRIBE b", 2);
    push(">3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nm\r\n");
    EXPECT_REPLY(two, "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$1\r\nm\r\n");
}

/* Replies that are not what they should be are the client's to judge. */
static void counts_that_are_none_pass_unchanged(void)
{
    static const char *const replies[][2] = {
        {":1\r\n", ":2\r\n"},           {":0\r\n", ":0\r\n"},   {":-1\r\n", ":-1\r\n"},
        {"-ERR no\r\n", "-ERR no\r\n"}, {"+OK\r\n", "+OK\r\n"}, {"*1\r\n:1\r\n", "*1\r\n:1\r\n"},
        {"$1\r\n1\r\n", "$1\r\n1\r\n"},
    };
    static const char *const pairs[][2] = {
        {"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:7\r\n", "*4\r\n$1\r\na\r\n:2\r\n$1\r\nb\r\n:7\r\n"},
        {"*2\r\n$1\r\na\r\n$1\r\n1\r\n", "*2\r\n$1\r\na\r\n$1\r\n1\r\n"},
        {"*3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n", "*3\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n"},
        {"*0\r\n", "*0\r\n"},
        {"-ERR no\r\n", "-ERR no\r\n"},
    };
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    subscriber();
    subscriber();
    struct client *asker = session();
    for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
        peer_on(peer, "PUBLISH", PEER_ANSWER, replies[i][0], 1);
        client_send(asker, "PUBLISH a m");
        expect_reply(__FILE__, __LINE__, asker, replies[i][1], strlen(replies[i][1]));
    }
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        peer_on(peer, "PUBSUB", PEER_ANSWER, pairs[i][0], 1);
        client_send(asker, "PUBSUB NUMSUB a b");
        expect_reply(__FILE__, __LINE__, asker, pairs[i][1], strlen(pairs[i][1]));
    }
    peer_on(peer, "PUBLISH", PEER_CLOSE, "", 1);
    EXPECT_CALL_BEGINS(asker, "PUBLISH a m", "-POOLLOST ");
    peer_on(peer, "PUBLISH", PEER_ANSWER, ":1\r\n", 1);
    EXPECT_CALL(asker, "PUBLISH a m", ":2\r\n");
}

/* The server has released the channel and counts the others; its acknowledgement is on the way. */
static void who_leaves_is_not_taken_off_twice(void)
{
    static const char counts[] = "*2\r\n$1\r\na\r\n:1\r\n";
    NEEDS_DAEMON;
    start_peer_before("");
    peer_on(peer, "SUBSCRIBE a", PEER_ANSWER, SUBSCRIBED_A, 0);
    peer_on(peer, "SUBSCRIBE b", PEER_ANSWER, ">3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n", 0);
    peer_on(peer, "UNSUBSCRIBE a", PEER_HOLD, "", 0);
    peer_on(peer, "PUBSUB NUMSUB a", PEER_ANSWER, counts, 0);
    peer_on(peer, "PUBLISH a", PEER_ANSWER, ":1\r\n", 0);
    struct client *one = subscriber(), *asker = session();
    for (int i = 0; i < 2; i++) { /* so that counts are corrected at all */
        EXPECT_CALL_BEGINS(session(), "SUBSCRIBE b", "*3\r\n");
    }
    EXPECT_CALL(one, "RESET", "+RESET\r\n");
    peer_expect(peer, "UNSUBSCRIBE a", 1);
    EXPECT_CALL(asker, "PUBSUB NUMSUB a", counts);
    EXPECT_CALL(asker, "PUBLISH a m", ":1\r\n");
    peer_send(peer, peer_connection_of(peer, "UNSUBSCRIBE"),
              ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n");
    EXPECT_CALL(asker, "PUBSUB NUMSUB a", counts);
    EXPECT_CALL(asker, "PUBLISH a m", ":1\r\n");
}

static const struct test_case cases[] = {
    {"a shard channel taken away is told to its subscribers",
     a_shard_channel_taken_away_is_told_to_its_subscribers},
    {"acknowledgements nobody waits for end the hub",
     acknowledgements_nobody_waits_for_end_the_hub},
    {"an acknowledgement of another name ends the hub",
     an_acknowledgement_of_another_name_ends_the_hub},
    {"messages for nobody are given up", messages_for_nobody_are_given_up},
    {"a refused release is asked for again", a_refused_release_is_asked_for_again},
    {"a subscriber that goes before its acknowledgement leaves nothing",
     a_subscriber_that_goes_before_its_acknowledgement_leaves_nothing},
    {"nothing is released that somebody waits for", nothing_is_released_that_somebody_waits_for},
    {"counts that are none pass unchanged", counts_that_are_none_pass_unchanged},
    {"who leaves is not taken off twice", who_leaves_is_not_taken_off_twice},
    {"a subscription that was sent and lost says so",
     a_subscription_that_was_sent_and_lost_says_so},
    {"subscribers end when they cannot be subscribed again",
     subscribers_end_when_they_cannot_be_subscribed_again},
};

SUITE_MAIN("hub_peer", cases)
