#include "tests/support/server.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/port.h"

enum {
    ATTEMPTS = 5, /* a port can be lost where outgoing connections have such low ones, too */
    ARGUMENTS_MAX = 64
};

static int started; /* servers of this process, to tell their files apart */

char *server_url(const struct server *server)
{
    char *url = case_alloc(strlen(server->socket_path) + 16);
    sprintf(url, "unix://%s", server->socket_path);
    return url;
}

char *server_tcp_url(const struct server *server)
{
    char *url = case_alloc(64);
    snprintf(url, 64, "redis://127.0.0.1:%u", server->port);
    return url;
}

static void launch(struct server *server, const char *arguments)
{
    char port[8], *argv[ARGUMENTS_MAX], *rest = NULL;
    char *words = case_alloc(strlen(arguments) + 1);
    snprintf(port, sizeof(port), "%u", server->port);
    char *const fixed[] = {"redis-server",
                           "--port",
                           port,
                           "--bind",
                           "127.0.0.1",
                           "--unixsocket",
                           server->socket_path,
                           "--dir",
                           (char *)case_dir(),
                           "--save",
                           "",
                           "--enable-debug-command",
                           "yes"};
    size_t count = sizeof(fixed) / sizeof(fixed[0]);
    memcpy(argv, fixed, sizeof(fixed));
    strcpy(words, arguments);
    for (char *word = strtok_r(words, " ", &rest); word != NULL && count + 1 < ARGUMENTS_MAX;
         word = strtok_r(NULL, " ", &rest)) {
        argv[count++] = word;
        if (strcmp(argv[count - 2], "--requirepass") == 0) {
            server->password = word;
        }
    }
    argv[count] = NULL;
    process_start(&server->process, argv, server->log_path);
}

/* Either it answers anything to PING, also that it is loading or wants a password, or it is gone.
 */
static bool serves_or_ended(void *context)
{
    struct server *server = context;
    if (process_has_ended(&server->process)) {
        return true;
    }
    struct client *client = client_try_connect(server_url(server));
    if (client == NULL) {
        return false;
    }
    client_send(client, "PING");
    bool answers = client_try_read(client, patience_ms());
    client_close(client);
    return answers;
}

static bool begin(struct server *server, const char *arguments)
{
    server->password = NULL;
    launch(server, arguments == NULL ? "" : arguments);
    wait_until(serves_or_ended, server, patience_ms());
    return server->process.pid != 0;
}

static void release(void *server)
{
    process_kill(&((struct server *)server)->process);
}

struct server *server_start(const char *arguments)
{
    struct server *server = case_alloc(sizeof(*server));
    int number = started++;
    server->socket_path = case_path("r%d.sock", number);
    server->log_path = case_path("r%d.log", number);
    case_defer(release, server);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        server->port = free_tcp_port();
        if (begin(server, arguments)) {
            return server;
        }
    }
    FAIL("redis-server does not start: %s", file_text(server->log_path));
}

void server_restart(struct server *server, const char *arguments)
{
    if (!begin(server, arguments)) {
        FAIL("redis-server does not start again: %s", file_text(server->log_path));
    }
}

/* The asker's connection is gone with the server; it is freed when the case ends. */
static void forget_asker(struct server *server)
{
    if (server->asker != NULL) {
        client_close(server->asker);
        server->asker = NULL;
    }
}

void server_kill(struct server *server)
{
    forget_asker(server);
    process_kill(&server->process);
}

void server_stop(struct server *server)
{
    forget_asker(server);
    process_signal(&server->process, SIGTERM);
    if (!process_wait(&server->process, patience_ms())) {
        FAIL("redis-server does not end on SIGTERM");
    }
}

void server_freeze(struct server *server)
{
    process_freeze(&server->process);
}

void server_thaw(struct server *server)
{
    process_thaw(&server->process);
}

struct client *server_client(struct server *server)
{
    struct client *client = client_connect(server_url(server));
    if (server->password != NULL) {
        client_send(client, "AUTH %s", server->password);
        EXPECT_REPLY(client, "+OK\r\n");
    }
    return client;
}

const struct bytes *server_ask(struct server *server, const char *format, ...)
{
    char words[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    if (server->asker == NULL) {
        server->asker = server_client(server);
        EXPECT_CALL(server->asker, "CLIENT SETNAME asker", "+OK\r\n");
    }
    return client_call(server->asker, "%s", words);
}

/* The number behind the first line that begins with prefix, or 0. */
static int64_t line_number(const char *text, const char *prefix)
{
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, prefix, strlen(prefix)) == 0) {
            return strtoll(line + strlen(prefix), NULL, 10);
        }
    }
    return 0;
}

int64_t server_info(struct server *server, const char *field)
{
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "%s:", field);
    return line_number(server_ask(server, "INFO everything")->data, prefix);
}

int server_version(struct server *server)
{
    char *at = strstr(server_ask(server, "INFO server")->data, "redis_version:");
    EXPECT(at != NULL);
    at += strlen("redis_version:");
    long version = 0;
    for (int part = 0; part < 3; part++) {
        version = version * 100 + strtol(at, &at, 10);
        EXPECT(*at++ == (part < 2 ? '.' : '\r'));
    }
    return (int)version;
}

int64_t server_calls(struct server *server, const char *command)
{
    char prefix[64];
    snprintf(prefix, sizeof(prefix), "cmdstat_%s:calls=", command);
    return line_number(server_ask(server, "INFO commandstats")->data, prefix);
}

static bool has_all(const char *line, const char *words)
{
    char copy[256], padded[1024], wanted[128], *rest = NULL;
    snprintf(copy, sizeof(copy), "%s", words);
    snprintf(padded, sizeof(padded), " %s ", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        snprintf(wanted, sizeof(wanted), " %s", word);
        if (strstr(padded, wanted) == NULL) {
            return false;
        }
    }
    return true;
}

int64_t server_clients(struct server *server, const char *words)
{
    const struct bytes *list = server_ask(server, "CLIENT LIST");
    char *rest = NULL, *text = case_alloc(list->len + 1);
    int64_t count = 0;
    memcpy(text, list->data, list->len);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        bool is_client = strstr(line, "id=") == line && strstr(line, " name=asker ") == NULL;
        count += is_client && has_all(line, words);
    }
    return count;
}

int64_t server_keys(struct server *server, int db)
{
    char prefix[32];
    snprintf(prefix, sizeof(prefix), "db%d:keys=", db);
    return line_number(server_ask(server, "INFO keyspace")->data, prefix);
}

int64_t server_all_keys(struct server *server)
{
    int64_t count = 0;
    for (int db = 0; db < 16; db++) {
        count += server_keys(server, db);
    }
    return count;
}

struct info_question {
    struct server *server;
    const char *field;
    int64_t value, last;
};

static bool has_value(void *context)
{
    struct info_question *question = context;
    question->last = server_info(question->server, question->field);
    return question->last == question->value;
}

void expect_info(const char *file, int line, struct server *server, const char *field,
                 int64_t value)
{
    struct info_question question = {.server = server, .field = field, .value = value};
    if (!wait_until(has_value, &question, patience_ms())) {
        case_fail(file, line, "INFO %s: got %lld, expected %lld", field, (long long)question.last,
                  (long long)value);
    }
}
