/* What the daemon says to the service manager that started it, and what it takes from it. */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/client.h"
#include "tests/support/daemon.h"
#include "tests/support/manager.h"
#include "tests/support/port.h"
#include "tests/support/process.h"
#include "tests/support/server.h"
#include "tests/support/suite.h"

#define TWO_PREFIXES "[REDIS]\nurl = mock://\n[CACHE]\nurl = mock://\n"

static struct manager *manager;
static struct daemon *pooler;

static void start(const char *config)
{
    manager = manager_start(0);
    pooler = daemon_start("mock://", config);
    manager_expect(manager, "READY=1", 1);
}

/* --- saying ----------------------------------------------------------------------------------- */

static void readiness_is_told_once_all_listens(void)
{
    NEEDS_SERVICE;
    manager = manager_start(0);
    pooler = daemon_start("mock://", TWO_PREFIXES);
    EXPECT(client_try_connect(daemon_address(pooler, "redis")) != NULL);
    EXPECT(client_try_connect(daemon_address(pooler, "cache")) != NULL);
    manager_expect(manager, "READY=1", 1);
    EXPECT_HAS(manager_text(manager), "READY=1\nSTATUS=");
    EXPECT_NUMBER(manager_count(manager, "READY=1"), 1);
}

static void a_bad_configuration_is_never_ready(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    daemon_reconfigure(pooler, "[REDIS]\nurl = mock://\nleases = many\n");
    daemon_launch(pooler);
    EXPECT(process_wait(&pooler->process, patience_ms()));
    EXPECT(pooler->process.status != 0);
    EXPECT_NUMBER(manager_count(manager, "READY=1"), 1);
}

static void the_status_tells_how_it_goes(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    struct client *one = daemon_client(pooler, "redis");
    EXPECT_CALL(one, "PING", "+PONG\r\n");
    manager_expect(manager, "STATUS=1 client, ", 1);
    client_close(one);
    manager_expect(manager, "STATUS=0 clients, 0 requests/s, ", 1);
    EXPECT_BETWEEN(manager_shortest_ms(manager, "STATUS="), 900, INT64_MAX);
}

static void a_reload_is_told_with_its_outcome(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    process_signal(&pooler->process, SIGHUP);
    manager_expect(manager, "READY=1", 2);
    EXPECT_HAS(manager_text(manager), "RELOADING=1\nMONOTONIC_USEC=");
    EXPECT_LACKS(manager_last(manager, "STATUS="), "refused");
    daemon_reconfigure(pooler, TWO_PREFIXES "leases = many\n");
    process_signal(&pooler->process, SIGHUP);
    manager_expect(manager, "READY=1", 3);
    EXPECT_NUMBER(manager_count(manager, "RELOADING=1"), 2);
    EXPECT_HAS(manager_last(manager, "STATUS="), "the last reload was refused");
    manager_expect(manager, "STATUS=0 clients, 0 requests/s, 0 connections to servers; the last",
                   1);
    daemon_reconfigure(pooler, TWO_PREFIXES);
    process_signal(&pooler->process, SIGHUP);
    manager_expect(manager, "READY=1", 4);
    EXPECT_LACKS(manager_last(manager, "STATUS="), "refused");
}

