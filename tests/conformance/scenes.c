/* What connections do to each other. Every line of a scene is a step, so the order is the same
 * whoever plays it; those who do not act speak meanwhile, unless the scene is about everything
 * there is. */
#include "tests/conformance/scene_parts.h"

#include <stdio.h>

/* Choose so many connections and make them plain. */
static void cast(struct author *author, int *actors, int count)
{
    step_begin(author);
    for (int i = 0; i < count; i++) {
        do {
            actors[i] = (int)pick(author, CONNECTIONS);
        } while (author->voices[actors[i]].is_acting);
        author->voices[actors[i]].is_acting = true;
        solo_be_plain(author, actors[i]);
    }
    step_end(author);
}

/* ----------------------------------------------------------------------------------- conflicts */

static void scene_conflict(struct author *author, const int *actors)
{
    static const char *const disturbances[] = {"SET $k other", "GET $k",         "PING",
                                               "EXPIRE $k -1", "DEL $k nosuch",  "APPEND $k x",
                                               "SETNX $k y",   "RENAME $k $k:2", "MULTI"};
    int one = actors[0], other = actors[1];
    if (!chance(author, 3)) {
        LINE(author, other, 0, "SET $k $v");
    }
    LINE(author, one, 0, "WATCH $k");
    if (chance(author, 2)) {
        LINE(author, one, 0, "GET $k");
    }
    if (chance(author, 4)) {
        LINE(author, one, 0, chance(author, 2) ? "UNWATCH" : "SELECT 0");
    }
    LINE(author, other, 0, "%s", disturbances[pick(author, COUNT_OF(disturbances))]);
    step_begin(author);
    say(author, one, 0, "MULTI");
    say(author, one, 0, "SET $k $v");
    say(author, one, 0, "GET $k");
    say(author, one, 0, "EXEC");
    say(author, one, 0, "GET $k");
    step_end(author);
}

/* Between MULTI and EXEC others change what it is about; they run before it. */
static void scene_interleaving(struct author *author, const int *actors)
{
    LINE(author, actors[0], 0, "MULTI");
    LINE(author, actors[0], 0, "INCR $k");
    LINE(author, actors[1], 0, "INCRBY $k 10");
    LINE(author, actors[0], 0, "GET $k");
    LINE(author, actors[1], 0, "GET $k");
    LINE(author, actors[0], 0, chance(author, 4) ? "DISCARD" : "EXEC");
    LINE(author, actors[1], 0, "GET $k");
}

/* ------------------------------------------------------------------------------------- blocking */

static const struct {
    const char *wait, *push;
} waits[] = {
    {"BLPOP nosuch $k 0", "RPUSH $k a b c"},
    {"BRPOP $k 0", "RPUSH $k a b c"},
    {"BLMOVE $k $k:2 LEFT RIGHT 0", "LPUSH $k $v"},
    {"BRPOPLPUSH $k $k:2 0", "LPUSH $k $v"},
    {"BLMPOP 0 2 nosuch $k LEFT COUNT 2", "RPUSH $k a b c"},
    {"BZPOPMIN $k 0", "ZADD $k 1 a 2 b"},
    {"BZPOPMAX $k 0", "ZADD $k 1 a 2 b"},
    {"BZMPOP 0 1 $k MIN COUNT 3", "ZADD $k 1 a 2 b"},
    {"XREAD BLOCK 0 STREAMS $k $$", "XADD $k 5-5 f $v"},
    {"XREAD COUNT 1 BLOCK 0 STREAMS $k 0", "XADD $k 5-5 f $v"},
    {"XREADGROUP GROUP g c BLOCK 0 STREAMS $k >", "XADD $k 5-5 f $v"},
};

/* An actor blocks, with more behind it that runs only afterwards. Its replies come in later steps,
 * so none is expected here. */
static void block(struct author *author, int who, const char *wait)
{
    step_begin(author);
    say(author, who, 0, "%s", wait)->replies = 0;
    for (uint32_t more = pick(author, 3); more > 0; more--) {
        say(author, who, 0, "ECHO behind%u", more)->replies = 0;
    }
    author->step->blocks = true;
    author->voices[who].is_blocked = true;
    step_end(author);
}

static void unblock_all(struct author *author, const int *actors)
{
    for (int i = 0; i < ACTORS; i++) {
        author->voices[actors[i]].is_blocked = false;
    }
}

