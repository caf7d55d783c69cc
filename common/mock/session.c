/* A connection: made, freed, called. Here stands the order in which Redis looks at a command
 * (server.c, processCommand, 7.0). */
#include "common/mock/engine.h"

#include <string.h>

/* What is brief takes some milliseconds at most. So many commands of a transaction and words of a
 * command are; so many bytes, if they are looked at one by one, and if they are copied; and so many
 * times one key is compared with another, that is watched or waited for. */
#define BRIEF_QUEUE_MAX 256
#define BRIEF_WORDS_MAX 16384
#define BRIEF_WALK_MAX (4 * 1024 * 1024)
#define BRIEF_COPY_MAX (64 * 1024 * 1024)
#define BRIEF_COMPARES_MAX (256 * 1024)

struct fr_mock_session *fr_mock_session_create(struct fr_mock *mock, void (*on_output)(void *arg),
                                               void *arg)
{
    struct fr_mock_session *session = frm_zalloc(&mock->heap, sizeof(*session));
    frm_clock_read(mock);
    session->mock = mock;
    session->on_output = on_output;
    session->arg = arg;
    session->id = mock->next_session_id++;
    session->created_ms = session->used_ms = frm_now_ms(mock);
    session->db = &mock->db[0];
    session->last_command = "NULL";
    frm_out_init(&session->out, &mock->heap);
    session->out.max = mock->heap.max;
    STAILQ_INIT(&session->queue);
    SLIST_INIT(&session->watches);
    for (int i = 0; i < SUB_KINDS; i++) {
        frm_dict_init(&session->subscriptions[i], &mock->heap);
    }
    TAILQ_INSERT_TAIL(&mock->sessions, session, link);
    mock->connections_made++;
    return session;
}

void fr_mock_session_destroy(struct fr_mock_session *session)
{
    if (!session) {
        return;
    }
    frm_wait_end(session);
    frm_transaction_end(session);
    frm_unsubscribe_all(session);
    TAILQ_REMOVE(&session->mock->sessions, session, link);
    frm_out_finish(&session->out);
    frm_free(session->name);
    frm_free(session);
}

void frm_session_tell(struct fr_mock_session *session)
{
    if (session->on_output) {
        session->on_output(session->arg);
    }
}

void frm_session_end(struct fr_mock_session *session)
{
    session->flags |= ENDED;
    frm_wait_end(session);
    frm_session_tell(session);
}

bool fr_mock_may_call(const struct fr_mock_session *session)
{
    return session->wait.kind == WAIT_NOTHING && !fr_mock_has_ended(session);
}

const char *fr_mock_output(struct fr_mock_session *session, size_t *len)
{
    bool is_held = session->wait.kind == WAIT_DELAY;
    *len = is_held ? 0 : session->out.end - session->out.begin;
    return *len ? session->out.data + session->out.begin : "";
}

void fr_mock_taken(struct fr_mock_session *session, size_t len)
{
    struct out *out = &session->out;
    out->begin += len;
    if (out->begin >= out->end) {
        out->begin = out->end = 0;
    }
    if (out->end == 0 && out->cap > 65536) {
        frm_out_finish(out);
    }
}

bool fr_mock_has_ended(const struct fr_mock_session *session)
{
    return (session->flags & ENDED) || session->out.has_overflown;
}

/* --------------------------------------------------------------------------------------- calling
 */

size_t frm_subscription_count(const struct fr_mock_session *session)
{
    size_t count = 0;
    for (int i = 0; i < SUB_KINDS; i++) {
        count += session->subscriptions[i].live;
    }
    return count;
}

bool frm_may_subscribe_only(const struct fr_mock_session *session)
{
    return session->out.protocol == 2 && frm_subscription_count(session) > 0;
}

static bool has_memory_for(const struct call *c, const struct command *command)
{
    if (frm_heap_has_room(&c->mock->heap, 0)) {
        return true;
    }
    /* Queueing takes memory too, whatever is queued; EXEC does when something in it would. */
    bool is_queued = (c->session->flags & IN_MULTI) && !(command->flags & CONTROL);
    bool would_write = c->row->id == FR_CMD_EXEC && c->session->queue_has_denyoom;
    return !(command->flags & DENY_OOM) && !is_queued && !would_write;
}

/* Whether the command may run now; answers when not. */
static bool is_allowed(struct call *c, const struct command *command)
{
    if (!has_memory_for(c, command)) {
        frm_error(c->out, "%sOOM command not allowed when used memory > 'maxmemory'.",
                  c->row->id == FR_CMD_EXEC ? EXEC_ABORTED : "");
        return false;
    }
    if (frm_may_subscribe_only(c->session) && !(command->flags & IN_PUBSUB)) {
        frm_error(c->out,
                  "%s Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / "
                  "RESET are allowed in this context",
                  c->row->id == FR_CMD_EXEC ? "EXECABORT Transaction discarded because of:" : "ERR",
                  c->row->name);
        return false;
    }
    if ((c->session->flags & IN_MULTI) && (command->flags & NO_MULTI)) {
        frm_error(c->out, "ERR Command not allowed inside a transaction");
        return false;
    }
    return true;
}

