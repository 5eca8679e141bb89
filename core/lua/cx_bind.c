#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "base/nearest.h"
#include "lua/bind.h"
#include "lua/calendar_bind.h"
#include "lua/hostcall.h"

static int where(lua_State *L)
{
	char file[160];
	int line = 0;
	if (!isolate_where(L, file, sizeof file, &line))
		snprintf(file, sizeof file, "plugins/%s/plugin.lua", run_of(L)->p->name);
	lua_pushstring(L, file);
	lua_pushinteger(L, line);
	return 2;
}

int cx_closest(lua_State *L)
{
	struct nearest n = {.word = luaL_checkstring(L, 1)};
	int have = (int)lua_rawlen(L, 2);
	for (int i = 1; i <= have; i++) { /* the strings stay in the list */
		if (lua_rawgeti(L, 2, i) == LUA_TSTRING)
			nearest_try(&n, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pushstring(L, n.best);
	return 1;
}

static int is_attribute(lua_State *L)
{
	lua_pushboolean(L, event_is_attribute(luaL_checkstring(L, 1)));
	return 1;
}

static const char *wanted(enum field_kind k)
{
	switch (k) {
	case FIELD_INTEGER: return "must be an integer between -(2^53-1) and 2^53-1";
	case FIELD_DECIMAL: return "must be a number with at most as many digits as its scale";
	case FIELD_TIME: return "must be a time as \"2026-11-20T12:00:00-03:00\"";
	case FIELD_DURATION: return "must be integer ms or a duration as \"3d\"";
	default: return "is wrong";
	}
}

static void push_wanted(lua_State *L, enum field_kind k, const char *currency)
{
	if (k == FIELD_MONEY)
		lua_pushfstring(L, "must be an integer in minor units of %s, or a text as \"%s\"",
			currency, currency_scale(currency) ? "19.90" : "1990");
	else
		lua_pushstring(L, wanted(k));
}

int cx_amount(lua_State *L)
{
	const char *kind = luaL_checkstring(L, 1);
	struct field f = {.name = (char *)"value"};
	while (f.kind < FIELD_MONEY && strcmp(field_kind_name(f.kind), kind) != 0)
		f.kind++;
	f.scale = (int)luaL_optinteger(L, 3, 0);
	const char *currency = luaL_checkstring(L, 4);
	snprintf(f.currency, sizeof f.currency, "%s", currency);
	if (f.kind == FIELD_MONEY)
		f.scale = currency_scale(currency);
	char text[64];
	struct str s = {0};
	struct value v = {0};
	bool ok = false;
	int isint = 0;
	lua_Integer i = lua_type(L, 2) == LUA_TNUMBER ? lua_tointegerx(L, 2, &isint) : 0;
	if (isint && f.kind != FIELD_DECIMAL) {
		v = (struct value){.kind = VALUE_INT, .i = i};
		ok = i >= -EVENT_INT_MAX && i <= EVENT_INT_MAX;
	} else if (lua_type(L, 2) == LUA_TNUMBER && f.kind == FIELD_DECIMAL) {
		if (isint)
			snprintf(text, sizeof text, "%lld", (long long)i);
		else
			snprintf(text, sizeof text, "%.15g", lua_tonumber(L, 2));
		s = (struct str){text, (uint32_t)strlen(text)};
	} else if (lua_type(L, 2) == LUA_TSTRING &&
		   (f.kind != FIELD_INTEGER || lua_toboolean(L, 5))) {
		size_t n;
		s.p = lua_tolstring(L, 2, &n);
		s.n = n < 64 ? (uint32_t)n : 64;
	}
	if (s.p) {
		struct arena texts = {0};
		ok = value_from_text(&f, currency, s, &v, &texts) &&
		     (v.kind == VALUE_INT || v.kind == VALUE_MONEY);
		arena_free(&texts);
	}
	if (!ok) {
		lua_pushnil(L);
		push_wanted(L, f.kind, currency);
		return 2;
	}
	lua_pushinteger(L, v.i);
	return 1;
}

/* "1h" → how many ms it lasts, where it is a calendar unit at the least; nil: it is no duration */
static int duration(lua_State *L)
{
	struct duration d;
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	if (!duration_parse(s, n, &d))
		return 0;
	lua_pushinteger(L, d.ms + (d.days + d.months * 28LL) * 82800000);
	return 1;
}

/* Is the text a duration as deadlines have them, with business days and hours? */
static int deadline(lua_State *L)
{
	struct duration d;
	size_t n;
	const char *s = luaL_checklstring(L, 1, &n);
	lua_pushboolean(L, deadline_parse(s, n, &d));
	return 1;
}

/* cx.day(ms) → "2026-11-20" in the company's zone */
static int day(lua_State *L)
{
	int isint = 0;
	char text[16];
	lua_Integer ms = lua_type(L, 1) == LUA_TNUMBER ? lua_tointegerx(L, 1, &isint) : 0;
	if (!isint)
		return luaL_error(
			L, "cx.day needs a time (integer ms), got %s", luaL_typename(L, 1));
	if (ms < TZ_MS_MIN || ms > TZ_MS_MAX)
		return luaL_error(L, "cx.day: no such time");
	tz_day_text(tz_day(ms), text);
	lua_pushstring(L, text);
	return 1;
}

/* money(text, currency) → { amount, currency } */
static int money(lua_State *L)
{
	struct value v = {.kind = VALUE_MONEY};
	size_t n, cn;
	const char *s = luaL_checklstring(L, 1, &n), *c = luaL_checklstring(L, 2, &cn);
	if (cn != 3 || strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		return luaL_error(L, "cx.money: \"%s\" is no ISO 4217 code", c);
	if (!money_from_text((struct str){s, (uint32_t)n}, c, &v.i))
		return luaL_error(L, "cx.money: \"%s\" is not an amount in %s", s, c);
	memcpy(v.currency, c, 4);
	lua_push_value(L, v, FIELD_MONEY);
	return 1;
}

/* Newton's method on the normal distribution, from libm's erfc. */
static int normal_quantile(lua_State *L)
{
	double p = luaL_checknumber(L, 1), z = 0;
	for (int i = 0; i < 100; i++) {
		double step = (0.5 * erfc(-z / sqrt(2)) - p) / (exp(-z * z / 2) / sqrt(2 * M_PI));
		step = step > 1 ? 1 : step < -1 ? -1 : step;
		z -= step;
		if (fabs(step) < 1e-15)
			break;
	}
	lua_pushnumber(L, z);
	return 1;
}

static int log_gamma(lua_State *L)
{
	int sign;
	lua_pushnumber(L, lgamma_r(luaL_checknumber(L, 1), &sign));
	return 1;
}

static int complementary_error(lua_State *L)
{
	lua_pushnumber(L, erfc(luaL_checknumber(L, 1)));
	return 1;
}

static void push_conf(lua_State *L, const struct conf *c, const char *plugin)
{
	char section[80];
	const struct conf_free *entry;
	snprintf(section, sizeof section, "plugin:%s", plugin);
	lua_newtable(L);
	for (int i = 0; (entry = conf_section(c, section, i)); i++) {
		lua_createtable(L, 0, 3);
		lua_pushstring(L, entry->key);
		lua_setfield(L, -2, "key");
		lua_pushstring(L, entry->value);
		lua_setfield(L, -2, "value");
		lua_pushinteger(L, entry->line);
		lua_setfield(L, -2, "line");
		lua_rawseti(L, -2, i + 1);
	}
}

void cx_push_common(lua_State *L, const char *currency, const struct calendar *calendar)
{
	static const luaL_Reg functions[] = {{"closest", cx_closest}, {"day", day},
		{"money", money}, {"normal_quantile", normal_quantile}, {"lgamma", log_gamma},
		{"erfc", complementary_error}, {NULL, NULL}};
	luaL_newlib(L, functions);
	calendar_bind(L, calendar);
	lua_pushstring(L, currency);
	lua_setfield(L, -2, "currency");
	lua_pushstring(L, cx_lang == CX_PT ? "pt" : "en");
	lua_setfield(L, -2, "lang");
	lua_push_null(L);
	lua_setfield(L, -2, "null");
}

void cx_push_host(lua_State *L, struct plugin_run *run)
{
	static const luaL_Reg functions[] = {{"where", where}, {"is_attribute", is_attribute},
		{"amount", cx_amount}, {"duration", duration}, {"deadline", deadline},
		{NULL, NULL}};
	const struct conf *c = run->set->conf;
	cx_push_common(L, c->company_currency, c->calendar);
	luaL_setfuncs(L, functions, 0);
	push_conf(L, c, run->p->name);
	lua_setfield(L, -2, "conf");
	lua_pushstring(L, c->file ? c->file : "cxd.ini");
	lua_setfield(L, -2, "conf_file");
	char section[80];
	snprintf(section, sizeof section, "plugin:%s", run->p->name);
	lua_pushinteger(L, conf_line(c, section, NULL));
	lua_setfield(L, -2, "conf_line");
	lua_pushstring(L, run->p->name);
	lua_setfield(L, -2, "name");
	lua_pushinteger(L, KPI_DIMS);
	lua_setfield(L, -2, "max_dims");
}
