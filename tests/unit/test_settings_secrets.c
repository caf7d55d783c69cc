/* Passwords in files of their own, and in the credentials of a service. */
#include <sys/stat.h>

#include "tests/unit/settings_fixture.h"

static const char *secret_path(void)
{
    return case_path("secret");
}

static void write_secret(const char *bytes, size_t len)
{
    write_bytes(secret_path(), bytes, len);
}

/* The variable by which a service is told where its credentials are. */
static char *credentials_variable(void)
{
    char *variable = case_alloc(128);
    snprintf(variable, 128, "CREDENTIALS_DIRECTORY=%s", case_dir());
    return variable;
}

/* A configuration whose last value is the secret's path. */
static struct settings *load_secret(const char *config)
{
    char text[512];
    snprintf(text, sizeof(text), "%s%s\n", config, secret_path());
    return load(text);
}

static void a_password_comes_from_a_file(void)
{
    write_secret("pa ss:w,ord\n", 12);
    struct settings *settings = load_secret("[REDIS]\nurl = redis://me@h:1\npassword_file = ");
    EXPECT(settings != NULL);
    EXPECT_STRING(settings->prefixes[0].server.password, "pa ss:w,ord");
    EXPECT_STRING(settings->prefixes[0].server.user, "me");
    EXPECT_STRING(settings->prefixes[0].url, "redis://h:1");
    settings_free(settings);
}

static void a_bare_name_is_a_credential(void)
{
    char *environment[] = {credentials_variable(), NULL};
    write_secret("hunter2", 7);
    struct settings *settings = load_good("[REDIS]\npassword_file = secret\n", environment);
    EXPECT_STRING(settings->prefixes[0].server.password, "hunter2");
    settings_free(settings);
}

static void users_come_from_a_file_too(void)
{
    static const char users[] = "me:p%2Cw\r\nyou:other, \nall:secret\n";
    write_secret(users, sizeof(users) - 1);
    struct settings *settings =
        load_secret("[REDIS]\nauth = check\nusers = first:one\nusers_file = ");
    EXPECT(settings != NULL);
    const struct prefix_settings *redis = &settings->prefixes[0];
    EXPECT_NUMBER(redis->user_count, 4);
    EXPECT_STRING(redis->user_entries[0].name, "first");
    EXPECT_STRING(redis->user_entries[1].password, "p,w");
    EXPECT_STRING(redis->user_entries[3].name, "all");
    EXPECT_NUMBER(redis->users.count, 0);
    settings_free(settings);
}

static void what_cannot_be_used_is_told(void)
{
    char *const credentials = credentials_variable();
    const struct bad rows[] = {
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
        EXPECT(load_secret("[REDIS]\npassword_file = ") == NULL);
        EXPECT(some_problem_says(rows[i].says));
    }
    char large[5000];
    memset(large, 'x', sizeof(large));
    write_secret(large, sizeof(large));
    EXPECT(load_secret("[REDIS]\npassword_file = ") == NULL);
    EXPECT(some_problem_says("is larger than a secret may be"));
    EXPECT(!some_problem_says("xxx"));
    write_secret("hunter2", 7);
    EXPECT(load_secret("[REDIS]\nauth = check\nusers_file = ") == NULL);
    EXPECT(some_problem_says("entry 1 is not name:password"));
    EXPECT(!some_problem_says("hunter2"));
    write_secret("  ,\n", 4);
    EXPECT(load_secret("[REDIS]\nauth = check\nusers_file = ") == NULL);
    EXPECT(some_problem_says("needs at least one user"));
}

static const struct test_case cases[] = {
    {"a password comes from a file", a_password_comes_from_a_file},
    {"a bare name is a credential", a_bare_name_is_a_credential},
    {"users come from a file too", users_come_from_a_file_too},
    {"what cannot be used is told", what_cannot_be_used_is_told},
    {"what is no secret is told, without showing it", what_is_no_secret_is_told_without_showing_it},
};

SUITE_MAIN("settings_secrets", cases)
