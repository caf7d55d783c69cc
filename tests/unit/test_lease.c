/* Connections lent to one client at a time: who gets one, who waits, what is kept. */
#include "daemon/lease.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/pool_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CLIENTS_MAX = 6
};

struct client {
    struct lease_waiter waiter; /* first: found by its address */
    struct lease_holder holder;
    struct lease *lease;
    bool has_lost;
    char error[600];
};

static struct client clients[CLIENTS_MAX];
static struct client *const a = &clients[0], *const b = &clients[1], *const c = &clients[2],
                            *const d = &clients[3];
static struct bytes granted; /* the names of clients, in the order in which they were served */

static void ignore_reply(struct reply_sink *sink, const struct reply_part *part)
{
    (void)sink, (void)part;
}

static int failures;

static void count_failure(struct reply_sink *sink, const struct slot *slot, const char *error,
                          bool is_cut)
{
    (void)sink, (void)slot, (void)is_cut;
    failures += strncmp(error, "-POOLLOST ", 10) == 0 || strncmp(error, "-POOLDOWN ", 10) == 0;
}

static const struct reply_sink_ops sink_ops = {ignore_reply, count_failure};
static struct reply_sink sink = {.ops = &sink_ops};

static void on_lost(struct lease_holder *holder)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        clients[i].has_lost = clients[i].has_lost || &clients[i].holder == holder;
    }
}

static void on_granted(struct lease_waiter *waiter, struct lease *lease)
{
    struct client *client = (struct client *)(void *)waiter;
    char name = (char)('a' + (client - clients));
    client->lease = lease;
    client->holder = (struct lease_holder){.sink = &sink, .on_lost = on_lost};
    lease->holder = &client->holder;
    bytes_add(&granted, &name, 1);
}

static void on_refused(struct lease_waiter *waiter, const char *error)
{
    struct client *client = (struct client *)(void *)waiter;
    snprintf(client->error, sizeof(client->error), "%s", error);
}

static void give_back(struct client *client)
{
    struct lease *lease = client->lease;
    client->lease = NULL;
    lease_release(lease);
}

static void release_clients(void *what)
{
    (void)what;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        lease_forget(&clients[i].waiter);
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        give_back(&clients[i]);
    }
    bytes_finish(&granted);
}

static void begin_at(const char *url)
{
    memset(clients, 0, sizeof(clients));
    fixture_begin_at(url);
    case_defer(release_clients, NULL);
}

static void begin(void)
{
    begin_at(NULL);
}

static void ask(struct client *client, enum quota_kind kind, int64_t db)
{
    struct lease_waiter *waiter = &client->waiter;
    waiter->route = route_to(db);
    waiter->kind = kind;
    waiter->on_granted = on_granted;
    waiter->on_refused = on_refused;
    client->error[0] = '\0';
    client->has_lost = false;
    struct lease *lease = lease_acquire(&fixture.pool, waiter);
    if (lease != NULL) {
        on_granted(waiter, lease);
    }
}

static void get(struct client *client, enum quota_kind kind, int64_t db)
{
    ask(client, kind, db);
    EXPECT_SOON(client->lease != NULL);
}

static int64_t used(enum quota_kind kind)
{
    return atomic_load(&fixture.prefix.quotas[kind].used);
}

static int64_t waiting(enum quota_kind kind)
{
    return atomic_load(&fixture.prefix.quotas[kind].waiting);
}

static bool is_refused(const struct client *client)
{
    return client->error[0] != '\0';
}

/* -------------------------------------------------------------------------------- lent and kept */

static void a_connection_given_back_clean_is_lent_again(void)
{
    begin();
    get(a, QUOTA_LEASES, 0);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
    give_back(a);
    EXPECT_NUMBER(used(QUOTA_LEASES), 0);
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 1);
    ask(b, QUOTA_BLOCKING, 0);
    EXPECT(b->lease != NULL); /* at once, and for another kind */
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
    EXPECT_NUMBER(used(QUOTA_BLOCKING), 1);
    EXPECT_NUMBER(b->lease->kind, QUOTA_BLOCKING);
    EXPECT_NUMBER(peer_connections(fixture.peer), 1);
}

