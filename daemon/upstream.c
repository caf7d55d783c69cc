/* A connection to a server and the replies it owes. The picture of its states is in upstream.h; the
 * words of the handshake are handshake.c's, the queue of requests is requests.c's. */
#include "daemon/upstream.h"

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

#include "daemon/handshake.h"
#include "daemon/log.h"
#include "daemon/memory.h"

#define BACKOFF_FIRST_MS 10
#define BACKOFF_MOST_MS 1000
/* Attempts in a row before waiting longer than "fail_fast_ms" is thought useless. */
#define FAILURES_BEFORE_FAIL_FAST 3
/* A reply's beginning is kept back up to here, so that a lost connection can still be answered by a
 * whole error; larger ones stream. */
#define HELD_MAX (64 * 1024)
/* No reply of a handshake is nearly as large. */
#define HANDSHAKE_REPLY_MAX (1024 * 1024)

static const char ping[] = "*1\r\n$4\r\nPING\r\n";

static void on_readable(evutil_socket_t fd, short what, void *arg);
static void on_writable(evutil_socket_t fd, short what, void *arg);
static void on_timer(evutil_socket_t fd, short what, void *arg);
static void on_watch(evutil_socket_t fd, short what, void *arg);
static void flush(struct loop_task *task);
static void arm_watch(struct upstream *upstream);
static void try_address(struct upstream *upstream);

static struct upstream *upstream_of_task(struct loop_task *task, size_t offset)
{
    return (struct upstream *)(void *)((char *)task - offset);
}

static struct stats *stats_of(struct upstream *upstream)
{
    return &upstream->context->loop->stats;
}

static const char *server_name(const struct upstream *upstream, char *to, size_t cap)
{
    return fr_url_show(&upstream->context->settings->server, to, cap);
}

