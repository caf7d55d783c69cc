/* Finding and sending requests that go on together. See run.h. */
#include "daemon/run.h"

#include <string.h>

#include "daemon/pause.h"

/* Plain requests of a run, and bytes of it, before a last one or a last block. */
#define RUN_COUNT_MAX 128
#define RUN_LEN_MAX (size_t)(64 * 1024)

/* ---------------------------------------------------------------------------- what is plain
 */

/* The session's own connection to the server stands, is being read, and is where it speaks. */
static bool has_way(const struct session *session)
{
    const struct upstream *upstream = session->lane == NULL ? NULL : session->lane->upstream;
    return upstream != NULL && upstream_is_ready(upstream) && !upstream->is_stuffed &&
           (session->outstanding == 0 || session->spoken_on == upstream);
}

/* Nothing but the request itself says where it goes, and its reply is the client's as it comes. */
static bool is_plain_session(const struct session *session)
{
    bool is_bound = session->lease != NULL || session->is_barred || session->refusal != NULL ||
                    session->lost != LOST_NOTHING || !session->is_authenticated;
    bool is_silent = session_is_silent(session) || session->skips_next;
    bool is_within = session->stream != STREAM_NONE || fr_request_is_begun(&session->request);
    bool is_subscribed = session_is_subscribed(session) || session_uses_hub(session);
    return !is_bound && !is_silent && !is_within && !is_subscribed && has_way(session) &&
           !session_prefers_lease(session) && !pause_concerns(session);
}

/* May share a connection whatever words it has, and nobody corrects its reply. */
static bool is_plain_command(const struct fr_command *command)
{
    static const bool is_counted[FR_CMD_COUNT] = {
        [FR_CMD_PUBLISH] = true,
        [FR_CMD_SPUBLISH] = true,
        [FR_CMD_PUBSUB_NUMSUB] = true,
        [FR_CMD_PUBSUB_SHARDNUMSUB] = true,
    };
    return command->handler == FR_HANDLER_SHARED && !(command->flags & FR_FLAG_CONTAINER) &&
           !is_counted[command->id];
}

/* ---------------------------------------------------------------------------------- finding a run
 */

/* What has been found, and where to look on. */
struct search {
    const struct session *session;
    const char *end; /* of the input */
    struct fr_request_limits limits;
    uint32_t most;
    struct fr_word name; /* of the last request, if it says all that is looked up; or empty */
    struct request_run run;
    struct request_part parts[RUN_COUNT_MAX + BLOCK_COUNT_MAX];
};

static void add(struct search *search, size_t len, const struct fr_command *command)
{
    struct request_run *run = &search->run;
    run->parts[run->count++] = (struct request_part){.len = (uint32_t)len, .command = command};
    run->len += len;
}

/* The transaction that this MULTI begins, if it may go on whole. */
static bool add_block(struct search *search, size_t multi_len, const struct fr_command *multi)
{
    struct request_run *run = &search->run;
    struct request_run block = {.data = run->data + run->len, .parts = run->parts + run->count};
    block_begin(&block, multi_len, multi);
    if (!block_find(search->session, (size_t)(search->end - block.data), &block)) {
        return false;
    }
    run->count += block.count;
    run->len += block.len;
    return true;
}

/* Nearly always the last request's command is asked for again: then it is known what it is, and
 * that it is plain. */
static bool is_repeated(const struct search *search, const struct fr_request *request,
                        const char *frame)
{
    return search->name.len > 0 && search->name.len == request->word_len[0] &&
           memcmp(frame + request->word_at[0], search->name.data, search->name.len) == 0;
}

static void note_name(struct search *search, const struct fr_request *request, const char *frame,
                      const struct fr_command *command)
{
    bool has_sub = command->name[request->word_len[0]] != '\0';
    search->name.data = frame + request->word_at[0];
    search->name.len = has_sub ? 0 : request->word_len[0];
}

/* Add the next request, or the block that begins with it. */
static bool add_next(struct search *search)
{
    struct fr_request request;
    const char *at = search->run.data + search->run.len;
    if (!fr_request_take(&request, at, (size_t)(search->end - at), &search->limits)) {
        return false;
    }
    if (is_repeated(search, &request, at)) {
        add(search, request.scanned, search->parts[search->run.count - 1].command);
        return true;
    }
    const struct fr_command *command = request_command(&request, at);
    if (command == NULL || search->session->pool->is_denied[command->id]) {
        return false;
    }
    if (is_plain_command(command)) {
        add(search, request.scanned, command);
        note_name(search, &request, at, command);
        return true;
    }
    search->name.len = 0;
    return command->id == FR_CMD_MULTI && request.argc == 1 &&
           add_block(search, request.scanned, command);
}

static void find(struct search *search)
{
    struct request_run *run = &search->run;
    while (run->count < search->most && run->len < RUN_LEN_MAX && add_next(search)) {
    }
}

/* ------------------------------------------------------------------------------------- sending it
 */

/* How many requests may be sent: none also when more are outstanding than may be, as after the
 * number was lowered. The next one then goes through the router, and stops the session. */
static uint32_t room(const struct session *session, int64_t most)
{
    int64_t left = (int64_t)session_most(session) - (int64_t)session->outstanding;
    most = most < RUN_COUNT_MAX ? most : RUN_COUNT_MAX;
    left = left < most ? left : most;
    return left > 0 ? (uint32_t)left : 0;
}

size_t run_send(struct session *session, const char *data, size_t len, int64_t *most)
{
    if (!is_plain_session(session)) {
        return 0;
    }
    const struct prefix_settings *settings = session->pool->context.settings;
    struct search search; /* its parts are not worth being cleared */
    search.session = session;
    search.end = data + len;
    search.limits = (struct fr_request_limits){settings->args_max, settings->bulk_max, false};
    search.most = room(session, *most);
    search.name = (struct fr_word){0};
    search.run = (struct request_run){.data = data, .parts = search.parts};
    find(&search);
    if (search.run.count > 0) {
        session_send_run(session, session->lane->upstream, &search.run);
        session->last_command = search.parts[search.run.count - 1].command;
        *most -= search.run.count;
    }
    return search.run.len;
}
