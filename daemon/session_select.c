/* SELECT on a connection of the session's own. What is queued in a transaction takes effect when
 * EXEC runs it, and may fail then: so the elements of EXEC's reply that stand for a SELECT are
 * looked at, whatever the size of those between them, and the last +OK says where the connection
 * is.
 *
 *   MULTI  SET  SELECT 3  GET  SELECT 99  EXEC
 *          0    1         2    3           *4 +OK +OK $.. -ERR      database 3 */
#include "daemon/session_parts.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"

struct queued_selects {
    unsigned count;
    unsigned done; /* of those, which have been looked at */
    struct {
        unsigned place; /* among what is queued */
        int64_t db;
    } all[QUEUED_SELECTS_MAX];
    bool has_begun;          /* the reply's header has been read */
    unsigned element;        /* the next */
    struct fr_reply scanned; /* a part of it */
    int64_t db;              /* of the last that was carried out; -1: none */
};

/* The connection has changed its database; so will the shared lane be another one. */
static void change_db(struct session *session, int64_t db)
{
    session_change_route(session, db, session->proto, session->identity);
    session->has_selected = true;
}

void session_forget_selects(struct session *session)
{
    free(session->queued_selects);
    session->queued_selects = NULL;
}

bool session_has_most_selects(const struct session *session)
{
    return session->queued_selects != NULL && session->queued_selects->count == QUEUED_SELECTS_MAX;
}

static void note_queued(struct session *session)
{
    struct queued_selects *queued = session->queued_selects;
    if (queued == NULL) {
        queued = session->queued_selects = memory_zeroed(sizeof *queued);
        queued->db = -1;
    }
    if (queued->count < QUEUED_SELECTS_MAX) {
        queued->all[queued->count].place = session->lease->queued_count;
        queued->all[queued->count++].db = session->selecting;
    }
}

void session_note_select(struct session *session, const struct fr_reply *reply)
{
    if (FR_REPLY_BEGINS(reply, "+OK")) {
        change_db(session, session->selecting);
    } else if (FR_REPLY_BEGINS(reply, "+QUEUED")) {
        note_queued(session);
    }
}

/* An element has been scanned. */
static void note_element(struct queued_selects *queued)
{
    if (queued->scanned.is_push) { /* stands between elements */
        return;
    }
    if (queued->done < queued->count && queued->all[queued->done].place == queued->element) {
        if (FR_REPLY_BEGINS(&queued->scanned, "+OK")) {
            queued->db = queued->all[queued->done].db;
        }
        queued->done++;
    }
    queued->element++;
}

static void scan(struct queued_selects *queued, const char *data, size_t len)
{
    size_t taken = 0;
    if (!queued->has_begun) {
        const char *end = memchr(data, '\n', len);
        taken = end == NULL ? len : (size_t)(end + 1 - data);
        queued->has_begun = end != NULL;
    }
    for (size_t at = taken; at < len; at += taken) {
        if (fr_reply_scan(&queued->scanned, data + at, len - at, &taken) != FR_FRAME_DONE) {
            return;
        }
        note_element(queued);
    }
}

void session_note_executed(struct session *session, const struct reply_part *part)
{
    struct queued_selects *queued = session->queued_selects;
    enum lease_tag tag = part->slot->tag & TAG_LEASE_MASK;
    bool is_leased = part->slot->tag & TAG_LEASED && session->lease != NULL;
    if (!is_leased || (tag != TAG_EXEC && tag != TAG_DISCARD)) {
        return;
    }
    if (tag == TAG_EXEC && FR_REPLY_BEGINS(part->frame, "*")) {
        scan(queued, part->data, part->len);
    }
    if (part->is_last && queued->db >= 0) {
        change_db(session, queued->db);
        /* it stands in another database than its route says */
        session->lease->is_pinned = true;
        session->lease->is_sticky = true;
    }
    if (part->is_last) {
        session_forget_selects(session);
    }
}
