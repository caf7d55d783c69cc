/* One connection to a Redis server: its states, its handshake and the FIFO of replies it owes.
 *
 *              connect                 connected              all steps passed
 *   CLOSED ------------> RESOLVING -> CONNECTING -> HANDSHAKE ----------------> READY
 *     ^                      |            |             |                         |
 *     |                      +------------+------+------+                         |
 *     |   (no reconnecting)                      v failed                         v lost
 *     +--------------------------------------- BACKOFF <--------------------------+
 *                                                | 10 ms ... 1 s, then connect again
 *
 * Requests may be queued in any state. In READY they are written at the end of the turn; else they
 * wait, "upstream_wait_ms" at most. When a connection is lost, what was sent fails with POOLLOST
 * and what was not is written to the next one. The object lives on over reconnects.
 *
 * A connection is lost when its end has been read, not when writing to it fails: a server that
 * closes may have answered before.
 *
 * A reply that nobody waits for, or bytes that are no reply, end the connection: it is never used
 * again, so no client can be given what belongs to another.
 */
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/resp.h"
#include "daemon/identity.h"
#include "daemon/loop.h"
#include "daemon/requests.h"
#include "daemon/resolve.h"
#include "daemon/settings.h"
#include "daemon/slowlog.h"
#include "daemon/stats.h"
#include "daemon/transport.h"
#include "daemon/waits.h"

enum upstream_state {
    UPSTREAM_CLOSED,
    UPSTREAM_RESOLVING,
    UPSTREAM_CONNECTING,
    UPSTREAM_HANDSHAKE,
    UPSTREAM_READY,
    UPSTREAM_BACKOFF
};

/* Where a connection leads, as whom and in which state. Two connections with the same route are
 * interchangeable. */
struct upstream_route {
    int64_t db;
    int64_t proto; /* 2 or 3 */
    const struct identity *identity;
};

/* What all upstreams of one prefix in one worker have in common. */
struct upstream_context {
    struct loop *loop;
    struct identity **identities;           /* the pool's list */
    const struct prefix_settings *settings; /* exchanged on reload */
    uint32_t failures;      /* attempts in a row, of all of them, that did not reach the server */
    uint64_t away_since_ms; /* the first of these; 0: none */
    int64_t server_timeout_ms; /* the server closes connections idle for this long; -1: not known,
                                  0: never */
    uint64_t connections;      /* made so far: numbers them */
    uint32_t standing;         /* READY now */
    uint64_t sight; /* changes whenever the server may have become another process unnoticed:
                       a connection was lost, or none stands any more */
    struct stats stats;
    struct waits waits;
    struct slowlog slowlog;
};

struct upstream;

struct upstream_ops {
    /* The handshake is through. */
    void (*on_ready)(struct upstream *upstream);
    /* An attempt failed, or the connection was lost; reason says how. */
    void (*on_down)(struct upstream *upstream);
    /* A whole frame has come that may be a message: any while wants_frames, else a push. False: it
     * is none. NULL: nobody expects any. */
    bool (*on_frame)(struct upstream *upstream, const char *data, size_t len);
    /* Bytes of a tunnel have come. */
    void (*on_tunnel)(struct upstream *upstream, const char *data, size_t len);
    /* What stood too long unwritten is being written again. */
    void (*on_drained)(struct upstream *upstream);
};

