/* How calls end: a status that every call returns, and the details of the last failure.
 *
 *     if (flask_redis_incr(redis, "visits", &visits) != FLASK_REDIS_OK) {
 *         const FlaskRedisError *error = flask_redis_last_error();
 *         fprintf(stderr, "%s\n", error->text);
 *     }
 *
 * The statuses are redis-py's exception classes, with their inheritance: a program asks
 * flask_redis_status_is(status, FLASK_REDIS_CONNECTION) where in Python it would write
 * "except ConnectionError". */
#ifndef FLASKREDIS_STATUS_H
#define FLASKREDIS_STATUS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The end of a call. Below FLASK_REDIS_ERROR are outcomes, from there on failures. */
typedef enum FlaskRedisStatus {
    FLASK_REDIS_OK = 0,  /* done; the out-parameters hold the result, which may be empty */
    FLASK_REDIS_NIL = 1, /* there is nothing: no such key, field, element, or no message in time */
    FLASK_REDIS_NOT_SET = 2, /* the condition of SET (NX, XX) was not met; nothing was changed */
    FLASK_REDIS_QUEUED = 3,  /* inside flask_redis_multi: the result comes with flask_redis_exec */

    FLASK_REDIS_ERROR = 16,      /* the kind of every failure; never a status by itself */
    FLASK_REDIS_CONNECTION,      /* no connection, or it was lost */
    FLASK_REDIS_AUTH,            /* CONNECTION: user or password refused */
    FLASK_REDIS_LOADING,         /* CONNECTION: the server is loading its data */
    FLASK_REDIS_POOL_EXHAUSTED,  /* CONNECTION: no connection free within the time allowed */
    FLASK_REDIS_TIMEOUT,         /* no answer within socket_timeout; no kind of CONNECTION */
    FLASK_REDIS_RESPONSE,        /* the server's answer is an error */
    FLASK_REDIS_NO_SCRIPT,       /* RESPONSE: EVALSHA of a script the server lacks */
    FLASK_REDIS_READ_ONLY,       /* RESPONSE: a write sent to a replica */
    FLASK_REDIS_OUT_OF_MEMORY,   /* RESPONSE: the server's maxmemory is reached */
    FLASK_REDIS_EXEC_ABORT,      /* RESPONSE: a transaction refused as a whole, nothing applied */
    FLASK_REDIS_NO_PERMISSION,   /* RESPONSE: denied by the server's ACL or by the daemon */
    FLASK_REDIS_CROSS_SLOT,      /* RESPONSE: keys of different slots of a cluster */
    FLASK_REDIS_CLUSTER_DOWN,    /* RESPONSE: the cluster does not serve */
    FLASK_REDIS_TRY_AGAIN,       /* RESPONSE: keys on their way between two nodes */
    FLASK_REDIS_DATA,            /* arguments that cannot be sent, or contradict each other */
    FLASK_REDIS_PUBSUB,          /* publish/subscribe used in a way it cannot be */
    FLASK_REDIS_WATCH,           /* a watched key has changed, or the watch was lost */
    FLASK_REDIS_KEY_ERROR,       /* flask_redis_getitem of a key that is not there */
    FLASK_REDIS_ASSERTION,       /* a provider is NULL, or lacks a mandatory row */
    FLASK_REDIS_UNAVAILABLE,     /* the daemon is not there, or cannot do what was asked for */
    FLASK_REDIS_NOT_INITIALISED, /* a command before flask_redis_init_app */
    FLASK_REDIS_NO_MEMORY        /* this process has no memory */
} FlaskRedisStatus;

/* What is known about a failure. */
typedef struct FlaskRedisError {
    FlaskRedisStatus status;
    const char *code;    /* first word of the server's error ("WRONGTYPE"), "" without one */
    const char *text;    /* the whole text, one line, without secrets */
    bool maybe_executed; /* the command may have run although it failed */
} FlaskRedisError;

/* Tell this thread's last failure. Never NULL: before the first failure its status is
 * FLASK_REDIS_OK and its texts are empty. It is owned by the thread and valid until the thread's
 * next call, or its end; after a call that succeeded it may be anything. */
const FlaskRedisError *flask_redis_last_error(void);

/* Tell whether a status is of a kind, as isinstance() does: itself, a kind above it, or
 * FLASK_REDIS_ERROR for every failure. */
bool flask_redis_status_is(FlaskRedisStatus status, FlaskRedisStatus kind);

/* The name of a status: "NO_SCRIPT". Static; "UNKNOWN" for a number that is none. */
const char *flask_redis_status_name(FlaskRedisStatus status);

/* What the library has to say besides results: reconnections, mostly. line is one line without its
 * end, valid during the call. */
typedef void FlaskRedisLog(void *user_data, const char *line);

/* Have log called, from whatever thread has something to say, with no lock of the library held;
 * NULL ends that. Without it nothing is ever printed. Set it before other threads use the library.
 */
void flask_redis_set_log(FlaskRedisLog *log, void *user_data);

#ifdef __cplusplus
}
#endif

#endif
