/* Two processes that pass a stream of bytes in each direction over one channel, and the test that
 * stops them and lets them go on at any time.
 *
 *   client end   ==== requests ====>   daemon end      a child each; both know the seeds of both
 *        ^       <==== replies =====       ^           streams, and compare byte by byte
 *        |                                 |
 *        +--- stop, go on --- conduct -----+           sees on the board what has passed
 *
 *   bare_ends.c    the protocol of common/channel.h alone, over rings of any size, with sleeps that
 *                  nothing ends but a wake-up
 *   real_ends.c    the library's end and the daemon's, as they are */
#ifndef TESTS_STRESS_STREAMS_H
#define TESTS_STRESS_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ring.h"
#include "tests/support/children.h"

enum {
    PIECE_MAX = 128 * 1024 /* twice the largest ring */
};

enum way {
    REQUESTS,
    REPLIES,
    WAYS
};

/* What the ends tell the test. */
struct board {
    _Atomic int64_t passed[WAYS]; /* bytes that came, and were the right ones */
    int64_t wrapped[WAYS];        /* pieces that went over the ring's end */
    char wrong[WAYS][200];        /* of the client, of the daemon */
};

struct pair {
    uint32_t caps[WAYS];
    int64_t total; /* bytes of each stream */
    uint64_t seed;
    struct board *board;
    int sockets[2]; /* the client's, the daemon's */
    int memory_fd;  /* of bare ends: channel and page */
    int kick_fd;
};

/* One end's share of a stream it sends. */
struct source {
    const struct pair *pair;
    enum way way;
    uint64_t random;
    int64_t sent;
};

/* And of one it receives. */
struct sink {
    const struct pair *pair;
    enum way way;
    uint64_t random;
    uint32_t appetite; /* at present: the most that is taken */
    int64_t received;
};

void source_begin(struct source *source, const struct pair *pair, enum way way);
void sink_begin(struct sink *sink, const struct pair *pair, enum way way);
bool source_is_done(const struct source *source);
bool sink_is_done(const struct sink *sink);

/* Choose the next piece: one byte, a whole ring and more, anything between, or what goes over the
 * ring's end. Returns its length, 0 at the end. at: where the producer is in its ring. */
uint32_t source_piece(struct source *source, uint32_t at, char *to);

/* So much of the piece was put in, by which the producer came to at. */
void source_sent(struct source *source, uint32_t at, uint32_t len);

/* How much to take next. */
uint32_t sink_appetite(struct sink *sink);

/* Compare what came. Ends the process when it is not right. */
void sink_take(struct sink *sink, const char *data, uint32_t len);

/* An end has found something wrong, and ends. */
_Noreturn void end_fails(const struct pair *pair, enum way who, const char *what);

/* Run both ends until all has passed, and stop them now and then. */
void conduct(struct pair *pair, void (*client)(void *pair), void (*daemon)(void *pair));

void bare_client(void *context); /* a struct pair */
void bare_daemon(void *context); /* a struct pair */
void real_client(void *context); /* a struct pair */
void real_daemon(void *context); /* a struct pair */

#endif
