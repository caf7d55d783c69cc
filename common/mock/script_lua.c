/* A script in Lua 5.1, in a state of its own that lives as long as it runs: no script leaves
 * anything to another. Its memory counts as the engine's; it ends after SECONDS_MAX. Built only
 * where liblua5.1 is. */
#include "common/mock/script.h"

#ifdef FR_MOCK_LUA

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "common/mock/script_values.h"
#include "common/mock/sha1.h"

enum {
    SECONDS_MAX = 5, /* lua-time-limit */
    HOOK_COUNT = 100000
};

/* What the functions of the library need; the state's allocator carries it. */
struct run {
    struct call *c;
    bool is_read_only;
    bool is_bounded; /* whether memory may be refused: not while the state is made */
    int64_t until_us;
};

static void *allocate(void *context, void *memory, size_t old_size, size_t size)
{
    struct run *run = context;
    struct heap *heap = &run->c->mock->heap;
    if (size == 0) {
        frm_free(memory);
        return NULL;
    }
    size_t kept = memory ? old_size : 0;
    if (run->is_bounded && size > kept && !frm_heap_has_room(heap, size - kept)) {
        return NULL;
    }
    return memory ? frm_realloc(memory, size) : frm_alloc(heap, size);
}

static struct run *run_of(lua_State *lua)
{
    void *context;
    lua_getallocf(lua, &context);
    return context;
}

static void on_count(lua_State *lua, lua_Debug *debug)
{
    const struct fr_mock *mock = run_of(lua)->c->mock;
    (void)debug;
    if (mock->clock(mock->clock_arg) > run_of(lua)->until_us) {
        luaL_error(lua, "Script killed: it ran for more than %d seconds", SECONDS_MAX);
    }
}

/* --------------------------------------------------------------------------------- redis.call() */

/* Copy the arguments into memory of Lua's, which it frees whatever happens. */
static struct fr_word *read_words(lua_State *lua, int count)
{
    struct fr_word *words = lua_newuserdata(lua, (size_t)count * sizeof(*words));
    for (int i = 0; i < count; i++) {
        if (lua_type(lua, i + 1) == LUA_TNUMBER) {
            char text[64];
            int len = snprintf(text, sizeof(text), "%.17g", lua_tonumber(lua, i + 1));
            lua_pushlstring(lua, text, (size_t)len);
            lua_replace(lua, i + 1);
        } else if (lua_type(lua, i + 1) != LUA_TSTRING) {
            return NULL;
        }
        words[i].data = lua_tolstring(lua, i + 1, &words[i].len);
    }
    return words;
}

static const char *refusal(struct run *run, const struct fr_word *words, size_t count,
                           const struct command **command, const struct fr_command **row)
{
    struct out ignored;
    frm_out_init(&ignored, &run->c->mock->heap);
    ignored.is_off = true;
    *command = frm_command_find(words, count, row);
    if (!*command) {
        return "-ERR Unknown Redis command called from script";
    }
    if (!frm_command_check(&ignored, words, count, command, row)) {
        return "-ERR Wrong number of args calling Redis command from script";
    }
    if ((*command)->flags & NO_SCRIPT) {
        return "-ERR This Redis command is not allowed from script";
    }
    if (run->is_read_only && (*row)->flags & FR_FLAG_WRITE) {
        return "-ERR Write commands are not allowed from read-only scripts.";
    }
    if ((*command)->flags & DENY_OOM && !frm_heap_has_room(&run->c->mock->heap, 0)) {
        return "-OOM command not allowed when used memory > 'maxmemory'.";
    }
    return NULL;
}

/* Push the reply of a command. */
static void push_reply(lua_State *lua, struct run *run, const struct fr_word *words, int count)
{
    const struct command *command;
    struct out out;
    struct call inner = {.mock = run->c->mock,
                         .session = run->c->session,
                         .db = run->c->session->db,
                         .out = &out,
                         .argv = words,
                         .argc = (size_t)count};
    const char *why = refusal(run, words, (size_t)count, &command, &inner.row);
    if (why) {
        frm_lua_push_error(lua, why);
        return;
    }
    frm_out_init(&out, &run->c->mock->heap);
    out.max = run->c->out->max;
    frm_run(&inner, command);
    if (out.has_overflown) {
        frm_lua_push_error(lua, "-ERR reply is larger than the memory there is");
    } else {
        run->is_bounded = false; /* so that Lua does not leave while the reply is to be freed */
        frm_out_raw(&out, "", 1);
        frm_lua_push_reply(lua, out.data + out.begin);
        run->is_bounded = true;
    }
    frm_out_finish(&out);
}

