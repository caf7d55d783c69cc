/* What the admin socket changes: prefixes held back, emptied, connected anew; clients ended;
 * settings.
 *
 * PAUSE and DRAIN answer when what they wait for has come, or after TIMEOUT: a round through the
 * workers, and after some milliseconds another one. */
#include "daemon/admin_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>

#include "daemon/log.h"
#include "daemon/memory.h"
#include "daemon/pause.h"
#include "daemon/reload.h"
#include "daemon/settings_override.h"

#define TIMEOUT_DEFAULT_MS 10000
#define TIMEOUT_MOST_MS 100000
#define ROUND_MS 20

/* An order that goes to all workers, again until it is done. */
struct order {
    struct census census;
    LIST_ENTRY(order) link; /* while it waits for its next round */
    struct admin *admin;
    struct guest *guest;
    char prefix[ADMIN_NAME_CAP]; /* "": all */
    uint64_t client;             /* of KILL; 0: all of the prefix */
    uint64_t deadline_ms;        /* until when to ask again */
    uint64_t count;              /* of this round */
    struct event again;
    /* In each worker, for each pool it is about. Returns what is counted. */
    uint64_t (*visit)(struct order *order, struct pool *pool);
    /* In the main thread. False: another round. Else it has been answered. */
    bool (*judge)(struct order *order);
};

/* ------------------------------------------------------------------------------------------ rounds
 */

static void visit(struct census *census, struct worker *worker)
{
    struct order *order = (struct order *)census;
    struct pool *pool;
    struct pool *next;
    HASH_ITER(hh, worker->table.pools, pool, next)
    {
        if (order->prefix[0] == '\0' || strcmp(order->prefix, pool->context.settings->name) == 0) {
            order->count += order->visit(order, pool);
        }
    }
}

static void free_order(struct order *order)
{
    event_del(&order->again);
    free(order);
}

void admin_forget_orders(struct admin *admin)
{
    struct order *order;
    struct order *next;
    for (order = LIST_FIRST(&admin->waiting); order != NULL; order = next) {
        next = LIST_NEXT(order, link);
        free_order(order);
    }
    LIST_INIT(&admin->waiting);
}

static void start_round(struct order *order)
{
    order->count = 0;
    if (!census_start(&order->census, order->admin->office)) {
        admin_answer_error(order->guest, "ERR too many questions are under way already");
        free_order(order);
    }
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct order *order = arg;
    (void)fd, (void)what;
    LIST_REMOVE(order, link);
    start_round(order);
}

static void finish(struct census *census)
{
    static const struct timeval pause = {.tv_usec = ROUND_MS * 1000};
    struct order *order = (struct order *)census;
    bool goes_on = !order->guest->is_gone && !order->admin->is_closing;
    if (order->judge(order)) {
        free_order(order);
    } else if (goes_on) {
        LIST_INSERT_HEAD(&order->admin->waiting, order, link);
        event_add(&order->again, &pause);
    } else {
        admin_answer_error(order->guest, "ERR the daemon ends");
        free_order(order);
    }
}

/* An order about the prefix that the request names. NULL: answered with an error. */
static struct order *make_order(const struct admin_request *request)
{
    const char *prefix = admin_prefix_named(request, &request->words[1]);
    int64_t timeout = TIMEOUT_DEFAULT_MS;
    if (prefix == NULL) {
        return NULL;
    }
    if (request->count > 2 &&
        (request->count != 4 || !admin_word_is(&request->words[2], "timeout") ||
         !fr_parse_int64(request->words[3].data, request->words[3].len, &timeout) || timeout < 0 ||
         timeout > TIMEOUT_MOST_MS)) {
        admin_answer_error(request->guest, "ERR the option is TIMEOUT, 0 to %d milliseconds",
                           TIMEOUT_MOST_MS);
        return NULL;
    }
    struct order *order = memory_zeroed(sizeof *order);
    *order = (struct order){.census = {.visit = visit, .finish = finish},
                            .admin = request->admin,
                            .guest = request->guest,
                            .deadline_ms = loop_now_ms() + (uint64_t)timeout};
    snprintf(order->prefix, sizeof order->prefix, "%s", prefix);
    evtimer_assign(&order->again, request->admin->service->base, on_again, order);
    return order;
}

static void give_order(struct order *order, uint64_t (*visit_pool)(struct order *, struct pool *),
                       bool (*judge)(struct order *))
{
    order->visit = visit_pool;
    order->judge = judge;
    order->guest->is_busy = true;
    start_round(order);
}

static bool judge_ok(struct order *order)
{
    admin_answer_line(order->guest, "+OK");
    return true;
}

static bool judge_count(struct order *order)
{
    char line[32];
    snprintf(line, sizeof line, ":%" PRIu64, order->count);
    admin_answer_line(order->guest, line);
    return true;
}

