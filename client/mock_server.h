/* Engines in memory, and the connections of sessions to them: what a server and a socket are to the
 * other providers.
 *
 * Any thread may use a server; a link belongs to one at a time. */
#ifndef FR_CLIENT_MOCK_SERVER_H
#define FR_CLIENT_MOCK_SERVER_H

#include "client/engine.h"
#include "common/mock/mock.h"
#include "flaskredis/mock.h"
#include "flaskredis/provider.h"

struct fr_mock_link;

/* The server of an engine (of sessions, engine.h), NULL when its provider is another. */
FlaskRedisMock *fr_mock_of_engine(const struct fr_engine *engine);

/* Find or make the server of a name; NULL: one that is nobody else's. The caller holds it. */
FlaskRedisStatus fr_mock_server_get(const char *name, FlaskRedisMock **server);

/* Hold it, and let it go; the last one to do so frees it. NULL is fine. */
void fr_mock_server_hold(FlaskRedisMock *server);
void fr_mock_server_release(FlaskRedisMock *server);

/* Let a function do something with the engine. NO_MEMORY: it ended in the middle, and the server
 * begins anew without data. */
FlaskRedisStatus fr_mock_server_do(FlaskRedisMock *server, void (*order)(struct fr_mock *, void *),
                                   void *arg);

/* Connect. timeout_ms: the longest wait for an answer, -1 for ever. */
FlaskRedisStatus fr_mock_link_open(FlaskRedisMock *server, int timeout_ms,
                                   struct fr_mock_link **made);
void fr_mock_link_close(struct fr_mock_link *link);

/* Run commands one after the other. On failure replies that came are in their places. TIMEOUT,
 * CONNECTION, NO_MEMORY: maybe_executed is false only if none of them has run. */
FlaskRedisStatus fr_mock_link_run(struct fr_mock_link *link, const FlaskRedisCommand *commands,
                                  size_t count, redisReply **replies);

/* Give a command whose answers fr_mock_link_receive takes. */
FlaskRedisStatus fr_mock_link_send(struct fr_mock_link *link, const FlaskRedisCommand *command);

/* Take the next answer or message, waiting for at most timeout_ms (0: not at all, negative: for
 * ever). OK with *reply NULL: none came. */
FlaskRedisStatus fr_mock_link_receive(struct fr_mock_link *link, int timeout_ms,
                                      redisReply **reply);

/* A descriptor that is readable when there may be something to receive; -1: none can be made. */
int fr_mock_link_fileno(struct fr_mock_link *link);

/* Around fork(): all locks are held from before until after. Links are parted with in the child,
 * one by one, before that. */
void fr_mock_before_fork(void);
void fr_mock_after_fork(void);
void fr_mock_link_forked(struct fr_mock_link *link);

#endif
