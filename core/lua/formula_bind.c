#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"
#include "lua/budget.h"

#define M_NAME   "cx.measures"
#define SET_NAME "cx.set"

struct m_ud {
	struct plugin_run *run;
	int slot;
	uint64_t gen;
	struct kpi_view *view;
};

struct set_ud {
	struct plugin_run *run;
	int slot;
	uint64_t gen;
	const struct kset *set; /* the query's, or own */
	struct kset *own;
	char name[64]; /* of the measure, or "a & b" */
};

bool call_alive(const struct plugin_run *run, int at, uint64_t gen)
{
	return run->slots[at].live && run->slots[at].call_gen == gen;
}

static struct set_ud *new_set(lua_State *L, struct plugin_run *run, int at, const char *name)
{
	struct set_ud *s = lua_newuserdatauv(L, sizeof *s, 0);
	*s = (struct set_ud){.run = run, .slot = at, .gen = run->slots[at].call_gen};
	snprintf(s->name, sizeof s->name, "%s", name);
	luaL_setmetatable(L, SET_NAME);
	return s;
}

/* ---- m ---- */

static struct m_ud *check_m(lua_State *L)
{
	struct m_ud *u = luaL_checkudata(L, 1, M_NAME);
	if (!call_alive(u->run, u->slot, u->gen))
		luaL_error(L, "m is over: measures can be read until the formula returns");
	return u;
}

static void push_m(lua_State *L, const struct m_ud *like, struct kpi_view *view)
{
	struct m_ud *u = lua_newuserdatauv(L, sizeof *u, 0);
	*u = *like;
	u->view = view;
	luaL_setmetatable(L, M_NAME);
}

/* "-12mo", "+30d" */
static void check_move(lua_State *L, struct duration *d, int *sign)
{
	size_t n = 0;
	const char *s = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &n) : "";
	*sign = *s == '-' ? -1 : 1;
	size_t skip = *s == '-' || *s == '+';
	if (!duration_parse(s + skip, n - skip, d))
		luaL_error(L, "m:shift needs a duration as \"-12mo\" or \"+30d\"");
}

/* What the moved window costs in C is no time of the plugin's. */
static int moved(lua_State *L, bool before)
{
	struct m_ud *u = check_m(L);
	struct isolate *iso = isolate_of(L);
	struct kpi_view *view = NULL;
	struct cx_err e = {0};
	struct duration d = {0};
	struct budget_pause pause;
	int sign = 1, rc;
	if (!before)
		check_move(L, &d, &sign);
	budget_pause(iso, &pause);
	rc = before ? kpi_view_before(u->view, &view, &e)
		    : kpi_view_shift(u->view, d, sign, &view, &e);
	budget_resume(iso, &pause);
	if (rc < 0)
		return luaL_error(L, "%s", e.msg[0] ? e.msg : cx_err_title(e.code));
	if (rc == 0)
		return fail_no_data(L);
	push_m(L, u, view);
	return 1;
}

static int m_shift(lua_State *L)
{
	return moved(L, false);
}

static int m_before(lua_State *L)
{
	return moved(L, true);
}

static void push_measured(
	lua_State *L, const struct m_ud *u, const struct measure *m, const struct kpi_measured *v)
{
	if (m->kind == MEASURE_HISTOGRAM)
		hist_push(L, u->run, u->slot, v->hist, m->name);
	else if (m->kind == MEASURE_DISTINCT)
		new_set(L, u->run, u->slot, m->name)->set = v->set;
	else
		lua_pushinteger(L, v->i);
}

static int m_index(lua_State *L)
{
	struct m_ud *u = check_m(L);
	const char *key = luaL_checkstring(L, 2);
	const struct kpi *k = u->run->slots[u->slot].kpi;
	for (int i = 0; i < k->nmeasures; i++)
		if (strcmp(k->measures[i].name, key) == 0) {
			push_measured(L, u, &k->measures[i], &kpi_view_measured(u->view)[i]);
			return 1;
		}
	if (strcmp(key, "shift") == 0 || strcmp(key, "before") == 0) {
		lua_pushcfunction(L, *key == 's' ? m_shift : m_before);
		return 1;
	}
	struct nearest n = {.word = key};
	char hint[MEANT];
	for (int i = 0; i < k->nmeasures; i++)
		nearest_try(&n, k->measures[i].name);
	return luaL_error(L, "kpi \"%s\" has no measure \"%s\"%s", k->id, key, meant(&n, hint));
}

