/* A configuration's way into the structs:
 *
 *   file -----------> values of sections --+
 *   environment ----> PREFIX_URL, … -------+--> defaults fill the rest --> settings_check
 *
 * Every step goes on after a problem, so that one start shows them all. */
#include "daemon/settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "daemon/settings_parts.h"

#define DEFAULT_PREFIX "REDIS"
#define URL_SUFFIX "_URL"
#define RUNTIME_DIR_VARIABLE "FLASKREDIS_RUNTIME_DIR"
#define DAEMON DAEMON_SECTION_AT
#define WHY_CAP 256

/* Sections. */

static const struct setting_table *table_of(size_t section)
{
    return section == DAEMON ? &daemon_table : &prefix_table;
}

static struct prefix_settings *prefix_of(struct settings *settings, size_t section)
{
    return &settings->prefixes[section - FIRST_PREFIX_AT];
}

/* The struct a section's values go to. Adding a section moves those of prefixes. */
static void *values_of(struct load *load, size_t section)
{
    return section == DAEMON               ? (void *)&load->settings->daemon
           : section == CLIENTS_SECTION_AT ? (void *)&load->settings->client_pools
                                           : (void *)prefix_of(load->settings, section);
}

static size_t index_of(size_t section, const struct setting_row *row)
{
    return (size_t)(row - table_of(section)->rows);
}

struct place setting_place(const struct load *load, size_t section, const struct setting_row *row)
{
    const struct section *from = &load->sections[section];
    int set_at = from->set_at[index_of(section, row)];
    if (set_at == SET_BY_ENVIRONMENT) {
        return (struct place){.variable =
                                  section == DAEMON ? RUNTIME_DIR_VARIABLE : from->url_variable,
                              .section = from->name,
                              .setting = row->name};
    }
    return (struct place){.file = load->path,
                          .line = set_at != SET_BY_DEFAULT ? set_at : from->line,
                          .section = from->name,
                          .setting = row->name};
}

static struct place line_place(const struct load *load, int line)
{
    return (struct place){.file = load->path, .line = line};
}

static void fail_for_memory(struct load *load)
{
    load_fail(load, &(struct place){.file = load->path}, "out of memory");
}

static bool grow_prefixes(struct settings *settings)
{
    size_t count = settings->prefix_count;
    struct prefix_settings *prefixes = realloc(settings->prefixes, (count + 1) * sizeof(*prefixes));
    if (prefixes) {
        settings->prefixes = prefixes;
        prefixes[count] = (struct prefix_settings){0};
    }
    return prefixes != NULL;
}

static bool grow_sections(struct load *load)
{
    struct section *sections =
        realloc(load->sections, (load->section_count + 1) * sizeof(*sections));
    if (sections) {
        load->sections = sections;
        sections[load->section_count] = (struct section){0};
    }
    return sections != NULL;
}

static bool name_prefix(struct section *section, struct prefix_settings *prefix, const char *name,
                        size_t len)
{
    size_t variable_cap = len + sizeof(URL_SUFFIX);
    section->name = strndup(name, len);
    section->url_variable = malloc(variable_cap);
    prefix->name = strndup(name, len);
    if (!section->name || !section->url_variable || !prefix->name) {
        free(section->name);
        free(section->url_variable);
        free(prefix->name);
        return false;
    }
    snprintf(section->url_variable, variable_cap, "%s" URL_SUFFIX, section->name);
    return true;
}

/* Add a prefix, whose section becomes the last. */
static bool add_prefix(struct load *load, const char *name, size_t len, int line)
{
    struct settings *settings = load->settings;
    if (!grow_prefixes(settings) || !grow_sections(load) ||
        !name_prefix(&load->sections[load->section_count],
                     &settings->prefixes[settings->prefix_count], name, len)) {
        fail_for_memory(load);
        return false;
    }
    load->sections[load->section_count++].line = line;
    settings->prefix_count++;
    return true;
}

static bool add_own_section(struct load *load, const char *text)
{
    char *name = strdup(text);
    if (!name || !grow_sections(load)) {
        free(name);
        fail_for_memory(load);
        return false;
    }
    load->sections[load->section_count++].name = name;
    return true;
}

static bool add_own_sections(struct load *load)
{
    load->settings->client_pools.name = strdup(DAEMON_SECTION);
    if (!load->settings->client_pools.name) {
        fail_for_memory(load);
        return false;
    }
    return add_own_section(load, DAEMON_SECTION) && add_own_section(load, CLIENTS_SECTION);
}

static size_t find_section(const struct load *load, const char *name, size_t len)
{
    size_t i = 0;
    while (i < load->section_count && (strlen(load->sections[i].name) != len ||
                                       memcmp(load->sections[i].name, name, len) != 0)) {
        i++;
    }
    return i;
}

