/* How many clients of a prefix hear a channel beyond the connections the server knows of. A hub is
 * one subscriber to the server, whoever listens behind it; what PUBLISH answers is corrected by
 * this.
 *
 * Shared by the workers, behind a lock. Nobody takes it while no channel has a surplus, which is
 * what a worker looks at first: so it costs nothing where each channel has one listener, or none.
 */
#ifndef AUDIENCE_H
#define AUDIENCE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be subscribed to. The server counts channels and patterns together, shard channels
 * apart. */
enum topic_kind {
    TOPIC_CHANNEL,
    TOPIC_PATTERN,
    TOPIC_SHARD,
    TOPIC_KINDS
};

struct surplus;

struct audience {
    pthread_mutex_t mutex;
    _Atomic int64_t entries;                /* names with a surplus */
    struct surplus *surpluses[TOPIC_KINDS]; /* hash by name */
};

void audience_init(struct audience *audience);
void audience_finish(struct audience *audience);

/* A worker's clients of this name, less the connection they share, are so many more than before. */
void audience_add(struct audience *audience, enum topic_kind kind, const char *name, size_t len,
                  int64_t more);

/* Whether any name has a surplus. */
bool audience_matters(const struct audience *audience);

/* The surplus of a name. */
int64_t audience_of(struct audience *audience, enum topic_kind kind, const char *name, size_t len);

/* What is to be added to the number of those who got a message of this channel: the surplus of the
 * channel and of all patterns that match it, or that of the shard channel alone. */
int64_t audience_of_message(struct audience *audience, enum topic_kind kind, const char *name,
                            size_t len);

#endif
