/* Where a request goes: to the shared lane, to a lease, into a tunnel, or no further than here. The
 * decision is read from the command table and the session's state; nothing is checked that the
 * server checks itself. */
#ifndef ROUTER_H
#define ROUTER_H

#include "daemon/block.h"
#include "daemon/session.h"

struct evbuffer;

/* Route one request: a session_router. */
enum routed router_route(struct session *session, const struct call *call);

/* A command answered here. The session is quiet. */
typedef enum routed (*local_command)(struct session *session, const struct call *call);

/* The one for this row of the table; NULL: the server answers. Defined beside the commands. */
local_command connection_command(const struct fr_command *command);
local_command client_command(const struct fr_command *command);

/* Answer with this error, a whole line, without sending. What is still to come of the request is
 * skipped; in a transaction EXEC fails. In a tunnel the server is made to answer with it. */
enum routed router_answer_instead(struct session *session, const struct call *call,
                                  const char *error);

/* The same, with the reason why the session's wait was in vain, which is taken; why the command is
 * denied; that it is larger than what is read whole; that it is not for a client with subscriptions
 * on the hub, of which a connection of its own would know nothing. */
enum routed router_answer_refusal(struct session *session, const struct call *call);
enum routed router_answer_denied(struct session *session, const struct call *call);
enum routed router_answer_too_big(struct session *session, const struct call *call);
enum routed router_answer_subscribed(struct session *session, const struct call *call);

/* The same for CLIENT KILL where CLIENT is about the server's connections. */
enum routed router_answer_no_killing(struct session *session, const struct call *call);

/* Whether the request meets what is left of a lost transaction or WATCH, and what becomes of it. */
bool aftermath_concerns(const struct session *session, const struct call *call);
enum routed aftermath_route(struct session *session, const struct call *call);

/* Whether the request is CLIENT TRACKING with REDIRECT to another session, and sending it on the
 * lease. The session is quiet. */
bool client_tracking_redirects(const struct call *call);
enum routed client_tracking_redirect(struct session *session, const struct call *call);

/* Note what a request with this row makes of tracking should its reply be OK. Others change
 * nothing. */
void client_tracking_ask(struct session *session, const struct call *call);

/* Others redirect to the session: what it is lent stays its own, and nobody's behind it. */
void client_tracking_keep(struct session *session);

/* Add a reply to CLIENT TRACKINGINFO, or a push that may say that who it redirects to has gone
 * (tracking-redir-broken, tracking.c), with our id of that session in the place of the server's. */
void client_tracking_translate(const struct session *session, const char *frame, size_t len,
                               struct evbuffer *out);

/* Whether a client may have this name (CLIENT SETNAME, HELLO SETNAME); answers if not. */
bool client_name_is_valid(struct session *session, const struct fr_word *name);

/* Whether the call is of this row. */
bool call_is(const struct call *call, enum fr_command_id id);

/* Where the number behind the option BLOCK of XREAD or XREADGROUP stands, as the number of its
 * word; 0: there is no such option. Behind STREAMS it would be a stream's name. */
uint32_t blocking_option_at(const struct call *call);

/* How long a blocking command may take, in ms; 0: for ever, or it does not say. */
int64_t blocking_limit_ms(const struct call *call);

/* Add the request with what it has waited here taken off its time, of which at least 1 ms is left.
 * blocking_limit_ms is not 0. */
void blocking_shorten(const struct call *call, int64_t waited_ms, struct evbuffer *out);

/* Whether the command runs a script or a function, which may take long. */
bool command_runs_script(const struct fr_command *command);

/* Whether a word is this, in any case of letters. */
bool word_is(const struct fr_word *word, const char *text);

/* Whether the request is WAIT or WAITAOF outside of a transaction, and what becomes of it. */
bool replication_concerns(const struct session *session, const struct call *call);
enum routed replication_route(struct session *session, const struct call *call);

/* For it: a request is sent; replies to some of the session's have come; the reply to what moves
 * the offset of the lease's connection has. */
void replication_note_sent(struct session *session, const struct upstream *upstream,
                           const struct fr_command *command);
void replication_note_reply(struct session *session);
/* The session speaks with another server now, which knows nothing of what it wrote before. */
void replication_forget_server(struct session *session);
void replication_note_offset(struct session *session, const struct fr_reply *reply);

/* Whether WAIT or WAITAOF asks for anybody but the server itself, which never needs waiting. */
bool router_asks_for_replicas(const struct call *call);

/* Send a command on the lease that may block there. */
enum routed router_send_blocking(struct session *session, const struct call *call);

/* Find out what a command is that the table lacks. False: the call says all that is known. True:
 * the server is being asked, or the request has been answered; *routed tells which. */
bool unknown_command_asks(struct session *session, struct call *call, enum routed *routed);

/* Whether word i of a call is this, in any case of letters. */
bool call_word_is(const struct call *call, unsigned i, const char *text);

#endif
