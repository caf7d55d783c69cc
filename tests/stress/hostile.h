/* What a client can do to shared memory and must not get anything by: one function for each kind,
 * which runs as a child, until it is killed or has ended. */
#ifndef TESTS_STRESS_HOSTILE_H
#define TESTS_STRESS_HOSTILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/children.h"
#include "tests/support/rings.h"

/* A key with a value larger than any ring. */
#define HOSTILE_KEY "hostile"

struct hostile;

extern const struct hostile_kind {
    const char *name;
    void (*run)(void *hostile);
    bool stands_still; /* after what it did at first */
} hostile_kinds[];
extern const int hostile_kind_count;

struct hostile {
    struct rings *rings; /* the child's alone */
    const struct hostile_kind *kind;
    uint64_t random;
    char *wrong; /* where it says what it should not have been able to do */
    size_t wrong_cap;
};

#endif
