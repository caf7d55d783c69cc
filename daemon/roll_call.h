/* Asking the sessions of a prefix in all workers: a letter that goes from worker to worker, visits
 * the sessions there, and comes back to who asked. */
#ifndef ROLL_CALL_H
#define ROLL_CALL_H

#include <stdbool.h>

#include "daemon/mailbox.h"
#include "daemon/session.h"

struct roll_call {
    struct mail mail;
    struct session *asker;
    bool is_silent;           /* whether the asker wants no answer */
    uint64_t prefix;          /* its serial */
    int origin;               /* the asker's worker */
    int next;                 /* the worker to be visited */
    bool is_held;             /* a session there keeps it until its wait is over */
    struct roll_call *behind; /* the next one that the same session keeps */
    /* In the worker of the session. It may close it. */
    void (*visit)(struct roll_call *roll, struct session *session);
    /* In the asker's worker, when all have been visited: answers with session_finish_answer, or
     * otherwise sees to it, and frees the roll call. */
    void (*finish)(struct roll_call *roll);
};

/* For a visit: come to this worker's sessions again when the session's wait (session_wait) is over,
 * however it ends, and go on from there. */
void roll_call_hold(struct roll_call *roll, struct session *session);

/* The session waits no more. */
void roll_call_release(struct session *session);

/* Begin; the rest happens by itself. The asker's answer is outstanding until finish. */
void roll_call_start(struct roll_call *roll, struct session *asker);

#endif
