/* Checks that need more than one value, or the system: URLs, addresses, users, commands, paths. */
#include "daemon/settings_parts.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/command.h"
#include "daemon/access.h"
#include "daemon/memory.h"

#define SOCKET_SUFFIX ".sock"
#define SOCKET_PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define TCP_SCHEME "tcp://"
#define PASSWORD_LEN_MAX 4096
#define USERS_LEN_MAX (1024 * 1024)
#define METRICS_UNIX "unix"

/* The prefix under check. */
struct check {
    struct load *load;
    size_t section;
    struct prefix_settings *prefix;
};

#define complain(check, at, ...)                                                                   \
    do {                                                                                           \
        struct place place_ =                                                                      \
            setting_place((check)->load, (check)->section, &prefix_table.rows[at]);                \
        load_fail((check)->load, &place_, __VA_ARGS__);                                            \
    } while (0)

/* The URL. */

/* A time in the URL's query wins over the prefix' setting and has its range. */
static void take_time(struct check *check, int64_t ms, size_t at, const char *key)
{
    const struct setting_row *row = &prefix_table.rows[at];
    char why[128];
    if (ms < 0) {
        return;
    }
    if (!value_in_range(row, ms, why, sizeof(why))) {
        complain(check, PREFIX_AT_url, "its \"%s\", as \"%s\", %s", key, row->name, why);
        return;
    }
    *(int64_t *)row_value(row, check->prefix) = ms;
}

/* Keep the URL without user and password. */
static void hide_credentials(struct check *check)
{
    char shown[512];
    const struct setting_row *row = &prefix_table.rows[PREFIX_AT_url];
    void *value = row_value(row, check->prefix);
    char why[64];
    fr_url_show(&check->prefix->server, shown, sizeof(shown));
    value_finish(row, value);
    if (!value_read(row, shown, value, why, sizeof(why))) {
        complain(check, PREFIX_AT_url, "%s", why);
    }
}

/* The password that is not in the URL. One with a user alone has an empty one. */
static void take_password(struct check *check)
{
    struct prefix_settings *prefix = check->prefix;
    char why[256];
    if (prefix->password_file[0] == '\0') {
        return;
    }
    if (prefix->server.password && prefix->server.password[0] != '\0') {
        complain(check, PREFIX_AT_password_file, "is given, and \"url\" has a password, too");
        return;
    }
    free(prefix->server.password);
    prefix->server.password =
        secret_read(check->load, prefix->password_file, PASSWORD_LEN_MAX, why, sizeof(why));
    if (!prefix->server.password) {
        complain(check, PREFIX_AT_password_file, "%s", why);
    }
}

static void check_url(struct check *check)
{
    char error[256];
    struct fr_url *server = &check->prefix->server;
    if (!fr_url_parse(check->prefix->url, server, error, sizeof(error))) {
        complain(check, PREFIX_AT_url, "%s", error);
        return;
    }
    if (server->scheme == FR_URL_TLS) {
        complain(check, PREFIX_AT_url, "TLS is not built in yet (rediss://)");
    }
    take_time(check, server->command_ms, PREFIX_AT_command_ms, "socket_timeout");
    take_time(check, server->connect_ms, PREFIX_AT_connect_ms, "socket_connect_timeout");
    take_time(check, server->heartbeat_ms, PREFIX_AT_heartbeat_ms, "health_check_interval");
    hide_credentials(check);
    take_password(check);
}

/* Listening on TCP. */

/* Cut ADDRESS:PORT or [ADDRESS]:PORT, in a copy, into tcp. Returns what is wrong, or NULL. */
static const char *cut_address(char *text, struct tcp_listen *tcp)
{
    char *colon = strrchr(text, ':');
    int64_t port;
    if (!colon || !number_read(colon + 1, strlen(colon + 1), UINT16_MAX, &port) || port == 0) {
        return "has no port from 1 to 65535 (write tcp://127.0.0.1:PORT)";
    }
    *colon = '\0';
    tcp->port = (uint16_t)port;
    size_t len = strlen(text);
    if (len > 1 && text[0] == '[' && text[len - 1] == ']') {
        text[len - 1] = '\0';
        memmove(text, text + 1, len - 1);
    } else if (strchr(text, ':')) {
        return "has an IPv6 address without brackets (write tcp://[::1]:PORT)";
    }
    return NULL;
}

/* Returns false for what is no numeric address. */
static bool find_loopback(const char *host, bool *is_loopback)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, host, &four) == 1) {
        *is_loopback = ntohl(four.s_addr) >> 24 == 127;
        return true;
    }
    if (inet_pton(AF_INET6, host, &six) == 1) {
        *is_loopback =
            IN6_IS_ADDR_LOOPBACK(&six) || (IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == 127);
        return true;
    }
    return false;
}

