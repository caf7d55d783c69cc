/* The main thread's guests: what they may send, leave unread and take in time. */
#include "daemon/desk.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "daemon/loop.h"
#include "tests/support/process.h"
#include "tests/support/suite.h"

enum {
    GUESTS_MOST = 3,
    QUESTION_MOST = 64,
    SHORT_MS = 50,
    ANSWER_LEN = 4 * 1024 * 1024
};

static struct event_base *base;
static struct desk desk;
static struct sockaddr_un address;
static struct guest *waiting; /* for an answer that comes later */
static bool admits_all;

static bool admits(void *owner, int fd, struct evbuffer *refusal)
{
    (void)owner, (void)fd;
    evbuffer_add_printf(refusal, admits_all ? "" : "no\n");
    return admits_all;
}

static void answer(struct guest *guest, const char *text, size_t len)
{
    struct evbuffer *out = evbuffer_new();
    evbuffer_add(out, text, len);
    desk_answer(guest, out);
    evbuffer_free(out);
}

/* A question is a line. "later" is answered by the case, "much" at length. */
static size_t ask(struct guest *guest, const char *data, size_t len)
{
    static char much[ANSWER_LEN];
    const char *end = memchr(data, '\n', len);
    if (end == NULL) {
        return 0;
    }
    if (strncmp(data, "later", 5) == 0) {
        guest->is_busy = true;
        waiting = guest;
    } else if (strncmp(data, "much", 4) == 0) {
        answer(guest, much, sizeof much);
    } else {
        answer(guest, data, (size_t)(end - data) + 1);
    }
    return (size_t)(end - data) + 1;
}

static const struct desk_ops patient = {.name = "desk",
                                        .guests_most = GUESTS_MOST,
                                        .question_most = QUESTION_MOST,
                                        .question_ms = SHORT_MS,
                                        .answer_ms = SHORT_MS,
                                        .is_patient = true,
                                        .admits = admits,
                                        .ask = ask};
static struct desk_ops impatient;

static void finish(void *what)
{
    (void)what;
    desk_close(&desk);
    event_base_free(base);
}