static void line_that_wakes(struct author *author, int who, const char *line)
{
    step_begin(author);
    author->is_alone = line[0] == 'F'; /* FLUSHDB is about everybody's keys */
    say(author, who, 0, "%s", line);
    part_of(author, who)->awaits = author->is_alone; /* a thread of a server 8.0 does it */
    author->step->blocks = true;
    step_end(author);
}

static void prepare_wait(struct author *author, int who, const char *wait)
{
    if (wait[0] == 'X' && wait[5] == 'G') {
        LINE(author, who, 0, "XGROUP CREATE $k g 0 MKSTREAM");
    }
}

/* Two wait, in order; what comes wakes one or both. Who still waits is pushed to until nobody does.
 */
static void scene_wake(struct author *author, const int *actors)
{
    uint32_t which = pick(author, COUNT_OF(waits));
    prepare_wait(author, actors[2], waits[which].wait);
    block(author, actors[0], waits[which].wait);
    if (chance(author, 2)) {
        block(author, actors[1], waits[which].wait);
    }
    if (chance(author, 4)) {
        line_that_wakes(author, actors[2], "FLUSHDB");
    }
    if (chance(author, 4)) {
        line_that_wakes(author, actors[2], "SET $k:3 x");
    }
    line_that_wakes(author, actors[2], waits[which].push);
    line_that_wakes(author, actors[2], "DEL $k");
    for (int i = 0; i < 2; i++) {
        step_begin(author);
        say(author, actors[2], 0, "CLIENT UNBLOCK $%d", actors[i]);
        author->step->blocks = true;
        step_end(author);
    }
    unblock_all(author, actors);
}

static void scene_unblock(struct author *author, const int *actors)
{
    static const char *const how[] = {"", " TIMEOUT", " ERROR"};
    uint32_t which = pick(author, COUNT_OF(waits));
    int waiter = actors[0];
    prepare_wait(author, actors[2], waits[which].wait);
    LINE(author, actors[1], 0, "CLIENT UNBLOCK $%d", waiter);
    block(author, waiter, waits[which].wait);
    step_begin(author);
    say(author, actors[1], 0, "CLIENT UNBLOCK $%d%s", waiter, how[pick(author, COUNT_OF(how))]);
    author->step->blocks = true;
    author->voices[waiter].is_blocked = false;
    step_end(author);
    LINE(author, actors[1], 0, "CLIENT UNBLOCK $%d", waiter);
    LINE(author, waiter, 0, "PING");
}

/* What is pushed after it has gone stays. */
static void scene_gone_while_blocked(struct author *author, const int *actors)
{
    uint32_t which = pick(author, COUNT_OF(waits));
    int waiter = actors[0];
    prepare_wait(author, actors[2], waits[which].wait);
    block(author, waiter, waits[which].wait);
    step_begin(author);
    if (chance(author, 3)) {
        say(author, actors[1], 0, "CLIENT KILL ID $%d", waiter);
    } else {
        part_of(author, waiter)->ending = chance(author, 2) ? END_CLOSE : END_HALF;
    }
    author->step->blocks = true;
    step_end(author);
    voice_end(&author->voices[waiter]);
    author->voices[waiter].is_blocked = false;
    LINE(author, actors[1], 0, "%s", waits[which].push);
    LINE(author, actors[1], 0, "COPY $k $k:4");
}

/* ------------------------------------------------------------------------------------- messages */

static void ask_counts(struct author *author, int who)
{
    step_begin(author);
    author->is_alone = true;
    say(author, who, 0, "PUBSUB NUMSUB $k:a $k:b nobody");
    say(author, who, 0, "PUBSUB NUMPAT");
    say(author, who, NORMAL_SORT, "PUBSUB CHANNELS");
    say(author, who, 0, "PUBSUB SHARDNUMSUB $k:a");
    step_end(author);
}

/* In a script and in EXEC the number of receivers is the server's: it counts connections, of which
 * many sessions may share one. */
static void publish_indirectly(struct author *author, int who)
{
    static const char script[] = "return redis.call(\"publish\",KEYS[1],ARGV[1])";
    say(author, who, NORMAL_NUMBERS, "EVAL '%s' 1 $k:a $v", script);
    say(author, who, 0, "MULTI");
    say(author, who, 0, "PUBLISH $k:a in-exec");
    say(author, who, 0, "PUBLISH $k:b in-exec");
    say(author, who, NORMAL_NUMBERS, "EXEC");
}

