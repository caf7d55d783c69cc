/* Log lines, as they arrive on standard error. */
#include "daemon/log.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int pipe_fds[2];
static int saved_stderr_fd;
static char got[8192];

/* Standard error leads into a pipe while a case runs. */
static void begin_case(void)
{
    CU_ASSERT_FATAL(pipe(pipe_fds) == 0);
    CU_ASSERT_FATAL(fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK) == 0);
    saved_stderr_fd = dup(STDERR_FILENO);
    CU_ASSERT_FATAL(saved_stderr_fd >= 0 && dup2(pipe_fds[1], STDERR_FILENO) >= 0);
    unsetenv("JOURNAL_STREAM");
    log_open();
    log_set_level(LOG_LEVEL_INFO);
}

static void end_case(void)
{
    dup2(saved_stderr_fd, STDERR_FILENO);
    close(saved_stderr_fd);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
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
    log_error("pool %s: lost", "CACHE");
    CU_ASSERT_STRING_EQUAL(written(), "error pool CACHE: lost\n");
    log_warning("w");
    log_notice("n");
    log_info("i");
    CU_ASSERT_STRING_EQUAL(written(), "warning w\nnotice n\ninfo i\n");
}

static void lines_above_the_level_are_dropped(void)
{
    log_set_level(LOG_LEVEL_WARNING);
    CU_ASSERT_EQUAL(log_get_level(), LOG_LEVEL_WARNING);
    log_notice("n");
    log_warning("w");
    CU_ASSERT_STRING_EQUAL(written(), "warning w\n");
}

static int evaluations;

static int count_evaluation(void)
{
    return ++evaluations;
}

static void debug_arguments_are_evaluated_only_while_debug_is_on(void)
{
    evaluations = 0;
    log_debug("%d", count_evaluation());
    CU_ASSERT_EQUAL(evaluations, 0);
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("%d", count_evaluation());
    CU_ASSERT_EQUAL(evaluations, 1);
    CU_ASSERT_STRING_EQUAL(written(), "debug 1\n");
}

static void control_characters_become_blanks(void)
{
    log_info("a\nb\tc\x1b[1m\x7f%s", "\xc3\xa9");
    CU_ASSERT_STRING_EQUAL(written(), "info a b c [1m \xc3\xa9\n");
}

static void an_over_long_line_is_cut_and_stays_one_line(void)
{
    char text[5000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_info("%s", text);
    const char *line = written();
    size_t len = strlen(line);
    CU_ASSERT(len > 1000 && len < 4096);
    CU_ASSERT_PTR_EQUAL(strchr(line, '\n'), line + len - 1);
}

static void errno_survives_a_line(void)
{
    close(STDERR_FILENO);
    errno = ENOENT;
    log_info("nobody hears it");
    CU_ASSERT_EQUAL(errno, ENOENT);
}

static void set_journal_stream(ino_t inode_offset)
{
    struct stat status;
    char stream[64];
    CU_ASSERT_FATAL(fstat(STDERR_FILENO, &status) == 0);
    snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
             (uintmax_t)(status.st_ino + inode_offset));
    setenv("JOURNAL_STREAM", stream, 1);
    log_open();
}

static void a_line_for_the_journal_begins_with_its_priority(void)
{
    set_journal_stream(0);
    log_error("e");
    log_info("i");
    CU_ASSERT_STRING_EQUAL(written(), "<3>e\n<6>i\n");
}

static void a_redirected_standard_error_is_not_the_journal(void)
{
    set_journal_stream(1);
    log_info("i");
    CU_ASSERT_STRING_EQUAL(written(), "info i\n");
}

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static CU_TestInfo cases[] = {
    CASE(a_line_begins_with_its_level),
    CASE(lines_above_the_level_are_dropped),
    CASE(debug_arguments_are_evaluated_only_while_debug_is_on),
    CASE(control_characters_become_blanks),
    CASE(an_over_long_line_is_cut_and_stays_one_line),
    CASE(errno_survives_a_line),
    CASE(a_line_for_the_journal_begins_with_its_priority),
    CASE(a_redirected_standard_error_is_not_the_journal),
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"log lines", NULL, NULL, begin_case, end_case, cases},
    CU_SUITE_INFO_NULL,
};

int main(void)
{
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
