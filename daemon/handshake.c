/* The steps of the handshake, a row each. See handshake.h. */
#include "daemon/handshake.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "common/resp.h"
#include "daemon/memory.h"
#include "daemon/upstream.h"

enum verdict {
    PASSED,
    TRY_LATER,
    REFUSED
};

struct step {
    const char *what;
    bool (*applies)(const struct upstream *upstream);
    void (*write)(const struct upstream *upstream, struct evbuffer *out);
    enum verdict (*judge)(struct upstream *upstream, const char *reply, size_t len);
};

static bool begins(const char *reply, size_t len, const char *text)
{
    return len >= strlen(text) && memcmp(reply, text, strlen(text)) == 0;
}

/* Write a command of NUL-terminated words, the last followed by NULL. */
static void write_command(struct evbuffer *out, ...)
{
    va_list words;
    int count = 0;
    va_start(words, out);
    while (va_arg(words, const char *) != NULL) {
        count++;
    }
    va_end(words);
    evbuffer_add_printf(out, "*%d\r\n", count);
    va_start(words, out);
    for (const char *word; (word = va_arg(words, const char *)) != NULL;) {
        evbuffer_add_printf(out, "$%zu\r\n%s\r\n", strlen(word), word);
    }
    va_end(words);
}

static bool always(const struct upstream *upstream)
{
    (void)upstream;
    return true;
}

static enum verdict tolerate(struct upstream *upstream, const char *reply, size_t len)
{
    (void)upstream, (void)reply, (void)len;
    return PASSED;
}

/* ------------------------------------------------------------------------------------------ AUTH
 */

static bool has_password(const struct upstream *upstream)
{
    return upstream->route.identity->password != NULL;
}

static void write_auth(const struct upstream *upstream, struct evbuffer *out)
{
    const struct identity *identity = upstream->route.identity;
    if (identity->user != NULL) {
        write_command(out, "AUTH", identity->user, identity->password, NULL);
    } else {
        write_command(out, "AUTH", identity->password, NULL);
    }
}

static enum verdict judge_auth(struct upstream *upstream, const char *reply, size_t len)
{
    (void)upstream;
    return begins(reply, len, "+OK") ? PASSED : REFUSED;
}

/* ----------------------------------------------------------------------------------------- HELLO
 */

static void write_hello(const struct upstream *upstream, struct evbuffer *out)
{
    write_command(out, "HELLO", upstream->route.proto == 3 ? "3" : "2", NULL);
}

/* Where the digits of the connection id stand in a reply to HELLO; NULL: nowhere. */
static const char *find_id(const char *reply, size_t len)
{
    static const char key[] = "$2\r\nid\r\n:";
    const char *found = memmem(reply, len, key, sizeof key - 1);
    return found == NULL ? NULL : found + sizeof key - 1;
}

/* "7.0.15" as 700, "7.2.6" as 702. */
static int read_version(const char *hello, size_t len)
{
    static const char key[] = "$7\r\nversion\r\n";
    const char *found = memmem(hello, len, key, sizeof key - 1);
    const char *line = found == NULL ? NULL : strchr(found + sizeof key - 1, '\n');
    char *rest = NULL;
    long major = line == NULL ? 0 : strtol(line + 1, &rest, 10);
    long minor = rest == NULL || *rest != '.' ? 0 : strtol(rest + 1, NULL, 10);
    return major < 1000 && minor < 100 ? (int)(major * 100 + minor) : 0;
}

static enum verdict judge_hello(struct upstream *upstream, const char *reply, size_t len)
{
    /* servers before 6.0 have no HELLO and speak RESP2 alone */
    bool is_missing = begins(reply, len, "-ERR unknown command") && upstream->route.proto == 2;
    if (reply[0] == '-' && !is_missing) {
        return REFUSED;
    }
    free(upstream->hello);
    upstream->hello = memory_text(reply, len);
    upstream->hello_len = len;
    const char *id = find_id(upstream->hello, len);
    upstream->server_version = read_version(upstream->hello, len);
    upstream->real_id = id == NULL ? 0 : strtoull(id, NULL, 10);
    return PASSED;
}

void handshake_write_hello(const struct upstream *upstream, uint64_t id, struct evbuffer *out)
{
    const char *hello = upstream->hello;
    const char *digits = find_id(hello, upstream->hello_len);
    if (digits == NULL) {
        evbuffer_add(out, hello, upstream->hello_len);
        return;
    }
    const char *behind = digits + strspn(digits, "0123456789");
    evbuffer_add(out, hello, (size_t)(digits - hello));
    evbuffer_add_printf(out, "%" PRIu64, id);
    evbuffer_add(out, behind, upstream->hello_len - (size_t)(behind - hello));
}

/* ---------------------------------------------------------------------------------- SELECT, NAME
 */

static bool is_other_db(const struct upstream *upstream)
{
    return upstream->route.db != 0;
}

static void write_select(const struct upstream *upstream, struct evbuffer *out)
{
    char db[24];
    snprintf(db, sizeof db, "%" PRId64, upstream->route.db);
    write_command(out, "SELECT", db, NULL);
}

static enum verdict judge_select(struct upstream *upstream, const char *reply, size_t len)
{
    (void)upstream;
    if (begins(reply, len, "-BUSY") || begins(reply, len, "-LOADING")) {
        return TRY_LATER;
    }
    return begins(reply, len, "+OK") ? PASSED : REFUSED;
}