static void publish_all(struct author *author, int who)
{
    static const char *const lines[] = {"PUBLISH $k:a $v", "PUBLISH $k:b $V", "SPUBLISH $k:a $v",
                                        "PUBLISH $k:nobody x"};
    step_begin(author);
    for (uint32_t count = 1 + pick(author, 6); count > 0; count--) {
        say(author, who, 0, "%s", lines[pick(author, COUNT_OF(lines))]);
    }
    if (chance(author, 3)) {
        publish_indirectly(author, who);
    }
    step_end(author);
}

static void scene_messages(struct author *author, const int *actors)
{
    int publisher = actors[2];
    for (int i = 0; i < 2; i++) {
        step_begin(author);
        say(author, actors[i], 0, "SUBSCRIBE $k:a $k:b $k:a")->replies = 3;
        author->voices[actors[i]].has[CHANNEL][0] = true; /* until its RESET */
        if (chance(author, 2)) {
            say(author, actors[i], 0, "PSUBSCRIBE scene* $k:?")->replies = 2;
        }
        if (chance(author, 2)) {
            say(author, actors[i], 0, "SSUBSCRIBE $k:a");
        }
        step_end(author);
        publish_all(author, publisher);
    }
    ask_counts(author, publisher);
    LINE(author, actors[0], 0, "UNSUBSCRIBE $k:a");
    publish_all(author, publisher);
    step_begin(author);
    say(author, actors[0], 0, "PING $v");
    say_wrong_command(author, actors[0]);
    say(author, actors[0], 0, "GET $s");
    say(author, actors[1], 0, "PUNSUBSCRIBE $k:?");
    step_end(author);
    publish_all(author, publisher);
    if (chance(author, 2)) {
        LINE(author, actors[0], 0, "RESET");
    }
    ask_counts(author, publisher);
}

/* ------------------------------------------------------------------------------- being told on */

static void scene_kill(struct author *author, const int *actors)
{
    static const char *const states[] = {
        "PING", "MULTI", "WATCH $k", "SUBSCRIBE $k", "CLIENT TRACKING ON", "SELECT 2"};
    LINE(author, actors[0], 0, "%s", states[pick(author, COUNT_OF(states))]);
    step_begin(author);
    author->is_alone = true;
    say(author, actors[1], NORMAL_CLIENT, "CLIENT LIST ID $%d $%d", actors[0], actors[1]);
    step_end(author);
    LINE(author, actors[1], 0, "CLIENT KILL ID $%d%s", actors[0],
         chance(author, 2) ? "" : " TYPE frob");
    LINE(author, actors[1], 0, "CLIENT KILL ID $%d", actors[0]);
    voice_end(&author->voices[actors[0]]);
    if (chance(author, 3)) {
        step_begin(author);
        say(author, actors[1], 0, "CLIENT KILL ID $%d SKIPME no", actors[1]);
        part_of(author, actors[1])->ending = END_BY_SERVER;
        step_end(author);
        voice_end(&author->voices[actors[1]]);
    }
    LINE(author, actors[2], 0, "WATCH $k");
}

static void scene_lists(struct author *author, const int *actors)
{
    LINE(author, actors[0], 0, "CLIENT SETNAME $m");
    LINE(author, actors[0], 0, "SELECT $D");
    step_begin(author);
    say(author, actors[0], 0, "SUBSCRIBE $k $k:2")->replies = 2;
    step_end(author);
    LINE(author, actors[1], 0, "MULTI");
    LINE(author, actors[1], 0, "GET $k");
    step_begin(author);
    author->is_alone = true;
    say(author, actors[2], NORMAL_CLIENT, "CLIENT LIST ID $%d $%d $%d", actors[0], actors[2],
        actors[1]);
    step_end(author);
}

/* -------------------------------------------------------------------------- everything there is */

static const char library[] =
    "FUNCTION LOAD REPLACE \"#!lua name=lib\nredis.register_function('give', "
    "function(keys, args) return {keys, args} end)\"";
static const char load_script[] = "SCRIPT LOAD 'return ARGV[1]'";

void scene_prelude(struct author *author)
{
    LINE_ALONE(author, 0, 0, "%s", library);
    LINE_ALONE(author, 0, 0, "%s", load_script);
}

