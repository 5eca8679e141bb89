/* Between runtime/journey.lua and C: an instance's state and an event go in, what came of it comes
 * out as plain structs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "lua/bind.h"
#include "lua/hostcall.h"
#include "lua/journey.h"

static const char module_key; /* in the registry: what the chunk returned */

struct journey_call { /* one call, as its body sees it */
	struct plugin_run *run;
	const struct plugin_journey *j;
	const struct journey_ask *ask;
	const struct journey_late *late; /* of the handler; NULL: the fold */
	int slot;
	struct arena *a;
	struct journey_came *out;
};

/* ---- what the chunk calls ---- */

static const struct journey_call *ask_of(lua_State *L, struct plugin_run **run)
{
	*run = run_of(L);
	const struct journey_call *c =
		(*run)->depth ? (*run)->slots[(*run)->depth - 1].journey : NULL;
	if (!c)
		luaL_error(L, "j is over: it can be read only until its function returns; keep "
			      "the values you need");
	return c;
}

static int host_due(lua_State *L) /* at, duration, unit */
{
	size_t n, nu;
	struct duration d;
	int64_t due, at = luaL_checkinteger(L, 1);
	const char *text = luaL_checklstring(L, 2, &n), *unit = luaL_optlstring(L, 3, NULL, &nu);
	const struct conf *c = run_of(L)->set->conf;
	if (!deadline_parse(text, n, &d) ||
		!calendar_due(c->calendar, (struct str){unit, unit ? (uint32_t)nu : 0}, at, d,
			false, &due))
		return 0; /* nothing opens any more: it is never due */
	lua_pushinteger(L, due);
	return 1;
}

static int host_finished(lua_State *L) /* journey, key, n, stage, pass, at */
{
	struct plugin_run *run;
	const struct journey_call *c = ask_of(L, &run);
	size_t nj, ns;
	const char *journey = luaL_checklstring(L, 1, &nj), *stage = luaL_checklstring(L, 4, &ns);
	int n = (int)luaL_checkinteger(L, 3);
	if (n > 1)
		lua_pushfstring(L, "%s#%d", luaL_checkstring(L, 2), n);
	else
		lua_pushvalue(L, 2);
	size_t nk;
	const char *key = lua_tolstring(L, -1, &nk);
	lua_pushboolean(
		L, c->ask->finished(c->ask->ctx, (struct str){journey, (uint32_t)nj},
			   (struct str){key, (uint32_t)nk}, (struct str){stage, (uint32_t)ns},
			   (int)luaL_checkinteger(L, 5), luaL_checkinteger(L, 6)));
	return 1;
}

/* The fields of the start event that have a value. */
static int host_data(lua_State *L)
{
	struct plugin_run *run;
	const struct journey_call *c = ask_of(L, &run);
	struct event ev = {0};
	lua_newtable(L);
	if (c->ask->start(c->ask->ctx, luaL_checkinteger(L, 1), &ev) != 1 || !ev.type)
		return 1;
	if (ev.type->open && ev.data.p) {
		lua_push_json(L, ev.data.p, ev.data.n);
		lua_replace(L, -2);
	}
	for (int i = 0; i < ev.type->nfields; i++) {
		lua_push_value(L, ev.fields[i], ev.type->fields[i].kind);
		lua_setfield(L, -2, ev.type->fields[i].name);
	}
	return 1;
}

/* A field of the event at hand, nil also where its type has none of that name. */
static int host_field(lua_State *L)
{
	const struct plugin_run *run = run_of(L);
	const struct event *ev = run->slots[run->depth - 1].ev;
	size_t n;
	const char *name = luaL_checklstring(L, 2, &n);
	int at = ev && ev->type ? event_type_field(ev->type, name, n) : -1;
	if (at < 0 || !ev->fields)
		return 0;
	lua_push_value(L, ev->fields[at], ev->type->fields[at].kind);
	return 1;
}

/* meant(word, list[, member]) → ", did you mean "x"?" or "" */
static int host_meant(lua_State *L)
{
	char hint[MEANT];
	struct nearest near = {.word = luaL_tolstring(L, 1, NULL)};
	for (lua_Integer i = 1; lua_rawgeti(L, 2, i) != LUA_TNIL; i++) {
		if (lua_istable(L, -1))
			lua_getfield(L, -1, luaL_checkstring(L, 3));
		nearest_try(&near, lua_tostring(L, -1));
	}
	lua_pushstring(L, meant(&near, hint));
	return 1;
}

enum { MODULE_PARTS = 2 };
static const char *const module_parts[MODULE_PARTS] = {"clock", "ideal"};

