/* The admin socket, RUNTIME_DIR/admin.sock: how people and tools look into the daemon and steer it,
 * in Redis' protocol. Served by the main thread, which asks the workers by letters; nothing of it
 * is on a command's way. The commands are the rows of admin.def. */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/census.h"
#include "daemon/desk.h"
#include "daemon/listener.h"
#include "daemon/service.h"
#include "daemon/settings.h"

/* A setting that SET has given another value. */
struct admin_override {
    char *section; /* of a prefix, or NULL: the daemon's */
    char *name, *text;
};

struct admin {
    struct service *service;
    struct census_office *office;
    int64_t started_s;                /* of the clock on the wall */
    uint64_t started_ms;              /* of loop_now_ms */
    struct admin_override *overrides; /* since the last reload */
    size_t override_count;
    bool is_closing;
    LIST_HEAD(, order) waiting; /* for their next round */
    struct listener listener;
    struct desk desk;
};

/* Open the socket, unless these settings, which the service has not yet, want none. False with the
 * reason in the problems. */
bool admin_open(struct admin *admin, struct service *service, struct census_office *office,
                const struct settings *settings, struct problems *problems);

/* The service has other settings. */
void admin_note_settings(struct admin *admin);

/* A reload has put what the file says in their place. */
void admin_forget_overrides(struct admin *admin);

/* The daemon ends: no order is repeated any more. */
void admin_note_end(struct admin *admin);

/* Close the socket. No question may be under way. Closing what was not opened is fine. */
void admin_close(struct admin *admin);

#endif
