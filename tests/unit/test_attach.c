/* What the library makes of the answer to ATTACH, whoever gives it, and of a channel whose daemon
 * does what it should not. */
#include "client/attach.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "client/wire.h"
#include "common/channel.h"
#include "tests/support/suite.h"

enum {
    CAP = FR_RING_CAP_MIN,
    FDS = 3,
    FDS_MOST = 8,
    TIMEOUT_MS = 10000,
    TICK_MS = 5,
    TICKS = 1000
};

static const char agreed[] = "*3\r\n:1\r\n:4096\r\n:4096\r\n";

static struct fr_wire wire = {.fd = -1};
static int peer = -1;
static int before; /* descriptors of this process */

static int descriptors(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    EXPECT(directory != NULL);
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

static void hang_up(void)
{
    if (peer >= 0) {
        close(peer);
        peer = -1;
    }
}

static void finish(void *unused)
{
    (void)unused;
    fr_wire_close(&wire);
    hang_up();
}

static void begin(void)
{
    int ends[2];
    finish(NULL);
    EXPECT_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    peer = ends[1];
    fr_wire_open(&wire, ends[0]);
    case_defer(finish, NULL);
    before = descriptors();
}

/* Have the other side answer, before it is asked. The descriptors are closed here. */
static void answer(const char *text, int *fds, size_t count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FDS_MOST * sizeof(int))];
    } control;
    struct iovec piece = {(char *)text, strlen(text)};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    memset(&control, 0, sizeof(control));
    if (count > 0) {
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
    }
    EXPECT_NUMBER(sendmsg(peer, &message, MSG_NOSIGNAL), piece.iov_len);
    for (size_t i = 0; i < count; i++) {
        close(fds[i]);
    }
}

static enum fr_attached attach(void)
{
    return fr_attach(&wire, TIMEOUT_MS);
}

static void expect_after(const char *text, enum fr_attached expected)
{
    begin();
    answer(text, NULL, 0);
    EXPECT_NUMBER(attach(), expected);
    EXPECT_NUMBER(descriptors(), before);
}

static void errors_and_garbage_leave_the_socket(void)
{
    expect_after("-POOLDENY no shared memory\r\n", FR_ATTACH_REFUSED);
    expect_after("-ERR unknown command 'FLASKREDIS'\r\n", FR_ATTACH_UNKNOWN);
    expect_after("+OK\r\n", FR_ATTACH_UNKNOWN);
    expect_after("*3\r\n:1\r\n:4096\r\n:0\r\n", FR_ATTACH_UNKNOWN);
}

static void what_is_no_reply_ends_the_connection(void)
{
    expect_after("nonsense\r\n", FR_ATTACH_LOST);
    expect_after("+OK\r\n+OK\r\n", FR_ATTACH_LOST);
}

static volatile sig_atomic_t ticks_left;

static void on_tick(int signal)
{
    static const struct itimerval never = {{0, 0}, {0, 0}};
    (void)signal;
    if (--ticks_left <= 0) {
        setitimer(ITIMER_REAL, &never, NULL);
    }
}

static void end_ticks(void *unused)
{
    (void)unused;
    ticks_left = 0;
    on_tick(SIGALRM);
}

static void signals_do_not_make_the_wait_longer(void)
{
    static const struct itimerval often = {{0, 1000 * TICK_MS}, {0, 1000 * TICK_MS}};
    struct sigaction action = {.sa_handler = on_tick};
    begin();
    ticks_left = TICKS;
    EXPECT_NUMBER(sigaction(SIGALRM, &action, NULL), 0);
    EXPECT_NUMBER(setitimer(ITIMER_REAL, &often, NULL), 0);
    case_defer(end_ticks, NULL);
    EXPECT_NUMBER(fr_attach(&wire, 4 * TICK_MS), FR_ATTACH_LATE);
    EXPECT(ticks_left > 0);
}

/* The daemon reads nothing more from the socket. */
static void descriptors_that_got_lost_end_the_connection(void)
{
    expect_after(agreed, FR_ATTACH_LOST);
}

