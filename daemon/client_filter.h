/* Which sessions CLIENT LIST and CLIENT KILL mean, and how one is described. */
#ifndef CLIENT_FILTER_H
#define CLIENT_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/session.h"

struct evbuffer;

struct client_filter {
    int64_t *ids; /* any of these; NULL: all */
    size_t id_count;
    char *address; /* NULL: any */
    char *local_address;
    char *user;
    int64_t max_age_s; /* at least this old; 0: any */
    bool has_type;
    bool is_pubsub; /* of has_type */
    bool is_nobody; /* a type that no session has */
    bool skips_asker;
};

/* Read the arguments of CLIENT LIST; answers what is wrong with them. */
bool client_filter_read_list(struct client_filter *filter, struct session *session,
                             const struct call *call);

/* Read those of CLIENT KILL, in its old and its new form. */
bool client_filter_read_kill(struct client_filter *filter, struct session *session,
                             const struct call *call);

void client_filter_finish(struct client_filter *filter);

bool client_filter_matches(const struct client_filter *filter, const struct session *session);

/* Add the session's line, as Redis 7.0 writes it. */
void client_describe(const struct session *session, struct evbuffer *out);

#endif
