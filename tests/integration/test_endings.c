/* Clients that go, in the middle of whatever they were doing: what they had sent completely is
 * done, what they held is free again, and those who stay notice nothing. Also those who go on
 * sending to a server that takes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    KIB = 1024,
    MIB = 1024 * KIB,
    STUCK_MS = 200
};

/* A request of three words, the last of len zeros, without its line end. */
static void add_value(struct bytes *to, const char *command, const char *key, size_t len)
{
    bytes_printf(to, "*3\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(command), command,
                 strlen(key), key, len);
    bytes_printf(to, "%0*d", (int)len, 0);
}

static bool has_number(const char *reply, int number)
{
    return reply[0] == ':' && atoi(reply + 1) == number;
}

/* A client that goes without having read a reply leaves an error behind, and what it sent last is
 * there as well: three pieces of news at once. */
static void what_is_sent_with_the_last_breath_hides_no_end(void)
{
    NEEDS_DAEMON;
    static const char *const lasts[] = {"PING\r\n",
                                        "GET k\r\n",
                                        "GET k\r\nGET",
                                        "BLPOP missing 0\r\n",
                                        "SUBSCRIBE c\r\n",
                                        "CLIENT REPLY OFF\r\nGET k\r\n",
                                        "WATCH k\r\n",
                                        "MULTI\r\n",
                                        "MULTI\r\nSET k v\r\nEXEC\r\n"};
    start("");
    struct client *one = session();
    for (size_t i = 0; i < sizeof(lasts) / sizeof(lasts[0]); i++) {
        struct client *hasty = session();
        client_send(hasty, "PING");
        client_wait_readable(hasty);
        process_freeze(&pooler->process);
        client_send_bytes(hasty, lasts[i], strlen(lasts[i]));
        client_close(hasty);
        process_thaw(&pooler->process);
        EXPECT_CALL(one, "PING", "+PONG\r\n");
        client_wait_listed(one, " cmd=", 1);
    }
}

/* ------------------------------------------------------------------------------ large requests */

enum {
    ANNOUNCED = 1000000,
    ARRIVED = 200000
};

/* So much of a request has come that the daemon, which keeps no more than 128 KiB of it, must have
 * a connection to send it on. */
static struct client *begin_upload(void)
{
    struct bytes part = {0};
    struct client *one = session();
    add_value(&part, "SET", "k", ANNOUNCED);
    case_defer(free, part.data);
    client_send_bytes(one, part.data, ARRIVED);
    client_wait_consumed(one);
    return one;
}

static void upload(struct client *client)
{
    struct bytes set = {0};
    add_value(&set, "SET", "k", ANNOUNCED);
    bytes_add_text(&set, "\r\n");
    case_defer(free, set.data);
    client_send_bytes(client, set.data, set.len);
    EXPECT_REPLY(client, "+OK\r\n");
}

static void an_upload_cut_off_gives_its_connection_back(void)
{
    NEEDS_DAEMON;
    start("large_max = 1\n");
    for (int round = 0; round < 6; round++) {
        client_close(begin_upload());
    }
    EXPECT_NUMBER(server_all_keys(server), 0);
    upload(session());
}

static void an_upload_that_stands_still_is_closed(void)
{
    NEEDS_DAEMON;
    start("large_max = 1\nlease_wait_ms = 5000\ntx_idle_ms = 300\n");
    struct client *still = begin_upload(), *other = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_NUMBER(server_all_keys(server), 0);
    upload(other);
    client_read_all(still);
}

/* ------------------------------------------------------------------------------ the input's end */

static void all_that_came_before_the_end_is_counted(void)
{
    enum {
        INCREMENTS = 1000
    };
    struct bytes requests = {0};
    start("outstanding_max = 100\n");
    for (int i = 0; i < INCREMENTS; i++) {
        bytes_add_request(&requests, "INCR n");
    }
    case_defer(free, requests.data);
    struct client *one = session();
    client_send_bytes(one, requests.data, requests.len);
    client_half_close(one);
    for (int i = 1; i <= INCREMENTS; i++) {
        EXPECT(has_number(client_read(one)->data, i));
    }
    EXPECT_ALL(one, "");
}

