/* SHOW CLIENTS, LANES and UPSTREAMS, and SLOWLOG: lists that may be long. Rows are made in the
 * workers, and never more than the limit are kept; the last row says how many were left out and how
 * to go on. */
#include "daemon/admin_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/buffer.h>

#include "daemon/access.h"
#include "daemon/memory.h"
#include "daemon/session.h"

/* A row on its way home. */
struct listed {
    uint64_t number; /* lists are in this order */
    struct evbuffer *row;
};

static int by_number(const void *a, const void *b)
{
    const struct listed *one = a;
    const struct listed *other = b;
    return (one->number > other->number) - (one->number < other->number);
}

/* Keep the row just written. */
static void keep_row(struct question *question, uint64_t number)
{
    struct listed listed = {.number = number, .row = evbuffer_new()};
    rows_take(&question->rows, listed.row);
    question->listed =
        memory_resize(question->listed, (question->listed_count + 1) * sizeof listed);
    question->listed[question->listed_count++] = listed;
}

/* Before the next worker: no more than can be told. */
static void cut(struct question *question)
{
    if (question->listed_count > 0) {
        qsort(question->listed, question->listed_count, sizeof *question->listed, by_number);
    }
    while (question->listed_count > (size_t)question->limit) {
        evbuffer_free(question->listed[--question->listed_count].row);
        question->left_out++;
    }
}

static void visit_clients(struct question *question, struct pool *pool);

static void tell_list(struct question *question)
{
    bool goes_on = question->visit == visit_clients;
    char note[128];
    uint64_t last = 0;
    for (size_t i = 0; i < question->listed_count; i++) {
        last = question->listed[i].number;
        rows_put(&question->rows, question->listed[i].row);
        evbuffer_free(question->listed[i].row);
    }
    free(question->listed);
    if (question->left_out > 0) {
        int len = snprintf(note, sizeof note, "%" PRId64 " more: LIMIT %d at most",
                           question->left_out, ADMIN_LIMIT_MOST);
        rows_begin(&question->rows);
        if (goes_on) {
            snprintf(note + len, sizeof note - (size_t)len, ", and AFTER %" PRIu64, last);
            rows_number(&question->rows, "after", (int64_t)last);
        }
        rows_text(&question->rows, "note", note);
        rows_end(&question->rows);
    }
}

static void ask_list(const struct admin_request *request, size_t at,
                     void (*visit)(struct question *question, struct pool *pool))
{
    struct question *question = admin_question(request, at);
    if (question != NULL) {
        question->visit = visit;
        question->leave = cut;
        question->tell = tell_list;
        admin_ask(question);
    }
}

/* ----------------------------------------------------------------------------------------- clients
 */

/* What keeps it, in a word. */
static const char *state_of(const struct session *session)
{
    if (session->closes_when_written || session->is_eof) {
        return "closing";
    }
    if (session->stops & STOP_PAUSE) {
        return "paused";
    }
    if (session->wait != NULL) {
        return "waiting";
    }
    if (session->stops & STOP_OUTPUT) {
        return "unread";
    }
    if (session->is_blocking && session->outstanding > 0) {
        return "blocked";
    }
    if (session->lease != NULL && session->lease->state != LEASE_PLAIN) {
        return session->lease->state == LEASE_QUEUEING ? "transaction" : "watching";
    }
    if (session_is_subscribed(session)) {
        return "subscribed";
    }
    return session->outstanding > 0 ? "busy" : "idle";
}

static const char *connection_of(const struct session *session)
{
    return session->lease != NULL      ? "lent"
           : session_uses_hub(session) ? "hub"
           : session->lane != NULL     ? "shared"
                                       : "none";
}

