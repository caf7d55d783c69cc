/* The configuration: files, environment and defaults into structs; what a reload cannot change; the
 * sample and the help. */
#include "daemon/settings.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/settings_parts.h"
#include "tests/unit/settings_fixture.h"

#ifndef SOURCE_ROOT
#define SOURCE_ROOT "."
#endif

/* Good configurations. */

static void without_file_and_environment_there_is_redis_at_its_defaults(void)
{
    struct settings *settings = load_good(NULL, NULL);
    const struct prefix_settings *redis = prefix_of(settings, "REDIS");
    EXPECT_NUMBER(settings->prefix_count, 1);
    EXPECT_STRING(redis->server.host, "localhost");
    EXPECT_NUMBER(redis->server.port, 6379);
    EXPECT_NUMBER(redis->server.db, 0);
    EXPECT_NUMBER(redis->socket_mode, 0660);
    EXPECT_NUMBER(redis->auth, AUTH_UPSTREAM);
    EXPECT_NUMBER(redis->large_request, 65536);
    EXPECT_NUMBER(redis->retry_reads, false);
    EXPECT(!redis->tcp.wanted);
    EXPECT_NUMBER(redis->deny.count, 0);
    EXPECT(redis->deny.items[0] == NULL);
    EXPECT_STRING(settings->daemon.runtime_dir, "/run/flaskredis");
    EXPECT_NUMBER(settings->daemon.memory_max, 1 << 30);
    EXPECT_NUMBER(settings->daemon.log_level, LOG_LEVEL_INFO);
    EXPECT(settings_prefix(settings, "CACHE") == NULL);
    settings_free(settings);
}

static void every_type_of_value_is_read(void)
{
    struct settings *settings = load_good("[flaskredisd]\n"
                                          "workers = 4\n"
                                          "log_level = debug ; a comment\n"
                                          "memory_max = 2MB\n"
                                          "[CACHE]\n"
                                          "url = unix:///run/redis.sock?db=3\n"
                                          "socket_mode = 600\n"
                                          "auth = passthrough\n"
                                          "deny = FLUSHALL, client|kill script\n"
                                          "lease_wait_ms = 0\n"
                                          "on_loss = close\n"
                                          "retry_reads = yes\n"
                                          "loading = wait\n"
                                          "large_request = 128kb\n"
                                          "bulk_max = 1gb\n"
                                          "reply_limit = 65536\n",
                                          NULL);
    const struct prefix_settings *cache = prefix_of(settings, "CACHE");
    EXPECT_NUMBER(settings->prefix_count, 1);
    EXPECT_NUMBER(settings->daemon.workers, 4);
    EXPECT_NUMBER(settings->daemon.log_level, LOG_LEVEL_DEBUG);
    EXPECT_NUMBER(settings->daemon.memory_max, 2 << 20);
    EXPECT_NUMBER(cache->server.scheme, FR_URL_UNIX);
    EXPECT_NUMBER(cache->server.db, 3);
    EXPECT_NUMBER(cache->socket_mode, 0600);
    EXPECT_NUMBER(cache->auth, AUTH_PASSTHROUGH);
    EXPECT_NUMBER(cache->deny.count, 3);
    EXPECT_STRING(cache->deny.items[0], "flushall");
    EXPECT_STRING(cache->deny.items[1], "client|kill");
    EXPECT_STRING(cache->deny.items[2], "script");
    EXPECT(cache->deny.items[3] == NULL);
    EXPECT_NUMBER(cache->lease_wait_ms, 0);
    EXPECT_NUMBER(cache->on_loss, LOSS_CLOSE);
    EXPECT_NUMBER(cache->retry_reads, true);
    EXPECT_NUMBER(cache->loading, LOADING_WAIT);
    EXPECT_NUMBER(cache->large_request, 128 << 10);
    EXPECT_NUMBER(cache->bulk_max, 1 << 30);
    EXPECT_NUMBER(cache->reply_limit, 65536);
    settings_free(settings);
}

