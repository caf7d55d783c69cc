/* One thread polls the listening socket and all connections. The test's thread touches rules,
 * records and connections only under the lock, and so does the thread between two polls; a pipe
 * wakes the poll where its set has changed. */
#include "tests/support/peer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/bytes.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    CONNECTIONS_MAX = 256,
    RULES_MAX = 32,
    WORD_COUNT_MAX = 100000
};

struct rule {
    char request[64];
    enum peer_action action;
    struct bytes reply;
    int times; /* left; -1: for ever */
};

struct connection {
    int fd; /* -1: closed */
    bool reads;
    bool resp3;
    struct bytes in;
};

struct record {
    int connection;
    char *words; /* joined by blanks */
};

struct peer {
    pthread_t thread;
    pthread_mutex_t lock;
    char *url;
    int listen_fd;
    int wake_fds[2];
    bool ending;
    struct rule rules[RULES_MAX];
    size_t rule_count;
    struct connection connections[CONNECTIONS_MAX];
    int connection_count;
    struct record *records;
    size_t record_count, record_cap;
};

/* What is answered without a rule, by the protocol in use. The first row that matches counts. */
static const struct {
    const char *request, *resp2, *resp3;
} manners[] = {
    {"HELLO", NULL, NULL}, /* see answer_hello */
    {"PING", "+PONG\r\n", "+PONG\r\n"},
    {"RESET", "+RESET\r\n", "+RESET\r\n"},
    {"EXEC", "*0\r\n", "*0\r\n"},
    {"CONFIG GET", "*0\r\n", "%0\r\n"},
    {"CLIENT ID", ":7\r\n", ":7\r\n"},
    {"COMMAND", "*0\r\n", "*0\r\n"},
    {"INFO", "$0\r\n\r\n", "=4\r\ntxt:\r\n"},
    {"", "+OK\r\n", "+OK\r\n"},
};

/* ----------------------------------------------------------------------------------- requests */

static bool begins_with(const char *words, const char *request)
{
    size_t len = strlen(request);
    return strncasecmp(words, request, len) == 0 &&
           (len == 0 || words[len] == '\0' || words[len] == ' ');
}

/* "*N\r\n" or "$N\r\n" at *at: the number, -1 when the line is not complete. Moves behind it. */
static long header_number(const struct bytes *in, size_t *at)
{
    const char *end = *at < in->len ? memchr(in->data + *at, '\n', in->len - *at) : NULL;
    if (end == NULL) {
        return -1;
    }
    long number = strtol(in->data + *at + 1, NULL, 10);
    *at = (size_t)(end - in->data) + 1;
    return number;
}

/* Take a complete request's words, joined by blanks, from the front of in. */
static bool take_request(struct bytes *in, struct bytes *words)
{
    size_t at = 0;
    long count = header_number(in, &at);
    for (long i = 0; i < count && count < WORD_COUNT_MAX; i++) {
        long len = header_number(in, &at);
        if (len < 0 || at + (size_t)len + 2 > in->len) {
            return false;
        }
        bytes_add(words, " ", i > 0 ? 1 : 0);
        bytes_add(words, in->data + at, (size_t)len);
        at += (size_t)len + 2;
    }
    if (count < 0) {
        return false;
    }
    bytes_drop(in, at);
    return true;
}

/* Takes words. */
// NOLINTNEXTLINE(readability-non-const-parameter): kept, to be freed
static void record(struct peer *peer, int connection, char *words)
{
    if (peer->record_count == peer->record_cap) {
        peer->record_cap = peer->record_cap == 0 ? 256 : peer->record_cap * 2;
        peer->records = realloc(peer->records, peer->record_cap * sizeof(*peer->records));
        if (peer->records == NULL) {
            abort();
        }
    }
    peer->records[peer->record_count++] = (struct record){connection, words};
}

/* ------------------------------------------------------------------------------------ replies */

static void close_connection(struct connection *connection)
{
    if (connection->fd >= 0) {
        close(connection->fd);
        connection->fd = -1;
    }
}

/* Replies are small; one that the socket does not take at once is lost, as is the connection. */
static void send_bytes(struct connection *connection, const char *data, size_t len)
{
    if (connection->fd >= 0 && send(connection->fd, data, len, MSG_NOSIGNAL) != (ssize_t)len) {
        close_connection(connection);
    }
}

static void answer_hello(struct connection *connection, int number, const char *words)
{
    struct bytes reply = {0};
    if (strncasecmp(words, "HELLO 2", 7) == 0 || strncasecmp(words, "HELLO 3", 7) == 0) {
        connection->resp3 = words[6] == '3';
    }
    bytes_printf(&reply,
                 "%s\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"
                 "$5\r\nproto\r\n:%d\r\n$2\r\nid\r\n:%d\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
                 "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
                 connection->resp3 ? "%7" : "*14", connection->resp3 ? 3 : 2, number);
    send_bytes(connection, reply.data, reply.len);
    bytes_finish(&reply);
}

