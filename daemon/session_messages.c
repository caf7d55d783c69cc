/* Publish/subscribe of a session that has a connection of its own for it, with pubsub = lease or
 * for invalidations: messages and acknowledgements are told apart from replies, so that everything
 * else goes on as usual beside them.
 *
 * SUBSCRIBE and its kin are answered by one acknowledgement for each channel instead of one reply.
 * How many are to come is in the request, or for an unsubscription from everything in the
 * acknowledgements themselves: each ends with the number of subscriptions left (pubsub.c, 7.0). In
 * RESP3 all of these are pushes; in RESP2 they are arrays, but a subscribed connection has few
 * other replies and none that could be taken for one. */
#include "daemon/session_parts.h"

#include <string.h>

#include <event2/buffer.h>

#include "daemon/router.h"

/* The frames of publish/subscribe by their first word. */
static const struct frame_row {
    const char *begins; /* behind the type byte */
    enum topic_kind kind;
    bool is_message;
} rows[] = {
    {"3\r\n$7\r\nmessage\r\n", TOPIC_CHANNEL, true},
    {"4\r\n$8\r\npmessage\r\n", TOPIC_PATTERN, true},
    {"3\r\n$8\r\nsmessage\r\n", TOPIC_SHARD, true},
    {"3\r\n$9\r\nsubscribe\r\n", TOPIC_CHANNEL, false},
    {"3\r\n$10\r\npsubscribe\r\n", TOPIC_PATTERN, false},
    {"3\r\n$10\r\nssubscribe\r\n", TOPIC_SHARD, false},
    {"3\r\n$11\r\nunsubscribe\r\n", TOPIC_CHANNEL, false},
    {"3\r\n$12\r\npunsubscribe\r\n", TOPIC_PATTERN, false},
    {"3\r\n$12\r\nsunsubscribe\r\n", TOPIC_SHARD, false},
};

static const struct frame_row *find_row(const char *data, size_t len)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t row_len = strlen(rows[i].begins);
        if (len > row_len && memcmp(data + 1, rows[i].begins, row_len) == 0) {
            return &rows[i];
        }
    }
    return NULL;
}

/* The number that an acknowledgement ends with. */
static int64_t read_count(const char *data, size_t len)
{
    const char *end = data + len - 2;
    const char *colon = memrchr(data, ':', len);
    int64_t count = 0;
    return colon != NULL && fr_parse_int64(colon + 1, (size_t)(end - colon - 1), &count) ? count
                                                                                         : 0;
}

bool session_is_subscribed(const struct session *session)
{
    const struct subscriptions *held = &session->subscriptions;
    return held->counts[TOPIC_CHANNEL] + held->counts[TOPIC_PATTERN] + held->counts[TOPIC_SHARD] >
           0;
}

/* Channels and patterns are counted together by the server, shard channels apart. */
static void note_count(struct subscriptions *held, enum topic_kind kind, int64_t count)
{
    if (kind == TOPIC_CHANNEL) {
        count -= held->counts[TOPIC_PATTERN];
    } else if (kind == TOPIC_PATTERN) {
        count -= held->counts[TOPIC_CHANNEL];
    }
    held->counts[kind] = count;
}

/* Whether the request under way has all its acknowledgements with this one. */
static bool ends_request(struct subscriptions *held, enum topic_kind kind)
{
    if (!held->is_asking || held->asked != (int)kind) {
        return false;
    }
    if (held->left > 0) {
        held->left--;
        return held->left == 0;
    }
    return held->counts[kind] == 0; /* unsubscribing from everything */
}

/* The last subscription has gone: the connection is an ordinary one again. */
static void check_listening(struct session *session)
{
    session->subscriptions.is_asking = false;
    if (!session_is_subscribed(session) && session->lease != NULL) {
        session->lease->is_sticky = session->lease->is_pinned;
    }
}

void session_write_translated(struct session *session, const char *frame, size_t len)
{
    if (session->redirects_to == 0) {
        session_write(session, frame, len);
        return;
    }
    struct evbuffer *out = evbuffer_new();
    client_tracking_translate(session, frame, len, out);
    session_write(session, (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
    evbuffer_free(out);
}

bool session_take_frame(struct session *session, const char *data, size_t len)
{
    struct subscriptions *held = &session->subscriptions;
    bool is_push = data[0] == '>';
    bool may_be_message = held->is_asking || session_is_subscribed(session);
    const struct frame_row *row =
        is_push || (session->proto == 2 && may_be_message) ? find_row(data, len) : NULL;
    if (row == NULL) {
        if (is_push) {
            session_write_translated(session, data, len); /* an invalidation, for one */
        }
        return is_push;
    }
    session_write(session, data, len);
    if (!row->is_message) {
        note_count(held, row->kind, read_count(data, len));
        if (ends_request(held, row->kind)) {
            check_listening(session);
            upstream_pop_reply(session->lease->upstream);
            session_note_replies(session, 1);
        }
    }
    return true;
}

static void begin_request(struct session *session, const struct call *call)
{
    struct subscriptions *held = &session->subscriptions;
    const char *name = call->command->name;
    held->is_asking = true;
    held->asked = name[0] == 'p' ? TOPIC_PATTERN : TOPIC_CHANNEL;
    if (name[0] == 's' && (name[1] == 's' || strncmp(name, "sun", 3) == 0)) {
        held->asked = TOPIC_SHARD;
    }
    held->left = call->argc - 1;
}

enum routed session_send_subscription(struct session *session, const struct call *call)
{
    session->lease->is_sticky = true;
    session->lease->upstream->wants_frames = true;
    session->is_barred = true;
    begin_request(session, call);
    return session_send_leased(session, call, TAG_PUBSUB);
}

void session_note_refused_subscription(struct session *session)
{
    check_listening(session);
}
