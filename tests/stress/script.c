/* What callers ask: units of one or more requests, drawn by weight from a table. Each request
 * brings the item that tells its reply. */
#include "tests/stress/crowd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

const int db_numbers[DBS] = {0, 1, 3, 9};

enum {
    LINE_CAP = 1024,
    LARGE_LEAST = 100 * 1024,
    LARGE_MOST = 2 * 1024 * 1024,
    PIPELINE_MOST = 24
};

/* ------------------------------------------------------------------------------------- asking */

/* Add to what the next request's reply is expected to be. */
__attribute__((format(printf, 2, 3))) static void expect(struct caller *caller, const char *format,
                                                         ...)
{
    char text[LINE_CAP];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    bytes_add(&caller->texts.bytes, text, (size_t)len);
}

static void add(struct caller *caller, struct item item, const char *request, size_t len)
{
    item.db = (uint8_t)caller->db;
    item.text_len = caller->texts.bytes.len - caller->texts.at - caller->texts_claimed;
    caller->texts_claimed += item.text_len;
    caller_add(caller, item, request, len);
}

/* Ask for the words of a line. */
__attribute__((format(printf, 3, 4))) static void ask(struct caller *caller, struct item item,
                                                      const char *format, ...)
{
    char line[LINE_CAP];
    struct bytes request = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    bytes_add_request(&request, line);
    add(caller, item, request.data, request.len);
    bytes_finish(&request);
}

#define ITEM(...) ((struct item){.kind = __VA_ARGS__})

/* --------------------------------------------------------------------------- names and values */

#define OWN "%d.%u"
#define OWN_OF(caller) (caller)->slot, (caller)->life

static uint32_t next(struct caller *caller)
{
    return ++caller->serial;
}

void script_value(struct bytes *to, const struct caller *caller, int db, int key, uint32_t serial)
{
    char pad[256];
    size_t pad_len = serial * 37 % 200;
    memset(pad, 'A' + (int)(serial % 26), sizeof(pad));
    bytes_printf(to, "v" OWN ".%d.%ds%u%.*s", OWN_OF(caller), db, key, serial, (int)pad_len, pad);
}

/* -------------------------------------------------------------------------------- plain units */

static void unit_echo(struct caller *caller)
{
    char token[64];
    int len = snprintf(token, sizeof(token), "t" OWN ".%u", OWN_OF(caller), next(caller));
    expect(caller, "$%d\r\n%s\r\n", len, token);
    ask(caller, ITEM(ITEM_TEXT), "ECHO %s", token);
}

static void ask_set(struct caller *caller, uint8_t flags)
{
    struct bytes value = {0};
    uint8_t key = (uint8_t)pick(caller, OWN_KEYS);
    uint32_t serial = next(caller);
    script_value(&value, caller, caller->db, key, serial);
    ask(caller, ITEM(ITEM_SET, .flags = flags, .index = key, .serial = serial),
        "SET k" OWN ".%d %s", OWN_OF(caller), key, value.data);
    bytes_finish(&value);
}

static void ask_get(struct caller *caller, uint8_t flags)
{
    uint8_t key = (uint8_t)pick(caller, OWN_KEYS);
    ask(caller, ITEM(ITEM_GET, .flags = flags, .index = key), "GET k" OWN ".%d", OWN_OF(caller),
        key);
}

static void ask_incr(struct caller *caller, uint8_t flags)
{
    ask(caller, ITEM(ITEM_OWN_INCR, .flags = flags), "INCR c" OWN, OWN_OF(caller));
}

static void ask_shared_incr(struct caller *caller, uint8_t flags)
{
    uint8_t index = (uint8_t)pick(caller, SHARED);
    ask(caller, ITEM(ITEM_SHARED_INCR, .flags = flags, .index = index), "INCR shared%u", index);
}

static void unit_set(struct caller *caller)
{
    ask_set(caller, 0);
}

static void unit_get(struct caller *caller)
{
    ask_get(caller, 0);
}

static void unit_incr(struct caller *caller)
{
    ask_incr(caller, 0);
}

static void unit_shared_incr(struct caller *caller)
{
    ask_shared_incr(caller, 0);
}

static void unit_pipeline(struct caller *caller)
{
    static void (*const asks[])(struct caller * caller,
                                uint8_t flags) = {ask_set, ask_get, ask_incr, ask_shared_incr};
    for (uint32_t count = 2 + pick(caller, PIPELINE_MOST); count > 0; count--) {
        asks[pick(caller, 4)](caller, 0);
    }
}