static bool judge_killed(struct order *order)
{
    log_notice("%" PRIu64 " client%s of %s ended by KILL", order->count,
               order->count == 1 ? "" : "s",
               order->prefix[0] == '\0' ? "any prefix" : order->prefix);
    return judge_count(order);
}

/* Done when nothing is left, or when there is no more time. */
static bool judge_left(struct order *order, const char *what)
{
    if (order->count == 0) {
        return judge_ok(order);
    }
    if (loop_now_ms() < order->deadline_ms && !order->guest->is_gone) {
        return false;
    }
    admin_answer_error(order->guest, "BUSY %" PRIu64 " %s", order->count, what);
    return true;
}

/* --------------------------------------------------------------------------------- holding back
 */

static void hold(struct order *order, unsigned set, unsigned clear)
{
    struct prefix *prefix = service_prefix(order->admin->service, order->prefix);
    unsigned before = atomic_load(&prefix->holds);
    if (set & HOLD_PAUSED && !(before & HOLD_PAUSED)) {
        atomic_store(&prefix->paused_since_ms, loop_now_ms());
    }
    atomic_store(&prefix->holds, (before | set) & ~clear);
}

static uint64_t count_under_way(struct order *order, struct pool *pool)
{
    (void)order;
    return pause_under_way(pool);
}

static bool judge_paused(struct order *order)
{
    return judge_left(order, "requests are still under way; the prefix stays paused");
}

void admin_pause(const struct admin_request *request)
{
    struct order *order = make_order(request);
    if (order != NULL) {
        hold(order, HOLD_PAUSED, 0);
        log_notice("%s: paused", order->prefix);
        give_order(order, count_under_way, judge_paused);
    }
}

static uint64_t release(struct order *order, struct pool *pool)
{
    (void)order;
    pause_release(pool);
    return 0;
}

void admin_resume(const struct admin_request *request)
{
    struct order *order = make_order(request);
    if (order != NULL) {
        hold(order, 0, HOLD_PAUSED);
        log_notice("%s: goes on", order->prefix);
        give_order(order, release, judge_ok);
    }
}

/* Change what is held and answer: nobody has to be told. */
static void hold_only(const struct admin_request *request, unsigned set, unsigned clear,
                      const char *what)
{
    struct order *order = make_order(request);
    if (order != NULL) {
        hold(order, set, clear);
        log_notice("%s: %s", order->prefix, what);
        admin_answer_line(order->guest, "+OK");
        free_order(order);
    }
}

void admin_disable(const struct admin_request *request)
{
    hold_only(request, HOLD_DISABLED, 0, "takes no new clients");
}

void admin_enable(const struct admin_request *request)
{
    hold_only(request, 0, HOLD_DISABLED | HOLD_DRAINING, "takes clients");
}

/* Those who have come before the first round are sent away by it; later rounds find them leaving.
 */
static uint64_t send_away(struct order *order, struct pool *pool)
{
    (void)order;
    sessions_retire(pool);
    return pool->session_count;
}

static bool judge_drained(struct order *order)
{
    return judge_left(order, "clients are still there, finishing; KILL ends them");
}

void admin_drain(const struct admin_request *request)
{
    struct order *order = make_order(request);
    if (order != NULL) {
        hold(order, HOLD_DISABLED | HOLD_DRAINING, 0);
        log_notice("%s: sends its clients away", order->prefix);
        give_order(order, send_away, judge_drained);
    }
}

/* ----------------------------------------------------------------------------- connections,
 * clients
 */

static uint64_t reconnect(struct order *order, struct pool *pool)
{
    (void)order;
    return pool_reconnect(pool);
}

void admin_reconnect(const struct admin_request *request)
{
    struct order *order = make_order(request);
    if (order != NULL) {
        log_notice("%s: connects anew", order->prefix);
        give_order(order, reconnect, judge_count);
    }
}

static uint64_t kill_clients(struct order *order, struct pool *pool)
{
    struct session *session;
    struct session *next;
    uint64_t count = 0;
    for (session = TAILQ_FIRST(&pool->sessions); session != NULL; session = next) {
        next = TAILQ_NEXT(session, link);
        if (order->client == 0 || session->id == order->client) {
            session_close(session, "killed by an administrator");
            count++;
        }
    }
    return count;
}

void admin_kill(const struct admin_request *request)
{
    int64_t client = 0;
    struct order *order;
    if (fr_parse_int64(request->words[1].data, request->words[1].len, &client) && client > 0) {
        order = memory_zeroed(sizeof *order);
        *order = (struct order){.census = {.visit = visit, .finish = finish},
                                .admin = request->admin,
                                .guest = request->guest,
                                .client = (uint64_t)client};
        evtimer_assign(&order->again, request->admin->service->base, on_again, order);
    } else {
        order = make_order(request);
    }
    if (order != NULL) {
        give_order(order, kill_clients, judge_killed);
    }
}

/* ---------------------------------------------------------------------------------------- settings
 */

