#include "lua/textbind.h"

#include <lauxlib.h>

#include "base/err.h"
#include "base/tz.h"
#include "event/type.h"
#include "kpi/number.h"

static int text(lua_State *L)
{
	char out[NUMBER_TEXT];
	const char *currency = luaL_optstring(L, 4, "");
	number_text(out, lua_tonumber(L, 1), !lua_isnumber(L, 1), luaL_optstring(L, 2, "number"),
		(int)luaL_optinteger(L, 5, -1),
		(int)luaL_optinteger(L, 3, currency_scale(currency)), currency);
	lua_pushstring(L, out);
	return 1;
}

/* Integer ms or text at index; false: nil. */
static bool instant(lua_State *L, int index, int64_t *ms)
{
	size_t n;
	if (lua_isnoneornil(L, index))
		return false;
	if (lua_isinteger(L, index)) {
		*ms = lua_tointeger(L, index);
		return true;
	}
	const char *s = luaL_checklstring(L, index, &n);
	if (!tz_parse_any(s, n, ms)) { /* without a place: the script's is added */
		lua_pushfstring(L, CX_T("\"%s\" não é um instante", "\"%s\" is not a time"), s);
		lua_error(L);
	}
	return true;
}

static int day_text(lua_State *L)
{
	char out[NUMBER_TEXT];
	int64_t ms;
	if (!instant(L, 1, &ms))
		return luaL_argerror(L, 1, "a time is needed");
	number_day_text(out, tz_day(ms));
	lua_pushstring(L, out);
	return 1;
}

static int period_text(lua_State *L)
{
	char out[PERIOD_TEXT];
	int64_t from = 0, to = 0;
	bool has_from = instant(L, 1, &from), has_to = instant(L, 2, &to);
	number_period_text(out, has_from, from, has_to, to);
	lua_pushstring(L, out);
	return 1;
}

void text_bind(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{"text", text}, {"day_text", day_text}, {"period_text", period_text}, {NULL, NULL}};
	luaL_setfuncs(L, functions, 0);
}