static void unit_eval(struct caller *caller)
{
    char token[64];
    int len = snprintf(token, sizeof(token), "e" OWN ".%u", OWN_OF(caller), next(caller));
    if (pick(caller, 2) == 0) {
        ask(caller, ITEM(ITEM_OWN_INCR), "EVAL \"return redis.call('incr',KEYS[1])\" 1 c" OWN,
            OWN_OF(caller));
        return;
    }
    expect(caller, "$%d\r\n%s\r\n", len, token);
    ask(caller, ITEM(ITEM_TEXT), "EVAL 'return ARGV[1]' 0 %s", token);
}

static void unit_unknown(struct caller *caller)
{
    expect(caller, "-ERR unknown command 'frob%u', with args beginning with: 'x' ", next(caller));
    ask(caller, ITEM(ITEM_BEGINS), "frob%u x", caller->serial);
}

/* The key is there from the beginning, in every database. */
static void unit_wrong_type(struct caller *caller)
{
    expect(caller, "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n");
    ask(caller, ITEM(ITEM_TEXT), "LPUSH hash x");
}

static void unit_inline(struct caller *caller)
{
    char line[96];
    int len =
        snprintf(line, sizeof(line), "eChO  \"i" OWN " %u\" \r\n", OWN_OF(caller), next(caller));
    char token[64];
    int token_len = snprintf(token, sizeof(token), "i" OWN " %u", OWN_OF(caller), caller->serial);
    expect(caller, "$%d\r\n%s\r\n", token_len, token);
    add(caller, ITEM(ITEM_TEXT), line, (size_t)len);
}

static void ask_set_large(struct caller *caller, const char *value, size_t len)
{
    struct bytes request = {0};
    char key[64];
    int key_len = snprintf(key, sizeof(key), "L" OWN ".%u", OWN_OF(caller), caller->serial);
    bytes_printf(&request, "*5\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%zu\r\n", key_len, key, len);
    bytes_add(&request, value, len);
    bytes_add_text(&request, "\r\n$2\r\nEX\r\n$3\r\n100\r\n");
    expect(caller, "+OK\r\n");
    add(caller, ITEM(ITEM_TEXT, .flags = IS_LARGE), request.data, request.len);
    bytes_finish(&request);
}

/* Comes back as it went, though others use the connections meanwhile. */
static void unit_large(struct caller *caller)
{
    static char value[LARGE_MOST];
    if (caller->crowd->has_restarts && pick(caller, 8) != 0) {
        return unit_echo(caller); /* the server loads all of them again */
    }
    size_t len =
        LARGE_LEAST + pick(caller, pick(caller, 8) == 0 ? LARGE_MOST - LARGE_LEAST : LARGE_LEAST);
    uint32_t serial = next(caller);
    for (size_t at = 0; at < len; at += 64) {
        snprintf(value + at, len - at < 64 ? len - at : 64, "%-63zu", at + serial + caller->life);
    }
    bool may_fail = caller->crowd->has_kills;
    uint8_t kind = may_fail ? ITEM_POP : ITEM_TEXT;
    uint8_t flags = may_fail ? IS_LARGE | IS_ALONE : IS_LARGE;
    ask_set_large(caller, value, len);
    expect(caller, "$%zu\r\n", len);
    bytes_add(&caller->texts.bytes, value, len);
    expect(caller, "\r\n");
    ask(caller, ITEM(kind, .flags = flags), "GET L" OWN ".%u", OWN_OF(caller), serial);
    ask(caller, ITEM(ITEM_NUMBER), "DEL L" OWN ".%u", OWN_OF(caller), serial);
}

/* --------------------------------------------------------------------------- the connection */

static void unit_select(struct caller *caller)
{
    int db = (int)pick(caller, DBS);
    expect(caller, "+OK\r\n");
    ask(caller, ITEM(ITEM_SELECT, .flags = IS_STATEFUL, .serial = (uint32_t)caller->db),
        "SELECT %d", db_numbers[db]);
    caller->db = db;
}

static void unit_hello(struct caller *caller)
{
    int proto = 2 + (int)pick(caller, 2);
    expect(caller, "$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:%lld\r\n", proto, (long long)caller->id);
    ask(caller, ITEM(ITEM_HELLO, .flags = IS_STATEFUL, .serial = (uint32_t)caller->proto),
        "HELLO %d", proto);
    caller->proto = proto;
}

static void unit_reset(struct caller *caller)
{
    expect(caller, "+RESET\r\n");
    ask(caller, ITEM(ITEM_RESET), "RESET");
    caller->db = 0;
    caller->proto = 2;
    caller->has_name = false;
    caller->subscribed = -1;
}