static struct timeval interval(int64_t ms)
{
    ms = ms < 0 ? 0 : ms;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

static void set_timer(struct event *event, int64_t ms)
{
    struct timeval after = interval(ms);
    event_add(event, &after);
}

/* ------------------------------------------------------------------------------------- heartbeat
 */

static void on_heartbeat_reply(struct reply_sink *sink, const struct reply_part *part)
{
    struct upstream *upstream =
        (struct upstream *)(void *)((char *)sink - offsetof(struct upstream, heartbeat));
    upstream->is_beating = upstream->is_beating && !part->is_last;
}

static void on_heartbeat_failure(struct reply_sink *sink, const struct slot *slot,
                                 const char *error, bool is_cut)
{
    (void)sink, (void)slot, (void)error, (void)is_cut;
}

static const struct reply_sink_ops heartbeat_ops = {on_heartbeat_reply, on_heartbeat_failure};

/* Milliseconds of silence after which a PING is due; 0: never. A server that closes idle
 * connections is asked in half that time. */
static int64_t heartbeat_ms(const struct upstream *upstream)
{
    int64_t wanted = upstream->context->settings->heartbeat_ms;
    int64_t timeout = upstream->context->server_timeout_ms / 2;
    if (timeout > 0 && (wanted == 0 || timeout < wanted)) {
        return timeout;
    }
    return wanted;
}

/* ------------------------------------------------------------------------------- making and ending
 */

static void bury(struct loop_task *task)
{
    struct upstream *upstream = upstream_of_task(task, offsetof(struct upstream, bury));
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
    upstream->heartbeat.ops = &heartbeat_ops;
    upstream->held = evbuffer_new();
    requests_init(&upstream->requests, context->settings->retry_reads);
    event_assign(&upstream->timer, context->loop->base, -1, 0, on_timer, upstream);
    event_assign(&upstream->watch, context->loop->base, -1, 0, on_watch, upstream);
    loop_task_init(&upstream->flush, LOOP_SEND, flush);
    loop_task_init(&upstream->bury, LOOP_BURY, bury);
    return upstream;
}

bool upstream_is_ready(const struct upstream *upstream)
{
    return upstream->state == UPSTREAM_READY;
}

/* Leave the connection, whatever its state. */
static void disconnect(struct upstream *upstream)
{
    transport_close(&upstream->transport);
    resolve_cancel(&upstream->resolve);
    event_del(&upstream->timer);
    event_del(&upstream->watch);
    upstream->frame = (struct fr_reply){0};
    evbuffer_drain(upstream->held, evbuffer_get_length(upstream->held));
    upstream->is_beating = false;
    upstream->is_paused = false;
    upstream->is_stuffed = false;
    upstream->state = UPSTREAM_CLOSED;
}

/* --------------------------------------------------------------------------------------- failures
 */

enum loss {
    LOSS_BEFORE_REPLY,
    LOSS_TOO_SLOW
};

static void lost_error(struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    stats_count(stats_of(upstream), errors_poollost);
    snprintf(error, cap,
             "-POOLLOST connection to %s lost (%s); the command may have been executed\r\n",
             server_name(upstream, name, sizeof name), upstream->reason);
}

static void slow_error(struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    stats_count(stats_of(upstream), errors_pooltime);
    snprintf(error, cap,
             "-POOLTIME no reply from %s within %lld ms (setting \"command_ms\"); "
             "the command may have been executed\r\n",
             server_name(upstream, name, sizeof name),
             (long long)upstream->context->settings->command_ms);
}

void upstream_down_error(const struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    snprintf(error, cap, "-POOLDOWN no connection to %s within %lld ms (%s); not sent\r\n",
             server_name(upstream, name, sizeof name),
             (long long)upstream->context->settings->upstream_wait_ms,
             upstream->reason[0] != '\0' ? upstream->reason : "still connecting");
}

/* Numbers the losses of a worker's connections, to mark the sinks that one concerned. */
static _Thread_local uint64_t losses;

static bool is_repeatable(const struct upstream *upstream, const struct slot *slot)
{
    return upstream->requests.retain && upstream->reconnects && slot->command != NULL &&
           slot->command->retry == FR_RETRY_SAFE && !(slot->flags & SLOT_RETRIED);
}

/* Decide which slots fail with the connection, from the newest to the oldest: a request is sent
 * again only if all that its sink sent after it is, too. Returns how many fail. */
static uint32_t choose_failing(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    uint32_t failing = 0;
    uint64_t mark = ++losses;
    for (uint32_t i = requests->count; i-- > 0;) {
        struct slot *slot = requests_slot(requests, i);
        bool is_sent = i < requests->sent;
        bool stays = upstream->reconnects && !(slot->flags & SLOT_OPEN) &&
                     slot->sink != &upstream->heartbeat &&
                     (!is_sent || (is_repeatable(upstream, slot) && slot->sink->barred != mark));
        if (stays && is_sent) {
            slot->flags |= SLOT_RETRIED;
            stats_count(stats_of(upstream), retried);
        } else if (!stays) {
            slot->flags |= SLOT_DROPPED;
            slot->sink->barred = mark;
            failing++;
        }
    }
    /* part of its reply was passed on: it cannot be had again from the beginning */
    if (upstream->is_passing && !(requests_slot(requests, 0)->flags & SLOT_DROPPED)) {
        requests_slot(requests, 0)->flags |= SLOT_DROPPED;
        failing++;
    }
    return failing;
}

/* Tell the sinks of these slots, the oldest first. The upstream may be destroyed meanwhile. */
static void fail_slots(struct upstream *upstream, const struct slot *slots, uint32_t count,
                       uint32_t sent, bool is_cut, enum loss loss)
{
    char error[640];
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 && loss == LOSS_TOO_SLOW) {
            slow_error(upstream, error, sizeof error);
        } else if (i < sent) {
            lost_error(upstream, error, sizeof error);
        } else {
            stats_count(stats_of(upstream), errors_pooldown);
            upstream_down_error(upstream, error, sizeof error);
        }
        slots[i].sink->ops->on_failure(slots[i].sink, &slots[i], error, is_cut && i == 0);
    }
}

/* Take the failing slots off the queue and make it ready for the next connection. Returns a copy of
 * them that the caller frees. */
