/* Redis URLs: what is read, what is refused, and that no error text gives a password away. */
#include "common/url.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/suite.h"

struct good {
    const char *text;
    struct fr_url want; /* times 0 stand for "not given" */
};

#define TCP .scheme = FR_URL_TCP, .host = "localhost", .port = 6379
#define SOCKET .scheme = FR_URL_UNIX, .path = "/run/redis.sock"

static bool same_text(const char *what, const char *want, const char *got, const char *url)
{
    if ((!want && !got) || (want && got && strcmp(want, got) == 0)) {
        return true;
    }
    printf("\n    %s of %s: want %s, got %s", what, url, want ? want : "none", got ? got : "none");
    return false;
}

static bool same_number(const char *what, int64_t want, int64_t got, const char *url)
{
    if (want != got) {
        printf("\n    %s of %s: want %" PRId64 ", got %" PRId64, what, url, want, got);
    }
    return want == got;
}

static bool same_ms(const char *what, int64_t want, int64_t got, const char *url)
{
    return same_number(what, want ? want : -1, got, url);
}

static bool same_url(const struct fr_url *want, const struct fr_url *got, const char *url)
{
    bool same = same_number("scheme", want->scheme, got->scheme, url);
    same &= same_text("host", want->host, got->host, url);
    same &= same_number("port", want->port, got->port, url);
    same &= same_text("path", want->path, got->path, url);
    same &= same_text("user", want->user, got->user, url);
    same &= same_text("password", want->password, got->password, url);
    same &= same_number("db", want->db, got->db, url);
    same &= same_text("client_name", want->client_name, got->client_name, url);
    same &= same_ms("command_ms", want->command_ms, got->command_ms, url);
    same &= same_ms("connect_ms", want->connect_ms, got->connect_ms, url);
    return same & same_ms("heartbeat_ms", want->heartbeat_ms, got->heartbeat_ms, url);
}

static void expect_good(const struct good *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fr_url url;
        char error[256] = "";
        bool read = fr_url_parse(rows[i].text, &url, error, sizeof(error));
        EXPECT(read);
        if (!read) {
            printf("\n    %s: %s", rows[i].text, error);
            continue;
        }
        EXPECT(same_url(&rows[i].want, &url, rows[i].text));
        fr_url_finish(&url);
    }
}
#define EXPECT_GOOD(rows) expect_good(rows, sizeof(rows) / sizeof((rows)[0]))

struct bad {
    const char *text;
    const char *says; /* part of the error */
};

static bool is_all_zero(const struct fr_url *url)
{
    return !url->host && !url->path && !url->user && !url->password && !url->client_name &&
           url->port == 0 && url->db == 0;
}

static void expect_bad(const struct bad *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fr_url url;
        char error[256] = "";
        bool refused = !fr_url_parse(rows[i].text, &url, error, sizeof(error));
        bool named = strstr(error, rows[i].says) != NULL;
        if (!refused || !named) {
            printf("\n    %s: want \"%s\", got \"%s\"", rows[i].text, rows[i].says, error);
        }
        EXPECT(refused);
        EXPECT(named);
        EXPECT(!strchr(error, '\n'));
        EXPECT(is_all_zero(&url));
        fr_url_finish(&url);
    }
}
#define EXPECT_BAD(rows) expect_bad(rows, sizeof(rows) / sizeof((rows)[0]))

static void defaults_fill_what_is_missing(void)
{
    static const struct good rows[] = {
        {"redis://", {TCP}},
        {"redis:///", {TCP}},
        {"redis://localhost", {TCP}},
        {"redis://localhost:6379/0", {TCP}},
        {"redis:///3", {TCP, .db = 3}},
        {"redis://:6380", {.scheme = FR_URL_TCP, .host = "localhost", .port = 6380}},
        {"redis://@", {TCP}},
        {"redis://:@", {TCP}},
        {"rediss://db1", {.scheme = FR_URL_TLS, .host = "db1", .port = 6379}},
        {"unix:///run/redis.sock", {SOCKET}},
    };
    EXPECT_GOOD(rows);
}

