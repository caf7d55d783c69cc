/* Counted memory. In front of each allocation stands whose it is and how large, in as many bytes as
 * alignment asks for anyway. */
#include "common/mock/heap.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

struct head {
    alignas(max_align_t) struct heap *heap;
    size_t size;
};

_Static_assert(sizeof(struct head) % alignof(max_align_t) == 0, "what follows is misaligned");

static struct head *head_of(void *memory)
{
    return (struct head *)memory - 1;
}

void *frm_alloc(struct heap *heap, size_t size)
{
    struct head *head = size < SIZE_MAX - sizeof(*head) ? malloc(sizeof(*head) + size) : NULL;
    if (!head) {
        abort();
    }
    head->heap = heap;
    head->size = size;
    heap->used += sizeof(*head) + size;
    return head + 1;
}

void *frm_zalloc(struct heap *heap, size_t size)
{
    return memset(frm_alloc(heap, size), 0, size);
}

void *frm_realloc(void *memory, size_t size)
{
    struct head *head = head_of(memory);
    head->heap->used -= head->size;
    head = size < SIZE_MAX - sizeof(*head) ? realloc(head, sizeof(*head) + size) : NULL;
    if (!head) {
        abort();
    }
    head->size = size;
    head->heap->used += size;
    return head + 1;
}

void frm_free(void *memory)
{
    if (memory) {
        struct head *head = head_of(memory);
        head->heap->used -= sizeof(*head) + head->size;
        free(head);
    }
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
