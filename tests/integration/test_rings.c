/* Shared memory as the daemon has it: asking for it, what passes, and who is trusted with what.
 * tests/stress/ has what it costs, and who goes on for longer than is good for anybody. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/process.h"
#include "tests/support/rings.h"
#include "tests/support/server.h"

enum {
    CAP = FR_RING_CAP_MIN,
    LARGE = 300 * 1024,
    SCRIBBLERS = 40,
    ROUNDS = 3000,
    VALUE_LEN = 2000,
    BATCH = 50,
    BATCHES = 20,
    LONG_LEN = 20000,
    QUIET_MS = 100,
    KIB = 1024
};

static struct server *server;
static struct daemon *pooler;

static void start(const char *settings)
{
    allow_many_descriptors();
    server = server_start(NULL);
    pooler = daemon_start_redis(server_url(server), settings);
}

static void start_with(const char *daemon_settings)
{
    char *config = case_alloc(512);
    snprintf(config, 512, "[flaskredisd]\n%s\n[REDIS]\nurl = {url}\n", daemon_settings);
    allow_many_descriptors();
    server = server_start(NULL);
    pooler = daemon_start(server_url(server), config);
}

static void expect_refused(struct rings *rings, const char *part)
{
    EXPECT(rings == NULL);
    EXPECT_HAS(rings_refusal(), part);
}

/* The daemon serves others, over both transports. */
static void expect_served(void)
{
    struct rings *other = rings_attach(pooler, CAP);
    EXPECT_RINGS(other, "SET served yes", "+OK\r\n");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL(client, "GET served", "$3\r\nyes\r\n");
    client_close(client);
    rings_close(other);
}

/* ----------------------------------------------------------------------------------------- asking
 */

static void commands_pass(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    EXPECT_RINGS(rings, "PING", "+PONG\r\n");
    EXPECT_RINGS(rings, "SET k v", "+OK\r\n");
    EXPECT_RINGS(rings, "CLIENT SETNAME shared", "+OK\r\n");
    EXPECT_RINGS(rings, "CLIENT GETNAME", "$6\r\nshared\r\n");
    EXPECT_RINGS(rings, "WATCH k", "+OK\r\n");
    EXPECT_RINGS(rings, "MULTI", "+OK\r\n");
    EXPECT_RINGS(rings, "INCR n", "+QUEUED\r\n");
    EXPECT_RINGS(rings, "EXEC", "*1\r\n:1\r\n");
    EXPECT_RINGS(rings, "BLPOP empty 0.01", "*-1\r\n");
    EXPECT_RINGS(rings, "SUBSCRIBE c", "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    EXPECT_NUMBER(server_calls(server, "flaskredis"), 0);
}

static void sizes_are_agreed_on(void)
{
    start_with("ring_size_max = 64kb");
    struct rings *rings = rings_try_attach(pooler, 5000, 1000000);
    EXPECT(rings != NULL);
    EXPECT_NUMBER(rings->end.requests.cap, 8192);
    EXPECT_NUMBER(rings->end.replies.cap, 64 * KIB);
    EXPECT_RINGS(rings, "PING", "+PONG\r\n");
}

static void what_is_wrong_leaves_the_socket(void)
{
    static const char pipelined[] = "*5\r\n$10\r\nFLASKREDIS\r\n$6\r\nATTACH\r\n$1\r\n1\r\n"
                                    "$1\r\n1\r\n$1\r\n1\r\nPING\r\n";
    start("");
    struct client *client = daemon_client(pooler, "redis");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS ATTACH 2 4096 4096", "-ERR version 1 of shared memory");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS ATTACH 1 x 4096", "-ERR value is not an integer");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS ATTACH 1 -1 4096", "-ERR value is not an integer");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS ATTACH 1 4096", "-ERR wrong number of arguments");
    client_send_bytes(client, pipelined, sizeof(pipelined) - 1);
    EXPECT_REPLY_BEGINS(client, "-ERR requests behind ATTACH");
    EXPECT_REPLY(client, "+PONG\r\n");
    EXPECT_CALL(client, "MULTI", "+OK\r\n");
    EXPECT_CALL_BEGINS(client, "FLASKREDIS ATTACH 1 4096 4096", "-ERR");
    EXPECT_CALL_BEGINS(client, "DISCARD", "+OK");
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    struct rings *rings = rings_attach(pooler, CAP);
    rings_send(rings, "FLASKREDIS ATTACH 1 4096 4096");
    EXPECT_HAS(rings_read(rings), "once");
}

