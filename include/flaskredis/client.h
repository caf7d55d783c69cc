/* Handles: a program's way to one Redis, usually a global.
 *
 *     FlaskRedis *redis = flask_redis_new(app, NULL);
 *     FlaskRedis *cache = flask_redis_new(app, &(FlaskRedisOptions){.config_prefix = "CACHE"});
 *
 * A handle opens connections when commands need them, one for each thread that has a command under
 * way, and keeps them for the next. Any number of threads may use it at once, and it may be used
 * after fork() in the parent and in the child, made before or connected before as it may be.
 *
 * Where it connects is said by <PREFIX>_URL of the application:
 *
 *     not set              the daemon's socket of that prefix (flask_redis_socket_path)
 *     unix://...           that socket, of the daemon or of a Redis server
 *     redis://..., rediss://..., redis+sentinel://..., redis+cluster://...
 *                          the daemon is asked for a pool on that URL (its setting "client_urls")
 *     mock://, mock://name no daemon: an engine in memory (flask_redis_mock_provider)
 *
 * When the daemon restarts, commands wait for it for at most socket_connect_timeout. What was not
 * sent yet is sent again; what may have been executed fails, and says so (maybe_executed). */
#ifndef FLASKREDIS_CLIENT_H
#define FLASKREDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <flaskredis/app.h>
#include <flaskredis/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What Flask-Redis assumes, and the provider "direct" too, when no URL is set. */
#define FLASK_REDIS_DEFAULT_URL "redis://localhost:6379/0"

/* Room for every path flask_redis_socket_path can make: what a Unix socket address holds. */
#define FLASK_REDIS_SOCKET_PATH_CAP 108

typedef struct FlaskRedisProvider FlaskRedisProvider;

/* How a handle reaches the daemon. The environment's FLASKREDIS_TRANSPORT wins: auto, auto:COUNT,
 * socket or shared. What cannot be had of shared memory goes over the socket all the same. */
typedef enum FlaskRedisTransport {
    FLASK_REDIS_TRANSPORT_AUTO = 0, /* shared memory once a connection had 100 (COUNT) exchanges */
    FLASK_REDIS_TRANSPORT_SOCKET,   /* the socket only */
    FLASK_REDIS_TRANSPORT_SHARED    /* shared memory from the first command on */
} FlaskRedisTransport;

/* What redis-py takes as keyword arguments. Zero means "not said", so {0} is the defaults. What the
 * URL says wins over what is said here, as in redis-py. Times are in seconds. */
typedef struct FlaskRedisOptions {
    const char *config_prefix; /* NULL: "REDIS" */
    const char *username;      /* NULL: none */
    const char *password;      /* NULL: none */
    const char *client_name;   /* NULL: none; what CLIENT LIST shows */
    int db;                    /* 0: the URL's, else the one the daemon or the server begins with */
    int max_connections;       /* 0: 64. A thread beyond waits for socket_connect_timeout */
    double socket_timeout;     /* 0: 30, negative: for ever. For each answer; commands that
                                * block may take their own time in addition */
    double socket_connect_timeout; /* 0: 5, negative: for ever. Connecting with all that belongs to
                                    * it, also waiting for a daemon that restarts */
    double health_check_interval;  /* 0: never. A connection not used for so long is tried first */
    bool retry_on_timeout; /* send once more after a timeout, although the command may have run */
    bool strict;           /* both mean the same client, as in redis-py today */
    FlaskRedisTransport transport;
} FlaskRedisOptions;

/* Make a handle. With an application it is ready, and found as an extension of it; without one
 * (NULL) flask_redis_init_app makes it ready later. No connection is made yet. options are copied;
 * NULL is the defaults.
 *
 * NULL: the last error says why. DATA: the URL or an option is bad, named with the offending
 * part. */
FlaskRedis *flask_redis_new(FlaskApp *app, const FlaskRedisOptions *options);

/* Make a handle that reaches Redis through another provider, in place of flask_redis_new. Neither a
 * daemon nor a server need be there, unless that provider wants them. The provider must outlive
 * the handle.
 *
 * NULL: as with flask_redis_new, and ASSERTION: the provider is NULL or has no execute. */
FlaskRedis *flask_redis_from_custom_provider(const FlaskRedisProvider *provider, FlaskApp *app,
                                             const FlaskRedisOptions *options);

/* Point the handle to an application. options, where given, win over what the constructor was
 * given, and stay. Called again, the last application wins: commands under way end where they
 * began. On failure the handle is as it was. */
FlaskRedisStatus flask_redis_init_app(FlaskRedis *redis, FlaskApp *app,
                                      const FlaskRedisOptions *options);

/* Close all connections and free the handle; it is no extension of any application any more. No
 * call on it may be under way, and its pipelines, subscriptions, scans and scripts must be freed
 * before. NULL is fine. */
void flask_redis_free(FlaskRedis *redis);

/* The default provider: through flaskredisd. Static. */
const FlaskRedisProvider *flask_redis_daemon_provider(void);

/* The provider that connects to the URL itself, redis:// or unix://, without a daemon (and without
 * TLS). Static. */
const FlaskRedisProvider *flask_redis_direct_provider(void);

/* The provider "mock": an engine in this process' memory, which answers as Redis 7.0 does. Made for
 * tests, which control it with <flaskredis/mock.h>. mock://NAME names an engine that handles share;
 * with mock://, any other URL or none, the handle has an engine of its own. Of other URLs the
 * database counts, and of all of them neither user nor password. Static. */
const FlaskRedisProvider *flask_redis_mock_provider(void);

/* What became of the connections of this process that asked for shared memory. */
typedef struct FlaskRedisTransportCounts {
    uint64_t shared;  /* they have it */
    uint64_t refused; /* they stayed on the socket */
    uint64_t lost;    /* they broke, and others took their place */
} FlaskRedisTransportCounts;

/* Count the connections that asked for shared memory so far. Any thread may ask at any time. */
void flask_redis_transport_counts(FlaskRedisTransportCounts *counts);

/* Say which version of the library is running, as "0.1.0". It may be another than
 * FLASKREDIS_VERSION, the one the program was compiled with. The text is static. */
const char *flask_redis_version(void);

/* Write the path of a config prefix' socket: "/run/flaskredis/cache.sock" for "CACHE". The
 * directory is $FLASKREDIS_RUNTIME_DIR, or /run/flaskredis when that is unset or empty; the name is
 * the prefix in lower case. Whether a daemon listens there is not looked at.
 *
 * A prefix is a letter and up to 63 letters, digits or underscores more. cap is the size of path in
 * bytes; FLASK_REDIS_SOCKET_PATH_CAP always suffices.
 *
 * Returns the length of the path, which is NUL-terminated. On failure -1, with nothing written:
 * errno EINVAL, the prefix is not one (or NULL); ENAMETOOLONG, the path does not fit in cap, or
 * exceeds the 107 bytes a Unix socket address holds. */
int flask_redis_socket_path(const char *prefix, char *path, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