static int load_module(lua_State *L) /* the chunks clock, ideal and journey */
{
	static const luaL_Reg host[] = {{"due", host_due}, {"finished", host_finished},
		{"data", host_data}, {"field", host_field}, {"meant", host_meant}, {NULL, NULL}};
	luaL_newlib(L, host);
	lua_pushstring(L, run_of(L)->set->conf->company_locale);
	lua_setfield(L, -2, "locale");
	clock_bind(L, 4);
	for (int i = 0; i < MODULE_PARTS; i++) {
		lua_pushvalue(L, i + 1);
		lua_pushvalue(L, 4);
		lua_call(L, 1, 1);
		lua_setfield(L, 4, module_parts[i]);
	}
	lua_call(L, 1, 1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
	return 0;
}

static int module_ready(struct plugin *p, struct lua_fail *f)
{
	lua_State *L = isolate_state(p->iso);
	bool there = lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key) == LUA_TTABLE;
	lua_pop(L, 1);
	if (there)
		return 0;
	lua_pushcfunction(L, load_module);
	for (int i = 0; i <= MODULE_PARTS; i++)
		if (isolate_load_runtime(
			    p->iso, i < MODULE_PARTS ? module_parts[i] : "journey", f) < 0) {
			lua_pop(L, i + 1);
			return -1;
		}
	return isolate_call(p->iso, MODULE_PARTS + 1, 0, 0, "journey", f);
}

/* ---- definitions ---- */

static void push_prepared(
	lua_State *L, const struct plugin_run *run, const struct plugin_journey *j);

static int inner_of(lua_State *L) /* id of a journey inside */
{
	const struct plugin_run *run = run_of(L);
	size_t n;
	const char *id = luaL_checklstring(L, 1, &n);
	push_prepared(L, run, plugin_journey_find(run->p, (struct str){id, (uint32_t)n}));
	return 1;
}

static void push_prepared(
	lua_State *L, const struct plugin_run *run, const struct plugin_journey *j)
{
	luaL_checkstack(L, 12, NULL);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, j) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
	lua_getfield(L, -1, "prepare");
	lua_remove(L, -2);
	lua_push_json(L, j->definition, strlen(j->definition));
	lua_createtable(L, j->nfunctions, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, run->handles_ref);
	for (int i = 0; i < j->nfunctions; i++) {
		lua_rawgeti(L, -1, j->functions[i]);
		lua_rawseti(L, -3, i + 1);
	}
	lua_pop(L, 1);
	lua_pushcfunction(L, inner_of);
	lua_call(L, 3, 1);
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, j);
}

/* ---- what comes out ---- */

static struct str get_str(lua_State *L, int at, const char *name, struct arena *a)
{
	size_t n;
	struct str s = {0};
	if (lua_getfield(L, at, name) == LUA_TSTRING) {
		const char *p = lua_tolstring(L, -1, &n);
		s = arena_str(a, p, n);
	}
	lua_pop(L, 1);
	return s;
}

static int64_t get_int(lua_State *L, int at, const char *name)
{
	lua_getfield(L, at, name);
	int64_t v = lua_tointeger(L, -1);
	lua_pop(L, 1);
	return v;
}

static bool get_bool(lua_State *L, int at, const char *name)
{
	lua_getfield(L, at, name);
	bool v = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return v;
}

/* The list under name, with room for its items; pushed. */
static void *list(lua_State *L, int at, const char *name, size_t size, int *n, struct arena *a)
{
	lua_getfield(L, at, name);
	*n = lua_istable(L, -1) ? (int)lua_rawlen(L, -1) : 0;
	return arena_alloc(a, size * (size_t)(*n + 1));
}

static struct str get_json(lua_State *L, int at, const struct journey_call *c)
{
	struct cx_err e;
	struct buf *b = &c->run->json;
	buf_clear(b);
	if (lua_to_json(L, at, b, &e) < 0)
		luaL_error(L, "journey \"%s\": %s", c->j->id, e.msg);
	return arena_str(c->a, b->p, b->len);
}

/* The state on top, without what is kept beside it. */
static void take_state(lua_State *L, const struct journey_call *c, struct journey_state *s)
{
	int at = lua_gettop(L);
	struct arena *a = c->a;
	s->n = (int)get_int(L, at, "n");
	s->stage = get_str(L, at, "stage", a);
	s->outcome = get_str(L, at, "outcome", a);
	s->lost = get_bool(L, at, "lost");
	s->late = get_bool(L, at, "late");
	s->start = get_int(L, at, "start");
	s->begun_ms = get_int(L, at, "begun");
	s->ended_ms = get_int(L, at, "ended");
	s->case_state = get_str(L, at, "case", a);
	s->case_ms = get_int(L, at, "case_due");
	s->by = (struct str){0};
	if (lua_getfield(L, at, "by") == LUA_TTABLE)
		s->by = get_json(L, lua_gettop(L), c);
	lua_settop(L, at);
}