static void check_address(struct check *check, char *host)
{
    struct tcp_listen *tcp = &check->prefix->tcp;
    bool is_loopback;
    const char *wrong = cut_address(host, tcp);
    if (wrong) {
        complain(check, PREFIX_AT_listen, "%s", wrong);
    } else if (!find_loopback(host, &is_loopback)) {
        complain(check, PREFIX_AT_listen, "has no numeric address (such as 127.0.0.1 or [::1])");
    } else if (!is_loopback && check->prefix->auth != AUTH_CHECK) {
        complain(check, PREFIX_AT_listen,
                 "can be reached from other hosts, which needs \"auth\" = check");
    }
}

static void check_listen(struct check *check)
{
    struct tcp_listen *tcp = &check->prefix->tcp;
    const char *text = check->prefix->listen;
    if (text[0] == '\0') {
        return;
    }
    if (strncmp(text, TCP_SCHEME, strlen(TCP_SCHEME)) != 0) {
        complain(check, PREFIX_AT_listen, "does not begin with " TCP_SCHEME);
        return;
    }
    tcp->host = strdup(text + strlen(TCP_SCHEME));
    if (!tcp->host) {
        complain(check, PREFIX_AT_listen, "out of memory");
        return;
    }
    tcp->wanted = true;
    check_address(check, tcp->host);
}

static void check_listen_of_others(struct check *check)
{
    const struct settings *settings = check->load->settings;
    const struct tcp_listen *tcp = &check->prefix->tcp;
    for (size_t i = 0; tcp->wanted && &settings->prefixes[i] != check->prefix; i++) {
        const struct tcp_listen *other = &settings->prefixes[i].tcp;
        if (other->wanted && other->port == tcp->port && strcmp(other->host, tcp->host) == 0) {
            complain(check, PREFIX_AT_listen, "is the same as for prefix %s",
                     settings->prefixes[i].name);
        }
    }
}

/* Users. Entries are named by their number: a broken one may be a bare password. */

/* An entry is what may stand before the host of a URL, so it is read as that. */
static bool read_user(const char *text, struct user_entry *entry, char *why, size_t why_cap)
{
    struct fr_url url;
    size_t cap = strlen(text) + sizeof("redis://@");
    char *whole = malloc(cap);
    if (!whole) {
        snprintf(why, why_cap, "out of memory");
        return false;
    }
    snprintf(whole, cap, "redis://%s@", text);
    bool read = fr_url_parse(whole, &url, why, why_cap);
    text_wipe_free(whole);
    if (!read) {
        return false;
    }
    *entry = (struct user_entry){url.user, url.password};
    url.user = url.password = NULL;
    fr_url_finish(&url);
    return true;
}

static bool user_is_complete(const struct user_entry *entry, char *why, size_t why_cap)
{
    bool complete = entry->name && entry->password && entry->password[0];
    if (!complete) {
        snprintf(why, why_cap, "has no %s", entry->name ? "password" : "name");
    }
    return complete;
}

static bool take_user(struct check *check, const char *text, char *why, size_t why_cap)
{
    struct prefix_settings *prefix = check->prefix;
    struct user_entry *entry = &prefix->user_entries[prefix->user_count];
    if (strpbrk(text, "/?#@[]")) {
        snprintf(why, why_cap, "has a character that must be percent-encoded");
        return false;
    }
    if (!strchr(text, ':')) {
        snprintf(why, why_cap, "is not name:password");
        return false;
    }
    if (!read_user(text, entry, why, why_cap)) {
        return false;
    }
    prefix->user_count++;
    if (!user_is_complete(entry, why, why_cap)) {
        return false;
    }
    for (struct user_entry *other = prefix->user_entries; other < entry; other++) {
        if (other->name && strcmp(other->name, entry->name) == 0) {
            snprintf(why, why_cap, "has a name an earlier entry has");
            return false;
        }
    }
    return true;
}

static void take_users(struct check *check)
{
    struct prefix_settings *prefix = check->prefix;
    char why[256];
    prefix->user_entries = calloc(prefix->users.count, sizeof(*prefix->user_entries));
    if (!prefix->user_entries) {
        complain(check, PREFIX_AT_users, "out of memory");
        return;
    }
    for (size_t i = 0; i < prefix->users.count; i++) {
        if (!take_user(check, prefix->users.items[i], why, sizeof(why))) {
            complain(check, PREFIX_AT_users, "entry %zu %s", i + 1, why);
        }
    }
}

/* Passwords stay in user_entries only. */
static void empty_users(struct check *check)
{
    const struct setting_row *row = &prefix_table.rows[PREFIX_AT_users];
    char why[64];
    value_finish(row, &check->prefix->users);
    if (!value_read(row, "", &check->prefix->users, why, sizeof(why))) {
        complain(check, PREFIX_AT_users, "%s", why);
    }
}

