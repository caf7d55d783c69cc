/* Children of a test that run a function of it, beside each other and beside the test, which stops
 * them, lets them go on and kills them. What they say they write into memory they share with it.
 *
 * A child has none of the expectations of suite.h, which are the test's: it writes what is wrong
 * into its own text, and ends. It dies with the test. */
#ifndef TESTS_SUPPORT_CHILDREN_H
#define TESTS_SUPPORT_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: none */
    bool is_stopped;
};

/* Memory, all zero, that is the same in the test and the children it starts from now on; until the
 * case ends. */
void *children_share(size_t len);

/* Fork and run(context), after which the child has ended with status 0. It is killed when the case
 * ends: until then the struct must be there. */
void child_start(struct child *child, void (*run)(void *context), void *context);

/* Nothing happens to one that has been stopped, goes on, or is no more. */
void child_stop(struct child *child);
void child_go_on(struct child *child);

/* End it for certain (SIGKILL). */
void child_kill(struct child *child);

/* Wait until it has ended by itself, with status 0; false: not in time, or otherwise. */
bool child_wait(struct child *child);

/* The running child has found something wrong: it says so in its text and ends. Only the first
 * text counts. */
_Noreturn void child_fail(char *text, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
