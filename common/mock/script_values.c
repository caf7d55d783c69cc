/* Values of Lua and of RESP. Built only where liblua5.1 is. */
#ifdef FR_MOCK_LUA

#include "common/mock/script_values.h"

#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>

enum {
    DEPTH_MAX = 64 /* of tables in tables; Redis stops at Lua's stack */
};

void frm_lua_push_error(lua_State *lua, const char *text)
{
    size_t len = strcspn(text, "\r\n");
    bool has_code = text[0] == '-' && memchr(text, ' ', len);
    lua_newtable(lua);
    lua_pushstring(lua, has_code ? "" : "ERR ");
    lua_pushlstring(lua, text + (text[0] == '-'), len - (text[0] == '-'));
    lua_concat(lua, 2);
    lua_setfield(lua, -2, "err");
}

static const char *push_aggregate(lua_State *lua, const char *at, long count)
{
    lua_newtable(lua);
    for (long i = 1; i <= count; i++) {
        at = frm_lua_push_reply(lua, at);
        lua_rawseti(lua, -2, (int)i);
    }
    return at;
}

const char *frm_lua_push_reply(lua_State *lua, const char *data)
{
    const char *line_end = strstr(data, "\r\n");
    const char *next = line_end + 2;
    long number = strtol(data + 1, NULL, 10);
    luaL_checkstack(lua, 8, "reply");
    switch (data[0]) {
    case '+':
        lua_newtable(lua);
        lua_pushlstring(lua, data + 1, (size_t)(line_end - data) - 1);
        lua_setfield(lua, -2, "ok");
        return next;
    case '-':
        frm_lua_push_error(lua, data);
        return next;
    case ':':
        lua_pushnumber(lua, (lua_Number)strtoll(data + 1, NULL, 10));
        return next;
    case '$':
        if (number >= 0) {
            lua_pushlstring(lua, next, (size_t)number);
            return next + number + 2;
        }
        break;
    default:
        if (number >= 0) {
            return push_aggregate(lua, next, number);
        }
        break;
    }
    lua_pushboolean(lua, 0);
    return next;
}

/* Answer with a field of the table on top as text; false: it has none. */
static bool reply_field(lua_State *lua, struct out *out, const char *field, bool is_error)
{
    lua_pushstring(lua, field);
    lua_rawget(lua, -2);
    bool is_there = lua_type(lua, -1) == LUA_TSTRING;
    if (is_there && is_error) {
        frm_error(out, "%s", lua_tostring(lua, -1));
    } else if (is_there) {
        char text[1024];
        strncpy(text, lua_tostring(lua, -1), sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        for (char *at = text; *at; at++) {
            *at = *at == '\r' || *at == '\n' ? ' ' : *at;
        }
        frm_status(out, text);
    }
    lua_pop(lua, 1);
    return is_there;
}

static void reply_value(lua_State *lua, struct out *out, int depth);

static void reply_table(lua_State *lua, struct out *out, int depth)
{
    size_t mark = frm_later(out);
    int64_t count = 0;
    if (depth > DEPTH_MAX || !lua_checkstack(lua, 8)) {
        frm_error(out, "ERR reached lua stack limit");
        return;
    }
    if (reply_field(lua, out, "err", true) || reply_field(lua, out, "ok", false)) {
        return;
    }
    for (;; count++) {
        lua_rawgeti(lua, -1, (int)count + 1);
        if (lua_isnil(lua, -1)) {
            lua_pop(lua, 1);
            break;
        }
        reply_value(lua, out, depth + 1);
        lua_pop(lua, 1);
    }
    frm_later_array(out, mark, count);
}

static void reply_value(lua_State *lua, struct out *out, int depth)
{
    size_t len;
    const char *text;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING:
        text = lua_tolstring(lua, -1, &len);
        frm_bulk(out, text, len);
        break;
    case LUA_TNUMBER: {
        lua_Number number = lua_tonumber(lua, -1);
        /* what leaves 64 bits is the least number on the machines Redis runs on */
        bool fits = number > -9223372036854775809.0 && number < 9223372036854775808.0;
        frm_int(out, fits ? (int64_t)number : INT64_MIN);
        break;
    }
    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1)) {
            frm_int(out, 1);
        } else {
            frm_null(out);
        }
        break;
    case LUA_TTABLE:
        reply_table(lua, out, depth);
        break;
    default:
        frm_null(out);
        break;
    }
}

void frm_lua_reply(lua_State *lua, struct out *out)
{
    reply_value(lua, out, 0);
    lua_pop(lua, 1);
}

#else
typedef int script_values_need_lua; /* a file must have something in it */
#endif
