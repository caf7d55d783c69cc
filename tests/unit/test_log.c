/* Log lines, as they arrive on standard error. */
#include "daemon/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/suite.h"

static int pipe_fds[2];
static int saved_stderr_fd;
static char got[8192];

static void put_standard_error_back(void *what)
{
    (void)what;
    dup2(saved_stderr_fd, STDERR_FILENO);
    close(saved_stderr_fd);
}

/* Standard error leads into a pipe while a case runs. */
static void begin(void)
{
    EXPECT(pipe(pipe_fds) == 0);
    case_close(pipe_fds[0]);
    case_close(pipe_fds[1]);
    EXPECT(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) == 0);
    saved_stderr_fd = dup(STDERR_FILENO);
    EXPECT(saved_stderr_fd >= 0 && dup2(pipe_fds[1], STDERR_FILENO) >= 0);
    case_defer(put_standard_error_back, NULL);
    unsetenv("JOURNAL_STREAM");
    log_open();
    log_set_level(LOG_LEVEL_INFO);
}

/* What was written since the last call; a line is one write, so it is there already. */
static const char *written(void)
{
    ssize_t len = read(pipe_fds[0], got, sizeof(got) - 1);
    got[len > 0 ? len : 0] = '\0';
    return got;
}

static void a_line_begins_with_its_level(void)
{
    begin();
    log_error("pool %s: lost", "CACHE");
    EXPECT_STRING(written(), "error pool CACHE: lost\n");
    log_warning("w");
    log_notice("n");
    log_info("i");
    EXPECT_STRING(written(), "warning w\nnotice n\ninfo i\n");
}

static void lines_above_the_level_are_dropped(void)
{
    begin();
    log_set_level(LOG_LEVEL_WARNING);
    EXPECT_NUMBER(log_get_level(), LOG_LEVEL_WARNING);
    log_notice("n");
    log_warning("w");
    EXPECT_STRING(written(), "warning w\n");
}

static int evaluations;

static int count_evaluation(void)
{
    return ++evaluations;
}

static void debug_arguments_are_evaluated_only_while_debug_is_on(void)
{
    begin();
    evaluations = 0;
    log_debug("%d", count_evaluation());
    EXPECT_NUMBER(evaluations, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("%d", count_evaluation());
    EXPECT_NUMBER(evaluations, 1);
    EXPECT_STRING(written(), "debug 1\n");
}

static void control_characters_become_blanks(void)
{
    begin();
    log_info("a\nb\tc\x1b[1m\x7f%s", "\xc3\xa9");
    EXPECT_STRING(written(), "info a b c [1m \xc3\xa9\n");
}

static void an_over_long_line_is_cut_and_stays_one_line(void)
{
    begin();
    char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_info("%s", text);
    const char *line = written();
    size_t len = strlen(line);
    EXPECT(len > 1000 && len < 4096);
    EXPECT(strchr(line, '\n') == line + len - 1);
}

static void errno_survives_a_line(void)
{
    begin();
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("nobody hears it");
    EXPECT_NUMBER(errno, ENOENT);
}

static void set_journal_stream(ino_t inode_offset)
{
    struct stat status;
    char stream[64];
    EXPECT(fstat(STDERR_FILENO, &status) == 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)(status.st_ino + inode_offset));
    setenv("JOURNAL_STREAM", stream, 1);
    log_open();
}

static void a_line_for_the_journal_begins_with_its_priority(void)
{
    begin();
    set_journal_stream(0);
    log_error("e");
    log_info("i");
    EXPECT_STRING(written(), "<3>e\n<6>i\n");
}

static void a_redirected_standard_error_is_not_the_journal(void)
{
    begin();
    set_journal_stream(1);
    log_info("i");
    EXPECT_STRING(written(), "info i\n");
}

static const struct test_case cases[] = {
    {"a line begins with its level", a_line_begins_with_its_level},
    {"lines above the level are dropped", lines_above_the_level_are_dropped},
    {"debug arguments are evaluated only while debug is on",
     debug_arguments_are_evaluated_only_while_debug_is_on},
    {"control characters become blanks", control_characters_become_blanks},
    {"an over-long line is cut and stays one line", an_over_long_line_is_cut_and_stays_one_line},
    {"errno survives a line", errno_survives_a_line},
    {"a line for the journal begins with its priority",
     a_line_for_the_journal_begins_with_its_priority},
    {"a redirected standard error is not the journal",
     a_redirected_standard_error_is_not_the_journal},
};

SUITE_MAIN("log", cases)
