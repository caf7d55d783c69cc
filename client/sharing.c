/* The choice between socket and shared memory. See sharing.h. */
#include "client/sharing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/error.h"

enum {
    AFTER_AUTO = 100, /* a script that asks a few things and ends never pays for it */
    AFTER_MOST = 1000000000,
    LOSSES_MOST = 3 /* a daemon that restarts is one */
};

static atomic_ullong outcomes[FR_ATTACH_OUTCOMES];

/* "auto", "auto:COUNT", "socket" or "shared". */
static bool read_variable(const char *text, unsigned *after)
{
    static const char with_count[] = "auto:";
    if (strcmp(text, "auto") == 0) {
        *after = AFTER_AUTO;
    } else if (strcmp(text, "socket") == 0) {
        *after = 0;
    } else if (strcmp(text, "shared") == 0) {
        *after = 1;
    } else if (strncmp(text, with_count, sizeof(with_count) - 1) == 0) {
        char *end;
        const char *number = text + sizeof(with_count) - 1;
        errno = 0;
        unsigned long count = strtoul(number, &end, 10);
        if (*number < '0' || *number > '9' || *end != '\0' || errno != 0 || count < 1 ||
            count > AFTER_MOST) {
            return false;
        }
        *after = (unsigned)count;
    } else {
        return false;
    }
    return true;
}

FlaskRedisStatus fr_sharing_init(struct fr_sharing *sharing, FlaskRedisTransport option)
{
    static const unsigned afters[] = {
        [FLASK_REDIS_TRANSPORT_AUTO] = AFTER_AUTO,
        [FLASK_REDIS_TRANSPORT_SOCKET] = 0,
        [FLASK_REDIS_TRANSPORT_SHARED] = 1,
    };
    unsigned after = afters[option];
    const char *variable = getenv("FLASKREDIS_TRANSPORT");
    if (variable != NULL && variable[0] != '\0' && !read_variable(variable, &after)) {
        return flask_redis_fail(
            FLASK_REDIS_DATA, false,
            "FLASKREDIS_TRANSPORT is none of auto, auto:COMMANDS, socket, shared");
    }
    atomic_init(&sharing->after, after);
    atomic_init(&sharing->losses, 0);
    return FLASK_REDIS_OK;
}

void fr_sharing_note(struct fr_sharing *sharing, enum fr_attached attached)
{
    atomic_fetch_add_explicit(&outcomes[attached], 1, memory_order_relaxed);
    unsigned losses = 0;
    if (attached == FR_ATTACH_LOST || attached == FR_ATTACH_LATE) {
        losses = atomic_fetch_add_explicit(&sharing->losses, 1, memory_order_relaxed) + 1;
    } else {
        atomic_store_explicit(&sharing->losses, 0, memory_order_relaxed);
    }
    if (attached == FR_ATTACH_UNKNOWN || losses >= LOSSES_MOST) {
        atomic_store_explicit(&sharing->after, 0, memory_order_relaxed);
    }
}

static uint64_t count_of(enum fr_attached attached)
{
    return atomic_load_explicit(&outcomes[attached], memory_order_relaxed);
}

void flask_redis_transport_counts(FlaskRedisTransportCounts *counts)
{
    *counts = (FlaskRedisTransportCounts){
        .shared = count_of(FR_ATTACHED),
        .refused = count_of(FR_ATTACH_REFUSED) + count_of(FR_ATTACH_UNKNOWN),
        .lost = count_of(FR_ATTACH_LOST) + count_of(FR_ATTACH_LATE),
    };
}
