/* A connection to a server and the replies it owes. The picture of its states is in upstream.h; the
 * words of the handshake are handshake.c's, the queue of requests is requests.c's. */
#include "daemon/upstream_parts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/util.h>

#include "daemon/container.h"
#include "daemon/handshake.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/mock_line.h"

/* Attempts in a row before waiting longer than "fail_fast_ms" is thought useless. */
#define FAILURES_BEFORE_FAIL_FAST 3

/* Bytes that may wait for a connection. */
#define QUEUED_BYTES_MAX (16 * 1024 * 1024)
#define LAST_WORDS_MS 5000
#define KEEPALIVE_IDLE_S 15
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_COUNT 3
#define UNACKNOWLEDGED_MS 30000

static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void flush(struct loop_task *task);
static void try_address(struct upstream *upstream);

struct stats *upstream_stats(struct upstream *upstream)
{
    return &upstream->context->stats;
}

const char *upstream_server_name(const struct upstream *upstream, char *to, size_t cap)
{
    return fr_url_show(&upstream->context->settings->server, to, cap);
}

static struct timeval interval(int64_t ms)
{
    ms = ms < 0 ? 0 : ms;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

void upstream_set_timer(struct event *event, int64_t ms)
{
    struct timeval after = interval(ms);
    event_add(event, &after);
}

/* ------------------------------------------------------------------------------- making and ending
 */

static void bury(struct loop_task *task)
{
    struct upstream *upstream = container_of(task, struct upstream, bury);
    loop_cancel(upstream->context->loop, &upstream->flush);
    requests_finish(&upstream->requests);
    evbuffer_free(upstream->held);
    free(upstream->hello);
    free(upstream->refusal);
    identity_release(upstream->context->identities, upstream->route.identity);
    free(upstream);
}

struct upstream *upstream_create(struct upstream_context *context,
                                 const struct upstream_route *route, const struct upstream_ops *ops,
                                 void *owner)
{
    struct upstream *upstream = memory_zeroed(sizeof *upstream);
    upstream->context = context;
    upstream->route = *route;
    identity_hold(route->identity);
    upstream->ops = ops;
    upstream->owner = owner;
    upstream->reconnects = true;
    upstream->transport.fd = -1;
    upstream->heartbeat.ops = &upstream_heartbeat_ops;
    upstream->held = evbuffer_new();
    requests_init(&upstream->requests, context->settings->retry_reads);
    event_assign(&upstream->timer, context->loop->base, -1, 0, on_timer, upstream);
    event_assign(&upstream->watch, context->loop->base, -1, 0, upstream_on_watch, upstream);
    loop_task_init(&upstream->flush, LOOP_SEND, flush);
    loop_task_init(&upstream->bury, LOOP_BURY, bury);
    return upstream;
}

bool upstream_is_ready(const struct upstream *upstream)
{
    return upstream->state == UPSTREAM_READY;
}

/* ------------------------------------------------------------------------------------- connecting
 */

static int make_socket(const struct address *address)
{
    int yes = 1;
    int family = address->sockaddr.ss_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && family != AF_UNIX) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
        /* a network that swallows everything is noticed although replies are outstanding */
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){KEEPALIVE_IDLE_S}, sizeof(int));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){KEEPALIVE_INTERVAL_S}, sizeof(int));
        setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){KEEPALIVE_COUNT}, sizeof(int));
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){UNACKNOWLEDGED_MS}, sizeof(int));
    }
    return fd;
}

static void begin_handshake(struct upstream *upstream)
{
    struct evbuffer *out = evbuffer_new();
    upstream->state = UPSTREAM_HANDSHAKE;
    upstream->generation++;
    transport_want_write(&upstream->transport, false);
    transport_want_read(&upstream->transport, true);
    handshake_begin(upstream, out);
    /* a fresh socket's buffer takes the few bytes of a handshake whole */
    size_t len = evbuffer_get_length(out);
    size_t written = 0;
    enum transport_outcome outcome = transport_write(&upstream->transport, out, 0, len, &written);
    evbuffer_free(out);
    /* a failure is not the end: a full server says so before it closes, and that is still to be
     * read */
    if (outcome != TRANSPORT_FAILED && written != len) {
        upstream_lose(upstream, "%s", strerror(ENOBUFS));
    }
}

