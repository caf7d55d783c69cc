/* A redis-server of the test's own, on a Unix socket and on a loopback port from the kernel,
 * without persistence unless asked for. It is killed when the case ends. */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/support/client.h"
#include "tests/support/process.h"

struct server {
    struct process process;
    uint16_t port;
    char *socket_path;
    char *log_path;
    char *password;       /* of --requirepass, or NULL */
    struct client *asker; /* the direct connection of server_ask, or NULL */
};

/* Start one with more arguments ("--databases 4 --requirepass x", blanks between; NULL: none) and
 * wait until it serves, or is loading its data. */
struct server *server_start(const char *arguments);

/* Start it again on the same addresses and in the same directory, after server_kill or
 * server_stop. */
void server_restart(struct server *server, const char *arguments);

/* kill -9: nothing is saved. */
void server_kill(struct server *server);

/* SIGTERM and wait for the end. */
void server_stop(struct server *server);

/* Let it stand still, with its sockets open, and go on. */
void server_freeze(struct server *server);
void server_thaw(struct server *server);

/* URLs without password, also what client_connect takes. Freed when the case ends. */
char *server_url(const struct server *server);     /* unix://... */
char *server_tcp_url(const struct server *server); /* redis://127.0.0.1:... */

/* A direct connection, authenticated when the server wants it. */
struct client *server_client(struct server *server);

/* Ask over a direct connection kept for it; the answer is valid until the next question. */
const struct bytes *server_ask(struct server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Versions at which something changed, as numbers: 7.0.15 is 70015. */
enum {
    REDIS_7_0 = 70000,
    REDIS_7_2 = 70200,
    REDIS_7_4 = 70400,
    REDIS_8_0 = 80000
};
int server_version(struct server *server);

/* The number of a field of INFO everything: server_info(server, "blocked_clients"). 0 when the
 * field is not there. */
int64_t server_info(struct server *server, const char *field);

/* How often a command was executed ("get", "client|info"). */
int64_t server_calls(struct server *server, const char *command);

/* The clients whose line of CLIENT LIST contains all of the words (blanks between). The asker's
 * own does not count. */
int64_t server_clients(struct server *server, const char *words);

/* The keys of a database, of all databases. */
int64_t server_keys(struct server *server, int db);
int64_t server_all_keys(struct server *server);

/* Wait until the field of INFO is value, or fail. */
#define EXPECT_INFO(server, field, value) expect_info(__FILE__, __LINE__, server, field, value)
void expect_info(const char *file, int line, struct server *server, const char *field,
                 int64_t value);

#endif
