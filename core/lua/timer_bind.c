/* Timers: tx:after, and the call of one that fires. */
#include <stdlib.h>
#include <string.h>

#include "lua/bind.h"

/* A text as "2d", or ms. */
static void take_duration(lua_State *L, int at, struct duration *d)
{
	size_t n;
	int isint = 0;
	if (lua_type(L, at) == LUA_TNUMBER) {
		d->ms = lua_tointegerx(L, at, &isint);
		if (!isint || d->ms < 0 || d->ms > TZ_MS_MAX)
			luaL_error(L, "tx:after: the duration must be integer ms of at least 0, or "
				      "a text as \"2d\"");
		return;
	}
	const char *s = lua_type(L, at) == LUA_TSTRING ? lua_tolstring(L, at, &n) : NULL;
	if (!s)
		luaL_error(L, "tx:after needs a duration, a timer and perhaps an arg: "
			      "tx:after(\"2d\", \"call-back\", { customer = e.subject })");
	if (!deadline_parse(s, n, d))
		luaL_error(L,
			"tx:after: \"%s\" is no duration; write it as 90s, 15min, 2h, 3d, 1w, "
			"1mo, 3bd or 8bh",
			s);
}

static const struct plugin_timer *take_timer(lua_State *L, int at, const struct plugin *p)
{
	struct nearest near = {0};
	char hint[MEANT];
	const char *name = lua_type(L, at) == LUA_TSTRING ? lua_tostring(L, at) : NULL;
	if (!name)
		luaL_error(
			L, "tx:after needs the name of a timer: tx:after(\"2d\", \"call-back\")");
	const struct plugin_timer *t = plugin_timer_find(p, name);
	near.word = name;
	for (int i = 0; i < p->ntimers; i++)
		nearest_try(&near, p->timers[i].name);
	if (!t)
		luaL_error(L, "tx:after: the plugin declares no timer \"%s\"%s", name,
			meant(&near, hint));
	return t;
}

int tx_after(lua_State *L, const struct tx_ud *u)
{
	struct slot *s = tx_slot(L, u, "after");
	struct plugin_run *run = u->run;
	struct timer_ask ask = {0};
	struct cx_err e = {0};
	lua_settop(L, 4);
	take_duration(L, 2, &ask.after);
	ask.timer = take_timer(L, 3, run->p);
	if (!lua_isnil(L, 4)) {
		buf_clear(&run->json);
		if (lua_to_json(L, 4, &run->json, &e) < 0)
			return luaL_error(L, "tx:after: arg: %s", e.msg);
		ask.arg = (struct str){buf_cstr(&run->json), (uint32_t)run->json.len};
	}
	int rc = s->tx->after ? s->tx->after(s->tx->ctx, &ask, &e)
			      : cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	return rc < 0 ? luaL_error(L, "tx:after: %s", e.msg) : 0;
}

struct firing {
	struct plugin_run *run;
	const struct plugin_timer *t;
	const char *arg;
	int slot;
};

static int body(lua_State *L)
{
	const struct firing *c = lua_touserdata(L, 1);
	lua_rawgeti(L, LUA_REGISTRYINDEX, c->run->handles_ref);
	lua_rawgeti(L, -1, c->t->run);
	tx_push(L, c->run, c->slot);
	if (c->arg)
		lua_push_json(L, c->arg, strlen(c->arg));
	else
		lua_pushnil(L);
	lua_call(L, 2, 0);
	return 0;
}

int plugin_fire(struct plugin *p, const struct plugin_timer *t, struct event *cause,
	const char *arg, struct tx *tx, struct lua_fail *f)
{
	struct firing c = {p->run, t, arg, 0};
	struct slot *s = call_begin(p, cause, USE_REACT, &c.slot, f);
	if (!s)
		return -1;
	s->tx = tx;
	const struct call_about about = {
		p->run->labels[t->run], t->file, t->line, p->limits.handler_ms};
	return call_run(p, body, &c, &about, f);
}
