/* flaskredisctl: what it prints for people and for programs, and its exit codes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"
#include "tests/support/tool.h"

enum {
    MANY = 1100 /* more than a page of clients */
};

enum exit_code {
    OK,
    NOT_WELL,
    USAGE,
    NO_DAEMON,
    NOT_ALLOWED,
    REFUSED
};

static struct server *server;
static struct daemon *pooler;

static void start(void)
{
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), "[REDIS]\nurl = {url}\n[CACHE]\nurl = {url}\n");
}

/* What the tool is called with, and how it ends. */
struct tool_row {
    const char *line;
    int code;
    const char *part; /* of what it prints */
};

static void exit_codes_tell_how_it_went(void)
{
    NEEDS_DAEMON;
    static const struct tool_row rows[] = {
        {"ping", OK, "flaskredisd answers within"},
        {"ping CACHE", OK, "CACHE answers within"},
        {"--json ping", OK, "{\"ping\": \"flaskredisd\", \"us\": "},
        {"ping NONE", NO_DAEMON, "none.sock: No such file or directory"},
        {"status", OK, "CACHE"},
        {"top 1 1", OK, "REPLIES/S"},
        {"top 0", USAGE, "top takes 1 to 3600 seconds"},
        {"clients REDIS", OK, ""},
        {"clients NONE", REFUSED, "no prefix NONE (SHOW POOLS lists them)"},
        {"show limits cache", OK, "blocking_max"},
        {"show nothing", REFUSED, "nothing to SHOW is called nothing"},
        {"show help", OK, "SHOW UPSTREAMS"},
        {"config show redis", OK, "large_reply"},
        {"config show none", REFUSED, "no section none"},
        {"config eat", USAGE, "config check [FILE]"},
        {"bench REDIS 0", USAGE, "1 to 100 clients"},
        {"show", USAGE, "usage: flaskredisctl show TOPIC [PREFIX]"},
        {"shake", USAGE, "no command shake"},
        {"--unknown", USAGE, "usage: flaskredisctl"},
        {"--help", OK, "Exit codes:"},
        {"--version", OK, "flaskredisctl "},
    };
    start();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT_TOOL(pooler, rows[i].line, rows[i].code, rows[i].part);
    }
}

static void orders_are_passed_on(void)
{
    NEEDS_DAEMON;
    static const struct tool_row rows[] = {
        {"pause redis", OK, ""},
        {"status", OK, "paused"},
        {"resume redis", OK, ""},
        {"disable redis", OK, ""},
        {"status", OK, "disabled"},
        {"enable redis", OK, ""},
        {"reconnect redis", OK, "replaced"},
        {"kill cache", OK, "0 ended"},
        {"kill 1", OK, "0 ended"},
        {"set redis leases 7", OK, ""},
        {"set redis leases no", REFUSED, "leases"},
        {"reload", OK, "\"leases\": 7 -> 32"},
        {"reload", OK, "nothing has changed"},
        {"--json reload", OK, "[]"},
        {"slowlog", OK, ""},
        {"slowlog reset", OK, ""},
        {"slowlog NONE", REFUSED, "no prefix"},
        {"pause NONE", REFUSED, "no prefix NONE"},
        {"pause", USAGE, "usage: flaskredisctl pause PREFIX"},
        {"drain cache 1000", OK, ""},
        {"enable cache", OK, ""},
    };
    start();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT_TOOL(pooler, rows[i].line, rows[i].code, rows[i].part);
    }
    struct client *one = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "MULTI", "+OK\r\n");
    EXPECT_TOOL(pooler, "pause redis 20", NOT_WELL, "1 requests are still under way");
    file_write(pooler->config_path, "[REDIS]\nleases = many\n");
    EXPECT_TOOL(pooler, "reload", REFUSED, "leases");
}

/* On a terminal of its own, as people have it. */
static void top_gives_the_terminal_back(void)
{
    NEEDS_DAEMON;
    start();
    struct process process = {0};
    char *told = case_path("terminal"), *line = case_alloc(512);
    const char *tool = getenv("FLASKREDISCTL");
    snprintf(line, 512, "TERM=xterm exec script -qec '%s -s %s/admin.sock top 1 2' /dev/null",
             tool == NULL ? "build/flaskredisctl" : tool, pooler->runtime_dir);
    if (access("/usr/bin/script", X_OK) != 0) {
        case_skip("needs script");
        return;
    }
    char *argv[] = {"sh", "-c", line, NULL};
    process_start(&process, argv, told);
    EXPECT(process_wait(&process, patience_ms()));
    EXPECT_NUMBER(process.status, 0);
    const char *seen = file_text(told);
    EXPECT_HAS(seen, "\033[?1049h");
    EXPECT_HAS(seen, "REPLIES/S");
    EXPECT_HAS(seen, "\033[?25h\033[?1049l");
}

/* What a shell says of a script. */
static const char *run_shell(const char *script)
{
    struct process process = {0};
    char *told = case_path("shell");
    char *argv[] = {"bash", "-c", (char *)script, NULL};
    file_write(told, "");
    process_start(&process, argv, told);
    EXPECT(process_wait(&process, patience_ms()));
    return file_text(told);
}

