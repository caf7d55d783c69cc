/* One key of the process, whose destructor is the function that was given. After dlclose() there is
 * none to call, so the key goes with the library. */
#include "client/pin_end.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static bool is_made;

__attribute__((destructor)) static void unmake(void)
{
    if (is_made) {
        pthread_key_delete(key);
    }
}

bool fr_at_thread_end(void (*release)(void *unused))
{
    static char something;
    pthread_mutex_lock(&lock);
    is_made = is_made || pthread_key_create(&key, release) == 0;
    bool is_good = is_made && pthread_setspecific(key, &something) == 0;
    pthread_mutex_unlock(&lock);
    return is_good;
}
