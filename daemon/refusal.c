/* Requests that go nowhere: what the client is told instead. In a transaction each makes EXEC fail,
 * as the server's own errors to queued commands do. */
#include "daemon/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

/* Where what is refused must make EXEC fail. */
static bool is_in_transaction(const struct session *session)
{
    return session_is_queueing(session) && !session_is_tunnel(session);
}

/* How many replies are owed to a tunnel nobody counts, so only the server can answer in the right
 * place: it is sent the error as the name of a command. It says that it does not know it, and in a
 * transaction makes EXEC fail. */
static void refuse_in_tunnel(struct session *session, const char *error)
{
    char frame[512];
    size_t most = sizeof frame - sizeof "*1\r\n$512\r\n\r\n";
    size_t name_len = strcspn(error + 1, "\r\n");
    int shown = (int)(name_len < most ? name_len : most);
    int len = snprintf(frame, sizeof frame, "*1\r\n$%d\r\n%.*s\r\n", shown, shown, error + 1);
    upstream_send_raw(session->lease->upstream, frame, (size_t)len);
    if (session->lease->upstream->is_stuffed) {
        session_stop(session, STOP_ROOM);
    }
}

enum routed router_answer_instead(struct session *session, const struct call *call,
                                  const char *error)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session_is_tunnel(session)) {
        refuse_in_tunnel(session, error);
        session->stream = call->is_whole ? STREAM_NONE : STREAM_SKIP;
        return ROUTED;
    }
    if (is_in_transaction(session)) {
        session->lost = LOST_QUEUED;
    }
    session_answer(session, error, strlen(error));
    session->stream = call->is_whole ? STREAM_NONE : STREAM_SKIP;
    return ROUTED;
}

/* What the server answers to the HELLO of a handshake when nobody has logged in. */
static bool is_for_hello(const char *refusal)
{
    static const char begin[] = "-NOAUTH HELLO must be called";
    return strncmp(refusal, begin, sizeof begin - 1) == 0;
}

enum routed router_answer_refusal(struct session *session, const struct call *call)
{
    static const char no_auth[] = "-NOAUTH Authentication required.\r\n";
    char *refusal = session->refusal;
    bool is_down = strncmp(refusal, "-POOLDOWN", 9) == 0;
    session->refusal = NULL;
    if (is_down && session->pool->context.settings->on_loss == LOSS_CLOSE) {
        free(refusal);
        session_close(session, "no connection to the server");
        return ROUTED;
    }
    if (is_for_hello(refusal) && !call_is(call, FR_CMD_HELLO)) {
        free(refusal);
        refusal = memory_text(no_auth, sizeof no_auth - 1);
    }
    if (call_is(call, FR_CMD_MULTI) && call->behind_len > 0) {
        session_close_when_written(session); /* what stands behind it would run on its own */
    }
    enum routed routed = router_answer_instead(session, call, refusal);
    free(refusal);
    return routed;
}

enum routed router_answer_denied(struct session *session, const struct call *call)
{
    char error[256];
    stats_count(&session->pool->context.stats, errors_pooldeny);
    snprintf(error, sizeof error, "-POOLDENY '%s' is denied for prefix %s (setting \"deny\")\r\n",
             call->command->name, session->pool->context.settings->name);
    return router_answer_instead(session, call, error);
}

enum routed router_answer_too_big(struct session *session, const struct call *call)
{
    char error[256];
    snprintf(error, sizeof error,
             "-POOLBIG '%s' is larger than %lld bytes (setting \"large_request\"); not sent\r\n",
             call->command->name, (long long)session->pool->context.settings->large_request);
    return router_answer_instead(session, call, error);
}

/* Not beside subscriptions on the hub, of which the session's own connection would know nothing. */
enum routed router_answer_subscribed(struct session *session, const struct call *call)
{
    char error[256];
    stats_count(&session->pool->context.stats, errors_pooldeny);
    snprintf(error, sizeof error,
             "-POOLDENY '%s' is denied %swhile subscribed (setting \"pubsub\")\r\n",
             call->command->name, is_in_transaction(session) ? "in MULTI " : "");
    return router_answer_instead(session, call, error);
}

enum routed router_answer_no_killing(struct session *session, const struct call *call)
{
    stats_count(&session->pool->context.stats, errors_pooldeny);
    return router_answer_instead(session, call,
                                 "-POOLDENY 'client|kill' is denied in MULTI and behind MONITOR, "
                                 "where connections to the server would be meant\r\n");
}