enum {
    BIG = 60000,
    UNREAD = 20, /* replies of that length are more than a client may leave unread */
    GETS = 100,
    PAIRS = 300
};

static bool has_replies_unread(void *context)
{
    (void)context;
    return server_calls(server, "get") >= UNREAD;
}

static void all_that_came_before_the_end_is_answered_to_a_slow_reader(void)
{
    struct bytes requests = {0};
    NEEDS_DAEMON; /* a server drops what it could not send yet */
    start("");
    server_ask(server, "SETRANGE big %d x", BIG - 1);
    for (int i = 0; i < GETS + PAIRS; i++) {
        bytes_add_request(&requests, "GET big");
        if (i >= GETS) {
            bytes_add_request(&requests, "INCR n");
        }
    }
    case_defer(free, requests.data);
    struct client *slow = session();
    EXPECT_NUMBER(client_fill(slow, requests.data, requests.len), requests.len);
    client_half_close(slow);
    EXPECT(wait_until(has_replies_unread, NULL, patience_ms()));
    for (int i = 0; i < GETS + PAIRS; i++) {
        EXPECT_REPLY_BEGINS(slow, "$60000\r\n");
        EXPECT(i < GETS || has_number(client_read(slow)->data, i - GETS + 1));
    }
    EXPECT_ALL(slow, "");
}

static void a_protocol_error_before_the_end_is_told(void)
{
    static const char input[] = "*1\r\n$4\r\nPING\r\n*x\r\n";
    start("");
    struct client *one = session();
    client_send_bytes(one, input, sizeof(input) - 1);
    client_half_close(one);
    EXPECT_ALL(one, "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n");
}

/* -------------------------------------------------------------------------------- subscriptions */

struct wanted {
    struct client *client;
    const char *text;
};

static bool has_come(void *context)
{
    struct wanted *wanted = context;
    client_gather(wanted->client);
    return wanted->client->in.len > 0 &&
           strstr(wanted->client->in.data + wanted->client->taken, wanted->text) != NULL;
}

/* Wait for bytes of replies and take nothing: how a push inside of EXEC is framed is not what is
 * looked at. */
static void send_and_see(struct client *client, const char *line, const char *text)
{
    struct wanted wanted = {client, text};
    client_send(client, "%s", line);
    if (!wait_until(has_come, &wanted, patience_ms())) {
        FAIL("after '%s' nothing came that contains %s", line, text);
    }
}

static void reset_ends_a_subscription_made_in_a_transaction(void)
{
    start("");
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "HELLO 3", "%7\r\n");
    client_send(one, "MULTI");
    client_send(one, "SUBSCRIBE a");
    client_send(one, "PING");
    send_and_see(one, "EXEC", "+PONG\r\n");
    send_and_see(one, "RESET", "+RESET\r\n");
    client_send(one, "PING");
    client_send(one, "QUIT");
    EXPECT_ALL(one, "+OK\r\n+QUEUED\r\n+QUEUED\r\n"
                    "*2\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n+PONG\r\n"
                    "+RESET\r\n+PONG\r\n+OK\r\n");
    EXPECT(strcmp(server_ask(server, "PUBLISH a m")->data, ":0\r\n") == 0);
}

/* The first "id=" of the server's subscribers; 0: there is none. */
static long long subscriber_id(void)
{
    const char *at = strstr(server_ask(server, "CLIENT LIST TYPE pubsub")->data, "id=");
    return at == NULL ? 0 : strtoll(at + 3, NULL, 10);
}

static bool nobody_subscribes(void *context)
{
    (void)context;
    return subscriber_id() == 0;
}

