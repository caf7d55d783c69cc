/* SELECT, AUTH, HELLO, RESET and QUIT: a connection's state as the session has it. Texts are Redis'
 * (db.c, acl.c, networking.c, 7.0). */
#include "daemon/router.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "daemon/handshake.h"

/* ----------------------------------------------------------------------------------------- SELECT
 */

/* Switch to another database, when a lane for it stands. */
static enum routed change_db(struct session *session, int64_t db)
{
    struct upstream_route route = session_route(session);
    struct upstream *upstream = NULL;
    route.db = db;
    if (session_want_ready(session, &route, &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    session_change_route(session, db, session->proto, session->identity);
    session->has_selected = true;
    session_answer_text(session, "+OK\r\n");
    return ROUTED;
}

static enum routed on_select(struct session *session, const struct call *call)
{
    int64_t db = 0;
    if (!fr_parse_int64(call->words[1].data, call->words[1].len, &db)) {
        session_answer_error(session, "ERR value is not an integer or out of range");
    } else if (db < INT32_MIN || db > INT32_MAX) {
        session_answer_error(session, "ERR value is out of range, value must between %d and %d",
                             INT32_MIN, INT32_MAX);
    } else if (db < 0) {
        session_answer_error(session, "ERR DB index is out of range");
    } else if (db != session->db) {
        return change_db(session, db);
    } else {
        session->has_selected = true;
        session_answer_text(session, "+OK\r\n"); /* nothing to be asked of the server */
    }
    return ROUTED;
}

/* ------------------------------------------------------------------------------------------- AUTH
 */

static const struct fr_word default_user = {"default", 7};

static bool same_word(const struct fr_word *a, const struct fr_word *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* Compare with every user, so that the time tells nothing. */
static bool is_known(const struct prefix_settings *settings, const struct fr_word *user,
                     const struct fr_word *password)
{
    bool is_found = false;
    for (size_t i = 0; i < settings->user_count; i++) {
        const struct user_entry *entry = &settings->user_entries[i];
        bool matches =
            secret_equals(user->data, user->len, entry->name, strlen(entry->name)) &
            secret_equals(password->data, password->len, entry->password, strlen(entry->password));
        is_found = is_found || matches;
    }
    return is_found;
}

static void wrong_password(struct session *session)
{
    session_answer_error(session, "WRONGPASS invalid username-password pair or user is disabled.");
}

/* The session is this user from now on. */
static void log_in(struct session *session, const struct fr_word *user)
{
    bool is_default = same_word(user, &default_user);
    session->is_authenticated = true;
    session_set_text(&session->user, user->data, is_default ? 0 : user->len);
    for (char *c = session->user; c != NULL && *c != '\0'; c++) {
        *c = *c > ' ' && *c <= '~' ? *c : '?'; /* it is shown in lines of CLIENT LIST */
    }
}

/* Who the server is to be asked as, for credentials that it shall check. The caller releases it. */
static const struct identity *identity_of(struct session *session, const struct fr_word *user,
                                          const struct fr_word *password)
{
    char *name = NULL;
    char *secret = NULL;
    session_set_text(&name, user->data, user == &default_user ? 0 : user->len);
    session_set_text(&secret, password->data, password->len);
    const struct identity *identity =
        identity_intern(&session->pool->identities, name, secret == NULL ? "" : secret);
    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
    }
    free(name);
    free(secret);
    return identity;
}

/* Whether these credentials are right, as far as that is decided here; answers if not. Nothing is
 * changed. */
static bool check_here(struct session *session, const struct fr_word *user,
                       const struct fr_word *password)
{
    enum auth_policy policy = session->pool->context.settings->auth;
    bool is_text = memchr(user->data, '\0', user->len) == NULL &&
                   memchr(password->data, '\0', password->len) == NULL;
    bool is_right =
        policy == AUTH_IGNORE || (policy == AUTH_PASSTHROUGH && is_text) ||
        (policy == AUTH_UPSTREAM && same_word(user, &default_user)) ||
        (policy == AUTH_CHECK && is_known(session->pool->context.settings, user, password));
    if (!is_right) {
        wrong_password(session);
    }
    return is_right;
}

/* The connection the session will have with this protocol and these credentials, if any. */
static enum routed reach(struct session *session, int64_t proto, const struct fr_word *user,
                         const struct fr_word *password, struct upstream **upstream)
{
    bool asks_server = user != NULL && session->pool->context.settings->auth == AUTH_PASSTHROUGH;
    const struct identity *identity =
        asks_server ? identity_of(session, user, password) : identity_hold(session->identity);
    struct upstream_route route = {.db = session->db, .proto = proto, .identity = identity};
    enum routed routed = session_want_ready(session, &route, upstream);
    if (routed == ROUTED) {
        session_change_route(session, session->db, proto, identity);
    }
    identity_release(&session->pool->identities, identity);
    return routed;
}

static enum routed on_auth(struct session *session, const struct call *call)
{
    enum auth_policy policy = session->pool->context.settings->auth;
    const struct fr_word *password = &call->words[call->argc == 3 ? 2 : 1];
    const struct fr_word *user = call->argc == 3 ? &call->words[1] : &default_user;
    struct upstream *upstream = NULL;
    if (call->argc > 3) {
        session_answer_error(session, "ERR syntax error");
        return ROUTED;
    }
    if (policy == AUTH_UPSTREAM && call->argc == 2) {
        session_answer_error(session,
                             "ERR AUTH <password> called without any password configured for the "
                             "default user. Are you sure your configuration is correct?");
        return ROUTED;
    }
    if (!check_here(session, user, password)) {
        return ROUTED;
    }
    if (policy == AUTH_PASSTHROUGH &&
        reach(session, session->proto, user, password, &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    log_in(session, user);
    session_answer_text(session, "+OK\r\n");
    return ROUTED;
}

/* ------------------------------------------------------------------------------------------ HELLO
 */

struct hello {
    int64_t proto;
    bool has_auth;
    bool has_name;
    struct fr_word user;
    struct fr_word password;
    struct fr_word name;
};

/* Read the options behind the version; answers what is wrong with the first that is. */
static bool read_options(struct session *session, struct fr_words *words, struct hello *hello)
{
    struct fr_word option;
    while (fr_words_next(words, &option)) {
        if (option.len == 4 && strncasecmp(option.data, "AUTH", 4) == 0 &&
            fr_words_next(words, &hello->user) && fr_words_next(words, &hello->password)) {
            hello->has_auth = true;
        } else if (option.len == 7 && strncasecmp(option.data, "SETNAME", 7) == 0 &&
                   fr_words_next(words, &hello->name)) {
            hello->has_name = true;
            if (!client_name_is_valid(session, &hello->name)) {
                return false;
            }
        } else {
            int shown = option.len > 128 ? 128 : (int)option.len;
            session_answer_error(session, "ERR Syntax error in HELLO option '%.*s'", shown,
                                 option.data);
            return false;
        }
    }
    return true;
}

static bool read_version(struct session *session, const struct fr_word *word, struct hello *hello)
{
    if (!fr_parse_int64(word->data, word->len, &hello->proto)) {
        session_answer_error(session, "ERR Protocol version is not an integer or out of range");
        return false;
    }
    if (hello->proto < 2 || hello->proto > 3) {
        session_answer_error(session, "NOPROTO unsupported protocol version");
        return false;
    }
    return true;
}

/* Read the whole request; answers what is wrong with it. */
static bool read_hello(struct session *session, const struct call *call, struct hello *hello)
{
    struct fr_words words = fr_words_begin(call->frame, call->len);
    struct fr_word word;
    hello->proto = session->proto;
    fr_words_next(&words, &word);
    return !fr_words_next(&words, &word) ||
           (read_version(session, &word, hello) && read_options(session, &words, hello));
}

/* Whether everything asked for can be had; answers if not. */
static bool check_hello(struct session *session, const struct hello *hello)
{
    if (hello->has_auth && !check_here(session, &hello->user, &hello->password)) {
        return false;
    }
    if (!hello->has_auth && !session->is_authenticated) {
        session_answer_error(
            session,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and "
            "select the RESP protocol version at the same time");
        return false;
    }
    return true;
}

static void answer_hello(struct session *session, const struct upstream *upstream)
{
    struct evbuffer *out = evbuffer_new();
    handshake_write_hello(upstream, session->id, out);
    session_answer(session, (const char *)evbuffer_pullup(out, -1), evbuffer_get_length(out));
    evbuffer_free(out);
}

/* Have the lease's connection, which keeps its state, speak the session's protocol too. */
static void follow_on_lease(struct session *session)
{
    char frame[64];
    int len =
        snprintf(frame, sizeof frame, "*2\r\n$5\r\nHELLO\r\n$1\r\n%d\r\n", (int)session->proto);
    struct call call = {.frame = frame,
                        .len = (size_t)len,
                        .is_whole = true,
                        .argc = 2,
                        .command = &fr_commands[FR_CMD_HELLO]};
    session->lease->is_dirty = true; /* it is not what its route says any more */
    session_send_leased(session, &call, TAG_SILENT);
}

static enum routed on_hello(struct session *session, const struct call *call)
{
    struct hello hello = {0};
    struct upstream *upstream = NULL;
    int64_t proto = session->proto;
    if (!read_hello(session, call, &hello) || !check_hello(session, &hello)) {
        return ROUTED;
    }
    if (reach(session, hello.proto, hello.has_auth ? &hello.user : NULL, &hello.password,
              &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    if (hello.has_auth) {
        log_in(session, &hello.user);
    }
    if (hello.has_name) {
        session_set_text(&session->name, hello.name.data, hello.name.len);
    }
    answer_hello(session, upstream);
    if (session->lease != NULL && session->proto != proto) {
        follow_on_lease(session);
    }
    return ROUTED;
}

/* ------------------------------------------------------------------------------------ RESET, QUIT
 */

static enum routed on_reset(struct session *session, const struct call *call)
{
    bool is_skipped = session->skips_this; /* that is not forgotten */
    (void)call;
    session_end_lease(session);
    session_forget_state(session);
    session->skips_this = is_skipped;
    session_answer_text(session, "+RESET\r\n");
    return ROUTED;
}

static enum routed on_quit(struct session *session, const struct call *call)
{
    (void)call;
    session_answer_text(session, "+OK\r\n");
    session_close_when_written(session);
    return ROUTED;
}

local_command connection_command(const struct fr_command *command)
{
    static const local_command commands[FR_CMD_COUNT] = {
        [FR_CMD_SELECT] = on_select, [FR_CMD_AUTH] = on_auth, [FR_CMD_HELLO] = on_hello,
        [FR_CMD_RESET] = on_reset,   [FR_CMD_QUIT] = on_quit,
    };
    return commands[command->id];
}