static void the_end_is_told_with_how_long_it_may_take(void)
{
    NEEDS_SERVICE;
    start("[flaskredisd]\nshutdown_ms = 3000\n" TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT_NUMBER(manager_count(manager, "STOPPING=1"), 1);
    EXPECT_NUMBER(manager_count(manager, "EXTEND_TIMEOUT_USEC=8000000"), 1);
    EXPECT_NUMBER(manager_count(manager, "BARRIER=1"), 1);
}

/* --- the watchdog ----------------------------------------------------------------------------- */

enum {
    WATCHDOG_MS = 200
};

static bool has_complained_twice(void *context)
{
    const char *first = strstr(daemon_log(context), "has not answered for");
    return first != NULL && strstr(first + 1, "has not answered for") != NULL;
}

static void start_watched(void)
{
    manager = manager_start(WATCHDOG_MS);
    pooler = daemon_start("mock://", "[flaskredisd]\nworkers = 3\n[REDIS]\nurl = mock://\n");
    manager_expect(manager, "WATCHDOG=1", 3);
}

static void signs_of_life_come_in_time(void)
{
    NEEDS_SERVICE;
    start_watched();
    EXPECT_BETWEEN(manager_shortest_ms(manager, "WATCHDOG=1"), 0, WATCHDOG_MS);
}

static void one_worker_that_hangs_silences_all(void)
{
    NEEDS_SERVICE;
    start_watched();
    if (!process_hold_thread(&pooler->process, "worker 1")) {
        case_skip("a thread cannot be held here (ptrace)");
        return;
    }
    int before = manager_count(manager, "WATCHDOG=1");
    bool is_noticed = wait_until(has_complained_twice, pooler, patience_ms());
    int after = manager_count(manager, "WATCHDOG=1");
    process_release_thread();
    EXPECT(is_noticed);
    EXPECT_BETWEEN(after - before, 0, 1); /* one may have been on its way */
    manager_expect(manager, "WATCHDOG=1", after + 2);
}

static void who_wants_no_watchdog_has_none(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT_NUMBER(manager_count(manager, "WATCHDOG=1"), 0);
}

/* --- the store -------------------------------------------------------------------------------- */

static char *socket_path(const char *prefix)
{
    return daemon_address(pooler, prefix) + strlen("unix://");
}

static bool is_there(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0;
}

/* What connects and asks while no daemon runs is answered by the next one. */
static void expect_no_gap(void)
{
    struct client *early = daemon_client(pooler, "redis");
    client_send(early, "PING");
    int ready = manager_count(manager, "READY=1");
    daemon_launch(pooler);
    manager_expect(manager, "READY=1", ready + 1);
    EXPECT_REPLY(early, "+PONG\r\n");
}

static void sockets_are_kept_by_the_names_of_their_prefixes(void)
{
    NEEDS_SERVICE;
    struct bytes config = {0};
    int port = free_tcp_port();
    bytes_printf(&config, TWO_PREFIXES "listen = tcp://127.0.0.1:%d\n", port);
    case_defer(free, config.data);
    start(config.data);
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 1);
    EXPECT_NUMBER(manager_stored(manager, "cache.sock"), 1);
    EXPECT_NUMBER(manager_stored(manager, "cache.tcp"), 1);
    EXPECT_NUMBER(manager_stored(manager, "flaskredisd.sock"), 1);
    EXPECT_NUMBER(manager_count(manager, "FDPOLL=0"), 4);
    daemon_stop(pooler);
    EXPECT_NUMBER(manager_count(manager, "FDSTOREREMOVE=1"), 0);
    expect_no_gap();
    char address[64];
    snprintf(address, sizeof(address), "redis://127.0.0.1:%d", port);
    EXPECT_CALL(client_connect(address), "PING", "+PONG\r\n");
    EXPECT_NUMBER(manager_stored(manager, "cache.tcp"), 1);
}

static void nobody_is_refused_when_it_is_killed(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    process_kill(&pooler->process);
    expect_no_gap();
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 1);
}

static void the_socket_of_a_prefix_that_is_gone_is_forgotten(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT(is_there(socket_path("cache")));
    daemon_reconfigure(pooler, "[REDIS]\nurl = mock://\n");
    expect_no_gap();
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 1);
    EXPECT_NUMBER(manager_stored(manager, "cache.sock"), 0);
    EXPECT(!is_there(socket_path("cache")));
}

static void a_reload_keeps_and_forgets_sockets(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_reconfigure(pooler, "[REDIS]\nurl = mock://\n[MORE]\nurl = mock://\n");
    process_signal(&pooler->process, SIGHUP);
    manager_expect(manager, "READY=1", 2);
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 1);
    EXPECT_NUMBER(manager_stored(manager, "more.sock"), 1);
    EXPECT_NUMBER(manager_stored(manager, "cache.sock"), 0);
    process_kill(&pooler->process);
    expect_no_gap();
    EXPECT_CALL(daemon_client(pooler, "more"), "PING", "+PONG\r\n");
}

/* The name it is kept by goes with it. */
static void a_port_that_changes_hands_is_kept_for_its_new_prefix(void)
{
    NEEDS_SERVICE;
    struct bytes before = {0}, after = {0};
    int port = free_tcp_port();
    bytes_printf(&before, TWO_PREFIXES "listen = tcp://127.0.0.1:%d\n", port);
    bytes_printf(&after,
                 "[REDIS]\nurl = mock://\nlisten = tcp://127.0.0.1:%d\n[CACHE]\nurl = mock://\n",
                 port);
    case_defer(free, before.data);
    case_defer(free, after.data);
    start(before.data);
    daemon_reconfigure(pooler, after.data);
    process_signal(&pooler->process, SIGHUP);
    manager_expect(manager, "READY=1", 2);
    EXPECT_NUMBER(manager_stored(manager, "cache.tcp"), 0);
    EXPECT_NUMBER(manager_stored(manager, "redis.tcp"), 1);
    process_kill(&pooler->process);
    expect_no_gap();
    EXPECT_NUMBER(manager_stored(manager, "redis.tcp"), 1);
}

