/* What the commands of the SCAN family have in common. */
#ifndef FR_MOCK_SCAN_H
#define FR_MOCK_SCAN_H

#include "common/mock/engine.h"

struct scan {
    struct call *c;
    uint64_t cursor;
    int64_t count;
    const struct fr_word *match; /* NULL: everything */
    const struct fr_word *type;  /* of SCAN only */
    int64_t shown;
    bool is_compact; /* the value of HSCAN, SSCAN or ZSCAN is */
};

/* Read the cursor, or answer why not. */
bool frm_scan_cursor(struct call *c, size_t i, uint64_t *cursor);

/* Read the options from word first on. */
bool frm_scan_options(struct scan *scan, size_t first, bool may_have_type);

bool frm_scan_matches(const struct scan *scan, const struct str *key);

/* Answer HSCAN, SSCAN or ZSCAN: entries of a dict are shown by show, all of them at once where the
 * value is compact. */
void frm_scan_collection(struct call *c, enum value_type type,
                         void (*show)(struct scan *scan, const struct entry *entry),
                         int items_each);

const char *frm_type_name(const struct value *value);

#endif
