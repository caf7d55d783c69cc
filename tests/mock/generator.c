/* The generator: a template is walked word by word, and chance decides what stands in it. */
#include "tests/mock/generator.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct template
{
    enum comparison comparison;
    const char *text;
};

static const struct template templates[] = {
#define TEMPLATE(comparison, text) {comparison, text},
#include "tests/mock/templates.def"
#undef TEMPLATE
};

enum {
    TEMPLATES = sizeof(templates) / sizeof(templates[0])
};

size_t generator_template_count(void)
{
    return TEMPLATES;
}

const char *generator_template(size_t at)
{
    return templates[at].text;
}

void generator_init(struct generator *generator, uint64_t seed)
{
    generator->state = seed;
    generator->state =
        generator_random(generator, UINT64_MAX); /* neighbours have nothing in common */
    generator->now_ms = 0;
}

uint64_t generator_random(struct generator *generator, uint64_t below)
{
    uint64_t z = generator->state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return below > 0 ? (z ^ z >> 31) % below : 0;
}

/* ------------------------------------------------------------------------------------------ kinds
 */

#define LONG70 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqr"
#define BINARY "\x01" /* stands for bytes no text has */
#define EMPTY "\x02"
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What each kind is drawn from. */
static const char *const *const values =
    LIST(EMPTY, "a", "b", "c", "foo", "hello", "world", "ohmytext", "mynewtext", "0", "1", "2", "3",
         "-1", "10", "42", "100", "3.5", "-0", "1e3", "inf", "-inf", "nan", "9223372036854775807",
         "-9223372036854775808", "9223372036854775808", " 1", "1 ", "0x10", "01", "+1", BINARY,
         LONG70, "12345678901234567890", "1.0", "5.0e3", "A", "with space", "0.1", "10000", "9999");
static const char *const *const members =
    LIST("a", "b", "c", "d", "e", "f", "aa", "ab", "B", "1", "2", "10", EMPTY, BINARY, LONG70, "z");
static const char *const *const fields = LIST("f1", "f2", "f3", "f4", "f5", EMPTY, BINARY, "1");
static const char *const *const ints =
    LIST("0", "1", "2", "3", "5", "-1", "-2", "-3", "10", "-10", "100", "-100", "7", "64",
         "9223372036854775807", "-9223372036854775808", "-9223372036854775807", "foo", "1.5", EMPTY,
         "2147483648", "-2147483649", "+1", "01", " 1", "99999999999999999999");
static const char *const *const counts = LIST("0", "1", "2", "3", "1", "2", "3", "4", "5", "10",
                                              "20", "-1", "-2", "-3", "foo", EMPTY, "7");
static const char *const *const small =
    LIST("1", "2", "3", "1", "2", "0", "-1", "foo", "4", "1", "2");
static const char *const *const reals = LIST(
    "0", "1", "2", "3", "1", "2", "-1", "1.5", "-2.25", "0.1", "0.3", "1e10", "1e300", "-1e300",
    "inf", "-inf", "+inf", "nan", "foo", EMPTY, "10", "100", "3.14159", "1e-10", "-0", "0x10", " 1",
    "123456789012345", "4503599627370497.5", "1e400", "1e-400", "5e-324", "17179869184");
static const char *const *const borders =
    LIST("-inf", "+inf", "0", "1", "2", "3", "(1", "(2", "-1", "10", "(0", "inf", "(inf", "nan",
         "foo", EMPTY, "(", "1.5", "(1.5", "1e400", " 1", "-inf", "+inf", "100");
static const char *const *const lexes =
    LIST("-", "+", "[a", "(a", "[b", "(c", "[e", "(z", "[", "(", "a", EMPTY, "-", "+", "[ab", "(1",
         "+a", "-x", "[\x7f");
static const char *const *const types =
    LIST("u8", "i8", "u1", "i1", "u16", "i64", "u63", "i5", "u4", "u64", "i65", "i0", "x8", "u",
         EMPTY, "u3", "i32", "8");
static const char *const *const bits =
    LIST("0", "1", "7", "8", "15", "16", "100", "#0", "#1", "#2", "3", "31", "-1", "foo", EMPTY,
         "4294967296", "99999999999", "#", "1000", "#-1", "5");
