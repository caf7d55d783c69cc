/* Processes that use the library over rings of every small size, and are stopped, let go on and
 * killed at any time: nobody gets a foreign reply, what was counted was counted once, and of the
 * dead nothing is left.
 *
 *   CHECK_STRESS_SECONDS   how long; SECONDS unless set
 *   STRESS_SEED            printed
 *
 * A life counts in keys of its own and says before what it is about to do, so that of one that was
 * killed it is known what may have been done. */
#include "tests/client/fixture.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/channel.h"
#include "tests/support/children.h"
#include "tests/support/noise.h"

enum {
    SECONDS = 4,
    SLOTS = 8,
    LIVES_MAX = 4000,
    CAP_MAX = 64 * 1024,
    VALUE_MAX = 4 * CAP_MAX,
    PIPELINE_MAX = 40,
    STEPS_MOST = 200, /* between two signals */
    SLACK = 4 * 1024 * 1024
};

static const char config[] = "[flaskredisd]\nworkers = 2\nring_size_max = %u\n"
                             "[REDIS]\nurl = {url}\nidle_upstream_ms = 1000\n";

/* One process, from its start to its end. */
struct life {
    uint64_t random;
    _Atomic int64_t begun, done; /* times that its key was counted up, or is about to be */
    _Atomic int64_t steps;
    char wrong[200];
};

static struct {
    atomic_bool is_over;
    uint32_t cap;
    struct life lives[LIVES_MAX];
} * board;

static struct server *server;
static struct daemon *pooler;
static struct child children[SLOTS];
static int slots[SLOTS]; /* whose life it is */
static int life_count;

/* ---------------------------------------------------------------------------------------- a child
 */

static FlaskRedis *redis;
static char *value;

static _Noreturn void goes_wrong(struct life *life, const char *what)
{
    const FlaskRedisError *error = flask_redis_last_error();
    child_fail(life->wrong, sizeof(life->wrong), "%s (%.100s)", what,
               error != NULL ? error->text : "");
}

static int number_of(const struct life *life)
{
    return (int)(life - board->lives);
}

static void count(struct life *life)
{
    char key[32];
    int64_t number = 0;
    snprintf(key, sizeof(key), "own:%d", number_of(life));
    life->begun++;
    if (flask_redis_incr(redis, key, &number) != FLASK_REDIS_OK || number != life->done + 1) {
        goes_wrong(life, "INCR has not the next number");
    }
    life->done++;
}

/* About as long as nothing, half a ring, a whole one, and several. */
static size_t length_of_value(struct life *life)
{
    uint32_t cap = board->cap;
    const uint32_t about[] = {0, 100, cap / 2, cap, cap, 2 * cap, 3 * cap};
    uint32_t len = about[noise_pick(&life->random, sizeof(about) / sizeof(about[0]))];
    uint32_t more = noise_pick(&life->random, 129);
    return len > 64 ? len - 64 + more : more;
}

static void store(struct life *life)
{
    char key[32];
    uint64_t seed = life->random;
    size_t len = length_of_value(life);
    FlaskRedisBytes got = {0};
    snprintf(key, sizeof(key), "value:%d", number_of(life));
    noise_fill(seed, 0, value, len);
    if (flask_redis_set(redis, key, flask_redis_bytes(value, len), NULL) != FLASK_REDIS_OK ||
        flask_redis_get(redis, key, &got) != FLASK_REDIS_OK) {
        goes_wrong(life, "SET or GET fails");
    }
    if (got.len != len || noise_match(seed, 0, got.data, got.len) != len) {
        goes_wrong(life, "GET has another value");
    }
    flask_redis_bytes_free(&got);
}

/* Replies of all kinds and sizes behind each other. */
static void check_replies(struct life *life, const redisReply *replies, int count_of, size_t len)
{
    char expected[64];
    for (int i = 0; i < count_of; i++) {
        const redisReply *one = replies->element[3 * i], *two = replies->element[3 * i + 1],
                         *three = replies->element[3 * i + 2];
        snprintf(expected, sizeof(expected), "%d:%d", number_of(life), i);
        if (one->integer != life->done + 1 + i || two->str == NULL ||
            strcmp(two->str, expected) != 0 || three->len != len ||
            memcmp(three->str, value, len) != 0) {
            goes_wrong(life, "a reply of a pipeline is another's");
        }
    }
}

