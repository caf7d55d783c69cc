/* How a session speaks with servers: on its shared lane, on a lease, and waiting for either.
 * Replies come back here. */
#include "daemon/session_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/roll_call.h"
#include "daemon/router.h"

static struct session *session_of_sink(struct reply_sink *sink)
{
    return container_of(sink, struct session, sink);
}

static struct session *session_of_holder(struct lease_holder *holder)
{
    return container_of(holder, struct session, holder);
}

struct upstream_route session_route(const struct session *session)
{
    return (struct upstream_route){
        .db = session->db, .proto = session->proto, .identity = session->identity};
}

void session_stop(struct session *session, enum session_stop reason)
{
    session->stops |= reason;
}

void session_resume(struct session *session, enum session_stop reason)
{
    if (session->stops & reason) {
        session->stops &= ~(unsigned)reason;
        if (session->stops == 0 && !session->is_dead) {
            loop_defer(session->pool->context.loop, &session->resume);
        }
    }
}

bool session_is_quiet(struct session *session)
{
    if (session->outstanding > 0) {
        session_stop(session, STOP_REPLIES);
    }
    return session->outstanding == 0;
}

/* ---------------------------------------------------------------------------------------- replies
 */

static void note_answer(struct session *session, const char *reply, size_t len)
{
    vocabulary_note(&session->pool->vocabulary, &session->pool->context, session->asked_about,
                    reply, len);
}

/* A reply to a request that concerns the session's own state has come. */
static void note_reply(struct session *session, const struct reply_part *part)
{
    enum lease_tag tag = part->slot->tag & TAG_LEASE_MASK;
    if (tag == TAG_ASKED) { /* a reply that came in parts is too long to be one */
        note_answer(session, part->data, part->is_first ? part->len : 0);
    }
    if (!(part->slot->tag & TAG_LEASED) || session->lease == NULL) {
        return;
    }
    if (part->slot->tag & TAG_SELECT) {
        session_note_select(session, part->frame);
    }
    if (tag == TAG_REDIRECT && FR_REPLY_BEGINS(part->frame, "+OK")) {
        session->redirects_to = session->redirecting;
        session->tracking = session->tracking_asked;
    }
    if (tag == TAG_PUBSUB) {
        session_note_refused_subscription(session); /* else there were acknowledgements */
    }
    if (tag == TAG_OFFSET) {
        replication_note_offset(session, part->frame);
    }
    lease_note_reply(session->lease, tag, part->frame);
}

void session_note_replies(struct session *session, unsigned count)
{
    session->outstanding -= count;
    if (session->outstanding <= session_most(session) / 2) {
        session_resume(session, STOP_COUNT);
    }
    if (session->outstanding == 0) {
        session_settle(session);
    }
}

static void write_reply(struct session *session, const struct reply_part *part)
{
    if (part->slot->tag & TAG_LEASED && (part->slot->tag & TAG_LEASE_MASK) == TAG_TRACKINGINFO) {
        session_write_translated(session, part->data, part->len);
    } else {
        session_write(session, part->data, part->len);
    }
}

static void on_reply(struct reply_sink *sink, const struct reply_part *part)
{
    struct session *session = session_of_sink(sink);
    if ((part->slot->tag & TAG_LEASE_MASK) == TAG_COUNTED) {
        session_write_counted(session, part);
    } else if (!(part->slot->tag & TAG_SILENT)) {
        write_reply(session, part);
        session->is_reply_open = !part->is_last;
    }
    if (!part->is_last || !part->is_first) {
        session_note_part(session, part);
    }
    if (!(part->slot->tag & TAG_LEASED)) {
        session_note_share(session, part);
    }
    if (session->queued_selects != NULL) {
        session_note_executed(session, part);
    }
    if (part->is_last) {
        session_put_aside_back(session);
        replication_note_reply(session);
        if (part->slot->tag != TAG_NONE && !session->is_dead) {
            note_reply(session, part);
        }
        if (part->slot->tag & TAG_BLOCKING && (session->is_dead || session->is_deaf)) {
            stats_count(&session->pool->context.stats, blocked_reply_lost);
        }
        session_note_replies(session, part->count);
    }
}

