/* What the files of a session share among themselves. Nobody else includes this. */
#ifndef SESSION_PARTS_H
#define SESSION_PARTS_H

#include "daemon/session.h"

/* session.c: nothing is outstanding any more. */
void session_settle(struct session *session);

/* session.c: the client is given up, but replies may still come. */
void session_check_end(struct session *session);

/* session_move.c: the session's pool is being left, and nothing is outstanding any more. */
void session_follow(struct session *session);

/* session_move.c: have the server answer the request that blocks there, by an error if nothing has
 * come for it: closing its connection instead could lose what the server has just taken out of a
 * list for it. Asked for too early, it does nothing. False: nothing blocks, or there is nobody to
 * ask. */
bool session_unblock(struct session *session);

/* session.c: the session is counted as one of the pool's, or not any more, as which it stays in
 * memory until it is freed. */
void session_enter_pool(struct session *session, struct pool *pool);
void session_leave_pool(struct session *session);

/* session.c: the identity a client of the pool begins with. The caller releases it. */
const struct identity *session_first_identity(struct pool *pool);

/* session_input.c */
void session_on_readable(evutil_socket_t fd, short what, void *arg);
void session_on_resume(struct loop_task *task);
bool session_has_input(const struct session *session);

/* Stop at session_most(), but not in the middle of a request: its reply would never come. */
void session_check_count(struct session *session);

/* session_output.c */
void session_on_writable(evutil_socket_t fd, short what, void *arg);
void session_on_deliver(struct loop_task *task);
void session_write(struct session *session, const char *data, size_t len);
void session_account(struct session *session, size_t waiting);

/* session_speak.c */
extern const struct reply_sink_ops session_sink_ops;
void session_init_holder(struct session *session);
void session_note_replies(struct session *session, unsigned count);

/* session_share.c: a part of a reply, or of several, has come over a shared lane; they are still
 * counted as outstanding. */
void session_init_share(struct session *session);
void session_note_share(struct session *session, const struct reply_part *part);

/* session_share.c: once a second. */
void session_age_share(struct session *session);

/* session_select.c: a reply to SELECT has come on the lease. */
void session_note_select(struct session *session, const struct fr_reply *reply);

/* session_select.c: a part of a reply has come, while some are queued. What EXEC says of them is
 * the session's database from then on. */
void session_note_executed(struct session *session, const struct reply_part *part);
void session_forget_selects(struct session *session);

/* session_large.c */
void session_note_part(struct session *session, const struct reply_part *part);
void session_end_diversion(struct session *session);

/* session_tunnel.c */
void session_on_tunnel(struct lease_holder *holder, const char *data, size_t len);

/* The client has broken the protocol in a tunnel, as the error says: have the server tell it behind
 * the replies that are owed, and end. */
void session_break_tunnel(struct session *session, const char *error);

/* session_messages.c: a frame has come on a connection with subscriptions. False: it is a reply. */
bool session_take_frame(struct session *session, const char *data, size_t len);
void session_note_refused_subscription(struct session *session);

/* session_messages.c: write a frame that may name the session it redirects to by the server's id.
 */
void session_write_translated(struct session *session, const char *frame, size_t len);

/* session_hub.c */
void session_init_subscriber(struct session *session);
void session_free_aside(struct session *session);
size_t session_aside_len(const struct session *session);

/* session_hub.c: a reply has ended: what waited for that is written. */
void session_put_aside_back(struct session *session);

/* session_counts.c: a request with TAG_COUNTED is sent, is answered, has failed. */
void session_begin_recount(struct session *session, const struct call *call);
void session_write_counted(struct session *session, const struct reply_part *part);
void session_end_recount(struct session *session);

#endif
