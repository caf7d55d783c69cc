/* What a handle is. */
#ifndef FR_CLIENT_HANDLE_H
#define FR_CLIENT_HANDLE_H

#include <pthread.h>
#include <stdint.h>

#include "client/engine.h"
#include "flaskredis/client.h"

struct FlaskRedis {
    uint64_t id; /* never used twice: threads remember handles by it */
    const FlaskRedisProvider *provider;
    pthread_mutex_t lock; /* what follows */
    FlaskRedisOptions options;
    struct fr_engine *engine;              /* NULL: not initialised */
    FlaskRedis *prev_handle, *next_handle; /* of all in the process, under fork.c's lock */
};

/* Hold the handle's engine as it is now; the caller releases it. NOT_INITIALISED: there is none. */
FlaskRedisStatus fr_handle_engine(FlaskRedis *redis, struct fr_engine **engine);

#endif
