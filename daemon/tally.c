/* Adding up what pools have. See tally.h. */
#include "daemon/tally.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "daemon/lease.h"
#include "daemon/memory.h"
#include "daemon/session.h"

const struct gauge_row gauge_rows[GAUGE_COUNT] = {
#define GAUGE(name, help) {#name, help},
#include "daemon/gauges.def"
#undef GAUGE
};

/* A client's URL may have any byte in it. */
static char *escaped(const char *text)
{
    char *label = memory_zeroed(strlen(text) * 2 + 1);
    char *to = label;
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\' || *text == '\n') {
            *to++ = '\\';
        }
        *to++ = *text == '\n' ? 'n' : *text;
    }
    return label;
}

static struct tally *tally_of(struct tallies *tallies, const struct pool *pool)
{
    const struct prefix_settings *settings = pool->context.settings;
    char server[256];
    for (size_t i = 0; i < tallies->count; i++) {
        if (strcmp(tallies->items[i].prefix, settings->name) == 0) {
            return &tallies->items[i];
        }
    }
    tallies->items = memory_resize(tallies->items, (tallies->count + 1) * sizeof *tallies->items);
    struct tally *tally = &tallies->items[tallies->count++];
    fr_url_show(&settings->server, server, sizeof server);
    *tally = (struct tally){.prefix = memory_text(settings->name, strlen(settings->name)),
                            .label = escaped(settings->name),
                            .server = memory_text(server, strlen(server))};
    return tally;
}

static void add_session(struct tally *tally, const struct session *session)
{
    tally->gauges[GAUGE_clients]++;
    tally->gauges[GAUGE_clients_waiting] += session->wait != NULL;
    tally->gauges[GAUGE_clients_paused] += (session->stops & STOP_PAUSE) != 0;
    tally->gauges[GAUGE_clients_blocked] += session->is_blocking && session->outstanding > 0;
    tally->gauges[GAUGE_clients_subscribed] += session_is_subscribed(session);
    tally->gauges[GAUGE_clients_sharing] += session->has_ring;
    tally->gauges[GAUGE_shared_bytes] += (int64_t)transport_shared_bytes(&session->transport);
    tally->gauges[GAUGE_requests_outstanding] += session->outstanding;
    tally->gauges[GAUGE_input_bytes] += (int64_t)session->in_cap;
    tally->gauges[GAUGE_unread_bytes] += (int64_t)session->accounted;
    if (session->lease != NULL) {
        const struct requests *requests = &session->lease->upstream->requests;
        tally->gauges[GAUGE_requests_queued] += requests->count - requests->sent;
        tally->gauges[GAUGE_unwritten_bytes] += (int64_t)requests_unwritten(requests);
    }
}

static void add_lane(struct tally *tally, const struct lane *lane)
{
    const struct requests *requests = &lane->upstream->requests;
    tally->gauges[GAUGE_lanes]++;
    tally->gauges[GAUGE_lanes_ready] += upstream_is_ready(lane->upstream);
    tally->gauges[GAUGE_requests_queued] += requests->count - requests->sent;
    tally->gauges[GAUGE_unwritten_bytes] += (int64_t)requests_unwritten(requests);
}

/* The server answers, and takes no connection of ours. */
static bool is_refused(const struct pool *pool)
{
    for (const struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        if (!upstream_is_ready(lane->upstream) && lane->upstream->refusal != NULL &&
            lane->upstream->failures > 0) {
            return true;
        }
    }
    return false;
}

const char *tally_state(const struct tally *tally)
{
    static const struct {
        enum prefix_hold hold;
        const char *state;
    } ordered[] = {
        {HOLD_PAUSED, "paused"}, {HOLD_DRAINING, "draining"}, {HOLD_DISABLED, "disabled"}};
    for (size_t i = 0; i < sizeof ordered / sizeof ordered[0]; i++) {
        if (tally->holds & ordered[i].hold) {
            return ordered[i].state;
        }
    }
    return tally->away > 0 ? "down" : tally->gauges[GAUGE_connections_ready] > 0 ? "up" : "idle";
}

static void count_hub(void *arg, const struct upstream *upstream)
{
    struct tally *tally = arg;
    (void)upstream;
    tally->gauges[GAUGE_hubs]++;
}

static struct tally_limit limit_of(const struct quota *quota, const char *setting, int64_t most)
{
    return (struct tally_limit){.setting = setting,
                                .used = atomic_load(&quota->used),
                                .most = most,
                                .waiting = atomic_load(&quota->waiting)};
}

/* Counted once, over all workers. */
static void take_limits(struct tally *tally, const struct pool *pool)
{
    const struct prefix *prefix = pool->prefix;
    for (int kind = 0; kind < QUOTA_RESCUE; kind++) {
        tally->limits[kind] = limit_of(&prefix->quotas[kind], quota_settings[kind],
                                       quota_most(pool, (enum quota_kind)kind));
    }
    tally->limits[QUOTA_RESCUE] = limit_of(&prefix->rings, "rings", pool->context.settings->rings);
}

/* The main socket's has no server, and nothing to be counted. */
void tallies_add(struct tallies *tallies, const struct pool *pool)
{
    if (pool->prefix->is_lobby) {
        return;
    }
    struct tally *tally = tally_of(tallies, pool);
    const struct session *session;
    for (int row = 0; row < STAT_COUNT; row++) {
        tally->counters[row] += stats_get(&pool->context.stats, (enum counter)row);
    }
    for (int row = 0; row < WAIT_COUNT; row++) {
        histogram_add(&tally->waits.histograms[row], &pool->context.waits.histograms[row]);
    }
    TAILQ_FOREACH(session, &pool->sessions, link)
    {
        add_session(tally, session);
    }
    for (const struct lane *lane = pool->lanes; lane != NULL; lane = lane->hh.next) {
        add_lane(tally, lane);
    }
    tally->holds = atomic_load(&pool->prefix->holds);
    tally->away += pool->context.away_since_ms != 0 || is_refused(pool);
    tally->gauges[GAUGE_connections_ready] += pool->context.standing;
    tally->gauges[GAUGE_leases_idle] += pool->idle_lease_count;
    hubs_visit(pool, count_hub, tally);
    if (pool->successor == NULL) { /* else its settings are past */
        take_limits(tally, pool);
    }
}

/* Pages of the process that are in memory: the second number of the file. */
int64_t tally_resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    char *rest = fgets(line, sizeof line, file) == NULL ? NULL : strchr(line, ' ');
    fclose(file);
    return rest == NULL ? 0 : strtoll(rest, NULL, 10) * sysconf(_SC_PAGESIZE);
}

void tallies_finish(struct tallies *tallies)
{
    for (size_t i = 0; i < tallies->count; i++) {
        free(tallies->items[i].prefix);
        free(tallies->items[i].label);
        free(tallies->items[i].server);
    }
    free(tallies->items);
    *tallies = (struct tallies){0};
}
