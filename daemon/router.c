/* The decision for each request. See router.h. */
#include "daemon/router.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "daemon/own_commands.h"

/* The ways a request can go when the session has no connection of its own. */
enum way {
    WAY_SHARED,
    WAY_LEASE,
    WAY_BLOCKING,
    WAY_STICKY,
    WAY_SUBSCRIBE,
    WAY_TUNNEL,
    WAY_LOCAL
};

bool call_word_is(const struct call *call, unsigned i, const char *text)
{
    return i < call->word_count && call->words[i].len == strlen(text) &&
           strncasecmp(call->words[i].data, text, call->words[i].len) == 0;
}

bool word_is(const struct fr_word *word, const char *text)
{
    return word->len == strlen(text) && strncasecmp(word->data, text, word->len) == 0;
}

bool call_is(const struct call *call, enum fr_command_id id)
{
    return call->command != NULL && call->command->id == id;
}

/* -------------------------------------------------------------------------------------- conditions
 */

static bool condition_holds(const struct call *call)
{
    if (!call->is_whole) {
        return true;
    }
    switch ((enum fr_condition)call->command->condition) {
    case FR_IF_BLOCK_OPTION:
        return blocking_option_at(call) > 0;
    case FR_IF_WAITS:
        return router_asks_for_replicas(call);
    case FR_IF_ON:
        return call_word_is(call, 2, "ON");
    case FR_IF_YES_OR_SYNC:
        return call_word_is(call, 2, "YES") || call_word_is(call, 2, "SYNC");
    case FR_IF_OFF_OR_SKIP:
    case FR_ALWAYS:
        return true;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------
 * ways */

static local_command local_of(const struct call *call)
{
    if (call->command == NULL) {
        return NULL;
    }
    local_command local = connection_command(call->command);
    return local != NULL ? local : client_command(call->command);
}

/* Commands that need a connection of their own, or that only end what such a connection has. */
static enum way way_of_both(const struct fr_command *command)
{
    return command->id == FR_CMD_MULTI ? WAY_LEASE : WAY_SHARED;
}

/* What switches something off that is not on is answered here; anything else that does not switch
 * it on is an error, and the server words it. */
static enum way way_of_switch(const struct call *call, enum way on)
{
    const char *off = call_is(call, FR_CMD_SCRIPT_DEBUG) ? "NO" : "OFF";
    bool is_off = call->argc == 3 && call_word_is(call, 2, off);
    return condition_holds(call) ? on : is_off ? WAY_LOCAL : WAY_LEASE;
}

static enum way way_of(const struct call *call)
{
    const struct fr_command *command = call->command;
    if (command == NULL) { /* who knows what it does to the connection */
        return call->is_ordinary ? WAY_SHARED : WAY_LEASE;
    }
    if (local_of(call) != NULL) {
        return WAY_LOCAL;
    }
    if (command->flags & FR_FLAG_CONTAINER && command->handler == FR_HANDLER_SHARED &&
        call->argc > 1) {
        return WAY_LEASE; /* a subcommand the table does not know */
    }
    bool holds = condition_holds(call);
    switch ((enum fr_handler)command->handler) {
    case FR_HANDLER_SHARED:
        return WAY_SHARED;
    case FR_HANDLER_LEASE:
        return !holds ? WAY_SHARED : command->class == FR_CLASS_BLOCK ? WAY_BLOCKING : WAY_LEASE;
    case FR_HANDLER_STICKY:
        return way_of_switch(call, WAY_STICKY);
    case FR_HANDLER_TUNNEL: /* what the server must refuse changes nothing */
        return way_of_switch(call, call_has_right_count(call) ? WAY_TUNNEL : WAY_LEASE);
    case FR_HANDLER_HUB:
        return WAY_SUBSCRIBE;
    case FR_HANDLER_DAEMON:
        return WAY_LEASE; /* READONLY and the like: the server words the error */
    case FR_HANDLER_BOTH:
        return way_of_both(command);
    }
    return WAY_LEASE;
}

/* -------------------------------------------------------------------------------------------
 * leases */

static enum lease_tag tag_of(const struct call *call)
{
    if (call->command == NULL) {
        return TAG_NONE;
    }
    switch (call->command->id) {
    case FR_CMD_MULTI:
        return TAG_MULTI;
    case FR_CMD_EXEC:
        return TAG_EXEC;
    case FR_CMD_DISCARD:
        return TAG_DISCARD;
    case FR_CMD_WATCH:
        return TAG_WATCH;
    case FR_CMD_UNWATCH:
        return TAG_UNWATCH;
    case FR_CMD_CLIENT_TRACKINGINFO:
        return TAG_TRACKINGINFO;
    default:
        return TAG_NONE;
    }
}

/* What is outstanding on a connection whose last command can be behind it for everybody: the next
 * request waits for it, so that a plain one goes back. */
static bool ends_something(enum lease_tag tag)
{
    return tag == TAG_EXEC || tag == TAG_DISCARD || tag == TAG_UNWATCH;
}

/* The time it waited for its connection counts. */
static enum routed send_shortened(struct session *session, const struct call *call)
{
    struct evbuffer *out = evbuffer_new();
    blocking_shorten(call, session->waited_ms, out);
    struct call shortened = *call;
    shortened.len = evbuffer_get_length(out);
    shortened.frame = (const char *)evbuffer_pullup(out, -1);
    enum routed routed = session_send_leased(session, &shortened, TAG_BLOCKING);
    evbuffer_free(out);
    return routed;
}

enum routed router_send_blocking(struct session *session, const struct call *call)
{
    if (session->lease->state == LEASE_QUEUEING) { /* in a transaction nothing blocks */
        return session_send_leased(session, call, TAG_NONE);
    }
    session->is_barred = true;
    if (!call_has_right_count(call)) { /* nor does an error */
        return session_send_leased(session, call, TAG_NONE);
    }
    session->is_blocking = true;
    return blocking_limit_ms(call) > 0 && session->waited_ms > 0
               ? send_shortened(session, call)
               : session_send_leased(session, call, TAG_BLOCKING);
}

bool command_runs_script(const struct fr_command *command)
{
    static const bool is_script[FR_CMD_COUNT] = {
        [FR_CMD_EVAL] = true,       [FR_CMD_EVALSHA] = true, [FR_CMD_EVAL_RO] = true,
        [FR_CMD_EVALSHA_RO] = true, [FR_CMD_FCALL] = true,   [FR_CMD_FCALL_RO] = true,
    };
    return command != NULL && is_script[command->id];
}

/* What ends a script must not stand behind it. */
static bool is_rescue(const struct call *call)
{
    return call_is(call, FR_CMD_SCRIPT_KILL) || call_is(call, FR_CMD_FUNCTION_KILL);
}

/* Send on the connection the session has. */
static enum routed send_on_lease(struct session *session, const struct call *call, enum way way)
{
    enum lease_tag tag = tag_of(call);
    bool is_harmless =
        tag != TAG_NONE || is_rescue(call) || call->is_ordinary ||
        (call->command != NULL && call->command->block == FR_BLOCK_OK && way != WAY_LEASE);
    bool is_followed = way == WAY_STICKY || way == WAY_SUBSCRIBE;
    session->lease->is_dirty = session->lease->is_dirty || (!is_harmless && way != WAY_SUBSCRIBE);
    if (way == WAY_STICKY) {
        client_tracking_ask(session, call);
    }
    if (way == WAY_STICKY && session->lease->state != LEASE_QUEUEING &&
        client_tracking_redirects(call)) {
        return client_tracking_redirect(session, call);
    }
    if (way == WAY_STICKY) {
        session->lease->is_sticky = true;
        session->lease->is_pinned = true;
    }
    if (way == WAY_STICKY && call_is(call, FR_CMD_CLIENT_TRACKING)) {
        tag = TAG_REDIRECT; /* its OK says that nobody else is told of changes */
        session->redirecting = 0;
        session->is_barred = true;
    }
    if (!call->is_whole) {
        session->stream = STREAM_SEND;
    }
    if (way == WAY_BLOCKING) {
        return router_send_blocking(session, call);
    }
    if (way == WAY_SUBSCRIBE) {
        return session_send_subscription(session, call);
    }
    if (ends_something(tag) || is_rescue(call) || (!is_harmless && !is_followed) ||
        !call->is_whole) {
        session->is_barred = true;
    }
    if (tag == TAG_NONE && session->lease->state != LEASE_QUEUEING) {
        return session_send_leased(session, call, session_count_tag(session, call));
    }
    return session_send_leased(session, call, (uint8_t)tag);
}

/* The ways that a whole request needs no lease for are here with large ones. */
static enum routed lease_and_send(struct session *session, const struct call *call, enum way way)
{
    static const enum quota_kind kinds[] = {[WAY_SHARED] = QUOTA_LARGE,
                                            [WAY_LEASE] = QUOTA_LEASES,
                                            [WAY_BLOCKING] = QUOTA_BLOCKING,
                                            [WAY_STICKY] = QUOTA_STICKY,
                                            [WAY_SUBSCRIBE] = QUOTA_STICKY};
    bool is_large = way == WAY_SHARED || (way == WAY_LEASE && !call->is_whole);
    const struct upstream_route anywhere = {.proto = 2, .identity = session->identity};
    struct lease_wish wish = {.kind = is_rescue(call) ? QUOTA_RESCUE
                                      : is_large      ? QUOTA_LARGE
                                                      : kinds[way],
                              .route = is_rescue(call) ? &anywhere : NULL,
                              .is_optional = way == WAY_SHARED && call->is_whole};
    if (way == WAY_BLOCKING) {
        wish.limit_ms = blocking_limit_ms(call);
        wish.late = session->proto == 3 ? "_\r\n" : "*-1\r\n";
    }
    if (!session_is_quiet(session) || session_want_lease(session, &wish) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    return send_on_lease(session, call, way);
}

/* -------------------------------------------------------------------------------------------
 * tunnel */

static enum routed send_into_tunnel(struct session *session, const struct call *call)
{
    upstream_send_raw(session->lease->upstream, call->frame, call->len);
    if (session->lease->upstream->is_stuffed) {
        session_stop(session, STOP_ROOM);
    }
    if (!call->is_whole) {
        session->stream = STREAM_SEND;
    }
    if (call_is(call, FR_CMD_RESET) && call->argc == 1) {
        session->is_resetting = true;
        session_stop(session, STOP_WAIT);
    }
    return ROUTED;
}

/* The server must be as silent in a tunnel as the session is. In a transaction it cannot be told:
 * what it would answer cannot be kept from the client. */
static bool hush_tunnel(struct session *session)
{
    static const char off[] = "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$3\r\nOFF\r\n";
    static const char skip[] = "*3\r\n$6\r\nCLIENT\r\n$5\r\nREPLY\r\n$4\r\nSKIP\r\n";
    bool is_queueing = session->lease->state == LEASE_QUEUEING;
    if (session->reply_mode == REPLY_OFF && !is_queueing) {
        upstream_send_raw(session->lease->upstream, off, sizeof off - 1);
    } else if (session->skips_this && !is_queueing) {
        upstream_send_raw(session->lease->upstream, skip, sizeof skip - 1);
    }
    return !(session_is_silent(session) && is_queueing);
}

static enum routed tunnel_and_send(struct session *session, const struct call *call)
{
    static const struct lease_wish wish = {.kind = QUOTA_STICKY};
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session_uses_hub(session)) {
        return router_answer_subscribed(session, call);
    }
    if (session_want_lease(session, &wish) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    if (!hush_tunnel(session)) {
        session_close_when_written(session);
        return ROUTED;
    }
    session_begin_tunnel(session);
    return send_into_tunnel(session, call);
}

/* ------------------------------------------------------------------------------ commands of our
 * own */

/* Commands that end a transaction's connection rather than being queued on it. */
static bool ends_session_state(const struct call *call)
{
    return call_is(call, FR_CMD_RESET) || call_is(call, FR_CMD_QUIT);
}

/* With a wrong number of words nothing ends: the server words the error, and EXEC its own. */
static bool ends_transaction(const struct call *call)
{
    return ends_session_state(call) && call_has_right_count(call);
}

static enum routed select_on_lease(struct session *session, const struct call *call)
{
    int64_t db = 0;
    bool is_number =
        call->argc == 2 && fr_parse_int64(call->words[1].data, call->words[1].len, &db);
    session->selecting = is_number ? db : -1;
    session->lease->is_dirty = true; /* it is not in its route's database any more */
    session->is_barred = true;
    return session_send_leased(session, call, is_number ? TAG_SELECT : TAG_NONE);
}

/* Commands about tracking are the server's affair once the session has a connection for it. */
static bool is_about_tracking(const struct session *session, const struct call *call)
{
    return call_is(call, FR_CMD_CLIENT_TRACKING) || call_is(call, FR_CMD_CLIENT_CACHING) ||
           call_is(call, FR_CMD_CLIENT_TRACKINGINFO) ||
           (call_is(call, FR_CMD_CLIENT_GETREDIR) && session->redirects_to == 0) ||
           call_is(call, FR_CMD_CLIENT_NO_TOUCH);
}

/* Whether another user may come of it, as whom the server would have to be asked. */
static bool asks_for_user(const struct session *session, const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    bool is_found = call_is(call, FR_CMD_AUTH);
    while (call_is(call, FR_CMD_HELLO) && fr_words_next(&words, &word)) {
        is_found = is_found || word_is(&word, "AUTH");
    }
    return is_found && session->pool->context.settings->auth == AUTH_PASSTHROUGH;
}

/* Without a function of its own it is a form that switches off what is not on. */
static enum routed answer_here(struct session *session, const struct call *call)
{
    local_command local = local_of(call);
    if (local != NULL) {
        return local(session, call);
    }
    session_answer_text(session, "+OK\r\n");
    return ROUTED;
}

static enum routed local_with_lease(struct session *session, const struct call *call)
{
    bool is_queueing = session->lease->state == LEASE_QUEUEING;
    if (call_is(call, FR_CMD_SELECT) && !session_has_most_selects(session)) {
        return select_on_lease(session, call);
    }
    if (session->lease->is_sticky && !is_queueing && is_about_tracking(session, call)) {
        return send_on_lease(session, call, WAY_STICKY);
    }
    /* queued, it changes the connection when EXEC runs it, in ways only the server knows */
    if ((is_queueing && !ends_transaction(call)) || asks_for_user(session, call)) {
        return tunnel_and_send(session, call);
    }
    return answer_here(session, call);
}

static enum routed answer_wrong_count(struct session *session, const struct call *call)
{
    session_answer_error(session, "ERR wrong number of arguments for '%s' command",
                         call->command->name);
    return ROUTED;
}

static bool may_come_before_auth(const struct session *session, const struct call *call)
{
    if (session->pool->prefix->is_lobby) {
        return call_is(call, FR_CMD_FLASKREDIS) || ends_session_state(call);
    }
    return call_is(call, FR_CMD_AUTH) || call_is(call, FR_CMD_HELLO) || ends_session_state(call);
}

/* Who has not logged in may ask here for what a server would let it ask: nothing, or, where it has
 * a user without a password, all. */
static bool must_be_let_in(const struct session *session, const struct call *call)
{
    return session->pool->context.settings->auth == AUTH_PASSTHROUGH &&
           session->identity->password == NULL && session->lease == NULL &&
           !may_come_before_auth(session, call);
}

static enum routed route_local(struct session *session, const struct call *call)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    bool is_queueing = session_is_queueing(session);
    if (!is_queueing && !call_has_right_count(call)) {
        return answer_wrong_count(session, call);
    }
    if (must_be_let_in(session, call)) {
        struct upstream_route route = session_route(session);
        struct upstream *upstream = NULL;
        enum routed routed = session_want_shared(session, 1, &upstream);
        if (upstream == NULL) {
            return routed; /* it was refused lately, and is told so at once */
        }
        if (session_want_ready(session, &route, &upstream) == ROUTE_LATER) {
            return ROUTE_LATER;
        }
    }
    if (session_uses_hub(session) && asks_for_user(session, call)) {
        return router_answer_subscribed(session, call);
    }
    return session->lease != NULL ? local_with_lease(session, call) : answer_here(session, call);
}

/* In RESP2 a subscribed connection has few commands, and the server says which. */
static bool is_restricted(const struct session *session, const struct call *call, enum way way)
{
    return session->proto == 2 && session_is_subscribed(session) && way != WAY_SUBSCRIBE &&
           !ends_session_state(call);
}

static enum routed route_by_way(struct session *session, const struct call *call)
{
    enum way way = way_of(call);
    if (is_restricted(session, call, way)) {
        if (session_is_hub_restricted(session, call)) {
            return session_route_restricted(session, call);
        }
        if (!session_uses_hub(session)) {
            return session_send_leased(session, call, TAG_NONE);
        }
    }
    if (way == WAY_LOCAL) {
        return route_local(session, call);
    }
    if (way == WAY_TUNNEL) {
        return tunnel_and_send(session, call);
    }
    if (replication_concerns(session, call)) {
        return replication_route(session, call);
    }
    enum routed routed = ROUTED;
    bool may_be_block = session->lease == NULL && session->lost == LOST_NOTHING &&
                        call_is(call, FR_CMD_MULTI) && call->argc == 1;
    if (may_be_block && block_route(session, call, &routed)) {
        return routed;
    }
    bool is_queueing = session_is_queueing(session);
    if (way == WAY_SUBSCRIBE && !is_queueing && session_subscribes_on_hub(session, call)) {
        return session_ask_hub(session, call);
    }
    if (session->lease == NULL) {
        return way == WAY_SHARED && !session_prefers_lease(session)
                   ? session_send_shared(session, call, session_count_tag(session, call))
                   : lease_and_send(session, call, way);
    }
    if ((way == WAY_STICKY || way == WAY_SUBSCRIBE) && !session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (way == WAY_SUBSCRIBE && is_queueing) {
        return tunnel_and_send(session, call);
    }
    return send_on_lease(session, call, way);
}

/* A browser was made to speak to us (securityWarningCommand in Redis' server.c): the words HTTP
 * begins with. */
static bool is_http(const struct call *call)
{
    return call_word_is(call, 0, "POST") || call_word_is(call, 0, "Host:");
}

/* Whether the server would be asked to close connections, which are other clients' or ours. The
 * session is quiet. */
static bool kills_connections(const struct session *session)
{
    return session_is_queueing(session) || session_is_tunnel(session);
}

static enum routed route_large(struct session *session, const struct call *call)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (session_is_tunnel(session)) {
        return send_into_tunnel(session, call);
    }
    enum way way = way_of(call);
    bool is_for_hub = is_restricted(session, call, way) && session_is_hub_restricted(session, call);
    if (is_for_hub && !call_is(call, FR_CMD_PING)) {
        session->stream = STREAM_SKIP;
        return session_route_restricted(session, call);
    }
    bool is_read_whole = is_for_hub || way == WAY_LOCAL || way == WAY_TUNNEL || way == WAY_STICKY ||
                         way == WAY_SUBSCRIBE;
    if (is_read_whole && call->command != NULL) {
        return router_answer_too_big(session, call);
    }
    return session->lease != NULL ? send_on_lease(session, call, way)
                                  : lease_and_send(session, call, way);
}

static enum routed route(struct session *session, const struct call *call)
{
    if (session->refusal != NULL) {
        return router_answer_refusal(session, call);
    }
    if (session->is_barred && !session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (is_http(call)) {
        session_close(session, "speaks HTTP");
        return ROUTED;
    }
    if (!session->is_authenticated && !may_come_before_auth(session, call)) {
        return router_answer_instead(session, call,
                                     session->pool->prefix->is_lobby
                                         ? own_command_no_pool
                                         : "-NOAUTH Authentication required.\r\n");
    }
    if (call->command != NULL && session->pool->is_denied[call->command->id] &&
        !(call_is(call, FR_CMD_SCRIPT_DEBUG) && !condition_holds(call))) { /* NO does nothing */
        return router_answer_denied(session, call);
    }
    if (call_is(call, FR_CMD_CLIENT_KILL)) {
        if (!session_is_quiet(session)) {
            return ROUTE_LATER;
        }
        if (kills_connections(session)) {
            return router_answer_no_killing(session, call);
        }
    }
    if (aftermath_concerns(session, call)) {
        return aftermath_route(session, call);
    }
    if (call_is(call, FR_CMD_FLASKREDIS)) {
        return own_command_route(session, call);
    }
    if (!call->is_whole) {
        return route_large(session, call);
    }
    if (session_is_tunnel(session)) {
        return send_into_tunnel(session, call);
    }
    return route_by_way(session, call);
}

enum routed router_route(struct session *session, const struct call *call)
{
    if (call->command != NULL) {
        return route(session, call);
    }
    enum routed routed = ROUTED;
    struct call known = *call;
    return unknown_command_asks(session, &known, &routed) ? routed : route(session, &known);
}
