/* The command table: what is found under which name, and what its rows say. Names are handed over
 * in memory of exactly their size, so that a sanitizer sees a byte read too many. */
#include "common/command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

enum {
    NAME_MAX_LEN = 64,
    HUGE_LEN = 1000000
};

static const struct fr_command *find(const char *name, size_t name_len, const char *sub,
                                     size_t sub_len)
{
    char *own_name = malloc(name_len + (name_len == 0));
    char *own_sub = sub ? malloc(sub_len + (sub_len == 0)) : NULL;
    memcpy(own_name, name, name_len);
    if (sub) {
        memcpy(own_sub, sub, sub_len);
    }
    const struct fr_command *command = fr_command_find(own_name, name_len, own_sub, sub_len);
    free(own_name);
    free(own_sub);
    return command;
}

static const struct fr_command *find_text(const char *name, const char *sub)
{
    return find(name, strlen(name), sub, sub ? strlen(sub) : 0);
}

/* Find by the one or two words of "container|subcommand". */
static const struct fr_command *find_full(const char *full_name)
{
    size_t name_len = strcspn(full_name, "|");
    const char *sub = full_name[name_len] ? full_name + name_len + 1 : NULL;
    return find(full_name, name_len, sub, sub ? strlen(sub) : 0);
}

static const char *name_of(const struct fr_command *command)
{
    return command ? command->name : "(none)";
}

#define EXPECT_ROW(about, command, expected_name)                                                  \
    expect_bytes(__FILE__, __LINE__, about, name_of(command), strlen(name_of(command)),            \
                 expected_name, strlen(expected_name))

static bool is_subcommand(const struct fr_command *command)
{
    return strchr(command->name, '|') != NULL;
}

/* The row of a single word by reading the whole table: what the hash must agree with. */
static const struct fr_command *search(const char *word, size_t len)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        const char *name = fr_commands[i].name;
        if (strlen(name) == len && memcmp(name, word, len) == 0 && !memchr(word, '|', len)) {
            return &fr_commands[i];
        }
    }
    return NULL;
}

static unsigned char lower(unsigned char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + 32) : byte;
}

static void identifiers_are_places(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        EXPECT_NUMBER(fr_commands[i].id, i);
    }
    EXPECT_ROW("FR_CMD_GET", &fr_commands[FR_CMD_GET], "get");
    EXPECT_ROW("FR_CMD_RESTORE_ASKING", &fr_commands[FR_CMD_RESTORE_ASKING], "restore-asking");
    EXPECT_ROW("FR_CMD_EVAL_RO", &fr_commands[FR_CMD_EVAL_RO], "eval_ro");
    EXPECT_ROW("FR_CMD_CLIENT_NO_TOUCH", &fr_commands[FR_CMD_CLIENT_NO_TOUCH], "client|no-touch");
}

static char keep_case(char letter, size_t at)
{
    (void)at;
    return letter;
}

static char upper_case(char letter, size_t at)
{
    (void)at;
    return (char)toupper((unsigned char)letter);
}

static char mixed_case(char letter, size_t at)
{
    return at % 2 == 0 ? (char)toupper((unsigned char)letter) : letter;
}

static char other_mixed_case(char letter, size_t at)
{
    return mixed_case(letter, at + 1);
}

static void found_in_case(char (*change)(char letter, size_t at))
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        char name[NAME_MAX_LEN] = "";
        for (size_t at = 0; fr_commands[i].name[at]; at++) {
            EXPECT(at + 1 < sizeof(name));
            name[at] = change(fr_commands[i].name[at], at);
        }
        EXPECT_ROW(name, find_full(name), fr_commands[i].name);
    }
}

static void found_in_any_case(void)
{
    found_in_case(keep_case);
    found_in_case(upper_case);
    found_in_case(mixed_case);
    found_in_case(other_mixed_case);
}

