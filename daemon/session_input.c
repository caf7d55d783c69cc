/* What a client sends: read, framed, and handed to the router one request after the other. What
 * must wait stays here, bounded. */
#include "daemon/session_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/pause.h"
#include "daemon/run.h"

static session_router route;

void session_set_router(session_router router)
{
    route = router;
}

static const struct prefix_settings *settings_of(const struct session *session)
{
    return session->pool->context.settings;
}

bool session_has_input(const struct session *session)
{
    return session->in_len > 0 && !session->needs_more;
}

/* ------------------------------------------------------------------------------------ one request
 */

const struct fr_command *request_command(const struct fr_request *request, const char *frame)
{
    bool has_sub = request->args_done > 1;
    if (request->args_done == 0) {
        return NULL;
    }
    return fr_command_find(frame + request->word_at[0], request->word_len[0],
                           has_sub ? frame + request->word_at[1] : NULL,
                           has_sub ? request->word_len[1] : 0);
}

/* Note the words and the row of the request whose frame this is. */
static void call_fill(struct call *call, const struct fr_request *request)
{
    unsigned count = request->args_done < FR_REQUEST_WORDS ? request->args_done : FR_REQUEST_WORDS;
    call->word_count = count;
    for (unsigned i = 0; i < count; i++) {
        call->words[i] = (struct fr_word){call->frame + request->word_at[i], request->word_len[i]};
    }
    call->command = request_command(request, call->frame);
}

bool call_has_right_count(const struct call *call)
{
    int64_t arity = call->command == NULL ? 0 : call->command->arity;
    return arity > 0 ? call->argc == arity : call->argc >= -arity;
}

static enum routed route_call(struct session *session, struct call *call)
{
    enum routed routed =
        pause_concerns(session) ? pause_route(session, call) : route(session, call);
    if (routed == ROUTED) {
        session->last_command = call->command;
        session->skips_this = session->skips_next;
        session->skips_next = false;
    }
    return routed;
}

static void protocol_error(struct session *session, const char *text)
{
    if (!session_is_quiet(session)) {
        return;
    }
    stats_count(&session->pool->context.stats, errors_protocol);
    if (session_is_tunnel(session)) {
        session_break_tunnel(session, text);
        return;
    }
    session_answer_error(session, "ERR %s", text);
    session_close_when_written(session);
}

/* An inline line is routed as the array it stands for. */
static enum routed route_line(struct session *session, const char *line, size_t len)
{
    struct fr_request request = {0};
    struct fr_request_limits limits = {INT32_MAX, INT32_MAX, false};
    enum routed routed = ROUTED;
    len -= line[len - 1] == '\n';
    len -= len > 0 && line[len - 1] == '\r';
    char *frame = memory_alloc(FR_INLINE_CAP(len));
    long frame_len = fr_inline_to_array(line, len, frame);
    if (frame_len < 0) {
        protocol_error(session, "Protocol error: unbalanced quotes in request");
        routed = session->outstanding > 0 ? ROUTE_LATER : ROUTED;
    } else if (frame_len > 0) {
        fr_request_scan(&request, frame, (size_t)frame_len, &limits);
        struct call call = {
            .frame = frame, .len = (size_t)frame_len, .is_whole = true, .argc = request.argc};
        call_fill(&call, &request);
        routed = route_call(session, &call);
    } else {
        session->skips_this = false; /* it was what CLIENT REPLY SKIP was for */
    }
    free(frame);
    return routed;
}

static enum routed route_frame(struct session *session, const char *frame, size_t there)
{
    const struct fr_request *request = &session->request;
    if (request->is_inline) {
        return route_line(session, frame, request->scanned);
    }
    if (request->argc == 0) { /* an empty array asks for nothing, and may be skipped */
        session->skips_this = false;
        return ROUTED;
    }
    struct call call = {.frame = frame,
                        .len = request->scanned,
                        .behind_len = there - request->scanned,
                        .is_whole = true,
                        .argc = request->argc};
    call_fill(&call, request);
    return route_call(session, &call);
}

/* ------------------------------------------------------------------------------------ large
 * requests */

/* Begin to pass on a request of which only the beginning is there. Returns how many bytes were
 * taken. */
static size_t begin_stream(struct session *session, const char *frame)
{
    struct fr_request *request = &session->request;
    size_t len = request->scanned;
    struct call call = {.frame = frame, .len = len, .argc = request->argc};
    call_fill(&call, request);
    if (route_call(session, &call) == ROUTE_LATER) {
        return 0;
    }
    fr_request_drop(request, len);
    return len;
}

void session_check_count(struct session *session)
{
    bool is_full = session->outstanding >= session_most(session);
    if (is_full && session->stream == STREAM_NONE) {
        session_stop(session, STOP_COUNT);
    }
}

static void end_stream(struct session *session)
{
    session->stream = STREAM_NONE;
    fr_request_reset(&session->request);
    session_check_count(session);
    if (session->outstanding == 0) {
        session_settle(session);
    }
}

/* The client broke the protocol in the middle: the server must not see the request, nor the client
 * two errors for it. */
