/* Where a socket provider connects, and how it introduces itself: a URL and options made one. */
#ifndef FR_CLIENT_TARGET_H
#define FR_CLIENT_TARGET_H

#include "common/url.h"
#include "flaskredis/provider.h"

struct fr_target {
    struct fr_url url; /* what it says wins; the rest is from the options */
    int timeout_ms;    /* -1: for ever */
    int connect_ms;
};

/* Read a URL and lay it over options. DATA: the URL is bad; the text names the part. */
FlaskRedisStatus fr_target_read(const char *text, const FlaskRedisOptions *options,
                                struct fr_target *target);

/* The same without a URL: a Unix socket. */
FlaskRedisStatus fr_target_socket(const char *path, const FlaskRedisOptions *options,
                                  struct fr_target *target);

/* Wipe and free what it holds. */
void fr_target_finish(struct fr_target *target);

#endif