static int memory(size_t len, int seals)
{
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    EXPECT(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
    EXPECT_NUMBER(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void unmap(void *mapping)
{
    munmap(mapping, fr_channel_len(CAP, CAP));
}

static void *map(int fd, size_t len)
{
    void *mapping = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    EXPECT(mapping != MAP_FAILED);
    return mapping;
}

/* What a daemon gives, which goes on using its end. */
static void offer(struct fr_channel_daemon *daemon, int seals, int fds[FDS])
{
    fds[0] = memory(fr_channel_len(CAP, CAP), seals);
    void *mapping = map(fds[0], fr_channel_len(CAP, CAP));
    case_defer(unmap, mapping);
    fr_channel_daemon_init(daemon, mapping, CAP, CAP);
    fds[1] = memory(FR_PAGE_LEN, seals);
    struct fr_page *page = map(fds[1], FR_PAGE_LEN);
    page->magic = FR_PAGE_MAGIC;
    page->version = FR_CHANNEL_VERSION;
    munmap(page, FR_PAGE_LEN);
    fds[2] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void descriptors_of_another_number_are_closed(void)
{
    struct fr_channel_daemon daemon;
    int fds[FDS_MOST];
    begin();
    for (size_t i = 0; i < FDS_MOST; i++) {
        fds[i] = fcntl(peer, F_DUPFD_CLOEXEC, 0);
    }
    answer(agreed, fds, FDS_MOST);
    EXPECT_NUMBER(attach(), FR_ATTACH_LOST);
    EXPECT_NUMBER(descriptors(), before);
    begin();
    offer(&daemon, F_SEAL_SHRINK, fds);
    answer(agreed, fds, FDS - 1);
    close(fds[FDS - 1]);
    EXPECT_NUMBER(attach(), FR_ATTACH_LOST);
    EXPECT_NUMBER(descriptors(), before);
    begin();
    offer(&daemon, F_SEAL_SHRINK, fds);
    answer("+OK\r\n", fds, FDS);
    EXPECT_NUMBER(attach(), FR_ATTACH_LOST);
    EXPECT_NUMBER(descriptors(), before);
}

static void bytes_pass_when_all_is_right(void)
{
    struct fr_channel_daemon daemon;
    char data[16];
    int fds[FDS];
    size_t count;
    uint32_t wakes;
    begin();
    offer(&daemon, F_SEAL_SHRINK, fds);
    answer(agreed, fds, FDS);
    EXPECT_NUMBER(attach(), FR_ATTACHED);
    EXPECT_NUMBER(fr_wire_send(&wire, "PING", 4), 4);
    EXPECT_NUMBER(fr_channel_take(&daemon, data, sizeof(data), &count, &wakes), FR_PASSED);
    EXPECT_NUMBER(count, 4);
    EXPECT_NUMBER(fr_channel_give(&daemon, "+PONG\r\n", 7, &count), FR_PASSED);
    fr_channel_publish(&daemon);
    EXPECT_NUMBER(fr_wire_receive(&wire, data, sizeof(data), TIMEOUT_MS), 7);
}

/* Cut off later, it would end the process that looks at it. */
static void memory_that_can_shrink_is_refused(void)
{
    struct fr_channel_daemon daemon;
    int fds[FDS];
    begin();
    offer(&daemon, F_SEAL_GROW, fds);
    answer(agreed, fds, FDS);
    EXPECT_NUMBER(attach(), FR_ATTACH_LOST);
    EXPECT_NUMBER(descriptors(), before);
}

/* Only who has closed takes nothing more. */
static void what_was_not_taken_is_lost_with_the_end_alone(void)
{
    struct fr_channel_daemon daemon;
    char data[16];
    int fds[FDS];
    begin();
    offer(&daemon, F_SEAL_SHRINK, fds);
    answer(agreed, fds, FDS);
    EXPECT_NUMBER(attach(), FR_ATTACHED);
    EXPECT_NUMBER(fr_wire_send(&wire, "PING", 4), 4);
    atomic_store(&daemon.head->reply_span, 2 * CAP);
    EXPECT_NUMBER(fr_wire_receive(&wire, data, sizeof(data), TIMEOUT_MS), -1);
    EXPECT_NUMBER(errno, EPROTO);
    EXPECT_NUMBER(fr_wire_lost(&wire), 0);
    atomic_store(&daemon.head->reply_span, 0);
    hang_up();
    EXPECT_NUMBER(fr_wire_receive(&wire, data, sizeof(data), TIMEOUT_MS), 0);
    EXPECT_NUMBER(fr_wire_lost(&wire), 4);
}

static const struct test_case cases[] = {
    {"errors, and what means nothing, leave the socket", errors_and_garbage_leave_the_socket},
    {"what is no reply ends the connection", what_is_no_reply_ends_the_connection},
    {"signals do not make the wait longer", signals_do_not_make_the_wait_longer},
    {"descriptors that got lost end the connection", descriptors_that_got_lost_end_the_connection},
    {"descriptors too many, too few, or for nothing are closed",
     descriptors_of_another_number_are_closed},
    {"bytes pass when all is right", bytes_pass_when_all_is_right},
    {"memory that can shrink is refused", memory_that_can_shrink_is_refused},
    {"what was not taken is lost with the other side's end alone",
     what_was_not_taken_is_lost_with_the_end_alone},
};

SUITE_MAIN("attach", cases)
