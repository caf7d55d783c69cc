/* Beside whom a worker runs: when it moves to its server's core, and that it stays free to go. */
#include "daemon/placement.h"

#include <sched.h>

#include "tests/support/cores.h"
#include "tests/support/suite.h"

#define SECOND_US 1000000

static struct placement placement;
static struct core_pair cores;
static int server;
static uint64_t now_us;

static void forget_policy(void *unused)
{
    (void)unused;
    placement_set_policy(BESIDE_SERVER_AUTO, 1);
}

/* Two cores are there for this thread, and a server that has spoken from the first of them. False:
 * there is one core, and the case is skipped. */
static bool begin(enum beside_server_policy policy, int workers)
{
    placement = (struct placement){0};
    now_us = SECOND_US;
    placement_set_policy(policy, workers);
    case_defer(forget_policy, NULL);
    if (!cores_take_two(&cores)) {
        return false;
    }
    server = cores_hear_from(cores.first);
    return true;
}

static void look(void)
{
    now_us += SECOND_US;
    placement_note_server(&placement, server, now_us);
}

/* How long it will not look. */
static uint64_t pause_us(void)
{
    return placement.next_us - now_us;
}

/* The kernel may move us as well, at any time. */
static bool comes_beside(void)
{
    for (int i = 0; i < 100; i++) {
        cores_go_to(&cores, cores.second);
        look();
        if (sched_getcpu() == cores.first) {
            return true;
        }
    }
    return false;
}

static void expect_both(void)
{
    cpu_set_t now;
    EXPECT(sched_getaffinity(0, sizeof now, &now) == 0);
    EXPECT_NUMBER(CPU_COUNT(&now), 2);
    EXPECT(CPU_ISSET((size_t)cores.first, &now) && CPU_ISSET((size_t)cores.second, &now));
}

static void a_single_worker_with_two_cores_goes_beside_its_server(void)
{
    if (begin(BESIDE_SERVER_AUTO, 1)) {
        EXPECT(comes_beside());
        EXPECT(placement_is_beside(&placement, server));
        expect_both();
    }
}

static void one_of_several_goes_nowhere_unless_told_to(void)
{
    if (begin(BESIDE_SERVER_AUTO, 2)) {
        look();
        EXPECT(!placement_is_beside(&placement, server));
        placement_set_policy(BESIDE_SERVER_YES, 2);
        EXPECT(comes_beside());
        expect_both();
        placement_set_policy(BESIDE_SERVER_NO, 1);
        look();
        EXPECT(!placement_is_beside(&placement, server));
    }
}

static void with_one_core_there_is_nowhere_to_go(void)
{
    if (begin(BESIDE_SERVER_YES, 1)) {
        cores_stay_on(cores.second);
        look();
        EXPECT(!placement_is_beside(&placement, server));
        EXPECT_NUMBER(sched_getcpu(), cores.second);
    }
}

static void it_looks_now_and_then(void)
{
    if (begin(BESIDE_SERVER_YES, 1)) {
        look();
        EXPECT(placement_is_beside(&placement, server));
        placement_set_policy(BESIDE_SERVER_NO, 1);
        placement_note_server(&placement, server, placement.next_us - 1);
        EXPECT(placement_is_beside(&placement, server));
        placement_note_server(&placement, server, placement.next_us);
        EXPECT(!placement_is_beside(&placement, server));
    }
}

static void it_looks_less_often_where_the_server_is_always_elsewhere(void)
{
    if (begin(BESIDE_SERVER_YES, 1)) {
        look();
        uint64_t shortest_us = pause_us();
        EXPECT(shortest_us < SECOND_US / 100);
        cores_stay_on(cores.second);
        for (int i = 0; i < 20; i++) {
            look();
        }
        uint64_t longest_us = pause_us();
        EXPECT(longest_us > 10 * shortest_us && longest_us < SECOND_US);
        for (int i = 0; i < 100 && pause_us() > shortest_us; i++) {
            cores_go_to(&cores, cores.first);
            look();
        }
        EXPECT_NUMBER(pause_us(), shortest_us);
    }
}

static void it_is_beside_nobody_but_the_one_it_looked_at(void)
{
    if (begin(BESIDE_SERVER_YES, 1)) {
        look();
        EXPECT(!placement_is_beside(&placement, server + 1));
        placement_note_server(&placement, -1, placement.next_us);
        EXPECT(placement_is_beside(&placement, server));
    }
}

static const struct test_case cases[] = {
    {"a single worker with two cores goes beside its server, and stays free",
     a_single_worker_with_two_cores_goes_beside_its_server},
    {"one of several workers goes nowhere unless told to",
     one_of_several_goes_nowhere_unless_told_to},
    {"with one core there is nowhere to go", with_one_core_there_is_nowhere_to_go},
    {"it looks now and then, not at each write", it_looks_now_and_then},
    {"it looks less often where the server is always elsewhere",
     it_looks_less_often_where_the_server_is_always_elsewhere},
    {"it is beside nobody but the one it looked at", it_is_beside_nobody_but_the_one_it_looked_at},
};

SUITE_MAIN("placement", cases)