static void make_dirty(struct lease *lease)
{
    lease->is_dirty = true;
}

static void make_watching(struct lease *lease)
{
    lease->state = LEASE_WATCHING;
}

static void make_queueing(struct lease *lease)
{
    lease->state = LEASE_QUEUEING;
}

static void make_tunnel(struct lease *lease)
{
    upstream_begin_tunnel(lease->upstream);
}

static void send_with(struct lease *lease, uint8_t flags)
{
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    struct slot slot = {.sink = &sink, .flags = flags};
    upstream_send(lease->upstream, &slot, ping, sizeof(ping) - 1);
}

static void make_owing(struct lease *lease)
{
    send_with(lease, 0);
}

static void make_blocked(struct lease *lease)
{
    send_with(lease, SLOT_UNLIMITED);
}

static void make_half_sent(struct lease *lease)
{
    send_with(lease, SLOT_OPEN);
}

static void a_connection_given_back_unclean_is_closed(void)
{
    static void (*const spoil[])(struct lease * lease) = {make_dirty, make_tunnel, make_blocked,
                                                          make_half_sent};
    begin();
    failures = 0;
    for (size_t i = 0; i < COUNT(spoil); i++) {
        get(a, QUOTA_LEASES, 0);
        EXPECT_NUMBER(peer_connections(fixture.peer), i + 1);
        spoil[i](a->lease);
        give_back(a);
        EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
        EXPECT_NUMBER(used(QUOTA_LEASES), 0);
    }
    EXPECT_NUMBER(failures, 2); /* of the requests it owed replies to */
}

/* The quota is taken until the server has answered; then the same connection is lent again. */
static void what_was_left_open_is_ended_before_it_is_lent_again(void)
{
    static const struct {
        void (*leave)(struct lease *lease);
        size_t discards;
    } rows[] = {{make_watching, 0}, {make_queueing, 1}, {make_owing, 1}};
    begin();
    failures = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        get(a, QUOTA_LEASES, 0);
        rows[i].leave(a->lease);
        give_back(a);
        EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
        EXPECT_NUMBER(used(QUOTA_LEASES), 1);
        EXPECT_SOON(fixture.pool.idle_lease_count == 1);
        EXPECT_NUMBER(used(QUOTA_LEASES), 0);
        EXPECT_NUMBER(peer_count(fixture.peer, "DISCARD"), rows[i].discards);
        EXPECT_NUMBER(peer_count(fixture.peer, "UNWATCH"), i + 1);
        EXPECT_NUMBER(TAILQ_LAST(&fixture.pool.idle_leases, lease_list)->state, LEASE_PLAIN);
    }
    EXPECT_NUMBER(peer_connections(fixture.peer), 1);
    EXPECT_NUMBER(failures, 0);
}

static int others_replies;

static void get_lease_with(struct reply_sink *other, const char *request, size_t len)
{
    struct slot slot = {.sink = other};
    get(a, QUOTA_LEASES, 0);
    upstream_send(a->lease->upstream, &slot, request, len);
}

static void on_other_reply(struct reply_sink *other, const struct reply_part *part)
{
    (void)other, (void)part;
    others_replies++;
}

/* It was a shared connection before, and now one of its clients has ended it while blocked. */
static void others_get_their_replies_before_it_is_closed(void)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    static const struct reply_sink_ops ops = {on_other_reply, count_failure};
    struct reply_sink other = {.ops = &ops};
    begin();
    failures = others_replies = 0;
    peer_on(fixture.peer, "GET", PEER_HOLD, "", 0);
    peer_on(fixture.peer, "PING", PEER_HOLD, "", 0);
    get_lease_with(&other, get, sizeof(get) - 1);
    make_blocked(a->lease);
    give_back(a);
    EXPECT_SOON(peer_count(fixture.peer, "PING") == 1);
    leases_close_idle(&fixture.pool);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
    peer_send(fixture.peer, 1, "$-1\r\n");
    EXPECT_SOON((leases_close_idle(&fixture.pool), used(QUOTA_LEASES) == 0));
    EXPECT_NUMBER(others_replies, 1);
    EXPECT_NUMBER(failures, 1); /* of the one that blocked */
}

