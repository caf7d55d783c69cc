/* MULTI, EXEC, DISCARD, WATCH, UNWATCH. */
#include <string.h>

#include "common/mock/commands.h"

/* One allocation: the words, and behind them their bytes. */
struct queued *frm_queued_new(struct heap *heap, const struct fr_word *words, size_t count)
{
    size_t size = sizeof(struct queued) + count * sizeof(struct fr_word);
    for (size_t i = 0; i < count; i++) {
        size += words[i].len;
    }
    struct queued *queued = frm_alloc(heap, size);
    char *to = (char *)(queued->words + count);
    queued->count = count;
    for (size_t i = 0; i < count; i++) {
        queued->words[i] = (struct fr_word){to, words[i].len};
        if (words[i].len > 0) {
            memcpy(to, words[i].data, words[i].len);
        }
        to += words[i].len;
    }
    return queued;
}

void frm_queue(struct call *c, const struct command *command)
{
    struct fr_mock_session *session = c->session;
    struct queued *queued = frm_queued_new(&c->mock->heap, c->argv, c->argc);
    STAILQ_INSERT_TAIL(&session->queue, queued, link);
    session->queue_count++;
    session->queue_has_denyoom |= (command->flags & DENY_OOM) != 0;
    session->queue_flags |= frm_command_flags(command, c->argc);
    session->queue_words += c->argc;
    frm_status(c->out, "QUEUED");
}

void frm_unwatch(struct fr_mock_session *session)
{
    struct watch *watch;
    while ((watch = SLIST_FIRST(&session->watches))) {
        SLIST_REMOVE_HEAD(&session->watches, link);
        session->mock->watch_count--;
        frm_free(watch->key);
        frm_free(watch);
    }
    session->flags &= ~(unsigned)DIRTY_WATCH;
}

void frm_transaction_end(struct fr_mock_session *session)
{
    struct queued *queued;
    while ((queued = STAILQ_FIRST(&session->queue))) {
        STAILQ_REMOVE_HEAD(&session->queue, link);
        frm_free(queued);
    }
    session->queue_count = 0;
    session->queue_has_denyoom = false;
    session->queue_flags = 0;
    session->queue_words = 0;
    session->flags &= ~(unsigned)(IN_MULTI | DIRTY_EXEC);
    frm_unwatch(session);
}

void frm_cmd_multi(struct call *c)
{
    if (c->session->flags & IN_MULTI) {
        frm_error(c->out, "ERR MULTI calls can not be nested");
        return;
    }
    c->session->flags |= IN_MULTI;
    frm_ok(c->out);
}

void frm_cmd_discard(struct call *c)
{
    if (!(c->session->flags & IN_MULTI)) {
        frm_error(c->out, "ERR DISCARD without MULTI");
        return;
    }
    frm_transaction_end(c->session);
    frm_ok(c->out);
}

static bool is_watched(const struct call *c, const struct fr_word *key)
{
    const struct watch *watch;
    SLIST_FOREACH(watch, &c->session->watches, link)
    {
        struct fr_word watched = frm_word(watch->key);
        if (watch->db == c->db && frm_word_equal(&watched, key)) {
            return true;
        }
    }
    return false;
}

void frm_cmd_watch(struct call *c)
{
    struct fr_mock_session *session = c->session;
    if (session->flags & IN_MULTI) {
        frm_error(c->out, "ERR WATCH inside MULTI is not allowed");
        return;
    }
    for (size_t i = 1; i < c->argc && !(session->flags & DIRTY_WATCH); i++) {
        if (is_watched(c, &c->argv[i])) {
            continue;
        }
        frm_find_in(c->db, &c->argv[i]); /* one whose time is over goes before, not meanwhile */
        struct watch *watch = frm_zalloc(&c->mock->heap, sizeof(*watch));
        watch->db = c->db;
        watch->key = frm_str_of(&c->mock->heap, &c->argv[i]);
        SLIST_INSERT_HEAD(&session->watches, watch, link);
        c->mock->watch_count++;
    }
    frm_ok(c->out);
}

void frm_cmd_unwatch(struct call *c)
{
    frm_unwatch(c->session);
    frm_ok(c->out);
}

/* Keys whose time came since they were watched count as changed. */
static bool was_touched(struct fr_mock_session *session)
{
    const struct watch *watch;
    SLIST_FOREACH(watch, &session->watches, link)
    {
        struct fr_word key = frm_word(watch->key);
        frm_find_in(watch->db, &key);
    }
    return (session->flags & DIRTY_WATCH) != 0;
}

static void run_queue(struct call *c)
{
    struct fr_mock_session *session = c->session;
    const struct queued *queued;
    frm_array(c->out, (int64_t)session->queue_count);
    STAILQ_FOREACH(queued, &session->queue, link)
    {
        struct call inner = {.mock = c->mock,
                             .session = session,
                             .db = session->db,
                             .out = c->out,
                             .argv = queued->words,
                             .argc = queued->count};
        const struct command *command = frm_command_find(inner.argv, inner.argc, &inner.row);
        frm_run(&inner, command);
    }
}

void frm_cmd_exec(struct call *c)
{
    struct fr_mock_session *session = c->session;
    if (!(session->flags & IN_MULTI)) {
        frm_error(c->out, "ERR EXEC without MULTI");
        return;
    }
    if (session->flags & DIRTY_EXEC) {
        frm_error(c->out, "EXECABORT Transaction discarded because of previous errors.");
    } else if (was_touched(session)) {
        frm_null_array(c->out);
    } else {
        frm_unwatch(session);
        c->mock->in_exec = true;
        run_queue(c);
        c->mock->in_exec = false;
    }
    frm_transaction_end(session);
}
