/* What a connection does by itself, in units of some requests, drawn by weight among those that its
 * state allows.
 *
 * A connection that queued CLIENT or HELLO in a transaction speaks with the server's as it is until
 * RESET (is_direct): what it says of itself is then about that one, and not asked for. */
#include "tests/conformance/solo_parts.h"

#include <stdio.h>
#include <string.h>

struct voice *solo_voice(struct author *author, int who)
{
    return &author->voices[who];
}

/* ------------------------------------------------------------------------------------- commands */

void solo_commands(struct author *author, int who, uint32_t count)
{
    while (count-- > 0) {
        if (chance(author, 6)) {
            say_wrong_command(author, who);
        } else {
            say_command(author, who);
        }
    }
}

static void unit_commands(struct author *author, int who)
{
    solo_commands(author, who, 1 + pick(author, chance(author, 20) ? 200 : 16));
}

static void unit_inline(struct author *author, int who)
{
    static const char *const lines[] = {
        "PING\r\n",          "ping\n",         "  eCHO  \"a b\\x41\\n\\\"\"  \r\n",
        "echo 'it\\'s'\r\n", "GET nosuch\r\n", "frob \"x y\" z\r\n",
        "echo\r\n",          "SET\r\n",        "echo \"\"\r\n",
        "ECHO a\\x41\tb\r\n"};
    for (uint32_t count = 1 + pick(author, 4); count > 0; count--) {
        const char *line = lines[pick(author, COUNT_OF(lines))];
        say_bytes(author, who, line, strlen(line));
    }
}

/* Requests that ask for nothing. */
static void unit_nothing(struct author *author, int who)
{
    static const char *const lines[] = {"\r\n", "\n", "*0\r\n", "*-1\r\n", "   \r\n"};
    const char *line = lines[pick(author, COUNT_OF(lines))];
    bool skips_next = solo_voice(author, who)->skips_next;
    say_bytes(author, who, line, strlen(line))->replies = 0;
    solo_voice(author, who)->skips_next = skips_next;
    say(author, who, 0, "PING");
}

static void add_large(struct author *author, struct bytes *to, size_t len)
{
    char pattern[256];
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (char)('!' + pick(author, 90));
    }
    bytes_printf(to, "$%zu\r\n", len);
    for (size_t at = 0; at < len; at += sizeof(pattern)) {
        bytes_add(to, pattern, len - at < sizeof(pattern) ? len - at : sizeof(pattern));
    }
    bytes_add_text(to, "\r\n");
}

/* Too large for a buffer: it streams through. */
static void unit_large(struct author *author, int who)
{
    struct bytes request = {0};
    char key[64];
    int len = snprintf(key, sizeof(key), "%d.%u:large", who, solo_voice(author, who)->life);
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n", len, key);
    add_large(author, &request, 60000 + pick(author, 2000000));
    solo_commands(author, who, pick(author, 3));
    say_bytes(author, who, request.data, request.len);
    say(author, who, 0, "STRLEN %s", key);
    say(author, who, 0, "GETRANGE %s 100 200000", key);
    say(author, who, 0, "GET %s", key);
    solo_commands(author, who, pick(author, 3));
    say(author, who, 0, "DEL %s", key);
    bytes_finish(&request);
}