static void a_subscribers_connection_ends_with_it(void)
{
    NEEDS_DAEMON;
    start("pubsub = lease\nsticky_max = 1\n");
    long long last = 0;
    for (int round = 0; round < 10; round++) {
        struct client *one = session();
        EXPECT_CALL_BEGINS(one, "SUBSCRIBE c", "*3\r\n");
        EXPECT(subscriber_id() > last);
        last = subscriber_id();
        client_close(one);
        EXPECT(wait_until(nobody_subscribes, NULL, patience_ms()));
        EXPECT(strcmp(server_ask(server, "PUBLISH c m")->data, ":0\r\n") == 0);
    }
}

static bool has_reached_daemon(void *count)
{
    return daemon_shows(pooler, "STATS redis", "messages") == *(const int *)count;
}

/* So much is published that the client's side of the socket takes only a part of it; all of it has
 * come to the daemon. */
static struct client *subscriber_that_reads_nothing(void)
{
    enum {
        MESSAGES = 40
    };
    struct bytes message = {0};
    struct client *one = session();
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE a", "*3\r\n");
    add_value(&message, "PUBLISH", "a", BIG);
    bytes_add_text(&message, "\r\n");
    case_defer(free, message.data);
    struct client *publisher = server_client(server);
    for (int count = 1; count <= MESSAGES; count++) {
        client_send_bytes(publisher, message.data, message.len);
        EXPECT_NUMBER(client_read_number(publisher), 1);
        EXPECT(wait_until(has_reached_daemon, &count, patience_ms()));
    }
    return one;
}

static void a_half_closed_subscriber_keeps_no_connection(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = subscriber_that_reads_nothing();
    client_half_close(one);
    EXPECT_INFO(server, "pubsub_channels", 0);
    for (int i = 0; i < 5; i++) {
        EXPECT_REPLY_BEGINS(one, "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$60000\r\n");
    }
    client_read_all(one);
}

static void who_has_ended_and_never_reads_is_closed_in_the_end(void)
{
    NEEDS_DAEMON;
    start("linger_ms = 300\n");
    struct client *one = subscriber_that_reads_nothing(), *other = session();
    int64_t before = now_ms();
    client_half_close(one);
    while (strstr(daemon_log(pooler), "setting \"linger_ms\"") == NULL) {
        EXPECT(now_ms() - before < patience_ms());
        EXPECT_CALL(other, "GET k", "$-1\r\n");
    }
    client_read_all(one);
}

static void a_subscriber_that_has_unsubscribed_goes_on_as_before(void)
{
    static const char script[] = "SUBSCRIBE a; UNSUBSCRIBE; SET k 1; GET k; PSUBSCRIBE x*; "
                                 "UNSUBSCRIBE y; PUNSUBSCRIBE x*; UNSUBSCRIBE; PUNSUBSCRIBE z; "
                                 "ECHO e; MULTI; GET k; EXEC; GET k";
    start("sticky_max = 1\n");
    for (int round = 0; round < 5; round++) {
        struct client *two = session(), *direct = server_client(twin());
        EXPECT_SAME(two, direct, script);
        client_close(two);
        struct client *three = session();
        EXPECT_SAME(three, direct, "HELLO 3");
        EXPECT_SAME(three, direct, script);
        client_close(three);
    }
}

/* ------------------------------------------------------------ memory for a server that takes none
 */

enum {
    TEXT_LEN = 30000,
    FLOOD = 128 * MIB,
    GROWTH = 32 * MIB
};

/* Send the same request again and again, most bytes of it at most, until it is no longer taken;
 * returns how many bytes were. */
static size_t flood(struct client *client, const struct bytes *request, size_t most)
{
    size_t sent = 0;
    while (sent < most && client_is_writable(client, STUCK_MS) && !client_has_ended(client)) {
        size_t at = sent % request->len;
        sent += client_fill(client, request->data + at, request->len - at);
    }
    return sent;
}