static void a_file_may_have_a_byte_order_mark_crlf_colons_and_indentation(void)
{
    struct settings *settings = load_good("\xef\xbb\xbf[flaskredisd] ; the daemon\r\n"
                                          "  workers: 2\r\n"
                                          "\r\n"
                                          "# [REDIS]\r\n"
                                          "[A_1]\r\n"
                                          "leases=7",
                                          NULL);
    const struct prefix_settings *prefix = prefix_of(settings, "A_1");
    EXPECT_NUMBER(settings->daemon.workers, 2);
    EXPECT_NUMBER(prefix->leases, 7);
    settings_free(settings);
}

static void a_list_goes_on_in_lines_that_begin_with_a_blank(void)
{
    struct settings *settings = load_good("[REDIS]\n"
                                          "deny = get,\n"
                                          "    set\n"
                                          "\tdel incr\n"
                                          "leases = 3\n",
                                          NULL);
    const struct prefix_settings *redis = prefix_of(settings, "REDIS");
    EXPECT_NUMBER(redis->deny.count, 4);
    EXPECT_STRING(redis->deny.items[3], "incr");
    EXPECT_NUMBER(redis->leases, 3);
    settings_free(settings);
}

static void a_prefix_name_may_have_64_characters(void)
{
    char text[128], name[65];
    memset(name, 'X', 64);
    name[64] = '\0';
    snprintf(text, sizeof(text), "[flaskredisd]\nruntime_dir=/run\n[%s]\n", name);
    struct settings *settings = load_good(text, NULL);
    EXPECT(settings_prefix(settings, name) != NULL);
    settings_free(settings);
}

static void prefixes_come_in_the_order_of_the_file_then_of_names(void)
{
    static const char *const want[] = {"ZEBRA", "APE", "BEAR", "CAT"};
    char *environment[] = {"CAT_URL=redis://c", "APE_URL=redis://a", "BEAR_URL=unix:///b",
                           "PATH=/bin", NULL};
    struct settings *settings = load_good("[ZEBRA]\n[APE]\n", environment);
    EXPECT_NUMBER(settings->prefix_count, COUNT(want));
    for (size_t i = 0; i < COUNT(want); i++) {
        EXPECT_STRING(settings->prefixes[i].name, want[i]);
    }
    settings_free(settings);
}

static void the_environment_wins_over_the_file(void)
{
    char *environment[] = {"CACHE_URL=redis://:pw@db2:7000/4", "FLASKREDIS_RUNTIME_DIR=/tmp/x",
                           NULL};
    struct settings *settings = load_good("[flaskredisd]\nruntime_dir = /run/other\n"
                                          "[CACHE]\nurl = redis://db1\nleases = 5\n",
                                          environment);
    const struct prefix_settings *cache = prefix_of(settings, "CACHE");
    EXPECT_NUMBER(settings->prefix_count, 1);
    EXPECT_STRING(settings->daemon.runtime_dir, "/tmp/x");
    EXPECT_STRING(cache->server.host, "db2");
    EXPECT_STRING(cache->server.password, "pw");
    EXPECT_NUMBER(cache->server.db, 4);
    EXPECT_NUMBER(cache->leases, 5);
    settings_free(settings);
}

static void variables_that_are_no_redis_url_make_no_prefix(void)
{
    char *environment[] = {"DATABASE_URL=postgres://db",
                           "HOME_URL=http://redis://",
                           "REDIS=redis://",
                           "X_URL=",
                           "URL=redis://x",
                           NULL};
    struct settings *settings = load_good(NULL, environment);
    EXPECT_NUMBER(settings->prefix_count, 1);
    EXPECT_STRING(settings->prefixes[0].name, "REDIS");
    settings_free(settings);
}

