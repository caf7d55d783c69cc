/* Rings of bytes between two processes. See ring.h. */
#include "common/ring.h"

#include <stdatomic.h>
#include <string.h>

/* NOLINTNEXTLINE(readability-non-const-parameter): the producer writes there */
void fr_ring_init(struct fr_ring *ring, char *data, uint32_t cap, _Atomic uint64_t *span,
                  _Atomic uint32_t *head)
{
    *ring = (struct fr_ring){.data = data, .cap = cap, .span = span, .head = head};
}

static uint32_t place(const struct fr_ring *ring, uint32_t position)
{
    return position & (ring->cap - 1);
}

/* Bytes from a position to the ring's end, at most len. */
static uint32_t until_end(const struct fr_ring *ring, uint32_t len)
{
    uint32_t left = ring->cap - place(ring, ring->at);
    return len < left ? len : left;
}

/* --- the producer ----------------------------------------------------------------------------- */

/* The ring is empty: go on at its beginning. */
static void skip(struct fr_ring *ring)
{
    ring->has_skipped = false;
    if (place(ring, ring->at) != 0) {
        ring->before = ring->at;
        ring->at += ring->cap - place(ring, ring->at);
        ring->start = ring->at;
        ring->has_skipped = true;
    }
}

bool fr_ring_room(struct fr_ring *ring, uint32_t *room)
{
    /* pairs with fr_ring_release: the consumer has done with the bytes before head */
    uint32_t head = atomic_load_explicit(ring->head, memory_order_seq_cst);
    uint32_t used = ring->at - head;
    if (ring->has_skipped && head == ring->before) {
        used = ring->at - ring->start;
    } else if (used == 0) {
        skip(ring);
    } else {
        ring->has_skipped = false;
    }
    *room = ring->cap - used;
    return used <= ring->cap;
}

void fr_ring_fill(struct fr_ring *ring, const char *data, uint32_t len)
{
    uint32_t first = until_end(ring, len);
    memcpy(ring->data + place(ring, ring->at), data, first);
    memcpy(ring->data, data + first, len - first);
    ring->at += len;
}

void fr_ring_publish(struct fr_ring *ring)
{
    /* pairs with fr_ring_look */
    atomic_store_explicit(ring->span, (uint64_t)ring->start << 32 | ring->at, memory_order_seq_cst);
}

/* --- the consumer ----------------------------------------------------------------------------- */

bool fr_ring_look(struct fr_ring *ring, uint32_t *there)
{
    /* pairs with fr_ring_publish: the bytes before tail are written */
    uint64_t span = atomic_load_explicit(ring->span, memory_order_seq_cst);
    uint32_t start = (uint32_t)(span >> 32);
    if (start != ring->start) {
        ring->start = start;
        ring->at = start;
    }
    *there = (uint32_t)span - ring->at;
    return *there <= ring->cap;
}

void fr_ring_take(struct fr_ring *ring, char *to, uint32_t len)
{
    uint32_t first = until_end(ring, len);
    memcpy(to, ring->data + place(ring, ring->at), first);
    memcpy(to + first, ring->data, len - first);
    ring->at += len;
}

void fr_ring_release(struct fr_ring *ring)
{
    /* pairs with fr_ring_room */
    atomic_store_explicit(ring->head, ring->at, memory_order_seq_cst);
}