static bool call_command(lua_State *lua)
{
    struct run *run = run_of(lua);
    int count = lua_gettop(lua);
    if (count == 0) {
        frm_lua_push_error(lua, "Please specify at least one argument for this redis lib call");
        return true;
    }
    const struct fr_word *words = read_words(lua, count);
    if (!words) {
        frm_lua_push_error(lua, "Lua redis lib command arguments must be strings or integers");
        return true;
    }
    push_reply(lua, run, words, count);
    if (lua_type(lua, -1) != LUA_TTABLE) {
        return false;
    }
    lua_getfield(lua, -1, "err");
    bool is_error = !lua_isnil(lua, -1);
    lua_pop(lua, 1);
    return is_error;
}

static int redis_call(lua_State *lua)
{
    return call_command(lua) ? lua_error(lua) : 1;
}

static int redis_pcall(lua_State *lua)
{
    call_command(lua);
    return 1;
}

static int redis_error_reply(lua_State *lua)
{
    if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
        frm_lua_push_error(lua, "wrong number or type of arguments");
        return 1;
    }
    lua_pushstring(lua, lua_tostring(lua, 1)[0] == '-' ? "" : "-");
    lua_pushvalue(lua, 1);
    lua_concat(lua, 2);
    frm_lua_push_error(lua, lua_tostring(lua, -1));
    return 1;
}

static int redis_status_reply(lua_State *lua)
{
    if (lua_gettop(lua) != 1 || lua_type(lua, 1) != LUA_TSTRING) {
        frm_lua_push_error(lua, "wrong number or type of arguments");
        return 1;
    }
    lua_newtable(lua);
    lua_pushvalue(lua, 1);
    lua_setfield(lua, -2, "ok");
    return 1;
}

static int redis_sha1hex(lua_State *lua)
{
    char sha[41];
    size_t len;
    if (lua_gettop(lua) != 1) {
        frm_lua_push_error(lua, "wrong number of arguments");
        return lua_error(lua);
    }
    const char *text = lua_tolstring(lua, 1, &len);
    frm_sha1_hex(text ? text : "", text ? len : 0, sha);
    lua_pushstring(lua, sha);
    return 1;
}

/* There is no log to write to. */
static int redis_log(lua_State *lua)
{
    if (lua_gettop(lua) < 2 || lua_type(lua, 1) != LUA_TNUMBER) {
        frm_lua_push_error(lua, "redis.log() requires two arguments or more.");
        return lua_error(lua);
    }
    return 0;
}

static int math_random(lua_State *lua)
{
    struct fr_mock *mock = run_of(lua)->c->mock;
    lua_Number number = (lua_Number)(frm_random(mock) >> 11) / (lua_Number)(1ULL << 52);
    if (lua_gettop(lua) == 0) {
        lua_pushnumber(lua, number);
        return 1;
    }
    lua_Number low = lua_gettop(lua) > 1 ? luaL_checknumber(lua, 1) : 1;
    lua_Number high = luaL_checknumber(lua, lua_gettop(lua) > 1 ? 2 : 1);
    luaL_argcheck(lua, low <= high, lua_gettop(lua) > 1 ? 2 : 1, "interval is empty");
    lua_pushnumber(lua, low + (lua_Number)(int64_t)(number * (high - low + 1)));
    return 1;
}

/* ----------------------------------------------------------------------------------------- the
 * world */

static int no_global(lua_State *lua)
{
    return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                      lua_tostring(lua, 2));
}

static int no_new_global(lua_State *lua)
{
    return luaL_error(lua, "Attempt to modify a readonly table");
}

static void open_library(lua_State *lua, lua_CFunction open, const char *name)
{
    lua_pushcfunction(lua, open);
    lua_pushstring(lua, name);
    lua_call(lua, 1, 0);
}

static void add_redis(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"call", redis_call},
                                         {"pcall", redis_pcall},
                                         {"error_reply", redis_error_reply},
                                         {"status_reply", redis_status_reply},
                                         {"sha1hex", redis_sha1hex},
                                         {"log", redis_log},
                                         {NULL, NULL}};
    static const char *const levels[] = {"LOG_DEBUG", "LOG_VERBOSE", "LOG_NOTICE", "LOG_WARNING"};
    lua_newtable(lua);
    luaL_register(lua, NULL, functions);
    for (int i = 0; i < 4; i++) {
        lua_pushnumber(lua, i);
        lua_setfield(lua, -2, levels[i]);
    }
    lua_setglobal(lua, "redis");
}

static void add_words(lua_State *lua, const char *name, const struct fr_word *words, size_t count)
{
    lua_newtable(lua);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, words[i].data, words[i].len);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_setglobal(lua, name);
}

