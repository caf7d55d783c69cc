/* What is known of the prefixes and of the process, as Prometheus' text and as JSON for the page.
 * Rows of stats.def, gauges.def and waits.def are there by themselves; docs/metrics.md has them. */
#ifndef METRICS_H
#define METRICS_H

#include "daemon/service.h"
#include "daemon/tally.h"

struct evbuffer;

struct metrics {
    const struct service *service;
    const struct tallies *tallies;
    int64_t started_s;
};

void metrics_write_text(const struct metrics *metrics, struct evbuffer *to);
void metrics_write_json(const struct metrics *metrics, struct evbuffer *to);

#endif
