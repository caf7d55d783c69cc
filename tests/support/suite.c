/* Runs a table of cases under CUnit's basic interface. What a case defers rests on a stack that the
 * suite's tear-down function empties, so a case that ends in the middle leaves nothing behind. */
#include "tests/support/suite.h"

#include <CUnit/Basic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct deferred {
    void (*release)(void *what);
    void *what;
};

static struct deferred *deferred;
static size_t deferred_count, deferred_cap;
static unsigned failures_before;
static struct bytes skipped;

void case_defer(void (*release)(void *what), void *what)
{
    if (deferred_count == deferred_cap) {
        deferred_cap = deferred_cap == 0 ? 64 : deferred_cap * 2;
        deferred = realloc(deferred, deferred_cap * sizeof(*deferred));
        if (deferred == NULL) {
            abort();
        }
    }
    deferred[deferred_count++] = (struct deferred){release, what};
}

void *case_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (memory == NULL) {
        abort();
    }
    case_defer(free, memory);
    return memory;
}

static void close_fd(void *fd)
{
    close((int)(intptr_t)fd);
}

void case_close(int fd)
{
    case_defer(close_fd, (void *)(intptr_t)fd);
}

bool case_has_failed(void)
{
    return CU_get_number_of_failure_records() > failures_before;
}

void case_skip(const char *reason)
{
    bytes_printf(&skipped, "  skipped: %s (%s)\n", CU_get_current_test()->pName, reason);
}

__attribute__((format(printf, 4, 0))) static void record(const char *file, int line, bool fatal,
                                                         const char *format, va_list args)
{
    char text[4096];
    vsnprintf(text, sizeof(text), format, args);
    CU_assertImplementation(CU_FALSE, (unsigned)line, text, file, "", fatal ? CU_TRUE : CU_FALSE);
}

void case_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(file, line, true, format, args);
    va_end(args);
    abort(); /* a fatal assertion does not come back */
}

void case_note_failure(const char *file, int line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    record(file, line, false, format, args);
    va_end(args);
}

void expect_between(const char *file, int line, const char *what, int64_t actual, int64_t least,
                    int64_t most)
{
    if (actual >= least && actual <= most) {
        return;
    }
    if (least == most) {
        case_fail(file, line, "%s: got %lld, expected %lld", what, (long long)actual,
                  (long long)least);
    }
    case_fail(file, line, "%s: got %lld, expected %lld to %lld", what, (long long)actual,
              (long long)least, (long long)most);
}

static const char *shown(const void *data, size_t len, size_t at)
{
    struct bytes text = {0};
    bytes_show(&text, data, len, at);
    case_defer(free, text.data);
    return text.data;
}

void expect_string(const char *file, int line, const char *what, const char *actual,
                   const char *expected)
{
    if (actual == NULL || strcmp(actual, expected) != 0) {
        case_fail(file, line, "%s: got \"%s\", expected \"%s\"", what,
                  actual == NULL ? "(NULL)" : actual, expected);
    }
}

void expect_has(const char *file, int line, const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        case_fail(file, line, "got %s, expected it to contain %s", shown(text, strlen(text), 0),
                  shown(part, strlen(part), 0));
    }
}

void expect_lacks(const char *file, int line, const char *text, const char *part)
{
    const char *found = strstr(text, part);
    if (found != NULL) {
        case_fail(file, line, "got %s, expected it not to contain %s",
                  shown(text, strlen(text), (size_t)(found - text)), shown(part, strlen(part), 0));
    }
}

static size_t first_difference(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t i = 0;
    while (i < a_len && i < b_len && a[i] == b[i]) {
        i++;
    }
    return i;
}

void expect_bytes(const char *file, int line, const char *about, const void *actual,
                  size_t actual_len, const void *expected, size_t expected_len)
{
    if (actual_len == expected_len &&
        (actual_len == 0 || memcmp(actual, expected, actual_len) == 0)) {
        return;
    }
    size_t at = first_difference(actual, actual_len, expected, expected_len);
    case_fail(file, line, "%s: at byte %zu\n         got      %s\n         expected %s", about, at,
              shown(actual, actual_len, at), shown(expected, expected_len, at));
}

static void begin_case(void)
{
    failures_before = CU_get_number_of_failure_records();
}

static void end_case(void)
{
    while (deferred_count > 0) {
        struct deferred last = deferred[--deferred_count];
        last.release(last.what);
    }
}

static bool add_cases(CU_pSuite suite, const struct test_case *cases, size_t count,
                      const char *wanted)
{
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        if (wanted == NULL || strstr(cases[i].sentence, wanted) != NULL) {
            added += CU_add_test(suite, cases[i].sentence, cases[i].run) != NULL;
        }
    }
    return added > 0;
}

static int finish(int status)
{
    if (skipped.len > 0) {
        printf("\n%s", skipped.data);
    }
    bytes_finish(&skipped);
    free(deferred);
    CU_cleanup_registry();
    return status;
}

int suite_main(const char *name, const struct test_case *cases, size_t count, int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (CU_initialize_registry() != CUE_SUCCESS) {
        return EXIT_FAILURE;
    }
    CU_pSuite suite = CU_add_suite_with_setup_and_teardown(name, NULL, NULL, begin_case, end_case);
    if (suite == NULL || !add_cases(suite, cases, count, argc > 1 ? argv[1] : NULL)) {
        fprintf(stderr, "%s: no case to run\n", name);
        return finish(EXIT_FAILURE);
    }
    CU_basic_set_mode(CU_BRM_VERBOSE);
    if (CU_basic_run_tests() != CUE_SUCCESS || CU_get_number_of_failure_records() > 0) {
        return finish(EXIT_FAILURE);
    }
    return finish(EXIT_SUCCESS);
}
