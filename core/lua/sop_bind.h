/* sop_bind.h — tx:sop for handlers (tx_bind.c) and tests (testing.c): a run is a table of what the
 * API says of it, and its methods ask the host and bring the table up to date. Callers: inside
 * protected calls; mistakes are raised as "tx:sop(…):answer: …". */
#ifndef CX_LUA_SOP_BIND_H
#define CX_LUA_SOP_BIND_H

#include <lauxlib.h>

#include "lua/bind.h"

struct sop_host {
	int (*ask)(void *ctx, struct sop_ask *ask, struct arena *a, struct cx_err *e);
	void *ctx;
	struct arena *a;
	struct buf *json;
};
bool sop_op(const char *word, enum sop_op *op); /* "begin", "answer", "finish", "abandon" */
/* tx:sop(id, key) with id at `at`: pushes the run's table, { sop = id } without a key, or nil. */
int sop_get(lua_State *L, const struct sop_host *h, int at);
/* A method of the run at `at`, its arguments after it: pushes the run. */
int sop_method(lua_State *L, const struct sop_host *h, enum sop_op op, int at);

#endif
