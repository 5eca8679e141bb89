#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lua/bind.h"

static const char meta_key;

struct event_ud {
	struct plugin_run *run;
	int slot;
	uint64_t gen;
};

static const struct {
	const char *name;
	size_t at; /* of the struct str; 0: time */
} attributes[] = {{"type", offsetof(struct event, type_name)}, {"id", offsetof(struct event, id)},
	{"source", offsetof(struct event, source)}, {"time", 0},
	{"subject", offsetof(struct event, subject)}, {"unit", offsetof(struct event, unit)},
	{"actor", offsetof(struct event, actor)}, {"corrects", offsetof(struct event, corrects)}};
enum { ATTRIBUTES = sizeof attributes / sizeof *attributes };

static void push_attribute(lua_State *L, const struct event *ev, int i)
{
	const struct str *s = (const struct str *)((const char *)ev + attributes[i].at);
	if (!attributes[i].at)
		lua_pushinteger(L, ev->time_ms);
	else if (s->p)
		lua_pushlstring(L, s->p, s->n);
	else
		lua_pushnil(L);
}

/* Pushes the type's table: name → attribute (< 0) or field (index + 1). */
static void push_names(lua_State *L, const struct event_type *t)
{
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, t) == LUA_TTABLE)
		return;
	lua_pop(L, 1);
	lua_createtable(L, 0, t->nfields + 8);
	for (int i = 0; i < t->nfields; i++) {
		lua_pushinteger(L, i + 1);
		lua_setfield(L, -2, t->fields[i].name);
	}
	for (int i = 0; i < ATTRIBUTES; i++) {
		lua_pushinteger(L, -1 - i);
		lua_setfield(L, -2, attributes[i].name);
	}
	lua_pushvalue(L, -1);
	lua_rawsetp(L, LUA_REGISTRYINDEX, t);
}

/* A name that is neither: a field kept by an open type, or a slip. */
static int unknown(lua_State *L, const struct event *ev)
{
	const struct event_type *t = ev->type;
	if (lua_type(L, 2) != LUA_TSTRING)
		return luaL_error(L, "an event has fields by name, not by %s", luaL_typename(L, 2));
	const char *name = lua_tostring(L, 2);
	if (t->open) {
		struct json_doc d = {0};
		struct str raw = {0};
		if (ev->data.p &&
			json_scan(&d, ev->data.p, ev->data.n, JSON_DEPTH, 65536, NULL) >= 0) {
			uint32_t at = json_get(&d, 0, name);
			if (at)
				raw = json_raw(&d, at);
		}
		json_doc_free(&d);
		if (raw.p && !(raw.n == 4 && memcmp(raw.p, "null", 4) == 0))
			lua_push_json(L, raw.p, raw.n);
		else
			lua_pushnil(L);
		return 1;
	}
	struct nearest n = {.word = name};
	char hint[MEANT];
	for (int i = 0; i < t->nfields; i++)
		nearest_try(&n, t->fields[i].name);
	for (int i = 0; i < ATTRIBUTES; i++)
		nearest_try(&n, attributes[i].name);
	return luaL_error(L, "event \"%s\" has no field \"%s\"%s", t->name, name, meant(&n, hint));
}

static int push_field(lua_State *L, struct plugin_run *run, int at, int i)
{
	struct slot *s = &run->slots[at];
	const struct field *f = &s->ev->type->fields[i];
	if (s->use == USE_MEASURE && f->personal) {
		s->personal = i;
		return luaL_error(L,
			"kpi \"%s\": measure \"%s\" may not read the personal field "
			"\"%s\"; derive what it needs in the event",
			s->m->kpi->id, s->m->name, f->name);
	}
	if (f->derived && s->use == USE_DERIVE) {
		for (int k = 0; k < s->nderives; k++)
			if (s->derives[k].field != i)
				continue;
			else if (s->derived[k] == DERIVE_FAILED)
				return luaL_error(L, "derived field \"%s\" failed", f->name);
			else
				event_derive_one(L, run, at, k);
	}
	if (!s->ev->fields || s->ev->fields[i].kind == VALUE_NULL)
		lua_pushnil(L);
	else
		lua_push_value(L, s->ev->fields[i], f->kind);
	return 1;
}

