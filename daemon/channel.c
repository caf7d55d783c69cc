/* The channels of a worker. See channel.h. */
#include "daemon/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

/* How long the next to ask is waited for, before what others have asked goes on. */
#define GATHER_NS 3000

/* ------------------------------------------------------------------------------------------ memory
 */

/* Map a fresh memfd of this length, whose size nobody can change any more. With F_SEAL_FUTURE_WRITE
 * only this mapping can be written to. NULL with errno. */
static void *map_sealed(const char *name, size_t len, int more_seals, int *fd)
{
    *fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd < 0) {
        return NULL;
    }
    void *mapping = MAP_FAILED;
    if (ftruncate(*fd, (off_t)len) == 0) {
        mapping = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    }
    if (mapping != MAP_FAILED &&
        fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | more_seals) == 0) {
        return mapping;
    }
    int error = errno;
    if (mapping != MAP_FAILED) {
        munmap(mapping, len);
    }
    close(*fd);
    *fd = -1;
    errno = error;
    return NULL;
}

static struct channel *channel_of(struct carrier *carrier)
{
    return container_of(carrier, struct channel, carrier);
}

/* ----------------------------------------------------------------------------------------- looking
 */

static void poll_it(struct channel *channel)
{
    struct channels *channels = channel->channels;
    if (!channel->is_polled) {
        channel->is_polled = true;
        channel->active_ms = loop_now_ms();
        TAILQ_INSERT_TAIL(&channels->polled, channel, link);
        fr_channel_ask(&channel->end, FR_ASKS_INPUT, false);
    }
}

static void leave_polled(struct channel *channel)
{
    struct channels *channels = channel->channels;
    if (channel->is_polled) {
        channel->is_polled = false;
        if (channels->next == channel) {
            channels->next = TAILQ_NEXT(channel, link);
        }
        TAILQ_REMOVE(&channels->polled, channel, link);
        if (TAILQ_EMPTY(&channels->polled)) {
            waiting_note_silence(channels);
        }
    }
}

static bool has_work(struct channel *channel)
{
    const struct transport *transport = channel->transport;
    return (transport->is_reading && (channel->has_ended || fr_channel_has_input(&channel->end))) ||
           (transport->is_writing && (channel->is_gone || fr_channel_has_room(&channel->end)));
}

/* Give the memory back that large replies took, if the client has taken them. */
static void trim(struct channel *channel)
{
    struct fr_ring *replies = &channel->end.replies;
    uint32_t room = 0;
    if (channel->is_large && replies->cap > FR_PAGE_LEN && fr_ring_room(replies, &room) &&
        room == replies->cap) {
        madvise(replies->data + FR_PAGE_LEN, replies->cap - FR_PAGE_LEN, MADV_REMOVE);
        channel->is_large = false;
    }
}

static void park(struct channel *channel)
{
    leave_polled(channel);
    waiting_forget(channel);
    trim(channel);
    fr_channel_ask(&channel->end, FR_ASKS_INPUT, true);
    if (has_work(channel)) { /* it came before the client could know */
        poll_it(channel);
    }
}

/* One of the two: the other may free the channel, or is found at the next look. */
static void serve(struct channel *channel)
{
    const struct transport *transport = channel->transport;
    if (transport->is_writing && (channel->is_gone || fr_channel_has_room(&channel->end))) {
        channel->on_writable(transport->fd, EV_WRITE, channel->arg);
    } else {
        channel->on_readable(transport->fd, EV_READ, channel->arg);
    }
}

static bool look_at_each(struct channels *channels)
{
    bool had_work = false;
    struct channel *channel = TAILQ_FIRST(&channels->polled);
    uint64_t now_ms = channel == NULL ? 0 : loop_now_ms();
    for (; channel != NULL; channel = channels->next) {
        channels->next = TAILQ_NEXT(channel, link);
        if (has_work(channel)) {
            had_work = true;
            channel->active_ms = now_ms;
            waiting_note_requests(channel, now_ms);
            serve(channel);
        } else if (now_ms - channel->active_ms >= CHANNEL_QUIET_MS) {
            park(channel);
        }
    }
    return had_work;
}

/* Some have asked. Others are about to, as those whose replies went out together: what they ask
 * shall go to the server together again, and not one by one as each of them comes to run. */
static void gather(struct channels *channels)
{
    int64_t end_ns = loop_now_ns() + GATHER_NS;
    while (waiting_expects_more(&channels->waiting) && loop_give_way(channels->loop)) {
        unsigned before = channels->waiting.asking;
        look_at_each(channels);
        int64_t now_ns = loop_now_ns();
        if (channels->waiting.asking > before) {
            end_ns = now_ns + GATHER_NS;
        } else if (now_ns > end_ns) {
            return;
        }
    }
}

