/* The admin socket: who may use it, what it shows, and that nobody there can do harm by sending too
 * much, too little or too slowly. */
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/pair.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    MANY = 300,
    PIPELINED = 50,
    GUESTS = 80, /* more than the socket has room for */
    NOBODY = 65534
};

static void start_workers(int workers, const char *settings)
{
    char config[1024];
    server = server_start(NULL);
    snprintf(config, sizeof config,
             "[flaskredisd]\nworkers = %d\n%s[REDIS]\nurl = {url}\n[CACHE]\nurl = {url}\n", workers,
             settings);
    pooler = daemon_start(server_url(server), config);
}

static struct client *admin(void)
{
    return daemon_client(pooler, "admin");
}

/* How often a text stands in the last reply. */
static int count_in(const struct client *client, const char *text)
{
    int count = 0;
    for (const char *at = client->reply.data; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static const int worker_counts[] = {1, 3};
#define FOR_WORKERS(i) for (size_t i = 0; i < sizeof worker_counts / sizeof *worker_counts; i++)

static void every_topic_is_shown_in_both_protocols(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *topic, *first;
    } rows[] = {
        {"VERSION", "version"},  {"POOLS", "prefix"},  {"STATS REDIS", "prefix"},
        {"LATENCY", "prefix"},   {"LIMITS", "prefix"}, {"MEMORY", "what"},
        {"CONFIG", "section"},   {"CLIENTS", "id"},    {"LANES CACHE", "prefix"},
        {"UPSTREAMS", "prefix"},
    };
    char expected[64];
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = admin(), *user = session(), *other = daemon_client(pooler, "cache");
        EXPECT_CALL(user, "SET k v", "+OK\r\n");
        EXPECT_CALL(other, "GET k", "$1\r\nv\r\n");
        for (int proto = 2; proto <= 3; proto++) {
            client_call(one, "HELLO %d", proto);
            EXPECT_REPLY_HAS(one, "flaskredisd");
            for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                client_call(one, "SHOW %s", rows[i].topic);
                EXPECT(one->reply.data[0] == '*');
                snprintf(expected, sizeof expected, "\r\n$%zu\r\n%s\r\n", strlen(rows[i].first),
                         rows[i].first);
                EXPECT_REPLY_HAS(one, proto == 3 ? "\r\n%" : expected);
                EXPECT_REPLY_HAS(one, expected);
            }
        }
        EXPECT_CALL_BEGINS(one, "SHOW HELP", "*");
        EXPECT_REPLY_HAS(one, "SHOW UPSTREAMS [PREFIX]");
        daemon_stop(pooler);
    }
}

static void what_is_no_command_is_an_error_that_helps(void)
{
    NEEDS_DAEMON;
    start_workers(1, "");
    struct client *one = admin();
    EXPECT_CALL(one, "GET k", "-ERR unknown command GET (HELP lists those there are)\r\n");
    EXPECT_CALL(one, "SHOW",
                "-ERR wrong number of words: SHOW TOPIC [PREFIX] [LIMIT n] [AFTER "
                "id]\r\n");
    EXPECT_CALL(one, "SHOW ME", "-ERR nothing to SHOW is called ME (HELP lists the topics)\r\n");
    EXPECT_CALL(one, "SHOW POOLS none", "-ERR no prefix none (SHOW POOLS lists them)\r\n");
    EXPECT_CALL(one, "SHOW CLIENTS LIMIT x", "-ERR options are LIMIT n and AFTER id\r\n");
    EXPECT_CALL(one, "SHOW CONFIG none", "-ERR no section none in the configuration\r\n");
    EXPECT_CALL(one, "CLIENT LIST",
                "-ERR CLIENT has no meaning here but SETNAME, SETINFO and ID; "
                "SHOW CLIENTS lists the clients\r\n");
    EXPECT_CALL(one, "HELLO 4", "-NOPROTO unsupported protocol version\r\n");
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    EXPECT_CALL(one, "QUIT", "+OK\r\n");
    EXPECT_ALL(one, "");
}

