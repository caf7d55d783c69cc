/* What one session may have outstanding on a shared lane goes by the size of its replies: others
 * wait behind all of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/peer.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    FIRST = 256, /* requests put while nothing is known of the replies */
    SHARE_LEN = 2 * MIB,
    VALUE_LEN = 30000
};

/* A server that answers GET and TOUCH when it is told to, a session that asks for very much, and
 * another one. */
struct crowd {
    struct peer *peer;
    struct client *greedy, *other;
    size_t answered; /* of the GETs */
    size_t touched;
};

static struct crowd begin_crowd(const char *settings)
{
    struct crowd crowd = {.peer = peer_start()};
    char config[256];
    peer_on(crowd.peer, "GET", PEER_HOLD, "", 0);
    peer_on(crowd.peer, "TOUCH", PEER_HOLD, "", 0);
    snprintf(config, sizeof(config), "[flaskredisd]\nworkers = 1\n[REDIS]\nurl = {url}\n%s",
             settings); /* with more, the two would not share a lane */
    pooler = daemon_start(peer_url(crowd.peer), config);
    crowd.greedy = session();
    crowd.other = session();
    return crowd;
}

static void send_gets(struct client *client, int count)
{
    struct bytes gets = {0};
    for (int i = 0; i < count; i++) {
        bytes_add_request(&gets, "GET k");
    }
    case_defer(free, gets.data);
    client_send_bytes(client, gets.data, gets.len);
}

/* So many replies, from this value on, as one piece. */
static void answer(const struct crowd *crowd, const char *reply, size_t count)
{
    struct bytes replies = {0};
    for (size_t i = 0; i < count; i++) {
        bytes_add_text(&replies, reply);
    }
    peer_send(crowd->peer, peer_connection_of(crowd->peer, "GET"), replies.data);
    bytes_finish(&replies);
}

/* Exactly so many GETs are outstanding, also when others have had their turn; they are answered. */
static void expect_outstanding(struct crowd *crowd, size_t count)
{
    peer_expect(crowd->peer, "GET", crowd->answered + count);
    for (int i = 0; i < 3; i++) {
        client_send(crowd->other, "TOUCH k");
        peer_expect(crowd->peer, "TOUCH", ++crowd->touched);
    }
    EXPECT_NUMBER(peer_count(crowd->peer, "GET"), (int64_t)(crowd->answered + count));
    answer(crowd, "$-1\r\n", count);
    answer(crowd, ":1\r\n", 3);
    crowd->answered += count;
    for (int i = 0; i < 3; i++) {
        EXPECT_REPLY(crowd->other, ":1\r\n");
    }
}

static void with_small_replies_all_may_be_outstanding(void)
{
    enum {
        MOST = 2000,
        GETS = 6000
    };
    NEEDS_DAEMON;
    struct crowd crowd = begin_crowd("outstanding_max = 2000\nheartbeat_ms = 0\n");
    send_gets(crowd.greedy, GETS);
    for (size_t count = FIRST; count < MOST; count *= 2) {
        expect_outstanding(&crowd, count);
    }
    expect_outstanding(&crowd, MOST);
    expect_outstanding(&crowd, MOST);
    size_t left = GETS - crowd.answered;
    peer_expect(crowd.peer, "GET", GETS);
    answer(&crowd, "$-1\r\n", left);
    for (int i = 0; i < GETS; i++) {
        EXPECT_REPLY(crowd.greedy, "$-1\r\n");
    }
}

/* Answer the next GET with so many bytes; returns how many are outstanding then, or were already
 * put in place of it. */
static size_t answer_one(struct crowd *crowd, const char *reply)
{
    peer_expect(crowd->peer, "GET", ++crowd->answered);
    answer(crowd, reply, 1);
    EXPECT_REPLY_BEGINS(crowd->greedy, "$");
    return peer_count(crowd->peer, "GET") - crowd->answered;
}

