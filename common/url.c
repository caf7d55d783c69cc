/* Reading Redis URLs.
 *
 *   redis://user:password@host:6379/3?client_name=app&socket_timeout=0.5
 *   |scheme|userinfo-----|host|port|db|query...
 *   |      |authority--------------|path
 *
 *   unix://user:password@/run/redis.sock?db=3
 *   mock://name/3
 *
 * The text is cut into raw parts first and each part is decoded and checked afterwards, so that an
 * escaped delimiter (%2F in a password) never moves a border. Where a part is wrong the error names
 * the part and never repeats its text: in a broken URL a piece of the password may stand anywhere.
 */
#include "common/url.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define DEFAULT_PORT 6379
#define HOST_LEN_MAX 255
#define DB_MAX 2147483647
/* A day. Longer waits are no timeouts but mistakes (milliseconds written as seconds). */
#define SECONDS_MAX 86400
#define UNIX_PATH_LEN_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* A piece of the text, not terminated. */
struct part {
    const char *at;
    size_t len;
};

/* The raw pieces of a URL, still percent-encoded. */
struct pieces {
    struct part userinfo, host, path, query;
    bool has_userinfo, has_query;
};

struct reader {
    struct fr_url *url;
    char *error;
    size_t error_cap;
    unsigned seen; /* query keys met so far, a bit for each row of query_keys */
};

static bool fail(struct reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static bool fail(struct reader *reader, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reader->error, reader->error_cap, format, args);
    va_end(args);
    return false;
}

static struct part part_of(const char *from, const char *to)
{
    return (struct part){from, (size_t)(to - from)};
}

static const char *part_end(struct part part)
{
    return part.at + part.len;
}

static const char *find(struct part part, char wanted)
{
    return part.len ? memchr(part.at, wanted, part.len) : NULL;
}

static const char *find_last(struct part part, char wanted)
{
    const char *at = part_end(part);
    while (at > part.at) {
        if (*--at == wanted) {
            return at;
        }
    }
    return NULL;
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static void wipe_free(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

/* Percent-encoding. */

static int hex_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) % 16 : -1;
}

/* Decode into to, which has room for part.len + 1 bytes. Returns what is wrong, or NULL. */
static const char *decode_into(char *to, struct part part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (c == '%') {
            int high = part.len - i > 2 ? hex_digit(part.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(part.at[i + 2]) : -1;
            if (low < 0) {
                return "has a '%' without two hexadecimal digits (write %25 for the sign itself)";
            }
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0') {
            return "has a NUL byte";
        }
        *to++ = c;
    }
    *to = '\0';
    return NULL;
}

static bool decode(struct reader *reader, const char *what, struct part part, char **to)
{
    char *text = calloc(1, part.len + 1);
    if (!text) {
        return fail(reader, "%s: out of memory", what);
    }
    const char *wrong = decode_into(text, part);
    if (wrong) {
        explicit_bzero(text, part.len + 1);
        free(text);
        return fail(reader, "%s %s", what, wrong);
    }
    *to = text;
    return true;
}

/* For parts that cannot hold any byte: blanks (where blanks_ok is false) and control characters. */
static bool decode_plain(struct reader *reader, const char *what, struct part part, bool blanks_ok,
                         char **to)
{
    if (!decode(reader, what, part, to)) {
        return false;
    }
    for (const char *c = *to; *c; c++) {
        if (is_control((unsigned char)*c) || (*c == ' ' && !blanks_ok)) {
            return fail(reader, "%s has a blank or control character", what);
        }
    }
    return true;
}

/* Numbers. */

/* Read decimal digits and nothing else, up to most. */
static bool read_number(struct part part, int64_t most, int64_t *to)
{
    int64_t value = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (part.at[i] < '0' || part.at[i] > '9') {
            return false;
        }
        value = value * 10 + (part.at[i] - '0');
        if (value > most) {
            return false;
        }
    }
    *to = value;
    return part.len > 0;
}

/* Read seconds as "30" or "0.5". What is finer than a millisecond is rounded up, for a tiny timeout
 * must not become 0, which means none. */
static bool read_seconds(struct part part, int64_t *to_ms)
{
    const char *point = find(part, '.');
    struct part whole = part_of(part.at, point ? point : part_end(part));
    int64_t seconds;
    if (!read_number(whole, SECONDS_MAX, &seconds) || (point && point + 1 == part_end(part))) {
        return false;
    }
    int64_t ms = seconds * 1000, unit = 100;
    bool finer = false;
    for (const char *c = point ? point + 1 : part_end(part); c < part_end(part); c++, unit /= 10) {
        if (*c < '0' || *c > '9') {
            return false;
        }
        ms += (*c - '0') * unit;
        finer = finer || (unit == 0 && *c != '0');
    }
    *to_ms = ms + finer;
    return *to_ms <= SECONDS_MAX * INT64_C(1000);
}