static int event_index(lua_State *L)
{
	struct event_ud *u = lua_touserdata(L, 1);
	struct slot *s = &u->run->slots[u->slot];
	if (!s->live || s->event_gen != u->gen)
		return luaL_error(L,
			"this event is over: an event can be read only until its function "
			"returns; keep the values you need");
	if (u->slot != u->run->depth - 1) /* a measure inside a reaction stays pure */
		return luaL_error(L,
			"this event is not of the function that runs: only the one it was given "
			"to can read it");
	if (!s->ev->type)
		return luaL_error(L, "this event's type is not declared");
	push_names(L, s->ev->type);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, -2) != LUA_TNUMBER)
		return unknown(L, s->ev);
	int which = (int)lua_tointeger(L, -1);
	if (which < 0) {
		push_attribute(L, s->ev, -1 - which);
		return 1;
	}
	return push_field(L, u->run, u->slot, which - 1);
}

static int event_newindex(lua_State *L)
{
	return luaL_error(L, "an event is read-only (%s)",
		lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : luaL_typename(L, 2));
}

static int event_tostring(lua_State *L)
{
	lua_pushliteral(L, "event");
	return 1;
}

void event_bind_setup(lua_State *L)
{
	static const luaL_Reg meta[] = {{"__index", event_index}, {"__newindex", event_newindex},
		{"__tostring", event_tostring}, {NULL, NULL}};
	luaL_newlib(L, meta);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushliteral(L, "event");
	lua_setfield(L, -2, "__name");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}

void event_push(lua_State *L, struct plugin_run *run, int at)
{
	struct slot *s = &run->slots[at];
	if (s->ref != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->ref);
		return;
	}
	struct event_ud *u = lua_newuserdatauv(L, sizeof *u, 0);
	*u = (struct event_ud){run, at, s->event_gen};
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	s->ref = luaL_ref(L, LUA_REGISTRYINDEX);
}

/* ---- values from Lua ---- */

static bool money_value(
	lua_State *L, int index, const struct field *f, const char *currency, struct value *v)
{
	v->kind = VALUE_MONEY;
	const char *own = f->currency[0] ? f->currency : currency;
	snprintf(v->currency, sizeof v->currency, "%s", own);
	if (lua_isinteger(L, index)) {
		v->i = lua_tointeger(L, index);
		return true;
	}
	if (!lua_istable(L, index))
		return false;
	lua_pushliteral(L, "amount");
	lua_rawget(L, index);
	lua_pushliteral(L, "currency");
	lua_rawget(L, index);
	bool ok = lua_isinteger(L, -2) &&
		  (lua_isnil(L, -1) || (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) == 3));
	if (ok) {
		v->i = lua_tointeger(L, -2);
		if (!lua_isnil(L, -1))
			memcpy(v->currency, lua_tostring(L, -1), 4);
		ok = f->currency[0] ? strcmp(f->currency, v->currency) == 0
				    : strspn(v->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3;
	}
	lua_pop(L, 2);
	return ok;
}

static bool text_value(lua_State *L, int index, const struct field *f, struct arena *a,
	struct value *v, const char **why)
{
	size_t n;
	const char *p = lua_tolstring(L, index, &n);
	if (n > EVENT_TEXT_MAX || !utf8_ok(p, n)) {
		*why = "text that is too long or not UTF-8";
		return false;
	}
	bool found = f->kind == FIELD_TEXT || f->nchoices == 0;
	for (int i = 0; i < f->nchoices && !found; i++)
		found = strcmp(f->choices[i], p) == 0;
	if (!found) {
		*why = "text that is none of its choices";
		return false;
	}
	v->kind = VALUE_TEXT;
	v->s = arena_str(a, p, n);
	return true;
}

bool event_value(lua_State *L, int index, const struct field *f, const char *currency,
	struct arena *a, struct value *v, const char **why)
{
	*v = (struct value){0};
	*why = luaL_typename(L, index);
	int isint = 0;
	switch (f->kind) {
	case FIELD_BOOLEAN:
		if (!lua_isboolean(L, index))
			return false;
		*v = (struct value){.kind = VALUE_BOOL, .i = lua_toboolean(L, index)};
		return true;
	case FIELD_TEXT:
	case FIELD_CHOICE:
		return lua_type(L, index) == LUA_TSTRING && text_value(L, index, f, a, v, why);
	case FIELD_MONEY:
		if (!money_value(L, index, f, currency, v))
			return false;
		break;
	default:
		v->kind = VALUE_INT;
		v->i = lua_type(L, index) == LUA_TNUMBER ? lua_tointegerx(L, index, &isint) : 0;
		if (!isint) {
			if (lua_type(L, index) == LUA_TNUMBER)
				*why = "a number that is no integer";
			return false;
		}
	}
	*why = "a number that is too large";
	return v->i >= -EVENT_INT_MAX && v->i <= EVENT_INT_MAX;
}

