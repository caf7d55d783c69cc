/* What the library knows without talking to anyone: its version, and where the daemon's sockets
 * are. The conversation itself is left to the program's Redis client. */
#include "flaskredis/client.h"
#include "flaskredis/version.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RUNTIME_DIR "/run/flaskredis"
#define SOCKET_SUFFIX ".sock"

enum {
    PREFIX_LEN_MAX = 64
};

const char *flask_redis_version(void)
{
    return FLASKREDIS_VERSION;
}

/* Not isalpha() and its kin: they follow the program's locale, and the daemon's names do not. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_prefix_char(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Returns 0 for what is no prefix. */
static size_t prefix_length(const char *prefix)
{
    size_t len = 0;

    if (prefix == NULL || !is_letter(prefix[0])) {
        return 0;
    }
    while (len <= PREFIX_LEN_MAX && is_prefix_char(prefix[len])) {
        len++;
    }
    return len <= PREFIX_LEN_MAX && prefix[len] == '\0' ? len : 0;
}

static const char *runtime_dir(void)
{
    const char *dir = getenv("FLASKREDIS_RUNTIME_DIR");

    return dir != NULL && dir[0] != '\0' ? dir : DEFAULT_RUNTIME_DIR;
}

int flask_redis_socket_path(const char *prefix, char *path, size_t cap)
{
    const char *dir = runtime_dir();
    size_t dir_len = strlen(dir);
    size_t prefix_len = prefix_length(prefix);
    size_t len = dir_len + 1 + prefix_len + strlen(SOCKET_SUFFIX);

    if (prefix_len == 0) {
        errno = EINVAL;
        return -1;
    }
    if (len >= cap || len >= FLASK_REDIS_SOCKET_PATH_CAP) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(path, dir, dir_len);
    path[dir_len] = '/';
    for (size_t i = 0; i < prefix_len; i++) {
        path[dir_len + 1 + i] = lower(prefix[i]);
    }
    memcpy(path + dir_len + 1 + prefix_len, SOCKET_SUFFIX, sizeof(SOCKET_SUFFIX));
    return (int)len;
}
