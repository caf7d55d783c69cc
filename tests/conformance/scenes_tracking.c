/* Scenes of CLIENT TRACKING: two readers, the first of which is told by way of the third actor, or
 * both, and all three change what they read. What happens next is drawn from a table; who could
 * not be told the same on two servers is left out beside the line that does.
 *
 *   reader 0 --- tracks ----+--- REDIRECT ---> target --- subscribes, ends, RESET
 *   reader 1 --- tracks ----+
 *       ^------- reads, changes, flushes ------- all three */
#include "tests/conformance/scene_parts.h"

#include <string.h>

enum {
    READERS = 2,
    TARGET = 2,
    EVENTS = 16 /* of a scene, at most */
};

struct walk {
    struct author *author;
    const int *actors;
    bool is_wide[READERS];       /* hears of everybody's keys: then nobody else may speak */
    bool is_redirected[READERS]; /* to the target */
    bool is_out[READERS];        /* RESET while it tracked: the server knows what it read before */
    bool has_subscribed;         /* the target */
};

/* A step with one request of an actor. */
#define TELL(walk, who, normal, ...)                                                               \
    do {                                                                                           \
        step_begin((walk)->author);                                                                \
        (walk)->author->is_alone = (walk)->is_wide[0] || (walk)->is_wide[1];                       \
        say((walk)->author, (walk)->actors[who], normal, __VA_ARGS__);                             \
        step_end((walk)->author);                                                                  \
    } while (0)

/* ---------------------------------------------------------------------------------------- readers
 */

static void begin_tracking(struct walk *walk, int who)
{
    static const char *const options[] = {"",
                                          "",
                                          " NOLOOP",
                                          " OPTIN",
                                          " OPTIN NOLOOP",
                                          " OPTOUT",
                                          " BCAST PREFIX $k",
                                          " BCAST PREFIX $k:2 PREFIX $k:3 NOLOOP",
                                          " BCAST PREFIX $k PREFIX $k:2",
                                          " BCAST OPTIN",
                                          " BCAST"};
    char line[256] = "CLIENT TRACKING ON";
    uint32_t which = pick(walk->author, COUNT_OF(options));
    if (walk->is_out[who]) {
        return;
    }
    walk->is_wide[who] = walk->is_wide[who] || which == COUNT_OF(options) - 1;
    strcat(line, options[which]);
    if (chance(walk->author, 2)) {
        char redirect[] = " REDIRECT $0";
        redirect[sizeof(redirect) - 2] = (char)('0' + walk->actors[TARGET]);
        strcat(line, redirect);
        walk->is_redirected[who] = true;
    }
    TELL(walk, who, 0, "%s", line);
}

static void end_tracking(struct walk *walk, int who)
{
    TELL(walk, who, 0, "CLIENT TRACKING OFF");
    walk->is_wide[who] = walk->is_redirected[who] = false;
}

static void read_keys(struct walk *walk, int who)
{
    static const char *const lines[] = {"GET $k",
                                        "GET $k",
                                        "MGET $k $k:2 $k:3",
                                        "STRLEN $k:2",
                                        "EXISTS $k:3",
                                        "TYPE $k",
                                        "EVAL 'return redis.call(\"get\",KEYS[1])' 1 $k",
                                        "EVAL_RO 'return 1' 1 $k:2",
                                        "GET $s"};
    TELL(walk, who, 0, "%s", lines[pick(walk->author, COUNT_OF(lines))]);
}

/* What CLIENT CACHING says is about the next command, or the transaction. */
static void read_as_told(struct walk *walk, int who)
{
    static const char *const told[] = {"CLIENT CACHING YES", "CLIENT CACHING NO",
                                       "CLIENT REPLY SKIP", "PING", "CLIENT CACHING YES"};
    struct author *author = walk->author;
    int actor = walk->actors[who];
    uint32_t which = pick(author, COUNT_OF(told));
    bool skips = which == 2;
    step_begin(author);
    author->is_alone = walk->is_wide[0] || walk->is_wide[1];
    struct ask *ask = say(author, actor, 0, "%s", told[which]);
    ask->replies = skips ? 0 : 1;
    author->voices[actor].skips_next = skips;
    say(author, actor, 0, chance(author, 4) ? "PING" : "GET $k");
    say(author, actor, 0, "GET $k:2");
    if (chance(author, 2)) {
        say(author, actor, 0, "%s", told[chance(author, 2)]);
        say(author, actor, 0, "MULTI");
        say(author, actor, 0, "GET $k");
        say(author, actor, 0, "GET $k:3");
        say(author, actor, 0, "EXEC");
    }
    step_end(author);
}

static void ask_reader(struct walk *walk, int who)
{
    TELL(walk, who, NORMAL_NUMBERS, "CLIENT GETREDIR");
    TELL(walk, who, NORMAL_NUMBERS | NORMAL_SORT, "CLIENT TRACKINGINFO");
    TELL(walk, 1 - who, NORMAL_CLIENT, "CLIENT LIST ID $%d $%d", walk->actors[who],
         walk->actors[TARGET]);
}

static void change_protocol(struct walk *walk, int who)
{
    TELL(walk, who, NORMAL_IDS, "HELLO %d", chance(walk->author, 3) ? 2 : 3);
}

static void reset_reader(struct walk *walk, int who)
{
    TELL(walk, who, 0, "RESET");
    walk->is_wide[who] = walk->is_redirected[who] = false;
    walk->is_out[who] = true;
}