static void abandon_stream(struct session *session)
{
    if (session->stream == STREAM_SEND) {
        upstream_silence(session->lease->upstream, &session->sink, TAG_SILENT);
        session->stream = STREAM_NONE;
        session_end_lease(session);
    }
    session->stream = STREAM_NONE;
}

static struct fr_request_limits limits_of(const struct session *session)
{
    return (struct fr_request_limits){.args_max = settings_of(session)->args_max,
                                      .bulk_max = settings_of(session)->bulk_max,
                                      .unauthenticated = !session->is_authenticated};
}

/* Pass on what has come of a large request. Returns how many bytes were taken. */
static size_t go_on_streaming(struct session *session, const char *data, size_t len)
{
    struct fr_request_limits limits = limits_of(session);
    char error[128];
    enum fr_frame outcome = fr_request_scan(&session->request, data, len, &limits);
    session->needs_more = outcome == FR_FRAME_MORE;
    if (outcome == FR_FRAME_BROKEN) {
        abandon_stream(session);
        protocol_error(session, fr_request_error(&session->request, error, sizeof error));
        return len;
    }
    size_t taken = session->request.scanned;
    if (session->stream == STREAM_SEND && taken > 0) {
        upstream_append(session->lease->upstream, data, taken, outcome == FR_FRAME_DONE);
        if (session->lease->upstream->is_stuffed) {
            session_stop(session, STOP_ROOM);
        }
    }
    fr_request_drop(&session->request, taken);
    if (outcome == FR_FRAME_DONE) {
        end_stream(session);
    }
    return taken;
}

/* ------------------------------------------------------------------------------------ the input */

/* Find the next request in the bytes that are there. Returns false when there is none yet. */
static bool find_frame(struct session *session, const char *data, size_t len)
{
    struct fr_request_limits limits = limits_of(session);
    char error[128];
    enum fr_frame outcome = fr_request_scan(&session->request, data, len, &limits);
    if (outcome == FR_FRAME_BROKEN) {
        protocol_error(session, fr_request_error(&session->request, error, sizeof error));
        return false;
    }
    session->has_frame = outcome == FR_FRAME_DONE;
    session->needs_more = outcome == FR_FRAME_MORE;
    return session->has_frame;
}

static bool is_large(const struct session *session)
{
    return !session->has_frame && !session->request.is_inline &&
           session->request.scanned > (uint64_t)settings_of(session)->large_request;
}

/* Deal with the request at the beginning of data. Returns how many bytes it took; 0: it waits. */
static size_t take_request(struct session *session, const char *data, size_t len)
{
    if (session->stream != STREAM_NONE) {
        return go_on_streaming(session, data, len);
    }
    if (!session->has_frame && !find_frame(session, data, len)) {
        return is_large(session) && session->stops == 0 ? begin_stream(session, data) : 0;
    }
    if (route_frame(session, data, len) == ROUTE_LATER) {
        return 0;
    }
    size_t taken = session->request.scanned + session->taken_behind;
    session->taken_behind = 0;
    session->has_frame = false;
    fr_request_reset(&session->request);
    return taken;
}

/* Let the others have their turn. */
static void give_way(struct session *session)
{
    session_stop(session, STOP_TURN);
    loop_defer(session->pool->context.loop, &session->resume);
}

/* Deal with a run of requests, or with one. Returns how many bytes they took; 0: it waits. */
static size_t take_some(struct session *session, const char *data, size_t len, int64_t *budget)
{
    size_t taken = run_send(session, data, len, budget);
    if (taken == 0) {
        taken = take_request(session, data, len);
        --*budget;
    }
    return taken;
}

/* Deal with requests until none is complete, or one must wait. Returns how many bytes were taken.
 */
static size_t take_requests(struct session *session, const char *data, size_t len)
{
    size_t at = 0;
    int64_t budget = settings_of(session)->turn_count;
    while (session->stops == 0 && at < len) {
        if (budget <= 0) {
            give_way(session);
            break;
        }
        size_t taken = take_some(session, data + at, len - at, &budget);
        if (taken == 0 || session->is_dead) {
            break;
        }
        at += taken;
    }
    return at;
}

/* Bytes that may stand here before reading stops. */
static size_t input_limit(const struct session *session)
{
    return (size_t)settings_of(session)->large_request + LOOP_SCRATCH_CAP;
}

static void keep(struct session *session, const char *data, size_t len)
{
    if (len == 0) {
        return;
    }
    if (session->in_at > 0) {
        memmove(session->in, session->in + session->in_at, session->in_len);
        session->in_at = 0;
    }
    if (session->in_len + len > session->in_cap) {
        size_t cap = session->in_cap == 0 ? 256 : session->in_cap;
        while (cap < session->in_len + len) {
            cap *= 2;
        }
        session->in = memory_resize(session->in, cap);
        session->in_cap = cap;
    }
    memcpy(session->in + session->in_len, data, len);
    session->in_len += len;
}

/* Idle clients hold no buffer. */
static void free_input(struct session *session)
{
    free(session->in);
    session->in = NULL;
    session->in_at = session->in_len = session->in_cap = 0;
}

