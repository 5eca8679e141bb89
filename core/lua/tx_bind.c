#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "base/tz.h"
#include "lua/bind.h"

#define TX_NAME "cx.tx"

/* Only for the reaction it was given to: what runs inside that one is pure. */
static bool alive(const struct tx_ud *u)
{
	const struct slot *s = &u->run->slots[u->slot];
	return s->live && s->call_gen == u->gen && u->slot == u->run->depth - 1;
}

struct slot *tx_slot(lua_State *L, const struct tx_ud *u, const char *what)
{
	if (!alive(u))
		luaL_error(
			L, "tx:%s outside its job: tx is there until the reaction returns", what);
	if (L != isolate_state(u->run->p->iso)) /* the job would go on inside the coroutine */
		luaL_error(L, "tx:%s is not available inside a coroutine", what);
	return &u->run->slots[u->slot];
}

static const struct tx_ud *self(lua_State *L, const char *what)
{
	struct tx_ud *u = luaL_testudata(L, 1, TX_NAME);
	if (!u)
		luaL_error(L, "write tx:%s(…), with a colon", what);
	return u;
}

static struct slot *slot_of(lua_State *L, const char *what, struct plugin_run **run)
{
	const struct tx_ud *u = self(L, what);
	*run = u->run;
	return tx_slot(L, u, what);
}

static void raise(lua_State *L, const char *what, const struct cx_err *e)
{
	if (e->field[0])
		luaL_error(L, "tx:%s: %s: %s", what, e->field, e->msg);
	luaL_error(L, "tx:%s: %s", what, e->msg);
}

/* ---- emit ---- */

static void emit_time(lua_State *L, struct buf *b)
{
	int isint = 0;
	lua_Integer ms = lua_type(L, -1) == LUA_TNUMBER ? lua_tointegerx(L, -1, &isint) : 0;
	if (isint && ms >= TZ_MS_MIN && ms <= TZ_MS_MAX) {
		char text[TZ_TEXT];
		tz_format(ms, text);
		jw_str(b, text);
	} else if (lua_type(L, -1) == LUA_TSTRING) {
		jw_str(b, lua_tostring(L, -1));
	} else {
		luaL_error(L, "tx:emit: time must be integer ms or RFC 3339 text");
	}
}

/* A text goes as it is and is read by the kind, as from outside. */
void tx_field(lua_State *L, const char *what, const char *name, const struct field *f,
	const char *currency, struct arena *a, struct buf *b)
{
	struct cx_err e;
	struct value v;
	const char *why;
	int top = lua_gettop(L);
	jw_key(b, name);
	if (!f || lua_type(L, top) == LUA_TSTRING || lua_islightuserdata(L, top)) {
		if (lua_to_json(L, top, b, &e) < 0)
			luaL_error(L, "%s%s: %s", what, name, e.msg);
		return;
	}
	if (!event_value(L, top, f, currency, a, &v, &why))
		luaL_error(L, "%s%s must be %s, got %s", what, name, field_kind_name(f->kind), why);
	value_json(b, v, f);
}

/* Keys of the table on top in order: the same reaction always emits the same bytes. */
static void emit_data(
	lua_State *L, struct plugin_run *run, const struct event_type *t, struct buf *b)
{
	size_t n;
	int table = lua_gettop(L);
	if (!lua_istable(L, table))
		luaL_error(L, "tx:emit: data must be a table");
	const char **keys = lua_keys(L, table, &n);
	if (!keys)
		luaL_error(L, "tx:emit: data has a value without a name");
	jw_obj(b);
	for (size_t i = 0; i < n; i++) {
		lua_pushstring(L, keys[i]);
		lua_rawget(L, table);
		int at = event_type_field(t, keys[i], strlen(keys[i]));
		tx_field(L, "tx:emit: data.", keys[i], at >= 0 ? &t->fields[at] : NULL,
			run->set->conf->company_currency, &run->scratch, b);
		lua_pop(L, 1);
	}
	jw_obj_end(b);
}

