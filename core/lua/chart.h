/* chart.h — what runtime/stats.lua and control.lua work out, for C: a KPI reply (as JSON) as a
 * control chart, a net promoter score with its interval. Callers: engine/answer_kpi.c,
 * friction_nps.c. One small isolate a process, made on first use. Errors: -1 with f filled. */
#ifndef CX_LUA_CHART_H
#define CX_LUA_CHART_H

#include "conf/conf.h"
#include "lua/isolate.h"

/* options: {"every":"week","rules":[1,2,3],"baseline":20} */
int control_chart(const struct conf *c, const struct buf *reply, const char *options,
	struct buf *json, struct lua_fail *f);

/* cx.stats.nps: 1, 0 no answers. */
struct nps_figure {
	double value, low, high;
	char method[16];
};
int nps_figure(const struct conf *c, int64_t promoters, int64_t detractors, int64_t n,
	struct nps_figure *out, struct lua_fail *f);

#endif
