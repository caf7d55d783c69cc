/* Every resource a client can take has a bound, and reaching it costs the others nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    MIB = 1024 * 1024,
    KIB = 1024
};

static void start_many(const char *arguments, const char *settings)
{
    allow_many_descriptors();
    start_with(arguments, settings);
}

/* ------------------------------------------------------------------------------------- memory */

enum {
    MANY = 2000,
    WARM_UP = 100,
    IDLE_LEN = 4 * KIB,
    ANNOUNCED_LEN = 8 * KIB
};

/* Memory of the daemon that each of MANY sessions takes after visit has been to each of them. A
 * first hundred sessions come and go before, so that what is made once is not counted. */
static int64_t memory_of_each(void (*visit)(struct client *client))
{
    struct client *clients[MANY];
    for (int i = 0; i < WARM_UP; i++) {
        clients[i] = session();
        visit(clients[i]);
    }
    int64_t before = process_memory(&pooler->process);
    for (int i = WARM_UP; i < MANY; i++) {
        clients[i] = session();
        visit(clients[i]);
    }
    int64_t each = (process_memory(&pooler->process) - before) / (MANY - WARM_UP);
    EXPECT_CALL(clients[0], "RESET", "+RESET\r\n");
    return each;
}

static void ask_once(struct client *client)
{
    EXPECT_CALL(client, "GET k", "$-1\r\n");
}

static void ask_a_long_value(struct client *client)
{
    EXPECT_CALL_BEGINS(client, "GET long", "$20000\r\n");
}

static void idle_sessions_are_small(void)
{
    NEEDS_DAEMON;
    start_many(NULL, "");
    if (!process_memory_is_bare(&pooler->process)) {
        case_skip("the memory is the sanitizer's or the wrapper's");
        return;
    }
    EXPECT_BETWEEN(memory_of_each(ask_once), 0, IDLE_LEN);
}

static void idle_sessions_keep_nothing_of_long_replies(void)
{
    NEEDS_DAEMON;
    start_many(NULL, "");
    if (!process_memory_is_bare(&pooler->process)) {
        case_skip("the memory is the sanitizer's or the wrapper's");
        return;
    }
    server_ask(server, "SETRANGE long 19999 x");
    EXPECT_BETWEEN(memory_of_each(ask_a_long_value), 0, IDLE_LEN);
}

static void announce_a_million(struct client *client)
{
    static const char header[] = "*1000000\r\n$3\r\nSET\r\n$60000\r\nab";
    client_send_bytes(client, header, sizeof(header) - 1);
    client_wait_consumed(client);
}

static int64_t memory_of_announcements(void)
{
    struct client *clients[MANY];
    int64_t before = process_memory(&pooler->process);
    for (int i = 0; i < MANY; i++) {
        clients[i] = session();
        announce_a_million(clients[i]);
    }
    EXPECT(!client_has_ended(clients[0]) && !client_has_ended(clients[MANY - 1]));
    return (process_memory(&pooler->process) - before) / MANY;
}

static void announced_lengths_cost_nothing(void)
{
    NEEDS_DAEMON;
    start_many(NULL, "");
    if (!process_memory_is_bare(&pooler->process)) {
        case_skip("the memory is the sanitizer's or the wrapper's");
        return;
    }
    struct client *other = session();
    ask_once(other);
    EXPECT_BETWEEN(memory_of_announcements(), 0, ANNOUNCED_LEN);
    ask_once(other);
}

/* ----------------------------------------------------------------------------------- requests */

static void requests_beyond_the_limits_are_refused(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *input, *replies;
    } rows[] = {
        {"*2\r\n$3\r\nGET\r\n$536870913\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"*1048577\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
    };
    start_many(NULL, "");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *one = session();
        client_send_bytes(one, rows[i].input, strlen(rows[i].input));
        const struct bytes *all = client_read_all(one);
        expect_bytes(__FILE__, __LINE__, rows[i].input, all->data, all->len, rows[i].replies,
                     strlen(rows[i].replies));
    }
}

