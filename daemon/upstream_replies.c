/* Replies: each goes to the sink of the oldest request without one, whole ones in a row together,
 * large ones in pieces. See upstream.h. */
#include "daemon/upstream_parts.h"

#include <errno.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/handshake.h"

/* A reply's beginning is kept back up to here, so that a lost connection can still be answered by a
 * whole error; larger ones stream. */
#define HELD_MAX (64 * 1024)
/* No reply of a handshake is nearly as large. */
#define HANDSHAKE_REPLY_MAX (1024 * 1024)

/* One that took "slow_ms" or longer. */
static void note_slow(struct upstream_context *context, const struct slot *slot, uint32_t server_us)
{
    const struct slow_command slow = {.client = slot->sink->client,
                                      .name = slot->command == NULL ? NULL : slot->command->name,
                                      .queued_us = slot->sent_us - slot->since_us,
                                      .server_us = server_us};
    slowlog_note(&context->slowlog, &slow);
}

/* So many requests from this one on have been answered, which were queued in one turn and written
 * in one. */
static void note_times(struct upstream *upstream, unsigned from, unsigned count)
{
    struct upstream_context *context = upstream->context;
    const struct slot *first = requests_slot(&upstream->requests, from);
    uint64_t slow_us = (uint64_t)context->settings->slow_ms * 1000;
    uint32_t queued_us = first->sent_us - first->since_us;
    uint32_t server_us = (uint32_t)loop_turn_us(context->loop) - first->sent_us;
    waits_note(&context->waits, queue, queued_us, count);
    waits_note(&context->waits, server, server_us, count);
    if (slow_us > 0 && (uint64_t)queued_us + server_us >= slow_us) {
        for (unsigned i = 0; i < count; i++) {
            note_slow(context, requests_slot(&upstream->requests, from + i), server_us);
        }
    }
}

/* The oldest requests, which are a run, have been answered: how long did it take? What the first
 * and the last have in common all between them have, since times only grow along the queue. */
static void measure(struct upstream *upstream, unsigned count)
{
    const struct slot *first = requests_slot(&upstream->requests, 0);
    const struct slot *last = requests_slot(&upstream->requests, count - 1);
    if (first->flags & SLOT_UNLIMITED || first->sink == &upstream->heartbeat) {
        return; /* its time is its own choice, or ours */
    }
    bool is_one = first->since_us == last->since_us && first->sent_us == last->sent_us;
    unsigned step = is_one ? count : 1;
    for (unsigned i = 0; i < count; i += step) {
        note_times(upstream, i, step);
    }
}

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
    if (!upstream->has_replied) {
        upstream_note_replied(upstream);
    }
    if (is_last) {
        measure(upstream, count);
        requests_pop(&upstream->requests, count);
        stats_add(&upstream_stats(upstream)->replies, count);
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
        bool may_be_message = upstream->wants_frames || upstream->frame.is_push;
        if (upstream->requests.sent == 0 && !may_be_message) {
            upstream_lose(upstream, "the server sent a reply nobody waits for");
            return;
        }
        evbuffer_add(upstream->held, data, len);
        size_t held = evbuffer_get_length(upstream->held);
        if (may_be_message && held > (uint64_t)upstream->context->settings->reply_limit) {
            upstream_lose(upstream, "the server sent a message larger than \"reply_limit\"");
        } else if (held > HELD_MAX && !may_be_message) {
            give_held(upstream);
        }
    } else if (len > 0) {
        give(upstream, 0, data, len, false);
    }
}

