/* The hash table; dict.h has its picture. */
#include "common/mock/dict.h"

#include <string.h>

enum {
    FEWEST = 8
};
#define REMOVED UINT32_MAX

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_take(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3, as Redis hashes its keys: a secret seed keeps collisions out of clients' hands. */
static uint64_t hash_of(const uint64_t seed[2], const struct fr_word *key)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575U, seed[1] ^ 0x646f72616e646f6dU,
                     seed[0] ^ 0x6c7967656e657261U, seed[1] ^ 0x7465646279746573U};
    uint64_t word;
    size_t at = 0;
    for (; at + 8 <= key->len; at += 8) {
        memcpy(&word, key->data + at, 8);
        sip_take(v, word);
    }
    word = 0;
    if (at < key->len) {
        memcpy(&word, key->data + at, key->len - at);
    }
    sip_take(v, word | (uint64_t)key->len << 56);
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void frm_dict_init(struct dict *dict, struct heap *heap)
{
    *dict = (struct dict){.heap = heap, .next_id = 1};
}

void frm_dict_finish(struct dict *dict, void (*free_value)(void *value))
{
    for (uint32_t i = 0; i < dict->used; i++) {
        if (dict->entries[i].key) {
            frm_free(dict->entries[i].key);
            if (free_value) {
                free_value(dict->entries[i].value);
            }
        }
    }
    frm_free(dict->entries);
    frm_free(dict->slots);
    uint64_t next_id = dict->next_id;
    frm_dict_init(dict, dict->heap);
    dict->next_id = next_id;
}

/* The slot that leads to key, or NULL. */
static uint32_t *slot_of(const struct dict *dict, const struct fr_word *key, uint64_t hash)
{
    if (dict->slot_count == 0) {
        return NULL;
    }
    uint32_t mask = dict->slot_count - 1;
    for (uint32_t at = (uint32_t)hash & mask; dict->slots[at] != 0; at = (at + 1) & mask) {
        if (dict->slots[at] == REMOVED) {
            continue;
        }
        const struct entry *entry = &dict->entries[dict->slots[at] - 1];
        if (entry->hash == hash && entry->key->len == key->len &&
            (key->len == 0 || memcmp(entry->key->data, key->data, key->len) == 0)) {
            return &dict->slots[at];
        }
    }
    return NULL;
}

struct entry *frm_dict_find(const struct dict *dict, const struct fr_word *key)
{
    if (dict->live == 0) {
        return NULL;
    }
    uint32_t *slot = slot_of(dict, key, hash_of(dict->heap->seed, key));
    return slot ? &dict->entries[*slot - 1] : NULL;
}

static void lead_to(struct dict *dict, uint32_t place)
{
    uint32_t mask = dict->slot_count - 1;
    uint32_t at = (uint32_t)dict->entries[place].hash & mask;
    while (dict->slots[at] != 0 && dict->slots[at] != REMOVED) {
        at = (at + 1) & mask;
    }
    dict->slots[at] = place + 1;
}

/* Close the gaps between entries, and have room for cap of them. */
static void rebuild(struct dict *dict, uint32_t cap)
{
    struct entry *entries = frm_alloc(dict->heap, cap * sizeof(*entries));
    uint32_t count = 0;
    for (uint32_t i = 0; i < dict->used; i++) {
        if (dict->entries[i].key) {
            entries[count++] = dict->entries[i];
        }
    }
    frm_free(dict->entries);
    frm_free(dict->slots);
    dict->entries = entries;
    dict->used = count;
    dict->cap = cap;
    dict->slot_count = 2 * cap;
    dict->slots = frm_zalloc(dict->heap, dict->slot_count * sizeof(*dict->slots));
    for (uint32_t i = 0; i < count; i++) {
        lead_to(dict, i);
    }
}

struct entry *frm_dict_put(struct dict *dict, const struct fr_word *key, bool *added)
{
    uint64_t hash = hash_of(dict->heap->seed, key);
    uint32_t *slot = slot_of(dict, key, hash);
    if (added) {
        *added = slot == NULL;
    }
    if (slot) {
        return &dict->entries[*slot - 1];
    }
    if (dict->used == dict->cap) {
        bool has_gaps = dict->cap > 0 && dict->live < dict->cap - dict->cap / 4;
        rebuild(dict, dict->cap == 0 ? FEWEST : has_gaps ? dict->cap : dict->cap * 2);
    }
    struct entry *entry = &dict->entries[dict->used];
    *entry = (struct entry){frm_str_of(dict->heap, key), NULL, dict->next_id++, hash};
    lead_to(dict, dict->used++);
    dict->live++;
    return entry;
}

void frm_dict_remove_entry(struct dict *dict, struct entry *entry)
{
    struct fr_word key = frm_word(entry->key);
    uint32_t *slot = slot_of(dict, &key, entry->hash);
    *slot = REMOVED;
    frm_free(entry->key);
    entry->key = NULL;
    entry->value = NULL;
    dict->live--;
}

/* Gaps are closed when there are more of them than entries, so that walking stays cheap. */
static void settle(struct dict *dict)
{
    if (dict->cap > FEWEST && dict->live < dict->cap / 4) {
        rebuild(dict, dict->cap / 2);
    } else if (dict->used > FEWEST && dict->live < dict->used / 2) {
        rebuild(dict, dict->cap);
    }
}

bool frm_dict_remove(struct dict *dict, const struct fr_word *key, void **value)
{
    struct entry *entry = frm_dict_find(dict, key);
    if (!entry) {
        return false;
    }
    if (value) {
        *value = entry->value;
    }
    frm_dict_remove_entry(dict, entry);
    settle(dict);
    return true;
}

struct entry *frm_dict_next(const struct dict *dict, const struct entry *after)
{
    uint32_t place = after ? (uint32_t)(after - dict->entries) + 1 : 0;
    for (; place < dict->used; place++) {
        if (dict->entries[place].key) {
            return &dict->entries[place];
        }
    }
    return NULL;
}

struct entry *frm_dict_pick(const struct dict *dict, uint64_t number)
{
    uint32_t place = (uint32_t)(number % dict->used);
    /* The next one that is there: not quite even where there are gaps, but always found. */
    struct entry *entry = &dict->entries[place];
    if (!entry->key) {
        entry = frm_dict_next(dict, entry);
    }
    return entry ? entry : frm_dict_next(dict, NULL);
}

/* The first entry whose id is at least this. */
static uint32_t place_of_id(const struct dict *dict, uint64_t id)
{
    uint32_t low = 0, high = dict->used;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (dict->entries[middle].id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint64_t frm_dict_scan(const struct dict *dict, uint64_t cursor, uint64_t count,
                       void (*show)(const struct entry *entry, void *context), void *context)
{
    uint32_t place = place_of_id(dict, cursor);
    for (; place < dict->used && count > 0; place++) {
        if (dict->entries[place].key) {
            show(&dict->entries[place], context);
            count--;
        }
    }
    while (place < dict->used && !dict->entries[place].key) {
        place++;
    }
    return place < dict->used ? dict->entries[place].id : 0;
}