/* Where who operates the daemon looks. */
static void expect_accounted(int64_t count)
{
    struct client *admin = daemon_client(pooler, "admin");
    EXPECT_NUMBER(field_number(client_call(admin, "SHOW POOLS REDIS")->data, "clients_sharing"),
                  count);
    const char *limits = client_call(admin, "SHOW LIMITS")->data;
    EXPECT_NUMBER(field_number(strstr(limits, "rings_max"), "used"), count);
    EXPECT_NUMBER(field_number(strstr(limits, "\r\nrings\r\n"), "used"), count);
    const char *memory = client_call(admin, "SHOW MEMORY")->data;
    EXPECT_NUMBER(field_number(strstr(memory, "shared_with_clients"), "bytes"),
                  count * (int64_t)fr_channel_len(CAP, CAP));
}

static void limits_are_named(void)
{
    start_with("rings_max = 2");
    struct rings *first = rings_attach(pooler, CAP);
    rings_attach(pooler, CAP);
    expect_refused(rings_try_attach(pooler, CAP, CAP), "-POOLDENY");
    EXPECT_HAS(rings_refusal(), "\"rings_max\"");
    expect_accounted(2);
    rings_close(first);
    client_wait_listed(daemon_client(pooler, "redis"), "id=", 3); /* the refused one, and this */
    rings_attach(pooler, CAP);
}

static void a_user_and_a_prefix_have_limits_of_their_own(void)
{
    start_with("rings_user_max = 1");
    rings_attach(pooler, CAP);
    expect_refused(rings_try_attach(pooler, CAP, CAP), "\"rings_user_max\"");
    pooler = daemon_start(server_url(server), "[REDIS]\nurl = {url}\nrings = 0\n");
    expect_refused(rings_try_attach(pooler, CAP, CAP), "\"rings\"");
}

/* ----------------------------------------------------------------------------------------- streams
 */

/* Put all of it in, as the daemon makes room. */
static void put_all(struct rings *rings, const char *data, size_t len)
{
    int64_t deadline = now_ms() + patience_ms();
    size_t sent = 0;
    while (sent < len && now_ms() < deadline) {
        sent += rings_put(rings, data + sent, len - sent);
    }
    EXPECT_NUMBER(sent, len);
}

static void values_larger_than_the_rings_pass(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    char *value = case_alloc(LARGE + 1);
    char head[64];
    memset(value, 'v', LARGE);
    int head_len = snprintf(head, sizeof(head), "*3\r\n$3\r\nSET\r\n$1\r\nl\r\n$%d\r\n", LARGE);
    put_all(rings, head, (size_t)head_len);
    put_all(rings, value, LARGE);
    put_all(rings, "\r\n", 2);
    const char *reply = rings_read(rings);
    expect_bytes(__FILE__, __LINE__, "SET", reply, strlen(reply), "+OK\r\n", 5);
    rings_send(rings, "GET l");
    EXPECT_NUMBER(strlen(rings_read(rings)), LARGE + strlen("$307200\r\n\r\n"));
}

/* The client makes room while the daemon is writing: what had no room must not be overtaken by what
 * stands behind it. */
