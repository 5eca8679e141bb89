/* script.h — a managers' review script (scripts/NAME.lua): runs it, keeps its report.
 * Flow:   script_run() loads the text in a fresh isolate, runtime/report.lua gives its `run` an `r`
 *         whose parts call back into struct script_host; what they make becomes JSON and text.
 * Callers: engine/ (script role and `cxd run`).
 * Owns:   nothing; the isolate lives for the call.
 * Errors: 0; 1 = the report is whole but for parts that failed, or ends with the error that `run`
 *         raised (both are kept in it, in their place); -1 = there is no report (*f says why). */
#ifndef CX_LUA_SCRIPT_H
#define CX_LUA_SCRIPT_H

#include "kpi/query.h"
#include "lua/isolate.h"

struct script_host {
	void *ctx;
	/* r:kpi: query parameters → the reply's JSON (query.h), on the script's snapshot. */
	int (*kpi)(void *ctx, const char *id, const struct kpi_param *p, int n, struct buf *json,
		struct cx_err *e);
};

struct script_options {
	const char *name;     /* "monthly-nps" */
	const char *company;  /* its name, "" = not said */
	const char *currency; /* the company's */
	const struct calendar *calendar;
	int64_t as_of_ms; /* r.as_of: what "today" is */
	struct isolate_limits limits;
	struct blame *blame; /* may be NULL */
};

/* path: for messages, "scripts/monthly-nps.lua". json and text_out are appended to; text_out may
 * be NULL. A table that `run` returns without having used r is the JSON instead of a report. */
int script_run(const char *path, const char *text, size_t len, const struct script_host *host,
	const struct script_options *opt, struct buf *json, struct buf *text_out,
	struct lua_fail *f);

/* Loads it without running it: its declaration is right, or -1 with *f. */
int script_check(const char *path, const char *text, size_t len, const struct script_options *opt,
	struct lua_fail *f);

#endif
