/* What becomes of requests when a connection fails: what was sent is answered with an error that
 * says so, what was not waits for the next connection. See upstream.h. */
#include "daemon/upstream_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/util.h>

#include "daemon/log.h"
#include "daemon/memory.h"

#define BACKOFF_FIRST_MS 10
#define BACKOFF_MOST_MS 1000

/* The connection that was READY is none any more. */
static void note_gone(struct upstream *upstream)
{
    if (upstream->connection != 0) {
        upstream->connection = 0;
        upstream->context->sight += --upstream->context->standing == 0;
        stats_count(upstream_stats(upstream), upstreams_closed);
    }
}

/* Leave the connection, whatever its state. */
static void disconnect(struct upstream *upstream)
{
    note_gone(upstream);
    transport_close(&upstream->transport);
    resolve_cancel(&upstream->resolve);
    event_del(&upstream->timer);
    event_del(&upstream->watch);
    upstream->frame = (struct fr_reply){0};
    evbuffer_drain(upstream->held, evbuffer_get_length(upstream->held));
    upstream->is_beating = false;
    upstream->is_paused = false;
    upstream->is_deaf = false;
    upstream->is_stuffed = false;
    upstream->state = UPSTREAM_CLOSED;
}

static void lost_error(struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    stats_count(upstream_stats(upstream), errors_poollost);
    snprintf(error, cap,
             "-POOLLOST connection to %s lost (%s); the command may have been executed\r\n",
             upstream_server_name(upstream, name, sizeof name), upstream->reason);
}

static void slow_error(struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    stats_count(upstream_stats(upstream), errors_pooltime);
    snprintf(error, cap,
             "-POOLTIME no reply from %s within %lld ms (setting \"command_ms\"); "
             "the command may have been executed\r\n",
             upstream_server_name(upstream, name, sizeof name),
             (long long)upstream->context->settings->command_ms);
}

/* Whether the server refused credentials that are the client's own. */
static bool refused_client(const struct upstream *upstream)
{
    return upstream->refusal != NULL && upstream->is_login_refused &&
           upstream->context->settings->auth == AUTH_PASSTHROUGH;
}

void upstream_down_error(const struct upstream *upstream, char *error, size_t cap)
{
    char name[200];
    if (refused_client(upstream)) { /* or does not let them in any more */
        snprintf(error, cap, "-NOAUTH Authentication required.\r\n");
        return;
    }
    snprintf(error, cap, "-POOLDOWN no connection to %s within %lld ms (%s); not sent\r\n",
             upstream_server_name(upstream, name, sizeof name),
             (long long)upstream->context->settings->upstream_wait_ms,
             upstream->reason[0] != '\0' ? upstream->reason : "still connecting");
}

/* Numbers the losses of a worker's connections, to mark the sinks that one concerned. */
static _Thread_local uint64_t losses;

static bool is_repeatable(const struct upstream *upstream, const struct slot *slot)
{
    return upstream->requests.retain && upstream->reconnects && slot->command != NULL &&
           !(slot->flags & SLOT_JOINED) && slot->command->retry == FR_RETRY_SAFE &&
           !(slot->flags & SLOT_RETRIED);
}

uint32_t upstream_whole(const struct upstream *upstream, uint32_t count)
{
    const struct requests *requests = &upstream->requests;
    while (count < requests->count && requests_slot(requests, count)->flags & SLOT_JOINED) {
        count++;
    }
    return count;
}

/* Decide which slots fail with the connection, from the newest to the oldest: a request is sent
 * again only if all that its sink sent after it is, too. Returns how many fail. */