/* Lines as an array; or those of a failure as one error. */
static void answer_lines(struct guest *guest, const struct reload_result *result)
{
    struct evbuffer *answer = evbuffer_new();
    if (result->is_done) {
        evbuffer_add_printf(answer, "*%zu\r\n", result->lines.count);
    } else {
        evbuffer_add_printf(answer, "-ERR the configuration is not changed");
    }
    for (size_t i = 0; i < result->lines.count; i++) {
        if (result->is_done) {
            rows_bulk(answer, result->lines.lines[i]);
        } else {
            evbuffer_add_printf(answer, "%s%s", i == 0 ? ": " : "; ", result->lines.lines[i]);
        }
    }
    evbuffer_add_printf(answer, result->is_done ? "" : "\r\n");
    desk_answer(guest, answer);
    evbuffer_free(answer);
}

void admin_reload(const struct admin_request *request)
{
    struct reload_result result;
    struct admin *admin = request->admin;
    if (reload_run(admin->service, &result)) {
        admin_note_settings(admin);
        admin_forget_overrides(admin);
    }
    answer_lines(request->guest, &result);
    reload_result_finish(&result);
}

void admin_forget_overrides(struct admin *admin)
{
    for (size_t i = 0; i < admin->override_count; i++) {
        free(admin->overrides[i].section);
        free(admin->overrides[i].name);
        free(admin->overrides[i].text);
    }
    free(admin->overrides);
    admin->overrides = NULL;
    admin->override_count = 0;
}

/* Remember it, or another value for the same setting. */
static void remember(struct admin *admin, const struct admin_override *fresh)
{
    const char *section = fresh->section;
    for (size_t i = 0; i < admin->override_count; i++) {
        struct admin_override *known = &admin->overrides[i];
        bool is_same_section = known->section == NULL || section == NULL
                                   ? known->section == section
                                   : strcmp(known->section, section) == 0;
        if (is_same_section && strcmp(known->name, fresh->name) == 0) {
            free(known->text);
            known->text = memory_text(fresh->text, strlen(fresh->text));
            return;
        }
    }
    admin->overrides =
        memory_resize(admin->overrides, (admin->override_count + 1) * sizeof *admin->overrides);
    admin->overrides[admin->override_count++] = (struct admin_override){
        .section = section == NULL ? NULL : memory_text(section, strlen(section)),
        .name = memory_text(fresh->name, strlen(fresh->name)),
        .text = memory_text(fresh->text, strlen(fresh->text))};
}

/* The settings of the file with all that was set; NULL with the reason in the problems. */
static struct settings *read_overridden(struct admin *admin, const struct admin_override *last,
                                        struct problems *problems)
{
    struct settings *fresh = service_read(admin->service, problems);
    char why[160];
    for (size_t i = 0; fresh != NULL && i <= admin->override_count; i++) {
        const struct admin_override *one = i < admin->override_count ? &admin->overrides[i] : last;
        bool is_set = settings_override(fresh, one->section, one->name, one->text, why, sizeof why);
        if (!is_set && one == last) {
            problems_note(problems, "setting \"%s\": %s", one->name, why);
            settings_let_go(fresh);
            return NULL;
        }
    }
    return fresh;
}

static bool use(struct service *service, struct settings *fresh, struct problems *problems)
{
    struct problems changes = {0};
    if (service->is_ending) {
        problems_note(problems, "the daemon is ending");
        return false;
    }
    settings_tell_changes(service->settings, fresh, &changes);
    if (changes.count > 1) {
        problems_note(problems, "the configuration file has changed, too: RELOAD first");
    }
    problems_finish(&changes);
    return problems->count == 0 && service_use(service, fresh, problems);
}

/* Not a reload: only this setting changes, until the next one. */
void admin_set(const struct admin_request *request)
{
    struct admin *admin = request->admin;
    char words[3][ADMIN_NAME_CAP];
    size_t first = request->count == 4 ? 1 : 0;
    const char *prefix =
        request->count == 4 ? admin_prefix_named(request, &request->words[1]) : NULL;
    if (request->count == 4 && prefix == NULL) {
        return;
    }
    /* the name is the old settings', which end here */
    snprintf(words[2], sizeof words[2], "%s", prefix == NULL ? "" : prefix);
    struct admin_override last = {
        .section = prefix == NULL ? NULL : words[2],
        .name = (char *)(uintptr_t)admin_word_text(&request->words[first + 1], words[0]),
        .text = (char *)(uintptr_t)admin_word_text(&request->words[first + 2], words[1])};
    struct reload_result result = {0};
    struct settings *fresh = read_overridden(admin, &last, &result.lines);
    result.is_done = fresh != NULL && use(admin->service, fresh, &result.lines);
    if (result.is_done) {
        log_notice("setting \"%s\" is %s until the next reload", last.name, last.text);
        remember(admin, &last);
        admin_answer_line(request->guest, "+OK");
    } else {
        settings_let_go(fresh);
        answer_lines(request->guest, &result);
    }
    problems_finish(&result.lines);
}