static void on_failure(struct reply_sink *sink, const struct slot *slot, const char *error,
                       bool is_cut)
{
    struct session *session = session_of_sink(sink);
    bool closes = session->pool->context.settings->on_loss == LOSS_CLOSE;
    if (session->is_hanging_up && !is_cut) {
        session_close_when_written(session); /* that is how the server gave the request up */
    } else if (!session->is_dead && (is_cut || closes)) {
        session_close(session, is_cut ? "a reply broke off" : "connection to the server lost");
    } else if (!(slot->tag & TAG_SILENT)) {
        session_write(session, error, strlen(error));
    }
    enum lease_tag tag = slot->tag & TAG_LEASE_MASK;
    if (tag == TAG_COUNTED) {
        session_end_recount(session);
        session_put_aside_back(session);
    }
    bool ends_state = tag == TAG_EXEC || tag == TAG_DISCARD || tag == TAG_UNWATCH;
    if (slot->tag & TAG_LEASED && session->lease != NULL && ends_state) {
        session->lease->state = LEASE_PLAIN; /* whether it ran or not, it is over */
    }
    if (tag == TAG_ASKED) {
        note_answer(session, "", 0);
    }
    if (slot->tag & TAG_LEASED && tag == TAG_MULTI && session->in_len > 0 && !session->is_dead) {
        session_close_when_written(session); /* what stands behind it would run on its own */
    }
    if (slot->flags & SLOT_OPEN && session->stream == STREAM_SEND) {
        session->stream = STREAM_SKIP; /* the rest of the request has nowhere to go */
    }
    session_note_replies(session, 1);
}

const struct reply_sink_ops session_sink_ops = {on_reply, on_failure};

void session_begin_answer(struct session *session)
{
    session->outstanding++;
    session->is_barred = true; /* what follows must not be answered first */
}

void session_finish_answer(struct session *session, const char *data, size_t len, bool is_silent)
{
    if (!is_silent) {
        session_write(session, data, len);
    }
    session_note_replies(session, 1);
}

/* ---------------------------------------------------------------------------------------- waiting
 */

void session_end_wait(struct session *session)
{
    struct session_wait *wait = session->wait;
    if (wait != NULL) {
        session->wait = NULL;
        lane_forget(&wait->lane);
        lease_forget(&wait->lease);
        event_del(&wait->timer);
        free(wait);
    }
    session->stops &= ~(unsigned)STOP_WAIT;
    roll_call_release(session);
}

/* The wait is over; with a refusal the request will be answered by it. Takes the refusal. */
static void finish_wait(struct session *session, char *refusal)
{
    bool was_stopped = session->stops & STOP_WAIT;
    session_end_wait(session);
    free(session->refusal);
    session->refusal = refusal;
    if (was_stopped) {
        session->stops |= STOP_WAIT;
        session_resume(session, STOP_WAIT);
    }
}

/* Whether the server's refusal is the client's affair: it chose what was refused. */
static bool shows_refusal(const struct session *session, const struct upstream *upstream)
{
    return upstream->refusal != NULL && (!upstream->is_login_refused ||
                                         session->pool->context.settings->auth == AUTH_PASSTHROUGH);
}

/* Why there is no connection. The caller frees it. */
static char *why_not(const struct session_wait *wait)
{
    const struct upstream *upstream = wait->upstream;
    char error[480];
    if (shows_refusal(wait->session, upstream)) {
        return memory_text(upstream->refusal, strlen(upstream->refusal));
    }
    upstream_down_error(upstream, error, sizeof error);
    return memory_text(error, strlen(error));
}

static void on_lane_settled(struct lane_waiter *waiter)
{
    struct session_wait *wait = container_of(waiter, struct session_wait, lane);
    const struct upstream *upstream = wait->upstream;
    bool is_refused = !upstream_is_ready(upstream) && upstream->refusal != NULL;
    finish_wait(wait->session, is_refused ? why_not(wait) : NULL);
}