static void a_variable_makes_a_prefix_and_replaces_the_default_one(void)
{
    char *environment[] = {"SESSION_URL=redis://db1/2", NULL};
    struct settings *settings = load_good(NULL, environment);
    EXPECT_NUMBER(settings->prefix_count, 1);
    EXPECT_STRING(settings->prefixes[0].name, "SESSION");
    EXPECT_NUMBER(settings->prefixes[0].server.db, 2);
    EXPECT_NUMBER(settings->prefixes[0].leases, 32);
    settings_free(settings);
}

static void times_in_the_url_win_over_the_settings(void)
{
    struct settings *settings =
        load_good("[REDIS]\n"
                  "url = redis://h?socket_timeout=0.5&health_check_interval=0\n"
                  "command_ms = 9\nconnect_ms = 8\nheartbeat_ms = 7\n",
                  NULL);
    const struct prefix_settings *redis = prefix_of(settings, "REDIS");
    EXPECT_NUMBER(redis->command_ms, 500);
    EXPECT_NUMBER(redis->connect_ms, 8);
    EXPECT_NUMBER(redis->heartbeat_ms, 0);
    settings_free(settings);
}

static void the_url_is_kept_without_user_and_password(void)
{
    struct settings *settings = load_good("[REDIS]\nurl = redis://me:hunter2@h:1/2\n", NULL);
    EXPECT_STRING(settings->prefixes[0].url, "redis://h:1");
    EXPECT_STRING(settings->prefixes[0].server.user, "me");
    EXPECT_STRING(settings->prefixes[0].server.password, "hunter2");
    settings_free(settings);
}

static void users_are_decoded_and_kept_in_one_place(void)
{
    struct settings *settings = load_good("[REDIS]\nauth = check\n"
                                          "users = me:p%2Cw%20x, %41da:a:b\n"
                                          "    default:secret\n",
                                          NULL);
    const struct prefix_settings *redis = &settings->prefixes[0];
    EXPECT_NUMBER(redis->user_count, 3);
    EXPECT_STRING(redis->user_entries[0].name, "me");
    EXPECT_STRING(redis->user_entries[0].password, "p,w x");
    EXPECT_STRING(redis->user_entries[1].name, "Ada");
    EXPECT_STRING(redis->user_entries[1].password, "a:b");
    EXPECT_STRING(redis->user_entries[2].name, "default");
    EXPECT_NUMBER(redis->users.count, 0);
    settings_free(settings);
}

static void listen_takes_numeric_addresses(void)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        {"[R]\nlisten = tcp://127.0.0.1:6400\n", "127.0.0.1", 6400},
        {"[R]\nlisten = tcp://127.1.2.3:1\n", "127.1.2.3", 1},
        {"[R]\nlisten = tcp://[::1]:65535\n", "::1", 65535},
        {"[R]\nlisten = tcp://[::ffff:127.0.0.1]:7\n", "::ffff:127.0.0.1", 7},
        {"[R]\nlisten = tcp://0.0.0.0:6400\nauth = check\nusers = a:b\n", "0.0.0.0", 6400},
        {"[R]\nlisten = tcp://[2001:db8::1]:9\nauth = check\nusers = a:b\n", "2001:db8::1", 9},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct settings *settings = load_good(rows[i].text, NULL);
        const struct tcp_listen *tcp = &settings->prefixes[0].tcp;
        EXPECT(tcp->wanted);
        EXPECT_STRING(tcp->host, rows[i].host);
        EXPECT_NUMBER(tcp->port, rows[i].port);
        settings_free(settings);
    }
}

/* Comparing. */

typedef void (*comparison)(const struct settings *running, const struct settings *fresh,
                           struct problems *lines);

