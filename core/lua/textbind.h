/* textbind.h — number.h for Lua: every number and date that a report shows is written here.
 * Callers: script.c, chart.c: the functions go into the table of host functions on top. */
#ifndef CX_LUA_TEXTBIND_H
#define CX_LUA_TEXTBIND_H

#include <lua.h>

/* text(v, format, scale, currency, decimals), day_text(t), period_text(from, to); t, from, to:
 * integer ms, or a time as replies have it; nil = open. */
void text_bind(lua_State *L);

#endif
