/* Log lines on standard error.
 *
 * A line is put together in a buffer of the caller's stack and written by one write(): lines of
 * different threads never mix, and nothing here takes a lock. */
#include "daemon/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line with its end; at most PIPE_BUF, so that writing it to a pipe is atomic. */
#define LINE_CAP 2048

static const struct {
    const char *name;
    int priority; /* as syslog(3) counts */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},   [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_NOTICE] = {"notice", 5}, [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};

static atomic_int least_level = LOG_LEVEL_INFO;
static bool to_journal; /* written before the first thread, read-only then */

/* systemd sets JOURNAL_STREAM=DEVICE:INODE of the journal's socket; it stays in the environment
 * where standard error was redirected since, hence the comparison. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];
    if (!stream || fstat(STDERR_FILENO, &status) != 0) {
        return false;
    }
    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

void log_open(void)
{
    to_journal = stderr_is_journal();
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&least_level, memory_order_relaxed);
}

static size_t print_head(char *line, enum log_level level)
{
    int len = to_journal ? snprintf(line, LINE_CAP, "<%d>", levels[level].priority)
                         : snprintf(line, LINE_CAP, "%s ", levels[level].name);
    return len > 0 ? (size_t)len : 0;
}

static void replace_controls(char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = ' ';
        }
    }
}

/* There is nobody to tell when standard error cannot be written to. */
static void write_line(const char *line, size_t len)
{
    ssize_t written;
    do {
        written = write(STDERR_FILENO, line, len);
    } while (written < 0 && errno == EINTR);
}

void log_line(enum log_level level, const char *format, ...)
{
    char line[LINE_CAP];
    int saved_errno = errno;
    if (level > log_get_level()) {
        return;
    }
    size_t head_len = print_head(line, level);
    va_list args;
    va_start(args, format);
    vsnprintf(line + head_len, LINE_CAP - 1 - head_len, format, args);
    va_end(args);
    replace_controls(line + head_len);
    size_t len = strlen(line);
    line[len++] = '\n';
    write_line(line, len);
    errno = saved_errno;
}