static bool holds_subject(struct value v, struct str subject)
{
	return v.kind == VALUE_TEXT && subject.n && v.s.n >= subject.n &&
	       memmem(v.s.p, v.s.n, subject.p, subject.n);
}

/* Runs the i-th derive of the slot's event, if that is still to do; raises what it raises. */
int event_derive_one(lua_State *L, struct plugin_run *run, int at, int i)
{
	struct slot *s = &run->slots[at];
	const struct plugin_derive *d = &s->derives[i];
	const struct field *f = &d->type->fields[d->field];
	struct value v;
	const char *why;
	if (s->derived[i] == DERIVE_DONE)
		return 0;
	if (s->derived[i] == DERIVE_UNDER_WAY)
		return luaL_error(L, "derived field \"%s\" needs itself", f->name);
	luaL_checkstack(L, 6, "derived fields inside derived fields");
	s->derived[i] = DERIVE_UNDER_WAY;
	lua_rawgeti(L, LUA_REGISTRYINDEX, run->handles_ref);
	lua_rawgeti(L, -1, d->handler);
	lua_remove(L, -2);
	event_push(L, run, at);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1)) {
		v = (struct value){0};
	} else if (!event_value(L, lua_gettop(L), f, run->set->conf->company_currency,
			   &run->set->texts, &v, &why)) {
		return luaL_error(L, "derived field \"%s\" must be %s, the function returned %s",
			f->name, field_kind_name(f->kind), why);
	} else if (holds_subject(v, s->ev->subject)) {
		return luaL_error(L, "derived field \"%s\" may not contain the subject", f->name);
	}
	lua_pop(L, 1);
	s->ev->fields[d->field] = v;
	s->derived[i] = DERIVE_DONE;
	return 0;
}

/* ---- probing measures ---- */

static struct value probe_value(const struct field *f, const char *company)
{
	struct value v = {.kind = VALUE_INT, .i = f->has_min ? f->min : 0};
	switch (f->kind) {
	case FIELD_BOOLEAN: v.kind = VALUE_BOOL; break;
	case FIELD_TEXT: return (struct value){.kind = VALUE_TEXT, .s = STR("x")};
	case FIELD_CHOICE:
		v.kind = VALUE_TEXT;
		v.s = STR("x");
		if (f->nchoices)
			v.s = (struct str){f->choices[0], (uint32_t)strlen(f->choices[0])};
		break;
	case FIELD_MONEY:
		v.kind = VALUE_MONEY;
		snprintf(v.currency, sizeof v.currency, "%s",
			f->currency[0] ? f->currency : company);
		break;
	default: break;
	}
	return v;
}

bool event_probe(struct plugin *p, const struct measure *m, int *field, struct lua_fail *f)
{
	const struct event_type *t = m->type;
	struct value *values = xcalloc((size_t)t->nfields + 1, sizeof *values);
	struct event ev = {.seq = 1,
		.id = STR("probe"),
		.source = STR("probe"),
		.type = t,
		.type_name = {t->name, (uint32_t)strlen(t->name)},
		.subject = STR("x"),
		.unit = STR("x"),
		.actor = STR("x"),
		.fields = values};
	bool yes, clean = true;
	f->budget = false;
	for (int pass = 0; pass < 2 && clean && !f->budget;
		pass++) { /* with values, then all null */
		for (int i = 0; i < t->nfields; i++)
			if (pass == 0)
				values[i] = probe_value(
					&t->fields[i], p->run->set->conf->company_currency);
			else
				values[i].kind = VALUE_NULL;
		ev.seq = pass + 1;
		struct slot *s = &p->run->slots[p->run->depth];
		s->personal = -1;
		if (plugin_where(p, m, &ev, &yes, f) == 0)
			f->budget = false;
		*field = s->personal;
		clean = s->personal < 0;
	}
	free(values);
	return clean;
}
