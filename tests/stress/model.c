/* What the server's keys must hold, as far as the replies tell. */
#include "tests/stress/crowd.h"

#include <stdlib.h>
#include <string.h>

void value_set(struct value *value, uint32_t serial)
{
    value->candidates[0] = serial;
    value->count = 1;
}

void value_may_be(struct value *value, uint32_t serial)
{
    if (value->count < CANDIDATES) {
        value->candidates[value->count] = serial;
    }
    value->count++;
}

bool value_is(const struct value *value, uint32_t serial)
{
    for (int i = 0; i < value->count && i < CANDIDATES; i++) {
        if (value->candidates[i] == serial) {
            return true;
        }
    }
    return value->count > CANDIDATES;
}

static void *resized(void *memory, size_t size)
{
    memory = realloc(memory, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

bool shared_take(struct shared_counter *counter, int64_t value)
{
    size_t at = (size_t)value / 8;
    unsigned char bit = (unsigned char)(1U << (value % 8));
    if (at >= counter->had_cap) {
        size_t cap = at * 2 + 4096;
        counter->had = resized(counter->had, cap);
        memset(counter->had + counter->had_cap, 0, cap - counter->had_cap);
        counter->had_cap = cap;
    }
    bool is_new = !(counter->had[at] & bit);
    counter->had[at] |= bit;
    return is_new;
}

void ledger_add(struct ledger *ledger, const struct ledger_line *line)
{
    if (ledger->count == ledger->cap) {
        ledger->cap = ledger->cap == 0 ? 1024 : ledger->cap * 2;
        ledger->lines = resized(ledger->lines, ledger->cap * sizeof(*ledger->lines));
    }
    ledger->lines[ledger->count++] = *line;
}
