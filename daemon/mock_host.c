/* Mock engines behind sockets. See mock_host.h.
 *
 *     upstream --socket--> connection: input --frames--> engine's session --output--> socket
 *                             ^                             |
 *                             +--- waits while it may not --+
 *                                  be called
 *
 * One thread for each engine, with a loop of its own: accept, read, write, and a timer for what the
 * engine has to do by itself. */
#include "daemon/mock_host.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>

#include "common/mock/mock.h"
#include "common/resp.h"
#include "daemon/container.h"
#include "daemon/memory.h"

enum {
    READ_LEN = 64 * 1024,
    BACKLOG = 128,
    FEW_WORDS = 64
};

struct connection {
    LIST_ENTRY(connection) link;
    struct host *host;
    struct fr_mock_session *session;
    struct evbuffer *in;
    struct fr_request request;
    struct event readable, writable;
    int fd;
    bool has_work; /* the engine said so */
    bool has_ended;
};

struct host {
    LIST_ENTRY(host) link;
    char *key;
    struct address address;
    struct fr_mock *mock;
    struct event_base *base;
    struct event acceptable, stopping, timer;
    LIST_HEAD(, connection) connections;
    struct fr_request_limits limits;
    size_t input_max;
    int listen_fd, stop_fd;
    pthread_t thread;
};

/* How many refer to the engine of this key, which need not have been started. */
struct use {
    LIST_ENTRY(use) link;
    char *key;
    unsigned count;
};

static LIST_HEAD(, use) uses = LIST_HEAD_INITIALIZER(uses);
static LIST_HEAD(, host) hosts = LIST_HEAD_INITIALIZER(hosts);
static pthread_mutex_t hosts_lock = PTHREAD_MUTEX_INITIALIZER;

/* ------------------------------------------------------------------------------------- connections
 */

static void on_output(void *arg)
{
    struct connection *connection = arg;
    connection->has_work = true;
}

static void close_connection(struct connection *connection)
{
    LIST_REMOVE(connection, link);
    event_del(&connection->readable);
    event_del(&connection->writable);
    fr_mock_session_destroy(connection->session);
    evbuffer_free(connection->in);
    close(connection->fd);
    free(connection);
}

/* Give one complete frame to the engine. */
static void call(struct connection *connection, const char *frame, size_t len)
{
    struct fr_word few[FEW_WORDS];
    size_t count = connection->request.argc;
    struct fr_word *words = count <= FEW_WORDS ? few : memory_alloc(count * sizeof(struct fr_word));
    struct fr_words walk = fr_words_begin(frame, len);
    size_t at = 0;
    while (at < count && fr_words_next(&walk, &words[at])) {
        at++;
    }
    fr_mock_call(connection->session, words, at);
    if (words != few) {
        free(words);
    }
}

/* Take one request from the input; false: there is none, or it has to wait. */
static bool take_request(struct connection *connection)
{
    size_t len = evbuffer_get_length(connection->in);
    if (len == 0 || connection->has_ended || !fr_mock_may_call(connection->session)) {
        return false;
    }
    const char *data = (const char *)evbuffer_pullup(connection->in, -1);
    enum fr_frame frame =
        fr_request_scan(&connection->request, data, len, &connection->host->limits);
    if (frame == FR_FRAME_MORE) {
        return false;
    }
    /* upstreams send arrays only: anything else is a mistake of this daemon */
    connection->has_ended = frame == FR_FRAME_BROKEN || connection->request.is_inline;
    if (!connection->has_ended) {
        call(connection, data, connection->request.scanned);
        evbuffer_drain(connection->in, connection->request.scanned);
        fr_request_reset(&connection->request);
    }
    return !connection->has_ended;
}

/* Write what the engine has said; false: the kernel takes no more now. */
static bool write_output(struct connection *connection)
{
    size_t len;
    const char *data = fr_mock_output(connection->session, &len);
    while (len > 0) {
        ssize_t count = send(connection->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(&connection->writable, NULL);
            return false;
        }
        if (count < 0 && errno != EINTR) {
            connection->has_ended = true;
            return true;
        }
        fr_mock_taken(connection->session, count > 0 ? (size_t)count : 0);
        data = fr_mock_output(connection->session, &len);
    }
    return true;
}

