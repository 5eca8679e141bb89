/* hostcall.h — what the functions that scripts and tests call have in common: memory that is not
 * lost when Lua raises, errors as Lua errors, and KPI queries.
 * Owns:   hostcall_free() releases it; one per run.
 * Errors: raised, without a position: the message handler adds the plugin's or script's. */
#ifndef CX_LUA_HOSTCALL_H
#define CX_LUA_HOSTCALL_H

#include <lauxlib.h>

#include "base/calendar.h"
#include "lua/value.h"

/* cx_bind.c: pushes the table of functions that runtime/common.lua needs; others are added to it.
 */
void cx_push_common(lua_State *L, const char *currency, const struct calendar *calendar);
int cx_closest(lua_State *L); /* closest(word, list) → the word meant, or nil */
/* amount(kind, value, scale, currency, written) → integer in the kind's unit, or nil and why. A
 * number that is already in the unit is taken as it is; all else is read as text, exactly. */
int cx_amount(lua_State *L);

struct hostcall {
	struct arena arena;
	struct buf in, out;
	struct cx_err e;
};
void hostcall_begin(struct hostcall *h);
void hostcall_free(struct hostcall *h);
int hostcall_raise(lua_State *L, const struct cx_err *e);
/* Functions (closures over owner, a light userdata) into the table on top of the stack. */
void hostcall_functions(lua_State *L, const luaL_Reg *functions, void *owner);
void *hostcall_owner(lua_State *L);

typedef int hostcall_kpi_fn(void *ctx, const char *id, const struct kpi_param *p, int n,
	struct buf *json, struct cx_err *e);
/* id and query at index and index + 1 of the stack → the reply's table is pushed. */
int hostcall_kpi(lua_State *L, struct hostcall *h, int index, hostcall_kpi_fn *kpi, void *ctx);

#endif
