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

#include "daemon/listener.h"
#include "daemon/log.h"
#include "daemon/mock_host.h"
#include "daemon/memory.h"
#include "daemon/router.h"
#include "daemon/settings.h"
#include "daemon/worker.h"
#include "include/flaskredis/version.h"

#define DEFAULT_CONFIG "/etc/flaskredis/flaskredis.conf"
/* Descriptors besides those of clients: listeners, connections to servers, the loops' own. */
#define SPARE_DESCRIPTORS 512

struct arguments {
    const char *config;
    bool only_checks;
};

struct daemon {
    const char *config;
    struct settings *settings;
    struct listeners listeners;
    struct house house;
    struct prefix *prefixes;
    struct worker *workers;
    int worker_count;
    struct event_base *base;
    int end_fd; /* workers that have ended count here */
    int ended;
    bool is_ending;
};

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

static struct settings *load(const char *config)
{
    struct problems problems = {0};
    struct settings *settings = settings_load(config, environ, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        log_error("configuration: %s", problems.lines[i]);
    }
    problems_finish(&problems);
    return settings;
}

static void use_daemon_settings(struct daemon *daemon)
{
    const struct daemon_settings *settings = &daemon->settings->daemon;
    log_set_level(settings->log_level);
    atomic_store(&daemon->house.clients_max, settings->clients_max);
    atomic_store(&daemon->house.memory_max, settings->memory_max);
}

/* Clients need descriptors: ask for enough, and say if there are not. */
static void raise_descriptor_limit(const struct daemon_settings *settings)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)settings->clients_max + SPARE_DESCRIPTORS;
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

static void on_settings_used(void *arg)
{
    struct settings *replaced = arg;
    settings_free(replaced);
    log_notice("configuration: in use");
}

/* What can only change with a restart makes the whole reload fail: half of a configuration is none.
 */
static bool can_change_to(const struct settings *running, const struct settings *fresh)
{
    struct problems problems = {0};
    settings_compare(running, fresh, &problems);
    for (size_t i = 0; i < problems.count; i++) {
        log_error("configuration: %s", problems.lines[i]);
    }
    bool can_change = problems.count == 0;
    problems_finish(&problems);
    return can_change;
}

static void reload(struct daemon *daemon)
{
    log_notice("configuration: reading %s again",
               daemon->config == NULL ? "the environment" : daemon->config);
    struct settings *fresh = load(daemon->config);
    if (fresh == NULL || !can_change_to(daemon->settings, fresh)) {
        log_error("configuration: not changed");
        settings_free(fresh);
        return;
    }
    struct settings *replaced = daemon->settings;
    daemon->settings = fresh;
    use_daemon_settings(daemon);
    workers_use_settings(daemon->workers, daemon->worker_count, fresh, on_settings_used, replaced);
}

/* ----------------------------------------------------------------------------------------- signals
 */

static void on_end_signal(struct daemon *daemon, int number)
{
    if (daemon->is_ending) {
        log_notice("ending at once, on the second signal");
        listeners_close(&daemon->listeners);
        _exit(EXIT_FAILURE);
    }
    daemon->is_ending = true;
    log_notice("ending on signal %d: finishing what is outstanding, %lld ms at most", number,
               (long long)daemon->settings->daemon.shutdown_ms);
    listeners_retire(&daemon->listeners);
    for (int i = 0; i < daemon->worker_count; i++) {
        worker_drain(&daemon->workers[i]);
    }
    struct timeval limit = {.tv_sec = daemon->settings->daemon.shutdown_ms / 1000,
                            .tv_usec = daemon->settings->daemon.shutdown_ms % 1000 * 1000};
    event_base_loopexit(daemon->base, &limit);
}

static void on_reload_signal(struct daemon *daemon, int number)
{
    (void)number;
    reload(daemon);
}

static void on_stats_signal(struct daemon *daemon, int number)
{
    (void)number;
    const struct stats **sets = memory_alloc((size_t)daemon->worker_count * sizeof *sets);
    for (int i = 0; i < daemon->worker_count; i++) {
        sets[i] = &daemon->workers[i].loop.stats;
    }
    stats_log(sets, daemon->worker_count);
    free(sets);
}

static void on_worker_ended(evutil_socket_t fd, short what, void *arg)
{
    struct daemon *daemon = arg;
    uint64_t count = 0;
    (void)what;
    if (read(fd, &count, sizeof count) == (ssize_t)sizeof count) {
        daemon->ended += (int)count;
    }
    if (daemon->ended == daemon->worker_count) {
        event_base_loopbreak(daemon->base);
    }
}

