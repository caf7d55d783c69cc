/* Shared memory as a client has it. See rings.h. */
#include "tests/support/rings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/resp.h"
#include "tests/support/process.h"

static char refusal[512];

const char *rings_refusal(void)
{
    return refusal;
}

void rings_close(struct rings *rings)
{
    client_close(rings->socket);
    for (int i = 0; i < RING_DESCRIPTORS; i++) {
        if (rings->fds[i] >= 0) {
            close(rings->fds[i]);
            rings->fds[i] = -1;
        }
    }
    if (rings->mapping != NULL) {
        munmap(rings->mapping, rings->len);
        munmap((void *)rings->page, FR_PAGE_LEN);
        rings->mapping = NULL;
    }
    bytes_finish(&rings->in);
}

static void release(void *rings)
{
    rings_close(rings);
}

/* The reply, with its descriptors if any. */
static void receive(struct rings *rings)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(rings->fds))];
    } control;
    struct iovec piece = {refusal, sizeof(refusal) - 1};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    client_wait_readable(rings->socket);
    ssize_t got = recvmsg(rings->socket->fd, &message, MSG_CMSG_CLOEXEC);
    EXPECT(got > 0);
    refusal[got] = '\0';
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    if (rights != NULL) {
        EXPECT_NUMBER(rights->cmsg_len, CMSG_LEN(sizeof(rings->fds)));
        memcpy(rings->fds, CMSG_DATA(rights), sizeof(rings->fds));
    }
}

static void map(struct rings *rings)
{
    unsigned version, request_cap, reply_cap;
    EXPECT_NUMBER(sscanf(refusal, "*3\r\n:%u\r\n:%u\r\n:%u", &version, &request_cap, &reply_cap),
                  3);
    rings->len = fr_channel_len(request_cap, reply_cap);
    rings->mapping =
        mmap(NULL, rings->len, PROT_READ | PROT_WRITE, MAP_SHARED, rings->fds[RING_MEMORY], 0);
    rings->page = mmap(NULL, FR_PAGE_LEN, PROT_READ, MAP_SHARED, rings->fds[RING_PAGE], 0);
    EXPECT(rings->mapping != MAP_FAILED && rings->page != MAP_FAILED);
    EXPECT(fr_channel_client_init(&rings->end, rings->mapping, rings->len, rings->page));
}

struct rings *rings_try_attach(const struct daemon *pooler, unsigned request_cap,
                               unsigned reply_cap)
{
    struct rings *rings = case_alloc(sizeof(*rings));
    rings->socket = daemon_client(pooler, "redis");
    for (int i = 0; i < RING_DESCRIPTORS; i++) {
        rings->fds[i] = -1;
    }
    case_defer(release, rings);
    client_send(rings->socket, "FLASKREDIS ATTACH 1 %u %u", request_cap, reply_cap);
    receive(rings);
    if (rings->fds[0] < 0) {
        return NULL;
    }
    map(rings);
    return rings;
}

struct rings *rings_attach(const struct daemon *pooler, unsigned cap)
{
    struct rings *rings = rings_try_attach(pooler, cap, cap);
    if (rings == NULL) {
        FAIL("no shared memory: %s", refusal);
    }
    return rings;
}

void rings_kick(const struct rings *rings)
{
    EXPECT_NUMBER(eventfd_write(rings->fds[RING_KICK], 1), 0);
}

size_t rings_put(struct rings *rings, const char *data, size_t len)
{
    size_t sent = 0;
    bool kicks = false;
    EXPECT(fr_channel_send(&rings->end, data, len, &sent, &kicks) != FR_PASSED_BAD);
    if (kicks) {
        rings_kick(rings);
    }
    return sent;
}

void rings_send(struct rings *rings, const char *line)
{
    struct bytes request = {0};
    bytes_add_request(&request, line);
    EXPECT_NUMBER(rings_put(rings, request.data, request.len), request.len);
    bytes_finish(&request);
}

static bool take(void *context)
{
    struct rings *rings = context;
    char data[4096];
    size_t count = 0;
    bool kicks = false;
    EXPECT(fr_channel_receive(&rings->end, data, sizeof(data), &count, &kicks) != FR_PASSED_BAD);
    bytes_add(&rings->in, data, count);
    if (kicks) {
        rings_kick(rings);
    }
    return rings->in.len > 0 && reply_frame_len(rings->in.data, rings->in.len) > 0;
}

const char *rings_read(struct rings *rings)
{
    if (!wait_until(take, rings, patience_ms())) {
        FAIL("no reply came through shared memory");
    }
    size_t len = (size_t)reply_frame_len(rings->in.data, rings->in.len);
    char *reply = case_alloc(len + 1);
    memcpy(reply, rings->in.data, len);
    memmove(rings->in.data, rings->in.data + len, rings->in.len - len);
    rings->in.len -= len;
    return reply;
}

static bool has_ended(void *client)
{
    return client_has_ended(client);
}

bool rings_end(struct rings *rings)
{
    return wait_until(has_ended, rings->socket, patience_ms());
}
