/* Running a script, and what the commands about scripts keep. */
#ifndef FR_MOCK_SCRIPT_H
#define FR_MOCK_SCRIPT_H

#include "common/mock/engine.h"

/* Run a script with the keys and arguments of the command (from word 3 on, key_count of them keys)
 * and answer with what it returns. */
void frm_script_run(struct call *c, const struct str *source, const char *sha, size_t key_count,
                    bool is_read_only);

/* Whether a script can be compiled; answers why not. */
bool frm_script_check(struct call *c, const struct fr_word *source);

#endif