static void numbers_are_those_of_all_workers(void)
{
    NEEDS_DAEMON;
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = admin(), *users[MANY / 10];
        int count = MANY / 10;
        for (int i = 0; i < count; i++) {
            users[i] = session();
            EXPECT_CALL(users[i], "GET k", "$-1\r\n");
        }
        EXPECT_NUMBER(field_number(client_call(one, "SHOW POOLS redis")->data, "clients"), count);
        const char *stats = client_call(one, "SHOW STATS redis")->data;
        EXPECT_NUMBER(field_number(stats, "requests_shared"), count);
        EXPECT_NUMBER(field_number(stats, "replies"), count);
        EXPECT_NUMBER(field_number(stats, "client_written_bytes"), count * 5);
        EXPECT_BETWEEN(field_number(stats, "server_read_bytes"), count * 5, INT64_MAX);
        EXPECT_NUMBER(field_number(client_call(one, "SHOW STATS cache")->data, "replies"), 0);
        EXPECT_CALL(users[0], "MULTI", "+OK\r\n");
        client_call(one, "SHOW LIMITS REDIS");
        EXPECT_REPLY_HAS(one, "$7\r\nsetting\r\n$6\r\nleases\r\n$4\r\nused\r\n:1\r\n$4\r\nmost\r\n"
                              ":32\r\n");
        client_call(one, "SHOW CLIENTS");
        EXPECT_NUMBER(count_in(one, "\r\ntransaction\r\n"), 1);
        client_call(one, "SHOW UPSTREAMS");
        EXPECT_NUMBER(count_in(one, "\r\nlent\r\n"), 1);
        daemon_stop(pooler);
    }
}

static void settings_are_shown_without_secrets(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start(server_url(server),
                          "[REDIS]\nurl = redis://me:hidden@127.0.0.1:1/3\nauth = check\nusers = "
                          "ann:covered\ndeny = KEYS, FLUSHALL\nlarge_reply = 2mb\n");
    struct client *one = admin();
    client_call(one, "SHOW CONFIG redis");
    EXPECT_REPLY_HAS(one, "$4\r\ndeny\r\n$5\r\nvalue\r\n$14\r\nkeys, flushall\r\n");
    EXPECT_REPLY_HAS(one, "$11\r\nlarge_reply\r\n$5\r\nvalue\r\n$3\r\n2mb\r\n");
    EXPECT_LACKS(one->reply.data, "hidden");
    EXPECT_LACKS(one->reply.data, "covered");
    client_call(one, "SHOW POOLS");
    EXPECT_LACKS(one->reply.data, "hidden");
}

static void long_lists_come_in_pages(void)
{
    NEEDS_DAEMON;
    allow_many_descriptors();
    FOR_WORKERS(w)
    {
        start_workers(worker_counts[w], "");
        struct client *one = admin(), *users[MANY];
        for (int i = 0; i < MANY; i++) {
            users[i] = session();
        }
        EXPECT_CALL(users[MANY - 1], "CLIENT SETNAME last", "+OK\r\n");
        int64_t after = 0;
        int seen = 0;
        for (int page = 0; page < 3; page++) {
            client_call(one, "SHOW CLIENTS REDIS LIMIT 100 AFTER %lld", (long long)after);
            seen += count_in(one, "$2\r\nid\r\n");
            EXPECT_NUMBER(count_in(one, "$4\r\nnote\r\n"), page < 2);
            after = page < 2 ? field_number(one->reply.data, "after") : after;
        }
        EXPECT_NUMBER(seen, MANY);
        EXPECT_REPLY_HAS(one, "$4\r\nlast\r\n");
        daemon_stop(pooler);
    }
}

/* Connect as another user and take what comes. */
static const char *ask_as(uid_t uid, gid_t gid)
{
    char *path = case_path("answer%d", (int)uid);
    struct client *one = client_try_connect(daemon_address(pooler, "admin"));
    if (one != NULL) {
        client_close(one);
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        FILE *file = fopen(path, "w");
        bool is_other =
            file != NULL && setgroups(0, NULL) == 0 && setgid(gid) == 0 && setuid(uid) == 0;
        struct client *client =
            is_other ? client_try_connect(daemon_address(pooler, "admin")) : NULL;
        if (client == NULL) {
            fputs("closed", file);
        } else {
            client_send(client, "PING");
            fputs(client_try_read(client, patience_ms()) ? client->reply.data : "nothing", file);
        }
        fclose(file);
        _exit(0);
    }
    int status = 0;
    EXPECT_NUMBER(waitpid(child, &status, 0), child);
    return file_text(path);
}

/* Let others pass through the directories of the case. */
static bool open_the_way(void)
{
    return geteuid() == 0 && chmod(case_dir(), 0755) == 0 && chmod(pooler->runtime_dir, 0755) == 0;
}