/* Returns whether the connection is to be closed. */
static bool advance(struct connection *connection)
{
    connection->has_work = false;
    bool is_written = write_output(connection);
    while (is_written && take_request(connection)) {
        size_t len;
        fr_mock_output(connection->session, &len);
        is_written = len < READ_LEN || write_output(connection);
    }
    is_written = is_written && write_output(connection);
    return connection->has_ended || (is_written && fr_mock_has_ended(connection->session));
}

static void set_timer(struct host *host)
{
    int64_t due_us = fr_mock_due_us(host->mock);
    if (due_us < 0) {
        event_del(&host->timer);
        return;
    }
    struct timeval wait = {due_us / 1000000, due_us % 1000000 + 1};
    event_add(&host->timer, &wait);
}

/* Let every connection that has work do it; returns whether any had. */
static bool advance_all(struct host *host)
{
    struct connection *connection, *next;
    bool had_work = false;
    for (connection = LIST_FIRST(&host->connections); connection != NULL; connection = next) {
        next = LIST_NEXT(connection, link);
        if (connection->has_work) {
            had_work = true;
            if (advance(connection)) {
                close_connection(connection);
            }
        }
    }
    return had_work;
}

/* What one command does may give work to every other connection. */
static void settle(struct host *host)
{
    bool had_work;
    do {
        had_work = advance_all(host);
    } while (had_work);
    set_timer(host);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    struct host *host = connection->host;
    (void)fd, (void)what;
    int count = evbuffer_read(connection->in, connection->fd, READ_LEN);
    bool is_empty = count < 0 && (errno == EAGAIN || errno == EINTR);
    if (is_empty) {
        return;
    }
    if (count <= 0 || evbuffer_get_length(connection->in) > host->input_max) {
        connection->has_ended = true;
    }
    connection->has_work = true;
    settle(host);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct connection *connection = arg;
    struct host *host = connection->host;
    (void)fd, (void)what;
    connection->has_work = true;
    settle(host);
}

/* Abstract sockets have no permissions: who connects must be this process. */
static bool is_own(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
    struct host *host = arg;
    (void)what;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (!is_own(fd)) {
        close(fd);
        return;
    }
    struct connection *connection = memory_zeroed(sizeof *connection);
    connection->host = host;
    connection->fd = fd;
    connection->in = evbuffer_new();
    connection->session = fr_mock_session_create(host->mock, on_output, connection);
    event_assign(&connection->readable, host->base, fd, EV_READ | EV_PERSIST, on_readable,
                 connection);
    event_assign(&connection->writable, host->base, fd, EV_WRITE, on_writable, connection);
    event_add(&connection->readable, NULL);
    LIST_INSERT_HEAD(&host->connections, connection, link);
}

/* ------------------------------------------------------------------------------------------- hosts
 */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct host *host = arg;
    (void)fd, (void)what;
    fr_mock_tick(host->mock);
    settle(host);
}

static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    struct host *host = arg;
    (void)fd, (void)what;
    event_base_loopbreak(host->base);
}

static void *run(void *arg)
{
    struct host *host = arg;
    event_base_dispatch(host->base);
    return NULL;
}

static void free_host(struct host *host)
{
    struct connection *connection, *next;
    for (connection = LIST_FIRST(&host->connections); connection != NULL; connection = next) {
        next = LIST_NEXT(connection, link);
        close_connection(connection);
    }
    if (host->base != NULL) {
        event_del(&host->acceptable);
        event_del(&host->stopping);
        event_del(&host->timer);
        event_base_free(host->base);
    }
    if (host->listen_fd >= 0) {
        close(host->listen_fd);
    }
    if (host->stop_fd >= 0) {
        close(host->stop_fd);
    }
    fr_mock_destroy(host->mock);
    free(host->key);
    free(host);
}

/* A name of the kernel's choice: no file, and no two alike. */
static bool listen_somewhere(struct host *host)
{
    struct sockaddr_un any = {.sun_family = AF_UNIX};
    host->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    host->address.len = sizeof host->address.sockaddr;
    return host->listen_fd >= 0 &&
           bind(host->listen_fd, (const struct sockaddr *)&any, sizeof any.sun_family) == 0 &&
           listen(host->listen_fd, BACKLOG) == 0 &&
           getsockname(host->listen_fd, (struct sockaddr *)&host->address.sockaddr,
                       &host->address.len) == 0;
}

