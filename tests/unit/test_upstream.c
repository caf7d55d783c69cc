/* A connection to a server at its end: what was still said is heard, what was not read goes again.
 */
#include "daemon/upstream.h"

#include <string.h>

#include "daemon/lane.h"
#include "tests/unit/pool_fixture.h"

/* What a sink was told, in order. */
static struct bytes told;

static void on_reply(struct reply_sink *sink, const struct reply_part *part)
{
    (void)sink;
    bytes_add(&told, part->data, part->len);
}

static void on_failure(struct reply_sink *sink, const struct slot *slot, const char *error,
                       bool is_cut)
{
    (void)sink, (void)slot, (void)is_cut;
    bytes_add(&told, error, strcspn(error, " "));
    bytes_add_text(&told, "\r\n");
}

static const struct reply_sink_ops sink_ops = {on_reply, on_failure};
static struct reply_sink sink = {.ops = &sink_ops};

static void forget_told(void *what)
{
    (void)what;
    bytes_finish(&told);
}

static struct upstream *begin(void)
{
    char error[300];
    fixture_begin_at(NULL);
    case_defer(forget_told, NULL);
    struct upstream_route route = route_to(0);
    struct lane *lane = lane_get(&fixture.pool, &route, error, sizeof(error));
    EXPECT(lane != NULL);
    lane_attach(lane);
    upstream_connect(lane->upstream);
    EXPECT_SOON(upstream_is_ready(lane->upstream));
    return lane->upstream;
}

static void ask(struct upstream *upstream, const char *line)
{
    struct bytes request = {0};
    struct slot slot = {.sink = &sink};
    bytes_add_request(&request, line);
    upstream_send(upstream, &slot, request.data, request.len);
    bytes_finish(&request);
}

static void expect_told(const char *text)
{
    EXPECT_SOON(told.len >= strlen(text));
    expect_bytes(__FILE__, __LINE__, "told", told.data, told.len, text, strlen(text));
}

/* Ask, and have the server answer and close before that is looked at. */
static void be_answered_for_the_last_time(struct upstream *upstream, const char *replies)
{
    peer_on(fixture.peer, "GET a", PEER_HOLD, "", 1);
    ask(upstream, "GET a");
    EXPECT_SOON(peer_count(fixture.peer, "GET a") == 1);
    peer_send(fixture.peer, 1, replies);
    peer_close(fixture.peer, 1);
}

static void a_reply_sent_before_the_end_is_heard_although_writing_fails(void)
{
    struct upstream *upstream = begin();
    be_answered_for_the_last_time(upstream, "$1\r\nv\r\n");
    peer_on(fixture.peer, "GET b", PEER_ANSWER, "$1\r\nw\r\n", 1);
    ask(upstream, "GET b");
    loop_run_tasks(
        &fixture.loop); /* writes, and has not looked whether there is something to read */
    EXPECT(upstream->is_deaf);
    ask(upstream, "GET c");
    expect_told("$1\r\nv\r\n$1\r\nw\r\n+OK\r\n");
    EXPECT_NUMBER(peer_connection_of(fixture.peer, "GET b"), 2);
    EXPECT(!upstream->is_deaf);
}

static void what_was_not_answered_before_the_end_is_lost_once(void)
{
    struct upstream *upstream = begin();
    be_answered_for_the_last_time(upstream, "");
    ask(upstream, "GET b");
    loop_run_tasks(&fixture.loop);
    expect_told("-POOLLOST\r\n+OK\r\n");
    EXPECT_NUMBER(peer_count(fixture.peer, "GET a"), 1);
    EXPECT_NUMBER(peer_count(fixture.peer, "GET b"), 1);
}

/* A server that ends in good order reads nothing more, and answers what it had read. */
static void who_reads_nothing_any_more_is_left_after_its_last_reply(void)
{
    struct upstream *upstream = begin();
    peer_on(fixture.peer, "GET a", PEER_HOLD, "", 1);
    ask(upstream, "GET a");
    EXPECT_SOON(peer_count(fixture.peer, "GET a") == 1);
    peer_stop_reading(fixture.peer, 1);
    ask(upstream, "GET b");
    loop_run_tasks(&fixture.loop);
    EXPECT(upstream->is_deaf && upstream_is_ready(upstream));
    peer_send(fixture.peer, 1, "$1\r\nv\r\n");
    expect_told("$1\r\nv\r\n+OK\r\n");
    peer_stop_reading(fixture.peer, 2);
    ask(upstream, "GET c"); /* nothing is owed over the second: it goes over a third at once */
    expect_told("$1\r\nv\r\n+OK\r\n+OK\r\n");
    EXPECT_NUMBER(peer_connections(fixture.peer), 3);
}

static const struct test_case cases[] = {
    {"a reply sent before the end is heard, although writing fails",
     a_reply_sent_before_the_end_is_heard_although_writing_fails},
    {"who reads nothing any more is left after its last reply",
     who_reads_nothing_any_more_is_left_after_its_last_reply},
    {"what was not answered before the end is lost, once",
     what_was_not_answered_before_the_end_is_lost_once},
};

SUITE_MAIN("upstream", cases)
