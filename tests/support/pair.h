/* A server and a daemon before it: what most suites have. */
#ifndef TESTS_SUPPORT_PAIR_H
#define TESTS_SUPPORT_PAIR_H

#include "tests/support/daemon.h"
#include "tests/support/server.h"

/* Of the running case, which starts them or has others in their place. */
extern struct server *server;
extern struct daemon *pooler;

/* Start both, the daemon with the prefix REDIS and these settings of it. */
void start(const char *settings);

/* The same with arguments for the server. */
void start_with(const char *arguments, const char *settings);

/* A new client of the prefix REDIS; the second speaks RESP3. */
struct client *session(void);
struct client *session3(void);

/* Another server for the case, to be asked directly what the same commands answer, and clients of
 * it. It is started when it is asked for first. */
struct server *twin(void);
struct client *direct(void);
struct client *direct3(void);

#endif
