/* What lists and sorted sets have in common: two ends, and commands that pop from the first key
 * that is there, or wait for one. */
#ifndef FR_MOCK_POPS_H
#define FR_MOCK_POPS_H

#include "common/mock/engine.h"

struct two_ends {
    enum value_type type;
    enum wait_kind wait;
    const char *first, *last; /* their names: "left" and "right" */

    /* Answer with the key and what is popped from one end of its value: at most count elements in
     * an array, or, count 0, one. */
    void (*pop)(struct call *c, const struct fr_word *key, struct value *value, bool from_first,
                int64_t count);
};

/* Read the name of an end, or answer with the error. */
bool frm_arg_end(struct call *c, size_t i, const struct two_ends *ends, bool *is_first);

/* BLPOP and its kin: key … timeout. */
void frm_pop_or_wait(struct call *c, const struct two_ends *ends, bool from_first);

/* LMPOP and ZMPOP: numkeys key … end [COUNT count]; BLMPOP and BZMPOP: the timeout before these. */
void frm_pop_many(struct call *c, const struct two_ends *ends);
void frm_pop_many_or_wait(struct call *c, const struct two_ends *ends);

/* What the latter do when the key they wait for is there. */
void frm_pop_many_from(struct call *c, const struct two_ends *ends, const struct fr_word *key,
                       struct value *value);

#endif
