/* flaskredisctl, run against a daemon of the test's own. The binary is FLASKREDISCTL in the
 * environment, or build/flaskredisctl. */
#ifndef TESTS_SUPPORT_TOOL_H
#define TESTS_SUPPORT_TOOL_H

#include "tests/support/daemon.h"

struct tool_run {
    int exit_code;
    char *output; /* standard output and error; freed when the case ends */
};

/* Run it with the words of a line (blanks between) and wait for its end. pooler NULL: with no
 * daemon there. */
struct tool_run tool_run(const struct daemon *pooler, const char *line);

/* Start it and go on; its output is appended to the file at path. */
void tool_start(struct process *process, const struct daemon *pooler, const char *line,
                const char *path);

/* Run it and expect this exit code and text in the output. */
#define EXPECT_TOOL(pooler, line, code, part)                                                      \
    expect_tool(__FILE__, __LINE__, pooler, line, code, part)
void expect_tool(const char *file, int line, const struct daemon *pooler, const char *words,
                 int code, const char *part);

#endif
