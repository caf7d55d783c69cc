/* Shared connections: one for each route, who waits for one, which go when there are too many. */
#include "daemon/lane.h"

#include <string.h>

#include "tests/unit/pool_fixture.h"

static char refusal[300];

static struct lane *lane_of(int64_t db)
{
    struct upstream_route route = route_to(db);
    refusal[0] = '\0';
    return lane_get(&fixture.pool, &route, refusal, sizeof(refusal));
}

/* -------------------------------------------------------------------------------------- waiters */

struct watcher {
    struct lane_waiter waiter; /* first: found by its address */
    char name;
};

static struct watcher watchers[4];
static struct bytes settled; /* names, in the order in which they were told */

static void on_settled(struct lane_waiter *waiter)
{
    struct watcher *watcher = (struct watcher *)(void *)waiter;
    bytes_add(&settled, &watcher->name, 1);
}

static void forget_settled(void *what)
{
    (void)what;
    bytes_finish(&settled);
}

static void begin(void)
{
    fixture_begin_at(NULL);
    case_defer(forget_settled, NULL);
    for (int i = 0; i < 4; i++) {
        watchers[i] = (struct watcher){{.on_settled = on_settled}, (char)('a' + i)};
    }
}

static void expect_settled(const char *names)
{
    expect_bytes(__FILE__, __LINE__, "told", settled.data, settled.len, names, strlen(names));
}

static void get_ready(struct lane *lane)
{
    lane_wait_ready(lane, &watchers[3].waiter);
    EXPECT_SOON(settled.len == 1);
    EXPECT(upstream_is_ready(lane->upstream));
    settled.len = 0;
}

/* ---------------------------------------------------------------------------------------- routes
 */

static void a_route_has_one_lane(void)
{
    begin();
    struct lane *lane = lane_of(0);
    EXPECT(lane != NULL && lane_of(0) == lane);
    EXPECT(lane_of(1) != NULL && lane_of(1) != lane);
    struct upstream_route resp3 = route_to(0);
    resp3.proto = 3;
    struct lane *other = lane_get(&fixture.pool, &resp3, refusal, sizeof(refusal));
    EXPECT(other != NULL && other != lane);
    EXPECT_NUMBER(HASH_COUNT(fixture.pool.lanes), 3);
    EXPECT_NUMBER(peer_connections(fixture.peer), 0); /* nobody has asked for one to connect */
}

static void all_who_wait_are_told_once_when_the_lane_is_ready(void)
{
    begin();
    struct lane *lane = lane_of(0);
    for (int i = 0; i < 3; i++) {
        lane_wait_ready(lane, &watchers[i].waiter);
    }
    lane_forget(&watchers[1].waiter);
    lane_forget(&watchers[1].waiter);
    EXPECT(!upstream_is_ready(lane->upstream));
    EXPECT_SOON(settled.len >= 2);
    expect_settled("ac");
    EXPECT(upstream_is_ready(lane->upstream));
    EXPECT(watchers[0].waiter.list == NULL && TAILQ_EMPTY(&lane->waiters));
    EXPECT_NUMBER(peer_connections(fixture.peer), 1);
}

static void a_refused_lane_tells_who_waits(void)
{
    begin();
    peer_on(fixture.peer, "SELECT 7", PEER_ANSWER, "-ERR DB index is out of range\r\n", 0);
    struct lane *lane = lane_of(7);
    lane_wait_ready(lane, &watchers[0].waiter);
    lane_wait_ready(lane, &watchers[1].waiter);
    EXPECT_SOON(settled.len >= 2);
    expect_settled("ab");
    EXPECT(!upstream_is_ready(lane->upstream));
    EXPECT(lane->upstream->refusal != NULL);
    EXPECT(strcmp(lane->upstream->refusal, "-ERR DB index is out of range\r\n") == 0);
}

static void a_lane_that_cannot_connect_yet_tells_nobody_until_it_can(void)
{
    begin();
    peer_on(fixture.peer, "HELLO", PEER_CLOSE, "", 2);
    struct lane *lane = lane_of(0);
    lane_wait_ready(lane, &watchers[0].waiter);
    EXPECT_SOON(lane->upstream->failures == 1);
    EXPECT_NUMBER(settled.len, 0);
    EXPECT_SOON(settled.len == 1);
    EXPECT(upstream_is_ready(lane->upstream));
    EXPECT_NUMBER(peer_connections(fixture.peer), 3);
}

static void a_lost_lane_tells_who_waits_for_room_and_connects_again(void)
{
    begin();
    struct lane *lane = lane_of(0);
    get_ready(lane);
    lane_wait_room(lane, &watchers[0].waiter);
    peer_close(fixture.peer, 1);
    EXPECT_SOON(settled.len >= 1);
    expect_settled("a");
    EXPECT(!upstream_is_ready(lane->upstream));
    lane_wait_ready(lane, &watchers[1].waiter);
    EXPECT_SOON(settled.len >= 2);
    expect_settled("ab");
    EXPECT(upstream_is_ready(lane->upstream));
    EXPECT_NUMBER(peer_connections(fixture.peer), 2);
}

