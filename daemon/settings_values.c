/* The rows of settings.def as tables, and how each type of value is read, compared and freed. */
#include "daemon/settings_parts.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/memory.h"

static const struct setting_row daemon_rows[] = {
#define DAEMON_SETTING(type_, name_, default_, least_, most_, reloadable_, help_)                  \
    {.name = #name_,                                                                               \
     .default_text = default_,                                                                     \
     .help = help_,                                                                                \
     .type = VALUE_##type_,                                                                        \
     .reloadable = reloadable_,                                                                    \
     .offset = offsetof(struct daemon_settings, name_),                                            \
     .least = least_,                                                                              \
     .most = most_},
#define PREFIX_SETTING(...)
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
};

static const struct setting_row prefix_rows[] = {
#define DAEMON_SETTING(...)
#define PREFIX_SETTING(type_, name_, default_, least_, most_, reloadable_, help_)                  \
    {.name = #name_,                                                                               \
     .default_text = default_,                                                                     \
     .help = help_,                                                                                \
     .type = VALUE_##type_,                                                                        \
     .reloadable = reloadable_,                                                                    \
     .offset = offsetof(struct prefix_settings, name_),                                            \
     .least = least_,                                                                              \
     .most = most_},
#include "daemon/settings.def"
#undef DAEMON_SETTING
#undef PREFIX_SETTING
};

const struct setting_table daemon_table = {daemon_rows, DAEMON_ROW_COUNT};
const struct setting_table prefix_table = {prefix_rows, PREFIX_ROW_COUNT};

void *row_value(const struct setting_row *row, void *values)
{
    return (char *)values + row->offset;
}

const void *row_value_const(const struct setting_row *row, const void *values)
{
    return (const char *)values + row->offset;
}

/* Finding rows. */

const struct setting_row *table_find(const struct setting_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].name, name) == 0) {
            return &table->rows[i];
        }
    }
    return NULL;
}

#define NAME_LEN_MAX 40