static void give_back_watching(int connections)
{
    get(a, QUOTA_LEASES, 0);
    EXPECT_NUMBER(peer_connections(fixture.peer), connections);
    make_watching(a->lease);
    give_back(a);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
}

static void what_cannot_be_ended_is_closed(void)
{
    begin();
    peer_on(fixture.peer, "UNWATCH", PEER_ANSWER, "+QUEUED\r\n", 1);
    peer_on(fixture.peer, "UNWATCH", PEER_CLOSE, "", 1);
    peer_on(fixture.peer, "UNWATCH", PEER_HOLD, "", 0);
    give_back_watching(1);
    EXPECT_SOON(used(QUOTA_LEASES) == 0);
    give_back_watching(2);
    EXPECT_SOON(used(QUOTA_LEASES) == 0);
    give_back_watching(3);
    EXPECT_SOON(peer_count(fixture.peer, "UNWATCH") == 3);
    EXPECT_SOON((leases_close_idle(&fixture.pool), used(QUOTA_LEASES) == 0));
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
}

static void a_connection_is_lent_only_for_its_own_route(void)
{
    begin();
    get(a, QUOTA_LEASES, 1);
    give_back(a);
    get(a, QUOTA_LEASES, 0);
    EXPECT_NUMBER(peer_connections(fixture.peer), 2);
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 1);
    ask(b, QUOTA_LEASES, 1);
    EXPECT(b->lease != NULL && b->lease->upstream->route.db == 1);
}

static void no_more_idle_connections_are_kept_than_leases(void)
{
    begin();
    fixture.settings->leases = 2;
    for (int i = 0; i < 4; i++) {
        get(&clients[i], QUOTA_BLOCKING, i);
    }
    for (int i = 0; i < 4; i++) {
        give_back(&clients[i]);
    }
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 2);
    ask(a, QUOTA_LEASES, 3);
    EXPECT(a->lease != NULL); /* the oldest ones went */
}

static void idle_connections_are_closed_after_their_time(void)
{
    begin();
    get(a, QUOTA_LEASES, 0);
    give_back(a);
    leases_close_idle(&fixture.pool);
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 1);
    fixture.settings->idle_upstream_ms = 0;
    leases_close_idle(&fixture.pool);
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
    EXPECT(TAILQ_EMPTY(&fixture.pool.idle_leases));
}

static void an_idle_connection_that_speaks_or_ends_is_closed(void)
{
    begin();
    get(a, QUOTA_LEASES, 0);
    give_back(a);
    peer_send(fixture.peer, 1, "+surprise\r\n");
    EXPECT_SOON(fixture.pool.idle_lease_count == 0);
    get(a, QUOTA_LEASES, 0);
    give_back(a);
    peer_close(fixture.peer, 2);
    EXPECT_SOON(fixture.pool.idle_lease_count == 0);
    EXPECT_NUMBER(used(QUOTA_LEASES), 0);
}

static void a_lost_connection_is_told_to_its_holder_and_not_kept(void)
{
    begin();
    get(a, QUOTA_LEASES, 0);
    peer_close(fixture.peer, 1);
    EXPECT_SOON(a->has_lost);
    EXPECT(a->lease->is_lost);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1); /* until it is given back */
    give_back(a);
    EXPECT_NUMBER(used(QUOTA_LEASES), 0);
    EXPECT_NUMBER(fixture.pool.idle_lease_count, 0);
}

/* --------------------------------------------------------------------------------------- waiting
 */

