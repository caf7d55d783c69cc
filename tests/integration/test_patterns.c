/* fr_glob_match() and a server's KEYS agree about every short text, for patterns made of all that
 * means something in one. KEYS itself takes "*" for all, the empty key too, which its patterns do
 * not match: PUBLISH shows that. */
#include <stdio.h>
#include <string.h>

#include "common/glob.h"
#include "tests/mock/replies.h"
#include "tests/support/client.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    TEXT_MAX = 3, /* bytes */
    PATTERN_MAX = 6,
    TEXTS_MAX = 128,
    PATTERNS = 5000
};

static struct text {
    char data[TEXT_MAX + 1];
    size_t len;
} texts[TEXTS_MAX];
static size_t text_count;

static void send_words(struct client *client, const char *command, const struct fr_word *words,
                       size_t count)
{
    struct bytes request = {0};
    bytes_printf(&request, "*%zu\r\n$%zu\r\n%s\r\n", count + 1, strlen(command), command);
    for (size_t i = 0; i < count; i++) {
        bytes_printf(&request, "$%zu\r\n", words[i].len);
        bytes_add(&request, words[i].data, words[i].len);
        bytes_add(&request, "\r\n", 2);
    }
    client_send_bytes(client, request.data, request.len);
    bytes_finish(&request);
}

/* Every text of up to TEXT_MAX of these letters becomes a key. */
static void add_texts(struct client *client, struct text begun)
{
    static const char letters[] = "ab-]";
    const struct fr_word words[] = {{begun.data, begun.len}, {"v", 1}};
    send_words(client, "SET", words, 2);
    EXPECT_REPLY(client, "+OK\r\n");
    texts[text_count++] = begun;
    for (size_t i = 0; begun.len < TEXT_MAX && i < sizeof(letters) - 1; i++) {
        struct text longer = begun;
        longer.data[longer.len++] = letters[i];
        add_texts(client, longer);
    }
}

static size_t count_matches(const char *pattern, size_t len)
{
    size_t count = 0;
    for (size_t i = 0; i < text_count; i++) {
        count += fr_glob_match(pattern, len, texts[i].data, texts[i].len);
    }
    return count;
}

/* As many as match, and each of them does: they are the same. */
static void compare(struct client *client, const char *pattern, size_t len)
{
    const struct fr_word word = {pattern, len};
    struct fr_word keys[TEXTS_MAX];
    send_words(client, "KEYS", &word, 1);
    const struct bytes *reply = client_read(client);
    const struct fr_word frame = {reply->data, reply->len};
    size_t count = reply_children(&frame, keys, TEXTS_MAX), expected = count_matches(pattern, len);
    if (count != expected) {
        FAIL("\"%.*s\": the server finds %zu, we %zu", (int)len, pattern, count, expected);
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = memchr(keys[i].data, '\n', keys[i].len) + 1;
        size_t text_len = (size_t)(keys[i].data + keys[i].len - 2 - text);
        if (!fr_glob_match(pattern, len, text, text_len)) {
            FAIL("\"%.*s\": the server finds \"%.*s\"", (int)len, pattern, (int)text_len, text);
        }
    }
}

static uint32_t draw(uint32_t below)
{
    static uint32_t state = 1;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
}

static void keys_agree(void)
{
    static const char letters[] = "*?[]^-\\ab";
    struct server *server = server_start(NULL);
    struct client *client = client_connect(server_url(server));
    text_count = 0;
    add_texts(client, (struct text){.len = 0});
    for (int i = 0; i < PATTERNS; i++) {
        char pattern[PATTERN_MAX];
        size_t len = draw(PATTERN_MAX + 1);
        for (size_t at = 0; at < len; at++) {
            pattern[at] = letters[draw(sizeof(letters) - 1)];
        }
        if (len != 1 || pattern[0] != '*') {
            compare(client, pattern, len);
        }
    }
}

static void an_empty_channel(void)
{
    struct server *server = server_start(NULL);
    struct client *subscriber = client_connect(server_url(server));
    struct client *publisher = client_connect(server_url(server));
    client_call(subscriber, "PSUBSCRIBE * ** \"\"");
    client_read(subscriber);
    client_read(subscriber);
    EXPECT_CALL(publisher, "PUBLISH \"\" x", ":1\r\n");
    EXPECT_CALL(publisher, "PUBLISH a x", ":2\r\n");
    EXPECT(!fr_glob_match("*", 1, "", 0));
    EXPECT(!fr_glob_match("**", 2, "", 0));
    EXPECT(fr_glob_match("", 0, "", 0));
}

static const struct test_case cases[] = {
    {"patterns match as KEYS has them", keys_agree},
    {"an empty channel matches the empty pattern alone", an_empty_channel},
};

SUITE_MAIN("patterns", cases)