static void only_those_named_may_use_it(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *settings;
        uid_t uid;
        gid_t gid;
        const char *answer;
    } rows[] = {
        {"", NOBODY, NOBODY, "closed"},
        {"admin_users = nobody\n", NOBODY, NOBODY, "+PONG"},
        {"admin_users = nobody\n", 12345, 12345, "-NOPERM user 12345 may not"},
        {"admin_groups = 4711\n", 12345, 4711, "+PONG"},
        {"admin_groups = 4711\n", 12345, 4712, "-NOPERM"},
        {"admin_users = 12345\n", 12345, 4712, "+PONG"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        start_workers(1, rows[i].settings);
        if (!open_the_way()) {
            case_skip("needs root to become another user");
            return;
        }
        EXPECT_HAS(ask_as(rows[i].uid, rows[i].gid), rows[i].answer);
        EXPECT_CALL(admin(), "PING", "+PONG\r\n");
        daemon_stop(pooler);
    }
}

static void without_the_setting_there_is_no_socket(void)
{
    NEEDS_DAEMON;
    start_workers(1, "admin_socket = no\n");
    EXPECT(client_try_connect(daemon_address(pooler, "admin")) == NULL);
}

static void hostile_guests_harm_nobody(void)
{
    NEEDS_DAEMON;
    start_workers(1, "");
    struct client *half = admin(), *broken = admin(), *large = admin(), *one = admin();
    client_send_bytes(half, "*2\r\n$4\r\nSHO", 11);
    client_send_bytes(broken, "*1\r\n$x\r\n", 8);
    EXPECT_ALL(broken, "-ERR Protocol error: invalid bulk length\r\n");
    client_send_bytes(large, "*1\r\n$1000000\r\n", 14);
    EXPECT_ALL(large, "-ERR Protocol error: invalid bulk length\r\n");
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    client_send_bytes(half, "W\r\n$5\r\nPOOLS\r\n", 14);
    EXPECT_REPLY_BEGINS(half, "*2\r\n");
    for (int i = 0; i < PIPELINED; i++) { /* none is read meanwhile */
        client_send(half, "SHOW CONFIG");
    }
    client_send(half, "PING");
    for (int i = 0; i < PIPELINED; i++) {
        EXPECT_REPLY_BEGINS(half, "*");
    }
    EXPECT_REPLY(half, "+PONG\r\n");
    EXPECT_CALL(one, "PING", "+PONG\r\n");
}

static void too_many_guests_give_way_to_the_last(void)
{
    NEEDS_DAEMON;
    start_workers(1, "");
    struct client *guests[GUESTS];
    for (int i = 0; i < GUESTS; i++) {
        guests[i] = admin();
        EXPECT_CALL(guests[i], "PING", "+PONG\r\n");
    }
    EXPECT_ALL(guests[0], "");
    EXPECT_CALL(guests[GUESTS - 1], "PING", "+PONG\r\n");
    EXPECT_CALL(session(), "GET k", "$-1\r\n");
}

static void lines_typed_by_hand_are_understood(void)
{
    NEEDS_DAEMON;
    start_workers(3, "");
    struct client *one = admin();
    static const char lines[] = "PING\r\n\r\nSHOW \"VERSION\"\r\nPING\n";
    client_send_bytes(one, lines, sizeof lines - 1);
    client_half_close(one);
    EXPECT_REPLY(one, "+PONG\r\n");
    EXPECT_REPLY_BEGINS(one, "*1\r\n*");
    EXPECT_ALL(one, "+PONG\r\n");
}

/* The row of SHOW LATENCY for this wait. */
static const char *latency_row(struct client *one, const char *wait)
{
    char field[64];
    const char *reply = client_call(one, "SHOW LATENCY redis")->data;
    snprintf(field, sizeof field, "\r\n$4\r\nwait\r\n$%zu\r\n%s\r\n", strlen(wait), wait);
    const char *row = strstr(reply, field);
    if (row == NULL) {
        FAIL("no row %s in %s", wait, reply);
    }
    return row;
}

static bool has_passed(void *deadline)
{
    return now_ms() >= *(int64_t *)deadline;
}

static void let_pass(int64_t ms)
{
    int64_t deadline = now_ms() + ms;
    EXPECT(wait_until(has_passed, &deadline, ms + patience_ms()));
}

static int64_t outstanding(struct client *one)
{
    return field_number(client_call(one, "SHOW POOLS redis")->data, "requests_outstanding");
}

static bool is_one_outstanding(void *one)
{
    return outstanding(one) == 1;
}

static bool are_four_outstanding(void *one)
{
    return outstanding(one) == 4;
}

