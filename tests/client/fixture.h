/* A handle of the library on each provider, with a real server behind it, or the mock's engine.
 *
 * The cases of *_cases.c run once for each provider: a suite names one and their table. */
#ifndef TESTS_CLIENT_FIXTURE_H
#define TESTS_CLIENT_FIXTURE_H

#include <flaskredis.h>
#include <flaskredis/provider.h>

#include <hiredis/hiredis.h>

#include "tests/support/daemon.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum fixture_kind {
    FIXTURE_DAEMON,
    FIXTURE_URL,   /* the daemon, for a URL of the application's own */
    FIXTURE_RINGS, /* the daemon, over shared memory */
    FIXTURE_DIRECT,
    FIXTURE_CUSTOM, /* one of the tests' own, hiredis_provider.c */
    FIXTURE_MOCK
};

extern enum fixture_kind fixture_kind;

struct fixture {
    struct server *server; /* NULL: the mock */
    struct daemon *pooler; /* NULL: none */
    FlaskApp *app;
    FlaskRedis *redis;
};

/* Start what the provider needs and make a handle, all freed when the case ends. */
struct fixture *fixture_open(void);

/* The same with options. */
struct fixture *fixture_open_with(const FlaskRedisOptions *options);

/* Another handle of the fixture's application, freed when the case ends. */
FlaskRedis *fixture_handle(struct fixture *fixture, const FlaskRedisOptions *options);

/* Whether there are scripts: the mock may be built without. */
bool fixture_has_scripts(void);

/* Ask the server itself, or the engine, about what has come to it: how often a command was
 * executed. And have it execute one, whose reply is the case's. */
int64_t fixture_calls(struct fixture *fixture, const char *command);
const struct bytes *fixture_ask(struct fixture *fixture, const char *command);

/* An application, and a handle made by a case itself: freed when the case ends. */
FlaskApp *fixture_app(void);
FlaskRedis *fixture_keep(FlaskRedis *redis);

/* The provider in thirty lines: hiredis' own calls, one connection for each session. */
extern const FlaskRedisProvider hiredis_provider;

/* Where hiredis_provider connects: a socket's path. */
extern char hiredis_provider_path[108];

/* The call returns this status. */
#define STATUS(call, expected) expect_status(__FILE__, __LINE__, #call, call, expected)
#define OK(call) STATUS(call, FLASK_REDIS_OK)
void expect_status(const char *file, int line, const char *what, FlaskRedisStatus actual,
                   FlaskRedisStatus expected);

/* The bytes are this text; they are freed. */
#define TEXT(bytes, expected)                                                                      \
    expect_text(__FILE__, __LINE__, #bytes, bytes, expected, sizeof(expected) - 1)
void expect_text(const char *file, int line, const char *what, FlaskRedisBytes *actual,
                 const char *expected, size_t len);

/* The array is these texts with blanks between, "(nil)" for nil; sorted first for SORTED. It is
 * freed. */
#define ARRAY(array, expected) expect_array(__FILE__, __LINE__, array, expected, false)
#define SORTED(array, expected) expect_array(__FILE__, __LINE__, array, expected, true)
void expect_array(const char *file, int line, FlaskRedisArray *actual, const char *expected,
                  bool is_sorted);

/* Run a command of any kind, which must not fail, and forget its reply. */
void fixture_do(FlaskRedis *redis, const char *format, ...);

/* The text of this thread's last error. */
const char *last_text(void);

/* Suites: the cases of a table on a provider. */
struct case_table {
    const struct test_case *cases;
    size_t count;
};
extern const struct case_table command_cases, pipeline_cases, freeform_cases, pubsub_cases;

#define SUITE_ON(name, kind, table)                                                                \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        fixture_kind = kind;                                                                       \
        return suite_main(name, (table).cases, (table).count, argc, argv);                         \
    }

#endif
