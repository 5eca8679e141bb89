/* strings.c — string.* with bounded results and patterns that a budget can stop. */
#include <string.h>

#include "lua/budget.h"
#include "lua/pattern.h"

/* 1-based, negative from the end → offset in 0…n+1 (n + 1: beyond). */
static size_t start_offset(lua_Integer init, size_t n)
{
	if (init > 0)
		return (lua_Unsigned)init > n + 1 ? n + 1 : (size_t)init - 1;
	if (init == 0 || init < -(lua_Integer)n)
		return 0;
	return n + (size_t)init;
}

static bool is_plain(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] && strchr("^$*+?.([%-", p[i]))
			return false;
	return true;
}

static int find_or_match(lua_State *L, bool find)
{
	size_t n, np;
	const char *s = luaL_checklstring(L, 1, &n), *text = luaL_checklstring(L, 2, &np);
	size_t at = start_offset(luaL_optinteger(L, 3, 1), n);
	if (at > n) {
		luaL_pushfail(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) || is_plain(text, np))) {
		const char *hit = np ? memmem(s + at, n - at, text, np) : s + at;
		if (!hit) {
			luaL_pushfail(L);
			return 1;
		}
		lua_pushinteger(L, hit - s + 1);
		lua_pushinteger(L, hit - s + (lua_Integer)np);
		return 2;
	}
	struct item local[PATTERN_LOCAL];
	struct pattern p;
	pattern_compile(L, &p, text, np, true, local);
	p.subject = s;
	p.end = s + n;
	for (const char *from = s + at; from <= p.end; from++) {
		const char *to = pattern_match(&p, from);
		if (to && find) {
			lua_pushinteger(L, from - s + 1);
			lua_pushinteger(L, to - s);
			return 2 + pattern_push(&p, NULL, NULL, false);
		}
		if (to)
			return pattern_push(&p, from, to, true);
		if (p.anchored)
			break;
	}
	luaL_pushfail(L);
	return 1;
}

static int s_find(lua_State *L)
{
	return find_or_match(L, true);
}

static int s_match(lua_State *L)
{
	return find_or_match(L, false);
}

struct each { /* of gmatch */
	struct pattern p;
	const char *at, *last;
	struct item local[PATTERN_LOCAL];
};

static int each_next(lua_State *L)
{
	struct each *g = lua_touserdata(L, lua_upvalueindex(3));
	g->p.L = L;
	for (; g->at <= g->p.end; g->at++) {
		const char *from = g->at, *to = pattern_match(&g->p, from);
		if (to && to != g->last) {
			g->at = g->last = to;
			return pattern_push(&g->p, from, to, true);
		}
	}
	return 0;
}

static int s_gmatch(lua_State *L)
{
	size_t n, np;
	const char *s = luaL_checklstring(L, 1, &n), *text = luaL_checklstring(L, 2, &np);
	size_t at = start_offset(luaL_optinteger(L, 3, 1), n);
	lua_settop(L, 2);
	struct each *g = lua_newuserdatauv(L, sizeof *g, 1);
	pattern_compile(L, &g->p, text, np, false, g->local);
	if (lua_gettop(L) > 3) /* the items of a long pattern live as long as g */
		lua_setiuservalue(L, 3, 1);
	g->p.subject = s;
	g->p.end = s + n;
	g->at = s + at;
	g->last = NULL;
	lua_pushcclosure(L, each_next, 3);
	return 1;
}

