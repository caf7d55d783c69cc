/* One publisher, many subscribers of one channel: how many messages reach them in a second, and how
 * long a batch of messages takes until the last subscriber has all of it.
 *
 *   publisher --16 PUBLISH in one write--> target --16 messages--> each subscriber
 *       ^                                                               |
 *       +----------------- when all have all of them -------------------+
 *
 * One process: it publishes, and reads all subscribers through epoll, the same for every target.
 * Every byte of every message and every count that PUBLISH answers is compared with what it must
 * be. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "bench/clock.h"
#include "bench/latency.h"
#include "bench/result.h"
#include "bench/spent.h"
#include "bench/target.h"

#define CHANNEL "flaskredis:bench"
#define BATCH 16u
#define EVENTS_MAX 256

enum exit_status {
    EXIT_MEASURED = 0,
    EXIT_NOT_MEASURED = 1,
    EXIT_USAGE = 2,
    EXIT_FAULTS = 3
};

struct options {
    struct target target;
    unsigned subscribers;
    double seconds;
    struct spent spent; /* from the first to the last message */
};

struct subscriber {
    redisContext *link;
    size_t at; /* bytes of the batch that have come */
};

struct fanout {
    struct options options;
    redisContext *publisher;
    struct subscriber *subscribers;
    int epoll_fd;
    char message[256]; /* as each subscriber gets it */
    size_t message_len;
    char *batch; /* BATCH requests */
    size_t batch_len;
    unsigned waiting; /* subscribers that have not all of the batch */
    uint64_t delivered;
    uint64_t errors;
    uint64_t wrong;
    struct latency latency;
};

/* --- making connections ----------------------------------------------------------------------- */

static bool subscribe(struct fanout *fanout, struct subscriber *subscriber)
{
    subscriber->link = target_connect_or_say(&fanout->options.target);
    if (!subscriber->link)
        return false;
    redisReply *reply = redisCommand(subscriber->link, "SUBSCRIBE %s", CHANNEL);
    bool is_subscribed = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 3;
    freeReplyObject(reply);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = subscriber};
    if (!is_subscribed) {
        fprintf(stderr, "fanout: SUBSCRIBE was not acknowledged\n");
        return false;
    }
    return epoll_ctl(fanout->epoll_fd, EPOLL_CTL_ADD, subscriber->link->fd, &event) == 0;
}

static bool make_batch(struct fanout *fanout)
{
    char *request = NULL;
    int len = redisFormatCommand(&request, "PUBLISH %s %s", CHANNEL, TARGET_VALUE);
    if (len < 0)
        return false;
    fanout->batch_len = (size_t)len * BATCH;
    fanout->batch = malloc(fanout->batch_len);
    for (unsigned i = 0; fanout->batch && i < BATCH; i++)
        memcpy(fanout->batch + i * (size_t)len, request, (size_t)len);
    redisFreeCommand(request);
    fanout->message_len =
        (size_t)snprintf(fanout->message, sizeof(fanout->message),
                         "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", strlen(CHANNEL),
                         CHANNEL, TARGET_VALUE_LEN, TARGET_VALUE);
    return fanout->batch != NULL;
}

static bool connect_all(struct fanout *fanout)
{
    unsigned count = fanout->options.subscribers;
    fanout->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    fanout->subscribers = calloc(count, sizeof(*fanout->subscribers));
    if (fanout->epoll_fd < 0 || !fanout->subscribers || !make_batch(fanout)) {
        fprintf(stderr, "fanout: %s\n", strerror(errno));
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        if (!subscribe(fanout, &fanout->subscribers[i]))
            return false;
    fanout->publisher = target_connect_or_say(&fanout->options.target);
    return fanout->publisher != NULL;
}

static void free_all(struct fanout *fanout)
{
    for (unsigned i = 0; fanout->subscribers && i < fanout->options.subscribers; i++)
        redisFree(fanout->subscribers[i].link);
    redisFree(fanout->publisher);
    free(fanout->subscribers);
    free(fanout->batch);
    close(fanout->epoll_fd);
}

/* --- one batch -------------------------------------------------------------------------------- */

/* Compare what came with what must have come, from where the subscriber stands in the batch. */
static bool is_right(const struct fanout *fanout, size_t at, const char *data, size_t len)
{
    while (len > 0) {
        size_t from = at % fanout->message_len;
        size_t part = fanout->message_len - from < len ? fanout->message_len - from : len;
        if (memcmp(data, fanout->message + from, part) != 0)
            return false;
        data += part;
        at += part;
        len -= part;
    }
    return true;
}

static bool take_messages(struct fanout *fanout, struct subscriber *subscriber)
{
    char data[16384];
    ssize_t len = recv(subscriber->link->fd, data, sizeof(data), 0);
    size_t whole = fanout->message_len * BATCH;
    if (len <= 0) {
        fanout->errors++;
        return false;
    }
    if (subscriber->at + (size_t)len > whole ||
        !is_right(fanout, subscriber->at, data, (size_t)len)) {
        fanout->wrong++;
        return false;
    }
    subscriber->at += (size_t)len;
    if (subscriber->at == whole) {
        subscriber->at = 0;
        fanout->waiting--;
    }
    return true;
}

static bool take_all_messages(struct fanout *fanout)
{
    struct epoll_event events[EVENTS_MAX];
    while (fanout->waiting > 0) {
        int count = epoll_wait(fanout->epoll_fd, events, EVENTS_MAX, TARGET_LIMIT_S * 1000);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            fanout->errors++;
            return false;
        }
        for (int i = 0; i < count; i++)
            if (!take_messages(fanout, events[i].data.ptr))
                return false;
    }
    return true;
}