/* A run of whole replies for one sink that came in one piece. */
struct run {
    struct reply_sink *sink;
    uint8_t flags; /* of the first request; all are measured, or none */
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

/* Whether the reply to this request may join the run. */
static bool belongs(const struct run *run, const struct slot *slot)
{
    return slot->sink == run->sink && !(slot->flags & SLOT_ALONE) &&
           ((slot->flags ^ run->flags) & SLOT_UNLIMITED) == 0;
}

static void extend_run(struct upstream *upstream, struct run *run, const char *data, size_t len)
{
    const struct slot *slot = requests_slot(&upstream->requests, run->count);
    if (run->count > 0 && !belongs(run, slot)) {
        give_run(upstream, run);
        slot = requests_slot(&upstream->requests, 0);
    }
    if (run->count == 0) {
        *run = (struct run){.sink = slot->sink, .flags = slot->flags, .data = data};
    }
    run->count++;
    run->len += len;
    if (slot->flags & SLOT_ALONE) {
        give_run(upstream, run);
    }
}

/* Have what follows in the run at once: small replies that are there from end to end. Returns how
 * many bytes they are. */
static size_t extend_further(const struct upstream *upstream, struct run *run, const char *data,
                             size_t len)
{
    size_t at = 0;
    uint32_t most = upstream->wants_frames || run->count == 0 ? 0 : upstream->requests.sent;
    while (run->count < most && at < len) {
        const struct slot *slot = requests_slot(&upstream->requests, run->count);
        bool is_to_be_seen = slot->flags & SLOT_CLOSES && data[at] != '*'; /* leaves_open() */
        if (!belongs(run, slot) || is_to_be_seen) {
            break;
        }
        size_t whole = fr_reply_whole(data + at, len - at);
        if (whole == 0) {
            break;
        }
        run->count++;
        at += whole;
    }
    run->len += at;
    return at;
}

/* Offer a frame as a message. */
static bool is_message(struct upstream *upstream, const char *data, size_t len)
{
    return upstream->ops->on_frame != NULL && upstream->ops->on_frame(upstream, data, len);
}

/* Whether an EXEC may have been refused without an end of its transaction, as one that the server
 * knows by another name, or does not know at all: what others send on the connection would be
 * queued. Any other refusal is an EXECABORT (rejectCommand in server.c, 7.0). */
static bool leaves_open(const struct slot *slot, const struct fr_reply *reply)
{
    bool is_over = reply->head[0] == '*' || reply->head[0] == '_' ||
                   FR_REPLY_BEGINS(reply, "-EXECABORT ") ||
                   FR_REPLY_BEGINS(reply, "-ERR EXEC without MULTI");
    return slot->flags & SLOT_CLOSES && !is_over;
}

/* A frame that is no message: the reply to the oldest request. */
static void take_reply(struct upstream *upstream, struct run *run, const char *data, size_t len,
                       bool is_apart)
{
    if (upstream->requests.sent <= run->count) {
        give_run(upstream, run);
        upstream_lose(upstream, "the server sent a reply nobody waits for");
        return;
    }
    bool stays_open = leaves_open(requests_slot(&upstream->requests, run->count), &upstream->frame);
    if (is_apart) {
        give(upstream, 1, data, len, true);
    } else {
        extend_run(upstream, run, data, len);
    }
    if (stays_open) {
        give_run(upstream, run);
    }
    if (stays_open && upstream->state == UPSTREAM_READY) {
        upstream_lose(upstream, "a transaction was not ended");
    }
}

/* A whole frame, apart from others. */
static void take_apart(struct upstream *upstream, struct run *run, const char *data, size_t len)
{
    give_run(upstream, run);
    if (upstream->state != UPSTREAM_READY) {
        return;
    }
    bool may_be_message =
        (upstream->wants_frames || upstream->frame.is_push) && !upstream->is_passing;
    if (may_be_message && is_message(upstream, data, len)) {
        return;
    }
    if (upstream->frame.is_push) {
        upstream_lose(upstream, "the server sent a message nobody asked for");
    } else {
        take_reply(upstream, run, data, len, true);
    }
}

/* A whole frame ends with these bytes. False: the connection is gone. */
static bool take_frame(struct upstream *upstream, struct run *run, const char *data, size_t len)
{
    struct evbuffer *held = upstream->held;
    if (upstream->is_passing || evbuffer_get_length(held) > 0) {
        upstream->held = evbuffer_new(); /* what follows may end this connection, which drains it */
        evbuffer_add(held, data, len);
        size_t whole = evbuffer_get_length(held);
        take_apart(upstream, run, (const char *)evbuffer_pullup(held, -1), whole);
        evbuffer_free(held);
    } else if (upstream->wants_frames || upstream->frame.is_push) {
        take_apart(upstream, run, data, len);
    } else {
        take_reply(upstream, run, data, len, false);
    }
    return upstream->state == UPSTREAM_READY;
}

static void take_replies(struct upstream *upstream, const char *data, size_t len)
{
    struct run run = {0};
    size_t at = 0;
    upstream->last_active_ms = loop_now_ms();
    while (at < len) {
        if (upstream->is_tunnel && upstream->requests.count == run.count) {
            give_run(upstream, &run);
            upstream->ops->on_tunnel(upstream, data + at, len - at);
            return;
        }
        size_t taken = 0;
        enum fr_frame outcome = fr_reply_scan(&upstream->frame, data + at, len - at, &taken);
        if (outcome == FR_FRAME_DONE) {
            if (!take_frame(upstream, &run, data + at, taken)) {
                return;
            }
            at += taken;
            at += extend_further(upstream, &run, data + at, len - at);
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
                upstream_end_connection(upstream, LOSS_BEFORE_REPLY);
            } else if (judged == HANDSHAKE_DONE) {
                upstream_become_ready(upstream);
            }
        }
    }
    if (at < len && upstream->state == UPSTREAM_READY) {
        upstream_lose(upstream, "the server sent a reply nobody waits for");
    }
}

bool upstream_has_said_all(const struct upstream *upstream)
{
    return upstream->requests.sent == 0 && !fr_reply_is_open(&upstream->frame) &&
           upstream->ops->on_frame == NULL && !upstream->is_tunnel;
}

void upstream_on_readable(evutil_socket_t fd, short what, void *arg)
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
    stats_add(&upstream_stats(upstream)->server_read_bytes, count);
    if (upstream->state == UPSTREAM_HANDSHAKE) {
        take_handshake(upstream, scratch, count);
    } else {
        take_replies(upstream, scratch, count);
    }
    if (upstream->state == UPSTREAM_READY && upstream->is_deaf && upstream_has_said_all(upstream)) {
        upstream_end_connection(upstream, LOSS_BEFORE_REPLY);
    }
}

void upstream_pop_reply(struct upstream *upstream)
{
    if (upstream->requests.sent == 0) {
        upstream_lose(upstream, "the server answered what was not sent");
    } else {
        requests_pop(&upstream->requests, 1);
        if (!upstream->has_replied) {
            upstream_note_replied(upstream);
        }
    }
}

void upstream_pause(struct upstream *upstream, bool is_paused)
{
    if (upstream->is_paused != is_paused && upstream->state == UPSTREAM_READY) {
        upstream->is_paused = is_paused;
        upstream->last_active_ms = loop_now_ms(); /* the silence was not the server's */
        transport_want_read(&upstream->transport, !is_paused);
    }
}