static void hosts_are_names_ipv4_and_bracketed_ipv6(void)
{
    static const struct good rows[] = {
        {"redis://my_db-1.example.org:1/15",
         {.scheme = FR_URL_TCP, .host = "my_db-1.example.org", .port = 1, .db = 15}},
        {"redis://127.0.0.1:65535", {.scheme = FR_URL_TCP, .host = "127.0.0.1", .port = 65535}},
        {"redis://[::1]", {.scheme = FR_URL_TCP, .host = "::1", .port = 6379}},
        {"redis://u:p@[2001:db8::1]:7000/2",
         {.scheme = FR_URL_TCP,
          .host = "2001:db8::1",
          .port = 7000,
          .user = "u",
          .password = "p",
          .db = 2}},
        {"redis://[fe80::1%25eth0]", {.scheme = FR_URL_TCP, .host = "fe80::1%eth0", .port = 6379}},
        {"redis://d%62", {.scheme = FR_URL_TCP, .host = "db", .port = 6379}},
    };
    EXPECT_GOOD(rows);
}

static void credentials_are_percent_decoded(void)
{
    static const struct good rows[] = {
        {"redis://:secret@", {TCP, .password = "secret"}},
        {"redis://me:secret@localhost", {TCP, .user = "me", .password = "secret"}},
        {"redis://me:a%2Fb%40c%3a%25%3F%23@", {TCP, .user = "me", .password = "a/b@c:%?#"}},
        {"redis://me:a:b@", {TCP, .user = "me", .password = "a:b"}},
        {"redis://me:a@b@localhost", {TCP, .user = "me", .password = "a@b"}},
        {"redis://me:with%20blank+plus@", {TCP, .user = "me", .password = "with blank+plus"}},
        {"redis://%C3%A9:\xc3\xa9@", {TCP, .user = "\xc3\xa9", .password = "\xc3\xa9"}},
        {"unix://me:pw@/run/redis.sock?db=0", {SOCKET, .user = "me", .password = "pw"}},
        {"unix://:p%2Fw@/run/redis.sock", {SOCKET, .password = "p/w"}},
    };
    EXPECT_GOOD(rows);
}

static void a_user_without_password_logs_in_with_an_empty_one(void)
{
    static const struct good rows[] = {
        {"redis://me@localhost", {TCP, .user = "me", .password = ""}},
        {"redis://me:@localhost", {TCP, .user = "me", .password = ""}},
        {"redis://localhost?username=me", {TCP, .user = "me", .password = ""}},
    };
    EXPECT_GOOD(rows);
}

static void the_query_sets_database_login_name_and_times(void)
{
    static const struct good rows[] = {
        {"redis://?db=7", {TCP, .db = 7}},
        {"redis://localhost/1?db=2", {TCP, .db = 2}},
        {"unix:///run/redis.sock?db=2147483647", {SOCKET, .db = 2147483647}},
        {"redis://?username=me&password=a%26b%3Dc", {TCP, .user = "me", .password = "a&b=c"}},
        {"redis://me@?password=pw", {TCP, .user = "me", .password = "pw"}},
        {"redis://?password=a=b/c", {TCP, .password = "a=b/c"}},
        {"redis://?password=100%2541", {TCP, .password = "100%41"}},
        {"redis://?client_name=app-1", {TCP, .client_name = "app-1"}},
        {"redis://?socket_timeout=0.5&socket_connect_timeout=2&health_check_interval=30",
         {TCP, .command_ms = 500, .connect_ms = 2000, .heartbeat_ms = 30000}},
        {"redis://?socket_timeout=86400.000", {TCP, .command_ms = 86400000}},
        {"redis://?socket_timeout=1.2345", {TCP, .command_ms = 1235}},
    };
    EXPECT_GOOD(rows);
}