/* The query: one row and one reader for each key. */

struct query_key;
typedef bool read_value(struct reader *reader, const struct query_key *key, struct part value);

struct query_key {
    const char *name;
    read_value *read;
    size_t offset; /* of the field in struct fr_url */
};

static void *field_of(struct reader *reader, const struct query_key *key)
{
    return (char *)reader->url + key->offset;
}

static bool read_db(struct reader *reader, const char *what, struct part part)
{
    if (!read_number(part, DB_MAX, &reader->url->db)) {
        return fail(reader, "%s is not a database number (0 to %d)", what, DB_MAX);
    }
    reader->url->has_db = true;
    return true;
}

static bool read_db_value(struct reader *reader, const struct query_key *key, struct part value)
{
    (void)key;
    return read_db(reader, "query: \"db\"", value);
}

static bool read_seconds_value(struct reader *reader, const struct query_key *key,
                               struct part value)
{
    if (!read_seconds(value, field_of(reader, key))) {
        return fail(reader, "query: \"%s\" is not a time in seconds (such as 0.5; at most %d)",
                    key->name, SECONDS_MAX);
    }
    return true;
}

static bool read_name_value(struct reader *reader, const struct query_key *key, struct part value)
{
    if (value.len == 0) {
        return fail(reader, "query: \"%s\" is empty", key->name);
    }
    char what[32];
    snprintf(what, sizeof(what), "query: \"%s\"", key->name);
    return decode_plain(reader, what, value, false, field_of(reader, key));
}

/* redis-py lets the part before the host win over the query, where everything else is the other way
 * round; given twice is refused instead. */
static bool read_user_value(struct reader *reader, const struct query_key *key, struct part value)
{
    if (reader->url->user) {
        return fail(reader, "query: \"username\" is already given before the host");
    }
    return read_name_value(reader, key, value);
}

static bool read_password_value(struct reader *reader, const struct query_key *key,
                                struct part value)
{
    (void)key;
    if (reader->url->password) {
        return fail(reader, "query: \"password\" is already given before the host");
    }
    if (value.len == 0) {
        return fail(reader, "query: \"password\" is empty");
    }
    return decode_plain(reader, "query: \"password\"", value, true, &reader->url->password);
}

static const struct query_key query_keys[] = {
    {"db", read_db_value, 0},
    {"username", read_user_value, offsetof(struct fr_url, user)},
    {"password", read_password_value, 0},
    {"client_name", read_name_value, offsetof(struct fr_url, client_name)},
    {"socket_timeout", read_seconds_value, offsetof(struct fr_url, command_ms)},
    {"socket_connect_timeout", read_seconds_value, offsetof(struct fr_url, connect_ms)},
    {"health_check_interval", read_seconds_value, offsetof(struct fr_url, heartbeat_ms)},
};
#define QUERY_KEY_COUNT (sizeof(query_keys) / sizeof(query_keys[0]))

static bool read_query_pair(struct reader *reader, struct part pair)
{
    const char *equals = find(pair, '=');
    struct part name = part_of(pair.at, equals ? equals : part_end(pair));
    size_t i = 0;
    while (i < QUERY_KEY_COUNT && (strlen(query_keys[i].name) != name.len ||
                                   memcmp(query_keys[i].name, name.at, name.len) != 0)) {
        i++;
    }
    if (i == QUERY_KEY_COUNT) {
        return fail(reader, "query: unknown key (known: db, username, password, client_name, "
                            "socket_timeout, socket_connect_timeout, health_check_interval)");
    }
    if (!equals) {
        return fail(reader, "query: \"%s\" has no value", query_keys[i].name);
    }
    if (reader->seen & 1u << i) {
        return fail(reader, "query: \"%s\" is given twice", query_keys[i].name);
    }
    reader->seen |= 1u << i;
    return query_keys[i].read(reader, &query_keys[i], part_of(equals + 1, part_end(pair)));
}

static bool read_query(struct reader *reader, struct part query)
{
    /* Form encoding reads a plus as a blank, everything else as a plus. */
    if (find(query, '+')) {
        return fail(reader, "query: a '+' is ambiguous (write %%2B for plus, %%20 for a blank)");
    }
    for (;;) {
        const char *ampersand = find(query, '&');
        const char *end = ampersand ? ampersand : part_end(query);
        if (!read_query_pair(reader, part_of(query.at, end))) {
            return false;
        }
        if (!ampersand) {
            return true;
        }
        query = part_of(ampersand + 1, part_end(query));
    }
}

