/* Memory that is always there: when the system has none left, the daemon says so and ends, to be
 * started again, instead of going on half done. What clients can ask for is bounded elsewhere, so
 * this is the machine's trouble and not a client's doing. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

void *memory_alloc(size_t size);
void *memory_zeroed(size_t size);
void *memory_resize(void *old, size_t size);

/* Copy bytes and put a NUL behind them. */
char *memory_text(const char *data, size_t len);

/* So many bytes that belonged to one owner have just been freed: if they are many, what the
 * allocator would keep of them for ever, between a few small pieces that are in use, goes back to
 * the system. */
void memory_give_back(size_t freed_len);

/* Have libevent use these too. Call before anything else of libevent. */
void memory_for_libevent(void);

#endif