static const struct event_type *emit_type(lua_State *L, struct plugin_run *run)
{
	struct plugin *owner;
	lua_pushliteral(L, "type");
	if (lua_rawget(L, 2) != LUA_TSTRING)
		luaL_error(L, "tx:emit needs a type: tx:emit { type = \"…\", data = { … } }");
	const char *name = lua_tostring(L, -1);
	const struct event_type *t = resolve_type(run->p, name, &owner);
	if (!t && owner)
		luaL_error(L, "tx:emit: event \"%s\" belongs to plugin \"%s\": add it to depends",
			name, owner->name);
	if (!t)
		luaL_error(L, "tx:emit: no plugin declares event \"%s\"", name);
	lua_pop(L, 1);
	return t;
}

static void emit_member(lua_State *L, struct plugin_run *run, const struct event_type *t,
	const char *key, struct buf *b)
{
	static const char *const keys[] = {"data", "time", "type", "subject", "unit", "actor"};
	size_t len, k = 0;
	struct nearest near = {.word = key};
	char hint[MEANT];
	while (k < 6 && strcmp(keys[k], key) != 0)
		nearest_try(&near, keys[k++]);
	if (k == 6)
		luaL_error(L, "tx:emit: unknown option \"%s\"%s", key, meant(&near, hint));
	jw_key(b, key);
	if (k == 0) {
		emit_data(L, run, t, b);
	} else if (k == 1) {
		emit_time(L, b);
	} else {
		const char *text =
			lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &len) : NULL;
		if (!text || !utf8_ok(text, len))
			luaL_error(L, "tx:emit: %s must be a text", key);
		jw_strn(b, text, len);
	}
}

static int tx_emit(lua_State *L)
{
	struct plugin_run *run;
	struct slot *s = slot_of(L, "emit", &run);
	struct cx_err e = {0};
	size_t n;
	luaL_argcheck(L, lua_istable(L, 2), 2, "tx:emit { type = \"…\", data = { … } }");
	lua_settop(L, 2);
	const struct event_type *t = emit_type(L, run);
	struct buf *b = &run->json;
	arena_reset(&run->scratch);
	buf_clear(b);
	const char **keys = lua_keys(L, 2, &n);
	if (!keys)
		return luaL_error(L, "tx:emit: a value without a name");
	jw_obj(b);
	for (size_t i = 0; i < n; i++) {
		lua_pushstring(L, keys[i]);
		lua_rawget(L, 2);
		emit_member(L, run, t, keys[i], b);
		lua_settop(L, 3);
	}
	jw_obj_end(b);
	/* The event's own functions may come back here and use the buffer: it gets its own copy. */
	struct str json = {lua_pushlstring(L, b->p, b->len), (uint32_t)b->len};
	int rc = s->tx->emit ? s->tx->emit(s->tx->ctx, s->ev, json, &e)
			     : cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	if (rc < 0)
		raise(L, "emit", &e);
	return 0;
}

/* ---- the others ---- */

static uint64_t splitmix64(uint64_t *state) /* Steele, Lea, Flood 2014 */
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int tx_random(lua_State *L)
{
	struct plugin_run *run;
	struct slot *s = slot_of(L, "random", &run);
	uint64_t *state = s->tx->random;
	if (!state)
		return luaL_error(L, "tx:random is not available here");
	if (lua_isnoneornil(L, 2)) {
		lua_pushnumber(L, (double)(splitmix64(state) >> 11) * 0x1p-53);
		return 1;
	}
	lua_Integer low = 1, high = luaL_checkinteger(L, 2);
	if (!lua_isnoneornil(L, 3)) {
		low = high;
		high = luaL_checkinteger(L, 3);
	}
	if (low > high)
		return luaL_error(L, "tx:random: the interval is empty");
	uint64_t range = (uint64_t)high - (uint64_t)low, x = splitmix64(state);
	if (range < UINT64_MAX) { /* what would favour some values is drawn again */
		uint64_t n = range + 1, limit = UINT64_MAX - (UINT64_MAX % n + 1) % n;
		while (x > limit)
			x = splitmix64(state);
		x %= n;
	}
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + x));
	return 1;
}

static int tx_log(lua_State *L)
{
	static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
	struct plugin_run *run;
	struct slot *s = slot_of(L, "log", &run);
	const char *word = luaL_checkstring(L, 2);
	int level = 0;
	while (levels[level] && strcmp(levels[level], word) != 0)
		level++;
	if (!levels[level])
		return luaL_error(L, "tx:log: level must be error, warn, info or debug");
	const char *text = luaL_checkstring(L, 3);
	if (!lua_isnoneornil(L, 4)) {
		struct cx_err e = {0};
		struct buf *b = &run->json;
		buf_clear(b);
		if (lua_to_json(L, 4, b, &e) < 0)
			raise(L, "log", &e);
		text = lua_pushfstring(L, "%s %s", text, buf_cstr(b));
	}
	if (s->tx->log)
		s->tx->log(s->tx->ctx, run->p->name, level, text);
	return 0;
}

