/* A ring of bytes with one producer and one consumer, in memory the other side may scribble over.
 *
 *                head            tail                     only grow; a byte lies at its position
 *                 v               v                       modulo cap
 *     ......------#################......
 *                 taken by the    filled by the
 *                 consumer        producer
 *
 * Each side has a struct of its own. It believes its own positions, and of the other's only what
 * can be: at most cap bytes lie between head and tail. What is read is copied out at once, since
 * bytes in the ring may change under the reader's eyes.
 *
 * When the ring is empty the producer goes on at the ring's beginning: see channel_layout.h. */
#ifndef FR_RING_H
#define FR_RING_H

#include <stdbool.h>
#include <stdint.h>

struct fr_ring {
    char *data;
    uint32_t cap;           /* a power of two */
    _Atomic uint64_t *span; /* written by the producer */
    _Atomic uint32_t *head; /* written by the consumer */
    uint32_t at;            /* of the producer: the tail; of the consumer: the head */
    uint32_t start;         /* where the stream went on last */
    uint32_t before;        /* of the producer: the tail, before it went on there */
    bool has_skipped;       /* and the consumer has not followed yet */
};

/* Begin with an empty ring, whose shared words are zero. */
void fr_ring_init(struct fr_ring *ring, char *data, uint32_t cap, _Atomic uint64_t *span,
                  _Atomic uint32_t *head);

/* ---- the producer ---- */

/* How many bytes fit. False: the consumer's position cannot be. */
bool fr_ring_room(struct fr_ring *ring, uint32_t *room);

/* Add bytes that fit; nobody sees them yet. */
void fr_ring_fill(struct fr_ring *ring, const char *data, uint32_t len);

/* Let the consumer see them. Sequentially consistent. */
void fr_ring_publish(struct fr_ring *ring);

/* ---- the consumer ---- */

/* How many bytes are there. False: the producer's positions cannot be. Sequentially consistent. */
bool fr_ring_look(struct fr_ring *ring, uint32_t *there);

/* Copy bytes that are there out of the ring; their room is the consumer's until it releases it. */
void fr_ring_take(struct fr_ring *ring, char *to, uint32_t len);

/* Give their room back. Sequentially consistent. */
void fr_ring_release(struct fr_ring *ring);

#endif