static bool start(struct host *host)
{
    host->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (host->stop_fd < 0 || !listen_somewhere(host)) {
        return false;
    }
    host->base = event_base_new();
    if (host->base == NULL) {
        errno = ENOMEM;
        return false;
    }
    event_assign(&host->acceptable, host->base, host->listen_fd, EV_READ | EV_PERSIST,
                 on_acceptable, host);
    event_assign(&host->stopping, host->base, host->stop_fd, EV_READ | EV_PERSIST, on_stop, host);
    event_assign(&host->timer, host->base, -1, 0, on_timer, host);
    event_add(&host->acceptable, NULL);
    event_add(&host->stopping, NULL);
    errno = pthread_create(&host->thread, NULL, run, host);
    return errno == 0;
}

/* A name, or the prefix it is private to; no name has a colon. */
static char *key_of(const struct prefix_settings *settings)
{
    char key[512];
    const char *name = settings->server.host;
    int len = snprintf(key, sizeof key, "%s%s",
                       name != NULL ? "" : "prefix:", name != NULL ? name : settings->name);
    return memory_text(key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1);
}

static struct host *host_new(const struct prefix_settings *settings, char *key)
{
    struct host *host = memory_zeroed(sizeof *host);
    struct fr_mock_options options = {.memory_max = (size_t)settings->mock_memory};
    host->key = key;
    host->listen_fd = host->stop_fd = -1;
    host->mock = fr_mock_create(&options);
    errno = ENOMEM;
    host->limits = (struct fr_request_limits){settings->args_max, settings->bulk_max, false};
    host->input_max = (size_t)settings->mock_memory + 2 * (size_t)READ_LEN;
    LIST_INIT(&host->connections);
    if (host->mock == NULL || !start(host)) {
        int error = errno;
        free_host(host);
        errno = error;
        return NULL;
    }
    LIST_INSERT_HEAD(&hosts, host, link);
    return host;
}

static struct host *find(const char *key)
{
    struct host *host;
    LIST_FOREACH(host, &hosts, link)
    {
        if (strcmp(host->key, key) == 0) {
            return host;
        }
    }
    return NULL;
}

bool mock_host_address(const struct prefix_settings *settings, struct address *address)
{
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct host *host = find(key);
    if (host != NULL) {
        free(key);
    } else {
        host = host_new(settings, key);
    }
    if (host != NULL) {
        *address = host->address;
    }
    pthread_mutex_unlock(&hosts_lock);
    return host != NULL;
}

static void end_host(struct host *host)
{
    eventfd_t one = 1;
    LIST_REMOVE(host, link);
    eventfd_write(host->stop_fd, one);
    pthread_join(host->thread, NULL);
    free_host(host);
}

static struct use *find_use(const char *key)
{
    struct use *use;
    LIST_FOREACH(use, &uses, link)
    {
        if (strcmp(use->key, key) == 0) {
            return use;
        }
    }
    return NULL;
}

void mock_host_hold(const struct prefix_settings *settings)
{
    if (settings->server.scheme != FR_URL_MOCK) {
        return;
    }
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct use *use = find_use(key);
    if (use != NULL) {
        free(key);
    } else {
        use = memory_zeroed(sizeof *use);
        use->key = key;
        LIST_INSERT_HEAD(&uses, use, link);
    }
    use->count++;
    pthread_mutex_unlock(&hosts_lock);
}

void mock_host_release(const struct prefix_settings *settings)
{
    if (settings->server.scheme != FR_URL_MOCK) {
        return;
    }
    char *key = key_of(settings);
    pthread_mutex_lock(&hosts_lock);
    struct use *use = find_use(key);
    struct host *host = find(key);
    if (--use->count == 0) {
        LIST_REMOVE(use, link);
        free(use->key);
        free(use);
        if (host != NULL) {
            end_host(host);
        }
    }
    pthread_mutex_unlock(&hosts_lock);
    free(key);
}

void mock_hosts_finish(void)
{
    struct host *host;
    while ((host = LIST_FIRST(&hosts)) != NULL) {
        end_host(host);
    }
}
