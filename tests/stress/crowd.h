/* A crowd of connections that use everything a client may use, and know of every reply whose it
 * must be.
 *
 *   script.c    what a caller asks: requests, and for each the item that tells its reply
 *   caller.c    the bytes: connecting, writing in odd pieces, reading, ending in every way
 *   check.c     whether a reply is the right one, and what it says about the server's state
 *   model.c     what the server's counters and values must be by then
 *   crowd.c     all callers together, in one loop
 *
 * Everything is derived from one seed. The timing is not, so a seed gives the same requests but not
 * the same run. */
#ifndef TESTS_STRESS_CROWD_H
#define TESTS_STRESS_CROWD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/bytes.h"

enum {
    CALLERS = 200,
    DBS = 4,      /* in use; db_numbers has their numbers */
    OWN_KEYS = 2, /* strings of one caller in one database */
    SHARED = 4,   /* counters of all callers in each database */
    CHANNELS = 4,
    CANDIDATES = 8,
    QUEUED_MAX = 8,
    DUTIES = 16,
    HISTORY = 64,
    HISTORY_TEXT = 72,
    FAILURES_SHOWN = 5
};

extern const int db_numbers[DBS];

/* ---- what the server must have (model.c) ---- */

/* A counter's value lies in this range: it is one number until a reply is missing. */
struct counter {
    int64_t least;
    int64_t most;
};

/* The serial numbers of the values that a key may have; 0: it is not there. */
struct value {
    uint32_t candidates[CANDIDATES];
    int count; /* more than CANDIDATES: any */
};

/* A counter that everybody increments. */
struct shared_counter {
    int64_t acknowledged;
    int64_t unknown;    /* requests that may have been executed */
    unsigned char *had; /* a bit for each value that was handed out */
    size_t had_cap;
};

/* The counter of a caller that has ended. */
struct ledger_line {
    int slot;
    uint32_t life;
    int db;
    struct counter counter;
};

struct ledger {
    struct ledger_line *lines;
    size_t count, cap;
};

void value_set(struct value *value, uint32_t serial);
void value_may_be(struct value *value, uint32_t serial);
bool value_is(const struct value *value, uint32_t serial);

/* Note that value was handed out; false: it was before. */
bool shared_take(struct shared_counter *counter, int64_t value);

void ledger_add(struct ledger *ledger, const struct ledger_line *line);

/* ---- what is expected ---- */

enum item_kind {
    ITEM_TEXT,   /* exactly the text */
    ITEM_BEGINS, /* begins with the text */
    ITEM_HAS,    /* contains the text */
    ITEM_NUMBER, /* any integer */
    ITEM_ID,     /* the number of this connection */
    ITEM_OWN_INCR,
    ITEM_SHARED_INCR,
    ITEM_SET,
    ITEM_GET,
    ITEM_POP, /* the text or null */
    ITEM_SELECT,
    ITEM_HELLO,
    ITEM_WATCH,
    ITEM_MULTI,
    ITEM_EXEC,
    ITEM_DISCARD,
    ITEM_UNWATCH,
    ITEM_SUBSCRIBE,
    ITEM_UNSUBSCRIBE,
    ITEM_RESET,
    ITEM_KINDS
};

enum item_flag {
    IS_SILENT = 1,   /* CLIENT REPLY: no reply */
    IS_ALONE = 2,    /* sent only when everything before is answered */
    IS_QUEUED = 4,   /* stands in a transaction */
    IS_STATEFUL = 8, /* a connection lost with it may end the caller's */
    IS_LARGE = 16,   /* its reply may break off */
    IS_BLOCKING = 32
};

/* How EXEC may answer for what was watched. */
enum exec_outcome {
    EXEC_RUNS,
    EXEC_IS_NULL,
    EXEC_MAY_BE_NULL
};

struct item {
    uint8_t kind;
    uint8_t flags;
    uint8_t db;       /* index */
    uint8_t index;    /* of the key, counter or channel */
    uint32_t serial;  /* of the value; before SELECT and HELLO: what was in use; EXEC: outcome */
    size_t text_len;  /* expected, at the front of the caller's texts */
    size_t bytes_len; /* of the request */
};

/* ---- one connection ---- */

enum ending {
    END_NOT_YET,
    END_QUIT,   /* every reply, then the daemon closes */
    END_CLOSE,  /* every reply, then we close */
    END_ABORT,  /* in the middle of a request and of replies */
    END_HALF,   /* nothing more is written; every reply, then the daemon closes */
    END_BROKEN, /* a request that is none: an error, then the daemon closes */
    ENDINGS
};

/* A byte queue: at is its front. */
struct stream {
    struct bytes bytes;
    size_t at;
};

