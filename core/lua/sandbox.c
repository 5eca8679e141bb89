#include "lua/sandbox.h"

#include <lualib.h>

static const char frozen_key, globals_key, view_key, runtime_key;

static int frozen_next(lua_State *L)
{
	/* The table itself stays an upvalue: what pairs hands out would let it be changed. */
	lua_settop(L, 2);
	return lua_next(L, lua_upvalueindex(1)) ? 2 : 0;
}

static int frozen_pairs(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_pushcclosure(L, frozen_next, 1);
	lua_pushnil(L);
	lua_pushnil(L);
	return 3;
}

static int frozen_len(lua_State *L)
{
	lua_pushinteger(L, (lua_Integer)lua_rawlen(L, lua_upvalueindex(1)));
	return 1;
}

static int frozen_write(lua_State *L)
{
	const char *format = lua_tostring(L, lua_upvalueindex(1));
	const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2);
	lua_pushfstring(L, format, key);
	luaL_where(L, 1);
	lua_insert(L, -2);
	lua_concat(L, 2);
	return lua_error(L);
}

/* table on top → view of it; message has one %s for the key. */
static void freeze(lua_State *L, const char *message)
{
	int t = lua_gettop(L);
	lua_createtable(L, 0, 0);
	lua_createtable(L, 0, 6);
	lua_pushvalue(L, t);
	lua_setfield(L, -2, "__index");
	lua_pushstring(L, message);
	lua_pushcclosure(L, frozen_write, 1);
	lua_setfield(L, -2, "__newindex");
	lua_pushvalue(L, t);
	lua_pushcclosure(L, frozen_pairs, 1);
	lua_setfield(L, -2, "__pairs");
	lua_pushvalue(L, t);
	lua_pushcclosure(L, frozen_len, 1);
	lua_setfield(L, -2, "__len");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushboolean(L, 1);
	lua_rawsetp(L, -2, &frozen_key);
	lua_setmetatable(L, -2);
	lua_replace(L, t);
	lua_settop(L, t);
}

void isolate_freeze(lua_State *L)
{
	freeze(L, "this table is read-only (field '%s')");
}

bool sandbox_is_frozen(lua_State *L, int index)
{
	if (!lua_getmetatable(L, index))
		return false;
	bool frozen = lua_rawgetp(L, -1, &frozen_key) == LUA_TBOOLEAN;
	lua_pop(L, 2);
	return frozen;
}

static int no_random(lua_State *L)
{
	return luaL_error(L, "there is no chance here, so that a job can be done again: use "
			     "tx:random() in a reaction");
}

/* Puts library `name` into the tables: as it is for the runtime, as a view for the plugin. */
static void open_lib(lua_State *L, const char *name, lua_CFunction open,
	void (*change)(lua_State *), int globals, int runtime)
{
	lua_pushcfunction(L, open);
	lua_pushstring(L, name);
	lua_call(L, 1, 1);
	if (change)
		change(L);
	lua_pushvalue(L, -1);
	lua_setfield(L, runtime, name);
	isolate_freeze(L);
	lua_setfield(L, globals, name);
}

static void lib_math(lua_State *L)
{
	lua_pushcfunction(L, no_random);
	lua_setfield(L, -2, "random");
	lua_pushcfunction(L, no_random);
	lua_setfield(L, -2, "randomseed");
}

/* Methods of strings come from the runtime's table, which no plugin can reach. */
static void lock_strings(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
}

static void copy_table(lua_State *L, int from, int to)
{
	lua_pushnil(L);
	while (lua_next(L, from)) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, to);
	}
}

int sandbox_open(lua_State *L)
{
	lua_settop(L, 0);
	lua_pushcfunction(L, luaopen_base);
	lua_call(L, 0, 1); /* 1: globals */
	lib_base(L);
	lua_newtable(L); /* 2: runtime */
	copy_table(L, 1, 2);
	open_lib(L, LUA_STRLIBNAME, luaopen_string, lib_string, 1, 2);
	open_lib(L, LUA_TABLIBNAME, luaopen_table, lib_table, 1, 2);
	open_lib(L, LUA_MATHLIBNAME, luaopen_math, lib_math, 1, 2);
	open_lib(L, LUA_UTF8LIBNAME, luaopen_utf8, lib_utf8, 1, 2);
	open_lib(L, LUA_COLIBNAME, luaopen_coroutine, lib_coroutine, 1, 2);
	lock_strings(L);
	lua_pushvalue(L, 1);
	freeze(L, "assigning global '%s': use local"); /* 3: view */
	lua_pushvalue(L, 3);
	lua_setfield(L, 1, "_G");
	lua_pushvalue(L, 3);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &view_key);
	lua_pushvalue(L, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &globals_key);
	lua_pushvalue(L, 2);
	lua_setfield(L, 2, "_G");
	lua_pushvalue(L, 2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &runtime_key);
	/* What C finds as the state's own globals is nobody's. */
	lua_newtable(L);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	return 0;
}

void sandbox_push_view(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key);
}

void sandbox_push_globals(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &globals_key);
}

void sandbox_push_runtime(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &runtime_key);
}
