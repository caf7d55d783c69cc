/* Commands about the connection itself: PING, HELLO, AUTH, RESET, QUIT, CLIENT. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mock/commands.h"

#define SERVER_VERSION "7.0.15"

void frm_cmd_ping(struct call *c)
{
    if (c->argc > 2) {
        frm_error(c->out, "ERR wrong number of arguments for 'ping' command");
        return;
    }
    if (frm_may_subscribe_only(c->session)) {
        frm_array(c->out, 2);
        frm_bulk_text(c->out, "pong");
        frm_bulk(c->out, c->argc == 2 ? c->argv[1].data : "", c->argc == 2 ? c->argv[1].len : 0);
    } else if (c->argc == 2) {
        frm_bulk(c->out, c->argv[1].data, c->argv[1].len);
    } else {
        frm_status(c->out, "PONG");
    }
}

void frm_cmd_echo(struct call *c)
{
    frm_bulk(c->out, c->argv[1].data, c->argv[1].len);
}

void frm_cmd_quit(struct call *c)
{
    frm_ok(c->out);
    frm_session_end(c->session);
}

/* --------------------------------------------------------------------------------------- greeting
 */

/* There is one user, default, who needs no password. */
static bool log_in(struct call *c, const struct fr_word *user)
{
    if (user->len == 7 && memcmp(user->data, "default", 7) == 0) {
        return true;
    }
    frm_error(c->out, "WRONGPASS invalid username-password pair or user is disabled.");
    return false;
}

void frm_cmd_auth(struct call *c)
{
    if (c->argc > 3) {
        frm_error_syntax(c->out);
    } else if (c->argc == 2) {
        frm_error(c->out, "ERR AUTH <password> called without any password configured for the "
                          "default user. Are you sure your configuration is correct?");
    } else if (log_in(c, &c->argv[1])) {
        frm_ok(c->out);
    }
}

static bool set_name(struct call *c, const struct fr_word *name)
{
    for (size_t i = 0; i < name->len; i++) {
        if (name->data[i] < '!' || name->data[i] > '~') {
            frm_error(c->out, "ERR Client names cannot contain spaces, newlines or special "
                              "characters.");
            return false;
        }
    }
    frm_free(c->session->name);
    c->session->name = name->len > 0 ? frm_str_of(&c->mock->heap, name) : NULL;
    return true;
}

static void greet(struct call *c)
{
    frm_map(c->out, 7);
    frm_bulk_text(c->out, "server");
    frm_bulk_text(c->out, "redis");
    frm_bulk_text(c->out, "version");
    frm_bulk_text(c->out, SERVER_VERSION);
    frm_bulk_text(c->out, "proto");
    frm_int(c->out, c->out->protocol);
    frm_bulk_text(c->out, "id");
    frm_int(c->out, c->session->id);
    frm_bulk_text(c->out, "mode");
    frm_bulk_text(c->out, "standalone");
    frm_bulk_text(c->out, "role");
    frm_bulk_text(c->out, "master");
    frm_bulk_text(c->out, "modules");
    frm_array(c->out, 0);
}

static bool read_greeting(struct call *c, const struct fr_word **name)
{
    for (size_t i = 2; i < c->argc;) {
        size_t left = c->argc - i - 1;
        if (left >= 2 && frm_arg_is(c, i, "auth")) {
            if (!log_in(c, &c->argv[i + 1])) {
                return false;
            }
            i += 3;
        } else if (left >= 1 && frm_arg_is(c, i, "setname")) {
            *name = &c->argv[i + 1];
            i += 2;
        } else {
            frm_error(c->out, "ERR Syntax error in HELLO option '%.*s'", (int)c->argv[i].len,
                      c->argv[i].data);
            return false;
        }
    }
    return true;
}

void frm_cmd_hello(struct call *c)
{
    int64_t protocol = c->out->protocol;
    const struct fr_word *name = NULL;
    if (c->argc > 1 &&
        !frm_arg_int(c, 1, &protocol, "ERR Protocol version is not an integer or out of range")) {
        return;
    }
    if (protocol != 2 && protocol != 3) {
        frm_error(c->out, "NOPROTO unsupported protocol version");
        return;
    }
    if (!read_greeting(c, &name) || (name && !set_name(c, name))) {
        return;
    }
    c->out->protocol = (int)protocol;
    greet(c);
}

void frm_cmd_reset(struct call *c)
{
    struct fr_mock_session *session = c->session;
    frm_transaction_end(session);
    frm_unsubscribe_all(session);
    session->flags &= ~(unsigned)(REPLY_OFF | REPLY_SKIP_NEXT | NO_EVICT);
    session->db = &c->mock->db[0];
    session->out.protocol = 2;
    session->out.is_off = (session->flags & REPLY_SKIP) != 0;
    frm_free(session->name);
    session->name = NULL;
    frm_status(c->out, "RESET");
}