static void unit_script(struct author *author, int who)
{
    static const struct {
        const char *line;
        unsigned normal;
    } lines[] = {
        {"EVAL 'return 1' 0", 0},
        {"EVAL 'return {1,2,\"a\",false,true,{3.7}}' 0", 0},
        {"EVAL 'return redis.call(\"get\",KEYS[1])' 1 $s", 0},
        {"EVAL 'return redis.call(\"set\",KEYS[1],ARGV[1])' 1 $s $v", 0},
        {"EVAL 'return redis.pcall(\"lpush\",KEYS[1],ARGV[1])' 1 $a $v", 0},
        {"EVAL 'return redis.call(\"lpush\",KEYS[1],ARGV[1])' 1 $a $v", 0},
        {"EVAL 'return redis.error_reply(\"MY ERROR\")' 0", 0},
        {"EVAL 'return redis.status_reply(\"FINE\")' 0", 0},
        {"EVAL 'return redis.call(\"nosuch\")' 0", 0},
        {"EVAL 'error(\"x\")' 0", 0},
        {"EVAL 'this is no lua' 0", 0},
        {"EVAL 'return ARGV' 0 $v $m", 0},
        {"EVAL 'return KEYS' 3 $a", 0},
        {"EVAL 'return 1' x", 0},
        {"EVAL 'redis.call(\"select\",3) return redis.call(\"get\",KEYS[1])' 1 $s", 0},
        {"EVAL 'redis.setresp(3) return {true,false,{double=3.5},{map={a=1}},{set={b=true}}}' 0",
         0},
        {"EVAL 'redis.setresp(3) return redis.call(\"zrange\",KEYS[1],0,-1,\"withscores\")' 1 $z",
         0},
        {"EVAL 'redis.setresp(3) return redis.call(\"hgetall\",KEYS[1])' 1 $h", NORMAL_PAIRS},
        {"EVAL 'return redis.call(\"subscribe\",\"x\")' 0", 0},
        {"EVAL 'return redis.call(\"blpop\",KEYS[1],0)' 1 $l", 0},
        {"EVAL 'return redis.call(\"client\",\"reply\",\"off\")' 0", 0},
        {"EVAL 'return redis.call(\"watch\",KEYS[1])' 1 $a", 0},
        {"EVAL 'return redis.call(\"multi\")' 0", 0},
        {"EVAL_RO 'return redis.call(\"set\",KEYS[1],1)' 1 $s", 0},
        {"EVAL_RO 'return redis.call(\"get\",KEYS[1])' 1 $s", 0},
        {"EVALSHA ffffffffffffffffffffffffffffffffffffffff 0", 0},
        {"SCRIPT LOAD 'return ARGV[1]'", 0},
        {"EVALSHA 098e0f0d1448c0a81dafe820f66d460eb09263da 0 x", 0},
        {"SCRIPT EXISTS 098e0f0d1448c0a81dafe820f66d460eb09263da x", NORMAL_KIND},
        {"SCRIPT LOAD 'this is no lua'", 0},
        {"SCRIPT KILL", 0},
        {"FUNCTION KILL", 0},
        {"FUNCTION STATS", NORMAL_KIND},
        {"FCALL give 1 $s $v", 0},
        {"FCALL_RO give 0", 0},
        {"FCALL nosuch 0", 0},
        {"FUNCTION LOAD nonsense", 0},
        {"FUNCTION DELETE nosuch", 0},
        {"FUNCTION DUMP", NORMAL_KIND},
    };
    uint32_t which = pick(author, COUNT_OF(lines));
    if (lines[which].normal == 0 || !solo_voice(author, who)->is_queueing) {
        say(author, who, lines[which].normal, "%s", lines[which].line);
    }
}

/* ---------------------------------------------------------------------------------- transactions
 */

static void queue_some(struct author *author, int who)
{
    for (uint32_t count = pick(author, 6); count > 0; count--) {
        if (chance(author, 25)) {
            say_wrong_command(author, who);
        } else if (chance(author, 30)) {
            say(author, who, 0, chance(author, 2) ? "MULTI" : "WATCH $a");
        } else if (chance(author, 30)) {
            say(author, who, 0, chance(author, 2) ? "SAVE" : "BLPOP nosuch 0");
        } else if (chance(author, 6)) {
            unit_script(author, who);
        } else {
            say_command(author, who);
        }
    }
}

static void end_transaction(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    say(author, who, voice->queued_normal, chance(author, 6) ? "DISCARD" : "EXEC");
    voice->is_queueing = voice->is_watching = false;
    voice->queued_normal = 0;
}

static void begin_transaction(struct author *author, int who)
{
    say(author, who, 0, "MULTI");
    solo_voice(author, who)->is_queueing = true;
}

static void unit_transaction(struct author *author, int who)
{
    begin_transaction(author, who);
    queue_some(author, who);
    end_transaction(author, who);
}

static void unit_transactions(struct author *author, int who)
{
    for (uint32_t count = 1 + pick(author, 10); count > 0; count--) {
        unit_transaction(author, who);
    }
    solo_commands(author, who, pick(author, 3));
}

static void unit_begin(struct author *author, int who)
{
    solo_commands(author, who, pick(author, 3));
    begin_transaction(author, who);
    queue_some(author, who);
}

static void unit_go_on(struct author *author, int who)
{
    queue_some(author, who);
    if (chance(author, 2)) {
        end_transaction(author, who);
        solo_commands(author, who, pick(author, 3));
    }
}

static void unit_watch(struct author *author, int who)
{
    say(author, who, 0, "WATCH $a $a");
    solo_voice(author, who)->is_watching = true;
    solo_commands(author, who, pick(author, 3));
    if (chance(author, 4)) {
        say(author, who, 0, "UNWATCH");
        solo_voice(author, who)->is_watching = false;
    } else if (chance(author, 2)) {
        unit_transaction(author, who);
    }
}

