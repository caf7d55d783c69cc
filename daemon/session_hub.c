/* Publish/subscribe of a session on the hub: requests go to it, acknowledgements and messages come
 * back at any time and are put between the replies.
 *
 *   hub --+--> out                             nothing is in the way
 *         +--> aside: first | second --> out   behind the reply being passed on in parts, and
 *                                              behind the replies of PUBLISH outstanding when
 *                                              it came: a client's own message follows its reply
 *
 * What is aside waits for the PUBLISH that was the last one sent when it came, not for later ones;
 * so there are two heaps: one that waits for a certain PUBLISH, one for what comes meanwhile. */
#include "daemon/session_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"

#define INVALIDATIONS "__redis__:invalidate"

struct heap {
    struct evbuffer *bytes;
    uint32_t due; /* number of the PUBLISH whose reply comes first */
};

struct session_aside {
    struct heap first;
    struct heap second;
};

/* --------------------------------------------------------------------------- messages and replies
 */

static bool is_in_reply(const struct session *session)
{
    return session->is_reply_open ||
           (session_is_tunnel(session) && fr_reply_is_open(&session->tunnel_frame));
}

static struct session_aside *make_aside(uint32_t due)
{
    struct session_aside *aside = memory_zeroed(sizeof *aside);
    aside->first = (struct heap){evbuffer_new(), due};
    aside->second = (struct heap){evbuffer_new(), due};
    return aside;
}

void session_free_aside(struct session *session)
{
    if (session->aside != NULL) {
        evbuffer_free(session->aside->first.bytes);
        evbuffer_free(session->aside->second.bytes);
        free(session->aside);
        session->aside = NULL;
    }
}

size_t session_aside_len(const struct session *session)
{
    return session->aside == NULL ? 0
                                  : evbuffer_get_length(session->aside->first.bytes) +
                                        evbuffer_get_length(session->aside->second.bytes);
}

/* Where a message is to be put now. */
static struct evbuffer *place_of(struct session *session)
{
    struct session_aside *aside = session->aside;
    loop_defer(session->pool->context.loop, &session->deliver);
    if (aside == NULL) {
        if (!is_in_reply(session) && session->published == session->publish_answered) {
            return session->out;
        }
        aside = session->aside = make_aside(session->published);
    }
    if (aside->first.due == session->published) {
        return aside->first.bytes;
    }
    aside->second.due = session->published;
    return aside->second.bytes;
}

void session_put_aside_back(struct session *session)
{
    struct session_aside *aside = session->aside;
    while (aside != NULL && !is_in_reply(session) &&
           (int32_t)(session->publish_answered - aside->first.due) >= 0) {
        evbuffer_add_buffer(session->out, aside->first.bytes);
        loop_defer(session->pool->context.loop, &session->deliver);
        struct heap emptied = aside->first;
        aside->first = aside->second;
        aside->second = emptied;
        if (evbuffer_get_length(aside->first.bytes) == 0) {
            session_free_aside(session);
            aside = NULL;
        }
    }
}

static bool can_be_told(const struct session *session)
{
    return !session->is_dead && !session->is_deaf;
}

static struct session *session_of(struct subscriber *subscriber)
{
    return container_of(subscriber, struct session, subscriber);
}

static void on_message(struct subscriber *subscriber, struct hub_message *message)
{
    struct session *session = session_of(subscriber);
    if (can_be_told(session)) {
        struct evbuffer *to = place_of(session);
        evbuffer_add(to, session->proto == 3 ? ">" : "*", 1);
        hub_message_add(message, to);
    }
}

/* -------------------------------------------------------------------------------- acknowledgements
 */

static const char *const ack_words[TOPIC_KINDS][2] = {
    [TOPIC_CHANNEL] = {"unsubscribe", "subscribe"},
    [TOPIC_PATTERN] = {"punsubscribe", "psubscribe"},
    [TOPIC_SHARD] = {"sunsubscribe", "ssubscribe"},
};

static void write_ack(struct session *session, const struct hub_ack *ack)
{
    const char *word = ack_words[ack->kind][ack->is_subscribed];
    if (!can_be_told(session)) {
        return;
    }
    struct evbuffer *to = place_of(session);
    evbuffer_add_printf(to, "%c3\r\n$%zu\r\n%s\r\n", session->proto == 3 ? '>' : '*', strlen(word),
                        word);
    if (ack->name == NULL) {
        evbuffer_add_printf(to, "%s", session->proto == 3 ? "_\r\n" : "$-1\r\n");
    } else {
        evbuffer_add_printf(to, "$%zu\r\n", ack->len);
        evbuffer_add(to, ack->name, ack->len);
        evbuffer_add(to, "\r\n", 2);
    }
    evbuffer_add_printf(to, ":%" PRId64 "\r\n", ack->count);
}