static struct slot *take_failing(struct upstream *upstream, uint32_t *count, uint32_t *sent)
{
    struct requests *requests = &upstream->requests;
    *count = choose_failing(upstream);
    *sent = 0;
    struct slot *failing = memory_alloc(*count * sizeof *failing);
    uint32_t filled = 0;
    for (uint32_t i = 0; i < requests->count; i++) {
        const struct slot *slot = requests_slot(requests, i);
        if (slot->flags & SLOT_DROPPED) {
            failing[filled++] = *slot;
            *sent += i < requests->sent;
        }
    }
    requests_rewind(requests);
    return failing;
}

static void back_off(struct upstream *upstream)
{
    uint32_t doubled = upstream->failures > 7 ? 7 : upstream->failures;
    int64_t delay = BACKOFF_FIRST_MS << doubled;
    /* refused for good is a matter of configuration: no hurry */
    delay = delay > BACKOFF_MOST_MS || upstream->refusal != NULL ? BACKOFF_MOST_MS : delay;
    uint8_t jitter = 0;
    evutil_secure_rng_get_bytes(&jitter, sizeof jitter);
    upstream->state = UPSTREAM_BACKOFF;
    set_timer(&upstream->timer, delay / 2 + delay * jitter / 512);
}

static void note_failure(struct upstream *upstream, bool was_ready)
{
    if (was_ready) {
        stats_count(stats_of(upstream), upstreams_lost);
    } else {
        stats_count(stats_of(upstream), upstreams_failed);
        upstream->failures++;
    }
    if (upstream->down_since_ms == 0) {
        char name[200];
        upstream->down_since_ms = loop_now_ms();
        log_warning("upstream %s %s db %lld: %s: %s", upstream->context->settings->name,
                    server_name(upstream, name, sizeof name), (long long)upstream->route.db,
                    was_ready ? "connection lost" : "no connection", upstream->reason);
    }
}

static void end_connection(struct upstream *upstream, enum loss loss)
{
    bool was_ready = upstream->state == UPSTREAM_READY;
    bool is_cut = upstream->is_passing;
    uint32_t count = 0;
    uint32_t sent = 0;
    struct slot *failing = NULL;
    disconnect(upstream);
    note_failure(upstream, was_ready);
    if (was_ready) {
        failing = take_failing(upstream, &count, &sent);
    }
    upstream->is_passing = false;
    if (upstream->reconnects && !upstream->is_dead) {
        back_off(upstream);
        arm_watch(upstream);
    }
    upstream->ops->on_down(upstream);
    fail_slots(upstream, failing, count, sent, is_cut, loss);
    free(failing);
}

void upstream_lose(struct upstream *upstream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(upstream->reason, sizeof upstream->reason, format, arguments);
    va_end(arguments);
    end_connection(upstream, LOSS_BEFORE_REPLY);
}

