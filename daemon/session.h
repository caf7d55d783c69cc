/* One client connection: its bytes, the order of its replies, and the state a Redis server would
 * keep for it.
 *
 *   client --> input --> (frame) --> router --+--> shared lane --+
 *                ^                            +--> lease --------+--> replies, in order
 *                |                            +--> here ---------+         |
 *                +--- stops: reasons not to go on yet                      v
 *   client <------------------------------------------------------------ output
 *
 * A session has requests outstanding on one upstream at most. Before it speaks on another, or is
 * answered by the daemon itself, it waits until all replies have come: so replies and effects keep
 * the order of the requests. Each reason to wait is a bit of its own, and the request that has to
 * wait stays in the input and is routed again from the beginning.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/command.h"
#include "common/resp.h"
#include "daemon/hub.h"
#include "daemon/lane.h"
#include "daemon/lease.h"
#include "daemon/pool.h"
#include "daemon/transport.h"

/* Reasons not to route the next request yet. */
enum session_stop {
    STOP_REPLIES = 1, /* replies are outstanding, and what comes next must not overtake them */
    STOP_WAIT = 2,    /* for a lane, a lease or other workers */
    STOP_OUTPUT = 4,  /* the client does not read its replies */
    STOP_ROOM = 8,    /* the server does not read its requests */
    STOP_COUNT = 16,  /* too many requests without reply, see session_most() */
    STOP_TURN = 32,   /* others come first */
    STOP_END = 64,    /* nothing more will be read */
    STOP_MOVE =
        128, /* what is outstanding ends in a pool that is left, and the rest is for another */
    STOP_PAUSE = 256 /* the prefix is paused */
};

enum session_reply_mode {
    REPLY_ON,
    REPLY_OFF
};

/* State on a server that was lost with its connection, and that the client still counts on. */
enum session_lost {
    LOST_NOTHING,
    LOST_WATCH,
    LOST_QUEUED, /* a request was refused here that should have been queued: EXEC must fail */
    LOST_TRANSACTION
};

/* A request that is larger than "large_request" and passes in pieces. */
enum session_stream {
    STREAM_NONE,
    STREAM_SEND, /* to the lease */
    STREAM_SKIP  /* it was answered already */
};

/* So many databases may be chosen in a transaction whose outcome is followed. */
#define QUEUED_SELECTS_MAX 16

/* What CLIENT TRACKING made of the session's own connection. */
enum session_tracking {
    TRACKING_OFF,
    TRACKING_KEYS, /* those it reads */
    TRACKING_BCAST
};

/* Bits of a slot's tag beside the lease_tag in its low half. */
enum session_tag {
    TAG_LEASE_MASK = 0x0f,
    TAG_SILENT = 0x10,   /* the client does not want the reply, or does not know of the request */
    TAG_SELECT = 0x20,   /* +OK changes the session's database */
    TAG_BLOCKING = 0x40, /* may wait for long, and is given up when the client goes */
    TAG_LEASED = 0x80    /* stands on the lease */
};

/* Subscriptions of a session, as the server counts them: on the hub, or else on its lease. */
struct subscriptions {
    int64_t counts[TOPIC_KINDS];
    bool is_asking; /* a request for more or fewer is under way, on the lease */
    int asked;      /* which of them it is about */
    uint32_t left;  /* acknowledgements to come; 0: until none of the kind is left */
};

/* What a session waits for; made when it begins to. */
struct session_wait {
    struct session *session;
    struct lane_waiter lane;
    struct lease_waiter lease;
    bool is_optional;          /* of the lease: being refused is no error */
    struct upstream *upstream; /* of the lane */
    struct event timer;
};

/* How much of a shared lane it may take. See session_share.c. */
struct session_share {
    uint32_t most;          /* requests outstanding */
    int64_t mean_len;       /* of its last replies */
    uint64_t held_until_ms; /* so long, most does not grow */
};

struct session_aside;
struct roll_call;
struct session_recount;
STAILQ_HEAD(session_recounts, session_recount);

