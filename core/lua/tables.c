/* tables.c — table.* and utf8.codes whose loops can be stopped: stock ones trust a __len of 2^60.
 */
#include <limits.h>

#include "lua/budget.h"

static void tick_every(lua_State *L, lua_Integer i)
{
	if ((i & 1023) == 0)
		budget_tick(L);
}

static int t_insert(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer end = (lua_Integer)((lua_Unsigned)luaL_len(L, 1) + 1);
	int n = lua_gettop(L);
	if (n == 2) {
		lua_seti(L, 1, end);
		return 0;
	}
	if (n != 3)
		return luaL_error(L, "wrong number of arguments to 'insert'");
	lua_Integer at = luaL_checkinteger(L, 2);
	luaL_argcheck(L, (lua_Unsigned)at - 1u < (lua_Unsigned)end, 2, "position out of bounds");
	for (lua_Integer i = end; i > at; i--) {
		tick_every(L, i);
		lua_geti(L, 1, i - 1);
		lua_seti(L, 1, i);
	}
	lua_seti(L, 1, at);
	return 0;
}

static int t_remove(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer size = luaL_len(L, 1), at = luaL_optinteger(L, 2, size);
	if (!lua_isnone(L, 2)) /* size + 1 is allowed */
		luaL_argcheck(L, (lua_Unsigned)at - 1u <= (lua_Unsigned)size, 2,
			"position out of bounds");
	lua_geti(L, 1, at);
	for (; at < size; at++) {
		tick_every(L, at);
		lua_geti(L, 1, at + 1);
		lua_seti(L, 1, at);
	}
	lua_pushnil(L);
	lua_seti(L, 1, at);
	return 1;
}

static int t_move(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_Integer from = luaL_checkinteger(L, 2), last = luaL_checkinteger(L, 3);
	lua_Integer to = luaL_checkinteger(L, 4);
	int target = lua_isnoneornil(L, 5) ? 1 : 5;
	luaL_checktype(L, target, LUA_TTABLE);
	if (last >= from) {
		luaL_argcheck(L, from > 0 || last < LUA_MAXINTEGER + from, 3,
			"too many elements to move");
		lua_Integer n = last - from + 1;
		luaL_argcheck(L, to <= LUA_MAXINTEGER - n + 1, 4, "destination wrap around");
		bool up =
			to > last || to <= from || (target != 1 && !lua_compare(L, 1, 5, LUA_OPEQ));
		for (lua_Integer k = 0; k < n; k++) {
			lua_Integer i = up ? k : n - 1 - k;
			tick_every(L, k);
			lua_geti(L, 1, from + i);
			lua_seti(L, target, to + i);
		}
	}
	lua_pushvalue(L, target);
	return 1;
}

static void add_item(lua_State *L, luaL_Buffer *b, lua_Integer i)
{
	lua_geti(L, 1, i);
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid value (at index %I) in table for 'concat'", i);
	luaL_addvalue(b);
}

static int t_concat(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	size_t nsep;
	const char *sep = luaL_optlstring(L, 2, "", &nsep);
	lua_Integer i = luaL_optinteger(L, 3, 1);
	lua_Integer last = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
	luaL_Buffer b;
	luaL_buffinit(L, &b);
	for (; i < last; i++) {
		tick_every(L, i);
		add_item(L, &b, i);
		luaL_addlstring(&b, sep, nsep);
	}
	if (i == last)
		add_item(L, &b, i);
	luaL_pushresult(&b);
	return 1;
}

static int less(lua_State *L)
{
	lua_pushboolean(L, lua_compare(L, 1, 2, LUA_OPLT));
	return 1;
}

/* Every comparison is a call, so that the hook sees it. */
static int t_sort(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	if (lua_isnil(L, 2)) {
		lua_pushcfunction(L, less);
		lua_replace(L, 2);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 0);
	return 0;
}

void lib_table(lua_State *L)
{
	static const luaL_Reg own[] = {{"insert", t_insert}, {"remove", t_remove}, {"move", t_move},
		{"concat", t_concat}, {NULL, NULL}};
	luaL_setfuncs(L, own, 0);
	lua_getfield(L, -1, "sort");
	lua_pushcclosure(L, t_sort, 1);
	lua_setfield(L, -2, "sort");
}

/* 5.4.4's iterator takes stray continuation bytes: the whole text is checked first. */
static int u_codes(lua_State *L)
{
	luaL_checkstring(L, 1);
	bool lax = lua_toboolean(L, 2);
	lua_settop(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1)); /* utf8.len(s, 1, -1, lax) */
	lua_pushvalue(L, 1);
	lua_pushinteger(L, 1);
	lua_pushinteger(L, -1);
	lua_pushboolean(L, lax);
	lua_call(L, 4, 2);
	if (lua_isnil(L, -2))
		return luaL_error(L, "invalid UTF-8 code (byte %I)", lua_tointeger(L, -1));
	lua_settop(L, 2);
	lua_pushvalue(L, lua_upvalueindex(2));
	lua_insert(L, 1);
	lua_call(L, 2, 3);
	return 3;
}

void lib_utf8(lua_State *L)
{
	lua_getfield(L, -1, "len");
	lua_getfield(L, -2, "codes");
	lua_pushcclosure(L, u_codes, 2);
	lua_setfield(L, -2, "codes");
}