/* The address does not answer: the next one, or failure. */
static void address_failed(struct upstream *upstream, int error)
{
    transport_close(&upstream->transport);
    if (++upstream->address < upstream->resolve.count) {
        try_address(upstream);
    } else {
        upstream_lose(upstream, "%s", strerror(error));
    }
}

static void try_address(struct upstream *upstream)
{
    const struct address *address = &upstream->resolve.addresses[upstream->address];
    int fd = make_socket(address);
    if (fd < 0) {
        address_failed(upstream, errno);
        return;
    }
    transport_open(&upstream->transport, upstream->context->loop, fd, upstream_on_readable,
                   on_writable, upstream);
    upstream->state = UPSTREAM_CONNECTING;
    if (connect(fd, (const struct sockaddr *)&address->sockaddr, address->len) == 0) {
        begin_handshake(upstream);
    } else if (errno == EINPROGRESS) {
        transport_want_write(&upstream->transport, true);
    } else {
        address_failed(upstream, errno);
    }
}

static void on_connected(struct upstream *upstream)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(upstream->transport.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        address_failed(upstream, error);
    } else {
        begin_handshake(upstream);
    }
}

static void on_resolved(struct resolve *resolve, const char *error)
{
    struct upstream *upstream = container_of(resolve, struct upstream, resolve);
    if (error != NULL) {
        upstream_lose(upstream, "%s", error);
        return;
    }
    upstream->address = 0;
    try_address(upstream);
}

/* An engine in this process stands behind no address. */
static void open_line(struct upstream *upstream)
{
    struct upstream_context *context = upstream->context;
    struct carrier *line = mock_line_create(context->loop, context->settings);
    if (line == NULL) {
        upstream_lose(upstream, "%s", strerror(errno));
        return;
    }
    transport_open_carried(&upstream->transport, context->loop, line, upstream_on_readable,
                           on_writable, upstream);
    begin_handshake(upstream);
}

static void start_attempt(struct upstream *upstream)
{
    upstream->state = UPSTREAM_RESOLVING;
    upstream_set_timer(&upstream->timer, upstream->context->settings->connect_ms);
    const struct prefix_settings *settings = upstream->context->settings;
    if (settings->server.scheme == FR_URL_MOCK) {
        open_line(upstream);
        return;
    }
    resolve_start(&upstream->resolve, upstream->context->loop, &settings->server, on_resolved);
}

void upstream_hurry(struct upstream *upstream)
{
    if (upstream->state == UPSTREAM_BACKOFF) {
        event_del(&upstream->timer);
        start_attempt(upstream);
    }
}

void upstream_connect(struct upstream *upstream)
{
    if (upstream->state == UPSTREAM_CLOSED && !upstream->is_dead) {
        start_attempt(upstream);
    }
}

