/* Configurations that are refused, and how that is said. */
#include "daemon/settings.h"

#include <ctype.h>
#include <string.h>

#include "tests/unit/settings_fixture.h"

static void a_problem_names_file_line_section_and_setting(void)
{
    char want[256];
    EXPECT(load("[CACHE]\n\nleases = many\n") == NULL);
    snprintf(want, sizeof(want),
             "%s:3: section [CACHE], setting \"leases\": is not a whole number (digits only)",
             config_path());
    EXPECT_NUMBER(problems.count, 1);
    EXPECT_STRING(problems.lines[0], want);
}

static void a_problem_of_the_environment_names_the_variable(void)
{
    char *environment[] = {"CACHE_URL=redis://h:0", NULL};
    EXPECT(load_with("[CACHE]\nurl = redis://h\n", environment) == NULL);
    EXPECT_NUMBER(problems.count, 1);
    EXPECT_STRING(problems.lines[0],
                  "environment variable CACHE_URL: section [CACHE], setting \"url\": port "
                  "is not a number from 1 to 65535");
}

static void all_problems_are_told_at_once(void)
{
    static const char *const says[] = {
        ":2: section [flaskredisd], setting \"workers\": is out of range (1 to 64)",
        ":3: neither a [SECTION] nor a setting",
        ":4: unknown section (a prefix is written in capitals: [CACHE])",
        ":5: section [cache], setting \"leases\": is out of range",
        ":7: section [REDIS], setting \"lease\": unknown (did you mean \"leases\"?)",
        ":8: section [REDIS], setting \"auth\": check needs at least one user",
        ":9: section [REDIS], setting \"deny\": unknown command \"gett\"",
        ":10: section [REDIS], setting \"url\": scheme is unknown",
    };
    char *environment[] = {"flaskredisd_URL=redis://", NULL};
    EXPECT(load_with("[flaskredisd]\nworkers = 65\nnonsense\n[cache]\nleases = 0\n"
                     "[REDIS]\nlease = 1\nauth = check\ndeny = gett\nurl = mysql://\n",
                     environment) == NULL);
    for (size_t i = 0; i < COUNT(says); i++) {
        EXPECT(some_problem_says(says[i]));
    }
    EXPECT(some_problem_says("environment variable flaskredisd_URL: "));
    EXPECT_NUMBER(problems.count, COUNT(says) + 1);
    if (problems.count != COUNT(says) + 1) {
        print_problems("all");
    }
}

static void a_file_that_cannot_be_read_is_a_problem(void)
{
    problems_finish(&problems);
    EXPECT(settings_load("/nonexistent/x.conf", NULL, &problems) == NULL);
    EXPECT(some_problem_says("/nonexistent/x.conf: cannot be read: No such file"));
    problems_finish(&problems);
    EXPECT(load_file(case_dir(), NULL) == NULL);
    EXPECT(some_problem_says(": cannot be read: Is a directory"));
    EXPECT_NUMBER(problems.count, 1);
}

static void lines_that_are_no_settings_are_problems(void)
{
    static const struct bad rows[] = {
        {"[REDIS]\nleases\n", ":2: neither", {0}},
        {"[REDIS]\nleases 3", ":2: neither", {0}},
        {"[REDIS]\nleases ; = 3\n", ":2: neither", {0}},
        {"leases = 3\n[REDIS]\n", ":1: a setting before the first [SECTION]", {0}},
        {"[REDIS\n", ":1: a section's heading without ']'", {0}},
        {"[REDIS] leases = 3\n", ":1: text behind a section's heading", {0}},
        {"[REDIS]\nleases = 3\n  [CACHE]\n", ":3: a section's heading that does not start", {0}},
        {"[REDIS]\nleases = 3\n  sticky_max = 4\n",
         ":3: section [REDIS], setting \"leases\": goes on",
         {0}},
        {"[REDIS]\n= 3\n", ":2: section [REDIS]: not a setting's name", {0}},
        {"[REDIS]\na b c = 3\n", ":2: section [REDIS]: not a setting's name", {0}},
    };
    EXPECT_BAD(rows);
}