/* Nothing that reaches files, other code or other scripts. */
static void open_world(lua_State *lua)
{
    static const char *const removed[] = {"loadfile", "dofile",  "print",
                                          "newproxy", "require", "module",
                                          "package",  "load",    "collectgarbage"};
    open_library(lua, luaopen_base, "");
    open_library(lua, luaopen_table, LUA_TABLIBNAME);
    open_library(lua, luaopen_string, LUA_STRLIBNAME);
    open_library(lua, luaopen_math, LUA_MATHLIBNAME);
    for (size_t i = 0; i < sizeof(removed) / sizeof(removed[0]); i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, removed[i]);
    }
    add_redis(lua);
    lua_getglobal(lua, "math");
    lua_pushcfunction(lua, math_random);
    lua_setfield(lua, -2, "random");
    lua_pop(lua, 1);
}

static void close_world(lua_State *lua)
{
    lua_newtable(lua);
    lua_pushcfunction(lua, no_global);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, no_new_global);
    lua_setfield(lua, -2, "__newindex");
    lua_setmetatable(lua, LUA_GLOBALSINDEX);
}

/* Turn whatever was raised into a table with err, and where it was raised. */
static int on_error(lua_State *lua)
{
    lua_Debug where;
    if (lua_type(lua, 1) != LUA_TTABLE) {
        frm_lua_push_error(lua, lua_isstring(lua, 1) ? lua_tostring(lua, 1) : "unknown error");
    }
    int line = -1;
    for (int level = 1; lua_getstack(lua, level, &where); level++) {
        lua_getinfo(lua, "Sl", &where);
        if (where.currentline >= 0) {
            line = where.currentline;
            break;
        }
    }
    lua_pushnumber(lua, line);
    lua_setfield(lua, -2, "line");
    return 1;
}

static bool compile(struct call *c, lua_State *lua, const char *source, size_t len)
{
    if (luaL_loadbuffer(lua, source, len, "@user_script") == 0) {
        return true;
    }
    frm_error(c->out, "ERR Error compiling script (new function): %s", lua_tostring(lua, -1));
    return false;
}

static void answer_error(struct call *c, lua_State *lua, const char *sha)
{
    const char *text = lua_tostring(lua, -1);
    int line = -1;
    if (lua_type(lua, -1) == LUA_TTABLE) {
        lua_getfield(lua, -1, "line");
        line = (int)lua_tonumber(lua, -1);
        lua_getfield(lua, -2, "err");
        text = lua_tostring(lua, -1);
        frm_error(c->out, "%s script: %s, on @user_script:%d.", text ? text : "ERR unknown error",
                  sha, line);
    } else {
        frm_error(c->out, "ERR %s", text ? text : "unknown error");
    }
}

static void run_loaded(struct call *c, lua_State *lua, struct run *run, const char *sha)
{
    bool was_in_script = c->mock->in_script;
    struct db *db = c->session->db; /* SELECT in a script is for the script */
    lua_pushcfunction(lua, on_error);
    lua_insert(lua, 1);
    lua_sethook(lua, on_count, LUA_MASKCOUNT, HOOK_COUNT);
    c->mock->in_script = true;
    run->is_bounded = true;
    int failed = lua_pcall(lua, 0, 1, 1);
    run->is_bounded = false;
    c->mock->in_script = was_in_script;
    c->session->db = db;
    if (failed) {
        answer_error(c, lua, sha);
    } else {
        frm_lua_reply(lua, c->out);
    }
}

void frm_script_run(struct call *c, const struct str *source, const char *sha, size_t key_count,
                    bool is_read_only)
{
    struct run run = {.c = c, .is_read_only = is_read_only};
    run.until_us = c->mock->clock(c->mock->clock_arg) + SECONDS_MAX * 1000000LL;
    lua_State *lua = lua_newstate(allocate, &run);
    if (!lua) {
        abort(); /* memory is not refused yet */
    }
    open_world(lua);
    add_words(lua, "KEYS", c->argv + 3, key_count);
    add_words(lua, "ARGV", c->argv + 3 + key_count, c->argc - 3 - key_count);
    close_world(lua);
    if (compile(c, lua, source->data, source->len)) {
        run_loaded(c, lua, &run, sha);
    }
    lua_close(lua);
}

bool frm_script_check(struct call *c, const struct fr_word *source)
{
    struct run run = {.c = c};
    lua_State *lua = lua_newstate(allocate, &run);
    if (!lua) {
        abort();
    }
    bool compiles = compile(c, lua, source->data, source->len);
    lua_close(lua);
    return compiles;
}

#endif
