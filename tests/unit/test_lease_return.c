/* Connections given back: which are kept, which are cleaned first, which are closed. */
#include "tests/unit/lease_fixture.h"

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

/* It was a shared connection before, and now one of its clients has ended it while blocked, or with
 * replies owed that could be waited for; however long the others' take. */
static void others_get_their_replies_before_it_is_closed(void)
{
    static const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    static const struct reply_sink_ops ops = {on_other_reply, count_failure};
    static void (*const leave[])(struct lease * lease) = {make_blocked, make_owing};
    struct reply_sink other = {.ops = &ops};
    begin();
    failures = others_replies = 0;
    peer_on(fixture.peer, "GET", PEER_HOLD, "", 0);
    peer_on(fixture.peer, "PING", PEER_HOLD, "", 0);
    for (size_t i = 0; i < COUNT(leave); i++) {
        get_lease_with(&other, get, sizeof(get) - 1);
        leave[i](a->lease);
        give_back(a);
        EXPECT_SOON(peer_count(fixture.peer, "PING") == i + 1);
        TAILQ_FIRST(&fixture.pool.washing_leases)->idle_since_ms = 0; /* for very long */
        leases_close_idle(&fixture.pool);
        EXPECT_NUMBER(used(QUOTA_LEASES), 1);
        peer_send(fixture.peer, (int)i + 1, "$-1\r\n");
        EXPECT_SOON((leases_close_idle(&fixture.pool), used(QUOTA_LEASES) == 0));
        EXPECT_NUMBER(others_replies, i + 1);
        EXPECT_NUMBER(failures, i + 1); /* of those of the client that has gone */
    }
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
};

SUITE_MAIN("lease return", cases)
