/* Units about what a connection is: database, protocol, name, reply mode, subscriptions, tracking.
 */
#include "tests/conformance/solo_parts.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------------------- the connection
 */

void unit_select(struct author *author, int who)
{
    static const char *const odd[] = {"x", "-1", "16", "99999999999", "01", "", "1 2", "+1"};
    if (chance(author, 8)) {
        say(author, who, 0, "SELECT %s", odd[pick(author, COUNT_OF(odd))]);
    } else {
        say(author, who, 0, "SELECT $D");
    }
    solo_commands(author, who, pick(author, 4));
}

static void unit_wrong_hello(struct author *author, int who)
{
    static const char *const lines[] = {"HELLO 4",
                                        "HELLO 1",
                                        "HELLO x",
                                        "HELLO 3 BAD",
                                        "HELLO 3 SETNAME 'a b'",
                                        "HELLO 3 AUTH x",
                                        "HELLO 3 AUTH nobody x",
                                        "HELLO 2 SETNAME",
                                        "HELLO ''"};
    const char *line = lines[pick(author, COUNT_OF(lines))];
    bool is_refusal = strstr(line, "nobody") != NULL;
    say(author, who, is_refusal ? NORMAL_REFUSAL : NORMAL_IDS, "%s", line);
}

void unit_hello(struct author *author, int who)
{
    static const char *const options[] = {"", "", " SETNAME $m", " AUTH default any",
                                          " AUTH default any SETNAME $m"};
    struct voice *voice = solo_voice(author, who);
    if (chance(author, 5)) {
        return unit_wrong_hello(author, who);
    }
    int proto = chance(author, 3) ? 2 : 3;
    say(author, who, NORMAL_IDS, "HELLO %d%s", proto, options[pick(author, COUNT_OF(options))]);
    voice->proto = proto;
    say(author, who, NORMAL_IDS, "HELLO");
    solo_commands(author, who, pick(author, 8));
}

void unit_client(struct author *author, int who)
{
    static const struct {
        const char *line;
        unsigned normal;
    } lines[] = {
        {"CLIENT ID", NORMAL_NUMBERS},
        {"CLIENT GETNAME", 0},
        {"CLIENT GETNAME", 0},
        {"CLIENT SETNAME $m", 0},
        {"CLIENT SETNAME 'a b'", 0},
        {"CLIENT SETNAME ''", 0},
        {"CLIENT INFO", NORMAL_CLIENT},
        {"CLIENT LIST TYPE frob", 0},
        {"CLIENT LIST TYPE master", NORMAL_CLIENT},
        {"CLIENT LIST TYPE replica", NORMAL_CLIENT},
        {"CLIENT LIST ID x", 0},
        {"CLIENT LIST ID", 0},
        {"CLIENT LIST frob", 0},
        {"CLIENT NO-EVICT ON", 0},
        {"CLIENT NO-EVICT OFF", 0},
        {"CLIENT NO-EVICT frob", 0},
        {"CLIENT GETREDIR", 0},
        {"CLIENT TRACKINGINFO", NORMAL_SORT},
        {"CLIENT KILL ID 1", 0},
        {"CLIENT KILL ID x", 0},
        {"CLIENT KILL ID 0", 0},
        {"CLIENT KILL 1.2.3.4:5", 0},
        {"CLIENT KILL TYPE frob", 0},
        {"CLIENT KILL USER nosuch", 0},
        {"CLIENT KILL ADDR 1.2.3.4:5", 0},
        {"CLIENT KILL LADDR 1.2.3.4:5 TYPE normal", 0},
        {"CLIENT KILL TYPE pubsub SKIPME maybe", 0},
        {"CLIENT KILL ID 1 frob", 0},
        {"CLIENT UNBLOCK 1", 0},
        {"CLIENT UNBLOCK x", 0},
        {"CLIENT UNBLOCK 1 frob", 0},
        {"CLIENT UNBLOCK 1 ERROR x", 0},
        {"CLIENT PAUSE x", 0},
        {"CLIENT PAUSE 1 frob", 0},
        {"CLIENT UNPAUSE", 0},
        {"CLIENT REPLY ON", 0},
        {"CLIENT REPLY frob", 0},
        {"CLIENT REPLY", 0},
        {"CLIENT ID x", 0},
        {"CLIENT GETNAME x", 0},
        {"CLIENT SETNAME", 0},
        {"CLIENT INFO x", 0},
        {"CLIENT KILL", 0},
        {"CLIENT UNBLOCK", 0},
        {"CLIENT GETREDIR x", 0},
        {"CLIENT TRACKING", 0},
        {"CLIENT TRACKING frob", 0},
        {"CLIENT", 0},
        {"CLIENT HELP", NORMAL_KIND},
        {"AUTH default any", 0},
        {"AUTH any", 0},
        {"AUTH nobody any", NORMAL_REFUSAL},
        {"AUTH a b c", 0},
    };
    for (uint32_t count = 1 + pick(author, 5); count > 0; count--) {
        uint32_t which = pick(author, COUNT_OF(lines));
        say(author, who, lines[which].normal, "%s", lines[which].line);
    }
}