/* Users of a file stand behind those of the configuration. */
static bool add_users_of_file(struct check *check)
{
    struct prefix_settings *prefix = check->prefix;
    const struct setting_row *row = &prefix_table.rows[PREFIX_AT_users];
    char why[256];
    if (prefix->users_file[0] == '\0') {
        return true;
    }
    char *text = secret_read(check->load, prefix->users_file, USERS_LEN_MAX, why, sizeof(why));
    bool is_read = text && value_read(row, text, &prefix->users, why, sizeof(why));
    if (!is_read) {
        complain(check, PREFIX_AT_users_file, "%s", why);
    }
    text_wipe_free(text);
    return is_read;
}

static void check_users(struct check *check)
{
    const struct prefix_settings *prefix = check->prefix;
    if (!add_users_of_file(check)) {
        return;
    }
    if (prefix->users.count == 0) {
        if (prefix->auth == AUTH_CHECK) {
            complain(check, PREFIX_AT_auth,
                     "check needs at least one user in \"users\" or \"users_file\"");
        }
        return;
    }
    if (prefix->auth != AUTH_CHECK) {
        complain(check, PREFIX_AT_users, "would have no effect without \"auth\" = check");
    }
    take_users(check);
    empty_users(check);
}

/* Commands. */

/* What cannot be a command's name is not repeated in an error. */
static bool looks_like_command(const char *word)
{
    size_t len = strlen(word);
    return len <= 40 && strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789|-_") == len;
}

