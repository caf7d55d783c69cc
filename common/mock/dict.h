/* A hash table that remembers the order of insertion.
 *
 *     slots (open addressing)          entries, in order of insertion
 *     +---+---+---+---+---+---+        +------+------+------+------+------+
 *     | 2 |   | 0 | x | 3 |   |  ----> | id 4 | id 7 | gone | id 9 |  ... |
 *     +---+---+---+---+---+---+        +------+------+------+------+------+
 *
 * Each entry has an id that only grows; a SCAN cursor is the id of the next entry to show. So a
 * scan shows every entry that was there from its beginning to its end exactly once, whatever is
 * added or removed meanwhile, which is more than Redis promises. */
#ifndef FR_MOCK_DICT_H
#define FR_MOCK_DICT_H

#include "common/mock/heap.h"

struct entry {
    struct str *key; /* NULL: removed */
    void *value;
    uint64_t id;
    uint64_t hash;
};

struct dict {
    struct heap *heap;
    struct entry *entries;
    uint32_t *slots; /* 0: never used, UINT32_MAX: removed, otherwise the entry's place + 1 */
    uint32_t slot_count;
    uint32_t used; /* entries in use, removed ones included */
    uint32_t live; /* entries that are there */
    uint32_t cap;
    uint64_t next_id;
};

void frm_dict_init(struct dict *dict, struct heap *heap);

/* Free everything; values with free_value, where that is not NULL. The dict is empty afterwards. */
void frm_dict_finish(struct dict *dict, void (*free_value)(void *value));

struct entry *frm_dict_find(const struct dict *dict, const struct fr_word *key);

/* Find or add (with value NULL) a key; *added, where not NULL, tells which. Entries move when one
 * is added. */
struct entry *frm_dict_put(struct dict *dict, const struct fr_word *key, bool *added);

/* Remove a key and free it; its value is returned in *value where that is not NULL. Entries may
 * move. */
bool frm_dict_remove(struct dict *dict, const struct fr_word *key, void **value);

/* Remove an entry while walking: nothing moves. */
void frm_dict_remove_entry(struct dict *dict, struct entry *entry);

/* Walk in order of insertion; next is given NULL first, and returns NULL at the end. */
struct entry *frm_dict_next(const struct dict *dict, const struct entry *after);

/* Any entry of a dict that is not empty; number is a random one. */
struct entry *frm_dict_pick(const struct dict *dict, uint64_t number);

/* Show at most count entries from cursor on (0: from the beginning); returns the cursor of the rest
 * or 0. */
uint64_t frm_dict_scan(const struct dict *dict, uint64_t cursor, uint64_t count,
                       void (*show)(const struct entry *entry, void *context), void *context);

#endif