static void a_line_with_a_nul_byte_is_a_problem(void)
{
    static const char text[] = "[REDIS]\nleases = 3\0 4\n";
    problems_finish(&problems);
    write_bytes(config_path(), text, sizeof(text) - 1);
    EXPECT(load_file(config_path(), NULL) == NULL);
    EXPECT_NUMBER(problems.count, 1);
    EXPECT(some_problem_says(":2: a NUL byte in the line"));
}

static void a_line_too_long_for_the_reader_is_a_problem_unless_a_comment(void)
{
    char text[20100] = "# ";
    memset(text + 2, 'x', 20000);
    strcat(text, "\n");
    settings_free(load_good(text, NULL));
    memcpy(text, "users = ", 8);
    char whole[20200];
    snprintf(whole, sizeof(whole), "[REDIS]\n%s", text);
    EXPECT(load(whole) == NULL);
    EXPECT_NUMBER(problems.count, 1);
    EXPECT(some_problem_says(":2: the line is longer than "));
}

static void a_section_that_is_none_is_refused(void)
{
    static const struct bad rows[] = {
        {"[cache]\n", "written in capitals: [CACHE]", {0}},
        {"[Cache_2]\n", "written in capitals: [CACHE_2]", {0}},
        {"[]\n", "not a section's name", {0}},
        {"[1CACHE]\n", "not a section's name", {0}},
        {"[_CACHE]\n", "not a section's name", {0}},
        {"[MY CACHE]\n", "not a section's name", {0}},
        {"[MY-CACHE]\n", "not a section's name", {0}},
        {"[../X]\n", "not a section's name", {0}},
        {"[FLASKREDISD]\n", "the daemon's own (write [flaskredisd])", {0}},
        {"[Flaskredisd]\n", "the daemon's own (write [flaskredisd])", {0}},
        {"[CLIENT_POOLS]\n", "the daemon's own (write [client_pools])", {0}},
        {"[CACHE]\n[REDIS]\n[CACHE]\n", ":3: section [CACHE] appears again (first in line 1)", {0}},
        {"[flaskredisd]\n[flaskredisd]\n", ":2: section [flaskredisd] appears again", {0}},
        {"[flaskredisd]\nruntime_dir = /run\n"
         "[ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM]\n",
         "more than 64 characters",
         {0}},
    };
    EXPECT_BAD(rows);
}

static void a_setting_that_is_none_is_refused_with_a_hint(void)
{
    static const struct bad rows[] = {
        {"[REDIS]\nleasses = 3\n", "setting \"leasses\": unknown (did you mean \"leases\"?)", {0}},
        {"[REDIS]\nLeases = 3\n", "setting \"Leases\": unknown (did you mean \"leases\"?)", {0}},
        {"[REDIS]\nlease_wait = 3\n", "(did you mean \"lease_wait_ms\"?)", {0}},
        {"[REDIS]\nworkers = 3\n", "setting \"workers\": belongs to section [flaskredisd]", {0}},
        {"[flaskredisd]\nurl = x\n", "setting \"url\": belongs to a prefix' section", {0}},
        {"[REDIS]\nbanana_split = 3\n", "unknown (flaskredisd --help-config lists all)", {0}},
        {"[REDIS]\nleases = 3\n\nleases = 4\n",
         ":4: section [REDIS], setting \"leases\": appears "
         "again (first in line 2)",
         {0}},
    };
    EXPECT_BAD(rows);
}

