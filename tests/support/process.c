/* fork and exec with the care tests need: a child never outlives its test, and every wait ends. */
#include "tests/support/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/suite.h"

enum {
    PATIENCE_MS = 5000,
    SLOW_FACTOR = 10,
    SLOW_SLACK_FACTOR = 5,
    POLL_US = 1000,
    WALK_FDS = 16
};

static char *directory; /* the running case's, NULL before it asked for one */

bool is_slow(void)
{
    return getenv("TEST_SLOW") != NULL;
}

int64_t patience_ms(void)
{
    return is_slow() ? PATIENCE_MS * SLOW_FACTOR : PATIENCE_MS;
}

int64_t slack_ms(int64_t ms)
{
    return is_slow() ? ms * SLOW_SLACK_FACTOR : ms;
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool wait_until(bool (*condition)(void *context), void *context, int64_t timeout_ms)
{
    int64_t deadline = now_ms() + timeout_ms;
    while (!condition(context)) {
        if (now_ms() >= deadline) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = POLL_US * 1000}, NULL);
    }
    return true;
}

struct growth {
    int64_t (*count)(void *context);
    void *context;
    int64_t before, goal;
};

static bool has_grown(void *what)
{
    struct growth *growth = what;
    int64_t now = growth->count(growth->context);
    bool is_more = now > growth->before;
    growth->before = now;
    return is_more || now >= growth->goal;
}

bool wait_for_count(int64_t (*count)(void *context), void *context, int64_t goal)
{
    struct growth growth = {count, context, count(context), goal};
    while (growth.before < goal) {
        if (!wait_until(has_grown, &growth, patience_ms())) {
            return false;
        }
    }
    return true;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static void remove_directory(void *path)
{
    nftw(path, remove_entry, WALK_FDS, FTW_DEPTH | FTW_PHYS);
    free(path);
    directory = NULL;
}

const char *case_dir(void)
{
    if (directory != NULL) {
        return directory;
    }
    const char *base = getenv("TMPDIR");
    char template[256];
    snprintf(template, sizeof(template), "%s/frt-XXXXXX", base == NULL ? "/tmp" : base);
    if (mkdtemp(template) == NULL) {
        FAIL("directory %s: cannot be made: %s", template, strerror(errno));
    }
    directory = strdup(template);
    case_defer(remove_directory, directory);
    return directory;
}

char *case_path(const char *format, ...)
{
    struct bytes path = {0};
    char name[128];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    bytes_printf(&path, "%s/%s", case_dir(), name);
    case_defer(free, path.data);
    return path.data;
}

char *file_text(const char *path)
{
    struct bytes text = {0};
    char part[4096];
    FILE *file = fopen(path, "r");
    bytes_add_text(&text, "");
    while (file != NULL) {
        size_t len = fread(part, 1, sizeof(part), file);
        bytes_add(&text, part, len);
        if (len < sizeof(part)) {
            fclose(file);
            file = NULL;
        }
    }
    case_defer(free, text.data);
    return text.data;
}

void file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        FAIL("file %s: cannot be written: %s", path, strerror(errno));
    }
}

struct preparation {
    void (*prepare)(void *context);
    void *context;
};

static void become(char *const argv[], const char *log_path, pid_t parent,
                   const struct preparation *preparation)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(126); /* the test ended before the line above */
    }
    signal(SIGPIPE, SIG_DFL);
    int null_fd = open("/dev/null", O_RDONLY);
    int log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(null_fd, STDIN_FILENO);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    if (preparation->prepare != NULL) {
        preparation->prepare(preparation->context);
    }
    execvp(argv[0], argv);
    fprintf(stderr, "%s: cannot be started: %s\n", argv[0], strerror(errno));
    _exit(127);
}

void process_start(struct process *process, char *const argv[], const char *log_path)
{
    process_start_prepared(process, argv, log_path, NULL, NULL);
}

void process_start_prepared(struct process *process, char *const argv[], const char *log_path,
                            void (*prepare)(void *context), void *context)
{
    const struct preparation preparation = {prepare, context};
    pid_t parent = getpid();
    *process = (struct process){.pid = fork()};
    if (process->pid < 0) {
        FAIL("%s: cannot fork: %s", argv[0], strerror(errno));
    }
    if (process->pid == 0) {
        become(argv, log_path, parent, &preparation);
    }
    setpgid(process->pid, process->pid); /* whoever comes first, so that signals find the group */
}

void process_signal(struct process *process, int signal_number)
{
    if (process->pid > 0) {
        kill(-process->pid, signal_number);
    }
}

void process_freeze(struct process *process)
{
    siginfo_t stopped;
    process_signal(process, SIGSTOP);
    waitid(P_PID, (id_t)process->pid, &stopped, WSTOPPED);
}

