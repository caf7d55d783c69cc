/* One side of the comparison: an address at which scripts are played, and what came back. */
#ifndef TESTS_CONFORMANCE_SIDE_H
#define TESTS_CONFORMANCE_SIDE_H

#include "tests/conformance/script.h"
#include "tests/support/client.h"
#include "tests/support/server.h"

/* Frames one behind the other. */
struct frames {
    struct bytes bytes;
    size_t *ends;
    size_t count, cap;
};

struct line {
    struct client *client; /* NULL: not connected */
    int64_t id;
    struct frames replies;
    struct frames messages; /* what comes unasked */
    bool reads_late;        /* in this step, and is not read yet */
    bool has_ended;         /* the other side closed in this step */
    size_t unsent;          /* of the part of this step */
};

struct side {
    const char *address;
    struct server *server; /* behind it, or it itself */
    bool is_direct;
    struct client *keeper; /* a connection of ours at the address */
    struct line lines[CONNECTIONS];
};

void side_begin(struct side *side, const char *address, struct server *server, bool is_direct);

/* Close all connections. */
void side_end(struct side *side);

/* Forget what came in the last step. */
void side_clear(struct side *side);

/* Connect who is not, and send the step's requests, cut as it says. Those whose parts end in
 * closing are not closed yet. */
void side_send(struct side *side, const struct step *step, unsigned muted);

/* The server's own address: wait until it has answered all that can be answered now. */
void side_settle(struct side *side, const struct step *step, unsigned muted);

/* A server of 8.0 does not say that AUTH and HELLO are refused if earlier replies are still to be
 * written: by chance, with pipelines. Add to its replies the WRONGPASS that then is missing. The
 * daemon, which answers itself, always says it. */
void side_tell_unsaid(struct side *side, const struct step *step, unsigned muted);

/* Those who read late do so from now on. */
void side_read_late(struct side *side);

/* Take what has come; waits for it for timeout_ms. */
void side_gather(struct side *side, int timeout_ms);

/* Close what the step's parts close, and forget lines that have ended. */
void side_close(struct side *side, const struct step *step, unsigned muted);

int side_open_lines(const struct side *side);

/* The n-th frame. */
const char *frames_at(const struct frames *frames, size_t n, size_t *len);

#endif
