/* Shared memory with the daemon, as one connection of the library has it.
 *
 * Waiting for a reply goes through three stages, each for longer waits than the one before:
 *
 *   looking    for as long as the daemon's page says that it may be worth it; what was in vain
 * costs waits in which it is left out a futex    for WAIT_FUTEX_MS at most: the cheapest sleep, but
 * the daemon's end does not wake it the socket on which the daemon sends a byte to wake us; its end
 * is seen there, too
 */
#include "client/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/clock.h"
#include "common/channel.h"

enum {
    WAIT_FUTEX_MS = 20,
    SPIN_MOST_NS = 200000, /* whatever the page says */
    YIELDS_MOST = 16,
    PENALTY_MOST = 1024,
    KEEP_LEN = 8192 /* of the ring of requests, for the next ones */
};

struct fr_channel {
    struct fr_channel_client end;
    size_t len;
    int socket;
    int kick_fd;
    unsigned penalty;  /* waits to leave out looking after the next time in vain */
    unsigned left_out; /* of them, still to come */
    uint32_t touched;  /* so far into the ring of requests bytes were put */
    bool has_ended;
};

/* --- life ------------------------------------------------------------------------------------- */

/* Map a descriptor that has this length for good: memory that is cut off would end the process. A
 * child after fork() does not get the mapping. */
static void *map(int fd, size_t len, int protection)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) != 0 ||
        status.st_size != (off_t)len) {
        return NULL;
    }
    void *mapping = mmap(NULL, len, protection, MAP_SHARED, fd, 0);
    if (mapping == MAP_FAILED) {
        return NULL;
    }
    if (madvise(mapping, len, MADV_DONTFORK) != 0) {
        munmap(mapping, len);
        return NULL;
    }
    return mapping;
}

static bool map_both(struct fr_channel *channel, const int fds[FR_CHANNEL_FDS])
{
    void *memory = map(fds[FR_CHANNEL_FD_MEMORY], channel->len, PROT_READ | PROT_WRITE);
    const struct fr_page *page = map(fds[FR_CHANNEL_FD_PAGE], FR_PAGE_LEN, PROT_READ);
    if (memory != NULL && page != NULL &&
        fr_channel_client_init(&channel->end, memory, channel->len, page)) {
        return true;
    }
    if (memory != NULL) {
        munmap(memory, channel->len);
    }
    if (page != NULL) {
        munmap((void *)page, FR_PAGE_LEN);
    }
    return false;
}

struct fr_channel *fr_channel_open(const int fds[FR_CHANNEL_FDS], int socket, uint32_t request_cap,
                                   uint32_t reply_cap)
{
    struct fr_channel *channel = calloc(1, sizeof(*channel));
    bool is_good = false;
    if (channel != NULL && fr_ring_cap_is_valid(request_cap) && fr_ring_cap_is_valid(reply_cap)) {
        channel->socket = socket;
        channel->kick_fd = fds[FR_CHANNEL_FD_KICK];
        channel->len = fr_channel_len(request_cap, reply_cap);
        is_good = map_both(channel, fds) && channel->end.requests.cap == request_cap;
    }
    close(fds[FR_CHANNEL_FD_MEMORY]);
    close(fds[FR_CHANNEL_FD_PAGE]);
    if (!is_good) {
        close(fds[FR_CHANNEL_FD_KICK]);
        free(channel);
        return NULL;
    }
    return channel;
}

void fr_channel_close(struct fr_channel *channel)
{
    if (channel == NULL) {
        return;
    }
    if (channel->kick_fd >= 0) { /* else all of this is the parent's */
        munmap(channel->end.head, channel->len);
        munmap((void *)channel->end.page, FR_PAGE_LEN);
        close(channel->kick_fd);
    }
    free(channel);
}

void fr_channel_forked(struct fr_channel *channel)
{
    if (channel->kick_fd >= 0) {
        close(channel->kick_fd);
        channel->kick_fd = -1;
    }
}

/* --- bytes ------------------------------------------------------------------------------------ */

static void kick(struct fr_channel *channel, bool is_needed)
{
    if (is_needed) {
        eventfd_write(channel->kick_fd, 1);
    }
}

static ssize_t fail(int error)
{
    errno = error;
    return -1;
}

ssize_t fr_channel_write(struct fr_channel *channel, const char *data, size_t len)
{
    const struct fr_ring *ring = &channel->end.requests;
    size_t sent = 0;
    bool kicks = false;
    if (channel->has_ended) {
        return fail(EPIPE);
    }
    enum fr_passed passed = fr_channel_send(&channel->end, data, len, &sent, &kicks);
    if (passed != FR_PASSED) {
        return fail(passed == FR_PASSED_NO ? EAGAIN : EPROTO);
    }
    uint32_t end = (ring->at - 1) & (ring->cap - 1);
    channel->touched =
        end < sent - 1 ? ring->cap : (end > channel->touched ? end : channel->touched);
    kick(channel, kicks);
    return (ssize_t)sent;
}

ssize_t fr_channel_read(struct fr_channel *channel, char *to, size_t cap)
{
    size_t received = 0;
    bool kicks = false;
    enum fr_passed passed = fr_channel_receive(&channel->end, to, cap, &received, &kicks);
    if (passed == FR_PASSED_NO && channel->has_ended) {
        return 0; /* the daemon closes behind its last bytes */
    }
    if (passed != FR_PASSED) {
        return fail(passed == FR_PASSED_NO ? EAGAIN : EPROTO);
    }
    kick(channel, kicks);
    return (ssize_t)received;
}

size_t fr_channel_left(const struct fr_channel *channel)
{
    return channel->has_ended ? fr_channel_untaken(&channel->end) : 0;
}

