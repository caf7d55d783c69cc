/* WAIT and WAITAOF: how many replicas have what this client wrote.
 *
 * The server means the writes of the connection that asks (c->woff, replication.c): on one that has
 * written nothing, WAIT counts all replicas at once, although none may have the data. So WAIT runs
 * where the client's last write ran, and that is where its earlier writes are covered too:
 *
 *   the write ran on                then WAIT runs
 *   ------------------------------  ---------------------------------------------------------------
 *   the shared connection of a      there: the lane trades it for a lent one, so that nobody else
 *   lane                            waits behind, and it is the client's until the reply
 *   a lent one, idle now            there
 *   one that is in use, or closed   on any, behind a command that moves its offset to the server's
 *                                   present one: then it means all writes until now. Up to 7.0 that
 *                                   is any command, from 7.2 on only what is propagated: PUBLISH
 *   several, and from 7.2 on        the same: a command that changes nothing does not move the
 *                                   offset of its connection there
 *   one that is gone, while the     nowhere: the write may be gone with the server. POOLLOST
 *   server was out of sight
 */
#include "daemon/router.h"

#include <string.h>

/* In the place of a connection's number: what was written waits for the next connection. */
#define WRITTEN_ON_NEXT UINT64_MAX
/* The same: no connection that there will be. */
#define WRITTEN_ELSEWHERE (UINT64_MAX - 1)

bool router_asks_for_replicas(const struct call *call)
{
    int64_t count = 0;
    bool is_aof = call_is(call, FR_CMD_WAITAOF);
    for (unsigned i = 1; i <= (is_aof ? 2U : 1U) && i < call->word_count; i++) {
        if (fr_parse_int64(call->words[i].data, call->words[i].len, &count) && count > 0) {
            return true;
        }
    }
    return false;
}

/* With a wrong number of words it is an error, wherever it runs. */
static bool is_wait(const struct call *call)
{
    return (call_is(call, FR_CMD_WAIT) || call_is(call, FR_CMD_WAITAOF)) &&
           call_has_right_count(call);
}

bool replication_concerns(const struct session *session, const struct call *call)
{
    bool is_queued = session->lease != NULL && session->lease->state == LEASE_QUEUEING;
    return is_wait(call) && call->is_whole && !is_queued;
}

static const struct upstream_context *context_of(const struct session *session)
{
    return &session->pool->context;
}

/* Whether the session's own lane has its writes, or there was none. */
static bool lane_has_write(const struct session *session)
{
    return session->written_on == 0 || (!session->has_moved && session->lane != NULL &&
                                        session->lane->upstream->connection == session->written_on);
}

static bool is_fresh(const struct lease *lease)
{
    return lease->state == LEASE_PLAIN && !lease->is_dirty && !lease->is_sticky &&
           lease->upstream->requests.count == 0 && upstream_is_ready(lease->upstream);
}

/* Have the lane's connection for the lease, if that is the one with the write. */
static void take_over(struct session *session)
{
    struct lease *lease = session->lease;
    struct lane *lane = lane_of_connection(session->pool, session->written_on);
    if (lane != NULL && is_fresh(lease) &&
        memcmp(&lane->key, &lease->upstream->route, sizeof lane->key) == 0) {
        lane_trade(lane, lease);
    }
}

/* Whether WAIT on the lease means what it should. */
static bool has_offset(const struct session *session)
{
    const struct upstream *upstream = session->lease->upstream;
    bool is_newer = upstream->server_version >= 702;
    return session->written_on == upstream->connection ? !session->has_moved || !is_newer
                                                       : session->written_on == 0 && is_newer;
}

static bool is_out_of_sight(const struct session *session)
{
    return session->written_on != 0 && session->written_sight != context_of(session)->sight;
}

/* ------------------------------------------------------------------------------ what was written
 */