/* Names of prefixes. */

static bool is_prefix_name(const char *name, size_t len)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    return len > 0 && name[0] >= 'A' && name[0] <= 'Z' && strspn(name, allowed) >= len;
}

/* The daemon's own section of this name, in any case of letters; FIRST_PREFIX_AT: it is none. */
static size_t own_section(const struct load *load, const char *name, size_t len)
{
    size_t i = 0;
    while (i < FIRST_PREFIX_AT && (strlen(load->sections[i].name) != len ||
                                   strncasecmp(name, load->sections[i].name, len) != 0)) {
        i++;
    }
    return i;
}

static void complain_about_name(struct load *load, const struct place *place, const char *name)
{
    char upper[PREFIX_NAME_LEN_MAX + 1] = "";
    for (size_t i = 0; i < PREFIX_NAME_LEN_MAX && name[i]; i++) {
        upper[i] = (char)toupper((unsigned char)name[i]);
    }
    if (strlen(name) > PREFIX_NAME_LEN_MAX) {
        load_fail(load, place, "a prefix' name of more than %d characters", PREFIX_NAME_LEN_MAX);
    } else if (is_prefix_name(upper, strlen(upper))) {
        load_fail(load, place, "unknown section (a prefix is written in capitals: [%s])", upper);
    } else {
        load_fail(load, place,
                  "not a section's name ([" DAEMON_SECTION
                  "], or a prefix of A-Z, 0-9 and _ that begins with a letter)");
    }
}

/* Lines of the file. */

static void open_own_section(struct load *load, const struct place *place, size_t at,
                             const char *name)
{
    struct section *section = &load->sections[at];
    load->current = at;
    if (strcmp(name, section->name) != 0) {
        load_fail(load, place, "this name is the daemon's own (write [%s])", section->name);
    }
    if (section->line != 0) {
        load_fail(load, place, "section [%s] appears again (first in line %d)", section->name,
                  section->line);
        return;
    }
    section->line = place->line;
}

static void open_prefix_section(struct load *load, const struct place *place, const char *name)
{
    size_t len = strlen(name);
    size_t known = find_section(load, name, len);
    if (known < load->section_count) {
        load_fail(load, place, "section [%s] appears again (first in line %d)",
                  load->sections[known].name, load->sections[known].line);
        load->current = known;
        return;
    }
    if (!is_prefix_name(name, len) || len > PREFIX_NAME_LEN_MAX) {
        complain_about_name(load, place, name);
    }
    /* Read under a bad name, too, for the problems of its settings. */
    if (add_prefix(load, name, len, place->line)) {
        load->current = load->section_count - 1;
    }
}

static void on_section(void *user, int line, const char *name)
{
    struct load *load = user;
    struct place place = line_place(load, line);
    size_t own = own_section(load, name, strlen(name));
    if (own < FIRST_PREFIX_AT) {
        open_own_section(load, &place, own, name);
    } else {
        open_prefix_section(load, &place, name);
    }
}

/* What cannot be a setting's name is not repeated: it may be a piece of a value, and secret. */
static bool looks_like_setting(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    size_t len = strlen(name);
    return len > 0 && len <= 32 && strspn(name, allowed) == len;
}

static void complain_about_setting(struct load *load, struct place *place, const char *name)
{
    const struct setting_row *near;
    bool in_daemon = load->current == DAEMON;
    const struct setting_table *other = in_daemon ? &prefix_table : &daemon_table;
    if (!looks_like_setting(name)) {
        load_fail(load, place, "not a setting's name before the '=' or ':'");
        return;
    }
    place->setting = name;
    if (table_find(other, name)) {
        load_fail(load, place, "belongs to %s",
                  in_daemon ? "a prefix' section" : "section [" DAEMON_SECTION "]");
    } else if ((near = table_nearest(table_of(load->current), name)) != NULL) {
        load_fail(load, place, "unknown (did you mean \"%s\"?)", near->name);
    } else {
        load_fail(load, place, "unknown (flaskredisd --help-config lists all)");
    }
}

static void read_value(struct load *load, size_t section, const struct setting_row *row,
                       const char *text)
{
    char why[WHY_CAP];
    if (!value_read(row, text, row_value(row, values_of(load, section)), why, sizeof(why))) {
        struct place place = setting_place(load, section, row);
        load_fail(load, &place, "%s", why);
    }
}

static void set_value(struct load *load, const struct setting_row *row, int line, const char *text,
                      bool goes_on)
{
    int *set_at = &load->sections[load->current].set_at[index_of(load->current, row)];
    struct place place = line_place(load, line);
    place.section = load->sections[load->current].name;
    place.setting = row->name;
    if (goes_on && row->type != VALUE_LIST) {
        load_fail(load, &place,
                  "goes on in a line that begins with a blank, as only a list may (settings start "
                  "at the beginning of a line)");
    } else if (!goes_on && *set_at != SET_BY_DEFAULT) {
        load_fail(load, &place, "appears again (first in line %d)", *set_at);
    } else {
        *set_at = goes_on ? *set_at : line;
        read_value(load, load->current, row, text);
    }
}

