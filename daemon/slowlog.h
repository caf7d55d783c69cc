/* The last commands that took longer than "slow_ms", the time they waited here apart from that of
 * the server. Names only: what commands carry is nobody's business. One for each pool. */
#ifndef SLOWLOG_H
#define SLOWLOG_H

#include <stdint.h>

#define SLOWLOG_CAP 128

struct slow_command {
    uint64_t number;    /* counts up; 0: none */
    int64_t at_ms;      /* when its reply had come, of the clock on the wall */
    uint64_t client;    /* id */
    const char *name;   /* of the table; NULL: one that is not in it */
    uint32_t queued_us; /* until it was written to the server */
    uint32_t server_us; /* until its reply had come */
};

struct slowlog {
    struct slow_command *commands; /* a ring of SLOWLOG_CAP, made with the first; or NULL */
    uint64_t count;                /* of all there have been */
};

/* Note one; number and at_ms are filled in. */
void slowlog_note(struct slowlog *slowlog, const struct slow_command *command);

/* Number i from the newest, 0 the last one; NULL: there are no more. */
const struct slow_command *slowlog_at(const struct slowlog *slowlog, unsigned i);

/* Take in those of another, each in the place of its time; the oldest of both go first. */
void slowlog_merge(struct slowlog *slowlog, const struct slowlog *other);

/* Forget them. */
void slowlog_clear(struct slowlog *slowlog);

#endif
