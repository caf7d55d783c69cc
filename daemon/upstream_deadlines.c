/* Deadlines of requests, and the heartbeat of a connection that nobody uses. See upstream.h. */
#include "daemon/upstream_parts.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/container.h"
#include "daemon/memory.h"

static const char ping[] = "*1\r\n$4\r\nPING\r\n";

static void on_heartbeat_reply(struct reply_sink *sink, const struct reply_part *part)
{
    struct upstream *upstream = container_of(sink, struct upstream, heartbeat);
    upstream->is_beating = upstream->is_beating && !part->is_last;
}

static void on_heartbeat_failure(struct reply_sink *sink, const struct slot *slot,
                                 const char *error, bool is_cut)
{
    (void)sink, (void)slot, (void)error, (void)is_cut;
}

const struct reply_sink_ops upstream_heartbeat_ops = {on_heartbeat_reply, on_heartbeat_failure};

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

static uint32_t age_of_oldest(const struct upstream *upstream)
{
    return (uint32_t)loop_now_ms() - requests_slot(&upstream->requests, 0)->since_ms;
}

/* Whether the oldest request has a limit, and it is the server who lets it wait. */
static bool is_limited(const struct upstream *upstream)
{
    return upstream->context->settings->command_ms > 0 && upstream->requests.count > 0 &&
           !upstream->is_paused &&
           !(requests_slot(&upstream->requests, 0)->flags & (SLOT_UNLIMITED | SLOT_OPEN));
}

/* How long the server has had to answer the oldest request, or to go on with its reply: not longer
 * than it has been reached. */
static int64_t wait_for_oldest(const struct upstream *upstream)
{
    if (upstream->is_passing) {
        return (int64_t)(loop_now_ms() - upstream->last_active_ms);
    }
    int64_t reached = (int64_t)(loop_now_ms() - upstream->ready_since_ms);
    int64_t age = age_of_oldest(upstream);
    return age < reached ? age : reached;
}

/* How long the server has been silent within a frame; 0: it is not within one, or is not read. */
static int64_t stalled_ms(const struct upstream *upstream)
{
    bool is_within = upstream->is_passing || fr_reply_is_open(&upstream->frame);
    return is_within && !upstream->is_paused ? (int64_t)(loop_now_ms() - upstream->last_active_ms)
                                             : 0;
}

static bool is_stalled(const struct upstream *upstream)
{
    int64_t limit = upstream->context->settings->read_stall_ms;
    return limit > 0 && stalled_ms(upstream) >= limit;
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
    count = upstream_whole(upstream, count);
    struct slot *expired = memory_alloc(count * sizeof *expired);
    for (uint32_t i = 0; i < count; i++) {
        expired[i] = *requests_slot(requests, i);
        requests_slot(requests, i)->flags |= SLOT_DROPPED;
    }
    requests_rewind(requests);
    upstream_fail_slots(upstream, expired, count, 0, false, LOSS_BEFORE_REPLY);
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
    if (is_limited(upstream)) {
        reply -= wait_for_oldest(upstream);
    }
    int64_t stall =
        settings->read_stall_ms > 0 ? settings->read_stall_ms - stalled_ms(upstream) : NEVER;
    reply = stall < reply ? stall : reply;
    return beat < reply ? beat : reply;
}

void upstream_arm_watch(struct upstream *upstream)
{
    int64_t left = until_deadline(upstream);
    if (left != NEVER) {
        /* the clock ticks in steps: a little later, so that the deadline has passed when the timer
         * fires */
        upstream_set_timer(&upstream->watch, (left < 0 ? 0 : left) + 4);
    }
}

static bool is_overdue(const struct upstream *upstream)
{
    return is_limited(upstream) &&
           wait_for_oldest(upstream) >= upstream->context->settings->command_ms;
}

static bool is_silent(const struct upstream *upstream)
{
    int64_t limit = heartbeat_ms(upstream);
    bool waits_only_for_beat = upstream->requests.count == (upstream->is_beating ? 1U : 0U);
    return limit > 0 && !upstream->is_tunnel && !upstream->is_queueing && waits_only_for_beat &&
           loop_now_ms() - upstream->last_active_ms >= (uint64_t)limit;
}

void upstream_on_watch(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *upstream = arg;
    (void)fd, (void)what;
    if (upstream->state != UPSTREAM_READY) {
        expire_waiting(upstream);
    } else if (is_overdue(upstream)) {
        snprintf(upstream->reason, sizeof upstream->reason, "no reply within %lld ms",
                 (long long)upstream->context->settings->command_ms);
        upstream_end_connection(upstream, LOSS_TOO_SLOW);
    } else if (is_stalled(upstream)) {
        upstream_lose(upstream, "silent within a reply for %lld ms (setting \"read_stall_ms\")",
                      (long long)upstream->context->settings->read_stall_ms);
    } else if (is_silent(upstream)) {
        beat(upstream);
    }
    if (!upstream->is_dead) {
        upstream_arm_watch(upstream);
    }
}