static void a_kept_socket_gets_the_mode_of_the_configuration(void)
{
    NEEDS_SERVICE;
    struct stat status;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    daemon_reconfigure(pooler, "[REDIS]\nurl = mock://\nsocket_mode = 0640\n");
    expect_no_gap();
    EXPECT_NUMBER(lstat(socket_path("redis"), &status), 0);
    EXPECT_NUMBER(status.st_mode & 0777, 0640);
}

static void a_kept_socket_that_is_elsewhere_is_replaced(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    char *old_path = socket_path("redis");
    pooler->runtime_dir = case_path("other");
    setenv("FLASKREDIS_RUNTIME_DIR", pooler->runtime_dir, 1);
    daemon_restart(pooler);
    manager_expect(manager, "READY=1", 2);
    EXPECT(!is_there(old_path));
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 1);
    EXPECT_CALL(daemon_client(pooler, "redis"), "PING", "+PONG\r\n");
    daemon_stop(pooler);
    expect_no_gap();
}

static void a_kept_socket_whose_file_is_gone_is_replaced(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT_NUMBER(unlink(socket_path("redis")), 0);
    daemon_restart(pooler);
    manager_expect(manager, "READY=1", 2);
    EXPECT_CALL(daemon_client(pooler, "redis"), "PING", "+PONG\r\n");
    daemon_stop(pooler);
    expect_no_gap();
}

/* A listening socket of the test's own. */
static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case_close(fd);
    EXPECT_NUMBER(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    EXPECT_NUMBER(listen(fd, 100), 0);
    return fd;
}

static void anothers_socket_at_the_path_is_left_alone(void)
{
    NEEDS_SERVICE;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT_NUMBER(unlink(socket_path("redis")), 0);
    listen_at(socket_path("redis"));
    daemon_launch(pooler);
    EXPECT(process_wait(&pooler->process, patience_ms()));
    EXPECT(pooler->process.status != 0);
    EXPECT_HAS(daemon_log(pooler), "another process listens there");
    EXPECT(is_there(socket_path("redis")));
}

/* --- socket units ----------------------------------------------------------------------------- */

static void a_socket_unit_takes_the_place_of_the_prefix_own_socket(void)
{
    NEEDS_SERVICE;
    struct stat status;
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    EXPECT_NUMBER(unlink(socket_path("redis")), 0);
    manager_hand_over(manager, "redis", listen_at(socket_path("redis")));
    EXPECT_NUMBER(chmod(socket_path("redis"), 0606), 0);
    expect_no_gap();
    EXPECT_CALL(daemon_client(pooler, "redis"), "PING", "+PONG\r\n");
    EXPECT_NUMBER(lstat(socket_path("redis"), &status), 0);
    EXPECT_NUMBER(status.st_mode & 0777, 0606);
    EXPECT_NUMBER(manager_stored(manager, "redis.sock"), 0);
    EXPECT_NUMBER(manager_stored(manager, "cache.sock"), 1);
    daemon_stop(pooler);
    expect_no_gap();
}

static void a_socket_unit_elsewhere_is_one_more(void)
{
    NEEDS_SERVICE;
    manager = manager_start(0);
    char *path = case_path("more.sock");
    manager_hand_over(manager, "cache", listen_at(path));
    manager_hand_over(manager, "unknown", listen_at(case_path("unknown.sock")));
    pooler = daemon_start("mock://", TWO_PREFIXES);
    struct bytes address = {0};
    bytes_printf(&address, "unix://%s", path);
    case_defer(free, address.data);
    EXPECT_CALL(daemon_client(pooler, "cache"), "SET k v", "+OK\r\n");
    EXPECT_CALL(client_connect(address.data), "GET k", "$1\r\nv\r\n");
    EXPECT_HAS(daemon_log(pooler), "hands over \"unknown\", which is no prefix");
}

