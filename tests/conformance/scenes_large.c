/* Scenes of large values: three actors ask for values of 100 KiB to 3 MiB and for small ones in one
 * pipeline each, all at once, over connections they share with those who do not act; some of them
 * read only when all others have been answered. Each value has letters of its own, so that a reply
 * given to somebody else, or cut, is seen. */
#include "tests/conformance/scene_parts.h"

#include <stdio.h>

enum {
    LARGE_LEAST = 100 * 1024,
    LARGE_MOST = 3 * 1024 * 1024,
    MEDIUM = 200 * 1024
};

static const char make[] =
    "EVAL 'return redis.call(\"set\",KEYS[1],string.rep(ARGV[1],ARGV[2]))' 1";

/* $k:N:large and $k:N:medium for actor N, and a list of as many elements. */
static void make_values(struct author *author, const int *actors)
{
    step_begin(author);
    for (int i = 0; i < ACTORS; i++) {
        uint32_t len = LARGE_LEAST + pick(author, LARGE_MOST - LARGE_LEAST);
        say(author, actors[i], 0, "%s $k:%d:large %dabcdefg %u", make, i, i, len / 8);
        say(author, actors[i], 0, "%s $k:%d:medium %dx+: %u", make, i, i, pick(author, MEDIUM) / 4);
        say(author, actors[i], 0,
            "EVAL 'for i=1,ARGV[1] do redis.call(\"rpush\",KEYS[1],ARGV[2]..i) end' 1 $k:%d:list "
            "%u +OK",
            i, 100 + pick(author, 5000));
    }
    step_end(author);
}

/* A request in one piece, of which much is still to come when the first of it is there. */
static void say_large_set(struct author *author, int who, int i)
{
    struct bytes request = {0};
    uint32_t len = LARGE_LEAST + pick(author, LARGE_MOST / 4);
    char key[64];
    int key_len = snprintf(key, sizeof(key), "scene:%u:%d:set", author->scene, i);
    bytes_printf(&request, "*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%u\r\n", key_len, key, len);
    for (uint32_t at = 0; at < len; at++) {
        char letter = (char)('a' + (at / 1024 + (uint32_t)i) % 26);
        bytes_add(&request, &letter, 1);
    }
    bytes_add_text(&request, "\r\n");
    say_bytes(author, who, request.data, request.len);
    bytes_finish(&request);
}

static void say_transaction(struct author *author, int who, int i)
{
    say(author, who, 0, "MULTI");
    say(author, who, 0, "GET $k:%d:medium", i);
    say(author, who, 0, "STRLEN $k:%d:large", i);
    say(author, who, 0, "GET $k:%d:large", i);
    say(author, who, 0, "EXEC");
}

/* Of the pipeline, one request or some that belong together. */
static void say_some(struct author *author, int who, int i)
{
    static const struct {
        const char *before, *behind;
    } lines[] = {
        {"GET", "large"},
        {"GET", "large"},
        {"GET", "medium"},
        {"GETRANGE", "large 1000 150000"},
        {"LRANGE", "list 0 -1"},
        {"EVAL 'return {redis.call(\"get\",KEYS[1]),1,redis.call(\"get\",KEYS[1])}' 1", "large"},
        {"STRLEN", "large"},
        {"APPEND", "medium xyz"},
        {"BLPOP", "list 30"},
        {"WATCH", "large"},
        {"SUBSTR", "set 5 70000"},
    };
    uint32_t draw = pick(author, COUNT_OF(lines) + 12);
    if (draw < COUNT_OF(lines)) {
        say(author, who, 0, "%s $k:%d:%s", lines[draw].before, i, lines[draw].behind);
    } else if (draw == COUNT_OF(lines)) {
        say_large_set(author, who, i);
    } else if (draw == COUNT_OF(lines) + 1) {
        say_transaction(author, who, i);
    } else {
        say_command(author, who);
    }
}

static void say_pipeline(struct author *author, int who, int i)
{
    for (uint32_t count = 2 + pick(author, 10); count > 0; count--) {
        say_some(author, who, i);
    }
    part_of(author, who)->awaits = part_of(author, who)->is_large = true;
    part_of(author, who)->reads_late = chance(author, 3);
}

void scene_large(struct author *author, const int *actors)
{
    make_values(author, actors);
    for (uint32_t steps = 1 + pick(author, 3); steps > 0; steps--) {
        step_begin(author);
        for (int i = 0; i < ACTORS; i++) {
            if (chance(author, 4)) { /* changes the connection it speaks on */
                say(author, actors[i], NORMAL_IDS, chance(author, 2) ? "HELLO 3" : "SELECT $D");
                say(author, actors[i], 0, "SELECT 0");
            }
            say_pipeline(author, actors[i], i);
        }
        step_end(author);
    }
    step_begin(author);
    for (int i = 0; i < ACTORS; i++) {
        say(author, actors[i], 0, "UNLINK $k:%d:large $k:%d:medium $k:%d:list $k:%d:set", i, i, i,
            i);
    }
    step_end(author);
}
