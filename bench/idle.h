/* Connections that were used once and are kept. */
#ifndef BENCH_IDLE_H
#define BENCH_IDLE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <sys/resource.h>

#include <hiredis/hiredis.h>

#include "bench/target.h"

/* As many connections as the hard limit of descriptors allows. */
static inline void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static inline void wait_for_end_of_input(void)
{
    char unused[256];
    while (read(STDIN_FILENO, unused, sizeof(unused)) > 0)
        continue;
}

/* Open connections one after the other, each with one GET answered, so that all are accepted and
 * have used what a connection uses. Returns how many were opened. */
static inline unsigned open_idle(const struct target *target, unsigned connections,
                                 redisContext **links)
{
    for (unsigned i = 0; i < connections; i++) {
        links[i] = target_connect_or_say(target);
        if (!links[i] || !target_answers(links[i], REDIS_REPLY_STRING, "GET", NULL))
            return i;
    }
    return connections;
}

static inline bool idle_run(const struct target *target, unsigned connections)
{
    raise_descriptor_limit();
    redisContext **links = calloc(connections, sizeof(redisContext *));
    if (!links) {
        fprintf(stderr, "load: out of memory\n");
        return false;
    }
    unsigned count = open_idle(target, connections, links);
    printf("%s %u\n", count == connections ? "ready" : "failed", count);
    fflush(stdout);
    if (count == connections)
        wait_for_end_of_input();
    for (unsigned i = 0; i < connections && links[i]; i++)
        redisFree(links[i]);
    free(links);
    return count == connections;
}

#endif
