/* What a session is told after the connection that held its transaction or its watched keys is
 * lost: never that something was done which was not.
 *
 *   refused in MULTI by the daemon: EXEC -> EXECABORT, as when the server refuses
 *   lost in MULTI:  commands -> POOLLOST, EXEC -> EXECABORT, DISCARD -> OK
 *   lost in WATCH:  everything as usual, but the next EXEC answers null, as if a key had been
 * touched; that is safe, since the client must be ready for it anyway
 */
#include "daemon/router.h"

static enum routed in_lost_transaction(struct session *session, const struct call *call)
{
    char server[200];
    fr_url_show(&session->pool->context.settings->server, server, sizeof server);
    if (call_is(call, FR_CMD_EXEC)) {
        session->lost = LOST_NOTHING;
        session_answer_error(session,
                             "EXECABORT Transaction discarded because of: POOLLOST connection to "
                             "%s lost",
                             server);
    } else if (call_is(call, FR_CMD_DISCARD)) {
        session->lost = LOST_NOTHING;
        session_answer_text(session, "+OK\r\n");
    } else {
        session_answer_error(session,
                             "POOLLOST connection to %s lost, and the transaction with it; not "
                             "executed",
                             server);
    }
    session->stream = call->is_whole ? STREAM_NONE : STREAM_SKIP;
    return ROUTED;
}

/* EXEC that must not run: the connection is given up in the middle of the transaction, which ends
 * it. */
static enum routed exec_in_vain(struct session *session)
{
    enum session_lost lost = session->lost;
    session_end_lease(session);
    session->lost = LOST_NOTHING;
    if (lost == LOST_QUEUED) {
        session_answer_error(session,
                             "EXECABORT Transaction discarded because of previous errors.");
    } else {
        session_answerf(session, session->proto == 3 ? "_\r\n" : "*-1\r\n");
    }
    return ROUTED;
}

bool aftermath_concerns(const struct session *session, const struct call *call)
{
    if (session->lost == LOST_TRANSACTION) {
        return !(call_is(call, FR_CMD_RESET) || call_is(call, FR_CMD_QUIT));
    }
    if (session->lost == LOST_QUEUED) {
        return session->lease != NULL &&
               (call_is(call, FR_CMD_EXEC) || call_is(call, FR_CMD_DISCARD));
    }
    return session->lost == LOST_WATCH &&
           (call_is(call, FR_CMD_UNWATCH) ||
            (session->lease != NULL &&
             (call_is(call, FR_CMD_EXEC) || call_is(call, FR_CMD_DISCARD))));
}

enum routed aftermath_route(struct session *session, const struct call *call)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session->lost == LOST_TRANSACTION) {
        return in_lost_transaction(session, call);
    }
    if (call_is(call, FR_CMD_UNWATCH)) {
        session->lost = LOST_NOTHING;
        return session->lease == NULL ? session_send_shared(session, call, TAG_NONE)
                                      : session_send_leased(session, call, TAG_UNWATCH);
    }
    if (session->lease->state != LEASE_QUEUEING) { /* without MULTI: the server's error */
        return session_send_leased(session, call, TAG_NONE);
    }
    if (call_is(call, FR_CMD_EXEC)) {
        return exec_in_vain(session);
    }
    session->lost = LOST_NOTHING;
    return session_send_leased(session, call, TAG_DISCARD);
}
