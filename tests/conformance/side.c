/* Playing a script at one address. What the server answers is known to be complete without knowing
 * how much it should be: it has taken all bytes from the socket, and a question asked afterwards
 * over another connection is answered behind them. */
#include "tests/conformance/side.h"

#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/support/process.h"

enum {
    PIECES = 6,
    WAIT_IN = 16 /* one of so many pieces is taken by the other side before the next is sent */
};

void side_begin(struct side *side, const char *address, struct server *server, bool is_direct)
{
    *side = (struct side){.address = address, .server = server, .is_direct = is_direct};
    side->keeper = client_connect(address);
}

/* ------------------------------------------------------------------------------------- frames */

static void frames_add(struct frames *frames, const struct bytes *frame)
{
    if (frames->count == frames->cap) {
        frames->cap = frames->cap == 0 ? 64 : frames->cap * 2;
        frames->ends = realloc(frames->ends, frames->cap * sizeof(*frames->ends));
        if (frames->ends == NULL) {
            abort();
        }
    }
    bytes_add(&frames->bytes, frame->data, frame->len);
    frames->ends[frames->count++] = frames->bytes.len;
}

const char *frames_at(const struct frames *frames, size_t n, size_t *len)
{
    size_t begin = n == 0 ? 0 : frames->ends[n - 1];
    *len = frames->ends[n] - begin;
    return frames->bytes.data + begin;
}

static void frames_finish(struct frames *frames)
{
    bytes_finish(&frames->bytes);
    free(frames->ends);
    *frames = (struct frames){0};
}

static bool frames_have(const struct frames *frames, size_t n, const char *frame)
{
    size_t len = 0;
    const char *data = n < frames->count ? frames_at(frames, n, &len) : NULL;
    return data != NULL && len == strlen(frame) && memcmp(data, frame, len) == 0;
}

/* Before the n-th, or behind all. */
static void frames_insert(struct frames *frames, size_t n, const char *frame)
{
    struct frames all = {0};
    for (size_t i = 0; i <= frames->count; i++) {
        struct bytes one = {0};
        if (i == n) {
            bytes_add_text(&one, frame);
            frames_add(&all, &one);
            one.len = 0;
        }
        if (i < frames->count) {
            size_t len;
            const char *data = frames_at(frames, i, &len);
            bytes_add(&one, data, len);
            frames_add(&all, &one);
        }
        bytes_finish(&one);
    }
    frames_finish(frames);
    *frames = all;
}

static void frames_clear(struct frames *frames)
{
    frames->bytes.len = frames->count = 0;
}

static bool begins(const struct bytes *frame, const char *text)
{
    return frame->len > strlen(text) && memcmp(frame->data, text, strlen(text)) == 0;
}

/* Messages and invalidations: not acknowledgements, which answer a request. */
static bool is_message(const struct bytes *frame)
{
    static const char *const beginnings[] = {
        "*3\r\n$7\r\nmessage\r\n",     ">3\r\n$7\r\nmessage\r\n",
        "*4\r\n$8\r\npmessage\r\n",    ">4\r\n$8\r\npmessage\r\n",
        "*3\r\n$8\r\nsmessage\r\n",    ">3\r\n$8\r\nsmessage\r\n",
        ">2\r\n$10\r\ninvalidate\r\n", ">2\r\n$21\r\ntracking-redir-broken\r\n"};
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        if (begins(frame, beginnings[i])) {
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------------------------- reading */

static size_t gather_line(struct line *line)
{
    size_t before = line->client->in.len - line->client->taken;
    size_t got = client_gather(line->client) - before;
    while (client_try_read(line->client, 0)) {
        const struct bytes *frame = &line->client->reply;
        frames_add(is_message(frame) ? &line->messages : &line->replies, frame);
    }
    line->has_ended = line->client->ended;
    return got;
}

static size_t gather_now(struct side *side)
{
    size_t got = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        if (side->lines[i].client != NULL && !side->lines[i].reads_late) {
            got += gather_line(&side->lines[i]);
        }
    }
    return got;
}

void side_gather(struct side *side, int timeout_ms)
{
    struct pollfd fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct client *client = side->lines[i].client;
        bool is_read = client != NULL && !client->ended && !side->lines[i].reads_late;
        fds[i] = (struct pollfd){.fd = is_read ? client->fd : -1, .events = POLLIN};
    }
    poll(fds, CONNECTIONS, timeout_ms);
    gather_now(side);
}

