/* Counted memory. In front of each allocation stands whose it is and how large, and its neighbours
 * in the list of all, by which they are found when nobody knows any more who refers to what. */
#include "common/mock/heap.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct allocation {
    alignas(max_align_t) LIST_ENTRY(allocation) link;
    struct heap *heap;
    size_t size;
};

_Static_assert(sizeof(struct allocation) % alignof(max_align_t) == 0, "what follows is misaligned");

static struct allocation *head_of(void *memory)
{
    return (struct allocation *)memory - 1;
}

/* What was half done when memory ended cannot be undone: the engine is left as it is. */
_Noreturn static void give_up(struct heap *heap)
{
    if (heap->escape) {
        longjmp(*heap->escape, 1);
    }
    abort();
}

static void *enter(struct heap *heap, struct allocation *head, size_t size)
{
    head->heap = heap;
    head->size = size;
    heap->used += sizeof(*head) + size;
    LIST_INSERT_HEAD(&heap->all, head, link);
    return head + 1;
}

static void leave(struct allocation *head)
{
    LIST_REMOVE(head, link);
    head->heap->used -= sizeof(*head) + head->size;
}

void *frm_alloc(struct heap *heap, size_t size)
{
    struct allocation *head = size < SIZE_MAX - sizeof(*head) ? malloc(sizeof(*head) + size) : NULL;
    if (!head) {
        give_up(heap);
    }
    return enter(heap, head, size);
}

void *frm_zalloc(struct heap *heap, size_t size)
{
    return memset(frm_alloc(heap, size), 0, size);
}

void *frm_realloc(void *memory, size_t size)
{
    struct allocation *old = head_of(memory);
    struct heap *heap = old->heap;
    size_t old_size = old->size;
    leave(old);
    struct allocation *head =
        size < SIZE_MAX - sizeof(*head) ? realloc(old, sizeof(*head) + size) : NULL;
    if (!head) {
        enter(heap, old, old_size);
        give_up(heap);
    }
    return enter(heap, head, size);
}

void frm_free(void *memory)
{
    if (memory) {
        struct allocation *head = head_of(memory);
        leave(head);
        free(head);
    }
}

void frm_heap_free_all(struct heap *heap)
{
    struct allocation *head, *next;
    for (head = LIST_FIRST(&heap->all); head; head = next) {
        next = LIST_NEXT(head, link);
        free(head);
    }
    LIST_INIT(&heap->all);
    heap->used = 0;
}

bool frm_heap_has_room(const struct heap *heap, size_t size)
{
    return heap->max == 0 || (heap->used <= heap->max && size <= heap->max - heap->used);
}

struct str *frm_str(struct heap *heap, const char *data, size_t len)
{
    struct str *str = frm_alloc(heap, sizeof(*str) + len + 1);
    str->len = len;
    if (len > 0) {
        memcpy(str->data, data, len);
    }
    str->data[len] = '\0';
    return str;
}

struct str *frm_str_of(struct heap *heap, const struct fr_word *word)
{
    return frm_str(heap, word->data, word->len);
}

struct str *frm_str_resize(struct str *str, size_t len)
{
    size_t old_len = str->len;
    str = frm_realloc(str, sizeof(*str) + len + 1);
    if (len > old_len) {
        memset(str->data + old_len, 0, len - old_len);
    }
    str->data[len] = '\0';
    str->len = len;
    return str;
}

struct fr_word frm_word(const struct str *str)
{
    return (struct fr_word){str->data, str->len};
}

int frm_word_compare(const struct fr_word *a, const struct fr_word *b)
{
    size_t least = a->len < b->len ? a->len : b->len;
    int order = least ? memcmp(a->data, b->data, least) : 0;
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

bool frm_word_equal(const struct fr_word *a, const struct fr_word *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static unsigned lower(unsigned char byte)
{
    return (unsigned)byte - 'A' < 26U ? byte | 0x20U : byte;
}

bool frm_word_is(const struct fr_word *word, const char *text)
{
    for (size_t i = 0; i < word->len; i++) {
        if (text[i] == '\0' || lower((unsigned char)word->data[i]) != (unsigned char)text[i]) {
            return false;
        }
    }
    return text[word->len] == '\0';
}
