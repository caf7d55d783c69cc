/* One connection: its bytes, its queue of items, and its many ways to end. */
#include "tests/stress/crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/process.h"

enum {
    READ_CAP = 256 * 1024,
    READS_AT_A_TIME = 8,
    COMPACT_AT = 64 * 1024,
    DEAF_MS = 50
};

/* ------------------------------------------------------------------------------- the queues */

void stream_take(struct stream *stream, size_t len)
{
    stream->at += len;
    if (stream->at == stream->bytes.len) {
        stream->at = stream->bytes.len = 0;
    } else if (stream->at > COMPACT_AT) {
        bytes_drop(&stream->bytes, stream->at);
        stream->at = 0;
    }
}

void caller_add(struct caller *caller, struct item item, const char *request, size_t len)
{
    if (caller->item_at > 0 && caller->item_at + caller->item_count == caller->item_cap) {
        memmove(caller->items, caller->items + caller->item_at, caller->item_count * sizeof(item));
        caller->item_at = 0;
    }
    if (caller->item_count == caller->item_cap) {
        caller->item_cap = caller->item_cap == 0 ? 64 : caller->item_cap * 2;
        caller->items = realloc(caller->items, caller->item_cap * sizeof(item));
        if (caller->items == NULL) {
            abort();
        }
    }
    item.bytes_len = len;
    caller->state_items += (item.flags & IS_STATEFUL) != 0;
    caller->items[caller->item_at + caller->item_count++] = item;
    bytes_add(&caller->requests.bytes, request, len);
}

struct item caller_take(struct caller *caller)
{
    struct item item = caller->items[caller->item_at++];
    caller->item_count--;
    caller->sent_count--;
    caller->state_items -= (item.flags & IS_STATEFUL) != 0;
    return item;
}

bool caller_is_quiet(const struct caller *caller)
{
    return caller->sent_count == 0;
}

bool caller_has(const struct caller *caller, enum item_flag flag)
{
    for (size_t i = 0; i < caller->item_count; i++) {
        if (caller->items[caller->item_at + i].flags & flag) {
            return true;
        }
    }
    return false;
}

void caller_note(struct caller *caller, char mark, const char *data, size_t len)
{
    struct history_line *line = &caller->history[caller->history_at++ % HISTORY];
    line->mark = mark;
    line->len = len;
    memcpy(line->text, data, len < HISTORY_TEXT ? len : HISTORY_TEXT);
}

/* ------------------------------------------------------------------------- beginning and end */

static void begin_life(struct caller *caller)
{
    struct crowd *crowd = caller->crowd;
    caller->life++;
    caller->random = (crowd->seed + 1) * 0x9e3779b97f4a7c15u ^
                     ((uint64_t)caller->slot << 32 | caller->life) * 0xbf58476d1ce4e5b9u;
    caller->proto = 2;
    caller->subscribed = -1;
    caller->units_left = 20 + (int)pick(caller, 1u << (4 + pick(caller, 6)));
    caller->window = 1 + pick(caller, 1u << pick(caller, 9));
    caller->ending = END_NOT_YET + 1 + pick(caller, ENDINGS - 1);
    for (int db = 0; db < DBS; db++) {
        for (int key = 0; key < OWN_KEYS; key++) {
            value_set(&caller->values[db][key], 0);
        }
    }
    crowd->connections++;
}

void caller_connect(struct caller *caller)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", caller->crowd->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        abort();
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd); /* the daemon has not accepted the others yet */
        return;
    }
    caller->fd = fd;
    begin_life(caller);
}

static void settle_counters(struct caller *caller)
{
    for (int db = 0; db < DBS; db++) {
        struct ledger_line line = {caller->slot, caller->life, db, caller->counters[db]};
        if (line.counter.most > 0) {
            ledger_add(&caller->crowd->ledger, &line);
        }
    }
}

static void forget_unanswered(struct caller *caller)
{
    for (int i = 0; i < caller->transaction.count; i++) {
        check_unanswered(caller, &caller->transaction.queued[i]);
    }
    while (caller->sent_count > 0) {
        struct item item = caller_take(caller);
        check_unanswered(caller, &item);
    }
}

/* All zero but for what outlives a connection. */
static void forget(struct caller *caller)
{
    struct caller fresh = {.crowd = caller->crowd,
                           .slot = caller->slot,
                           .life = caller->life,
                           .fd = -1,
                           .requests.bytes = caller->requests.bytes,
                           .texts.bytes = caller->texts.bytes,
                           .items = caller->items,
                           .item_cap = caller->item_cap,
                           .in = caller->in};
    for (int i = 0; i < QUEUED_MAX; i++) {
        bytes_finish(&caller->transaction.texts[i]);
    }
    fresh.requests.bytes.len = fresh.texts.bytes.len = fresh.in.len = 0;
    *caller = fresh;
}

