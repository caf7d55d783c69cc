/* Every command's function, from the table in commands.def. */
#ifndef FR_MOCK_COMMANDS_H
#define FR_MOCK_COMMANDS_H

#include "common/mock/engine.h"

#define MOCK_COMMAND(id, name, function, flags) command_function frm_cmd_##function;
command_function frm_cmd_mock;
#include "common/mock/commands.def"
#undef MOCK_COMMAND

#endif
