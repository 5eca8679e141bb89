/* tx:journey and tx:friction. */
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "lua/bind.h"
#include "lua/journey.h"

static struct str text_at(lua_State *L, int at, const char *what)
{
	size_t n;
	const char *p = lua_type(L, at) == LUA_TSTRING ? lua_tolstring(L, at, &n) : NULL;
	if (!p || !n || !utf8_ok(p, n))
		luaL_error(L, "%s must be a text", what);
	return (struct str){p, (uint32_t)n};
}

int tx_journey(lua_State *L, const struct tx_ud *u) /* id, key */
{
	struct slot *s = tx_slot(L, u, "journey");
	struct buf *b = &u->run->json;
	struct cx_err e = {0};
	struct str id = text_at(L, 2, "tx:journey: the journey"),
		   key = text_at(L, 3, "tx:journey: the key");
	buf_clear(b);
	int rc = s->tx->journey ? s->tx->journey(s->tx->ctx, id, key, b, &e)
				: cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	if (rc < 0)
		return luaL_error(L, "tx:journey: %s", e.msg);
	if (rc == 0)
		return 0;
	lua_push_json(L, b->p, b->len);
	return 1;
}

/* The member of the table at 2, or of the one at `of` where that has it; pushed. */
static void member(lua_State *L, const char *name, int of)
{
	lua_pushstring(L, name);
	lua_rawget(L, 2);
	if (!lua_isnil(L, -1) || !of)
		return;
	lua_pop(L, 1);
	lua_pushstring(L, name);
	lua_rawget(L, of);
}

static int64_t take_lost(lua_State *L)
{
	size_t n;
	int isint = 0;
	struct duration d;
	int64_t ms;
	member(L, "lost", 0);
	if (lua_isnil(L, -1))
		return -1;
	if (lua_type(L, -1) == LUA_TSTRING) {
		const char *s = lua_tolstring(L, -1, &n);
		isint = duration_parse(s, n, &d);
		ms = isint ? duration_add(0, d, 1) : 0;
	} else {
		ms = lua_tointegerx(L, -1, &isint);
	}
	if (!isint || ms < 0)
		luaL_error(L, "tx:friction: lost must be integer ms or a duration as \"5min\"");
	return ms;
}

static void known_options(lua_State *L)
{
	static const char *const names[] = {
		"journey", "key", "stage", "kind", "lost", "severity", NULL};
	for (lua_pushnil(L); lua_next(L, 2); lua_pop(L, 1)) {
		const char *k = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		struct nearest near = {.word = k};
		char hint[MEANT];
		int i = 0;
		while (names[i] && strcmp(names[i], k) != 0)
			nearest_try(&near, names[i++]);
		if (!names[i])
			luaL_error(
				L, "tx:friction: unknown option \"%s\"%s", k, meant(&near, hint));
	}
}

/* { journey = j, or an id with key =; stage = a stage, or its id; kind =, lost =, severity = } */
int tx_friction(lua_State *L, const struct tx_ud *u)
{
	struct slot *s = tx_slot(L, u, "friction");
	struct friction_ask ask = {.severity = -1};
	struct cx_err e = {0};
	lua_settop(L, 2);
	if (!lua_istable(L, 2))
		return luaL_error(L, "tx:friction { journey = j, kind = \"wait\" }");
	known_options(L);
	member(L, "journey", 0);
	int j = lua_istable(L, 3) ? 3 : 0;
	if (j) {
		lua_pushliteral(L, "journey");
		lua_rawget(L, 3);
	}
	ask.journey = text_at(L, -1, "tx:friction: journey");
	member(L, "key", j);
	ask.key = text_at(L, -1, "tx:friction: key");
	member(L, "stage", j);
	if (lua_istable(L, -1))
		lua_getfield(L, -1, "id");
	ask.stage = text_at(L, -1, "tx:friction: stage");
	member(L, "kind", 0);
	ask.kind = text_at(L, -1, "tx:friction: kind");
	ask.lost_ms = take_lost(L);
	member(L, "severity", 0);
	if (!lua_isnil(L, -1)) {
		ask.severity = lua_isinteger(L, -1) ? (int)lua_tointeger(L, -1) : 0;
		if (ask.severity < 1 || ask.severity > 5)
			return luaL_error(L, "tx:friction: severity is an integer from 1 to 5");
	}
	int rc = s->tx->friction ? s->tx->friction(s->tx->ctx, &ask, &e)
				 : cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	return rc < 0 ? luaL_error(L, "tx:friction: %s", e.msg) : 0;
}
