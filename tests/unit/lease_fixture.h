/* Clients of a pool who ask for connections, wait for them and give them back. */
#ifndef TESTS_UNIT_LEASE_FIXTURE_H
#define TESTS_UNIT_LEASE_FIXTURE_H

#include "daemon/lease.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/pool_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum {
    CLIENTS_MAX = 2 * QUOTA_KINDS
};

struct client {
    struct lease_waiter waiter; /* first: found by its address */
    struct lease_holder holder;
    struct lease *lease;
    bool has_lost;
    char error[600];
};

static struct client clients[CLIENTS_MAX];
static struct client *const a
    __attribute__((unused)) = &clients[0],
    *const b __attribute__((unused)) = &clients[1], *const c __attribute__((unused)) = &clients[2],
    *const d __attribute__((unused)) = &clients[3];
static struct bytes granted; /* the names of clients, in the order in which they were served */

static inline void ignore_reply(struct reply_sink *sink, const struct reply_part *part)
{
    (void)sink, (void)part;
}

static int failures;

static inline void count_failure(struct reply_sink *sink, const struct slot *slot,
                                 const char *error, bool is_cut)
{
    (void)sink, (void)slot, (void)is_cut;
    failures += strncmp(error, "-POOLLOST ", 10) == 0 || strncmp(error, "-POOLDOWN ", 10) == 0;
}

static const struct reply_sink_ops sink_ops = {ignore_reply, count_failure};
static struct reply_sink sink = {.ops = &sink_ops};

static inline void on_lost(struct lease_holder *holder)
{
    for (int i = 0; i < CLIENTS_MAX; i++) {
        clients[i].has_lost = clients[i].has_lost || &clients[i].holder == holder;
    }
}

static inline void on_granted(struct lease_waiter *waiter, struct lease *lease)
{
    struct client *client = (struct client *)(void *)waiter;
    char name = (char)('a' + (client - clients));
    client->lease = lease;
    client->holder = (struct lease_holder){.sink = &sink, .on_lost = on_lost};
    lease->holder = &client->holder;
    bytes_add(&granted, &name, 1);
}

static inline void on_refused(struct lease_waiter *waiter, const char *error)
{
    struct client *client = (struct client *)(void *)waiter;
    snprintf(client->error, sizeof(client->error), "%s", error);
}

static inline void give_back(struct client *client)
{
    struct lease *lease = client->lease;
    client->lease = NULL;
    lease_release(lease);
}

static inline void release_clients(void *what)
{
    (void)what;
    for (int i = 0; i < CLIENTS_MAX; i++) {
        lease_forget(&clients[i].waiter);
    }
    for (int i = 0; i < CLIENTS_MAX; i++) {
        give_back(&clients[i]);
    }
    bytes_finish(&granted);
}

static inline void begin_at(const char *url)
{
    memset(clients, 0, sizeof(clients));
    fixture_begin_at(url);
    case_defer(release_clients, NULL);
}

static inline void begin(void)
{
    begin_at(NULL);
}

static inline void ask(struct client *client, enum quota_kind kind, int64_t db)
{
    struct lease_waiter *waiter = &client->waiter;
    waiter->route = route_to(db);
    waiter->kind = kind;
    waiter->on_granted = on_granted;
    waiter->on_refused = on_refused;
    client->error[0] = '\0';
    client->has_lost = false;
    struct lease *lease = lease_acquire(&fixture.pool, waiter);
    if (lease != NULL) {
        on_granted(waiter, lease);
    }
}

static inline void get(struct client *client, enum quota_kind kind, int64_t db)
{
    ask(client, kind, db);
    EXPECT_SOON(client->lease != NULL);
}

static inline int64_t used(enum quota_kind kind)
{
    return atomic_load(&fixture.prefix.quotas[kind].used);
}

static inline int64_t waiting(enum quota_kind kind)
{
    return atomic_load(&fixture.prefix.quotas[kind].waiting);
}

static inline bool is_refused(const struct client *client)
{
    return client->error[0] != '\0';
}

#endif