static size_t least_of(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* How many letters must be added, removed or changed to make one name of the other. */
static size_t distance(const char *one, const char *other)
{
    size_t costs[NAME_LEN_MAX + 1], len = strlen(other);
    for (size_t j = 0; j <= len; j++) {
        costs[j] = j;
    }
    for (size_t i = 0; one[i]; i++) {
        size_t diagonal = costs[0];
        costs[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            bool same = tolower((unsigned char)one[i]) == other[j];
            size_t cost = least_of(costs[j] + 1, costs[j + 1] + 1, diagonal + !same);
            diagonal = costs[j + 1];
            costs[j + 1] = cost;
        }
    }
    return costs[len];
}

const struct setting_row *table_nearest(const struct setting_table *table, const char *name)
{
    const struct setting_row *nearest = NULL;
    size_t least = strlen(name) / 3 + 1; /* beyond a third of its letters it is another word */
    for (size_t i = 0; i < table->count; i++) {
        size_t cost = distance(name, table->rows[i].name);
        if (cost < least || (cost == least && !nearest)) {
            nearest = &table->rows[i];
            least = cost;
        }
    }
    return nearest;
}

/* Words of the enums, NULL-terminated; a word's index is its value. */

static const char *const bool_words[] = {"no", "yes", NULL};
static const char *const level_words[] = {
    [LOG_LEVEL_ERROR] = "error", [LOG_LEVEL_WARNING] = "warning", [LOG_LEVEL_NOTICE] = "notice",
    [LOG_LEVEL_INFO] = "info",   [LOG_LEVEL_DEBUG] = "debug",     NULL};
static const char *const beside_server_words[] = {
    [BESIDE_SERVER_AUTO] = "auto", [BESIDE_SERVER_NO] = "no", [BESIDE_SERVER_YES] = "yes", NULL};
static const char *const auth_words[] = {[AUTH_UPSTREAM] = "upstream",
                                         [AUTH_IGNORE] = "ignore",
                                         [AUTH_CHECK] = "check",
                                         [AUTH_PASSTHROUGH] = "passthrough",
                                         NULL};
static const char *const loss_words[] = {[LOSS_ERROR] = "error", [LOSS_CLOSE] = "close", NULL};
static const char *const modules_words[] = {
    [MODULES_LEASE] = "lease", [MODULES_SHARED] = "shared", NULL};
static const char *const loading_words[] = {[LOADING_PASS] = "pass", [LOADING_WAIT] = "wait", NULL};
static const char *const pubsub_words[] = {[PUBSUB_HUB] = "hub", [PUBSUB_LEASE] = "lease", NULL};
static const char *const hub_loss_words[] = {
    [HUB_LOSS_CLOSE] = "close", [HUB_LOSS_RESUBSCRIBE] = "resubscribe", NULL};
static const char *const publish_count_words[] = {
    [PUBLISH_COUNT_ADJUST] = "adjust", [PUBLISH_COUNT_SERVER] = "server", NULL};

/* Types. */

typedef bool value_reader(const struct setting_row *row, const char *text, void *to, char *why,
                          size_t why_cap);

static value_reader read_bool, read_int, read_size, read_text, read_list, read_mode, read_word;

static const struct type {
    const char *name;
    value_reader *read;
    size_t size;
    const char *const *words; /* of an enum */
} types[] = {
    [VALUE_BOOL] = {"yes or no", read_bool, sizeof(bool), bool_words},
    [VALUE_INT] = {"number", read_int, sizeof(int64_t), NULL},
    [VALUE_MS] = {"milliseconds", read_int, sizeof(int64_t), NULL},
    [VALUE_SIZE] = {"size", read_size, sizeof(int64_t), NULL},
    [VALUE_TEXT] = {"text", read_text, sizeof(char *), NULL},
    [VALUE_LIST] = {"list", read_list, sizeof(struct word_list), NULL},
    [VALUE_MODE] = {"octal", read_mode, sizeof(int64_t), NULL},
    [VALUE_LEVEL] = {"word", read_word, sizeof(enum log_level), level_words},
    [VALUE_BESIDE_SERVER] = {"word", read_word, sizeof(enum beside_server_policy),
                             beside_server_words},
    [VALUE_AUTH] = {"word", read_word, sizeof(enum auth_policy), auth_words},
    [VALUE_LOSS] = {"word", read_word, sizeof(enum loss_policy), loss_words},
    [VALUE_LOADING] = {"word", read_word, sizeof(enum loading_policy), loading_words},
    [VALUE_PUBSUB] = {"word", read_word, sizeof(enum pubsub_policy), pubsub_words},
    [VALUE_HUB_LOSS] = {"word", read_word, sizeof(enum hub_loss_policy), hub_loss_words},
    [VALUE_PUBLISH_COUNT] = {"word", read_word, sizeof(enum publish_count_policy),
                             publish_count_words},
    [VALUE_MODULES] = {"word", read_word, sizeof(enum modules_policy), modules_words},
};

/* read_word stores any of the enums as an unsigned. */
_Static_assert(sizeof(enum log_level) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum beside_server_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum auth_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum loss_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum loading_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum pubsub_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum hub_loss_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum publish_count_policy) == sizeof(unsigned), "enum size");
_Static_assert(sizeof(enum modules_policy) == sizeof(unsigned), "enum size");

bool value_read(const struct setting_row *row, const char *text, void *to, char *why,
                size_t why_cap)
{
    return types[row->type].read(row, text, to, why, why_cap);
}

const char *value_type_name(enum value_type type)
{
    return types[type].name;
}

/* Words. */

static const char *join_words(const char *const *words, char *to, size_t cap)
{
    size_t used = 0;
    to[0] = '\0';
    for (size_t i = 0; words[i] && used < cap; i++) {
        const char *before = i == 0 ? "" : words[i + 1] ? ", " : " or ";
        used += (size_t)snprintf(to + used, cap - used, "%s%s", before, words[i]);
    }
    return to;
}

static bool find_word(const struct setting_row *row, const char *text, unsigned *to, char *why,
                      size_t why_cap)
{
    const char *const *words = types[row->type].words;
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(words[i], text) == 0) {
            *to = i;
            return true;
        }
    }
    char all[80];
    snprintf(why, why_cap, "is not one of its words (%s)", join_words(words, all, sizeof(all)));
    return false;
}