static void check_commands(struct check *check, struct word_list *list, size_t at)
{
    for (size_t i = 0; i < list->count; i++) {
        char *word = list->items[i];
        for (char *c = word; *c; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        if (!looks_like_command(word)) {
            complain(check, at,
                     "entry %zu is not a command's name (such as \"get\" or "
                     "\"client|kill\")",
                     i + 1);
        } else if (!fr_command_named(word)) {
            complain(check, at, "unknown command \"%s\" (a subcommand is written \"client|kill\")",
                     word);
        }
    }
}

static void check_contradictions(struct check *check)
{
    const struct word_list *deny = &check->prefix->deny, *allow = &check->prefix->allow;
    for (size_t i = 0; i < deny->count; i++) {
        for (size_t j = 0; j < allow->count; j++) {
            if (strcmp(deny->items[i], allow->items[j]) == 0 &&
                looks_like_command(deny->items[i])) {
                complain(check, PREFIX_AT_allow, "command \"%s\" is in \"deny\", too",
                         deny->items[i]);
            }
        }
    }
}

/* The socket. */

static void check_owner(struct check *check)
{
    const struct prefix_settings *prefix = check->prefix;
    if (prefix->socket_owner[0] && !getpwnam(prefix->socket_owner)) {
        complain(check, PREFIX_AT_socket_owner, "there is no such user on this system");
    }
    if (prefix->socket_group[0] && !getgrnam(prefix->socket_group)) {
        complain(check, PREFIX_AT_socket_group, "there is no such group on this system");
    }
}

static void complain_of_metrics(struct load *load, const char *wrong)
{
    struct place place = setting_place(load, 0, &daemon_table.rows[DAEMON_AT_metrics_listen]);
    load_fail(load, &place, "%s", wrong);
}

/* Nobody is asked who they are there. */
static void check_metrics(struct load *load)
{
    struct daemon_settings *daemon = &load->settings->daemon;
    const char *text = daemon->metrics_listen;
    bool is_loopback = false;
    if (text[0] == '\0' || strcmp(text, METRICS_UNIX) == 0) {
        return;
    }
    if (strncmp(text, TCP_SCHEME, strlen(TCP_SCHEME)) != 0) {
        complain_of_metrics(load,
                            "is neither " TCP_SCHEME "127.0.0.1:PORT nor \"" METRICS_UNIX "\"");
        return;
    }
    struct tcp_listen *tcp = &daemon->metrics_tcp;
    tcp->host = memory_text(text + strlen(TCP_SCHEME), strlen(text) - strlen(TCP_SCHEME));
    tcp->wanted = true;
    const char *wrong = cut_address(tcp->host, tcp);
    if (wrong) {
        complain_of_metrics(load, wrong);
    } else if (!find_loopback(tcp->host, &is_loopback) || !is_loopback) {
        complain_of_metrics(load, "has no numeric address of this host alone (such as 127.0.0.1)");
    }
}

/* RUNTIME_DIR/admin.sock and metrics.sock are the daemon's own. */
static void check_own_names(struct check *check)
{
    if (strcmp(check->load->settings->daemon.metrics_listen, METRICS_UNIX) == 0 &&
        strcmp(check->prefix->name, "METRICS") == 0) {
        complain_of_metrics(check->load,
                            "its socket would have the name of that of prefix METRICS");
    }
    struct load *load = check->load;
    if (load->settings->daemon.admin_socket && strcmp(check->prefix->name, "ADMIN") == 0) {
        struct place place = setting_place(load, 0, &daemon_table.rows[DAEMON_AT_admin_socket]);
        load_fail(load, &place,
                  "its socket would have the name of that of prefix ADMIN (choose "
                  "another prefix, or \"admin_socket\" = no)");
    }
}

static void check_socket_path(struct check *check)
{
    struct load *load = check->load;
    size_t len = strlen(load->settings->daemon.runtime_dir) + strlen("/") +
                 strlen(check->prefix->name) + strlen(SOCKET_SUFFIX);
    if (len > SOCKET_PATH_LEN_MAX) {
        struct place place = setting_place(load, 0, &daemon_table.rows[DAEMON_AT_runtime_dir]);
        load_fail(load, &place,
                  "the socket's path of prefix %s would be %zu bytes long (at most %zu; choose a "
                  "shorter directory or prefix)",
                  check->prefix->name, len, SOCKET_PATH_LEN_MAX);
    }
}

static bool find_user(const char *text)
{
    uid_t uid;
    return access_find_user(text, &uid);
}

static bool find_group(const char *text)
{
    gid_t gid;
    return access_find_group(text, &gid);
}

static void check_admins(struct load *load, const struct word_list *list, size_t at,
                         bool (*find)(const char *text))
{
    struct place place = setting_place(load, 0, &daemon_table.rows[at]);
    for (size_t i = 0; i < list->count; i++) {
        if (!find(list->items[i])) {
            load_fail(load, &place, "entry %zu names nobody on this system", i + 1);
        }
    }
}

static void check_runtime_dir(struct load *load)
{
    if (load->settings->daemon.runtime_dir[0] == '\0') {
        struct place place = setting_place(load, 0, &daemon_table.rows[DAEMON_AT_runtime_dir]);
        load_fail(load, &place, "is empty");
    }
}

/* Pools on URLs of clients. */

static void check_client_urls(struct load *load)
{
    const struct word_list *list = &load->settings->daemon.client_urls;
    struct place place =
        setting_place(load, DAEMON_SECTION_AT, &daemon_table.rows[DAEMON_AT_client_urls]);
    if (list->count == 0) {
        load_fail(load, &place, "is empty (write off)");
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *word = list->items[i];
        bool is_whole = strcmp(word, "off") == 0 || strcmp(word, "any") == 0;
        if (is_whole && list->count > 1) {
            load_fail(load, &place, "%s stands alone", word);
        } else if (strstr(word, "://") || strpbrk(word, "@/")) {
            load_fail(load, &place,
                      "entry %zu is not a host (such as db1.example, *.example or 10.0.0.5:6379)",
                      i + 1);
        }
    }
}

/* What says nothing about a pool whose URL a client brings. */
static void check_meaningless(struct check *check)
{
    static const enum prefix_setting_at rows[] = {
        PREFIX_AT_url,   PREFIX_AT_password_file, PREFIX_AT_listen,     PREFIX_AT_auth,
        PREFIX_AT_users, PREFIX_AT_users_file,    PREFIX_AT_mock_memory};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (check->load->sections[check->section].set_at[rows[i]] != SET_BY_DEFAULT) {
            complain(check, rows[i], "has no meaning for pools on URLs of clients");
        }
    }
}

static void check_lists(struct check *check)
{
    check_commands(check, &check->prefix->deny, PREFIX_AT_deny);
    check_commands(check, &check->prefix->allow, PREFIX_AT_allow);
    check_contradictions(check);
}

static void check_client_pools(struct load *load)
{
    struct check check = {load, CLIENTS_SECTION_AT, &load->settings->client_pools};
    check_client_urls(load);
    check_meaningless(&check);
    check_lists(&check);
    check_owner(&check);
    check_socket_path(&check);
}

void settings_check(struct load *load)
{
    check_runtime_dir(load);
    check_metrics(load);
    check_admins(load, &load->settings->daemon.admin_users, DAEMON_AT_admin_users, find_user);
    check_admins(load, &load->settings->daemon.admin_groups, DAEMON_AT_admin_groups, find_group);
    check_client_pools(load);
    for (size_t i = 0; i < load->settings->prefix_count; i++) {
        struct check check = {load, i + FIRST_PREFIX_AT, &load->settings->prefixes[i]};
        check_url(&check);
        check_listen(&check);
        check_listen_of_others(&check);
        check_users(&check);
        check_lists(&check);
        check_owner(&check);
        check_own_names(&check);
        check_socket_path(&check);
    }
}