static void a_time_too_small_for_a_millisecond_does_not_become_none(void)
{
    static const struct good rows[] = {
        {"redis://?socket_timeout=0.0001", {TCP, .command_ms = 1}},
        {"redis://?socket_timeout=0.00000000000000000000000001", {TCP, .command_ms = 1}},
    };
    EXPECT_GOOD(rows);
}

static void a_time_of_zero_is_not_the_same_as_none_given(void)
{
    struct fr_url url;
    char error[256];
    EXPECT(fr_url_parse("redis://?socket_timeout=0", &url, error, sizeof(error)));
    EXPECT_NUMBER(url.command_ms, 0);
    EXPECT_NUMBER(url.connect_ms, -1);
    fr_url_finish(&url);
}

static void paths_of_sockets_are_percent_decoded(void)
{
    static const struct good rows[] = {
        {"unix:///run/a%20b%3F.sock", {.scheme = FR_URL_UNIX, .path = "/run/a b?.sock"}},
        {"unix:///run/a@b:c.sock", {.scheme = FR_URL_UNIX, .path = "/run/a@b:c.sock"}},
    };
    EXPECT_GOOD(rows);
}

static void an_unknown_scheme_is_refused_naming_the_known_ones(void)
{
    static const char known[] = "known: redis://, rediss://, unix://";
    static const struct bad rows[] = {
        {"", known},           {"localhost:6379", known}, {"http://localhost", known},
        {"redis:/", known},    {"REDIS://", known},       {"redis", known},
        {" redis://", known},  {"valkey://", known},      {"redis+tls://", known},
        {"unix:/run/x", known}};
    EXPECT_BAD(rows);
}

static void a_database_that_is_no_number_is_refused(void)
{
    static const struct bad rows[] = {
        {"redis://h/abc", "path is not a database number"},
        {"redis://h/-1", "path is not a database number"},
        {"redis://h/+1", "path is not a database number"},
        {"redis://h/0x1", "path is not a database number"},
        {"redis://h/%31", "path is not a database number"},
        {"redis://h/2147483648", "path is not a database number"},
        {"redis://h/99999999999999999999999999", "path is not a database number"},
        {"redis://h/1/2", "path has several parts"},
        {"redis://h/1/", "path has several parts"},
        {"redis://h//", "path has several parts"},
        {"redis://h?db=abc", "\"db\" is not a database number"},
        {"redis://h?db=", "\"db\" is not a database number"},
        {"redis://h?db=-1", "\"db\" is not a database number"},
        {"redis://h?db=1.0", "\"db\" is not a database number"},
        {"redis://h?db=18446744073709551616", "\"db\" is not a database number"},
        {"redis://h/abc?db=1", "path is not a database number"},
    };
    EXPECT_BAD(rows);
}

static void a_port_that_is_none_is_refused(void)
{
    static const struct bad rows[] = {
        {"redis://h:0", "port"},
        {"redis://h:65536", "port"},
        {"redis://h:abc", "port"},
        {"redis://h:", "port"},
        {"redis://h:-1", "port"},
        {"redis://h:6379x", "port"},
        {"redis://h:99999999999999999999", "port"},
        {"redis://[::1]:0", "port"},
        {"redis://[::1]:", "port"},
        {"redis://h:%31", "port"},
    };
    EXPECT_BAD(rows);
}

static void a_host_that_cannot_be_is_refused(void)
{
    static const struct bad rows[] = {
        {"redis://::1", "written in brackets"},
        {"redis://2001:db8::1", "written in brackets"},
        {"redis://[::1", "'[' without ']'"},
        {"redis://[]", "no IPv6 address"},
        {"redis://[127.0.0.1]", "no IPv6 address"},
        {"redis://[::1%25]", "no IPv6 address"},
        {"redis://[1:2:3:4:5:6:7:8:9:1:2:3:4:5:6:7:8:9:1:2:3:4:5:6]", "no IPv6 address"},
        {"redis://[::1]x", "between ']' and the port"},
        {"redis://h]", "no host name has"},
        {"redis://a,b", "no host name has"},
        {"redis://h%2Fx", "no host name has"},
        {"redis://\xc3\xa9", "no host name has"},
    };
    EXPECT_BAD(rows);
}

