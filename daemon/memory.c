/* Allocation that never fails. See memory.h. */
#include "daemon/memory.h"

#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <event2/event.h>

#include "daemon/log.h"

/* Worth the milliseconds it takes to look through all that is free. */
#define GIVE_BACK_LEN (8 * 1024 * 1024)

static void *checked(void *memory, size_t size)
{
    if (memory == NULL) {
        log_error("memory: the system refused %zu bytes; ending", size);
        abort();
    }
    return memory;
}

void *memory_alloc(size_t size)
{
    size += size == 0;
    return checked(malloc(size), size);
}

void *memory_zeroed(size_t size)
{
    return checked(calloc(1, size), size);
}

void *memory_resize(void *old, size_t size)
{
    size += size == 0;
    return checked(realloc(old, size), size);
}

char *memory_text(const char *data, size_t len)
{
    char *text = memory_alloc(len + 1);
    memcpy(text, data, len);
    text[len] = '\0';
    return text;
}

void memory_give_back(size_t freed_len)
{
#ifdef __GLIBC__
    if (freed_len >= GIVE_BACK_LEN) {
        malloc_trim(0);
    }
#else
    (void)freed_len;
#endif
}

void memory_for_libevent(void)
{
    event_set_mem_functions(memory_alloc, memory_resize, free);
}