static void a_value_out_of_its_type_or_range_is_refused(void)
{
    static const struct bad rows[] = {
        {"[REDIS]\nleases =\n", "is not a whole number", {0}},
        {"[REDIS]\nleases = 0\n", "is out of range (1 to 100000)", {0}},
        {"[REDIS]\nleases = 100001\n", "is out of range (1 to 100000)", {0}},
        {"[REDIS]\nleases = -1\n", "is not a whole number", {0}},
        {"[REDIS]\nleases = 1.5\n", "is not a whole number", {0}},
        {"[REDIS]\nleases = 99999999999999999999999\n", "is out of range", {0}},
        {"[REDIS]\ncommand_ms = 5s\n", "is not a whole number of milliseconds", {0}},
        {"[REDIS]\nbulk_max = 1k\n", "is not a size", {0}},
        {"[REDIS]\nbulk_max = mb\n", "is not a size", {0}},
        {"[REDIS]\nbulk_max = 512 mb\n", "is not a size", {0}},
        {"[REDIS]\nbulk_max = 1023\n", "is out of range (1kb to 1024gb)", {0}},
        {"[REDIS]\nreply_limit = 9223372036854775807gb\n", "beyond all bounds", {0}},
        {"[REDIS]\nreply_limit = 1\n", "is out of range (64kb or more)", {0}},
        {"[REDIS]\nretry_reads = true\n", "is not one of its words (no or yes)", {0}},
        {"[REDIS]\nauth = Check\n", "(upstream, ignore, check or passthrough)", {0}},
        {"[REDIS]\non_loss =\n", "(error or close)", {0}},
        {"[flaskredisd]\nlog_level = verbose\n", "(error, warning, notice, info or debug)", {0}},
        {"[REDIS]\nsocket_mode = 0888\n", "is not a file mode", {0}},
        {"[REDIS]\nsocket_mode = rw\n", "is not a file mode", {0}},
        {"[REDIS]\nsocket_mode = 01777\n", "is out of range (0000 to 0777)", {0}},
        {"[flaskredisd]\nruntime_dir =\n", "setting \"runtime_dir\": is empty", {0}},
    };
    EXPECT_BAD(rows);
}

static void values_that_do_not_fit_together_are_refused(void)
{
    static const struct bad rows[] = {
        {"[R]\nauth = check\n", ":2: section [R], setting \"auth\": check needs", {0}},
        {"[R]\nusers = a:b\n", "setting \"users\": would have no effect without", {0}},
        {"[R]\nauth = check\nusers = a:b a:c\n", "entry 2 has a name an earlier", {0}},
        {"[R]\nauth = check\nusers = a\n", "entry 1 is not name:password", {0}},
        {"[R]\nauth = check\nusers = a:b :c\n", "entry 2 has no name", {0}},
        {"[R]\nauth = check\nusers = a:\n", "entry 1 has no password", {0}},
        {"[R]\nauth = check\nusers = a:b@c\n", "must be percent-encoded", {0}},
        {"[R]\nauth = check\nusers = a:b%zz\n", "entry 1 password has a '%'", {0}},
        {"[R]\nlisten = tcp://0.0.0.0:7\n", "which needs \"auth\" = check", {0}},
        {"[R]\nlisten = tcp://[::]:7\nauth = ignore\n", "which needs \"auth\" = check", {0}},
        {"[R]\nlisten = tcp://10.0.0.1:7\n", "which needs \"auth\" = check", {0}},
        {"[R]\nlisten = 127.0.0.1:7\n", "does not begin with tcp://", {0}},
        {"[R]\nlisten = tcp://localhost:7\n", "has no numeric address", {0}},
        {"[R]\nlisten = tcp://:7\n", "has no numeric address", {0}},
        {"[R]\nlisten = tcp://::1:7\n", "without brackets", {0}},
        {"[R]\nlisten = tcp://127.0.0.1\n", "has no port", {0}},
        {"[R]\nlisten = tcp://127.0.0.1:0\n", "has no port", {0}},
        {"[R]\nlisten = tcp://127.0.0.1:65536\n", "has no port", {0}},
        {"[R]\nlisten = tcp://127.0.0.1:7\n[S]\nlisten = tcp://127.0.0.1:7\n",
         ":4: section [S], setting \"listen\": is the same as for prefix R",
         {0}},
        {"[R]\ndeny = get nosuch\n", "unknown command \"nosuch\"", {0}},
        {"[R]\nallow = client|nosuch\n",
         "setting \"allow\": unknown command \"client|nosuch\"",
         {0}},
        {"[R]\nallow = g=t\n", "entry 1 is not a command's name", {0}},
        {"[R]\ndeny = get\nallow = GET\n", "command \"get\" is in \"deny\", too", {0}},
        {"[R]\nsocket_owner = no-such-user-here\n", "there is no such user", {0}},
        {"[R]\nsocket_group = no-such-group-here\n", "there is no such group", {0}},
        {"[R]\nurl = rediss://h\n",
         ":2: section [R], setting \"url\": TLS is not built in yet",
         {0}},
        {"[R]\nurl =\n", "scheme is unknown", {0}},
        {"[flaskredisd]\nclient_urls =\n", "setting \"client_urls\": is empty (write off)", {0}},
        {"[flaskredisd]\nclient_urls = any h\n", "setting \"client_urls\": any stands alone", {0}},
        {"[flaskredisd]\nclient_urls = h redis://:hunter2@h\n", "entry 2 is not a host", {0}},
        {"[client_pools]\nurl = redis://h\n",
         ":2: section [client_pools], setting \"url\": has no meaning for pools on URLs of clients",
         {0}},
        {"[client_pools]\nauth = check\n", "setting \"auth\": has no meaning for pools", {0}},
        {"[client_pools]\nworkers = 2\n", "setting \"workers\": belongs to section", {0}},
        {"[client_pools]\ndeny = nosuch\n", "unknown command \"nosuch\"", {0}},
        {"[client_pools]\n[client_pools]\n", "appears again (first in line 1)", {0}},
        {"[R]\nurl = redis://?socket_connect_timeout=0\n",
         "its \"socket_connect_timeout\", as \"connect_ms\", is out of range (1 to 3600000)",
         {0}},
    };
    EXPECT_BAD(rows);
}