struct session {
    struct reply_sink sink;
    struct lease_holder holder;
    struct transport transport;
    struct pool *pool;
    TAILQ_ENTRY(session) link;
    uint64_t id;
    char *address;       /* of the client, as CLIENT LIST shows it */
    char *local_address; /* of the socket it came to */
    uint64_t created_ms;
    uint64_t logged_out_ms; /* when it came, or sent RESET as an authenticated one */
    uint64_t last_input_ms;
    uint64_t last_output_ms; /* when the client last took something */
    uid_t uid;               /* whose process the client is; once it has a ring */
    bool has_ring;           /* it counts among those with shared memory */

    /* what a server would know of the connection */
    int64_t db;
    int64_t proto;
    const struct identity *identity;
    char *user; /* as whom it authenticated here; NULL: the default user */
    char *name;
    char *lib_name;
    char *lib_version;
    bool is_authenticated;
    bool is_no_evict;
    bool has_selected; /* the database is the client's choice, not the URL's */
    enum session_reply_mode reply_mode;
    bool skips_this; /* CLIENT REPLY SKIP came just before */
    bool skips_next;

    /* where it speaks */
    struct lane *lane;
    struct lease *lease;
    const struct upstream *spoken_on; /* where what is outstanding was sent */
    uint32_t outstanding;
    struct session_share share;
    bool is_blocking; /* what is outstanding may wait for long, and is given up when the client goes
                       */
    bool is_hanging_up; /* the server has been told so: by the end of input behind the request */
    bool is_barred;     /* nothing may follow what is outstanding */
    bool is_retiring;   /* retired, and to be unblocked before */
    enum session_lost lost;
    int64_t redirects_to; /* id of the session that is told of changes instead (CLIENT TRACKING); 0:
                             none */
    int64_t redirecting;  /* the same, asked for and not yet granted */
    enum session_tracking tracking;        /* that the server does for it */
    enum session_tracking tracking_asked;  /* the same, not yet granted */
    int64_t selecting;                     /* database of a SELECT under way on a lease */
    struct queued_selects *queued_selects; /* those in a transaction's queue; NULL: none */
    struct session_wait *wait;
    struct roll_call *held;      /* questions that come again when the wait is over */
    struct diversion *diversion; /* a large reply is on its way to be one of a lease */
    uint64_t large_len;          /* what has come of a reply that is not whole yet */
    uint64_t large_until_ms;     /* so long its replies are thought to be large */
    char *refusal;          /* what the wait ended with instead of success: the line to answer */
    uint64_t written_on;    /* number of the connection that had its last write; 0: no write */
    bool has_moved;         /* an earlier write was on another: the last may have changed nothing */
    uint64_t written_sight; /* of the server, at that time */
    bool is_confirming;     /* WAIT prepares the lease: it is not given back meanwhile */
    bool is_unconfirmed;    /* and cannot */
    bool is_told_lost;      /* that what it wrote cannot be confirmed */
    int64_t waited_ms;      /* for the lease, by the request that wanted it */
    char *asked_about;      /* the name of a command the table lacks, while the server is asked */
    const struct fr_command *last_command;

    /* publish/subscribe */
    struct subscriptions subscriptions;
    struct subscriber subscriber; /* on the hub */
    bool is_hub_silent;           /* the client wants no reply to its request on the hub */
    bool is_reply_open;           /* a reply is being passed on in parts */
    struct session_aside *aside;  /* messages that must wait for replies; or NULL */
    struct session_recounts recounts;
    uint32_t published; /* requests to publish sent, and answered, since it began */
    uint32_t publish_answered;
    uint64_t soft_since_ms; /* "subscriber_soft_limit" is passed since then; 0: it is not */

    /* tunnel */
    bool is_resetting; /* RESET was sent into the tunnel */
    struct fr_reply tunnel_frame;

    /* input */
    unsigned stops;  /* enum session_stop */
    bool has_frame;  /* the request at the input's beginning is complete, and waits to be routed */
    bool needs_more; /* what stands in the input is no whole request, as far as is known */
    bool is_eof;
    bool is_deaf; /* the client cannot be written to any more */
    enum session_stream stream;
    struct fr_request request;
    size_t taken_behind; /* bytes behind the routed request that were dealt with together with it */
    char *in;
    size_t in_at, in_len, in_cap;
    struct loop_task resume;

    /* output */
    struct evbuffer *out;
    size_t accounted; /* of out, in the house's memory_used */
    bool closes_when_written;
    struct loop_task deliver;

