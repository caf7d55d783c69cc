/* Hostile clients. See hostile.h. None of them waits for the daemon, so each leaves the processor
 * to those who do. */
#include "tests/stress/hostile.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/noise.h"

static const char ping[] = "*1\r\n$4\r\nPING\r\n";
static const char get[] = "*2\r\n$3\r\nGET\r\n$7\r\n" HOSTILE_KEY "\r\n";

static void kick(const struct hostile *hostile)
{
    eventfd_write(hostile->rings->fds[RING_KICK], 1);
    sched_yield();
}

/* As an honest client would, as far as its ring is one. Returns how much was put in. */
static size_t put(const struct hostile *hostile, const char *data, size_t len)
{
    size_t sent = 0;
    bool kicks = false;
    fr_channel_send(&hostile->rings->end, data, len, &sent, &kicks);
    kick(hostile);
    return sent;
}

static _Noreturn void stand_still(void)
{
    for (;;) {
        pause();
    }
}

/* ------------------------------------------------------------------------------------- scribbling
 */

static void scribble(void *context)
{
    struct hostile *hostile = context;
    uint32_t *words = hostile->rings->mapping;
    uint32_t count = (uint32_t)(hostile->rings->len / sizeof(*words));
    for (;;) {
        uint32_t most = noise_pick(&hostile->random, 2) == 0 ? 128 : count;
        put(hostile, ping, sizeof(ping) - 1);
        for (int i = 0; i < 1000; i++) {
            words[noise_pick(&hostile->random, most)] = noise_pick(&hostile->random, UINT32_MAX);
        }
        kick(hostile);
    }
}

static void fill_with_ones(void *context)
{
    struct hostile *hostile = context;
    put(hostile, ping, sizeof(ping) - 1);
    for (;;) {
        memset(hostile->rings->mapping, 0xff, hostile->rings->len);
        kick(hostile);
        memset(hostile->rings->mapping, 0, hostile->rings->len);
        kick(hostile);
    }
}

/* Both halves of a span, and what was taken, by steps that might just be believed. */
static void move_positions(void *context)
{
    struct hostile *hostile = context;
    struct fr_channel_head *head = hostile->rings->end.head;
    uint32_t cap = hostile->rings->end.requests.cap;
    const uint32_t steps[] = {1, UINT32_MAX, cap, 0 - cap, cap + 1, cap / 2, 1u << 31, 1u << 30};
    for (;;) {
        uint64_t step = steps[noise_pick(&hostile->random, sizeof(steps) / sizeof(steps[0]))];
        uint32_t which = noise_pick(&hostile->random, 4);
        if (which == 0) {
            atomic_fetch_add(&head->reply_head, (uint32_t)step);
        } else if (which == 1) {
            put(hostile, get, sizeof(get) - 1);
        } else {
            atomic_fetch_add(&head->request_span, which == 2 ? step : step << 32);
        }
        kick(hostile);
    }
}

/* Between what can be and what cannot, as often as the daemon may look at it. */
static void *toggle(void *context)
{
    struct hostile *hostile = context;
    struct fr_channel_head *head = hostile->rings->end.head;
    uint32_t cap = hostile->rings->end.requests.cap;
    for (;;) {
        atomic_store(&head->request_span, sizeof(ping) - 1);
        atomic_store(&head->reply_head, 0);
        sched_yield();
        atomic_store(&head->request_span, (uint64_t)(sizeof(ping) - 1) << 32 | (cap + 100));
        atomic_store(&head->reply_head, UINT32_MAX / 2);
        atomic_store(&head->request_span, (uint64_t)cap << 32 | cap);
        atomic_store(&head->waits, UINT32_MAX);
    }
    return NULL;
}

static void change_between_two_looks(void *context)
{
    struct hostile *hostile = context;
    pthread_t thread;
    memcpy(hostile->rings->end.requests.data, ping, sizeof(ping) - 1);
    pthread_create(&thread, NULL, toggle, hostile);
    for (;;) {
        kick(hostile);
    }
}

/* ------------------------------------------------------------------------------ memory that
 * changes
 */

static void must_fail(const struct hostile *hostile, bool has_succeeded, const char *what)
{
    if (has_succeeded) {
        child_fail(hostile->wrong, hostile->wrong_cap, "a client can %s", what);
    }
}

/* What lies in a hole is zero: that is as if it had been written. */
static void cut_off(void *context)
{
    struct hostile *hostile = context;
    int memory = hostile->rings->fds[RING_MEMORY], page = hostile->rings->fds[RING_PAGE];
    int hole = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    for (;;) {
        put(hostile, ping, sizeof(ping) - 1);
        must_fail(hostile, ftruncate(memory, 0) == 0, "truncate its memory");
        must_fail(hostile, ftruncate(memory, 1 << 30) == 0, "let its memory grow");
        must_fail(hostile, fallocate(memory, 0, 0, 1 << 30) == 0, "let its memory grow");
        must_fail(hostile, fcntl(memory, F_ADD_SEALS, F_SEAL_WRITE) == 0, "seal its memory");
        must_fail(hostile, ftruncate(page, 0) == 0, "truncate the page of all");
        must_fail(hostile, fallocate(page, hole, 0, FR_PAGE_LEN) == 0, "empty the page of all");
        must_fail(hostile, pwrite(page, "x", 1, 0) == 1, "write to the page of all");
        fallocate(memory, hole, 0, (off_t)hostile->rings->len);
        kick(hostile);
    }
}