static void a_variable_that_cannot_be_a_prefix_is_refused(void)
{
    static const struct bad rows[] = {
        {NULL,
         "environment variable FLASKREDISD_URL: this prefix' name is the daemon's own",
         {"FLASKREDISD_URL=redis://"}},
        {NULL,
         "environment variable CLIENT_POOLS_URL: this prefix' name is the daemon's own",
         {"CLIENT_POOLS_URL=redis://"}},
        {NULL, "environment variable cache_URL: not a prefix' name", {"cache_URL=redis://h"}},
        {NULL, "environment variable _URL: not a prefix' name", {"_URL=redis://h"}},
        {NULL,
         "environment variable FLASKREDIS_RUNTIME_DIR: section [flaskredisd], setting "
         "\"runtime_dir\": is empty",
         {"FLASKREDIS_RUNTIME_DIR="}},
        {NULL,
         "environment variable X_URL: section [X], setting \"url\": TLS is not built in",
         {"X_URL=rediss://h"}},
        {"[X]\n",
         "environment variable X_URL: section [X], setting \"url\": scheme is unknown",
         {"X_URL="}},
        {"[X]\n",
         "environment variable X_URL: section [X], setting \"url\": scheme is unknown",
         {"X_URL=postgres://h"}},
    };
    EXPECT_BAD(rows);
}

static void a_socket_path_must_fit_the_systems_limit(void)
{
    char text[256], dir[128];
    memset(dir, 'd', sizeof(dir));
    dir[0] = '/';
    dir[90] = '\0'; /* 90 + strlen("/flaskredisd.sock") is 107 */
    snprintf(text, sizeof(text), "[flaskredisd]\nruntime_dir = %s\n[R]\n", dir);
    settings_free(load_good(text, NULL));
    snprintf(text, sizeof(text), "[flaskredisd]\nruntime_dir = %s\n[TWELVELETTER]\n", dir);
    EXPECT(load(text) == NULL);
    EXPECT_NUMBER(problems.count, 1);
    EXPECT(some_problem_says(":2: section [flaskredisd], setting \"runtime_dir\": the socket's "
                             "path of prefix TWELVELETTER would be 108 bytes long (at most 107"));
    snprintf(text, sizeof(text), "[flaskredisd]\nruntime_dir = %s\n[ELEVENLETTR]\n", dir);
    settings_free(load_good(text, NULL));
}

