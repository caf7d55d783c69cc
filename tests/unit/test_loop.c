/* Turns of the loop: which task runs when. */
#include "daemon/loop.h"

#include <string.h>

#include <event2/event.h>

#include "tests/support/process.h"
#include "tests/support/suite.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TASKS_MAX 12

/* A task that writes its name down, and then does to another what it is told. */
struct scribe {
    struct loop_task task; /* first: found by its address */
    char name;
    int again; /* how often it defers itself */
    struct scribe *defers;
    struct scribe *cancels;
    bool stops;
    enum loop_phase puts_off_to; /* from its own, when not 0, once */
};

static struct loop loop;
static struct scribe scribes[TASKS_MAX];
static struct bytes written;

static void on_task(struct loop_task *task)
{
    struct scribe *scribe = (struct scribe *)(void *)task;
    bytes_add(&written, &scribe->name, 1);
    if (scribe->again > 0) {
        scribe->again--;
        loop_defer(&loop, task);
    }
    if (scribe->defers != NULL) {
        loop_defer(&loop, &scribe->defers->task);
    }
    if (scribe->cancels != NULL) {
        loop_cancel(&loop, &scribe->cancels->task);
    }
    if (scribe->puts_off_to != 0) {
        task->phase = scribe->puts_off_to;
        scribe->puts_off_to = 0;
        loop_defer(&loop, task);
    }
    if (scribe->stops) {
        loop_stop(&loop);
    }
}

static void finish(void *what)
{
    loop_finish(what);
    bytes_finish(&written);
}

/* A loop, and tasks named a, b, ... of the phases given by digits. */
static void begin(const char *phases)
{
    EXPECT(loop_init(&loop));
    case_defer(finish, &loop);
    memset(scribes, 0, sizeof(scribes));
    for (int i = 0; phases[i] != '\0'; i++) {
        scribes[i].name = (char)('a' + i);
        loop_task_init(&scribes[i].task, (enum loop_phase)(phases[i] - '0'), on_task);
    }
}

static void defer_all(const char *names)
{
    for (; *names != '\0'; names++) {
        loop_defer(&loop, &scribes[*names - 'a'].task);
    }
}

/* Run the tasks of one turn's end; exactly these must run. */
#define EXPECT_TURN(names)                                                                         \
    do {                                                                                           \
        written.len = 0;                                                                           \
        loop_run_tasks(&loop);                                                                     \
        expect_bytes(__FILE__, __LINE__, "tasks run", written.data, written.len, names,            \
                     strlen(names));                                                               \
    } while (0)

static void phases_run_in_their_order_and_tasks_in_that_of_deferring(void)
{
    begin("543210543210");
    defer_all("abcdefghijkl");
    EXPECT_TURN("flekdjcibhag");
    EXPECT_TURN("");
}

static void a_task_runs_once_however_often_it_is_deferred(void)
{
    begin("00");
    defer_all("abaab");
    EXPECT(scribes[0].task.is_queued);
    EXPECT_TURN("ab");
    EXPECT(!scribes[0].task.is_queued);
}

static void a_task_that_defers_itself_runs_in_the_next_turn(void)
{
    begin("11");
    scribes[0].again = 2;
    defer_all("ab");
    EXPECT_TURN("ab");
    EXPECT_TURN("a");
    EXPECT_TURN("a");
    EXPECT_TURN("");
}

static void a_task_deferred_from_a_task_runs_this_turn_only_in_a_later_phase(void)
{
    begin("012");
    scribes[1].defers = &scribes[2];
    defer_all("b");
    EXPECT_TURN("bc");
    scribes[1].defers = &scribes[0];
    defer_all("b");
    EXPECT_TURN("b");
    EXPECT_TURN("a");
}

static void two_tasks_of_one_phase_that_defer_each_other_take_turns(void)
{
    begin("11");
    scribes[0].defers = &scribes[1];
    scribes[1].defers = &scribes[0];
    defer_all("a");
    EXPECT_TURN("a");
    EXPECT_TURN("b");
    EXPECT_TURN("a");
    loop_cancel(&loop, &scribes[1].task);
    EXPECT_TURN("");
}

static void a_task_that_puts_itself_off_runs_later_in_the_turn(void)
{
    begin("013");
    scribes[1].puts_off_to = LOOP_SEND_LATE;
    defer_all("abc");
    EXPECT_TURN("abcb");
    scribes[1].task.phase = LOOP_SEND;
    scribes[1].puts_off_to = LOOP_SEND_LATE;
    scribes[2].cancels = &scribes[1];
    defer_all("cb");
    EXPECT_TURN("bc");
}

static void a_cancelled_task_does_not_run(void)
{
    begin("000");
    defer_all("abc");
    loop_cancel(&loop, &scribes[1].task);
    loop_cancel(&loop, &scribes[1].task);
    EXPECT_TURN("ac");
    loop_cancel(&loop, &scribes[0].task);
    EXPECT_TURN("");
}

