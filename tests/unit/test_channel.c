/* The two ends of a channel: when one says that the other must be woken, and what it makes of a
 * mapping that is not right. How the steps of both interleave is tests/model's. */
#include "common/channel.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    CAP = FR_RING_CAP_MIN,
    MESSAGES = 20000,
    SLOW_MESSAGES = 2000, /* under valgrind and sanitizers */
    MESSAGE_MAX = 3 * CAP
};

static char *mapping;
static struct fr_page *page;
static struct fr_channel_client client;
static struct fr_channel_daemon peer;
static char data[MESSAGE_MAX], got[MESSAGE_MAX];
static size_t count;
static bool kicks;
static uint32_t wakes;

static void *zeroed(size_t len)
{
    void *memory = aligned_alloc(FR_CHANNEL_HEAD_LEN, len);
    EXPECT(memory != NULL);
    memset(memory, 0, len);
    case_defer(free, memory);
    return memory;
}

static void begin(void)
{
    mapping = zeroed(fr_channel_len(CAP, CAP));
    page = zeroed(FR_PAGE_LEN);
    page->magic = FR_PAGE_MAGIC;
    page->version = FR_CHANNEL_VERSION;
    fr_channel_daemon_init(&peer, mapping, CAP, CAP);
    EXPECT(fr_channel_client_init(&client, mapping, fr_channel_len(CAP, CAP), page));
}

static enum fr_passed send_text(const char *text)
{
    return fr_channel_send(&client, text, strlen(text), &count, &kicks);
}

static enum fr_passed take(void)
{
    return fr_channel_take(&peer, got, sizeof(got), &count, &wakes);
}

static void give(const char *text)
{
    EXPECT_NUMBER(fr_channel_give(&peer, text, strlen(text), &count), FR_PASSED);
    EXPECT_NUMBER(count, strlen(text));
}

static enum fr_passed receive(size_t cap)
{
    return fr_channel_receive(&client, got, cap, &count, &kicks);
}

static void requests_and_replies_pass(void)
{
    begin();
    EXPECT_NUMBER(take(), FR_PASSED_NO);
    EXPECT_NUMBER(send_text("PING"), FR_PASSED);
    EXPECT_NUMBER(fr_channel_untaken(&client), 4);
    EXPECT(fr_channel_has_input(&peer));
    EXPECT_NUMBER(take(), FR_PASSED);
    EXPECT_NUMBER(fr_channel_untaken(&client), 0);
    expect_bytes(__FILE__, __LINE__, "request", got, count, "PING", 4);
    EXPECT_NUMBER(receive(64), FR_PASSED_NO);
    give("+PO");
    give("NG");
    EXPECT_NUMBER(receive(64), FR_PASSED_NO);
    EXPECT_NUMBER(fr_channel_publish(&peer), 0);
    EXPECT_NUMBER(receive(4), FR_PASSED);
    EXPECT_NUMBER(receive(64), FR_PASSED);
    expect_bytes(__FILE__, __LINE__, "rest", got, count, "G", 1);
}

static void the_daemon_is_woken_only_when_it_does_not_look(void)
{
    begin();
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT(!kicks);
    fr_page_set_sleeping(page, true);
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT(kicks);
    fr_page_set_sleeping(page, false);
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT(!kicks);
    fr_channel_ask(&peer, FR_ASKS_INPUT, true);
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT(kicks);
    fr_channel_ask(&peer, FR_ASKS_INPUT, false);
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT(!kicks);
}

static void the_client_is_woken_once_and_only_for_what_it_waits_for(void)
{
    begin();
    give("+OK");
    EXPECT_NUMBER(fr_channel_publish(&peer), 0);
    EXPECT_NUMBER(receive(64), FR_PASSED);
    uint32_t events = fr_channel_begin_wait(&client, FR_WAITS_REPLY | FR_WAITS_POLL);
    EXPECT(!fr_channel_has_come(&client, FR_WAITS_REPLY));
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT_NUMBER(take(), FR_PASSED);
    EXPECT_NUMBER(wakes, 0);
    EXPECT_NUMBER(atomic_load(&client.head->events), events);
    give("+OK");
    EXPECT_NUMBER(fr_channel_publish(&peer), FR_WAITS_REPLY | FR_WAITS_POLL);
    EXPECT(fr_channel_has_come(&client, FR_WAITS_REPLY));
    EXPECT(atomic_load(&client.head->events) != events);
    give("+OK");
    EXPECT_NUMBER(fr_channel_publish(&peer), 0);
    fr_channel_begin_wait(&client, FR_WAITS_ROOM);
    EXPECT_NUMBER(send_text("a"), FR_PASSED);
    EXPECT_NUMBER(take(), FR_PASSED);
    EXPECT_NUMBER(wakes, FR_WAITS_ROOM);
    fr_channel_begin_wait(&client, FR_WAITS_REPLY);
    fr_channel_end_wait(&client);
    give("+OK");
    EXPECT_NUMBER(fr_channel_publish(&peer), 0);
}