void upstream_destroy(struct upstream *upstream)
{
    if (upstream == NULL || upstream->is_dead) {
        return;
    }
    upstream->is_dead = true;
    upstream->reconnects = false;
    bool is_cut = upstream->is_passing;
    uint32_t count = 0;
    uint32_t sent = 0;
    disconnect(upstream);
    if (upstream->reason[0] == '\0') {
        snprintf(upstream->reason, sizeof upstream->reason, "given up");
    }
    struct slot *failing = take_failing(upstream, &count, &sent);
    loop_defer(upstream->context->loop, &upstream->bury);
    fail_slots(upstream, failing, count, sent, is_cut, LOSS_BEFORE_REPLY);
    free(failing);
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
    if (outcome != TRANSPORT_OK || written != len) {
        upstream_lose(upstream, "%s", strerror(outcome == TRANSPORT_FAILED ? errno : ENOBUFS));
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
    transport_open(&upstream->transport, upstream->context->loop, fd, on_readable, on_writable,
                   upstream);
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
    struct upstream *upstream =
        (struct upstream *)(void *)((char *)resolve - offsetof(struct upstream, resolve));
    if (error != NULL) {
        upstream_lose(upstream, "%s", error);
        return;
    }
    upstream->address = 0;
    try_address(upstream);
}

static void start_attempt(struct upstream *upstream)
{
    upstream->state = UPSTREAM_RESOLVING;
    set_timer(&upstream->timer, upstream->context->settings->connect_ms);
    resolve_start(&upstream->resolve, upstream->context->loop, &upstream->context->settings->server,
                  on_resolved);
}

void upstream_connect(struct upstream *upstream)
{
    if (upstream->state == UPSTREAM_CLOSED && !upstream->is_dead) {
        start_attempt(upstream);
    }
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    (void)fd, (void)what;
    if (upstream->state == UPSTREAM_BACKOFF) {
        start_attempt(upstream);
    } else {
        upstream_lose(upstream, "no answer within %lld ms",
                      (long long)upstream->context->settings->connect_ms);
    }
}

static void become_ready(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    char name[200];
    if (upstream->down_since_ms != 0) {
        log_notice("upstream %s %s db %lld: connected again", upstream->context->settings->name,
                   server_name(upstream, name, sizeof name), (long long)upstream->route.db);
    }
    upstream->state = UPSTREAM_READY;
    upstream->failures = 0;
    upstream->down_since_ms = 0;
    upstream->reason[0] = '\0';
    event_del(&upstream->timer);
    uint64_t now = loop_now_ms();
    upstream->last_active_ms = now;
    for (uint32_t i = 0; i < requests->count; i++) {
        requests_slot(requests, i)->since_ms = (uint32_t)now;
    }
    stats_count(stats_of(upstream), upstreams_connected);
    loop_defer(upstream->context->loop, &upstream->flush);
    arm_watch(upstream);
    upstream->ops->on_ready(upstream);
}

/* ---------------------------------------------------------------------------------------- reading
 */

/* Give a part to the sink it is for; slots that end with it are taken off first, since the sink may
 * queue more. */
static void give(struct upstream *upstream, unsigned count, const char *data, size_t len,
                 bool is_last)
{
    struct slot slot = *requests_slot(&upstream->requests, 0);
    struct reply_part part = {.slot = &slot,
                              .frame = &upstream->frame,
                              .count = count,
                              .data = data,
                              .len = len,
                              .is_first = !upstream->is_passing,
                              .is_last = is_last};
    upstream->is_passing = !is_last;
    if (is_last) {
        requests_pop(&upstream->requests, count);
        stats_add(&stats_of(upstream)->replies, count);
    }
    slot.sink->ops->on_reply(slot.sink, &part);
}

/* Give all that is held. */
static void give_held(struct upstream *upstream)
{
    size_t len = evbuffer_get_length(upstream->held);
    if (len > 0) {
        unsigned char *data = evbuffer_pullup(upstream->held, -1);
        give(upstream, 0, (const char *)data, len, false);
        evbuffer_drain(upstream->held, evbuffer_get_length(upstream->held));
    }
}

/* The end of the bytes that were read stands in the middle of a reply. */
static void hold(struct upstream *upstream, const char *data, size_t len)
{
    if (!upstream->is_passing) {
        if (upstream->requests.sent == 0 && !upstream->frame.is_push) {
            upstream_lose(upstream, "the server sent a reply nobody waits for");
            return;
        }
        evbuffer_add(upstream->held, data, len);
        if (evbuffer_get_length(upstream->held) > HELD_MAX && !upstream->frame.is_push) {
            give_held(upstream);
        }
    } else if (len > 0) {
        give(upstream, 0, data, len, false);
    }
}

/* A run of whole replies for one sink that came in one piece. */
struct run {
    struct reply_sink *sink;
    const char *data;
    size_t len;
    unsigned count;
};

static void give_run(struct upstream *upstream, struct run *run)
{
    if (run->count > 0) {
        struct run whole = *run;
        run->count = 0;
        give(upstream, whole.count, whole.data, whole.len, true);
    }
}

static void extend_run(struct upstream *upstream, struct run *run, const char *data, size_t len)
{
    const struct slot *slot = requests_slot(&upstream->requests, run->count);
    if (run->count > 0 && slot->sink != run->sink) {
        give_run(upstream, run);
        slot = requests_slot(&upstream->requests, 0);
    }
    if (run->count == 0) {
        *run = (struct run){.sink = slot->sink, .data = data};
    }
    run->count++;
    run->len += len;
    if (slot->flags & SLOT_ALONE) {
        give_run(upstream, run);
    }
}

static void on_push_frame(struct upstream *upstream, const char *data, size_t len)
{
    bool is_expected = false;
    if (evbuffer_get_length(upstream->held) > 0) {
        evbuffer_add(upstream->held, data, len);
        size_t whole = evbuffer_get_length(upstream->held);
        data = (const char *)evbuffer_pullup(upstream->held, -1);
        is_expected = upstream->ops->on_push(upstream, data, whole);
        evbuffer_drain(upstream->held, whole);
    } else {
        is_expected = upstream->ops->on_push(upstream, data, len);
    }
    if (!is_expected) {
        upstream_lose(upstream, "the server sent a message nobody asked for");
    }
}

/* A whole frame ends with these bytes. False: the connection is gone. */
static bool take_frame(struct upstream *upstream, struct run *run, const char *data, size_t len)
{
    if (upstream->frame.is_push) {
        give_run(upstream, run);
        if (upstream->state == UPSTREAM_READY) {
            on_push_frame(upstream, data, len);
        }
    } else if (upstream->requests.sent <= run->count) {
        give_run(upstream, run);
        upstream_lose(upstream, "the server sent a reply nobody waits for");
    } else if (upstream->is_passing || evbuffer_get_length(upstream->held) > 0) {
        evbuffer_add(upstream->held, data, len);
        size_t whole = evbuffer_get_length(upstream->held);
        struct evbuffer *held = upstream->held;
        upstream->held = evbuffer_new(); /* the sink may end this connection, which drains it */
        give(upstream, 1, (const char *)evbuffer_pullup(held, -1), whole, true);
        evbuffer_free(held);
    } else {
        extend_run(upstream, run, data, len);
    }
    return upstream->state == UPSTREAM_READY;
}

static void take_replies(struct upstream *upstream, const char *data, size_t len)
{
    struct run run = {0};
    size_t at = 0;
    upstream->last_active_ms = loop_now_ms();
    while (at < len) {
        size_t taken = 0;
        enum fr_frame outcome = fr_reply_scan(&upstream->frame, data + at, len - at, &taken);
        if (outcome == FR_FRAME_DONE) {
            if (!take_frame(upstream, &run, data + at, taken)) {
                return;
            }
            at += taken;
            continue;
        }
        struct fr_reply open =
            upstream->frame; /* the sink of the run sees frames of its own only */
        give_run(upstream, &run);
        if (upstream->state != UPSTREAM_READY) {
            return;
        }
        upstream->frame = open;
        if (outcome == FR_FRAME_BROKEN) {
            upstream_lose(upstream, "the server sent bytes that are no reply");
            return;
        }
        hold(upstream, data + at, taken);
        return;
    }
    give_run(upstream, &run);
}

static void take_handshake(struct upstream *upstream, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len && upstream->state == UPSTREAM_HANDSHAKE) {
        size_t taken = 0;
        enum fr_frame outcome = fr_reply_scan(&upstream->frame, data + at, len - at, &taken);
        evbuffer_add(upstream->held, data + at, taken);
        at += taken;
        size_t whole = evbuffer_get_length(upstream->held);
        if (outcome == FR_FRAME_BROKEN || whole > HANDSHAKE_REPLY_MAX) {
            upstream_lose(upstream, "the server does not speak Redis' protocol");
        } else if (outcome == FR_FRAME_DONE) {
            const char *reply = (const char *)evbuffer_pullup(upstream->held, -1);
            enum handshake_outcome judged = handshake_reply(upstream, reply, whole);
            evbuffer_drain(upstream->held, whole);
            if (judged == HANDSHAKE_FAILED) {
                end_connection(upstream, LOSS_BEFORE_REPLY);
            } else if (judged == HANDSHAKE_DONE) {
                become_ready(upstream);
            }
        }
    }
    if (at < len && upstream->state == UPSTREAM_READY) {
        upstream_lose(upstream, "the server sent a reply nobody waits for");
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    char *scratch = upstream->context->loop->scratch;
    size_t count = 0;
    (void)fd, (void)what;
    switch (transport_read(&upstream->transport, scratch, LOOP_SCRATCH_CAP, &count)) {
    case TRANSPORT_AGAIN:
        return;
    case TRANSPORT_END:
        upstream_lose(upstream, "closed by the server");
        return;
    case TRANSPORT_FAILED:
        upstream_lose(upstream, "%s", strerror(errno));
        return;
    case TRANSPORT_OK:
        break;
    }
    if (upstream->state == UPSTREAM_HANDSHAKE) {
        take_handshake(upstream, scratch, count);
    } else if (upstream->is_tunnel) {
        upstream->ops->on_tunnel(upstream, scratch, count);
    } else {
        take_replies(upstream, scratch, count);
    }
}

void upstream_pause(struct upstream *upstream, bool is_paused)
{
    if (upstream->is_paused != is_paused && upstream->state == UPSTREAM_READY) {
        upstream->is_paused = is_paused;
        transport_want_read(&upstream->transport, !is_paused);
    }
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

static void write_requests(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    enum transport_outcome outcome = TRANSPORT_OK;
    while (outcome == TRANSPORT_OK && requests_unwritten(requests) > 0) {
        size_t written = 0;
        outcome = transport_write(&upstream->transport, requests->bytes,
                                  (size_t)(requests->written - requests->begin),
                                  requests_unwritten(requests), &written);
        requests_note_written(requests, written);
    }
    if (outcome == TRANSPORT_FAILED) {
        upstream_lose(upstream, "%s", strerror(errno));
        return;
    }
    transport_want_write(&upstream->transport, outcome == TRANSPORT_AGAIN);
    if (upstream->is_tunnel_ending && outcome == TRANSPORT_OK) {
        shutdown(upstream->transport.fd, SHUT_WR);
    }
    note_room(upstream);
}

static void flush(struct loop_task *task)
{
    struct upstream *upstream = upstream_of_task(task, offsetof(struct upstream, flush));
    if (upstream->state == UPSTREAM_READY && !upstream->transport.is_writing) {
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

bool upstream_accepts(const struct upstream *upstream, char *error, size_t cap)
{
    const struct prefix_settings *settings = upstream->context->settings;
    if (upstream->state == UPSTREAM_READY) {
        return true;
    }
    bool is_hopeless = upstream->failures >= FAILURES_BEFORE_FAIL_FAST &&
                       loop_now_ms() - upstream->down_since_ms >= (uint64_t)settings->fail_fast_ms;
    if (is_hopeless || (upstream->refusal != NULL && upstream->failures > 0)) {
        upstream_down_error(upstream, error, cap);
        return false;
    }
    if (upstream->requests.count >= (uint64_t)settings->upstream_queue) {
        char name[200];
        snprintf(error, cap,
                 "-POOLDOWN no connection to %s, and %u commands wait for one (setting "
                 "\"upstream_queue\"); not sent\r\n",
                 server_name(upstream, name, sizeof name), upstream->requests.count);
        return false;
    }
    return true;
}

void upstream_send(struct upstream *upstream, const struct slot *slot, const char *data, size_t len)
{
    struct slot stamped = *slot;
    stamped.since_ms = (uint32_t)loop_now_ms();
    requests_add(&upstream->requests, &stamped, data, len);
    if (upstream->state == UPSTREAM_READY) {
        loop_defer(upstream->context->loop, &upstream->flush);
        upstream->is_stuffed =
            upstream->is_stuffed || requests_unwritten(&upstream->requests) > UPSTREAM_HIGH_WATER;
        return;
    }
    upstream_connect(upstream);
    if (!event_pending(&upstream->watch, EV_TIMEOUT, NULL)) {
        arm_watch(upstream);
    }
}

void upstream_append(struct upstream *upstream, const char *data, size_t len, bool is_last)
{
    requests_append(&upstream->requests, data, len, is_last);
    loop_defer(upstream->context->loop, &upstream->flush);
    note_room(upstream);
}

void upstream_begin_tunnel(struct upstream *upstream)
{
    upstream->is_tunnel = true;
}

void upstream_end_tunnel(struct upstream *upstream)
{
    upstream->is_tunnel_ending = true;
    loop_defer(upstream->context->loop, &upstream->flush);
}

void upstream_silence(struct upstream *upstream, uint8_t silent_tag)
{
    for (uint32_t i = 0; i < upstream->requests.count; i++) {
        requests_slot(&upstream->requests, i)->tag |= silent_tag;
    }
}

void upstream_send_raw(struct upstream *upstream, const char *data, size_t len)
{
    evbuffer_add(upstream->requests.bytes, data, len);
    upstream->requests.end += len;
    loop_defer(upstream->context->loop, &upstream->flush);
    note_room(upstream);
}

/* -------------------------------------------------------------------------------------- deadlines
 */

static uint32_t age_of_oldest(const struct upstream *upstream)
{
    return (uint32_t)loop_now_ms() - requests_slot(&upstream->requests, 0)->since_ms;
}

/* Fail the requests that have waited for a connection long enough. */
static void expire_waiting(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    uint32_t now = (uint32_t)loop_now_ms();
    uint32_t limit = (uint32_t)upstream->context->settings->upstream_wait_ms;
    uint32_t count = 0;
    while (count < requests->count && now - requests_slot(requests, count)->since_ms >= limit) {
        count++;
    }
    struct slot *expired = memory_alloc(count * sizeof *expired);
    for (uint32_t i = 0; i < count; i++) {
        expired[i] = *requests_slot(requests, i);
        requests_slot(requests, i)->flags |= SLOT_DROPPED;
    }
    requests_rewind(requests);
    fail_slots(upstream, expired, count, 0, false, LOSS_BEFORE_REPLY);
    free(expired);
}

static void beat(struct upstream *upstream)
{
    struct slot slot = {.sink = &upstream->heartbeat};
    if (upstream->is_beating) {
        upstream_lose(upstream, "no answer to a heartbeat (setting \"heartbeat_ms\")");
        return;
    }
    upstream->is_beating = true;
    upstream_send(upstream, &slot, ping, sizeof ping - 1);
}

#define NEVER INT64_MAX

/* How long until the next deadline, in ms, or NEVER. */
static int64_t until_deadline(const struct upstream *upstream)
{
    const struct prefix_settings *settings = upstream->context->settings;
    const struct requests *requests = &upstream->requests;
    if (upstream->state != UPSTREAM_READY) {
        return requests->count == 0 ? NEVER : settings->upstream_wait_ms - age_of_oldest(upstream);
    }
    int64_t beat = heartbeat_ms(upstream) > 0 ? heartbeat_ms(upstream) : NEVER;
    int64_t reply = settings->command_ms > 0 ? settings->command_ms : NEVER;
    if (reply != NEVER && requests->count > 0 &&
        !(requests_slot(requests, 0)->flags & SLOT_UNLIMITED)) {
        reply -= age_of_oldest(upstream);
    }
    return beat < reply ? beat : reply;
}

static void arm_watch(struct upstream *upstream)
{
    int64_t left = until_deadline(upstream);
    if (left != NEVER) {
        /* the clock ticks in steps: a little later, so that the deadline has passed when the timer
         * fires */
        set_timer(&upstream->watch, (left < 0 ? 0 : left) + 4);
    }
}

static bool is_overdue(const struct upstream *upstream)
{
    int64_t limit = upstream->context->settings->command_ms;
    return limit > 0 && upstream->requests.count > 0 &&
           !(requests_slot(&upstream->requests, 0)->flags & SLOT_UNLIMITED) &&
           age_of_oldest(upstream) >= limit;
}

static bool is_silent(const struct upstream *upstream)
{
    int64_t limit = heartbeat_ms(upstream);
    bool waits_only_for_beat = upstream->requests.count == (upstream->is_beating ? 1U : 0U);
    return limit > 0 && !upstream->is_tunnel && waits_only_for_beat &&
           loop_now_ms() - upstream->last_active_ms >= (uint64_t)limit;
}

static void on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    (void)fd, (void)what;
    if (upstream->state != UPSTREAM_READY) {
        expire_waiting(upstream);
    } else if (is_overdue(upstream)) {
        snprintf(upstream->reason, sizeof upstream->reason, "no reply within %lld ms",
                 (long long)upstream->context->settings->command_ms);
        end_connection(upstream, LOSS_TOO_SLOW);
    } else if (is_silent(upstream)) {
        beat(upstream);
    }
    if (!upstream->is_dead) {
        arm_watch(upstream);
    }
}