/* Each of three tasks of a phase cancels each other one, of the same and of the next phase. */
static void a_task_may_cancel_any_other_from_within(void)
{
    static const struct {
        int from, to;
        const char *run;
    } rows[] = {
        {0, 1, "acdef"},  {0, 2, "abdef"},  {1, 0, "abcdef"}, {1, 2, "abdef"}, {2, 0, "abcdef"},
        {2, 1, "abcdef"}, {0, 0, "abcdef"}, {2, 3, "abcef"},  {2, 5, "abcde"}, {3, 5, "abcde"},
        {4, 5, "abcde"},  {5, 4, "abcdef"}, {3, 0, "abcdef"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        begin("000111");
        scribes[rows[i].from].cancels = &scribes[rows[i].to];
        defer_all("abcdef");
        EXPECT_TURN(rows[i].run);
        EXPECT_TURN("");
        loop_finish(&loop);
    }
}

static void a_task_that_cancels_what_it_deferred_leaves_nothing(void)
{
    begin("00");
    scribes[0].again = 1;
    scribes[0].cancels = &scribes[0];
    defer_all("ab");
    EXPECT_TURN("ab");
    EXPECT_TURN("");
}

static void what_is_left_for_soon_runs_by_itself(void)
{
    begin("663");
    scribes[0].again = 1;
    defer_all("abab");
    EXPECT_TURN("");
    scribes[0].defers = &scribes[2];
    scribes[2].stops = true;
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "turn", written.data, written.len, "abc", 3);
    written.len = 0;
    EXPECT(scribes[0].task.is_queued);
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "turn", written.data, written.len, "ac", 2);
    EXPECT(!scribes[0].task.is_queued);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    bytes_add_text(&written, "!");
    loop_defer(&loop, arg);
}

static void what_an_event_defers_runs_at_the_end_of_its_turn(void)
{
    begin("30");
    struct event *event = event_new(loop.base, -1, 0, on_event, &scribes[0].task);
    EXPECT(event != NULL);
    case_defer((void (*)(void *))event_free, event);
    event_active(event, EV_TIMEOUT, 0);
    scribes[0].again = 2;
    scribes[0].defers = &scribes[1];
    scribes[1].stops = true;
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "turns", written.data, written.len, "!aba", 4);
    EXPECT_TURN("ba");
}

static void the_loop_stops_after_the_turn_and_can_run_again(void)
{
    begin("012");
    scribes[0].stops = true;
    scribes[0].again = 5;
    defer_all("abc");
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "turns", written.data, written.len, "abc", 3);
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "turns", written.data, written.len, "abca", 4);
    loop_cancel(&loop, &scribes[0].task);
}

static void the_clock_does_not_go_back(void)
{
    uint64_t before = loop_now_ms();
    for (int i = 0; i < 100000; i++) {
        uint64_t now = loop_now_ms();
        EXPECT(now >= before);
        before = now;
    }
}

static int looks, sleeps;

/* Work is there at the third look, and then there is none to come. */
static bool find_at_the_third(struct loop_poller *poller)
{
    if (++looks < 3) {
        return false;
    }
    poller->expects = false;
    loop_stop(&loop);
    return true;
}

static bool note_sleep(struct loop_poller *poller)
{
    (void)poller;
    sleeps++;
    return false;
}

static void be_awake(struct loop_poller *poller)
{
    (void)poller;
}

/* How often the loop wanted to sleep before it had looked three times. */
static int sleeps_when_expecting(void)
{
    struct loop_poller poller = {find_at_the_third, note_sleep, be_awake, true};
    loop.spinning = (struct spinning){.is_possible = true};
    loop.giving_way = (struct giving_way){0};
    loop.poller = &poller;
    looks = sleeps = 0;
    loop_run(&loop);
    loop.poller = NULL;
    EXPECT_NUMBER(looks, 3);
    return sleeps;
}

/* Its patience is measured in microseconds, so whoever takes the core away may end it. */
static void what_is_expected_is_looked_for_again(void)
{
    begin("");
    int least = sleeps_when_expecting();
    for (int attempt = 0; attempt < 100 && least > 1; attempt++) {
        int now = sleeps_when_expecting();
        least = now < least ? now : least;
    }
    EXPECT_BETWEEN(least, 1, is_slow() ? 3 : 1); /* one before the first look */
}

static void who_gets_the_core_back_soon_goes_on_giving_way(void)
{
    begin("");
    loop.giving_way.penalty = 2;
    EXPECT(loop_give_way(&loop));
    EXPECT(loop.giving_way.left_out > 0 || loop.giving_way.penalty == 1);
}

static void who_does_not_keeps_it_for_some_times(void)
{
    begin("");
    loop.giving_way.left_out = 2;
    EXPECT(!loop_give_way(&loop));
    EXPECT(!loop_give_way(&loop));
    EXPECT(loop_give_way(&loop));
}

static const struct test_case cases[] = {
    {"phases run in their order and tasks in that of deferring",
     phases_run_in_their_order_and_tasks_in_that_of_deferring},
    {"a task runs once however often it is deferred",
     a_task_runs_once_however_often_it_is_deferred},
    {"a task that defers itself runs in the next turn",
     a_task_that_defers_itself_runs_in_the_next_turn},
    {"a task deferred from a task runs this turn only in a later phase",
     a_task_deferred_from_a_task_runs_this_turn_only_in_a_later_phase},
    {"two tasks of one phase that defer each other take turns",
     two_tasks_of_one_phase_that_defer_each_other_take_turns},
    {"a task that puts itself off to a later phase runs once more in the turn",
     a_task_that_puts_itself_off_runs_later_in_the_turn},
    {"a cancelled task does not run", a_cancelled_task_does_not_run},
    {"a task may cancel any other from within", a_task_may_cancel_any_other_from_within},
    {"a task that cancels what it deferred leaves nothing",
     a_task_that_cancels_what_it_deferred_leaves_nothing},
    {"what is left for soon runs by itself", what_is_left_for_soon_runs_by_itself},
    {"what an event defers runs at the end of its turn",
     what_an_event_defers_runs_at_the_end_of_its_turn},
    {"the loop stops after the turn and can run again",
     the_loop_stops_after_the_turn_and_can_run_again},
    {"the clock does not go back", the_clock_does_not_go_back},
    {"what is expected is looked for again", what_is_expected_is_looked_for_again},
    {"who gets the core back soon goes on giving way",
     who_gets_the_core_back_soon_goes_on_giving_way},
    {"who does not keeps it for some times", who_does_not_keeps_it_for_some_times},
};

SUITE_MAIN("loop", cases)