static void expect_bounded_flood(struct client *one, struct client *other)
{
    struct bytes ping = {0};
    bytes_printf(&ping, "*2\r\n$4\r\nPING\r\n$%d\r\n%0*d\r\n", TEXT_LEN, TEXT_LEN, 0);
    case_defer(free, ping.data);
    int64_t before = process_memory(&pooler->process);
    server_freeze(server);
    size_t sent = flood(one, &ping, FLOOD);
    int64_t grown = process_memory(&pooler->process) - before;
    client_close(one);
    server_thaw(server);
    EXPECT_BETWEEN(sent, 1, FLOOD - 1);
    EXPECT_BETWEEN(process_memory_is_bare(&pooler->process) ? grown : 0, -GROWTH, GROWTH);
    EXPECT_CALL(other, "GET k", "$-1\r\n");
}

static void a_subscriber_does_not_fill_the_memory_for_a_server_that_stands(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL_BEGINS(one, "SUBSCRIBE a", "*3\r\n");
    expect_bounded_flood(one, other);
}

static void a_tunnel_does_not_fill_the_memory_for_a_server_that_stands(void)
{
    NEEDS_DAEMON;
    start("");
    struct client *one = session(), *other = session();
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "SUBSCRIBE a", "+QUEUED\r\n");
    EXPECT_CALL_BEGINS(one, "EXEC", "*1\r\n");
    expect_bounded_flood(one, other);
}

static void what_waits_for_a_server_is_bounded_in_bytes(void)
{
    enum {
        CLIENTS = 10
    };
    struct client *clients[CLIENTS];
    struct bytes set = {0};
    NEEDS_DAEMON;
    start("upstream_wait_ms = 4000\nfail_fast_ms = 10000\n");
    add_value(&set, "SET", "k", BIG);
    bytes_add_text(&set, "\r\n");
    case_defer(free, set.data);
    EXPECT_CALL(session(), "GET k", "$-1\r\n");
    int64_t before = process_memory(&pooler->process);
    server_kill(server);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = session();
        flood(clients[i], &set, FLOOD / CLIENTS);
    }
    int64_t grown = process_memory(&pooler->process) - before;
    EXPECT_BETWEEN(process_memory_is_bare(&pooler->process) ? grown : 0, -GROWTH,
                   GROWTH * daemon_workers());
    EXPECT_REPLY_BEGINS(clients[0], "-POOLDOWN ");
}

static const struct test_case cases[] = {
    {"what is sent with the last breath hides no end",
     what_is_sent_with_the_last_breath_hides_no_end},
    {"an upload cut off gives its connection back", an_upload_cut_off_gives_its_connection_back},
    {"an upload that stands still is closed", an_upload_that_stands_still_is_closed},
    {"all that came before the end is counted", all_that_came_before_the_end_is_counted},
    {"all that came before the end is answered to a slow reader",
     all_that_came_before_the_end_is_answered_to_a_slow_reader},
    {"a protocol error before the end is told", a_protocol_error_before_the_end_is_told},
    {"RESET ends a subscription made in a transaction",
     reset_ends_a_subscription_made_in_a_transaction},
    {"a subscriber's connection ends with it", a_subscribers_connection_ends_with_it},
    {"a half-closed subscriber keeps no connection", a_half_closed_subscriber_keeps_no_connection},
    {"who has ended and never reads is closed in the end",
     who_has_ended_and_never_reads_is_closed_in_the_end},
    {"a subscriber that has unsubscribed goes on as before",
     a_subscriber_that_has_unsubscribed_goes_on_as_before},
    {"a subscriber does not fill the memory for a server that stands",
     a_subscriber_does_not_fill_the_memory_for_a_server_that_stands},
    {"a tunnel does not fill the memory for a server that stands",
     a_tunnel_does_not_fill_the_memory_for_a_server_that_stands},
    {"what waits for a server is bounded in bytes", what_waits_for_a_server_is_bounded_in_bytes},
};

SUITE_MAIN("endings", cases)
