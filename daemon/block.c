/* A transaction that has arrived whole: MULTI ... EXEC in one piece of input goes on the shared
 * lane in one piece, and needs no connection of its own. What the server answers to each of its
 * requests is passed on as always.
 *
 * Nothing else may come between its requests, and they share one fate: if the connection is lost
 * when some of them had been written, the others are not written to the next one, where they would
 * run without their MULTI. */
#include "daemon/router.h"

#define BLOCK_LEN_MAX (64 * 1024)

static const struct fr_request_limits limits = {.args_max = BLOCK_LEN_MAX,
                                                .bulk_max = BLOCK_LEN_MAX};

/* Read the request at the beginning of data as a call. False: there is no whole one, or it is
 * written in another way than as an array. */
static bool read_call(const char *data, size_t len, struct call *call)
{
    struct fr_request request = {0};
    bool is_whole = fr_request_scan(&request, data, len, &limits) == FR_FRAME_DONE;
    if (!is_whole || request.is_inline || request.argc == 0) {
        return false;
    }
    *call = (struct call){
        .frame = data, .len = request.scanned, .is_whole = true, .argc = request.argc};
    call_fill(call, &request);
    return true;
}

static bool may_stand_inside(const struct session *session, const struct call *call)
{
    const struct fr_command *command = call->command;
    bool is_unknown_sub = command != NULL && command->flags & FR_FLAG_CONTAINER && call->argc > 1;
    return command != NULL && !is_unknown_sub && command->block == FR_BLOCK_OK &&
           !session->pool->is_denied[command->id];
}

static bool ends_block(const struct session *session, const struct call *call)
{
    return call->command != NULL && call->command->block == FR_BLOCK_END && call->argc == 1 &&
           !session->pool->is_denied[call->command->id];
}

bool block_find(const struct session *session, const struct call *multi, struct block *block)
{
    struct call call;
    block->len = multi->len;
    block->count = 1;
    block->parts[0] = (struct block_part){multi->len, multi->command};
    const char *at = multi->frame + multi->len;
    size_t left = multi->behind_len < BLOCK_LEN_MAX ? multi->behind_len : BLOCK_LEN_MAX;
    while (block->count < BLOCK_COUNT_MAX && read_call(at, left, &call)) {
        block->len += call.len;
        block->parts[block->count++] = (struct block_part){call.len, call.command};
        at += call.len;
        left -= call.len;
        if (ends_block(session, &call)) {
            return true;
        }
        if (!may_stand_inside(session, &call)) {
            return false;
        }
    }
    return false;
}

enum routed block_send(struct session *session, const struct call *multi, const struct block *block)
{
    struct upstream *upstream = NULL;
    if (session_want_shared(session, block->count, &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    session->taken_behind = block->len - multi->len;
    if (upstream == NULL) {
        return ROUTED; /* all of it has been answered */
    }
    const char *at = multi->frame;
    for (uint32_t i = 0; i < block->count; i++) {
        struct call call = {.frame = at,
                            .len = block->parts[i].len,
                            .is_whole = true,
                            .command = block->parts[i].command};
        session_send_on(session, upstream, &call, TAG_NONE, i > 0 ? SLOT_JOINED : 0);
        session->skips_this = false; /* CLIENT REPLY SKIP was for MULTI alone */
        at += call.len;
    }
    return ROUTED;
}
