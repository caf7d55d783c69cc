/* The subcommands of FLASKREDIS, and its errors, which are worded as Redis' for its containers
 * (server.c, networking.c, 7.0). See own_commands.h. */
#include "daemon/own_commands.h"

#include "daemon/attach.h"
#include "daemon/router.h"

struct own_command {
    const char *name;      /* lower case */
    const char *arguments; /* as HELP shows them, or "" */
    int arity;             /* words with FLASKREDIS and name; negative: at least so many */
    own_command run;
    const char *help; /* one line */
};

static enum routed on_help(struct session *session, const struct call *call);

static const struct own_command commands[] = {
    {"attach", "<version> <request ring bytes> <reply ring bytes>", 5, attach_run,
     "Pass requests and replies through shared memory from now on."},
    {"help", "", 2, on_help, "Print this help."},
    {"pool", "<url>", 3, own_command_pool, "Speak with the server of this URL from now on."},
};

#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* As addReplyHelp() of Redis: lines of status replies, two for each subcommand. */
static enum routed on_help(struct session *session, const struct call *call)
{
    (void)call;
    session_answerf(session, "*%zu\r\n", 1 + 2 * COMMAND_COUNT);
    session_answer_text(session,
                        "+FLASKREDIS <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char name[32];
        size_t len = 0;
        for (; len < sizeof name - 1 && commands[i].name[len] != '\0'; len++) {
            name[len] = (char)(commands[i].name[len] - 'a' + 'A');
        }
        name[len] = '\0';
        session_answerf(session, "+%s%s%s\r\n", name, commands[i].arguments[0] == '\0' ? "" : " ",
                        commands[i].arguments);
        session_answerf(session, "+    %s\r\n", commands[i].help);
    }
    return ROUTED;
}

static const struct own_command *find(const struct fr_word *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (word_is(name, commands[i].name)) {
            return &commands[i];
        }
    }
    return NULL;
}

static bool has_right_count(const struct call *call, int arity)
{
    return arity > 0 ? call->argc == (uint32_t)arity : call->argc >= (uint32_t)-arity;
}

static enum routed route(struct session *session, const struct call *call)
{
    if (call->argc < 2) {
        session_answer_error(session, "ERR wrong number of arguments for 'flaskredis' command");
        return ROUTED;
    }
    const struct own_command *command = find(&call->words[1]);
    if (command == NULL) {
        int shown = call->words[1].len > 128 ? 128 : (int)call->words[1].len;
        session_answer_error(session, "ERR unknown subcommand '%.*s'. Try FLASKREDIS HELP.", shown,
                             call->words[1].data);
        return ROUTED;
    }
    if (!has_right_count(call, command->arity)) {
        session_answer_error(session, "ERR wrong number of arguments for 'flaskredis|%s' command",
                             command->name);
        return ROUTED;
    }
    return command->run(session, call);
}

/* The error that the session's state makes of all of them; NULL: none. */
static const char *obstacle(const struct session *session, const struct call *call)
{
    if (!call->is_whole) {
        return "-POOLBIG 'flaskredis' is too large (setting \"large_request\"); not executed\r\n";
    }
    if (session_is_tunnel(session)) {
        return "-ERR 'flaskredis' is not possible on a connection in this state\r\n";
    }
    if (session->lease != NULL && session->lease->state == LEASE_QUEUEING) {
        return "-ERR Command not allowed inside a transaction\r\n";
    }
    if (session->proto == 2 && session_is_subscribed(session)) {
        return "-ERR Can't execute 'flaskredis': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / "
               "QUIT / RESET are allowed in this context\r\n";
    }
    return NULL;
}

enum routed own_command_route(struct session *session, const struct call *call)
{
    if (!session_is_quiet(session)) {
        return ROUTE_LATER;
    }
    const char *error = obstacle(session, call);
    return error == NULL ? route(session, call) : router_answer_instead(session, call, error);
}
