/* Single commands: lines for each group that mostly succeed, and what the command table says of the
 * rest: too few words, too many, any words at all. */
#include "tests/conformance/script.h"

#include <stdio.h>
#include <string.h>

#include "common/command.h"

struct shape {
    const char *line;
    unsigned normal;
};

static const struct shape shapes[] = {
    /* strings */
    {"SET $s $V", 0},
    {"SET $s $V", 0},
    {"SET $s $i", 0},
    {"SET $s $v EX $e", 0},
    {"SET $s $v KEEPTTL GET", 0},
    {"SET $s $v NX", 0},
    {"SET $s $v XX GET", 0},
    {"SET $s $v PX 0", 0},
    {"SET $s $v NX XX", 0},
    {"SETEX $s $e $v", 0},
    {"PSETEX $s $e000 $v", 0},
    {"SETNX $s $v", 0},
    {"GETSET $s $v", 0},
    {"GET $s", 0},
    {"GET $s", 0},
    {"GET $s", 0},
    {"GETEX $s PERSIST", 0},
    {"GETEX $s EX $e", 0},
    {"GETDEL $s", 0},
    {"MGET $s $s $a", 0},
    {"MSET $s $v $s $V", 0},
    {"MSETNX $s $v $s $v", 0},
    {"APPEND $s $v", 0},
    {"STRLEN $s", 0},
    {"GETRANGE $s $i $i", 0},
    {"SUBSTR $s $u $i", 0},
    {"SETRANGE $s $u $v", 0},
    {"INCR $s", 0},
    {"DECR $s", 0},
    {"INCRBY $s $i", 0},
    {"DECRBY $s $i", 0},
    {"INCRBYFLOAT $s $d", 0},
    {"LCS $s $s", 0},
    {"LCS $s $s LEN", 0},
    {"LCS $s $s IDX WITHMATCHLEN", 0},
    /* bits */
    {"SETBIT $b $u $u", 0},
    {"SETBIT $b $u 1", 0},
    {"GETBIT $b $u", 0},
    {"BITCOUNT $b", 0},
    {"BITCOUNT $b 0 $i BIT", 0},
    {"BITPOS $b 1 $i", 0},
    {"BITOP XOR $b $b $b", 0},
    {"BITOP NOT $b $b", 0},
    {"BITFIELD $b INCRBY u5 $u 1 GET u4 0 OVERFLOW FAIL INCRBY u2 $u 3", 0},
    {"BITFIELD_RO $b GET u8 $u", 0},
    /* lists */
    {"LPUSH $l $v $m", 0},
    {"RPUSH $l $m $m $v", 0},
    {"RPUSH $l $v", 0},
    {"LPUSHX $l $v", 0},
    {"RPUSHX $l $v", 0},
    {"LPOP $l", 0},
    {"RPOP $l $u", 0},
    {"LLEN $l", 0},
    {"LRANGE $l 0 -1", 0},
    {"LRANGE $l $i $i", 0},
    {"LINDEX $l $i", 0},
    {"LSET $l $i $v", 0},
    {"LINSERT $l BEFORE $m $v", 0},
    {"LREM $l $i $m", 0},
    {"LTRIM $l 0 20", 0},
    {"LPOS $l $m RANK $i", 0},
    {"LPOS $l $m COUNT 0", 0},
    {"RPOPLPUSH $l $l", 0},
    {"LMOVE $l $l LEFT RIGHT", 0},
    {"LMPOP 2 $l $l LEFT COUNT $u", 0},
    {"SORT $l ALPHA DESC LIMIT 0 5", 0},
    {"SORT $l", 0},
    {"SORT $l BY nosort GET # STORE $l", 0},
    {"SORT_RO $l ALPHA", 0},
    /* hashes */
    {"HSET $h $f $v", 0},
    {"HSET $h $f $i $f $v", 0},
    {"HMSET $h $f $V", 0},
    {"HSETNX $h $f $v", 0},
    {"HGET $h $f", 0},
    {"HMGET $h $f $f nosuch", 0},
    {"HGETALL $h", NORMAL_PAIRS},
    {"HKEYS $h", NORMAL_SORT},
    {"HVALS $h", NORMAL_SORT},
    {"HLEN $h", 0},
    {"HEXISTS $h $f", 0},
    {"HSTRLEN $h $f", 0},
    {"HDEL $h $f $f", 0},
    {"HINCRBY $h $f $i", 0},
    {"HINCRBYFLOAT $h $f $d", 0},
    {"HRANDFIELD $h 1000 WITHVALUES", NORMAL_PAIRS},
    {"HSCAN $h 0 COUNT 1000", NORMAL_SORT},
    {"HSCAN $h 0 MATCH m? COUNT 1000", NORMAL_SORT},
    /* sets */
    {"SADD $t $m $m", 0},
    {"SADD $t $m $v", 0},
    {"SREM $t $m", 0},
    {"SCARD $t", 0},
    {"SISMEMBER $t $m", 0},
    {"SMISMEMBER $t $m $m x", 0},
    {"SMEMBERS $t", NORMAL_SORT},
    {"SMOVE $t $t $m", 0},
    {"SINTER $t $t", NORMAL_SORT},
    {"SINTERCARD 2 $t $t LIMIT 3", 0},
    {"SINTERSTORE $t $t $t", 0},
    {"SUNION $t $t", NORMAL_SORT},
    {"SUNIONSTORE $t $t $t", 0},
    {"SDIFF $t $t", NORMAL_SORT},
    {"SDIFFSTORE $t $t $t", 0},
    {"SRANDMEMBER $t 1000", NORMAL_SORT},
    {"SPOP $t 1000", NORMAL_SORT},
    {"SSCAN $t 0 COUNT 1000", NORMAL_SORT},
    /* sorted sets */
    {"ZADD $z $d $m $d $m", 0},
    {"ZADD $z GT CH $d $m", 0},
    {"ZADD $z INCR $d $m", 0},
    {"ZADD $z NX XX 1 a", 0},
    {"ZINCRBY $z $d $m", 0},
    {"ZCARD $z", 0},
    {"ZSCORE $z $m", 0},
    {"ZMSCORE $z $m $m", 0},
    {"ZRANK $z $m", 0},
    {"ZREVRANK $z $m", 0},
    {"ZCOUNT $z -inf ($d", 0},
    {"ZLEXCOUNT $z - +", 0}, /* narrower, of different scores, it is left to chance */
    {"ZRANGE $z 0 -1 WITHSCORES", 0},
    {"ZRANGE $z ($d +inf BYSCORE LIMIT 0 $u", 0},
    {"ZRANGE $z - + BYLEX LIMIT 1 $u", 0},
    {"ZRANGESTORE $z $z 0 $u", 0},
    {"ZREVRANGE $z 0 $i WITHSCORES", 0},
    {"ZRANGEBYSCORE $z $d +inf WITHSCORES", 0},
    {"ZREVRANGEBYLEX $z + -", 0},
    {"ZREM $z $m $m", 0},
    {"ZREMRANGEBYRANK $z 3 $i", 0},
    {"ZREMRANGEBYSCORE $z $d $d", 0},
    {"ZPOPMIN $z", 0},
    {"ZPOPMAX $z 2", 0},
    {"ZMPOP 2 $z $z MAX COUNT 2", 0},
    {"ZUNION 2 $z $z WITHSCORES", 0},
    {"ZINTER 2 $z $z WEIGHTS 2 $i", 0},
    {"ZDIFF 2 $z $z WITHSCORES", 0},
    {"ZUNIONSTORE $z 2 $z $t AGGREGATE MAX", 0},
    {"ZINTERCARD 2 $z $z", 0},
    {"ZRANDMEMBER $z 1000 WITHSCORES", NORMAL_SORT},
    {"ZSCAN $z 0 COUNT 1000", NORMAL_SORT},
    /* places */
    {"GEOADD $g 13.361389 38.115556 $m 15.0$u 37.502669 $m", 0},
    {"GEOADD $g $d $d $m", 0},
    {"GEODIST $g $m $m km", 0},
    {"GEOPOS $g $m nosuch", 0},
    {"GEOHASH $g $m", 0},
    {"GEOSEARCH $g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHDIST WITHCOORD", 0},
    {"GEORADIUS $g 15 37 500 km ASC COUNT 2", 0},
    {"GEORADIUSBYMEMBER_RO $g $m 300 km DESC", 0},
    {"GEOSEARCHSTORE $g $g FROMMEMBER $m BYBOX 400 400 km", 0},
    /* HyperLogLogs */
    {"PFADD $p $m $v", 0},
    {"PFCOUNT $p $p", 0},
    {"PFMERGE $p $p", 0},
    /* streams */
    {"XADD $x $n-1 $f $v", 0},
    {"XADD $x MAXLEN 10 $n-2 a $v b $v", 0},
    {"XADD $x NOMKSTREAM 1-$u f v", 0},
    {"XLEN $x", 0},
    {"XRANGE $x - + COUNT $u", 0},
    {"XREVRANGE $x + -", 0},
    {"XREAD COUNT 3 STREAMS $x $x 0 5-0", 0},
    {"XDEL $x $n-1", 0},
    {"XTRIM $x MINID $u", 0},
    {"XSETID $x $n-9", 0},
    {"XGROUP CREATE $x g $u MKSTREAM", 0},
    {"XGROUP SETID $x g 0", 0},
    {"XGROUP CREATECONSUMER $x g c$u", 0},
    {"XGROUP DELCONSUMER $x g c$u", 0},
    {"XGROUP DESTROY $x g", 0},
    {"XREADGROUP GROUP g c1 COUNT 2 STREAMS $x >", 0},
    {"XREADGROUP GROUP g c1 STREAMS $x 0", 0},
    {"XACK $x g $n-1", 0},
    {"XPENDING $x g", 0},
    {"XPENDING $x g - + 10", NORMAL_NUMBERS},
    {"XCLAIM $x g c2 0 $u-1 JUSTID", 0},
    {"XAUTOCLAIM $x g c2 0 0 COUNT 2", 0},
    {"XINFO GROUPS $x", 0},
    {"XINFO CONSUMERS $x g", NORMAL_NUMBERS},
    {"XINFO STREAM $x", 0},
    /* any key */
    {"DEL $a", 0},
    {"DEL $a $a", 0},
    {"UNLINK $a", 0},
    {"EXISTS $a $a $a", 0},
    {"TYPE $a", 0},
    {"TOUCH $a $a", 0},
    {"RENAME $a $a", 0},
    {"RENAMENX $a $a", 0},
    {"COPY $a $a REPLACE", 0},
    {"COPY $a $a DB $D", 0},
    {"MOVE $a $D", 0},
    {"EXPIRE $a $e", 0},
    {"EXPIRE $a $e NX", 0},
    {"EXPIRE $a -1", 0},
    {"PEXPIRE $a $e000 GT", 0},
    {"EXPIREAT $a 4102444800", 0},
    {"PERSIST $a", 0},
    {"TTL $a", NORMAL_NUMBERS},
    {"PTTL $a", NORMAL_NUMBERS},
    {"EXPIRETIME $a", NORMAL_NUMBERS},
    {"DUMP $s", NORMAL_KIND},
    {"RESTORE $s 0 nonsense", 0},
    {"OBJECT ENCODING $a", 0},
    {"OBJECT REFCOUNT $a", 0},
    {"OBJECT IDLETIME $a", NORMAL_NUMBERS},
    {"OBJECT FREQ $a", 0},
    {"MEMORY USAGE $a", NORMAL_NUMBERS},
    /* the server */
    {"PING", 0},
    {"PING $v", 0},
    {"ECHO $V", 0},
    {"TIME", NORMAL_KIND},
    {"LASTSAVE", NORMAL_NUMBERS},
    {"COMMAND COUNT", 0},
    {"COMMAND INFO get nosuch client|id", NORMAL_SORT},
    {"COMMAND GETKEYS MSET a 1 b 2", 0},
    {"COMMAND GETKEYS EVAL x 1 k", 0},
    {"CONFIG GET maxmemory", 0},
    {"CONFIG GET nosuch", 0},
    {"CONFIG SET nosuch x", 0},
    {"INFO nosuch", 0},
    {"INFO replication", NORMAL_KIND},
    {"ROLE", NORMAL_NUMBERS},
    {"ACL CAT nosuch", 0},
    {"ACL WHOAMI", 0},
    {"ACL GETUSER nosuch", 0},
    {"SLOWLOG HELP", 0},
    {"OBJECT HELP", 0},
    {"XINFO HELP", 0},
    {"LATENCY HELP", 0},
    {"CLUSTER INFO", 0},
    {"READONLY", 0},
    {"ASKING", 0},
    {"LOLWUT VERSION 5 1 1 1", NORMAL_KIND},
    {"SCRIPT EXISTS x y", 0},
    {"DEBUG JMAP", 0},
    {"DEBUG PROTOCOL verbatim", 0},
    {"DEBUG PROTOCOL attrib", 0},
    {"DEBUG PROTOCOL bignum", 0},
    {"DEBUG PROTOCOL double", 0},
    {"DEBUG PROTOCOL set", 0},
    {"DEBUG PROTOCOL map", 0},
    {"DEBUG PROTOCOL null", 0},
    {"PUBLISH nobody $v", 0},
    {"SPUBLISH nobody $v", 0},
    {"UNWATCH", 0},
};