/* A server that neither reads, nor says anything, nor closes is given up. */
static void await_last_words(struct upstream *upstream)
{
    if (upstream->is_paused || loop_now_ms() - upstream->last_active_ms < LAST_WORDS_MS) {
        upstream_set_timer(&upstream->timer, LAST_WORDS_MS);
    } else {
        upstream_end_connection(upstream, LOSS_BEFORE_REPLY);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    (void)fd, (void)what;
    if (upstream->state == UPSTREAM_BACKOFF) {
        start_attempt(upstream);
    } else if (upstream->is_deaf) {
        await_last_words(upstream);
    } else if (upstream->state == UPSTREAM_CONNECTING &&
               upstream->address + 1 < upstream->resolve.count) {
        upstream_set_timer(&upstream->timer, upstream->context->settings->connect_ms);
        address_failed(upstream, ETIMEDOUT);
    } else {
        upstream_lose(upstream, "no answer within %lld ms",
                      (long long)upstream->context->settings->connect_ms);
    }
}

void upstream_note_replied(struct upstream *upstream)
{
    char name[200];
    upstream->has_replied = true;
    if (upstream->down_since_ms != 0) {
        log_notice("upstream %s %s db %lld: works again", upstream->context->settings->name,
                   upstream_server_name(upstream, name, sizeof name),
                   (long long)upstream->route.db);
    }
    upstream->failures = 0;
    upstream->down_since_ms = 0;
}

void upstream_become_ready(struct upstream *upstream)
{
    upstream->state = UPSTREAM_READY;
    upstream->connection = ++upstream->context->connections;
    upstream->context->standing++;
    upstream->has_replied = false;
    upstream->reason[0] = '\0';
    event_del(&upstream->timer);
    upstream->ready_since_ms = upstream->last_active_ms = loop_now_ms();
    upstream->context->failures = 0;
    upstream->context->away_since_ms = 0;
    stats_count(upstream_stats(upstream), upstreams_connected);
    loop_defer(upstream->context->loop, &upstream->flush);
    upstream_arm_watch(upstream);
    upstream->ops->on_ready(upstream);
}

/* ---------------------------------------------------------------------------------------- writing
 */

static void note_room(struct upstream *upstream)
{
    size_t unwritten = requests_unwritten(&upstream->requests);
    if (unwritten > UPSTREAM_HIGH_WATER) {
        upstream->is_stuffed = true;
    } else if (upstream->is_stuffed && unwritten <= UPSTREAM_LOW_WATER) {
        upstream->is_stuffed = false;
        upstream->ops->on_drained(upstream);
    }
}

/* It takes nothing any more. What it has to say is still read, up to its end or until that is of no
 * use to anybody. */
static void go_deaf(struct upstream *upstream, int error)
{
    snprintf(upstream->reason, sizeof upstream->reason, "%s", strerror(error));
    upstream->is_deaf = true;
    transport_want_write(&upstream->transport, false);
    upstream_set_timer(&upstream->timer, LAST_WORDS_MS);
    if (upstream_has_said_all(upstream)) {
        upstream_end_connection(upstream, LOSS_BEFORE_REPLY);
    }
}

static uint32_t now_us(const struct upstream *upstream)
{
    return (uint32_t)loop_turn_us(upstream->context->loop);
}

static void write_requests(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    enum transport_outcome outcome = TRANSPORT_OK;
    struct loop *loop = upstream->context->loop;
    placement_note_server(&loop->placement, upstream->transport.fd, loop_turn_us(loop));
    while (outcome == TRANSPORT_OK && requests_unwritten(requests) > 0) {
        size_t written = 0;
        outcome = transport_write(&upstream->transport, requests->bytes,
                                  (size_t)(requests->written - requests->begin),
                                  requests_unwritten(requests), &written);
        requests_note_written(requests, written, now_us(upstream));
        stats_add(&upstream_stats(upstream)->server_written_bytes, written);
    }
    if (outcome == TRANSPORT_FAILED) {
        go_deaf(upstream, errno);
        return;
    }
    transport_want_write(&upstream->transport, outcome == TRANSPORT_AGAIN);
    if (upstream->is_ending && outcome == TRANSPORT_OK) {
        transport_end_output(&upstream->transport);
        upstream->is_deaf = true;
    }
    note_room(upstream);
}

/* A server on our core takes it from us as soon as it is written to, for as long as it has work.
 * That had better not begin before the replies at hand are with their clients, who ask for more on
 * another core meanwhile. What was to be written behind it stays behind it: in which order clients
 * block on connections of their own is decided by that. Not so what goes through a tunnel: its
 * client may be found gone when it is written to, and what it sent before is still to be carried
 * out. */
static bool goes_late(const struct upstream *upstream)
{
    const struct loop *loop = upstream->context->loop;
    int fd = upstream->transport.fd;
    return fd >= 0 && !upstream->is_tunnel &&
           (placement_is_beside(&loop->placement, fd) || loop_has(loop, LOOP_SEND_LATE));
}

static void flush(struct loop_task *task)
{
    struct upstream *upstream = container_of(task, struct upstream, flush);
    if (task->phase == LOOP_SEND && goes_late(upstream)) {
        task->phase = LOOP_SEND_LATE;
        loop_defer(upstream->context->loop, task);
        return;
    }
    task->phase = LOOP_SEND;
    if (upstream->state == UPSTREAM_READY && !upstream->transport.is_writing &&
        !upstream->is_deaf) {
        write_requests(upstream);
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    (void)fd, (void)what;
    if (upstream->state == UPSTREAM_CONNECTING) {
        on_connected(upstream);
    } else {
        write_requests(upstream);
    }
}

bool upstream_is_hopeless(const struct upstream *upstream)
{
    uint64_t limit = (uint64_t)upstream->context->settings->fail_fast_ms;
    bool is_away = upstream->context->failures >= FAILURES_BEFORE_FAIL_FAST &&
                   loop_now_ms() - upstream->context->away_since_ms >= limit;
    bool is_refused = upstream->refusal != NULL && upstream->failures > 0;
    return upstream->state != UPSTREAM_READY && (is_away || is_refused);
}

bool upstream_accepts(const struct upstream *upstream, char *error, size_t cap)
{
    const struct prefix_settings *settings = upstream->context->settings;
    if (upstream->state == UPSTREAM_READY) {
        return true;
    }
    if (upstream_is_hopeless(upstream)) {
        upstream_down_error(upstream, error, cap);
        return false;
    }
    bool is_full = upstream->requests.count >= (uint64_t)settings->upstream_queue ||
                   requests_unwritten(&upstream->requests) >= QUEUED_BYTES_MAX;
    if (is_full) {
        char name[200];
        snprintf(error, cap,
                 "-POOLDOWN no connection to %s, and %u commands wait for one (setting "
                 "\"upstream_queue\"); not sent\r\n",
                 upstream_server_name(upstream, name, sizeof name), upstream->requests.count);
        return false;
    }
    return true;
}

/* Requests have been queued: have them written. */
static void expect_flush(struct upstream *upstream)
{
    if (upstream->state == UPSTREAM_READY) {
        loop_defer(upstream->context->loop, &upstream->flush);
        upstream->is_stuffed =
            upstream->is_stuffed || requests_unwritten(&upstream->requests) > UPSTREAM_HIGH_WATER;
        return;
    }
    upstream_connect(upstream);
    if (!event_pending(&upstream->watch, EV_TIMEOUT, NULL)) {
        upstream_arm_watch(upstream);
    }
}

static struct slot stamp(const struct upstream *upstream, const struct slot *slot)
{
    struct slot stamped = *slot;
    stamped.since_ms = (uint32_t)loop_now_ms();
    stamped.since_us = now_us(upstream);
    return stamped;
}

void upstream_send(struct upstream *upstream, const struct slot *slot, const char *data, size_t len)
{
    struct slot stamped = stamp(upstream, slot);
    requests_add(&upstream->requests, &stamped, data, len);
    expect_flush(upstream);
}

void upstream_send_run(struct upstream *upstream, const struct slot *like,
                       const struct request_run *run)
{
    struct slot stamped = stamp(upstream, like);
    requests_add_run(&upstream->requests, &stamped, run);
    expect_flush(upstream);
}

void upstream_append(struct upstream *upstream, const char *data, size_t len, bool is_last)
{
    requests_append(&upstream->requests, data, len, is_last, now_us(upstream));
    loop_defer(upstream->context->loop, &upstream->flush);
    note_room(upstream);
}

void upstream_begin_tunnel(struct upstream *upstream)
{
    upstream->is_tunnel = true;
}

void upstream_end_input(struct upstream *upstream)
{
    upstream->is_ending = true;
    loop_defer(upstream->context->loop, &upstream->flush);
}

void upstream_silence(struct upstream *upstream, const struct reply_sink *sink, uint8_t silent_tag)
{
    for (uint32_t i = 0; i < upstream->requests.count; i++) {
        struct slot *slot = requests_slot(&upstream->requests, i);
        slot->tag |= slot->sink == sink ? silent_tag : 0;
    }
}

bool upstream_owes_others(const struct upstream *upstream, const struct reply_sink *sink)
{
    for (uint32_t i = 0; i < upstream->requests.count; i++) {
        const struct reply_sink *owed = requests_slot(&upstream->requests, i)->sink;
        if (owed != sink && owed != &upstream->heartbeat) {
            return true;
        }
    }
    return false;
}

void upstream_send_raw(struct upstream *upstream, const char *data, size_t len)
{
    evbuffer_add(upstream->requests.bytes, data, len);
    upstream->requests.end += len;
    loop_defer(upstream->context->loop, &upstream->flush);
    note_room(upstream);
}