static void time_queued_is_told_apart_from_time_of_the_server(void)
{
    NEEDS_DAEMON;
    enum {
        SLOW_MS = 60
    };
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "slow_ms = 50\nupstream_wait_ms = 10000\n");
    struct client *one = admin(), *user = session();
    EXPECT_CALL(user, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "SLOWLOG RESET", "*0\r\n");
    server_freeze(server);
    client_send(user, "GET k");
    EXPECT(wait_until(is_one_outstanding, one, patience_ms()));
    let_pass(SLOW_MS);
    server_thaw(server);
    EXPECT_REPLY(user, "$1\r\nv\r\n");
    client_call(one, "SLOWLOG");
    EXPECT_REPLY_HAS(one, "$7\r\ncommand\r\n$3\r\nget\r\n");
    EXPECT_BETWEEN(field_number(one->reply.data, "server_us"), 50000, INT64_MAX);
    EXPECT_BETWEEN(field_number(one->reply.data, "queued_us"), 0, 40000);
    EXPECT_CALL(one, "SLOWLOG RESET", "*0\r\n");
    server_kill(server);
    client_send(user, "INCR n");
    EXPECT(wait_until(is_one_outstanding, one, patience_ms()));
    let_pass(SLOW_MS);
    server_restart(server, NULL);
    EXPECT_REPLY(user, ":1\r\n");
    client_call(one, "SLOWLOG REDIS LIMIT 1");
    EXPECT_REPLY_HAS(one, "$4\r\nincr\r\n");
    EXPECT_BETWEEN(field_number(one->reply.data, "queued_us"), 50000, INT64_MAX);
    EXPECT_NUMBER(field_number(latency_row(one, "queue"), "count"), 3);
    EXPECT_BETWEEN(field_number(latency_row(one, "queue"), "most_us"), 50000, INT64_MAX);
    EXPECT_BETWEEN(field_number(latency_row(one, "server"), "most_us"), 50000, INT64_MAX);
}

static void each_of_a_row_is_measured_and_named(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "slow_ms = 50\n");
    struct client *one = admin(), *user = session();
    EXPECT_CALL(user, "SET k v", "+OK\r\n");
    EXPECT_CALL(one, "SLOWLOG RESET", "*0\r\n");
    server_freeze(server);
    client_send_script(user, "GET k; GET k; INCR n; STRLEN k");
    EXPECT(wait_until(are_four_outstanding, one, patience_ms()));
    let_pass(60);
    server_thaw(server);
    EXPECT_REPLY(user, "$1\r\nv\r\n");
    EXPECT_REPLY(user, "$1\r\nv\r\n");
    EXPECT_REPLY(user, ":1\r\n");
    EXPECT_REPLY(user, ":1\r\n");
    const char *at = client_call(one, "SLOWLOG")->data;
    static const char *const names[] = {"\r\nstrlen\r\n", "\r\nincr\r\n", "\r\nget\r\n",
                                        "\r\nget\r\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        at = strstr(at, names[i]);
        EXPECT(at != NULL);
        at++;
    }
    EXPECT_NUMBER(field_number(latency_row(one, "queue"), "count"), 5);
    EXPECT_NUMBER(field_number(latency_row(one, "server"), "count"), 5);
    EXPECT_NUMBER(field_number(client_call(one, "SHOW STATS redis")->data, "requests_shared"), 5);
}

static void who_blocks_is_not_slow(void)
{
    NEEDS_DAEMON;
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), "slow_ms = 50\n");
    struct client *one = admin(), *user = session();
    EXPECT_CALL(user, "BLPOP q 0.1", "*-1\r\n");
    EXPECT_CALL(one, "SLOWLOG", "*0\r\n");
    EXPECT_NUMBER(field_number(latency_row(one, "server"), "count"), 0);
    EXPECT_NUMBER(field_number(latency_row(one, "lease"), "count"), 1);
}

static const struct test_case cases[] = {
    {"every topic is shown in both protocols", every_topic_is_shown_in_both_protocols},
    {"what is no command is an error that helps", what_is_no_command_is_an_error_that_helps},
    {"numbers are those of all workers", numbers_are_those_of_all_workers},
    {"settings are shown without secrets", settings_are_shown_without_secrets},
    {"long lists come in pages", long_lists_come_in_pages},
    {"time queued is told apart from time of the server",
     time_queued_is_told_apart_from_time_of_the_server},
    {"each of a row is measured and named", each_of_a_row_is_measured_and_named},
    {"who blocks is not slow", who_blocks_is_not_slow},
    {"only those named may use it", only_those_named_may_use_it},
    {"without the setting there is no socket", without_the_setting_there_is_no_socket},
    {"hostile guests harm nobody", hostile_guests_harm_nobody},
    {"too many guests give way to the last", too_many_guests_give_way_to_the_last},
    {"lines typed by hand are understood", lines_typed_by_hand_are_understood},
};

SUITE_MAIN("admin", cases)