/* CLIENT REPLY does not silence these (networking.c, CLIENT_PUSHING). */
static void on_ack(struct subscriber *subscriber, const struct hub_ack *ack)
{
    struct session *session = session_of(subscriber);
    memcpy(session->subscriptions.counts, subscriber->counts, sizeof subscriber->counts);
    write_ack(session, ack);
}

/* A RESP2 client that is subscribed gets PONG as an array (networking.c, pingCommand). */
static void write_pong(struct session *session, const char *reply, size_t len)
{
    const char *at = reply;
    struct fr_word word;
    bool is_plain = len == 7 && memcmp(reply, "+PONG\r\n", 7) == 0;
    if (!is_plain && !fr_bulk_take(&at, reply + len, &word)) {
        session_write(session, reply, len);
        return;
    }
    static const char head[] = "*2\r\n$4\r\npong\r\n";
    session_write(session, head, sizeof head - 1);
    session_write(session, is_plain ? "$0\r\n\r\n" : reply, is_plain ? 6 : len);
}

static void on_done(struct subscriber *subscriber, const char *reply, size_t len, bool is_failure)
{
    struct session *session = session_of(subscriber);
    bool closes = is_failure && session->pool->context.settings->on_loss == LOSS_CLOSE;
    if (closes) {
        session_close(session, "connection to the server lost");
    } else if (reply != NULL && !session->is_hub_silent) {
        write_pong(session, reply, len);
    }
    session_note_replies(session, 1);
}

/* Only the end of the connection tells the client that messages are missing. */
static void on_lost(struct subscriber *subscriber)
{
    struct session *session = session_of(subscriber);
    stats_count(&session->pool->context.stats, clients_closed_hub_lost);
    bool may_wait_long = session->is_blocking || session->wait != NULL;
    session_leave_hub(session);
    if (may_wait_long) {
        session_close(session, "messages lost");
    } else {
        session_close_when_written(session);
    }
}

static const struct subscriber_ops ops = {
    .on_message = on_message, .on_ack = on_ack, .on_done = on_done, .on_lost = on_lost};

void session_init_subscriber(struct session *session)
{
    subscriber_init(&session->subscriber, &ops);
}

void session_leave_hub(struct session *session)
{
    if (session->subscriber.hub != NULL) {
        bool had_asked = hub_leave(&session->subscriber);
        session->subscriptions = (struct subscriptions){0};
        session->outstanding -= had_asked;
    }
    session_free_aside(session);
}

bool session_uses_hub(const struct session *session)
{
    return session->subscriber.hub != NULL;
}

/* ---------------------------------------------------------------------------------------- requests
 */

static const struct request_row {
    enum fr_command_id id;
    enum topic_kind kind;
    bool subscribes;
} requests[] = {
    {FR_CMD_SUBSCRIBE, TOPIC_CHANNEL, true},  {FR_CMD_UNSUBSCRIBE, TOPIC_CHANNEL, false},
    {FR_CMD_PSUBSCRIBE, TOPIC_PATTERN, true}, {FR_CMD_PUNSUBSCRIBE, TOPIC_PATTERN, false},
    {FR_CMD_SSUBSCRIBE, TOPIC_SHARD, true},   {FR_CMD_SUNSUBSCRIBE, TOPIC_SHARD, false},
};

static const struct request_row *row_of(const struct call *call)
{
    const struct request_row *row = requests;
    while (row->id != call->command->id) {
        row++;
    }
    return row;
}

/* The server sends invalidations to one connection: a client that wants them as messages has one of
 * its own. */
static bool asks_for_invalidations(const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    while (fr_words_next(&words, &word)) {
        if (word.len == sizeof INVALIDATIONS - 1 &&
            memcmp(word.data, INVALIDATIONS, word.len) == 0) {
            return row_of(call)->kind == TOPIC_CHANNEL && row_of(call)->subscribes;
        }
    }
    return false;
}