/* When others have been answered since, the server knows of the end whoever it spoke with. */
static void end_actor(struct walk *walk, int who)
{
    struct author *author = walk->author;
    step_begin(author);
    author->is_alone = true;
    part_of(author, walk->actors[who])->ending = END_CLOSE;
    step_end(author);
    voice_end(&author->voices[walk->actors[who]]);
    LINE_ALONE(author, walk->actors[who == 0], 0, "PING");
}

static void end_reader(struct walk *walk, int who)
{
    end_actor(walk, who);
    walk->is_wide[who] = walk->is_redirected[who] = walk->is_out[who] = false;
}

/* ----------------------------------------------------------------------------------------- target
 */

static void subscribe_target(struct walk *walk, int who)
{
    (void)who;
    walk->has_subscribed = true; /* as its first channel */
    TELL(walk, TARGET, 0, "SUBSCRIBE __redis__:invalidate");
}

static void end_target(struct walk *walk, int who)
{
    (void)who;
    end_actor(walk, TARGET);
    walk->has_subscribed = false;
}

/* A server goes on telling it, as documented of CLIENT TRACKING … REDIRECT: so nobody redirects to
 * it any more. */
static void reset_target(struct walk *walk, int who)
{
    (void)who;
    for (int reader = 0; reader < READERS; reader++) {
        if (walk->is_redirected[reader]) {
            end_tracking(walk, reader);
        }
    }
    TELL(walk, TARGET, 0, "RESET");
    walk->has_subscribed = false;
}

static void change_target(struct walk *walk, int who)
{
    if (!walk->has_subscribed) {
        change_protocol(walk, TARGET);
    } else if (chance(walk->author, 2)) {
        TELL(walk, TARGET, 0, "UNSUBSCRIBE __redis__:invalidate");
        walk->has_subscribed = false;
    } else {
        TELL(walk, TARGET, 0, "PING");
    }
    (void)who;
}

/* ---------------------------------------------------------------------------------------- changes
 */

static void change_keys(struct walk *walk, int who)
{
    static const char *const lines[] = {"SET $k $v",
                                        "SET $k $v",
                                        "SET $k:2 $v",
                                        "DEL $k $k:2",
                                        "DEL $k",
                                        "MSET $k $v $k:2 $v $k:3 $v",
                                        "APPEND $k x",
                                        "LPUSH $k x",
                                        "EXPIRE $k $e",
                                        "EXPIRE $k -1",
                                        "RENAME $k $k:2",
                                        "COPY $k $k:3 REPLACE",
                                        "GETDEL $k:2",
                                        "SETNX $k x",
                                        "EVAL 'return redis.call(\"set\",KEYS[1],ARGV[1])' 1 $k x"};
    if (who == 0 && walk->has_subscribed) {
        who = 1; /* the target may be restricted */
    }
    TELL(walk, chance(walk->author, 2) ? who : 1 - who, 0, "%s",
         lines[pick(walk->author, COUNT_OF(lines))]);
}

static void change_in_transaction(struct walk *walk, int who)
{
    struct author *author = walk->author;
    int actor = walk->actors[who];
    step_begin(author);
    author->is_alone = walk->is_wide[0] || walk->is_wide[1];
    say(author, actor, 0, "MULTI");
    say(author, actor, 0, "SET $k in-exec");
    say(author, actor, 0, "GET $k:2");
    say(author, actor, 0, "SET $k:2 in-exec");
    say(author, actor, 0, chance(author, 4) ? "DISCARD" : "EXEC");
    step_end(author);
}

static void flush(struct walk *walk, int who)
{
    LINE_ALONE(walk->author, walk->actors[who], 0,
               chance(walk->author, 2) ? "FLUSHDB" : "FLUSHALL");
}

/* ----------------------------------------------------------------------------------------- events
 */

static const struct {
    void (*run)(struct walk *walk, int who);
    unsigned weight;
} events[] = {
    {begin_tracking, 4}, {end_tracking, 1},     {read_keys, 6},
    {read_as_told, 3},   {ask_reader, 2},       {change_keys, 8},
    {reset_reader, 1},   {end_reader, 1},       {change_protocol, 1},
    {flush, 1},          {subscribe_target, 2}, {end_target, 1},
    {reset_target, 1},   {change_target, 1},    {change_in_transaction, 2},
};

static void play_event(struct walk *walk)
{
    uint32_t total = 0, which = 0;
    for (uint32_t i = 0; i < COUNT_OF(events); i++) {
        total += events[i].weight;
    }
    uint32_t draw = pick(walk->author, total);
    while (draw >= events[which].weight) {
        draw -= events[which++].weight;
    }
    events[which].run(walk, (int)pick(walk->author, READERS));
}

void scene_tracking(struct author *author, const int *actors)
{
    struct walk walk = {.author = author, .actors = actors};
    if (chance(author, 2)) {
        TELL(&walk, TARGET, NORMAL_IDS, "HELLO 3");
    }
    if (chance(author, 2)) {
        subscribe_target(&walk, 0);
    }
    TELL(&walk, 0, NORMAL_IDS, "HELLO 3");
    begin_tracking(&walk, 0);
    for (uint32_t count = 4 + pick(author, EVENTS); count > 0; count--) {
        play_event(&walk);
    }
    for (int who = 0; who < READERS; who++) {
        end_tracking(&walk, who);
    }
}
