#include "lua/record_bind.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/tz.h"
#include "lua/bind.h"

#define RECORDS_NAME "cx.records"

enum { FIND = 100, FIND_MAX = 1000, WHAT = 120 };

static const char *const ops[] = {"get", "put", "delete", "find"};

bool record_op(const char *word, enum record_op *op)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(ops[i], word) == 0) {
			*op = (enum record_op)i;
			return true;
		}
	return false;
}

/* ---- arguments ---- */

static struct str key_text(lua_State *L, const struct record_host *h, int at, const char *what)
{
	char number[24];
	size_t n;
	if (lua_isinteger(L, at)) {
		n = (size_t)snprintf(
			number, sizeof number, "%lld", (long long)lua_tointeger(L, at));
		return arena_str(h->a, number, n);
	}
	const char *p = lua_type(L, at) == LUA_TSTRING ? lua_tolstring(L, at, &n) : NULL;
	if (!p || !utf8_ok(p, n))
		luaL_error(
			L, "%sa key is a text or an integer, not %s", what, luaL_typename(L, at));
	return arena_str(h->a, p, n);
}

/* A test's wall clock: true if the text on top was one. */
static bool wall_time(
	lua_State *L, const struct record_host *h, const struct field *f, const char *name)
{
	char text[TZ_TEXT];
	size_t n;
	int64_t ms;
	if (!h->wall || !f || f->kind != FIELD_TIME || lua_type(L, -1) != LUA_TSTRING)
		return false;
	const char *p = lua_tolstring(L, -1, &n);
	if (tz_parse_rfc3339(p, n, &ms) || !tz_parse_wall(p, n, &ms))
		return false;
	tz_format(ms, text);
	jw_kstr(h->json, name, text);
	return true;
}

static int64_t whole(lua_State *L, const char *what, const char *name, int64_t min, int64_t max)
{
	int64_t v = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : min - 1;
	if (v < min || v > max)
		luaL_error(L, "%s%s must be an integer from %I to %I", what, name, (lua_Integer)min,
			(lua_Integer)max);
	return v;
}

/* What is said beside the fields; false: it is one of them. */
static bool option(lua_State *L, const struct record_host *h, const char *name, const char *what,
	struct record_ask *ask)
{
	if (ask->op == RECORD_PUT && strcmp(name, "version") == 0)
		ask->version = whole(L, what, name, 0, INT64_MAX);
	else if (ask->op == RECORD_FIND && strcmp(name, "limit") == 0)
		ask->limit = (int)whole(L, what, name, 1, FIND_MAX);
	else if (ask->op == RECORD_FIND && strcmp(name, "after") == 0)
		ask->after = key_text(L, h, lua_gettop(L), what);
	else
		return false;
	return true;
}

/* Keys in order, so that the same mistake is always the one that is told. */
static void take_table(
	lua_State *L, const struct record_host *h, int at, const char *what, struct record_ask *ask)
{
	const struct event_type *t = ask->kind->type;
	size_t n;
	if (!lua_istable(L, at))
		luaL_error(L, "%sneeds a table { %s = … }", what, t->fields[ask->kind->key].name);
	const char **keys = lua_keys(L, at, &n);
	if (!keys)
		luaL_error(L, "%sa value without a name", what);
	buf_clear(h->json);
	jw_obj(h->json);
	for (size_t i = 0; i < n; i++) {
		lua_pushstring(L, keys[i]);
		lua_rawget(L, at);
		int field = event_type_field(t, keys[i], strlen(keys[i]));
		const struct field *f = field >= 0 ? &t->fields[field] : NULL;
		if (!option(L, h, keys[i], what, ask) && !wall_time(L, h, f, keys[i]))
			tx_field(L, what, keys[i], f, h->currency, h->a, h->json);
		lua_pop(L, 1);
	}
	jw_obj_end(h->json);
	lua_pop(L, 1);
	ask->json = arena_str(h->a, h->json->p, h->json->len);
}

/* ---- results ---- */

static void push_one(lua_State *L, const struct event_type *t, const struct record *r)
{
	lua_createtable(L, 0, t->nfields + 1);
	for (int i = 0; i < t->nfields; i++) {
		if (r->fields[i].kind == VALUE_NULL)
			continue;
		lua_push_value(L, r->fields[i], t->fields[i].kind);
		lua_setfield(L, -2, t->fields[i].name);
	}
	lua_pushinteger(L, r->version);
	lua_setfield(L, -2, "version");
}