static int tx_kpi(lua_State *L)
{
	struct plugin_run *run;
	struct slot *s = slot_of(L, "kpi", &run);
	const char *id = luaL_checkstring(L, 2);
	struct cx_err e = {0};
	struct kpi_param *params = NULL;
	int n;
	arena_reset(&run->scratch);
	int rc = lua_to_params(L, 3, &params, &n, &run->scratch, &e);
	buf_clear(&run->json);
	if (rc >= 0)
		rc = s->tx->kpi ? s->tx->kpi(s->tx->ctx, id, params, n, &run->json, &e)
				: cx_fail(&e, CX_E_NOT_IMPLEMENTED, NULL, "not available here");
	if (rc < 0)
		raise(L, "kpi", &e);
	lua_push_json(L, run->json.p, run->json.len);
	return 1;
}

static int record(lua_State *L)
{
	return tx_record(L, self(L, "record"));
}

static int after(lua_State *L)
{
	return tx_after(L, self(L, "after"));
}

static int friction(lua_State *L)
{
	return tx_friction(L, self(L, "friction"));
}

static int journey(lua_State *L)
{
	return tx_journey(L, self(L, "journey"));
}

static int sop(lua_State *L)
{
	return tx_sop(L, self(L, "sop"));
}

static int tx_later(lua_State *L)
{
	return luaL_error(
		L, "tx:%s is not available in this version", lua_tostring(L, lua_upvalueindex(1)));
}

static const char *const later[] = {
	"propose", "notify", "webhook", "mail", "inbox", "outbox", "plans", "frictions"};
enum { LATER = sizeof later / sizeof *later };
static const luaL_Reg methods[] = {{"emit", tx_emit}, {"random", tx_random}, {"log", tx_log},
	{"kpi", tx_kpi}, {"record", record}, {"after", after}, {"friction", friction},
	{"journey", journey}, {"sop", sop}, {NULL, NULL}};

static int tx_index(lua_State *L)
{
	struct tx_ud *u = luaL_checkudata(L, 1, TX_NAME);
	const char *key = luaL_checkstring(L, 2);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TFUNCTION)
		return 1; /* says itself when it is used outside a job */
	struct slot *s = &u->run->slots[u->slot];
	bool now = strcmp(key, "now") == 0, late = strcmp(key, "late") == 0;
	if (now || late || strcmp(key, "past") == 0) {
		if (!alive(u))
			return luaL_error(L,
				"tx.%s outside its job: tx is there until the reaction "
				"returns",
				key);
		if (now || late)
			lua_pushinteger(L, now ? s->tx->now_ms : s->tx->late_ms);
		else
			lua_pushboolean(L, s->tx->past);
		return 1;
	}
	struct nearest n = {.word = key};
	char hint[MEANT];
	nearest_try(&n, "now");
	nearest_try(&n, "past");
	nearest_try(&n, "late");
	for (const luaL_Reg *m = methods; m->name; m++)
		nearest_try(&n, m->name);
	for (int i = 0; i < LATER; i++)
		nearest_try(&n, later[i]);
	return luaL_error(L, "tx has no \"%s\"%s", key, meant(&n, hint));
}

static int tx_newindex(lua_State *L)
{
	return luaL_error(L, "tx is read-only");
}

void tx_bind_setup(lua_State *L)
{
	record_bind_setup(L);
	luaL_newmetatable(L, TX_NAME);
	luaL_newlib(L, methods);
	for (int i = 0; i < LATER; i++) {
		lua_pushstring(L, later[i]);
		lua_pushcclosure(L, tx_later, 1);
		lua_setfield(L, -2, later[i]);
	}
	lua_pushcclosure(L, tx_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, tx_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void tx_push(lua_State *L, struct plugin_run *run, int at)
{
	struct tx_ud *u = lua_newuserdatauv(L, sizeof *u, 0);
	*u = (struct tx_ud){run, at, run->slots[at].call_gen};
	luaL_setmetatable(L, TX_NAME);
}
