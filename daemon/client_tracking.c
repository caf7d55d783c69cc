/* CLIENT TRACKING with REDIRECT: the id a client names is one of ours, the server's is that of the
 * connection lent to the session with it. */
#include "daemon/router.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "daemon/lane.h"
#include "daemon/memory.h"
#include "daemon/roll_call.h"

struct redirection {
    struct roll_call roll;
    char *frame; /* the request as it came */
    size_t len;
    uint32_t argc;
    int64_t id;       /* as the client named it */
    uint64_t real_id; /* 0: no such session, or it has no connection of its own */
    bool has_tried;   /* to give it one */
    bool is_refused;  /* there was none to be had */
};

static bool is_redirect(const struct fr_word *word)
{
    return word->len == 8 && strncasecmp(word->data, "REDIRECT", 8) == 0;
}

/* The id behind REDIRECT; 0: none. */
static int64_t redirected_to(const char *frame, size_t len)
{
    struct fr_words words = fr_words_begin(frame, len);
    struct fr_word word;
    int64_t id = 0;
    while (fr_words_next(&words, &word)) {
        if (is_redirect(&word) && fr_words_next(&words, &word) &&
            fr_parse_int64(word.data, word.len, &id)) {
            return id;
        }
    }
    return 0;
}

bool client_tracking_redirects(const struct call *call)
{
    return call_is(call, FR_CMD_CLIENT_TRACKING) && call->is_whole &&
           redirected_to(call->frame, call->len) > 0;
}

/* Whether the option BCAST is there. Behind PREFIX and REDIRECT it would be a value. */
static bool asks_for_bcast(const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    bool is_value = false;
    while (fr_words_next(&words, &word)) {
        if (!is_value && word_is(&word, "BCAST")) {
            return true;
        }
        is_value = !is_value && (word_is(&word, "PREFIX") || word_is(&word, "REDIRECT"));
    }
    return false;
}

void client_tracking_ask(struct session *session, const struct call *call)
{
    if (call_is(call, FR_CMD_CLIENT_TRACKING)) {
        session->tracking_asked = !call_word_is(call, 2, "ON") ? TRACKING_OFF
                                  : asks_for_bcast(call)       ? TRACKING_BCAST
                                                               : TRACKING_KEYS;
    }
}

/* Whether the session may have a connection of its own that the server knows it by. In RESP2 what
 * comes is a message, and so nothing for who has its subscriptions on a hub. */
static bool may_be_target(const struct session *session)
{
    struct upstream_route route = session_route(session);
    const struct lane *lane = lane_find(session->pool, &route);
    bool is_hopeless = lane != NULL && upstream_is_hopeless(lane->upstream);
    return !is_hopeless && !(session->proto == 2 && session_uses_hub(session));
}

void client_tracking_keep(struct session *session)
{
    struct lease *lease = session->lease;
    if (lease->kind != QUOTA_RESCUE) { /* which is in no database of a client's */
        lease->is_target = true;
        lease->is_pinned = true; /* it must last: the server knows it by its id */
        lease->is_sticky = true;
        lease->is_dirty = true; /* nobody else gets what is sent to it then */
    }
    session->is_barred = session->is_barred || session->outstanding > 0;
}

/* A session that has no connection of its own gets one, and the question comes again. */
static void find_target(struct roll_call *roll, struct session *session)
{
    static const struct lease_wish wish = {.kind = QUOTA_STICKY, .is_optional = true};
    struct redirection *redirection = (struct redirection *)roll;
    if ((int64_t)session->id != redirection->id) {
        return;
    }
    bool is_without = session->lease == NULL && session->wait == NULL;
    redirection->is_refused = is_without && redirection->has_tried;
    if (is_without && !redirection->has_tried && may_be_target(session)) {
        redirection->has_tried = true;
        session_want_lease(session, &wish);
    }
    if (session->lease != NULL) {
        client_tracking_keep(session);
        redirection->real_id = session->lease->is_target ? session->lease->upstream->real_id : 0;
    } else if (session->wait != NULL) {
        roll_call_hold(roll, session);
    }
}

