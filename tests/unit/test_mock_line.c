/* A line to an engine, held in the hands: what happens within a turn, and what stands in its way.
 */
#include "daemon/mock_line.h"

#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "daemon/mailbox.h"
#include "daemon/mock_host.h"
#include "daemon/settings.h"
#include "daemon/transport.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    MANY = 1000,
    VALUE_LEN = 10000,
    READ_LEN = 64 * 1024,
    NUMBERS_LEN = 9 * 4 + 90 * 5 + 900 * 6 + 9000 * 7 + 8 /* ":1\r\n" to ":10000\r\n" */
};

/* One worker's end of a line. */
struct side {
    struct loop loop;
    struct mailbox mailbox;
    struct transport transport;
    struct evbuffer *out; /* to be written when asked for */
    struct bytes got;
    bool has_ended;
    bool closes; /* as soon as something can be read */
};

static struct side one, other, third;
static struct settings *settings;

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    static char scratch[READ_LEN];
    struct side *side = arg;
    size_t count = 0;
    (void)fd, (void)what;
    enum transport_outcome outcome =
        transport_read(&side->transport, scratch, sizeof(scratch), &count);
    side->has_ended = side->has_ended || outcome == TRANSPORT_END;
    bytes_add(&side->got, scratch, count);
    if (side->closes) {
        transport_close(&side->transport);
    }
}