/* ----------------------------------------------------------------------------------------- CLIENT
 */

void frm_cmd_client_id(struct call *c)
{
    frm_int(c->out, c->session->id);
}

void frm_cmd_client_getname(struct call *c)
{
    if (c->session->name) {
        frm_bulk_str(c->out, c->session->name);
    } else {
        frm_null(c->out);
    }
}

void frm_cmd_client_setname(struct call *c)
{
    if (set_name(c, &c->argv[2])) {
        frm_ok(c->out);
    }
}

static size_t describe(char *to, size_t cap, const struct fr_mock_session *session)
{
    const struct str *name = session->name;
    int64_t now_ms = frm_now_ms(session->mock);
    const char *mode = session->flags & IN_MULTI            ? "x"
                       : session->wait.kind != WAIT_NOTHING ? "b"
                       : frm_subscription_count(session)    ? "P"
                                                            : "N";
    int len = snprintf(
        to, cap,
        "id=%" PRId64 " addr=mock:0 laddr=mock:0 fd=-1 name=%.*s age=%" PRId64 " idle=%" PRId64
        " flags=%s db=%d sub=%u psub=%u ssub=%u multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0"
        " rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d\n",
        session->id, name ? (int)name->len : 0, name ? name->data : "",
        (now_ms - session->created_ms) / 1000, (now_ms - session->used_ms) / 1000, mode,
        session->db->number, session->subscriptions[SUB_CHANNEL].live,
        session->subscriptions[SUB_PATTERN].live, session->subscriptions[SUB_SHARD].live,
        session->flags & IN_MULTI ? (int)session->queue_count : -1, session->last_command,
        session->out.protocol);
    return len < 0 ? 0 : (size_t)len < cap ? (size_t)len : cap - 1;
}

void frm_cmd_client_info(struct call *c)
{
    char text[1024];
    frm_verbatim(c->out, text, describe(text, sizeof(text), c->session));
}

void frm_cmd_client_list(struct call *c)
{
    if (c->argc > 2) {
        frm_error_syntax(c->out);
        return;
    }
    struct out lines;
    char text[1024];
    const struct fr_mock_session *session;
    frm_out_init(&lines, &c->mock->heap);
    TAILQ_FOREACH(session, &c->mock->sessions, link)
    {
        frm_out_raw(&lines, text, describe(text, sizeof(text), session));
    }
    frm_verbatim(c->out, lines.data, lines.end);
    frm_out_finish(&lines);
}

void frm_cmd_client_reply(struct call *c)
{
    struct fr_mock_session *session = c->session;
    if (frm_arg_is(c, 2, "on")) {
        session->flags &= ~(unsigned)(REPLY_OFF | REPLY_SKIP | REPLY_SKIP_NEXT);
        session->out.is_off = false;
        frm_ok(c->out);
    } else if (frm_arg_is(c, 2, "off")) {
        session->flags |= REPLY_OFF;
        session->out.is_off = true;
    } else if (frm_arg_is(c, 2, "skip")) {
        session->flags |= session->flags & REPLY_OFF ? 0 : REPLY_SKIP_NEXT;
    } else {
        frm_error_syntax(c->out);
    }
}

void frm_cmd_client_no_evict(struct call *c)
{
    bool is_on = frm_arg_is(c, 2, "on");
    if (!is_on && !frm_arg_is(c, 2, "off")) {
        frm_error_syntax(c->out);
        return;
    }
    c->session->flags =
        is_on ? c->session->flags | NO_EVICT : c->session->flags & ~(unsigned)NO_EVICT;
    frm_ok(c->out);
}

void frm_cmd_client_unblock(struct call *c)
{
    int64_t id;
    bool with_error = frm_arg_is(c, 3, "error");
    struct fr_mock_session *session;
    if (c->argc > 4 || (c->argc == 4 && !with_error && !frm_arg_is(c, 3, "timeout"))) {
        if (c->argc > 4) {
            frm_error(c->out, "ERR wrong number of arguments for 'client|unblock' command");
        } else {
            frm_error(c->out, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        }
        return;
    }
    if (!frm_arg_int(c, 2, &id, NULL)) {
        return;
    }
    TAILQ_FOREACH(session, &c->mock->waiting, wait.link)
    {
        if (session->id == id && session->wait.kind != WAIT_DELAY) {
            break;
        }
    }
    if (session && with_error) {
        frm_error(&session->out, "UNBLOCKED client unblocked via CLIENT UNBLOCK");
        frm_wait_end(session);
        frm_session_tell(session);
    } else if (session) {
        frm_wait_timed_out(session);
    }
    frm_int(c->out, session != NULL);
}
