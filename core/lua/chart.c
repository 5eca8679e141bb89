#include "lua/chart.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "lua/hostcall.h"
#include "lua/textbind.h"

enum { BUDGET_MS = 1000 };

struct work { /* of the call under way */
	const struct buf *reply;
	const char *options;
	struct buf *json;
};

/* control table, work → the chart as JSON in work->json */
static int run(lua_State *L)
{
	struct work *w = lua_touserdata(L, 2);
	struct cx_err e;
	lua_getfield(L, 1, "control");
	lua_push_json(L, w->reply->p, w->reply->len);
	lua_push_json(L, w->options, strlen(w->options));
	lua_call(L, 2, 1);
	if (lua_to_json(L, -1, w->json, &e) < 0)
		return luaL_error(L, "%s", e.msg);
	return 0;
}

static struct isolate *open_isolate(const struct conf *c, struct lua_fail *f)
{
	static const char *const chunks[] = {"stats", "common", "control", NULL};
	const struct isolate_limits limits = {.memory = (size_t)c->lua_memory,
		.load_ms = BUDGET_MS,
		.handler_ms = BUDGET_MS,
		.formula_ms = BUDGET_MS,
		.script_ms = BUDGET_MS};
	struct isolate *iso = isolate_new("cx", "cx/", &limits, NULL);
	lua_State *L = isolate_state(iso);
	cx_push_common(L, c->company_currency, c->calendar);
	text_bind(L);
	if (isolate_runtime(iso, chunks, 0, BUDGET_MS, f) == 0)
		return iso;
	isolate_free(iso);
	return NULL;
}

/* NULL: f says why. */
static struct isolate *shared_isolate(const struct conf *c, struct lua_fail *f)
{
	static struct isolate *of_lang[2]; /* until the process ends */
	struct isolate **iso = &of_lang[cx_lang == CX_PT];
	if (*iso && isolate_spoiled(*iso)) {
		isolate_free(*iso);
		*iso = NULL;
	}
	if (!*iso)
		*iso = open_isolate(c, f);
	return *iso;
}

int control_chart(const struct conf *c, const struct buf *reply, const char *options,
	struct buf *json, struct lua_fail *f)
{
	struct work w = {reply, options, json};
	struct isolate *iso = shared_isolate(c, f);
	if (!iso)
		return -1;
	lua_State *L = isolate_state(iso);
	lua_pushcfunction(L, run);
	isolate_push_globals(iso);
	lua_pushlightuserdata(L, &w);
	return isolate_call(iso, 2, 0, BUDGET_MS, "control", f);
}

struct promoters {
	int64_t promoters, detractors, n;
	struct nps_figure *out;
};

/* control table, struct promoters */
static int run_nps(lua_State *L)
{
	const struct promoters *x = lua_touserdata(L, 2);
	lua_getfield(L, 1, "nps");
	lua_pushinteger(L, x->promoters);
	lua_pushinteger(L, x->detractors);
	lua_pushinteger(L, x->n);
	lua_call(L, 3, 1);
	int at = lua_gettop(L);
	lua_getfield(L, at, "value");
	lua_getfield(L, at, "low");
	lua_getfield(L, at, "high");
	lua_getfield(L, at, "method");
	x->out->value = lua_tonumber(L, at + 1);
	x->out->low = lua_tonumber(L, at + 2);
	x->out->high = lua_tonumber(L, at + 3);
	snprintf(x->out->method, sizeof x->out->method, "%s", luaL_checkstring(L, at + 4));
	return 0;
}

int nps_figure(const struct conf *c, int64_t promoters, int64_t detractors, int64_t n,
	struct nps_figure *out, struct lua_fail *f)
{
	struct promoters x = {promoters, detractors, n, out};
	struct isolate *iso = n ? shared_isolate(c, f) : NULL;
	if (!iso)
		return n ? -1 : 0;
	lua_State *L = isolate_state(iso);
	lua_pushcfunction(L, run_nps);
	isolate_push_globals(iso);
	lua_pushlightuserdata(L, &x);
	return isolate_call(iso, 2, 0, BUDGET_MS, "nps", f) < 0 ? -1 : 1;
}
