/* Listeners over all workers. See audience.h. */
#include "daemon/audience.h"

#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "common/glob.h"
#include "daemon/memory.h"

struct surplus {
    UT_hash_handle hh;
    int64_t count;
    size_t len;
    char name[];
};

void audience_init(struct audience *audience)
{
    memset(audience, 0, sizeof *audience);
    pthread_mutex_init(&audience->mutex, NULL);
}

static void forget(struct audience *audience, enum topic_kind kind, struct surplus *surplus)
{
    HASH_DEL(audience->surpluses[kind], surplus);
    free(surplus);
    atomic_fetch_sub(&audience->entries, 1);
}

void audience_finish(struct audience *audience)
{
    for (enum topic_kind kind = 0; kind < TOPIC_KINDS; kind++) {
        while (audience->surpluses[kind] != NULL) {
            forget(audience, kind, audience->surpluses[kind]);
        }
    }
    pthread_mutex_destroy(&audience->mutex);
}

static struct surplus *find(const struct audience *audience, enum topic_kind kind, const char *name,
                            size_t len)
{
    struct surplus *surplus = NULL;
    HASH_FIND(hh, audience->surpluses[kind], name, len, surplus);
    return surplus;
}

static struct surplus *add(struct audience *audience, enum topic_kind kind, const char *name,
                           size_t len)
{
    struct surplus *surplus = memory_zeroed(sizeof *surplus + len);
    surplus->len = len;
    memcpy(surplus->name, name, len);
    HASH_ADD_KEYPTR(hh, audience->surpluses[kind], surplus->name, len, surplus);
    atomic_fetch_add(&audience->entries, 1);
    return surplus;
}

void audience_add(struct audience *audience, enum topic_kind kind, const char *name, size_t len,
                  int64_t more)
{
    pthread_mutex_lock(&audience->mutex);
    struct surplus *surplus = find(audience, kind, name, len);
    if (surplus == NULL) {
        surplus = add(audience, kind, name, len);
    }
    surplus->count += more;
    if (surplus->count == 0) {
        forget(audience, kind, surplus);
    }
    pthread_mutex_unlock(&audience->mutex);
}

bool audience_matters(const struct audience *audience)
{
    return atomic_load(&audience->entries) > 0;
}

static int64_t count_of(const struct audience *audience, enum topic_kind kind, const char *name,
                        size_t len)
{
    const struct surplus *surplus = find(audience, kind, name, len);
    return surplus == NULL ? 0 : surplus->count;
}

int64_t audience_of(struct audience *audience, enum topic_kind kind, const char *name, size_t len)
{
    pthread_mutex_lock(&audience->mutex);
    int64_t count = count_of(audience, kind, name, len);
    pthread_mutex_unlock(&audience->mutex);
    return count;
}

static int64_t count_of_patterns(const struct audience *audience, const char *name, size_t len)
{
    int64_t count = 0;
    const struct surplus *pattern;
    for (pattern = audience->surpluses[TOPIC_PATTERN]; pattern != NULL;
         pattern = pattern->hh.next) {
        if (fr_glob_match(pattern->name, pattern->len, name, len)) {
            count += pattern->count;
        }
    }
    return count;
}

int64_t audience_of_message(struct audience *audience, enum topic_kind kind, const char *name,
                            size_t len)
{
    pthread_mutex_lock(&audience->mutex);
    int64_t count = count_of(audience, kind, name, len);
    if (kind == TOPIC_CHANNEL) {
        count += count_of_patterns(audience, name, len);
    }
    pthread_mutex_unlock(&audience->mutex);
    return count;
}
