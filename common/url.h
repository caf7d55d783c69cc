/* Redis URLs: redis://, rediss://, unix://, as redis-py's from_url() reads them; and mock://[name],
 * an engine in memory.
 *
 * What redis-py lets pass silently is an error here: a database that is not a number, a path of
 * several parts, a query key nobody knows. A value in the query wins over one in the path.
 */
#ifndef FR_URL_H
#define FR_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fr_url_scheme {
    FR_URL_TCP,
    FR_URL_TLS,
    FR_URL_UNIX,
    FR_URL_MOCK
};

struct fr_url {
    enum fr_url_scheme scheme;
    char *host;           /* TCP and TLS, without brackets; mock: its name, NULL when it has none */
    uint16_t port;        /* TCP and TLS; 6379 when the URL says nothing */
    char *path;           /* Unix: the socket's file */
    char *user;           /* NULL: none, the server's default user */
    char *password;       /* NULL: no AUTH */
    int64_t db;           /* 0 unless given */
    bool has_db;          /* whether path or query say a database */
    char *client_name;    /* NULL: not given */
    int64_t command_ms;   /* ?socket_timeout=SECONDS; -1: not given */
    int64_t connect_ms;   /* ?socket_connect_timeout=SECONDS; -1: not given */
    int64_t heartbeat_ms; /* ?health_check_interval=SECONDS; -1: not given */
};

/* Read a URL of text into out. Returns false for a bad one, with one line in error (no secret in
 * it) that names the offending part; out then holds nothing. On true, fr_url_finish frees out. */
bool fr_url_parse(const char *text, struct fr_url *out, char *error, size_t error_cap);

/* Wipe the password and free what out holds; afterwards it is all zero. NULL is fine. */
void fr_url_finish(struct fr_url *url);

/* Write a URL of TCP or TLS with user, password and database, and without its query, as
 * fr_url_parse reads it. The caller wipes and frees it; NULL: out of memory. */
char *fr_url_write_server(const struct fr_url *url);

/* Write the URL without user and password, as error texts and logs may show it: redis://db1:6379,
 * redis://[::1]:6379, unix:///run/redis.sock. Always NUL-terminated; returns to. */
const char *fr_url_show(const struct fr_url *url, char *to, size_t cap);

#endif
