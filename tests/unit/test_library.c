/* libflaskredis: its version, and the paths it makes of prefixes. */
#include "flaskredis.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

/* Room for what must be refused because it is one too long. */
enum {
    PATH_CAP = 2 * FLASK_REDIS_SOCKET_PATH_CAP
};

static void expect_path(const char *prefix, const char *expected)
{
    char path[PATH_CAP];

    EXPECT_NUMBER(flask_redis_socket_path(prefix, path, sizeof(path)), strlen(expected));
    expect_bytes(__FILE__, __LINE__, prefix, path, strlen(path), expected, strlen(expected));
}

static void expect_refused(const char *prefix, size_t cap, int reason)
{
    char path[PATH_CAP] = "untouched";

    errno = 0;
    EXPECT_NUMBER(flask_redis_socket_path(prefix, path, cap), -1);
    EXPECT_NUMBER(errno, reason);
    EXPECT(strcmp(path, "untouched") == 0);
}

static char *letters(size_t count)
{
    char *text = case_alloc(count + 1);
    memset(text, 'A', count);
    return text;
}

/* A directory that makes CACHE's path exactly len bytes long. */
static void set_runtime_dir_for(size_t len)
{
    char *dir = letters(len - strlen("/cache.sock"));
    dir[0] = '/';
    setenv("FLASKREDIS_RUNTIME_DIR", dir, 1);
}

static void version_is_the_headers(void)
{
    EXPECT(strcmp(flask_redis_version(), FLASKREDIS_VERSION) == 0);
}

static void default_directory(void)
{
    unsetenv("FLASKREDIS_RUNTIME_DIR");
    expect_path("REDIS", "/run/flaskredis/redis.sock");
    setenv("FLASKREDIS_RUNTIME_DIR", "", 1);
    expect_path("REDIS", "/run/flaskredis/redis.sock");
}

static void directory_of_the_environment(void)
{
    setenv("FLASKREDIS_RUNTIME_DIR", "/tmp/Some Where", 1);
    expect_path("CACHE", "/tmp/Some Where/cache.sock");
}

static void name_in_lower_case(void)
{
    unsetenv("FLASKREDIS_RUNTIME_DIR");
    expect_path("Session_Store2", "/run/flaskredis/session_store2.sock");
    expect_path("azAZ09_", "/run/flaskredis/azaz09_.sock");
    expect_path("x", "/run/flaskredis/x.sock");
}

static void no_prefix(void)
{
    static const char *const bad[] = {"",    "_CACHE", "1CACHE", "CA-CHE",    "../etc",
                                      "A/B", "A.B",    "CACHE ", "C\xc3\x84", "CACHE\nREDIS"};

    expect_refused(NULL, PATH_CAP, EINVAL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        expect_refused(bad[i], PATH_CAP, EINVAL);
    }
}

static void prefix_of_64_characters(void)
{
    char path[PATH_CAP];

    setenv("FLASKREDIS_RUNTIME_DIR", "/r", 1);
    EXPECT_NUMBER(flask_redis_socket_path(letters(64), path, sizeof(path)), 2 + 1 + 64 + 5);
    expect_refused(letters(65), PATH_CAP, EINVAL);
    expect_refused(letters(4096), PATH_CAP, EINVAL);
}

static void path_of_107_bytes(void)
{
    char path[FLASK_REDIS_SOCKET_PATH_CAP];

    set_runtime_dir_for(107);
    EXPECT_NUMBER(flask_redis_socket_path("CACHE", path, sizeof(path)), 107);
    EXPECT_NUMBER(strlen(path), 107);
    set_runtime_dir_for(108);
    expect_refused("CACHE", PATH_CAP, ENAMETOOLONG);
}

static void callers_cap(void)
{
    char path[FLASK_REDIS_SOCKET_PATH_CAP];
    size_t len = strlen("/run/flaskredis/cache.sock");

    unsetenv("FLASKREDIS_RUNTIME_DIR");
    EXPECT_NUMBER(flask_redis_socket_path("CACHE", path, len + 1), len);
    expect_refused("CACHE", len, ENAMETOOLONG);
    expect_refused("CACHE", 0, ENAMETOOLONG);
}

static const struct test_case cases[] = {
    {"the running version is the header's", version_is_the_headers},
    {"sockets are in /run/flaskredis when the environment says nothing", default_directory},
    {"FLASKREDIS_RUNTIME_DIR says where the sockets are", directory_of_the_environment},
    {"a socket has its prefix' name in lower case", name_in_lower_case},
    {"what is no prefix is EINVAL and writes nothing", no_prefix},
    {"a prefix has at most 64 characters", prefix_of_64_characters},
    {"a path longer than a socket address holds is ENAMETOOLONG", path_of_107_bytes},
    {"a path that does not fit in the caller's memory is ENAMETOOLONG", callers_cap},
};
SUITE_MAIN("library", cases)