struct transaction {
    bool is_begun;    /* MULTI was answered +OK */
    bool is_broken;   /* something in it failed */
    bool is_doubtful; /* something since WATCH failed */
    int count;
    struct item queued[QUEUED_MAX];
    struct bytes texts[QUEUED_MAX];
};

struct heard {
    uint32_t life;
    uint32_t serial;
};

struct history_line {
    char mark; /* '>' sent, '<' got */
    char text[HISTORY_TEXT];
    size_t len;
};

struct caller {
    struct crowd *crowd;
    int slot;
    uint32_t life; /* counts its connections */
    uint64_t random;
    int fd; /* -1: none */
    int64_t deaf_until_ms;

    /* what it asks; as it will be when all that was asked is answered */
    int db; /* index */
    int proto;
    int subscribed; /* channel, or -1 */
    bool has_name;
    uint32_t serial;
    uint32_t published[CHANNELS];
    int units_left;
    unsigned window;
    enum ending ending;
    bool is_ending; /* what the ending needs has been asked */

    struct stream requests; /* not yet written; released is how much of it may be */
    size_t released;
    struct stream texts;
    size_t texts_claimed; /* bytes of texts that belong to items */
    struct item *items;   /* those with requests written or to be written, oldest first */
    size_t item_at, item_count, item_cap, sent_count;
    unsigned state_items; /* of items: those with IS_STATEFUL */

    /* what it was told */
    struct bytes in;
    int64_t id; /* 0: not yet asked */
    struct counter counters[DBS];
    struct value values[DBS][OWN_KEYS];
    int64_t shared_last[DBS][SHARED];
    struct transaction transaction;
    bool watches;          /* WATCH was answered +OK, and nothing has ended it yet */
    bool lost_subscribing; /* SUBSCRIBE failed: the daemon may close it as a subscriber */
    bool hears[CHANNELS];
    struct heard heard[CHANNELS][CALLERS];
    struct history_line history[HISTORY];
    unsigned history_at;
};

/* ---- all of them ---- */

/* Somebody waits in BLPOP; who takes the duty pushes. */
struct duty {
    char key[48];
    char token[48];
};

struct crowd {
    /* set by who starts it */
    const char *path; /* of the daemon's socket */
    uint64_t seed;
    bool has_kills;    /* errors of the daemon are possible now */
    bool has_restarts; /* and those of a server that is just starting */

    struct caller callers[CALLERS];
    struct shared_counter shared[DBS][SHARED];
    struct ledger ledger;
    struct duty duties[DBS][DUTIES];
    int duty_counts[DBS];
    unsigned char *ids; /* a bit for each CLIENT ID seen */
    bool is_closing;    /* callers that end do not come back */
    size_t failures;
    struct bytes failure_text;

    /* what happened, for the summary and so that nothing is tested by nothing */
    uint64_t commands, connections, messages, pops, aborts, transactions, nulls;
    uint64_t lost, refused, closed;
};

struct crowd *crowd_create(const char *path, uint64_t seed);
void crowd_destroy(void *what);

/* Let everybody write and read once; waits for events for some milliseconds at most. */
void crowd_turn(struct crowd *crowd);

/* End all connections orderly, so that every reply that is owed is read. False: some reply did not
 * come within timeout_ms. */
bool crowd_finish(struct crowd *crowd, int64_t timeout_ms);

/* Note that something is wrong with a caller, with its history. */
void crowd_fail(struct caller *caller, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- between the files ---- */

/* A number below limit, from the caller's own sequence. */
uint32_t pick(struct caller *caller, uint32_t limit);

/* Ask for something new: at least one item. */
void script_next(struct caller *caller);

/* Ask for what the caller's ending needs, or do it. */
void script_end(struct caller *caller);

/* The value with this serial number. */
void script_value(struct bytes *to, const struct caller *caller, int db, int key, uint32_t serial);

/* Add an item and its request; the text of the expected reply was added to texts since the last. */
void caller_add(struct caller *caller, struct item item, const char *request, size_t len);

/* Remove the oldest item; its text stays. */
struct item caller_take(struct caller *caller);

void stream_take(struct stream *stream, size_t len);

void caller_connect(struct caller *caller);
void caller_write(struct caller *caller);
void caller_read(struct caller *caller);

/* The connection is gone; what is outstanding may have been executed. */
void caller_close(struct caller *caller);

/* Requests sent and not answered. */
bool caller_is_quiet(const struct caller *caller);

bool caller_has(const struct caller *caller, enum item_flag flag);
void caller_note(struct caller *caller, char mark, const char *data, size_t len);

/* One frame from the daemon. */
void check_frame(struct caller *caller, const char *data, size_t len);

/* An item that will not be answered, though its request may have been executed. */
void check_unanswered(struct caller *caller, const struct item *item);

#endif
