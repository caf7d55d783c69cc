/* The memory that one client and the daemon share: the whole contract between the two, whatever
 * versions of this project they are of. docs/shared-memory.md has it as a picture.
 *
 *     channel: a memfd for each client, sealed against change of size, written by both
 *
 *     0      struct fr_channel_head    4096                  4096 + request_cap
 *     +------------------------------+---------------------+---------------------+
 *     | constants | client's line |  | ring of requests    | ring of replies     |
 *     | daemon's line | waits        | client -> daemon    | daemon -> client    |
 *     +------------------------------+---------------------+---------------------+
 *
 *     page: a memfd for each worker of the daemon, written by it alone, read by all its clients
 *
 * A ring is a stream of RESP bytes. Its positions count bytes modulo 2^32 and only grow; a byte
 * lies at its position modulo the ring's size, which is a power of two. The producer says in one
 * word where what it has written ends ("tail") and where the stream goes on ("start"): it may leave
 * out the bytes up to the next multiple of the size when the consumer has taken all, so that a ring
 * with little in it touches little memory. A consumer that sees another start goes on there.
 *
 * Either side checks what the other wrote before it uses it, and looks at it once. The daemon never
 * reads its own positions back from here.
 *
 * Who sleeps says so first, and then looks once more; who has written something looks then whether
 * the other sleeps. Both are sequentially consistent (common/channel.h), so one of them sees the
 * other. */
#ifndef FR_CHANNEL_LAYOUT_H
#define FR_CHANNEL_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define FR_CHANNEL_VERSION 1
#define FR_CHANNEL_MAGIC 0x66726368u /* "frch" */
#define FR_PAGE_MAGIC 0x66727067u    /* "frpg" */

/* Sizes of a ring: a power of two. */
#define FR_RING_CAP_MIN 4096u
#define FR_RING_CAP_MAX (1024u * 1024u)

/* Where the rings begin, and the length of the daemon's page. */
#define FR_CHANNEL_HEAD_LEN 4096u
#define FR_PAGE_LEN 4096u

/* Two lines of the cache: processors fetch them in pairs. */
#define FR_LINE 128

/* What the client sleeps for, in "waits". */
enum fr_waits {
    FR_WAITS_REPLY = 1, /* bytes in the ring of replies */
    FR_WAITS_ROOM = 2,  /* room in the ring of requests */
    FR_WAITS_POLL = 4   /* it sleeps on the socket: a byte there wakes it; else on "events" */
};

/* What the daemon wants to be told of by the client's eventfd, in "asks". */
enum fr_asks {
    FR_ASKS_INPUT = 1, /* requests: it does not look at this channel by itself */
    FR_ASKS_ROOM = 2   /* room in the ring of replies, which is full */
};

struct fr_channel_head {
    /* written before the client gets it, for the client to check */
    uint32_t magic;
    uint32_t version;
    uint32_t request_cap;
    uint32_t reply_cap;

    /* written by the client */
    _Alignas(FR_LINE) _Atomic uint64_t request_span; /* start in the high half, tail in the low */
    _Atomic uint32_t reply_head;                     /* so far it has taken replies */

    /* written by the daemon */
    _Alignas(FR_LINE) _Atomic uint64_t reply_span;
    _Atomic uint32_t request_head; /* so far it has taken requests; before it acts on them */
    _Atomic uint32_t events;       /* grows with each wake-up: a futex */
    _Atomic uint32_t asks;         /* enum fr_asks */

    /* set by the client, taken back by whoever is first */
    _Alignas(FR_LINE) _Atomic uint32_t waits; /* enum fr_waits */
};

/* Of a worker. */
struct fr_page {
    uint32_t magic;
    uint32_t version;

    _Alignas(FR_LINE) _Atomic uint32_t sleeps; /* 1: the worker is about to sleep, or does */
    /* what a client does before it sleeps, which the daemon knows to be worth it at the time */
    _Atomic uint32_t spin_ns; /* look for its reply for so long */
    _Atomic uint32_t yields;  /* let others run so often, and look after each */
};

_Static_assert(sizeof(struct fr_channel_head) <= FR_CHANNEL_HEAD_LEN, "the head has its page");
_Static_assert(sizeof(struct fr_page) <= FR_PAGE_LEN, "so has the daemon's");
_Static_assert(offsetof(struct fr_channel_head, request_span) == 128, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, reply_head) == 136, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, reply_span) == 256, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, request_head) == 264, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, events) == 268, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, asks) == 272, "layout of version 1");
_Static_assert(offsetof(struct fr_channel_head, waits) == 384, "layout of version 1");
_Static_assert(offsetof(struct fr_page, sleeps) == 128, "layout of version 1");
_Static_assert(offsetof(struct fr_page, spin_ns) == 132, "layout of version 1");
_Static_assert(offsetof(struct fr_page, yields) == 136, "layout of version 1");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
               "locks would not work between processes");

#endif