static const char *const *const patterns =
    LIST("*", "*", "s*", "?1", "[sl]*", "[^s]*", "h[0-9]", "a*", "*b", "\\*", "[a", "[z-a]*", "foo",
         EMPTY, "s?", "*1*", "f*", "ch*", "**", "c?1", "\\", "[]", "[^]");
/* No two match the same channel: Redis tells of them in the order of a hash table. */
static const char *const *const subscribed = LIST("ch1*", "*2", "[^c]*", "c:[0-9]", "?h3");
static const char *const *const channels = LIST("ch1", "ch2", "ch3", "c:1", EMPTY);
static const char *const *const timeouts =
    LIST("0", "0", "0", "0", "0", "0", "-1", "foo", EMPTY, "1e400", "9e18", "nan");
static const char *const *const databases =
    LIST("0", "0", "0", "0", "1", "2", "15", "16", "-1", "foo", EMPTY, "9999999999", "0", "1");
/* Relative times are long, or over at once: what is between would be a race. */
static const char *const *const relative =
    LIST("1000", "5000", "10000", "100000", "0", "-1", "foo", EMPTY, "9223372036854775807",
         "-9223372036854775808", "2000000", "9223372036854775", "9223372036854776", "1e3");
static const char *const *const absolute_s =
    LIST("4000000000", "4000000001", "5000000000", "1", "0", "-1", "foo", "9223372036854775807");
static const char *const *const absolute_ms =
    LIST("4000000000000", "4000000000500", "4000000000499", "5000000000000", "1", "0", "-1", "foo",
         "9223372036854775807");
static const char *const *const future_s = LIST("4000000000", "5000000000", "0", "-1", "foo");
static const char *const *const future_ms =
    LIST("4000000000000", "4000000000500", "0", "-1", EMPTY);
static const char *const *const ids =
    LIST("0", "0-0", "0-1", "1-1", "1-2", "2-1", "3", "3-0", "5-5", "5", "6-1", "7-7", "10-0",
         "foo", EMPTY, "-1", "18446744073709551615-18446744073709551615", "18446744073709551616",
         "1-", "-", "+", "8", "9-9", "100-1", "1-1-1", "(1-1");
static const char *const *const new_ids =
    LIST("1-1", "1-2", "2-*", "3-*", "3-3", "4-0", "5-1", "6-*", "7-1", "8-*", "9-9", "10-*",
         "11-1", "12-*", "0-0", "foo", "20-*", "21-1", "30-*", "5-*",
         "18446744073709551615-18446744073709551614");
static const char *const *const after_ids =
    LIST("0", "0-0", "1-1", "3", "$", ">", ">", ">", "5-5", "foo", "0");
static const char *const *const ends =
    LIST("-", "+", "-", "+", "1-1", "3", "(1-1", "(3", "5-5", "foo", "(", "0", "9");
static const char *const *const groups = LIST("g1", "g2", "g1", "g3");
static const char *const *const consumers = LIST("c1", "c2", "c1", "c3");

/* Separated by blanks in templates, so they have none but in strings. */
static const char *const *const scripts = LIST(
    "return 1", "return redis.call('GET', KEYS[1])", "return redis.call('SET', KEYS[1], ARGV[1])",
    "return {1, 2, {3, 'four'}, false, true, 5.7}", "return redis.pcall('INCR', KEYS[1])",
    "return redis.call('INCR', KEYS[1])", "return redis.error_reply('MY err')",
    "return redis.error_reply('short')", "return redis.status_reply('FINE')", "error('told to')",
    "return redis.sha1hex(ARGV[1] or '')", "return #KEYS + #ARGV", "this is no lua",
    "return nosuch", "x = 1", "return redis.call('NOSUCH')", "return redis.call('GET')",
    "return redis.call('BLPOP', 'l9', 0)", "return redis.call('LPUSH', KEYS[1] or 'l0', 1, 2)",
    "redis.call('SELECT', 1) return redis.call('DBSIZE') * 0", "return redis.call()",
    "return redis.call('GET', {})", "return {ok='X', 1}", "return {err='E text'}",
    "local t = {} for i = 1, 3 do t[i] = redis.call('TYPE', 's' .. i) end return t", "return nil",
    "return redis.call('HSET', 'h1', 'f1', 1.5)", "return -3.9", "return 'text'", "return {}");

struct kind {
    char letter;
    const char *const *const *from;
};

