/* A formula's histogram `h`: h[v], #h, h:at(p), h:mean(), h:variance(), h:min(), h:max(), pairs(h).
 */
#include "kpi/hist.h"

#include <stdio.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/inside.h"

#define HIST_NAME "cx.histogram"

struct hist_ud {
	struct plugin_run *run;
	int slot;
	uint64_t gen;
	const struct hist *hist; /* the view's */
	const char *name;        /* the measure's */
};

static struct hist_ud *check_hist(lua_State *L)
{
	struct hist_ud *h = luaL_checkudata(L, 1, HIST_NAME);
	if (!call_alive(h->run, h->slot, h->gen))
		luaL_error(L, "histogram \"%s\" is over: it can be used until the formula returns",
			h->name);
	return h;
}

static int hist_wrong(lua_State *L)
{
	struct hist_ud *h = luaL_testudata(L, 1, HIST_NAME);
	if (!h)
		h = luaL_testudata(L, 2, HIST_NAME);
	return luaL_error(L,
		"measure \"%s\" is a histogram: use h[value], #, :at(p), :mean(), :variance(), "
		":min(), :max() and pairs",
		h ? h->name : "?");
}

static int hist_len(lua_State *L)
{
	lua_pushinteger(L, check_hist(L)->hist->total);
	return 1;
}

static int push_or_no_data(lua_State *L, bool is, const double *v)
{
	if (!is)
		return fail_no_data(L);
	lua_pushnumber(L, *v);
	return 1;
}

static int hist_at(lua_State *L)
{
	struct hist_ud *h = check_hist(L);
	double v, p = lua_type(L, 2) == LUA_TNUMBER ? lua_tonumber(L, 2) : -1;
	if (!(p >= 0 && p <= 1))
		return luaL_error(L, "measure \"%s\": at needs a number from 0 to 1", h->name);
	return push_or_no_data(L, hist_quantile(h->hist, p, &v), &v);
}

static int hist_mean_of(lua_State *L)
{
	double v;
	return push_or_no_data(L, hist_mean(check_hist(L)->hist, &v), &v);
}

static int hist_variance_of(lua_State *L)
{
	double v;
	return push_or_no_data(L, hist_variance(check_hist(L)->hist, &v), &v);
}

static int push_end(lua_State *L, bool (*end)(const struct hist *h, int64_t *out))
{
	int64_t v;
	if (!end(check_hist(L)->hist, &v))
		return fail_no_data(L);
	lua_pushinteger(L, v);
	return 1;
}

static int hist_min_of(lua_State *L)
{
	return push_end(L, hist_min);
}

static int hist_max_of(lua_State *L)
{
	return push_end(L, hist_max);
}

static const luaL_Reg methods[] = {{"at", hist_at}, {"mean", hist_mean_of},
	{"variance", hist_variance_of}, {"min", hist_min_of}, {"max", hist_max_of}, {NULL, NULL}};

static int hist_index(lua_State *L)
{
	struct hist_ud *h = check_hist(L);
	int isint = 0;
	if (lua_type(L, 2) == LUA_TNUMBER) {
		lua_Integer v = lua_tointegerx(L, 2, &isint);
		int64_t count = isint ? hist_count(h->hist, v) : 0;
		if (count)
			lua_pushinteger(L, count);
		else
			lua_pushnil(L);
		return 1;
	}
	if (lua_type(L, 2) != LUA_TSTRING)
		return hist_wrong(L);
	const char *key = lua_tostring(L, 2);
	struct nearest n = {.word = key};
	char hint[MEANT];
	for (const luaL_Reg *m = methods; m->name; m++) {
		if (strcmp(m->name, key) == 0) {
			lua_pushcfunction(L, m->func);
			return 1;
		}
		nearest_try(&n, m->name);
	}
	return luaL_error(L, "measure \"%s\" is a histogram, which has no \"%s\"%s", h->name, key,
		meant(&n, hint));
}

/* The next value and its count; how far it is stands in the upvalue. */
static int next_value(lua_State *L)
{
	const struct hist *h = check_hist(L)->hist;
	size_t i = (size_t)lua_tointeger(L, lua_upvalueindex(1));
	if (i >= h->n)
		return 0;
	lua_pushinteger(L, (lua_Integer)i + 1);
	lua_replace(L, lua_upvalueindex(1));
	lua_pushinteger(L, h->values[i]);
	lua_pushinteger(L, h->counts[i]);
	return 2;
}

static int hist_pairs(lua_State *L)
{
	check_hist(L);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_value, 1);
	lua_pushvalue(L, 1);
	lua_pushnil(L);
	return 3;
}

void hist_bind_setup(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__index", hist_index}, {"__len", hist_len},
		{"__pairs", hist_pairs}, {NULL, NULL}};
	static const char *const refused[] = {"__add", "__sub", "__mul", "__div", "__mod", "__pow",
		"__unm", "__idiv", "__band", "__bor", "__bxor", "__shl", "__shr", "__bnot",
		"__concat", "__eq", "__lt", "__le", "__newindex", "__call"};
	luaL_newmetatable(L, HIST_NAME);
	luaL_setfuncs(L, meta, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		lua_pushcfunction(L, hist_wrong);
		lua_setfield(L, -2, refused[i]);
	}
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void hist_push(
	lua_State *L, struct plugin_run *run, int at, const struct hist *hist, const char *measure)
{
	static const struct hist empty;
	struct hist_ud *h = lua_newuserdatauv(L, sizeof *h, 0);
	*h = (struct hist_ud){run, at, run->slots[at].call_gen, hist ? hist : &empty, measure};
	luaL_setmetatable(L, HIST_NAME);
}