static const struct {
    const char *name, *sub, *expected;
} second_words[] = {
    {"CONFIG", NULL, "config"},
    {"CONFIG", "", "config"},
    {"CONFIG", "GET", "config|get"},
    {"config", "Set", "config|set"},
    {"CONFIG", "GETX", "config"},
    {"CONFIG", "GE", "config"},
    {"CONFIG", "config|get", "config"},
    {"CONFIG", "|get", "config"},
    {"CONFIG", "GET ", "config"},
    /* A word under one container, or alone, is not one under another. */
    {"CONFIG", "USAGE", "config"},
    {"MEMORY", "usage", "memory|usage"},
    {"CLIENT", "LIST", "client|list"},
    {"COMMAND", "LIST", "command|list"},
    {"CONFIG", "LIST", "config"},
    {"CLIENT", "CLIENT", "client"},
    {"CLIENT", "SUBSCRIBE", "client"},
    {"LIST", "CLIENT", "(none)"},
    /* The second word of a command that is no container is an argument. */
    {"GET", "HELP", "get"},
    {"DEBUG", "HELP", "debug"},
    {"GET", NULL, "get"},
    {"GET", "", "get"},
    {"NOSUCH", "GET", "(none)"},
};

static void second_words_decide_in_containers(void)
{
    for (size_t i = 0; i < sizeof(second_words) / sizeof(second_words[0]); i++) {
        const struct fr_command *command = find_text(second_words[i].name, second_words[i].sub);
        EXPECT_ROW(second_words[i].name, command, second_words[i].expected);
    }
}

/* Looked for in the table as it was written, independently of the flag. */
static bool has_subcommands(const struct fr_command *command)
{
    size_t len = strlen(command->name);
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        const char *name = fr_commands[i].name;
        if (strncmp(name, command->name, len) == 0 && name[len] == '|') {
            return true;
        }
    }
    return false;
}

static void containers_are_flagged(void)
{
    size_t containers = 0;
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        bool flagged = (fr_commands[i].flags & FR_FLAG_CONTAINER) != 0;
        if (flagged != has_subcommands(&fr_commands[i])) {
            FAIL("%s: container flag is %d", fr_commands[i].name, flagged);
        }
        containers += flagged;
    }
    EXPECT_NUMBER(containers, 16);
}

#define BYTES(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    const char *data;
    size_t len;
} unknown_names[] = {
    BYTES(""),
    BYTES("\0"),
    BYTES("g"),
    BYTES("nosuch"),
    BYTES("get\0"),
    BYTES("\0get"),
    BYTES("g\0t"),
    BYTES("get\0x"),
    BYTES(" get"),
    BYTES("get "),
    BYTES("g et"),
    BYTES("get\r"),
    BYTES("get\n"),
    BYTES("config|get"),
    BYTES("config|"),
    BYTES("|get"),
    BYTES("|"),
    BYTES("CONFIG GET"),
    BYTES("config\0get"),
    BYTES("*1"),
    BYTES("\x07"
          "et"), /* bytes that a careless fold of case takes for letters */
    BYTES("restore\x0d"
          "asking"),
    BYTES("eval\x7fro"),
    BYTES("g\xc5t"),
    BYTES("\xe7\xe5\xf4"),
    BYTES("d\xc4\xb1scard"), /* a dotless i */
};

static void unknown_names_are_not_found(void)
{
    for (size_t i = 0; i < sizeof(unknown_names) / sizeof(unknown_names[0]); i++) {
        const char *data = unknown_names[i].data;
        size_t len = unknown_names[i].len;
        EXPECT_ROW(data, find(data, len, NULL, 0), "(none)");
        EXPECT_ROW(data, find(data, len, "get", 3), "(none)");
        EXPECT_ROW(data, find("config", 6, data, len), "config");
    }
}

static void subcommands_are_no_commands(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        const char *name = fr_commands[i].name;
        if (is_subcommand(&fr_commands[i])) {
            EXPECT_ROW(name, find_text(name, NULL), "(none)");
            EXPECT_ROW(name, find_text(name, strchr(name, '|') + 1), "(none)");
        }
    }
}

static void expect_as_searched(const char *word, size_t len)
{
    EXPECT_ROW(word, find(word, len, NULL, 0), name_of(search(word, len)));
}

