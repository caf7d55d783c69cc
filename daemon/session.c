/* Beginning and end of a client connection, and what ends it. Reading is in session_input.c,
 * writing in session_output.c, speaking with the server in session_speak.c. */
#include "daemon/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/attach.h"
#include "daemon/container.h"
#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/session_parts.h"

static const char too_many[] = "-ERR max number of clients reached\r\n";

void session_set_text(char **field, const char *data, size_t len)
{
    free(*field);
    *field = len == 0 ? NULL : memory_text(data, len);
}

/* -------------------------------------------------------------------------------------- addresses
 */

static char *describe_address(const struct sockaddr_storage *address)
{
    char host[INET6_ADDRSTRLEN] = "";
    char text[INET6_ADDRSTRLEN + 16] = "";
    struct sockaddr_in in = {0};
    struct sockaddr_in6 in6 = {0};
    if (address->ss_family == AF_INET) {
        memcpy(&in, address, sizeof in);
        inet_ntop(AF_INET, &in.sin_addr, host, sizeof host);
        snprintf(text, sizeof text, "%s:%u", host, ntohs(in.sin_port));
    } else if (address->ss_family == AF_INET6) {
        memcpy(&in6, address, sizeof in6);
        inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof host);
        snprintf(text, sizeof text, "[%s]:%u", host, ntohs(in6.sin6_port));
    }
    return memory_text(text, strlen(text));
}

/* As Redis shows them: host:port, and for a Unix socket its path at both ends. */
static void note_addresses(struct session *session, int fd)
{
    struct sockaddr_storage local = {0};
    struct sockaddr_storage peer = {0};
    socklen_t len = sizeof local;
    getsockname(fd, (struct sockaddr *)&local, &len);
    if (local.ss_family == AF_UNIX) {
        char text[sizeof(struct sockaddr_un) + 4];
        snprintf(text, sizeof text, "%.108s:0", ((const struct sockaddr_un *)&local)->sun_path);
        session->address = memory_text(text, strlen(text));
        session->local_address = memory_text(text, strlen(text));
        return;
    }
    int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
    len = sizeof peer;
    getpeername(fd, (struct sockaddr *)&peer, &len);
    session->address = describe_address(&peer);
    session->local_address = describe_address(&local);
}

/* -------------------------------------------------------------------------------- beginning and
 * end */

void session_enter_pool(struct session *session, struct pool *pool)
{
    session->pool = pool;
    pool->session_count++;
    atomic_fetch_add(&pool->prefix->clients, 1);
}

void session_leave_pool(struct session *session)
{
    session->pool->session_count--;
    atomic_fetch_sub(&session->pool->prefix->clients, 1);
    if (session->pool->is_leaving && session->pool->session_count == 0) {
        pool_tick_soon(session->pool);
    }
}

static void bury(struct loop_task *task)
{
    struct session *session = container_of(task, struct session, bury);
    loop_cancel(session->pool->context.loop, &session->resume);
    loop_cancel(session->pool->context.loop, &session->deliver);
    session_account(session, 0);
    session_free_aside(session);
    evbuffer_free(session->out);
    free(session->address);
    free(session->local_address);
    free(session->user);
    free(session->name);
    free(session->lib_name);
    free(session->lib_version);
    free(session->refusal);
    free(session->queued_selects);
    free(session->asked_about);
    free(session->in);
    identity_release(&session->pool->identities, session->identity);
    session_leave_pool(session);
    free(session);
}

const struct identity *session_first_identity(struct pool *pool)
{
    if (pool->context.settings->auth == AUTH_PASSTHROUGH) {
        return identity_intern(&pool->identities, NULL, NULL);
    }
    return identity_intern(&pool->identities, pool->context.settings->server.user,
                           pool->context.settings->server.password);
}

void session_forget_state(struct session *session)
{
    const struct prefix_settings *settings = session->pool->context.settings;
    const struct identity *identity = session_first_identity(session->pool);
    session_leave_hub(session);
    session_change_route(session, settings->server.db, 2, identity);
    identity_release(&session->pool->identities, identity);
    session_set_text(&session->user, NULL, 0);
    session_set_text(&session->name, NULL, 0);
    if (session->is_authenticated) { /* a stranger gets no time by it */
        session->logged_out_ms = loop_now_ms();
    }
    session->is_authenticated = settings->auth != AUTH_CHECK && !session->pool->prefix->is_lobby;
    session->has_selected = false;
    session->is_no_evict = false;
    session->reply_mode = REPLY_ON;
    session->skips_this = false;
    session->skips_next = false;
    session->lost = LOST_NOTHING;
    session->written_on = 0;
    session->has_moved = false;
}

static bool is_full(struct house *house)
{
    return atomic_fetch_add(&house->clients, 1) >= atomic_load(&house->clients_max);
}