/* ----------------------------------------------------------------------------------------- staying
 */

/* Full rings, and nobody there any more. */
static void fill_and_stop(void *context)
{
    struct hostile *hostile = context;
    size_t len = sizeof(get) - 1, sent = 0;
    for (int vain = 0; vain < 1000; vain++) {
        size_t part = put(hostile, get + sent % len, len - sent % len);
        sent += part;
        vain = part > 0 ? 0 : vain;
    }
    raise(SIGSTOP);
}

static void break_off_and_stay(void *context)
{
    struct hostile *hostile = context;
    static const char blocks[] = "*3\r\n$5\r\nBLPOP\r\n$4\r\nnone\r\n$1\r\n0\r\n";
    put(hostile, blocks, sizeof(blocks) - 1);
    for (int i = 0; i < 100; i++) { /* which it is, by then */
        kick(hostile);
    }
    memset(hostile->rings->mapping, 0xff, hostile->rings->len);
    kick(hostile);
    stand_still();
}

static void announce_and_stay(void *context)
{
    static const char much[] = "*1000000\r\n$3\r\nSET\r\n$500000000\r\nx";
    put(context, much, sizeof(much) - 1);
    stand_still();
}

static void wish_for_everything_and_stay(void *context)
{
    struct hostile *hostile = context;
    put(hostile, get, sizeof(get) - 1);
    atomic_store(&hostile->rings->end.head->waits, UINT32_MAX);
    kick(hostile);
    stand_still();
}

static void leave_and_keep_the_memory(void *context)
{
    struct hostile *hostile = context;
    put(hostile, get, sizeof(get) - 1);
    close(hostile->rings->socket->fd);
    for (int i = 0; i < 100; i++) {
        put(hostile, ping, sizeof(ping) - 1);
    }
    stand_still();
}

static void half_close_and_stay(void *context)
{
    struct hostile *hostile = context;
    for (int i = 0; i < 10; i++) {
        put(hostile, get, sizeof(get) - 1);
    }
    shutdown(hostile->rings->socket->fd, SHUT_WR);
    stand_still();
}

/* ---------------------------------------------------------------------------------------- going on
 */

static _Noreturn void go_on(struct hostile *hostile)
{
    for (;;) {
        put(hostile, ping, sizeof(ping) - 1);
    }
}

static void go_on_without_a_socket(void *context)
{
    struct hostile *hostile = context;
    close(hostile->rings->socket->fd);
    go_on(hostile);
}

static void go_on_when_expelled(void *context)
{
    struct hostile *hostile = context;
    static const char nonsense[] = "*1\r\n$nonsense\r\n";
    put(hostile, nonsense, sizeof(nonsense) - 1);
    send(hostile->rings->socket->fd, "PING\r\n", 6, MSG_NOSIGNAL | MSG_DONTWAIT);
    go_on(hostile);
}

/* Parent and child believe that they are alone. */
static void fork_and_go_on(void *context)
{
    pid_t parent = getpid();
    if (fork() == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(0);
        }
    }
    go_on(context);
}

static void ask_and_never_read(void *context)
{
    for (;;) {
        put(context, get, sizeof(get) - 1);
    }
}

static void kick_for_nothing(void *context)
{
    for (;;) {
        kick(context);
    }
}

static void die_in_the_middle(void *context)
{
    static const char half[] = "*1\r\n$5\r\nMULTI\r\n*3\r\n$3\r\nSET\r\n$7\r\nhost";
    put(context, half, sizeof(half) - 1);
}

const struct hostile_kind hostile_kinds[] = {
    {"who scribbles over all of it", scribble, false},
    {"who fills it with ones and zeros", fill_with_ones, false},
    {"who moves positions", move_positions, false},
    {"who changes them between two looks", change_between_two_looks, false},
    {"who cuts it off", cut_off, false},
    {"who fills its rings and stops", fill_and_stop, true},
    {"who breaks off while it blocks, and stays", break_off_and_stay, true},
    {"who announces much, and stays", announce_and_stay, true},
    {"who wishes for everything, and stays", wish_for_everything_and_stay, true},
    {"who leaves and keeps its memory", leave_and_keep_the_memory, true},
    {"who half-closes without reading, and stays", half_close_and_stay, true},
    {"who goes on without a socket", go_on_without_a_socket, false},
    {"who goes on when it is expelled", go_on_when_expelled, false},
    {"who forks and goes on twice", fork_and_go_on, false},
    {"who asks and never reads", ask_and_never_read, false},
    {"who kicks for nothing", kick_for_nothing, false},
    {"who dies in the middle", die_in_the_middle, false},
};
const int hostile_kind_count = (int)(sizeof(hostile_kinds) / sizeof(hostile_kinds[0]));
