/* record_bind.h — asking for records from Lua: tx:record(kind):get, put, delete, find.
 * Flow:   the arguments become a struct record_ask, whoever keeps the records answers it, and the
 *         answer becomes plain tables: a field's value as plugins.md's table has it, and version.
 *         Tables are copies: changing one changes nothing until it is put.
 * Callers: record_bind.c for reactions, testing.c for tests; inside protected calls.
 * Errors: raised, as "tx:record("coupon"):put: used: must be true or false". */
#ifndef CX_LUA_RECORD_BIND_H
#define CX_LUA_RECORD_BIND_H

#include <lua.h>

#include "lua/plugin.h"

struct record_host {
	int (*ask)(void *ctx, struct record_ask *ask, struct arena *a, struct cx_err *e);
	void *ctx;
	const char *currency; /* the company's */
	struct arena *a;      /* of the call */
	struct buf *json;
	bool wall; /* a time without offset is wall clock */
};
/* Arguments from arg on; returns how many results it pushed. */
int record_lua(lua_State *L, const struct record_host *h, enum record_op op,
	const struct plugin_record *kind, int arg);
bool record_op(const char *word, enum record_op *op); /* "get" */

#endif
