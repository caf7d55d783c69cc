/* A suite of cases: a table of sentences and functions, run by CUnit, one process for each suite.
 *
 *     static const struct test_case cases[] = {
 *         {"a session's SELECT does not move another session", select_is_private},
 *     };
 *     SUITE_MAIN("state", cases)
 *
 * The first argument of the executable, if any, runs only the cases whose sentence contains it. A
 * failed expectation ends its case at once and prints both sides; what the case had opened is
 * released by what it gave to case_defer. A skipped case is named in the summary. The exit status
 * is 0 only when something ran and nothing failed. */
#ifndef TESTS_SUPPORT_SUITE_H
#define TESTS_SUPPORT_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/bytes.h"

struct test_case {
    const char *sentence;
    void (*run)(void);
};

int suite_main(const char *name, const struct test_case *cases, size_t count, int argc,
               char **argv);

#define SUITE_MAIN(name, cases)                                                                    \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return suite_main(name, cases, sizeof(cases) / sizeof((cases)[0]), argc, argv);            \
    }

/* Have release(what) called when the running case ends, however it ends; the last one given is the
 * first one called. */
void case_defer(void (*release)(void *what), void *what);

/* malloc and free's zeroed sibling: freed when the case ends. */
void *case_alloc(size_t size);

/* Have this descriptor closed when the case ends. */
void case_close(int fd);

/* Whether an expectation of the running case has failed. */
bool case_has_failed(void);

/* Name the running case in the summary as skipped, and why. The case returns afterwards. */
void case_skip(const char *reason);

/* End the running case as failed. Only on the thread that runs it, not while it is released. */
_Noreturn void case_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Record a failure and go on: for what is noticed while a case is released. */
void case_note_failure(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The expectations. Each ends the case when it does not hold. */
#define FAIL(...) case_fail(__FILE__, __LINE__, __VA_ARGS__)

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            FAIL("does not hold: %s", #condition);                                                 \
        }                                                                                          \
    } while (0)

#define EXPECT_NUMBER(actual, expected)                                                            \
    expect_between(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(expected),            \
                   (int64_t)(expected))

/* least <= actual <= most */
#define EXPECT_BETWEEN(actual, least, most)                                                        \
    expect_between(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(least),               \
                   (int64_t)(most))

/* Both are the same text. */
#define EXPECT_STRING(actual, expected) expect_string(__FILE__, __LINE__, #actual, actual, expected)

/* text contains part */
#define EXPECT_HAS(text, part) expect_has(__FILE__, __LINE__, text, part)

/* text does not contain part */
#define EXPECT_LACKS(text, part) expect_lacks(__FILE__, __LINE__, text, part)

void expect_between(const char *file, int line, const char *what, int64_t actual, int64_t least,
                    int64_t most);
void expect_string(const char *file, int line, const char *what, const char *actual,
                   const char *expected);
void expect_has(const char *file, int line, const char *text, const char *part);
void expect_lacks(const char *file, int line, const char *text, const char *part);

/* about says what the bytes are, for the message. */
void expect_bytes(const char *file, int line, const char *about, const void *actual,
                  size_t actual_len, const void *expected, size_t expected_len);

#endif