static void problems_never_hold_a_password(void)
{
    static const struct bad rows[] = {
        {"[R]\nurl = redis://:hunter2@h:0\n", "", {0}},
        {"[R]\nurl redis://:hunter2@h\n", "", {0}},
        {"[R]\nurl = rediss://:hunter2@h\n", "", {0}},
        {"[R]\nredis://:hunter2@h = x\n", "", {0}},
        {"[R]\nusers hunter2 = x\n", "", {0}},
        {"[R]\nuser:hunter2\n", "", {0}},
        {"[R]\nusers = a:hunter2\n", "", {0}},
        {"[R]\nauth = check\nusers = hunter2\n", "", {0}},
        {"[R]\nauth = check\nusers = :hunter2\n", "", {0}},
        {"[R]\nauth = check\nusers = a:hunter2%\n", "", {0}},
        {"[R]\nauth = check\nusers = a:hunter2 a:hunter2\n", "", {0}},
        {"[R]\nauth = hunter2\n", "", {0}},
        {"[R]\nleases = hunter2\n", "", {0}},
        {"[R]\nlisten = hunter2\n", "", {0}},
        {"[R]\nsocket_owner = hunter2\n", "", {0}},
        {"[R]\nurl = redis://\n  :hunter2@h\n", "", {0}},
        {NULL, "", {"R_URL=redis://:hunter2@h:x"}},
        {NULL, "", {"R_URL=rediss://:hunter2@h"}},
        {"[R]\n", "", {"R_URL=:hunter2@h"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        EXPECT(load_with(rows[i].text, rows[i].environment) == NULL);
        EXPECT(problems.count > 0);
        if (some_problem_says("hunter2")) {
            print_problems(rows[i].text);
        }
        EXPECT(!some_problem_says("hunter2"));
    }
}

static void a_problem_is_one_printable_line(void)
{
    char *environment[] = {"a\nb_URL=redis://", NULL};
    EXPECT(load_with("[\x01 x]\nleases = \x02\n", environment) == NULL);
    EXPECT_NUMBER(problems.count, 3);
    for (size_t i = 0; i < problems.count; i++) {
        for (const char *c = problems.lines[i]; *c; c++) {
            EXPECT(!iscntrl((unsigned char)*c));
        }
    }
}

static const struct test_case cases[] = {
    {"a problem names file, line, section and setting",
     a_problem_names_file_line_section_and_setting},
    {"a problem of the environment names the variable",
     a_problem_of_the_environment_names_the_variable},
    {"all problems are told at once", all_problems_are_told_at_once},
    {"a file that cannot be read is a problem", a_file_that_cannot_be_read_is_a_problem},
    {"lines that are no settings are problems", lines_that_are_no_settings_are_problems},
    {"a line with a NUL byte is a problem", a_line_with_a_nul_byte_is_a_problem},
    {"a line too long for the reader is a problem, unless a comment",
     a_line_too_long_for_the_reader_is_a_problem_unless_a_comment},
    {"a section that is none is refused", a_section_that_is_none_is_refused},
    {"a setting that is none is refused with a hint",
     a_setting_that_is_none_is_refused_with_a_hint},
    {"a value out of its type or range is refused", a_value_out_of_its_type_or_range_is_refused},
    {"values that do not fit together are refused", values_that_do_not_fit_together_are_refused},
    {"a variable that cannot be a prefix is refused",
     a_variable_that_cannot_be_a_prefix_is_refused},
    {"a socket path must fit the system's limit", a_socket_path_must_fit_the_systems_limit},
    {"problems never hold a password", problems_never_hold_a_password},
    {"a problem is one printable line", a_problem_is_one_printable_line},
};

SUITE_MAIN("settings_problems", cases)
