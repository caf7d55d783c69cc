/* How much of a shared lane a session may take. Replies come in the order of the requests, so who
 * asks next waits for the bytes of all replies that are outstanding. How long they will be nobody
 * knows before; so the number of requests begins low and grows with replies that were small:
 *
 *   SHARE_FIRST --- each reply adds one, while it is made use of --------------> "outstanding_max"
 *               <-- not used for a second: half
 *        1 <------- number * mean length of the last replies > SHARE_LEN: as many as make that
 *
 * Having had to shrink it does not grow for some time: replies of two kinds in turn would have it
 * grow with the small ones each time, for a burst of the others. */
#include "daemon/session_parts.h"

/* Bytes of replies that may be on their way to one session: what a lane carries in some
 * milliseconds, and more than is under way to a server at a distance. */
#define SHARE_LEN (uint64_t)(2 * 1024 * 1024)

/* What may be outstanding before anything is known. Even if all are as large as they may be without
 * a connection of their own, others wait for a fraction of a second, once. */
#define SHARE_FIRST 256

/* So few are not worth looking at, as long as more may be outstanding than was so in the beginning:
 * most clients wait for each reply. */
#define FEW 4

/* Replies the mean is about, roughly: the older one is, the less it counts. */
#define MEAN_COUNT 64

#define HELD_MS 10000

void session_init_share(struct session *session)
{
    session->share = (struct session_share){.most = SHARE_FIRST};
}

/* In a part that ends no reply, its bytes alone count; the reply does when it ends. */
static void note_len(struct session_share *share, const struct reply_part *part)
{
    if (part->count >= MEAN_COUNT) {
        share->mean_len = (int64_t)(part->len / part->count);
    } else {
        share->mean_len += ((int64_t)part->len - share->mean_len * part->count) / MEAN_COUNT;
    }
}

static void shrink(struct session_share *share)
{
    uint64_t most = SHARE_LEN / (uint64_t)share->mean_len;
    share->most = most > 0 ? (uint32_t)most : 1;
    share->held_until_ms = loop_now_ms() + HELD_MS;
}

void session_note_share(struct session *session, const struct reply_part *part)
{
    struct session_share *share = &session->share;
    if (session->outstanding < FEW && share->most >= SHARE_FIRST) {
        return;
    }
    int64_t limit = session->pool->context.settings->outstanding_max;
    note_len(share, part);
    if ((uint64_t)share->mean_len * share->most > SHARE_LEN && share->most > 1) {
        shrink(share);
    } else if (session->outstanding >= share->most / 2 && share->most < limit &&
               loop_now_ms() >= share->held_until_ms) {
        share->most += part->count;
    }
}

void session_age_share(struct session *session)
{
    uint32_t half = session->share.most / 2;
    if (session->outstanding == 0 && half >= SHARE_FIRST) {
        session->share.most = half;
    }
}
