/* Filters and lines of CLIENT LIST and CLIENT KILL. See client_filter.h. Texts are Redis'
 * (networking.c, 7.0; MAXAGE 7.4). */
#include "daemon/client_filter.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "daemon/memory.h"

/* ------------------------------------------------------------------------------------------- lines
 */

static const char *flags_of(const struct session *session, char *flags)
{
    char *to = flags;
    if (session_is_tunnel(session)) {
        *to++ = 'O';
    }
    if (session_is_subscribed(session)) {
        *to++ = 'P';
    }
    if (session->lease != NULL && session->lease->state == LEASE_QUEUEING) {
        *to++ = 'x';
    }
    if (session->is_blocking && session->outstanding > 0) {
        *to++ = 'b';
    }
    if (session->tracking != TRACKING_OFF) {
        *to++ = 't';
    }
    if (session->tracking == TRACKING_BCAST) {
        *to++ = 'B';
    }
    if (session->closes_when_written) {
        *to++ = 'c';
    }
    if (strchr(session->address, '/') != NULL) {
        *to++ = 'U';
    }
    if (session->is_no_evict) {
        *to++ = 'e';
    }
    if (to == flags) {
        *to++ = 'N';
    }
    *to = '\0';
    return flags;
}

void client_describe(const struct session *session, struct evbuffer *out)
{
    char flags[16];
    uint64_t now = loop_now_ms();
    size_t waiting = evbuffer_get_length(session->out);
    bool is_queueing = session->lease != NULL && session->lease->state == LEASE_QUEUEING;
    evbuffer_add_printf(
        out,
        "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%" PRIu64 " idle=%" PRIu64
        " flags=%s db=%" PRId64 " sub=%" PRId64 " psub=%" PRId64 " ssub=%" PRId64
        " multi=%d qbuf=%zu qbuf-free=%zu "
        "argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=%zu tot-mem=%zu events=%s cmd=%s "
        "user=%s redir=%" PRId64 " resp=%" PRId64 "\n",
        session->id, session->address, session->local_address, session->transport.fd,
        session->name == NULL ? "" : session->name, (now - session->created_ms) / 1000,
        (now - session->last_input_ms) / 1000, flags_of(session, flags), session->db,
        session->subscriptions.counts[0], session->subscriptions.counts[1],
        session->subscriptions.counts[2], is_queueing ? (int)session->lease->queued_count : -1,
        session->in_len, session->in_cap - session->in_len, waiting,
        sizeof *session + session->in_cap + waiting, session->transport.is_writing ? "rw" : "r",
        session->last_command == NULL ? "NULL" : session->last_command->name,
        session->user == NULL ? "default" : session->user,
        session->tracking == TRACKING_OFF ? -1 : session->redirects_to, session->proto);
}

/* ----------------------------------------------------------------------------------------- reading
 */

static bool fail(struct session *session, const char *text)
{
    session_answer_error(session, "%s", text);
    return false;
}

static bool is(const struct fr_word *word, const char *text)
{
    return word->len == strlen(text) && strncasecmp(word->data, text, word->len) == 0;
}

static bool read_type(struct client_filter *filter, struct session *session,
                      const struct fr_word *word)
{
    filter->has_type = true;
    filter->is_pubsub = is(word, "pubsub");
    filter->is_nobody = is(word, "master") || is(word, "replica") || is(word, "slave");
    if (!filter->is_pubsub && !filter->is_nobody && !is(word, "normal")) {
        session_answer_error(session, "ERR Unknown client type '%.*s'",
                             (int)(word->len > 128 ? 128 : word->len), word->data);
        return false;
    }
    return true;
}

/* LIST takes any number, KILL only what may be an id. */
static bool add_id(struct client_filter *filter, const struct fr_word *word, int64_t least)
{
    int64_t id = 0;
    if (!fr_parse_int64(word->data, word->len, &id) || id < least) {
        return false;
    }
    filter->ids = memory_resize(filter->ids, (filter->id_count + 1) * sizeof *filter->ids);
    filter->ids[filter->id_count++] = id;
    return true;
}

/* The words behind CLIENT LIST or CLIENT KILL. */
static struct fr_words arguments_of(const struct call *call)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    fr_words_next(&words, &word);
    fr_words_next(&words, &word);
    return words;
}

bool client_filter_read_list(struct client_filter *filter, struct session *session,
                             const struct call *call)
{
    struct fr_words words = arguments_of(call);
    struct fr_word option = {0};
    struct fr_word word;
    if (!fr_words_next(&words, &option)) {
        return true;
    }
    if (is(&option, "type") && call->argc == 4) {
        fr_words_next(&words, &word);
        return read_type(filter, session, &word);
    }
    if (!is(&option, "id") || call->argc < 4) {
        return fail(session, "ERR syntax error");
    }
    while (fr_words_next(&words, &word)) {
        if (!add_id(filter, &word, INT64_MIN)) {
            return fail(session, "ERR Invalid client ID");
        }
    }
    return true;
}