static bool read_bool(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    unsigned value;
    if (!find_word(row, text, &value, why, why_cap)) {
        return false;
    }
    *(bool *)to = value != 0;
    return true;
}

static bool read_word(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    unsigned value;
    if (!find_word(row, text, &value, why, why_cap)) {
        return false;
    }
    memcpy(to, &value, sizeof(value));
    return true;
}

/* Numbers. */

bool number_read(const char *text, size_t len, int64_t most, int64_t *to)
{
    int64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        int digit = text[i] - '0';
        if (value > (most - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *to = value;
    return len > 0;
}

static const struct unit {
    const char *suffix;
    int64_t bytes;
} units[] = {{"gb", 1 << 30}, {"mb", 1 << 20}, {"kb", 1 << 10}, {"", 1}};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static const char *show_size(int64_t bytes, char *to, size_t cap)
{
    size_t i = 0;
    while (bytes == 0 ? i + 1 < UNIT_COUNT : bytes % units[i].bytes != 0) {
        i++;
    }
    snprintf(to, cap, "%lld%s", (long long)(bytes / units[i].bytes), units[i].suffix);
    return to;
}

static const char *show_number(enum value_type type, int64_t number, char *to, size_t cap)
{
    if (type == VALUE_SIZE) {
        return show_size(number, to, cap);
    }
    snprintf(to, cap, type == VALUE_MODE ? "%04llo" : "%lld", (long long)number);
    return to;
}

static bool has_range(const struct setting_row *row)
{
    return row->least != 0 || row->most != 0;
}

const char *value_range(const struct setting_row *row, char *to, size_t cap)
{
    char least[24], most[24];
    to[0] = '\0';
    if (types[row->type].words) {
        return join_words(types[row->type].words, to, cap);
    }
    if (!has_range(row)) {
        return to;
    }
    show_number(row->type, row->least, least, sizeof(least));
    if (row->most == INT64_MAX) {
        snprintf(to, cap, "%s or more", least);
    } else {
        snprintf(to, cap, "%s to %s", least, show_number(row->type, row->most, most, sizeof(most)));
    }
    return to;
}

bool value_in_range(const struct setting_row *row, int64_t value, char *why, size_t why_cap)
{
    char range[64];
    if (value >= row->least && value <= row->most) {
        return true;
    }
    snprintf(why, why_cap, "is out of range (%s)", value_range(row, range, sizeof(range)));
    return false;
}

static bool is_digits(const char *text)
{
    return *text && text[strspn(text, "0123456789")] == '\0';
}

static bool read_int(const struct setting_row *row, const char *text, void *to, char *why,
                     size_t why_cap)
{
    int64_t value;
    if (!is_digits(text)) {
        snprintf(why, why_cap, "is not a whole number%s (digits only)",
                 row->type == VALUE_MS ? " of milliseconds" : "");
        return false;
    }
    if (!number_read(text, strlen(text), INT64_MAX, &value)) {
        value = INT64_MAX; /* beyond every range of numbers */
    }
    if (!value_in_range(row, value, why, why_cap)) {
        return false;
    }
    *(int64_t *)to = value;
    return true;
}

static bool read_size(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    size_t digits = strspn(text, "0123456789");
    size_t i = 0;
    while (i < UNIT_COUNT && strcasecmp(text + digits, units[i].suffix) != 0) {
        i++;
    }
    int64_t count;
    if (i == UNIT_COUNT || digits == 0) {
        snprintf(why, why_cap, "is not a size (bytes such as 512, or 64kb, 512mb, 1gb)");
        return false;
    }
    if (!number_read(text, digits, INT64_MAX / units[i].bytes, &count)) {
        snprintf(why, why_cap, "is a size beyond all bounds");
        return false;
    }
    if (!value_in_range(row, count * units[i].bytes, why, why_cap)) {
        return false;
    }
    *(int64_t *)to = count * units[i].bytes;
    return true;
}

static bool read_mode(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    size_t len = strlen(text);
    if (len == 0 || len > 8 || strspn(text, "01234567") != len) {
        snprintf(why, why_cap, "is not a file mode (octal digits such as 0660)");
        return false;
    }
    int64_t value = strtol(text, NULL, 8);
    if (!value_in_range(row, value, why, why_cap)) {
        return false;
    }
    *(int64_t *)to = value;
    return true;
}

/* Texts and lists. */

static bool out_of_memory(char *why, size_t why_cap)
{
    snprintf(why, why_cap, "cannot be kept: out of memory");
    return false;
}

static bool read_text(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    (void)row;
    char *copy = strdup(text);
    if (!copy) {
        return out_of_memory(why, why_cap);
    }
    *(char **)to = copy;
    return true;
}

static bool add_word(struct word_list *list, const char *word, size_t len)
{
    char **items = realloc(list->items, (list->count + 2) * sizeof(*items));
    if (!items) {
        return false;
    }
    list->items = items;
    items[list->count] = strndup(word, len);
    if (!items[list->count]) {
        return false;
    }
    items[++list->count] = NULL;
    return true;
}

/* An empty list, too, has its NULL at the end. */
static bool end_list(struct word_list *list)
{
    if (!list->items) {
        list->items = calloc(1, sizeof(*list->items));
    }
    return list->items != NULL;
}

static bool read_list(const struct setting_row *row, const char *text, void *to, char *why,
                      size_t why_cap)
{
    static const char between[] = ", \t\r\n\v\f";
    (void)row;
    for (;;) {
        text += strspn(text, between);
        size_t len = strcspn(text, between);
        if (len == 0) {
            return end_list(to) || out_of_memory(why, why_cap);
        }
        if (!add_word(to, text, len)) {
            return out_of_memory(why, why_cap);
        }
        text += len;
    }
}

void text_wipe_free(char *text)
{
    if (text) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

void value_finish(const struct setting_row *row, void *value)
{
    if (row->type == VALUE_TEXT) {
        text_wipe_free(*(char **)value);
    }
    if (row->type == VALUE_LIST) {
        struct word_list *list = value;
        for (size_t i = 0; i < list->count; i++) {
            text_wipe_free(list->items[i]);
        }
        free(list->items);
    }
    memset(value, 0, types[row->type].size);
}

static bool lists_are_same(const struct word_list *one, const struct word_list *other)
{
    bool same = one->count == other->count;
    for (size_t i = 0; same && i < one->count; i++) {
        same = strcmp(one->items[i], other->items[i]) == 0;
    }
    return same;
}

bool value_is_same(const struct setting_row *row, const void *one, const void *other)
{
    if (row->type == VALUE_TEXT) {
        return strcmp(*(char *const *)one, *(char *const *)other) == 0;
    }
    if (row->type == VALUE_LIST) {
        return lists_are_same(one, other);
    }
    return memcmp(one, other, types[row->type].size) == 0;
}

/* Showing. */

static char *list_text(const struct word_list *list)
{
    size_t len = 0;
    for (size_t i = 0; i < list->count; i++) {
        len += strlen(list->items[i]) + 2;
    }
    char *text = memory_zeroed(len + 1);
    char *at = text;
    for (size_t i = 0; i < list->count; i++) {
        at = stpcpy(at, i == 0 ? "" : ", ");
        at = stpcpy(at, list->items[i]);
    }
    return text;
}

char *value_text(const struct setting_row *row, const void *value)
{
    char text[32] = "";
    unsigned word = 0;
    switch (row->type) {
    case VALUE_TEXT:
        return memory_text(*(char *const *)value, strlen(*(char *const *)value));
    case VALUE_LIST:
        return list_text(value);
    case VALUE_INT:
    case VALUE_MS:
    case VALUE_SIZE:
    case VALUE_MODE:
        show_number(row->type, *(const int64_t *)value, text, sizeof text);
        return memory_text(text, strlen(text));
    case VALUE_BOOL:
        word = *(const bool *)value;
        break;
    default:
        memcpy(&word, value, sizeof word);
        break;
    }
    return memory_text(types[row->type].words[word], strlen(types[row->type].words[word]));
}
