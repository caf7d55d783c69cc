/* Giving a client memory to share. See attach.h. */
#include "daemon/attach.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>

#include "daemon/channel.h"
#include "daemon/log.h"

/* What the client asks for. */
struct wish {
    int64_t version;
    int64_t request_len;
    int64_t reply_len;
};

static bool read_wish(const struct call *call, struct wish *wish)
{
    int64_t *const numbers[] = {&wish->version, &wish->request_len, &wish->reply_len};
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    fr_words_next(&words, &word);
    fr_words_next(&words, &word);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (!fr_words_next(&words, &word) || !fr_parse_int64(word.data, word.len, numbers[i]) ||
            *numbers[i] < 0) {
            return false;
        }
    }
    return true;
}

/* The size of a ring for whoever wants so many bytes. */
static uint32_t ring_cap(const struct session *session, int64_t wanted)
{
    int64_t most = atomic_load(&session->pool->prefix->house->rings.size_most);
    uint32_t cap = FR_RING_CAP_MIN;
    while (cap < wanted && (int64_t)cap * 2 <= most && cap < FR_RING_CAP_MAX) {
        cap *= 2;
    }
    return cap;
}

/* Whose process the client is. False: it did not come over a Unix socket, or has attached. */
static bool can_share(const struct session *session, uid_t *uid)
{
    struct ucred peer;
    socklen_t len = sizeof peer;
    int family = 0;
    socklen_t family_len = sizeof family;
    int fd = session->transport.fd;
    if (session->transport.carrier != NULL || channels_of(session->pool->context.loop) == NULL ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &family_len) != 0 || family != AF_UNIX ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return false;
    }
    *uid = peer.uid;
    return true;
}

/* Replies written before belong to the socket's stream: they must be out before this one. */
static bool is_all_written(struct session *session)
{
    size_t len = evbuffer_get_length(session->out);
    size_t written = 0;
    if (len > 0) {
        transport_write(&session->transport, session->out, 0, len, &written);
        evbuffer_drain(session->out, written);
    }
    return written == len;
}

/* Send the reply and the descriptors in one piece. */
static bool hand_out(const struct session *session, const struct channel *channel,
                     const struct fr_channel_head *head)
{
    char text[96];
    int fds[CHANNEL_DESCRIPTORS];
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof fds)];
    } control;
    int len = snprintf(text, sizeof text, "*3\r\n:%d\r\n:%" PRIu32 "\r\n:%" PRIu32 "\r\n",
                       FR_CHANNEL_VERSION, head->request_cap, head->reply_cap);
    struct iovec piece = {text, (size_t)len};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    memset(&control, 0, sizeof control);
    channel_descriptors(channel, fds);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(rights), fds, sizeof fds);
    return sendmsg(session->transport.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == len;
}

static bool attach(struct session *session, const struct wish *wish)
{
    struct channel *channel =
        channel_create(channels_of(session->pool->context.loop), &session->pool->context.stats,
                       ring_cap(session, wish->request_len), ring_cap(session, wish->reply_len));
    if (channel == NULL || !is_all_written(session) ||
        !hand_out(session, channel, channel->end.head)) {
        log_debug("client %" PRIu64 " %s: no shared memory: %s", session->id,
                  session->pool->context.settings->name, strerror(errno));
        channel_destroy(channel);
        return false;
    }
    transport_attach(&session->transport, &channel->carrier);
    return true;
}

static enum routed refuse(struct session *session, const char *why)
{
    stats_count(&session->pool->context.stats, rings_refused);
    session_answer_error(session, "%s", why);
    return ROUTED;
}

enum routed attach_run(struct session *session, const struct call *call)
{
    struct prefix *prefix = session->pool->prefix;
    struct wish wish;
    char error[128];
    uid_t uid;
    if (!read_wish(call, &wish)) {
        return refuse(session, "ERR value is not an integer or out of range");
    }
    if (wish.version != FR_CHANNEL_VERSION) {
        snprintf(error, sizeof error, "ERR version %d of shared memory is spoken here",
                 FR_CHANNEL_VERSION);
        return refuse(session, error);
    }
    if (!can_share(session, &uid)) {
        return refuse(session, "ERR shared memory is for clients of the Unix socket, once");
    }
    if (call->behind_len > 0 || session_is_silent(session)) {
        return refuse(session, "ERR requests behind ATTACH, which must be the last of the socket");
    }
    const char *setting = ring_limits_take(&prefix->house->rings, &prefix->rings,
                                           session->pool->context.settings->rings, uid);
    if (setting != NULL) {
        stats_count(&session->pool->context.stats, errors_pooldeny);
        snprintf(error, sizeof error,
                 "POOLDENY no shared memory: as many clients have it as may (setting \"%s\")",
                 setting);
        return refuse(session, error);
    }
    if (!attach(session, &wish)) {
        ring_limits_give(&prefix->house->rings, &prefix->rings, uid);
        return refuse(session, "ERR the system has no memory to share");
    }
    session->has_ring = true;
    session->uid = uid;
    stats_count(&session->pool->context.stats, rings_attached);
    return ROUTED;
}

void attach_move(struct session *session, struct pool *from)
{
    if (session->has_ring) {
        quota_give(&from->prefix->rings);
        quota_take(&session->pool->prefix->rings, INT64_MAX);
        channel_count_in(&session->transport, &session->pool->context.stats);
    }
}

void attach_end(struct session *session)
{
    struct prefix *prefix = session->pool->prefix;
    if (session->has_ring) {
        session->has_ring = false;
        ring_limits_give(&prefix->house->rings, &prefix->rings, session->uid);
    }
}