static void prefixes_and_suffixes_are_other_names(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        char name[NAME_MAX_LEN] = "x";
        strncat(name, fr_commands[i].name, sizeof(name) - 3);
        size_t len = strlen(name);
        expect_as_searched(name, len);
        for (size_t part = 1; part < len; part++) {
            expect_as_searched(name + 1, part);
            expect_as_searched(name + len - part, part);
        }
        name[len] = 's';
        expect_as_searched(name + 1, len);
        name[len] = '\0'; /* one byte more than the name: a NUL */
        expect_as_searched(name + 1, len);
    }
}

/* Each byte of a name, one after the other, takes each value there is. */
static void one_byte_changed(const char *name)
{
    char changed[NAME_MAX_LEN] = "", folded[NAME_MAX_LEN] = "";
    size_t len = strlen(name);
    EXPECT(len < sizeof(changed));
    memcpy(changed, name, len + 1);
    memcpy(folded, name, len + 1);
    for (size_t at = 0; at < len; at++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            changed[at] = (char)byte;
            folded[at] = (char)lower((unsigned char)byte);
            const struct fr_command *command = fr_command_find(changed, len, NULL, 0);
            bool same = memcmp(folded, name, len) == 0;
            if (same ? command != fr_command_named(name)
                     : command && (strlen(command->name) != len ||
                                   memcmp(command->name, folded, len) != 0)) {
                FAIL("%s with byte %zu 0x%02x gives %s", name, at, byte, name_of(command));
            }
        }
        changed[at] = folded[at] = name[at];
    }
}

static void changed_bytes_are_noticed(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        if (!is_subcommand(&fr_commands[i])) {
            one_byte_changed(fr_commands[i].name);
        }
    }
}

static void huge_names_are_not_found(void)
{
    char *name = case_alloc(HUGE_LEN);
    for (size_t i = 0; i < HUGE_LEN; i++) {
        name[i] = "get"[i % 3];
    }
    /* Also lengths that equal a known name's in their low bits. */
    static const size_t lengths[] = {HUGE_LEN, 65536 + 3, 256 + 3, 255, 128 + 3};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        EXPECT_ROW("getget...", fr_command_find(name, lengths[i], NULL, 0), "(none)");
        EXPECT_ROW("config getget...", fr_command_find("config", 6, name, lengths[i]), "config");
    }
}

static void named_in_a_configuration(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        EXPECT_ROW(fr_commands[i].name, fr_command_named(fr_commands[i].name), fr_commands[i].name);
    }
    static const char *const unknown[] = {
        "",      "|",    "|get", "client|",         "client|nosuch", "nosuch|kill", "get|",
        "get|x", "GET",  "Get",  "client|KILL",     "CLIENT|kill",   "client kill", "ge",
        "getx",  " get", "get ", "client|kill|all", "config|get|",   "nosuch",
    };
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        EXPECT_ROW(unknown[i], fr_command_named(unknown[i]), "(none)");
    }
}