static void add_template(
	lua_State *L, luaL_Buffer *b, struct pattern *p, const char *from, const char *to)
{
	size_t n;
	const char *t = lua_tolstring(L, 3, &n), *end = t + n, *mark;
	while ((mark = memchr(t, '%', (size_t)(end - t)))) {
		luaL_addlstring(b, t, (size_t)(mark - t));
		char c = mark + 1 < end ? mark[1] : 'x';
		if (c == '%') {
			luaL_addchar(b, '%');
		} else if (c == '0') {
			luaL_addlstring(b, from, (size_t)(to - from));
		} else if (c >= '1' && c <= '9') {
			if (c - '1' >= (p->ncaptures ? p->ncaptures : 1))
				luaL_error(L, "invalid capture index %%%d in replacement string",
					c - '0');
			pattern_push_one(p, c - '1', from, to);
			luaL_tolstring(L, -1, NULL);
			lua_remove(L, -2);
			luaL_addvalue(b);
		} else {
			luaL_error(L, "invalid use of '%%' in replacement string");
		}
		t = mark + 2;
	}
	luaL_addlstring(b, t, (size_t)(end - t));
}

static void add_replacement(
	lua_State *L, luaL_Buffer *b, struct pattern *p, const char *from, const char *to, int kind)
{
	if (kind == LUA_TSTRING || kind == LUA_TNUMBER) {
		add_template(L, b, p, from, to);
		return;
	}
	if (kind == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, pattern_push(p, from, to, true), 1);
	} else {
		pattern_push_one(p, 0, from, to);
		lua_gettable(L, 3);
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(b, from, (size_t)(to - from));
		return;
	}
	if (!lua_isstring(L, -1))
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	luaL_addvalue(b);
}

static int s_gsub(lua_State *L)
{
	size_t n, np;
	const char *s = luaL_checklstring(L, 1, &n), *text = luaL_checklstring(L, 2, &np);
	int kind = lua_type(L, 3);
	luaL_argexpected(L,
		kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TFUNCTION ||
			kind == LUA_TTABLE,
		3, "string/function/table");
	if (kind == LUA_TNUMBER)
		lua_tolstring(L, 3, NULL);
	lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)n + 1), count = 0;
	const char *at = s, *last = NULL;
	struct item local[PATTERN_LOCAL];
	struct pattern p;
	luaL_Buffer b;
	lua_settop(L, 4);
	pattern_compile(L, &p, text, np, true, local);
	p.subject = s;
	p.end = s + n;
	luaL_buffinit(L, &b);
	while (count < most) {
		const char *to = pattern_match(&p, at);
		if (to && to != last) {
			count++;
			add_replacement(L, &b, &p, at, to, kind);
			at = last = to;
		} else if (at < p.end) {
			luaL_addchar(&b, *at++);
		} else {
			break;
		}
		if (p.anchored)
			break;
	}
	luaL_addlstring(&b, at, (size_t)(p.end - at));
	luaL_pushresult(&b);
	lua_pushinteger(L, count);
	return 2;
}

static int s_rep(lua_State *L)
{
	size_t n, nsep;
	const char *s = luaL_checklstring(L, 1, &n);
	lua_Integer times = luaL_checkinteger(L, 2);
	const char *sep = luaL_optlstring(L, 3, "", &nsep);
	if (times <= 0 || n + nsep == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if ((lua_Unsigned)times > STRING_RESULT_MAX / (n + nsep))
		return luaL_error(
			L, "string.rep: result too large (at most %d bytes)", STRING_RESULT_MAX);
	size_t total = (size_t)times * n + (size_t)(times - 1) * nsep;
	luaL_Buffer b;
	char *out = luaL_buffinitsize(L, &b, total);
	if (n == 1 && !nsep) { /* one byte over and over */
		memset(out, *s, total);
		times = 0;
	}
	for (lua_Integer i = 0; i < times; i++) {
		memcpy(out, s, n);
		out += n;
		if (i + 1 < times) {
			memcpy(out, sep, nsep);
			out += nsep;
		}
	}
	luaL_pushresultsize(&b, total);
	return 1;
}

void lib_string(lua_State *L)
{
	static const luaL_Reg own[] = {{"find", s_find}, {"match", s_match}, {"gmatch", s_gmatch},
		{"gsub", s_gsub}, {"rep", s_rep}, {NULL, NULL}};
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	luaL_setfuncs(L, own, 0);
}
