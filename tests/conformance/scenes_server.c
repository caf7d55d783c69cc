/* Scenes in which the server itself is another for a while, in the same way on both sides: it tells
 * of changes to keys, has no memory left, lacks replicas, or refuses commands. Nobody else speaks
 * meanwhile, and all is undone in the end. */
#include "tests/conformance/scene_parts.h"

#include <stdio.h>

enum {
    LINES = 8 /* of a scene, at most */
};

struct line {
    const char *text;
    int replies;
    unsigned normal;
};

/* Some lines of a table, by one actor, in one step: alone in it. */
static void say_lines(struct author *author, int who, const struct line *lines, uint32_t count)
{
    step_begin(author);
    author->is_alone = true;
    for (uint32_t left = 1 + pick(author, LINES); left > 0; left--) {
        const struct line *line = &lines[pick(author, count)];
        say(author, who, line->normal, "%s", line->text)->replies = line->replies;
    }
    part_of(author, who)->awaits = true;
    step_end(author);
}

/* -------------------------------------------------------------------------------- keys' messages
 */

static const struct line changes[] = {
    {"SET $k $v", 1, 0},
    {"SET $k $v EX $e", 1, 0},
    {"SETRANGE $k 3 x", 1, 0},
    {"GET $k:nosuch", 1, 0},
    {"INCR $k:n", 1, 0},
    {"DEL $k $k:2", 1, 0},
    {"RPUSH $k:l a b", 1, 0},
    {"LPOP $k:l 2", 1, 0},
    {"LMOVE $k:l $k:l2 LEFT RIGHT", 1, 0},
    {"SADD $k:t a b", 1, 0},
    {"SPOP $k:t 2", 1, NORMAL_SORT},
    {"HSET $k:h f v", 1, 0},
    {"HDEL $k:h f", 1, 0},
    {"ZADD $k:z 1 a", 1, 0},
    {"ZPOPMIN $k:z", 1, 0},
    {"XADD $k:x $n-1 f v", 1, 0},
    {"XTRIM $k:x MAXLEN 1", 1, 0},
    {"RENAME $k $k:2", 1, 0},
    {"COPY $k $k:2 REPLACE", 1, 0},
    {"MOVE $k:2 3", 1, 0},
    {"EXPIRE $k $e", 1, 0},
    {"PERSIST $k", 1, 0},
    {"EXPIRE $k -1", 1, 0},
    {"GETDEL $k", 1, 0},
    {"EVAL 'return redis.call(\"set\",KEYS[1],1)' 1 $k", 1, 0},
    {"SORT $k:l ALPHA STORE $k:l2", 1, 0},
};

/* The same name twice is one message each, and another's name the same to both of its holders. */
void scene_keyspace(struct author *author, const int *actors)
{
    static const char *const classes[] = {"KEA", "KA", "EA", "Kg$lshzx", "Eg$", "KEAm", "Elst"};
    static const char *const names[] = {
        "PSUBSCRIBE __key*__:*", "PSUBSCRIBE __keyspace@0__:$k*", "PSUBSCRIBE __keyevent@*__:*",
        "SUBSCRIBE __keyevent@0__:set", "SUBSCRIBE __keyspace@0__:$k"};
    LINE_ALONE(author, actors[2], 0, "CONFIG SET notify-keyspace-events %s",
               classes[pick(author, COUNT_OF(classes))]);
    for (int i = 0; i < 2; i++) {
        for (uint32_t count = 1 + pick(author, 2); count > 0; count--) {
            LINE_ALONE(author, actors[i], 0, "%s", names[pick(author, COUNT_OF(names))]);
        }
    }
    for (uint32_t count = 1 + pick(author, 4); count > 0; count--) {
        say_lines(author, actors[2], changes, COUNT_OF(changes));
    }
    LINE_ALONE(author, actors[0], 0, "RESET");
    LINE_ALONE(author, actors[2], 0, "MULTI");
    say_lines(author, actors[2], changes, 9); /* the rest may need to be normalised */
    LINE_ALONE(author, actors[2], 0, "EXEC");
    LINE_ALONE(author, actors[2], 0, "CONFIG SET notify-keyspace-events ''");
}

/* --------------------------------------------------------------------------------- no more memory
 */

static const struct line attempts[] = {
    {"SET $k $v", 1, 0},
    {"GET $k", 1, 0},
    {"DEL $k", 1, 0},
    {"LPUSH $k:l a", 1, 0},
    {"MULTI", 1, 0},
    {"MULTI", 1, 0},
    {"EXEC", 1, 0},
    {"EXEC", 1, 0},
    {"DISCARD", 1, 0},
    {"WATCH $k", 1, 0},
    {"UNWATCH", 1, 0},
    {"EVAL 'return redis.call(\"set\",KEYS[1],1)' 1 $k", 1, 0},
    {"EVAL 'return redis.call(\"get\",KEYS[1])' 1 $k", 1, 0},
    {"BLPOP $k:l 0.01", 1, 0},
    {"PUBLISH $k:nobody x", 1, 0},
    {"GETRANGE $k 0 3", 1, 0},
    {"XREAD STREAMS $k:x 0", 1, 0},
    {"PING", 1, 0},
};

static void say_attempts(struct author *author, const int *actors)
{
    for (uint32_t count = 2 + pick(author, 4); count > 0; count--) {
        say_lines(author, actors[pick(author, 2)], attempts, COUNT_OF(attempts));
    }
}

/* Both actors are left plain before the server is as it was. */
static void end_attempts(struct author *author, const int *actors)
{
    LINE_ALONE(author, actors[0], 0, "RESET");
    LINE_ALONE(author, actors[1], 0, "RESET");
}

void scene_scarcity(struct author *author, const int *actors)
{
    static const char *const settings[][2] = {
        {"maxmemory 1", "maxmemory 0"}, {"min-replicas-to-write 1", "min-replicas-to-write 0"}};
    uint32_t which = pick(author, COUNT_OF(settings));
    bool begins_before = chance(author, 2);
    if (begins_before) {
        LINE_ALONE(author, actors[0], 0, "MULTI");
        LINE_ALONE(author, actors[0], 0, "SET $k $v");
    }
    LINE_ALONE(author, actors[2], 0, "CONFIG SET %s", settings[which][0]);
    say_attempts(author, actors);
    end_attempts(author, actors);
    LINE_ALONE(author, actors[2], 0, "CONFIG SET %s", settings[which][1]);
}

/* ------------------------------------------------------------------------------------ permissions
 */

/* What the daemon itself asks of a server stays allowed: SELECT, HELLO, CLIENT, PING. */
void scene_permissions(struct author *author, const int *actors)
{
    static const char *const rules[] = {"-multi",        "-exec",         "-discard", "-watch",
                                        "-unwatch",      "-get",          "-@write",  "-blpop",
                                        "-eval",         "-publish",      "-xread",   "-getrange",
                                        "resetkeys ~x*", "-@transaction", "-@read"};
    LINE_ALONE(author, actors[2], 0, "SET $k $v");
    if (chance(author, 2)) {
        LINE_ALONE(author, actors[0], 0, chance(author, 2) ? "MULTI" : "WATCH $k");
    }
    LINE_ALONE(author, actors[2], 0, "ACL SETUSER default %s",
               rules[pick(author, COUNT_OF(rules))]);
    say_attempts(author, actors);
    end_attempts(author, actors);
    LINE_ALONE(author, actors[2], 0, "ACL SETUSER default +@all ~*");
    say_attempts(author, actors);
}
