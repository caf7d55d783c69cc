/* The ends of a channel. See channel.h. */
#include "common/channel.h"

#include <stdatomic.h>

bool fr_ring_cap_is_valid(uint64_t cap)
{
    return cap >= FR_RING_CAP_MIN && cap <= FR_RING_CAP_MAX && (cap & (cap - 1)) == 0;
}

size_t fr_channel_len(uint32_t request_cap, uint32_t reply_cap)
{
    return (size_t)FR_CHANNEL_HEAD_LEN + request_cap + reply_cap;
}

static void init_rings(struct fr_channel_head *head, uint32_t request_cap, uint32_t reply_cap,
                       struct fr_ring *requests, struct fr_ring *replies)
{
    char *data = (char *)head + FR_CHANNEL_HEAD_LEN;
    fr_ring_init(requests, data, request_cap, &head->request_span, &head->request_head);
    fr_ring_init(replies, data + request_cap, reply_cap, &head->reply_span, &head->reply_head);
}

/* --- the client's end ------------------------------------------------------------------------- */

bool fr_channel_client_init(struct fr_channel_client *client, void *mapping, size_t len,
                            const struct fr_page *page)
{
    struct fr_channel_head *head = mapping;
    uint32_t request_cap = head->request_cap;
    uint32_t reply_cap = head->reply_cap;
    *client = (struct fr_channel_client){.head = head, .page = page};
    if (head->magic != FR_CHANNEL_MAGIC || head->version != FR_CHANNEL_VERSION ||
        page->magic != FR_PAGE_MAGIC || page->version != FR_CHANNEL_VERSION ||
        !fr_ring_cap_is_valid(request_cap) || !fr_ring_cap_is_valid(reply_cap) ||
        fr_channel_len(request_cap, reply_cap) != len) {
        return false;
    }
    init_rings(head, request_cap, reply_cap, &client->requests, &client->replies);
    return true;
}

/* Whether the daemon will not find requests by itself. */
static bool must_kick(const struct fr_channel_client *client)
{
    /* after the publication: pairs with fr_page_set_sleeping and fr_channel_ask, after which the
     * daemon looks once more */
    return atomic_load_explicit(&client->page->sleeps, memory_order_seq_cst) != 0 ||
           (atomic_load_explicit(&client->head->asks, memory_order_seq_cst) & FR_ASKS_INPUT) != 0;
}

enum fr_passed fr_channel_send(struct fr_channel_client *client, const char *data, size_t len,
                               size_t *sent, bool *kicks)
{
    uint32_t room = 0;
    *sent = 0;
    *kicks = false;
    if (!fr_ring_room(&client->requests, &room)) {
        return FR_PASSED_BAD;
    }
    uint32_t fits = len < room ? (uint32_t)len : room;
    if (fits == 0) {
        return FR_PASSED_NO;
    }
    fr_ring_fill(&client->requests, data, fits);
    fr_ring_publish(&client->requests);
    *sent = fits;
    *kicks = must_kick(client);
    return FR_PASSED;
}

/* The daemon asks for room only when the ring is full; so it is enough to look whenever half a ring
 * has been taken. */
static bool wants_room(struct fr_channel_client *client, uint32_t taken)
{
    client->untold += taken;
    if (client->untold < client->replies.cap / 2) {
        return false;
    }
    client->untold = 0;
    return (atomic_load_explicit(&client->head->asks, memory_order_seq_cst) & FR_ASKS_ROOM) != 0;
}

enum fr_passed fr_channel_receive(struct fr_channel_client *client, char *to, size_t cap,
                                  size_t *received, bool *kicks)
{
    uint32_t there = 0;
    *received = 0;
    *kicks = false;
    if (!fr_ring_look(&client->replies, &there)) {
        return FR_PASSED_BAD;
    }
    uint32_t taken = cap < there ? (uint32_t)cap : there;
    if (taken == 0) {
        return FR_PASSED_NO;
    }
    fr_ring_take(&client->replies, to, taken);
    fr_ring_release(&client->replies);
    *received = taken;
    *kicks = wants_room(client, taken);
    return FR_PASSED;
}

bool fr_channel_has_come(struct fr_channel_client *client, uint32_t waits)
{
    uint32_t count = 0;
    if ((waits & FR_WAITS_REPLY) && (!fr_ring_look(&client->replies, &count) || count > 0)) {
        return true;
    }
    return (waits & FR_WAITS_ROOM) && (!fr_ring_room(&client->requests, &count) || count > 0);
}

uint32_t fr_channel_begin_wait(struct fr_channel_client *client, uint32_t waits)
{
    uint32_t events = atomic_load_explicit(&client->head->events, memory_order_acquire);
    /* pairs with woken(): either it sees this, or we see now what it has written */
    atomic_store_explicit(&client->head->waits, waits, memory_order_seq_cst);
    return events;
}

