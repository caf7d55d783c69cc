/* Input that is wrong, odd or hostile, split at every byte: exactly the answers of Redis, then the
 * close. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/suite.h"

#define PING_FRAME "*1\r\n$4\r\nPING\r\n"
#define LONG_LEN (64 * 1024)

struct malformed {
    const char *input; /* sent behind a PING */
    size_t padding;    /* letters 'x' (digits '1' behind a '*' or '$') sent behind that */
    const char *error; /* behind "Protocol error: "; NULL: closed without a word about it */
};

static const struct malformed malformed[] = {
    {"PING \"abc\r\n", 0, "unbalanced quotes in request"},
    {"PING 'abc\r\n", 0, "unbalanced quotes in request"},
    {"PING \"abc\"d\r\n", 0, "unbalanced quotes in request"},
    {"", LONG_LEN + 1, "too big inline request"},
    {"*x\r\n", 0, "invalid multibulk length"},
    {"*\r\n", 0, "invalid multibulk length"},
    {"*+1\r\n", 0, "invalid multibulk length"},
    {"*01\r\n", 0, "invalid multibulk length"},
    {"* 1\r\n", 0, "invalid multibulk length"},
    {"*2147483648\r\n", 0, "invalid multibulk length"},
    {"*99999999999999999999\r\n", 0, "invalid multibulk length"},
    {"*", LONG_LEN + 1, "too big mbulk count string"},
    {"*1\r\nPING\r\n", 0, "expected '$', got 'P'"},
    {"*1\r\n*1\r\n", 0, "expected '$', got '*'"},
    {"*1\r\n\rX", 0, "expected '$', got ' '"},
    {"*1\r\nPI\rX", 0, "expected '$', got 'P'"},
    {"*2\r\n$3\r\nGET\r\n:1\r\n", 0, "expected '$', got ':'"},
    {"*1\r\n$x\r\n", 0, "invalid bulk length"},
    {"*1\r\n$\r\n", 0, "invalid bulk length"},
    {"*1\r\n$-1\r\n", 0, "invalid bulk length"},
    {"*1\r\n$+4\r\n", 0, "invalid bulk length"},
    {"*1\r\n$04\r\n", 0, "invalid bulk length"},
    {"*1\r\n$536870913\r\n", 0, "invalid bulk length"},
    {"*2\r\n$3\r\nGET\r\n$99999999999999999999\r\n", 0, "invalid bulk length"},
    {"*1\r\n$", LONG_LEN + 1, "too big bulk count string"},
    {"POST / HTTP/1.1\r\n", 0, NULL},
    {"post /\r\n", 0, NULL},
    {"Host: x\r\n", 0, NULL},
    {"*2\r\n$5\r\nHost:\r\n$1\r\nx\r\n", 0, NULL},
};

static void compose(const struct malformed *row, struct bytes *input, struct bytes *replies)
{
    char padding = row->input[0] == '\0' ? 'x' : '1';
    bytes_printf(input, "%s%s", PING_FRAME, row->input);
    for (size_t i = 0; i < row->padding; i++) {
        bytes_add(input, &padding, 1);
    }
    bytes_add_text(replies, "+PONG\r\n");
    if (row->error != NULL) {
        bytes_printf(replies, "-ERR Protocol error: %s\r\n", row->error);
    }
}

/* Send the first part, wait until it was read, send the rest. */
static void check_split(const struct bytes *input, size_t at, const struct bytes *replies)
{
    struct client *client = session();
    char about[256];
    snprintf(about, sizeof(about), "'%.60s' split at %zu", input->data + strlen(PING_FRAME), at);
    client_send_bytes(client, input->data, at);
    client_wait_consumed(client);
    client_send_bytes(client, input->data + at, input->len - at);
    const struct bytes *all = client_read_all(client);
    if (all->len == 0 && replies->len == strlen("+PONG\r\n")) {
        client_close(client); /* Redis closes such a stranger before it has written the PONG */
        return;
    }
    expect_bytes(__FILE__, __LINE__, about, all->data, all->len, replies->data, replies->len);
    client_close(client);
}

/* Long inputs are split at their beginning, around the limit and at their end only. */
static bool is_worth_a_split(size_t at, size_t len)
{
    enum {
        SHORT = 300,
        EDGE = 24
    };
    size_t limit = strlen(PING_FRAME) + LONG_LEN;
    return len < SHORT || at < EDGE + strlen(PING_FRAME) || len - at < 2 ||
           (at + EDGE > limit && at < limit + EDGE);
}

static void malformed_input_is_answered_exactly(void)
{
    start("");
    for (size_t row = 0; row < sizeof(malformed) / sizeof(malformed[0]); row++) {
        struct bytes input = {0}, replies = {0};
        compose(&malformed[row], &input, &replies);
        for (size_t at = 0; at < input.len; at++) {
            if (is_worth_a_split(at, input.len)) {
                check_split(&input, at, &replies);
            }
        }
        bytes_finish(&input);
        bytes_finish(&replies);
    }
}