static void pipeline(struct life *life)
{
    int count_of = 1 + (int)noise_pick(&life->random, PIPELINE_MAX);
    size_t len = length_of_value(life) / 4;
    FlaskRedisPipeline *pipe = flask_redis_pipeline(redis, noise_pick(&life->random, 2) == 0);
    redisReply *replies = NULL;
    noise_fill(life->random, 0, value, len);
    life->begun += count_of;
    for (int i = 0; i < count_of; i++) {
        flask_redis_pipeline_command(pipe, "INCR own:%d", number_of(life));
        flask_redis_pipeline_command(pipe, "ECHO %d:%d", number_of(life), i);
        flask_redis_pipeline_command(pipe, "ECHO %b", value, len);
    }
    if (flask_redis_pipeline_execute(pipe, &replies) != FLASK_REDIS_OK ||
        replies->elements != 3 * (size_t)count_of) {
        goes_wrong(life, "a pipeline fails");
    }
    check_replies(life, replies, count_of, len);
    life->done += count_of;
    flask_redis_reply_free(replies);
    flask_redis_pipeline_free(pipe);
}

/* Takes what it has pushed, or waits in vain for a moment. */
static void block(struct life *life)
{
    redisReply *reply = NULL;
    bool has_pushed = noise_pick(&life->random, 2) == 0;
    if (has_pushed) {
        flask_redis_reply_free(flask_redis_command(redis, "RPUSH list:%d x", number_of(life)));
    }
    reply = flask_redis_command(redis, "BLPOP list:%d 0.01", number_of(life));
    if (reply == NULL || reply->type != (has_pushed ? REDIS_REPLY_ARRAY : REDIS_REPLY_NIL)) {
        goes_wrong(life, "BLPOP has another reply");
    }
    flask_redis_reply_free(reply);
}

static void live(void *context)
{
    struct life *life = context;
    FlaskApp *app = flask_app_new();
    FlaskRedisTransportCounts counts;
    value = malloc(VALUE_MAX);
    redis = flask_redis_new(
        app, &(FlaskRedisOptions){.transport = FLASK_REDIS_TRANSPORT_SHARED, .socket_timeout = -1});
    if (value == NULL || redis == NULL) {
        goes_wrong(life, "no handle");
    }
    while (!atomic_load(&board->is_over)) {
        static void (*const steps[])(struct life * life) = {count,    count,    store, store,
                                                            pipeline, pipeline, block};
        steps[noise_pick(&life->random, sizeof(steps) / sizeof(steps[0]))](life);
        life->steps++;
    }
    flask_redis_transport_counts(&counts);
    if ((counts.shared == 0 && life->steps > 0) || counts.refused + counts.lost > 0) {
        goes_wrong(life, "not over shared memory");
    }
    flask_redis_free(redis);
    flask_app_free(app);
    free(value);
}

/* ---------------------------------------------------------------------------------------- the test
 */

static void begin_life(int slot, uint64_t seed)
{
    EXPECT_BETWEEN(life_count, 0, LIVES_MAX - 1);
    struct life *life = &board->lives[life_count];
    *life = (struct life){.random = noise_mix(seed, (uint64_t)life_count)};
    slots[slot] = life_count++;
    child_start(&children[slot], live, life);
}

static int64_t all_steps(void *unused)
{
    int64_t steps = 0;
    (void)unused;
    for (int i = 0; i < life_count; i++) {
        steps += board->lives[i].steps;
    }
    return steps;
}

static void expect_steps(int64_t count_of)
{
    if (wait_for_count(all_steps, NULL, all_steps(NULL) + count_of)) {
        return;
    }
    for (int i = 0; i < life_count; i++) {
        if (board->lives[i].wrong[0] != '\0') {
            FAIL("life %d: %s", i, board->lives[i].wrong);
        }
    }
    FAIL("rings of %u bytes: nobody gets on", board->cap);
}

