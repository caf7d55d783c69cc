/* What the suites about the configuration share: a directory with one file, loaded again and again,
 * and the problems of the last load. */
#ifndef TESTS_UNIT_SETTINGS_FIXTURE_H
#define TESTS_UNIT_SETTINGS_FIXTURE_H

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/settings.h"

#define ENVIRONMENT_MAX 6
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char directory[64];
static char file_path[96];
static struct problems problems;

static inline int make_directory(void)
{
    const char *root = getenv("TMPDIR");
    snprintf(directory, sizeof(directory), "%.40s/settings-XXXXXX", root ? root : "/tmp");
    if (!mkdtemp(directory)) {
        return -1;
    }
    snprintf(file_path, sizeof(file_path), "%s/test.conf", directory);
    return 0;
}

static inline int remove_directory(void)
{
    problems_finish(&problems);
    unlink(file_path);
    return rmdir(directory);
}

static inline void write_bytes(const char *bytes, size_t len)
{
    FILE *file = fopen(file_path, "w");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_FATAL(fwrite(bytes, 1, len, file) == len);
    CU_ASSERT_FATAL(fclose(file) == 0);
}

static inline struct settings *load_with(const char *text, char *const environment[])
{
    problems_finish(&problems);
    if (!text) {
        return settings_load(NULL, environment, &problems);
    }
    write_bytes(text, strlen(text));
    return settings_load(file_path, environment, &problems);
}

static inline struct settings *load(const char *text)
{
    return load_with(text, NULL);
}

static inline void print_problems(const char *text)
{
    printf("\n    problems of %s:", text ? text : "(no file)");
    for (size_t i = 0; i < problems.count; i++) {
        printf("\n      %s", problems.lines[i]);
    }
}

static inline struct settings *load_good(const char *text, char *const environment[])
{
    struct settings *settings = load_with(text, environment);
    if (!settings) {
        print_problems(text);
    }
    CU_ASSERT_FATAL(settings != NULL);
    CU_ASSERT_EQUAL(problems.count, 0);
    return settings;
}

/* CUnit leaves a case by longjmp, which static analysis cannot see. */
static inline void need(bool holds)
{
    CU_ASSERT_FATAL(holds);
    if (!holds) {
        abort();
    }
}

static inline const struct prefix_settings *prefix_of(const struct settings *settings,
                                                      const char *name)
{
    const struct prefix_settings *prefix = settings_prefix(settings, name);
    need(prefix != NULL);
    return prefix;
}

static inline bool some_problem_says(const char *says)
{
    for (size_t i = 0; i < problems.count; i++) {
        if (strstr(problems.lines[i], says)) {
            return true;
        }
    }
    return false;
}

struct bad {
    const char *text;
    const char *says; /* part of the only problem */
    char *environment[ENVIRONMENT_MAX];
};

static inline void expect_bad(const struct bad *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct settings *settings = load_with(rows[i].text, rows[i].environment);
        bool as_said = !settings && problems.count == 1 && some_problem_says(rows[i].says);
        if (!as_said) {
            print_problems(rows[i].text);
            printf("\n      want only: %s", rows[i].says);
        }
        CU_ASSERT(as_said);
        settings_free(settings);
    }
}
#define EXPECT_BAD(rows) expect_bad(rows, COUNT(rows))

#define CASE(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static inline int run_suites(CU_SuiteInfo *suites)
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

#endif
