/* base.c — the basic functions that could escape, wait, or swallow a kill, done again. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "lua/budget.h"
#include "lua/sandbox.h"

static int print_to_log(lua_State *L)
{
	char line[1024];
	luaL_Buffer b;
	int n = lua_gettop(L);
	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	size_t len;
	const char *s = lua_tolstring(L, -1, &len);
	fail_text(line, sizeof line, s, len);
	log_plugin(LOG_INFO, isolate_name(isolate_of(L)), line);
	return 0;
}

/* Results of a protected call, which may come back here through a continuation. */
static int protected_results(lua_State *L, int status, lua_KContext extra)
{
	budget_after(L, status);
	if (status != LUA_OK && status != LUA_YIELD) {
		lua_pushboolean(L, 0);
		lua_pushvalue(L, -2);
		return 2;
	}
	return lua_gettop(L) - (int)extra;
}

static int base_pcall(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, 1);
	lua_insert(L, 1);
	int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, protected_results);
	return protected_results(L, status, 0);
}

/* A handler never sees a kill: it would run with hooks off. */
static int handler_guard(lua_State *L)
{
	if (isolate_of(L)->killed)
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, 1);
	return 1;
}

static int base_xpcall(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handler_guard, 1);
	lua_replace(L, 2);
	lua_pushboolean(L, 1);
	lua_pushvalue(L, 1);
	lua_rotate(L, 3, 2); /* f, handler, true, f, arguments… */
	int status = lua_pcallk(L, lua_gettop(L) - 4, LUA_MULTRET, 2, 2, protected_results);
	return protected_results(L, status, 2);
}

/* Finalizers run with hooks off, weak tables and call chains break stock Lua 5.4.4. */
static int base_setmetatable(lua_State *L)
{
	static const char *const refused[] = {"__gc", "__mode"};
	luaL_checktype(L, 1, LUA_TTABLE);
	int type = lua_type(L, 2);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2, "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	lua_settop(L, 2);
	if (type == LUA_TTABLE) {
		for (int i = 0; i < 2; i++) {
			lua_pushstring(L, refused[i]);
			if (lua_rawget(L, 2) != LUA_TNIL)
				return luaL_error(L, "%s is not available to plugins", refused[i]);
			lua_pop(L, 1);
		}
		lua_pushliteral(L, "__call");
		int call = lua_rawget(L, 2);
		if (call != LUA_TNIL && call != LUA_TFUNCTION)
			return luaL_error(L, "__call must be a function");
		lua_pop(L, 1);
	}
	lua_setmetatable(L, 1);
	return 1;
}

static int base_rawset(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	lua_settop(L, 3);
	if (sandbox_is_frozen(L, 1))
		lua_settable(L, 1); /* says what it is */
	else
		lua_rawset(L, 1);
	lua_settop(L, 1);
	return 1;
}

/* The name a plugin gives to a loaded text must not pass for a file in messages. */
static void load_name(lua_State *L, int index, char *out, size_t cap)
{
	char name[40] = "";
	size_t n = 0;
	const char *s = luaL_optstring(L, index, "");
	for (; *s && n + 1 < sizeof name; s++)
		if (strchr("./-_", *s) || (*s >= '0' && *s <= '9') ||
			((*s | 32) >= 'a' && (*s | 32) <= 'z'))
			name[n++] = *s;
	name[n] = 0;
	snprintf(out, cap, "=(load%s%s)", n ? " " : "", name);
}

static int base_load(lua_State *L)
{
	size_t n;
	char name[64];
	if (lua_type(L, 1) != LUA_TSTRING)
		return luaL_error(L, "load takes a text, not a %s", luaL_typename(L, 1));
	const char *text = lua_tolstring(L, 1, &n);
	const char *mode = luaL_optstring(L, 3, "t");
	load_name(L, 2, name, sizeof name);
	bool env = !lua_isnone(L, 4);
	int status = LUA_ERRSYNTAX;
	if (n > LOAD_TEXT_MAX)
		lua_pushfstring(
			L, "text too long to load (%d bytes, at most %d)", (int)n, LOAD_TEXT_MAX);
	else if (!strchr(mode, 't'))
		lua_pushliteral(L, "only text can be loaded");
	else
		status = luaL_loadbufferx(L, text, n, name, "t");
	budget_after(L, status);
	if (status != LUA_OK) {
		luaL_pushfail(L);
		lua_insert(L, -2);
		return 2;
	}
	if (env)
		lua_pushvalue(L, 4);
	else
		sandbox_push_view(L);
	if (!lua_setupvalue(L, -2, 1))
		lua_pop(L, 1);
	return 1;
}

static int base_require(lua_State *L)
{
	static const char loaded_key;
	struct isolate *iso = isolate_of(L);
	const char *name = luaL_checkstring(L, 1);
	lua_settop(L, 1);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &loaded_key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &loaded_key);
	}
	if (lua_getfield(L, 2, name) != LUA_TNIL) {
		if (lua_touserdata(L, 3) == &loaded_key)
			return luaL_error(L, "require \"%s\": the files require each other", name);
		return 1;
	}
	char path[160];
	int at = -1;
	snprintf(path, sizeof path, "%s.lua", name);
	for (int i = 0; i < iso->nfiles && at < 0; i++)
		if (strcmp(iso->files[i].path, path) == 0)
			at = i;
	if (at < 0)
		return luaL_error(L, "require \"%s\": there is no %s%s", name, iso->prefix, path);
	lua_pushlightuserdata(L, (void *)&loaded_key);
	lua_setfield(L, 2, name);
	lua_settop(L, 2);
	char chunk[sizeof iso->prefix + sizeof path];
	snprintf(chunk, sizeof chunk, "@%s%s", iso->prefix, path);
	int status = luaL_loadbufferx(L, iso->files[at].text, iso->files[at].len, chunk, "t");
	budget_after(L, status);
	if (status != LUA_OK)
		return lua_error(L);
	sandbox_push_view(L);
	lua_setupvalue(L, -2, 1);
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

void lib_base(lua_State *L)
{
	static const char *const absent[] = {"dofile", "loadfile", "collectgarbage", "warn"};
	static const luaL_Reg own[] = {{"print", print_to_log}, {"pcall", base_pcall},
		{"xpcall", base_xpcall}, {"setmetatable", base_setmetatable},
		{"rawset", base_rawset}, {"load", base_load}, {"require", base_require},
		{NULL, NULL}};
	for (int i = 0; i < 4; i++) {
		lua_pushnil(L);
		lua_setfield(L, -2, absent[i]);
	}
	luaL_setfuncs(L, own, 0);
}
