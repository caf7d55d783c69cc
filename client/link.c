/* The conversation on a wire.
 *
 *   commands --encode--> out --send--> (wire) --receive--> in --framer--> replies
 *
 * A socket blocks; its receive timeout is the longest wait, so an exchange costs two system calls,
 * and one over shared memory none. Only when the peer does not take all at once, which a long
 * pipeline makes happen, are both directions served by turns: a peer that waits for its replies to
 * be read must not be waited for.
 *
 * What is known when a connection breaks decides whether a command may be sent again:
 *
 *   not all was written   a command without its end is never executed
 *   not all was taken     the same, of the ring of shared memory, once the daemon has closed
 *   anything else         the peer may have read, and executed, everything; ECONNRESET proves
 *                         nothing, for bytes may be looked at without being taken (MSG_PEEK)
 */
#include "client/link.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/blocking.h"
#include "client/clock.h"
#include "client/error.h"
#include "client/reply.h"
#include "client/sharing.h"
#include "client/wire.h"
#include "client/words.h"
#include "common/resp.h"

enum {
    READ_STEP = 16 * 1024,
    KEEP_MAX = 128 * 1024, /* a buffer that grew beyond is given back when it is empty */
    HEAD_MAX = 24          /* "$" or "*", a number, CR LF */
};

struct buffer {
    char *data;
    size_t len, cap;
};

struct fr_link {
    struct fr_wire wire;
    int timeout_ms;             /* for each answer; -1: for ever */
    struct fr_sharing *sharing; /* NULL: never again */
    unsigned until_sharing;     /* exchanges until shared memory is asked for */
    bool is_queueing;           /* in MULTI, as far as that is looked at */
    bool is_polled;             /* the program waits on a descriptor */
    int ready_fd;               /* always readable, -1: not needed yet */
    redisReply *ready;          /* for fr_link_receive to hand out, which that one stands for */
    struct buffer out;
    struct buffer in;
    size_t frame_at; /* in in: where the reply that comes next begins */
    size_t seen;     /* in in: how far the framer has looked */
    struct fr_reply framer;
};

/* --- life ------------------------------------------------------------------------------------- */

FlaskRedisStatus fr_link_open(int fd, int timeout_ms, struct fr_link **link)
{
    *link = calloc(1, sizeof(**link));
    if (*link == NULL) {
        close(fd);
        return fr_fail_memory();
    }
    fr_wire_open(&(*link)->wire, fd);
    (*link)->timeout_ms = timeout_ms;
    (*link)->ready_fd = -1;
    return FLASK_REDIS_OK;
}

static void close_ready(struct fr_link *link)
{
    if (link->ready_fd >= 0) {
        close(link->ready_fd);
        link->ready_fd = -1;
    }
}

void fr_link_forked(struct fr_link *link)
{
    fr_wire_forked(&link->wire);
    close_ready(link);
}

void fr_link_close(struct fr_link *link)
{
    if (link != NULL) {
        fr_wire_close(&link->wire);
        close_ready(link);
        flask_redis_reply_free(link->ready);
        free(link->out.data);
        free(link->in.data);
        free(link);
    }
}

void fr_link_set_timeout(struct fr_link *link, int timeout_ms)
{
    link->timeout_ms = timeout_ms;
}

bool fr_link_is_stale(const struct fr_link *link)
{
    return link->ready != NULL || link->frame_at < link->in.len || fr_wire_is_stale(&link->wire);
}

void fr_link_share(struct fr_link *link, struct fr_sharing *sharing)
{
    link->until_sharing = atomic_load_explicit(&sharing->after, memory_order_relaxed);
    link->sharing = link->until_sharing > 0 ? sharing : NULL;
}

/* --- buffers ---------------------------------------------------------------------------------- */

static bool reserve(struct buffer *buffer, size_t more)
{
    if (buffer->cap - buffer->len >= more) {
        return true;
    }
    size_t cap = buffer->cap > 0 ? buffer->cap : READ_STEP;
    while (cap - buffer->len < more) {
        cap *= 2;
    }
    char *data = realloc(buffer->data, cap);
    if (data == NULL) {
        return false;
    }
    buffer->data = data;
    buffer->cap = cap;
    return true;
}

