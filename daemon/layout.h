/* What the workers are to serve: pools, and the sockets through which clients come to them. Made by
 * the main thread, given to each worker by mail, and freed by the last who has taken it. So all
 * that a reload changes changes for a worker between two turns of its loop.
 *
 *   main thread --mail--> worker: makes what is new, changes what is there, leaves what is not
 *               --mail--> worker    |
 *               --mail--> worker    +--> the last closes the sockets nobody accepts from any more
 */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "daemon/pool.h"
#include "daemon/settings.h"

struct layout_pool {
    struct prefix *prefix;
    const struct prefix_settings *settings;
    struct prefix *replaces; /* its clients go on here; or NULL */
};

/* A socket that accepts. */
struct layout_door {
    int fd;
    char *address; /* as logs show it */
    struct prefix *prefix;
    bool is_kept; /* who comes to it while we end is served by the daemon that follows */
};

struct layout {
    _Atomic int users;
    int64_t leave_ms; /* longest time for what was begun in pools that are left */
    struct layout_pool *pools;
    size_t pool_count;
    struct layout_door *doors;
    size_t door_count;
    int *closing; /* descriptors to be closed when no worker accepts from them any more */
    size_t closing_count;
};

/* An empty one, which the caller refers to. */
struct layout *layout_create(int64_t leave_ms);

/* Add to one that nobody else has yet. Prefixes and settings are referred to from now on; the
 * descriptor is the caller's but for closing, where it is the layout's. */
void layout_add_pool(struct layout *layout, struct prefix *prefix,
                     const struct prefix_settings *settings, struct prefix *replaces);
void layout_add_door(struct layout *layout, int fd, const char *address, struct prefix *prefix,
                     bool is_kept);
void layout_add_closing(struct layout *layout, int fd);

struct layout *layout_hold(struct layout *layout);

/* From any thread. */
void layout_release(struct layout *layout);

#endif