static int push_found(lua_State *L, const struct record_ask *ask)
{
	const struct event_type *t = ask->kind->type;
	if (ask->op == RECORD_DELETE) {
		lua_pushboolean(L, ask->n > 0);
	} else if (ask->op != RECORD_FIND) {
		if (ask->n)
			push_one(L, t, ask->found);
		else
			lua_pushnil(L);
	} else {
		lua_createtable(L, ask->n, 0);
		for (int i = 0; i < ask->n; i++) {
			push_one(L, t, &ask->found[i]);
			lua_rawseti(L, -2, i + 1);
		}
		if (ask->next.p)
			lua_pushlstring(L, ask->next.p, ask->next.n);
		else
			lua_pushnil(L);
		return 2;
	}
	return 1;
}

int record_lua(lua_State *L, const struct record_host *h, enum record_op op,
	const struct plugin_record *kind, int arg)
{
	char what[WHAT];
	struct cx_err e = {0};
	struct record_ask ask = {.op = op, .kind = kind, .version = -1, .limit = FIND};
	snprintf(what, sizeof what, "tx:record(\"%s\"):%s: ", kind->type->name, ops[op]);
	if (op == RECORD_FIND && lua_isnoneornil(L, arg)) {
		lua_settop(L, arg - 1);
		lua_newtable(L);
	}
	if (op == RECORD_GET || op == RECORD_DELETE)
		ask.key = key_text(L, h, arg, what);
	else
		take_table(L, h, arg, what, &ask);
	int rc = h->ask ? h->ask(h->ctx, &ask, h->a, &e)
			: cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	if (rc < 0)
		return luaL_error(L, "%s%s", what, e.msg);
	return push_found(L, &ask);
}

/* ---- tx:record ---- */

struct records_ud {
	struct tx_ud tx;
	const struct plugin_record *kind;
};

static int call(lua_State *L)
{
	enum record_op op = (enum record_op)lua_tointeger(L, lua_upvalueindex(1));
	struct records_ud *u = luaL_testudata(L, 1, RECORDS_NAME);
	if (!u)
		return luaL_error(L, "write tx:record(kind):%s(…), with a colon", ops[op]);
	struct slot *s = tx_slot(L, &u->tx, "record");
	struct plugin_run *run = u->tx.run;
	const struct record_host h = {.ask = s->tx->record,
		.ctx = s->tx->ctx,
		.currency = run->set->conf->company_currency,
		.a = &run->scratch,
		.json = &run->json};
	arena_reset(&run->scratch);
	lua_settop(L, 2);
	return record_lua(L, &h, op, u->kind, 2);
}

static int unknown(lua_State *L)
{
	struct nearest n = {.word = luaL_checkstring(L, 2)};
	char hint[MEANT];
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TFUNCTION)
		return 1;
	for (int i = 0; i < 4; i++)
		nearest_try(&n, ops[i]);
	return luaL_error(L, "tx:record(…) has no \"%s\"%s", n.word, meant(&n, hint));
}

void record_bind_setup(lua_State *L)
{
	luaL_newmetatable(L, RECORDS_NAME);
	lua_createtable(L, 0, 4);
	for (int i = 0; i < 4; i++) {
		lua_pushinteger(L, i);
		lua_pushcclosure(L, call, 1);
		lua_setfield(L, -2, ops[i]);
	}
	lua_pushcclosure(L, unknown, 1);
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* Its own kinds, and those of plugins it depends on. */
static const struct plugin_record *resolve(lua_State *L, struct plugin *p, struct str kind)
{
	struct plugin *owner = NULL;
	const struct plugin_set *set = p->run->set;
	const struct plugin_record *r = plugin_set_record(set, kind, &owner);
	bool mine = owner == p;
	struct nearest near = {.word = kind.p};
	char hint[MEANT];
	for (int i = 0; i < p->ndepends && owner; i++)
		mine |= strcmp(p->depends[i], owner->name) == 0;
	if (r && mine)
		return r;
	if (r)
		luaL_error(L,
			"tx:record: record \"%s\" belongs to plugin \"%s\": add it to depends",
			kind.p, owner->name);
	for (int i = 0; i < set->n; i++)
		for (int k = 0; k < set->v[i]->nrecords; k++)
			nearest_try(&near, set->v[i]->records[k].type->name);
	luaL_error(L, "tx:record: no plugin declares record \"%s\"%s", kind.p, meant(&near, hint));
	return NULL;
}

int tx_record(lua_State *L, const struct tx_ud *u)
{
	size_t n;
	tx_slot(L, u, "record");
	const char *kind = luaL_checklstring(L, 2, &n);
	const struct plugin_record *r = resolve(L, u->run->p, (struct str){kind, (uint32_t)n});
	struct records_ud *out = lua_newuserdatauv(L, sizeof *out, 0);
	*out = (struct records_ud){*u, r};
	luaL_setmetatable(L, RECORDS_NAME);
	return 1;
}