static void on_granted(struct lease_waiter *waiter, struct lease *lease)
{
    struct session_wait *wait = container_of(waiter, struct session_wait, lease);
    struct session *session = wait->session;
    session->lease = lease;
    if (session->held != NULL) { /* others ask for it, and it may be wanted for nothing else */
        client_tracking_keep(session);
    }
    session->waited_ms = (int64_t)(loop_now_ms() - waiter->since_ms);
    lease->holder = &session->holder;
    finish_wait(session, NULL);
}

static void on_refused(struct lease_waiter *waiter, const char *error)
{
    struct session_wait *wait = container_of(waiter, struct session_wait, lease);
    if (wait->is_optional) {
        wait->session->large_until_ms = 0;
    }
    finish_wait(wait->session, wait->is_optional ? NULL : memory_text(error, strlen(error)));
}

static void on_wait_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct session_wait *wait = arg;
    (void)fd, (void)what;
    if (!shows_refusal(wait->session, wait->upstream)) {
        stats_count(&wait->session->pool->context.stats, errors_pooldown);
    }
    finish_wait(wait->session, why_not(wait));
}

bool session_waits_to_block(const struct session *session)
{
    return session->wait != NULL && session->wait->lease.pool != NULL &&
           session->wait->lease.kind == QUOTA_BLOCKING;
}

void session_refuse_wait(struct session *session, const char *line)
{
    finish_wait(session, memory_text(line, strlen(line)));
}

static struct session_wait *begin_wait(struct session *session)
{
    struct session_wait *wait = memory_zeroed(sizeof *wait);
    wait->session = session;
    wait->lane.on_settled = on_lane_settled;
    wait->lease.on_granted = on_granted;
    wait->lease.on_refused = on_refused;
    event_assign(&wait->timer, session->pool->context.loop->base, -1, 0, on_wait_deadline, wait);
    session->wait = wait;
    session_stop(session, STOP_WAIT);
    return wait;
}

/* The request is routed again, and answered with this. */
static enum routed refuse_at_once(struct session *session, const char *error)
{
    session->refusal = memory_text(error, strlen(error));
    loop_defer(session->pool->context.loop, &session->resume);
    session_stop(session, STOP_TURN);
    return ROUTE_LATER;
}

enum routed session_want_ready(struct session *session, const struct upstream_route *route,
                               struct upstream **upstream)
{
    char error[480];
    struct lane *lane = lane_get(session->pool, route, error, sizeof error);
    if (lane == NULL) {
        return refuse_at_once(session, error);
    }
    *upstream = lane->upstream;
    lane->last_used_ms = loop_now_ms();
    if (upstream_is_ready(lane->upstream)) {
        return ROUTED;
    }
    upstream_connect(lane->upstream); /* even if it is not waited for: it shall be there one day */
    if (lane->upstream->refusal == NULL && !upstream_accepts(lane->upstream, error, sizeof error)) {
        return refuse_at_once(session, error);
    }
    struct session_wait *wait = begin_wait(session);
    int64_t limit = session->pool->context.settings->upstream_wait_ms;
    struct timeval after = {.tv_sec = limit / 1000, .tv_usec = (limit % 1000) * 1000};
    wait->upstream = lane->upstream;
    event_add(&wait->timer, &after);
    lane_wait_ready(lane, &wait->lane);
    return ROUTE_LATER;
}