/* Write what stands in out, as an upstream does. */
static void flush(struct side *side)
{
    enum transport_outcome outcome = TRANSPORT_OK;
    while (outcome == TRANSPORT_OK && evbuffer_get_length(side->out) > 0) {
        size_t written = 0;
        outcome = transport_write(&side->transport, side->out, 0, evbuffer_get_length(side->out),
                                  &written);
        evbuffer_drain(side->out, written);
    }
    transport_want_write(&side->transport, outcome == TRANSPORT_AGAIN);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

static void finish_side(void *what)
{
    struct side *side = what;
    transport_close(&side->transport);
    mailbox_close(&side->mailbox);
    loop_run_tasks(&side->loop);
    loop_finish(&side->loop);
    mailbox_finish(&side->mailbox);
    evbuffer_free(side->out);
    bytes_finish(&side->got);
}

static void begin_side(struct side *side)
{
    memset(side, 0, sizeof(*side));
    EXPECT(loop_init(&side->loop) && mailbox_init(&side->mailbox, side));
    mailbox_open(&side->mailbox, side->loop.base);
    side->loop.mailbox = &side->mailbox;
    side->out = evbuffer_new();
    struct carrier *line = mock_line_create(&side->loop, &settings->prefixes[0]);
    EXPECT(line != NULL);
    transport_open_carried(&side->transport, &side->loop, line, on_readable, on_writable, side);
    transport_want_read(&side->transport, true);
    case_defer(finish_side, side);
}

static void finish(void *what)
{
    mock_hosts_finish();
    settings_free(what);
}

static void begin(void)
{
    static char variable[] = "REDIS_URL=mock://";
    char *const environment[] = {variable, NULL};
    struct problems problems = {0};
    settings = settings_load(NULL, environment, &problems);
    EXPECT(settings != NULL);
    problems_finish(&problems);
    case_defer(finish, settings);
    begin_side(&one);
    begin_side(&other);
}

static void add(struct side *side, const char *line)
{
    struct bytes request = {0};
    bytes_add_request(&request, line);
    evbuffer_add(side->out, request.data, request.len);
    bytes_finish(&request);
}

static void ask(struct side *side, const char *line)
{
    add(side, line);
    flush(side);
}

/* What has come is this, and is forgotten. */
#define EXPECT_GOT(side, text)                                                                     \
    do {                                                                                           \
        expect_bytes(__FILE__, __LINE__, "got", (side)->got.data, (side)->got.len, text,           \
                     strlen(text));                                                                \
        (side)->got.len = 0;                                                                       \
    } while (0)

static void turn(struct side *side)
{
    event_base_loop(side->loop.base, EVLOOP_NONBLOCK);
    loop_run_tasks(&side->loop);
}

/* Turn the loop until so much has come, or the end. */
static void await(struct side *side, size_t len)
{
    int64_t deadline_ms = now_ms() + patience_ms();
    while (side->got.len < len && !side->has_ended) {
        EXPECT(now_ms() < deadline_ms);
        turn(side);
    }
}

static void replies_are_read_in_the_turn_of_their_requests(void)
{
    begin();
    ask(&one, "SET k v");
    ask(&one, "GET k");
    EXPECT_GOT(&one, ""); /* not from within the writing */
    loop_run_tasks(&one.loop);
    EXPECT_GOT(&one, "+OK\r\n$1\r\nv\r\n");
}

static void a_request_may_come_in_any_two_parts(void)
{
    struct bytes request = {0};
    begin();
    bytes_add_request(&request, "INCRBY n 10");
    bytes_add_request(&request, "ECHO x");
    for (size_t at = 1; at < request.len; at++) {
        evbuffer_add(one.out, request.data, at);
        flush(&one);
        loop_run_tasks(&one.loop);
        evbuffer_add(one.out, request.data + at, request.len - at);
        flush(&one);
        loop_run_tasks(&one.loop);
        char expected[64];
        snprintf(expected, sizeof(expected), ":%zu\r\n$1\r\nx\r\n", at * 10);
        EXPECT_GOT(&one, expected);
    }
    bytes_finish(&request);
}

static void others_have_their_turn_within_many(void)
{
    begin();
    for (int i = 0; i < MANY; i++) {
        add(&one, "INCR n");
    }
    size_t all = evbuffer_get_length(one.out);
    size_t written = 0;
    EXPECT(transport_write(&one.transport, one.out, 0, all, &written) == TRANSPORT_OK);
    EXPECT_BETWEEN(written, 1, all / 2);
    evbuffer_drain(one.out, written);
    ask(&other, "DECRBY n 100000");
    loop_run_tasks(&other.loop);
    EXPECT(other.got.len > 1 && other.got.data[1] == '-');
    flush(&one);
    EXPECT(evbuffer_get_length(one.out) == 0);
}

/* Replies that are not read keep what follows from being executed, and then from being taken. */
static void who_does_not_read_is_not_executed_for(void)
{
    begin();
    ask(&one, "SETRANGE k 9999 x");
    loop_run_tasks(&one.loop);
    EXPECT_GOT(&one, ":10000\r\n");
    transport_want_read(&one.transport, false);
    for (int i = 0; i < 10 * MANY; i++) {
        add(&one, "INCR n");
        add(&one, "GET k");
    }
    flush(&one);
    EXPECT(one.transport.is_writing && evbuffer_get_length(one.out) > 0);
    ask(&other, "GET n");
    loop_run_tasks(&other.loop);
    EXPECT_GOT(&other, "$1\r\n7\r\n");
    transport_want_read(&one.transport, true);
    size_t each = sizeof("$10000\r\n") - 1 + VALUE_LEN + 2;
    await(&one, 10 * MANY * each + NUMBERS_LEN);
    EXPECT_NUMBER(one.got.len, 10 * MANY * each + NUMBERS_LEN);
    ask(&other, "GET n");
    loop_run_tasks(&other.loop);
    EXPECT_GOT(&other, "$5\r\n10000\r\n");
}

static void what_takes_long_comes_later_and_in_order(void)
{
    begin();
    ask(&one, "SET k v");
    ask(&one, "KEYS *");
    ask(&one, "GET k");
    loop_run_tasks(&one.loop);
    await(&one, sizeof("+OK\r\n*1\r\n$1\r\nk\r\n$1\r\nv\r\n") - 1);
    EXPECT_GOT(&one, "+OK\r\n*1\r\n$1\r\nk\r\n$1\r\nv\r\n");
}

static bool has_scripts(void)
{
    ask(&one, "EVAL 'return 1' 0");
    await(&one, sizeof(":1\r\n") - 1);
    bool has = one.got.data[0] == ':';
    one.got.len = 0;
    if (!has) {
        case_skip("scripts are not built in");
    }
    return has;
}

/* One computes, the other has asked for k meanwhile, and then a third for what takes long. */
static bool begin_three(void)
{
    int64_t deadline_ms = now_ms() + patience_ms();
    begin();
    begin_side(&third);
    ask(&third, "SET k v");
    loop_run_tasks(&third.loop);
    EXPECT_GOT(&third, "+OK\r\n");
    if (!has_scripts()) {
        return false;
    }
    ask(&one, "EVAL 'for i = 1, 3e7 do end return 7' 0");
    do {
        EXPECT(now_ms() < deadline_ms);
        other.got.len = 0;
        ask(&other, "GET k");
        loop_run_tasks(&other.loop);
    } while (other.got.len > 0);
    ask(&third, "FLUSHALL");
    await(&one, sizeof(":7\r\n") - 1);
    EXPECT_GOT(&one, ":7\r\n");
    return true;
}

/* However long its worker is in coming. */
static void who_asked_first_has_its_turn_before_what_takes_long(void)
{
    if (!begin_three()) {
        return;
    }
    int64_t deadline_ms = now_ms() + patience_ms();
    while (third.got.len == 0) { /* both turn, the third always first */
        EXPECT(now_ms() < deadline_ms);
        turn(&third);
        turn(&other);
    }
    EXPECT_GOT(&third, "+OK\r\n");
    EXPECT_GOT(&other, "$1\r\nv\r\n");
}

static void who_goes_before_its_turn_keeps_nobody(void)
{
    if (!begin_three()) {
        return;
    }
    transport_close(&other.transport);
    await(&third, sizeof("+OK\r\n") - 1);
    EXPECT_GOT(&third, "+OK\r\n");
}

static void who_waits_is_told_by_mail(void)
{
    begin();
    ask(&one, "BLPOP q 0");
    ask(&one, "ECHO behind");
    loop_run_tasks(&one.loop);
    EXPECT_GOT(&one, "");
    ask(&other, "RPUSH q x");
    loop_run_tasks(&one.loop);
    EXPECT_GOT(&one, "");
    event_base_loop(one.loop.base, EVLOOP_NONBLOCK);
    loop_run_tasks(&one.loop);
    await(&one, sizeof("*2\r\n$1\r\nq\r\n$1\r\nx\r\n$6\r\nbehind\r\n") - 1);
    EXPECT_GOT(&one, "*2\r\n$1\r\nq\r\n$1\r\nx\r\n$6\r\nbehind\r\n");
}

static void a_time_that_is_over_is_told_by_mail(void)
{
    begin();
    ask(&one, "BLPOP q 0.01");
    await(&one, 5);
    EXPECT_GOT(&one, "*-1\r\n");
}

static void the_end_comes_behind_the_last_reply(void)
{
    begin();
    ask(&one, "SET k v");
    ask(&one, "KEYS *");
    transport_end_output(&one.transport);
    await(&one, SIZE_MAX);
    EXPECT_GOT(&one, "+OK\r\n*1\r\n$1\r\nk\r\n");
    ask(&other, "BLPOP q 0");
    transport_end_output(&other.transport);
    await(&other, SIZE_MAX);
    EXPECT_GOT(&other, "");
}

static void what_was_told_may_be_closed_before_it_hears(void)
{
    begin();
    ask(&one, "SUBSCRIBE c");
    loop_run_tasks(&one.loop);
    ask(&other, "PUBLISH c x");
    transport_close(&one.transport); /* with a mail under way */
    event_base_loop(one.loop.base, EVLOOP_NONBLOCK);
    loop_run_tasks(&one.loop);
    ask(&other, "PUBLISH c x");
    loop_run_tasks(&other.loop);
    EXPECT_GOT(&other, ":1\r\n:0\r\n");
}

static void an_owner_may_close_it_while_it_is_told(void)
{
    begin();
    one.closes = true;
    ask(&one, "SET k v");
    loop_run_tasks(&one.loop);
    EXPECT_GOT(&one, "+OK\r\n");
    ask(&other, "GET k");
    loop_run_tasks(&other.loop);
    EXPECT_GOT(&other, "$1\r\nv\r\n");
}

static void what_is_no_request_ends_it(void)
{
    static const char text[] = "GET k\r\n";
    begin();
    evbuffer_add(one.out, text, sizeof(text) - 1);
    flush(&one);
    await(&one, SIZE_MAX);
    EXPECT(one.has_ended);
    EXPECT_GOT(&one, "");
}

static const struct test_case cases[] = {
    {"replies are read in the turn of their requests",
     replies_are_read_in_the_turn_of_their_requests},
    {"a request may come in any two parts", a_request_may_come_in_any_two_parts},
    {"others have their turn within many requests", others_have_their_turn_within_many},
    {"nothing is executed for who does not read", who_does_not_read_is_not_executed_for},
    {"what takes long comes later, and in order", what_takes_long_comes_later_and_in_order},
    {"who asked first has its turn before what takes long",
     who_asked_first_has_its_turn_before_what_takes_long},
    {"who goes before its turn keeps nobody", who_goes_before_its_turn_keeps_nobody},
    {"who waits is told by mail", who_waits_is_told_by_mail},
    {"a time that is over is told by mail", a_time_that_is_over_is_told_by_mail},
    {"the end comes behind the last reply", the_end_comes_behind_the_last_reply},
    {"what was told may be closed before it hears", what_was_told_may_be_closed_before_it_hears},
    {"an owner may close it while it is told", an_owner_may_close_it_while_it_is_told},
    {"what is no request ends it", what_is_no_request_ends_it},
};

SUITE_MAIN("mock line", cases)