static void answer_politely(struct connection *connection, int number, const char *words)
{
    size_t i = 0;
    while (!begins_with(words, manners[i].request) && manners[i].request[0] != '\0') {
        i++;
    }
    const char *reply = connection->resp3 ? manners[i].resp3 : manners[i].resp2;
    if (reply == NULL) {
        answer_hello(connection, number, words);
    } else {
        send_bytes(connection, reply, strlen(reply));
    }
}

static struct rule *rule_for(struct peer *peer, const char *words)
{
    for (size_t i = 0; i < peer->rule_count; i++) {
        struct rule *rule = &peer->rules[i];
        if (rule->times != 0 && begins_with(words, rule->request)) {
            rule->times -= rule->times > 0 ? 1 : 0;
            return rule;
        }
    }
    return NULL;
}

static void serve(struct peer *peer, int number, const char *words)
{
    struct connection *connection = &peer->connections[number - 1];
    const struct rule *rule = rule_for(peer, words);
    if (rule == NULL) {
        answer_politely(connection, number, words);
        return;
    }
    if (rule->action == PEER_HOLD) {
        return;
    }
    send_bytes(connection, rule->reply.data, rule->reply.len);
    if (rule->action == PEER_CLOSE) {
        close_connection(connection);
    }
    connection->reads = rule->action != PEER_STOP_READING;
}

/* --------------------------------------------------------------------------------- the thread */

static void read_connection(struct peer *peer, int number)
{
    struct connection *connection = &peer->connections[number - 1];
    char part[16384];
    ssize_t got = recv(connection->fd, part, sizeof(part), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        close_connection(connection);
    }
    bytes_add(&connection->in, part, got > 0 ? (size_t)got : 0);
    while (connection->fd >= 0 && connection->reads) {
        struct bytes words = {0};
        bytes_add_text(&words, "");
        if (!take_request(&connection->in, &words)) {
            bytes_finish(&words);
            break;
        }
        record(peer, number, words.data);
        serve(peer, number, words.data);
    }
}

static void accept_connection(struct peer *peer)
{
    int fd = accept4(peer->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (peer->connection_count == CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    peer->connections[peer->connection_count++] = (struct connection){.fd = fd, .reads = true};
}

/* Fill the poll set: the wake pipe, the listening socket, then the connections by number. */
static nfds_t poll_set(struct peer *peer, struct pollfd *set)
{
    set[0] = (struct pollfd){.fd = peer->wake_fds[0], .events = POLLIN};
    set[1] = (struct pollfd){.fd = peer->listen_fd, .events = POLLIN};
    for (int i = 0; i < peer->connection_count; i++) {
        struct connection *connection = &peer->connections[i];
        set[i + 2] =
            (struct pollfd){.fd = connection->reads ? connection->fd : -1, .events = POLLIN};
    }
    return (nfds_t)peer->connection_count + 2;
}

static void handle(struct peer *peer, const struct pollfd *set, nfds_t count)
{
    char drained[64];
    if (set[0].revents != 0 && read(peer->wake_fds[0], drained, sizeof(drained)) < 0) {
        return;
    }
    for (nfds_t i = 2; i < count; i++) {
        const struct connection *one = &peer->connections[i - 2];
        if (set[i].revents != 0 && one->fd == set[i].fd && one->reads) {
            read_connection(peer, (int)i - 1);
        }
    }
    if (set[1].revents != 0) {
        accept_connection(peer);
    }
}

static void *run(void *what)
{
    struct peer *peer = what;
    struct pollfd set[CONNECTIONS_MAX + 2];
    pthread_mutex_lock(&peer->lock);
    while (!peer->ending) {
        nfds_t count = poll_set(peer, set);
        pthread_mutex_unlock(&peer->lock);
        int ready = poll(set, count, -1);
        pthread_mutex_lock(&peer->lock);
        if (ready > 0) {
            handle(peer, set, count);
        }
    }
    pthread_mutex_unlock(&peer->lock);
    return NULL;
}

static void wake(struct peer *peer)
{
    if (write(peer->wake_fds[1], "", 1) != 1) {
        abort(); /* a pipe of our own that holds a few bytes */
    }
}

/* --------------------------------------------------------------------------------- begin, end */

static void finish_rules(struct peer *peer)
{
    for (size_t i = 0; i < peer->rule_count; i++) {
        bytes_finish(&peer->rules[i].reply);
    }
    peer->rule_count = 0;
}

static void end(void *what)
{
    struct peer *peer = what;
    pthread_mutex_lock(&peer->lock);
    peer->ending = true;
    wake(peer);
    pthread_mutex_unlock(&peer->lock);
    pthread_join(peer->thread, NULL);
    for (int i = 0; i < peer->connection_count; i++) {
        close_connection(&peer->connections[i]);
        bytes_finish(&peer->connections[i].in);
    }
    for (size_t i = 0; i < peer->record_count; i++) {
        free(peer->records[i].words);
    }
    finish_rules(peer);
    free(peer->records);
    close(peer->listen_fd);
    close(peer->wake_fds[0]);
    close(peer->wake_fds[1]);
    pthread_mutex_destroy(&peer->lock);
    free(peer);
}

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        FAIL("%s: cannot listen: %s", path, strerror(errno));
    }
    return fd;
}