static void write_name(const struct upstream *upstream, struct evbuffer *out)
{
    char name[80];
    const struct prefix_settings *settings = upstream->context->settings;
    snprintf(name, sizeof name, "flaskredisd:%s", settings->name);
    write_command(out, "CLIENT", "SETNAME",
                  settings->server.client_name != NULL ? settings->server.client_name : name, NULL);
}

/* ------------------------------------------------------------------- the server's idle time limit
 */

static bool is_timeout_unknown(const struct upstream *upstream)
{
    return upstream->context->server_timeout_ms < 0;
}

static void write_timeout(const struct upstream *upstream, struct evbuffer *out)
{
    (void)upstream;
    write_command(out, "CONFIG", "GET", "timeout", NULL);
}

/* ["timeout", "SECONDS"]; who may not ask need not know. */
static enum verdict judge_timeout(struct upstream *upstream, const char *reply, size_t len)
{
    static const char key[] = "\r\ntimeout\r\n$";
    if (begins(reply, len, "-BUSY")) {
        return PASSED; /* a script runs: the next connection asks again */
    }
    const char *end = reply + len;
    const char *at = memmem(reply, len, key, sizeof key - 1);
    const char *digits =
        at == NULL ? NULL
                   : memchr(at + sizeof key - 1, '\n', (size_t)(end - at) - (sizeof key - 1));
    const char *cr = digits == NULL ? NULL : memchr(digits, '\r', (size_t)(end - digits));
    int64_t seconds = 0;
    if (cr != NULL && fr_parse_int64(digits + 1, (size_t)(cr - digits - 1), &seconds)) {
        seconds = seconds < 0 || seconds > INT32_MAX ? 0 : seconds;
    }
    upstream->context->server_timeout_ms = seconds * 1000;
    return PASSED;
}

/* --------------------------------------------------------------------------------------- loading
 */

static bool waits_for_loading(const struct upstream *upstream)
{
    return upstream->context->settings->loading == LOADING_WAIT;
}

static void write_ping(const struct upstream *upstream, struct evbuffer *out)
{
    (void)upstream;
    write_command(out, "PING", NULL);
}

static enum verdict judge_ping(struct upstream *upstream, const char *reply, size_t len)
{
    (void)upstream;
    return begins(reply, len, "-LOADING") ? TRY_LATER : PASSED;
}

static const struct step steps[] = {
    {"authentication (AUTH)", has_password, write_auth, judge_auth},
    {"choice of protocol (HELLO)", always, write_hello, judge_hello},
    {"choice of database (SELECT)", is_other_db, write_select, judge_select},
    {"CLIENT SETNAME", always, write_name, tolerate},
    {"CONFIG GET timeout", is_timeout_unknown, write_timeout, judge_timeout},
    {"PING", waits_for_loading, write_ping, judge_ping},
};

#define STEP_COUNT (sizeof steps / sizeof steps[0])

/* Steps are numbered once per attempt: what applies must not change in the middle. */
static void go_to_applying(struct upstream *upstream, uint8_t from)
{
    upstream->step = from;
    while (upstream->step < STEP_COUNT && !(upstream->steps_asked & (1U << upstream->step))) {
        upstream->step++;
    }
}

void handshake_begin(struct upstream *upstream, struct evbuffer *out)
{
    upstream->steps_asked = 0;
    for (unsigned i = 0; i < STEP_COUNT; i++) {
        if (steps[i].applies(upstream)) {
            upstream->steps_asked |= (uint8_t)(1U << i);
            steps[i].write(upstream, out);
        }
    }
    free(upstream->refusal);
    upstream->refusal = NULL;
    go_to_applying(upstream, 0);
}

/* Put the server's error, without its line end, into the reason. */
static void note_reason(struct upstream *upstream, const char *reply, size_t len)
{
    int text_len = len > 160 ? 160 : (int)len;
    text_len -= text_len >= 3 && len <= 160 ? 3 : 1;
    snprintf(upstream->reason, sizeof upstream->reason, "%s refused: %.*s",
             steps[upstream->step].what, text_len < 0 ? 0 : text_len, reply + 1);
    if (begins(reply, len, "-ERR unknown command")) { /* the server repeats its arguments */
        snprintf(upstream->reason, sizeof upstream->reason, "%s refused: ERR unknown command",
                 steps[upstream->step].what);
    }
    for (char *c = upstream->reason; *c != '\0'; c++) {
        *c = (unsigned char)*c < ' ' ? ' ' : *c;
    }
}

enum handshake_outcome handshake_reply(struct upstream *upstream, const char *reply, size_t len)
{
    /* a full server says so instead of answering, whatever was asked */
    bool is_full = begins(reply, len, "-ERR max number of clients");
    upstream->is_server_full = is_full;
    enum verdict verdict = is_full ? TRY_LATER : steps[upstream->step].judge(upstream, reply, len);
    if (verdict != PASSED) {
        note_reason(upstream, reply, len);
        upstream->refusal = verdict == REFUSED ? memory_text(reply, len) : NULL;
        upstream->is_login_refused =
            steps[upstream->step].write == write_auth || begins(reply, len, "-NOAUTH");
        return HANDSHAKE_FAILED;
    }
    go_to_applying(upstream, (uint8_t)(upstream->step + 1));
    return upstream->step == STEP_COUNT ? HANDSHAKE_DONE : HANDSHAKE_MORE;
}