enum routed session_want_lease(struct session *session, const struct lease_wish *wish)
{
    char error[480];
    if (session->lease != NULL) {
        return ROUTED;
    }
    struct upstream_route route = wish->route != NULL ? *wish->route : session_route(session);
    const struct lane *lane = lane_find(session->pool, &route);
    if (lane != NULL && upstream_is_hopeless(lane->upstream)) {
        upstream_down_error(lane->upstream, error, sizeof error);
        return refuse_at_once(session, error);
    }
    struct session_wait *wait = begin_wait(session);
    wait->lease.route = route;
    wait->is_optional = wish->is_optional;
    wait->lease.kind = wish->kind;
    wait->lease.connection = wish->connection;
    wait->lease.limit_ms = wish->limit_ms;
    wait->lease.late = wish->late;
    struct lease *lease = lease_acquire(session->pool, &wait->lease);
    if (lease != NULL) {
        on_granted(&wait->lease, lease);
    }
    /* a refusal or a lease may have come within the call, from a server next door */
    return session->lease != NULL ? ROUTED : ROUTE_LATER;
}

/* ----------------------------------------------------------------------------------- shared lanes
 */

void session_change_route(struct session *session, int64_t db, int64_t proto,
                          const struct identity *identity)
{
    if (session->lane != NULL) {
        lane_detach(session->lane);
        session->lane = NULL;
    }
    identity_hold(identity);
    identity_release(&session->pool->identities, session->identity);
    session->db = db;
    session->proto = proto;
    session->identity = identity;
}

/* Have a lane, or answer so many requests why there is none. */
static struct lane *own_lane(struct session *session, uint32_t count)
{
    char error[256];
    if (session->lane == NULL) {
        struct upstream_route route = session_route(session);
        session->lane = lane_get(session->pool, &route, error, sizeof error);
        if (session->lane == NULL) {
            for (uint32_t i = 0; i < count; i++) {
                session_answer(session, error, strlen(error));
            }
            return NULL;
        }
        lane_attach(session->lane);
    }
    return session->lane;
}

static void on_room(struct lane_waiter *waiter)
{
    struct session_wait *wait = container_of(waiter, struct session_wait, lane);
    finish_wait(wait->session, NULL);
}

/* The server does not take what stands before it. */
static enum routed wait_for_room(struct session *session)
{
    struct session_wait *wait = begin_wait(session);
    wait->lane.on_settled = on_room;
    lane_wait_room(session->lane, &wait->lane);
    return ROUTE_LATER;
}

static void note_sent(struct session *session, uint32_t count)
{
    session->outstanding += count;
    session_check_count(session);
}

static uint8_t slot_flags(const struct call *call, uint8_t tag)
{
    bool is_unlimited = tag & TAG_BLOCKING || call->command == NULL;
    return (uint8_t)((tag != 0 ? SLOT_ALONE : 0) | (is_unlimited ? SLOT_UNLIMITED : 0) |
                     (call->is_whole ? 0 : SLOT_OPEN));
}

/* Answer why the lane takes nothing, each of so many requests. In order: only when nothing is
 * outstanding. */
static enum routed answer_down(struct session *session, const char *error, uint32_t count)
{
    const struct upstream *upstream = session->lane->upstream;
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session->pool->context.settings->on_loss == LOSS_CLOSE && upstream->refusal == NULL) {
        session_close(session, "no connection to the server");
        return ROUTED;
    }
    bool is_clients = upstream->refusal != NULL && !upstream->is_login_refused;
    const char *line = is_clients ? upstream->refusal : error;
    for (uint32_t i = 0; i < count; i++) {
        stats_count(&session->pool->context.stats, errors_pooldown);
        session_answer(session, line, strlen(line));
    }
    return ROUTED;
}

enum routed session_want_shared(struct session *session, uint32_t count, struct upstream **upstream)
{
    char error[480];
    *upstream = NULL;
    if (session->lane == NULL && (!session_is_quiet(session) || own_lane(session, count) == NULL)) {
        return session->outstanding > 0 ? ROUTE_LATER : ROUTED;
    }
    if (session->spoken_on != session->lane->upstream && !session_is_quiet(session)) {
        return ROUTE_LATER; /* the lane has another connection now */
    }
    upstream_connect(session->lane->upstream);
    if (!upstream_accepts(session->lane->upstream, error, sizeof error)) {
        return answer_down(session, error, count);
    }
    if (session->lane->upstream->is_stuffed) {
        return wait_for_room(session);
    }
    *upstream = session->lane->upstream;
    return ROUTED;
}