static void expect_differences(comparison compare, const char *one, const char *other,
                               const char *const *says, size_t count)
{
    struct settings *running = load_good(one, NULL);
    struct settings *fresh = load_good(other, NULL);
    compare(running, fresh, &problems);
    EXPECT_NUMBER(problems.count, count);
    for (size_t i = 0; i < count; i++) {
        EXPECT(some_problem_says(says[i]));
        if (!some_problem_says(says[i])) {
            print_problems(says[i]);
        }
    }
    EXPECT(!some_problem_says("hunter"));
    settings_free(running);
    settings_free(fresh);
}

static void a_reload_tells_what_it_cannot_change(void)
{
    static const char *const says[] = {
        "section [flaskredisd], setting \"workers\": changed, which needs a restart",
        "section [flaskredisd], setting \"runtime_dir\": changed, which needs a restart",
        "section [A], setting \"mock_memory\": changed, which needs a restart",
    };
    expect_differences(settings_compare, "[flaskredisd]\nworkers = 1\n[A]\nurl = mock://\n[B]\n",
                       "[flaskredisd]\nworkers = 2\nruntime_dir = /tmp\n[A]\nurl = mock://\n"
                       "mock_memory = 1mb\n[D]\nmock_memory = 2mb\n",
                       says, COUNT(says));
}

static void a_reload_tells_what_it_changes_with_both_values(void)
{
    static const char *const says[] = {
        "section [flaskredisd], setting \"log_level\": info -> debug",
        "section [client_pools], setting \"leases\": 5 -> 32",
        "section [flaskredisd], setting \"client_urls\": h, *.i -> any",
        "section [A], setting \"url\": redis://h:6379 -> redis://h2:6379",
        "section [A], setting \"socket_mode\": 0660 -> 0600",
        "section [A], setting \"reply_limit\": 64mb -> 1gb",
        "section [A], setting \"deny\": get, set -> (empty)",
        "section [B], setting \"users\": changed (1 -> 2)",
        "section [B], setting \"listen\": (empty) -> tcp://[::1]:7",
        "section [C]: removed (redis://localhost:6379)",
        "section [D]: added (unix:///run/x)",
    };
    expect_differences(
        settings_tell_changes,
        "[flaskredisd]\nclient_urls = h *.i\n[client_pools]\nleases = 5\n"
        "[A]\nurl = redis://h\ndeny = GET SET\n[B]\nauth = check\n"
        "users = a:hunter2\n[C]\n",
        "[flaskredisd]\nlog_level = debug\nclient_urls = any\n[D]\nurl = unix://x:hunter4@/run/x\n"
        "[A]\nurl = redis://h2\nsocket_mode = 600\nreply_limit = 1gb\n"
        "[B]\nauth = check\nusers = a:hunter22, b:hunter3\nlisten = tcp://[::1]:7\n",
        says, COUNT(says));
}

static void a_reload_notices_what_a_url_hides(void)
{
    static const char *const says[] = {
        "section [A], setting \"url\": user or password changed",
        "section [B], setting \"url\": user or password changed",
        "section [C], setting \"url\": database 1 -> 2",
        "section [D], setting \"url\": client_name changed",
    };
    expect_differences(settings_tell_changes,
                       "[A]\nurl = redis://:hunter2@\n[B]\nurl = redis://a:hunter1@\n"
                       "[C]\nurl = redis://h/1\n[D]\n",
                       "[A]\nurl = redis://:hunter3@\n[B]\nurl = redis://b:hunter1@\n"
                       "[C]\nurl = redis://h/2\n[D]\nurl = "
                       "redis://localhost?client_name=hunter\n",
                       says, COUNT(says));
}

