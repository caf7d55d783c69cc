/* CLIENT about the connections of all: LIST, INFO, KILL, UNBLOCK. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mock/commands.h"

enum {
    DESCRIPTION_CAP = 1024,
    ADDRESS_CAP = 32
};

/* ------------------------------------------------------------------------------------- describing
 */

/* There is no socket: the address is a name that no other connection has. */
static size_t address(char to[ADDRESS_CAP], const struct fr_mock_session *session)
{
    return (size_t)snprintf(to, ADDRESS_CAP, "mock:%" PRId64, session->id);
}

static const char our_address[] = "mock:0";

static void flags_of(char to[8], const struct fr_mock_session *session)
{
    const struct {
        char letter;
        bool is_set;
    } flags[] = {
        {'P', frm_subscription_count(session) > 0},
        {'x', (session->flags & IN_MULTI) != 0},
        {'b', session->wait.kind != WAIT_NOTHING && session->wait.kind != WAIT_DELAY},
        {'d', (session->flags & DIRTY_WATCH) != 0},
        {'e', (session->flags & NO_EVICT) != 0},
    };
    size_t len = 0;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (flags[i].is_set) {
            to[len++] = flags[i].letter;
        }
    }
    if (len == 0) {
        to[len++] = 'N';
    }
    to[len] = '\0';
}

static size_t describe(char *to, size_t cap, const struct fr_mock_session *session)
{
    const struct str *name = session->name;
    int64_t now_ms = frm_now_ms(session->mock);
    char addr[ADDRESS_CAP], flags[8];
    address(addr, session);
    flags_of(flags, session);
    int len = snprintf(
        to, cap,
        "id=%" PRId64 " addr=%s laddr=%s fd=-1 name=%.*s age=%" PRId64 " idle=%" PRId64
        " flags=%s db=%d sub=%u psub=%u ssub=%u multi=%d qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0"
        " rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 events=r cmd=%s user=default redir=-1 resp=%d\n",
        session->id, addr, our_address, name ? (int)name->len : 0, name ? name->data : "",
        (now_ms - session->created_ms) / 1000, (now_ms - session->used_ms) / 1000, flags,
        session->db->number, session->subscriptions[SUB_CHANNEL].live,
        session->subscriptions[SUB_PATTERN].live, session->subscriptions[SUB_SHARD].live,
        session->flags & IN_MULTI ? (int)session->queue_count : -1, session->last_command,
        session->out.protocol);
    return len < 0 ? 0 : (size_t)len < cap ? (size_t)len : cap - 1;
}

void frm_cmd_client_info(struct call *c)
{
    char text[DESCRIPTION_CAP];
    frm_verbatim(c->out, text, describe(text, sizeof(text), c->session));
}

/* ------------------------------------------------------------------------------------------ types
 */

/* Those of replication exist by name; no connection is one. */
enum client_type {
    CLIENT_NORMAL,
    CLIENT_PUBSUB,
    CLIENT_REPLICATION
};

static bool read_type(struct call *c, size_t i, enum client_type *type)
{
    static const struct {
        const char *name;
        enum client_type type;
    } types[] = {
        {"normal", CLIENT_NORMAL},       {"pubsub", CLIENT_PUBSUB},
        {"master", CLIENT_REPLICATION},  {"slave", CLIENT_REPLICATION},
        {"replica", CLIENT_REPLICATION},
    };
    for (size_t at = 0; at < sizeof(types) / sizeof(types[0]); at++) {
        if (frm_arg_is(c, i, types[at].name)) {
            *type = types[at].type;
            return true;
        }
    }
    frm_error(c->out, "ERR Unknown client type '%.*s'",
              (int)strnlen(c->argv[i].data, c->argv[i].len), c->argv[i].data);
    return false;
}

static enum client_type type_of(const struct fr_mock_session *session)
{
    return frm_subscription_count(session) > 0 ? CLIENT_PUBSUB : CLIENT_NORMAL;
}

/* ------------------------------------------------------------------------------------------- list
 */

static void add_description(struct out *lines, const struct fr_mock_session *session)
{
    char text[DESCRIPTION_CAP];
    frm_out_raw(lines, text, describe(text, sizeof(text), session));
}

static const struct fr_mock_session *find_session(const struct fr_mock *mock, int64_t id)
{
    const struct fr_mock_session *session;
    TAILQ_FOREACH(session, &mock->sessions, link)
    {
        if (session->id == id) {
            break;
        }
    }
    return session;
}

static bool list_by_id(struct call *c, struct out *lines)
{
    for (size_t i = 3; i < c->argc; i++) {
        int64_t id;
        if (!frm_arg_int(c, i, &id, "ERR Invalid client ID")) {
            return false;
        }
        const struct fr_mock_session *session = find_session(c->mock, id);
        if (session) {
            add_description(lines, session);
        }
    }
    return true;
}

