/* Replies that count subscribers. The server counts hubs; what it answers to PUBLISH and PUBSUB
 * NUMSUB is corrected by how many of this prefix' clients listen behind them (audience.h), so that
 * it is what it would be if each had a connection of its own. */
#include "daemon/session_parts.h"

#include <inttypes.h>
#include <stdlib.h>

#include <event2/buffer.h>

#include "daemon/memory.h"

/* A request whose reply is to be corrected; in the order of their replies. */
struct session_recount {
    STAILQ_ENTRY(session_recount) next;
    bool is_publish;
    enum topic_kind kind;
    int64_t surplus;       /* of PUBLISH, when it was sent */
    struct evbuffer *held; /* beginning of a reply that comes in parts, or NULL */
};

static const struct counting {
    enum fr_command_id id;
    bool is_publish;
    enum topic_kind kind;
} countings[] = {
    {FR_CMD_PUBLISH, true, TOPIC_CHANNEL},
    {FR_CMD_SPUBLISH, true, TOPIC_SHARD},
    {FR_CMD_PUBSUB_NUMSUB, false, TOPIC_CHANNEL},
    {FR_CMD_PUBSUB_SHARDNUMSUB, false, TOPIC_SHARD},
};

static const struct counting *find(const struct call *call)
{
    for (size_t i = 0; i < sizeof countings / sizeof countings[0]; i++) {
        if (call->command != NULL && call->command->id == countings[i].id) {
            return &countings[i];
        }
    }
    return NULL;
}

static struct audience *audience_for(const struct session *session)
{
    return &session->pool->prefix->audience;
}

uint8_t session_count_tag(const struct session *session, const struct call *call)
{
    const struct counting *counting = find(call);
    bool is_known =
        counting != NULL && (counting->is_publish ? call->word_count > 1 : call->is_whole);
    if (!is_known) {
        return TAG_NONE;
    }
    bool is_adjusted = session->pool->context.settings->publish_count == PUBLISH_COUNT_ADJUST &&
                       audience_matters(audience_for(session));
    /* a client's own message comes behind the reply */
    bool is_awaited = counting->is_publish && session_uses_hub(session);
    return is_adjusted || is_awaited ? TAG_COUNTED : TAG_NONE;
}

void session_begin_recount(struct session *session, const struct call *call)
{
    const struct counting *counting = find(call);
    struct session_recount *recount = memory_zeroed(sizeof *recount);
    recount->is_publish = counting->is_publish;
    recount->kind = counting->kind;
    session->published += counting->is_publish;
    if (counting->is_publish && call->word_count > 1 &&
        session->pool->context.settings->publish_count == PUBLISH_COUNT_ADJUST) {
        recount->surplus = audience_of_message(audience_for(session), counting->kind,
                                               call->words[1].data, call->words[1].len);
    }
    STAILQ_INSERT_TAIL(&session->recounts, recount, next);
}

void session_end_recount(struct session *session)
{
    struct session_recount *recount = STAILQ_FIRST(&session->recounts);
    STAILQ_REMOVE_HEAD(&session->recounts, next);
    session->publish_answered += recount->is_publish;
    if (recount->held != NULL) {
        evbuffer_free(recount->held);
    }
    free(recount);
}

/* Whom no connection got the message for did not get it either: the hub may be just lost. */
static bool write_publish(struct session *session, const struct session_recount *recount,
                          const char *reply, size_t len)
{
    const char *at = reply;
    int64_t count = 0;
    char line[32];
    if (!fr_integer_take(&at, reply + len, &count) || count <= 0) {
        return false;
    }
    count += recount->surplus;
    int line_len = snprintf(line, sizeof line, ":%" PRId64 "\r\n", count < 0 ? 0 : count);
    session_write(session, line, (size_t)line_len);
    return true;
}

/* Write [name, count, name, count …] with other counts. False: it is something else. */
static bool rewrite_pairs(struct session *session, enum topic_kind kind, const char *reply,
                          size_t len, struct evbuffer *out)
{
    const char *end = reply + len;
    const char *at = memchr(reply, '\n', len);
    struct fr_word name;
    int64_t count = 0;
    if (at == NULL || reply[0] != '*') {
        return false;
    }
    evbuffer_add(out, reply, (size_t)(++at - reply));
    while (at < end) {
        const char *from = at;
        if (!fr_bulk_take(&at, end, &name)) {
            return false;
        }
        evbuffer_add(out, from, (size_t)(at - from));
        if (!fr_integer_take(&at, end, &count)) {
            return false;
        }
        count += audience_of(audience_for(session), kind, name.data, name.len);
        evbuffer_add_printf(out, ":%" PRId64 "\r\n", count < 0 ? 0 : count);
    }
    return true;
}

static bool write_pairs(struct session *session, const struct session_recount *recount,
                        const char *reply, size_t len)
{
    struct evbuffer *out = evbuffer_new();
    bool is_done = session->pool->context.settings->publish_count == PUBLISH_COUNT_ADJUST &&
                   rewrite_pairs(session, recount->kind, reply, len, out);
    if (is_done) {
        session_write(session, (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
    }
    evbuffer_free(out);
    return is_done;
}

static void write_recounted(struct session *session, const struct session_recount *recount,
                            const char *reply, size_t len)
{
    bool is_done = recount->is_publish ? write_publish(session, recount, reply, len)
                                       : write_pairs(session, recount, reply, len);
    if (!is_done) {
        session_write(session, reply, len);
    }
}

void session_write_counted(struct session *session, const struct reply_part *part)
{
    struct session_recount *recount = STAILQ_FIRST(&session->recounts);
    const char *reply = part->data;
    size_t len = part->len;
    if (!part->is_last || recount->held != NULL) {
        recount->held = recount->held == NULL ? evbuffer_new() : recount->held;
        evbuffer_add(recount->held, part->data, part->len);
        reply = (const char *)evbuffer_pullup(recount->held, -1);
        len = evbuffer_get_length(recount->held);
    }
    if (part->is_last) {
        if (!(part->slot->tag & TAG_SILENT)) {
            write_recounted(session, recount, reply, len);
        }
        session_end_recount(session);
    }
}
