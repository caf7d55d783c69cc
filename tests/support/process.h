/* Children, deadlines and temporary directories of the tests. */
#ifndef TESTS_SUPPORT_PROCESS_H
#define TESTS_SUPPORT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether TEST_SLOW is set, for machines and wrappers that are slow: sanitizers, valgrind. What
 * only repeats or grows may then be less. */
bool is_slow(void);

/* Longest wait for anything that should happen at once, ten times as long where it is slow. */
int64_t patience_ms(void);

/* How much later than it should something may come, where ms are usual: more where it is slow. */
int64_t slack_ms(int64_t ms);

/* Milliseconds of the monotonic clock. */
int64_t now_ms(void);

/* Ask condition(context) again and again until it is true (returns true) or timeout_ms have passed
 * (false). */
bool wait_until(bool (*condition)(void *context), void *context, int64_t timeout_ms);

/* Wait until count(context) has come to goal, however long that takes, as long as it grows: false
 * when it has not for patience_ms(). */
bool wait_for_count(int64_t (*count)(void *context), void *context, int64_t goal);

/* The running case's own directory, made when first asked for and removed with all in it when the
 * case ends. Its path is short enough for socket addresses. */
const char *case_dir(void);

/* A file's path in it: printf-like, freed when the case ends. */
char *case_path(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Read a whole file as text, freed when the case ends. A file that is not there is empty. */
char *file_text(const char *path);

/* Write a whole file or fail the case. */
void file_write(const char *path, const char *text);

/* A child in a process group of its own that dies with the test. */
struct process {
    pid_t pid;  /* 0: not running */
    int status; /* of waitpid, once it has ended */
};

/* Start argv (found by PATH, NULL-terminated) with its standard output and error appended to
 * log_path. */
void process_start(struct process *process, char *const argv[], const char *log_path);

/* The same; in the child, just before it becomes argv, prepare(context) is called. */
void process_start_prepared(struct process *process, char *const argv[], const char *log_path,
                            void (*prepare)(void *context), void *context);

/* Let one of its threads, of this name, stand still, and go on. False: the system does not let us.
 * For the thread of the test that called first. */
bool process_hold_thread(const struct process *process, const char *name);
void process_release_thread(void);

/* Send a signal to its group. Nothing happens when it has ended. */
void process_signal(struct process *process, int signal);

/* Stop it and wait until it stands, so that whatever comes now it finds all at once when it goes
 * on.
 */
void process_freeze(struct process *process);
void process_thaw(struct process *process);

/* Whether it ended by itself by now. Reaps it. */
bool process_has_ended(struct process *process);

/* Wait for its end; false: still running after timeout_ms. */
bool process_wait(struct process *process, int64_t timeout_ms);

/* End it for certain (SIGKILL) and reap it. */
void process_kill(struct process *process);

/* Resident anonymous memory in bytes (/proc/PID/smaps_rollup): what it allocated, without the pages
 * of files it maps. */
int64_t process_memory(const struct process *process);

/* The number of such a field of /proc/PID/status, in KiB where it has a unit: "VmRSS". */
int64_t process_status(const struct process *process, const char *field);

/* Bytes of the mappings whose name contains a text, by a field of /proc/PID/smaps: "Pss". */
int64_t process_mapped(pid_t pid, const char *name, const char *field);

/* What its threads have done so far: time they ran, and how often they went to sleep. */
struct effort {
    int64_t run_ns;
    int64_t sleeps;
    int threads;
};
struct effort process_effort(const struct process *process);

/* Whether that memory is the program's own: a wrapper's is not, nor a sanitizer's, whose shadow
 * takes terabytes of addresses. */
bool process_memory_is_bare(const struct process *process);

/* Let this process and its children have as many descriptors as the system allows. */
void allow_many_descriptors(void);

#endif
