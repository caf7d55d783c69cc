/* The addresses of a server, without blocking. */
#ifndef RESOLVE_H
#define RESOLVE_H

#include <netdb.h>
#include <sys/socket.h>

#include "common/url.h"

struct loop;

struct address {
    struct sockaddr_storage sockaddr;
    socklen_t len;
};

/* Several of one name, tried in their order. */
#define ADDRESSES_MAX 8

struct resolve {
    void *pending; /* private: the query under way */
    void (*on_done)(struct resolve *resolve, const char *error);
    struct address addresses[ADDRESSES_MAX];
    int count;
};

/* Look up the URL's host, or take its path. on_done is called once, perhaps before this returns,
 * with error NULL and at least one address, or with what went wrong. */
void resolve_start(struct resolve *resolve, struct loop *loop, const struct fr_url *url,
                   void (*on_done)(struct resolve *resolve, const char *error));

/* Forget a query under way; on_done is not called any more. */
void resolve_cancel(struct resolve *resolve);

#endif