    bool is_dead;
    struct loop_task bury;
};

/* A request as the router sees it. */
struct call {
    const char *frame; /* a whole array frame, or the beginning of one */
    size_t len;
    size_t behind_len; /* bytes of later requests that stand behind it */
    bool is_whole;
    uint32_t argc;
    unsigned word_count; /* of words that are there, FR_REQUEST_WORDS at most */
    struct fr_word words[FR_REQUEST_WORDS];
    const struct fr_command *command; /* NULL: not in the table */
    bool is_ordinary; /* although it is not: a module's that may share a connection */
};

/* The row of the request whose frame and state these are; NULL: the table lacks it. */
const struct fr_command *request_command(const struct fr_request *request, const char *frame);

/* Whether the request has as many words as its command takes. True for one that is not in the
 * table.
 */
bool call_has_right_count(const struct call *call);

/* Whether a request has been dealt with, or must be routed again later. */
enum routed {
    ROUTED,
    ROUTE_LATER
};

/* The router, handed to sessions by who makes the first one. */
typedef enum routed (*session_router)(struct session *session, const struct call *call);
void session_set_router(session_router router);

/* Take a connected socket. */
void session_create(struct pool *pool, int fd);

/* End the session now; what it is owed is dropped when it comes. The reason is logged. */
void session_close(struct session *session, const char *reason);

/* End it when all its replies are written; nothing more is read. */
void session_close_when_written(struct session *session);

/* The time limits of all sessions of a pool, looked at now and then. */
void sessions_check_limits(struct pool *pool);

/* Have the pool use other settings of the same server. Clients who were let in by rules that have
 * changed are retired: all of them when "auth" has, those whose name is not in "users" any more. */
void sessions_use_settings(struct pool *pool, const struct prefix_settings *settings);

/* The pool is not served any more. With a successor, the server its clients speak with from now on
 * is another one; else they are retired. See session_move.c. */
void sessions_leave(struct pool_table *table, struct pool *pool, struct pool *successor,
                    int64_t leave_ms);

/* Whether a pool that is left has no session any more, not even a dead one. What has had its time
 * is closed. */
bool sessions_have_left(struct pool *pool);

/* Have the session be of another pool of its worker. Nothing may be outstanding, nor be waited for.
 */
void session_move(struct session *session, struct pool *to);

/* End the session at the border of a request, by our own will: what the client has sent is carried
 * out and answered, what it sends from now on fails at its side (on a Unix socket), and then the
 * connection is closed. What may wait for ever is given up: a command that waits for a connection
 * to block on is answered that it was not run, one that blocks on the server is unblocked there; it
 * is cut off only where the server cannot be asked. */
void session_retire(struct session *session);

/* Retire all sessions of a pool. */
void sessions_retire(struct pool *pool);

/* Close the sessions with most replies unread while the house's memory is over its limit. */
void sessions_shed(struct pool *pool);

struct upstream_route session_route(const struct session *session);

/* ---- for the router and the commands answered here ---- */

/* Whether it has a transaction open, as far as the replies have told. */
static inline bool session_is_queueing(const struct session *session)
{
    return session->lease != NULL && session->lease->state == LEASE_QUEUEING;
}

/* How many requests may be outstanding, one at least: "outstanding_max"; on a shared lane fewer,
 * while its replies are large, or it is not known yet that they are not. */
static inline uint32_t session_most(const struct session *session)
{
    uint32_t limit = (uint32_t)session->pool->context.settings->outstanding_max;
    bool is_alone = session->lease != NULL;
    return is_alone || session->share.most > limit ? limit : session->share.most;
}

/* Whether no reply is outstanding. If there are some, the session stops until they have come. */
bool session_is_quiet(struct session *session);

