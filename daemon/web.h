/* Metrics for Prometheus and a page for people, over HTTP on a loopback port or a Unix socket
 * ("metrics_listen"). Served by the main thread, like the admin socket, and as bounded.
 *
 * Not by libevent's evhttp: in 2.1 that bounds neither how many connections there are nor how long
 * one may take over its request, and a desk does.
 */
#ifndef WEB_H
#define WEB_H

#include <stdbool.h>

#include "daemon/census.h"
#include "daemon/desk.h"
#include "daemon/listener.h"
#include "daemon/service.h"

struct web {
    struct service *service;
    struct census_office *office;
    int64_t started_s;
    struct listener listener;
    struct desk desk;
};

/* Listen where these settings say, if anywhere. False with the reason in the problems. */
bool web_open(struct web *web, struct service *service, struct census_office *office,
              const struct settings *settings, struct problems *problems);

/* No question may be under way. Closing what was not opened is fine. */
void web_close(struct web *web);

#endif