void unit_own_entry(struct author *author, int who)
{
    say(author, who, NORMAL_CLIENT, "CLIENT LIST ID $%d", who);
}

void unit_reset(struct author *author, int who)
{
    solo_commands(author, who, pick(author, 3));
    say(author, who, 0, "RESET");
    voice_reset(solo_voice(author, who));
    solo_commands(author, who, pick(author, 3));
    unit_client(author, who);
}

void solo_be_plain(struct author *author, int who)
{
    say(author, who, 0, "RESET");
    voice_reset(solo_voice(author, who));
    if (chance(author, 2)) {
        say(author, who, NORMAL_IDS, "HELLO 3");
        solo_voice(author, who)->proto = 3;
    }
}

/* ------------------------------------------------------------------------------------ CLIENT REPLY
 */

void unit_skip(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    for (uint32_t count = 1 + pick(author, 2); count > 0; count--) {
        say(author, who, 0, "CLIENT REPLY SKIP")->replies = 0;
        voice->skips_next = true;
    }
    if (chance(author, 4)) {
        voice->skips_next = false;
        say(author, who, 0, "CLIENT REPLY ON");
    }
    say_command(author, who);
    say_command(author, who);
}

/* On again in the end, so that it is known when all has been executed. */
void unit_off(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    say(author, who, 0, "CLIENT REPLY OFF")->replies = 0;
    voice->is_silent = true;
    solo_commands(author, who, pick(author, 8));
    if (chance(author, 3)) {
        say(author, who, 0, "CLIENT REPLY SKIP");
    }
    if (chance(author, 3)) {
        say(author, who, 0, "MULTI");
        say_command(author, who);
        say(author, who, 0, "EXEC");
    }
    if (chance(author, 3)) {
        say(author, who, 0, "SELECT $D");
    }
    voice->is_silent = false;
    say(author, who, 0, "CLIENT REPLY ON");
    solo_commands(author, who, pick(author, 3));
}

/* -------------------------------------------------------------------------------------- messages
 */

static const char *const subscribe_words[][2] = {[CHANNEL] = {"SUBSCRIBE", "UNSUBSCRIBE"},
                                                 [PATTERN] = {"PSUBSCRIBE", "PUNSUBSCRIBE"},
                                                 [SHARD] = {"SSUBSCRIBE", "SUNSUBSCRIBE"}};

/* A name of its own; a pattern matches the channel of its number. */
static int add_name(char *to, size_t cap, const struct voice *voice, int who, uint32_t which,
                    int kind)
{
    return snprintf(to, cap, " %d.%u:ch%u%s", who, voice->life, which, kind == PATTERN ? "*" : "");
}