void fr_channel_end_wait(struct fr_channel_client *client)
{
    if (atomic_load_explicit(&client->head->waits, memory_order_relaxed) != 0) {
        atomic_store_explicit(&client->head->waits, 0, memory_order_relaxed);
    }
}

uint32_t fr_channel_untaken(const struct fr_channel_client *client)
{
    /* pairs with fr_ring_release of the daemon, which precedes all it does with them */
    uint32_t head = atomic_load_explicit(&client->head->request_head, memory_order_acquire);
    const struct fr_ring *ring = &client->requests;
    return ring->has_skipped && head == ring->before ? ring->at - ring->start : ring->at - head;
}

/* --- the daemon's end ------------------------------------------------------------------------- */

void fr_channel_daemon_init(struct fr_channel_daemon *daemon, void *mapping, uint32_t request_cap,
                            uint32_t reply_cap)
{
    struct fr_channel_head *head = mapping;
    *daemon = (struct fr_channel_daemon){.head = head};
    head->magic = FR_CHANNEL_MAGIC;
    head->version = FR_CHANNEL_VERSION;
    head->request_cap = request_cap;
    head->reply_cap = reply_cap;
    init_rings(head, request_cap, reply_cap, &daemon->requests, &daemon->replies);
}

/* Something was published: how the client is to be woken, if it waits for this. Once: it says anew
 * what it waits for before it sleeps again.
 *
 * "events" grows after the wait was taken back. For that may be the client's next wait already,
 * begun after it had found what it waited for: then the wake-up comes before it sleeps, and there
 * would be no other. */
static uint32_t woken(struct fr_channel_daemon *daemon, uint32_t by)
{
    uint32_t waits = atomic_load_explicit(&daemon->head->waits, memory_order_seq_cst);
    if (!(waits & by)) {
        return 0;
    }
    waits = atomic_exchange_explicit(&daemon->head->waits, 0, memory_order_seq_cst);
    atomic_store_explicit(&daemon->head->events, ++daemon->events, memory_order_seq_cst);
    return waits;
}

enum fr_passed fr_channel_take(struct fr_channel_daemon *daemon, char *to, size_t cap,
                               size_t *taken, uint32_t *wakes)
{
    uint32_t there = 0;
    *taken = 0;
    *wakes = 0;
    if (!fr_ring_look(&daemon->requests, &there)) {
        return FR_PASSED_BAD;
    }
    uint32_t fits = cap < there ? (uint32_t)cap : there;
    if (fits == 0) {
        return FR_PASSED_NO;
    }
    fr_ring_take(&daemon->requests, to, fits);
    fr_ring_release(&daemon->requests);
    *taken = fits;
    *wakes = woken(daemon, FR_WAITS_ROOM);
    return FR_PASSED;
}

enum fr_passed fr_channel_give(struct fr_channel_daemon *daemon, const char *data, size_t len,
                               size_t *given)
{
    uint32_t room = 0;
    *given = 0;
    if (!fr_ring_room(&daemon->replies, &room)) {
        return FR_PASSED_BAD;
    }
    uint32_t fits = len < room ? (uint32_t)len : room;
    if (fits == 0) {
        return FR_PASSED_NO;
    }
    fr_ring_fill(&daemon->replies, data, fits);
    *given = fits;
    return FR_PASSED;
}

uint32_t fr_channel_publish(struct fr_channel_daemon *daemon)
{
    fr_ring_publish(&daemon->replies);
    return woken(daemon, FR_WAITS_REPLY);
}

bool fr_channel_has_input(struct fr_channel_daemon *daemon)
{
    uint32_t there = 0;
    return !fr_ring_look(&daemon->requests, &there) || there > 0;
}

bool fr_channel_has_room(struct fr_channel_daemon *daemon)
{
    uint32_t room = 0;
    return !fr_ring_room(&daemon->replies, &room) || room > 0;
}

void fr_channel_ask(struct fr_channel_daemon *daemon, uint32_t asks, bool is_wanted)
{
    uint32_t now = is_wanted ? daemon->asks | asks : daemon->asks & ~asks;
    if (now != daemon->asks) {
        daemon->asks = now;
        /* pairs with must_kick and wants_room */
        atomic_store_explicit(&daemon->head->asks, now, memory_order_seq_cst);
    }
}

void fr_page_set_sleeping(struct fr_page *page, bool is_sleeping)
{
    /* pairs with must_kick */
    atomic_store_explicit(&page->sleeps, is_sleeping,
                          is_sleeping ? memory_order_seq_cst : memory_order_relaxed);
}
