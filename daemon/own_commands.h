/* FLASKREDIS: what the daemon's sockets answer besides Redis' commands. It is a container like
 * CLIENT or CONFIG, with rows for its subcommands in own_commands.c, and the daemon's alone: no
 * server ever sees it. It does not stand in transactions, and in RESP2 not between subscriptions.
 *
 * To add one: a function beside what it is about, declared here, and a row. */
#ifndef OWN_COMMANDS_H
#define OWN_COMMANDS_H

#include "daemon/session.h"

/* Answer FLASKREDIS in any state of the session. */
enum routed own_command_route(struct session *session, const struct call *call);

/* A subcommand. The request is whole, with as many words as the row says; the session is quiet, and
 * neither in a transaction nor in a tunnel: it may be answered at once. ROUTE_LATER: call again
 * when the session has been resumed. */
typedef enum routed (*own_command)(struct session *session, const struct call *call);

/* The error to everything else on the main socket. */
extern const char own_command_no_pool[];

/* pool_command.c */
enum routed own_command_pool(struct session *session, const struct call *call);

#endif
