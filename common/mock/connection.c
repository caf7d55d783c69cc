/* Commands about the connection itself: PING, HELLO, AUTH, RESET, QUIT, CLIENT. */
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
