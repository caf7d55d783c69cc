/* What a worker makes of how busy its channels are: how clients wait, and what it waits for itself.
 */
#include "daemon/channel.h"

#include <stdatomic.h>
#include <string.h>

#include "tests/support/suite.h"

enum {
    CHANNELS = 40,
    WINDOW_MS = 10,
    WINDOWS = 4,
    QUICK_US = 20,
    SLOW_US = 5000
};

static struct loop loop;
static struct fr_page page;
static struct channels channels;
static struct channel some[CHANNELS];
static uint64_t now_ms;

static void begin(void)
{
    memset(&page, 0, sizeof page);
    memset(some, 0, sizeof some);
    loop = (struct loop){.turn_us = 1};
    channels = (struct channels){.loop = &loop, .page = &page};
    waiting_init(&channels.waiting);
    now_ms = 1000;
    for (int i = 0; i < CHANNELS; i++) {
        some[i].channels = &channels;
    }
}

static void ask(int count)
{
    for (int i = 0; i < count; i++) {
        waiting_note_requests(&some[i], now_ms);
    }
}

static void answer(int count)
{
    for (int i = 0; i < count; i++) {
        waiting_note_replies(&some[i]);
    }
}

/* So many clients speak for a while, and all have been answered. */
static void speak(int count, unsigned took_us)
{
    for (int i = 0; i < WINDOWS; i++) {
        ask(count);
        loop.turn_us += took_us;
        answer(count);
        now_ms += WINDOW_MS;
    }
    ask(1);
    answer(1);
}

static uint32_t spin_ns(void)
{
    return atomic_load(&page.spin_ns);
}

static void one_that_is_answered_soon_looks_for_its_reply(void)
{
    begin();
    speak(1, QUICK_US);
    EXPECT(spin_ns() > 0);
    EXPECT_NUMBER(atomic_load(&page.yields), 0);
    EXPECT(!channels.poller.expects);
}

static void several_are_expected_until_all_have_asked(void)
{
    begin();
    speak(3, QUICK_US);
    EXPECT(spin_ns() > 0);
    EXPECT(channels.poller.expects);
    EXPECT(waiting_expects_more(&channels.waiting));
    ask(2);
    EXPECT(waiting_expects_more(&channels.waiting));
    ask(3);
    EXPECT(!waiting_expects_more(&channels.waiting));
    answer(1);
    EXPECT(waiting_expects_more(&channels.waiting));
}

static void many_let_others_run_and_the_worker_sleeps(void)
{
    begin();
    speak(CHANNELS, QUICK_US);
    EXPECT_NUMBER(spin_ns(), 0);
    EXPECT(atomic_load(&page.yields) > 0);
    EXPECT(!channels.poller.expects);
    EXPECT(waiting_expects_more(&channels.waiting));
}

static void slow_replies_are_slept_for(void)
{
    begin();
    for (int i = 0; i < 10; i++) {
        speak(3, SLOW_US);
    }
    EXPECT_NUMBER(spin_ns(), 0);
    EXPECT_NUMBER(atomic_load(&page.yields), 0);
}

/* Else one that blocks, or is gone, would count as having asked for ever. */
static void what_takes_long_is_forgotten(void)
{
    begin();
    speak(2, QUICK_US);
    ask(2);
    EXPECT_NUMBER(channels.waiting.asking, 2);
    waiting_forget(&some[0]);
    waiting_forget(&some[0]);
    EXPECT_NUMBER(channels.waiting.asking, 1);
    EXPECT(waiting_expects_more(&channels.waiting));
    answer(2);
    EXPECT_NUMBER(channels.waiting.asking, 0);
}

static void after_silence_nobody_counts_as_busy(void)
{
    begin();
    speak(3, QUICK_US);
    now_ms += 1000;
    ask(1);
    EXPECT(!waiting_expects_more(&channels.waiting));
    EXPECT(!channels.poller.expects);
}

/* Or the worker would go on looking for them between the turns of those on sockets. */
static void when_none_is_polled_nobody_is_expected(void)
{
    begin();
    speak(3, QUICK_US);
    EXPECT(channels.poller.expects);
    waiting_note_silence(&channels);
    EXPECT(!channels.poller.expects);
    EXPECT(!waiting_expects_more(&channels.waiting));
}

static const struct test_case cases[] = {
    {"one that is answered soon looks for its reply",
     one_that_is_answered_soon_looks_for_its_reply},
    {"several are expected until all have asked", several_are_expected_until_all_have_asked},
    {"many let others run, and the worker sleeps", many_let_others_run_and_the_worker_sleeps},
    {"slow replies are slept for", slow_replies_are_slept_for},
    {"what takes long is forgotten", what_takes_long_is_forgotten},
    {"after silence nobody counts as busy", after_silence_nobody_counts_as_busy},
    {"when none is polled nobody is expected", when_none_is_polled_nobody_is_expected},
};

SUITE_MAIN("channel_waiting", cases)