static void take_outer(lua_State *L, const struct journey_call *c, struct journey_came *out)
{
	struct journey_state *s = &out->state;
	lua_getfield(L, 1, "state");
	int at = lua_gettop(L);
	take_state(L, c, s);
	s->subject = get_str(L, at, "subject", c->a);
	s->unit = get_str(L, at, "unit", c->a);
	lua_pushnil(L);
	lua_setfield(L, at, "subject");
	lua_pushnil(L);
	lua_setfield(L, at, "unit");
	lua_pushnil(L);
	lua_setfield(L, at, "case");
	lua_pushnil(L);
	lua_setfield(L, at, "case_due");
	s->json = get_json(L, at, c);
	s->journey = (struct str){c->j->id, (uint32_t)strlen(c->j->id)};
	s->due_ms = get_int(L, 1, "due");
	lua_settop(L, 1);
}

static void take_moves(lua_State *L, struct arena *a, struct journey_came *out)
{
	out->moves = list(L, 1, "moves", sizeof *out->moves, &out->nmoves, a);
	for (int i = 0; i < out->nmoves; i++, lua_settop(L, 2)) {
		lua_rawgeti(L, 2, i + 1);
		out->moves[i] = (struct journey_move){.journey = get_str(L, 3, "journey", a),
			.type = get_str(L, 3, "type", a),
			.from = get_str(L, 3, "from", a),
			.to = get_str(L, 3, "to", a),
			.deviation = get_str(L, 3, "deviation", a),
			.n = (int)get_int(L, 3, "n"),
			.pos = (int)get_int(L, 3, "pos"),
			.pass = (int)get_int(L, 3, "pass"),
			.seq = get_int(L, 3, "seq"),
			.time_ms = get_int(L, 3, "time")};
	}
	lua_settop(L, 1);
	out->left = list(L, 1, "left", sizeof *out->left, &out->nleft, a);
	for (int i = 0; i < out->nleft; i++, lua_settop(L, 2)) {
		lua_rawgeti(L, 2, i + 1);
		out->left[i] = (struct journey_left){get_str(L, 3, "journey", a),
			(int)get_int(L, 3, "n"), (int)get_int(L, 3, "pos"), get_int(L, 3, "time")};
	}
	lua_settop(L, 1);
}

static void take_effects(lua_State *L, const struct journey_call *c, struct journey_came *out)
{
	struct arena *a = c->a;
	out->late = list(L, 1, "late", sizeof *out->late, &out->nlate, a);
	for (int i = 0; i < out->nlate; i++, lua_settop(L, 2)) {
		lua_rawgeti(L, 2, i + 1);
		lua_getfield(L, 3, "j");
		out->late[i] = (struct journey_late){.journey = get_str(L, 3, "journey", a),
			.stage = get_str(L, 3, "stage", a),
			.j = get_json(L, 4, c),
			.n = (int)get_int(L, 4, "n"),
			.pass = (int)get_int(L, 3, "pass"),
			.due_ms = get_int(L, 3, "due")};
	}
	lua_settop(L, 1);
	out->sops = list(L, 1, "sops", sizeof *out->sops, &out->nsops, a);
	for (int i = 0; i < out->nsops; i++, lua_settop(L, 2)) {
		lua_rawgeti(L, 2, i + 1);
		out->sops[i] = (struct journey_sop){.sop = get_str(L, 3, "sop", a),
			.journey = get_str(L, 3, "journey", a),
			.stage = get_str(L, 3, "stage", a),
			.n = (int)get_int(L, 3, "n"),
			.pass = (int)get_int(L, 3, "pass"),
			.required = get_bool(L, 3, "required"),
			.start = get_int(L, 3, "start")};
	}
	lua_settop(L, 1);
	out->inner = list(L, 1, "inner", sizeof *out->inner, &out->ninner, a);
	for (int i = 0; i < out->ninner; i++, lua_settop(L, 2)) {
		lua_rawgeti(L, 2, i + 1);
		lua_getfield(L, 3, "state");
		out->inner[i] = (struct journey_state){
			.journey = get_str(L, 3, "journey", a), .json = get_json(L, 4, c)};
		take_state(L, c, &out->inner[i]);
	}
	lua_settop(L, 1);
}