static void scene_everything(struct author *author, const int *actors)
{
    static const struct {
        const char *line;
        unsigned normal;
    } lines[] = {
        {"DBSIZE", 0},
        {"DBSIZE", 0},
        {"KEYS *", NORMAL_SORT},
        {"KEYS *:s?", NORMAL_SORT},
        {"SCAN 0 COUNT 100000", NORMAL_SORT},
        {"SCAN 0 COUNT 100000 MATCH *:l* TYPE list", NORMAL_SORT},
        {"SCAN x", 0},
        {"RANDOMKEY", NORMAL_KIND},
        {"FLUSHDB", 0},
        {"FLUSHALL", 0},
        {"FLUSHALL ASYNC", 0},
        {"FLUSHDB frob", 0},
        {"SWAPDB 0 1", 0},
        {"SWAPDB 1 x", 0},
        {"SCRIPT FLUSH", 0},
        {"FUNCTION FLUSH", 0},
        {"FUNCTION LIST", NORMAL_SORT},
        {"FUNCTION DELETE lib", 0},
        {"CONFIG GET maxmemory hz", NORMAL_PAIRS},
        {"CONFIG SET maxmemory-policy noeviction", 0},
        {"CONFIG RESETSTAT", 0},
        {"CONFIG REWRITE", 0},
        {"ACL LIST", 0},
        {"ACL SETUSER someone on ~x* +get", 0},
        {"ACL GETUSER someone", NORMAL_SORT},
        {"ACL DELUSER someone", 0},
        {"ACL DRYRUN default get x", 0},
        {"ACL USERS", NORMAL_SORT},
        {"ACL LOG RESET", 0},
        {"ACL CAT", NORMAL_SORT},
        {"SLOWLOG RESET", 0},
        {"SLOWLOG LEN", NORMAL_NUMBERS},
        {"LATENCY LATEST", 0},
        {"LATENCY RESET", 0},
        {"COMMAND LIST FILTERBY MODULE nosuch", 0},
        {"COMMAND DOCS get", NORMAL_SORT},
        {"COMMAND LIST", NORMAL_SORT},
        {"COMMAND", NORMAL_SORT},
        {"MODULE LIST", 0},
        {"MEMORY DOCTOR", NORMAL_KIND},
        {"MEMORY STATS", NORMAL_KIND},
        {"INFO", NORMAL_KIND},
        {"INFO everything", NORMAL_KIND},
        {"SAVE", 0},
        {"DEBUG SET-ACTIVE-EXPIRE 1", 0},
        {"DEBUG RELOAD", 0},
        {"DEBUG STRINGMATCH-LEN 10 x", NORMAL_KIND},
        {"OBJECT HELP", 0},
    };
    for (uint32_t count = 1 + pick(author, 4); count > 0; count--) {
        uint32_t which = pick(author, COUNT_OF(lines));
        LINE_ALONE(author, actors[0], lines[which].normal, "%s", lines[which].line);
    }
    LINE_ALONE(author, actors[0], 0, "FCALL give 1 a b");
    LINE_ALONE(author, actors[0], 0, "EVALSHA 098e0f0d1448c0a81dafe820f66d460eb09263da 0 x");
    LINE_ALONE(author, actors[0], 0, "%s", library);
    LINE_ALONE(author, actors[0], 0, "%s", load_script);
}

/* -------------------------------------------------------------------------------- the choice */

static const struct {
    void (*play)(struct author *author, const int *actors);
    unsigned weight;
} scenes[] = {
    {scene_conflict, 8},
    {scene_interleaving, 4},
    {scene_wake, 8},
    {scene_unblock, 4},
    {scene_gone_while_blocked, 4},
    {scene_messages, 8},
    {scene_keyspace, 4},
    {scene_scarcity, 3},
    {scene_permissions, 3},
    {scene_tracking, 8},
    {scene_large, 1}, /* takes long */
    {scene_kill, 4},
    {scene_lists, 4},
    {scene_everything, 8},
};

static void play_any(struct author *author, const int *actors)
{
    uint32_t total = 0, which = 0;
    for (uint32_t i = 0; i < COUNT_OF(scenes); i++) {
        total += scenes[i].weight;
    }
    uint32_t draw = pick(author, total);
    while (draw >= scenes[which].weight) {
        draw -= scenes[which++].weight;
    }
    scenes[which].play(author, actors);
}

void scene_play(struct author *author)
{
    int actors[ACTORS];
    cast(author, actors, ACTORS);
    play_any(author, actors);
    step_begin(author);
    for (int i = 0; i < ACTORS; i++) {
        solo_be_plain(author, actors[i]);
    }
    step_end(author);
    for (int i = 0; i < ACTORS; i++) {
        author->voices[actors[i]].is_acting = false;
    }
}
