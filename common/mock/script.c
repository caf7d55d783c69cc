#include "common/mock/engine.h"
void frm_scripts_free(struct fr_mock *mock)
{
    (void)mock;
}