void process_thaw(struct process *process)
{
    process_signal(process, SIGCONT);
}

bool process_has_ended(struct process *process)
{
    if (process->pid > 0 && waitpid(process->pid, &process->status, WNOHANG) == process->pid) {
        process->pid = 0;
    }
    return process->pid == 0;
}

static bool has_ended(void *process)
{
    return process_has_ended(process);
}

bool process_wait(struct process *process, int64_t timeout_ms)
{
    return wait_until(has_ended, process, timeout_ms);
}

void process_kill(struct process *process)
{
    if (process->pid > 0) {
        process_signal(process, SIGKILL);
        waitpid(process->pid, &process->status, 0);
        process->pid = 0;
    }
}

/* --- threads ---------------------------------------------------------------------------------- */

static pid_t held; /* 0: none */

/* The number of the thread with this name; 0: there is none. */
static pid_t find_thread(const struct process *process, const char *name)
{
    char path[64];
    struct dirent *entry;
    pid_t found = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
    DIR *tasks = opendir(path);
    while (tasks != NULL && found == 0 && (entry = readdir(tasks)) != NULL) {
        char comm_path[512];
        snprintf(comm_path, sizeof(comm_path), "%s/%s/comm", path, entry->d_name);
        const char *comm = entry->d_name[0] == '.' ? "" : file_text(comm_path);
        bool is_it = strncmp(comm, name, strlen(name)) == 0 && comm[strlen(name)] == '\n';
        found = is_it ? atoi(entry->d_name) : 0;
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return found;
}

bool process_hold_thread(const struct process *process, const char *name)
{
    pid_t thread = find_thread(process, name);
    if (thread == 0) {
        FAIL("process %d has no thread \"%s\"", (int)process->pid, name);
    }
    if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0) {
        return false;
    }
    held = thread;
    ptrace(PTRACE_INTERRUPT, thread, 0, 0);
    return waitpid(thread, NULL, __WALL) == thread;
}

void process_release_thread(void)
{
    if (held != 0) {
        ptrace(PTRACE_DETACH, held, 0, 0);
        held = 0;
    }
}

int64_t process_memory(const struct process *process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)process->pid);
    const char *line = strstr(file_text(path), "Anonymous:");
    if (line == NULL) {
        FAIL("%s: no line \"Anonymous:\"", path);
    }
    return strtoll(line + strlen("Anonymous:"), NULL, 10) * 1024;
}

/* The number behind "field:" in a text; fails without. */
static int64_t number_behind(const char *path, const char *text, const char *field)
{
    char name[64];
    snprintf(name, sizeof(name), "%s:", field);
    const char *line = strstr(text, name);
    if (line == NULL) {
        FAIL("%s: no line \"%s\"", path, name);
    }
    return strtoll(line + strlen(name), NULL, 10);
}

int64_t process_status(const struct process *process, const char *field)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)process->pid);
    return number_behind(path, file_text(path), field);
}

/* A mapping's first line begins with its addresses, the lines below it with a capital. */
int64_t process_mapped(pid_t pid, const char *name, const char *field)
{
    char path[64], line[1024];
    int64_t kib = 0;
    bool is_it = false;
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    FILE *file = fopen(path, "re");
    EXPECT(file != NULL);
    while (fgets(line, sizeof(line), file) != NULL) {
        size_t len = strlen(field);
        if (line[0] < 'A' || line[0] > 'Z') {
            is_it = strstr(line, name) != NULL;
        } else if (is_it && strncmp(line, field, len) == 0 && line[len] == ':') {
            kib += strtoll(line + len + 1, NULL, 10);
        }
    }
    fclose(file);
    return kib * 1024;
}

static void add_effort(struct effort *effort, int pid, const char *thread)
{
    char path[512];
    snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid, thread);
    effort->run_ns += strtoll(file_text(path), NULL, 10);
    snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, thread);
    effort->sleeps += number_behind(path, file_text(path), "\nvoluntary_ctxt_switches");
    effort->threads++;
}

struct effort process_effort(const struct process *process)
{
    struct effort effort = {0};
    char path[64];
    struct dirent *entry;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)process->pid);
    DIR *tasks = opendir(path);
    EXPECT(tasks != NULL);
    while ((entry = readdir(tasks)) != NULL) {
        if (entry->d_name[0] != '.') {
            add_effort(&effort, (int)process->pid, entry->d_name);
        }
    }
    closedir(tasks);
    return effort;
}

bool process_memory_is_bare(const struct process *process)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)process->pid);
    long long pages = strtoll(file_text(path), NULL, 10);
    return getenv("DAEMON_WRAPPER") == NULL && pages < (1LL << 40) / 4096;
}

void allow_many_descriptors(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