/* Answer the request. The session must be quiet. */
void session_answer(struct session *session, const char *data, size_t len);
void session_answerf(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define session_answer_text(session, text) session_answer(session, text, sizeof(text) - 1)

/* Answer with an error; line ends in it become blanks. Format without "-" and line end. */
void session_answer_error(struct session *session, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Answer a bulk string, or the null of the session's protocol for data NULL. */
void session_answer_bulk(struct session *session, const char *data, size_t len);

/* The answer comes later, from other workers: until then it is outstanding, which also keeps the
 * session in memory. What session_is_silent says must be remembered until then. */
void session_begin_answer(struct session *session);
void session_finish_answer(struct session *session, const char *data, size_t len, bool is_silent);

/* Whether the client gets no reply to the current request. */
bool session_is_silent(const struct session *session);

/* Have the shared lane's connection for this many requests, which stand or fall together. ROUTED:
 * it is *upstream, or NULL when each of them has been answered with the reason why there is none.
 */
enum routed session_want_shared(struct session *session, uint32_t count,
                                struct upstream **upstream);

/* Send a request on a connection of the session's. */
void session_send_on(struct session *session, struct upstream *upstream, const struct call *call,
                     uint8_t tag);

/* Send requests of which nothing needs to be noted on the shared lane's connection. */
void session_send_run(struct session *session, struct upstream *upstream,
                      const struct request_run *run);

/* Send the request on the shared lane of the session's route. */
enum routed session_send_shared(struct session *session, const struct call *call, uint8_t tag);

/* Send it on the lease. */
enum routed session_send_leased(struct session *session, const struct call *call, uint8_t tag);

/* What is wanted of a lease. */
struct lease_wish {
    enum quota_kind kind;
    bool is_optional;                   /* when there is none, it goes another way */
    const struct upstream_route *route; /* NULL: the session's own */
    uint64_t connection;                /* rather this one, if it is idle; 0: any */
    int64_t limit_ms; /* the request has this long for everything; 0: no limit of its own */
    const char *late; /* its answer when that has passed, a whole reply */
};

/* Have a lease: ROUTED when there is one. The session must be quiet. */
enum routed session_want_lease(struct session *session, const struct lease_wish *wish);

/* Have the lane of this route ready: ROUTED when it is, then *upstream is its connection. The
 * session must be quiet. */
enum routed session_want_ready(struct session *session, const struct upstream_route *route,
                               struct upstream **upstream);

/* Speak on another lane from now on. */
void session_change_route(struct session *session, int64_t db, int64_t proto,
                          const struct identity *identity);

/* Stop until session_resume is called with the same reason. */
void session_stop(struct session *session, enum session_stop reason);
void session_resume(struct session *session, enum session_stop reason);

/* Be as a new session: database, protocol, user, name and CLIENT REPLY. */
void session_forget_state(struct session *session);

/* Whether a blocking request of the session waits for a connection. */
bool session_waits_to_block(const struct session *session);

/* Wait for nothing any more. */
void session_end_wait(struct session *session);

/* End the session's wait: its request is answered with this line. */
void session_refuse_wait(struct session *session, const char *line);

/* Whether it had large replies of late, and can have a lease for the next. */
bool session_prefers_lease(const struct session *session);

/* Give back the lease, if any. */
void session_end_lease(struct session *session);

/* Whether the session has any subscription. */
bool session_is_subscribed(const struct session *session);

/* Whether SUBSCRIBE or one of its kin goes to the hub, and sending it there. */
bool session_subscribes_on_hub(const struct session *session, const struct call *call);
enum routed session_ask_hub(struct session *session, const struct call *call);

/* Whether the session has subscriptions on the hub, or has asked it for some. */
bool session_uses_hub(const struct session *session);

/* Whether a request of a RESP2 session with subscriptions is not for it while it has them on the
 * hub, and what becomes of it: PING is answered in another way, all else is refused. */
bool session_is_hub_restricted(const struct session *session, const struct call *call);
enum routed session_route_restricted(struct session *session, const struct call *call);

/* Give up the subscriptions on the hub. */
void session_leave_hub(struct session *session);

/* How the reply to this request is to be corrected: TAG_COUNTED or TAG_NONE. */
uint8_t session_count_tag(const struct session *session, const struct call *call);

/* Send SUBSCRIBE or one of its kin on the lease. The session must be quiet. */
enum routed session_send_subscription(struct session *session, const struct call *call);

/* Whether no more SELECT can be queued but in a tunnel (session_select.c). */
bool session_has_most_selects(const struct session *session);

/* From now on bytes pass between client and lease as they are. */
void session_begin_tunnel(struct session *session);
bool session_is_tunnel(const struct session *session);

/* Set a text field. */
void session_set_text(char **field, const char *data, size_t len);

#endif
