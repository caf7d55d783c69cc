/* Names to addresses through libevent's resolver. See resolve.h. */
#include "daemon/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <event2/dns.h>
#include <event2/util.h>

#include "daemon/loop.h"
#include "daemon/memory.h"

/* A query outlives its asker when that one gives up: libevent reports the cancellation later. */
struct query {
    struct resolve *asker; /* NULL: given up */
    struct evdns_getaddrinfo_request *request;
};

static void take_path(struct resolve *resolve, const char *path)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%s", path);
    memcpy(&resolve->addresses[0].sockaddr, &un, sizeof un);
    resolve->addresses[0].len = sizeof un;
    resolve->count = 1;
}

static void take_addresses(struct resolve *resolve, const struct evutil_addrinfo *found)
{
    resolve->count = 0;
    for (; found != NULL && resolve->count < ADDRESSES_MAX; found = found->ai_next) {
        struct address *address = &resolve->addresses[resolve->count++];
        memcpy(&address->sockaddr, found->ai_addr, found->ai_addrlen);
        address->len = (socklen_t)found->ai_addrlen;
    }
}

static void on_answer(int result, struct evutil_addrinfo *found, void *arg)
{
    struct query *query = arg;
    struct resolve *asker = query->asker;
    free(query);
    if (asker != NULL) {
        asker->pending = NULL;
        take_addresses(asker, found);
        asker->on_done(asker, asker->count > 0 ? NULL : evutil_gai_strerror(result));
    }
    if (found != NULL) {
        evutil_freeaddrinfo(found);
    }
}

void resolve_start(struct resolve *resolve, struct loop *loop, const struct fr_url *url,
                   void (*on_done)(struct resolve *resolve, const char *error))
{
    resolve->on_done = on_done;
    resolve->pending = NULL;
    if (url->scheme == FR_URL_UNIX) {
        take_path(resolve, url->path);
        on_done(resolve, NULL);
        return;
    }
    struct evutil_addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = EVUTIL_AI_ADDRCONFIG};
    char port[8];
    snprintf(port, sizeof port, "%u", url->port);
    struct query *query = memory_zeroed(sizeof *query);
    query->asker = resolve;
    resolve->pending = query;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(loop->dns, url->host, port, &hints, on_answer, query);
    if (request != NULL) { /* NULL: answered already, and the query is gone */
        query->request = request;
    }
}

void resolve_cancel(struct resolve *resolve)
{
    struct query *query = resolve->pending;
    if (query != NULL) {
        resolve->pending = NULL;
        query->asker = NULL;
        evdns_getaddrinfo_cancel(query->request);
    }
}
