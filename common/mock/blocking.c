/* Waiting, and who is served when.
 *
 *     command finds nothing --frm_wait--> waiting, the longest first
 *     a key comes into being --frm_ready--> ready, in that order
 *     the command (or EXEC, or script) is done --frm_serve_waiting--> for each ready key, those who
 *         wait for it are tried in turn
 *
 * as in Redis 7.0 (blocked.c, handleClientsBlockedOnKeys). */
#include <math.h>

#include "common/mock/engine.h"
#include "common/mock/number.h"

bool frm_arg_timeout(struct call *c, size_t i, int64_t *until_us)
{
    long double seconds;
    if (!frm_read_long_double(&c->argv[i], &seconds)) {
        frm_error(c->out, "ERR timeout is not a float or out of range");
        return false;
    }
    long double ms = ceill(seconds * 1000);
    /* what leaves 64 bits is negative to Redis */
    if (ms < 0 || ms >= (long double)INT64_MAX) {
        frm_error(c->out, "ERR timeout is negative");
        return false;
    }
    if (ms > (long double)(INT64_MAX - frm_now_ms(c->mock))) {
        frm_error(c->out, "ERR timeout is out of range");
        return false;
    }
    long double us = ms * 1000 + (long double)c->mock->now_us;
    *until_us = ms == 0 || us >= (long double)INT64_MAX ? NEVER : (int64_t)us;
    return true;
}

void frm_wait(struct call *c, enum wait_kind kind, int64_t until_us, const struct fr_word *keys,
              size_t count)
{
    struct wait *wait = &c->session->wait;
    wait->kind = kind;
    wait->until_us = until_us;
    wait->db = c->db;
    wait->words = frm_queued_new(&c->mock->heap, c->argv, c->argc);
    wait->keys = frm_alloc(&c->mock->heap, (count + 1) * sizeof(struct str *));
    wait->key_count = count;
    for (size_t i = 0; i < count; i++) {
        wait->keys[i] = frm_str_of(&c->mock->heap, &keys[i]);
    }
    c->mock->waited_count += count;
    TAILQ_INSERT_TAIL(&c->mock->waiting, c->session, wait.link);
}

void frm_hold(struct fr_mock_session *session, int64_t until_us)
{
    if (session->wait.kind == WAIT_NOTHING) {
        session->wait = (struct wait){.kind = WAIT_DELAY, .until_us = until_us};
        TAILQ_INSERT_TAIL(&session->mock->waiting, session, wait.link);
    }
}

void frm_wait_end(struct fr_mock_session *session)
{
    struct wait *wait = &session->wait;
    if (wait->kind == WAIT_NOTHING) {
        return;
    }
    TAILQ_REMOVE(&session->mock->waiting, session, wait.link);
    session->mock->waited_count -= wait->key_count;
    for (size_t i = 0; i < wait->key_count; i++) {
        frm_free(wait->keys[i]);
    }
    frm_free(wait->keys);
    frm_free(wait->words);
    *wait = (struct wait){.kind = WAIT_NOTHING};
    frm_settle_replies(session);
}

void frm_wait_timed_out(struct fr_mock_session *session)
{
    if (session->wait.kind != WAIT_DELAY) {
        frm_null_array(&session->out);
    }
    frm_wait_end(session);
    frm_session_tell(session);
}

static bool waits_for(const struct wait *wait, const struct db *db, const struct fr_word *key)
{
    for (size_t i = 0; wait->db == db && i < wait->key_count; i++) {
        struct fr_word other = frm_word(wait->keys[i]);
        if (frm_word_equal(&other, key)) {
            return true;
        }
    }
    return false;
}

static bool is_waited_for(const struct db *db, const struct fr_word *key)
{
    const struct fr_mock_session *session;
    TAILQ_FOREACH(session, &db->mock->waiting, wait.link)
    {
        if (waits_for(&session->wait, db, key)) {
            return true;
        }
    }
    return false;
}

/* Not more of them than keys somebody waits for, however many there are. */
void frm_ready(struct db *db, const struct fr_word *key, bool was_deleted)
{
    struct fr_mock *mock = db->mock;
    struct ready *ready;
    if (!is_waited_for(db, key)) {
        return;
    }
    TAILQ_FOREACH(ready, &mock->ready, link)
    {
        struct fr_word other = frm_word(ready->key);
        if (ready->db == db && frm_word_equal(&other, key)) {
            return;
        }
    }
    ready = frm_zalloc(&mock->heap, sizeof(*ready));
    ready->db = db;
    ready->key = frm_str_of(&mock->heap, key);
    ready->was_deleted = was_deleted;
    TAILQ_INSERT_TAIL(&mock->ready, ready, link);
}

/* Try to serve one session; it may go on waiting. */
static void serve(struct fr_mock_session *session, const struct fr_word *key)
{
    struct wait *wait = &session->wait;
    struct call c = {.mock = session->mock,
                     .session = session,
                     .db = wait->db,
                     .out = &session->out,
                     .argv = wait->words->words,
                     .argc = wait->words->count};
    frm_command_find(c.argv, c.argc, &c.row);
    bool is_served = wait->kind == WAIT_LIST   ? frm_serve_list(&c, key)
                     : wait->kind == WAIT_ZSET ? frm_serve_zset(&c, key)
                                               : frm_serve_stream(&c, key);
    if (is_served) {
        frm_wait_end(session);
        frm_session_tell(session);
    }
}

static void serve_key(struct fr_mock *mock, const struct ready *ready)
{
    struct fr_word key = frm_word(ready->key);
    struct fr_mock_session *session, *next;
    for (session = TAILQ_FIRST(&mock->waiting); session; session = next) {
        next = TAILQ_NEXT(session, wait.link);
        if (session->wait.kind != WAIT_DELAY && waits_for(&session->wait, ready->db, &key)) {
            serve(session, &key);
        }
    }
}

/* Serving may make more keys ready: BLMOVE pushes. */
void frm_serve_waiting(struct fr_mock *mock)
{
    struct ready *ready;
    while ((ready = TAILQ_FIRST(&mock->ready))) {
        TAILQ_REMOVE(&mock->ready, ready, link);
        serve_key(mock, ready);
        frm_free(ready->key);
        frm_free(ready);
    }
}