/* A row for each kind of treatment. */
static const struct {
    const char *name;
    enum fr_class class;
    enum fr_handler handler;
    enum fr_condition condition;
    enum fr_replies replies;
    enum fr_retry retry;
    enum fr_cache cache;
    enum fr_block block;
    unsigned flags;
    bool denied;
} treatments[] = {
#define ROW(name, class, handler, condition, replies, retry, cache, block, flags, denied)          \
    {                                                                                              \
        name, FR_CLASS_##class, FR_HANDLER_##handler, FR_##condition, FR_REPLIES_##replies,        \
            FR_RETRY_##retry, FR_CACHE_##cache, FR_BLOCK_##block, flags, denied                    \
    }
#define WRITE FR_FLAG_WRITE
#define READ FR_FLAG_READONLY
#define BLOCKS FR_FLAG_BLOCKING
#define MOVABLE FR_FLAG_MOVABLEKEYS
    // clang-format off
    ROW("get", ANY, SHARED, ALWAYS, ONE, SAFE, FILL, OK, READ, false),
    ROW("mget", ANY, SHARED, ALWAYS, ONE, SAFE, FILL, OK, READ, false),
    ROW("hgetall", ANY, SHARED, ALWAYS, ONE, SAFE, FILL_LATER, OK, READ, false),
    ROW("set", ANY, SHARED, ALWAYS, ONE, UNSENT, KEYS, OK, WRITE, false),
    ROW("zunionstore", ANY, SHARED, ALWAYS, ONE, UNSENT, KEYS, OK, WRITE | MOVABLE, false),
    ROW("eval", ANY, SHARED, ALWAYS, ONE, UNSENT, KEYS_FENCE, OK, MOVABLE, false),
    ROW("flushall", ADMIN, SHARED, ALWAYS, ONE, UNSENT, FLUSH, OK, WRITE, false),
    ROW("ping", ANY, SHARED, ALWAYS, ONE, SAFE, NONE, OK, 0, false),
    ROW("blpop", BLOCK, LEASE, ALWAYS, ONE, UNSENT, KEYS, OK, WRITE | BLOCKS, false),
    ROW("xread", BLOCK, LEASE, IF_BLOCK_OPTION, ONE, SAFE_UNBLOCKED, NONE, OK, READ | BLOCKS | MOVABLE, false),
    ROW("wait", BLOCK, LEASE, IF_WAITS, ONE, NEVER, NONE, OK, BLOCKS, false),
    ROW("waitaof", BLOCK, LEASE, IF_WAITS, ONE, NEVER, NONE, OK, BLOCKS, false),
    ROW("watch", TXN, LEASE, ALWAYS, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("multi", TXN, BOTH, ALWAYS, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("exec", TXN, BOTH, ALWAYS, ONE, NEVER, QUEUED, END, 0, false),
    ROW("discard", TXN, BOTH, ALWAYS, ONE, NEVER, NONE, END, 0, false),
    ROW("subscribe", PUBSUB, HUB, ALWAYS, MANY, NEVER, NONE, LEASE, 0, false),
    ROW("select", SESSION, BOTH, ALWAYS, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("quit", SESSION, DAEMON, ALWAYS, ONE_CLOSE, NEVER, NONE, LEASE, 0, false),
    ROW("client", LOCAL, DAEMON, ALWAYS, ONE, NEVER, NONE, LEASE, FR_FLAG_CONTAINER, false),
    ROW("client|id", SESSION, DAEMON, ALWAYS, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("client|tracking", SESSION, STICKY, IF_ON, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("client|no-touch", SESSION, STICKY, IF_ON, ONE, NEVER, NONE, LEASE, 0, false),
    ROW("client|reply", SESSION, DAEMON, IF_OFF_OR_SKIP, MAYBE_ONE, NEVER, NONE, LEASE, 0, false),
    ROW("script|debug", SESSION, TUNNEL, IF_YES_OR_SYNC, ONE_MODE, NEVER, NONE, LEASE, 0, true),
    ROW("monitor", SESSION, TUNNEL, ALWAYS, STREAM, NEVER, NONE, LEASE, 0, false),
    ROW("debug", ADMIN, LEASE, ALWAYS, MAYBE_MANY, NEVER, FLUSH, LEASE, 0, false),
    ROW("shutdown", ADMIN, LEASE, ALWAYS, MAYBE_ONE, NEVER, NONE, LEASE, 0, true),
    ROW("config|get", ADMIN, SHARED, ALWAYS, ONE, SAFE, NONE, OK, 0, false),
    ROW("sentinel|masters", ADMIN, LEASE, ALWAYS, ONE, UNSENT, NONE, LEASE, 0, true),
    // clang-format on
};

static void expect_word(const char *name, const char *column, unsigned actual, unsigned expected)
{
    if (actual != expected) {
        FAIL("%s: %s is %u, expected %u", name, column, actual, expected);
    }
}

static void rows_say_the_treatment(void)
{
    for (size_t i = 0; i < sizeof(treatments) / sizeof(treatments[0]); i++) {
        const char *name = treatments[i].name;
        const struct fr_command *command = find_full(name);
        EXPECT_ROW(name, command, name);
        expect_word(name, "class", command->class, treatments[i].class);
        expect_word(name, "handler", command->handler, treatments[i].handler);
        expect_word(name, "condition", command->condition, treatments[i].condition);
        expect_word(name, "replies", command->replies, treatments[i].replies);
        expect_word(name, "retry", command->retry, treatments[i].retry);
        expect_word(name, "cache", command->cache, treatments[i].cache);
        expect_word(name, "block", command->block, treatments[i].block);
        expect_word(name, "flags", command->flags, treatments[i].flags);
        expect_word(name, "denied", command->denied, treatments[i].denied);
    }
}

static const struct {
    const char *name;
    int arity, first_key, last_key, step;
    const char *key_specs, *cluster;
} key_facts[] = {
    {"get", 2, 1, 1, 1, "ro,access|i1|r0,1,0", "slot"},
    {"mset", -3, 1, -1, 2, "ow,update|i1|r-1,2,0", "split-ok"},
    {"blpop", -3, 1, -2, 1, "rw,access,delete|i1|r-2,1,0", "slot"},
    {"xread", -4, 0, 0, 0, "ro,access,incomplete|kSTREAMS,1|r-1,1,2", "slot"},
    {"xgroup|create", -5, 2, 2, 1, "rw,insert|i2|r0,1,0", "slot"},
    {"ping", -1, 0, 0, 0, NULL, "one"},
};

static void rows_say_where_keys_are(void)
{
    for (size_t i = 0; i < sizeof(key_facts) / sizeof(key_facts[0]); i++) {
        const struct fr_command *command = find_full(key_facts[i].name);
        EXPECT_ROW(key_facts[i].name, command, key_facts[i].name);
        EXPECT_NUMBER(command->arity, key_facts[i].arity);
        EXPECT_NUMBER(command->first_key, key_facts[i].first_key);
        EXPECT_NUMBER(command->last_key, key_facts[i].last_key);
        EXPECT_NUMBER(command->step, key_facts[i].step);
        EXPECT((command->key_specs == NULL) == (key_facts[i].key_specs == NULL));
        EXPECT(!command->key_specs || strcmp(command->key_specs, key_facts[i].key_specs) == 0);
        EXPECT(strcmp(command->cluster, key_facts[i].cluster) == 0);
    }
}

static void texts_come_through_whole(void)
{
    EXPECT(fr_commands[FR_CMD_GET].notes != NULL);
    EXPECT(fr_commands[FR_CMD_SET].notes == NULL);
    EXPECT_HAS(fr_commands[FR_CMD_DISCARD].notes, "\"ERR DISCARD without MULTI\" leaves WATCH");
}

/* More than one reply, or state left behind, on a connection that others share would give one
 * client's data to another: no row may allow it. */
static void shared_rows_have_one_reply(void)
{
    for (size_t i = 0; i < FR_CMD_COUNT; i++) {
        const struct fr_command *command = &fr_commands[i];
        bool one = command->replies == FR_REPLIES_ONE;
        if (!one && (command->handler == FR_HANDLER_SHARED || command->block == FR_BLOCK_OK)) {
            FAIL("%s may have other than one reply on a shared connection", command->name);
        }
    }
}

static const struct test_case cases[] = {
    {"an identifier is its row's place in the table", identifiers_are_places},
    {"every row is found by its name in any case", found_in_any_case},
    {"a second word decides in containers only", second_words_decide_in_containers},
    {"what has subcommands is flagged as a container", containers_are_flagged},
    {"unknown names are not found, whatever bytes they have", unknown_names_are_not_found},
    {"a subcommand's full name is no command", subcommands_are_no_commands},
    {"a known name's beginnings, ends and extensions are other names",
     prefixes_and_suffixes_are_other_names},
    {"no changed byte goes unnoticed", changed_bytes_are_noticed},
    {"names of any length are looked up", huge_names_are_not_found},
    {"a configuration names rows in lower case and exactly", named_in_a_configuration},
    {"rows say how a command is treated", rows_say_the_treatment},
    {"rows say where the keys are", rows_say_where_keys_are},
    {"notes are kept with their quotes", texts_come_through_whole},
    {"what is shared has exactly one reply", shared_rows_have_one_reply},
};

SUITE_MAIN("command", cases)
