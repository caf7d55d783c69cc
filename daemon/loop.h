/* One worker's event loop, and its turns.
 *
 * A turn is: wait for events, run their callbacks, then run what the callbacks left to the turn's
 * end, phase by phase. So the requests of all clients read in a turn reach a server in one write,
 * and all replies of a turn reach a client in one write.
 *
 *   events ... -> RESUME (clients go on reading) -> SEND (upstreams write) -> ANSWER (those in this
 *   process are read) -> DELIVER (clients are written to) -> SEND_LATE (upstreams write that had
 *   better wait) -> BURY (what died is freed; nothing refers to it any more)
 *
 * What nobody waits for is left for later instead (SOON).
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "daemon/placement.h"

struct event_base;
struct evdns_base;
struct mailbox;

enum loop_phase {
    LOOP_RESUME,
    LOOP_SEND,
    LOOP_ANSWER,
    LOOP_DELIVER,
    LOOP_SEND_LATE,
    LOOP_BURY,
    LOOP_PHASES, /* of a turn's end */
    LOOP_SOON = LOOP_PHASES,
    LOOP_LISTS
};

/* Until a task of LOOP_SOON runs. */
#define LOOP_SOON_MS 50

/* Something to be done at the turn's end or soon, once however often it is asked for. Lives in its
 * owner, who may give it another phase while it is not queued. */
struct loop_task {
    TAILQ_ENTRY(loop_task) next;
    void (*run)(struct loop_task *task);
    enum loop_phase phase;
    bool is_queued;
};

TAILQ_HEAD(loop_tasks, loop_task);

/* Room for what one read brings, shared by all connections of the loop. */
#define LOOP_SCRATCH_CAP (64 * 1024)

/* Looking for the next event a little longer before going to sleep, when it is expected soon: being
 * woken costs more than everything else on a command's way. See loop.c. */
struct spinning {
    bool is_possible;    /* there is a core beside this one */
    const void *speaker; /* who sent something last */
    unsigned streak;     /* turns in a row in which only the speaker did */
    unsigned penalty;    /* turns to leave out after the next failure */
    unsigned left_out;   /* of them, still to come */
};

/* Letting others run on this core. See loop.c. */
struct giving_way {
    unsigned penalty;  /* times to leave out after the next one that took long */
    unsigned left_out; /* of them, still to come */
};

/* Who may have work that the kernel does not tell of: it must be looked for. */
struct loop_poller {
    /* Look, and do it. Returns whether there was some. */
    bool (*look)(struct loop_poller *poller);
    /* The loop is about to sleep: have it woken from now on. False: it must not, there is work. */
    bool (*prepare)(struct loop_poller *poller);
    /* It is awake. */
    void (*resume)(struct loop_poller *poller);
    bool expects; /* there will be some soon: looking again is better than sleeping */
};

struct loop {
    struct event_base *base;
    struct evdns_base *dns;
    struct loop_tasks tasks[LOOP_LISTS];
    struct loop_task marker; /* stands behind what is due in the phase that runs */
    struct event soon;       /* due when there are tasks of LOOP_SOON */
    bool is_stopped;
    struct mailbox *mailbox;    /* of the thread; NULL: it has none */
    struct loop_poller *poller; /* NULL: none */
    struct spinning spinning;
    struct giving_way giving_way;
    struct placement placement;
    uint64_t turn_us; /* the clock, as this turn has read it; 0: it has not */
    char *scratch;    /* LOOP_SCRATCH_CAP bytes, for the current callback alone */
};

/* Make a loop on the caller's memory. False with errno when the system refuses. */
bool loop_init(struct loop *loop);

/* Free what the loop holds. No task may be queued. */
void loop_finish(struct loop *loop);

/* Run turns until loop_stop. */
void loop_run(struct loop *loop);

/* Run what is left to the turn's end, without waiting for events; for the end of a worker. */
void loop_run_tasks(struct loop *loop);

/* End loop_run after the current turn. From the loop's own thread. */
void loop_stop(struct loop *loop);

/* A client has sent something. */
void loop_note_speaker(struct loop *loop, const void *speaker);

/* Let others run on this core who are waiting for it; at once, if nobody is. False: not now, since
 * one of them does not give it back soon. */
bool loop_give_way(struct loop *loop);

void loop_task_init(struct loop_task *task, enum loop_phase phase,
                    void (*run)(struct loop_task *task));

/* For loop_turn_us. */
void loop_read_clock(struct loop *loop);

/* Have the task run at the end of this turn, or of the next one if its phase is over; one of
 * LOOP_SOON within LOOP_SOON_MS. */
void loop_defer(struct loop *loop, struct loop_task *task);

/* Whether a task of this phase is queued. */
static inline bool loop_has(const struct loop *loop, enum loop_phase phase)
{
    return !TAILQ_EMPTY(&loop->tasks[phase]);
}

/* Take back a task that is queued. */
void loop_cancel(struct loop *loop, struct loop_task *task);

/* Microseconds of that clock, for measuring. Read when first asked for in a turn's callbacks and
 * once more for what is sent and for what is answered at its end, not for each command. */
static inline uint64_t loop_turn_us(struct loop *loop)
{
    if (loop->turn_us == 0) {
        loop_read_clock(loop);
    }
    return loop->turn_us;
}

/* Nanoseconds of a clock that only goes forward. */
int64_t loop_now_ns(void);

/* Milliseconds of it. Cheap; as exact as the kernel's tick. */
uint64_t loop_now_ms(void);

#endif
