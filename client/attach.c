/* Asking for shared memory. The reply's first byte brings three descriptors; daemon/attach.h says
 * what the reply is. */
#include "client/attach.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/clock.h"
#include "client/wire.h"
#include "common/channel_layout.h"
#include "common/resp.h"

enum {
    REQUEST_LEN = 64 * 1024,
    REPLY_LEN = 64 * 1024,
    ANSWER_CAP = 1024
};

/* What has come of the answer. */
struct answer {
    char text[ANSWER_CAP];
    size_t len;
    int fds[FR_CHANNEL_FDS];
    size_t fd_count;
};

static bool ask(struct fr_wire *wire)
{
    char text[160], version[16], request_len[16], reply_len[16];
    int lens[] = {snprintf(version, sizeof(version), "%d", FR_CHANNEL_VERSION),
                  snprintf(request_len, sizeof(request_len), "%d", REQUEST_LEN),
                  snprintf(reply_len, sizeof(reply_len), "%d", REPLY_LEN)};
    int len = snprintf(text, sizeof(text),
                       "*5\r\n$10\r\nFLASKREDIS\r\n$6\r\nATTACH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n"
                       "$%d\r\n%s\r\n",
                       lens[0], version, lens[1], request_len, lens[2], reply_len);
    return fr_wire_send(wire, text, (size_t)len) == len;
}

/* Keep the descriptors of a message, at most as many as there is room for; others are closed. */
static void keep_descriptors(struct msghdr *message, struct answer *answer)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL;
         part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + i * sizeof(fd), sizeof(fd));
            if (answer->fd_count < FR_CHANNEL_FDS) {
                answer->fds[answer->fd_count++] = fd;
            } else {
                close(fd);
            }
        }
    }
}

static bool receive(struct fr_wire *wire, struct answer *answer)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(FR_CHANNEL_FDS * sizeof(int))];
    } control;
    struct iovec piece = {answer->text + answer->len, sizeof(answer->text) - answer->len};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t got = recvmsg(wire->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) {
        return got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK);
    }
    keep_descriptors(&message, answer);
    answer->len += (size_t)got;
    return true;
}

/* Wait for more of the answer; signals and answers in pieces do not make it longer. As poll(). */
static int wait_until(struct fr_wire *wire, int64_t deadline_ms)
{
    int ready;
    do {
        int64_t left_ms = deadline_ms - fr_now_ms();
        if (left_ms < 0) {
            return 0;
        }
        ready = fr_wire_wait(wire, false, left_ms > INT_MAX ? -1 : (int)left_ms);
    } while (ready < 0 && errno == EINTR);
    return ready;
}

/* Receive one whole reply and no more: ATTACHED, LOST, LATE. */
static enum fr_attached receive_answer(struct fr_wire *wire, int timeout_ms, struct answer *answer)
{
    int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : fr_now_ms() + timeout_ms;
    struct fr_reply framer = {0};
    enum fr_frame found = FR_FRAME_MORE;
    size_t seen = 0;
    while (found == FR_FRAME_MORE && answer->len < sizeof(answer->text)) {
        size_t taken = 0;
        int ready = wait_until(wire, deadline_ms);
        if (ready == 0) {
            return FR_ATTACH_LATE;
        }
        if (ready < 0 || !receive(wire, answer)) {
            return FR_ATTACH_LOST;
        }
        found = fr_reply_scan(&framer, answer->text + seen, answer->len - seen, &taken);
        seen += taken;
    }
    return found == FR_FRAME_DONE && seen == answer->len ? FR_ATTACHED : FR_ATTACH_LOST;
}

/* Read the three numbers; false: it is not the reply of a daemon that agrees. */
static bool read_answer(const struct answer *answer, int64_t numbers[3])
{
    static const char head[] = "*3\r\n";
    size_t head_len = sizeof(head) - 1;
    if (answer->len < head_len || memcmp(answer->text, head, head_len) != 0) {
        return false;
    }
    const char *at = answer->text + head_len;
    const char *end = answer->text + answer->len;
    for (int i = 0; i < 3; i++) {
        if (!fr_integer_take(&at, end, &numbers[i])) {
            return false;
        }
    }
    return numbers[0] == FR_CHANNEL_VERSION && numbers[1] > 0 && numbers[1] <= FR_RING_CAP_MAX &&
           numbers[2] > 0 && numbers[2] <= FR_RING_CAP_MAX;
}

static void close_descriptors(struct answer *answer)
{
    for (size_t i = 0; i < answer->fd_count; i++) {
        close(answer->fds[i]);
    }
}

/* Neither yes nor descriptors: the other side goes on over the socket. */
static enum fr_attached refused(const struct answer *answer)
{
    static const char unknown[] = "-ERR unknown ";
    bool is_known =
        answer->text[0] == '-' &&
        (answer->len < sizeof(unknown) || memcmp(answer->text, unknown, sizeof(unknown) - 1) != 0);
    return is_known ? FR_ATTACH_REFUSED : FR_ATTACH_UNKNOWN;
}

enum fr_attached fr_attach(struct fr_wire *wire, int timeout_ms)
{
    struct answer answer = {.len = 0};
    int64_t numbers[3] = {0};
    enum fr_attached answered =
        ask(wire) ? receive_answer(wire, timeout_ms, &answer) : FR_ATTACH_LOST;
    if (answered != FR_ATTACHED) {
        close_descriptors(&answer);
        return answered;
    }
    bool is_agreed = read_answer(&answer, numbers);
    if (!is_agreed && answer.fd_count == 0) {
        return refused(&answer);
    }
    if (!is_agreed || answer.fd_count != FR_CHANNEL_FDS) {
        /* the daemon has gone over, and we cannot: something between us passes on no descriptors,
         * or this process has as many as it may */
        close_descriptors(&answer);
        return FR_ATTACH_LOST;
    }
    wire->channel =
        fr_channel_open(answer.fds, wire->fd, (uint32_t)numbers[1], (uint32_t)numbers[2]);
    return wire->channel != NULL ? FR_ATTACHED : FR_ATTACH_LOST;
}
