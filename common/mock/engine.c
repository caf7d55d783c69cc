/* An engine: made, freed, its clock and its chance. */
#include "common/mock/engine.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t system_clock(void *arg)
{
    struct timespec now;
    (void)arg;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

void fr_mock_seed(struct fr_mock *mock, uint64_t seed)
{
    mock->random[0] = mix(&seed);
    mock->random[1] = mix(&seed) | 1;
}

/* xoroshiro128+ (D. Blackman, S. Vigna) */
uint64_t frm_random(struct fr_mock *mock)
{
    uint64_t a = mock->random[0], b = mock->random[1], sum = a + b;
    b ^= a;
    mock->random[0] = (a << 24 | a >> 40) ^ b ^ b << 16;
    mock->random[1] = b << 37 | b >> 27;
    return sum >> 1;
}

struct fr_mock *fr_mock_create(const struct fr_mock_options *options)
{
    static const struct fr_mock_options usual = {0};
    struct fr_mock *mock = calloc(1, sizeof(*mock));
    if (!mock) {
        return NULL;
    }
    options = options ? options : &usual;
    LIST_INIT(&mock->heap.all);
    mock->heap.max = options->memory_max;
    uint64_t state = options->seed;
    mock->heap.seed[0] = mix(&state);
    mock->heap.seed[1] = mix(&state);
    mock->clock = options->now_us ? options->now_us : system_clock;
    mock->clock_arg = options->now_arg;
    fr_mock_seed(mock, options->seed);
    TAILQ_INIT(&mock->sessions);
    TAILQ_INIT(&mock->waiting);
    TAILQ_INIT(&mock->ready);
    frm_dict_init(&mock->snapshots, &mock->heap);
    frm_dict_init(&mock->scripts, &mock->heap);
    mock->next_session_id = 1;
    for (int i = 0; i < DB_COUNT; i++) {
        mock->db[i] = (struct db){.mock = mock, .soonest_ms = NEVER, .number = i};
        frm_dict_init(&mock->db[i].keys, &mock->heap);
    }
    frm_clock_read(mock);
    mock->started_ms = frm_now_ms(mock);
    return mock;
}

static void forget_ready(struct fr_mock *mock)
{
    struct ready *ready;
    while ((ready = TAILQ_FIRST(&mock->ready))) {
        TAILQ_REMOVE(&mock->ready, ready, link);
        frm_free(ready->key);
        frm_free(ready);
    }
}

void fr_mock_destroy(struct fr_mock *mock)
{
    if (!mock) {
        return;
    }
    if (mock->is_ruined) {
        frm_heap_free_all(&mock->heap);
        free(mock);
        return;
    }
    fr_mock_reset(mock);
    forget_ready(mock);
    for (int i = 0; i < DB_COUNT; i++) {
        frm_dict_finish(&mock->db[i].keys, frm_value_free);
    }
    free(mock);
}

bool fr_mock_guard(struct fr_mock *mock, void (*run)(void *arg), void *arg)
{
    jmp_buf escape;
    if (setjmp(escape) != 0) {
        mock->heap.escape = NULL;
        mock->is_ruined = true;
        return false;
    }
    mock->heap.escape = &escape;
    run(arg);
    mock->heap.escape = NULL;
    return true;
}

size_t fr_mock_memory(const struct fr_mock *mock)
{
    return mock->heap.used;
}

/* ----------------------------------------------------------------------------------------- clock
 */

static int64_t clock_now(const struct fr_mock *mock)
{
    return mock->clock_is_stopped ? mock->clock_stopped_us
                                  : mock->clock(mock->clock_arg) + mock->clock_moved_us;
}

void frm_clock_read(struct fr_mock *mock)
{
    mock->now_us = clock_now(mock);
}

int64_t frm_now_ms(const struct fr_mock *mock)
{
    return mock->now_us / 1000;
}

/* Who waits finds that it is over, or that it ends at another time now. */
static void clock_changed(struct fr_mock *mock)
{
    struct fr_mock_session *session;
    fr_mock_tick(mock);
    TAILQ_FOREACH(session, &mock->waiting, wait.link)
    {
        frm_session_tell(session);
    }
}

void fr_mock_clock_set(struct fr_mock *mock, int64_t now_us)
{
    mock->clock_is_stopped = true;
    mock->clock_stopped_us = now_us;
    clock_changed(mock);
}

void fr_mock_clock_stop(struct fr_mock *mock)
{
    fr_mock_clock_set(mock, clock_now(mock));
}

void fr_mock_clock_move(struct fr_mock *mock, int64_t by_us)
{
    if (mock->clock_is_stopped) {
        mock->clock_stopped_us += by_us;
    } else {
        mock->clock_moved_us += by_us;
    }
    clock_changed(mock);
}

void fr_mock_clock_run(struct fr_mock *mock)
{
    mock->clock_is_stopped = false;
    mock->clock_moved_us = 0;
    clock_changed(mock);
}

/* What a wait's end is measured by: a delay is for the client's own clock, which nobody stops. */
static int64_t wait_now(struct fr_mock *mock, const struct wait *wait)
{
    return wait->kind == WAIT_DELAY ? mock->clock(mock->clock_arg) : clock_now(mock);
}

int64_t fr_mock_due_us(struct fr_mock *mock)
{
    int64_t soonest = NEVER;
    struct fr_mock_session *session;
    TAILQ_FOREACH(session, &mock->waiting, wait.link)
    {
        const struct wait *wait = &session->wait;
        if (wait->until_us == NEVER) {
            continue;
        }
        int64_t left = wait->until_us - wait_now(mock, wait);
        if (left > 0 && mock->clock_is_stopped && wait->kind != WAIT_DELAY) {
            continue;
        }
        soonest = left < soonest ? left : soonest;
    }
    return soonest == NEVER ? -1 : soonest < 0 ? 0 : soonest;
}

void fr_mock_tick(struct fr_mock *mock)
{
    struct fr_mock_session *session, *next;
    frm_clock_read(mock);
    for (session = TAILQ_FIRST(&mock->waiting); session; session = next) {
        next = TAILQ_NEXT(session, wait.link);
        const struct wait *wait = &session->wait;
        if (wait->until_us != NEVER && wait->until_us <= wait_now(mock, wait)) {
            frm_wait_timed_out(session);
        }
    }
}