static void waiters_are_served_in_the_order_of_their_coming(void)
{
    begin();
    fixture.settings->leases = 1;
    get(a, QUOTA_LEASES, 0);
    ask(b, QUOTA_LEASES, 0);
    ask(c, QUOTA_LEASES, 1);
    ask(d, QUOTA_LEASES, 0);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 3);
    give_back(a);
    EXPECT(b->lease != NULL);
    ask(a, QUOTA_LEASES, 0); /* it stands behind the others now */
    give_back(b);
    EXPECT_SOON(c->lease != NULL); /* of another database: a new connection */
    give_back(c);
    EXPECT_SOON(d->lease != NULL);
    EXPECT(a->lease == NULL);
    give_back(d);
    EXPECT(a->lease != NULL);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 0);
    expect_bytes(__FILE__, __LINE__, "served", granted.data, granted.len, "abcda", 5);
}

static void each_kind_has_a_quota_of_its_own(void)
{
    begin();
    fixture.settings->leases = fixture.settings->blocking_max = fixture.settings->sticky_max = 1;
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        get(&clients[kind], (enum quota_kind)kind, 0);
        ask(&clients[kind + QUOTA_KINDS], (enum quota_kind)kind, 0);
        EXPECT_NUMBER(used((enum quota_kind)kind), 1);
        EXPECT_NUMBER(waiting((enum quota_kind)kind), 1);
        EXPECT_NUMBER(clients[kind].lease->is_sticky, kind == QUOTA_STICKY);
    }
    give_back(&clients[QUOTA_BLOCKING]);
    EXPECT(clients[QUOTA_BLOCKING + QUOTA_KINDS].lease != NULL);
    EXPECT(clients[QUOTA_LEASES + QUOTA_KINDS].lease == NULL);
    EXPECT(clients[QUOTA_STICKY + QUOTA_KINDS].lease == NULL);
}

static void who_waits_too_long_is_told_which_setting_bound_it(void)
{
    static const char *const names[QUOTA_KINDS] = {"leases", "blocking_max", "sticky_max"};
    char expected[128];
    begin();
    fixture.settings->leases = fixture.settings->blocking_max = fixture.settings->sticky_max = 1;
    fixture.settings->lease_wait_ms = 20;
    for (int kind = 0; kind < QUOTA_KINDS; kind++) {
        get(a, (enum quota_kind)kind, 0);
        ask(b, (enum quota_kind)kind, 0);
        EXPECT_SOON(is_refused(b));
        snprintf(expected, sizeof(expected),
                 "-POOLWAIT no connection free within 20 ms (%s 1 of 1, setting \"%s\")\r\n",
                 names[kind], names[kind]);
        expect_bytes(__FILE__, __LINE__, "error", b->error, strlen(b->error), expected,
                     strlen(expected));
        EXPECT_NUMBER(waiting((enum quota_kind)kind), 0);
        give_back(a);
        EXPECT(b->lease == NULL); /* it waits no more */
        EXPECT_NUMBER(used((enum quota_kind)kind), 0);
    }
    EXPECT_NUMBER(fixture.loop.stats.errors_poolwait, QUOTA_KINDS);
}

static void who_gave_up_in_the_queue_is_passed_over(void)
{
    begin();
    fixture.settings->leases = 1;
    get(a, QUOTA_LEASES, 0);
    ask(b, QUOTA_LEASES, 0);
    ask(c, QUOTA_LEASES, 0);
    lease_forget(&b->waiter);
    lease_forget(&b->waiter);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 1);
    give_back(a);
    EXPECT(c->lease != NULL && b->lease == NULL);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
}

static void who_gave_up_while_connecting_leaves_room_for_the_next(void)
{
    begin();
    fixture.settings->leases = 1;
    peer_on(fixture.peer, "HELLO", PEER_HOLD, "", 1);
    ask(a, QUOTA_LEASES, 0);
    ask(b, QUOTA_LEASES, 0);
    EXPECT_SOON(peer_count(fixture.peer, "HELLO") == 1);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 1);
    lease_forget(&a->waiter);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 0);
    EXPECT_SOON(b->lease != NULL);
    EXPECT(a->lease == NULL && !is_refused(a));
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
    give_back(b);
    EXPECT_NUMBER(used(QUOTA_LEASES), 0);
}

