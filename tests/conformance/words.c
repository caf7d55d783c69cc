/* Arguments: what $x stands for in a line of a script.
 *
 *   $s $l $h $t $z $x $g $b $p   an own key that holds a string, list, hash, set, sorted set,
 *                                stream, places, bits, a HyperLogLog; now and then another's
 *   $a        an own key of any of these kinds
 *   $k        a key of the scene, shared by its actors
 *   $m $f     a member, a field: one of a few
 *   $v $V     a value: short and of any bytes; of any size
 *   $i $u $d  an integer, a small one from 0 on, a number with decimals
 *   $e        seconds that are not over when the script is
 *   $n        a number that grows
 *   $D        a database
 *   $0 … $7   nothing but a connection's id
 *   $$        a dollar */
#include "tests/conformance/script.h"

#include <string.h>

enum {
    KEYS = 2,        /* of each kind */
    FOREIGN_IN = 12, /* every so many-th key is of another kind */
    MEMBERS = 10
};

static const char key_kinds[] = "slhtzxgbp";

static void add_key(struct author *author, int who, char kind, struct bytes *word)
{
    if (kind == 'a' || chance(author, FOREIGN_IN)) {
        kind = key_kinds[pick(author, sizeof(key_kinds) - 1)];
    }
    bytes_printf(word, "%d.%u:%c%u", who, author->voices[who].life, kind, pick(author, KEYS));
}

static void add_member(struct author *author, struct bytes *word)
{
    uint32_t which = pick(author, MEMBERS);
    bytes_printf(word, which < MEMBERS / 2 ? "m%u" : "%u", which);
}

/* Bytes that a careless parser stumbles over, but no ID_MARK. */
static void add_bytes(struct author *author, struct bytes *word, uint32_t len)
{
    static const char odd[] = "\r\n\0 $*>:-+_abc\xff\x80\"'\\%{}";
    for (uint32_t i = 0; i < len; i++) {
        bytes_add(word, &odd[pick(author, sizeof(odd) - 1)], 1);
    }
}

static void add_value(struct author *author, struct bytes *word)
{
    static const char *const plain[] = {"", "a", "value", "10", "-7", "3.5", "+OK", "$5"};
    switch (pick(author, 4)) {
    case 0:
        return add_bytes(author, word, pick(author, 200));
    case 1:
        return bytes_printf(word, "%u", pick(author, 1000000));
    default:
        return bytes_add_text(word, plain[pick(author, sizeof(plain) / sizeof(plain[0]))]);
    }
}

/* Mostly short; some longer than what is kept of a reply, read at once, or streamed. */
static void add_sized_value(struct author *author, struct bytes *word)
{
    static const uint32_t most[] = {2000, 20000, 70000, 300000};
    uint32_t draw = pick(author, 400);
    if (draw >= 20) {
        return add_value(author, word);
    }
    char pattern[64];
    uint32_t len = pick(author, most[draw < 1 ? 3 : draw < 3 ? 2 : draw < 10 ? 1 : 0]);
    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (char)('!' + pick(author, 90));
    }
    for (uint32_t at = 0; at < len; at += sizeof(pattern)) {
        bytes_add(word, pattern, len - at < sizeof(pattern) ? len - at : sizeof(pattern));
    }
}

static void add_integer(struct author *author, struct bytes *word)
{
    static const char *const odd[] = {
        "9223372036854775807", "-9223372036854775808", "0", "9223372036854775808", "x", "1.5"};
    if (chance(author, 20)) {
        return bytes_add_text(word, odd[pick(author, sizeof(odd) / sizeof(odd[0]))]);
    }
    bytes_printf(word, "%d", (int)pick(author, 40) - 10);
}

static void add_decimal(struct author *author, struct bytes *word)
{
    static const char *const odd[] = {"inf", "-inf", "nan", "1e300", "abc", "-0"};
    if (chance(author, 20)) {
        return bytes_add_text(word, odd[pick(author, sizeof(odd) / sizeof(odd[0]))]);
    }
    bytes_printf(word, "%d.%u", (int)pick(author, 20) - 5, pick(author, 4) * 25);
}

void word_add(struct author *author, int who, char kind, struct bytes *word)
{
    if (kind >= '0' && kind < '0' + CONNECTIONS) {
        char mark[2] = {ID_MARK, kind};
        return bytes_add(word, mark, sizeof(mark));
    }
    switch (kind) {
    case '$':
        return bytes_add_text(word, "$");
    case 'k':
        return bytes_printf(word, "scene:%u", author->scene);
    case 'm':
    case 'f':
        return add_member(author, word);
    case 'v':
        return add_value(author, word);
    case 'V':
        return add_sized_value(author, word);
    case 'i':
        return add_integer(author, word);
    case 'u':
        return bytes_printf(word, "%u", pick(author, 12));
    case 'd':
        return add_decimal(author, word);
    case 'e':
        return bytes_printf(word, "%u", 10000 + pick(author, 100000));
    case 'n':
        return bytes_printf(word, "%u", author->serial += pick(author, 3));
    case 'D':
        return bytes_printf(word, "%u", pick(author, DATABASES));
    default:
        return add_key(author, who, kind, word);
    }
}
