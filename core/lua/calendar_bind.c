#include "lua/calendar_bind.h"

#include <lauxlib.h>
#include <string.h>

#include "base/tz.h"
#include "lua/bind.h"

#define CENTURY_MS (36525 * TZ_DAY_MS)

/* A plugin may outlive the conf it was loaded with: it asks the one of its set. */
static const struct calendar *calendar_of(lua_State *L)
{
	const struct plugin_run *run = run_of(L);
	return run ? run->set->conf->calendar : lua_touserdata(L, lua_upvalueindex(1));
}

static int64_t time_at(lua_State *L, int at, const char *word)
{
	int isint = 0;
	lua_Integer ms = lua_type(L, at) == LUA_TNUMBER ? lua_tointegerx(L, at, &isint) : 0;
	if (!isint)
		luaL_error(
			L, "cx.%s needs a time (integer ms), got %s", word, luaL_typename(L, at));
	if (ms < TZ_MS_MIN || ms > TZ_MS_MAX)
		luaL_error(L, "cx.%s: no such time", word);
	return ms;
}

/* A time, or its day as text. */
static int32_t day_at(lua_State *L, int at, const char *word)
{
	size_t n;
	int32_t day;
	if (lua_type(L, at) != LUA_TSTRING)
		return tz_day(time_at(L, at, word));
	const char *s = lua_tolstring(L, at, &n);
	if (!tz_parse_day(s, n, &day))
		luaL_error(L, "cx.%s: \"%s\" is no day, write 2026-11-20", word, s);
	return day;
}

static struct str text_at(lua_State *L, int at)
{
	size_t n;
	const char *s = lua_tolstring(L, at, &n);
	return (struct str){s, (uint32_t)n};
}

/* nil, "b07" or { unit = "b07", law = true }. The unit's text stays on the stack. */
static struct str unit_at(lua_State *L, int at, const char *word, bool *law)
{
	struct str unit = {0};
	*law = false;
	if (lua_isnoneornil(L, at))
		return unit;
	if (lua_type(L, at) == LUA_TSTRING)
		return text_at(L, at);
	if (lua_type(L, at) != LUA_TTABLE)
		luaL_error(L, "cx.%s: the unit is a text, or { unit = …, law = true }; got %s",
			word, luaL_typename(L, at));
	for (lua_pushnil(L); lua_next(L, at); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		bool is_unit = strcmp(key, "unit") == 0, is_law = strcmp(key, "law") == 0;
		if (!is_unit && !is_law)
			luaL_error(L, "cx.%s: there are unit and law, not \"%s\"", word, key);
		if (lua_type(L, -1) != (is_unit ? LUA_TSTRING : LUA_TBOOLEAN))
			luaL_error(L, "cx.%s: %s must be %s", word, key,
				is_unit ? "a text" : "true or false");
		if (is_law)
			*law = lua_toboolean(L, -1);
		else
			unit = text_at(L, -1); /* the caller's table keeps it */
	}
	return unit;
}

static struct duration deadline_at(lua_State *L, int at, const char *word)
{
	struct duration d = {0};
	int isint = 0;
	if (lua_type(L, at) == LUA_TSTRING) {
		struct str s = text_at(L, at);
		if (!deadline_parse(s.p, s.n, &d))
			luaL_error(L,
				"cx.%s: \"%s\" is no duration, write 90min, 2h, 3d, 2w, 1mo, 3bd "
				"or 8bh",
				word, s.p);
		return d;
	}
	d.ms = lua_type(L, at) == LUA_TNUMBER ? lua_tointegerx(L, at, &isint) : 0;
	if (!isint || d.ms < -TZ_MS_MAX || d.ms > TZ_MS_MAX)
		luaL_error(L, "cx.%s needs a duration as \"3bd\" or integer ms, got %s", word,
			luaL_typename(L, at));
	return d;
}

/* due(t, "3bd"[, unit]) → ms */
static int due(lua_State *L)
{
	bool law;
	int64_t from = time_at(L, 1, "due"), to = 0;
	struct duration d = deadline_at(L, 2, "due");
	struct str unit = unit_at(L, 3, "due", &law);
	if (!calendar_due(calendar_of(L), unit, from, d, law, &to) || to < TZ_MS_MIN)
		return luaL_error(L, "cx.due: never: nothing opens for ten years, or no such time");
	lua_pushinteger(L, to);
	return 1;
}

/* holiday(day[, unit]) → its name, or nil */
static int holiday(lua_State *L)
{
	bool law;
	int32_t day = day_at(L, 1, "holiday");
	struct str unit = unit_at(L, 2, "holiday", &law);
	lua_pushstring(L, calendar_holiday(calendar_of(L), unit, day));
	return 1;
}

static int business_day(lua_State *L)
{
	bool law;
	int32_t day = day_at(L, 1, "business_day");
	struct str unit = unit_at(L, 2, "business_day", &law);
	lua_pushboolean(L, calendar_business(calendar_of(L), unit, day, law));
	return 1;
}

/* open_between(from, to[, unit]) → ms */
static int open_between(lua_State *L)
{
	bool law;
	int64_t from = time_at(L, 1, "open_between"), to = time_at(L, 2, "open_between");
	struct str unit = unit_at(L, 3, "open_between", &law);
	if (from - to > CENTURY_MS || to - from > CENTURY_MS)
		return luaL_error(L, "cx.open_between: at most a hundred years");
	lua_pushinteger(L, calendar_open_between(calendar_of(L), unit, from, to));
	return 1;
}

static int is_deadline(lua_State *L)
{
	struct duration d;
	struct str s = lua_type(L, 1) == LUA_TSTRING ? text_at(L, 1) : (struct str){0};
	lua_pushboolean(L, s.p && deadline_parse(s.p, s.n, &d));
	return 1;
}

void calendar_bind(lua_State *L, const struct calendar *c)
{
	static const luaL_Reg functions[] = {{"due", due}, {"holiday", holiday},
		{"business_day", business_day}, {"open_between", open_between},
		{"is_deadline", is_deadline}, {NULL, NULL}};
	lua_pushlightuserdata(L, (void *)c);
	luaL_setfuncs(L, functions, 1);
}