static void clear(struct buffer *buffer)
{
    buffer->len = 0;
    if (buffer->cap > KEEP_MAX) {
        free(buffer->data);
        *buffer = (struct buffer){0};
    }
}

static char *write_head(char *to, char type, size_t number)
{
    char digits[HEAD_MAX];
    char *at = digits + sizeof(digits);
    do {
        *--at = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    *to++ = type;
    size_t len = (size_t)(digits + sizeof(digits) - at);
    memcpy(to, at, len);
    memcpy(to + len, "\r\n", 2);
    return to + len + 2;
}

static bool encode(struct buffer *out, const FlaskRedisCommand *command)
{
    size_t room = HEAD_MAX;
    for (size_t i = 0; i < command->argc; i++) {
        room += HEAD_MAX + command->argv[i].len + 2;
    }
    if (!reserve(out, room)) {
        return false;
    }
    char *to = write_head(out->data + out->len, '*', command->argc);
    for (size_t i = 0; i < command->argc; i++) {
        to = write_head(to, '$', command->argv[i].len);
        if (command->argv[i].len > 0) {
            memcpy(to, command->argv[i].data, command->argv[i].len);
        }
        to += command->argv[i].len;
        memcpy(to, "\r\n", 2);
        to += 2;
    }
    out->len = (size_t)(to - out->data);
    return true;
}

/* --- receiving -------------------------------------------------------------------------------- */

/* Drop what was taken, so that the buffer does not grow with every reply. */
static void compact(struct fr_link *link)
{
    if (link->frame_at == link->in.len) {
        clear(&link->in);
        link->frame_at = link->seen = 0;
    } else if (link->frame_at > READ_STEP) {
        memmove(link->in.data, link->in.data + link->frame_at, link->in.len - link->frame_at);
        link->in.len -= link->frame_at;
        link->seen -= link->frame_at;
        link->frame_at = 0;
    }
}

/* Make the next reply of what is there; *reply NULL: it is not complete. */
static FlaskRedisStatus take_reply(struct fr_link *link, redisReply **reply)
{
    size_t taken = 0;
    *reply = NULL;
    if (link->seen == link->in.len) {
        return FLASK_REDIS_OK;
    }
    enum fr_frame found =
        fr_reply_scan(&link->framer, link->in.data + link->seen, link->in.len - link->seen, &taken);
    link->seen += taken;
    if (found == FR_FRAME_BROKEN) {
        return flask_redis_fail(FLASK_REDIS_CONNECTION, true,
                                "protocol error: what came is no reply of a Redis server");
    }
    if (found == FR_FRAME_MORE) {
        return FLASK_REDIS_OK;
    }
    const char *frame = link->in.data + link->frame_at;
    size_t len = link->seen - link->frame_at;
    link->frame_at = link->seen;
    return fr_reply_read(frame, len, reply);
}

enum got {
    GOT_BYTES,
    GOT_NOTHING, /* in time */
    GOT_END      /* errno 0: an orderly one */
};

static enum got read_some(struct fr_link *link, int timeout_ms)
{
    compact(link);
    if (!reserve(&link->in, READ_STEP)) {
        errno = ENOMEM;
        return GOT_END;
    }
    ssize_t got = fr_wire_receive(&link->wire, link->in.data + link->in.len,
                                  link->in.cap - link->in.len, timeout_ms);
    if (got > 0) {
        link->in.len += (size_t)got;
        return GOT_BYTES;
    }
    if (got == 0) {
        errno = 0;
        return GOT_END;
    }
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? GOT_NOTHING : GOT_END;
}

/* --- an exchange ------------------------------------------------------------------------------ */

struct exchange {
    struct fr_link *link;
    const FlaskRedisCommand *commands;
    size_t count;
    bool is_whole;
    redisReply **replies;
    size_t received;
    size_t sent;      /* bytes of out */
    int wait_ms;      /* for the next reply; -1: for ever */
    int64_t since_ms; /* when the wait began, 0: not looked at yet */
};

/* What is waiting for its reply: as long as one command may take, or the longest of several. */
static int longest_wait(const struct exchange *exchange)
{
    int longest = 0;
    if (exchange->link->timeout_ms < 0) {
        return -1;
    }
    for (size_t i = exchange->received; i < exchange->count; i++) {
        int ms = fr_blocking_ms(&exchange->commands[i]);
        if (ms < 0) {
            return -1;
        }
        longest = ms > longest ? ms : longest;
    }
    return longest > INT32_MAX - exchange->link->timeout_ms ? -1
                                                            : longest + exchange->link->timeout_ms;
}

/* sent: so many bytes may have reached the other side */
static bool nothing_ran(const struct exchange *exchange, size_t sent)
{
    bool is_one = exchange->count == 1 || exchange->is_whole;
    bool all_sent = sent == exchange->link->out.len;
    return (is_one && !all_sent) || sent == 0;
}

static FlaskRedisStatus lost(const struct exchange *exchange, const char *doing, int reason)
{
    if (reason == ENOMEM) {
        return flask_redis_fail(FLASK_REDIS_NO_MEMORY, exchange->sent > 0, "out of memory while %s",
                                doing);
    }
    size_t untaken = fr_wire_lost(&exchange->link->wire);
    size_t taken = exchange->sent > untaken ? exchange->sent - untaken : 0;
    return flask_redis_fail(FLASK_REDIS_CONNECTION, !nothing_ran(exchange, taken),
                            "connection lost while %s: %s", doing,
                            reason == 0 ? "closed by the other side" : strerror(reason));
}

static FlaskRedisStatus too_late(const struct exchange *exchange)
{
    return flask_redis_fail(FLASK_REDIS_TIMEOUT, !nothing_ran(exchange, exchange->sent),
                            "no answer within %d ms (socket_timeout)", exchange->wait_ms);
}

static bool is_over(struct exchange *exchange)
{
    if (exchange->wait_ms < 0) {
        return false;
    }
    int64_t now = fr_now_ms();
    if (exchange->since_ms == 0) {
        exchange->since_ms = now;
    }
    return now - exchange->since_ms >= exchange->wait_ms;
}

static int time_left(struct exchange *exchange)
{
    if (exchange->wait_ms < 0) {
        return -1;
    }
    return is_over(exchange) ? 0 : (int)(exchange->wait_ms - (fr_now_ms() - exchange->since_ms));
}

/* Take the replies that are there. */
static FlaskRedisStatus take_replies(struct exchange *exchange)
{
    while (exchange->received < exchange->count) {
        redisReply **reply = &exchange->replies[exchange->received];
        FlaskRedisStatus status = take_reply(exchange->link, reply);
        if (status != FLASK_REDIS_OK || *reply == NULL) {
            return status;
        }
        exchange->received++;
        exchange->since_ms = 0;
    }
    return FLASK_REDIS_OK;
}

/* The peer does not take more: read, so that it can go on, until it does. */
static FlaskRedisStatus make_room(struct exchange *exchange)
{
    int left = time_left(exchange);
    int got = fr_wire_wait(&exchange->link->wire, true, left);
    if ((got == 0 || left == 0) && is_over(exchange)) {
        return too_late(exchange);
    }
    if (got > 0) {
        if (read_some(exchange->link, 0) == GOT_END) {
            return lost(exchange, "sending", errno);
        }
        return take_replies(exchange);
    }
    return FLASK_REDIS_OK;
}

/* A server that refuses a client says why and closes, before it reads anything. */
static FlaskRedisStatus refused(struct exchange *exchange, int reason)
{
    if (exchange->sent == 0 && read_some(exchange->link, 0) == GOT_BYTES &&
        take_replies(exchange) == FLASK_REDIS_OK && exchange->received > 0 &&
        exchange->replies[0]->type == REDIS_REPLY_ERROR) {
        return fr_fail_reply(exchange->replies[0]);
    }
    return lost(exchange, "sending", reason);
}

static FlaskRedisStatus send_all(struct exchange *exchange)
{
    struct buffer *out = &exchange->link->out;
    while (exchange->sent < out->len) {
        ssize_t sent = fr_wire_send(&exchange->link->wire, out->data + exchange->sent,
                                    out->len - exchange->sent);
        FlaskRedisStatus status = FLASK_REDIS_OK;
        if (sent >= 0) {
            exchange->sent += (size_t)sent;
            exchange->since_ms = 0;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            status = make_room(exchange);
        } else if (errno != EINTR) {
            status = refused(exchange, errno);
        }
        if (status != FLASK_REDIS_OK) {
            return status;
        }
    }
    return FLASK_REDIS_OK;
}

static FlaskRedisStatus receive_all(struct exchange *exchange)
{
    FlaskRedisStatus status = take_replies(exchange);
    while (status == FLASK_REDIS_OK && exchange->received < exchange->count) {
        size_t before = exchange->received;
        enum got got = read_some(exchange->link, exchange->wait_ms);
        if (got == GOT_END) {
            return lost(exchange, "receiving", errno);
        }
        if (got == GOT_NOTHING && errno != EINTR) {
            return too_late(exchange);
        }
        status = take_replies(exchange);
        if (status == FLASK_REDIS_OK && exchange->received == before && is_over(exchange)) {
            return too_late(exchange);
        }
    }
    return status;
}

/* --- shared memory ---------------------------------------------------------------------------- */

/* Whether these commands leave a transaction open, in which nothing else may be asked for. */
static bool leave_queueing(bool is_queueing, const FlaskRedisCommand *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        FlaskRedisBytes name = commands[i].argv[0];
        if (fr_word_is(name, "MULTI")) {
            is_queueing = true;
        } else if (fr_word_is(name, "EXEC") || fr_word_is(name, "DISCARD") ||
                   fr_word_is(name, "RESET")) {
            is_queueing = false;
        }
    }
    return is_queueing;
}

