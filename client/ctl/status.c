/* status: what runs, and whether it is well. */
#include "client/ctl/ctl.h"

#include <string.h>

enum ctl_color ctl_color_of_state(const char *state)
{
    static const struct {
        const char *state;
        enum ctl_color color;
    } colors[] = {{"up", CTL_GREEN},      {"idle", CTL_DIM},        {"down", CTL_RED},
                  {"paused", CTL_YELLOW}, {"disabled", CTL_YELLOW}, {"draining", CTL_YELLOW}};
    for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++) {
        if (strcmp(colors[i].state, state) == 0) {
            return colors[i].color;
        }
    }
    return CTL_PLAIN;
}

static long long errors_of(const redisReply *row)
{
    long long errors = 0;
    for (size_t i = 0; i + 1 < row->elements; i += 2) {
        bool is_error = strncmp(row->element[i]->str, "errors_", strlen("errors_")) == 0;
        errors += is_error ? row->element[i + 1]->integer : 0;
    }
    return errors;
}

static void print_daemon(const struct ctl *ctl, const redisReply *version, const redisReply *limits)
{
    char text[64];
    char most[64];
    const redisReply *row = version->element[0];
    ctl_print(ctl, CTL_BOLD, "flaskredisd %s", ctl_text(row, "version"));
    printf(", process %lld, up %s, %lld worker%s\n", ctl_number(row, "pid"),
           ctl_duration(ctl_number(row, "uptime_s"), text, sizeof text), ctl_number(row, "workers"),
           ctl_number(row, "workers") == 1 ? "" : "s");
    const char *config = ctl_text(row, "config");
    printf("configuration %s, sockets in %s\n", config[0] == '\0' ? "of the environment" : config,
           ctl_text(row, "runtime_dir"));
    if (limits->elements >= 2) {
        const redisReply *clients = limits->element[0];
        const redisReply *memory = limits->element[1];
        printf("%lld of %lld clients, %s of %s of replies unread\n\n", ctl_number(clients, "used"),
               ctl_number(clients, "most"),
               ctl_bytes(ctl_number(memory, "used"), text, sizeof text),
               ctl_bytes(ctl_number(memory, "most"), most, sizeof most));
    }
}

static void print_prefix(const struct ctl *ctl, const redisReply *pool, const redisReply *stats)
{
    const char *state = ctl_text(pool, "state");
    ctl_print(ctl, CTL_BOLD, "%-12s", ctl_text(pool, "prefix"));
    ctl_print(ctl, ctl_color_of_state(state), " %-9s", state);
    printf(" %s\n", ctl_text(pool, "server"));
    printf("             %lld clients, %lld waiting, %lld blocked, %lld subscribed\n",
           ctl_number(pool, "clients"), ctl_number(pool, "clients_waiting"),
           ctl_number(pool, "clients_blocked"), ctl_number(pool, "clients_subscribed"));
    printf("             %lld connections to the server, %lld shared; %lld requests outstanding\n",
           ctl_number(pool, "connections_ready"), ctl_number(pool, "lanes"),
           ctl_number(pool, "requests_outstanding"));
    if (stats != NULL) {
        printf("             %lld replies since the start, ", ctl_number(stats, "replies"));
        ctl_print(ctl, errors_of(stats) > 0 ? CTL_YELLOW : CTL_PLAIN, "%lld errors\n",
                  errors_of(stats));
    }
}

/* The row of the same prefix. */
static const redisReply *row_of(const redisReply *rows, const char *prefix)
{
    for (size_t i = 0; i < rows->elements; i++) {
        if (strcmp(ctl_text(rows->element[i], "prefix"), prefix) == 0) {
            return rows->element[i];
        }
    }
    return NULL;
}

struct answers {
    redisReply *version, *pools, *stats, *limits;
};

static void print_json(const struct answers *answers)
{
    fputs("{\"daemon\": ", stdout);
    ctl_print_json_row(answers->version->element[0]);
    fputs(",\n\"pools\": ", stdout);
    ctl_print_json(answers->pools);
    fputs(",\n\"stats\": ", stdout);
    ctl_print_json(answers->stats);
    fputs(",\n\"limits\": ", stdout);
    ctl_print_json(answers->limits);
    fputs("}\n", stdout);
}

static int print_status(const struct ctl *ctl, const struct answers *answers)
{
    int outcome = CTL_OK;
    if (ctl->is_json) {
        print_json(answers);
    } else {
        print_daemon(ctl, answers->version, answers->limits);
    }
    for (size_t i = 0; i < answers->pools->elements; i++) {
        const redisReply *pool = answers->pools->element[i];
        outcome = strcmp(ctl_text(pool, "state"), "down") == 0 ? CTL_NOT_WELL : outcome;
        if (!ctl->is_json) {
            print_prefix(ctl, pool, row_of(answers->stats, ctl_text(pool, "prefix")));
        }
    }
    return outcome;
}

static void free_answers(struct answers *answers)
{
    redisReply *const all[] = {answers->version, answers->pools, answers->stats, answers->limits};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i] != NULL) {
            freeReplyObject(all[i]);
        }
    }
}

int ctl_status(struct ctl *ctl)
{
    struct answers answers = {0};
    answers.version = ctl_ask(ctl, "SHOW", "VERSION", NULL);
    answers.pools = answers.version == NULL ? NULL : ctl_ask(ctl, "SHOW", "POOLS", NULL);
    answers.stats = answers.pools == NULL ? NULL : ctl_ask(ctl, "SHOW", "STATS", NULL);
    answers.limits = answers.stats == NULL ? NULL : ctl_ask(ctl, "SHOW", "LIMITS", NULL);
    bool is_whole = answers.limits != NULL && answers.version->elements > 0;
    int outcome = is_whole ? print_status(ctl, &answers) : ctl->failure;
    free_answers(&answers);
    return outcome;
}
