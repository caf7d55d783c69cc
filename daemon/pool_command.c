/* Asking for a pool by URL. See pool_command.h. */
#include "daemon/pool_command.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/memory.h"
#include "daemon/own_commands.h"

const char own_command_no_pool[] = "-POOLDENY this is the daemon's main socket, where no server "
                                   "is: send FLASKREDIS POOL <url> first, "
                                   "or connect to the socket of a prefix\r\n";

static void free_request(struct pool_request *request)
{
    explicit_bzero(request->url, request->url_len);
    free(request->url);
    free(request);
}

/* The place that was kept is taken, or given up. */
static void move(struct pool_request *request, const struct pool_table *table)
{
    static const char gone[] = "-POOLWAIT the pool was closed meanwhile\r\n";
    struct session *session = request->asker;
    struct pool *pool = pool_table_find(table, request->granted->serial);
    bool is_there = pool != NULL && !pool->is_leaving;
    const char *answer = is_there ? "+OK\r\n" : gone;
    session_finish_answer(session, answer, strlen(answer), request->is_silent);
    if (is_there && !session->is_dead && !session->closes_when_written) {
        session_move(session, pool);
    }
    atomic_fetch_sub(&request->granted->clients, 1);
    prefix_release(request->granted);
}

static void on_answer(struct mail *mail, void *receiver)
{
    struct pool_request *request = (struct pool_request *)mail;
    if (request->granted != NULL) {
        move(request, receiver);
    } else {
        session_finish_answer(request->asker, request->error, strlen(request->error),
                              request->is_silent);
    }
    free_request(request);
}

void pool_request_answer(struct pool_request *request, struct house *house)
{
    request->mail.run = on_answer;
    mailbox_post(&house->mailboxes[request->origin], &request->mail);
}

enum routed own_command_pool(struct session *session, const struct call *call)
{
    struct house *house = session->pool->prefix->house;
    if (!session->pool->prefix->is_lobby) {
        session_answer_error(session, "ERR this connection has a pool already");
        return ROUTED;
    }
    struct pool_request *request = memory_zeroed(sizeof *request);
    request->mail.run = house->on_pool_request;
    request->asker = session;
    request->is_silent = session_is_silent(session);
    request->origin = session->pool->worker;
    request->url = memory_text(call->words[2].data, call->words[2].len);
    request->url_len = call->words[2].len;
    session_begin_answer(session);
    mailbox_post(house->main, &request->mail);
    return ROUTED;
}