static int m_newindex(lua_State *L)
{
	return luaL_error(L, "measures are read-only");
}

/* ---- sets ---- */

static struct set_ud *check_set(lua_State *L, int index)
{
	struct set_ud *s = luaL_testudata(L, index, SET_NAME);
	if (s && !call_alive(s->run, s->slot, s->gen))
		luaL_error(
			L, "set \"%s\" is over: it can be used until the formula returns", s->name);
	return s;
}

static int set_wrong(lua_State *L)
{
	struct set_ud *s = luaL_testudata(L, 1, SET_NAME);
	if (!s)
		s = luaL_testudata(L, 2, SET_NAME);
	return luaL_error(L, "measure \"%s\" is a set: use #, &, | and -, # gives its size",
		s ? s->name : "?");
}

static int set_len(lua_State *L)
{
	struct set_ud *s = check_set(L, 1);
	if (!s)
		return set_wrong(L);
	lua_pushinteger(L, s->set ? (lua_Integer)kset_count(s->set, 1) : 0);
	return 1;
}

/* &, | and - of two sets; an absent one is empty. */
static int set_combine(lua_State *L)
{
	static const char *const signs[] = {[KSET_AND] = "&", [KSET_OR] = "|", [KSET_MINUS] = "-"};
	enum kset_op op = (enum kset_op)lua_tointeger(L, lua_upvalueindex(1));
	struct set_ud *a = check_set(L, 1), *b = check_set(L, 2);
	if (!a || !b)
		return set_wrong(L);
	char name[64];
	if (snprintf(name, sizeof name, "%s %s %s", a->name, signs[op], b->name) >=
		(int)sizeof name)
		memcpy(name + sizeof name - 4, "...", 4);
	struct set_ud *out = new_set(L, a->run, a->slot, name);
	struct kset *none = kset_new(1);
	out->own = kset_combine(a->set ? a->set : none, b->set ? b->set : none, op);
	out->set = out->own;
	kset_free(none);
	return 1;
}

static int set_gc(lua_State *L)
{
	struct set_ud *s = lua_touserdata(L, 1);
	kset_free(s->own);
	s->own = NULL;
	s->set = NULL;
	return 0;
}

void formula_bind_setup(lua_State *L)
{
	static const luaL_Reg m_meta[] = {
		{"__index", m_index}, {"__newindex", m_newindex}, {NULL, NULL}};
	static const luaL_Reg set_meta[] = {{"__len", set_len}, {"__gc", set_gc}, {NULL, NULL}};
	static const struct {
		const char *event;
		enum kset_op op;
	} operators[] = {{"__band", KSET_AND}, {"__bor", KSET_OR}, {"__sub", KSET_MINUS}};
	static const char *const refused[] = {"__add", "__mul", "__div", "__mod", "__pow", "__unm",
		"__idiv", "__bxor", "__shl", "__shr", "__bnot", "__concat", "__eq", "__lt", "__le",
		"__index", "__newindex", "__call"};
	luaL_newmetatable(L, M_NAME);
	luaL_setfuncs(L, m_meta, 0);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	luaL_newmetatable(L, SET_NAME);
	luaL_setfuncs(L, set_meta, 0);
	for (size_t i = 0; i < 3; i++) {
		lua_pushinteger(L, operators[i].op);
		lua_pushcclosure(L, set_combine, 1);
		lua_setfield(L, -2, operators[i].event);
	}
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		lua_pushcfunction(L, set_wrong);
		lua_setfield(L, -2, refused[i]);
	}
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 2);
	hist_bind_setup(L);
}

void formula_push(lua_State *L, struct plugin_run *run, int at, struct kpi_view *view)
{
	push_m(L, &(struct m_ud){run, at, run->slots[at].call_gen, NULL}, view);
}
