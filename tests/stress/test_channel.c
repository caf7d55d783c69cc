/* Two processes, a pair of rings between them, and somebody who stops them at any time: every byte
 * comes, once and in order, and nobody sleeps for ever.
 *
 *   CHECK_STRESS_SECONDS   how long; once through all sizes unless set
 *   STRESS_SEED            printed */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "tests/stress/streams.h"
#include "tests/support/noise.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    CAP_MAX = 64 * 1024,
    ROUNDS_OF_RING = 1000, /* times that a ring is filled, and no fewer bytes than: */
    BYTES_LEAST = 10000,
    BYTES_MOST = 8 * 1024 * 1024
};

static void close_pair(void *what)
{
    struct pair *pair = what;
    int *const fds[] = {&pair->sockets[0], &pair->sockets[1], &pair->memory_fd, &pair->kick_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0) {
            close(*fds[i]);
            *fds[i] = -1;
        }
    }
}

static int64_t bytes_to_pass(uint32_t cap)
{
    int64_t bytes = (int64_t)cap * ROUNDS_OF_RING;
    bytes = bytes < BYTES_LEAST ? BYTES_LEAST : bytes;
    return bytes > BYTES_MOST ? BYTES_MOST : bytes;
}

static void open_pair(struct pair *pair)
{
    size_t len = FR_PAGE_LEN + fr_channel_len(pair->caps[REQUESTS], pair->caps[REPLIES]);
    memset(pair->board, 0, sizeof(*pair->board));
    pair->memory_fd = memfd_create("streams", MFD_CLOEXEC);
    pair->kick_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    EXPECT(pair->memory_fd >= 0 && pair->kick_fd >= 0);
    EXPECT_NUMBER(ftruncate(pair->memory_fd, (off_t)len), 0);
    EXPECT_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair->sockets), 0);
}

static int64_t wrapped; /* pieces that went over the end of a ring */

/* Once through all sizes; every other time the two rings have different ones. */
static void pass(struct pair *pair, uint32_t least, uint64_t seed, void (*client)(void *pair),
                 void (*daemon)(void *pair))
{
    uint64_t random = seed;
    for (uint32_t cap = least; cap <= CAP_MAX; cap *= 2) {
        uint32_t sizes = (uint32_t)__builtin_ctz(CAP_MAX / least) + 1;
        bool differ = noise_pick(&random, 2) == 0;
        uint32_t other = differ ? least << noise_pick(&random, sizes) : cap;
        uint32_t way = noise_pick(&random, WAYS);
        pair->caps[way] = cap;
        pair->caps[WAYS - 1 - way] = other;
        pair->total = bytes_to_pass(cap < other ? cap : other);
        pair->seed = noise_mix(seed, cap);
        open_pair(pair);
        conduct(pair, client, daemon);
        wrapped += pair->board->wrapped[REQUESTS] + pair->board->wrapped[REPLIES];
        close_pair(pair);
    }
}

static void pass_until_the_time_is_over(uint32_t least, void (*client)(void *pair),
                                        void (*daemon)(void *pair))
{
    struct pair *pair = case_alloc(sizeof(*pair));
    *pair = (struct pair){.sockets = {-1, -1},
                          .memory_fd = -1,
                          .kick_fd = -1,
                          .board = children_share(sizeof(*pair->board))};
    case_defer(close_pair, pair);
    uint64_t seed = noise_seed();
    int64_t until_ms = now_ms() + stress_ms(0) / 2;
    int rounds = 0;
    wrapped = 0;
    do {
        pass(pair, least, noise_mix(seed, (uint64_t)rounds++), client, daemon);
    } while (now_ms() < until_ms);
    printf("(%d times) ", rounds);
}

static void bare_ends_lose_nothing(void)
{
    pass_until_the_time_is_over(1, bare_client, bare_daemon);
    printf("(%lld pieces over the end of a ring) ", (long long)wrapped);
    EXPECT_BETWEEN(wrapped, 100, INT64_MAX);
}

static void real_ends_lose_nothing(void)
{
    pass_until_the_time_is_over(FR_RING_CAP_MIN, real_client, real_daemon);
}

static const struct test_case cases[] = {
    {"rings of every size from one byte on pass two streams at once, whoever stops, and no wake-up "
     "is lost",
     bare_ends_lose_nothing},
    {"so do the library's end and the daemon's, with every size that they may have",
     real_ends_lose_nothing},
};

SUITE_MAIN("channel", cases)
