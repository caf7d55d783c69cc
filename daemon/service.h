/* The daemon as a whole, as the main thread has it: what is configured, what is served, and by
 * which workers. Touched by the main thread alone. */
#ifndef SERVICE_H
#define SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/client_pools.h"
#include "daemon/layout.h"
#include "daemon/listener.h"
#include "daemon/pool.h"
#include "daemon/settings.h"
#include "daemon/supervision.h"
#include "daemon/worker.h"

struct event_base;

/* What is served by the workers' pools, in the order of the settings. */
struct service_pool {
    struct prefix *prefix;
    const struct prefix_settings *settings; /* of the service's */
};

struct service {
    const char *config; /* the file, or NULL: the environment alone */
    struct settings *settings;
    struct listeners listeners;
    struct service_pool *pools;
    size_t pool_count;
    struct prefix *lobby; /* of the main socket */
    struct client_pools client_pools;
    struct house house;
    struct mailbox mailbox; /* of the main thread */
    struct worker *workers;
    int worker_count;
    struct event_base *base;
    struct supervision supervision;
    bool is_ending;
};

/* Make what the main thread has before anything is served: the base, house and workers stand. False
 * with errno when the system refuses. */
bool service_open(struct service *service);

/* Read the configuration. NULL with what is wrong in the problems. */
struct settings *service_read(const struct service *service, struct problems *problems);

/* Serve what these settings say, from now on; the service has them then. Clients of what does not
 * change notice nothing. False with what cannot be had in the problems: everything stays as it was,
 * and the settings are the caller's. What the settings say must be possible without a restart, if
 * the service has others. */
bool service_use(struct service *service, struct settings *settings, struct problems *problems);

/* Tell the workers what is served, when that has changed otherwise. */
void service_publish(struct service *service);

/* The prefix of this name as it is served now; NULL: there is none. */
struct prefix *service_prefix(const struct service *service, const char *name);

/* Give up what is served; the workers have ended. */
void service_finish(struct service *service);

#endif
