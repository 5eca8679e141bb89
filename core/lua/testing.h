/* testing.h — runs a plugin's tests/NAME_test.lua: test, config, at, advance, send, refused,
 * expect. Flow:   testing_run_file() loads the file once; each test() it declares then starts with
 *         host->reset() and a fake clock that never goes back, and drives the engine through
 *         struct testing_host.
 * Callers: engine/ (`cxd test`).
 * Owns:   nothing; the isolate lives for the call.
 * Errors: 0, also with failed tests (they are counted and printed); -1 = the file itself could not
 *         be loaded or declared nothing (printed too, counted as one failure).
 * Units:  now_ms is the fake clock, Unix ms. */
#ifndef CX_LUA_TESTING_H
#define CX_LUA_TESTING_H

#include "kpi/query.h"
#include "lua/isolate.h"
#include "lua/plugin.h"

struct testing_host {
	void *ctx;
	/* An empty store and the plugin loaded with these options over its defaults: a JSON object
	 * {"promoter":8}, "{}" = the defaults. Once in each test, before its first send or query.
	 */
	int (*reset)(void *ctx, int64_t now_ms, const char *config_json, struct cx_err *e);
	/* The clock goes from now_ms to until_ms: what is due fires. reply: {"warnings":[…]} of
	 * what failed. */
	int (*pass)(
		void *ctx, int64_t now_ms, int64_t until_ms, struct buf *reply, struct cx_err *e);
	/* POST /v1/events of one event; times in it without offset are wall clock. *status: as
	 * HTTP (201, 422…); reply: the receipt or problem+json. <0: the engine itself failed. */
	int (*send)(void *ctx, int64_t now_ms, const char *json, size_t n, struct buf *reply,
		int *status, struct cx_err *e);
	int (*kpi)(void *ctx, int64_t now_ms, const char *id, const struct kpi_param *p, int n,
		struct buf *json, struct cx_err *e);
	/* tx:record: the kind, NULL where no plugin here declares it; and what is asked of it. */
	const struct plugin_record *(*kind)(void *ctx, struct str name);
	/* tx:journey and tx:frictions: 1 with the JSON of what there is, 0 there is none */
	int (*journey)(
		void *ctx, struct str id, struct str key, struct buf *json, struct cx_err *e);
	int (*frictions)(void *ctx, struct str id, struct buf *json, struct cx_err *e);
	/* tx:sop */
	int (*sop)(
		void *ctx, int64_t now_ms, struct sop_ask *ask, struct arena *a, struct cx_err *e);
	int (*record)(void *ctx, int64_t now_ms, struct record_ask *ask, struct arena *a,
		struct cx_err *e);
};

struct testing_options {
	const char *currency; /* the company's */
	const struct calendar *calendar;
	struct isolate_limits limits; /* script_ms is the budget of one test */
	int64_t start_ms;    /* the clock before the first at; 0 = 2026-01-01 00:00 local */
	const char *filter;  /* run only tests with this in their name; NULL = all */
	struct blame *blame; /* may be NULL */
};

/* path: for messages, "plugins/acme/tests/nps_test.lua". Prints "ok   name" and
 * "FAIL name: file:line: what" to stdout; adds to *passed and *failed. */
int testing_run_file(const char *path, const char *text, size_t len, const struct testing_host *h,
	const struct testing_options *o, int *passed, int *failed);

#endif
