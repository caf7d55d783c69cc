/* Both ends of a channel with nothing but common/channel.h, and sleeps of their own without a time
 * limit: a wake-up that is lost is never made up for. The daemon's end sleeps as one that looks at
 * the channel by itself, or as one that has parked it; the client's on the futex or on the socket.
 */
#include "tests/stress/streams.h"

#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/channel.h"
#include "tests/support/noise.h"

static char piece[PIECE_MAX], taken[PIECE_MAX];

/* The page stands before the channel. */
static void *map(const struct pair *pair)
{
    size_t len = FR_PAGE_LEN + fr_channel_len(pair->caps[REQUESTS], pair->caps[REPLIES]);
    void *mapping = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, pair->memory_fd, 0);
    return mapping == MAP_FAILED ? NULL : mapping;
}

/* ------------------------------------------------------------------------------------- the client
 */

struct client {
    const struct pair *pair;
    struct fr_channel_client end;
    struct source source;
    struct sink sink;
};

/* As fr_channel_client_init, which refuses rings below FR_RING_CAP_MIN. */
static void begin_client(struct client *client, const struct pair *pair, char *mapping)
{
    struct fr_channel_head *head = (struct fr_channel_head *)(void *)(mapping + FR_PAGE_LEN);
    char *data = mapping + FR_PAGE_LEN + FR_CHANNEL_HEAD_LEN;
    client->pair = pair;
    client->end = (struct fr_channel_client){.head = head, .page = (const void *)mapping};
    fr_ring_init(&client->end.requests, data, pair->caps[REQUESTS], &head->request_span,
                 &head->request_head);
    fr_ring_init(&client->end.replies, data + pair->caps[REQUESTS], pair->caps[REPLIES],
                 &head->reply_span, &head->reply_head);
    source_begin(&client->source, pair, REQUESTS);
    sink_begin(&client->sink, pair, REPLIES);
}

static void kick(const struct client *client, bool is_needed)
{
    if (is_needed) {
        eventfd_write(client->pair->kick_fd, 1);
    }
}

static bool client_sends(struct client *client)
{
    struct fr_ring *ring = &client->end.requests;
    uint32_t len = source_piece(&client->source, ring->at, piece);
    size_t sent = 0;
    bool kicks = false;
    if (len == 0) {
        return false;
    }
    if (fr_channel_send(&client->end, piece, len, &sent, &kicks) == FR_PASSED_BAD) {
        end_fails(client->pair, REQUESTS, "no such room");
    }
    source_sent(&client->source, ring->at, (uint32_t)sent);
    kick(client, kicks);
    return sent > 0;
}

static bool client_receives(struct client *client)
{
    size_t count = 0;
    bool kicks = false;
    if (fr_channel_receive(&client->end, taken, sink_appetite(&client->sink), &count, &kicks) ==
        FR_PASSED_BAD) {
        end_fails(client->pair, REQUESTS, "no such replies");
    }
    sink_take(&client->sink, taken, (uint32_t)count);
    kick(client, kicks);
    return count > 0;
}

