/* What an engine and its lines share among themselves. Nobody else includes this.
 *
 *     worker                      engine                              its thread
 *     ------                      ------                              ----------
 *     line: write --requests--> [lock] brief ones, at once
 *     line: read  <--replies--- [lock]
 *              |                   pending: lines ---------------------> [lock] long ones:
 *              +--a long request-----^                                    is_busy, without the lock
 *     another's line <--mail-- news: lines with something to read         time is over: tick
 *
 * The lock is held for moments only. Who calls the engine has the lock, or is the thread while
 * is_busy says so; then nobody else touches it, and what they want waits in pending. So a script
 * makes those wait whose commands stand behind it, and no worker. The thread runs long commands and
 * no others: what stands behind one is left to the line's worker again. Who has waited for one has
 * its turn before the thread begins the next: its worker is told, calls the engine, reads. */
#ifndef MOCK_PARTS_H
#define MOCK_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/mock/mock.h"
#include "daemon/mailbox.h"
#include "daemon/transport.h"

struct mock_host;

struct mock_line {
    struct carrier carrier;
    struct mock_host *host;
    /* of its worker */
    struct loop *loop;
    struct transport *transport;
    struct loop_task task;
    bool was_reading;
    /* of who calls the engine */
    struct fr_mock_session *session; /* NULL: it could not be made yet */
    TAILQ_ENTRY(mock_line) news_link;
    bool has_news;
    /* under the host's lock */
    LIST_ENTRY(mock_line) link;
    TAILQ_ENTRY(mock_line) pending_link;
    struct mail mail;
    struct fr_request request; /* of the frame that stands first, as far as it was looked at */
    char *in;                  /* requests that could not be dealt with yet */
    size_t in_len, in_cap;
    unsigned budget;   /* commands before others may have the lock */
    bool is_pending;   /* the thread is to look at it */
    bool is_running;   /* the thread runs what stands in its input, without the lock */
    bool is_mailed;    /* its worker is told already */
    bool has_turn;     /* it waited: no long command begins before its worker has been there */
    bool needs_more;   /* the last frame is not complete */
    bool is_long;      /* the first frame is for the thread */
    bool has_no_more;  /* nothing more will be written */
    bool is_over;      /* its end is to be read behind its output */
    bool is_abandoned; /* its worker has left it while the engine was busy */
};

TAILQ_HEAD(mock_line_list, mock_line);

struct mock_host {
    LIST_ENTRY(mock_host) link;
    char *key;
    struct fr_mock *mock;
    struct fr_request_limits limits;
    size_t input_max;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted; /* the thread is */
    _Atomic bool has_ended;
    /* of who calls the engine */
    struct mock_line_list news;
    /* under the lock */
    LIST_HEAD(, mock_line) lines;
    struct mock_line_list pending;
    const struct loop *caller; /* whose worker calls; NULL: the thread does */
    unsigned turns;            /* lines that have one */
    int64_t wakes_us;          /* until when the thread sleeps; 0: it does not */
    bool is_busy;
    bool is_ending;
};

/* mock_host.c: the engine that the prefix' URL names, which is started when it is the first to ask.
 * NULL with errno. */
struct mock_host *mock_host_get(const struct prefix_settings *settings);

/* mock_host.c: have the thread look at its lines and its clock. With the lock. */
void mock_host_wake(struct mock_host *host);

/* mock_host.c: somebody waits now, perhaps for a shorter time than the thread sleeps. With the
 * lock. */
void mock_host_note_wait(struct mock_host *host);

/* mock_line.c: whether the thread may do it now, or others have their turn first. With the lock. */
bool mock_line_may_work(const struct mock_line *line);

/* mock_line.c: do what the thread has to do for a line, which may be freed. With the lock, which is
 * given up meanwhile. */
void mock_line_work(struct mock_line *line);

/* mock_line.c: tell the workers of the lines that have news. With the lock. */
void mock_lines_tell(struct mock_host *host);

#endif
