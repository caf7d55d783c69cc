/* The queue of requests sent or to be sent on one upstream. See requests.h. */
#include "daemon/requests.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/loop.h"
#include "daemon/memory.h"

#define FIRST_CAP 16

void requests_init(struct requests *requests, bool retain)
{
    *requests = (struct requests){.retain = retain, .cap = FIRST_CAP};
    requests->slots = memory_alloc(FIRST_CAP * sizeof *requests->slots);
    requests->bytes = evbuffer_new();
}

void requests_finish(struct requests *requests)
{
    evbuffer_free(requests->bytes);
    free(requests->slots);
    *requests = (struct requests){0};
}

/* Move the ring into one of another size. */
static void resize(struct requests *requests, uint32_t cap)
{
    struct slot *slots = memory_alloc(cap * sizeof *slots);
    for (uint32_t i = 0; i < requests->count; i++) {
        slots[i] = *requests_slot(requests, i);
    }
    free(requests->slots);
    requests->slots = slots;
    requests->cap = cap;
    requests->first = 0;
}

static void reserve(struct requests *requests, uint32_t count)
{
    uint32_t cap = requests->cap;
    while (cap - requests->count < count) {
        cap *= 2;
    }
    if (cap != requests->cap) {
        resize(requests, cap);
    }
}

void requests_add_run(struct requests *requests, const struct slot *like,
                      const struct request_run *run)
{
    uint64_t end = requests->end;
    reserve(requests, run->count);
    evbuffer_add(requests->bytes, run->data, run->len);
    for (uint32_t i = 0; i < run->count; i++) {
        const struct request_part *part = &run->parts[i];
        struct slot *added = requests_slot(requests, requests->count + i);
        *added = *like;
        added->command = part->command;
        added->flags |= part->flags;
        added->end = end += part->len;
    }
    requests->count += run->count;
    requests->end = end;
    requests->is_open = false;
}

void requests_add(struct requests *requests, const struct slot *slot, const char *data, size_t len)
{
    struct request_part part = {.len = (uint32_t)len, .command = slot->command};
    struct request_run run = {.data = data, .len = len, .count = 1, .parts = &part};
    requests_add_run(requests, slot, &run);
    if (slot->flags & SLOT_OPEN) {
        requests->is_open = true;
        requests_slot(requests, requests->count - 1)->end = UINT64_MAX;
    }
}

size_t requests_unwritten(const struct requests *requests)
{
    return (size_t)(requests->end - requests->written);
}

/* Forget the bytes before this position. */
static void drain_to(struct requests *requests, uint64_t position)
{
    if (position > requests->begin) {
        evbuffer_drain(requests->bytes, (size_t)(position - requests->begin));
        requests->begin = position;
    }
}

void requests_note_written(struct requests *requests, size_t count, uint32_t now_us)
{
    requests->written += count;
    uint64_t sent_end = requests->count == 0 ? requests->written : 0; /* a tunnel has no slots */
    while (requests->sent < requests->count) {
        struct slot *slot = requests_slot(requests, requests->sent);
        if (slot->end > requests->written) {
            /* what is still arriving cannot be sent again: its beginning need not be kept */
            sent_end = slot->flags & SLOT_OPEN ? requests->written : sent_end;
            break;
        }
        sent_end = slot->end;
        slot->sent_us = now_us;
        requests->sent++;
    }
    if (!requests->retain) {
        drain_to(requests, sent_end);
    }
}

void requests_append(struct requests *requests, const char *data, size_t len, bool is_last,
                     uint32_t now_us)
{
    evbuffer_add(requests->bytes, data, len);
    requests->end += len;
    if (is_last) {
        struct slot *slot = requests_slot(requests, requests->count - 1);
        slot->end = requests->end;
        slot->flags &= (uint8_t)~SLOT_OPEN;
        slot->since_ms = (uint32_t)loop_now_ms();
        requests->is_open = false;
        requests_note_written(requests, 0, now_us); /* all of it may have been written before */
    }
}

void requests_pop(struct requests *requests, uint32_t count)
{
    if (requests->retain) {
        drain_to(requests, requests_slot(requests, count - 1)->end);
    }
    requests->first = (requests->first + count) & (requests->cap - 1);
    requests->count -= count;
    requests->sent -= count;
    if (requests->cap > 4096 && requests->count == 0) {
        resize(requests, FIRST_CAP); /* a burst's room is not kept */
    }
}

void requests_rewind(struct requests *requests)
{
    uint64_t from = requests->begin; /* where the next slot's bytes begin */
    uint64_t to = requests->begin;   /* where they will */
    uint32_t kept = 0;
    struct evbuffer *bytes = evbuffer_new();
    for (uint32_t i = 0; i < requests->count; i++) {
        struct slot slot = *requests_slot(requests, i);
        uint64_t end = slot.end > requests->end ? requests->end : slot.end;
        size_t len = end > from ? (size_t)(end - from) : 0;
        from += len;
        if (slot.flags & SLOT_DROPPED) {
            evbuffer_drain(requests->bytes, len);
            continue;
        }
        evbuffer_remove_buffer(requests->bytes, bytes, len);
        to += len;
        slot.end = to;
        *requests_slot(requests, kept++) = slot;
    }
    evbuffer_free(requests->bytes);
    requests->bytes = bytes;
    requests->count = kept;
    requests->sent = 0;
    requests->is_open = false;
    requests->written = requests->begin;
    requests->end = to;
}