static void replies_that_do_not_fit_come_whole_and_in_order(void)
{
    char value[LONG_LEN + 1] = "", expected[LONG_LEN + 16];
    char line[32];
    start("");
    struct rings *rings = rings_attach(pooler, 64 * KIB);
    struct client *client = daemon_client(pooler, "redis");
    for (int i = 0; i < BATCH; i++) {
        memset(value, 'A' + i, LONG_LEN);
        snprintf(line, sizeof(line), "k%d", i);
        client_command(client, "SET", line, value, NULL);
        EXPECT_REPLY(client, "+OK\r\n");
    }
    for (int i = 0; i < BATCH * BATCHES; i++) {
        for (int k = 0; i % BATCH == 0 && k < BATCH; k++) {
            snprintf(line, sizeof(line), "GET k%d", k);
            rings_send(rings, line);
        }
        memset(value, 'A' + i % BATCH, LONG_LEN);
        snprintf(expected, sizeof(expected), "$%d\r\n%s\r\n", LONG_LEN, value);
        const char *reply = rings_read(rings);
        expect_bytes(__FILE__, __LINE__, "GET", reply, strlen(reply), expected, strlen(expected));
    }
}

static const char get[] = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";

/* Ask for a value until nothing more is taken, for no reply is. Returns how many bytes were put in.
 */
static size_t fill_rings(struct rings *rings, struct client *client)
{
    size_t len = sizeof(get) - 1, sent = 0;
    char value[VALUE_LEN + 1] = "";
    memset(value, 'x', VALUE_LEN);
    client_command(client, "SET", "k", value, NULL);
    EXPECT_REPLY(client, "+OK\r\n");
    for (int64_t quiet_ms = now_ms(); now_ms() - quiet_ms < QUIET_MS;) {
        size_t part = rings_put(rings, get + sent % len, len - sent % len);
        quiet_ms = part > 0 ? now_ms() : quiet_ms;
        sent += part;
    }
    return sent;
}

/* Nobody reads: requests stay in the ring, replies in the daemon are bounded, and all come later.
 */
static void full_rings_hold_up_their_own_client_only(void)
{
    size_t len = sizeof(get) - 1;
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    struct client *client = daemon_client(pooler, "redis");
    size_t sent = fill_rings(rings, client);
    expect_served();
    for (size_t i = 0; i < sent / len; i++) {
        EXPECT_NUMBER(strlen(rings_read(rings)), VALUE_LEN + strlen("$2000\r\n\r\n"));
    }
}

/* Requests are put in again and again behind the end, before the ring is ever found empty. */
static void requests_behind_the_end_are_left_in_the_ring(void)
{
    size_t len = sizeof(get) - 1, answered = 0;
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    struct client *client = daemon_client(pooler, "redis");
    size_t sent = fill_rings(rings, client);
    size_t before = sent;
    client_half_close(rings->socket);
    EXPECT_CALL(client, "PING", "+PONG\r\n"); /* behind which that has been noticed */
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    while (answered < before / len) {
        EXPECT_NUMBER(strlen(rings_read(rings)), VALUE_LEN + strlen("$2000\r\n\r\n"));
        answered++;
        sent += rings_put(rings, get + sent % len, len - sent % len);
    }
    EXPECT(rings_end(rings));
    EXPECT_NUMBER(fr_channel_untaken(&rings->end), sent - before);
}

/* ------------------------------------------------------------------------------------------ trust
 */

