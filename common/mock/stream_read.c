#include "common/mock/stream.h"
bool frm_serve_stream(struct call *c, const struct fr_word *key)
{
    (void)c;
    (void)key;
    return false;
}