/* Whether it may write something that WAIT would be about. */
static bool may_write(const struct fr_command *command)
{
    return command == NULL || command->flags & FR_FLAG_WRITE || command->id == FR_CMD_EXEC ||
           (command_runs_script(command) && command->cache == FR_CACHE_KEYS_FENCE) ||
           command->id == FR_CMD_PUBLISH || command->id == FR_CMD_SPUBLISH;
}

void replication_note_sent(struct session *session, const struct upstream *upstream,
                           const struct fr_command *command)
{
    if (!may_write(command)) {
        return;
    }
    if (session->is_told_lost) { /* what it wrote before is not counted on any more */
        session->written_on = 0;
        session->has_moved = false;
        session->is_told_lost = false;
    }
    uint64_t connection = upstream_is_ready(upstream) ? upstream->connection : WRITTEN_ON_NEXT;
    bool is_elsewhere = session->written_on != 0 && session->written_on != WRITTEN_ON_NEXT &&
                        session->written_on != connection;
    session->has_moved = session->has_moved || is_elsewhere;
    session->written_on = connection;
    session->written_sight = context_of(session)->sight;
}

void replication_note_reply(struct session *session)
{
    if (session->written_on == WRITTEN_ON_NEXT) {
        session->written_on = session->spoken_on->connection; /* it is the next */
    }
}

void replication_note_offset(struct session *session, const struct fr_reply *reply)
{
    session->is_unconfirmed = FR_REPLY_BEGINS(reply, "-");
    if (!session->is_unconfirmed) {
        session->written_on = session->lease->upstream->connection;
        session->has_moved = false;
        session->written_sight = context_of(session)->sight;
    }
}

void replication_forget_server(struct session *session)
{
    if (session->written_on != 0) {
        session->written_on = WRITTEN_ELSEWHERE;
        session->written_sight = ~context_of(session)->sight;
    }
}

/* ------------------------------------------------------------------------------------------- WAIT
 */

static void end_confirming(struct session *session)
{
    session->is_confirming = false;
    session->is_unconfirmed = false;
}

static enum routed answer_lost(struct session *session)
{
    end_confirming(session);
    session->is_told_lost = true;
    stats_count(&session->pool->context.stats, errors_poollost);
    session_answer_error(session, "POOLLOST the connection that carried the write is gone; its "
                                  "replication cannot be confirmed");
    if (is_fresh(session->lease)) { /* it was lent for this */
        session_end_lease(session);
    }
    return ROUTED;
}

/* Move the offset of the lease's connection to the server's present one. */
static enum routed move_offset(struct session *session)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    static const char publish[] = "*3\r\n$7\r\nPUBLISH\r\n$18\r\nflaskredisd:offset\r\n$0\r\n\r\n";
    bool is_ping = session->lease->upstream->server_version < 702;
    struct call call = {.frame = is_ping ? ping : publish,
                        .len = is_ping ? sizeof ping - 1 : sizeof publish - 1,
                        .is_whole = true,
                        .command = &fr_commands[FR_CMD_PING]}; /* no write of the client's */
    session->is_confirming = true;
    session_send_leased(session, &call, TAG_OFFSET | TAG_SILENT);
    session_is_quiet(session); /* it is not: go on when the reply has come */
    return ROUTE_LATER;
}

enum routed replication_route(struct session *session, const struct call *call)
{
    bool may_block = router_asks_for_replicas(call);
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session->lease == NULL && !may_block && lane_has_write(session)) {
        return session_send_shared(session, call, TAG_NONE); /* answered at once */
    }
    const struct lane *lane = lane_of_connection(session->pool, session->written_on);
    struct lease_wish wish = {.kind = may_block ? QUOTA_BLOCKING : QUOTA_LEASES,
                              .route = lane == NULL ? NULL : &lane->key,
                              .connection = session->written_on};
    if (session_want_lease(session, &wish) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    take_over(session);
    if (!has_offset(session)) {
        return session->is_unconfirmed || is_out_of_sight(session) ? answer_lost(session)
                                                                   : move_offset(session);
    }
    end_confirming(session);
    return may_block ? router_send_blocking(session, call)
                     : session_send_leased(session, call, TAG_NONE);
}