static void the_same_server_is_the_same_login_and_database(void)
{
    static const struct {
        const char *one, *other;
        bool is_same;
    } rows[] = {
        {"redis://h", "redis://h:6379/0?socket_timeout=3", true},
        {"redis://h", "redis://h/1", false},
        {"redis://h", "redis://:x@h", false},
        {"redis://:x@h", "redis://:y@h", false},
        {"redis://h", "unix:///h", false},
        {"mock://a", "mock://b", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char one[100], other[100];
        snprintf(one, sizeof one, "[A]\nurl = %s\n", rows[i].one);
        snprintf(other, sizeof other, "[A]\nurl = %s\n", rows[i].other);
        struct settings *before = load_good(one, NULL), *after = load_good(other, NULL);
        EXPECT_NUMBER(settings_same_server(&before->prefixes[0], &after->prefixes[0]),
                      rows[i].is_same);
        settings_free(before);
        settings_free(after);
    }
}

static void nothing_is_told_of_what_is_the_same(void)
{
    static const char same[] = "[A]\nleases = 2\nauth = check\nusers = a:b\n[B]\ndeny = get\n";
    expect_differences(settings_tell_changes, same, same, NULL, 0);
    expect_differences(settings_compare, same, same, NULL, 0);
}

/* The sample and the help. */

static char *sample_path(const char *name, char *to, size_t cap)
{
    const char *root = getenv("SOURCE_ROOT");
    snprintf(to, cap, "%s/config/%s", root ? root : SOURCE_ROOT, name);
    return to;
}

static struct settings *load_sample(const char *name)
{
    char path[512];
    problems_finish(&problems);
    struct settings *settings =
        settings_load(sample_path(name, path, sizeof(path)), NULL, &problems);
    if (!settings) {
        print_problems(path);
    }
    EXPECT(settings != NULL);
    return settings;
}

static void expect_same_rows(const struct setting_table *table, const void *one, const void *other)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct setting_row *row = &table->rows[i];
        bool same = value_is_same(row, row_value_const(row, one), row_value_const(row, other));
        if (!same) {
            printf("\n    \"%s\" is not at its default", row->name);
        }
        EXPECT(same);
    }
}

static void the_sample_configuration_is_the_defaults(void)
{
    struct settings *sample = load_sample("flaskredis.conf");
    struct settings *defaults = load_good(NULL, NULL);
    EXPECT_NUMBER(sample->prefix_count, 1);
    EXPECT_STRING(sample->prefixes[0].name, "REDIS");
    expect_same_rows(&daemon_table, &sample->daemon, &defaults->daemon);
    expect_same_rows(&prefix_table, &sample->prefixes[0], &defaults->prefixes[0]);
    EXPECT_NUMBER(sample->prefixes[0].server.db, 0);
    settings_free(sample);
    settings_free(defaults);
}

static int sample_names[DAEMON_ROW_COUNT + PREFIX_ROW_COUNT];

static void count_sample_line(const char *line, bool in_prefix)
{
    char name[64] = "";
    const struct setting_table *table = in_prefix ? &prefix_table : &daemon_table;
    if (sscanf(line, "%63[a-z_]", name) != 1) {
        return;
    }
    const struct setting_row *row = table_find(table, name);
    EXPECT(row != NULL);
    sample_names[(in_prefix ? DAEMON_ROW_COUNT : 0) + (row - table->rows)]++;
    size_t name_len = strlen(row->name), default_len = strlen(row->default_text);
    EXPECT(strncmp(line + name_len, " =", 2) == 0);
    EXPECT(default_len == 0 || strncmp(line + name_len + 3, row->default_text, default_len) == 0);
}

static void the_sample_configuration_names_every_setting_once(void)
{
    char path[512], line[512];
    bool in_prefix = false;
    FILE *file = fopen(sample_path("flaskredis.conf", path, sizeof(path)), "r");
    EXPECT(file != NULL);
    memset(sample_names, 0, sizeof(sample_names));
    while (fgets(line, sizeof(line), file)) {
        in_prefix = in_prefix || strncmp(line, "[REDIS]", 7) == 0;
        count_sample_line(line, in_prefix);
    }
    fclose(file);
    for (size_t i = 0; i < COUNT(sample_names); i++) {
        EXPECT_NUMBER(sample_names[i], 1);
    }
}