static bool is_name(const struct fr_word *word, const char *name)
{
    return word->len == strlen(name) && memcmp(word->data, name, word->len) == 0;
}

/* Whether the configuration knows this user; without one of its own there is the default user. */
static bool is_user(const struct session *session, const struct fr_word *name)
{
    const struct prefix_settings *settings = session->pool->context.settings;
    for (size_t i = 0; i < settings->user_count; i++) {
        if (is_name(name, settings->user_entries[i].name)) {
            return true;
        }
    }
    return is_name(name, "default") || settings->auth == AUTH_PASSTHROUGH;
}

static bool read_user(struct client_filter *filter, struct session *session,
                      const struct fr_word *value)
{
    if (!is_user(session, value)) {
        session_answer_error(session, "ERR No such user '%.*s'",
                             (int)(value->len > 128 ? 128 : value->len), value->data);
        return false;
    }
    session_set_text(&filter->user, value->data, value->len);
    return true;
}

static bool read_skipme(struct client_filter *filter, struct session *session,
                        const struct fr_word *value)
{
    filter->skips_asker = is(value, "yes");
    return is(value, "yes") || is(value, "no") || fail(session, "ERR syntax error");
}

static bool read_max_age(struct client_filter *filter, struct session *session,
                         const struct fr_word *value)
{
    bool is_number = fr_parse_int64(value->data, value->len, &filter->max_age_s);
    return (is_number && filter->max_age_s > 0) ||
           fail(session, "ERR maxage is not an integer or out of range");
}

static bool read_id(struct client_filter *filter, struct session *session,
                    const struct fr_word *value)
{
    return add_id(filter, value, 1) || fail(session, "ERR client-id should be greater than 0");
}

static bool read_address(struct client_filter *filter, struct session *session,
                         const struct fr_word *value)
{
    (void)session;
    session_set_text(&filter->address, value->data, value->len);
    return true;
}

static bool read_local_address(struct client_filter *filter, struct session *session,
                               const struct fr_word *value)
{
    (void)session;
    session_set_text(&filter->local_address, value->data, value->len);
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct client_filter *filter, struct session *session,
                 const struct fr_word *value);
} kill_options[] = {
    {"id", read_id},          {"type", read_type},
    {"addr", read_address},   {"laddr", read_local_address},
    {"user", read_user},      {"skipme", read_skipme},
    {"maxage", read_max_age},
};

static bool read_kill_option(struct client_filter *filter, struct session *session,
                             const struct fr_word *option, const struct fr_word *value)
{
    for (size_t i = 0; i < sizeof kill_options / sizeof kill_options[0]; i++) {
        if (is(option, kill_options[i].name)) {
            return kill_options[i].read(filter, session, value);
        }
    }
    return fail(session, "ERR syntax error");
}

bool client_filter_read_kill(struct client_filter *filter, struct session *session,
                             const struct call *call)
{
    struct fr_words words = arguments_of(call);
    struct fr_word option;
    struct fr_word value;
    if (call->argc == 3) {
        fr_words_next(&words, &value);
        return read_address(filter, session, &value);
    }
    filter->skips_asker = true;
    while (fr_words_next(&words, &option)) {
        if (!fr_words_next(&words, &value)) {
            return fail(session, "ERR syntax error");
        }
        if (!read_kill_option(filter, session, &option, &value)) {
            return false;
        }
    }
    return true;
}

void client_filter_finish(struct client_filter *filter)
{
    free(filter->ids);
    free(filter->address);
    free(filter->local_address);
    free(filter->user);
}

/* ---------------------------------------------------------------------------------------- matching
 */

static bool has_id(const struct client_filter *filter, uint64_t id)
{
    for (size_t i = 0; i < filter->id_count; i++) {
        if ((uint64_t)filter->ids[i] == id) {
            return true;
        }
    }
    return filter->ids == NULL;
}

static bool is_text(const char *wanted, const char *have)
{
    return wanted == NULL || strcmp(wanted, have) == 0;
}

bool client_filter_matches(const struct client_filter *filter, const struct session *session)
{
    const char *user = session->user == NULL ? "default" : session->user;
    uint64_t age_s = (loop_now_ms() - session->created_ms) / 1000;
    bool is_of_type = !filter->has_type ||
                      (!filter->is_nobody && filter->is_pubsub == session_is_subscribed(session));
    return is_of_type && has_id(filter, session->id) &&
           is_text(filter->address, session->address) &&
           is_text(filter->local_address, session->local_address) && is_text(filter->user, user) &&
           age_s >= (uint64_t)filter->max_age_s;
}
