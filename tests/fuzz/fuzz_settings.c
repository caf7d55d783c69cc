/* Any bytes as a configuration file and, after the last 0xFF, as NUL-separated environment: no
 * crash, no leak, and either sound settings or problems of one line each. */
#include "daemon/settings.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ENVIRONMENT_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

/* The file lives in memory; its path leads there. */
static int make_file(const uint8_t *data, size_t size, char *path, size_t path_cap)
{
    int fd = memfd_create("settings", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, path_cap, "/proc/self/fd/%d", fd);
    return fd;
}

/* Point environment at the strings in text, which has a NUL behind its end. */
static void split_environment(char *text, size_t size, char *environment[ENVIRONMENT_MAX + 1])
{
    size_t count = 0;
    for (size_t at = 0; at < size && count < ENVIRONMENT_MAX; at += strlen(text + at) + 1) {
        environment[count++] = text + at;
    }
    environment[count] = NULL;
}

static void check_settings(const struct settings *settings)
{
    check(settings->prefix_count > 0 && settings->daemon.runtime_dir[0]);
    for (size_t i = 0; i < settings->prefix_count; i++) {
        const struct prefix_settings *prefix = &settings->prefixes[i];
        check(settings_prefix(settings, prefix->name) == prefix);
        check(prefix->server.host || prefix->server.path);
        check(prefix->users.count == 0 && prefix->leases > 0 && prefix->connect_ms > 0);
        check((prefix->auth == AUTH_CHECK) == (prefix->user_count > 0));
    }
}

static void check_problems(const struct problems *problems)
{
    check(problems->count > 0);
    for (size_t i = 0; i < problems->count; i++) {
        check(problems->lines[i][0] && !strchr(problems->lines[i], '\n'));
    }
}

static void check_outcome(struct settings *settings, struct problems *problems)
{
    if (!settings) {
        check_problems(problems);
        return;
    }
    check(problems->count == 0);
    check_settings(settings);
    settings_compare(settings, settings, problems);
    check(problems->count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t file_len = size;
    while (file_len > 0 && data[file_len - 1] != 0xff) {
        file_len--;
    }
    size_t text_len = file_len > 0 ? size - file_len : 0;
    char *text = malloc(text_len + 1);
    check(text != NULL);
    memcpy(text, data + (size - text_len), text_len);
    text[text_len] = '\0';

    char path[64], *environment[ENVIRONMENT_MAX + 1];
    struct problems problems = {0};
    int fd = make_file(data, file_len > 0 ? file_len - 1 : size, path, sizeof(path));
    split_environment(text, text_len, environment);
    struct settings *settings = settings_load(path, environment, &problems);
    check_outcome(settings, &problems);

    settings_free(settings);
    problems_finish(&problems);
    free(text);
    close(fd);
    return 0;
}
