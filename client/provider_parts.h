/* What the providers that talk over sockets have in common: sessions are links, and begin with the
 * same handshake. */
#ifndef FR_CLIENT_PROVIDER_PARTS_H
#define FR_CLIENT_PROVIDER_PARTS_H

#include "client/link.h"
#include "client/target.h"
#include "flaskredis/provider.h"

/* Whether it is a provider of this library, which needs no terminators behind words. */
bool fr_provider_is_ours(const FlaskRedisProvider *provider);

/* The provider to use for a URL (NULL: none): for mock:// the default one leaves it to "mock". */
const FlaskRedisProvider *fr_provider_for(const FlaskRedisProvider *provider, const char *url);

/* Introduce ourselves in a fresh session: AUTH, SELECT, CLIENT SETNAME, as the target wants. run is
 * the row execute_batch of the session's provider. */
FlaskRedisStatus fr_introduce(void *session, const struct fr_target *target,
                              FlaskRedisStatus (*run)(void *, const FlaskRedisCommand *, size_t,
                                                      redisReply **));

/* The same on a link, within the time for connecting. The link is closed on failure. */
FlaskRedisStatus fr_handshake(struct fr_link *link, const struct fr_target *target);

/* Connect to a Unix socket within connect_ms. CONNECTION: the system's reason is in errno, and in
 * the text. */
FlaskRedisStatus fr_connect_unix(const char *path, int connect_ms, int timeout_ms,
                                 struct fr_link **link);

/* Rows of the tables. */
FlaskRedisStatus fr_row_execute(void *session, const FlaskRedisCommand *command,
                                redisReply **reply);
FlaskRedisStatus fr_row_execute_checked(void *session, const FlaskRedisCommand *command,
                                        redisReply **reply);
FlaskRedisStatus fr_row_execute_batch(void *session, const FlaskRedisCommand *commands,
                                      size_t count, redisReply **replies);
FlaskRedisStatus fr_row_execute_batch_checked(void *session, const FlaskRedisCommand *commands,
                                              size_t count, redisReply **replies);
FlaskRedisStatus fr_row_send(void *session, const FlaskRedisCommand *command);
FlaskRedisStatus fr_row_receive(void *session, int timeout_ms, redisReply **message);
int fr_row_fileno(void *session);
void fr_row_forked(void *session);
void fr_row_disconnect(void *session);

#endif