static void unit_id(struct caller *caller)
{
    ask(caller, ITEM(ITEM_ID), "CLIENT ID");
}

static void unit_name(struct caller *caller)
{
    if (caller->has_name) {
        char name[64];
        int len = snprintf(name, sizeof(name), "n" OWN, OWN_OF(caller));
        expect(caller, "$%d\r\n%s\r\n", len, name);
        ask(caller, ITEM(ITEM_TEXT), "CLIENT GETNAME");
        expect(caller, " name=n" OWN " ", OWN_OF(caller));
        ask(caller, ITEM(ITEM_HAS), "CLIENT INFO");
    } else {
        expect(caller, caller->proto == 3 ? "_\r\n" : "$-1\r\n");
        ask(caller, ITEM(ITEM_TEXT), "CLIENT GETNAME");
        expect(caller, "+OK\r\n");
        ask(caller, ITEM(ITEM_TEXT), "CLIENT SETNAME n" OWN, OWN_OF(caller));
        caller->has_name = true;
    }
}

static void unit_skip(struct caller *caller)
{
    ask(caller, ITEM(ITEM_TEXT, .flags = IS_SILENT), "CLIENT REPLY SKIP");
    ask_incr(caller, IS_SILENT);
    unit_echo(caller);
}

static void unit_off(struct caller *caller)
{
    ask(caller, ITEM(ITEM_TEXT, .flags = IS_SILENT), "CLIENT REPLY OFF");
    for (uint32_t count = pick(caller, 4); count > 0; count--) {
        ask_incr(caller, IS_SILENT);
        ask_shared_incr(caller, IS_SILENT);
        ask(caller, ITEM(ITEM_TEXT, .flags = IS_SILENT), "ECHO silence");
    }
    expect(caller, "+OK\r\n");
    ask(caller, ITEM(ITEM_TEXT), "CLIENT REPLY ON");
}

/* ------------------------------------------------------------------------------ transactions */

static void ask_ok(struct caller *caller, enum item_kind kind, uint8_t flags, const char *line)
{
    expect(caller, "+OK\r\n");
    ask(caller, ITEM((uint8_t)kind, .flags = (uint8_t)(flags | IS_STATEFUL)), "%s", line);
}

/* MULTI to EXEC, each request alone or all at once. */
static void ask_transaction(struct caller *caller, uint8_t pace, enum exec_outcome outcome)
{
    uint8_t flags = (uint8_t)(IS_QUEUED | IS_STATEFUL | pace);
    ask_ok(caller, ITEM_MULTI, pace, "MULTI");
    ask_incr(caller, flags);
    ask_set(caller, flags);
    if (pick(caller, 2) == 0) {
        ask_shared_incr(caller, flags);
        ask_get(caller, flags);
    }
    ask(caller, ITEM(ITEM_EXEC, .flags = (uint8_t)(IS_STATEFUL | pace), .serial = outcome), "EXEC");
}

static uint8_t pick_pace(struct caller *caller)
{
    return pick(caller, 3) == 0 ? IS_ALONE : 0;
}

static void unit_transaction(struct caller *caller)
{
    ask_transaction(caller, pick_pace(caller), EXEC_RUNS);
}

static void ask_watch(struct caller *caller, const char *key)
{
    char line[96];
    snprintf(line, sizeof(line), "WATCH %s", key);
    ask_ok(caller, ITEM_WATCH, IS_ALONE, line);
}

static void unit_watch(struct caller *caller)
{
    char key[64];
    snprintf(key, sizeof(key), "c" OWN, OWN_OF(caller));
    ask_watch(caller, key);
    ask_get(caller, IS_STATEFUL);
    ask_transaction(caller, pick_pace(caller), EXEC_RUNS);
}

/* Its own write between WATCH and MULTI. */
static void unit_watch_touched(struct caller *caller)
{
    char key[64];
    snprintf(key, sizeof(key), "c" OWN, OWN_OF(caller));
    ask_watch(caller, key);
    ask_incr(caller, IS_STATEFUL);
    ask_transaction(caller, pick_pace(caller), EXEC_IS_NULL);
}

static void unit_discard(struct caller *caller)
{
    uint8_t pace = pick_pace(caller);
    ask_ok(caller, ITEM_MULTI, pace, "MULTI");
    ask_incr(caller, (uint8_t)(IS_QUEUED | IS_STATEFUL | pace));
    ask_shared_incr(caller, (uint8_t)(IS_QUEUED | IS_STATEFUL | pace));
    ask_ok(caller, ITEM_DISCARD, pace, "DISCARD");
}

