/* top: what goes on, second by second. Two looks at the daemon are subtracted; what is drawn is
 * what happened in between. */
#include "client/ctl/ctl.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_MOST 3600
#define BUCKETS_MOST 128

struct look {
    uint64_t at_ms;
    redisReply *version, *pools, *stats, *latency;
};

static volatile sig_atomic_t is_over;

static void on_signal(int number)
{
    (void)number;
    is_over = 1;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void forget(struct look *look)
{
    redisReply *const all[] = {look->version, look->pools, look->stats, look->latency};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != NULL) {
            freeReplyObject(all[i]);
        }
    }
    *look = (struct look){0};
}

static bool look_at(struct ctl *ctl, struct look *look)
{
    *look = (struct look){.at_ms = now_ms()};
    look->version = ctl_ask(ctl, "SHOW", "VERSION", NULL);
    look->pools = look->version == NULL ? NULL : ctl_ask(ctl, "SHOW", "POOLS", NULL);
    look->stats = look->pools == NULL ? NULL : ctl_ask(ctl, "SHOW", "STATS", NULL);
    look->latency = look->stats == NULL ? NULL : ctl_ask(ctl, "SHOW", "LATENCY", NULL);
    return look->latency != NULL && look->version->elements > 0;
}

/* The row of this prefix, and of this wait if there are several. */
static const redisReply *find(const redisReply *rows, const char *prefix, const char *wait)
{
    for (size_t i = 0; rows != NULL && i < rows->elements; i++) {
        const redisReply *row = rows->element[i];
        if (strcmp(ctl_text(row, "prefix"), prefix) == 0 &&
            (wait == NULL || strcmp(ctl_text(row, "wait"), wait) == 0)) {
            return row;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------------------- differences
 */

static double rate(const struct look *before, const struct look *now, const char *prefix,
                   const char *name)
{
    const redisReply *then = find(before->stats, prefix, NULL);
    const redisReply *row = find(now->stats, prefix, NULL);
    double seconds = (double)(now->at_ms - before->at_ms) / 1000;
    long long count =
        row == NULL || then == NULL ? 0 : ctl_number(row, name) - ctl_number(then, name);
    return count > 0 && seconds > 0 ? (double)count / seconds : 0;
}

struct bucket {
    uint64_t us, count;
};

static size_t read_buckets(const redisReply *row, struct bucket *buckets)
{
    const char *at = row == NULL ? "" : ctl_text(row, "buckets");
    size_t count = 0;
    while (*at != '\0' && count < BUCKETS_MOST) {
        char *end = NULL;
        buckets[count].us = strtoull(at, &end, 10);
        buckets[count].count = *end == ':' ? strtoull(end + 1, &end, 10) : 0;
        at = *end == ' ' ? end + 1 : "";
        count++;
    }
    return count;
}

/* What this part of the waits between two looks stayed within. */
static uint64_t quantile_us(const struct look *before, const struct look *now, const char *prefix,
                            const char *wait, double part)
{
    struct bucket old[BUCKETS_MOST];
    struct bucket fresh[BUCKETS_MOST];
    size_t old_count = read_buckets(find(before->latency, prefix, wait), old);
    size_t count = read_buckets(find(now->latency, prefix, wait), fresh);
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < old_count; j++) {
            bool is_same = old[j].us == fresh[i].us && old[j].count <= fresh[i].count;
            fresh[i].count -= is_same ? old[j].count : 0;
        }
        total += fresh[i].count;
    }
    uint64_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        seen += fresh[i].count;
        if (fresh[i].count > 0 && (double)seen >= part * (double)total) {
            return fresh[i].us;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------- drawing
 */

static const char *show_time(uint64_t us, char *to, size_t cap)
{
    if (us < 1000) {
        snprintf(to, cap, "%" PRIu64 "us", us);
    } else if (us < 1000000) {
        snprintf(to, cap, "%.1fms", (double)us / 1e3);
    } else {
        snprintf(to, cap, "%.1fs", (double)us / 1e6);
    }
    return to;
}

static double errors_rate(const struct look *before, const struct look *now, const char *prefix)
{
    const redisReply *row = find(now->stats, prefix, NULL);
    double sum = 0;
    for (size_t i = 0; row != NULL && i + 1 < row->elements; i += 2) {
        if (strncmp(row->element[i]->str, "errors_", strlen("errors_")) == 0) {
            sum += rate(before, now, prefix, row->element[i]->str);
        }
    }
    return sum;
}

static void draw_prefix(const struct ctl *ctl, const struct look *before, const struct look *now,
                        const redisReply *pool)
{
    static const struct {
        const char *wait;
        double part;
    } columns[] = {{"server", 0.5}, {"server", 0.99}, {"queue", 0.99}, {"lease", 0.99}};
    const char *prefix = ctl_text(pool, "prefix");
    const char *state = ctl_text(pool, "state");
    char text[32];
    double errors = errors_rate(before, now, prefix);
    ctl_print(ctl, CTL_BOLD, "%-14.14s", prefix);
    ctl_print(ctl, ctl_color_of_state(state), " %-8.8s", state);
    printf(" %9.0f", rate(before, now, prefix, "replies"));
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        printf(" %8s", show_time(quantile_us(before, now, prefix, columns[i].wait, columns[i].part),
                                 text, sizeof text));
    }
    printf(" %7lld %5lld %5lld %6lld %5lld", ctl_number(pool, "clients"),
           ctl_number(pool, "clients_waiting") + ctl_number(pool, "clients_paused"),
           ctl_number(pool, "clients_blocked"), ctl_number(pool, "requests_outstanding"),
           ctl_number(pool, "connections_ready"));
    printf(" %9s", ctl_bytes((long long)(rate(before, now, prefix, "client_read_bytes") +
                                         rate(before, now, prefix, "client_written_bytes")),
                             text, sizeof text));
    ctl_print(ctl, errors > 0 ? CTL_RED : CTL_PLAIN, " %6.1f\n", errors);
}

static void draw(const struct ctl *ctl, const struct look *before, const struct look *now,
                 bool is_screen)
{
    const redisReply *version = now->version->element[0];
    char text[64];
    fputs(is_screen ? "\033[H\033[2J" : "", stdout);
    ctl_print(ctl, CTL_BOLD, "flaskredisd %s", ctl_text(version, "version"));
    printf(", up %s%s\n\n", ctl_duration(ctl_number(version, "uptime_s"), text, sizeof text),
           is_screen ? "; q ends" : "");
    ctl_print(ctl, CTL_DIM, "%-14s %-8s %9s %8s %8s %8s %8s %7s %5s %5s %6s %5s %9s %6s\n",
              "PREFIX", "STATE", "REPLIES/S", "SERVER", "99 %", "QUEUE 99", "LEASE 99", "CLIENTS",
              "WAIT", "BLOCK", "UNDER", "CONNS", "BYTES/S", "ERR/S");
    for (size_t i = 0; i < now->pools->elements; i++) {
        draw_prefix(ctl, before, now, now->pools->element[i]);
    }
    fflush(stdout);
}

/* ------------------------------------------------------------------------------------------- loop
 */

/* Wait for the next look; false: a key or a signal ends it. */
static bool wait_for(long seconds, bool is_screen)
{
    uint64_t end_ms = now_ms() + (uint64_t)seconds * 1000;
    while (!is_over && now_ms() < end_ms) {
        struct pollfd input = {.fd = is_screen ? STDIN_FILENO : -1, .events = POLLIN};
        char key = 0;
        if (poll(&input, 1, (int)(end_ms - now_ms())) > 0 &&
            (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')) {
            return false;
        }
    }
    return !is_over;
}

static int watch(struct ctl *ctl, long seconds, long rounds, bool is_screen)
{
    struct look before = {0};
    struct look now = {0};
    bool goes_on = look_at(ctl, &before);
    for (long round = 0; goes_on && (rounds == 0 || round < rounds); round++) {
        if (!wait_for(seconds, is_screen)) {
            break;
        }
        goes_on = look_at(ctl, &now);
        if (goes_on) {
            draw(ctl, &before, &now, is_screen);
            forget(&before);
            before = now;
            now = (struct look){0};
        }
    }
    forget(&before);
    forget(&now);
    return goes_on ? CTL_OK : ctl->failure;
}

static bool read_number(const char *text, long least, long *to)
{
    char *end = NULL;
    *to = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *to >= least && *to <= SECONDS_MOST;
}

/* On a terminal, a screen of its own that leaves what was there as it was. */
int ctl_top(struct ctl *ctl)
{
    bool is_screen = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
    struct termios before;
    long seconds = 1;
    long rounds = 0;
    if ((ctl->count > 0 && !read_number(ctl->words[0], 1, &seconds)) ||
        (ctl->count > 1 && !read_number(ctl->words[1], 0, &rounds))) {
        fprintf(stderr, "flaskredisctl: top takes 1 to %d seconds and as many rounds\n",
                SECONDS_MOST);
        return CTL_USAGE;
    }
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    is_screen = is_screen && tcgetattr(STDIN_FILENO, &before) == 0;
    if (is_screen) {
        struct termios raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
        fputs("\033[?1049h\033[?25l\033[?7l", stdout);
    }
    int outcome = watch(ctl, seconds, rounds, is_screen);
    if (is_screen) {
        fputs("\033[?7h\033[?25h\033[?1049l", stdout);
        fflush(stdout);
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    }
    return outcome;
}
