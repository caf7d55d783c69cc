/* config check, by the daemon's own program; config show, by the daemon that runs. */
#include "client/ctl/ctl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the daemon is, seen from this program: in the build tree, installed. */
static const char *const places[] = {"flaskredisd", "../sbin/flaskredisd"};

static const char *find_program(void)
{
    const char *named = getenv("FLASKREDISD");
    if (named != NULL) {
        return named;
    }
    static char path[512];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 32);
    while (len > 0 && path[len - 1] != '/') {
        len--;
    }
    for (size_t i = 0; len > 0 && i < sizeof places / sizeof places[0]; i++) {
        snprintf(path + len, sizeof path - (size_t)len, "%s", places[i]);
        if (access(path, X_OK) == 0) {
            return path;
        }
    }
    return "flaskredisd"; /* by PATH */
}

static int run_check(const char *file)
{
    const char *program = find_program();
    char *const with[] = {(char *)(uintptr_t)program, "--check", "-c", (char *)(uintptr_t)file,
                          NULL};
    char *const without[] = {(char *)(uintptr_t)program, "--check", NULL};
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execvp(program, file == NULL ? without : with);
        fprintf(stderr, "flaskredisctl: %s: %s (FLASKREDISD in the environment names another)\n",
                program, strerror(errno));
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) ||
        WEXITSTATUS(status) == 127) {
        return CTL_NO_DAEMON;
    }
    return WEXITSTATUS(status) == 0 ? CTL_OK : CTL_NOT_WELL;
}

static int show(struct ctl *ctl)
{
    char *topic[] = {"config", ctl->count > 1 ? ctl->words[1] : NULL};
    struct ctl inner = *ctl;
    inner.words = topic;
    inner.count = ctl->count;
    int outcome = ctl_show(&inner);
    ctl->context = inner.context;
    return outcome;
}

int ctl_config(struct ctl *ctl)
{
    if (strcmp(ctl->words[0], "check") == 0) {
        return run_check(ctl->count > 1 ? ctl->words[1] : NULL);
    }
    if (strcmp(ctl->words[0], "show") == 0) {
        return show(ctl);
    }
    fputs("flaskredisctl: config check [FILE] or config show [SECTION]\n", stderr);
    return CTL_USAGE;
}