static bool look(struct loop_poller *poller)
{
    struct channels *channels = container_of(poller, struct channels, poller);
    bool had_work = look_at_each(channels);
    if (had_work) {
        gather(channels);
    }
    return had_work;
}

static bool prepare(struct loop_poller *poller)
{
    struct channels *channels = container_of(poller, struct channels, poller);
    struct channel *channel;
    if (TAILQ_EMPTY(&channels->polled)) {
        return true;
    }
    channels->is_sleeping = true;
    fr_page_set_sleeping(channels->page, true);
    TAILQ_FOREACH(channel, &channels->polled, link)
    {
        if (has_work(channel)) {
            return false;
        }
    }
    return true;
}

static void resume(struct loop_poller *poller)
{
    struct channels *channels = container_of(poller, struct channels, poller);
    if (channels->is_sleeping) {
        channels->is_sleeping = false;
        fr_page_set_sleeping(channels->page, false);
    }
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;
    (void)fd, (void)what;
    stats_count(channel->stats, ring_kicks);
    poll_it(channel);
}

/* -------------------------------------------------------------------------------------------- life
 */

static const struct carrier_ops carrier_ops;

void channels_init(struct channels *channels, struct loop *loop)
{
    *channels =
        (struct channels){.poller = {look, prepare, resume, false}, .loop = loop, .page_fd = -1};
    TAILQ_INIT(&channels->polled);
    channels->page =
        map_sealed("flaskredis page", FR_PAGE_LEN, F_SEAL_FUTURE_WRITE, &channels->page_fd);
    if (channels->page == NULL) {
        return;
    }
    channels->page->magic = FR_PAGE_MAGIC;
    channels->page->version = FR_CHANNEL_VERSION;
    waiting_init(&channels->waiting);
    loop->poller = &channels->poller;
}

void channels_finish(struct channels *channels)
{
    if (channels->page != NULL) {
        channels->loop->poller = NULL;
        munmap(channels->page, FR_PAGE_LEN);
        close(channels->page_fd);
    }
    *channels = (struct channels){.page_fd = -1};
}

struct channels *channels_of(const struct loop *loop)
{
    return loop->poller == NULL ? NULL : container_of(loop->poller, struct channels, poller);
}

struct channel *channel_create(struct channels *channels, struct stats *stats, uint32_t request_cap,
                               uint32_t reply_cap)
{
    if (channels->page == NULL) {
        errno = ENOSYS;
        return NULL;
    }
    struct channel *channel = memory_zeroed(sizeof *channel);
    channel->carrier.ops = &carrier_ops;
    channel->channels = channels;
    channel->stats = stats;
    channel->carrier.shared_len = fr_channel_len(request_cap, reply_cap);
    channel->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    void *mapping =
        channel->kick_fd < 0
            ? NULL
            : map_sealed("flaskredis channel", channel->carrier.shared_len, 0, &channel->memory_fd);
    if (mapping == NULL) {
        int error = errno;
        if (channel->kick_fd >= 0) {
            close(channel->kick_fd);
        }
        free(channel);
        errno = error;
        return NULL;
    }
    fr_channel_daemon_init(&channel->end, mapping, request_cap, reply_cap);
    event_assign(&channel->kick, channels->loop->base, channel->kick_fd,
                 EV_READ | EV_ET | EV_PERSIST, on_kick, channel);
    channels->count++;
    return channel;
}

void channel_count_in(struct transport *transport, struct stats *stats)
{
    channel_of(transport->carrier)->stats = stats;
}

void channel_descriptors(const struct channel *channel, int fds[CHANNEL_DESCRIPTORS])
{
    fds[CHANNEL_MEMORY] = channel->memory_fd;
    fds[CHANNEL_PAGE] = channel->channels->page_fd;
    fds[CHANNEL_KICK] = channel->kick_fd;
}

