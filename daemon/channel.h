/* Channels of shared memory, as a worker has them: the daemon's end of each (common/channel.h), its
 * mapping, its wake-ups, and which of them are looked at.
 *
 *              quiet for CHANNEL_QUIET_MS, and asks to be told of input
 *   polled --------------------------------------------------------------> parked
 *     ^                                                                       |
 *     +------------------- eventfd; its owner wants to read or write ---------+
 *
 * Polled channels are looked at in every turn of the loop, which costs a load of memory; before the
 * worker sleeps it says so in its page, and looks once more. A parked channel costs nothing: its
 * client writes the eventfd when it has something. The eventfd is one for each client, so that
 * clients cannot take each other's wake-ups; it is edge-triggered and never read.
 *
 * What the client can write is its own channel. Whatever it writes there ends its own session at
 * worst. */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include <event2/event_struct.h>

#include "common/channel.h"
#include "daemon/loop.h"
#include "daemon/stats.h"
#include "daemon/transport.h"

/* A channel that brought nothing for so long is parked. */
#define CHANNEL_QUIET_MS 20

/* What a client is given: descriptors of its channel, of the worker's page, and its eventfd. */
enum channel_descriptor {
    CHANNEL_MEMORY,
    CHANNEL_PAGE,
    CHANNEL_KICK,
    CHANNEL_DESCRIPTORS
};

TAILQ_HEAD(channel_list, channel);

/* What a worker knows of how its clients best wait; channel_waiting.c. */
struct waiting {
    uint64_t window_ms; /* when the present window began; 0: none has */
    unsigned speakers;  /* channels with requests in it */
    unsigned busy;      /* in the last one */
    unsigned asking;    /* polled channels whose requests have not been answered */
    int64_t service_ns; /* from a request to its reply, as a moving average */
    uint64_t window;    /* number of the present one */
};

/* Of a worker. */
struct channels {
    struct loop_poller poller;
    struct loop *loop;
    struct fr_page *page; /* NULL: there is none, and no channel can be made */
    int page_fd;
    struct channel_list polled;
    struct channel *next; /* to be looked at */
    struct waiting waiting;
    unsigned count;   /* channels there are */
    bool is_sleeping; /* as the page says */
};

/* Make the page of a worker and have its loop look at channels. Without the system's support the
 * worker does without: channel_create fails. */
void channels_init(struct channels *channels, struct loop *loop);

/* Free it. No channel may be left. */
void channels_finish(struct channels *channels);

/* The channels of the worker whose loop it is; NULL: it has none. */
struct channels *channels_of(const struct loop *loop);

struct channel {
    struct carrier carrier;    /* of the bytes of a transport */
    TAILQ_ENTRY(channel) link; /* while polled */
    struct channels *channels;
    struct stats *stats;
    struct transport *transport;
    struct fr_channel_daemon end;
    int memory_fd; /* -1: handed out */
    int kick_fd;
    struct event kick;
    event_callback_fn on_readable; /* the transport's owner's */
    event_callback_fn on_writable;
    void *arg;
    uint64_t active_ms;
    uint64_t window;   /* the last one in which it had requests */
    uint64_t asked_us; /* when its oldest unanswered request came; 0: there is none, or it is old */
    uint32_t left;     /* has_ended: bytes of requests to be taken yet */
    bool is_open;
    bool is_polled;
    bool is_large;  /* replies lie, or lay, beyond the ring's first page */
    bool has_ended; /* the socket, or the client broke the contract: nothing more comes */
    bool is_gone;   /* nobody reads replies any more */
};

/* Have the channel that carries a client's transport count in other stats from now on. */
void channel_count_in(struct transport *transport, struct stats *stats);

/* Make a channel whose rings have these sizes, which counts in stats. NULL with errno when the
 * system refuses. */
struct channel *channel_create(struct channels *channels, struct stats *stats, uint32_t request_cap,
                               uint32_t reply_cap);

/* Fill in the descriptors to be given to the client; they stay the channel's. */
void channel_descriptors(const struct channel *channel, int fds[CHANNEL_DESCRIPTORS]);

/* Free a channel that carries nothing yet. NULL is fine. */
void channel_destroy(struct channel *channel);

/* ---- channel_waiting.c ---- */

void waiting_init(struct waiting *waiting);

/* A channel has brought requests; replies were written to it. What follows for how clients wait is
 * written into the page. */
void waiting_note_requests(struct channel *channel, uint64_t now_ms);
void waiting_note_replies(struct channel *channel);

/* No channel is polled any more. */
void waiting_note_silence(struct channels *channels);

/* What a channel asks takes long, or it ends. */
void waiting_forget(struct channel *channel);

/* Whether some of the busy channels have not asked yet, and will soon. */
bool waiting_expects_more(const struct waiting *waiting);

#endif