/* Only of a Unix socket does the kernel know who is at the other end. */
static void add_peer(struct rows *rows, const struct session *session)
{
    struct ucred who = {.pid = -1, .uid = (uid_t)-1};
    socklen_t len = sizeof who;
    bool is_known = session->address[0] == '/' &&
                    getsockopt(session->transport.fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0;
    rows_number(rows, "pid", is_known ? who.pid : -1);
    rows_number(rows, "uid", is_known ? (int64_t)who.uid : -1);
}

static void add_client(struct question *question, const struct session *session)
{
    struct rows *rows = &question->rows;
    uint64_t now = loop_now_ms();
    rows_begin(rows);
    rows_number(rows, "id", (int64_t)session->id);
    rows_text(rows, "prefix", session->pool->context.settings->name);
    rows_number(rows, "worker", session->pool->worker);
    rows_text(rows, "address", session->address);
    add_peer(rows, session);
    rows_text(rows, "name", session->name == NULL ? "" : session->name);
    rows_text(rows, "user", session->user == NULL ? "default" : session->user);
    rows_number(rows, "db", session->db);
    rows_number(rows, "protocol", session->proto);
    rows_text(rows, "state", state_of(session));
    rows_text(rows, "connection", connection_of(session));
    rows_text(rows, "command", session->last_command == NULL ? "" : session->last_command->name);
    rows_number(rows, "age_s", (int64_t)(now - session->created_ms) / 1000);
    rows_number(rows, "idle_s", (int64_t)(now - session->last_input_ms) / 1000);
    rows_number(rows, "outstanding", session->outstanding);
    rows_number(rows, "input_bytes", (int64_t)session->in_len);
    rows_number(rows, "unread_bytes", (int64_t)session->accounted);
    keep_row(question, session->id);
}

/* The sessions of a pool stand in the order of their ids. */
static void visit_clients(struct question *question, struct pool *pool)
{
    const struct session *session;
    int64_t room = question->limit;
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        if (session->id <= question->after) {
            continue;
        }
        if (room-- > 0) {
            add_client(question, session);
        } else {
            question->left_out++;
        }
    }
}

void admin_show_clients(const struct admin_request *request)
{
    ask_list(request, 2, visit_clients);
}

/* --------------------------------------------------------------------------- lanes and upstreams
 */

static const char *const state_names[] = {
    [UPSTREAM_CLOSED] = "closed",         [UPSTREAM_RESOLVING] = "resolving",
    [UPSTREAM_CONNECTING] = "connecting", [UPSTREAM_HANDSHAKE] = "handshake",
    [UPSTREAM_READY] = "ready",           [UPSTREAM_BACKOFF] = "backoff",
};

/* In the order of workers, prefixes and finding; never the same twice. */
static uint64_t next_number(const struct question *question, const struct pool *pool)
{
    return ((uint64_t)pool->worker << 48) + question->listed_count + (uint64_t)question->left_out +
           1;
}

static void add_upstream_fields(struct rows *rows, const struct upstream *upstream)
{
    const char *user = upstream->route.identity == NULL ? NULL : upstream->route.identity->user;
    uint64_t now = loop_now_ms();
    bool is_ready = upstream_is_ready(upstream);
    rows_text(rows, "state", state_names[upstream->state]);
    rows_number(rows, "db", upstream->route.db);
    rows_number(rows, "protocol", upstream->route.proto);
    rows_text(rows, "user", user == NULL ? "default" : user);
    rows_number(rows, "outstanding", upstream->requests.count);
    rows_number(rows, "unsent", upstream->requests.count - upstream->requests.sent);
    rows_number(rows, "unwritten_bytes", (int64_t)requests_unwritten(&upstream->requests));
    rows_number(rows, "age_s", is_ready ? (int64_t)(now - upstream->ready_since_ms) / 1000 : -1);
    rows_number(rows, "idle_s", is_ready ? (int64_t)(now - upstream->last_active_ms) / 1000 : -1);
    rows_number(rows, "server_id", (int64_t)upstream->real_id);
    rows_number(rows, "server_version", upstream->server_version);
    rows_number(rows, "failures", upstream->failures);
    rows_text(rows, "reason", upstream->reason);
}

