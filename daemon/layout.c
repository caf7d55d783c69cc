/* What is served, as a list. See layout.h. */
#include "daemon/layout.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/memory.h"

struct layout *layout_create(int64_t leave_ms)
{
    struct layout *layout = memory_zeroed(sizeof *layout);
    atomic_store(&layout->users, 1);
    layout->leave_ms = leave_ms;
    return layout;
}

void layout_add_pool(struct layout *layout, struct prefix *prefix,
                     const struct prefix_settings *settings, struct prefix *replaces)
{
    layout->pools = memory_resize(layout->pools, (layout->pool_count + 1) * sizeof *layout->pools);
    layout->pools[layout->pool_count++] =
        (struct layout_pool){.prefix = prefix_hold(prefix),
                             .settings = settings_hold(settings),
                             .replaces = replaces == NULL ? NULL : prefix_hold(replaces)};
}

void layout_add_door(struct layout *layout, int fd, const char *address, struct prefix *prefix,
                     bool is_kept)
{
    layout->doors = memory_resize(layout->doors, (layout->door_count + 1) * sizeof *layout->doors);
    layout->doors[layout->door_count++] =
        (struct layout_door){.fd = fd,
                             .address = memory_text(address, strlen(address)),
                             .prefix = prefix_hold(prefix),
                             .is_kept = is_kept};
}

void layout_add_closing(struct layout *layout, int fd)
{
    layout->closing =
        memory_resize(layout->closing, (layout->closing_count + 1) * sizeof *layout->closing);
    layout->closing[layout->closing_count++] = fd;
}

struct layout *layout_hold(struct layout *layout)
{
    atomic_fetch_add(&layout->users, 1);
    return layout;
}

void layout_release(struct layout *layout)
{
    if (atomic_fetch_sub(&layout->users, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < layout->pool_count; i++) {
        settings_release(layout->pools[i].settings);
        prefix_release(layout->pools[i].prefix);
        prefix_release(layout->pools[i].replaces);
    }
    for (size_t i = 0; i < layout->door_count; i++) {
        prefix_release(layout->doors[i].prefix);
        free(layout->doors[i].address);
    }
    for (size_t i = 0; i < layout->closing_count; i++) {
        close(layout->closing[i]);
    }
    free(layout->pools);
    free(layout->doors);
    free(layout->closing);
    free(layout);
}