static void on_value(void *user, int line, const char *name, const char *value, bool goes_on)
{
    struct load *load = user;
    struct place place = line_place(load, line);
    if (load->current >= load->section_count) {
        load_fail(load, &place, "a setting before the first [SECTION]");
        return;
    }
    const struct setting_row *row = table_find(table_of(load->current), name);
    if (row) {
        set_value(load, row, line, value, goes_on);
    } else if (!goes_on) {
        place.section = load->sections[load->current].name;
        complain_about_setting(load, &place, name);
    }
}

static void on_problem(void *user, int line, const char *text)
{
    struct load *load = user;
    struct place place = line_place(load, line);
    load_fail(load, &place, line > 0 ? "%s" : "cannot be read: %s", text);
}

static void load_file(struct load *load)
{
    const struct file_events events = {
        .user = load, .on_section = on_section, .on_value = on_value, .on_problem = on_problem};
    load->current = SIZE_MAX;
    settings_file_read(load->path, &events);
}

/* The environment. */

const char *load_variable(const struct load *load, const char *name)
{
    size_t len = strlen(name);
    for (char *const *entry = load->environment; entry && *entry; entry++) {
        if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=') {
            return *entry + len + 1;
        }
    }
    return NULL;
}

static void set_from_environment(struct load *load, size_t section, size_t at, const char *text)
{
    const struct setting_row *row = &table_of(section)->rows[at];
    value_finish(row, row_value(row, values_of(load, section)));
    load->sections[section].set_at[at] = SET_BY_ENVIRONMENT;
    read_value(load, section, row, text);
}

static bool is_redis_url(const char *text)
{
    static const char *const schemes[] = {"redis://", "rediss://", "unix://", "mock://"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strncmp(text, schemes[i], strlen(schemes[i])) == 0) {
            return true;
        }
    }
    return false;
}

/* The length of the prefix' name in NAME_URL=redis://…, or -1 for any other variable. */
static ssize_t prefix_len_in(const char *entry)
{
    size_t suffix_len = strlen(URL_SUFFIX), len = strcspn(entry, "=");
    bool fits = len >= suffix_len && entry[len] == '=' &&
                memcmp(entry + len - suffix_len, URL_SUFFIX, suffix_len) == 0 &&
                is_redis_url(entry + len + 1);
    return fits ? (ssize_t)(len - suffix_len) : -1;
}

static void add_from_environment(struct load *load, const char *entry, size_t len)
{
    char name[PREFIX_NAME_LEN_MAX + sizeof(URL_SUFFIX)];
    snprintf(name, sizeof(name), "%.*s" URL_SUFFIX,
             (int)(len > PREFIX_NAME_LEN_MAX ? PREFIX_NAME_LEN_MAX : len), entry);
    struct place place = {.variable = name};
    if (own_section(load, entry, len) < FIRST_PREFIX_AT) {
        load_fail(load, &place, "this prefix' name is the daemon's own");
    } else if (find_section(load, entry, len) < load->section_count) {
        return; /* of the file, or the variable is there twice */
    } else if (!is_prefix_name(entry, len) || len > PREFIX_NAME_LEN_MAX) {
        load_fail(load, &place,
                  "not a prefix' name before " URL_SUFFIX
                  " (A-Z, 0-9 and _, begins with a letter, at most %d characters)",
                  PREFIX_NAME_LEN_MAX);
    } else {
        (void)add_prefix(load, entry, len, 0); /* says itself what is wrong */
    }
}

static int compare_entries(const void *one, const void *other)
{
    return strcmp(*(const char *const *)one, *(const char *const *)other);
}

/* Prefixes only the environment names, in the order of their names: that of the variables is
 * chance. */
static void add_prefixes_of_environment(struct load *load)
{
    size_t count = 0;
    while (load->environment && load->environment[count]) {
        count++;
    }
    const char **entries = calloc(count + 1, sizeof(*entries));
    if (!entries) {
        fail_for_memory(load);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        entries[i] = load->environment[i];
    }
    qsort(entries, count, sizeof(*entries), compare_entries);
    for (size_t i = 0; i < count; i++) {
        ssize_t len = prefix_len_in(entries[i]);
        if (len >= 0) {
            add_from_environment(load, entries[i], (size_t)len);
        }
    }
    free(entries);
}

