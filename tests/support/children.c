/* Children of a test. See children.h. */
#include "tests/support/children.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    WRONG_STATUS = 3
};

struct shared {
    void *memory;
    size_t len;
};

static void unshare_memory(void *what)
{
    struct shared *shared = what;
    munmap(shared->memory, shared->len);
}

void *children_share(size_t len)
{
    struct shared *shared = case_alloc(sizeof(*shared));
    *shared = (struct shared){
        mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), len};
    if (shared->memory == MAP_FAILED) {
        FAIL("no memory to share: %s", strerror(errno));
    }
    case_defer(unshare_memory, shared);
    return shared->memory;
}

static void release(void *child)
{
    child_kill(child);
}

void child_start(struct child *child, void (*run)(void *context), void *context)
{
    pid_t parent = getpid();
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) {
        FAIL("cannot fork: %s", strerror(errno));
    }
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent) {
            run(context);
        }
        _exit(0);
    }
    *child = (struct child){.pid = pid};
    case_defer(release, child);
}

static void signal_if(struct child *child, bool is_due, int signal_number)
{
    if (child->pid > 0 && is_due) {
        kill(child->pid, signal_number);
        child->is_stopped = signal_number == SIGSTOP;
    }
}

void child_stop(struct child *child)
{
    signal_if(child, !child->is_stopped, SIGSTOP);
}

void child_go_on(struct child *child)
{
    signal_if(child, child->is_stopped, SIGCONT);
}

void child_kill(struct child *child)
{
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
        *child = (struct child){0};
    }
}

struct waiting {
    pid_t pid;
    int status;
};

static bool has_ended(void *context)
{
    struct waiting *waiting = context;
    return waitpid(waiting->pid, &waiting->status, WNOHANG) == waiting->pid;
}

bool child_wait(struct child *child)
{
    struct waiting waiting = {.pid = child->pid};
    child_go_on(child);
    if (child->pid == 0 || !wait_until(has_ended, &waiting, patience_ms())) {
        return false;
    }
    *child = (struct child){0};
    return WIFEXITED(waiting.status) && WEXITSTATUS(waiting.status) == 0;
}

void child_fail(char *text, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (text[0] == '\0') {
        vsnprintf(text, cap, format, args);
    }
    va_end(args);
    _exit(WRONG_STATUS);
}
