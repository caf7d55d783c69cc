/* URLs of clients: policy, identity, settings. See settings_clients.h. */
#include "daemon/settings_clients.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/glob.h"
#include "daemon/memory.h"
#include "daemon/settings_parts.h"

/* ----------------------------------------------------------------------------------------- policy
 */

/* An entry of "client_urls": a host, which may be a pattern, and a port; 0: any. */
struct entry {
    char host[256];
    int64_t port;
};

static void take_host(struct entry *entry, const char *text, size_t len)
{
    snprintf(entry->host, sizeof entry->host, "%.*s", (int)len, text);
    for (char *c = entry->host; *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
    }
}

/* Cut host:port, [address]:port, or what has no port. A port that is none matches nothing. */
static void cut_entry(const char *word, struct entry *entry)
{
    const char *bracket = word[0] == '[' ? strchr(word, ']') : NULL;
    const char *colon = bracket != NULL ? (bracket[1] == ':' ? bracket + 1 : NULL)
                        : strchr(word, ':') == strrchr(word, ':') ? strchr(word, ':')
                                                                  : NULL;
    const char *host = bracket != NULL ? word + 1 : word;
    const char *end = bracket != NULL ? bracket : colon != NULL ? colon : word + strlen(word);
    take_host(entry, host, (size_t)(end - host));
    entry->port = 0;
    if (colon != NULL && !number_read(colon + 1, strlen(colon + 1), UINT16_MAX, &entry->port)) {
        entry->port = -1;
    }
}

static bool matches(const char *word, const struct fr_url *url)
{
    struct entry entry = {0};
    struct entry server = {0};
    cut_entry(word, &entry);
    take_host(&server, url->host, strlen(url->host));
    bool has_port = entry.port == 0 || entry.port == url->port;
    bool is_address = strchr(entry.host, ':') != NULL; /* no pattern: sets have brackets, too */
    return has_port && (is_address ? strcmp(entry.host, server.host) == 0
                                   : fr_glob_match(entry.host, strlen(entry.host), server.host,
                                                   strlen(server.host)));
}

bool client_url_is_allowed(const struct daemon_settings *settings, const struct fr_url *url)
{
    const struct word_list *words = &settings->client_urls;
    bool is_allowed = false;
    for (size_t i = 0; i < words->count && strcmp(words->items[i], "off") != 0; i++) {
        is_allowed =
            is_allowed || strcmp(words->items[i], "any") == 0 || matches(words->items[i], url);
    }
    return is_allowed;
}

/* ---------------------------------------------------------------------------------------- reading
 */

/* What is not there yet is named as what it is. */
static const char *missing(const char *text)
{
    static const struct {
        const char *scheme, *what;
    } rows[] = {
        {"redis+sentinel://", "following a Sentinel is not supported yet (redis+sentinel://)"},
        {"redis+cluster://", "clusters are not supported yet (redis+cluster://)"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strncmp(text, rows[i].scheme, strlen(rows[i].scheme)) == 0) {
            return rows[i].what;
        }
    }
    return NULL;
}

/* The settings that the query of a URL gives, and their values in it; -1: not given. */
static size_t given_times(const struct fr_url *url, const struct setting_row *rows[3],
                          int64_t values[3])
{
    const struct {
        enum prefix_setting_at at;
        int64_t ms;
    } times[] = {{PREFIX_AT_command_ms, url->command_ms},
                 {PREFIX_AT_connect_ms, url->connect_ms},
                 {PREFIX_AT_heartbeat_ms, url->heartbeat_ms}};
    size_t count = 0;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (times[i].ms >= 0) {
            rows[count] = &prefix_table.rows[times[i].at];
            values[count++] = times[i].ms;
        }
    }
    return count;
}

static bool check(const struct settings *settings, const struct fr_url *url, char *error,
                  size_t cap)
{
    const struct setting_row *rows[3];
    int64_t values[3];
    char why[128];
    char shown[200];
    if (url->scheme == FR_URL_UNIX || url->scheme == FR_URL_MOCK) {
        snprintf(error, cap, "-ERR a pool is asked for with redis://, not with %s\r\n",
                 url->scheme == FR_URL_UNIX ? "unix:// (connect to that socket)" : "mock://");
        return false;
    }
    if (url->scheme == FR_URL_TLS) {
        snprintf(error, cap, "-ERR TLS is not built in yet (rediss://)\r\n");
        return false;
    }
    for (size_t i = given_times(url, rows, values); i-- > 0;) {
        if (!value_in_range(rows[i], values[i], why, sizeof why)) {
            snprintf(error, cap, "-ERR bad URL: its time for \"%s\" %s\r\n", rows[i]->name, why);
            return false;
        }
    }
    if (!client_url_is_allowed(&settings->daemon, url)) {
        snprintf(error, cap, "-POOLDENY pools on %s are not allowed (setting \"client_urls\")\r\n",
                 fr_url_show(url, shown, sizeof shown));
        return false;
    }
    return true;
}

