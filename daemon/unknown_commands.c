/* Commands the table lacks: the server is asked once what they are. Another name for a known one is
 * treated as that, so that it is routed, and denied, like it. A module's may share connections if
 * the setting "modules" says so. All others take a connection of their own, which is closed
 * afterwards: whatever they do to it, nobody else meets it. */
#include "daemon/router.h"

#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "daemon/vocabulary.h"

/* Whether the server can be asked about the request before it is sent. */
static bool may_ask(const struct session *session, const struct call *call)
{
    bool is_hopeless = session->lease != NULL && session->lane != NULL &&
                       upstream_is_hopeless(session->lane->upstream);
    return call->is_whole && session->is_authenticated && session->refusal == NULL &&
           session->lost != LOST_TRANSACTION && !session_is_tunnel(session) && !is_hopeless;
}

static void send_question(struct session *session, struct upstream *upstream,
                          const struct fr_word *name)
{
    struct evbuffer *out = evbuffer_new();
    evbuffer_add_printf(out, "*3\r\n$7\r\nCOMMAND\r\n$4\r\nINFO\r\n$%zu\r\n", name->len);
    evbuffer_add(out, name->data, name->len);
    evbuffer_add(out, "\r\n", 2);
    struct call call = {.len = evbuffer_get_length(out),
                        .frame = (const char *)evbuffer_pullup(out, -1),
                        .is_whole = true,
                        .command = &fr_commands[FR_CMD_COMMAND_INFO]};
    session_set_text(&session->asked_about, name->data, name->len);
    session_send_on(session, upstream, &call, TAG_ASKED | TAG_SILENT);
    evbuffer_free(out);
}

/* Ask over the shared lane, also of a session that has a lease: a transaction there goes on. The
 * request waits for the reply. */
static enum routed ask(struct session *session, const struct fr_word *name)
{
    struct upstream *upstream = NULL;
    if (!session_is_quiet(session) || session_want_shared(session, 1, &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    if (upstream == NULL) { /* answered with the reason why there is none */
        bool is_queued = session->lease != NULL && session->lease->state == LEASE_QUEUEING;
        session->lost = is_queued ? LOST_QUEUED : session->lost;
        return ROUTED;
    }
    send_question(session, upstream, name);
    session_is_quiet(session); /* it is not: go on when the reply has come */
    return ROUTE_LATER;
}

bool unknown_command_asks(struct session *session, struct call *call, enum routed *routed)
{
    const char *original = NULL;
    const struct fr_word *sub = call->word_count > 1 ? &call->words[1] : NULL;
    struct pool *pool = session->pool;
    if (call->word_count == 0) {
        return false;
    }
    switch (vocabulary_look(&pool->vocabulary, &pool->context, call->words[0].data,
                            call->words[0].len, &original)) {
    case WORD_UNASKED:
        if (may_ask(session, call)) {
            *routed = ask(session, &call->words[0]);
            return true;
        }
        break;
    case WORD_RENAMED:
        call->command = fr_command_find(original, strlen(original), sub == NULL ? NULL : sub->data,
                                        sub == NULL ? 0 : sub->len);
        break;
    case WORD_ORDINARY:
        call->is_ordinary = pool->context.settings->modules == MODULES_SHARED;
        break;
    case WORD_STRANGE:
        break;
    }
    return false;
}
