/* flaskredisd: command line, start, signals, end. The main thread serves no client; it starts the
 * workers and waits for signals. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "daemon/admin.h"
#include "daemon/log.h"
#include "daemon/mock_host.h"
#include "daemon/memory.h"
#include "daemon/reload.h"
#include "daemon/router.h"
#include "daemon/service.h"
#include "daemon/stats_log.h"
#include "daemon/web.h"
#include "include/flaskredis/version.h"

#define DEFAULT_CONFIG "/etc/flaskredis/flaskredis.conf"
/* Descriptors besides those of clients: listeners, connections to servers, the loops' own. */
#define SPARE_DESCRIPTORS 512

struct arguments {
    const char *config;
    bool only_checks;
};

static int end_fd = -1; /* workers that have ended count here */
static int ended_count;

static struct census_office office;
static struct admin admin;
static struct web web;

static const char usage[] =
    "usage: flaskredisd [-c FILE] [--check]\n"
    "\n"
    "Hold connections to Redis servers for the processes of this host: a pool for each\n"
    "config prefix, and for each a Unix socket that speaks Redis' protocol.\n"
    "\n"
    "  -c, --config FILE  read this configuration (default: " DEFAULT_CONFIG "\n"
    "                     if it is there, else REDIS at redis://localhost:6379/0)\n"
    "      --check        check the configuration, say what is wrong, and end\n"
    "      --help-config  list every setting\n"
    "  -h, --help         print this\n"
    "  -V, --version      print the version\n"
    "\n"
    "Environment: PREFIX_URL gives a prefix its URL; FLASKREDIS_RUNTIME_DIR the sockets' "
    "directory.\n"
    "Signals: TERM and INT finish what is outstanding and end, a second one ends at once; HUP "
    "reads\n"
    "the configuration again; USR1 logs the counters.\n";

/* ------------------------------------------------------------------------------------ command line
 */

enum {
    OPTION_CHECK = 256,
    OPTION_HELP_CONFIG
};

static void read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check", no_argument, NULL, OPTION_CHECK},
                                            {"help-config", no_argument, NULL, OPTION_HELP_CONFIG},
                                            {"help", no_argument, NULL, 'h'},
                                            {"version", no_argument, NULL, 'V'},
                                            {NULL, 0, NULL, 0}};
    int option;
    while ((option = getopt_long(argc, argv, "c:hV", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            arguments->config = optarg;
            break;
        case OPTION_CHECK:
            arguments->only_checks = true;
            break;
        case OPTION_HELP_CONFIG:
            settings_help(stdout);
            exit(EXIT_SUCCESS);
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        case 'V':
            puts("flaskredisd " FLASKREDIS_VERSION);
            exit(EXIT_SUCCESS);
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "flaskredisd: unexpected argument '%s'\n%s", argv[optind], usage);
        exit(2);
    }
    if (arguments->config == NULL && access(DEFAULT_CONFIG, F_OK) == 0) {
        arguments->config = DEFAULT_CONFIG;
    }
}

/* ---------------------------------------------------------------------------------------- settings
 */

static void log_problems(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        log_error("%s", problems->lines[i]);
    }
    problems_finish(problems);
}

static struct settings *load(const struct service *service)
{
    struct problems problems = {0};
    struct settings *settings = service_read(service, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        log_error("configuration: %s", problems.lines[i]);
    }
    problems_finish(&problems);
    return settings;
}

/* Clients need descriptors: ask for enough, and say if there are not. */
static void raise_descriptor_limit(const struct daemon_settings *settings)
{
    struct rlimit limit;
    int64_t rings = settings->rings_max; /* each of them an eventfd beside its socket */
    rings = rings < settings->clients_max ? rings : settings->clients_max;
    rlim_t wanted = (rlim_t)(settings->clients_max + rings) + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) {
        return;
    }
    limit.rlim_cur = wanted;
    limit.rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) {
        return;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted) {
        log_warning("the system allows %llu open files, fewer than \"clients_max\" = %lld may need",
                    (unsigned long long)limit.rlim_cur, (long long)settings->clients_max);
    }
}

/* ----------------------------------------------------------------------------------------- signals
 */