static const struct kind kinds[] = {
    {'v', &values},     {'m', &members},     {'f', &fields},    {'i', &ints},
    {'n', &counts},     {'j', &small},       {'r', &reals},     {'o', &borders},
    {'x', &lexes},      {'w', &types},       {'b', &bits},      {'p', &patterns},
    {'c', &channels},   {'t', &timeouts},    {'d', &databases}, {'L', &scripts},
    {'P', &subscribed}, {'q', &future_s},    {'Q', &future_ms}, {'e', &relative},
    {'a', &absolute_s}, {'A', &absolute_ms}, {'D', &ids},       {'N', &new_ids},
    {'R', &after_ids},  {'B', &ends},        {'G', &groups},    {'C', &consumers},
};

/* Keys are named by what usually is in them: s string, l list, h hash, S set, z sorted set, y
 * sorted set of equal scores, X stream; k any but y: what BYLEX gives of unequal scores nobody
 * says. */
static const char key_types[] = "slhSzX";

static const char *draw(struct generator *generator, const char *const *from)
{
    size_t count = 0;
    while (from[count]) {
        count++;
    }
    return from[generator_random(generator, count)];
}

static void write_key(struct generator *generator, char type, bool is_strict, struct fr_word *word,
                      char *to)
{
    if (type == 'k' || (!is_strict && type != 'y' && generator_random(generator, 12) == 0)) {
        type = key_types[generator_random(generator, sizeof(key_types) - 1)];
    }
    word->len = (size_t)snprintf(to, WORD_CAP, "%c%d", type, (int)generator_random(generator, 4));
}

static void write_kind(struct generator *generator, const char *kind, struct fr_word *word,
                       char *to)
{
    bool is_strict = kind[0] == '1';
    char letter = is_strict ? kind[1] : kind[0];
    word->data = to;
    if (letter == 'k' || letter == 'y' || strchr(key_types, letter)) {
        write_key(generator, letter, is_strict, word, to);
        return;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].letter != letter) {
            continue;
        }
        const char *text = draw(generator, *kinds[i].from);
        if (strcmp(text, BINARY) == 0) {
            memcpy(to, "q\0\r\n\xff*", 6);
            word->len = 6;
        } else {
            word->len = strcmp(text, EMPTY) == 0 ? 0 : strlen(text);
            memcpy(to, text, word->len);
        }
        return;
    }
    word->len = (size_t)snprintf(to, WORD_CAP, "no kind %c", letter);
}

/* --------------------------------------------------------------------------------------- templates
 */

/* The end of the bracketed part that begins at text[0]. */
static const char *closing(const char *text)
{
    char open = *text, close = open == '[' ? ']' : '}';
    int depth = 0;
    for (; *text; text++) {
        depth += *text == open;
        depth -= *text == close;
        if (depth == 0) {
            break;
        }
    }
    return text;
}

/* Literal words behind the command's name are its options: each has a bit. */
static uint32_t option_bit(const char *template, const char *at)
{
    unsigned bit = 0;
    const char *word = template;
    while (*word) {
        word += strspn(word, " []{}|");
        if (word == at) {
            return bit < 32 ? 1U << bit : 0;
        }
        size_t len = strcspn(word, " []{}|");
        bit += word != template && len > 0 && *word != '@';
        word += len;
    }
    return 0;
}

const char *generator_option(size_t template_at, unsigned bit, char *to, size_t cap)
{
    const char *template = templates[template_at].text, *word = template;
    unsigned number = 0;
    while (*word) {
        word += strspn(word, " []{}|");
        size_t len = strcspn(word, " []{}|");
        if (len > 0 && word != template && *word != '@' && number++ == bit) {
            snprintf(to, cap, "%.*s", (int)len, word);
            return to;
        }
        word += len;
    }
    return NULL;
}

static void add_text(struct command_text *command, const char *text, size_t len)
{
    if (command->count < WORDS_MAX) {
        char *to = command->bytes[command->count];
        memcpy(to, text, len);
        command->words[command->count++] = (struct fr_word){to, len};
    }
}

static void write_part(struct generator *generator, struct command_text *command, const char *text,
                       const char *end);

