/* The client is hiredis with a request formatted once, so that it costs little and the same for
 * every target, or libflaskredis' flask_redis_get(). */
#include "bench/caller.h"

#include <time.h>

#include "bench/clock.h"

static void note_fault(struct caller *caller, const char *what, const char *why)
{
    if (!atomic_flag_test_and_set(&caller->fault->is_known))
        snprintf(caller->fault->text, sizeof(caller->fault->text), "%s: %s", what, why);
}

/* --- one connection --------------------------------------------------------------------------- */

static void drop_link(struct caller *caller)
{
    redisFree(caller->link);
    caller->link = NULL;
}

static bool open_link(struct caller *caller)
{
    caller->link = target_connect(&caller->calls->target);
    if (caller->link && !caller->link->err)
        return true;
    caller->tally->errors++;
    note_fault(caller, "connect", caller->link ? caller->link->errstr : "out of memory");
    if (caller->link)
        drop_link(caller);
    return false;
}

/* Of a unit, the last reply counts. */
static void count_reply(struct caller *caller, unsigned i, const redisReply *reply)
{
    const struct unit *unit = caller->calls->unit;
    if (unit_reply_is_right(unit, i % unit->count, reply)) {
        caller->tally->replies += (i + 1) % unit->count == 0;
        return;
    }
    caller->tally->wrong++;
    note_fault(caller, "wrong reply",
               reply->type == REDIS_REPLY_ERROR ? reply->str : "not the value stored");
}

static bool take_reply(struct caller *caller, unsigned i)
{
    void *reply = NULL;
    if (redisGetReply(caller->link, &reply) != REDIS_OK)
        return false;
    count_reply(caller, i, reply);
    freeReplyObject(reply);
    return true;
}

/* Send the batch and take its replies. A connection that failed is closed and counted. */
static bool exchange(struct caller *caller)
{
    const struct calls *calls = caller->calls;
    bool whole =
        redisAppendFormattedCommand(caller->link, calls->batch, calls->batch_len) == REDIS_OK;
    unsigned count = calls->pipeline * calls->unit->count;
    for (unsigned i = 0; whole && i < count; i++)
        whole = take_reply(caller, i);
    if (!whole) {
        caller->tally->errors++;
        note_fault(caller, "exchange", caller->link->errstr);
        drop_link(caller);
    }
    return whole;
}

/* The same through libflaskredis, which has connections of its own. */
static bool ask_library(struct caller *caller)
{
    bool is_right = false;
    if (!library_get(caller->redis, &is_right)) {
        caller->tally->errors++;
        note_fault(caller, "exchange", flask_redis_last_error()->text);
        return false;
    }
    caller->tally->replies += is_right;
    caller->tally->wrong += !is_right;
    return true;
}

static bool ask(struct caller *caller)
{
    if (caller->redis)
        return ask_library(caller);
    return (caller->link || open_link(caller)) && exchange(caller);
}

/* --- a caller's life -------------------------------------------------------------------------- */

static bool open_library(struct caller *caller)
{
    const struct calls *calls = caller->calls;
    if (calls->redis || library_open(&caller->library, calls->target.socket_path, 1)) {
        caller->redis = calls->redis ? calls->redis : caller->library.redis;
        return true;
    }
    note_fault(caller, "handle", flask_redis_last_error()->text);
    return false;
}

bool caller_warm_up(struct caller *caller)
{
    if (caller->calls->by_library && !open_library(caller))
        return false;
    int count = caller->redis ? LIBRARY_WARM_UP : 1;
    for (int i = 0; i < count; i++)
        ask(caller);
    caller->tally->replies = 0;
    return true;
}

void caller_run(struct caller *caller, uint64_t deadline_ns)
{
    double before_s = clock_thread_cpu_s();
    bool reconnects = caller->calls->reconnects;
    if (reconnects && caller->link)
        drop_link(caller);
    /* One look at the clock per exchange: the end of one is the beginning of the next. */
    uint64_t begin_ns = clock_ns();
    while (begin_ns < deadline_ns) {
        bool is_answered = ask(caller);
        if (is_answered && reconnects)
            drop_link(caller);
        uint64_t end_ns = clock_ns();
        if (is_answered)
            latency_record(&caller->tally->latency, end_ns - begin_ns);
        else /* a server that is gone must not make a busy loop of this, beside the others */
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        begin_ns = end_ns;
    }
    caller->tally->end_ns = begin_ns;
    caller->tally->cpu_s = clock_thread_cpu_s() - before_s;
}

void caller_finish(struct caller *caller)
{
    if (caller->link)
        drop_link(caller);
    library_close(&caller->library);
    caller->redis = NULL;
}