static void a_host_longer_than_any_is_refused(void)
{
    char text[400] = "redis://";
    memset(text + strlen("redis://"), 'a', 256);
    const struct bad row = {text, "host"};
    expect_bad(&row, 1);
}

static void a_socket_path_that_names_no_file_is_refused(void)
{
    static const struct bad rows[] = {
        {"unix://", "names no socket file"},
        {"unix:///", "names no socket file"},
        {"unix:///run/", "names no socket file"},
        {"unix://?db=1", "names no socket file"},
        {"unix://u:p@", "names no socket file"},
        {"unix://run/redis.sock", "path is relative"},
        {"unix://redis.sock", "path is relative"},
        {"unix://./redis.sock", "path is relative"},
        {"unix://u:p@host/redis.sock", "path is relative"},
        {"unix:///run/a%0Ab", "control character"},
    };
    EXPECT_BAD(rows);
}

static void a_socket_path_must_fit_the_systems_limit(void)
{
    char text[200] = "unix:///";
    size_t start = strlen(text);
    struct fr_url url;
    char error[256];
    memset(text + start, 'a', 106);
    bool read = fr_url_parse(text, &url, error, sizeof(error));
    EXPECT(read);
    fr_url_finish(&url);
    text[start + 106] = 'a';
    const struct bad row = {text, "longer than 107 bytes"};
    expect_bad(&row, 1);
}

static void bad_escapes_and_nul_bytes_are_refused_everywhere(void)
{
    static const struct bad rows[] = {
        {"redis://:%@h", "password has a '%'"},
        {"redis://:%4@h", "password has a '%'"},
        {"redis://:%4g@h", "password has a '%'"},
        {"redis://:%g4@h", "password has a '%'"},
        {"redis://:a%00b@h", "password has a NUL"},
        {"redis://a%00b:p@h", "user has a NUL"},
        {"redis://a%zz:p@h", "user has a '%'"},
        {"redis://a%00b", "host has a NUL"},
        {"redis://a%2", "host has a '%'"},
        {"unix:///run/%00", "path has a NUL"},
        {"unix:///run/%", "path has a '%'"},
        {"redis://?password=%00", "\"password\" has a NUL"},
        {"redis://?username=%0", "\"username\" has a '%'"},
        {"redis://?client_name=%00", "\"client_name\" has a NUL"},
    };
    EXPECT_BAD(rows);
}

static void blanks_and_control_characters_are_refused(void)
{
    static const struct bad rows[] = {
        {"redis://h ", "blank or control"},
        {"redis://h\n", "blank or control"},
        {"redis://:a b@h", "blank or control"},
        {"redis://h\x7f", "blank or control"},
        {"redis://h\t/1", "blank or control"},
        {"redis://:secret%0A@h", "password has a blank or control"},
        {"redis://m%20e:pw@h", "user has a blank or control"},
        {"redis://?client_name=a%20b", "\"client_name\" has a blank or control"},
        {"redis://h#frag", "'#'"},
        {"redis://:a#b@h", "'#'"},
    };
    EXPECT_BAD(rows);
}

static void a_query_that_cannot_be_meant_is_refused(void)
{
    static const struct bad rows[] = {
        {"redis://?", "unknown key"},
        {"redis://?db=1&", "unknown key"},
        {"redis://?DB=1", "unknown key"},
        {"redis://?database=1", "unknown key (known: db, username, password"},
        {"redis://?max_connections=5", "unknown key"},
        {"redis://?d%62=1", "unknown key"},
        {"redis://?db", "\"db\" has no value"},
        {"redis://?db=1&db=1", "\"db\" is given twice"},
        {"redis://?password=a&password=b", "\"password\" is "},
        {"redis://?socket_timeout=1&socket_timeout=2", "\"socket_timeout\" is given twice"},
        {"redis://?username=", "\"username\" is empty"},
        {"redis://?password=", "\"password\" is empty"},
        {"redis://?client_name=", "\"client_name\" is empty"},
        {"redis://me@?username=you", "\"username\" is already given"},
        {"redis://:pw@?password=pw", "\"password\" is already given"},
        {"redis://?password=a+b", "'+' is ambiguous"},
    };
    EXPECT_BAD(rows);
}

