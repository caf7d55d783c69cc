/* Connections of people and tools to the main thread: the admin socket, the metrics. Each is
 * bounded in what it may send, leave unread and take in time, and so is their number, so that
 * neither a careless nor a hostile one costs the clients anything.
 *
 *   arrival --admitted--> waits for a question <---------------------------+
 *      |                     | bytes: whole question                       |
 *      | refused             v                                             |
 *      v                  asks (is_busy) --answered--> answer unread --read+
 *   closed when written      |                            |
 *                            +--- gone: remembered until the answer comes, then freed
 *
 * A question that is not whole, and an answer that is not read, have so many seconds; who waits
 * without a word is closed only when the desk is full and somebody else comes.
 */
#ifndef DESK_H
#define DESK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

struct bufferevent;
struct desk;
struct evbuffer;
struct event_base;

struct guest {
    TAILQ_ENTRY(guest) next;
    struct desk *desk;
    struct bufferevent *stream;
    struct event deadline;
    uint64_t since_ms; /* when it last asked */
    int proto;         /* of RESP */
    bool is_busy;      /* its question is being answered */
    bool is_gone;
    bool is_eof; /* it asks no more */
    bool closes; /* when all is written */
};

struct desk_ops {
    const char *name;
    size_t guests_most;
    size_t question_most; /* bytes */
    int64_t question_ms;  /* for a question that has begun */
    int64_t answer_ms;    /* for an answer to be read */
    bool is_patient;      /* a guest may wait without a word for as long as it likes */
    /* Whether this connected socket may ask; else refusal holds what it is told. */
    bool (*admits)(void *owner, int fd, struct evbuffer *refusal);
    /* Bytes have come. Returns how many were taken, 0: more are needed. Answers with desk_answer
     * now, or sets is_busy and does so later. */
    size_t (*ask)(struct guest *guest, const char *data, size_t len);
};

struct desk {
    const struct desk_ops *ops;
    void *owner;
    struct event_base *base;
    struct event arrivals;
    struct event again; /* no descriptors left: accept again later */
    int fd;             /* listens; -1: closed */
    TAILQ_HEAD(, guest) guests;
    size_t guest_count;
};

/* Accept from a listening socket, which the desk closes in the end. */
void desk_open(struct desk *desk, struct event_base *base, int fd, const struct desk_ops *ops,
               void *owner);

/* Close all. Nobody may be waiting for an answer any more. */
void desk_close(struct desk *desk);

/* The answer, moved out of a buffer. The guest may have gone, and is freed then. */
void desk_answer(struct guest *guest, struct evbuffer *answer);

#endif
