/* calendar_bind.h — the calendar in Lua: cx.due, cx.holiday, cx.business_day, cx.open_between.
 * The same in plugins, scripts and tests; pure, but for the conf.
 * Callers: cx_bind.c. Errors: raised at the caller's line. Units: ms. */
#ifndef CX_LUA_CALENDAR_BIND_H
#define CX_LUA_CALENDAR_BIND_H

#include <lua.h>

#include "base/calendar.h"

/* Adds them to the table on top, and is_deadline(text) for declarations. c is borrowed;
 * a plugin asks that of its set instead. */
void calendar_bind(lua_State *L, const struct calendar *c);

#endif