struct upstream {
    struct upstream_context *context;
    struct upstream_route route;
    const struct upstream_ops *ops;
    void *owner;
    enum upstream_state state;
    bool reconnects;        /* after a loss, and until the first success */
    bool wants_frames;      /* messages come between the replies: on_frame tells them apart */
    bool is_tunnel;         /* bytes from the server go to on_tunnel as they are */
    bool is_ending;         /* nothing more will be sent: the server is told when all is written */
    bool is_paused;         /* its one client reads too slowly */
    bool is_deaf;           /* it takes nothing any more; what it has said is still read */
    bool is_dead;           /* destroyed, to be freed when the turn ends */
    bool is_queueing;       /* in MULTI: a heartbeat would be queued */
    bool has_replied;       /* since it is READY */
    bool is_beating;        /* a heartbeat is out */
    bool is_login_refused;  /* the last attempt ended with the credentials, or the lack of any */
    bool is_server_full;    /* the last attempt ended with the server's client limit */
    bool is_stuffed;        /* more stands unwritten than UPSTREAM_HIGH_WATER */
    uint8_t step;           /* of the handshake */
    uint8_t steps_asked;    /* bits of the steps that apply to this attempt */
    uint32_t failures;      /* attempts since the last READY */
    uint32_t generation;    /* counts connections */
    uint64_t connection;    /* number of the one that is READY, of all of its context; 0: none is */
    uint64_t down_since_ms; /* first failure since the last READY; 0: none */
    uint64_t ready_since_ms;
    uint64_t last_active_ms;
    struct requests requests;
    struct fr_reply frame; /* the reply being read */
    struct evbuffer *held; /* its beginning, while it is small */
    bool is_passing;       /* its beginning has been given to its sink */
    struct transport transport;
    struct resolve resolve;
    int address;        /* number of the one being tried */
    struct event timer; /* connecting or backing off */
    struct event watch; /* deadlines of requests, heartbeat */
    struct loop_task flush;
    struct loop_task bury;
    struct reply_sink heartbeat;
    char *hello; /* the server's reply to HELLO, of hello_len bytes; NULL before the first handshake
                  */
    size_t hello_len;
    int server_version; /* 702 for 7.2; 0 when not known */
    uint64_t real_id;   /* CLIENT ID on the server, 0 when not known */
    char *refusal; /* the server's error to a step of the last handshake, a whole line; or NULL */
    char reason[200]; /* why the last attempt failed or the connection was lost */
};

/* Bytes that may stand unwritten before clients have to wait, and where they go on. */
#define UPSTREAM_HIGH_WATER (1024 * 1024)
#define UPSTREAM_LOW_WATER (256 * 1024)

struct upstream *upstream_create(struct upstream_context *context,
                                 const struct upstream_route *route, const struct upstream_ops *ops,
                                 void *owner);

/* Close it, fail what it owes with POOLLOST, and free it when the turn ends. NULL is fine. */
void upstream_destroy(struct upstream *upstream);

/* Begin to connect if CLOSED. */
void upstream_connect(struct upstream *upstream);

/* Try again now instead of when the back-off ends. */
void upstream_hurry(struct upstream *upstream);

bool upstream_is_ready(const struct upstream *upstream);

/* Whether there is no connection and waiting for one is thought useless: the server has not been
 * reached for "fail_fast_ms", or has refused the handshake. */
bool upstream_is_hopeless(const struct upstream *upstream);

/* Whether requests may be queued now. False: error holds the line to answer instead: the server has
 * not been reached for too long, or too many wait already. */
bool upstream_accepts(const struct upstream *upstream, char *error, size_t cap);

/* Queue a request; it is written when the turn ends. end and since_ms of the slot are filled in. */
void upstream_send(struct upstream *upstream, const struct slot *slot, const char *data,
                   size_t len);

/* Queue the requests of a run, one at least: like this one, but for what their parts say. */
void upstream_send_run(struct upstream *upstream, const struct slot *like,
                       const struct request_run *run);

/* More of the request queued last, which has SLOT_OPEN. */
void upstream_append(struct upstream *upstream, const char *data, size_t len, bool is_last);

/* The oldest request has been answered by other frames than a reply. */
void upstream_pop_reply(struct upstream *upstream);

/* Stop reading from the server, or go on: for the lent connection of a client that reads slowly. */
void upstream_pause(struct upstream *upstream, bool is_paused);

/* From now on bytes pass as they are. Nothing may be owed. */
void upstream_begin_tunnel(struct upstream *upstream);

/* Nothing more will be sent: tell the server when all is written. It answers what it can answer at
 * once, and closes. */
void upstream_end_input(struct upstream *upstream);

/* Send bytes into the tunnel. */
void upstream_send_raw(struct upstream *upstream, const char *data, size_t len);

/* Write an error line that says why there is no connection: POOLDOWN. */
void upstream_down_error(const struct upstream *upstream, char *error, size_t cap);

/* This sink does not want the replies it is owed. */
void upstream_silence(struct upstream *upstream, const struct reply_sink *sink, uint8_t silent_tag);

/* Whether replies are owed to others than this sink. */
bool upstream_owes_others(const struct upstream *upstream, const struct reply_sink *sink);

/* For the handshake: end the attempt or connection, and wait for another. The format tells the
 * reason. */
void upstream_lose(struct upstream *upstream, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