static void take_kept(struct session *session)
{
    if (session->in_len == 0) {
        return;
    }
    size_t taken = take_requests(session, session->in + session->in_at, session->in_len);
    session->in_at += taken;
    session->in_len -= taken;
    if (session->in_len == 0) {
        free_input(session);
    }
}

/* The client went in the middle of a large request. */
static bool is_abandoned(const struct session *session)
{
    return session->stream == STREAM_SEND && !session_is_tunnel(session) &&
           !session_has_input(session);
}

/* Its blocking request is in a queue here: leave the turn to those who can wait. */
static bool is_queued_to_block(const struct session *session)
{
    return session_waits_to_block(session) && session->wait->lease.is_queued;
}

/* Whether the end of input can be passed on. Not when what follows needs the state of the same
 * connection, or others are owed replies over it, which a server cuts off when it finds the end. */
static bool can_hang_up(const struct session *session)
{
    const struct lease *lease = session->lease;
    bool has_state = lease->is_sticky || lease->state != LEASE_PLAIN;
    return !(has_state && session_has_input(session)) &&
           !upstream_owes_others(lease->upstream, &session->sink);
}

/* The client has gone, or sends nothing more, while its request may block. The server is told just
 * that, and does what it does with a client of its own: it answers what it can answer at once, and
 * forgets a request that blocks (readQueryFromClient() in networking.c, 7.0). */
static void hang_up(struct session *session)
{
    if (!session->is_hanging_up) {
        session->is_hanging_up = true;
        session->is_deaf = session->is_deaf || transport_has_hung_up(&session->transport);
        session->lease->is_dirty = true;
        upstream_end_input(session->lease->upstream);
    }
}

/* Nobody waits for the request any more; closing its connection is how the server learns it. What
 * was answered before is still written. */
static void cancel(struct session *session)
{
    session_end_wait(session);
    if (session->lease != NULL) {
        upstream_silence(session->lease->upstream, &session->sink, TAG_SILENT);
        session_end_lease(session);
    }
    session_close_when_written(session);
}

static void after_input(struct session *session)
{
    if (session->is_dead) {
        return;
    }
    bool is_full = session->in_len > input_limit(session);
    transport_want_read(&session->transport,
                        !session->is_eof && !(session->stops & STOP_END) && !is_full);
    bool is_blocked = session->is_blocking && session->outstanding > 0 && session->lease != NULL;
    bool cannot_wait = is_queued_to_block(session) || is_abandoned(session) ||
                       (is_blocked && !can_hang_up(session));
    if (session->is_eof && cannot_wait) {
        cancel(session);
    } else if (session->is_eof && is_blocked) {
        hang_up(session);
    } else {
        session_check_end(session);
    }
}

static void end_of_input(struct session *session, enum transport_outcome outcome)
{
    session->is_eof = true;
    session->is_deaf = session->is_deaf || outcome == TRANSPORT_FAILED;
    take_kept(session);
    after_input(session);
}

/* Bytes of requests that are left in the kernel until a reply is on its way. */
#define LAZY_LEN_MAX 2048

/* Whether writing a reply will soon wake the client anyway, and tell if it has gone. */
static bool is_reply_near(const struct session *session)
{
    bool is_owed = session->outstanding > 0 || evbuffer_get_length(session->out) > 0;
    return is_owed && session->stops == 0 && session->in_len == 0 && session->lease == NULL &&
           !session->is_deaf && !session_is_silent(session);
}

/* Take what was read out of the kernel, unless it is little and a reply will do so. */
static void settle_with_kernel(struct session *session, size_t count, bool is_closed)
{
    bool is_near = is_reply_near(session);
    if (!is_near || session->transport.peeked > LAZY_LEN_MAX) {
        transport_consume(&session->transport);
    }
    if (!is_near || count == LOOP_SCRATCH_CAP || is_closed) {
        transport_rearm(&session->transport);
    }
}

void session_on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct session *session = arg;
    char *scratch = session->pool->context.loop->scratch;
    size_t count = 0;
    (void)fd;
    enum transport_outcome outcome =
        transport_read(&session->transport, scratch, LOOP_SCRATCH_CAP, &count);
    if (outcome == TRANSPORT_AGAIN) {
        return;
    }
    if (outcome != TRANSPORT_OK) {
        end_of_input(session, outcome);
        return;
    }
    session->last_input_ms = loop_now_ms();
    stats_add(&session->pool->context.stats.client_read_bytes, count);
    session->needs_more = false;
    loop_note_speaker(session->pool->context.loop, session);
    if (session->in_len == 0) { /* the usual case: straight from where it was read */
        size_t taken = take_requests(session, scratch, count);
        if (!session->is_dead) {
            keep(session, scratch + taken, count - taken);
        }
    } else {
        keep(session, scratch, count);
        take_kept(session);
    }
    if (!session->is_dead) {
        settle_with_kernel(session, count, what & EV_CLOSED);
    }
    after_input(session);
}

void session_on_resume(struct loop_task *task)
{
    struct session *session = container_of(task, struct session, resume);
    session->stops &= ~(unsigned)STOP_TURN;
    if (!session->is_dead && session->stops == 0) {
        take_kept(session);
        after_input(session);
    }
}
