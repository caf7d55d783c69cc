/* From replies to Lua's values and back, as Redis does it (script_lua.c, 7.0). */
#ifndef FR_MOCK_SCRIPT_VALUES_H
#define FR_MOCK_SCRIPT_VALUES_H

#include <lua.h>

#include "common/mock/reply.h"

/* Push the value of the RESP2 reply that begins at data; returns what follows it. */
const char *frm_lua_push_reply(lua_State *lua, const char *data);

/* Push {err = "CODE text"} for an error that may begin with "-CODE"; without one it is ERR. */
void frm_lua_push_error(lua_State *lua, const char *text);

/* Answer with the value on top, and pop it. */
void frm_lua_reply(lua_State *lua, struct out *out);

#endif