static void words_are_completed(void)
{
    static const struct {
        const char *typed, *completed;
    } rows[] = {
        {"pa", "pause"}, {"-j show lat", "latency"}, {"config ch", "check"}, {"rec", "reconnect"}};
    char script[256];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(script, sizeof script,
                 ". packaging/completions/flaskredisctl.bash; COMP_WORDS=(flaskredisctl %s); "
                 "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _flaskredisctl; echo \"${COMPREPLY[*]}.\"",
                 rows[i].typed);
        EXPECT_HAS(run_shell(script), rows[i].completed);
    }
}

static void without_a_daemon_it_says_so(void)
{
    NEEDS_DAEMON;
    EXPECT_TOOL(NULL, "status", NO_DAEMON, "does the daemon run?");
    EXPECT_TOOL(NULL, "ping", NO_DAEMON, "none.sock");
    EXPECT_TOOL(NULL, "clients", NO_DAEMON, "none.sock");
}

static bool is_down(void *context)
{
    (void)context;
    return tool_run(pooler, "status").exit_code == NOT_WELL;
}

static void status_is_bad_when_a_server_is_down(void)
{
    NEEDS_DAEMON;
    start();
    struct client *one = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "SET k v", "+OK\r\n");
    EXPECT_TOOL(pooler, "status", OK, "up");
    server_kill(server);
    client_send(one, "GET k");
    EXPECT(wait_until(is_down, NULL, patience_ms()));
    EXPECT_TOOL(pooler, "status", NOT_WELL, "down");
    EXPECT_TOOL(pooler, "ping REDIS", NOT_WELL, "POOLDOWN");
}

/* What Python's own reader says of it. */
static void expect_json(const char *line)
{
    char *path = case_path("json"), *told = case_path("told");
    struct process process = {0};
    struct tool_run run = tool_run(pooler, line);
    const char *python = getenv("PYTHON");
    file_write(path, run.output);
    char *argv[] = {(char *)(python == NULL ? "python3" : python),
                    "-m",
                    "json.tool",
                    path,
                    (char *)"/dev/null",
                    NULL};
    process_start(&process, argv, told);
    EXPECT(process_wait(&process, patience_ms()));
    if (process.status != 0) {
        FAIL("%s: %s in:\n%s", line, file_text(told), run.output);
    }
}

static void programs_get_json(void)
{
    NEEDS_DAEMON;
    start();
    struct client *one = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "CLIENT SETNAME a\"b\\c", "+OK\r\n");
    static const char *const lines[] = {
        "--json status",       "--json clients",     "--json clients CACHE",
        "--json show pools",   "--json show limits", "--json config show",
        "--json show version", "--json ping REDIS",  "--json show lanes"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        expect_json(lines[i]);
    }
}

static void all_pages_of_clients_are_printed(void)
{
    NEEDS_DAEMON;
    allow_many_descriptors();
    start();
    for (int i = 0; i < MANY; i++) {
        daemon_client(pooler, "redis");
    }
    struct client *last = daemon_client(pooler, "redis");
    EXPECT_CALL(last, "CLIENT SETNAME last", "+OK\r\n");
    struct tool_run run = tool_run(pooler, "--json clients");
    int count = 0;
    for (const char *at = run.output; (at = strstr(at, "\"id\": ")) != NULL; at++) {
        count++;
    }
    EXPECT_NUMBER(count, MANY + 1);
    EXPECT_LACKS(run.output, "note");
    EXPECT_TOOL(pooler, "clients", OK, "last");
}

static void bench_measures_and_leaves_nothing(void)
{
    NEEDS_DAEMON;
    start();
    EXPECT_TOOL(pooler, "bench REDIS 3 1", OK, "3 clients: ");
    EXPECT_TOOL(pooler, "--json bench REDIS 1 1", OK, "\"per_second\": ");
    EXPECT_NUMBER(server_all_keys(server), 0);
    server_kill(server);
    EXPECT_TOOL(pooler, "bench REDIS 1 1", NOT_WELL, "failed");
}

static void configurations_are_checked_by_the_daemon(void)
{
    NEEDS_DAEMON;
    char *good = case_path("good.conf"), *bad = case_path("bad.conf"), line[512];
    file_write(good, "[REDIS]\nurl = redis://127.0.0.1:1\n");
    file_write(bad, "[REDIS]\nurl = nonsense\nleases = many\n");
    snprintf(line, sizeof line, "config check %s", good);
    EXPECT_TOOL(NULL, line, OK, "fine");
    snprintf(line, sizeof line, "config check %s", bad);
    EXPECT_TOOL(NULL, line, NOT_WELL, "leases");
}

static const struct test_case cases[] = {
    {"exit codes tell how it went", exit_codes_tell_how_it_went},
    {"orders are passed on", orders_are_passed_on},
    {"top gives the terminal back", top_gives_the_terminal_back},
    {"words are completed", words_are_completed},
    {"without a daemon it says so", without_a_daemon_it_says_so},
    {"status is bad when a server is down", status_is_bad_when_a_server_is_down},
    {"programs get JSON", programs_get_json},
    {"all pages of clients are printed", all_pages_of_clients_are_printed},
    {"bench measures and leaves nothing", bench_measures_and_leaves_nothing},
    {"configurations are checked by the daemon", configurations_are_checked_by_the_daemon},
};

SUITE_MAIN("tool", cases)