static bool take_count(struct fanout *fanout)
{
    void *reply = NULL;
    if (redisGetReply(fanout->publisher, &reply) != REDIS_OK || !reply) {
        fanout->errors++;
        return false;
    }
    const redisReply *count = reply;
    bool is_count = count->type == REDIS_REPLY_INTEGER &&
                    count->integer == (long long)fanout->options.subscribers;
    fanout->wrong += !is_count;
    freeReplyObject(reply);
    return true;
}

static bool exchange(struct fanout *fanout)
{
    fanout->waiting = fanout->options.subscribers;
    if (redisAppendFormattedCommand(fanout->publisher, fanout->batch, fanout->batch_len) !=
        REDIS_OK)
        return false;
    for (unsigned i = 0; i < BATCH; i++)
        if (!take_count(fanout))
            return false;
    return take_all_messages(fanout);
}

/* --- the result ------------------------------------------------------------------------------- */

/* As load tells it, so that run.sh reads both in one way. */
static void print_result(const struct fanout *fanout, double seconds, double client_cpu_s)
{
    const struct result result = {.mode = "fanout",
                                  .processes = fanout->options.subscribers,
                                  .threads = 1,
                                  .pipeline = BATCH,
                                  .seconds = seconds,
                                  .replies = fanout->delivered,
                                  .errors = fanout->errors,
                                  .wrong = fanout->wrong,
                                  .client_cpu_s = client_cpu_s,
                                  .server_cpu_s = fanout->options.spent.server_s,
                                  .pooler_cpu_s = fanout->options.spent.pooler_s,
                                  .latency = &fanout->latency};
    result_print(&result, RESULT_CSV);
}

static int measure(struct fanout *fanout)
{
    bool is_well = exchange(fanout); /* a first one, to warm up */
    if (!spent_begin(&fanout->options.spent))
        return EXIT_NOT_MEASURED;
    double cpu_s = clock_cpu_s();
    uint64_t start_ns = clock_ns(), now_ns = start_ns;
    uint64_t end_ns = start_ns + (uint64_t)(fanout->options.seconds * 1e9);
    while (is_well && now_ns < end_ns) {
        uint64_t begin_ns = now_ns;
        is_well = exchange(fanout);
        now_ns = clock_ns();
        latency_record(&fanout->latency, now_ns - begin_ns);
        fanout->delivered += is_well ? (uint64_t)BATCH * fanout->options.subscribers : 0;
    }
    if (!spent_end(&fanout->options.spent))
        return EXIT_NOT_MEASURED;
    print_result(fanout, (double)(now_ns - start_ns) / 1e9, clock_cpu_s() - cpu_s);
    return fanout->errors + fanout->wrong == 0 && is_well ? EXIT_MEASURED : EXIT_FAULTS;
}

/* --- command line ----------------------------------------------------------------------------- */

static int usage(void)
{
    puts("Usage: fanout (--socket PATH | --tcp HOST:PORT) [--subscribers N] [--seconds S]\n"
         "              [--server-pid PID] [--pooler-pid PID]\n"
         "\n"
         "Publishes messages of 64 bytes to N subscribers (100) of one channel for S seconds (3),\n"
         "16 at a time, and prints the columns that load --csv prints: replies are messages that\n"
         "reached a subscriber, latency is that of 16 messages reaching all of them.");
    return EXIT_USAGE;
}

static bool set_option(int letter, char *value, struct options *options)
{
    char *end = NULL;
    switch (letter) {
    case 's':
        options->target.socket_path = value;
        return true;
    case 't':
        return target_parse(value, &options->target);
    case 'n':
        options->subscribers = (unsigned)strtoul(value, &end, 10);
        return *end == '\0' && options->subscribers > 0 && options->subscribers <= 100000;
    case 'S':
        options->spent.server = (pid_t)strtol(value, &end, 10);
        return *end == '\0' && options->spent.server > 0;
    case 'p':
        options->spent.pooler = (pid_t)strtol(value, &end, 10);
        return *end == '\0' && options->spent.pooler > 0;
    case 'd':
        options->seconds = strtod(value, &end);
        return *end == '\0' && options->seconds > 0;
    default:
        return false;
    }
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {{"socket", required_argument, NULL, 's'},
                                          {"tcp", required_argument, NULL, 't'},
                                          {"subscribers", required_argument, NULL, 'n'},
                                          {"seconds", required_argument, NULL, 'd'},
                                          {"server-pid", required_argument, NULL, 'S'},
                                          {"pooler-pid", required_argument, NULL, 'p'},
                                          {NULL, 0, NULL, 0}};
    *options = (struct options){.subscribers = 100, .seconds = 3};
    int letter;
    while ((letter = getopt_long(argc, argv, "s:t:n:d:", names, NULL)) != -1)
        if (!set_option(letter, optarg, options))
            return false;
    return optind == argc && (options->target.socket_path || options->target.host);
}

int main(int argc, char **argv)
{
    static struct fanout fanout = {.epoll_fd = -1};
    if (!parse_options(argc, argv, &fanout.options))
        return usage();
    int status = connect_all(&fanout) ? measure(&fanout) : EXIT_NOT_MEASURED;
    free_all(&fanout);
    return status;
}
