/* KEY=VALUE files, as systemd's EnvironmentFile= and shells have them, without expansion. The file
 * is read whole and gone through twice: nothing is taken from one that has a mistake. */
#include "client/config_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/error.h"

enum {
    FILE_MAX = 1024 * 1024
};

static const char blanks[] = " \t\r";

/* Read the whole file into fresh memory, NUL-terminated. */
static FlaskRedisStatus slurp(const char *path, char **text)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return flask_redis_fail(FLASK_REDIS_DATA, false, "%s: cannot be opened: %s", path,
                                strerror(errno));
    }
    FlaskRedisStatus status = FLASK_REDIS_OK;
    *text = malloc(FILE_MAX + 1);
    if (*text == NULL) {
        fclose(file);
        return fr_fail_memory();
    }
    size_t len = fread(*text, 1, FILE_MAX, file);
    (*text)[len] = '\0';
    if (ferror(file) || !feof(file) || strlen(*text) != len) {
        status =
            flask_redis_fail(FLASK_REDIS_DATA, false,
                             "%s: cannot be read, has a NUL byte or is larger than 1 MiB", path);
        free(*text);
        *text = NULL;
    }
    fclose(file);
    return status;
}

/* Cut blanks at both ends, and one pair of quotes. */
static char *trim(char *text)
{
    text += strspn(text, blanks);
    size_t len = strlen(text);
    while (len > 0 && strchr(blanks, text[len - 1]) != NULL) {
        len--;
    }
    text[len] = '\0';
    return text;
}

static char *unquote(char *text)
{
    size_t len = strlen(text);
    if (len >= 2 && (text[0] == '"' || text[0] == '\'') && text[len - 1] == text[0]) {
        text[len - 1] = '\0';
        return text + 1;
    }
    return text;
}

/* Cut a line into key and value; *key NULL: a comment. */
static bool cut(char *line, char **key, char **value)
{
    line = trim(line);
    *key = NULL;
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';') {
        return true;
    }
    char *equals = strchr(line, '=');
    if (equals == NULL || equals == line) {
        return false;
    }
    *equals = '\0';
    *key = trim(line);
    *value = unquote(trim(equals + 1));
    return (*key)[0] != '\0' && strpbrk(*key, blanks) == NULL;
}

/* Go through a text, which is cut up. line NULL: only check. */
static FlaskRedisStatus walk(const char *path, char *text, fr_config_line *line, void *context)
{
    FlaskRedisStatus status = FLASK_REDIS_OK;
    unsigned number = 0;

    while (status == FLASK_REDIS_OK && text != NULL) {
        char *current = strsep(&text, "\n"), *key, *value;
        number++;
        if (!cut(current, &key, &value)) {
            status = flask_redis_fail(FLASK_REDIS_DATA, false, "%s:%u: not a line of KEY=VALUE",
                                      path, number);
        } else if (key != NULL && line != NULL) {
            status = line(context, key, value);
        }
    }
    return status;
}

FlaskRedisStatus fr_config_file_read(const char *path, fr_config_line *line, void *context)
{
    char *text = NULL;
    FlaskRedisStatus status = slurp(path, &text);
    if (status != FLASK_REDIS_OK || text == NULL) {
        return status;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        status = fr_fail_memory();
    }
    if (status == FLASK_REDIS_OK) {
        status = walk(path, copy, NULL, NULL);
    }
    if (status == FLASK_REDIS_OK) {
        status = walk(path, text, line, context);
    }
    free(copy);
    free(text);
    return status;
}