static void what_another_worker_gave_back_serves_who_waits_here(void)
{
    begin();
    fixture.settings->leases = 1;
    EXPECT(quota_take(&fixture.prefix.quotas[QUOTA_LEASES], 1));
    ask(a, QUOTA_LEASES, 0);
    leases_serve_waiters(&fixture.pool);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 1);
    quota_give(&fixture.prefix.quotas[QUOTA_LEASES]);
    leases_serve_waiters(&fixture.pool);
    EXPECT_NUMBER(waiting(QUOTA_LEASES), 0);
    EXPECT_SOON(a->lease != NULL);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
}

/* --------------------------------------------------------------------------------------- refused
 */

static void a_refusal_of_the_server_is_told_and_gives_the_quota_back(void)
{
    begin();
    fixture.settings->leases = 1;
    peer_on(fixture.peer, "SELECT 5", PEER_ANSWER, "-ERR DB index is out of range\r\n", 1);
    ask(a, QUOTA_LEASES, 5);
    ask(b, QUOTA_LEASES, 0);
    EXPECT_SOON(is_refused(a));
    EXPECT_HAS(a->error, "-POOLDOWN no connection to unix://");
    EXPECT_HAS(a->error, "(choice of database (SELECT) refused: ERR DB index is out of range)");
    EXPECT_SOON(b->lease != NULL);
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
    EXPECT_NUMBER(fixture.loop.stats.errors_pooldown, 1);
}

static void a_server_that_is_not_there_is_told_after_the_wait(void)
{
    char url[300], expected[600];
    snprintf(url, sizeof(url), "unix://%s", case_path("nobody.sock"));
    begin_at(url);
    fixture.settings->upstream_wait_ms = 30;
    snprintf(expected, sizeof(expected),
             "-POOLDOWN no connection to %s within 30 ms (No such file or directory); not sent\r\n",
             url);
    ask(a, QUOTA_LEASES, 0);
    EXPECT_SOON(is_refused(a));
    expect_bytes(__FILE__, __LINE__, "error", a->error, strlen(a->error), expected,
                 strlen(expected));
    EXPECT_NUMBER(used(QUOTA_LEASES), 0);
}

static void a_server_that_is_full_is_asked_again_within_the_wait(void)
{
    begin();
    peer_on(fixture.peer, "HELLO", PEER_CLOSE, "-ERR max number of clients reached\r\n", 2);
    get(a, QUOTA_LEASES, 0);
    EXPECT_NUMBER(peer_connections(fixture.peer), 3);
    fixture.settings->upstream_wait_ms = 30;
    peer_on(fixture.peer, "HELLO", PEER_CLOSE, "-ERR max number of clients reached\r\n", 0);
    ask(b, QUOTA_LEASES, 0);
    EXPECT_SOON(is_refused(b));
    EXPECT_HAS(b->error, "-POOLWAIT no connection free within 30 ms (");
    EXPECT_HAS(b->error, "max number of clients reached");
    EXPECT_NUMBER(used(QUOTA_LEASES), 1);
}

/* ----------------------------------------------------------------------------------------- state
 */

