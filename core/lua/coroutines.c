/* coroutines.c — coroutine.* that keeps track of who runs and lets no kill be swallowed. */
#include <string.h>

#include "lua/budget.h"

static lua_State *coroutine_at(lua_State *L, int index)
{
	lua_State *co = lua_tothread(L, index);
	luaL_argexpected(L, co, index, "coroutine");
	return co;
}

/* Number of results now on L, or -1 with the error on L. */
static int resume(lua_State *L, lua_State *co, int nargs)
{
	struct isolate *iso = isolate_of(L);
	int n;
	budget_after(L, LUA_OK);
	if (!lua_checkstack(co, nargs)) {
		lua_pushliteral(L, "too many arguments to resume");
		return -1;
	}
	lua_xmove(L, co, nargs);
	lua_State *before = iso->active;
	iso->active = co;
	int status = lua_resume(co, L, nargs, &n);
	iso->active = before;
	budget_after(L, status);
	if (status != LUA_OK && status != LUA_YIELD) {
		lua_xmove(co, L, 1);
		return -1;
	}
	if (!lua_checkstack(L, n + 1)) {
		lua_pop(co, n);
		lua_pushliteral(L, "too many results to resume");
		return -1;
	}
	lua_xmove(co, L, n);
	return n;
}

/* Runs what waits to be closed in co. Stock 5.4.4 forgets how deep such calls are nested. */
static int close_thread(lua_State *L, lua_State *co)
{
	struct isolate *iso = isolate_of(L);
	if (iso->closing >= CLOSE_DEPTH)
		return luaL_error(
			L, "coroutines close each other too deeply (more than %d)", CLOSE_DEPTH);
	lua_State *before = iso->active;
	iso->active = co;
	iso->closing++;
	int status = lua_resetthread(co);
	iso->closing--;
	iso->active = before;
	budget_after(L, status);
	return status;
}

static int co_resume(lua_State *L)
{
	lua_State *co = coroutine_at(L, 1);
	int n = resume(L, co, lua_gettop(L) - 1);
	lua_pushboolean(L, n >= 0);
	if (n < 0)
		n = 1;
	lua_insert(L, -(n + 1));
	return n + 1;
}

static int wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int n = resume(L, co, lua_gettop(L));
	if (n >= 0)
		return n;
	int status = lua_status(co);
	if (status != LUA_OK && status != LUA_YIELD) {
		status = close_thread(L, co);
		if (status != LUA_OK)
			lua_xmove(co, L, 1); /* the error, or that of a __close */
	}
	if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int co_create(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_State *co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

static int co_wrap(lua_State *L)
{
	co_create(L);
	lua_pushcclosure(L, wrapped, 1);
	return 1;
}

static int co_close(lua_State *L)
{
	lua_State *co = coroutine_at(L, 1);
	lua_Debug ar;
	if (co == L)
		return luaL_error(L, "cannot close a running coroutine");
	if (lua_status(co) == LUA_OK && lua_getstack(co, 0, &ar))
		return luaL_error(L, "cannot close a normal coroutine");
	if (close_thread(L, co) == LUA_OK) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushboolean(L, 0);
	lua_xmove(co, L, 1);
	return 2;
}

void lib_coroutine(lua_State *L)
{
	static const luaL_Reg own[] = {{"create", co_create}, {"resume", co_resume},
		{"wrap", co_wrap}, {"close", co_close}, {NULL, NULL}};
	luaL_setfuncs(L, own, 0);
}
