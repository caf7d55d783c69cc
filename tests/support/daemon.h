/* A flaskredisd of the test's own. Environment of the tests:
 *
 *   FLASKREDISD     the binary (or FLASKREDIS); build/flaskredisd otherwise
 *   DAEMON_WRAPPER  words put before it, such as "valgrind -q --error-exitcode=99"
 *   TEST_WORKERS    the setting "workers" where a case does not say
 *   TEST_DIRECT     no daemon at all: its sockets are the server's. What holds then is Redis' own
 *                   behaviour; cases about the daemon skip themselves with NEEDS_DAEMON.
 *
 * When the case ends, the daemon gets SIGTERM and must end with status 0, without a sanitizer's
 * complaint in its log; otherwise the case fails. */
#ifndef TESTS_SUPPORT_DAEMON_H
#define TESTS_SUPPORT_DAEMON_H

#include <stdbool.h>

#include "tests/support/client.h"
#include "tests/support/process.h"

struct daemon {
    struct process process;
    char *config_path;
    char *log_path;
    char *runtime_dir; /* NULL: direct */
    char *server_url;  /* what {url} stood for */
    bool is_ending;    /* it was asked to end */
};

/* Write the configuration, with {url} replaced by url, start the daemon and wait until the sockets
 * of all its prefixes accept. Without a section [flaskredisd] one is put before it. */
struct daemon *daemon_start(const char *url, const char *config);

/* The usual configuration: one prefix, REDIS, with these settings ("a = 1\nb = 2\n" or ""). */
struct daemon *daemon_start_redis(const char *url, const char *settings);

/* In the children that become daemons from now on, until the case ends, call prepare(context). */
void daemon_prepare(void (*prepare)(void *context), void *context);

/* Write another configuration, for the next start or reload. */
void daemon_reconfigure(struct daemon *pooler, const char *config);

/* Try to start it with its configuration. Nothing is waited for. */
void daemon_launch(struct daemon *pooler);

/* SIGTERM, once: a second one would cut its end short. Its exit is looked at when the case ends. */
void daemon_ask_to_end(struct daemon *pooler);

/* SIGTERM, wait, expect exit status 0. Also done when the case ends. */
void daemon_stop(struct daemon *pooler);

/* Write another configuration (as daemon_start takes it, of the same url), send SIGHUP and wait
 * until the daemon has said what became of it. Returns whether it is in use. */
bool daemon_reload(struct daemon *pooler, const char *config);

/* The number in a field of what SHOW topic says ("POOLS redis", "clients"), in its first row. */
int64_t daemon_shows(const struct daemon *pooler, const char *topic, const char *field);

/* Its open descriptors. */
int64_t daemon_descriptors(const struct daemon *pooler);

/* Start it again with its configuration, after daemon_stop, and wait until REDIS accepts. */
void daemon_restart(struct daemon *pooler);

/* The same, until the prefixes of these sections accept ("[REDIS][CACHE]"). */
void daemon_restart_at(struct daemon *pooler, const char *sections);

/* The address of a prefix' socket for client_connect; prefix in lower case. */
char *daemon_address(const struct daemon *pooler, const char *prefix);

/* A client of a prefix. */
struct client *daemon_client(const struct daemon *pooler, const char *prefix);

/* A client of the prefix REDIS that is in RESP3, its HELLO's reply taken. */
struct client *daemon_client3(const struct daemon *pooler);

/* All it has logged so far; freed when the case ends. */
char *daemon_log(const struct daemon *pooler);

/* Its workers. */
int daemon_workers(void);

bool daemon_is_direct(void);

/* Leave a case that is about the daemon alone when there is none. */
#define NEEDS_DAEMON                                                                               \
    do {                                                                                           \
        if (daemon_is_direct()) {                                                                  \
            case_skip("needs the daemon");                                                         \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#endif
