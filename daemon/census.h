/* A question to all workers: a letter that goes from one to the next, looks around in each one's
 * own thread, and comes home to the main thread. So what workers have is read without a lock, and
 * no command waits for more than one visit.
 *
 *   main --start--> worker 0: visit --> worker 1: visit --> ... --> main: finish
 */
#ifndef CENSUS_H
#define CENSUS_H

#include <stdbool.h>

#include "daemon/mailbox.h"
#include "daemon/worker.h"

struct census_office {
    struct worker *workers;
    int worker_count;
    int under_way;
    bool is_closed;
    struct mailbox home; /* the main thread's */
};

struct census {
    struct mail mail;
    struct census_office *office;
    int next; /* the worker to be visited */
    /* In the worker's thread. It may change what it visits. */
    void (*visit)(struct census *census, struct worker *worker);
    /* In the main thread, when all have been visited. Frees the census. */
    void (*finish)(struct census *census);
};

/* Questions under way at once; a worker that stands still must not pile them up. */
#define CENSUS_MOST 64

/* Make the office, whose letters come home to the loop of this base. False with errno when the
 * system refuses. The workers are started afterwards. */
bool census_office_open(struct census_office *office, struct event_base *base,
                        struct worker *workers, int worker_count);

/* The workers have ended, and have no mail left: what is still to come home does so now.
 * Closing what was not opened is fine. */
void census_office_close(struct census_office *office);

/* Begin; from the main thread. False: too many are under way, or the office is closed; this one is
 * the caller's still. */
bool census_start(struct census *census, struct census_office *office);

#endif