void fr_channel_trim(struct fr_channel *channel)
{
    const struct fr_ring *ring = &channel->end.requests;
    if (channel->touched >= KEEP_LEN && fr_channel_untaken(&channel->end) == 0) {
        madvise(ring->data + KEEP_LEN, ring->cap - KEEP_LEN, MADV_REMOVE);
        channel->touched = 0;
    }
}

/* --- waiting ---------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* How long to look before sleeping; 0: not at all. */
static uint32_t spin_ns(struct fr_channel *channel)
{
    uint32_t ns = atomic_load_explicit(&channel->end.page->spin_ns, memory_order_relaxed);
    if (ns == 0) {
        return 0;
    }
    if (channel->left_out > 0) {
        channel->left_out--;
        return 0;
    }
    return ns < SPIN_MOST_NS ? ns : SPIN_MOST_NS;
}

/* Look for what is waited for until it comes, or the time is over. In between whoever else wants
 * this core runs, for it may be the one waited for. */
static bool spin(struct fr_channel *channel, uint32_t waits)
{
    uint32_t ns = spin_ns(channel);
    if (ns == 0) {
        return fr_channel_has_come(&channel->end, waits);
    }
    int64_t end_ns = now_ns() + ns;
    bool has_come, is_late = false;
    while (!(has_come = fr_channel_has_come(&channel->end, waits)) && !is_late) {
        sched_yield();
        is_late = now_ns() >= end_ns;
    }
    if (is_late) {
        channel->penalty =
            channel->penalty < PENALTY_MOST ? channel->penalty * 2 + 1 : PENALTY_MOST;
        channel->left_out = channel->penalty;
    } else {
        channel->penalty /= 2;
    }
    return has_come;
}

/* Where many clients take turns on a core, the reply may be there at the next turn, and being woken
 * for it would cost more than all the rest. */
static bool give_way(struct fr_channel *channel, uint32_t waits)
{
    uint32_t yields = atomic_load_explicit(&channel->end.page->yields, memory_order_relaxed);
    for (uint32_t i = 0; i < yields && i < YIELDS_MOST; i++) {
        sched_yield();
        if (fr_channel_has_come(&channel->end, waits)) {
            return true;
        }
    }
    return false;
}

/* Take the bytes that woke us, and note the end behind them. */
static void look_at_socket(struct fr_channel *channel)
{
    char bytes[64];
    ssize_t got;
    do {
        got = recv(channel->socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    } while (got > 0 || (got < 0 && errno == EINTR));
    if (got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) {
        channel->has_ended = true;
    }
}

static bool is_ready(struct fr_channel *channel, uint32_t waits)
{
    return channel->has_ended || fr_channel_has_come(&channel->end, waits);
}

/* Sleep on the futex; false: a signal came. */
static bool sleep_on_futex(struct fr_channel *channel, uint32_t waits, int ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};
    uint32_t events = fr_channel_begin_wait(&channel->end, waits);
    long got = 0;
    if (!is_ready(channel, waits)) {
        got = syscall(SYS_futex, &channel->end.head->events, FUTEX_WAIT, events, &time, NULL, 0);
    }
    int reason = errno;
    fr_channel_end_wait(&channel->end);
    errno = reason;
    return got == 0 || reason != EINTR;
}

/* Sleep on the socket. */
static bool sleep_on_socket(struct fr_channel *channel, uint32_t waits, int ms)
{
    struct pollfd ready = {channel->socket, POLLIN, 0};
    int got = 0;
    fr_channel_begin_wait(&channel->end, waits | FR_WAITS_POLL);
    if (!is_ready(channel, waits)) {
        got = poll(&ready, 1, ms);
    }
    int reason = errno;
    fr_channel_end_wait(&channel->end);
    if (got > 0) {
        look_at_socket(channel);
    }
    errno = reason;
    return got >= 0 || reason != EINTR;
}

/* Nothing came in time. Who never waits for long enough to sleep on the socket would not see the
 * daemon's end either. */
static int come_late(struct fr_channel *channel, uint32_t waits)
{
    look_at_socket(channel);
    return is_ready(channel, waits);
}

int fr_channel_wait(struct fr_channel *channel, bool wants_room, int timeout_ms)
{
    uint32_t waits = FR_WAITS_REPLY | (wants_room ? FR_WAITS_ROOM : 0);
    if (timeout_ms == 0) {
        return is_ready(channel, waits) || come_late(channel, waits);
    }
    if (spin(channel, waits) || give_way(channel, waits)) {
        return 1;
    }
    int64_t since_ms = fr_now_ms();
    int first_ms = timeout_ms < 0 || timeout_ms > WAIT_FUTEX_MS ? WAIT_FUTEX_MS : timeout_ms;
    for (int64_t waited_ms = 0; !is_ready(channel, waits); waited_ms = fr_now_ms() - since_ms) {
        bool is_late = timeout_ms >= 0 && waited_ms >= timeout_ms;
        if (is_late) {
            return come_late(channel, waits);
        }
        int left_ms = timeout_ms < 0 ? -1 : (int)(timeout_ms - waited_ms);
        bool was_slept = waited_ms < first_ms
                             ? sleep_on_futex(channel, waits, first_ms - (int)waited_ms)
                             : sleep_on_socket(channel, waits, left_ms);
        if (!was_slept) {
            return -1;
        }
    }
    return 1;
}

bool fr_channel_arm(struct fr_channel *channel)
{
    look_at_socket(channel);
    fr_channel_begin_wait(&channel->end, FR_WAITS_REPLY | FR_WAITS_POLL);
    return !is_ready(channel, FR_WAITS_REPLY);
}
