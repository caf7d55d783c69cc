/* The daemon as a service of systemd: that it is ready, reloads, ends; what it is doing; that it is
 * alive. Without a service manager that listens (notify.h) all of this does nothing.
 *
 *   READY=1 --> RELOADING=1 --> READY=1 --> ... --> STOPPING=1
 *      +-- STATUS=... when it has changed, at most once a second
 *      +-- WATCHDOG=1 when every worker has taken part
 *
 * The watchdog's sign of life is given by the workers: a letter goes round among them, through the
 * mailboxes that are read by their loops, and the last one sends it. One worker that hangs stops
 * the letter, and a main thread that hangs starts none; either way the service manager hears
 * nothing, and ends the daemon to start another. A letter costs each worker one wake-up in half of
 * the time that WatchdogSec= allows.
 *
 * Main thread only. */
#ifndef SUPERVISION_H
#define SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

#include <event2/event_struct.h>

#include "daemon/census.h"
#include "daemon/mailbox.h"
#include "daemon/worker.h"

/* The watchdog's letter. */
struct watch {
    struct mail mail;
    struct supervision *supervision;
    int next;             /* worker to visit */
    _Atomic bool is_away; /* on its way, or stuck */
    uint64_t since_ms;    /* it was sent */
};

struct supervision {
    struct census_office *office;
    struct worker *workers;
    int worker_count;
    struct house *house;
    struct watch watch;
    struct event watch_timer;
    struct event status_timer;
    int64_t status_wait_ms; /* until the next look at the status */
    uint64_t status_ms;     /* of the last one */
    uint64_t requests;      /* until then */
    uint64_t rate;          /* of requests in a second */
    uint64_t upstreams;     /* connections to servers that stood then */
    char status[160];       /* what was said last */
    bool is_reload_refused;
    bool is_ending;
    bool is_over; /* nobody is told anything any more */
};

/* All listens and serves: say so, and begin to tell how it goes. */
void supervision_ready(struct supervision *supervision, struct event_base *base,
                       struct census_office *office, struct house *house);

/* The configuration is being read again, and now one is in force: a fresh one, or still the old one
 * because the fresh one was refused. */
void supervision_reloading(void);
void supervision_reloaded(struct supervision *supervision, bool is_refused);

/* The end has begun, and may take that long. */
void supervision_ending(struct supervision *supervision, int64_t limit_ms);

/* The main loop has ended. */
void supervision_finish(struct supervision *supervision);

/* Wait until all has been heard, for a moment at most; the process is about to end. */
void supervision_wait_heard(void);

#endif
