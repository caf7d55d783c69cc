/* Running flaskredisctl. See tool.h. */
#include "tests/support/tool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    WORDS_MAX = 32
};

static char *socket_of(const struct daemon *pooler)
{
    static const char name[] = "/admin.sock";
    if (pooler == NULL) {
        return case_path("none.sock");
    }
    char *path = case_alloc(strlen(pooler->runtime_dir) + sizeof name);
    strcpy(path, pooler->runtime_dir);
    strcat(path, name);
    return path;
}

void tool_start(struct process *process, const struct daemon *pooler, const char *line,
                const char *path)
{
    const char *binary = getenv("FLASKREDISCTL");
    char *argv[WORDS_MAX], *rest = NULL;
    char *words = case_alloc(strlen(line) + 1);
    size_t count = 0;
    strcpy(words, line);
    argv[count++] = (char *)(binary == NULL ? "build/flaskredisctl" : binary);
    argv[count++] = "--socket";
    argv[count++] = socket_of(pooler);
    for (char *word = strtok_r(words, " ", &rest); word != NULL && count + 1 < WORDS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        argv[count++] = word;
    }
    argv[count] = NULL;
    process_start(process, argv, path);
}

struct tool_run tool_run(const struct daemon *pooler, const char *line)
{
    static int runs;
    struct process process = {0};
    char *path = case_path("tool%d.out", runs++);
    tool_start(&process, pooler, line, path);
    if (!process_wait(&process, patience_ms())) {
        process_kill(&process);
        FAIL("flaskredisctl %s does not end; it said: %s", line, file_text(path));
    }
    return (struct tool_run){.exit_code = WIFEXITED(process.status) ? WEXITSTATUS(process.status)
                                                                    : -process.status,
                             .output = file_text(path)};
}

void expect_tool(const char *file, int line, const struct daemon *pooler, const char *words,
                 int code, const char *part)
{
    struct tool_run run = tool_run(pooler, words);
    if (run.exit_code != code || strstr(run.output, part) == NULL) {
        case_fail(file, line,
                  "flaskredisctl %s: exit code %d, expected %d, with \"%s\" in its output:\n%s",
                  words, run.exit_code, code, part, run.output);
    }
}
