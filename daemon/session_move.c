/* What becomes of the clients of a pool that is not served any more.
 *
 *   prefix removed: retired. What they have sent is answered, by the old server, then they are
 * closed
 *
 *   URL changed:
 *     nothing outstanding --------------------------> the new pool, at once
 *     replies outstanding --the last has come-------> the new pool
 *     waits for a connection -----------------------> the new pool; the request is routed there
 *     WATCH -------------------------- given up ----> the new pool; the next EXEC answers null
 *     MULTI --EXEC or DISCARD has been answered-----> the new pool
 *     blocked --UNBLOCKED, or what it waited for----> the new pool
 *     subscribed, tracking, MONITOR: what is kept for it on the old server cannot be taken along,
 * and only the end of the connection tells a client that: retired
 *
 * Between two servers a session always has nothing outstanding, so no reply changes places, and a
 * transaction is of one server. What has not come to that within the time for leaving is ended: in
 * MULTI as if the connection had been lost, else by closing. */
#include "daemon/session_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/attach.h"
#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/router.h"

/* ----------------------------------------------------------------------------------------- moving
 */

/* With "auth = passthrough" a client may have credentials of its own. */
static const struct identity *identity_there(struct session *session, struct pool *to)
{
    if (to->context.settings->auth == AUTH_PASSTHROUGH) {
        return identity_intern(&to->identities, session->identity->user,
                               session->identity->password);
    }
    return session_first_identity(to);
}

void session_move(struct session *session, struct pool *to)
{
    struct pool *from = session->pool;
    const struct identity *identity = identity_there(session, to);
    int64_t db = session->has_selected ? session->db : to->context.settings->server.db;
    session_end_diversion(session);
    if (session->lane != NULL) {
        lane_detach(session->lane);
        session->lane = NULL;
    }
    identity_release(&from->identities, session->identity);
    session->identity = NULL;
    TAILQ_REMOVE(&from->sessions, session, link);
    session_leave_pool(session);
    session_enter_pool(session, to);
    attach_move(session, from);
    TAILQ_INSERT_TAIL(&to->sessions, session, link);
    session_change_route(session, db, session->proto, identity);
    identity_release(&to->identities, identity);
    if (from->prefix->is_lobby) {
        session->is_authenticated = to->context.settings->auth != AUTH_CHECK;
    }
    session->spoken_on = NULL;
    replication_forget_server(session);
    session_resume(session, STOP_MOVE);
}

/* ---------------------------------------------------------------------------------------- blocking
 */

/* The blocked request's own reply tells, unless the server does not let us ask: then those who
 * have to go are cut off, as with a client that goes. */
static void on_unblocked(struct reply_sink *sink, const struct reply_part *part)
{
    struct pool *pool = container_of(sink, struct pool, unblocker);
    struct session *session;
    if (!FR_REPLY_BEGINS(part->frame, "-")) {
        return;
    }
    pool->cannot_unblock = true;
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        if (session->is_retiring) {
            session->is_retiring = false;
            transport_end_input(&session->transport);
        }
    }
}

static void on_not_unblocked(struct reply_sink *sink, const struct slot *slot, const char *error,
                             bool is_cut)
{
    (void)sink, (void)slot, (void)error, (void)is_cut;
}

static const struct reply_sink_ops unblocker_ops = {on_unblocked, on_not_unblocked};

static bool is_blocked(const struct session *session)
{
    return session->is_blocking && session->outstanding > 0 && session->lease != NULL;
}

static void ask_to_unblock(struct session *session, struct upstream *upstream)
{
    struct pool *pool = session->pool;
    char id[24];
    char frame[128];
    int id_len = snprintf(id, sizeof id, "%" PRIu64, session->lease->upstream->real_id);
    int len =
        snprintf(frame, sizeof frame,
                 "*4\r\n$6\r\nCLIENT\r\n$7\r\nUNBLOCK\r\n$%d\r\n%s\r\n$5\r\nERROR\r\n", id_len, id);
    struct slot slot = {.sink = &pool->unblocker,
                        .command = &fr_commands[FR_CMD_CLIENT_UNBLOCK],
                        .flags = SLOT_ALONE};
    pool->unblocker.ops = &unblocker_ops;
    session->lease->is_dirty = true; /* it may come too late: nobody else must block there */
    upstream_send(upstream, &slot, frame, (size_t)len);
}