struct peer *peer_start(void)
{
    static int peers;
    struct peer *peer = calloc(1, sizeof(*peer));
    if (peer == NULL) {
        abort();
    }
    char *path = case_path("p%d.sock", peers++);
    peer->url = case_alloc(strlen(path) + 16);
    sprintf(peer->url, "unix://%s", path);
    peer->listen_fd = listen_at(path);
    pthread_mutex_init(&peer->lock, NULL);
    if (pipe(peer->wake_fds) != 0 || pthread_create(&peer->thread, NULL, run, peer) != 0) {
        abort();
    }
    case_defer(end, peer);
    return peer;
}

const char *peer_url(const struct peer *peer)
{
    return peer->url;
}

/* ------------------------------------------------------------------------ what the test tells */

void peer_on(struct peer *peer, const char *request, enum peer_action action, const char *bytes,
             int times)
{
    pthread_mutex_lock(&peer->lock);
    if (peer->rule_count == RULES_MAX) {
        abort();
    }
    struct rule *rule = &peer->rules[peer->rule_count++];
    *rule = (struct rule){.action = action, .times = times == 0 ? -1 : times};
    snprintf(rule->request, sizeof(rule->request), "%s", request);
    bytes_add_text(&rule->reply, bytes);
    pthread_mutex_unlock(&peer->lock);
}

void peer_forget_rules(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    finish_rules(peer);
    pthread_mutex_unlock(&peer->lock);
}

size_t peer_count(struct peer *peer, const char *request)
{
    size_t count = 0;
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < peer->record_count; i++) {
        count += begins_with(peer->records[i].words, request);
    }
    pthread_mutex_unlock(&peer->lock);
    return count;
}

int peer_connection_of(struct peer *peer, const char *request)
{
    int connection = 0;
    pthread_mutex_lock(&peer->lock);
    for (size_t i = 0; i < peer->record_count; i++) {
        if (begins_with(peer->records[i].words, request)) {
            connection = peer->records[i].connection;
        }
    }
    pthread_mutex_unlock(&peer->lock);
    return connection;
}

struct expectation {
    struct peer *peer;
    const char *request;
    size_t count;
};

static bool has_come(void *context)
{
    struct expectation *wanted = context;
    return peer_count(wanted->peer, wanted->request) >= wanted->count;
}

void peer_expect(struct peer *peer, const char *request, size_t count)
{
    struct expectation wanted = {peer, request, count};
    if (!wait_until(has_come, &wanted, patience_ms())) {
        FAIL("requests '%s' at the server: got %zu, expected %zu", request,
             peer_count(peer, request), count);
    }
}

int peer_connections(struct peer *peer)
{
    pthread_mutex_lock(&peer->lock);
    int count = peer->connection_count;
    pthread_mutex_unlock(&peer->lock);
    return count;
}

void peer_send(struct peer *peer, int connection, const char *bytes)
{
    pthread_mutex_lock(&peer->lock);
    if (connection > 0 && connection <= peer->connection_count) {
        send_bytes(&peer->connections[connection - 1], bytes, strlen(bytes));
    }
    wake(peer);
    pthread_mutex_unlock(&peer->lock);
}

void peer_stop_reading(struct peer *peer, int connection)
{
    pthread_mutex_lock(&peer->lock);
    peer->connections[connection - 1].reads = false;
    shutdown(peer->connections[connection - 1].fd, SHUT_RD);
    wake(peer);
    pthread_mutex_unlock(&peer->lock);
}

void peer_close(struct peer *peer, int connection)
{
    pthread_mutex_lock(&peer->lock);
    for (int i = 1; i <= peer->connection_count; i++) {
        struct connection *one = &peer->connections[i - 1];
        if (one->fd >= 0 && (connection == 0 || connection == i)) {
            shutdown(one->fd,
                     SHUT_RDWR); /* at once: its thread's poll may hold it a little longer */
            close_connection(one);
        }
    }
    wake(peer);
    pthread_mutex_unlock(&peer->lock);
}