static void many_arguments_are_fine(void)
{
    enum {
        ARGUMENTS = 100000
    };
    struct bytes request = {0};
    start_many(NULL, "");
    bytes_printf(&request, "*%d\r\n$4\r\nMGET\r\n", ARGUMENTS + 1);
    for (int i = 0; i < ARGUMENTS; i++) {
        bytes_add_text(&request, "$1\r\nk\r\n");
    }
    case_defer(free, request.data);
    server_ask(server, "SET k v");
    struct client *one = session(), *other = session();
    client_send_bytes(one, request.data, request.len);
    EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    const struct bytes *reply = client_read(one);
    EXPECT_NUMBER(reply->len, strlen("*100000\r\n") + ARGUMENTS * strlen("$1\r\nv\r\n"));
}

/* SET a value of len letters and GET it back, between two small commands. */
static void check_value(struct client *client, size_t len)
{
    struct bytes value = {0}, requests = {0}, expected = {0};
    for (size_t i = 0; i < len; i++) {
        bytes_add(&value, &"abcdefghijklmnopqrstuvwxyz\r\n$*:"[i % 31], 1);
    }
    bytes_add_request(&requests, "SET small 1");
    bytes_printf(&requests, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%zu\r\n", len);
    bytes_add(&requests, value.data, len);
    bytes_add_text(&requests, "\r\n");
    bytes_add_request(&requests, "GET small");
    bytes_add_request(&requests, "GET k");
    bytes_printf(&expected, "$%zu\r\n", len);
    bytes_add(&expected, value.data, len);
    bytes_add_text(&expected, "\r\n");
    case_defer(free, value.data);
    case_defer(free, requests.data);
    case_defer(free, expected.data);
    snprintf(client->about, sizeof(client->about), "SET of %zu bytes", len);
    client_send_bytes(client, requests.data, requests.len);
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "+OK\r\n");
    EXPECT_REPLY(client, "$1\r\n1\r\n");
    const struct bytes *reply = client_read(client);
    expect_bytes(__FILE__, __LINE__, client->about, reply->data, reply->len, expected.data,
                 expected.len);
}

static void values_of_every_size_pass_unchanged(void)
{
    const size_t around[] = {
        1, 4 * KIB, 16 * KIB, 64 * KIB, 128 * KIB, MIB, (is_slow() ? 3 : 20) * MIB};
    start_many(NULL, "");
    struct client *one = session();
    check_value(one, 0);
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        for (size_t len = around[i] > 64 ? around[i] - 32 : around[i]; len <= around[i] + 1;
             len += 11) {
            check_value(one, len);
        }
    }
}

