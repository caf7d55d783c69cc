/* See pair.h. */
#include "tests/support/pair.h"

#include <stddef.h>

#include "tests/support/suite.h"

struct server *server;
struct daemon *pooler;

static struct server *twin_server; /* of the running case; NULL: not yet */

void start_with(const char *arguments, const char *settings)
{
    server = server_start(arguments);
    pooler = daemon_start_redis(server_url(server), settings);
}

void start(const char *settings)
{
    start_with(NULL, settings);
}

struct client *session(void)
{
    return daemon_client(pooler, "redis");
}

struct client *session3(void)
{
    return daemon_client3(pooler);
}

static void forget_twin(void *unused)
{
    (void)unused;
    twin_server = NULL;
}

struct server *twin(void)
{
    if (twin_server == NULL) {
        twin_server = server_start(NULL);
        case_defer(forget_twin, NULL);
    }
    return twin_server;
}

struct client *direct(void)
{
    return server_client(twin());
}

struct client *direct3(void)
{
    struct client *client = direct();
    EXPECT_CALL_BEGINS(client, "HELLO 3", "%7\r\n");
    return client;
}
