#include "lua/sop_bind.h"

#include <string.h>

#include "base/tz.h"

static const char *const ops[] = {"get", "begin", "answer", "finish", "abandon"};

bool sop_op(const char *word, enum sop_op *op)
{
	for (int i = SOP_BEGIN; i <= SOP_ABANDON; i++)
		if (strcmp(ops[i], word) == 0) {
			*op = (enum sop_op)i;
			return true;
		}
	return false;
}

static struct str text(lua_State *L, const struct sop_host *h, int at, const char *what)
{
	size_t n = 0;
	const char *s = lua_type(L, at) == LUA_TSTRING ? lua_tolstring(L, at, &n) : NULL;
	if (!s || !n)
		luaL_error(L, "tx:sop: %s must be a text", what);
	return arena_str(h->a, s, n);
}

static void ask(lua_State *L, const struct sop_host *h, struct sop_ask *q)
{
	struct cx_err e = {0};
	int rc = h->ask ? h->ask(h->ctx, q, h->a, &e)
			: cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	if (rc >= 0)
		return;
	if (q->op == SOP_GET)
		luaL_error(L, "tx:sop: %s", e.msg);
	luaL_error(L, "tx:sop(…):%s: %s", ops[q->op], e.msg);
}

int sop_get(lua_State *L, const struct sop_host *h, int at)
{
	struct sop_ask q = {.op = SOP_GET, .sop = text(L, h, at, "the SOP's id")};
	if (lua_isnoneornil(L, at + 1)) {
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, at);
		lua_setfield(L, -2, "sop");
		return 1;
	}
	q.key = text(L, h, at + 1, "the key");
	ask(L, h, &q);
	if (q.json.p)
		lua_push_json(L, q.json.p, q.json.n);
	else
		lua_pushnil(L);
	return 1;
}

/* Integer ms as the API takes an instant. */
static void instant(lua_State *L, int table)
{
	char out[TZ_TEXT];
	if (lua_getfield(L, table, "time") == LUA_TNUMBER && lua_isinteger(L, -1) &&
		lua_tointeger(L, -1) >= TZ_MS_MIN && lua_tointeger(L, -1) <= TZ_MS_MAX) {
		tz_format(lua_tointeger(L, -1), out);
		lua_pushstring(L, out);
		lua_setfield(L, table, "time");
	}
	lua_pop(L, 1);
}

/* The options at `at`, and name = the value at `value` (0: none), as JSON. */
static struct str more(
	lua_State *L, const struct sop_host *h, int at, const char *name, int value, enum sop_op op)
{
	struct cx_err e;
	lua_newtable(L);
	int table = lua_gettop(L);
	if (!lua_isnoneornil(L, at)) {
		if (!lua_istable(L, at))
			luaL_error(L, "tx:sop(…):%s: the options must be a table", ops[op]);
		for (lua_pushnil(L); lua_next(L, at);) {
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, table);
		}
	}
	if (value) {
		lua_pushvalue(L, value);
		lua_setfield(L, table, name);
	}
	instant(L, table);
	buf_clear(h->json);
	if (lua_to_json(L, table, h->json, &e) < 0)
		luaL_error(L, "tx:sop(…):%s: %s", ops[op], e.msg);
	lua_pop(L, 1);
	return arena_str(h->a, h->json->p, h->json->len);
}

/* The table at `at` becomes what the JSON says. */
static void renew(lua_State *L, int at, struct str json)
{
	lua_push_json(L, json.p, json.n);
	int new = lua_gettop(L);
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
		lua_pushvalue(L, -2);
		lua_pushnil(L);
		lua_rawset(L, at); /* of a key that is there: allowed on the way */
	}
	for (lua_pushnil(L); lua_next(L, new);) {
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, at);
	}
	lua_pop(L, 1);
}

int sop_method(lua_State *L, const struct sop_host *h, enum sop_op op, int at)
{
	struct sop_ask q = {.op = op};
	if (!lua_istable(L, at))
		return luaL_error(L, "write tx:sop(…):%s(…), with a colon", ops[op]);
	lua_settop(L, at + 3);
	lua_pushliteral(L, "sop");
	lua_rawget(L, at);
	q.sop = text(L, h, -1, "the run's sop");
	if (op != SOP_BEGIN) {
		lua_pushliteral(L, "run");
		if (lua_rawget(L, at) != LUA_TSTRING)
			return luaL_error(
				L, "tx:sop(…):%s: no run has begun here: begin { … }", ops[op]);
		q.run = text(L, h, -1, "run");
	}
	lua_settop(L, at + 3);
	if (op == SOP_ANSWER) {
		q.item = text(L, h, at + 1, "the item");
		q.more = more(L, h, at + 3, "answer", at + 2, op);
	} else if (op == SOP_ABANDON) {
		q.more = more(L, h, at + 2, "reason", at + 1, op);
	} else {
		q.more = more(L, h, at + 1, NULL, 0, op);
	}
	ask(L, h, &q);
	renew(L, at, q.json);
	lua_settop(L, at);
	return 1;
}

/* ---- tx:sop of a handler: its methods hold the tx they came from */

static struct sop_host host_of(lua_State *L, const struct tx_ud *u)
{
	struct slot *s = tx_slot(L, u, "sop");
	struct plugin_run *run = u->run;
	arena_reset(&run->scratch);
	return (struct sop_host){s->tx->sop, s->tx->ctx, &run->scratch, &run->json};
}

static int method(lua_State *L)
{
	const struct tx_ud *u = lua_touserdata(L, lua_upvalueindex(1));
	const struct sop_host h = host_of(L, u);
	return sop_method(L, &h, (enum sop_op)lua_tointeger(L, lua_upvalueindex(2)), 1);
}

int tx_sop(lua_State *L, const struct tx_ud *u)
{
	const struct sop_host h = host_of(L, u);
	sop_get(L, &h, 2);
	if (lua_isnil(L, -1))
		return 1;
	lua_createtable(L, 0, 3);
	lua_createtable(L, 0, 4);
	for (int op = SOP_BEGIN; op <= SOP_ABANDON; op++) {
		lua_pushvalue(L, 1);
		lua_pushinteger(L, op);
		lua_pushcclosure(L, method, 2);
		lua_setfield(L, -2, ops[op]);
	}
	lua_setfield(L, -2, "__index");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	return 1;
}