#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

void say_command(struct author *author, int who)
{
    const struct voice *voice = &author->voices[who];
    const struct shape *shape = &shapes[pick(author, SHAPES)];
    while (voice->is_queueing && shape->normal != 0) { /* keep what EXEC says comparable */
        shape = &shapes[pick(author, SHAPES)];
    }
    say(author, who, shape->normal, "%s", shape->line);
}

/* ------------------------------------------------------------------------------- the table's rows
 */

/* Rows whose requests would not mean the same on both sides, or whose end is not a reply. */
static const char *const left_out[] = {
    /* arguments are no error, and it closes; the same, of another kind; others' requests; ends a
     * transaction even when it is wrong; said elsewhere, knowing what it does; the daemon's own */
    "quit", "reset", "monitor", "exec", "client", "flaskredis",
    /* random; the moment's */
    "spop", "srandmember", "hrandfield", "zrandmember", "dump", "object", "memory", "ttl", "pttl",
    "xpending", "xinfo", "xclaim", "xautoclaim", "pexpiretime", "expiretime", "pfdebug",
    "restore-asking", "vrandmember", "vlinks", "vinfo",
    /* from a place in the middle, of which each server draws what lies behind it */
    "scan", "sscan", "hscan", "zscan",
    /* keys might end in between */
    "setex", "psetex", "expire", "pexpire"};