static void client_sleeps(struct client *client)
{
    uint32_t waits = (source_is_done(&client->source) ? 0 : FR_WAITS_ROOM) |
                     (sink_is_done(&client->sink) ? 0 : FR_WAITS_REPLY);
    bool polls = noise_pick(&client->sink.random, 2) == 0;
    struct pollfd ready = {client->pair->sockets[0], POLLIN, 0};
    char bytes[64];
    uint32_t events = fr_channel_begin_wait(&client->end, waits | (polls ? FR_WAITS_POLL : 0));
    if (fr_channel_has_come(&client->end, waits)) {
        fr_channel_end_wait(&client->end);
        return;
    }
    if (polls) {
        poll(&ready, 1, -1);
    } else {
        syscall(SYS_futex, &client->end.head->events, FUTEX_WAIT, events, NULL, NULL, 0);
    }
    fr_channel_end_wait(&client->end);
    while (polls && recv(ready.fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0) {
    }
}

void bare_client(void *context)
{
    const struct pair *pair = context;
    struct client client;
    char *mapping = map(pair);
    if (mapping == NULL) {
        end_fails(pair, REQUESTS, "no mapping");
    }
    begin_client(&client, pair, mapping);
    while (!source_is_done(&client.source) || !sink_is_done(&client.sink)) {
        bool has_sent = client_sends(&client);
        bool has_received = client_receives(&client);
        if (!has_sent && !has_received) {
            client_sleeps(&client);
        }
    }
}

/* ------------------------------------------------------------------------------------- the daemon
 */

struct daemon_end {
    const struct pair *pair;
    struct fr_channel_daemon end;
    struct fr_page *page;
    int epoll_fd;
    struct source source;
    struct sink sink;
};

static void wake(struct daemon_end *daemon, uint32_t waits)
{
    if (waits & FR_WAITS_POLL) {
        send(daemon->pair->sockets[1], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    } else if (waits != 0) {
        syscall(SYS_futex, &daemon->end.head->events, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

static bool daemon_takes(struct daemon_end *daemon)
{
    size_t count = 0;
    uint32_t wakes = 0;
    if (fr_channel_take(&daemon->end, taken, sink_appetite(&daemon->sink), &count, &wakes) ==
        FR_PASSED_BAD) {
        end_fails(daemon->pair, REPLIES, "no such requests");
    }
    sink_take(&daemon->sink, taken, (uint32_t)count);
    wake(daemon, wakes);
    return count > 0;
}

static bool daemon_gives(struct daemon_end *daemon)
{
    struct fr_ring *ring = &daemon->end.replies;
    uint32_t len = source_piece(&daemon->source, ring->at, piece);
    size_t given = 0;
    if (len == 0) {
        return false;
    }
    if (fr_channel_give(&daemon->end, piece, len, &given) == FR_PASSED_BAD) {
        end_fails(daemon->pair, REPLIES, "no such room");
    }
    source_sent(&daemon->source, ring->at, (uint32_t)given);
    if (given > 0) {
        wake(daemon, fr_channel_publish(&daemon->end));
    }
    return given > 0;
}

static bool has_work(struct daemon_end *daemon)
{
    return (!sink_is_done(&daemon->sink) && fr_channel_has_input(&daemon->end)) ||
           (!source_is_done(&daemon->source) && fr_channel_has_room(&daemon->end));
}

static void daemon_sleeps(struct daemon_end *daemon)
{
    bool parks = noise_pick(&daemon->sink.random, 2) == 0;
    struct epoll_event event;
    fr_channel_ask(&daemon->end, FR_ASKS_ROOM, !source_is_done(&daemon->source));
    if (parks) {
        fr_channel_ask(&daemon->end, FR_ASKS_INPUT, true);
    } else {
        fr_page_set_sleeping(daemon->page, true);
    }
    if (!has_work(daemon)) {
        epoll_wait(daemon->epoll_fd, &event, 1, -1);
    }
    fr_page_set_sleeping(daemon->page, false);
    fr_channel_ask(&daemon->end, FR_ASKS_INPUT | FR_ASKS_ROOM, false);
}

static void begin_daemon(struct daemon_end *daemon, const struct pair *pair, char *mapping)
{
    struct epoll_event input = {.events = EPOLLIN | EPOLLET};
    *daemon = (struct daemon_end){.pair = pair, .page = (struct fr_page *)(void *)mapping};
    daemon->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(daemon->epoll_fd, EPOLL_CTL_ADD, pair->kick_fd, &input);
    fr_channel_daemon_init(&daemon->end, mapping + FR_PAGE_LEN, pair->caps[REQUESTS],
                           pair->caps[REPLIES]);
    source_begin(&daemon->source, pair, REPLIES);
    sink_begin(&daemon->sink, pair, REQUESTS);
}

void bare_daemon(void *context)
{
    const struct pair *pair = context;
    struct daemon_end daemon;
    char *mapping = map(pair);
    if (mapping == NULL) {
        end_fails(pair, REPLIES, "no mapping");
    }
    begin_daemon(&daemon, pair, mapping);
    while (!source_is_done(&daemon.source) || !sink_is_done(&daemon.sink)) {
        bool has_given = daemon_gives(&daemon);
        bool has_taken = daemon_takes(&daemon);
        if (!has_given && !has_taken) {
            daemon_sleeps(&daemon);
        }
    }
}
