/* value.h — values across the Lua border, checked both ways.
 * JSON text → Lua (lua_push_json: null is cx.null inside arrays and absent in objects) and Lua →
 * JSON (lua_to_json: plain tables only; depth 32, 100,000 nodes, UTF-8, no NaN, no mixed keys,
 * errors name the path: "data.steps[3].due: NaN is not allowed").
 * Callers: inside protected calls: they raise for want of memory, and lose nothing then. */
#ifndef CX_LUA_VALUE_H
#define CX_LUA_VALUE_H

#include <lua.h>

#include "base/buf.h"
#include "base/err.h"
#include "event/event.h"
#include "kpi/query.h"

void lua_push_null(lua_State *L);                             /* cx.null */
void lua_push_json(lua_State *L, const char *json, size_t n); /* text must be valid */
int lua_to_json(lua_State *L, int index, struct buf *out, struct cx_err *e);
/* Keys of the table at index in byte order, for what must not depend on the order in a Lua table,
 * which differs from run to run. Pushes what holds the array; the table holds the strings. NULL: a
 * key is no UTF-8 text. */
const char **lua_keys(lua_State *L, int index, size_t *n);
void lua_push_value(lua_State *L, struct value v, enum field_kind kind); /* as plugins.md's table */
int lua_to_params(lua_State *L, int index, struct kpi_param **p, int *n, struct arena *a,
	struct cx_err *e); /* a query table → pairs */

#endif