/* Go over to shared memory if it is time to; all failures but one leave the socket. */
static FlaskRedisStatus go_over(struct fr_link *link)
{
    struct fr_sharing *sharing = link->sharing;
    link->sharing = NULL;
    enum fr_attached attached = fr_attach(&link->wire, link->timeout_ms);
    fr_sharing_note(sharing, attached);
    if (attached == FR_ATTACH_LATE) { /* as long as a command may take: no second attempt */
        return flask_redis_fail(FLASK_REDIS_TIMEOUT, false,
                                "no answer within %d ms when asked for shared memory",
                                link->timeout_ms);
    }
    return attached != FR_ATTACH_LOST
               ? FLASK_REDIS_OK
               : flask_redis_fail(FLASK_REDIS_CONNECTION, false,
                                  "connection lost while asking for shared memory");
}

/* Called before commands are sent. */
static FlaskRedisStatus consider_sharing(struct fr_link *link, const FlaskRedisCommand *commands,
                                         size_t count)
{
    bool was_queueing = link->is_queueing;
    if (link->sharing == NULL) {
        return FLASK_REDIS_OK;
    }
    link->is_queueing = leave_queueing(was_queueing, commands, count);
    link->until_sharing -= link->until_sharing > 0;
    bool is_quiet = !was_queueing && link->frame_at == link->in.len;
    return link->until_sharing == 0 && is_quiet ? go_over(link) : FLASK_REDIS_OK;
}