static const struct {
    int number;
    void (*act)(struct daemon *daemon, int number);
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
static void serve_signals(struct daemon *daemon)
{
    struct event ended;
    struct event signalled;
    sigset_t set = signal_set();
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    event_assign(&signalled, daemon->base, fd, EV_READ | EV_PERSIST, on_signal, daemon);
    event_assign(&ended, daemon->base, daemon->end_fd, EV_READ | EV_PERSIST, on_worker_ended,
                 daemon);
    event_add(&signalled, NULL);
    event_add(&ended, NULL);
    event_base_dispatch(daemon->base);
    event_del(&ended);
    event_del(&signalled);
    close(fd);
}

/* ------------------------------------------------------------------------------------ start and
 * end */

static int end_fd; /* for workers, which know nothing of the daemon */

static void note_worker_end(struct worker *worker)
{
    static const uint64_t one = 1;
    (void)worker;
    if (write(end_fd, &one, sizeof one) < 0) {
        log_error("worker %d: cannot tell its end: %s", worker->number, strerror(errno));
    }
}

static void make_house(struct daemon *daemon)
{
    size_t prefix_count = daemon->settings->prefix_count;
    daemon->worker_count = (int)daemon->settings->daemon.workers;
    daemon->house.worker_count = daemon->worker_count;
    daemon->house.mailboxes =
        memory_zeroed((size_t)daemon->worker_count * sizeof *daemon->house.mailboxes);
    atomic_store(&daemon->house.next_id, UINT64_C(1) << 32);
    use_daemon_settings(daemon);
    daemon->prefixes = memory_zeroed(prefix_count * sizeof *daemon->prefixes);
    for (size_t i = 0; i < prefix_count; i++) {
        daemon->prefixes[i].house = &daemon->house;
        daemon->prefixes[i].index = (int)i;
        audience_init(&daemon->prefixes[i].audience);
    }
}

static bool start_workers(struct daemon *daemon)
{
    daemon->workers = memory_zeroed((size_t)daemon->worker_count * sizeof *daemon->workers);
    for (int i = 0; i < daemon->worker_count; i++) {
        struct worker *worker = &daemon->workers[i];
        if (!worker_init(worker, i, &daemon->house, daemon->prefixes, daemon->settings,
                         &daemon->listeners)) {
            log_error("worker %d: cannot be made: %s", i, strerror(errno));
            return false;
        }
        worker->on_end = note_worker_end;
    }
    for (int i = 0; i < daemon->worker_count; i++) {
        if (!worker_start(&daemon->workers[i])) {
            log_error("worker %d: cannot be started: %s", i, strerror(errno));
            return false;
        }
    }
    return true;
}

static void say_ready(const struct daemon *daemon)
{
    for (size_t i = 0; i < daemon->listeners.count; i++) {
        const struct listener *listener = &daemon->listeners.items[i];
        const struct prefix_settings *prefix = &daemon->settings->prefixes[listener->prefix];
        char server[256];
        log_notice("%s: listening on %s for %s db %lld", prefix->name, listener->address,
                   fr_url_show(&prefix->server, server, sizeof server),
                   (long long)prefix->server.db);
    }
    log_notice("flaskredisd " FLASKREDIS_VERSION " is ready, %d worker%s", daemon->worker_count,
               daemon->worker_count == 1 ? "" : "s");
}

static void end_workers(struct daemon *daemon)
{
    for (int i = 0; i < daemon->worker_count; i++) {
        worker_end(&daemon->workers[i]);
    }
    for (int i = 0; i < daemon->worker_count; i++) {
        pthread_join(daemon->workers[i].thread, NULL);
    }
    /* messages that crossed with the end: they may still go from worker to worker */
    for (bool has_run = true; has_run;) {
        has_run = false;
        for (int i = 0; i < daemon->worker_count; i++) {
            has_run = mailbox_run(daemon->workers[i].mailbox) || has_run;
        }
    }
    for (int i = 0; i < daemon->worker_count; i++) {
        worker_finish(&daemon->workers[i]);
    }
    mock_hosts_finish();
}

static int serve(struct daemon *daemon)
{
    raise_descriptor_limit(&daemon->settings->daemon);
    make_house(daemon);
    end_fd = daemon->end_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    daemon->base = event_base_new();
    if (end_fd < 0 || daemon->base == NULL) {
        log_error("cannot start: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    if (!listeners_open(&daemon->listeners, daemon->settings)) {
        return EXIT_FAILURE;
    }
    if (!start_workers(daemon)) {
        listeners_close(&daemon->listeners);
        return EXIT_FAILURE;
    }
    say_ready(daemon);
    serve_signals(daemon);
    end_workers(daemon);
    listeners_close(&daemon->listeners);
    return EXIT_SUCCESS;
}

static void free_daemon(struct daemon *daemon)
{
    if (daemon->base != NULL) {
        event_base_free(daemon->base);
    }
    close(daemon->end_fd);
    for (size_t i = 0; daemon->prefixes != NULL && i < daemon->settings->prefix_count; i++) {
        audience_finish(&daemon->prefixes[i].audience);
    }
    free(daemon->workers);
    free(daemon->prefixes);
    free(daemon->house.mailboxes);
    settings_free(daemon->settings);
    libevent_global_shutdown();
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct daemon daemon = {.end_fd = -1};
    read_arguments(argc, argv, &arguments);
    log_open();
    block_signals(); /* what comes from now on is dealt with once all stands */
    memory_for_libevent();
    session_set_router(router_route);
    daemon.config = arguments.config;
    daemon.settings = load(arguments.config);
    if (daemon.settings == NULL) {
        return EXIT_FAILURE;
    }
    if (arguments.only_checks) {
        printf("configuration: fine\n");
        settings_free(daemon.settings);
        return EXIT_SUCCESS;
    }
    int status = serve(&daemon);
    free_daemon(&daemon);
    if (status == EXIT_SUCCESS) {
        log_notice("ended");
    }
    return status;
}
