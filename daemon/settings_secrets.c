/* Secrets that do not stand in the configuration but in files of their own: a path, or the name of
 * a credential, which is a file in the directory that the service manager names. They are read anew
 * with the configuration. */
#include "daemon/settings_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CREDENTIALS_VARIABLE "CREDENTIALS_DIRECTORY"

/* Where the file is. The caller frees; NULL: why says. */
static char *find_secret(const struct load *load, const char *name, char *why, size_t why_cap)
{
    const char *directory = load_variable(load, CREDENTIALS_VARIABLE);
    char *path = NULL;
    if (name[0] == '/') {
        path = strdup(name);
    } else if (strchr(name, '/')) {
        snprintf(why, why_cap, "is neither a whole path nor the name of a credential");
        return NULL;
    } else if (!directory || directory[0] == '\0') {
        snprintf(
            why, why_cap,
            "names a credential, and the daemon was started with none (LoadCredential=%.64s:FILE "
            "in its unit; a file is written with its whole path)",
            name);
        return NULL;
    } else {
        size_t cap = strlen(directory) + strlen("/") + strlen(name) + 1;
        path = malloc(cap);
        if (path) {
            snprintf(path, cap, "%s/%s", directory, name);
        }
    }
    if (!path) {
        snprintf(why, why_cap, "out of memory");
    }
    return path;
}

/* Read a whole file of at most len_max bytes. NULL: why says. */
static char *read_whole(int fd, size_t len_max, char *why, size_t why_cap)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        snprintf(why, why_cap, "is no file with a secret in it");
        return NULL;
    }
    char *text = calloc(1, len_max + 2);
    if (!text) {
        snprintf(why, why_cap, "out of memory");
        return NULL;
    }
    size_t len = 0;
    ssize_t got = 1;
    while (got > 0 && len <= len_max) {
        got = read(fd, text + len, len_max + 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    if (got < 0 || len > len_max || strlen(text) != len) {
        snprintf(why, why_cap, "%s",
                 got < 0         ? strerror(errno)
                 : len > len_max ? "is larger than a secret may be"
                                 : "has a NUL byte in it");
        explicit_bzero(text, len_max + 2);
        free(text);
        return NULL;
    }
    return text;
}

/* An editor's line end is not part of the secret. */
static void strip_line_end(char *text)
{
    size_t len = strlen(text);
    len -= len > 0 && text[len - 1] == '\n';
    len -= len > 0 && text[len - 1] == '\r';
    text[len] = '\0';
}

char *secret_read(const struct load *load, const char *name, size_t len_max, char *why,
                  size_t why_cap)
{
    char *path = find_secret(load, name, why, why_cap);
    if (!path) {
        return NULL;
    }
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        snprintf(why, why_cap, "%.160s cannot be read: %s", path, strerror(errno));
    } else {
        text = read_whole(fd, len_max, why, why_cap);
        close(fd);
    }
    free(path);
    if (text) {
        strip_line_end(text);
    }
    if (text && text[0] == '\0') {
        snprintf(why, why_cap, "has nothing in it");
        free(text);
        text = NULL;
    }
    return text;
}
