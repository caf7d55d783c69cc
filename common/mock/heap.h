/* Memory of one engine: every allocation is counted, and finds its engine by itself when it is
 * freed. Also the strings everything is made of. */
#ifndef FR_MOCK_HEAP_H
#define FR_MOCK_HEAP_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/resp.h"

struct allocation;

struct heap {
    LIST_HEAD(, allocation) all;
    jmp_buf *escape;  /* where to go when the system has no memory; NULL: the process ends */
    size_t used;      /* bytes given out, bookkeeping included */
    size_t max;       /* writing commands are refused above it; 0: no bound */
    uint64_t seed[2]; /* of the hash function, so that nobody can choose colliding keys */
};

/* Allocate size bytes, zeroed or not. These do not fail: when the system has none the engine is
 * given up (heap.escape). What clients may ask for is bounded before it comes here
 * (frm_heap_has_room). */
void *frm_alloc(struct heap *heap, size_t size);
void *frm_zalloc(struct heap *heap, size_t size);

/* Change the size of an allocation, which must not be NULL. */
void *frm_realloc(void *memory, size_t size);

/* NULL is fine. */
void frm_free(void *memory);

/* Free everything that was allocated, whatever refers to it. */
void frm_heap_free_all(struct heap *heap);

/* Whether size more bytes stay within the bound. */
bool frm_heap_has_room(const struct heap *heap, size_t size);

/* A string of bytes; a NUL, which is not counted, stands behind the last. */
struct str {
    size_t len;
    char data[];
};

struct str *frm_str(struct heap *heap, const char *data, size_t len);
struct str *frm_str_of(struct heap *heap, const struct fr_word *word);

/* Make it len bytes long; new bytes are zero. Takes str, returns what stands for it now. */
struct str *frm_str_resize(struct str *str, size_t len);

/* The same bytes seen as a word. */
struct fr_word frm_word(const struct str *str);

/* As memcmp, a shorter one before a longer one that begins with it. */
int frm_word_compare(const struct fr_word *a, const struct fr_word *b);
bool frm_word_equal(const struct fr_word *a, const struct fr_word *b);

/* Whether the word is this text (lower case), in any case. */
bool frm_word_is(const struct fr_word *word, const char *text);

#endif
