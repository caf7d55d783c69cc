/* Transactions that go on whole. See block.h. */
#include "daemon/block.h"

#define BLOCK_LEN_MAX (64 * 1024)

static bool may_stand_inside(const struct session *session, const struct fr_command *command,
                             uint32_t argc)
{
    bool is_unknown_sub = command->flags & FR_FLAG_CONTAINER && argc > 1;
    return !is_unknown_sub && command->block == FR_BLOCK_OK &&
           !session->pool->is_denied[command->id];
}

/* A DISCARD that the server refuses leaves the transaction open, unlike EXEC: it takes a lease. */
static bool ends_block(const struct session *session, const struct fr_command *command,
                       uint32_t argc)
{
    return command->id == FR_CMD_EXEC && argc == 1 && !session->pool->is_denied[command->id];
}

/* Add the request at data, which stands or falls with MULTI. NULL: there is no whole one, it is
 * written in another way than as a small array, exceeds a limit, or the table lacks it. */
static const struct fr_command *add_next(const struct prefix_settings *settings,
                                         struct request_run *block, size_t len, uint32_t *argc)
{
    const struct fr_request_limits limits = {settings->args_max, settings->bulk_max, false};
    struct fr_request request;
    const char *at = block->data + block->len;
    if (!fr_request_take(&request, at, len - block->len, &limits)) {
        return NULL;
    }
    const struct fr_command *command = request_command(&request, at);
    block->parts[block->count++] = (struct request_part){
        .len = (uint32_t)request.scanned, .flags = SLOT_JOINED, .command = command};
    block->len += request.scanned;
    *argc = request.argc;
    return command;
}

void block_begin(struct request_run *block, size_t multi_len, const struct fr_command *multi)
{
    block->parts[0] = (struct request_part){.len = (uint32_t)multi_len, .command = multi};
    block->count = 1;
    block->len = multi_len;
}

bool block_find(const struct session *session, size_t len, struct request_run *block)
{
    const struct prefix_settings *settings = session->pool->context.settings;
    uint32_t argc = 0;
    len = len < BLOCK_LEN_MAX ? len : BLOCK_LEN_MAX;
    while (block->count < BLOCK_COUNT_MAX) {
        const struct fr_command *command = add_next(settings, block, len, &argc);
        if (command == NULL) {
            return false;
        }
        if (ends_block(session, command, argc)) {
            block->parts[block->count - 1].flags |= SLOT_CLOSES;
            return true;
        }
        if (!may_stand_inside(session, command, argc)) {
            return false;
        }
    }
    return false;
}

/* CLIENT REPLY SKIP before it was for MULTI alone. */
static void send_skipped(struct session *session, struct upstream *upstream,
                         const struct request_run *block)
{
    size_t multi_len = block->parts[0].len;
    struct request_run multi = {block->data, multi_len, 1, block->parts};
    struct request_run rest = {block->data + multi_len, block->len - multi_len, block->count - 1,
                               block->parts + 1};
    session_send_run(session, upstream, &multi);
    session->skips_this = false;
    session_send_run(session, upstream, &rest);
}

static enum routed send_block(struct session *session, const struct request_run *block)
{
    struct upstream *upstream = NULL;
    if (session_want_shared(session, block->count, &upstream) == ROUTE_LATER) {
        return ROUTE_LATER;
    }
    session->taken_behind = block->len - block->parts[0].len;
    if (upstream == NULL) {
        return ROUTED; /* all of it has been answered */
    }
    if (session->skips_this) {
        send_skipped(session, upstream, block);
    } else {
        session_send_run(session, upstream, block);
    }
    return ROUTED;
}

bool block_route(struct session *session, const struct call *multi, enum routed *routed)
{
    struct request_part parts[BLOCK_COUNT_MAX];
    struct request_run block = {.data = multi->frame, .parts = parts};
    block_begin(&block, multi->len, multi->command);
    bool is_block = block_find(session, multi->len + multi->behind_len, &block);
    if (is_block) {
        *routed = send_block(session, &block);
    }
    return is_block;
}