static void a_time_that_is_none_is_refused(void)
{
    static const char *const values[] = {"",    "-1",   "abc",   "1s",        "1e3",   "inf",
                                         "nan", ".5",   "5.",    ".",         "0.5.1", "0.000x",
                                         "1,5", "0x10", "86401", "86400.001", "1%30"};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[80];
        snprintf(text, sizeof(text), "redis://?socket_timeout=%s", values[i]);
        const struct bad row = {text, "\"socket_timeout\" is not a time in seconds"};
        expect_bad(&row, 1);
    }
}

static void errors_never_hold_a_piece_of_the_password(void)
{
    static const char *const broken[] = {
        "hunter2://",
        "hunter2",
        "redis:hunter2@localhost",
        "redis:// :hunter2@h",
        "redis://:hunter2",
        "redis://:hunter2/x@h:1/0",
        "redis://:x/hunter2@h:1/0",
        "redis://:x/1/hunter2@h",
        "redis://:x?hunter2@h",
        "redis://:x?hunter2=1@h",
        "redis://:x#hunter2@h",
        "redis://:hunter2%@h",
        "redis://:hunter2%00@h",
        "redis://u:hunter2@h:0",
        "redis://u:hunter2@[::1",
        "redis://[hunter2]",
        "redis://[::1]hunter2",
        "redis://hunter2!",
        "redis://u:hunter2@h/x",
        "redis://h/hunter2",
        "redis://h?password=hunter2%",
        "redis://h?password=hunter2&password=hunter2",
        "redis://h?passwort=hunter2",
        "redis://h?db=hunter2",
        "redis://h?socket_timeout=hunter2",
        "redis://u:hunter2@h?password=hunter2",
        "unix://u:hunter2@",
        "unix://hunter2@x/run/redis.sock",
        "unix://u:x/hunter2@/",
        "unix://u:hunter2/run/redis.sock",
    };
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct fr_url url;
        char error[256] = "";
        bool refused = !fr_url_parse(broken[i], &url, error, sizeof(error));
        if (!refused || strstr(error, "hunter2")) {
            printf("\n    %s: %s", broken[i], refused ? error : "not refused");
        }
        EXPECT(refused);
        EXPECT(!strstr(error, "hunter2"));
        EXPECT(error[0] != '\0');
        fr_url_finish(&url);
    }
}

static void an_error_fits_any_buffer(void)
{
    struct fr_url url;
    char error[8] = "unset";
    EXPECT(!fr_url_parse("http://", &url, error, 4));
    EXPECT_STRING(error, "sch");
    EXPECT(!fr_url_parse("http://", &url, NULL, 0));
}

static void show_leaves_user_and_password_out(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"redis://u:hunter2@db1/3", "redis://db1:6379"},
        {"redis://u:hunter2@[::1]:7/3?db=4", "redis://[::1]:7"},
        {"rediss://:hunter2@db1", "rediss://db1:6379"},
        {"unix://u:hunter2@/run/redis.sock?db=1", "unix:///run/redis.sock"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fr_url url;
        char text[256];
        EXPECT(fr_url_parse(rows[i].text, &url, text, sizeof(text)));
        EXPECT_STRING(fr_url_show(&url, text, sizeof(text)), rows[i].shown);
        EXPECT_STRING(fr_url_show(&url, text, 5), strncmp(text, "unix", 4) ? "redi" : "unix");
        fr_url_finish(&url);
    }
}

static void finish_leaves_all_zero_and_takes_null(void)
{
    struct fr_url url;
    char error[256];
    EXPECT(fr_url_parse("redis://u:p@h/1?client_name=a", &url, error, sizeof(error)));
    fr_url_finish(&url);
    EXPECT(is_all_zero(&url));
    fr_url_finish(&url);
    fr_url_finish(NULL);
}

