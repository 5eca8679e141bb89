/* What runtime/clock.lua asks the calendar. */
#include "base/tz.h"
#include "lua/bind.h"

static struct duration duration_at(lua_State *L, int at)
{
	size_t n;
	struct duration d = {0};
	const char *text = luaL_checklstring(L, at, &n);
	if (!deadline_parse(text, n, &d))
		luaL_error(L, "\"%s\" is no duration", text);
	return d;
}

static struct str unit_at(lua_State *L, int at)
{
	size_t n = 0;
	const char *text = luaL_optlstring(L, at, NULL, &n);
	return (struct str){text, (uint32_t)n};
}

static void add(struct duration *d, struct duration more, int64_t times)
{
	d->ms += more.ms * times;
	d->days += (int)(more.days * times);
	d->months += (int)(more.months * times);
}

/* begun, within, unit, law, lost, extension (nil: as long again), times → due; nothing: never */
static int due(lua_State *L)
{
	int64_t at;
	struct duration within = duration_at(L, 2), d = within;
	int64_t lost = luaL_checkinteger(L, 5), times = luaL_checkinteger(L, 7);
	add(&d, lua_isnoneornil(L, 6) ? within : duration_at(L, 6), times);
	if (within.days || within.months)
		d.days += (int)lost;
	else
		d.ms += lost;
	if (!calendar_due(run_of(L)->set->conf->calendar, unit_at(L, 3), luaL_checkinteger(L, 1), d,
		    lua_toboolean(L, 4), &at))
		return 0;
	lua_pushinteger(L, at);
	return 1;
}

/* begun, from, to, within, unit, law → what a pause takes: days at whose end it stood still,
 * business days where those count, opening time or time. The day it began on does not count anyway.
 */
static int lost(lua_State *L)
{
	const struct calendar *c = run_of(L)->set->conf->calendar;
	int64_t from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3), n = 0;
	struct duration d = duration_at(L, 4);
	struct str unit = unit_at(L, 5);
	int32_t first = tz_day(luaL_checkinteger(L, 1)) + 1, last = tz_day(to);
	first = tz_day(from) > first ? tz_day(from) : first;
	if (d.business && d.days) {
		for (int32_t day = first; day < last; day++)
			n += calendar_business(c, unit, day, lua_toboolean(L, 6));
	} else if (d.days || d.months) {
		n = last > first ? last - first : 0;
	} else {
		n = d.business ? calendar_open_between(c, unit, from, to) : to - from;
	}
	lua_pushinteger(L, n);
	return 1;
}

static int day(lua_State *L) /* at → "2026-11-20" */
{
	char text[TZ_TEXT];
	tz_day_text(tz_day(luaL_checkinteger(L, 1)), text);
	lua_pushstring(L, text);
	return 1;
}

void clock_bind(lua_State *L, int host)
{
	lua_pushcfunction(L, due);
	lua_setfield(L, host, "clock_due");
	lua_pushcfunction(L, lost);
	lua_setfield(L, host, "clock_lost");
	lua_pushcfunction(L, day);
	lua_setfield(L, host, "clock_day");
}
