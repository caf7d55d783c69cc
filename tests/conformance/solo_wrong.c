/* Units in which commands that end or change what a connection is are wrong: in the number of their
 * words, or in one of them. Nothing may come of them, wherever they stand. */
#include "tests/conformance/solo_parts.h"

static const struct {
    const char *line;
    unsigned normal;
} wrongs[] = {
    {"RESET x", 0},
    {"RESET x y", 0},
    {"RESET ''", 0},
    {"MULTI x", 0},
    {"MULTI x y", 0},
    {"DISCARD x", 0},
    {"UNWATCH x", 0},
    {"WATCH", 0},
    {"HELLO 9", NORMAL_IDS},
    {"HELLO x", NORMAL_IDS},
    {"HELLO 3 AUTH", NORMAL_IDS},
    {"HELLO 3 AUTH default", NORMAL_IDS},
    {"HELLO 2 SETNAME", NORMAL_IDS},
    {"HELLO 3 SETNAME", NORMAL_IDS},
    {"HELLO AUTH default any", NORMAL_IDS},
    {"SELECT", 0},
    {"SELECT 1 2", 0},
    {"SELECT x", 0},
    {"SELECT -1", 0},
    {"SELECT ''", 0},
    {"SELECT 9999999999", 0},
    {"SELECT 99999999999999999999999", 0},
    {"CLIENT", 0},
    {"CLIENT REPLY", 0},
    {"CLIENT REPLY bad", 0},
    {"CLIENT REPLY ''", 0},
    {"CLIENT REPLY OFF x", 0},
    {"CLIENT REPLY ON x", 0},
    {"CLIENT REPLY SKIP SKIP", 0},
    {"CLIENT TRACKING", 0},
    {"CLIENT TRACKING bad", 0},
    {"CLIENT TRACKING ON bad", 0},
    {"CLIENT TRACKING ON REDIRECT", 0},
    {"CLIENT TRACKING ON REDIRECT x", 0},
    {"CLIENT TRACKING ON PREFIX", 0},
    {"CLIENT CACHING", 0},
    {"CLIENT CACHING YES NO", 0},
    {"CLIENT SETNAME", 0},
    {"CLIENT SETNAME a b", 0},
    {"CLIENT NO-EVICT", 0},
    {"CLIENT UNPAUSE x", 0},
    {"CLIENT PAUSE", 0},
    {"AUTH", 0},
    {"AUTH a b c", 0},
    {"SUBSCRIBE", 0},
    {"PSUBSCRIBE", 0},
    {"SSUBSCRIBE", 0},
    {"PUBLISH x", 0},
    {"PUBLISH x y z", 0},
    {"PING a b", 0},
    {"ECHO", 0},
    {"MONITOR x", 0},
    {"READONLY x", 0},
    {"READWRITE x", 0},
    {"ASKING x", 0},
    {"EVAL", 0},
    {"EVAL 'return 1'", 0},
    {"EVALSHA x", 0},
    {"FCALL x", 0},
    {"SCRIPT", 0},
    {"SCRIPT KILL x", 0},
    {"FUNCTION KILL x", 0},
    {"BLPOP", 0},
    {"BLPOP $l", 0},
    {"BLMOVE $l $l", 0},
    {"BZMPOP 0", 0},
    {"XREAD", 0},
    {"XREAD BLOCK 0", 0},
    {"XREADGROUP GROUP g", 0},
    {"WAIT 0", 0},
    {"WAIT 0 0 0", 0},
    {"MIGRATE x", 0},
    {"MIGRATE 127.0.0.1 1 nosuch 0", 0},
    {"SAVE x", 0},
    {"FLUSHDB SYNC x", 0},
    {"SWAPDB 0", 0},
    {"CONFIG", 0},
    {"CONFIG SET maxmemory", 0},
    {"DEBUG", 0},
    {"COMMAND COUNT x", 0},
};

/* What is queued and concerns the connection makes the session speak with the server's as it is. */
static void say_wrong(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    uint32_t which = pick(author, COUNT_OF(wrongs));
    voice->is_direct = voice->is_direct || voice->is_queueing;
    say(author, who, wrongs[which].normal, "%s", wrongs[which].line);
}

void unit_wrong(struct author *author, int who)
{
    for (uint32_t count = 1 + pick(author, 4); count > 0; count--) {
        say_wrong(author, who);
        solo_commands(author, who, pick(author, 2));
    }
}

/* A server drops the transaction and what is watched when EXEC has words too many, and says so in
 * EXEC's own way; any other error leaves the transaction to be ended. */
static void say_wrong_end(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    say(author, who, 0, chance(author, 2) ? "EXEC x" : "EXEC ''");
    voice->is_queueing = voice->is_watching = false;
}

/* Queued behind others, and then ended rightly or wrongly. */
void unit_wrong_transaction(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    if (chance(author, 3)) {
        say(author, who, 0, "WATCH $a");
    }
    say(author, who, 0, "MULTI");
    voice->is_queueing = true;
    for (uint32_t count = 1 + pick(author, 3); count > 0; count--) {
        say_command(author, who);
        say_wrong(author, who);
    }
    if (chance(author, 3)) {
        say_wrong_end(author, who);
    }
    say(author, who, 0, chance(author, 4) ? "DISCARD" : "EXEC");
    voice->is_queueing = voice->is_watching = false;
    solo_commands(author, who, 1 + pick(author, 3));
}

/* Outside of a transaction. */
void unit_wrong_end(struct author *author, int who)
{
    bool is_watching = chance(author, 2);
    if (is_watching) {
        say(author, who, 0, "WATCH $a $a");
    }
    say_wrong_end(author, who);
    say(author, who, 0, "DISCARD x");
    solo_commands(author, who, 1 + pick(author, 2));
    say(author, who, 0, "MULTI");
    say(author, who, 0, "SET $s $v");
    say(author, who, 0, "EXEC");
}

/* What is not answered, and must have no effect all the same. */
void unit_wrong_silently(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    bool is_off = chance(author, 2);
    say(author, who, 0, "CLIENT REPLY %s", is_off ? "OFF" : "SKIP")->replies = 0;
    *(is_off ? &voice->is_silent : &voice->skips_next) = true;
    for (uint32_t count = 1 + pick(author, 3); count > 0; count--) {
        say_wrong(author, who);
    }
    solo_commands(author, who, pick(author, 3));
    if (is_off) {
        voice->is_silent = false;
        say(author, who, 0, "CLIENT REPLY ON");
    }
    say(author, who, 0, "ECHO $v");
}

/* QUIT ends whatever stands behind it, in a transaction too. */
void unit_wrong_quit(struct author *author, int who)
{
    solo_commands(author, who, pick(author, 3));
    say(author, who, 0, chance(author, 2) ? "QUIT x" : "QUIT x y");
    say(author, who, 0, "SET $s $v")->replies = 0;
    part_of(author, who)->ending = END_BY_SERVER;
    voice_end(solo_voice(author, who));
}