bool session_unblock(struct session *session)
{
    char error[480];
    struct upstream_route route = session_route(session);
    if (!is_blocked(session) || session->lease->upstream->real_id == 0 ||
        session->pool->cannot_unblock) {
        return false;
    }
    struct lane *lane = lane_get(session->pool, &route, error, sizeof error);
    if (lane == NULL || !upstream_accepts(lane->upstream, error, sizeof error)) {
        return false;
    }
    ask_to_unblock(session, lane->upstream);
    return true;
}

/* --------------------------------------------------------------------------------------- leaving
 */

/* Whether the server keeps something for it that has no other sign of its end than the
 * connection's. */
static bool is_bound(const struct session *session)
{
    return session_uses_hub(session) || session_is_subscribed(session) ||
           session_is_tunnel(session) || (session->lease != NULL && session->lease->is_sticky);
}

static bool has_user(const struct prefix_settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->user_count; i++) {
        if (strcmp(settings->user_entries[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether it would be let in under the new settings as what it is. A changed password is no reason,
 * as it is none for a server. */
static bool may_stay(const struct session *session, const struct prefix_settings *settings)
{
    return session->pool->context.settings->auth == settings->auth &&
           (settings->auth != AUTH_CHECK || !session->is_authenticated ||
            has_user(settings, session->user == NULL ? "default" : session->user));
}

/* To the new pool, as soon as that is possible. */
static void follow_to(struct session *session, struct pool *to)
{
    if (session->lease != NULL && session->lease->state == LEASE_WATCHING &&
        session->outstanding == 0 && session->stream == STREAM_NONE) {
        session->lost = LOST_WATCH;
        session_end_lease(session);
    }
    if (session->lease != NULL) {
        return; /* it ends what it began */
    }
    session_stop(session, STOP_MOVE);
    session_end_wait(session);
    if (session->outstanding == 0) {
        session_move(session, to);
    }
}

void session_follow(struct session *session)
{
    struct pool *to = session->pool->successor;
    if (session->is_dead || session->closes_when_written) {
        return;
    }
    if (is_blocked(session)) {
        session_unblock(session);
    } else if (to == NULL || is_bound(session) || !may_stay(session, to->context.settings)) {
        session_resume(session, STOP_MOVE); /* it may have been on its way to what is gone now */
        session_resume(session, STOP_PAUSE);
        session_retire(session);
    } else {
        follow_to(session, to);
    }
}

static void follow_all(struct pool *pool)
{
    struct session *session;
    struct session *next;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        session_follow(session);
    }
}

/* ------------------------------------------------------------------------------------------ rules
 */

static void retire_strangers(struct pool *pool, const struct prefix_settings *settings)
{
    struct session *session;
    struct session *next;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (!may_stay(session, settings)) {
            session_retire(session);
        }
    }
}

void sessions_use_settings(struct pool *pool, const struct prefix_settings *settings)
{
    retire_strangers(pool, settings);
    pool_use_settings(pool, settings);
}

/* ------------------------------------------------------------------------------------------- pools
 */

void sessions_leave(struct pool_table *table, struct pool *pool, struct pool *successor,
                    int64_t leave_ms)
{
    struct pool *other;
    struct pool *next;
    pool->is_leaving = true;
    pool->successor = successor;
    pool->leave_by_ms = loop_now_ms() + (uint64_t)leave_ms;
    if (successor != NULL) {
        retire_strangers(pool, successor->context.settings);
    }
    follow_all(pool);
    pool_tick_soon(pool); /* maybe nobody was there */
    HASH_ITER(hh, table->pools, other, next)
    {
        if (other->successor == pool) { /* they had not come here yet */
            other->successor = successor;
            follow_all(other);
        }
    }
}

/* Its time is over. */
static void force(struct session *session)
{
    bool is_queueing = session_is_queueing(session);
    if (is_queueing && session->outstanding == 0 && session->stream == STREAM_NONE &&
        session->pool->successor != NULL) {
        session->lost = LOST_TRANSACTION;
        session_end_lease(session);
        session_follow(session);
        return;
    }
    log_info("client %" PRIu64 " %s: closed: its server is not served any more (setting "
             "\"shutdown_ms\")",
             session->id, session->pool->context.settings->name);
    session_close(session, "its server is not served any more");
}

bool sessions_have_left(struct pool *pool)
{
    struct session *session;
    struct session *next;
    bool is_over = loop_now_ms() >= pool->leave_by_ms;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (is_over) {
            force(session);
        } else {
            session_unblock(session); /* it may not have blocked yet when it was tried last */
        }
    }
    return pool->session_count == 0;
}