static void on_end_signal(struct service *service, int number)
{
    if (service->is_ending) {
        log_notice("ending at once, on the second signal");
        listeners_close(&service->listeners);
        _exit(EXIT_FAILURE);
    }
    service->is_ending = true;
    admin_note_end(&admin);
    log_notice("ending on signal %d: finishing what is outstanding, %lld ms at most", number,
               (long long)service->settings->daemon.shutdown_ms);
    supervision_ending(&service->supervision, service->settings->daemon.shutdown_ms);
    listeners_retire(&service->listeners);
    for (int i = 0; i < service->worker_count; i++) {
        worker_drain(&service->workers[i]);
    }
    struct timeval limit = {.tv_sec = service->settings->daemon.shutdown_ms / 1000,
                            .tv_usec = service->settings->daemon.shutdown_ms % 1000 * 1000};
    event_base_loopexit(service->base, &limit);
}

static void on_reload_signal(struct service *service, int number)
{
    struct reload_result result;
    (void)number;
    if (reload_run(service, &result)) {
        admin_note_settings(&admin);
        admin_forget_overrides(&admin);
    }
    reload_result_finish(&result);
}

static void on_stats_signal(struct service *service, int number)
{
    (void)number;
    (void)service;
    stats_log(&office);
}

static void on_worker_ended(evutil_socket_t fd, short what, void *arg)
{
    struct service *service = arg;
    uint64_t count = 0;
    (void)what;
    if (read(fd, &count, sizeof count) == (ssize_t)sizeof count) {
        ended_count += (int)count;
    }
    if (ended_count == service->worker_count) {
        event_base_loopbreak(service->base);
    }
}

static const struct {
    int number;
    void (*act)(struct service *service, int number);
} signals[] = {{SIGTERM, on_end_signal},
               {SIGINT, on_end_signal},
               {SIGHUP, on_reload_signal},
               {SIGUSR1, on_stats_signal}};

#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

/* The signals of the table, which are read as events and never interrupt anything. */
static sigset_t signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < SIGNAL_COUNT; i++) {
        sigaddset(&set, signals[i].number);
    }
    return set;
}

/* For all threads, which inherit it. */
static void block_signals(void)
{
    sigset_t blocked = signal_set();
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct signalfd_siginfo info;
    (void)what;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info) {
        for (size_t i = 0; i < SIGNAL_COUNT; i++) {
            if (signals[i].number == (int)info.ssi_signo) {
                signals[i].act(arg, signals[i].number);
            }
        }
    }
}

/* Wait for signals until the workers have ended or their time is over. */
static void serve_signals(struct service *service)
{
    struct event ended;
    struct event signalled;
    sigset_t set = signal_set();
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    event_assign(&signalled, service->base, fd, EV_READ | EV_PERSIST, on_signal, service);
    event_assign(&ended, service->base, end_fd, EV_READ | EV_PERSIST, on_worker_ended, service);
    event_add(&signalled, NULL);
    event_add(&ended, NULL);
    event_base_dispatch(service->base);
    event_del(&ended);
    event_del(&signalled);
    close(fd);
}

/* ------------------------------------------------------------------------------------ start and
 * end */

static void note_worker_end(struct worker *worker)
{
    static const uint64_t one = 1;
    (void)worker;
    if (write(end_fd, &one, sizeof one) < 0) {
        log_error("worker %d: cannot tell its end: %s", worker->number, strerror(errno));
    }
}

static void make_house(struct service *service, const struct daemon_settings *settings)
{
    service->worker_count = (int)settings->workers;
    service->house.worker_count = service->worker_count;
    service->house.mailboxes =
        memory_zeroed((size_t)service->worker_count * sizeof *service->house.mailboxes);
    atomic_store(&service->house.next_id, UINT64_C(1) << 32);
    ring_limits_init(&service->house.rings);
}

static bool make_workers(struct service *service)
{
    service->workers = memory_zeroed((size_t)service->worker_count * sizeof *service->workers);
    for (int i = 0; i < service->worker_count; i++) {
        struct worker *worker = &service->workers[i];
        if (!worker_init(worker, i, &service->house)) {
            log_error("worker %d: cannot be made: %s", i, strerror(errno));
            return false;
        }
        worker->on_end = note_worker_end;
    }
    return true;
}

static bool start_workers(struct service *service)
{
    for (int i = 0; i < service->worker_count; i++) {
        if (!worker_start(&service->workers[i])) {
            log_error("worker %d: cannot be started: %s", i, strerror(errno));
            return false;
        }
    }
    return true;
}