static void room_is_told_of_when_it_was_asked_for(void)
{
    begin();
    EXPECT_NUMBER(fr_channel_give(&peer, data, MESSAGE_MAX, &count), FR_PASSED);
    EXPECT_NUMBER(count, CAP);
    EXPECT_NUMBER(fr_channel_give(&peer, data, 1, &count), FR_PASSED_NO);
    fr_channel_publish(&peer);
    fr_channel_ask(&peer, FR_ASKS_ROOM, true);
    EXPECT(!fr_channel_has_room(&peer));
    EXPECT_NUMBER(receive(CAP / 2 - 1), FR_PASSED);
    EXPECT(!kicks);
    EXPECT_NUMBER(receive(CAP), FR_PASSED);
    EXPECT(kicks && fr_channel_has_room(&peer));
}

static void a_mapping_of_another_kind_is_refused(void)
{
    size_t len = fr_channel_len(CAP, CAP);
    begin();
    EXPECT(!fr_channel_client_init(&client, mapping, len + CAP, page));
    page->version++;
    EXPECT(!fr_channel_client_init(&client, mapping, len, page));
    page->version--;
    client.head->magic++;
    EXPECT(!fr_channel_client_init(&client, mapping, len, page));
    client.head->magic--;
    client.head->request_cap = 2 * CAP;
    EXPECT(!fr_channel_client_init(&client, mapping, len, page));
    client.head->request_cap = 0;
    EXPECT(!fr_channel_client_init(&client, mapping, len, page));
    client.head->request_cap = CAP;
    EXPECT(fr_channel_client_init(&client, mapping, len, page));
}

static void what_cannot_be_is_said_so_and_never_waited_for(void)
{
    begin();
    atomic_store(&client.head->request_span, CAP + 1);
    EXPECT(fr_channel_has_input(&peer));
    EXPECT_NUMBER(take(), FR_PASSED_BAD);
    atomic_store(&client.head->reply_head, 1);
    EXPECT(fr_channel_has_room(&peer));
    EXPECT_NUMBER(fr_channel_give(&peer, data, 1, &count), FR_PASSED_BAD);
    atomic_store(&client.head->reply_span, CAP + 1);
    EXPECT(fr_channel_has_come(&client, FR_WAITS_REPLY));
    EXPECT_NUMBER(receive(1), FR_PASSED_BAD);
    atomic_store(&client.head->request_head, 1);
    EXPECT(fr_channel_has_come(&client, FR_WAITS_ROOM));
    EXPECT_NUMBER(send_text("a"), FR_PASSED_BAD);
}

/* Give back what comes, until so much has passed. */
static void *echo(void *arg)
{
    static char bytes[CAP];
    size_t left = *(const size_t *)arg;
    while (left > 0) {
        size_t taken = 0, given = 0;
        uint32_t unused;
        if (fr_channel_take(&peer, bytes, sizeof(bytes), &taken, &unused) == FR_PASSED_BAD) {
            return "no such bytes";
        }
        for (size_t at = 0; at < taken; at += given) {
            if (fr_channel_give(&peer, bytes + at, taken - at, &given) == FR_PASSED_BAD) {
                return "no such room";
            }
            fr_channel_publish(&peer);
        }
        left -= taken;
    }
    return NULL;
}

/* More than both rings hold is under way at once: neither side may wait for the other's end. */
static void more_than_both_rings_hold_passes(void)
{
    size_t total = 97UL * (is_slow() ? SLOW_MESSAGES : MESSAGES), sent = 0, received = 0;
    pthread_t thread;
    void *failure;
    bool is_right = true;
    begin();
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (char)(i % 97);
    }
    EXPECT_NUMBER(pthread_create(&thread, NULL, echo, &total), 0);
    while (received < total) {
        size_t most = total - sent < 970 ? total - sent : 970;
        fr_channel_send(&client, data + sent % 97, most, &count, &kicks);
        sent += count;
        if (receive(sizeof(got)) == FR_PASSED) {
            is_right = is_right && memcmp(got, data + received % 97, count) == 0;
            received += count;
        }
    }
    pthread_join(thread, &failure);
    EXPECT(failure == NULL && is_right);
}

static const struct test_case cases[] = {
    {"requests and replies pass, the latter when they are published", requests_and_replies_pass},
    {"the daemon is woken only when it does not look by itself",
     the_daemon_is_woken_only_when_it_does_not_look},
    {"the client is woken once, and only for what it waits for",
     the_client_is_woken_once_and_only_for_what_it_waits_for},
    {"the daemon is told of room when it has asked for it", room_is_told_of_when_it_was_asked_for},
    {"a mapping of another kind is refused", a_mapping_of_another_kind_is_refused},
    {"what cannot be is said so, and never waited for",
     what_cannot_be_is_said_so_and_never_waited_for},
    {"more than both rings hold passes", more_than_both_rings_hold_passes},
};

SUITE_MAIN("channel", cases)