static void say_names(struct author *author, int who, enum subscription kind, bool begins)
{
    struct voice *voice = solo_voice(author, who);
    char line[256];
    int count = 1 + (int)pick(author, 3);
    int len = snprintf(line, sizeof(line), "%s", subscribe_words[kind][!begins]);
    for (int i = 0; i < count; i++) {
        uint32_t which = pick(author, NAMES);
        len += add_name(line + len, sizeof(line) - (size_t)len, voice, who, which, (int)kind);
        voice->has[kind][which] = begins;
    }
    say(author, who, 0, "%s", line)->replies = count;
}

void unit_subscribe(struct author *author, int who)
{
    say_names(author, who, (enum subscription)pick(author, 3), true);
    solo_commands(author, who, pick(author, 3));
}

void unit_unsubscribe(struct author *author, int who)
{
    struct voice *voice = solo_voice(author, who);
    enum subscription kind = (enum subscription)pick(author, 3);
    if (chance(author, 2)) {
        say_names(author, who, kind, false);
    } else {
        int held = voice_names(voice, kind);
        struct ask *ask = say(author, who, NORMAL_ACKS, "%s", subscribe_words[kind][1]);
        ask->replies = held > 0 ? held : 1;
        memset(voice->has[kind], 0, sizeof(voice->has[kind]));
    }
    solo_commands(author, who, pick(author, 3));
}

/* To itself, when it may still speak. */
void unit_publish(struct author *author, int who)
{
    for (uint32_t count = 1 + pick(author, 4); count > 0; count--) {
        char name[64];
        add_name(name, sizeof(name), solo_voice(author, who), who, pick(author, NAMES), CHANNEL);
        say(author, who, 0, "%s%s $v", chance(author, 3) ? "SPUBLISH" : "PUBLISH", name);
    }
}

void unit_ask_pubsub(struct author *author, int who)
{
    const struct voice *voice = solo_voice(author, who);
    say(author, who, 0, "PUBSUB NUMSUB %d.%u:ch0 %d.%u:ch1 nobody", who, voice->life, who,
        voice->life);
    say(author, who, NORMAL_SORT, "PUBSUB CHANNELS %d.%u:*", who, voice->life);
    say(author, who, 0, "PUBSUB SHARDNUMSUB %d.%u:ch2", who, voice->life);
    say(author, who, NORMAL_SORT, "PUBSUB SHARDCHANNELS %d.%u:*", who, voice->life);
    say(author, who, 0, chance(author, 2) ? "PUBSUB" : "PUBSUB NUMSUB");
}

/* -------------------------------------------------------------------------------------- tracking
 */

/* BCAST is for scenes: a server drops what it has collected in a turn when tracking ends in it. */
void unit_track(struct author *author, int who)
{
    static const char *const options[] = {
        "",          " NOLOOP", " OPTIN",     " OPTOUT NOLOOP", " OPTIN OPTOUT",
        " PREFIX x", " frob",   " REDIRECT 1"};
    struct voice *voice = solo_voice(author, who);
    if (voice->has_tracked && !voice->is_tracking) {
        return;
    }
    say(author, who, 0, "CLIENT TRACKING ON%s", options[pick(author, COUNT_OF(options))]);
    voice->is_tracking = voice->has_tracked = true;
    solo_commands(author, who, pick(author, 4));
}

void unit_ask_tracking(struct author *author, int who)
{
    static const char *const lines[] = {"CLIENT CACHING YES",      "CLIENT CACHING NO",
                                        "CLIENT CACHING x",        "CLIENT TRACKINGINFO",
                                        "CLIENT GETREDIR",         "CLIENT TRACKING OFF",
                                        "CLIENT TRACKING ON BCAST"};
    uint32_t count =
        solo_voice(author, who)->is_tracking ? COUNT_OF(lines) - 1 : COUNT_OF(lines) - 2;
    say(author, who, NORMAL_SORT, "%s", lines[pick(author, count)]);
    solo_commands(author, who, 1 + pick(author, 4));
}