static void a_socket_unit_for_all_the_world_needs_passwords(void)
{
    NEEDS_SERVICE;
    struct sockaddr_in any = {.sin_family = AF_INET};
    start(TWO_PREFIXES);
    daemon_stop(pooler);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case_close(fd);
    EXPECT_NUMBER(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    EXPECT_NUMBER(listen(fd, 100), 0);
    manager_hand_over(manager, "redis", fd);
    daemon_launch(pooler);
    EXPECT(process_wait(&pooler->process, patience_ms()));
    EXPECT(pooler->process.status != 0);
    EXPECT_HAS(daemon_log(pooler), "can be reached from other hosts, which needs \"auth\" = check");
}

/* --- under load ------------------------------------------------------------------------------- */

enum {
    RESTARTS = 10
};

/* One client after the other connects, asks and reads its answer. */
static struct {
    char *path;
    atomic_bool is_over;
    atomic_int answered;
    atomic_int refused; /* could not connect */
    atomic_int cut_off; /* closed instead of answered */
} crowd;

static bool ask(int fd)
{
    char reply[16];
    return send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 && recv(fd, reply, sizeof(reply), 0) == 7 &&
           memcmp(reply, "+PONG\r\n", 7) == 0;
}

static void *ask_again_and_again(void *unused)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", crowd.path);
    while (!atomic_load(&crowd.is_over)) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool is_in = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        atomic_fetch_add(!is_in ? &crowd.refused : ask(fd) ? &crowd.answered : &crowd.cut_off, 1);
        close(fd);
    }
    return unused;
}

static bool are_answered(void *goal)
{
    return atomic_load(&crowd.answered) >= *(int *)goal;
}

static void wait_for_answers(void)
{
    int goal = atomic_load(&crowd.answered) + 50;
    wait_until(are_answered, &goal, patience_ms());
}

static void nobody_is_refused_over_restarts(void)
{
    NEEDS_SERVICE;
    pthread_t threads[2];
    start(TWO_PREFIXES);
    crowd.path = socket_path("redis");
    for (size_t i = 0; i < 2; i++) {
        EXPECT_NUMBER(pthread_create(&threads[i], NULL, ask_again_and_again, NULL), 0);
    }
    for (int i = 0; i < RESTARTS; i++) {
        wait_for_answers();
        if (i % 2 == 0) {
            daemon_stop(pooler);
        } else {
            process_kill(&pooler->process);
        }
        daemon_launch(pooler);
    }
    wait_for_answers();
    atomic_store(&crowd.is_over, true);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT_NUMBER(atomic_load(&crowd.refused), 0);
    EXPECT_BETWEEN(atomic_load(&crowd.answered), 50 * RESTARTS, INT64_MAX);
    /* who was being served when it was killed */
    EXPECT_BETWEEN(atomic_load(&crowd.cut_off), 0, 2 * RESTARTS / 2);
}

static const struct test_case cases[] = {
    {"readiness is told once all sockets listen", readiness_is_told_once_all_listens},
    {"a daemon with a bad configuration is never ready", a_bad_configuration_is_never_ready},
    {"the status tells how it goes, at most once a second", the_status_tells_how_it_goes},
    {"a reload is told with its outcome", a_reload_is_told_with_its_outcome},
    {"the end is told with how long it may take", the_end_is_told_with_how_long_it_may_take},
    {"signs of life come in time", signs_of_life_come_in_time},
    {"one worker that hangs silences all", one_worker_that_hangs_silences_all},
    {"who wants no watchdog has none", who_wants_no_watchdog_has_none},
    {"sockets are kept by the names of their prefixes",
     sockets_are_kept_by_the_names_of_their_prefixes},
    {"nobody is refused when the daemon is killed", nobody_is_refused_when_it_is_killed},
    {"the socket of a prefix that is gone is forgotten",
     the_socket_of_a_prefix_that_is_gone_is_forgotten},
    {"a reload keeps new sockets and forgets old ones", a_reload_keeps_and_forgets_sockets},
    {"a port that changes hands is kept for its new prefix",
     a_port_that_changes_hands_is_kept_for_its_new_prefix},
    {"a kept socket gets the mode of the configuration",
     a_kept_socket_gets_the_mode_of_the_configuration},
    {"a kept socket that is elsewhere is replaced", a_kept_socket_that_is_elsewhere_is_replaced},
    {"a kept socket whose file is gone is replaced", a_kept_socket_whose_file_is_gone_is_replaced},
    {"another's socket at the path is left alone", anothers_socket_at_the_path_is_left_alone},
    {"a socket unit takes the place of the prefix' own socket",
     a_socket_unit_takes_the_place_of_the_prefix_own_socket},
    {"a socket unit elsewhere is one more for its prefix", a_socket_unit_elsewhere_is_one_more},
    {"a socket unit for all the world needs passwords",
     a_socket_unit_for_all_the_world_needs_passwords},
    {"nobody is refused over restarts and crashes", nobody_is_refused_over_restarts},
};

SUITE_MAIN("service", cases)