static void with_larger_replies_fewer_are_outstanding(void)
{
    static const int lens[] = {5000, VALUE_LEN, 200 * KIB};
    enum {
        GETS = 1000,
        MEAN_KNOWN = 500
    };
    NEEDS_DAEMON;
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        struct bytes reply = {0};
        struct crowd crowd = begin_crowd("");
        bytes_printf(&reply, "$%d\r\n%0*d\r\n", lens[i], lens[i], 0);
        case_defer(free, reply.data);
        send_gets(crowd.greedy, GETS);
        size_t most = SHARE_LEN / (size_t)lens[i];
        for (int j = 0; j < GETS; j++) {
            size_t outstanding = answer_one(&crowd, reply.data);
            bool is_known = j >= MEAN_KNOWN;
            EXPECT_BETWEEN(outstanding, 0, (int64_t)(is_known ? most + most / 8 + 1 : 2 * FIRST));
        }
        daemon_stop(pooler);
    }
}

/* Nobody waits behind it there. */
static void on_a_connection_of_its_own_all_may_be_outstanding(void)
{
    enum {
        GETS = 3000
    };
    NEEDS_DAEMON;
    struct crowd crowd = begin_crowd("");
    EXPECT_CALL(crowd.greedy, "WATCH k", "+OK\r\n");
    send_gets(crowd.greedy, GETS);
    peer_expect(crowd.peer, "GET", GETS);
}

/* However large its replies are, and if there is nothing else to have them over: one may go. */
static void replies_beyond_every_share_come_one_by_one(void)
{
    enum {
        GETS = 40,
        LEN = 5 * MIB
    };
    start("large_max = 1\nreply_limit = 512mb\n");
    struct client *first = session(), *one = session();
    server_ask(server, "SETRANGE k %d x", LEN - 1);
    client_send(first, "GET k"); /* has the connection for large replies, and does not read */
    client_wait_readable(first);
    send_gets(one, GETS);
    for (int i = 0; i < GETS; i++) {
        EXPECT_REPLY_BEGINS(one, "$5242880\r\n");
    }
    EXPECT_REPLY_BEGINS(first, "$5242880\r\n");
}

/* Bytes the greedy one gets while the other's request is under way. */
static size_t overtaken_by(struct client *greedy, struct client *other)
{
    size_t got = 0;
    client_send(other, "GET small");
    int64_t deadline = now_ms() + patience_ms();
    while (client_gather(other) == 0) {
        EXPECT(!other->ended && now_ms() < deadline);
        got += client_gather_part(greedy);
        greedy->taken = greedy->in.len;
    }
    EXPECT_REPLY(other, "$1\r\nv\r\n");
    return got;
}

static void others_do_not_wait_behind_all_replies_of_one(void)
{
    enum {
        GETS = 10000,
        LEARNING_LEN = 2 * FIRST * VALUE_LEN,
        MOST_LEN = 3 * SHARE_LEN + 2 * MIB /* outstanding, kept by the daemon, in sockets */
    };
    NEEDS_DAEMON;
    start("");
    struct client *greedy = session(), *other = session();
    server_ask(server, "SETRANGE k %d x", VALUE_LEN - 1);
    server_ask(server, "SET small v");
    send_gets(greedy, GETS);
    size_t all = (size_t)GETS * (VALUE_LEN + strlen("$30000\r\n\r\n")), got = greedy->in.len;
    greedy->taken = greedy->in.len;
    while (got < all) {
        size_t now = overtaken_by(greedy, other);
        EXPECT_BETWEEN(now, 0, got < LEARNING_LEN ? LEARNING_LEN : MOST_LEN);
        got += now;
        now = client_gather_part(greedy);
        greedy->taken = greedy->in.len;
        got += now;
        EXPECT(!greedy->ended);
    }
    EXPECT_NUMBER(got, (int64_t)all);
}

static const struct test_case cases[] = {
    {"with small replies all may be outstanding", with_small_replies_all_may_be_outstanding},
    {"with larger replies fewer are outstanding", with_larger_replies_fewer_are_outstanding},
    {"on a connection of its own all may be outstanding",
     on_a_connection_of_its_own_all_may_be_outstanding},
    {"replies beyond every share come one by one", replies_beyond_every_share_come_one_by_one},
    {"others do not wait behind all replies of one", others_do_not_wait_behind_all_replies_of_one},
};

SUITE_MAIN("share", cases)