/* ------------------------------------------------------------------------------------- sending */

static void disconnect(struct line *line)
{
    if (line->client != NULL) {
        client_close(line->client);
        bytes_finish(&line->client->in);
        bytes_finish(&line->client->reply);
        line->client->taken = 0;
        line->client = NULL;
    }
}

static void open_line(struct side *side, struct line *line)
{
    disconnect(line);
    line->client = client_connect(side->address);
    client_send(line->client, "CLIENT ID");
    line->id = client_read_number(line->client);
}

/* The bytes of a part for this side: marks become the ids that the connections have here. */
static void encode(const struct side *side, const struct part *part, struct bytes *to)
{
    const char *at = part->bytes.data, *end = at + part->bytes.len;
    while (at < end) {
        const char *mark = memchr(at, ID_MARK, (size_t)(end - at));
        bytes_add(to, at, (size_t)((mark == NULL ? end : mark) - at));
        if (mark == NULL) {
            break;
        }
        char id[24];
        int len = snprintf(id, sizeof(id), "%lld", (long long)side->lines[mark[1] - '0'].id);
        bytes_printf(to, "$%d\r\n%s\r\n", len, id);
        at = mark + 2;
    }
}

static uint64_t mix(uint64_t number)
{
    number = (number ^ (number >> 31)) * 0x7fb5d329728ea185u;
    return number ^ (number >> 29);
}

/* Where piece n ends: the same share of the bytes on both sides. Half of the parts go whole. */
static size_t cut_at(const struct part *part, int n, size_t len)
{
    if (n + 1 >= PIECES || part->cuts % 2 == 0) {
        return len;
    }
    return len * (size_t)(n * 1000 + (int)(mix(part->cuts + (uint64_t)n) % 1000)) / (PIECES * 1000);
}

static bool is_muted(const struct part *part, unsigned muted)
{
    return muted >> part->connection & 1;
}

static void send_piece(struct line *line, const struct part *part, int n, const struct bytes *bytes)
{
    size_t from = n == 0 ? 0 : cut_at(part, n - 1, bytes->len), to = cut_at(part, n, bytes->len);
    if (from < to && !line->client->ended) {
        client_send_bytes(line->client, bytes->data + from, to - from);
        if (mix(part->cuts + (uint64_t)n + PIECES) % WAIT_IN == 0 && to < bytes->len &&
            !part->is_large) {
            client_wait_consumed(line->client);
        }
    }
}

void side_send(struct side *side, const struct step *step, unsigned muted)
{
    struct bytes bytes[CONNECTIONS] = {0};
    for (size_t i = 0; i < step->count; i++) {
        struct line *line = &side->lines[step->parts[i].connection];
        if (!is_muted(&step->parts[i], muted) && line->client == NULL) {
            open_line(side, line);
        }
    }
    for (size_t i = 0; i < step->count; i++) {
        if (!is_muted(&step->parts[i], muted)) {
            encode(side, &step->parts[i], &bytes[i]);
            side->lines[step->parts[i].connection].reads_late = step->parts[i].reads_late;
        }
    }
    for (int piece = 0; piece < PIECES; piece++) {
        for (size_t i = 0; i < step->count; i++) {
            if (bytes[i].len > 0) {
                send_piece(&side->lines[step->parts[i].connection], &step->parts[i], piece,
                           &bytes[i]);
            }
        }
    }
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].ending == END_HALF && !is_muted(&step->parts[i], muted)) {
            client_half_close(side->lines[step->parts[i].connection].client);
        }
        bytes_finish(&bytes[i]);
    }
}

