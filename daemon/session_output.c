/* What a session owes its client in bytes: written once per turn, bounded, and a reason not to read
 * on while the client does not read. */
#include "daemon/session_parts.h"

#include <inttypes.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"

/* Unread replies beyond which a client's requests wait, and where they go on. */
#define OUTPUT_HIGH_WATER (1024 * 1024)
#define OUTPUT_LOW_WATER (256 * 1024)

/* Say how many bytes wait for the client, to the limit on all clients together. */
void session_account(struct session *session, size_t waiting)
{
    size_t before = session->accounted;
    if (waiting != before) {
        atomic_fetch_add(&session->pool->prefix->house->memory_used,
                         (int64_t)waiting - (int64_t)before);
        session->accounted = waiting;
    }
    if (waiting < before) { /* what a client reads is never much at once: it has gone */
        memory_give_back(before - waiting);
    }
}

/* Messages come whether the client reads or not. */
static void check_soft_limit(struct session *session, size_t waiting)
{
    int64_t limit = session->pool->context.settings->subscriber_soft_limit;
    if (!session_is_subscribed(session) || waiting <= (uint64_t)limit) {
        session->soft_since_ms = 0;
    } else if (session->soft_since_ms == 0) {
        session->soft_since_ms = loop_now_ms();
    }
}

static void check_output(struct session *session)
{
    const struct prefix_settings *settings = session->pool->context.settings;
    size_t waiting = evbuffer_get_length(session->out) + session_aside_len(session);
    bool is_subscribed = session_is_subscribed(session);
    int64_t limit = is_subscribed ? settings->subscriber_limit : settings->reply_limit;
    session_account(session, waiting);
    check_soft_limit(session, waiting);
    if (waiting > (uint64_t)limit) {
        const char *setting = is_subscribed ? "subscriber_limit" : "reply_limit";
        log_info("client %" PRIu64 " %s: closed with %zu bytes unread (setting \"%s\")",
                 session->id, settings->name, waiting, setting);
        stats_count(&session->pool->context.stats, clients_closed_slow);
        session_close(session, setting);
    } else if (waiting > OUTPUT_HIGH_WATER) {
        session_stop(session, STOP_OUTPUT);
        if (session->lease != NULL &&
            !upstream_owes_others(session->lease->upstream, &session->sink)) {
            upstream_pause(session->lease->upstream, true);
        }
        sessions_shed(session->pool);
    } else if (waiting <= OUTPUT_LOW_WATER && session->stops & STOP_OUTPUT) {
        if (session->lease != NULL) {
            upstream_pause(session->lease->upstream, false);
        }
        session_resume(session, STOP_OUTPUT);
    }
}

/* The client cannot be written to: what it sent is still carried out, replies are dropped. */
static void go_deaf(struct session *session)
{
    session->is_deaf = true;
    evbuffer_drain(session->out, evbuffer_get_length(session->out));
    transport_want_write(&session->transport, false);
    transport_rearm(&session->transport);
    if (session_is_tunnel(session)) {
        session_close(session, "the client has gone");
    }
}

static void write_out(struct session *session)
{
    enum transport_outcome outcome = TRANSPORT_OK;
    size_t left = evbuffer_get_length(session->out);
    while (outcome == TRANSPORT_OK && left > 0) {
        size_t written = 0;
        outcome = transport_write(&session->transport, session->out, 0, left, &written);
        evbuffer_drain(session->out, written);
        left -= written;
        stats_add(&session->pool->context.stats.client_written_bytes, written);
        session->last_output_ms = loop_now_ms();
    }
    transport_consume_much(&session->transport);
    if (outcome == TRANSPORT_FAILED) {
        go_deaf(session);
    } else {
        transport_want_write(&session->transport, outcome == TRANSPORT_AGAIN);
    }
}

static void deliver(struct session *session)
{
    if (session->is_dead) {
        return;
    }
    write_out(session);
    if (session->is_dead) {
        return;
    }
    if (session->closes_when_written && evbuffer_get_length(session->out) == 0 &&
        session->outstanding == 0) {
        session_close(session, session->is_eof ? "the client has gone" : "done");
        return;
    }
    check_output(session);
}

void session_on_deliver(struct loop_task *task)
{
    deliver(container_of(task, struct session, deliver));
}

void session_on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    deliver(arg);
}

void session_write(struct session *session, const char *data, size_t len)
{
    if (!session->is_dead && !session->is_deaf) {
        evbuffer_add(session->out, data, len);
        loop_defer(session->pool->context.loop, &session->deliver);
    }
}

/* ----------------------------------------------------------------------------------- local answers
 */

bool session_is_silent(const struct session *session)
{
    return session->reply_mode == REPLY_OFF || session->skips_this;
}

void session_answer(struct session *session, const char *data, size_t len)
{
    stats_count(&session->pool->context.stats, requests_local);
    if (!session_is_silent(session)) {
        session_write(session, data, len);
    }
}

void session_answerf(struct session *session, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    session_answer(session, text, len < (int)sizeof text ? (size_t)len : sizeof text - 1);
}

void session_answer_error(struct session *session, const char *format, ...)
{
    char text[1024] = "-";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + 1, sizeof text - 4, format, arguments);
    va_end(arguments);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = text[i] == '\r' || text[i] == '\n' ? ' ' : text[i];
    }
    memcpy(text + len, "\r\n", 2);
    session_answer(session, text, len + 2);
}

void session_answer_bulk(struct session *session, const char *data, size_t len)
{
    if (data == NULL) {
        session_answerf(session, session->proto == 3 ? "_\r\n" : "$-1\r\n");
        return;
    }
    stats_count(&session->pool->context.stats, requests_local);
    if (!session_is_silent(session)) {
        char header[32];
        int header_len = snprintf(header, sizeof header, "$%zu\r\n", len);
        session_write(session, header, (size_t)header_len);
        session_write(session, data, len);
        session_write(session, "\r\n", 2);
    }
}
