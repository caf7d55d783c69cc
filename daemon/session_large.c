/* Large replies. On a shared lane reading never stops, so what a slow client cannot take has to be
 * kept for it, and what others ask for stands behind the reply. So a client whose reply turns out
 * to be large is given the connection that it comes over for its own, while the lane goes on with
 * another one; and since who asks for large values will do it again, it gets a lease at once for
 * some time. A lease is read only as fast as its client reads.
 *
 *   lane:   A --- A (reply of 512 MiB ...) ---> session's lease until the reply has passed
 *                 B -------------------------> lane, from now on
 *
 * If others are owed replies behind it, the connection is read to their end as a shared one.
 * Without a connection to be had the lane stays as it is: there is "reply_limit". */
#include "daemon/session_parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/container.h"
#include "daemon/memory.h"

/* How long a client that had a large reply is thought to want more of them. */
#define LARGE_FOR_MS 10000

/* Waiting for a lease whose connection the lane can have instead. */
struct diversion {
    struct lease_waiter waiter;
    struct session *session;
};

static struct diversion *diversion_of(struct lease_waiter *waiter)
{
    return container_of(waiter, struct diversion, waiter);
}

static void forget(struct session *session)
{
    free(session->diversion);
    session->diversion = NULL;
}

/* Whether the reply is still on its way over the lane's connection. */
static bool is_on_lane(const struct session *session, const struct lease *lease)
{
    const struct lane *lane = session->lane;
    return session->large_len > 0 && session->lease == NULL && lane != NULL &&
           session->spoken_on == lane->upstream &&
           memcmp(&lane->key, &lease->upstream->route, sizeof lane->key) == 0;
}

static void divert(struct session *session, struct lease *lease)
{
    if (!is_on_lane(session, lease)) {
        lease_release(lease);
        return;
    }
    lane_trade(session->lane, lease);
    session->lease = lease;
    lease->holder = &session->holder;
}

static void on_granted(struct lease_waiter *waiter, struct lease *lease)
{
    struct session *session = diversion_of(waiter)->session;
    forget(session);
    divert(session, lease);
}

static void on_refused(struct lease_waiter *waiter, const char *error)
{
    (void)error;
    forget(diversion_of(waiter)->session);
}

static void begin_diversion(struct session *session)
{
    struct diversion *diversion = memory_zeroed(sizeof *diversion);
    *diversion = (struct diversion){.session = session,
                                    .waiter = {.kind = QUOTA_LARGE,
                                               .route = session->lane->key,
                                               .on_granted = on_granted,
                                               .on_refused = on_refused}};
    session->diversion = diversion;
    struct lease *lease = lease_acquire(session->pool, &diversion->waiter);
    if (lease != NULL) {
        on_granted(&diversion->waiter, lease);
    }
}

void session_note_part(struct session *session, const struct reply_part *part)
{
    uint64_t limit = (uint64_t)session->pool->context.settings->large_reply;
    session->large_len += part->len;
    if (session->large_len > limit && !session->is_dead) {
        session->large_until_ms = loop_now_ms() + LARGE_FOR_MS;
        bool may_divert = !part->is_last && session->lease == NULL && session->lane != NULL;
        if (may_divert && session->diversion == NULL &&
            lease_has_room(session->pool, QUOTA_LARGE)) {
            begin_diversion(session);
        }
    }
    session->large_len = part->is_last ? 0 : session->large_len;
}

void session_end_diversion(struct session *session)
{
    if (session->diversion != NULL) {
        lease_forget(&session->diversion->waiter);
        forget(session);
    }
}

bool session_prefers_lease(const struct session *session)
{
    return session->large_until_ms > 0 && session->large_until_ms > loop_now_ms() &&
           lease_has_room(session->pool, QUOTA_LARGE);
}
