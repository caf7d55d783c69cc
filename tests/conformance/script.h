/* A script: what several connections ask, step by step, so that a server must answer each of them
 * in one way only.
 *
 *   script.c      the data, and how requests are added to it
 *   words.c       arguments: keys, members, values of every kind
 *   commands.c    single commands: shapes for each group, and what the command table says
 *   solo.c        what one connection does by itself: transactions, scripts, blocking, endings;
 *                 solo_state.c: what it is; solo_wrong.c: what does not change that
 *   scenes.c      what several do to each other: conflicts, blocking, messages;
 *                 scenes_tracking.c: invalidations; scenes_large.c: large values;
 *                 scenes_server.c: a server that is short of something, or refuses
 *   side.c        plays a script against one address, and keeps what comes back
 *   compare.c     whether two sides got the same; normal.c: what cannot be the same
 *
 *        step 1              step 2               step 3
 *   0  [SET GET ...]  |  [WATCH shared]      |  [MULTI SET EXEC]   parts: one connection's
 *   1  [EVAL]         |                      |  [BLPOP own ...]    requests, sent in odd pieces
 *   2  [HELLO LPUSH]  |  [SET shared]        |  [CLIENT REPLY ...]
 *                   all replies            all replies
 *
 * Within a step all connections speak at once. Their requests are about keys of their own, unless
 * the order cannot matter; what must happen in order is in different steps, and between two steps
 * every reply is waited for. So a script has one outcome, whoever plays it.
 *
 * Everything is drawn from one seed. */
#ifndef TESTS_CONFORMANCE_SCRIPT_H
#define TESTS_CONFORMANCE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/bytes.h"

enum {
    CONNECTIONS = 8,
    NAMES = 4,     /* channels, and so on, that a connection may have subscribed to */
    DATABASES = 4, /* in use */
    ID_MARK =
        0x01 /* in requests: this byte and the digit n stand for the bulk with connection n's id */
};

/* What of a reply cannot be the same on two servers; see normal.c. */
enum normal {
    NORMAL_SORT = 1,     /* elements have no order */
    NORMAL_PAIRS = 2,    /* neither have pairs of elements */
    NORMAL_NUMBERS = 4,  /* numbers are the moment's: times, sizes */
    NORMAL_IDS = 8,      /* values of "id" fields */
    NORMAL_CLIENT = 16,  /* lines about clients */
    NORMAL_ACKS = 32,    /* acknowledgements of several names, in any order */
    NORMAL_KIND = 64,    /* nothing but the type */
    NORMAL_REFUSAL = 128 /* WRONGPASS, which may be missing; see side_tell_unsaid() */
};

struct ask {
    size_t at, len; /* in the part's bytes */
    int replies;    /* messages to subscribers not counted */
    unsigned normal;
};

enum ending {
    END_NOT,
    END_BY_SERVER, /* QUIT, a protocol error: it closes */
    END_HALF,      /* we shut our side down, it answers and closes */
    END_CLOSE      /* we close, when all is answered */
};

struct part {
    int connection;
    struct bytes bytes;
    struct ask *asks;
    size_t count, cap;
    uint64_t cuts;   /* where it is cut when sent */
    bool awaits;     /* replies come only after some time */
    bool reads_late; /* not before all others have been answered */
    bool is_large;   /* has replies that are not taken from the server while it does not read */
    enum ending ending;
};

struct step {
    struct part parts[CONNECTIONS];
    size_t count;
    bool blocks; /* somebody begins or ends to be blocked */
};

struct script {
    uint64_t seed;
    struct step *steps;
    size_t count, cap;
    size_t asks;
    unsigned muted; /* connections that are left out, a bit each */
};

/* ---- writing one ---- */

/* A connection as the author knows it: how it will be when all that was asked is answered. */
struct voice {
    unsigned life; /* a part of its keys: nobody uses those of an earlier one */
    int proto;
    int db;
    bool is_queueing; /* between MULTI and EXEC */
    unsigned queued_normal;
    bool is_silent;  /* CLIENT REPLY OFF */
    bool skips_next; /* CLIENT REPLY SKIP */
    bool is_direct;  /* speaks with a connection of the server as it is; see solo.c */
    bool is_watching;
    bool is_tracking;
    bool has_tracked; /* then the server tells also of keys read before RESET, if it tracks again */
    bool is_pinned;   /* has one of the server's connections, whatever else ends */
    bool is_acting;   /* a scene decides what it says */
    bool is_blocked;
    bool has[3][NAMES]; /* subscriptions by kind */
};

struct author {
    struct script *script;
    struct step *step; /* being written */
    uint64_t random;
    unsigned scene;  /* a part of the keys that connections share */
    unsigned serial; /* for what must be new */
    bool is_alone;   /* of the step: nobody else may speak */
    struct voice voices[CONNECTIONS];
};

/* Write a script of so many steps. The caller frees it with script_finish. */
void script_write(struct script *script, uint64_t seed, size_t steps);
void script_finish(struct script *script);

uint32_t pick(struct author *author, uint32_t limit);
bool chance(struct author *author, uint32_t in);

/* Begin a step; end it, after letting those who have no part in it do what they like. */
void step_begin(struct author *author);
void step_end(struct author *author);

/* Add a request of a connection to the step: the words of a line (bytes_add_request), in which a
 * word $x stands for an argument of that kind (words.c). Returns it, valid until the next. */
struct ask *say(struct author *author, int who, unsigned normal, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Add bytes as they are. */
struct ask *say_bytes(struct author *author, int who, const void *data, size_t len);

/* The part of a connection in this step, made when it has none. */
struct part *part_of(struct author *author, int who);

/* Append an argument of a kind to a word; for a digit, the mark of that connection's id. */
void word_add(struct author *author, int who, char kind, struct bytes *word);

/* A single command of any group (commands.c). */
void say_command(struct author *author, int who);
void say_wrong_command(struct author *author, int who);

/* A name of the connection's own: channels, patterns and shard channels. */
enum subscription {
    CHANNEL,
    PATTERN,
    SHARD
};

int voice_names(const struct voice *voice, enum subscription kind);
bool voice_is_subscribed(const struct voice *voice);
bool voice_is_restricted(const struct voice *voice); /* subscribed in RESP2 */
void voice_reset(struct voice *voice);               /* RESET */
void voice_end(struct voice *voice);                 /* a new connection next time */

/* What it does by itself (solo.c). */
void solo(struct author *author, int who);

/* RESET, and perhaps HELLO 3 and SELECT: for those about to act. */
void solo_be_plain(struct author *author, int who);

/* What everybody may rely on; one scene of several steps (scenes.c). */
void scene_prelude(struct author *author);
void scene_play(struct author *author);

#endif
