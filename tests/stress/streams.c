/* Streams between two ends, and who stops them. See streams.h. */
#include "tests/stress/streams.h"

#include <stdio.h>

#include "tests/support/noise.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    STOPS = 16 /* about so many in a run */
};

/* ---------------------------------------------------------------------------------------- streams
 */

static uint64_t stream_seed(const struct pair *pair, enum way way)
{
    return noise_mix(pair->seed, way);
}

void source_begin(struct source *source, const struct pair *pair, enum way way)
{
    *source = (struct source){.pair = pair, .way = way, .random = noise_mix(pair->seed, 10 + way)};
}

void sink_begin(struct sink *sink, const struct pair *pair, enum way way)
{
    *sink = (struct sink){.pair = pair, .way = way, .random = noise_mix(pair->seed, 20 + way)};
}

bool source_is_done(const struct source *source)
{
    return source->sent == source->pair->total;
}

bool sink_is_done(const struct sink *sink)
{
    return sink->received == sink->pair->total;
}

static uint32_t length_of_piece(struct source *source, uint32_t place, uint32_t cap)
{
    switch (noise_pick(&source->random, 6)) {
    case 0:
        return cap;
    case 1:
        return 1;
    case 2:
        return 1 + noise_pick(&source->random, 2 * cap);
    case 3:
        return cap - place + 1 + noise_pick(&source->random, place + 1);
    default:
        return 1 + noise_pick(&source->random, cap);
    }
}

uint32_t source_piece(struct source *source, uint32_t at, char *to)
{
    uint32_t cap = source->pair->caps[source->way];
    uint32_t len = length_of_piece(source, at & (cap - 1), cap);
    int64_t left = source->pair->total - source->sent;
    len = len < left ? len : (uint32_t)left;
    noise_fill(stream_seed(source->pair, source->way), (uint64_t)source->sent, to, len);
    return len;
}

void source_sent(struct source *source, uint32_t at, uint32_t len)
{
    uint32_t cap = source->pair->caps[source->way];
    source->sent += len;
    source->pair->board->wrapped[source->way] += ((at - len) & (cap - 1)) + len > cap;
}

/* For some time one that leaves the ring full, then one that empties it. */
uint32_t sink_appetite(struct sink *sink)
{
    uint32_t cap = sink->pair->caps[sink->way];
    if (sink->appetite == 0 || noise_pick(&sink->random, 32) == 0) {
        sink->appetite = noise_pick(&sink->random, 3) == 0 ? cap : 1 + cap / 16;
    }
    return 1 + noise_pick(&sink->random, sink->appetite);
}

void sink_take(struct sink *sink, const char *data, uint32_t len)
{
    char text[100];
    uint64_t at = (uint64_t)sink->received;
    size_t right = noise_match(stream_seed(sink->pair, sink->way), at, data, len);
    if (right < len || sink->received + len > sink->pair->total) {
        snprintf(text, sizeof(text), "byte %llu of %s is another one",
                 (unsigned long long)at + right, sink->way == REQUESTS ? "requests" : "replies");
        end_fails(sink->pair, sink->way == REQUESTS ? REPLIES : REQUESTS, text);
    }
    sink->received += len;
    sink->pair->board->passed[sink->way] = sink->received;
}

void end_fails(const struct pair *pair, enum way who, const char *what)
{
    child_fail(pair->board->wrong[who], sizeof(pair->board->wrong[who]), "%s", what);
}

/* ------------------------------------------------------------------------------------- the test's
 */

static int64_t all_passed(void *pair)
{
    const struct board *board = ((const struct pair *)pair)->board;
    return board->passed[REQUESTS] + board->passed[REPLIES];
}

struct standing {
    struct pair *pair;
    int64_t before;
};

static bool stands_still(void *context)
{
    struct standing *standing = context;
    int64_t before = standing->before;
    standing->before = all_passed(standing->pair);
    return standing->before == before;
}

/* Stop one end or both, for a moment or until nothing passes any more: then the other one sleeps.
 */
static void stop_and_go_on(struct pair *pair, struct child ends[WAYS], uint64_t *random)
{
    struct standing standing = {pair, -1};
    uint32_t who = noise_pick(random, 3);
    for (uint32_t i = 0; i < WAYS; i++) {
        if (who == i || who == WAYS) {
            child_stop(&ends[i]);
        }
    }
    if (noise_pick(random, 3) > 0) {
        EXPECT(wait_until(stands_still, &standing, patience_ms()));
    }
    uint32_t first = noise_pick(random, WAYS);
    child_go_on(&ends[first]);
    child_go_on(&ends[1 - first]);
}

static void explain(const struct pair *pair, const char *what)
{
    const struct board *board = pair->board;
    FAIL("rings of %u and %u bytes, seed %llu: %s; %lld and %lld of %lld bytes had come. %s%s",
         pair->caps[REQUESTS], pair->caps[REPLIES], (unsigned long long)pair->seed, what,
         (long long)board->passed[REQUESTS], (long long)board->passed[REPLIES],
         (long long)pair->total, board->wrong[REQUESTS], board->wrong[REPLIES]);
}

void conduct(struct pair *pair, void (*client)(void *pair), void (*daemon)(void *pair))
{
    static struct child ends[WAYS];
    uint64_t random = noise_mix(pair->seed, 30);
    child_start(&ends[REQUESTS], client, pair);
    child_start(&ends[REPLIES], daemon, pair);
    int64_t goal = WAYS * pair->total;
    for (int64_t passed = 0; passed < goal;) {
        int64_t next = passed + 1 + noise_pick(&random, (uint32_t)(2 * goal / STOPS));
        if (!wait_for_count(all_passed, pair, next < goal ? next : goal)) {
            explain(pair, "nothing passes any more");
        }
        passed = all_passed(pair);
        stop_and_go_on(pair, ends, &random);
    }
    if (!child_wait(&ends[REQUESTS]) || !child_wait(&ends[REPLIES])) {
        explain(pair, "an end did not end well");
    }
}
