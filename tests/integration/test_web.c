/* Metrics and the status page over HTTP: right, bounded, and good in the eyes of those they are
 * for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/port.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

enum {
    GETS = 20,
    GUESTS = 40, /* more than there is room for */
    BROWSER_MS = 60000
};

static struct server *server;
static struct daemon *pooler;
static uint16_t port; /* 0: the Unix socket */

static void start(int workers, bool is_tcp)
{
    char config[512], where[64] = "unix";
    port = is_tcp ? free_tcp_port() : 0;
    server = server_start(NULL);
    if (is_tcp) {
        snprintf(where, sizeof where, "tcp://127.0.0.1:%u", port);
    }
    snprintf(config, sizeof config,
             "[flaskredisd]\nworkers = %d\nmetrics_listen = %s\n[REDIS]\nurl = {url}\n"
             "[CACHE]\nurl = {url}\n",
             workers, where);
    pooler = daemon_start(server_url(server), config);
}

static struct client *visitor(void)
{
    char address[64];
    if (port == 0) {
        return daemon_client(pooler, "metrics");
    }
    snprintf(address, sizeof address, "redis://127.0.0.1:%u", port);
    return client_connect(address);
}

/* The whole answer to a request's first line. */
static const char *ask(const char *line)
{
    struct client *one = visitor();
    client_send_bytes(one, line, strlen(line));
    client_send_bytes(one, "\r\nHost: x\r\n\r\n", 13);
    return client_read_all(one)->data;
}

static const char *metrics(void)
{
    const char *answer = ask("GET /metrics HTTP/1.1");
    EXPECT_HAS(answer, "HTTP/1.1 200 OK\r\n");
    return answer;
}

static void expect_sample(const char *text, const char *sample)
{
    char line[200];
    snprintf(line, sizeof line, "\n%s\n", sample);
    EXPECT_HAS(text, line);
}

static void metrics_tell_what_happened(void)
{
    NEEDS_DAEMON;
    static const int workers[] = {1, 3};
    for (size_t w = 0; w < sizeof workers / sizeof workers[0]; w++) {
        start(workers[w], w == 0);
        struct client *one = daemon_client(pooler, "redis");
        for (int i = 0; i < GETS; i++) {
            EXPECT_CALL(one, "GET k", "$-1\r\n");
        }
        EXPECT_CALL_BEGINS(one, "SHUTDOWN", "-POOLDENY");
        const char *text = metrics();
        expect_sample(text, "flaskredis_up{prefix=\"REDIS\"} 1");
        expect_sample(text, "flaskredis_clients{prefix=\"REDIS\"} 1");
        expect_sample(text, "flaskredis_replies_total{prefix=\"REDIS\"} 20");
        expect_sample(text, "flaskredis_replies_total{prefix=\"CACHE\"} 0");
        expect_sample(text, "flaskredis_errors_total{prefix=\"REDIS\",code=\"POOLDENY\"} 1");
        expect_sample(text, "flaskredis_wait_server_seconds_count{prefix=\"REDIS\"} 20");
        expect_sample(text,
                      "flaskredis_wait_server_seconds_bucket{prefix=\"REDIS\",le=\"+Inf\"} 20");
        expect_sample(text, "flaskredis_quota_limit{prefix=\"CACHE\",quota=\"leases\"} 32");
        expect_sample(text, workers[w] == 1 ? "flaskredis_workers 1" : "flaskredis_workers 3");
        daemon_stop(pooler);
    }
}

/* Whether there is such a program. */
static bool have(const char *program)
{
    char path[256];
    snprintf(path, sizeof path, "/usr/bin/%s", program);
    return access(path, X_OK) == 0;
}

static void promtool_finds_nothing(void)
{
    NEEDS_DAEMON;
    if (!have("promtool")) {
        case_skip("needs promtool (package prometheus)");
        return;
    }
    start(1, true);
    struct process process = {0};
    char *text = case_path("metrics"), *told = case_path("told");
    const char *body = strstr(metrics(), "\r\n\r\n") + 4;
    file_write(text, body);
    char *argv[] = {"sh", "-c", "exec promtool check metrics < \"$0\"", text, NULL};
    process_start(&process, argv, told);
    EXPECT(process_wait(&process, patience_ms()));
    if (process.status != 0 || file_text(told)[0] != '\0') {
        FAIL("promtool: %s", file_text(told));
    }
}

