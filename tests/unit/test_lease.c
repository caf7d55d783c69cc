/* Connections lent to one client at a time: who gets one, who waits, and what replies make of it.
 */
#include "tests/unit/lease_fixture.h"

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
    fixture.settings->leases = fixture.settings->blocking_max = 1;
    fixture.settings->sticky_max = fixture.settings->large_max = 1;
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
    static const char *const names[QUOTA_KINDS] = {"leases", "blocking_max", "sticky_max",
                                                   "large_max", "leases"};
    char expected[128];
    begin();
    fixture.settings->leases = fixture.settings->blocking_max = 1;
    fixture.settings->sticky_max = fixture.settings->large_max = 1;
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
    EXPECT_NUMBER(fixture.pool.context.stats.errors_poolwait, QUOTA_KINDS);
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

/* A turn that has lasted for a while, at whose end somebody begins to wait. */
static void ask_late(evutil_socket_t fd, short what, void *arg)
{
    uint64_t begin_ms = loop_now_ms();
    (void)fd, (void)what;
    while (loop_now_ms() - begin_ms < 30) {
    }
    ask(arg, QUOTA_BLOCKING, 0);
}

static void whose_own_limit_comes_first_gets_its_own_answer(void)
{
    const struct timeval now = {0};
    begin();
    peer_on(fixture.peer, "HELLO", PEER_HOLD, "", 0);
    a->waiter.limit_ms = 50;
    a->waiter.late = "*-1\r\n";
    event_base_once(fixture.loop.base, -1, EV_TIMEOUT, ask_late, a, &now);
    EXPECT_SOON(is_refused(a));
    expect_bytes(__FILE__, __LINE__, "answer", a->error, strlen(a->error), "*-1\r\n", 5);
    EXPECT_NUMBER(fixture.pool.context.stats.errors_pooldown, 0);
    EXPECT_NUMBER(used(QUOTA_BLOCKING), 0);
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
    EXPECT_NUMBER(fixture.pool.context.stats.errors_pooldown, 1);
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
    {"whose own limit comes first gets its own answer, however long the turn was",
     whose_own_limit_comes_first_gets_its_own_answer},
    {"a refusal of the server is told and gives the quota back",
     a_refusal_of_the_server_is_told_and_gives_the_quota_back},
    {"a server that is not there is told after the wait",
     a_server_that_is_not_there_is_told_after_the_wait},
    {"a server that is full is asked again within the wait",
     a_server_that_is_full_is_asked_again_within_the_wait},
    {"replies move the state of a lent connection", replies_move_the_state_of_a_lent_connection},
};

SUITE_MAIN("lease", cases)
