/* The counters on the log, on SIGUSR1. */
#ifndef STATS_LOG_H
#define STATS_LOG_H

#include "daemon/census.h"

/* Ask the workers, and log the counters of each prefix that are not zero. */
void stats_log(struct census_office *office);

#endif