/* ---- the calls ---- */

static void push_state(lua_State *L, struct str json)
{
	if (json.p)
		lua_push_json(L, json.p, json.n);
	else
		lua_pushnil(L);
}

static void push_text(lua_State *L, struct str s)
{
	if (s.p)
		lua_pushlstring(L, s.p, s.n);
	else
		lua_pushnil(L);
}

/* key, at, seq, type, e */
static void push_event(lua_State *L, const struct journey_call *c)
{
	const struct event *ev = c->run->slots[c->slot].ev;
	push_text(L, c->ask->key);
	lua_pushinteger(L, ev->time_ms);
	lua_pushinteger(L, ev->seq);
	push_text(L, ev->type_name);
	event_push(L, c->run, c->slot);
}

static int fold(lua_State *L)
{
	static const char *const names[] = {"begin", "event", "stray", "advance"};
	const struct journey_call *c = lua_touserdata(L, 1);
	const struct journey_ask *ask = c->ask;
	int nargs = 0;
	lua_settop(L, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
	lua_getfield(L, 1, names[ask->op]);
	push_prepared(L, c->run, c->j);
	if (ask->op == JOURNEY_BEGIN) {
		lua_pushinteger(L, ask->n);
		push_state(L, ask->state);
		push_event(L, c);
		nargs = 8;
	} else {
		push_state(L, ask->state);
		push_text(L, ask->subject);
		lua_setfield(L, -2, "subject");
		push_text(L, ask->unit);
		lua_setfield(L, -2, "unit");
		nargs = 7;
		if (ask->op == JOURNEY_ADVANCE) {
			push_text(L, ask->key);
			lua_pushinteger(L, ask->at_ms);
			lua_pushboolean(L, ask->through);
			nargs = 5;
		} else {
			push_event(L, c);
		}
	}
	lua_call(L, nargs, 1);
	lua_replace(L, 1);
	lua_settop(L, 1);
	c->out->any = lua_istable(L, 1);
	if (!c->out->any)
		return 0;
	take_outer(L, c, c->out);
	take_moves(L, c->a, c->out);
	take_effects(L, c, c->out);
	c->out->upto_ms = get_int(L, 1, "upto");
	return 0;
}

static int tell(lua_State *L)
{
	const struct journey_call *c = lua_touserdata(L, 1);
	lua_settop(L, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key);
	lua_getfield(L, 1, "tell");
	push_prepared(L, c->run, c->j);
	lua_createtable(L, 0, 4);
	push_text(L, c->late->stage);
	lua_setfield(L, -2, "stage");
	lua_pushinteger(L, c->late->pass);
	lua_setfield(L, -2, "pass");
	lua_pushinteger(L, c->late->due_ms);
	lua_setfield(L, -2, "due");
	lua_push_json(L, c->late->j.p, c->late->j.n);
	lua_setfield(L, -2, "j");
	tx_push(L, c->run, c->slot);
	lua_call(L, 3, 0);
	return 0;
}

static int run(struct plugin *p, struct journey_call *c, struct event *ev, struct tx *tx,
	lua_CFunction body, struct lua_fail *f)
{
	char label[160];
	snprintf(label, sizeof label, "journey %s", c->j->id);
	const struct call_about about = {label, c->j->file, c->j->line, p->limits.handler_ms};
	if (call_ready(p, f) < 0 || module_ready(p, f) < 0)
		return -1;
	struct slot *s = call_begin(p, ev, USE_REACT, &c->slot, f);
	if (!s)
		return -1;
	c->run = p->run;
	s->tx = tx;
	s->journey = c;
	return call_run(p, body, c, &about, f);
}

int plugin_journey(struct plugin *p, const struct plugin_journey *j, const struct journey_ask *ask,
	struct event *ev, struct arena *a, struct journey_came *out, struct lua_fail *f)
{
	struct journey_call c = {.j = j, .ask = ask, .a = a, .out = out};
	*out = (struct journey_came){0};
	int rc = run(p, &c, ev, NULL, fold, f);
	if (rc < 0)
		*out = (struct journey_came){0};
	return rc;
}

int plugin_journey_late(struct plugin *p, const struct plugin_journey *j,
	const struct journey_ask *ask, const struct journey_late *l, struct event *cause,
	struct tx *tx, struct lua_fail *f)
{
	struct journey_call c = {.j = j, .ask = ask, .late = l};
	return run(p, &c, cause, tx, tell, f);
}