void caller_close(struct caller *caller)
{
    forget_unanswered(caller);
    settle_counters(caller);
    close(caller->fd);
    forget(caller);
}

/* Whether the daemon may close the connection although a client of a server would not expect it:
 * what the client had on the server is gone. */
static bool may_be_closed(const struct caller *caller)
{
    bool hears = false;
    for (int channel = 0; channel < CHANNELS; channel++) {
        hears = hears || caller->hears[channel];
    }
    return caller->crowd->has_kills &&
           (hears || caller->lost_subscribing || caller->subscribed >= 0 ||
            caller->state_items > 0 || caller->transaction.is_begun ||
            caller_has(caller, IS_LARGE));
}

static void on_end(struct caller *caller)
{
    bool is_due = caller->is_ending && caller->ending != END_CLOSE && caller->sent_count == 0;
    bool is_cancelled =
        caller->is_ending && caller->ending == END_HALF && caller_has(caller, IS_BLOCKING);
    if (!is_due && !is_cancelled) {
        if (!may_be_closed(caller)) {
            crowd_fail(caller, "closed by the daemon with %zu replies missing, %zu bytes of one",
                       caller->sent_count, caller->in.len);
        }
        caller->crowd->closed++;
    }
    caller_close(caller);
}

/* ---------------------------------------------------------------------------------- writing */

static bool may_be_sent(const struct caller *caller, const struct item *item)
{
    if (caller->sent_count == 0 || item[-1].flags & IS_SILENT) {
        return true;
    }
    return caller->sent_count < caller->window && !(item->flags & IS_ALONE);
}

/* Let the requests be written whose time has come. */
static void release_requests(struct caller *caller)
{
    while (caller->sent_count < caller->item_count) {
        const struct item *item = &caller->items[caller->item_at + caller->sent_count];
        if (!may_be_sent(caller, item)) {
            break;
        }
        caller_note(caller, '>',
                    caller->requests.bytes.data + caller->requests.at + caller->released,
                    item->bytes_len);
        caller->released += item->bytes_len;
        caller->sent_count++;
        caller->crowd->commands++;
    }
}

static void write_released(struct caller *caller)
{
    while (caller->released > 0) {
        size_t len = caller->released;
        bool is_cut = pick(caller, 4) == 0;
        len = is_cut ? 1 + pick(caller, (uint32_t)len) : len;
        ssize_t written = send(caller->fd, caller->requests.bytes.data + caller->requests.at, len,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
        if (written <= 0) {
            return; /* full, or closed: reading tells */
        }
        caller->released -= (size_t)written;
        stream_take(&caller->requests, (size_t)written);
        if (is_cut) {
            return; /* the rest follows in another turn */
        }
    }
}

/* What a failure of an item would change must be known before anything else is asked. */
static bool wants_more(const struct caller *caller)
{
    bool all_sent = caller->sent_count == caller->item_count;
    bool is_certain = !caller->crowd->has_kills || caller->state_items == 0;
    return !caller->is_ending && all_sent && is_certain && caller->sent_count < caller->window;
}

void caller_write(struct caller *caller)
{
    while (wants_more(caller)) {
        if (caller->units_left-- > 0 && !caller->crowd->is_closing) {
            script_next(caller);
        } else {
            script_end(caller);
            if (caller->fd < 0) {
                return;
            }
        }
        release_requests(caller);
    }
    release_requests(caller);
    write_released(caller);
    bool is_written = caller->requests.bytes.len == 0 && caller->item_count == caller->sent_count;
    if (caller->is_ending && caller->ending == END_HALF && is_written) {
        shutdown(caller->fd, SHUT_WR);
    }
}

/* ---------------------------------------------------------------------------------- reading */

static void take_frames(struct caller *caller)
{
    size_t at = 0;
    while (caller->crowd->failures == 0 && at < caller->in.len) {
        long len = reply_frame_len(caller->in.data + at, caller->in.len - at);
        if (len < 0) {
            crowd_fail(caller, "what it got is no reply: %.60s", caller->in.data + at);
        }
        if (len <= 0) {
            break;
        }
        check_frame(caller, caller->in.data + at, (size_t)len);
        at += (size_t)len;
    }
    bytes_drop(&caller->in, at);
}

void caller_read(struct caller *caller)
{
    static char part[READ_CAP];
    for (int i = 0; i < READS_AT_A_TIME; i++) {
        ssize_t len = recv(caller->fd, part, sizeof(part), MSG_DONTWAIT);
        if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (len <= 0) {
            on_end(caller);
            return;
        }
        bytes_add(&caller->in, part, (size_t)len);
        take_frames(caller);
        if ((size_t)len < sizeof(part)) {
            break;
        }
    }
    if (pick(caller, 2000) == 0) {
        caller->deaf_until_ms = now_ms() + DEAF_MS;
    }
}