static void unit_no_transaction(struct author *author, int who)
{
    say(author, who, 0, chance(author, 2) ? "EXEC" : "DISCARD");
}

/* Of which some fail when EXEC runs them. */
static void queue_selects(struct author *author, int who)
{
    for (uint32_t count = 1 + pick(author, 3); count > 0; count--) {
        say(author, who, 0, chance(author, 4) ? "SELECT 99" : "SELECT $D");
        say_command(author, who);
    }
}

/* The database changes when EXEC runs it, and so does the protocol. */
static void unit_moving_transaction(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    begin_transaction(author, who);
    if (chance(author, 2)) {
        queue_selects(author, who);
        voice->is_pinned = true;
    } else {
        say(author, who, 0, "HELLO %d", 2 + (int)pick(author, 2));
        voice->proto = 0;
        voice->is_direct = true;
    }
    say_command(author, who);
    say(author, who, NORMAL_IDS, "EXEC");
    voice->is_queueing = voice->is_watching = false;
    if (voice->proto == 0) {
        say(author, who, NORMAL_IDS, "HELLO 3");
        voice->proto = 3;
    }
    solo_commands(author, who, pick(author, 3));
}

/* -------------------------------------------------------------------------------------- blocking
 */

static void unit_blocking(struct author *author, int who)
{
    static const char *const lines[] = {"BLPOP $l $l 0.01",
                                        "BRPOP $l 0.01",
                                        "BLMOVE $l $l LEFT RIGHT 0.01",
                                        "BRPOPLPUSH $l $l 0.01",
                                        "BLMPOP 0.01 2 $l $l RIGHT COUNT 2",
                                        "BZPOPMIN $z 0.01",
                                        "BZPOPMAX $z $z 0.01",
                                        "BZMPOP 0.01 1 $z MIN",
                                        "XREAD BLOCK 10 STREAMS $x 999999",
                                        "XREAD COUNT 2 BLOCK 10 STREAMS $x 0",
                                        "XREADGROUP GROUP g c1 BLOCK 10 STREAMS $x >",
                                        "XREAD STREAMS BLOCK 0",
                                        "BLPOP $l x",
                                        "BLPOP $l -1",
                                        "BLMOVE $l $l UP DOWN 0",
                                        "XREAD BLOCK x STREAMS $x 0",
                                        "WAIT 1 10",
                                        "WAIT x 0",
                                        "BZMPOP 0.01 0 $z MIN",
                                        "WAIT 0 0",
                                        "WAIT 0 10"};
    const char *line = lines[pick(author, COUNT_OF(lines))];
    solo_commands(author, who, pick(author, 3));
    if (strncmp(line, "WAIT", 4) == 0) { /* about a write whose connection stands */
        say(author, who, 0, "SET $s $v");
    }
    say(author, who, 0, "%s", line);
    solo_commands(author, who, pick(author, 3));
    part_of(author, who)->awaits = true;
}

/* Keys end while it waits for something else. */
static void unit_expiry(struct author *author, int who)
{
    say(author, who, 0, "SET %d.%u:s0 $v PX 5", who, solo_voice(author, who)->life);
    say(author, who, 0, "BLPOP nosuch 0.02");
    say(author, who, 0, "GET %d.%u:s0", who, solo_voice(author, who)->life);
    say(author, who, 0, "EXISTS %d.%u:s0", who, solo_voice(author, who)->life);
    part_of(author, who)->awaits = true;
}

/* ------------------------------------------------------------------------------------------ ends
 */

static void unit_quit(struct author *author, int who)
{
    solo_commands(author, who, pick(author, 3));
    say(author, who, 0, "QUIT");
    for (uint32_t count = pick(author, 3); count > 0; count--) {
        say(author, who, 0, "SET $s $v")->replies = 0;
    }
    part_of(author, who)->ending = END_BY_SERVER;
    voice_end(solo_voice(author, who));
}

static void unit_break(struct author *author, int who)
{
    static const char *const broken[] = {
        "*1\r\nPING\r\n",        "*x\r\n",           "*2\r\n$-1\r\n",
        "*1\r\n$abc\r\n",        "*99999999999\r\n", "*1\r\n$\r\n",
        "echo \"unbalanced\r\n", "echo 'x'y\r\n",    "*1\r\n$536870913\r\n",
        "*1\r\n:3\r\n",          "*01\r\n",          "*+1\r\n",
        "*1\r\n$+4\r\n",         "*1\r\n$04\r\n",    "*1 \r\n"};
    const char *bytes = broken[pick(author, COUNT_OF(broken))];
    solo_commands(author, who, pick(author, 3));
    say_bytes(author, who, bytes, strlen(bytes));
    part_of(author, who)->ending = END_BY_SERVER;
    voice_end(solo_voice(author, who));
}