static void the_memory_cannot_change_its_size_nor_the_page_be_written(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    EXPECT(ftruncate(rings->fds[RING_MEMORY], 0) != 0);
    EXPECT(ftruncate(rings->fds[RING_MEMORY], 1 << 20) != 0);
    EXPECT(fcntl(rings->fds[RING_MEMORY], F_ADD_SEALS, F_SEAL_WRITE) != 0);
    EXPECT(mmap(NULL, FR_PAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, rings->fds[RING_PAGE], 0) ==
           MAP_FAILED);
    EXPECT(write(rings->fds[RING_PAGE], "x", 1) != 1);
    EXPECT(ftruncate(rings->fds[RING_PAGE], 0) != 0);
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", rings->fds[RING_PAGE]);
    int again = open(path, O_RDWR | O_CLOEXEC);
    EXPECT(again < 0 ||
           mmap(NULL, FR_PAGE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
    if (again >= 0) {
        close(again);
    }
    EXPECT_RINGS(rings, "PING", "+PONG\r\n");
}

static void positions_that_cannot_be_end_the_session(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    EXPECT_RINGS(rings, "PING", "+PONG\r\n");
    atomic_store(&rings->end.head->request_span, (uint64_t)CAP << 32 | 3 * CAP);
    rings_kick(rings);
    EXPECT(rings_end(rings));
    rings = rings_attach(pooler, CAP);
    atomic_store(&rings->end.head->reply_head, 77);
    rings_send(rings, "PING");
    EXPECT(rings_end(rings));
    expect_served();
}

/* Random words everywhere in the mapping, again and again, with requests in between. */
static void scribblers_harm_nobody_else(void)
{
    start("");
    struct rings *good = rings_attach(pooler, CAP);
    uint32_t seed = 1;
    for (int i = 0; i < SCRIBBLERS; i++) {
        struct rings *bad = rings_attach(pooler, CAP);
        uint32_t *words = bad->mapping;
        rings_send(bad, "SET scribbled yes");
        for (int round = 0; round < ROUNDS; round++) {
            seed = seed * 1664525u + 1013904223u;
            words[(seed >> 8) % (i % 2 == 0 ? 128 : bad->len / sizeof(*words))] = seed;
        }
        rings_kick(bad);
        EXPECT_RINGS(good, "ECHO fine", "$4\r\nfine\r\n");
        rings_close(bad);
    }
    expect_served();
}

static void bytes_on_the_socket_end_the_session(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    client_send(rings->socket, "PING");
    EXPECT(rings_end(rings));
    expect_served();
}

/* What was sent whole before the end is done; what was not is not. */
static void requests_before_the_end_are_carried_out(void)
{
    static const char half[] = "*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n$1\r\nb";
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    rings_send(rings, "RPUSH list a");
    rings_put(rings, half, sizeof(half) - 1);
    rings_close(rings);
    struct client *client = daemon_client(pooler, "redis");
    client_wait_listed(client, "id=", 1);
    EXPECT_CALL(client, "LRANGE list 0 -1", "*1\r\n$1\r\na\r\n");
}

/* Nothing more is asked, and all that was is answered. */
static void replies_come_after_a_half_close(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    server_freeze(server);
    rings_send(rings, "PING");
    client_half_close(rings->socket);
    server_thaw(server);
    const char *reply = rings_read(rings);
    expect_bytes(__FILE__, __LINE__, "PING", reply, strlen(reply), "+PONG\r\n", 7);
    EXPECT(rings_end(rings));
}

static bool is_full(void *context)
{
    struct rings *rings = context;
    uint32_t there = 0;
    return fr_ring_look(&rings->end.replies, &there) && there == CAP;
}

/* Its ring of replies is full, so that nothing is written that would show it. */
static void who_half_closes_and_then_goes_is_given_up(void)
{
    char value[VALUE_LEN + 1] = "";
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    struct client *client = daemon_client(pooler, "redis");
    memset(value, 'x', VALUE_LEN);
    client_command(client, "SET", "k", value, NULL);
    EXPECT_REPLY(client, "+OK\r\n");
    for (int i = 0; i < 10; i++) {
        rings_send(rings, "GET k");
    }
    EXPECT(wait_until(is_full, rings, patience_ms()));
    client_half_close(rings->socket);
    EXPECT_CALL(client, "PING", "+PONG\r\n"); /* behind which that has been noticed */
    EXPECT_CALL(client, "PING", "+PONG\r\n");
    rings_close(rings);
    client_wait_listed(client, "id=", 1);
}

static void a_blocked_client_that_goes_is_given_up(void)
{
    start("");
    struct rings *rings = rings_attach(pooler, CAP);
    rings_send(rings, "BLPOP empty 0");
    EXPECT_INFO(server, "blocked_clients", 1);
    rings_close(rings);
    EXPECT_INFO(server, "blocked_clients", 0);
}

/* A child that asks again and again. */
static pid_t busy_child(void)
{
    struct rings *rings = rings_attach(pooler, CAP);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        for (;;) {
            rings_send(rings, "INCR count");
            rings_read(rings);
        }
    }
    rings_close(rings);
    return child;
}

/* A child that never waits for its replies. */
static pid_t pumping_child(void)
{
    static const char requests[] = "*2\r\n$4\r\nINCR\r\n$5\r\ncount\r\n";
    size_t len = sizeof(requests) - 1, sent = 0, count;
    char data[CAP];
    bool kicks = false;
    struct rings *rings = rings_attach(pooler, CAP);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        for (;;) {
            sent += rings_put(rings, requests + sent % len, len - sent % len);
            fr_channel_receive(&rings->end, data, sizeof(data), &count, &kicks);
            if (kicks) {
                rings_kick(rings);
            }
        }
    }
    rings_close(rings);
    return child;
}