static void replies_move_the_state_of_a_lent_connection(void)
{
    static const struct {
        enum lease_state before;
        enum lease_tag tag;
        const char *reply;
        enum lease_state after;
    } rows[] = {
        {LEASE_PLAIN, TAG_NONE, "+OK\r\n", LEASE_PLAIN},
        {LEASE_PLAIN, TAG_MULTI, "+OK\r\n", LEASE_QUEUEING},
        {LEASE_PLAIN, TAG_MULTI, "-ERR wrong number\r\n", LEASE_PLAIN},
        {LEASE_PLAIN, TAG_WATCH, "+OK\r\n", LEASE_WATCHING},
        {LEASE_PLAIN, TAG_WATCH, "-CROSSSLOT x\r\n", LEASE_PLAIN},
        {LEASE_PLAIN, TAG_EXEC, "-ERR EXEC without MULTI\r\n", LEASE_PLAIN},
        {LEASE_WATCHING, TAG_WATCH, "-ERR wrong number\r\n", LEASE_WATCHING},
        {LEASE_WATCHING, TAG_UNWATCH, "+OK\r\n", LEASE_PLAIN},
        {LEASE_WATCHING, TAG_EXEC, "-ERR EXEC without MULTI\r\n", LEASE_WATCHING},
        {LEASE_WATCHING, TAG_DISCARD, "-ERR DISCARD without MULTI\r\n", LEASE_WATCHING},
        {LEASE_WATCHING, TAG_MULTI, "+OK\r\n", LEASE_QUEUEING},
        {LEASE_QUEUEING, TAG_MULTI, "-ERR MULTI calls can not be nested\r\n", LEASE_QUEUEING},
        {LEASE_QUEUEING, TAG_WATCH, "-ERR WATCH inside MULTI\r\n", LEASE_QUEUEING},
        {LEASE_QUEUEING, TAG_UNWATCH, "+QUEUED\r\n", LEASE_QUEUEING},
        {LEASE_QUEUEING, TAG_NONE, "+QUEUED\r\n", LEASE_QUEUEING},
        {LEASE_QUEUEING, TAG_DISCARD, "+OK\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "*0\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "*1\r\n+OK\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "*-1\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "_\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "-EXECABORT discarded\r\n", LEASE_PLAIN},
        {LEASE_QUEUEING, TAG_EXEC, "-ERR wrong number\r\n", LEASE_QUEUEING},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct upstream upstream = {0};
        struct lease lease = {.upstream = &upstream, .state = rows[i].before};
        struct fr_reply reply = {0};
        size_t taken = 0;
        EXPECT_NUMBER(fr_reply_scan(&reply, rows[i].reply, strlen(rows[i].reply), &taken),
                      FR_FRAME_DONE);
        lease_note_reply(&lease, rows[i].tag, &reply);
        if (lease.state != rows[i].after) {
            FAIL("row %zu: state %d after tag %d and %s", i, lease.state, rows[i].tag,
                 rows[i].reply);
        }
    }
}

static const struct test_case cases[] = {
    {"a connection given back clean is lent again", a_connection_given_back_clean_is_lent_again},
    {"a connection given back unclean is closed", a_connection_given_back_unclean_is_closed},
    {"what was left open is ended before it is lent again",
     what_was_left_open_is_ended_before_it_is_lent_again},
    {"others get their replies before it is closed", others_get_their_replies_before_it_is_closed},
    {"what cannot be ended is closed", what_cannot_be_ended_is_closed},
    {"a connection is lent only for its own route", a_connection_is_lent_only_for_its_own_route},
    {"no more idle connections are kept than leases",
     no_more_idle_connections_are_kept_than_leases},
    {"idle connections are closed after their time", idle_connections_are_closed_after_their_time},
    {"an idle connection that speaks or ends is closed",
     an_idle_connection_that_speaks_or_ends_is_closed},
    {"a lost connection is told to its holder and not kept",
     a_lost_connection_is_told_to_its_holder_and_not_kept},
    {"waiters are served in the order of their coming",
     waiters_are_served_in_the_order_of_their_coming},
    {"each kind has a quota of its own", each_kind_has_a_quota_of_its_own},
    {"who waits too long is told which setting bound it",
     who_waits_too_long_is_told_which_setting_bound_it},
    {"who gave up in the queue is passed over", who_gave_up_in_the_queue_is_passed_over},
    {"who gave up while connecting leaves room for the next",
     who_gave_up_while_connecting_leaves_room_for_the_next},
    {"what another worker gave back serves who waits here",
     what_another_worker_gave_back_serves_who_waits_here},
    {"a refusal of the server is told and gives the quota back",
     a_refusal_of_the_server_is_told_and_gives_the_quota_back},
    {"a server that is not there is told after the wait",
     a_server_that_is_not_there_is_told_after_the_wait},
    {"a server that is full is asked again within the wait",
     a_server_that_is_full_is_asked_again_within_the_wait},
    {"replies move the state of a lent connection", replies_move_the_state_of_a_lent_connection},
};

SUITE_MAIN("lease", cases)
