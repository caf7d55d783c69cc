/* The command table against COMMAND of a real server: each fact is written as text from both sides
 * and compared. Where versions differ the table has the newest one's fact, and the server's is in
 * the list of differences. */
#include "common/command.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "tests/support/server.h"
#include "tests/support/suite.h"

enum field {
    PRESENCE,
    ARITY,
    KEY_POSITIONS,
    FLAGS,
    KEY_SPECS
};

enum {
    ANY_VERSION = 0
};

/* Up to version before (ANY_VERSION: all of them) the server says something else than the table.
 * The absence of a container is that of its subcommands too. */
static const struct {
    const char *name;
    enum field field;
    int before;
    const char *server_says;
    const char *reason;
} differences[] = {
    {"client|no-touch", PRESENCE, REDIS_7_2, "absent", "new in 7.2"},
    {"client|setinfo", PRESENCE, REDIS_7_2, "absent", "new in 7.2"},
    {"cluster|myshardid", PRESENCE, REDIS_7_2, "absent", "new in 7.2"},
    {"waitaof", PRESENCE, REDIS_7_2, "absent", "new in 7.2"},
    {"hexpire", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hexpireat", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hexpiretime", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hpersist", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hpexpire", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hpexpireat", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hpexpiretime", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hpttl", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"httl", PRESENCE, REDIS_7_4, "absent", "expiry of hash fields is new in 7.4"},
    {"hgetdel", PRESENCE, REDIS_8_0, "absent", "new in 8.0"},
    {"hgetex", PRESENCE, REDIS_8_0, "absent", "new in 8.0"},
    {"hsetex", PRESENCE, REDIS_8_0, "absent", "new in 8.0"},
    {"vadd", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vcard", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vdim", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vemb", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vgetattr", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vinfo", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vismember", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vlinks", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vrandmember", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vrem", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vsetattr", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"vsim", PRESENCE, REDIS_8_0, "absent", "vector sets are new in 8.0"},
    {"sflush", PRESENCE, ANY_VERSION, "absent", "experimental, in no release up to 8.0"},
    {"flaskredis", PRESENCE, ANY_VERSION, "absent", "the daemon's own"},
    {"sentinel", PRESENCE, ANY_VERSION, "absent", "of Sentinel processes only"},
    {"zrank", ARITY, REDIS_7_2, "3", "WITHSCORE is new in 7.2"},
    {"zrevrank", ARITY, REDIS_7_2, "3", "WITHSCORE is new in 7.2"},
    {"command|getkeys", ARITY, REDIS_7_2, "-4", "a command without arguments is taken since 7.2"},
    {"command|getkeysandflags", ARITY, REDIS_7_2, "-4", "as COMMAND GETKEYS"},
    {"wait", FLAGS, REDIS_7_4, "", "flagged as blocking since 7.4"},
    {"sinterstore", KEY_SPECS, REDIS_7_4, "rw,update|i1|r0,1,0 ro,access|i2|r-1,1,0",
     "the destination is told as overwritten since 7.4"},
    {"georadius", KEY_SPECS, REDIS_8_0,
     "ro,access|i1|r0,1,0 ow,update|kSTORE,6|r0,1,0 ow,update|kSTOREDIST,6|r0,1,0",
     "a key may have the keyword's name: told as incomplete since 8.0"},
    {"georadiusbymember", KEY_SPECS, REDIS_8_0,
     "ro,access|i1|r0,1,0 ow,update|kSTORE,5|r0,1,0 ow,update|kSTOREDIST,5|r0,1,0", "as GEORADIUS"},
    {"xread", KEY_SPECS, REDIS_8_0, "ro,access|kSTREAMS,1|r-1,1,2", "as GEORADIUS"},
    {"xreadgroup", KEY_SPECS, REDIS_8_0, "ro,access|kSTREAMS,4|r-1,1,2", "as GEORADIUS"},
    {"bitfield", KEY_SPECS, ANY_VERSION, "rw,access,update,variable_flags|i1|r0,1,0",
     "the same flags in the server's order"},
};

#define DIFFERENCE_COUNT (sizeof(differences) / sizeof(differences[0]))

/* What the server says of its commands, subcommands in the same list. */
struct listing {
    int version;
    size_t count;
    const redisReply *commands[1024];
};

/* Places in an entry of COMMAND's reply (7.0). */
enum {
    AT_NAME,
    AT_ARITY,
    AT_FLAGS,
    AT_FIRST,
    AT_LAST,
    AT_STEP,
    AT_KEY_SPECS = 8,
    AT_SUBCOMMANDS
};

static void free_connection(void *connection)
{
    redisFree(connection);
}

/* Modules spell their commands as they like, those of vector sets come in upper case. */
static void lower(char *name)
{
    for (; *name; name++) {
        *name = (char)tolower((unsigned char)*name);
    }
}

static void list_commands(struct listing *listing, const redisReply *commands)
{
    for (size_t i = 0; i < commands->elements; i++) {
        const redisReply *entry = commands->element[i];
        EXPECT(listing->count < sizeof(listing->commands) / sizeof(listing->commands[0]));
        EXPECT(entry->type == REDIS_REPLY_ARRAY && entry->elements > AT_SUBCOMMANDS);
        lower(entry->element[AT_NAME]->str);
        listing->commands[listing->count++] = entry;
        list_commands(listing, entry->element[AT_SUBCOMMANDS]);
    }
}

/* Ask a server of the case's own. NULL: it tells too little, and the case is skipped. */
static const struct listing *ask_server(void)
{
    struct server *server = server_start(NULL);
    struct listing *listing = case_alloc(sizeof(*listing));
    listing->version = server_version(server);
    if (listing->version < REDIS_7_0) {
        case_skip("COMMAND tells of subcommands and key specifications since 7.0");
        return NULL;
    }
    redisContext *connection = redisConnectUnix(server->socket_path);
    EXPECT(connection && !connection->err);
    case_defer(free_connection, connection);
    redisReply *reply = redisCommand(connection, "COMMAND");
    EXPECT(reply && reply->type == REDIS_REPLY_ARRAY);
    case_defer(freeReplyObject, reply);
    list_commands(listing, reply);
    return listing;
}

static const char *name_of(const redisReply *entry)
{
    return entry->element[AT_NAME]->str;
}

/* Facts as text ------------------------------------------------------------------------------- */

struct text {
    char data[512];
};

static void append(struct text *to, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct text *to, const char *format, ...)
{
    size_t len = strlen(to->data);
    va_list args;
    va_start(args, format);
    int more = vsnprintf(to->data + len, sizeof(to->data) - len, format, args);
    va_end(args);
    EXPECT(more >= 0 && (size_t)more < sizeof(to->data) - len);
}

static const struct {
    const char *word;
    unsigned bit;
} flag_bits[] = {
    {"write", FR_FLAG_WRITE},
    {"readonly", FR_FLAG_READONLY},
    {"blocking", FR_FLAG_BLOCKING},
    {"movablekeys", FR_FLAG_MOVABLEKEYS},
};

static void append_flags(struct text *to, unsigned flags)
{
    for (size_t i = 0; i < sizeof(flag_bits) / sizeof(flag_bits[0]); i++) {
        if (flags & flag_bits[i].bit) {
            append(to, "%s%s", to->data[0] ? " " : "", flag_bits[i].word);
        }
    }
}

static struct text fact_of_row(const struct fr_command *row, enum field field)
{
    struct text text = {""};
    if (field == ARITY) {
        append(&text, "%d", row->arity);
    } else if (field == KEY_POSITIONS) {
        append(&text, "%d %d %d", row->first_key, row->last_key, row->step);
    } else if (field == FLAGS) {
        append_flags(&text, row->flags);
    } else if (field == KEY_SPECS) {
        append(&text, "%s", row->key_specs ? row->key_specs : "");
    } else {
        append(&text, "present");
    }
    return text;
}

static unsigned flags_of_entry(const redisReply *entry)
{
    const redisReply *words = entry->element[AT_FLAGS];
    unsigned flags = 0;
    for (size_t i = 0; i < words->elements; i++) {
        for (size_t bit = 0; bit < sizeof(flag_bits) / sizeof(flag_bits[0]); bit++) {
            if (strcmp(words->element[i]->str, flag_bits[bit].word) == 0) {
                flags |= flag_bits[bit].bit;
            }
        }
    }
    return flags;
}

/* The value of a key in a map, which RESP2 tells as a flat array. */
static const redisReply *value_of(const redisReply *map, const char *key)
{
    for (size_t i = 0; i + 1 < map->elements; i += 2) {
        if (strcmp(map->element[i]->str, key) == 0) {
            return map->element[i + 1];
        }
    }
    FAIL("COMMAND has no \"%s\" in a key specification", key);
}

static long long number_of(const redisReply *map, const char *key)
{
    const redisReply *value = value_of(map, key);
    EXPECT(value->type == REDIS_REPLY_INTEGER);
    return value->integer;
}

static void append_begin(struct text *to, const redisReply *begin)
{
    const char *type = value_of(begin, "type")->str;
    const redisReply *spec = value_of(begin, "spec");
    if (strcmp(type, "index") == 0) {
        append(to, "|i%lld", number_of(spec, "index"));
    } else if (strcmp(type, "keyword") == 0) {
        append(to, "|k%s,%lld", value_of(spec, "keyword")->str, number_of(spec, "startfrom"));
    } else {
        append(to, "|?");
    }
}

static void append_find(struct text *to, const redisReply *find)
{
    const char *type = value_of(find, "type")->str;
    const redisReply *spec = value_of(find, "spec");
    if (strcmp(type, "range") == 0) {
        append(to, "|r%lld,%lld,%lld", number_of(spec, "lastkey"), number_of(spec, "keystep"),
               number_of(spec, "limit"));
    } else if (strcmp(type, "keynum") == 0) {
        append(to, "|n%lld,%lld,%lld", number_of(spec, "keynumidx"), number_of(spec, "firstkey"),
               number_of(spec, "keystep"));
    } else {
        append(to, "|?");
    }
}

static void append_key_spec(struct text *to, const redisReply *spec)
{
    const redisReply *flags = value_of(spec, "flags");
    append(to, "%s", to->data[0] ? " " : "");
    for (size_t i = 0; i < flags->elements; i++) {
        append(to, "%s", i > 0 ? "," : "");
        for (const char *letter = flags->element[i]->str; *letter; letter++) {
            append(to, "%c", tolower((unsigned char)*letter));
        }
    }
    append_begin(to, value_of(spec, "begin_search"));
    append_find(to, value_of(spec, "find_keys"));
}

static struct text fact_of_entry(const redisReply *entry, enum field field)
{
    redisReply *const *at = entry->element;
    struct text text = {""};
    if (field == ARITY) {
        append(&text, "%lld", at[AT_ARITY]->integer);
    } else if (field == KEY_POSITIONS) {
        append(&text, "%lld %lld %lld", at[AT_FIRST]->integer, at[AT_LAST]->integer,
               at[AT_STEP]->integer);
    } else if (field == FLAGS) {
        append_flags(&text, flags_of_entry(entry));
    } else if (field == KEY_SPECS) {
        for (size_t i = 0; i < at[AT_KEY_SPECS]->elements; i++) {
            append_key_spec(&text, at[AT_KEY_SPECS]->element[i]);
        }
    } else {
        append(&text, "present");
    }
    return text;
}

/* Comparing ------------------------------------------------------------------------------------ */

static bool is_in_container(const char *name, const char *container)
{
    size_t len = strlen(container);
    return strncmp(name, container, len) == 0 && name[len] == '|';
}

static bool differs(size_t difference, const char *name, enum field field, int version)
{
    const char *of = differences[difference].name;
    int before = differences[difference].before;
    return differences[difference].field == field && (before == ANY_VERSION || version < before) &&
           (strcmp(of, name) == 0 || (field == PRESENCE && is_in_container(name, of)));
}

/* What a server of this version is expected to say. */
static struct text expected_fact(const struct fr_command *row, enum field field, int version)
{
    for (size_t i = 0; i < DIFFERENCE_COUNT; i++) {
        if (differs(i, row->name, field, version)) {
            struct text text = {""};
            append(&text, "%s", differences[i].server_says);
            return text;
        }
    }
    return fact_of_row(row, field);
}

static void expect_text(const char *about, struct text actual, struct text expected)
{
    expect_bytes(__FILE__, __LINE__, about, actual.data, strlen(actual.data), expected.data,
                 strlen(expected.data));
}

static const struct fr_command *row_of(const redisReply *entry)
{
    const struct fr_command *row = fr_command_named(name_of(entry));
    if (!row) {
        FAIL("the table has no \"%s\"", name_of(entry));
    }
    return row;
}

static void compare(enum field field)
{
    const struct listing *listing = ask_server();
    for (size_t i = 0; listing && i < listing->count; i++) {
        const struct fr_command *row = row_of(listing->commands[i]);
        expect_text(row->name, fact_of_entry(listing->commands[i], field),
                    expected_fact(row, field, listing->version));
    }
}

static const redisReply *entry_of(const struct listing *listing, const char *name)
{
    for (size_t i = 0; i < listing->count; i++) {
        if (strcmp(name_of(listing->commands[i]), name) == 0) {
            return listing->commands[i];
        }
    }
    return NULL;
}

static void the_table_lacks_nothing(void)
{
    const struct listing *listing = ask_server();
    if (!listing) {
        return;
    }
    EXPECT_BETWEEN(listing->count, 300, 1000); /* the whole reply was read */
    for (size_t i = 0; i < listing->count; i++) {
        row_of(listing->commands[i]);
    }
}

static void the_table_invents_nothing(void)
{
    const struct listing *listing = ask_server();
    for (size_t i = 0; listing && i < FR_CMD_COUNT; i++) {
        const char *name = fr_commands[i].name;
        struct text actual = {""};
        append(&actual, entry_of(listing, name) ? "present" : "absent");
        expect_text(name, actual, expected_fact(&fr_commands[i], PRESENCE, listing->version));
    }
}

static void arities_agree(void)
{
    compare(ARITY);
}

static void key_positions_agree(void)
{
    compare(KEY_POSITIONS);
}

static void flags_agree(void)
{
    compare(FLAGS);
}

static void key_specs_agree(void)
{
    compare(KEY_SPECS);
}

static void containers_agree(void)
{
    const struct listing *listing = ask_server();
    for (size_t i = 0; listing && i < listing->count; i++) {
        const redisReply *entry = listing->commands[i];
        bool server_says = entry->element[AT_SUBCOMMANDS]->elements > 0;
        bool table_says = (row_of(entry)->flags & FR_FLAG_CONTAINER) != 0;
        if (server_says != table_says) {
            FAIL("%s: container for the server %d, in the table %d", name_of(entry), server_says,
                 table_says);
        }
    }
}

static void any_case_is_the_same_command(void)
{
    const struct listing *listing = ask_server();
    for (size_t i = 0; listing && i < listing->count; i++) {
        struct text upper = {""};
        for (const char *letter = name_of(listing->commands[i]); *letter; letter++) {
            append(&upper, "%c", toupper((unsigned char)*letter));
        }
        size_t name_len = strcspn(upper.data, "|");
        const char *sub = upper.data[name_len] ? upper.data + name_len + 1 : NULL;
        EXPECT(fr_command_find(upper.data, name_len, sub, sub ? strlen(sub) : 0) ==
               row_of(listing->commands[i]));
    }
}

/* An entry that says what the table says anyway hides nothing and means nothing. */
static void differences_are_real(void)
{
    for (size_t i = 0; i < DIFFERENCE_COUNT; i++) {
        const struct fr_command *row = fr_command_named(differences[i].name);
        if (!row) {
            FAIL("a difference of \"%s\", which is not in the table", differences[i].name);
        }
        if (strcmp(fact_of_row(row, differences[i].field).data, differences[i].server_says) == 0) {
            FAIL("%s: the table says \"%s\" itself", row->name, differences[i].server_says);
        }
    }
}

static const struct test_case cases[] = {
    {"every command of the server is in the table", the_table_lacks_nothing},
    {"every row is a command of the server, or its absence is known", the_table_invents_nothing},
    {"arities agree", arities_agree},
    {"key positions agree", key_positions_agree},
    {"the flags write, readonly, blocking and movablekeys agree", flags_agree},
    {"key specifications agree", key_specs_agree},
    {"what has subcommands for the server is a container in the table", containers_agree},
    {"every command of the server is found in upper case", any_case_is_the_same_command},
    {"every known difference differs from the table", differences_are_real},
};

SUITE_MAIN("command table", cases)
