/* The pools on URLs of clients: made when a client asks for one, shared by those who bring the very
 * same URL, closed when nobody has used them for "client_pool_idle_ms". The main thread's. */
#ifndef CLIENT_POOLS_H
#define CLIENT_POOLS_H

#include <stdint.h>
#include <sys/queue.h>

#include <event2/event_struct.h>

#include "common/url.h"
#include "daemon/layout.h"
#include "daemon/mailbox.h"

struct service;

struct client_pool {
    LIST_ENTRY(client_pool) link;
    char *key; /* of the URL, password included */
    struct fr_url url;
    struct settings *settings;
    struct prefix *prefix;
    uint64_t idle_since_ms; /* 0: it has clients */
};

struct client_pools {
    LIST_HEAD(, client_pool) items;
    int64_t count;
    struct event tick;
};

/* Begin to take requests. The service's base, house and mailbox stand. */
void client_pools_open(struct service *service);

/* Close all; the workers have ended. */
void client_pools_close(struct service *service);

/* The service's settings have changed: give up pools they do not allow any more, and have the
 * others follow. Nobody is told yet. */
void client_pools_use_settings(struct service *service);

/* Add them to what is served. */
void client_pools_add(const struct service *service, struct layout *layout);

#endif
