/* Beside whom a worker runs: when it moves to another core, and that it stays free to go. */
#include "daemon/placement.h"

#include <sched.h>

#include "tests/support/suite.h"

#define SLOW_NS 30000
#define QUICK_NS 2000
#define SECOND_NS INT64_C(1000000000)

static struct placement placement;
static cpu_set_t before;
static int64_t now_ns;

static void restore(void *unused)
{
    (void)unused;
    sched_setaffinity(0, sizeof before, &before);
}

static void begin(void)
{
    placement = (struct placement){0};
    now_ns = SECOND_NS;
    EXPECT(sched_getaffinity(0, sizeof before, &before) == 0);
    case_defer(restore, NULL);
}

/* Stay on the first core there is. */
static unsigned settle(void)
{
    cpu_set_t one;
    unsigned core = 0;
    while (!CPU_ISSET(core, &before)) {
        core++;
    }
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    EXPECT(sched_setaffinity(0, sizeof one, &one) == 0);
    return core;
}

static void write_often(int count, int64_t took_ns)
{
    for (int i = 0; i < count; i++) {
        placement_note_write(&placement, took_ns, now_ns);
    }
}

static void expect_free(void)
{
    cpu_set_t now;
    EXPECT(sched_getaffinity(0, sizeof now, &now) == 0);
    EXPECT(CPU_EQUAL(&now, &before));
}

static void quick_writes_move_nobody(void)
{
    begin();
    write_often(1000, QUICK_NS);
    EXPECT_NUMBER(placement.next_ns, 0);
    EXPECT_NUMBER(placement.writes, 1000);
}

static void slow_writes_move_the_worker_once(void)
{
    begin();
    if (CPU_COUNT(&before) < 2) {
        case_skip("one core");
        return;
    }
    settle();
    restore(NULL);
    write_often(1000, SLOW_NS);
    EXPECT(placement.next_ns > now_ns);
    EXPECT(!placement.is_fixed);
    expect_free();
}

static void pauses_grow_until_writes_are_quick(void)
{
    begin();
    if (CPU_COUNT(&before) < 2) {
        case_skip("one core");
        return;
    }
    int64_t last_ns = 0;
    for (int i = 0; i < 30; i++) {
        write_often(100, SLOW_NS);
        int64_t pause_ns = placement.next_ns - now_ns;
        EXPECT(pause_ns == 2 * last_ns || last_ns == 0 || pause_ns == 10 * SECOND_NS);
        last_ns = pause_ns;
        now_ns = placement.next_ns;
    }
    EXPECT_NUMBER(last_ns, 10 * SECOND_NS);
    expect_free();
    write_often(1000, QUICK_NS);
    now_ns = placement.next_ns;
    write_often(200, SLOW_NS);
    EXPECT(placement.next_ns - now_ns < last_ns);
}

static void one_that_was_interrupted_is_no_sign(void)
{
    begin();
    write_often(100, QUICK_NS);
    write_often(1, SECOND_NS);
    write_often(100, QUICK_NS);
    EXPECT_NUMBER(placement.next_ns, 0);
}

static void with_one_core_there_is_nowhere_to_go(void)
{
    begin();
    unsigned core = settle();
    write_often(1000, SLOW_NS);
    EXPECT(placement.is_fixed);
    EXPECT_NUMBER(sched_getcpu(), core);
}

static const struct test_case cases[] = {
    {"quick writes move nobody", quick_writes_move_nobody},
    {"slow writes move the worker once, and leave it free", slow_writes_move_the_worker_once},
    {"pauses between moves grow until writes are quick", pauses_grow_until_writes_are_quick},
    {"one write that was interrupted is no sign", one_that_was_interrupted_is_no_sign},
    {"with one core there is nowhere to go", with_one_core_there_is_nowhere_to_go},
};

SUITE_MAIN("placement", cases)