static void load_environment(struct load *load)
{
    const char *runtime_dir = load_variable(load, RUNTIME_DIR_VARIABLE);
    if (runtime_dir) {
        set_from_environment(load, DAEMON, DAEMON_AT_runtime_dir, runtime_dir);
    }
    add_prefixes_of_environment(load);
    for (size_t i = FIRST_PREFIX_AT; i < load->section_count; i++) {
        const char *url = load_variable(load, load->sections[i].url_variable);
        if (url) {
            set_from_environment(load, i, PREFIX_AT_url, url);
        }
    }
}

/* Defaults. */

static void free_values(const struct setting_table *table, void *values)
{
    for (size_t i = 0; i < table->count; i++) {
        value_finish(&table->rows[i], row_value(&table->rows[i], values));
    }
}

/* A value that could not be read is replaced, too, so that the checks find something sound. */
static bool is_missing(const struct setting_row *row, const void *value)
{
    return row->type == VALUE_TEXT   ? *(char *const *)value == NULL
           : row->type == VALUE_LIST ? ((const struct word_list *)value)->items == NULL
                                     : false;
}

static bool fill_defaults(struct load *load, size_t section)
{
    const struct setting_table *table = table_of(section);
    char why[WHY_CAP];
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        void *value = row_value(row, values_of(load, section));
        bool wanted = load->sections[section].set_at[i] == SET_BY_DEFAULT || is_missing(row, value);
        if (wanted && !value_read(row, row->default_text, value, why, sizeof(why))) {
            struct place place = setting_place(load, section, row);
            load_fail(load, &place, "the default %s", why);
            return false;
        }
    }
    return true;
}

static bool fill_all_defaults(struct load *load)
{
    bool done = true;
    for (size_t i = 0; done && i < load->section_count; i++) {
        done = fill_defaults(load, i);
    }
    return done;
}

/* The whole. */

static void free_sections(struct load *load)
{
    for (size_t i = 0; i < load->section_count; i++) {
        free(load->sections[i].name);
        free(load->sections[i].url_variable);
    }
    free(load->sections);
}

static void load_all(struct load *load)
{
    if (!add_own_sections(load)) {
        return;
    }
    if (load->path) {
        load_file(load);
    }
    load_environment(load);
    if (load->settings->prefix_count == 0 && !load->failed) {
        (void)add_prefix(load, DEFAULT_PREFIX, strlen(DEFAULT_PREFIX), 0);
    }
    if (fill_all_defaults(load)) {
        settings_check(load);
    }
}

/* From now on they stay where they are. */
static void own_prefixes(struct settings *settings)
{
    atomic_store(&settings->holders, 1);
    settings->client_pools.of = settings;
    for (size_t i = 0; i < settings->prefix_count; i++) {
        settings->prefixes[i].of = settings;
    }
}

struct settings *settings_load(const char *path, char *const environment[],
                               struct problems *problems)
{
    struct load load = {.path = path, .environment = environment, .problems = problems};
    load.settings = calloc(1, sizeof(*load.settings));
    if (!load.settings) {
        fail_for_memory(&load);
        return NULL;
    }
    load_all(&load);
    free_sections(&load);
    if (load.failed) {
        settings_free(load.settings);
        return NULL;
    }
    own_prefixes(load.settings);
    return load.settings;
}

static void finish_prefix(struct prefix_settings *prefix)
{
    for (size_t i = 0; i < prefix->user_count; i++) {
        free(prefix->user_entries[i].name);
        text_wipe_free(prefix->user_entries[i].password);
    }
    free(prefix->user_entries);
    free(prefix->tcp.host);
    free(prefix->name);
    fr_url_finish(&prefix->server);
    free_values(&prefix_table, prefix);
}

void settings_free(struct settings *settings)
{
    if (!settings) {
        return;
    }
    for (size_t i = 0; i < settings->prefix_count; i++) {
        finish_prefix(&settings->prefixes[i]);
    }
    free(settings->prefixes);
    free(settings->daemon.metrics_tcp.host);
    finish_prefix(&settings->client_pools);
    free_values(&daemon_table, &settings->daemon);
    free(settings);
}

const struct prefix_settings *settings_hold(const struct prefix_settings *prefix)
{
    if (prefix) {
        atomic_fetch_add(&prefix->of->holders, 1);
    }
    return prefix;
}

void settings_release(const struct prefix_settings *prefix)
{
    if (prefix) {
        settings_let_go(prefix->of);
    }
}

void settings_let_go(struct settings *settings)
{
    if (settings && atomic_fetch_sub(&settings->holders, 1) == 1) {
        settings_free(settings);
    }
}

const struct prefix_settings *settings_prefix(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->prefix_count; i++) {
        if (strcmp(settings->prefixes[i].name, name) == 0) {
            return &settings->prefixes[i];
        }
    }
    return NULL;
}