/* What need not block is answered; what blocks when its client has gone has a scene of its own. */
static void unit_half_close(struct author *author, int who)
{
    for (uint32_t count = 1 + pick(author, 3); count > 0; count--) {
        say_command(author, who);
    }
    if (chance(author, 4)) {
        say_wrong_command(author, who);
    }
    if (chance(author, 3)) {
        say(author, who, 0, "RPUSH %d.%u:queue $v", who, solo_voice(author, who)->life);
        say(author, who, 0, "BLPOP nosuch %d.%u:queue 0", who, solo_voice(author, who)->life);
    }
    part_of(author, who)->ending = END_HALF;
    voice_end(solo_voice(author, who));
}

static void unit_close(struct author *author, int who)
{
    solo_commands(author, who, 1 + pick(author, 3));
    part_of(author, who)->ending = END_CLOSE;
    voice_end(solo_voice(author, who));
}

/* ----------------------------------------------------------------------------------- the choice */

enum need {
    NOT_QUEUEING = 1,
    QUEUEING = 2,
    NOT_RESTRICTED = 4,
    SUBSCRIBED = 8,
    NOT_DIRECT = 16,
    NOT_SUBSCRIBED = 32
};

#define FREELY (NOT_QUEUEING | NOT_RESTRICTED)

static const struct {
    void (*run)(struct author *author, int who);
    unsigned needs;
    unsigned weight;
} units[] = {
    {unit_commands, 0, 60},
    {unit_inline, 0, 4},
    {unit_nothing, 0, 2},
    {unit_large, NOT_QUEUEING, 1},
    {unit_script, 0, 6},
    {unit_select, FREELY, 5},
    {unit_hello, FREELY, 5},
    {unit_client, NOT_QUEUEING | NOT_DIRECT, 8},
    {unit_own_entry, NOT_QUEUEING | NOT_DIRECT, 2},
    {unit_reset, 0, 4},
    {unit_skip, FREELY, 4},
    {unit_off, FREELY, 4},
    {unit_transactions, FREELY, 8},
    {unit_begin, FREELY, 4},
    {unit_go_on, QUEUEING, 60},
    {unit_watch, FREELY, 5},
    {unit_no_transaction, FREELY, 2},
    {unit_moving_transaction, FREELY | NOT_DIRECT | NOT_SUBSCRIBED, 2},
    {unit_blocking, 0, 3},
    {unit_expiry, FREELY, 1},
    {unit_subscribe, NOT_QUEUEING, 4},
    {unit_unsubscribe, NOT_QUEUEING | SUBSCRIBED, 16},
    {unit_publish, FREELY, 4},
    {unit_ask_pubsub, FREELY, 2},
    {unit_track, FREELY, 3},
    {unit_ask_tracking, FREELY, 3},
    {unit_wrong, NOT_QUEUEING, 4},
    {unit_wrong_transaction, FREELY | NOT_SUBSCRIBED, 3},
    {unit_wrong_end, FREELY, 2},
    {unit_wrong_silently, FREELY, 3},
    {unit_wrong_quit, 0, 1},
    {unit_quit, 0, 2},
    {unit_break, NOT_DIRECT, 2},
    {unit_half_close, 0, 2},
    {unit_close, 0, 2},
};

static bool allows(const struct voice *voice, unsigned needs)
{
    return !((needs & NOT_QUEUEING && voice->is_queueing) ||
             (needs & QUEUEING && !voice->is_queueing) ||
             (needs & NOT_RESTRICTED && voice_is_restricted(voice)) ||
             (needs & SUBSCRIBED && !voice_is_subscribed(voice)) ||
             (needs & NOT_DIRECT && voice->is_direct) ||
             (needs & NOT_SUBSCRIBED && voice_is_subscribed(voice)));
}

void solo(struct author *author, int who)
{
    const struct voice *voice = solo_voice(author, who);
    uint32_t total = 0;
    for (uint32_t i = 0; i < COUNT_OF(units); i++) {
        total += allows(voice, units[i].needs) ? units[i].weight : 0;
    }
    uint32_t draw = pick(author, total);
    for (uint32_t i = 0; i < COUNT_OF(units); i++) {
        uint32_t weight = allows(voice, units[i].needs) ? units[i].weight : 0;
        if (draw < weight) {
            return units[i].run(author, who);
        }
        draw -= weight;
    }
}