/* ------------------------------------------------------------------------------------ lanes_max */

static bool has_lane(int64_t db)
{
    struct upstream_route route = route_to(db);
    struct lane *lane = NULL;
    HASH_FIND(hh, fixture.pool.lanes, &route, sizeof(route), lane);
    return lane != NULL;
}

static void the_lane_unused_for_longest_makes_room(void)
{
    begin();
    fixture.settings->lanes_max = 3;
    for (int64_t db = 0; db < 3; db++) {
        lane_of(db)->last_used_ms = loop_now_ms() - 10 * (uint64_t)(db + 1);
    }
    lane_attach(lane_of(2)); /* the oldest is in use */
    EXPECT(lane_of(3) != NULL);
    EXPECT(has_lane(0) && !has_lane(1) && has_lane(2) && has_lane(3));
    lane_detach(lane_of(2)); /* used just now */
    EXPECT(lane_of(4) != NULL);
    EXPECT(!has_lane(0) && has_lane(2) && has_lane(3) && has_lane(4));
    EXPECT_NUMBER(HASH_COUNT(fixture.pool.lanes), 3);
}

static void ignore_reply(struct reply_sink *sink, const struct reply_part *part)
{
    (void)sink, (void)part;
}

static void ignore_failure(struct reply_sink *sink, const struct slot *slot, const char *error,
                           bool is_cut)
{
    (void)sink, (void)slot, (void)error, (void)is_cut;
}

static const struct reply_sink_ops sink_ops = {ignore_reply, ignore_failure};
static struct reply_sink sink = {.ops = &sink_ops};

static void lanes_in_use_are_not_closed_and_the_setting_is_named(void)
{
    static const char expected[] =
        "-POOLWAIT no shared connection free for another database, user or protocol "
        "(4 of 4 in use, setting \"lanes_max\")\r\n";
    static const char ping[] = "*1\r\n$4\r\nPING\r\n";
    struct slot slot = {.sink = &sink};
    begin();
    fixture.settings->lanes_max = 4;
    lane_attach(lane_of(0));
    lane_wait_ready(lane_of(1), &watchers[1].waiter);
    lane_wait_room(lane_of(2), &watchers[2].waiter);
    upstream_send(lane_of(3)->upstream, &slot, ping, sizeof(ping) - 1);
    EXPECT(lane_of(4) == NULL);
    expect_bytes(__FILE__, __LINE__, "error", refusal, strlen(refusal), expected,
                 sizeof(expected) - 1);
    EXPECT_NUMBER(fixture.pool.context.stats.errors_poolwait, 1);
    lane_forget(&watchers[2].waiter);
    EXPECT(lane_of(4) != NULL && !has_lane(2));
    lane_forget(&watchers[1].waiter);
}

/* ----------------------------------------------------------------------------------------- idle */

static void only_unused_lanes_are_closed_after_their_time(void)
{
    begin();
    lane_attach(lane_of(0));
    EXPECT(lane_of(1) != NULL);
    lanes_close_idle(&fixture.pool);
    EXPECT(has_lane(0) && has_lane(1));
    fixture.settings->idle_upstream_ms = 0;
    lanes_close_idle(&fixture.pool);
    EXPECT(has_lane(0) && !has_lane(1));
    lane_detach(lane_of(0));
    lanes_close_idle(&fixture.pool);
    EXPECT_NUMBER(HASH_COUNT(fixture.pool.lanes), 0);
}

static void a_refused_lane_is_not_tried_again_for_nobody(void)
{
    begin();
    peer_on(fixture.peer, "SELECT 7", PEER_ANSWER, "-ERR DB index is out of range\r\n", 0);
    lane_wait_ready(lane_of(7), &watchers[0].waiter);
    EXPECT_SOON(settled.len == 1);
    lane_attach(lane_of(7));
    lanes_close_idle(&fixture.pool);
    EXPECT(has_lane(7));
    lane_detach(lane_of(7));
    lanes_close_idle(&fixture.pool);
    EXPECT(!has_lane(7));
}

static const struct test_case cases[] = {
    {"a route has one lane", a_route_has_one_lane},
    {"all who wait are told once when the lane is ready",
     all_who_wait_are_told_once_when_the_lane_is_ready},
    {"a refused lane tells who waits", a_refused_lane_tells_who_waits},
    {"a lane that cannot connect yet tells nobody until it can",
     a_lane_that_cannot_connect_yet_tells_nobody_until_it_can},
    {"a lost lane tells who waits for room and connects again",
     a_lost_lane_tells_who_waits_for_room_and_connects_again},
    {"the lane unused for longest makes room", the_lane_unused_for_longest_makes_room},
    {"lanes in use are not closed and the setting is named",
     lanes_in_use_are_not_closed_and_the_setting_is_named},
    {"only unused lanes are closed after their time",
     only_unused_lanes_are_closed_after_their_time},
    {"a refused lane is not tried again for nobody", a_refused_lane_is_not_tried_again_for_nobody},
};

SUITE_MAIN("lane", cases)
