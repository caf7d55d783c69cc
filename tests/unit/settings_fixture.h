/* What the suites about the configuration share: a file, loaded again and again, and the problems
 * of the last load. */
#ifndef TESTS_UNIT_SETTINGS_FIXTURE_H
#define TESTS_UNIT_SETTINGS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/settings.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

#define ENVIRONMENT_MAX 6
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct problems problems;

static inline const char *config_path(void)
{
    return case_path("test.conf");
}

static inline void write_bytes(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "w");
    EXPECT(file != NULL);
    EXPECT(fwrite(bytes, 1, len, file) == len);
    EXPECT(fclose(file) == 0);
}

static inline void forget_problems(void *what)
{
    problems_finish(what);
}

/* Load this file, or none. */
static inline struct settings *load_file(const char *path, char *const environment[])
{
    problems_finish(&problems);
    case_defer(forget_problems, &problems);
    return settings_load(path, environment, &problems);
}

static inline struct settings *load_with(const char *text, char *const environment[])
{
    if (!text) {
        return load_file(NULL, environment);
    }
    write_bytes(config_path(), text, strlen(text));
    return load_file(config_path(), environment);
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
    EXPECT(settings != NULL);
    EXPECT_NUMBER(problems.count, 0);
    return settings;
}

static inline const struct prefix_settings *prefix_of(const struct settings *settings,
                                                      const char *name)
{
    const struct prefix_settings *prefix = settings_prefix(settings, name);
    EXPECT(prefix != NULL);
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
        EXPECT(as_said);
        settings_free(settings);
    }
}
#define EXPECT_BAD(rows) expect_bad(rows, COUNT(rows))

#endif