/* In a transaction with CLIENT in it the replies that are owed are the server's business. */
static void malformed_input_is_answered_behind_what_is_owed(void)
{
    static const char *const inputs[] = {"PING 'abc\r\n",     "*x\r\n",        "*1\r\nPING\r\n",
                                         "*1\r\n$x\r\n",      "*1\r\n$-1\r\n", "*2147483648\r\n",
                                         "*1\r\n\x80\x81\r\n"};
    start("");
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        struct client *through = session(), *beside = direct();
        struct client *both[] = {through, beside};
        for (int who = 0; who < 2; who++) {
            struct bytes input = {0};
            bytes_add_script(&input, "MULTI; CLIENT NOSUCH; ECHO x; CLIENT NOSUCH");
            bytes_add_text(&input, inputs[i]);
            bytes_add_request(&input, "SET smuggled yes");
            client_send_bytes(both[who], input.data, input.len);
            bytes_finish(&input);
        }
        const struct bytes *expected = client_read_all(beside), *got = client_read_all(through);
        expect_bytes(__FILE__, __LINE__, inputs[i], got->data, got->len, expected->data,
                     expected->len);
    }
    EXPECT_CALL(session(), "EXISTS smuggled", ":0\r\n");
}

static void a_bulk_without_its_line_end_is_refused(void)
{
    NEEDS_DAEMON; /* Redis skips the two bytes without looking */
    static const char input[] = PING_FRAME "*1\r\n$4\r\nPINGxx" PING_FRAME;
    start("");
    for (size_t at = 0; at < sizeof(input) - 1; at++) {
        struct client *client = session();
        client_send_bytes(client, input, at);
        client_wait_consumed(client);
        client_send_bytes(client, input + at, sizeof(input) - 1 - at);
        const struct bytes *all = client_read_all(client);
        static const char begins[] = "+PONG\r\n-ERR Protocol error: ";
        EXPECT(all->len > strlen(begins));
        expect_bytes(__FILE__, __LINE__, "beginning", all->data, strlen(begins), begins,
                     strlen(begins));
        client_close(client);
    }
}

/* What looks odd and is fine, in one stream split at every byte. */
static void odd_but_valid_input_is_served(void)
{
    static const char input[] =
        "*0\r\n*-1\r\n\r\n  \r\nPING\r\n ping \n"
        "SET k \"a\\x41\\n\\\"\"\r\nGET 'k'\r\n"
        "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n*3\r\n$3\r\nset\r\n$1\r\nk\r\n$2\r\n\r\n\r\n"
        "*2\r\n$3\r\ngEt\r\n$1\r\nk\r\nSET e ''\r\nGET e\r\nquit now\r\nPING\r\n";
    static const char replies[] = "+PONG\r\n+PONG\r\n+OK\r\n$4\r\naA\n\"\r\n$0\r\n\r\n+OK\r\n"
                                  "$2\r\n\r\n\r\n+OK\r\n$0\r\n\r\n+OK\r\n";
    start("");
    for (size_t at = 0; at < sizeof(input); at++) {
        struct client *client = session();
        snprintf(client->about, sizeof(client->about), "split at %zu", at);
        client_send_bytes(client, input, at);
        client_wait_consumed(client);
        client_send_bytes(client, input + at, sizeof(input) - 1 - at);
        EXPECT_ALL(client, replies);
        client_close(client);
    }
}

static void unauthenticated_requests_are_small(void)
{
    static const struct {
        const char *input, *replies;
    } rows[] = {
        {"*11\r\n", "-ERR Protocol error: unauthenticated multibulk length\r\n"},
        {"*2\r\n$3\r\nGET\r\n$16385\r\n", "-ERR Protocol error: unauthenticated bulk length\r\n"},
    };
    start_with(daemon_is_direct() ? "--requirepass secret" : NULL,
               "auth = check\nusers = default:secret\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client *one = session();
        EXPECT_CALL(one, "GET k", "-NOAUTH Authentication required.\r\n");
        client_send_bytes(one, rows[i].input, strlen(rows[i].input));
        const struct bytes *all = client_read_all(one);
        expect_bytes(__FILE__, __LINE__, rows[i].input, all->data, all->len, rows[i].replies,
                     strlen(rows[i].replies));
    }
}

static const struct test_case cases[] = {
    {"malformed input is answered exactly, wherever it is split",
     malformed_input_is_answered_exactly},
    {"malformed input is answered behind what is owed",
     malformed_input_is_answered_behind_what_is_owed},
    {"a bulk without its line end is refused", a_bulk_without_its_line_end_is_refused},
    {"odd but valid input is served, wherever it is split", odd_but_valid_input_is_served},
    {"requests before authentication are small", unauthenticated_requests_are_small},
};

SUITE_MAIN("input", cases)