static void a_client_that_dies_in_a_large_request_writes_nothing(void)
{
    enum {
        LEN = 10 * MIB
    };
    struct bytes part = {0};
    start_many(NULL, "");
    struct client *one = session(), *other = session();
    bytes_printf(&part, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", LEN);
    for (int i = 0; i < LEN / 2; i += KIB) {
        char kib[KIB];
        memset(kib, 'x', sizeof(kib));
        bytes_add(&part, kib, sizeof(kib));
    }
    case_defer(free, part.data);
    client_send_bytes(one, part.data, part.len);
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    client_wait_consumed(one);
    client_close(one);
    EXPECT_CALL(other, "GET k", "$-1\r\n");
    EXPECT_CALL(other, "SET k v", "+OK\r\n");
    EXPECT_NUMBER(server_all_keys(server), 1);
}

/* ---------------------------------------------------------------------------- slow and greedy */

static void a_session_that_never_reads_is_stopped(void)
{
    NEEDS_DAEMON;
    enum {
        GETS = 1000000,
        VALUE_LEN = 1000,
        STUCK_MS = 500,
        GROWTH = 96 * MIB
    };
    struct bytes gets = {0};
    start_many(NULL, "");
    struct client *greedy = session(), *other = session();
    client_call(other, "SETRANGE k %d x", VALUE_LEN - 1);
    for (int i = 0; i < 1000; i++) {
        bytes_add_request(&gets, "GET k");
    }
    case_defer(free, gets.data);
    int64_t before = process_memory(&pooler->process);
    size_t sent = 0, all = gets.len * (GETS / 1000);
    while (sent < all && client_is_writable(greedy, STUCK_MS)) {
        size_t at = sent % gets.len;
        size_t now = client_fill(greedy, gets.data + at, gets.len - at);
        sent += now;
        EXPECT_CALL_BEGINS(other, "GET k", "$1000\r\n");
        EXPECT_BETWEEN(process_memory(&pooler->process) - before, -GROWTH, GROWTH);
        if (now == 0) {
            break; /* the other side has closed */
        }
    }
    EXPECT(sent < all);
    EXPECT_CALL_BEGINS(other, "GET k", "$1000\r\n");
    /* It was stopped, not cut: as soon as it reads, it gets what it asked for. */
    for (size_t i = 0; i < sent / (gets.len / 1000); i++) {
        EXPECT_REPLY_BEGINS(greedy, "$1000\r\n");
    }
}

static void replies_beyond_the_limit_close_their_session_only(void)
{
    NEEDS_DAEMON;
    enum {
        LARGE = 8 * MIB,
        REQUESTS = 40
    };
    start_many(NULL, "reply_limit = 16mb\noutstanding_max = 1000\n");
    struct client *greedy = session(), *other = session();
    client_call(other, "SETRANGE k %d x", LARGE - 1);
    EXPECT_CALL(other, "SET small v", "+OK\r\n");
    for (int i = 0; i < REQUESTS; i++) {
        client_send(greedy, "GET k");
        EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
    }
    EXPECT_BETWEEN(process_memory(&pooler->process), 0, 128 * MIB);
    EXPECT_CALL(other, "GET small", "$1\r\nv\r\n");
}

static void a_session_that_dribbles_harms_nobody(void)
{
    enum {
        DRIBBLERS = 50
    };
    static const char request[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    struct client *clients[DRIBBLERS];
    start_many(NULL, "");
    server_ask(server, "SET k v");
    struct client *other = session();
    for (int i = 0; i < DRIBBLERS; i++) {
        clients[i] = session();
    }
    for (size_t at = 0; at < sizeof(request) - 1; at++) {
        for (int i = 0; i < DRIBBLERS; i++) {
            client_send_bytes(clients[i], request + at, 1);
        }
        EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
    }
    for (int i = 0; i < DRIBBLERS; i++) {
        EXPECT_REPLY(clients[i], "$1\r\nv\r\n");
    }
}

/* ------------------------------------------------------------------------------------- counts */

static bool has_room(void *context)
{
    (void)context;
    struct client *one = session();
    client_send(one, "GET k");
    bool served = strcmp(client_read(one)->data, "$-1\r\n") == 0;
    client_close(one);
    return served;
}

static void one_client_too_many_is_told_so(void)
{
    NEEDS_DAEMON;
    enum {
        CLIENTS_MAX = 5
    };
    struct client *clients[CLIENTS_MAX];
    allow_many_descriptors();
    server = server_start(NULL);
    pooler =
        daemon_start(server_url(server), "[flaskredisd]\nclients_max = 5\n[REDIS]\nurl = {url}\n");
    EXPECT(wait_until(has_room, NULL, patience_ms())); /* the probe of the start has gone */
    for (int i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = session();
        struct client *one = clients[i];
        client_send(one, "GET k");
        if (client_read(one)->data[0] == '-') { /* a closed one may still be counted */
            i--;
        }
    }
    EXPECT_ALL(session(), "-ERR max number of clients reached\r\n");
    EXPECT_CALL(clients[0], "GET k", "$-1\r\n");
    client_close(clients[1]);
    EXPECT(wait_until(has_room, NULL, patience_ms()));
}

static void the_servers_idle_timeout_is_not_noticed(void)
{
    NEEDS_DAEMON;
    start_many("--timeout 1", "");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_CALL(one, "DISCARD", "+OK\r\n");
    struct client *idle = server_client(server); /* its end shows that the timeout has passed */
    EXPECT_CALL(idle, "GET k", "$1\r\nv\r\n");
    client_read_all(idle);
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL(one, "WATCH k", "+OK\r\n");
    EXPECT_CALL(one, "SET k w", "+OK\r\n");
}

/* Take all connections the server gives; returns how many. */
static size_t exhaust(struct client **taken, size_t cap)
{
    for (size_t count = 0; count < cap; count++) {
        taken[count] = client_connect(server_url(server));
        client_send(taken[count], "PING");
        if (client_read(taken[count])->data[0] == '-') {
            client_close(taken[count]);
            return count;
        }
    }
    FAIL("the server gives more than %zu connections", cap);
}

static void a_full_server_still_serves_over_its_lanes(void)
{
    NEEDS_DAEMON;
    enum {
        CONNECTIONS_MAX = 64
    };
    struct client *taken[CONNECTIONS_MAX];
    start_many("--maxclients 20", "lease_wait_ms = 300\nupstream_wait_ms = 300\n");
    struct client *one = session();
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    size_t count = exhaust(taken, CONNECTIONS_MAX);
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    EXPECT_CALL_BEGINS(one, "WATCH k", "-POOLWAIT ");
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
    while (count > 0) {
        client_close(taken[--count]);
    }
    int64_t deadline = now_ms() + patience_ms();
    while (client_call(one, "WATCH k")->data[0] != '+') {
        EXPECT(now_ms() < deadline);
    }
    EXPECT_CALL(one, "GET k", "$1\r\nv\r\n");
}

static void idle_clients_are_closed_if_wanted(void)
{
    NEEDS_DAEMON;
    start_many(NULL, "client_idle_ms = 300\n");
    struct client *idle = session(), *blocked = session(), *subscribed = session();
    EXPECT_CALL(idle, "GET k", "$-1\r\n");
    client_send(blocked, "BLPOP q 0");
    EXPECT_CALL_BEGINS(subscribed, "SUBSCRIBE c", "*3\r\n");
    EXPECT_INFO(server, "blocked_clients", 1);
    struct client *later = session();
    EXPECT_ALL(idle, "");
    EXPECT_ALL(later, "");
    EXPECT(!client_has_ended(blocked) && !client_has_ended(subscribed));
}

static bool has_one_ended(void *context)
{
    struct client **clients = context;
    return client_has_ended(clients[0]) || client_has_ended(clients[1]);
}

/* What waits for a reply is not idle, and who has logged out is no client that never logged in,
 * however old both are. */
static void limits_of_time_begin_anew(void)
{
    NEEDS_DAEMON;
    enum {
        LIMIT_MS = 1100 /* more than passes between two looks at it */
    };
    start_many(NULL, "auth = check\nusers = default:secret\nunauthenticated_ms = 1100\n"
                     "client_idle_ms = 1100\n");
    struct client *waiting = session(), *leaving = session();
    struct client *both[] = {waiting, leaving};
    EXPECT_CALL(waiting, "AUTH secret", "+OK\r\n");
    EXPECT_CALL(leaving, "AUTH secret", "+OK\r\n");
    client_send(waiting, "BLPOP q 0");
    client_send(leaving, "BLPOP q 0");
    EXPECT_INFO(server, "blocked_clients", 2);
    struct client *stranger = session();
    EXPECT_ALL(stranger, "");
    int64_t since = now_ms();
    server_ask(server, "RPUSH q a b");
    EXPECT_REPLY_BEGINS(waiting, "*2\r\n");
    EXPECT_REPLY_BEGINS(leaving, "*2\r\n");
    EXPECT_CALL(leaving, "RESET", "+RESET\r\n");
    EXPECT(wait_until(has_one_ended, both, patience_ms()));
    EXPECT(now_ms() - since >= LIMIT_MS);
    EXPECT_ALL(leaving, "");
    EXPECT_ALL(waiting, "");
}

static const struct test_case cases[] = {
    {"an idle session takes at most 4 KiB", idle_sessions_are_small},
    {"an idle session keeps nothing of a long reply", idle_sessions_keep_nothing_of_long_replies},
    {"announced lengths cost nothing", announced_lengths_cost_nothing},
    {"requests beyond the limits are refused", requests_beyond_the_limits_are_refused},
    {"many arguments are fine", many_arguments_are_fine},
    {"values of every size pass unchanged", values_of_every_size_pass_unchanged},
    {"a client that dies in a large request writes nothing",
     a_client_that_dies_in_a_large_request_writes_nothing},
    {"a session that never reads is stopped", a_session_that_never_reads_is_stopped},
    {"replies beyond the limit close their session only",
     replies_beyond_the_limit_close_their_session_only},
    {"a session that dribbles harms nobody", a_session_that_dribbles_harms_nobody},
    {"one client too many is told so", one_client_too_many_is_told_so},
    {"the server's idle timeout is not noticed", the_servers_idle_timeout_is_not_noticed},
    {"a full server still serves over its lanes", a_full_server_still_serves_over_its_lanes},
    {"idle clients are closed if wanted", idle_clients_are_closed_if_wanted},
    {"limits of time begin anew with a reply and with RESET", limits_of_time_begin_anew},
};

SUITE_MAIN("limits", cases)