/* The authority: who, host and port. */

/* ":password", "user:password" or "user". A user without password still logs in, with an empty one,
 * as redis-py does: such users exist (nopass), and any other gets the server's refusal. */
static bool read_userinfo(struct reader *reader, struct part userinfo)
{
    struct fr_url *url = reader->url;
    const char *colon = find(userinfo, ':');
    struct part user = part_of(userinfo.at, colon ? colon : part_end(userinfo));
    struct part password = colon ? part_of(colon + 1, part_end(userinfo)) : (struct part){"", 0};
    if (user.len > 0 && !decode_plain(reader, "user", user, false, &url->user)) {
        return false;
    }
    return password.len == 0 || decode_plain(reader, "password", password, true, &url->password);
}

static bool login_with_empty_password(struct reader *reader)
{
    struct fr_url *url = reader->url;
    return !url->user || url->password ||
           decode(reader, "password", (struct part){"", 0}, &url->password);
}

static bool read_port(struct reader *reader, struct part port)
{
    int64_t number;
    if (!read_number(port, UINT16_MAX, &number) || number == 0) {
        return fail(reader, "port is not a number from 1 to 65535");
    }
    reader->url->port = (uint16_t)number;
    return true;
}

static bool host_is_name(const char *host)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "._-";
    size_t len = strlen(host);
    return len <= HOST_LEN_MAX && strspn(host, allowed) == len;
}

/* An IPv6 address; after a '%' its zone. */
static bool host_is_ipv6(const char *host)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr ignored;
    size_t len = strcspn(host, "%");
    if (len >= sizeof(address) ||
        (host[len] && (!host[len + 1] || !host_is_name(host + len + 1)))) {
        return false;
    }
    memcpy(address, host, len);
    address[len] = '\0';
    return inet_pton(AF_INET6, address, &ignored) == 1;
}

static bool read_bracketed_host(struct reader *reader, struct part host)
{
    const char *close = find(host, ']');
    if (!close) {
        return fail(reader, "host: '[' without ']'");
    }
    if (!decode(reader, "host", part_of(host.at + 1, close), &reader->url->host)) {
        return false;
    }
    if (!host_is_ipv6(reader->url->host)) {
        return fail(reader, "host: no IPv6 address between the brackets");
    }
    struct part rest = part_of(close + 1, part_end(host));
    if (rest.len == 0) {
        return true;
    }
    if (rest.at[0] != ':') {
        return fail(reader, "host: text between ']' and the port");
    }
    return read_port(reader, part_of(rest.at + 1, part_end(rest)));
}

static bool read_named_host(struct reader *reader, struct part host)
{
    const char *colon = find(host, ':');
    if (colon && find_last(host, ':') != colon) {
        return fail(reader, "host: several ':' (an IPv6 address is written in brackets: [::1])");
    }
    struct part name = part_of(host.at, colon ? colon : part_end(host));
    if (name.len == 0) {
        name = (struct part){"localhost", strlen("localhost")};
    }
    if (!decode(reader, "host", name, &reader->url->host)) {
        return false;
    }
    if (!host_is_name(reader->url->host)) {
        return fail(reader, "host has a character that no host name has, or is too long");
    }
    return !colon || read_port(reader, part_of(colon + 1, part_end(host)));
}

static bool read_host(struct reader *reader, struct part host)
{
    reader->url->port = DEFAULT_PORT;
    return host.len > 0 && host.at[0] == '[' ? read_bracketed_host(reader, host)
                                             : read_named_host(reader, host);
}

/* A mock has a name, or none; it has no port. */
static bool read_mock_name(struct reader *reader, struct part name)
{
    return name.len == 0 || (decode(reader, "name", name, &reader->url->host) &&
                             (host_is_name(reader->url->host) ||
                              fail(reader, "name has a character that no host name has")));
}

/* The path: a database for TCP, the socket's file for Unix. */

static bool read_db_path(struct reader *reader, struct part path)
{
    if (path.len <= 1) {
        return true;
    }
    struct part db = part_of(path.at + 1, part_end(path));
    if (find(db, '/')) {
        return fail(reader, "path has several parts (only a database number may stand there)");
    }
    return read_db(reader, "path", db);
}

