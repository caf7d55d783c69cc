/* The two ends of a channel of shared memory, and the protocol by which they wake each other.
 *
 *     client                                            daemon
 *     send: requests in, "span" --------------------->  take
 *       then: does the daemon sleep, or not look?         looks at the channels it knows to be
 *       if so, the eventfd                                busy; before it sleeps it says so in
 *                                                         its page, and looks once more
 *     receive <--------------------------------------  give: replies in, "span"
 *       before it sleeps it says for what in "waits",     then: does the client wait for this?
 *       and looks once more                               if so, wakes it
 *
 * tests/model/wakeup.pml has this as a model, in which no wake-up is ever lost.
 *
 * The system calls, the clock and who sleeps how are the ends' own affair: client/channel.c and
 * daemon/channel.c. */
#ifndef FR_CHANNEL_H
#define FR_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/channel_layout.h"
#include "common/ring.h"

/* Whether a ring may have this size. */
bool fr_ring_cap_is_valid(uint64_t cap);

/* The length of a channel's mapping. */
size_t fr_channel_len(uint32_t request_cap, uint32_t reply_cap);

/* Outcomes of what is done with a ring. */
enum fr_passed {
    FR_PASSED,    /* at least one byte */
    FR_PASSED_NO, /* there are none, or there is no room */
    FR_PASSED_BAD /* the other side has written what cannot be: the channel is to be given up */
};

/* ---- the client's end ---- */

struct fr_channel_client {
    struct fr_channel_head *head;
    const struct fr_page *page;
    struct fr_ring requests;
    struct fr_ring replies;
    uint32_t untold; /* bytes of replies taken since the daemon's wish for room was looked at */
};

/* Use a mapping of len bytes and the daemon's page. False: they are none of this version, or of
 * other sizes. */
bool fr_channel_client_init(struct fr_channel_client *client, void *mapping, size_t len,
                            const struct fr_page *page);

/* Put in what fits of len bytes; *sent says how many. *kicks: the daemon must be woken. */
enum fr_passed fr_channel_send(struct fr_channel_client *client, const char *data, size_t len,
                               size_t *sent, bool *kicks);

/* Take at most cap bytes of replies. *kicks as above. */
enum fr_passed fr_channel_receive(struct fr_channel_client *client, char *to, size_t cap,
                                  size_t *received, bool *kicks);

/* Whether what it waits for (FR_WAITS_REPLY, FR_WAITS_ROOM) has come. What cannot be counts as
 * come: whoever looks will see. */
bool fr_channel_has_come(struct fr_channel_client *client, uint32_t waits);

/* Say that the client is about to sleep, and how. Returns what "events" was before. It may sleep,
 * as long as "events" is that, if fr_channel_has_come says now that nothing has. */
uint32_t fr_channel_begin_wait(struct fr_channel_client *client, uint32_t waits);

/* It is awake. */
void fr_channel_end_wait(struct fr_channel_client *client);

/* How many bytes of the sent ones the daemon has not taken. */
uint32_t fr_channel_untaken(const struct fr_channel_client *client);

/* ---- the daemon's end ---- */

struct fr_channel_daemon {
    struct fr_channel_head *head;
    struct fr_ring requests;
    struct fr_ring replies;
    uint32_t events;
    uint32_t asks;
};

/* Write the head of a mapping that is all zero, and use it. */
void fr_channel_daemon_init(struct fr_channel_daemon *daemon, void *mapping, uint32_t request_cap,
                            uint32_t reply_cap);

/* Take at most cap bytes of requests out. *wakes: the client must be woken, enum fr_waits; 0: no.
 */
enum fr_passed fr_channel_take(struct fr_channel_daemon *daemon, char *to, size_t cap,
                               size_t *taken, uint32_t *wakes);

/* Put in what fits of some bytes, which the client does not see before fr_channel_publish. */
enum fr_passed fr_channel_give(struct fr_channel_daemon *daemon, const char *data, size_t len,
                               size_t *given);

/* Let the client see what was given. Returns how it must be woken, enum fr_waits; 0: not at all. */
uint32_t fr_channel_publish(struct fr_channel_daemon *daemon);

/* Whether requests are there, or, if asked for, room for replies. What cannot be counts as such. */
bool fr_channel_has_input(struct fr_channel_daemon *daemon);
bool fr_channel_has_room(struct fr_channel_daemon *daemon);

/* Ask to be told of something, or no more (enum fr_asks). Whoever begins to ask must look once
 * more whether it is there. */
void fr_channel_ask(struct fr_channel_daemon *daemon, uint32_t asks, bool is_wanted);

/* The daemon is about to sleep, or awake. Before it sleeps it looks once more at its channels. */
void fr_page_set_sleeping(struct fr_page *page, bool is_sleeping);

#endif