static bool has_room(struct question *question)
{
    if (question->listed_count < (size_t)question->limit) {
        return true;
    }
    question->left_out++;
    return false;
}

static void begin_pool_row(struct question *question, const struct pool *pool)
{
    rows_begin(&question->rows);
    rows_text(&question->rows, "prefix", pool->context.settings->name);
    rows_number(&question->rows, "worker", pool->worker);
}

static void visit_lanes(struct question *question, struct pool *pool)
{
    for (const struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        if (has_room(question)) {
            begin_pool_row(question, pool);
            rows_number(&question->rows, "clients", lane->attached);
            add_upstream_fields(&question->rows, lane->upstream);
            keep_row(question, next_number(question, pool));
        }
    }
}

void admin_show_lanes(const struct admin_request *request)
{
    ask_list(request, 2, visit_lanes);
}

struct listing {
    struct question *question;
    const struct pool *pool;
    const char *kind;
};

static void add_upstream(void *arg, const struct upstream *upstream)
{
    struct listing *listing = arg;
    if (has_room(listing->question)) {
        begin_pool_row(listing->question, listing->pool);
        rows_text(&listing->question->rows, "kind", listing->kind);
        add_upstream_fields(&listing->question->rows, upstream);
        keep_row(listing->question, next_number(listing->question, listing->pool));
    }
}

static void add_as(struct listing *listing, const char *kind, const struct lease *lease)
{
    listing->kind = kind;
    if (lease != NULL) {
        add_upstream(listing, lease->upstream);
    }
}

/* Each connection is in one place: a lane, a hub, with a session, waited for, or kept. */
static void visit_upstreams(struct question *question, struct pool *pool)
{
    struct listing listing = {.question = question, .pool = pool, .kind = "shared"};
    const struct session *session;
    const struct lease *lease;
    for (const struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        add_upstream(&listing, lane->upstream);
    }
    listing.kind = "hub";
    hubs_visit(pool, add_upstream, &listing);
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        add_as(&listing, "lent", session->lease);
        add_as(&listing, "coming", session->wait == NULL ? NULL : session->wait->lease.pending);
    }
    TAILQ_FOREACH(lease, &pool->idle_leases, next)
    {
        add_as(&listing, "idle", lease);
    }
    TAILQ_FOREACH(lease, &pool->washing_leases, next)
    {
        add_as(&listing, "washing", lease);
    }
    add_as(&listing, "spare", pool->spare);
}

void admin_show_upstreams(const struct admin_request *request)
{
    ask_list(request, 2, visit_upstreams);
}

/* ----------------------------------------------------------------------------------------- slow
 * log
 */

/* The newest first: numbers of lists only grow. */
static uint64_t slow_number(const struct slow_command *slow)
{
    return UINT64_MAX - (uint64_t)slow->at_ms;
}

static void visit_slow(struct question *question, struct pool *pool)
{
    const struct slow_command *slow;
    struct rows *rows = &question->rows;
    for (unsigned i = 0; (slow = slowlog_at(&pool->context.slowlog, i)) != NULL; i++) {
        begin_pool_row(question, pool);
        rows_number(rows, "at_ms", slow->at_ms);
        rows_number(rows, "client", (int64_t)slow->client);
        rows_text(rows, "command", slow->name == NULL ? "" : slow->name);
        rows_number(rows, "queued_us", slow->queued_us);
        rows_number(rows, "server_us", slow->server_us);
        keep_row(question, slow_number(slow));
    }
}

static void clear_slow(struct question *question, struct pool *pool)
{
    (void)question;
    slowlog_clear(&pool->context.slowlog);
}

void admin_slowlog(const struct admin_request *request)
{
    bool clears = request->count == 2 && admin_word_is(&request->words[1], "reset");
    struct admin_request all = *request;
    all.count = clears ? 1 : request->count;
    ask_list(&all, 1, clears ? clear_slow : visit_slow);
}
