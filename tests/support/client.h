/* A raw RESP client for tests: what it sends is what the test says, what it reads is kept byte for
 * byte. Its framer is its own, so that the product's framer is tested against another one.
 *
 *     struct client *client = client_connect("unix:///tmp/x/redis.sock");
 *     EXPECT_CALL(client, "SET k v", "+OK\r\n");
 *     client_send(client, "GET k");
 *     EXPECT_REPLY(client, "$1\r\nv\r\n");
 *
 * A client is closed and freed when the case ends. Every wait ends after patience_ms() and then
 * fails the case. */
#ifndef TESTS_SUPPORT_CLIENT_H
#define TESTS_SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tests/support/bytes.h"
#include "tests/support/suite.h"

struct client {
    int fd;             /* -1: closed by us */
    bool ended;         /* the other side has closed */
    struct bytes in;    /* read and not yet taken */
    size_t taken;       /* bytes at the front of in that were taken as replies */
    struct bytes reply; /* the last one, valid until the next */
    char about[160];    /* the last request, for messages */
};

/* Connect to unix://PATH or redis://HOST:PORT (numeric). The second returns NULL where the first
 * fails the case. */
struct client *client_connect(const char *address);
struct client *client_try_connect(const char *address);

/* Close at once, whatever is outstanding. Closing twice is fine. */
void client_close(struct client *client);

/* Say that nothing more will be sent (shutdown of the writing side). */
void client_half_close(struct client *client);

/* Send bytes as they are, reading meanwhile so that neither side gets stuck. A peer that has closed
 * is not an error: what it says about it is read later. */
void client_send_bytes(struct client *client, const void *data, size_t len);

/* Send the words of a line as one request (bytes_add_request tells how words are separated). */
void client_send(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Send all lines of a script together ("SET k v; GET k", see bytes_add_script). */
void client_send_script(struct client *client, const char *script);

/* Send words, up to a NULL, as one request. */
void client_command(struct client *client, ...) __attribute__((sentinel));

/* Send what the socket takes without waiting; returns how many bytes that were. */
size_t client_fill(struct client *client, const char *data, size_t len);

/* Whether the socket takes bytes within timeout_ms. */
bool client_is_writable(struct client *client, int timeout_ms);

/* Wait until the other side has taken all that was sent out of the kernel. Unix sockets only. The
 * daemon leaves small requests there until it answers them. */
void client_wait_consumed(struct client *client);

/* Wait until there is something to read, and leave it there. */
void client_wait_readable(struct client *client);

/* Read whatever is there now without waiting; returns how many bytes are kept. */
size_t client_gather(struct client *client);

/* The same for some bytes of what is there, however fast more comes. */
size_t client_gather_part(struct client *client);

/* Take one complete reply, push frames included. */
const struct bytes *client_read(struct client *client);

/* The same, false when none is complete within timeout_ms or the other side has closed. */
bool client_try_read(struct client *client, int64_t timeout_ms);

/* Take everything up to the other side's close. */
const struct bytes *client_read_all(struct client *client);

/* Ask for CLIENT LIST until so many lines of it contain the text. */
void client_wait_listed(struct client *client, const char *text, int count);

/* Take one reply that is an integer. */
int64_t client_read_number(struct client *client);

/* The number behind a field's name in a reply, from a place on; the case fails without. */
int64_t field_number(const char *reply, const char *name);

/* Whether the other side has closed; reads what comes before, keeps it. Returns at once. */
bool client_has_ended(struct client *client);

/* Send a line, take its reply. */
const struct bytes *client_call(struct client *client, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Send each line of a script ("SET k v; GET k", see bytes_add_script) to both, one after the other,
 * and compare what they answer. */
#define EXPECT_SAME(through, direct, script)                                                       \
    expect_same(__FILE__, __LINE__, through, direct, script)
void expect_same(const char *file, int line, struct client *through, struct client *direct,
                 const char *script);

/* expected is a string literal in all of these. */
#define EXPECT_REPLY(client, expected)                                                             \
    expect_reply(__FILE__, __LINE__, client, expected, sizeof(expected) - 1)

/* The reply begins with these bytes. */
#define EXPECT_REPLY_BEGINS(client, expected)                                                      \
    expect_reply_begins(__FILE__, __LINE__, client, expected)

/* Send a line (not a format), compare its reply. */
#define EXPECT_CALL(client, line, expected)                                                        \
    expect_call(__FILE__, __LINE__, client, line, expected, sizeof(expected) - 1)

#define EXPECT_CALL_BEGINS(client, line, expected)                                                 \
    expect_call_begins(__FILE__, __LINE__, client, line, expected)

/* Everything up to the other side's close is exactly this. */
#define EXPECT_ALL(client, expected)                                                               \
    expect_all(__FILE__, __LINE__, client, expected, sizeof(expected) - 1)

/* The last reply contains this text. */
#define EXPECT_REPLY_HAS(client, part) EXPECT_HAS((client)->reply.data, part)

void expect_reply(const char *file, int line, struct client *client, const char *expected,
                  size_t len);
void expect_reply_begins(const char *file, int line, struct client *client, const char *expected);
void expect_call(const char *file, int line, struct client *client, const char *words,
                 const char *expected, size_t len);
void expect_call_begins(const char *file, int line, struct client *client, const char *words,
                        const char *expected);
void expect_all(const char *file, int line, struct client *client, const char *expected,
                size_t len);

/* The length of the complete RESP frame at the front of data: 0 when it is not complete, -1 when it
 * is none. RESP2 and RESP3, nested; an attribute belongs to the value behind it. */
long reply_frame_len(const char *data, size_t len);

#endif
