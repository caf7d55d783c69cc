/* ping and bench: how fast it is at this moment. */
#include "client/ctl/ctl.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#define CLIENTS_MOST 100
#define SECONDS_MOST 60
#define TIMEOUT_S 10
/* Latencies are counted by powers of two of 1/8. */
#define BUCKETS 256

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static redisContext *connect_prefix(const struct ctl *ctl, const char *prefix)
{
    static const struct timeval patience = {TIMEOUT_S, 0};
    char path[256];
    redisContext *context =
        redisConnectUnixWithTimeout(ctl_prefix_socket(ctl, prefix, path, sizeof path), patience);
    if (context == NULL || context->err != 0 || redisSetTimeout(context, patience) != REDIS_OK) {
        fprintf(stderr, "flaskredisctl: %s: %s\n", path,
                context == NULL ? "no memory" : context->errstr);
        if (context != NULL) {
            redisFree(context);
        }
        return NULL;
    }
    return context;
}

static int print_ping(const struct ctl *ctl, const char *who, uint64_t took_us)
{
    if (ctl->is_json) {
        printf("{\"ping\": ");
        ctl_print_json_text(who, strlen(who));
        printf(", \"us\": %llu}\n", (unsigned long long)took_us);
    } else {
        printf("%s answers within %llu us\n", who, (unsigned long long)took_us);
    }
    return CTL_OK;
}

static int ping_prefix(struct ctl *ctl, const char *prefix)
{
    redisContext *context = connect_prefix(ctl, prefix);
    if (context == NULL) {
        return CTL_NO_DAEMON;
    }
    uint64_t began_us = now_us();
    redisReply *reply = redisCommand(context, "PING");
    uint64_t took_us = now_us() - began_us;
    int outcome = CTL_NOT_WELL;
    if (reply == NULL) {
        fprintf(stderr, "flaskredisctl: %s: %s\n", prefix, context->errstr);
        outcome = CTL_NO_DAEMON;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        fprintf(stderr, "flaskredisctl: %s: %s\n", prefix, reply->str);
    } else {
        outcome = print_ping(ctl, prefix, took_us);
    }
    if (reply != NULL) {
        freeReplyObject(reply);
    }
    redisFree(context);
    return outcome;
}

int ctl_ping(struct ctl *ctl)
{
    if (ctl->count > 0) {
        return ping_prefix(ctl, ctl->words[0]);
    }
    uint64_t began_us = now_us();
    redisReply *reply = ctl_ask(ctl, "PING", NULL);
    uint64_t took_us = now_us() - began_us;
    if (reply == NULL) {
        return ctl->failure;
    }
    freeReplyObject(reply);
    return print_ping(ctl, "flaskredisd", took_us);
}

/* ------------------------------------------------------------------------------------------ bench
 */

struct bench {
    redisContext *context;
    pthread_t thread;
    uint64_t end_us;
    uint64_t count, failed;
    uint64_t most_us;
    uint64_t buckets[BUCKETS];
};

/* Eight buckets for each power of two: what is told is at most an eighth too much. */
static unsigned bucket_of(uint64_t us)
{
    if (us < 8) {
        return (unsigned)us;
    }
    unsigned shift = 60U - (unsigned)__builtin_clzll(us);
    unsigned bucket = shift * 8 + (unsigned)(us >> shift);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 16) {
        return bucket;
    }
    unsigned shift = bucket / 8 - 1;
    return (((uint64_t)bucket - shift * 8ULL + 1) << shift) - 1;
}

static void *run_client(void *arg)
{
    struct bench *bench = arg;
    uint64_t before_us = now_us();
    while (before_us < bench->end_us) {
        redisReply *reply = redisCommand(bench->context, "GET flaskredisctl:bench");
        uint64_t after_us = now_us();
        uint64_t took_us = after_us - before_us;
        before_us = after_us;
        if (reply == NULL) {
            bench->failed++;
            break; /* the connection is gone */
        }
        bench->failed += reply->type == REDIS_REPLY_ERROR;
        bench->count++;
        bench->buckets[bucket_of(took_us)]++;
        bench->most_us = took_us > bench->most_us ? took_us : bench->most_us;
        freeReplyObject(reply);
    }
    return NULL;
}

static uint64_t quantile_us(const struct bench *sum, double part)
{
    uint64_t seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += sum->buckets[i];
        if ((double)seen >= part * (double)sum->count) {
            return bucket_end(i);
        }
    }
    return sum->most_us;
}

static void add_up(struct bench *sum, const struct bench *one)
{
    sum->count += one->count;
    sum->failed += one->failed;
    sum->most_us = one->most_us > sum->most_us ? one->most_us : sum->most_us;
    for (unsigned i = 0; i < BUCKETS; i++) {
        sum->buckets[i] += one->buckets[i];
    }
}

static void print_bench(const struct ctl *ctl, const struct bench *sum, long clients, double took_s)
{
    uint64_t p50 = quantile_us(sum, 0.5);
    uint64_t p99 = quantile_us(sum, 0.99);
    printf(ctl->is_json
               ? "{\"clients\": %ld, \"requests\": %llu, \"failed\": %llu, \"per_second\": %.0f, "
                 "\"p50_us\": %llu, \"p99_us\": %llu, \"most_us\": %llu}\n"
               : "%ld clients: %llu GETs, %llu failed, %.0f per second; half within %llu us, 99 %% "
                 "within %llu us, the slowest %llu us\n",
           clients, (unsigned long long)sum->count, (unsigned long long)sum->failed,
           (double)sum->count / took_s, (unsigned long long)p50, (unsigned long long)p99,
           (unsigned long long)sum->most_us);
}

static bool read_count(const char *text, long most, long *to)
{
    char *end = NULL;
    *to = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0' && *to >= 1 && *to <= most;
}

static int run_bench(struct ctl *ctl, long clients, long seconds)
{
    struct bench *benches = calloc((size_t)clients, sizeof *benches);
    struct bench sum = {0};
    long running = 0;
    uint64_t began_us = now_us();
    bool is_fine = benches != NULL;
    while (is_fine && running < clients) {
        struct bench *bench = &benches[running];
        bench->context = connect_prefix(ctl, ctl->words[0]);
        bench->end_us = began_us + (uint64_t)seconds * 1000000;
        is_fine =
            bench->context != NULL && pthread_create(&bench->thread, NULL, run_client, bench) == 0;
        if (!is_fine && bench->context != NULL) {
            redisFree(bench->context);
        }
        running += is_fine;
    }
    for (long i = 0; i < running; i++) {
        pthread_join(benches[i].thread, NULL);
        add_up(&sum, &benches[i]);
        redisFree(benches[i].context);
    }
    free(benches);
    if (!is_fine) {
        return CTL_NO_DAEMON;
    }
    print_bench(ctl, &sum, clients, (double)(now_us() - began_us) / 1e6);
    return sum.failed == 0 && sum.count > 0 ? CTL_OK : CTL_NOT_WELL;
}

int ctl_bench(struct ctl *ctl)
{
    long clients = 8;
    long seconds = 2;
    if ((ctl->count > 1 && !read_count(ctl->words[1], CLIENTS_MOST, &clients)) ||
        (ctl->count > 2 && !read_count(ctl->words[2], SECONDS_MOST, &seconds))) {
        fprintf(stderr, "flaskredisctl: bench takes 1 to %d clients and 1 to %d seconds\n",
                CLIENTS_MOST, SECONDS_MOST);
        return CTL_USAGE;
    }
    return run_bench(ctl, clients, seconds);
}