bool client_url_read(const struct settings *settings, const char *text, struct fr_url *url,
                     char *error, size_t cap)
{
    char why[256];
    if (missing(text) != NULL) {
        snprintf(error, cap, "-ERR %s\r\n", missing(text));
        return false;
    }
    if (!fr_url_parse(text, url, why, sizeof why)) {
        snprintf(error, cap, "-ERR bad URL: %s\r\n", why);
        return false;
    }
    if (!check(settings, url, error, cap)) {
        fr_url_finish(url);
        return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------------- identity
 */

/* Add a text with its length before it, so that no two lists of texts look alike; "-": none. */
static char *add_text(char *to, const char *text)
{
    return to + (text == NULL ? sprintf(to, "-") : sprintf(to, "%zu:%s", strlen(text), text));
}

static size_t room_for(const char *text)
{
    return text == NULL ? 1 : strlen(text) + 24;
}

char *client_url_key(const struct fr_url *url)
{
    enum {
        NUMBERS_CAP = 160
    };
    struct entry server = {0};
    take_host(&server, url->host, strlen(url->host));
    char *key = memory_alloc(NUMBERS_CAP + room_for(server.host) + room_for(url->user) +
                             room_for(url->password) + room_for(url->client_name));
    char *to = key + snprintf(key, NUMBERS_CAP, "%d %u %lld %lld %lld %lld ", (int)url->scheme,
                              (unsigned)url->port, (long long)url->db, (long long)url->command_ms,
                              (long long)url->connect_ms, (long long)url->heartbeat_ms);
    to = add_text(to, server.host);
    to = add_text(to, url->user);
    to = add_text(to, url->password);
    add_text(to, url->client_name);
    return key;
}

void client_url_forget_key(char *key)
{
    text_wipe_free(key);
}

/* -------------------------------------------------------------------------------------- settings
 */

static char *copy(const char *text)
{
    return text == NULL ? NULL : memory_text(text, strlen(text));
}

static struct fr_url copy_url(const struct fr_url *url)
{
    struct fr_url same = *url;
    same.host = copy(url->host);
    same.path = copy(url->path);
    same.user = copy(url->user);
    same.password = copy(url->password);
    same.client_name = copy(url->client_name);
    return same;
}

/* Every value can be read as what it is shown as; the one of "url" is replaced. */
static void copy_values(const struct setting_table *table, const void *from, void *to)
{
    char why[128];
    for (size_t i = 0; i < table->count; i++) {
        char *text = value_text(&table->rows[i], row_value_const(&table->rows[i], from));
        (void)value_read(&table->rows[i], text, row_value(&table->rows[i], to), why, sizeof why);
        free(text);
    }
}

struct settings *client_url_settings(const struct settings *settings, const struct fr_url *url)
{
    struct settings *own = memory_zeroed(sizeof *own);
    struct prefix_settings *prefix = memory_zeroed(sizeof *prefix);
    const struct setting_row *rows[3];
    int64_t values[3];
    char shown[512];
    char name[544];
    fr_url_show(url, shown, sizeof shown);
    snprintf(name, sizeof name, "%s/%lld", shown, (long long)url->db);
    copy_values(&daemon_table, &settings->daemon, &own->daemon);
    copy_values(&prefix_table, &settings->client_pools, &own->client_pools);
    copy_values(&prefix_table, &settings->client_pools, prefix);
    free(prefix->url);
    prefix->url = copy(shown);
    prefix->name = copy(name);
    prefix->server = copy_url(url);
    prefix->of = own->client_pools.of = own;
    for (size_t i = given_times(url, rows, values); i-- > 0;) {
        *(int64_t *)row_value(rows[i], prefix) = values[i];
    }
    own->prefixes = prefix;
    own->prefix_count = 1;
    atomic_store(&own->holders, 1);
    return own;
}