static void what_is_written_reads_as_the_same_server(void)
{
    static const struct {
        const char *text, *written;
    } rows[] = {
        {"redis://", "redis://localhost:6379/0"},
        {"rediss://db1:7/3", "rediss://db1:7/3"},
        {"redis://[2001:db8::1]?db=15", "redis://[2001:db8::1]:6379/15"},
        {"redis://:p%40ss%3A%2F%25@h", "redis://:p%40ss%3A%2F%25@h:6379/0"},
        {"redis://joe@h", "redis://joe:@h:6379/0"},
        {"redis://j%C3%B6:%00x@h", NULL},
        {"redis://j%C3%B6e:a-._~z@h", "redis://j%C3%B6e:a-._~z@h:6379/0"},
        {"redis://h/1?client_name=x&socket_timeout=3", "redis://h:6379/1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fr_url url, again;
        char error[256];
        if (!fr_url_parse(rows[i].text, &url, error, sizeof(error))) {
            EXPECT(rows[i].written == NULL);
            continue;
        }
        char *text = fr_url_write_server(&url);
        EXPECT(text != NULL);
        EXPECT_STRING(text, rows[i].written);
        EXPECT(fr_url_parse(text, &again, error, sizeof(error)));
        EXPECT(same_text("host", url.host, again.host, text));
        EXPECT(same_text("user", url.user, again.user, text));
        EXPECT(same_text("password", url.password, again.password, text));
        EXPECT_NUMBER(url.db, again.db);
        EXPECT_NUMBER(url.port, again.port);
        fr_url_finish(&again);
        fr_url_finish(&url);
        free(text);
    }
}

static const struct test_case cases[] = {
    {"defaults fill what is missing", defaults_fill_what_is_missing},
    {"hosts are names, IPv4 and bracketed IPv6", hosts_are_names_ipv4_and_bracketed_ipv6},
    {"credentials are percent-decoded", credentials_are_percent_decoded},
    {"a user without password logs in with an empty one",
     a_user_without_password_logs_in_with_an_empty_one},
    {"the query sets database, login, name and times",
     the_query_sets_database_login_name_and_times},
    {"a time too small for a millisecond does not become none",
     a_time_too_small_for_a_millisecond_does_not_become_none},
    {"a time of zero is not the same as none given", a_time_of_zero_is_not_the_same_as_none_given},
    {"paths of sockets are percent-decoded", paths_of_sockets_are_percent_decoded},
    {"an unknown scheme is refused, naming the known ones",
     an_unknown_scheme_is_refused_naming_the_known_ones},
    {"a database that is no number is refused", a_database_that_is_no_number_is_refused},
    {"a port that is none is refused", a_port_that_is_none_is_refused},
    {"a host that cannot be is refused", a_host_that_cannot_be_is_refused},
    {"a host longer than any is refused", a_host_longer_than_any_is_refused},
    {"a socket path that names no file is refused", a_socket_path_that_names_no_file_is_refused},
    {"a socket path must fit the system's limit", a_socket_path_must_fit_the_systems_limit},
    {"bad escapes and NUL bytes are refused everywhere",
     bad_escapes_and_nul_bytes_are_refused_everywhere},
    {"blanks and control characters are refused", blanks_and_control_characters_are_refused},
    {"a query that cannot be meant is refused", a_query_that_cannot_be_meant_is_refused},
    {"a time that is none is refused", a_time_that_is_none_is_refused},
    {"errors never hold a piece of the password", errors_never_hold_a_piece_of_the_password},
    {"an error fits any buffer", an_error_fits_any_buffer},
    {"show leaves user and password out", show_leaves_user_and_password_out},
    {"finish leaves all zero and takes NULL", finish_leaves_all_zero_and_takes_null},
    {"what is written reads as the same server", what_is_written_reads_as_the_same_server},
};

SUITE_MAIN("url", cases)
