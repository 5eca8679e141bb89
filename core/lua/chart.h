/* chart.h — a KPI reply as a control chart: runtime/control.lua for whoever has the reply as JSON.
 * Callers: engine/answer_explain.c. One small isolate a process, made on first use.
 * Errors: -1 with f filled. */
#ifndef CX_LUA_CHART_H
#define CX_LUA_CHART_H

#include "conf/conf.h"
#include "lua/isolate.h"

/* options: {"every":"week","rules":[1,2,3],"baseline":20} */
int control_chart(const struct conf *c, const struct buf *reply, const char *options,
	struct buf *json, struct lua_fail *f);

#endif
