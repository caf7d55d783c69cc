/* From a member back to the struct it is embedded in: how callbacks find their owner. */
#ifndef CONTAINER_H
#define CONTAINER_H

#include <stddef.h>

#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