/* --- whole exchanges -------------------------------------------------------------------------- */

static FlaskRedisStatus check_owner(const struct fr_link *link)
{
    return link->wire.fd >= 0 ? FLASK_REDIS_OK
                              : flask_redis_fail(FLASK_REDIS_CONNECTION, false,
                                                 "the connection belongs to the parent process");
}

FlaskRedisStatus fr_link_exchange(struct fr_link *link, const FlaskRedisCommand *commands,
                                  size_t count, bool is_whole, redisReply **replies)
{
    struct exchange exchange = {.link = link,
                                .commands = commands,
                                .count = count,
                                .is_whole = is_whole,
                                .replies = replies};
    clear(&link->out);
    FlaskRedisStatus status = check_owner(link);
    if (status != FLASK_REDIS_OK ||
        (status = consider_sharing(link, commands, count)) != FLASK_REDIS_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (!encode(&link->out, &commands[i])) {
            return fr_fail_memory();
        }
    }
    exchange.wait_ms = longest_wait(&exchange);
    status = send_all(&exchange);
    if (status == FLASK_REDIS_OK) {
        status = receive_all(&exchange);
        fr_wire_trim(&link->wire);
    }
    return status;
}

/* --- one direction at a time ------------------------------------------------------------------ */

FlaskRedisStatus fr_link_send(struct fr_link *link, const FlaskRedisCommand *command)
{
    struct exchange exchange = {.link = link, .commands = command, .count = 0};
    clear(&link->out);
    FlaskRedisStatus status = check_owner(link);
    if (status != FLASK_REDIS_OK ||
        (status = consider_sharing(link, command, 1)) != FLASK_REDIS_OK) {
        return status;
    }
    link->sharing = NULL; /* from now on replies may be under way at any time */
    if (!encode(&link->out, command)) {
        return fr_fail_memory();
    }
    exchange.wait_ms = link->timeout_ms;
    return send_all(&exchange);
}