/* A command that is refused spoils the transaction, and a refused EXEC ends it. */
static void refused(struct call *c)
{
    if (c->row && c->row->id == FR_CMD_EXEC) {
        frm_transaction_end(c->session);
    } else if (c->session->flags & IN_MULTI) {
        c->session->flags |= DIRTY_EXEC;
    }
}

void frm_run(struct call *c, const struct command *command)
{
    c->mock->calls[c->row->id]++;
    command->run(c);
}

/* What is to be run, at worst. */
struct task {
    unsigned flags; /* enum command_flag, of all */
    uint64_t commands, words;
    uint64_t watches; /* that it adds */
};

static struct task task_of(const struct call *c, const struct command *command)
{
    const struct fr_mock_session *session = c->session;
    if (c->row->id == FR_CMD_EXEC) {
        return (struct task){session->queue_flags | COPIES, session->queue_count,
                             session->queue_words, 0};
    }
    if ((session->flags & IN_MULTI) && !(command->flags & CONTROL)) {
        return (struct task){0}; /* it is queued */
    }
    return (struct task){frm_command_flags(command, c->argc), 1, c->argc,
                         c->row->id == FR_CMD_WATCH ? c->argc : 0};
}

static bool may_take_long(const struct call *c, const struct command *command)
{
    const struct fr_mock *mock = c->mock;
    struct task task = task_of(c, command);
    uint64_t walked = task.flags & WALKS ? task.commands * mock->heap.used : 0;
    uint64_t copied = task.flags & COPIES ? task.words * mock->heap.used : 0;
    uint64_t compares = task.words * (mock->watch_count + mock->waited_count + task.watches);
    return (task.flags & LONG) || task.commands > BRIEF_QUEUE_MAX || task.words > BRIEF_WORDS_MAX ||
           walked > BRIEF_WALK_MAX || copied > BRIEF_COPY_MAX || compares > BRIEF_COMPARES_MAX;
}

/* A command that is known, with the right number of words. */
static void process(struct call *c, const struct command *command)
{
    struct fr_mock_session *session = c->session;
    bool is_queueing = (session->flags & IN_MULTI) != 0;
    session->last_command = command->name;
    if (!(command->flags & UNCOUNTED) && frm_ordered(c)) {
        return;
    }
    if (!is_allowed(c, command)) {
        refused(c);
        return;
    }
    if (is_queueing && !(command->flags & CONTROL)) {
        frm_queue(c, command);
        return;
    }
    frm_run(c, command);
}

/* CLIENT REPLY SKIP is about the command behind it, however long that waits. */
void frm_settle_replies(struct fr_mock_session *session)
{
    if (session->flags & REPLY_SKIP_NEXT) {
        session->flags = (session->flags & ~(unsigned)REPLY_SKIP_NEXT) | REPLY_SKIP;
    } else {
        session->flags &= ~(unsigned)REPLY_SKIP;
    }
    session->out.is_off = (session->flags & (REPLY_OFF | REPLY_SKIP)) != 0;
}

/* What is left to do when a command has been. */
static void settle(struct fr_mock_session *session)
{
    struct fr_mock *mock = session->mock;
    if (session->wait.kind == WAIT_NOTHING) {
        frm_settle_replies(session);
    }
    if (session->flags & HOLD) {
        session->flags &= ~(unsigned)HOLD;
        frm_hold(session, mock->clock(mock->clock_arg) + mock->orders.delay_us);
    }
    if (!TAILQ_EMPTY(&mock->ready)) {
        frm_serve_waiting(mock);
    }
}

/* False: the command may take long, and is_brief. */
static bool call_it(struct fr_mock_session *session, const struct fr_word *words, size_t count,
                    bool is_brief)
{
    struct fr_mock *mock = session->mock;
    const struct command *command;
    struct call call = {.mock = mock,
                        .session = session,
                        .db = session->db,
                        .out = &session->out,
                        .argv = words,
                        .argc = count,
                        .may_block = true};
    if (count == 0 || !fr_mock_may_call(session)) {
        return true;
    }
    frm_clock_read(mock);
    bool is_known = frm_command_check(call.out, words, count, &command, &call.row);
    if (is_known && is_brief && may_take_long(&call, command)) {
        return false;
    }
    session->used_ms = frm_now_ms(mock);
    mock->commands_done++;
    if (is_known) {
        process(&call, command);
    } else {
        refused(&call);
    }
    settle(session);
    return true;
}

void fr_mock_call(struct fr_mock_session *session, const struct fr_word *words, size_t count)
{
    call_it(session, words, count, false);
}

bool fr_mock_call_briefly(struct fr_mock_session *session, const struct fr_word *words,
                          size_t count)
{
    return call_it(session, words, count, true);
}
