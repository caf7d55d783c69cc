/* Visiting the sessions of all workers. See roll_call.h. */
#include "daemon/roll_call.h"

static void on_arrival(struct mail *mail, void *receiver);

static void visit_sessions(struct roll_call *roll, struct pool *pool)
{
    struct session *session;
    struct session *next;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        roll->visit(roll, session);
    }
}

/* Send it on: to the next worker, or home. */
static void send_on(struct roll_call *roll, struct house *house)
{
    int to = roll->next < house->worker_count ? roll->next : roll->origin;
    mailbox_post(&house->mailboxes[to], &roll->mail);
}

static void on_arrival(struct mail *mail, void *receiver)
{
    struct roll_call *roll = (struct roll_call *)mail;
    const struct pool_table *table = receiver;
    struct pool *pool = pool_table_find(table, roll->prefix);
    struct house *house = table->house;
    if (roll->next >= house->worker_count) {
        roll->finish(roll);
        return;
    }
    if (pool != NULL) {
        visit_sessions(roll, pool);
    }
    if (!roll->is_held) {
        roll->next++;
        send_on(roll, house);
    }
}

void roll_call_hold(struct roll_call *roll, struct session *session)
{
    roll->is_held = true;
    roll->behind = session->held;
    session->held = roll;
}

void roll_call_release(struct session *session)
{
    struct roll_call *roll = session->held;
    session->held = NULL;
    while (roll != NULL) {
        struct roll_call *behind = roll->behind;
        roll->is_held = false;
        send_on(roll, session->pool->prefix->house);
        roll = behind;
    }
}

void roll_call_start(struct roll_call *roll, struct session *asker)
{
    struct pool *pool = asker->pool;
    roll->mail.run = on_arrival;
    roll->asker = asker;
    roll->is_silent = session_is_silent(asker);
    roll->prefix = pool->prefix->serial;
    roll->origin = pool->worker;
    roll->next = 0;
    session_begin_answer(asker);
    if (pool->prefix->house->worker_count == 1) {
        visit_sessions(roll, pool);
        if (!roll->is_held) {
            roll->finish(roll);
        }
    } else {
        send_on(roll, pool->prefix->house);
    }
}
