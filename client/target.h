/* Where a socket provider connects, and how it introduces itself: a URL and options made one. */
#ifndef FR_CLIENT_TARGET_H
#define FR_CLIENT_TARGET_H

#include "common/url.h"
#include "flaskredis/provider.h"

struct fr_target {
    struct fr_url url; /* what it says wins; the rest is from the options */
    char *pool;        /* the URL that a daemon there is asked for a pool on; NULL: none is */
    int timeout_ms;    /* -1: for ever */
    int connect_ms;
};

/* Read a URL and lay it over options. DATA: the URL is bad; the text names the part. */
FlaskRedisStatus fr_target_read(const char *text, const FlaskRedisOptions *options,
                                struct fr_target *target);

/* The same without a URL: a Unix socket. */
FlaskRedisStatus fr_target_socket(const char *path, const FlaskRedisOptions *options,
                                  struct fr_target *target);

/* Have a daemon's socket between: connect there, and ask for a pool on the URL, login and database
 * that the target has. On failure the target is as before. */
FlaskRedisStatus fr_target_through(struct fr_target *target, const char *path);

/* Wipe and free what it holds. */
void fr_target_finish(struct fr_target *target);

#endif