static void kill_child(void *child)
{
    kill(*(const pid_t *)child, SIGKILL);
    waitpid(*(const pid_t *)child, NULL, 0);
}

static bool has_counted(void *client)
{
    return atoi(client_call(client, "STRLEN count")->data + 1) > 2;
}

static void a_stopped_client_and_a_killed_one_hold_up_nobody(void)
{
    start("");
    pid_t child = busy_child();
    struct client *client = daemon_client(pooler, "redis");
    EXPECT(wait_until(has_counted, client, patience_ms()));
    kill(child, SIGSTOP);
    expect_served();
    kill(child, SIGCONT);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    client_wait_listed(client, "id=", 1);
    expect_served();
}

static void who_never_stops_asking_holds_up_no_end(void)
{
    static pid_t child;
    start_with("shutdown_ms = 3600000");
    child = pumping_child();
    case_defer(kill_child, &child);
    EXPECT(wait_until(has_counted, daemon_client(pooler, "redis"), patience_ms()));
    daemon_stop(pooler);
}

static const struct test_case cases[] = {
    {"commands of all kinds pass", commands_pass},
    {"sizes of rings are agreed on", sizes_are_agreed_on},
    {"what is wrong with ATTACH leaves the client on its socket", what_is_wrong_leaves_the_socket},
    {"limits are named, and given back", limits_are_named},
    {"a user and a prefix have limits of their own", a_user_and_a_prefix_have_limits_of_their_own},
    {"values larger than the rings pass", values_larger_than_the_rings_pass},
    {"replies that do not fit come whole and in order",
     replies_that_do_not_fit_come_whole_and_in_order},
    {"full rings hold up their own client only", full_rings_hold_up_their_own_client_only},
    {"requests behind the end are left in the ring", requests_behind_the_end_are_left_in_the_ring},
    {"the memory cannot change its size, nor the page be written by clients",
     the_memory_cannot_change_its_size_nor_the_page_be_written},
    {"positions that cannot be end the session", positions_that_cannot_be_end_the_session},
    {"who scribbles over his memory harms nobody else", scribblers_harm_nobody_else},
    {"bytes on the socket end the session", bytes_on_the_socket_end_the_session},
    {"requests before the end are carried out, half ones not",
     requests_before_the_end_are_carried_out},
    {"replies come after a half-close", replies_come_after_a_half_close},
    {"who half-closes and then goes is given up", who_half_closes_and_then_goes_is_given_up},
    {"a blocked client that goes is given up", a_blocked_client_that_goes_is_given_up},
    {"a stopped client and a killed one hold up nobody",
     a_stopped_client_and_a_killed_one_hold_up_nobody},
    {"who never stops asking holds up no end", who_never_stops_asking_holds_up_no_end},
};

SUITE_MAIN("rings", cases)