static FlaskRedisStatus receive(struct fr_link *link, int timeout_ms, redisReply **reply)
{
    struct exchange exchange = {.link = link, .wait_ms = timeout_ms};
    if (link->ready != NULL) {
        *reply = link->ready;
        link->ready = NULL;
        return FLASK_REDIS_OK;
    }
    for (;;) {
        FlaskRedisStatus status = take_reply(link, reply);
        if (status != FLASK_REDIS_OK || *reply != NULL) {
            return status;
        }
        if ((status = check_owner(link)) != FLASK_REDIS_OK) {
            return status;
        }
        int got = fr_wire_wait(&link->wire, false, time_left(&exchange));
        if (got > 0 && read_some(link, 0) == GOT_END) {
            return lost(&exchange, "receiving", errno);
        }
        if (got <= 0 && is_over(&exchange)) {
            return FLASK_REDIS_OK;
        }
    }
}

/* Have the descriptor tell of what comes from now on; what is there by now is in the buffer. */
static void arm(struct fr_link *link)
{
    while (!fr_wire_arm(&link->wire) && read_some(link, 0) == GOT_BYTES) {
    }
}

/* Who gets something asks again, until nothing is there: then the descriptor must tell. A child
 * takes what its parent had received, of a wire that is not its own. */
FlaskRedisStatus fr_link_receive(struct fr_link *link, int timeout_ms, redisReply **reply)
{
    FlaskRedisStatus status = receive(link, timeout_ms, reply);
    if (status == FLASK_REDIS_OK && *reply == NULL && link->is_polled && link->wire.fd >= 0) {
        arm(link);
        status = take_reply(link, reply);
    }
    return status;
}

/* Have the connection be of no use: fr_link_receive finds its end, and the descriptor tells so. */
static void break_off(struct fr_link *link)
{
    shutdown(link->wire.fd, SHUT_RDWR);
    clear(&link->in);
    link->frame_at = link->seen = 0;
}

int fr_link_fileno(struct fr_link *link)
{
    if (link->wire.fd < 0) {
        return -1;
    }
    link->is_polled = true;
    if (link->ready == NULL) {
        arm(link);
        if (take_reply(link, &link->ready) != FLASK_REDIS_OK) {
            break_off(link);
        }
    }
    if (link->ready != NULL && link->ready_fd < 0) {
        link->ready_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
    }
    return link->ready != NULL && link->ready_fd >= 0 ? link->ready_fd : link->wire.fd;
}