static uint32_t choose_failing(struct upstream *upstream)
{
    struct requests *requests = &upstream->requests;
    uint32_t failing = 0;
    uint32_t sent = upstream_whole(upstream, requests->sent);
    uint64_t mark = ++losses;
    for (uint32_t i = requests->count; i-- > 0;) {
        struct slot *slot = requests_slot(requests, i);
        bool is_sent = i < sent;
        bool stays = upstream->reconnects && !(slot->flags & SLOT_OPEN) &&
                     slot->sink != &upstream->heartbeat &&
                     (!is_sent || (is_repeatable(upstream, slot) && slot->sink->barred != mark));
        if (stays && is_sent) {
            slot->flags |= SLOT_RETRIED;
            stats_count(upstream_stats(upstream), retried);
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
void upstream_fail_slots(struct upstream *upstream, const struct slot *slots, uint32_t count,
                         uint32_t sent, bool is_cut, enum loss loss)
{
    char error[640];
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 && loss == LOSS_TOO_SLOW) {
            slow_error(upstream, error, sizeof error);
        } else if (i < sent || slots[i].flags & SLOT_RETRIED) {
            lost_error(upstream, error, sizeof error);
        } else {
            stats_count(upstream_stats(upstream), errors_pooldown);
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
    uint32_t whole = upstream_whole(upstream, requests->sent);
    *count = choose_failing(upstream);
    *sent = 0;
    struct slot *failing = memory_alloc(*count * sizeof *failing);
    uint32_t filled = 0;
    for (uint32_t i = 0; i < requests->count; i++) {
        const struct slot *slot = requests_slot(requests, i);
        if (slot->flags & SLOT_DROPPED) {
            failing[filled++] = *slot;
            *sent += i < whole;
        }
    }
    requests_rewind(requests);
    return failing;
}

/* Take all slots off the queue; none has been sent. Returns a copy of them that the caller frees.
 */
static struct slot *take_all(struct upstream *upstream, uint32_t *count)
{
    struct requests *requests = &upstream->requests;
    *count = requests->count;
    struct slot *slots = memory_alloc(*count * sizeof *slots);
    for (uint32_t i = 0; i < *count; i++) {
        slots[i] = *requests_slot(requests, i);
        requests_slot(requests, i)->flags |= SLOT_DROPPED;
    }
    requests_rewind(requests);
    return slots;
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
    upstream_set_timer(&upstream->timer, delay / 2 + delay * jitter / 512);
}

static void note_away(struct upstream_context *context)
{
    if (context->failures++ == 0) {
        context->away_since_ms = loop_now_ms();
    }
}

static void note_failure(struct upstream *upstream, bool was_ready)
{
    if (was_ready && upstream->is_ending) {
        return; /* as it was asked to */
    }
    if (was_ready) {
        upstream->context->sight++;
        stats_count(upstream_stats(upstream), upstreams_lost);
    } else {
        stats_count(upstream_stats(upstream), upstreams_failed);
    }
    upstream->failures += !was_ready || !upstream->has_replied;
    if (!was_ready && upstream->refusal == NULL) {
        note_away(upstream->context);
    }
    if (upstream->down_since_ms == 0) {
        char name[200];
        upstream->down_since_ms = loop_now_ms();
        log_warning("upstream %s %s db %lld: %s: %s", upstream->context->settings->name,
                    upstream_server_name(upstream, name, sizeof name),
                    (long long)upstream->route.db, was_ready ? "connection lost" : "no connection",
                    upstream->reason);
    }
}

void upstream_end_connection(struct upstream *upstream, enum loss loss)
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
    } else if (upstream->refusal != NULL) { /* waiting would not help */
        failing = take_all(upstream, &count);
    }
    upstream->is_passing = false;
    if (upstream->reconnects && !upstream->is_dead) {
        back_off(upstream);
        upstream_arm_watch(upstream);
    }
    upstream->ops->on_down(upstream);
    upstream_fail_slots(upstream, failing, count, sent, is_cut, loss);
    free(failing);
}

void upstream_lose(struct upstream *upstream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(upstream->reason, sizeof upstream->reason, format, arguments);
    va_end(arguments);
    upstream_end_connection(upstream, LOSS_BEFORE_REPLY);
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
    upstream_fail_slots(upstream, failing, count, sent, is_cut, LOSS_BEFORE_REPLY);
    free(failing);
}