bool session_subscribes_on_hub(const struct session *session, const struct call *call)
{
    bool is_leased = session->subscriptions.is_asking || session_is_subscribed(session) ||
                     (session->lease != NULL && session->lease->is_target);
    if (session_uses_hub(session)) {
        return true;
    }
    return !is_leased && session->pool->context.settings->pubsub == PUBSUB_HUB &&
           !asks_for_invalidations(call);
}

/* Without any subscription there is nothing to be asked of the server. */
static void answer_unsubscribed(struct session *session, const struct call *call,
                                enum topic_kind kind)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    struct hub_ack ack = {.kind = kind};
    fr_words_next(&words, &word);
    do {
        bool is_named = fr_words_next(&words, &word);
        if (!is_named && ack.name != NULL) {
            break;
        }
        ack.name = is_named ? word.data : NULL;
        ack.len = is_named ? word.len : 0;
        write_ack(session, &ack);
    } while (ack.name != NULL);
    stats_count(&session->pool->context.stats, requests_local);
}

/* Answer why the hub cannot be asked. */
static void answer_down(struct session *session, const char *error)
{
    if (session->pool->context.settings->on_loss == LOSS_CLOSE) {
        session_close(session, "no connection to the server");
        return;
    }
    session_answer(session, error, strlen(error));
}

/* Have the hub, or answer why not. */
static struct hub *reach_hub(struct session *session)
{
    char error[480];
    struct hub *hub = session->subscriber.hub;
    if (hub == NULL) {
        hub = hub_get(session->pool, session->identity, error, sizeof error);
        if (hub == NULL) {
            session_answer(session, error, strlen(error));
            return NULL;
        }
    }
    if (!hub_accepts(hub, error, sizeof error)) {
        stats_count(&session->pool->context.stats, errors_pooldown);
        answer_down(session, error);
        return NULL;
    }
    return hub;
}

static void begin_asking(struct session *session)
{
    session->is_hub_silent = session_is_silent(session);
    session_begin_answer(session);
    stats_count(&session->pool->context.stats, requests_shared);
}

enum routed session_ask_hub(struct session *session, const struct call *call)
{
    const struct request_row *row = row_of(call);
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (!row->subscribes && !session_uses_hub(session)) {
        answer_unsubscribed(session, call, row->kind);
        return ROUTED;
    }
    if (asks_for_invalidations(call)) {
        session_answer_error(session, "POOLDENY '" INVALIDATIONS "' must be the client's first "
                                      "channel (or setting \"pubsub\" = lease)");
        return ROUTED;
    }
    struct hub *hub = reach_hub(session);
    if (hub == NULL) {
        return ROUTED;
    }
    begin_asking(session);
    if (row->subscribes) {
        hub_subscribe(hub, &session->subscriber, row->kind, call->frame, call->len, call->argc - 1);
    } else {
        hub_unsubscribe(&session->subscriber, row->kind, call->frame, call->len);
    }
    return ROUTED;
}

/* PING of a subscribed RESP2 session: behind the messages that the server sent before. */
static enum routed ask_ping(struct session *session, const struct call *call)
{
    if (reach_hub(session) != NULL) {
        begin_asking(session);
        hub_ping(&session->subscriber, call->frame, call->len);
    }
    return ROUTED;
}

/* ------------------------------------------------------------------------- RESP2 and subscriptions
 */

/* Texts of server.c, processCommand, 7.0 and 6.2. */
static void answer_restricted(struct session *session, const struct call *call)
{
    int version = hub_server_version(session->subscriber.hub);
    const char *shard = version == 0 || version >= 700 ? "|S" : "";
    bool is_exec = call->command->id == FR_CMD_EXEC;
    const char *word = is_exec ? "EXECABORT Transaction discarded because of:" : "ERR";
    session_answer_error(session,
                         "%s Can't execute '%s': only (P%s)SUBSCRIBE / (P%s)UNSUBSCRIBE / PING / "
                         "QUIT / RESET are allowed in this context",
                         word, call->command->name, shard, shard);
}

bool session_is_hub_restricted(const struct session *session, const struct call *call)
{
    const struct fr_command *command = call->command;
    if (command == NULL || (command->flags & FR_FLAG_CONTAINER && call->argc > 1)) {
        return false; /* the server says first that it does not know it */
    }
    return session_uses_hub(session) &&
           call_has_right_count(call); /* the same goes for the count */
}

enum routed session_route_restricted(struct session *session, const struct call *call)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    if (call->command->id == FR_CMD_PING) {
        return ask_ping(session, call);
    }
    answer_restricted(session, call);
    return ROUTED;
}
