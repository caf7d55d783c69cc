/* Passwords in files of their own, and in the credentials of a service. */
#include <sys/stat.h>

#include "tests/unit/settings_fixture.h"

static char secret_path[128];
static char credentials[128];

static void write_secret(const char *bytes, size_t len)
{
    FILE *file = fopen(secret_path, "w");
    CU_ASSERT_FATAL(file != NULL);
    CU_ASSERT_FATAL(fwrite(bytes, 1, len, file) == len);
    CU_ASSERT_FATAL(fclose(file) == 0);
}

static int make_places(void)
{
    if (make_directory() != 0) {
        return -1;
    }
    snprintf(secret_path, sizeof(secret_path), "%s/secret", directory);
    snprintf(credentials, sizeof(credentials), "CREDENTIALS_DIRECTORY=%s", directory);
    return 0;
}

static int remove_places(void)
{
    unlink(secret_path);
    return remove_directory();
}

/* A configuration whose last value is the secret's path. */
static struct settings *load_secret(const char *config)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%s\n", config, secret_path);
    return load(text);
}

static void a_password_comes_from_a_file(void)
{
    write_secret("pa ss:w,ord\n", 12);
    struct settings *settings = load_secret("[REDIS]\nurl = redis://me@h:1\npassword_file = ");
    need(settings != NULL);
    CU_ASSERT_STRING_EQUAL(settings->prefixes[0].server.password, "pa ss:w,ord");
    CU_ASSERT_STRING_EQUAL(settings->prefixes[0].server.user, "me");
    CU_ASSERT_STRING_EQUAL(settings->prefixes[0].url, "redis://h:1");
    settings_free(settings);
}

static void a_bare_name_is_a_credential(void)
{
    char *environment[] = {credentials, NULL};
    write_secret("hunter2", 7);
    struct settings *settings = load_good("[REDIS]\npassword_file = secret\n", environment);
    CU_ASSERT_STRING_EQUAL(settings->prefixes[0].server.password, "hunter2");
    settings_free(settings);
}

static void users_come_from_a_file_too(void)
{
    static const char users[] = "me:p%2Cw\r\nyou:other, \nall:secret\n";
    write_secret(users, sizeof(users) - 1);
    struct settings *settings =
        load_secret("[REDIS]\nauth = check\nusers = first:one\nusers_file = ");
    need(settings != NULL);
    const struct prefix_settings *redis = &settings->prefixes[0];
    CU_ASSERT_EQUAL_FATAL(redis->user_count, 4);
    CU_ASSERT_STRING_EQUAL(redis->user_entries[0].name, "first");
    CU_ASSERT_STRING_EQUAL(redis->user_entries[1].password, "p,w");
    CU_ASSERT_STRING_EQUAL(redis->user_entries[3].name, "all");
    CU_ASSERT_EQUAL(redis->users.count, 0);
    settings_free(settings);
}

static void what_cannot_be_used_is_told(void)
{
    static const struct bad rows[] = {
        {"[REDIS]\npassword_file = secret\n",
         "\"password_file\": names a credential, and the daemon was started with none "
         "(LoadCredential=secret:FILE",
         {NULL}},
        {"[REDIS]\npassword_file = secret\n", "names a credential", {"CREDENTIALS_DIRECTORY="}},
        {"[REDIS]\npassword_file = a/secret\n", "neither a whole path nor", {NULL}},
        {"[REDIS]\npassword_file = ../secret\n", "neither a whole path nor", {credentials}},
        {"[REDIS]\npassword_file = ..\n", "no file with a secret", {credentials}},
        {"[REDIS]\npassword_file = missing\n", "/missing cannot be read: No such", {credentials}},
        {"[REDIS]\npassword_file = /dev/null\n", "no file with a secret", {NULL}},
        {"[REDIS]\npassword_file = /\n", "no file with a secret", {NULL}},
        {"[REDIS]\nurl = redis://:a@h\npassword_file = secret\n",
         "is given, and \"url\" has a password, too",
         {credentials}},
        {"[REDIS]\nauth = check\nusers_file = missing\n", "\"users_file\": ", {credentials}},
        {"[REDIS]\nusers_file = secret\n", "would have no effect", {credentials}},
    };
    write_secret("name:x", 6);
    EXPECT_BAD(rows);
}

static void what_is_no_secret_is_told_without_showing_it(void)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } rows[] = {
        {"", 0, "has nothing in it"},
        {"\n", 1, "has nothing in it"},
        {"a\0b", 3, "has a NUL byte in it"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_secret(rows[i].bytes, rows[i].len);
        CU_ASSERT_PTR_NULL(load_secret("[REDIS]\npassword_file = "));
        CU_ASSERT(some_problem_says(rows[i].says));
    }
    char large[5000];
    memset(large, 'x', sizeof(large));
    write_secret(large, sizeof(large));
    CU_ASSERT_PTR_NULL(load_secret("[REDIS]\npassword_file = "));
    CU_ASSERT(some_problem_says("is larger than a secret may be"));
    CU_ASSERT(!some_problem_says("xxx"));
    write_secret("hunter2", 7);
    CU_ASSERT_PTR_NULL(load_secret("[REDIS]\nauth = check\nusers_file = "));
    CU_ASSERT(some_problem_says("entry 1 is not name:password"));
    CU_ASSERT(!some_problem_says("hunter2"));
    write_secret("  ,\n", 4);
    CU_ASSERT_PTR_NULL(load_secret("[REDIS]\nauth = check\nusers_file = "));
    CU_ASSERT(some_problem_says("needs at least one user"));
}

static CU_TestInfo cases[] = {
    CASE(a_password_comes_from_a_file),
    CASE(a_bare_name_is_a_credential),
    CASE(users_come_from_a_file_too),
    CASE(what_cannot_be_used_is_told),
    CASE(what_is_no_secret_is_told_without_showing_it),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"secrets", make_places, remove_places, NULL, NULL, cases},
                             CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