static bool list_by_type(struct call *c, struct out *lines)
{
    bool has_type = c->argc == 4 && frm_arg_is(c, 2, "type");
    enum client_type type;
    if (c->argc != 2 && !has_type) {
        frm_error_syntax(c->out);
        return false;
    }
    if (has_type && !read_type(c, 3, &type)) {
        return false;
    }
    const struct fr_mock_session *session;
    TAILQ_FOREACH(session, &c->mock->sessions, link)
    {
        if (!has_type || type_of(session) == type) {
            add_description(lines, session);
        }
    }
    return true;
}

void frm_cmd_client_list(struct call *c)
{
    struct out lines;
    frm_out_init(&lines, &c->mock->heap);
    bool is_by_id = c->argc > 3 && frm_arg_is(c, 2, "id");
    if (is_by_id ? list_by_id(c, &lines) : list_by_type(c, &lines)) {
        frm_verbatim(c->out, lines.data ? lines.data : "", lines.end);
    }
    frm_out_finish(&lines);
}

/* ------------------------------------------------------------------------------------------- kill
 */

/* What must hold of a connection for it to be closed. */
struct kill {
    int64_t id;                    /* 0: any */
    const struct fr_word *address; /* NULL: any */
    const struct fr_word *our_address;
    bool has_type;
    enum client_type type;
    bool skips_me;
};

static bool kill_id(struct call *c, size_t i, struct kill *kill)
{
    return frm_arg_range(c, i, 1, INT64_MAX, &kill->id, "ERR client-id should be greater than 0");
}

static bool kill_type(struct call *c, size_t i, struct kill *kill)
{
    kill->has_type = true;
    return read_type(c, i, &kill->type);
}

static bool kill_address(struct call *c, size_t i, struct kill *kill)
{
    kill->address = &c->argv[i];
    return true;
}

static bool kill_our_address(struct call *c, size_t i, struct kill *kill)
{
    kill->our_address = &c->argv[i];
    return true;
}

/* Names of users are case-sensitive, and there is one. */
static bool kill_user(struct call *c, size_t i, struct kill *kill)
{
    static const struct fr_word only = {"default", 7};
    (void)kill;
    if (frm_word_equal(&c->argv[i], &only)) {
        return true;
    }
    frm_error(c->out, "ERR No such user '%.*s'", (int)strnlen(c->argv[i].data, c->argv[i].len),
              c->argv[i].data);
    return false;
}

static bool kill_skipme(struct call *c, size_t i, struct kill *kill)
{
    kill->skips_me = frm_arg_is(c, i, "yes");
    if (!kill->skips_me && !frm_arg_is(c, i, "no")) {
        frm_error_syntax(c->out);
        return false;
    }
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct call *c, size_t i, struct kill *kill);
} filters[] = {
    {"id", kill_id},        {"type", kill_type},
    {"addr", kill_address}, {"laddr", kill_our_address},
    {"user", kill_user},    {"skipme", kill_skipme},
};

static bool read_filter(struct call *c, size_t i, struct kill *kill)
{
    for (size_t at = 0; i + 1 < c->argc && at < sizeof(filters) / sizeof(filters[0]); at++) {
        if (frm_arg_is(c, i, filters[at].name)) {
            return filters[at].read(c, i + 1, kill);
        }
    }
    frm_error_syntax(c->out);
    return false;
}

static bool text_is(const struct fr_word *word, const char *text)
{
    return word->len == strlen(text) && memcmp(word->data, text, word->len) == 0;
}

static bool is_meant(const struct fr_mock_session *session, const struct kill *kill)
{
    char addr[ADDRESS_CAP];
    address(addr, session);
    return (kill->id == 0 || kill->id == session->id) &&
           (!kill->address || text_is(kill->address, addr)) &&
           (!kill->our_address || text_is(kill->our_address, our_address)) &&
           (!kill->has_type || kill->type == type_of(session)) && !fr_mock_has_ended(session);
}

/* One's own connection ends behind the reply. */
static int64_t end_meant(struct call *c, const struct kill *kill)
{
    struct fr_mock_session *session, *next;
    int64_t count = 0;
    for (session = TAILQ_FIRST(&c->mock->sessions); session; session = next) {
        next = TAILQ_NEXT(session, link);
        bool is_me = session == c->session;
        if (is_meant(session, kill) && !(is_me && kill->skips_me)) {
            count++;
            session->flags |= is_me ? ENDED : 0;
            if (!is_me) {
                frm_session_end(session);
            }
        }
    }
    return count;
}

void frm_cmd_client_kill(struct call *c)
{
    struct kill kill = {.skips_me = c->argc > 3};
    if (c->argc == 3) {
        kill.address = &c->argv[2];
        if (end_meant(c, &kill) == 0) {
            frm_error(c->out, "ERR No such client");
        } else {
            frm_ok(c->out);
        }
        return;
    }
    for (size_t i = 2; i < c->argc; i += 2) {
        if (!read_filter(c, i, &kill)) {
            return;
        }
    }
    frm_int(c->out, end_meant(c, &kill));
}

/* ---------------------------------------------------------------------------------------- unblock
 */

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