/* One of the alternatives between text and end. */
static void write_one_of(struct generator *generator, struct command_text *command,
                         const char *text, const char *end)
{
    const char *begins[16] = {text};
    size_t count = 1;
    int depth = 0;
    for (const char *at = text; at < end; at++) {
        depth += (*at == '[') - (*at == ']');
        if (*at == '|' && depth == 0 && count < 15) {
            begins[count++] = at + 1;
        }
    }
    begins[count] = end + 1;
    size_t which = generator_random(generator, count);
    write_part(generator, command, begins[which], begins[which + 1] - 1);
}

static void write_word(struct generator *generator, struct command_text *command, const char *text,
                       size_t len)
{
    if (*text == '@') {
        if (command->count < WORDS_MAX) {
            size_t at = command->count++;
            write_kind(generator, text + 1, &command->words[at], command->bytes[at]);
        }
        return;
    }
    command->options |= option_bit(templates[command->template_at].text, text);
    add_text(command, text, len);
}

static void write_part(struct generator *generator, struct command_text *command, const char *text,
                       const char *end)
{
    while (text < end) {
        if (*text == ' ') {
            text++;
        } else if (*text == '[') {
            const char *close = closing(text);
            if (generator_random(generator, 3) != 0) {
                write_one_of(generator, command, text + 1, close);
            }
            text = close + 1;
        } else if (*text == '{') {
            const char *close = closing(text);
            for (uint64_t i = 1 + generator_random(generator, 3); i > 0; i--) {
                write_part(generator, command, text + 1, close);
            }
            text = close + 1;
        } else {
            size_t len = strcspn(text, " []{}|");
            write_word(generator, command, text, len);
            text += len;
        }
    }
}

/* ------------------------------------------------------------------------------------------- chaos
 */

static void swap_words(struct command_text *command, size_t a, size_t b)
{
    struct fr_word word = command->words[a];
    command->words[a] = command->words[b];
    command->words[b] = word;
}

/* Commands that wait, or name clients, are left as they are: any other number is a race. */
static bool is_delicate(const struct command_text *command)
{
    const char *name = command->bytes[0];
    return (name[0] == 'B' && name[1] != 'I') || strncmp(name, "WAIT", 4) == 0 ||
           (command->count > 1 && strncmp(command->bytes[1], "UNBLOCK", 7) == 0) ||
           strncmp(name, "XREAD", 5) == 0 || strncmp(name, "COMMAND", 7) == 0 ||
           strstr(name, "UNSUBSCRIBE") ||
           strstr(generator_template(command->template_at), "SCAN") != NULL;
}

/* Another word in the place of a time may be over in the middle of a sequence: a race. */
static bool has_time(const struct command_text *command)
{
    static const char *const names[] = {"SET", "SETEX", "PSETEX", "EXPIRE", "PEXPIRE", "GETEX"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t len = strlen(names[i]);
        if (command->words[0].len == len && memcmp(command->bytes[0], names[i], len) == 0) {
            return true;
        }
    }
    return false;
}

/* What careless clients do: a word missing, doubled, exchanged, at the wrong place, in odd case. */
static void disturb(struct generator *generator, struct command_text *command)
{
    size_t at = 1 + generator_random(generator, command->count);
    uint64_t what = generator_random(generator, 60);
    if (has_time(command) && what >= 2 && what <= 4) {
        return;
    }
    switch (what) {
    case 0:
        command->count -= command->count > 1;
        break;
    case 1:
        add_text(command, "EXTRA", 5);
        break;
    case 2:
        if (at < command->count) {
            write_kind(generator, "v", &command->words[at], command->bytes[at]);
        }
        break;
    case 3:
        if (command->count > 3) {
            swap_words(command, command->count - 1, command->count - 2);
        }
        break;
    case 4:
        if (at < command->count) {
            add_text(command, command->words[at].data, command->words[at].len);
        }
        break;
    case 5:
        for (size_t i = 0; i < command->words[0].len; i++) {
            command->bytes[0][i] = (char)tolower((unsigned char)command->bytes[0][i]);
        }
        break;
    default:
        break;
    }
}

void generator_next(struct generator *generator, struct command_text *command)
{
    size_t at = generator_random(generator, TEMPLATES);
    const char *text = templates[at].text;
    command->count = 0;
    command->options = 0;
    command->template_at = at;
    command->comparison = templates[at].comparison;
    write_part(generator, command, text, text + strlen(text));
    if (!is_delicate(command)) {
        disturb(generator, command);
    }
}