static void add_word(struct evbuffer *out, const char *data, size_t len)
{
    evbuffer_add_printf(out, "$%zu\r\n", len);
    evbuffer_add(out, data, len);
    evbuffer_add(out, "\r\n", 2);
}

/* The request with the server's id in the place of ours. */
static void write_translated(const struct redirection *redirection, struct evbuffer *out)
{
    struct fr_words words = fr_words_begin(redirection->frame, redirection->len);
    struct fr_word word;
    bool is_id = false;
    char id[24];
    int id_len = snprintf(id, sizeof id, "%" PRIu64, redirection->real_id);
    evbuffer_add_printf(out, "*%u\r\n", redirection->argc);
    while (fr_words_next(&words, &word)) {
        if (is_id) { /* 0 is nobody: a number of ours must not hit a connection of the server's */
            add_word(out, id, (size_t)id_len);
        } else {
            add_word(out, word.data, word.len);
        }
        is_id = is_redirect(&word);
    }
}

static void finish_redirection(struct roll_call *roll)
{
    static const char none_free[] =
        "-POOLWAIT no connection free for the client to redirect to (setting \"sticky_max\")\r\n";
    struct redirection *redirection = (struct redirection *)roll;
    struct session *session = roll->asker;
    struct evbuffer *out = evbuffer_new();
    write_translated(redirection, out);
    session_finish_answer(session, none_free, sizeof none_free - 1,
                          roll->is_silent || !redirection->is_refused);
    if (!session->is_dead && session->lease != NULL && !redirection->is_refused) {
        struct call call = {.frame = (const char *)evbuffer_pullup(out, -1),
                            .len = evbuffer_get_length(out),
                            .is_whole = true,
                            .command = &fr_commands[FR_CMD_CLIENT_TRACKING]};
        session->redirecting = redirection->id;
        session_send_leased(session, &call,
                            (uint8_t)(TAG_REDIRECT | (roll->is_silent ? TAG_SILENT : 0)));
    }
    evbuffer_free(out);
    free(redirection->frame);
    free(redirection);
}

enum routed client_tracking_redirect(struct session *session, const struct call *call)
{
    struct redirection *redirection = memory_zeroed(sizeof *redirection);
    redirection->frame = memory_text(call->frame, call->len);
    redirection->len = call->len;
    redirection->argc = call->argc;
    redirection->id = redirected_to(call->frame, call->len);
    redirection->roll.visit = find_target;
    redirection->roll.finish = finish_redirection;
    session->lease->is_pinned = true;
    session->lease->is_sticky = true;
    session->lease->is_dirty = true;
    session->is_barred = true;
    roll_call_start(&redirection->roll, session);
    return ROUTED;
}

/* Where the server's id stands in it; NULL: nowhere. Keys in a push may look like anything. */
static const char *find_id(const char *frame, size_t len)
{
    static const char info[] = "$8\r\nredirect\r\n:";
    static const char broken[] = ">2\r\n$21\r\ntracking-redir-broken\r\n:";
    if (*frame == '>') {
        bool is_broken = len > sizeof broken - 1 && memcmp(frame, broken, sizeof broken - 1) == 0;
        return is_broken ? frame + sizeof broken - 1 : NULL;
    }
    const char *found = memmem(frame, len, info, sizeof info - 1);
    return found == NULL ? NULL : found + sizeof info - 1;
}

void client_tracking_translate(const struct session *session, const char *frame, size_t len,
                               struct evbuffer *out)
{
    const char *id = session->redirects_to == 0 ? NULL : find_id(frame, len);
    if (id == NULL || *id == '-') {
        evbuffer_add(out, frame, len);
        return;
    }
    const char *behind = memchr(id, '\r', (size_t)(frame + len - id));
    evbuffer_add(out, frame, (size_t)(id - frame));
    evbuffer_add_printf(out, "%" PRId64, session->redirects_to);
    evbuffer_add(out, behind, (size_t)(frame + len - behind));
}