/* ------------------------------------------------------------------------------------- settling */

static bool is_taken(const struct line *line)
{
    int unread = 0;
    return line->client == NULL || line->client->ended ||
           ioctl(line->client->fd, SIOCOUTQ, &unread) != 0 || unread == 0;
}

static bool all_is_taken(const struct side *side)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        if (!is_taken(&side->lines[i])) {
            return false;
        }
    }
    return true;
}

/* What is waited for although the server has nothing to do: ends, and replies that take time. */
static bool is_complete(const struct side *side, const struct step *step, unsigned muted)
{
    for (size_t i = 0; i < step->count; i++) {
        const struct part *part = &step->parts[i];
        const struct line *line = &side->lines[part->connection];
        size_t replies = 0;
        for (size_t n = 0; n < part->count; n++) {
            replies += (size_t)part->asks[n].replies;
        }
        if (line->reads_late) {
            continue;
        }
        bool has_rest = line->client != NULL && line->client->in.len > line->client->taken;
        bool lacks = (part->awaits && line->replies.count < replies) || has_rest;
        bool stays = part->ending == END_BY_SERVER || part->ending == END_HALF;
        if (!is_muted(part, muted) && !line->has_ended && (lacks || stays)) {
            return false;
        }
    }
    return true;
}

void side_read_late(struct side *side)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        side->lines[i].reads_late = false;
    }
}

void side_settle(struct side *side, const struct step *step, unsigned muted)
{
    int64_t deadline = now_ms() + patience_ms();
    size_t got = 0;
    bool is_settled = false;
    do {
        bool is_idle = all_is_taken(side);
        EXPECT_CALL(side->keeper, "PING", "+PONG\r\n");
        got = gather_now(side);
        is_settled = is_idle && got == 0 && is_complete(side, step, muted);
        if (is_idle && got == 0 && !is_settled) {
            side_gather(side, 5);
        }
    } while (!is_settled && now_ms() < deadline);
}

static void tell_unsaid(struct frames *replies, const struct part *part)
{
    static const char refusal[] =
        "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    size_t at = 0, expected = 0;
    for (size_t i = 0; i < part->count; i++) {
        expected += (size_t)part->asks[i].replies;
    }
    for (size_t i = 0; i < part->count && replies->count < expected; i++) {
        const struct ask *ask = &part->asks[i];
        bool is_refusal = (ask->normal & NORMAL_REFUSAL) && ask->replies == 1;
        if (is_refusal && at <= replies->count && !frames_have(replies, at, refusal)) {
            frames_insert(replies, at, refusal);
        }
        at += (size_t)ask->replies;
    }
}

void side_tell_unsaid(struct side *side, const struct step *step, unsigned muted)
{
    for (size_t i = 0; i < step->count; i++) {
        const struct part *part = &step->parts[i];
        if (!is_muted(part, muted)) {
            tell_unsaid(&side->lines[part->connection].replies, part);
        }
    }
}

void side_close(struct side *side, const struct step *step, unsigned muted)
{
    for (size_t i = 0; i < step->count; i++) {
        if (step->parts[i].ending == END_CLOSE && !is_muted(&step->parts[i], muted)) {
            disconnect(&side->lines[step->parts[i].connection]);
        }
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        if (side->lines[i].has_ended) {
            disconnect(&side->lines[i]);
        }
    }
}

void side_clear(struct side *side)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        frames_clear(&side->lines[i].replies);
        frames_clear(&side->lines[i].messages);
        side->lines[i].has_ended = false;
    }
}

int side_open_lines(const struct side *side)
{
    int count = 0;
    for (int i = 0; i < CONNECTIONS; i++) {
        count += side->lines[i].client != NULL;
    }
    return count;
}

void side_end(struct side *side)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        disconnect(&side->lines[i]);
        frames_finish(&side->lines[i].replies);
        frames_finish(&side->lines[i].messages);
    }
    client_close(side->keeper);
}
