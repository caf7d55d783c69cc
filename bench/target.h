/* What is measured: the address of a server or a pooler, and the value that is read from it. */
#ifndef BENCH_TARGET_H
#define BENCH_TARGET_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sys/time.h>

#include <hiredis/hiredis.h>

#define TARGET_KEY "flaskredis:bench"
#define TARGET_VALUE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define TARGET_VALUE_LEN (sizeof(TARGET_VALUE) - 1)

_Static_assert(TARGET_VALUE_LEN == 64, "the benchmark is about values of 64 bytes");

/* A target that does not answer becomes an error, not a benchmark that hangs. */
#define TARGET_LIMIT_S 10

struct target {
    const char *socket_path; /* or, when NULL: */
    const char *host;
    int port;
};

/* Cut HOST:PORT at its last colon; host points into text. Returns whether it was an address. */
static inline bool target_parse(char *text, struct target *target)
{
    char *colon = strrchr(text, ':');
    if (!colon || colon == text)
        return false;
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (*end || port < 1 || port > 65535)
        return false;
    *colon = '\0';
    target->host = text;
    target->port = (int)port;
    return true;
}

/* Returns NULL when there is no memory; otherwise err of the context says how it went. The caller
 * frees it. */
static inline redisContext *target_connect(const struct target *target)
{
    struct timeval limit = {.tv_sec = TARGET_LIMIT_S};
    redisContext *link = target->socket_path
                             ? redisConnectUnixWithTimeout(target->socket_path, limit)
                             : redisConnectWithTimeout(target->host, target->port, limit);
    if (link && !link->err)
        redisSetTimeout(link, limit);
    return link;
}

/* The same for who needs the connection: NULL, after saying why, when there is none. */
static inline redisContext *target_connect_or_say(const struct target *target)
{
    redisContext *link = target_connect(target);
    if (link && !link->err)
        return link;
    fprintf(stderr, "load: connect failed: %s\n", link ? link->errstr : "out of memory");
    redisFree(link);
    return NULL;
}

/* Run one command on a connection. Returns whether the reply has this type, after saying what it
 * was otherwise. */
static inline bool target_answers(redisContext *link, int type, const char *verb, const char *value)
{
    redisReply *reply = value ? redisCommand(link, "%s %s %s", verb, TARGET_KEY, value)
                              : redisCommand(link, "%s %s", verb, TARGET_KEY);
    bool as_hoped = reply && reply->type == type;
    if (!as_hoped)
        fprintf(stderr, "load: %s failed: %s\n", verb,
                reply && reply->type == REDIS_REPLY_ERROR ? reply->str : link->errstr);
    freeReplyObject(reply);
    return as_hoped;
}

static inline bool target_value_is(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_STRING && (size_t)reply->len == TARGET_VALUE_LEN &&
           memcmp(reply->str, TARGET_VALUE, TARGET_VALUE_LEN) == 0;
}

#endif