/* What is wrong has been logged. */
static bool use_settings(struct service *service, struct settings *settings)
{
    struct problems problems = {0};
    bool is_used = listeners_inherit(&service->listeners, settings, &problems) &&
                   service_use(service, settings, &problems);
    log_problems(&problems);
    if (!is_used) {
        settings_let_go(settings);
    }
    return is_used;
}

/* The main thread's own doors. They stand before those of the prefixes: who finds these finds them,
 * too. Nobody is served there before the main thread's loop runs. */
static bool open_admin(struct service *service, const struct settings *settings)
{
    struct problems problems = {0};
    if (!census_office_open(&office, service->base, service->workers, service->worker_count)) {
        log_error("cannot start: %s", strerror(errno));
        return false;
    }
    bool is_open = admin_open(&admin, service, &office, settings, &problems) &&
                   web_open(&web, service, &office, settings, &problems);
    log_problems(&problems);
    return is_open;
}

static void close_admin(void)
{
    census_office_close(&office); /* first: answers are still coming home */
    admin_close(&admin);
    web_close(&web);
}

static void say_ready(const struct service *service)
{
    for (size_t i = 0; i < service->listeners.count; i++) {
        const struct listener *listener = &service->listeners.items[i];
        const struct prefix_settings *prefix = settings_prefix(service->settings, listener->prefix);
        char server[256];
        if (prefix == NULL) {
            log_notice("main socket: listening on %s", listener->address);
            continue;
        }
        log_notice("%s: listening on %s for %s db %lld", prefix->name, listener->address,
                   fr_url_show(&prefix->server, server, sizeof server),
                   (long long)prefix->server.db);
    }
    log_notice("flaskredisd " FLASKREDIS_VERSION " is ready, %d worker%s", service->worker_count,
               service->worker_count == 1 ? "" : "s");
}

static void end_workers(struct service *service)
{
    for (int i = 0; i < service->worker_count; i++) {
        worker_end(&service->workers[i]);
    }
    for (int i = 0; i < service->worker_count; i++) {
        pthread_join(service->workers[i].thread, NULL);
    }
    /* messages that crossed with the end: they may still go from worker to worker */
    for (bool has_run = true; has_run;) {
        has_run = false;
        for (int i = 0; i < service->worker_count; i++) {
            has_run = mailbox_run(service->workers[i].mailbox) || has_run;
        }
        has_run = mailbox_run(&service->mailbox) || has_run;
    }
    for (int i = 0; i < service->worker_count; i++) {
        worker_finish(&service->workers[i]);
    }
    mock_hosts_finish();
}

static int serve(struct service *service, struct settings *settings)
{
    raise_descriptor_limit(&settings->daemon);
    make_house(service, &settings->daemon);
    end_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    service->base = event_base_new();
    if (end_fd < 0 || service->base == NULL) {
        log_error("cannot start: %s", strerror(errno));
        settings_let_go(settings);
        return EXIT_FAILURE;
    }
    if (!make_workers(service) || !service_open(service) || !open_admin(service, settings)) {
        close_admin();
        settings_let_go(settings);
        return EXIT_FAILURE;
    }
    if (!use_settings(service, settings) || !start_workers(service)) {
        close_admin();
        listeners_close(&service->listeners);
        return EXIT_FAILURE;
    }
    say_ready(service);
    supervision_ready(&service->supervision, service->base, &office, &service->house);
    serve_signals(service);
    supervision_finish(&service->supervision);
    end_workers(service);
    close_admin();
    return EXIT_SUCCESS;
}

static void free_service(struct service *service)
{
    service_finish(service);
    if (service->base != NULL) {
        event_base_free(service->base);
    }
    if (end_fd >= 0) {
        close(end_fd);
    }
    ring_limits_finish(&service->house.rings);
    free(service->workers);
    free(service->house.mailboxes);
    libevent_global_shutdown();
    supervision_wait_heard();
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct service service = {0};
    read_arguments(argc, argv, &arguments);
    log_open();
    block_signals(); /* what comes from now on is dealt with once all stands */
    memory_for_libevent();
    session_set_router(router_route);
    service.config = arguments.config;
    struct settings *settings = load(&service);
    if (settings == NULL) {
        return EXIT_FAILURE;
    }
    if (arguments.only_checks) {
        printf("configuration: fine\n");
        settings_let_go(settings);
        return EXIT_SUCCESS;
    }
    int status = serve(&service, settings);
    free_service(&service);
    if (status == EXIT_SUCCESS) {
        log_notice("ended");
    }
    return status;
}
