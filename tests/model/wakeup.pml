/* How a client and the daemon wake each other over a channel of shared memory (common/channel.h), as
 * a model for spin. A client sends COUNT requests as fast as it can and takes the replies, over rings
 * that hold CAP of them; the daemon answers each but the first, which wants no reply. Whatever the order of their steps, the
 * client gets to its end: in no state do both sleep while one of them has something to do.
 *
 * Memory is as processors have it: what a process stores becomes visible to the other at some later
 * time (flush), unless the store is sequentially consistent. Who waits on a futex or in epoll_wait
 * does so as the kernel has it.
 *
 * Each part of the protocol can be left out (-DWITHOUT_...), and then there is a run in which a
 * wake-up is lost: tests/model/check.sh looks for all of these. */

#ifndef COUNT
#define COUNT 3
#endif
#ifndef CAP
#define CAP 1
#endif

#define REPLIES (COUNT - 1)

#define WAITS_REPLY 1
#define WAITS_ROOM 2

/* Positions, in requests and replies. */
byte request_tail, request_head, reply_tail, reply_head;
bool sleeps, asks_input, asks_room;
byte waits, events;

/* The kernel's. */
bool kicked;     /* the eventfd, edge-triggered */
bool is_waiting; /* the client is in FUTEX_WAIT */

/* A store that is not visible yet. */
byte late_request_tail, late_request_head, late_reply_tail, late_waits, late_events;
bool late_sleeps, late_asks_input, late_asks_room;
bool has_request_tail, has_request_head, has_reply_tail, has_waits, has_events;
bool has_sleeps, has_asks_input, has_asks_room;

#define FLUSH(name) has_##name -> name = late_##name; has_##name = false
#define STORE_LATER(name, value) atomic { !has_##name -> late_##name = value; has_##name = true }

/* Sequentially consistent stores: all before them are visible too. */
#define CLIENT_STORE(name, value) atomic { !has_request_tail && !has_waits -> name = value }
#define DAEMON_STORE(name, value)                                                                  \
    atomic { !has_request_head && !has_reply_tail && !has_events && !has_sleeps &&                 \
             !has_asks_input && !has_asks_room -> name = value }

#ifdef WITHOUT_REQUEST_ORDER
#define STORE_REQUEST_TAIL(value) STORE_LATER(request_tail, value)
#else
#define STORE_REQUEST_TAIL(value) CLIENT_STORE(request_tail, value)
#endif
#ifdef WITHOUT_WAITS_ORDER
#define STORE_WAITS(value) STORE_LATER(waits, value)
#else
#define STORE_WAITS(value) CLIENT_STORE(waits, value)
#endif
#ifdef WITHOUT_REPLY_ORDER
#define STORE_REPLY_TAIL(value) STORE_LATER(reply_tail, value)
#else
#define STORE_REPLY_TAIL(value) DAEMON_STORE(reply_tail, value)
#endif
#ifdef WITHOUT_ROOM_ORDER
#define STORE_REQUEST_HEAD(value) STORE_LATER(request_head, value)
#else
#define STORE_REQUEST_HEAD(value) DAEMON_STORE(request_head, value)
#endif
#ifdef WITHOUT_SLEEPS_ORDER
#define STORE_SLEEPS(value) STORE_LATER(sleeps, value)
#else
#define STORE_SLEEPS(value) DAEMON_STORE(sleeps, value)
#endif
#ifdef WITHOUT_ASKS_ORDER
#define STORE_ASKS(name, value) STORE_LATER(name, value)
#else
#define STORE_ASKS(name, value) DAEMON_STORE(name, value)
#endif

active proctype memory()
{
end:
    do
    :: atomic { FLUSH(request_tail) }
    :: atomic { FLUSH(request_head) }
    :: atomic { FLUSH(reply_tail) }
    :: atomic { FLUSH(waits) }
    :: atomic { FLUSH(events) }
    :: atomic { FLUSH(sleeps) }
    :: atomic { FLUSH(asks_input) }
    :: atomic { FLUSH(asks_room) }
    od
}

/* ------------------------------------------------------------------------------------ the client */

