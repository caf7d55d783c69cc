/* Milliseconds that only grow, for deadlines. */
#ifndef FR_CLIENT_CLOCK_H
#define FR_CLIENT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t fr_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
