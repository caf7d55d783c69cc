/* Reading that leaves bytes in the kernel: what it hands out, when it takes them, and what the peer
 * can see of it. */
#include "daemon/transport.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "tests/support/suite.h"

enum {
    MESSAGE_COST = 768, /* of a small one in its sender's buffer */
    TINY_BUFFER = 1,    /* the kernel makes it its smallest */
    REQUESTS = 20,
    BULK_LEN = 1000 /* more than is ever left */
};

static struct loop loop;
static struct transport transport;
static int peer;
static struct bytes got;

static void stop(void)
{
    loop_stop(&loop);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    char data[BULK_LEN];
    size_t count = 0;
    (void)fd, (void)what, (void)arg;
    if (transport_read(&transport, data, sizeof(data), &count) != TRANSPORT_AGAIN) {
        bytes_add(&got, data, count);
        stop();
    }
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void finish(void *what)
{
    transport_close(&transport);
    loop_finish(what);
    close(peer);
    bytes_finish(&got);
}

static void begin(void)
{
    int ends[2];
    EXPECT(loop_init(&loop));
    EXPECT_NUMBER(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    peer = ends[1];
    transport_open(&transport, &loop, ends[0], on_readable, on_writable, NULL);
    transport_make_lazy(&transport);
    transport_want_read(&transport, true);
    case_defer(finish, &loop);
}

static int untaken(void)
{
    int cost = -1;
    EXPECT_NUMBER(ioctl(peer, SIOCOUTQ, &cost), 0);
    return cost;
}

static void say(const char *text)
{
    EXPECT_NUMBER(send(peer, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

/* The peer says it, and it is read, but not yet taken soon. */
static void hear(const char *text)
{
    got.len = 0;
    evtimer_del(&loop.soon);
    say(text);
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "heard", got.data, got.len, text, strlen(text));
}

static void what_is_read_stays_in_the_kernel_until_taken(void)
{
    begin();
    hear("one");
    hear("two");
    EXPECT_NUMBER(untaken(), 2 * MESSAGE_COST);
    transport_consume(&transport);
    EXPECT_NUMBER(untaken(), 0);
    hear("three");
    EXPECT_NUMBER(untaken(), MESSAGE_COST);
}

static void what_came_after_the_look_is_not_taken(void)
{
    begin();
    hear("one");
    say("two");
    transport_consume(&transport);
    EXPECT_NUMBER(untaken(), MESSAGE_COST);
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "all", got.data, got.len, "onetwo", 6);
}

static void several_requests_are_taken_together(void)
{
    begin();
    for (int i = 0; i < REQUESTS; i++) {
        hear("GET k");
        transport_consume_much(&transport);
        EXPECT_NUMBER(untaken(), (i + 1) % 4 * MESSAGE_COST);
    }
}

static void no_more_is_left_than_the_smallest_buffer_holds(void)
{
    static const int tiny = TINY_BUFFER;
    begin();
    EXPECT_NUMBER(setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &tiny, sizeof(tiny)), 0);
    for (int i = 0; i < REQUESTS; i++) {
        hear("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
        transport_consume_much(&transport);
    }
}

static void behind_a_long_read_the_next_one_takes_at_once(void)
{
    char bulk[BULK_LEN + 1];
    begin();
    memset(bulk, 'b', BULK_LEN);
    bulk[BULK_LEN] = '\0';
    hear(bulk);
    EXPECT(untaken() > BULK_LEN);
    transport_consume_much(&transport);
    EXPECT_NUMBER(untaken(), 0);
    hear(bulk);
    EXPECT_NUMBER(untaken(), 0);
    hear("one");
    EXPECT_NUMBER(untaken(), 0);
    hear("two");
    EXPECT_NUMBER(untaken(), MESSAGE_COST);
}

static void what_was_looked_at_is_taken_before_what_follows_is_read(void)
{
    char bulk[BULK_LEN + 1];
    begin();
    memset(bulk, 'b', BULK_LEN);
    bulk[BULK_LEN] = '\0';
    hear(bulk);
    hear("next");
    transport_consume(&transport);
    EXPECT_NUMBER(untaken(), 0);
    hear(bulk);
    hear("last");
}

static void stop_when_taken(struct loop_task *task)
{
    (void)task;
    stop();
}

static void what_is_left_is_taken_soon(void)
{
    struct loop_task after;
    begin();
    hear("GET k");
    loop_task_init(&after, LOOP_SOON, stop_when_taken);
    loop_defer(&loop, &after);
    loop_run(&loop);
    EXPECT_NUMBER(untaken(), 0);
}

/* As a peer sees it that has unread replies: the end comes together with an error, and with bytes.
 */
static void looking_again_finds_the_end_beside_an_error(void)
{
    begin();
    EXPECT_NUMBER(send(transport.fd, "x", 1, 0), 1);
    say("last");
    close(peer);
    peer = -1;
    loop_run(&loop);
    expect_bytes(__FILE__, __LINE__, "heard", got.data, got.len, "last", 4);
    transport_rearm(&transport);
    loop_run(&loop);
    EXPECT_NUMBER(got.len, 4);
}

static void closing_is_no_reset_for_what_was_read(void)
{
    char rest[8];
    begin();
    hear("one");
    transport_close(&transport);
    EXPECT_NUMBER(recv(peer, rest, sizeof(rest), 0), 0);
}

static const struct test_case cases[] = {
    {"what is read stays in the kernel until taken", what_is_read_stays_in_the_kernel_until_taken},
    {"what came after the look is not taken", what_came_after_the_look_is_not_taken},
    {"several requests are taken together", several_requests_are_taken_together},
    {"no more is left than the smallest buffer holds",
     no_more_is_left_than_the_smallest_buffer_holds},
    {"behind a long read the next one takes at once",
     behind_a_long_read_the_next_one_takes_at_once},
    {"what was looked at is taken before what follows is read",
     what_was_looked_at_is_taken_before_what_follows_is_read},
    {"what is left is taken soon", what_is_left_is_taken_soon},
    {"looking again finds the end beside an error", looking_again_finds_the_end_beside_an_error},
    {"closing is no reset for what was read", closing_is_no_reset_for_what_was_read},
};

SUITE_MAIN("transport", cases)