active proctype client()
{
    byte sent, received, wanted, before;
    do
    :: received == REPLIES && sent == COUNT -> break
    :: received < REPLIES || sent < COUNT ->
        if
        :: sent < COUNT && sent - request_head < CAP -> /* fr_channel_send */
            sent++;
            STORE_REQUEST_TAIL(sent);
            if
            :: sleeps -> kicked = true
            :: else ->
                if
                :: asks_input -> kicked = true
                :: else
                fi
            fi
        :: else
        fi;
        if
        :: reply_tail > received -> /* fr_channel_receive */
            received++;
            reply_head = received;
#ifndef WITHOUT_ROOM_TOLD
            if
            :: asks_room -> kicked = true
            :: else
            fi
#endif
        :: else ->
            wanted = (sent < COUNT -> WAITS_REPLY + WAITS_ROOM : WAITS_REPLY);
#ifndef WITHOUT_EVENTS_FIRST
            before = events;
#endif
            STORE_WAITS(wanted); /* fr_channel_begin_wait */
            if
#ifndef WITHOUT_CLIENTS_LOOK
            :: reply_tail > received || (sent < COUNT && sent - request_head < CAP) -> skip
#endif
            :: else ->
#ifdef WITHOUT_EVENTS_FIRST
                before = events;
#endif
                atomic { is_waiting = (events == before) }; /* FUTEX_WAIT */
                !is_waiting
            fi;
            STORE_WAITS(0)
        fi
    od
}

/* ------------------------------------------------------------------------------------ the daemon */

byte taken, given;   /* its own positions */
bool is_parked;      /* it does not look at the channel by itself */
bool asks_for_room;  /* what it has stored in asks_room */

#define OWED (taken > 0 -> taken - 1 : 0)
#define HAS_INPUT (request_tail > taken && given == OWED)
#define HAS_ROOM (given < OWED && given - reply_head < CAP)

/* woken() and the wake-up: FUTEX_WAKE. */
inline wake(by)
{
    if
    :: waits & by ->
#ifdef WITHOUT_EVENTS_LAST
        DAEMON_STORE(events, (events + 1) % 250);
        waits = 0;
#else
        waits = 0;
#ifndef WITHOUT_EVENTS
        DAEMON_STORE(events, (events + 1) % 250);
#endif
#endif
        is_waiting = false
    :: else
    fi
}

active proctype daemon()
{
    do
    :: HAS_INPUT && !is_parked -> /* fr_channel_take, and the answer */
        taken++;
        STORE_REQUEST_HEAD(taken);
        wake(WAITS_ROOM)
    :: HAS_ROOM -> /* fr_channel_give, fr_channel_publish */
        given++;
        if
        :: asks_for_room -> asks_for_room = false; STORE_ASKS(asks_room, false)
        :: else
        fi;
        STORE_REPLY_TAIL(given);
        wake(WAITS_REPLY)
    :: given < OWED && !HAS_ROOM && !asks_for_room -> /* the ring of replies is full */
        asks_for_room = true;
        STORE_ASKS(asks_room, true)
    :: kicked -> /* an event while it is awake */
        kicked = false;
        if
        :: is_parked -> is_parked = false; STORE_ASKS(asks_input, false)
        :: else
        fi
    :: !is_parked && !HAS_INPUT && given == OWED -> /* quiet for long */
        is_parked = true;
        STORE_ASKS(asks_input, true);
#ifndef WITHOUT_LOOK_AFTER_PARKING
        if
        :: HAS_INPUT -> is_parked = false; STORE_ASKS(asks_input, false)
        :: else
        fi
#endif
    :: !HAS_INPUT || is_parked -> /* nothing to do: sleep */
        if
        :: given < OWED && !asks_for_room -> skip /* not before it has asked for room */
        :: else ->
            STORE_SLEEPS(true);
            if
#ifndef WITHOUT_DAEMONS_LOOK
            :: (HAS_INPUT && !is_parked) || HAS_ROOM -> skip
#endif
            :: else ->
end_asleep:     kicked -> /* epoll_wait */
                kicked = false;
                if
                :: is_parked -> is_parked = false; STORE_ASKS(asks_input, false)
                :: else
                fi
            fi;
            STORE_LATER(sleeps, false)
        fi
    od
}