static void begin(const struct desk_ops *ops)
{
    address = (struct sockaddr_un){.sun_family = AF_UNIX};
    strncpy(address.sun_path, case_path("desk.sock"), sizeof address.sun_path - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_NUMBER(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    EXPECT_NUMBER(listen(fd, 16), 0);
    base = event_base_new();
    admits_all = true;
    waiting = NULL;
    desk_open(&desk, base, fd, ops, NULL);
    case_defer(finish, NULL);
}

static int visitor(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    EXPECT_NUMBER(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    case_close(fd);
    return fd;
}

static void say(int fd, const char *text)
{
    EXPECT_NUMBER(write(fd, text, strlen(text)), strlen(text));
}

struct listening {
    int fd;
    size_t wanted; /* SIZE_MAX: until the end */
    char text[256];
    size_t len;
    bool has_ended;
};

static bool has_heard(void *context)
{
    struct listening *listening = context;
    char *to = listening->text + listening->len % (sizeof listening->text / 2);
    event_base_loop(base, EVLOOP_NONBLOCK);
    ssize_t count = read(listening->fd, to, sizeof listening->text / 2);
    listening->has_ended = count == 0 || listening->has_ended;
    listening->len += count > 0 ? (size_t)count : 0;
    return listening->has_ended || listening->len >= listening->wanted;
}

static void expect_heard(int fd, const char *text)
{
    struct listening listening = {.fd = fd, .wanted = strlen(text)};
    EXPECT(wait_until(has_heard, &listening, patience_ms()));
    expect_bytes(__FILE__, __LINE__, "answer", listening.text, listening.len, text, strlen(text));
}

/* The desk has closed it; returns how many bytes came before. */
static size_t expect_end(int fd)
{
    struct listening listening = {.fd = fd, .wanted = SIZE_MAX};
    EXPECT(wait_until(has_heard, &listening, patience_ms()));
    EXPECT(listening.has_ended);
    return listening.len;
}

static bool has_waiting(void *context)
{
    (void)context;
    event_base_loop(base, EVLOOP_NONBLOCK);
    return waiting != NULL;
}

static bool is_only_one_left(void *context)
{
    (void)context;
    event_base_loop(base, EVLOOP_NONBLOCK);
    return desk.guest_count == 1;
}

static void questions_are_answered_in_order(void)
{
    begin(&patient);
    int one = visitor();
    say(one, "a\nb\nhalf");
    expect_heard(one, "a\nb\n");
    say(one, "\n");
    expect_heard(one, "half\n");
}

static void an_answer_that_comes_later_holds_up_what_is_behind(void)
{
    begin(&patient);
    int one = visitor(), other = visitor();
    say(one, "later\na\n");
    EXPECT(wait_until(has_waiting, NULL, patience_ms()));
    say(other, "b\n");
    expect_heard(other, "b\n");
    answer(waiting, "now\n", 4);
    expect_heard(one, "now\na\n");
}

static void who_has_gone_is_remembered_until_its_answer(void)
{
    begin(&patient);
    int one = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_NUMBER(connect(one, (struct sockaddr *)&address, sizeof address), 0);
    say(one, "later\n");
    EXPECT(wait_until(has_waiting, NULL, patience_ms()));
    close(one);
    int other = visitor();
    say(other, "b\n");
    expect_heard(other, "b\n");
    EXPECT_NUMBER(desk.guest_count, 2);
    answer(waiting, "now\n", 4);
    EXPECT(wait_until(is_only_one_left, NULL, patience_ms()));
}

static void who_shuts_its_side_still_hears(void)
{
    begin(&patient);
    int one = visitor();
    say(one, "a\nb\n");
    shutdown(one, SHUT_WR);
    expect_heard(one, "a\nb\n");
    EXPECT_NUMBER(expect_end(one), 0);
}

static void half_a_question_ends_in_time(void)
{
    begin(&patient);
    int one = visitor(), idle = visitor();
    say(one, "half");
    EXPECT_NUMBER(expect_end(one), 0);
    say(idle, "a\n"); /* who has asked nothing may wait */
    expect_heard(idle, "a\n");
}

static void an_unread_answer_ends_in_time(void)
{
    begin(&patient);
    int one = visitor();
    say(one, "much\n");
    int64_t deadline = now_ms() + patience_ms();
    do {
        event_base_loop(base, EVLOOP_NONBLOCK);
    } while ((desk.guest_count > 0 || TAILQ_FIRST(&desk.guests) != NULL) && now_ms() < deadline);
    EXPECT(expect_end(one) < ANSWER_LEN);
}

static void who_is_silent_for_longest_makes_room(void)
{
    begin(&patient);
    int guests[GUESTS_MOST + 1];
    for (int i = 0; i <= GUESTS_MOST; i++) {
        guests[i] = visitor();
        say(guests[i], "a\n");
        expect_heard(guests[i], "a\n");
    }
    EXPECT_NUMBER(expect_end(guests[0]), 0);
    EXPECT_NUMBER(desk.guest_count, GUESTS_MOST);
}

static void who_is_refused_is_told_so(void)
{
    begin(&patient);
    admits_all = false;
    int one = visitor();
    say(one, "a\n");
    EXPECT_NUMBER(expect_end(one), 3);
}

static void an_impatient_desk_waits_for_no_question(void)
{
    impatient = patient;
    impatient.is_patient = false;
    begin(&impatient);
    EXPECT_NUMBER(expect_end(visitor()), 0);
}

static const struct test_case cases[] = {
    {"questions are answered in order", questions_are_answered_in_order},
    {"an answer that comes later holds up what is behind",
     an_answer_that_comes_later_holds_up_what_is_behind},
    {"who has gone is remembered until its answer", who_has_gone_is_remembered_until_its_answer},
    {"who shuts its side still hears", who_shuts_its_side_still_hears},
    {"half a question ends in time", half_a_question_ends_in_time},
    {"an unread answer ends in time", an_unread_answer_ends_in_time},
    {"who is silent for longest makes room", who_is_silent_for_longest_makes_room},
    {"who is refused is told so", who_is_refused_is_told_so},
    {"an impatient desk waits for no question", an_impatient_desk_waits_for_no_question},
};

SUITE_MAIN("desk", cases)