/* Forgotten, so its own write does not matter. */
static void unit_unwatch(struct caller *caller)
{
    ask_watch(caller, "shared0");
    ask_shared_incr(caller, IS_STATEFUL);
    ask_ok(caller, ITEM_UNWATCH, 0, "UNWATCH");
    ask_transaction(caller, pick_pace(caller), EXEC_RUNS);
}

static void unit_watch_shared(struct caller *caller)
{
    ask_watch(caller, "shared0");
    ask_transaction(caller, pick_pace(caller), EXEC_MAY_BE_NULL);
}

/* ---------------------------------------------------------------------------------- blocking */

static void unit_block_ready(struct caller *caller)
{
    char key[64], token[64];
    int key_len = snprintf(key, sizeof(key), "l" OWN ".%u", OWN_OF(caller), next(caller));
    int len = snprintf(token, sizeof(token), "b" OWN ".%u", OWN_OF(caller), caller->serial);
    expect(caller, ":1\r\n");
    ask(caller, ITEM(ITEM_TEXT), "RPUSH %s %s", key, token);
    expect(caller, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", key_len, key, len, token);
    ask(caller, ITEM(ITEM_POP, .flags = IS_BLOCKING), "BLPOP %s 0.05", key);
}

static void unit_block_in_vain(struct caller *caller)
{
    static const char *const lines[] = {"BLPOP none%u 0.02", "BLMOVE none%u other LEFT LEFT 0.02",
                                        "XREAD BLOCK 20 STREAMS none%u $", "BZPOPMIN none%u 0.02"};
    char line[96];
    unsigned form = pick(caller, sizeof(lines) / sizeof(lines[0]));
    const char *null = caller->proto == 3 ? "_\r\n" : "*-1\r\n";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(line, sizeof(line), lines[form], next(caller));
#pragma GCC diagnostic pop
    expect(caller, "%s", null);
    ask(caller, ITEM(ITEM_TEXT, .flags = IS_BLOCKING), "%s", line);
}

/* Somebody else pushes what this one waits for. */
static void unit_block_for_another(struct caller *caller)
{
    struct crowd *crowd = caller->crowd;
    if (crowd->duty_counts[caller->db] == DUTIES) {
        return unit_block_in_vain(caller);
    }
    struct duty *duty = &crowd->duties[caller->db][crowd->duty_counts[caller->db]++];
    int key_len =
        snprintf(duty->key, sizeof(duty->key), "q" OWN ".%u", OWN_OF(caller), next(caller));
    int len =
        snprintf(duty->token, sizeof(duty->token), "d" OWN ".%u", OWN_OF(caller), caller->serial);
    expect(caller, "*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", key_len, duty->key, len, duty->token);
    ask(caller, ITEM(ITEM_POP, .flags = IS_BLOCKING), "BLPOP %s 0.5", duty->key);
}

static void do_duty(struct caller *caller)
{
    struct crowd *crowd = caller->crowd;
    struct duty *duty = &crowd->duties[caller->db][--crowd->duty_counts[caller->db]];
    ask(caller, ITEM(ITEM_NUMBER), "RPUSH %s %s", duty->key, duty->token);
}

/* ---------------------------------------------------------------------------------- messages */

static void unit_publish(struct caller *caller)
{
    unsigned channel = pick(caller, CHANNELS);
    ask(caller, ITEM(ITEM_NUMBER), "PUBLISH ch%u p" OWN ".%u", channel, OWN_OF(caller),
        ++caller->published[channel]);
}

static void unit_subscribe(struct caller *caller)
{
    unsigned channel = pick(caller, CHANNELS);
    expect(caller, "%c3\r\n$9\r\nsubscribe\r\n$3\r\nch%u\r\n:1\r\n", caller->proto == 3 ? '>' : '*',
           channel);
    ask(caller, ITEM(ITEM_SUBSCRIBE, .flags = IS_STATEFUL, .index = (uint8_t)channel),
        "SUBSCRIBE ch%u", channel);
    caller->subscribed = (int)channel;
}

static void unit_subscribed_ping(struct caller *caller)
{
    uint32_t serial = next(caller);
    char token[32];
    int len = snprintf(token, sizeof(token), "g%u", serial);
    if (caller->proto == 3) {
        expect(caller, "$%d\r\n%s\r\n", len, token);
    } else {
        expect(caller, "*2\r\n$4\r\npong\r\n$%d\r\n%s\r\n", len, token);
    }
    ask(caller, ITEM(ITEM_TEXT), "PING %s", token);
}

static void unit_unsubscribe(struct caller *caller)
{
    int channel = caller->subscribed;
    expect(caller, "%c3\r\n$11\r\nunsubscribe\r\n$3\r\nch%d\r\n:0\r\n",
           caller->proto == 3 ? '>' : '*', channel);
    ask(caller, ITEM(ITEM_UNSUBSCRIBE, .flags = IS_STATEFUL, .index = (uint8_t)channel),
        "UNSUBSCRIBE ch%d", channel);
    unit_reset(caller);
}

static void unit_subscribed_other(struct caller *caller)
{
    if (caller->proto == 3) {
        unit_pipeline(caller);
    } else {
        unit_subscribed_ping(caller);
    }
}

/* ------------------------------------------------------------------------------------ choice */

struct choice {
    unsigned weight;
    void (*unit)(struct caller *caller);
};

static const struct choice choices[] = {
    {150, unit_echo},       {150, unit_set},         {150, unit_get},
    {150, unit_incr},       {80, unit_shared_incr},  {60, unit_pipeline},
    {20, unit_eval},        {2, unit_unknown},       {10, unit_wrong_type},
    {10, unit_inline},      {1, unit_large},         {10, unit_select},
    {4, unit_hello},        {4, unit_reset},         {8, unit_id},
    {10, unit_name},        {8, unit_skip},          {6, unit_off},
    {15, unit_transaction}, {5, unit_watch},         {4, unit_watch_touched},
    {4, unit_watch_shared}, {4, unit_discard},       {4, unit_unwatch},
    {8, unit_block_ready},  {1, unit_block_in_vain}, {4, unit_block_for_another},
    {40, unit_publish},     {2, unit_subscribe},
};

static const struct choice subscribed_choices[] = {
    {20, unit_subscribed_ping},
    {20, unit_subscribed_other},
    {2, unit_unsubscribe},
    {2, unit_reset},
};

static void choose(struct caller *caller, const struct choice *from, size_t count)
{
    unsigned total = 0;
    for (size_t i = 0; i < count; i++) {
        total += from[i].weight;
    }
    unsigned at = pick(caller, total);
    while (at >= from->weight) {
        at -= from->weight;
        from++;
    }
    from->unit(caller);
}

#define CHOOSE(caller, from) choose(caller, from, sizeof(from) / sizeof((from)[0]))

void script_next(struct caller *caller)
{
    if (caller->id == 0) {
        unit_id(caller);
    } else if (caller->subscribed >= 0) {
        CHOOSE(caller, subscribed_choices);
    } else if (caller->crowd->duty_counts[caller->db] > 0 && pick(caller, 2) == 0) {
        do_duty(caller);
    } else {
        CHOOSE(caller, choices);
    }
}

/* ----------------------------------------------------------------------------------- endings */

static void end_by_quit(struct caller *caller)
{
    expect(caller, "+OK\r\n");
    ask(caller, ITEM(ITEM_TEXT), "QUIT");
    caller->is_ending = true;
}

static void end_by_broken_request(struct caller *caller)
{
    static const char broken[] = "*1\r\n$x\r\n";
    expect(caller, "-ERR Protocol error: invalid bulk length\r\n");
    add(caller, ITEM(ITEM_TEXT), broken, sizeof(broken) - 1);
    caller->is_ending = true;
}

/* The beginning of a request, now and then of one so large that the daemon passes it on in pieces.
 */
static void write_part(struct caller *caller)
{
    static const char header[] = "*3\r\n$3\r\nSET\r\n$7\r\nunfinis\r\n$200000\r\n";
    static char part[LARGE_LEAST];
    memcpy(part, header, sizeof(header) - 1);
    uint32_t len = pick(caller, pick(caller, 3) == 0 ? sizeof(part) : sizeof(header));
    send(caller->fd, part, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void end_by_abort(struct caller *caller)
{
    if (caller->requests.bytes.len == caller->requests.at) {
        write_part(caller);
    }
    caller->crowd->aborts++;
    caller_close(caller);
}

static void end_by_close(struct caller *caller)
{
    caller->is_ending = true;
}

static void (*const endings[ENDINGS])(struct caller *caller) = {
    [END_QUIT] = end_by_quit,  [END_CLOSE] = end_by_close,           [END_ABORT] = end_by_abort,
    [END_HALF] = end_by_close, [END_BROKEN] = end_by_broken_request,
};

/* A tunnel to the server is the server's to end. */
void script_end(struct caller *caller)
{
    bool is_tunnel = caller->subscribed >= 0 && caller->ending != END_ABORT;
    if (is_tunnel || caller->crowd->is_closing) {
        caller->ending = END_QUIT;
    }
    endings[caller->ending](caller);
}