/* Rows that are not the same in all versions of Redis. To a subscriber in RESP2 the daemon words
 * errors by the newest. */
static const char *const of_a_version[] = {
    "hexpire",      "hexpireat", "hexpiretime", "hpersist", "hpexpire", "hpexpireat",
    "hpexpiretime", "hpttl",     "httl",        "sflush",   "waitaof",  "zrank",
    "zrevrank",     "command",   "cluster",     "hgetdel",  "hgetex",   "hsetex",
    "vadd",         "vcard",     "vdim",        "vemb",     "vgetattr", "vinfo",
    "vismember",    "vlinks",    "vrandmember", "vrem",     "vsetattr", "vsim"};

#define IS_ONE_OF(command, names) is_one_of(command, names, sizeof(names) / sizeof((names)[0]))

static bool is_one_of(const struct fr_command *command, const char *const *names, size_t count)
{
    size_t len = strcspn(command->name, "|");
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) == len && strncmp(names[i], command->name, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_left_out(const struct voice *voice, const struct fr_command *command)
{
    return command->denied || IS_ONE_OF(command, left_out) ||
           (voice_is_restricted(voice) && IS_ONE_OF(command, of_a_version));
}

static const struct fr_command *any_row(struct author *author, int who)
{
    const struct fr_command *command = NULL;
    do {
        command = &fr_commands[pick(author, FR_CMD_COUNT)];
    } while (is_left_out(&author->voices[who], command));
    return command;
}

/* Reads or writes keys that stand at known places, and does nothing else. */
static bool is_about_own_keys(const struct fr_command *command)
{
    return command->class == FR_CLASS_ANY && command->handler == FR_HANDLER_SHARED &&
           command->first_key > 0 && !(command->flags & FR_FLAG_MOVABLEKEYS) &&
           command->flags & (FR_FLAG_WRITE | FR_FLAG_READONLY);
}

static bool is_key(const struct fr_command *command, int at, int count)
{
    int last = command->last_key < 0 ? count + command->last_key : command->last_key;
    return command->step > 0 && at >= command->first_key && at <= last &&
           (at - command->first_key) % command->step == 0;
}

/* The row's name with so many words in all. */
static void say_row(struct author *author, int who, const struct fr_command *command, int count)
{
    static const char *const others[] = {"$m",    "$i",         "$v", "$u", "$d", "0",   "LIMIT",
                                         "COUNT", "WITHSCORES", "NX", "-",  "+",  "$n-1"};
    char line[512];
    size_t name_len = strcspn(command->name, "|");
    bool has_sub = command->name[name_len] != '\0';
    int len = snprintf(line, sizeof(line), "%.*s %s", (int)name_len, command->name,
                       has_sub ? command->name + name_len + 1 : "");
    for (int at = has_sub ? 2 : 1; at < count && len < (int)sizeof(line) - 32; at++) {
        const char *word = is_key(command, at, count)
                               ? "$a"
                               : others[pick(author, sizeof(others) / sizeof(others[0]))];
        len += snprintf(line + len, sizeof(line) - (size_t)len, " %s", word);
    }
    say(author, who, NORMAL_SORT, "%s", line);
}

static int name_words(const struct fr_command *command)
{
    return strchr(command->name, '|') != NULL ? 2 : 1;
}

static void say_too_few(struct author *author, int who)
{
    const struct fr_command *command = NULL;
    int least = 0;
    do {
        command = any_row(author, who);
        least = command->arity < 0 ? -command->arity : command->arity;
    } while (least - 1 < name_words(command));
    say_row(author, who, command, least - 1);
}

static void say_too_many(struct author *author, int who)
{
    const struct fr_command *command = any_row(author, who);
    while (command->arity <= 0 || command->first_key < 0) {
        command = any_row(author, who);
    }
    say_row(author, who, command, command->arity + 1 + (int)pick(author, 2));
}

/* Right in number, any in kind. */
static void say_any_words(struct author *author, int who)
{
    const struct fr_command *command = any_row(author, who);
    while (!is_about_own_keys(command)) {
        command = any_row(author, who);
    }
    int more = command->arity < 0 ? (int)pick(author, 3) : 0;
    int count = (command->arity < 0 ? -command->arity : command->arity) + more;
    if (!author->voices[who].is_queueing) {
        say_row(author, who, command, count);
    }
}

static void say_unknown(struct author *author, int who)
{
    static const char *const lines[] = {
        "FROB",          "frob $v $v",        "FROB $V $m $s",  "$v x y",           "GETX $s",
        "CONFIG NOSUCH", "CONFIG $v x",       "OBJECT FROB $s", "XGROUP frob $x g", "CLIENT NOSUCH",
        "CLIENT $v $m",  "CLIENT frob x y z", "SCRIPT frob",    "PUBSUB frob",      "ACL $v",
        "\"\"",          "COMMAND frob",      "HELLOO 3",       "cluster frob"};
    say(author, who, 0, "%s", lines[pick(author, sizeof(lines) / sizeof(lines[0]))]);
}

void say_wrong_command(struct author *author, int who)
{
    static void (*const kinds[])(struct author * author, int who) = {say_too_few, say_too_many,
                                                                     say_any_words, say_unknown};
    struct voice *voice = &author->voices[who];
    if (voice->is_queueing && voice_is_subscribed(voice)) {
        return; /* AUTH, CLIENT and others are denied then */
    }
    voice->is_direct = voice->is_direct || voice->is_queueing; /* by them */
    kinds[pick(author, sizeof(kinds) / sizeof(kinds[0]))](author, who);
}