/* An administrator wants nobody here. */
static void turn_away_disabled(struct pool *pool, int fd)
{
    char text[160];
    int len = snprintf(text, sizeof text, "-POOLDENY prefix %s takes no new clients now\r\n",
                       pool->context.settings->name);
    stats_count(&pool->context.stats, clients_refused);
    if (send(fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        log_debug("client of %s turned away: %s", pool->context.settings->name, strerror(errno));
    }
    close(fd);
}

static void turn_away(struct pool *pool, int fd)
{
    atomic_fetch_sub(&pool->prefix->house->clients, 1);
    stats_count(&pool->context.stats, clients_refused);
    if (send(fd, too_many, sizeof too_many - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        log_debug("client of %s turned away: %s", pool->context.settings->name, strerror(errno));
    }
    close(fd);
}

void session_create(struct pool *pool, int fd)
{
    struct house *house = pool->prefix->house;
    struct loop *loop = pool->context.loop;
    if (prefix_is(pool->prefix, HOLD_DISABLED)) {
        turn_away_disabled(pool, fd);
        return;
    }
    if (is_full(house)) {
        turn_away(pool, fd);
        return;
    }
    struct session *session = memory_zeroed(sizeof *session);
    session_enter_pool(session, pool);
    session->sink.ops = &session_sink_ops;
    session->id = session->sink.client = atomic_fetch_add(&house->next_id, 1);
    session->created_ms = session->logged_out_ms = session->last_input_ms = loop_now_ms();
    session->out = evbuffer_new();
    session_init_holder(session);
    session_init_share(session);
    session_init_subscriber(session);
    STAILQ_INIT(&session->recounts);
    loop_task_init(&session->resume, LOOP_RESUME, session_on_resume);
    loop_task_init(&session->deliver, LOOP_DELIVER, session_on_deliver);
    loop_task_init(&session->bury, LOOP_BURY, bury);
    note_addresses(session, fd);
    session_forget_state(session);
    transport_open(&session->transport, loop, fd, session_on_readable, session_on_writable,
                   session);
    transport_make_lazy(&session->transport);
    transport_want_read(&session->transport, true);
    TAILQ_INSERT_TAIL(&pool->sessions, session, link);
    stats_count(&pool->context.stats, clients_accepted);
    log_debug("client %" PRIu64 " %s: connected from %s", session->id, pool->context.settings->name,
              session->address);
}

/* A dead session is freed when nothing refers to it any more: each outstanding slot does. */
static void bury_if_forgotten(struct session *session)
{
    if (session->is_dead && session->outstanding == 0) {
        loop_defer(session->pool->context.loop, &session->bury);
    }
}

void session_close(struct session *session, const char *reason)
{
    struct pool *pool = session->pool;
    if (session->is_dead) {
        return;
    }
    session->is_dead = true;
    session->stops |= STOP_END;
    log_debug("client %" PRIu64 " %s: closed: %s", session->id, pool->context.settings->name,
              reason);
    transport_close(&session->transport);
    attach_end(session);
    TAILQ_REMOVE(&pool->sessions, session, link);
    atomic_fetch_sub(&pool->prefix->house->clients, 1);
    stats_count(&pool->context.stats, clients_closed);
    session_end_wait(session);
    session_end_diversion(session);
    if (session->lane != NULL) {
        lane_detach(session->lane);
        session->lane = NULL;
    }
    session_leave_hub(session);
    session_end_lease(session);
    evbuffer_drain(session->out, evbuffer_get_length(session->out));
    session_account(session, 0);
    bury_if_forgotten(session);
}

void session_close_when_written(struct session *session)
{
    session->closes_when_written = true;
    session_stop(session, STOP_END);
    loop_defer(session->pool->context.loop, &session->deliver);
}

/* What the client sent before it went has been dealt with, or waits for something that need not be
 * waited for. */
void session_check_end(struct session *session)
{
    bool is_done = session->outstanding == 0 && session->wait == NULL &&
                   (session->stops & STOP_END || !session_has_input(session));
    if (!session->is_eof || session->is_dead || !is_done) {
        return;
    }
    if (session_is_tunnel(session)) { /* the server may still answer, and will close */
        upstream_end_input(session->lease->upstream);
    } else {
        session_end_lease(session); /* the client may take its time to read */
        session_leave_hub(session);
        session_close_when_written(session);
    }
}

/* The lease's connection is lost, and with it what it held. Returns false when the session ends. */
static bool note_loss(struct session *session)
{
    static const enum session_lost lost[] = {
        [LEASE_WATCHING] = LOST_WATCH, [LEASE_QUEUEING] = LOST_TRANSACTION};
    bool can_be_told = !session->lease->is_sticky;
    if (session->lease->state != LEASE_PLAIN) { /* what was lost before still counts */
        session->lost = lost[session->lease->state];
    }
    session_end_lease(session);
    if (!can_be_told) { /* only the end of the connection tells the client that messages are missing
                         */
        session_close_when_written(session);
    }
    return can_be_told;
}

void session_settle(struct session *session)
{
    if (session->is_dead) {
        bury_if_forgotten(session);
        return;
    }
    session->is_barred = false;
    session->is_blocking = false;
    session->is_hanging_up = false;
    if (session->lease != NULL && session->lease->is_lost) {
        if (!note_loss(session)) {
            return;
        }
    } else if (session->lease != NULL && session->lease->state == LEASE_PLAIN &&
               !session->lease->is_sticky && !session->is_confirming &&
               session->stream == STREAM_NONE) {
        session_end_lease(session);
    }
    if (session->is_retiring) {
        session_retire(session);
    } else if (session->pool->is_leaving) {
        session_follow(session);
    }
    session_resume(session, STOP_REPLIES);
    session_check_end(session);
}

/* ------------------------------------------------------------------------------------------ limits
 */

static bool is_over(uint64_t since_ms, int64_t limit_ms)
{
    return limit_ms > 0 && loop_now_ms() - since_ms >= (uint64_t)limit_ms;
}

/* When the client last sent or took something. */
static uint64_t last_sign(const struct session *session)
{
    return session->last_output_ms > session->last_input_ms ? session->last_output_ms
                                                            : session->last_input_ms;
}

/* The reason to end a session for its time limits; NULL: none. */
static const char *overdue(const struct session *session)
{
    const struct prefix_settings *settings = session->pool->context.settings;
    bool is_idle = session->outstanding == 0 && session->wait == NULL;
    if (!session->is_authenticated &&
        is_over(session->logged_out_ms, settings->unauthenticated_ms)) {
        return "not authenticated in time (setting \"unauthenticated_ms\")";
    }
    if (session->stream == STREAM_SEND && is_over(session->last_input_ms, settings->tx_idle_ms)) {
        return "idle in the middle of a request (setting \"tx_idle_ms\")";
    }
    if (session->soft_since_ms != 0 &&
        loop_now_ms() - session->soft_since_ms >= (uint64_t)settings->subscriber_soft_ms &&
        settings->subscriber_soft_ms > 0) {
        return "reads its messages too slowly (setting \"subscriber_soft_limit\")";
    }
    if ((session->is_eof || session->closes_when_written) && session->accounted > 0 &&
        is_over(last_sign(session), settings->linger_ms)) {
        return "ended, without reading its replies (setting \"linger_ms\")";
    }
    if (session->lease == NULL) {
        return is_idle && !session_uses_hub(session) &&
                       is_over(last_sign(session), settings->client_idle_ms)
                   ? "idle (setting \"client_idle_ms\")"
                   : NULL;
    }
    if (is_idle && !session_is_tunnel(session) && session->lease->state != LEASE_PLAIN &&
        is_over(session->last_input_ms, settings->tx_idle_ms)) {
        return "idle in a transaction (setting \"tx_idle_ms\")";
    }
    return NULL;
}

void sessions_check_limits(struct pool *pool)
{
    struct session *session;
    struct session *next;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        const char *reason = overdue(session);
        session_age_share(session);
        if (session->is_retiring) {
            session_unblock(session); /* it may not have blocked yet when it was tried last */
        }
        if (reason != NULL) {
            log_info("client %" PRIu64 " %s: closed: %s", session->id, pool->context.settings->name,
                     reason);
            session_close(session, reason);
        }
    }
}

void sessions_shed(struct pool *pool)
{
    struct house *house = pool->prefix->house;
    while (atomic_load(&house->memory_used) > atomic_load(&house->memory_max)) {
        struct session *largest = NULL;
        struct session *session;
        TAILQ_FOREACH(session, &pool->sessions, link)
        {
            if (largest == NULL || session->accounted > largest->accounted) {
                largest = session;
            }
        }
        if (largest == NULL || largest->accounted == 0) {
            return; /* others hold it */
        }
        log_warning("client %" PRIu64 " %s: closed with %zu bytes unread: the daemon's limit is "
                    "reached (setting \"memory_max\")",
                    largest->id, pool->context.settings->name, largest->accounted);
        stats_count(&pool->context.stats, clients_closed_slow);
        session_close(largest, "memory_max");
    }
}

void session_retire(struct session *session)
{
    static const char not_run[] = "-POOLDOWN the connection is being ended; not sent\r\n";
    if (session_is_tunnel(session)) {
        session_close(session, "the daemon takes no more");
        return;
    }
    if (session_waits_to_block(session)) {
        session_refuse_wait(session, not_run);
    }
    session->is_retiring = session_unblock(session);
    if (session->is_retiring) {
        return; /* the rest when that has been answered */
    }
    transport_end_input(&session->transport); /* as if the client sent no more, from here on */
}

void sessions_retire(struct pool *pool)
{
    struct session *session;
    struct session *next;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (!session->is_retiring) { /* else the server has been asked, and is again in a while */
            session_retire(session);
        }
    }
}
