/* Many subscribers, one connection: each gets its messages, none is lost, none comes twice, none is
 * another's; and publishers are told how many there are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

/* The connections of the server that have a channel. */
static int64_t channel_connections(void)
{
    return server_clients(server, "sub=1");
}

/* ------------------------------------------------------------------------- who gets which messages
 */

static void a_subscriber_gets_nothing_published_before(void)
{
    start("");
    struct client *holder = session(), *late = session();
    EXPECT_CALL_BEGINS(holder, "SUBSCRIBE ch", "*3\r\n");
    for (int round = 0; round < 50; round++) {
        EXPECT_CALL(late, "PUBLISH ch m1", ":1\r\n");
        EXPECT_CALL(late, "SUBSCRIBE ch", "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
        EXPECT_CALL(session(), "PUBLISH ch m2", ":2\r\n");
        EXPECT_REPLY(late, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$2\r\nm2\r\n");
        EXPECT_CALL(late, "UNSUBSCRIBE ch", "*3\r\n$11\r\nunsubscribe\r\n$2\r\nch\r\n:0\r\n");
    }
}

static void a_subscriber_gets_all_published_before_it_leaves(void)
{
    start("");
    struct client *one = session(), *two = session(), *publisher = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    for (int round = 0; round < 50; round++) {
        EXPECT_CALL_BEGINS(two, "SUBSCRIBE ch", "*3\r\n$9\r\nsubscribe\r\n");
        EXPECT_CALL(publisher, "PUBLISH ch m", ":2\r\n");
        client_send(two, "UNSUBSCRIBE ch");
        EXPECT_REPLY(two, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
        EXPECT_REPLY(two, "*3\r\n$11\r\nunsubscribe\r\n$2\r\nch\r\n:0\r\n");
        EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
        EXPECT_CALL(publisher, "PUBLISH ch n", ":1\r\n");
        EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nn\r\n");
        EXPECT_CALL(two, "GET k", "$-1\r\n");
    }
}

static void a_channel_and_a_pattern_both_deliver(void)
{
    start("");
    struct client *one = session(), *two = session3();
    client_send(one, "SUBSCRIBE n");
    EXPECT_REPLY_BEGINS(one, "*3\r\n");
    EXPECT_CALL_BEGINS(one, "PSUBSCRIBE n*", "*3\r\n");
    EXPECT_CALL(session(), "PUBLISH n x", ":2\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$1\r\nn\r\n$1\r\nx\r\n");
    EXPECT_REPLY(one, "*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$1\r\nn\r\n$1\r\nx\r\n");
    EXPECT_CALL_BEGINS(two, "PSUBSCRIBE n*", ">3\r\n");
    EXPECT_CALL(session(), "PUBLISH n y", ":3\r\n");
    EXPECT_REPLY(two, ">4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$1\r\nn\r\n$1\r\ny\r\n");
}

static void shard_channels_are_apart(void)
{
    start("");
    struct client *one = session(), *two = session3(), *publisher = session();
    EXPECT_CALL(one, "SUBSCRIBE ch", "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
    EXPECT_CALL(one, "SSUBSCRIBE ch", "*3\r\n$10\r\nssubscribe\r\n$2\r\nch\r\n:1\r\n");
    EXPECT_CALL(two, "SSUBSCRIBE ch", ">3\r\n$10\r\nssubscribe\r\n$2\r\nch\r\n:1\r\n");
    EXPECT_CALL(publisher, "PUBLISH ch a", ":1\r\n");
    EXPECT_CALL(publisher, "SPUBLISH ch b", ":2\r\n");
    EXPECT_REPLY(one, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\na\r\n");
    EXPECT_REPLY(one, "*3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$1\r\nb\r\n");
    EXPECT_REPLY(two, ">3\r\n$8\r\nsmessage\r\n$2\r\nch\r\n$1\r\nb\r\n");
    EXPECT_CALL(publisher, "PUBSUB SHARDNUMSUB ch", "*2\r\n$2\r\nch\r\n:2\r\n");
}

static void keyspace_events_reach_a_pattern(void)
{
    start("");
    server_ask(server, "CONFIG SET notify-keyspace-events KEA");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "PSUBSCRIBE __key*__:*", "*3\r\n");
    EXPECT_CALL(session(), "SET k v", "+OK\r\n");
    EXPECT_REPLY(one, "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$16\r\n__keyspace@0__:k\r\n"
                      "$3\r\nset\r\n");
    EXPECT_REPLY(one, "*4\r\n$8\r\npmessage\r\n$10\r\n__key*__:*\r\n$18\r\n__keyevent@0__:set\r\n"
                      "$1\r\nk\r\n");
}

/* Messages from short to long, beyond what is shared between buffers and what one read brings. */
static void messages_of_every_length_pass_unchanged(void)
{
    enum {
        SUBSCRIBERS = 3
    };
    static const size_t lens[] = {0, 1, 100, 2000, 2048, 5000, 65536, 200000, 3000000};
    start("");
    struct client *subscribers[SUBSCRIBERS] = {session(), session3(), session()};
    struct client *publisher = session();
    for (int i = 0; i < SUBSCRIBERS; i++) {
        client_call(subscribers[i], "SUBSCRIBE ch");
    }
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        char *text = case_alloc(lens[i] + 1);
        memset(text, 'a' + (int)i, lens[i]);
        client_command(publisher, "PUBLISH", "ch", text, NULL);
        EXPECT_NUMBER(client_read_number(publisher), SUBSCRIBERS);
        for (int j = 0; j < SUBSCRIBERS; j++) {
            struct bytes expected = {0};
            bytes_printf(&expected, "%c3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$%zu\r\n%s\r\n",
                         j == 1 ? '>' : '*', lens[i], text);
            expect_reply(__FILE__, __LINE__, subscribers[j], expected.data, expected.len);
            bytes_finish(&expected);
        }
    }
}

static void a_thousand_subscribers_cost_one_connection_per_worker(void)
{
    enum {
        SUBSCRIBERS = 1000
    };
    static struct client *clients[SUBSCRIBERS];
    allow_many_descriptors();
    start("");
    struct client *publisher = session();
    int64_t before = server_info(server, "connected_clients");
    for (int i = 0; i < SUBSCRIBERS; i++) {
        clients[i] = session();
        client_send(clients[i], "SUBSCRIBE ch");
    }
    for (int i = 0; i < SUBSCRIBERS; i++) {
        EXPECT_REPLY(clients[i], "*3\r\n$9\r\nsubscribe\r\n$2\r\nch\r\n:1\r\n");
    }
    EXPECT_CALL(publisher, "PUBLISH ch m", ":1000\r\n");
    EXPECT_CALL(publisher, "PUBSUB NUMSUB ch other",
                "*4\r\n$2\r\nch\r\n:1000\r\n$5\r\nother\r\n:0\r\n");
    for (int i = 0; i < SUBSCRIBERS; i++) {
        EXPECT_REPLY(clients[i], "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
        EXPECT_CALL(clients[i], "PING", "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    }
    if (!daemon_is_direct()) {
        EXPECT_BETWEEN(channel_connections(), 1, daemon_workers());
        /* lanes of other workers may have been made meanwhile, for NUMSUB */
        EXPECT_BETWEEN(server_info(server, "connected_clients") - before, 0, 2 * daemon_workers());
    }
}

/* ------------------------------------------------------------------------------- against a model
 */

enum {
    MODEL_CLIENTS = 12,
    MODEL_CHANNELS = 3,
    MODEL_PATTERNS = 2,
    MODEL_NAMES = MODEL_CHANNELS + MODEL_PATTERNS,
    MODEL_STEPS = 3000
};

static const char *const model_names[MODEL_NAMES] = {"aa", "ab", "b", "a?", "[ab]*"};
static const bool model_matches[MODEL_NAMES][MODEL_CHANNELS] = {
    {true, false, false}, {false, true, false}, {false, false, true},
    {true, true, false},  {true, true, true},
};

struct model_client {
    struct client *client;
    bool is_resp3;
    bool holds[MODEL_NAMES];
};

static unsigned model_seed = 1;

static unsigned any(unsigned most)
{
    model_seed = model_seed * 1103515245 + 12345;
    return (model_seed >> 16) % most;
}

static int held_count(const struct model_client *client)
{
    int count = 0;
    for (int i = 0; i < MODEL_NAMES; i++) {
        count += client->holds[i];
    }
    return count;
}

static void model_renew(struct model_client *client)
{
    if (client->client != NULL) {
        client_close(client->client);
    }
    *client = (struct model_client){.is_resp3 = any(2)};
    client->client = client->is_resp3 ? session3() : session();
}

static void model_change(struct model_client *client)
{
    unsigned name = any(MODEL_NAMES);
    bool subscribes = any(2);
    bool is_pattern = name >= MODEL_CHANNELS;
    char word[32];
    char expected[128];
    snprintf(word, sizeof word, "%s%ssubscribe", is_pattern ? "p" : "", subscribes ? "" : "un");
    client->holds[name] = subscribes;
    client_send(client->client, "%s %s", word, model_names[name]);
    int len = snprintf(expected, sizeof expected, "%c3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n:%d\r\n",
                       client->is_resp3 ? '>' : '*', strlen(word), word, strlen(model_names[name]),
                       model_names[name], held_count(client));
    expect_reply(__FILE__, __LINE__, client->client, expected, (size_t)len);
}

/* The messages of one channel to one client: that of the channel first, then those of patterns, in
 * the server's order. */
static void model_expect(struct model_client *client, unsigned channel, int number)
{
    char text[16];
    bool seen[MODEL_NAMES] = {false};
    int count = 0;
    snprintf(text, sizeof text, "%d", number);
    for (int i = 0; i < MODEL_NAMES; i++) {
        count += client->holds[i] && model_matches[i][channel];
    }
    while (count-- > 0) {
        const struct bytes *frame = client_read(client->client);
        bool is_found = false;
        for (int i = 0; i < MODEL_NAMES && !is_found; i++) {
            char expected[128];
            const char *name = model_names[i];
            const char *to = model_names[channel];
            char type = client->is_resp3 ? '>' : '*';
            if (i < MODEL_CHANNELS) {
                snprintf(expected, sizeof expected,
                         "%c3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", type, strlen(to),
                         to, strlen(text), text);
            } else {
                snprintf(expected, sizeof expected,
                         "%c4\r\n$8\r\npmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
                         type, strlen(name), name, strlen(to), to, strlen(text), text);
            }
            is_found = client->holds[i] && model_matches[i][channel] && !seen[i] &&
                       frame->len == strlen(expected) &&
                       memcmp(frame->data, expected, frame->len) == 0;
            seen[i] = seen[i] || is_found;
        }
        if (!is_found) {
            FAIL("not for this subscriber, or for the second time: %s", frame->data);
        }
    }
}

/* Nothing else has come: the answer to PING stands behind it. */
static void model_expect_no_more(struct model_client *client)
{
    bool is_array = !client->is_resp3 && held_count(client) > 0;
    const char *pong = is_array ? "*2\r\n$4\r\npong\r\n$0\r\n\r\n" : "+PONG\r\n";
    client_send(client->client, "PING");
    expect_reply(__FILE__, __LINE__, client->client, pong, strlen(pong));
}

static void messages_go_to_those_a_model_names(void)
{
    static struct model_client clients[MODEL_CLIENTS];
    memset(clients, 0, sizeof clients);
    model_seed = 1;
    start("");
    struct client *publisher = session();
    for (int i = 0; i < MODEL_CLIENTS; i++) {
        model_renew(&clients[i]);
    }
    for (int step = 0; step < MODEL_STEPS; step++) {
        struct model_client *changed = &clients[any(MODEL_CLIENTS)];
        if (any(50) == 0) {
            model_renew(changed); /* the daemon may not have seen its end when others go on */
            continue;
        }
        model_change(changed);
        unsigned channel = any(MODEL_CHANNELS);
        client_call(publisher, "PUBLISH %s %d", model_names[channel], step);
        for (int i = 0; i < MODEL_CLIENTS; i++) {
            model_expect(&clients[i], channel, step);
        }
    }
    for (int i = 0; i < MODEL_CLIENTS; i++) {
        model_expect_no_more(&clients[i]);
    }
}

static void counts_are_those_a_model_names(void)
{
    static struct model_client clients[MODEL_CLIENTS];
    memset(clients, 0, sizeof clients);
    model_seed = 7;
    start("");
    struct client *publisher = session();
    struct client *stranger = server_client(server);
    EXPECT_CALL_BEGINS(stranger, "SUBSCRIBE aa", "*3\r\n");
    for (int i = 0; i < MODEL_CLIENTS; i++) {
        model_renew(&clients[i]);
    }
    for (int step = 0; step < MODEL_STEPS / 3; step++) {
        model_change(&clients[any(MODEL_CLIENTS)]);
        unsigned channel = any(MODEL_CHANNELS);
        int expected = channel == 0;
        int holders = channel == 0;
        for (int i = 0; i < MODEL_CLIENTS; i++) {
            holders += clients[i].holds[channel];
            for (int name = 0; name < MODEL_NAMES; name++) {
                expected += clients[i].holds[name] && model_matches[name][channel];
            }
        }
        client_send(publisher, "PUBLISH %s %d", model_names[channel], step);
        EXPECT_NUMBER(client_read_number(publisher), expected);
        for (int i = 0; i < MODEL_CLIENTS; i++) {
            model_expect(&clients[i], channel, step);
        }
        client_call(publisher, "PUBSUB NUMSUB %s", model_names[channel]);
        char numsub[64];
        snprintf(numsub, sizeof numsub, "\r\n:%d\r\n", holders);
        EXPECT_REPLY_HAS(publisher, numsub);
    }
}

static void counts_are_the_servers_if_wanted(void)
{
    NEEDS_DAEMON;
    start("publish_count = server\n");
    struct client *one = session(), *two = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE ch", "*3\r\n");
    EXPECT_CALL_BEGINS(two, "SUBSCRIBE ch", "*3\r\n");
    int64_t hubs = channel_connections();
    struct client *publisher = session();
    client_send(publisher, "PUBLISH ch m");
    EXPECT_NUMBER(client_read_number(publisher), hubs);
    EXPECT_REPLY(two, "*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$1\r\nm\r\n");
}

static void counts_of_pipelined_publishes_are_in_order(void)
{
    enum {
        COUNT = 500
    };
    start("");
    struct client *subscribers[3] = {session(), session(), session3()};
    for (int i = 0; i < 3; i++) {
        EXPECT(client_call(subscribers[i], "SUBSCRIBE a")->len > 0);
    }
    EXPECT_CALL_BEGINS(subscribers[0], "SUBSCRIBE b", "*3\r\n");
    struct client *publisher = session();
    struct bytes script = {0};
    struct bytes expected = {0};
    for (int i = 0; i < COUNT; i++) {
        bytes_add_request(&script, i % 3 == 0   ? "PUBLISH a m"
                                   : i % 3 == 1 ? "PUBLISH b m"
                                                : "INCR n");
        bytes_printf(&expected, ":%d\r\n", i % 3 == 0 ? 3 : i % 3 == 1 ? 1 : i / 3 + 1);
    }
    bytes_add_request(&script, "MULTI");
    bytes_add_request(&script, "PUBLISH b m"); /* in a transaction it is the server's count */
    bytes_add_request(&script, "EXEC");
    bytes_add_request(&script, "QUIT");
    bytes_add_text(&expected, "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n+OK\r\n");
    client_send_bytes(publisher, script.data, script.len);
    const struct bytes *said = client_read_all(publisher);
    expect_bytes(__FILE__, __LINE__, "the counts", said->data, said->len, expected.data,
                 expected.len);
    bytes_finish(&script);
    bytes_finish(&expected);
}

/* So many that their reply is passed on in parts. */
static void counts_of_many_channels_are_all_right(void)
{
    enum {
        NAMES = 5000
    };
    start("");
    struct client *one = session(), *two = session(), *asker = session();
    struct bytes line = {0};
    struct bytes request = {0};
    struct bytes expected = {0};
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE 1000", "*3\r\n");
    EXPECT_CALL_BEGINS(two, "SUBSCRIBE 1000", "*3\r\n");
    EXPECT_CALL_BEGINS(two, "SUBSCRIBE 5999", "*3\r\n");
    bytes_add_text(&line, "PUBSUB NUMSUB");
    bytes_printf(&expected, "*%d\r\n", 2 * NAMES);
    for (int i = 0; i < NAMES; i++) {
        int count = i == 0 ? 2 : i == NAMES - 1 ? 1 : 0;
        bytes_printf(&line, " %d", 1000 + i);
        bytes_printf(&expected, "$4\r\n%d\r\n:%d\r\n", 1000 + i, count);
    }
    bytes_add_request(&request, line.data);
    client_send_bytes(asker, request.data, request.len);
    expect_reply(__FILE__, __LINE__, asker, expected.data, expected.len);
    bytes_finish(&line);
    bytes_finish(&request);
    bytes_finish(&expected);
}

static const struct test_case cases[] = {
    {"a subscriber gets nothing published before its subscription",
     a_subscriber_gets_nothing_published_before},
    {"a subscriber gets all published before it leaves",
     a_subscriber_gets_all_published_before_it_leaves},
    {"a channel and a pattern both deliver", a_channel_and_a_pattern_both_deliver},
    {"shard channels are apart", shard_channels_are_apart},
    {"keyspace events reach a pattern", keyspace_events_reach_a_pattern},
    {"messages of every length pass unchanged", messages_of_every_length_pass_unchanged},
    {"a thousand subscribers cost one connection per worker",
     a_thousand_subscribers_cost_one_connection_per_worker},
    {"messages go to those a model names", messages_go_to_those_a_model_names},
    {"counts are those a model names", counts_are_those_a_model_names},
    {"counts are the server's if wanted", counts_are_the_servers_if_wanted},
    {"counts of many channels are all right", counts_of_many_channels_are_all_right},
    {"counts of pipelined publishes are in order", counts_of_pipelined_publishes_are_in_order},
};

SUITE_MAIN("hub_messages", cases)