/* One of them always goes on. */
static void disturb(uint64_t *random, uint64_t seed)
{
    int slot = 1 + (int)noise_pick(random, SLOTS - 1);
    switch (noise_pick(random, 4)) {
    case 0:
        child_kill(&children[slot]);
        begin_life(slot, seed);
        break;
    case 1:
        child_stop(&children[slot]);
        break;
    default:
        child_go_on(&children[slot]);
        break;
    }
}

static void end_lives(void)
{
    atomic_store(&board->is_over, true);
    for (int i = 0; i < SLOTS; i++) {
        if (!child_wait(&children[i])) {
            FAIL("rings of %u bytes, life %d: %s", board->cap, slots[i],
                 board->lives[slots[i]].wrong[0] != '\0' ? board->lives[slots[i]].wrong
                                                         : "does not end");
        }
    }
}

/* Lives of which the last ones have ended well. */
static void expect_counted(int first)
{
    for (int i = first; i < life_count; i++) {
        const struct life *life = &board->lives[i];
        const char *reply = server_ask(server, "GET own:%d", i)->data;
        int64_t number = reply[1] == '-' ? 0 : strtoll(strchr(reply, '\n') + 1, NULL, 10);
        EXPECT_BETWEEN(number, life->done, life->begun);
    }
}

static bool is_nobody_there(void *unused)
{
    (void)unused;
    return daemon_shows(pooler, "POOLS redis", "clients") == 0;
}

static void expect_nothing_left(void)
{
    static const char *const gauges[] = {"clients_sharing", "requests_outstanding", "input_bytes",
                                         "unread_bytes"};
    EXPECT(wait_until(is_nobody_there, NULL, patience_ms()));
    for (size_t i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++) {
        EXPECT_NUMBER(daemon_shows(pooler, "POOLS redis", gauges[i]), 0);
    }
    EXPECT_NUMBER(daemon_shows(pooler, "STATS redis", "rings_broken"), 0);
    EXPECT_NUMBER(process_mapped(pooler->process.pid, "memfd:flaskredis channel", "Size"), 0);
}

static void run_with(uint32_t cap, uint64_t seed, int64_t duration_ms)
{
    char text[256];
    uint64_t random = noise_mix(seed, cap);
    int first = life_count;
    snprintf(text, sizeof(text), config, cap);
    EXPECT(daemon_reload(pooler, text));
    board->cap = cap;
    atomic_store(&board->is_over, false);
    for (int i = 0; i < SLOTS; i++) {
        begin_life(i, seed);
    }
    expect_steps(SLOTS);
    for (int64_t until_ms = now_ms() + duration_ms; now_ms() < until_ms;) {
        disturb(&random, seed);
        expect_steps(1 + noise_pick(&random, STEPS_MOST));
    }
    end_lives();
    expect_counted(first);
    expect_nothing_left();
}

static bool has_as_few(void *descriptors)
{
    return daemon_descriptors(pooler) <= *(const int64_t *)descriptors;
}

static void nothing_is_lost_or_left(void)
{
    char text[256];
    uint64_t seed = noise_seed();
    board = children_share(sizeof(*board));
    life_count = 0;
    snprintf(text, sizeof(text), config, CAP_MAX);
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), text);
    run_with(CAP_MAX, seed, 0); /* what is made for the first ones */
    int64_t descriptors = daemon_descriptors(pooler), memory = process_memory(&pooler->process);
    int sizes = __builtin_ctz(CAP_MAX / FR_RING_CAP_MIN) + 1;
    for (uint32_t cap = FR_RING_CAP_MIN; cap <= CAP_MAX; cap *= 2) {
        run_with(cap, seed, stress_ms(SECONDS) / sizes);
    }
    EXPECT(wait_until(has_as_few, &descriptors, patience_ms()));
    int64_t now = process_memory(&pooler->process);
    printf("(%" PRId64 " steps of %d lives; %" PRId64 " KiB, before %" PRId64 ") ", all_steps(NULL),
           life_count, now / 1024, memory / 1024);
    if (process_memory_is_bare(&pooler->process)) {
        EXPECT_BETWEEN(now, 0, memory + SLACK);
    }
}

static const struct test_case cases[] = {
    {"over rings of every small size nothing is lost, doubled or another's, and nothing is left of "
     "those who are killed",
     nothing_is_lost_or_left},
};

SUITE_MAIN("rings", cases)