/* What this command's being sent there means for the session. */
static void note_command(struct session *session, const struct upstream *upstream,
                         const struct fr_command *command)
{
    if (command_runs_script(command)) {
        leases_keep_spare(session->pool, session->identity);
    }
    replication_note_sent(session, upstream, command);
    session->spoken_on = upstream;
}

void session_send_on(struct session *session, struct upstream *upstream, const struct call *call,
                     uint8_t tag)
{
    tag |= session_is_silent(session) ? TAG_SILENT : 0;
    struct slot slot = {.sink = &session->sink,
                        .command = call->command,
                        .tag = tag,
                        .flags = slot_flags(call, tag)};
    note_command(session, upstream, call->command);
    upstream_send(upstream, &slot, call->frame, call->len);
    if ((tag & TAG_LEASE_MASK) == TAG_COUNTED) {
        session_begin_recount(session, call);
    }
    note_sent(session, 1);
}

void session_send_run(struct session *session, struct upstream *upstream,
                      const struct request_run *run)
{
    bool is_silent = session_is_silent(session);
    struct slot like = {.sink = &session->sink,
                        .tag = is_silent ? TAG_SILENT : TAG_NONE,
                        .flags = is_silent ? SLOT_ALONE : 0};
    for (uint32_t i = 0; i < run->count; i++) {
        if (i == 0 || run->parts[i].command != run->parts[i - 1].command) {
            note_command(session, upstream, run->parts[i].command);
        }
    }
    upstream_send_run(upstream, &like, run);
    note_sent(session, run->count);
    stats_add(&session->pool->context.stats.requests_shared, run->count);
}

enum routed session_send_shared(struct session *session, const struct call *call, uint8_t tag)
{
    struct upstream *upstream = NULL;
    enum routed routed = session_want_shared(session, 1, &upstream);
    if (upstream != NULL) {
        session_send_on(session, upstream, call, tag);
        stats_count(&session->pool->context.stats, requests_shared);
    }
    return routed;
}

/* ----------------------------------------------------------------------------------------- leases
 */

enum routed session_send_leased(struct session *session, const struct call *call, uint8_t tag)
{
    session_send_on(session, session->lease->upstream, call, (uint8_t)(tag | TAG_LEASED));
    stats_count(&session->pool->context.stats, requests_leased);
    session->waited_ms = 0;
    if (session->lease->upstream->is_stuffed) {
        session_stop(session, STOP_ROOM);
    }
    return ROUTED;
}

void session_end_lease(struct session *session)
{
    struct lease *lease = session->lease;
    if (lease != NULL) {
        session->lease = NULL;
        session->stops &= ~(unsigned)STOP_ROOM;
        session_forget_selects(session);
        session->redirects_to = 0;
        session->tracking = TRACKING_OFF;
        if (!session_uses_hub(session)) {
            lease->is_dirty = lease->is_dirty || session->subscriptions.is_asking ||
                              session_is_subscribed(session);
            session->subscriptions = (struct subscriptions){0};
        }
        lease_release(lease);
    }
}

static void on_lost(struct lease_holder *holder)
{
    struct session *session = session_of_holder(holder);
    session_resume(session, STOP_ROOM);
    if (session_is_tunnel(session)) {
        session_end_lease(session);
        session_close_when_written(session);
    } else if (session->outstanding == 0) {
        session_settle(session);
    }
}

static bool on_frame(struct lease_holder *holder, const char *data, size_t len)
{
    return session_take_frame(session_of_holder(holder), data, len);
}

static void on_drained(struct lease_holder *holder)
{
    session_resume(session_of_holder(holder), STOP_ROOM);
}

void session_init_holder(struct session *session)
{
    session->holder = (struct lease_holder){.sink = &session->sink,
                                            .on_lost = on_lost,
                                            .on_frame = on_frame,
                                            .on_tunnel = session_on_tunnel,
                                            .on_drained = on_drained};
}