static void wake(struct channel *channel, uint32_t waits)
{
    struct fr_channel_head *head = channel->end.head;
    if (waits == 0) {
        return;
    }
    stats_count(channel->stats, ring_wakes);
    if (waits & FR_WAITS_POLL) {
        /* a full socket has bytes for the client to see already */
        ssize_t unused = send(channel->transport->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)unused;
    } else {
        syscall(SYS_futex, &head->events, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
}

void channel_destroy(struct channel *channel)
{
    if (channel == NULL) {
        return;
    }
    leave_polled(channel);
    waiting_forget(channel);
    event_del(&channel->kick);
    channel->channels->count--;
    if (channel->is_open) {
        event_del(&channel->transport->read_event);
        syscall(SYS_futex, &channel->end.head->events, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    }
    if (channel->memory_fd >= 0) {
        close(channel->memory_fd);
    }
    munmap(channel->end.head, channel->carrier.shared_len);
    close(channel->kick_fd);
    free(channel);
}

/* What is there by now is the last to be taken: who goes on sending would never come to an end. */
static void end_input(struct channel *channel)
{
    if (!channel->has_ended) {
        channel->has_ended = true;
        fr_ring_look(&channel->end.requests, &channel->left);
    }
}

/* The socket has ended, or there are bytes on it that have no business there. */
static void on_life(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;
    char byte;
    (void)what;
    ssize_t got = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    end_input(channel);
    channel->is_gone = got != 0 || transport_has_hung_up(channel->transport);
    if (channel->is_gone) {
        event_del(&channel->transport->read_event);
    }
    poll_it(channel);
}

static void open_channel(struct carrier *carrier, struct transport *transport)
{
    struct channel *channel = channel_of(carrier);
    struct event *read_event = &transport->read_event;
    channel->transport = transport;
    channel->is_open = true;
    channel->on_readable = event_get_callback(read_event);
    channel->on_writable = event_get_callback(&transport->write_event);
    channel->arg = event_get_callback_arg(read_event);
    close(channel->memory_fd); /* the mappings are enough */
    channel->memory_fd = -1;
    /* each change once: behind the end of what it sends, a client can still go */
    event_assign(read_event, transport->loop->base, transport->fd, EV_READ | EV_ET | EV_PERSIST,
                 on_life, channel);
    event_add(read_event, NULL);
    event_add(&channel->kick, NULL);
    poll_it(channel);
}

static void want(struct carrier *carrier)
{
    struct channel *channel = channel_of(carrier);
    fr_channel_ask(&channel->end, FR_ASKS_ROOM, channel->transport->is_writing);
    if (!channel->is_polled && has_work(channel)) {
        poll_it(channel);
    }
}

/* ------------------------------------------------------------------------------------------- bytes
 */

/* The client wrote what cannot be. */
static enum transport_outcome give_up(struct channel *channel)
{
    if (!channel->is_gone) {
        stats_count(channel->stats, rings_broken);
    }
    channel->has_ended = channel->is_gone = true;
    errno = EPROTO;
    return TRANSPORT_FAILED;
}

static enum transport_outcome read_requests(struct carrier *carrier, void *to, size_t cap,
                                            size_t *count)
{
    struct channel *channel = channel_of(carrier);
    uint32_t wakes = 0;
    size_t most = channel->has_ended && channel->left < cap ? channel->left : cap;
    enum fr_passed passed = fr_channel_take(&channel->end, to, most, count, &wakes);
    if (passed == FR_PASSED_BAD) {
        return give_up(channel);
    }
    if (passed == FR_PASSED_NO) {
        return channel->has_ended ? TRANSPORT_END : TRANSPORT_AGAIN;
    }
    channel->left -= channel->has_ended ? (uint32_t)*count : 0;
    wake(channel, wakes);
    return TRANSPORT_OK;
}

static enum transport_outcome write_replies(struct carrier *carrier, const struct iovec *pieces,
                                            size_t piece_count, size_t *count)
{
    struct channel *channel = channel_of(carrier);
    enum fr_passed passed = FR_PASSED;
    bool is_whole = true;
    *count = 0;
    if (channel->is_gone) {
        errno = EPIPE;
        return TRANSPORT_FAILED;
    }
    /* behind a piece that did not fit nothing may follow, also if there is room again by now */
    for (size_t i = 0; i < piece_count && passed == FR_PASSED && is_whole; i++) {
        size_t given = 0;
        passed = fr_channel_give(&channel->end, pieces[i].iov_base, pieces[i].iov_len, &given);
        *count += given;
        is_whole = given == pieces[i].iov_len;
    }
    if (passed == FR_PASSED_BAD) {
        return give_up(channel);
    }
    if (*count == 0) {
        return TRANSPORT_AGAIN;
    }
    channel->is_large = channel->is_large || *count > FR_PAGE_LEN ||
                        (channel->end.replies.at & (channel->end.replies.cap - 1)) > FR_PAGE_LEN;
    wake(channel, fr_channel_publish(&channel->end));
    waiting_note_replies(channel);
    return TRANSPORT_OK;
}

static void close_channel(struct carrier *carrier)
{
    channel_destroy(channel_of(carrier));
}

static const struct carrier_ops carrier_ops = {.open = open_channel,
                                               .want = want,
                                               .read = read_requests,
                                               .write = write_replies,
                                               .close = close_channel};