static void the_page_draws_in_a_browser(void)
{
    NEEDS_DAEMON;
    if (!have("chromium") || getenv("TEST_SLOW") != NULL) {
        case_skip("needs chromium, and no sanitizer");
        return;
    }
    start(1, true);
    struct client *one = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "GET k", "$-1\r\n");
    struct process process = {0};
    char *told = case_path("dom"), address[64], profile[200];
    snprintf(address, sizeof address, "http://127.0.0.1:%u/", port);
    snprintf(profile, sizeof profile, "--user-data-dir=%s", case_path("profile"));
    char *argv[] = {"chromium",
                    "--headless=new",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--enable-logging=stderr",
                    "--virtual-time-budget=20000",
                    profile,
                    "--dump-dom",
                    address,
                    NULL};
    process_start(&process, argv, told);
    EXPECT(process_wait(&process, BROWSER_MS));
    const char *dom = file_text(told);
    EXPECT_HAS(dom, "<span class=\"pill up\">up</span>");
    EXPECT_HAS(dom, "CACHE");
    EXPECT_HAS(dom, "class=\"one\" d=\"M");
    EXPECT_HAS(dom, ">live</span>");
    EXPECT_LACKS(dom, ":CONSOLE"); /* neither errors of the script nor refused resources */
}

static void the_page_needs_nothing_from_elsewhere(void)
{
    NEEDS_DAEMON;
    start(1, false);
    const char *page = ask("GET / HTTP/1.1");
    EXPECT_HAS(page, "Content-Type: text/html");
    EXPECT_HAS(page, "Content-Security-Policy: default-src 'none'");
    EXPECT_HAS(page, "</html>");
    EXPECT_LACKS(page, "src=");
    EXPECT_LACKS(page, "https://");
    const char *json = ask("GET /status.json HTTP/1.1");
    EXPECT_HAS(json, "Content-Type: application/json");
    EXPECT_HAS(json, "{\"prefix\":\"CACHE\",\"server\":\"unix://");
}

static void what_is_not_there_is_told(void)
{
    NEEDS_DAEMON;
    static const struct {
        const char *line, *answer;
    } rows[] = {
        {"GET /other HTTP/1.1", "HTTP/1.1 404 Not Found"},
        {"GET /metricsx HTTP/1.1", "HTTP/1.1 404 Not Found"},
        {"GET /metrics?x=y HTTP/1.1", "HTTP/1.1 200 OK"},
        {"POST /metrics HTTP/1.1", "HTTP/1.1 405 Method Not Allowed"},
        {"GET", "HTTP/1.1 405 Method Not Allowed"},
        {"", "HTTP/1.1 405 Method Not Allowed"},
        {"GET /", "HTTP/1.1 200 OK"},
    };
    start(1, false);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        EXPECT_HAS(ask(rows[i].line), rows[i].answer);
    }
    const char *head = ask("HEAD /metrics HTTP/1.1");
    EXPECT_HAS(head, "HTTP/1.1 200 OK");
    EXPECT_LACKS(head, "flaskredis_up");
}

static void hostile_visitors_harm_nobody(void)
{
    NEEDS_DAEMON;
    static char long_line[16384];
    start(1, false);
    struct client *half[GUESTS];
    for (int i = 0; i < GUESTS; i++) {
        half[i] = visitor();
        client_send_bytes(half[i], "GET /met", 8);
    }
    memset(long_line, 'x', sizeof long_line - 1);
    struct client *longest = visitor();
    client_fill(longest, long_line, sizeof long_line - 1);
    EXPECT_HAS(client_read_all(longest)->data, "HTTP/1.1 431 ");
    EXPECT_HAS(metrics(), "flaskredis_up");
    EXPECT_CALL(daemon_client(pooler, "redis"), "GET k", "$-1\r\n");
    EXPECT_CALL(daemon_client(pooler, "admin"), "PING", "+PONG\r\n");
}

static const struct test_case cases[] = {
    {"metrics tell what happened", metrics_tell_what_happened},
    {"promtool finds nothing", promtool_finds_nothing},
    {"the page draws in a browser", the_page_draws_in_a_browser},
    {"the page needs nothing from elsewhere", the_page_needs_nothing_from_elsewhere},
    {"what is not there is told", what_is_not_there_is_told},
    {"hostile visitors harm nobody", hostile_visitors_harm_nobody},
};

SUITE_MAIN("web", cases)