static void the_development_configuration_has_two_databases_of_one_server(void)
{
    struct settings *settings = load_sample("flaskredis-dev.conf");
    EXPECT_STRING(settings->daemon.runtime_dir, "build/run");
    EXPECT_NUMBER(settings->prefix_count, 2);
    EXPECT_STRING(settings->prefixes[0].name, "REDIS");
    EXPECT_NUMBER(settings->prefixes[0].server.db, 0);
    EXPECT_STRING(settings->prefixes[1].name, "CACHE");
    EXPECT_NUMBER(settings->prefixes[1].server.db, 1);
    settings_free(settings);
}

static void expect_help_of(const struct setting_table *table, const char *help)
{
    for (size_t i = 0; i < table->count; i++) {
        char start[64];
        snprintf(start, sizeof(start), "\n  %s ", table->rows[i].name);
        const char *found = strstr(help, start);
        EXPECT(found != NULL);
        EXPECT(strstr(found + 1, start) == NULL);
        EXPECT(strstr(found, table->rows[i].default_text) != NULL);
    }
}

static void the_help_names_every_setting_and_ends_with_the_environment(void)
{
    char *help = NULL;
    size_t len;
    FILE *to = open_memstream(&help, &len);
    EXPECT(to != NULL);
    settings_help(to);
    EXPECT_NUMBER(fclose(to), 0);
    expect_help_of(&daemon_table, help);
    expect_help_of(&prefix_table, help);
    const char *environment = strstr(help, "Environment variables:");
    EXPECT(environment != NULL);
    EXPECT(strstr(environment, "PREFIX_URL") != NULL);
    EXPECT(strstr(environment, "FLASKREDIS_RUNTIME_DIR") != NULL);
    for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n")) {
        EXPECT(strlen(line) <= 112);
    }
    free(help);
}

static const struct test_case cases[] = {
    {"without file and environment there is REDIS at its defaults",
     without_file_and_environment_there_is_redis_at_its_defaults},
    {"every type of value is read", every_type_of_value_is_read},
    {"a file may have a byte order mark, CRLF, colons and indentation",
     a_file_may_have_a_byte_order_mark_crlf_colons_and_indentation},
    {"a list goes on in lines that begin with a blank",
     a_list_goes_on_in_lines_that_begin_with_a_blank},
    {"a prefix name may have 64 characters", a_prefix_name_may_have_64_characters},
    {"prefixes come in the order of the file, then of names",
     prefixes_come_in_the_order_of_the_file_then_of_names},
    {"the environment wins over the file", the_environment_wins_over_the_file},
    {"variables that are no Redis URL make no prefix",
     variables_that_are_no_redis_url_make_no_prefix},
    {"a variable makes a prefix and replaces the default one",
     a_variable_makes_a_prefix_and_replaces_the_default_one},
    {"times in the URL win over the settings", times_in_the_url_win_over_the_settings},
    {"the URL is kept without user and password", the_url_is_kept_without_user_and_password},
    {"users are decoded and kept in one place", users_are_decoded_and_kept_in_one_place},
    {"listen takes numeric addresses", listen_takes_numeric_addresses},
    {"a reload tells what it cannot change", a_reload_tells_what_it_cannot_change},
    {"a reload tells what it changes with both values",
     a_reload_tells_what_it_changes_with_both_values},
    {"a reload notices what a URL hides", a_reload_notices_what_a_url_hides},
    {"the same server is the same login and database",
     the_same_server_is_the_same_login_and_database},
    {"nothing is told of what is the same", nothing_is_told_of_what_is_the_same},
    {"the sample configuration is the defaults", the_sample_configuration_is_the_defaults},
    {"the sample configuration names every setting once",
     the_sample_configuration_names_every_setting_once},
    {"the development configuration has two databases of one server",
     the_development_configuration_has_two_databases_of_one_server},
    {"the help names every setting and ends with the environment",
     the_help_names_every_setting_and_ends_with_the_environment},
};

SUITE_MAIN("settings", cases)