static bool read_socket_path(struct reader *reader, const struct pieces *pieces)
{
    if (pieces->host.len > 0) {
        return fail(reader, "path is relative (write unix:///run/redis.sock, with three slashes)");
    }
    struct part path = pieces->path;
    if (path.len == 0 || path.at[path.len - 1] == '/') {
        return fail(reader, "path names no socket file");
    }
    if (!decode_plain(reader, "path", path, true, &reader->url->path)) {
        return false;
    }
    if (strlen(reader->url->path) > UNIX_PATH_LEN_MAX) {
        return fail(reader, "path is longer than %zu bytes", UNIX_PATH_LEN_MAX);
    }
    return true;
}

/* What stands between scheme and query. */
static bool read_place(struct reader *reader, const struct pieces *pieces)
{
    if (reader->url->scheme == FR_URL_UNIX) {
        return read_socket_path(reader, pieces);
    }
    bool is_mock = reader->url->scheme == FR_URL_MOCK;
    bool is_read = is_mock ? read_mock_name(reader, pieces->host) : read_host(reader, pieces->host);
    return is_read && read_db_path(reader, pieces->path);
}

static const struct {
    const char *text;
    enum fr_url_scheme scheme;
} schemes[] = {
    {"redis://", FR_URL_TCP},
    {"rediss://", FR_URL_TLS},
    {"unix://", FR_URL_UNIX},
    {"mock://", FR_URL_MOCK},
};

/* Returns what follows the scheme, or NULL. */
static const char *read_scheme(struct reader *reader, const char *text)
{
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].text);
        if (strncmp(text, schemes[i].text, len) == 0) {
            reader->url->scheme = schemes[i].scheme;
            return text + len;
        }
    }
    fail(reader, "scheme is unknown (known: redis://, rediss://, unix://, mock://)");
    return NULL;
}

static bool characters_are_plain(struct reader *reader, const char *text)
{
    for (; *text; text++) {
        if (is_control((unsigned char)*text) || *text == ' ') {
            return fail(reader, "a blank or control character (percent-encode it)");
        }
        if (*text == '#') {
            return fail(reader, "a '#' outside of percent-encoding (write %%23)");
        }
    }
    return true;
}

static struct pieces cut(const char *text)
{
    struct pieces pieces = {0};
    const char *query = text + strcspn(text, "?");
    const char *path = text + strcspn(text, "/?");
    struct part authority = part_of(text, path);
    const char *at =
        find_last(authority, '@'); /* the last: an unescaped one may be the password's */
    pieces.has_userinfo = at != NULL;
    pieces.userinfo = part_of(text, at ? at : text);
    pieces.host = part_of(at ? at + 1 : text, path);
    pieces.path = part_of(path, query);
    pieces.has_query = *query == '?';
    pieces.query = part_of(query + pieces.has_query, query + strlen(query));
    return pieces;
}

static bool read_all(struct reader *reader, const char *text)
{
    const char *rest = read_scheme(reader, text);
    if (!rest || !characters_are_plain(reader, rest)) {
        return false;
    }
    struct pieces pieces = cut(rest);
    if (pieces.has_userinfo && !read_userinfo(reader, pieces.userinfo)) {
        return false;
    }
    if (!read_place(reader, &pieces)) {
        return false;
    }
    if (pieces.has_query && !read_query(reader, pieces.query)) {
        return false;
    }
    return login_with_empty_password(reader);
}

bool fr_url_parse(const char *text, struct fr_url *out, char *error, size_t error_cap)
{
    *out = (struct fr_url){.command_ms = -1, .connect_ms = -1, .heartbeat_ms = -1};
    struct reader reader = {.url = out, .error_cap = error_cap};
    reader.error = error;
    if (!read_all(&reader, text)) {
        fr_url_finish(out);
        return false;
    }
    return true;
}

void fr_url_finish(struct fr_url *url)
{
    if (!url) {
        return;
    }
    wipe_free(url->password);
    free(url->host);
    free(url->path);
    free(url->user);
    free(url->client_name);
    *url = (struct fr_url){0};
}

const char *fr_url_show(const struct fr_url *url, char *to, size_t cap)
{
    if (url->scheme == FR_URL_UNIX) {
        snprintf(to, cap, "unix://%s", url->path ? url->path : "");
        return to;
    }
    if (url->scheme == FR_URL_MOCK) {
        snprintf(to, cap, "mock://%s", url->host ? url->host : "");
        return to;
    }
    const char *host = url->host ? url->host : "";
    bool is_ipv6 = strchr(host, ':') != NULL;
    snprintf(to, cap, "%s://%s%s%s:%u", url->scheme == FR_URL_TLS ? "rediss" : "redis",
             is_ipv6 ? "[" : "", host, is_ipv6 ? "]" : "", (unsigned)url->port);
    return to;
}
