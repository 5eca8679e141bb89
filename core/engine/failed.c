#include "engine/failed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/problem.h"
#include "base/tz.h"
#include "engine/answers.h"
#include "engine/journeys.h"
#include "engine/late.h"

enum { LIMIT = 100, LIMIT_MAX = 1000, VALUE = 256 };

int64_t failed_number(const char *text)
{
	char *end;
	errno = 0;
	long long v = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && v > 0 ? v : 0;
}

/* ---- the list ---- */

void failed_json(struct buf *b, const struct failed_row *row)
{
	char when[TZ_TEXT];
	tz_format(row->at_ms, when);
	jw_obj(b);
	jw_kint(b, "id", row->id);
	if (row->seq)
		jw_kint(b, "seq", row->seq);
	else
		jw_knull(b, "seq");
	jw_kstr(b, "time", when);
	jw_kstr(b, "plugin", row->plugin);
	jw_kstr(b, "handler", row->handler);
	jw_kstr(b, "file", row->file);
	jw_kint(b, "line", row->line);
	jw_kstr(b, "message", row->message);
	jw_kstr(b, "traceback", row->traceback);
	jw_kint(b, "tries", row->tries);
	if (!row->timer)
		return;
	tz_format(row->due_ms, when);
	jw_kint(b, "timer", row->timer);
	jw_kstr(b, "due", when);
	jw_key(b, "arg");
	if (row->arg)
		jw_raw(b, row->arg, strlen(row->arg));
	else
		jw_null(b);
}

struct page {
	struct buf *b;
	int n, limit;
	int64_t last;
	bool more;
};

static int each(void *ctx, const struct failed_row *row)
{
	struct page *p = ctx;
	p->more = p->n == p->limit;
	if (p->more)
		return 1;
	failed_json(p->b, row);
	jw_obj_end(p->b);
	p->last = row->id;
	p->n++;
	return 0;
}

static int read_params(
	const struct frame *f, char plugin[VALUE], int64_t *after, int *limit, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	char name[32], value[VALUE];
	int wrong = 0;
	for (int i = 0; query_name(query, i, name, sizeof name); i++) {
		const char *v = query_get(query, name, 0, value, sizeof value, &wrong);
		int64_t n = v ? failed_number(v) : 0;
		bool is_after = strcmp(name, "after") == 0;
		if (!v || wrong)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		if (strcmp(name, "plugin") == 0)
			snprintf(plugin, VALUE, "%s", v);
		else if (is_after && (n || strcmp(v, "0") == 0))
			*after = n;
		else if (strcmp(name, "limit") == 0 && n > 0 && n <= LIMIT_MAX)
			*limit = (int)n;
		else
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("%s é um número%s", "%s is a number%s"), name,
				is_after ? "" : CX_T(" de 1 a 1000", " from 1 to 1000"));
	}
	return CX_OK;
}

int answer_failed(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	char plugin[VALUE] = "";
	struct page p = {.b = b, .limit = LIMIT};
	struct failed_filter q = {.plugin = plugin, .unit = f->head.caller.unit};
	int rc = read_params(f, plugin, &q.after, &p.limit, e);
	if (rc < 0)
		return rc;
	q.limit = p.limit + 1;
	jw_obj(b);
	jw_key(b, "failed");
	jw_arr(b);
	rc = store_failed(eng->store, &q, each, &p, e);
	jw_arr_end(b);
	jw_key(b, "next");
	if (p.more)
		jw_int(b, p.last);
	else
		jw_null(b);
	jw_obj_end(b);
	return rc < 0 ? rc : CX_OK;
}

/* ---- again ---- */

struct again {
	struct ingest *in;
	struct failed_row row;
	struct arena texts; /* of row */
	struct event ev;
	const struct type_plan *plan;
	struct plugin *plugin;
	bool missing, failed;
	struct lua_fail fail;
	struct cx_err *e;
};

static void note_failure(struct again *x, const struct lua_fail *f)
{
	x->failed = true;
	x->fail = *f;
}

static int gone(struct again *x)
{
	return cx_fail(x->e, CX_E_CONFLICT, NULL,
		CX_T("o plugin %s não tem mais \"%s\"", "the plugin %s no longer has \"%s\""),
		x->row.plugin, x->row.handler);
}

static int react(struct again *x)
{
	const char *type = x->row.handler + strlen("on ");
	int nth = 0;
	for (int i = 0; i < x->plan->nons; i++) {
		if (x->plan->ons[i].plugin != x->plugin || ++nth != x->row.nth ||
			strcmp(x->plan->ons[i].on->type_name, type) != 0)
			continue;
		int rc = ingest_react_one(
			x->in, x->plugin, x->plan->ons[i].on, nth, &x->ev, &x->fail);
		x->failed = rc == 0;
		return rc < 0 ? rc : CX_OK;
	}
	return gone(x);
}

struct one_derive {
	struct again *x;
	const char *handler; /* NULL: whichever fails */
};

static void derive_failed(void *ctx, const char *handler, const struct lua_fail *f)
{
	const struct one_derive *d = ctx;
	if (!d->handler || strcmp(d->handler, handler) == 0)
		note_failure(d->x, f);
}

/* Handler "derive TYPE.FIELD", or "derive" for all of the type's. */
static int derive(struct again *x)
{
	const char *dot = strrchr(x->row.handler, '.');
	struct one_derive d = {x, dot ? x->row.handler : NULL};
	bool there = x->plan->owner == x->plugin;
	if (dot) {
		int at = event_type_field(x->ev.type, dot + 1, strlen(dot + 1));
		there = there && at >= x->ev.type->nfields - x->ev.type->nderived;
	}
	if (!there)
		return gone(x);
	int rc = late_derive(x->in, x->plan, &x->ev, dot ? dot + 1 : NULL, true, derive_failed, &d);
	return rc < 0 ? rc : late_figures(x->in, x->plan, &x->ev, NULL, NULL);
}

static bool is_plugin(void *ctx, const struct plugin *p)
{
	return p == ctx;
}

/* Handler "kpi ID: measure NAME", or "measures" for all of the plugin's: what raises is told, what
 * does not is no longer left out. */
static int measures(struct again *x)
{
	char handler[200];
	bool all = strcmp(x->row.handler, "measures") == 0, any = false;
	for (int i = 0; i < x->plan->nmeasures; i++) {
		const struct measure *m = x->plan->measures[i].m;
		struct lua_fail f;
		struct cx_err why;
		snprintf(handler, sizeof handler, "kpi %s: measure %s", m->kpi->id, m->name);
		if (x->plan->measures[i].plugin != x->plugin ||
			(!all && strcmp(handler, x->row.handler) != 0))
			continue;
		any = true;
		if (m->where && engine_where_told(x->in->eng, m, &x->ev, &f, &why) < 0)
			note_failure(x, &f);
		else if (store_readmit(x->in->eng->store, m->kpi->cube->id, m->kpi->id, m->name,
				 x->ev.seq, x->e) < 0)
			return x->e->code;
	}
	return any ? late_figures(x->in, x->plan, &x->ev, is_plugin, x->plugin) : gone(x);
}

/* Handler "timer NAME". */
static int timer(struct again *x)
{
	int rc = timers_again(x->in, x->plugin, &x->row, &x->fail, x->e);
	x->failed = rc == 0;
	return rc < 0 ? rc : CX_OK;
}

/* Handler "journey ID", or "journey ID: on_late". */
static int journey(struct again *x)
{
	int rc = journeys_again(x->in, x->plugin, x->plan, &x->ev, &x->row, &x->fail);
	x->failed = rc == 0;
	return rc == CX_E_CONFLICT ? gone(x) : rc < 0 ? rc : CX_OK;
}

static int dispatch(struct again *x)
{
	if (strncmp(x->row.handler, "journey ", 8) == 0)
		return journey(x);
	if (x->row.timer)
		return timer(x);
	if (strncmp(x->row.handler, "on ", 3) == 0)
		return react(x);
	if (strncmp(x->row.handler, "derive", 6) == 0)
		return derive(x);
	return measures(x);
}

static int none(struct again *x, const char *id)
{
	return cx_fail(x->e, CX_E_NOT_FOUND, "id",
		CX_T("não existe a reação que falhou \"%s\"", "there is no failed reaction \"%s\""),
		id);
}

static int open(struct again *x, const struct frame *f, const char *id)
{
	struct ingest *in = x->in;
	int64_t number = failed_number(id);
	int rc = store_failed_get(in->eng->store, number, &x->row, &x->texts, x->e);
	if (rc < 0)
		return rc;
	if (rc == 1 && x->row.timer && !x->row.seq)
		return *f->head.caller.unit ? none(x, id) : 1;
	if (rc == 1) {
		rc = late_open(
			in, &f->head, x->row.seq, x->row.past, &x->ev, &x->plan, &x->missing);
		if (rc < 0)
			return rc;
		const char *unit = f->head.caller.unit;
		bool theirs = x->ev.unit.p && x->ev.unit.n == strlen(unit) &&
			      memcmp(x->ev.unit.p, unit, x->ev.unit.n) == 0;
		if (!*unit || theirs)
			return rc == 1 || x->row.timer || x->row.done_ms ? 1 : gone(x);
	}
	return none(x, id);
}

static int run(struct again *x)
{
	if (x->row.done_ms)
		return CX_OK;
	if (ingest_left_out(x->in, x->row.plugin))
		return cx_fail(x->e, CX_E_PLUGIN_CRASHED, NULL,
			CX_T("o plugin %s derrubou o motor outra vez neste evento",
				"the plugin %s crashed on this event again"),
			x->row.plugin);
	x->plugin = plugin_set_find(&x->in->eng->set, x->row.plugin);
	if (!x->plugin || x->plugin->state != PLUGIN_RUNNING)
		return cx_fail(x->e, CX_E_CONFLICT, NULL,
			CX_T("o plugin %s não está rodando", "the plugin %s is not running"),
			x->row.plugin);
	return dispatch(x);
}

/* What came of it goes to the row. */
static int keep(struct again *x, int rc)
{
	struct failed_row *row = &x->row;
	bool crashed = rc == CX_E_PLUGIN_CRASHED;
	if (rc < 0 && !crashed)
		return rc;
	if (row->done_ms)
		return CX_OK;
	row->tries++;
	row->at_ms = x->in->head->now_ms;
	if (crashed) {
		row->message = x->e->msg;
		row->traceback = "";
	} else if (x->failed) {
		row->file = x->fail.file;
		row->line = x->fail.line;
		row->message = x->fail.msg;
		row->traceback = x->fail.traceback;
	} else {
		row->done_ms = row->at_ms;
	}
	struct cx_err e;
	return store_failed_set(x->in->eng->store, row, &e) < 0 ? ingest_lost(x->in, &e) : rc;
}

static void told(const struct again *x, struct buf *b)
{
	const struct buf *warnings = &x->in->warnings;
	char when[TZ_TEXT];
	failed_json(b, &x->row);
	jw_kbool(b, "done", x->row.done_ms != 0);
	if (x->row.done_ms) {
		tz_format(x->row.done_ms, when);
		jw_kstr(b, "done_time", when);
	}
	if (warnings->len) {
		jw_key(b, "warnings");
		jw_arr(b);
		buf_add(b, warnings->p, warnings->len);
		jw_arr_end(b);
	}
	jw_obj_end(b);
}

int failed_write(struct ingest *in, const struct frame *f, struct buf *reply, int *status)
{
	struct cx_err e = {0};
	struct again x = {.in = in, .e = &e};
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	ingest_job_begin(in, &f->head, false, in->next_seq);
	in->errs.n = 0;
	buf_clear(&in->warnings);
	int rc = open(&x, f, id ? id : "");
	if (rc == 1)
		rc = keep(&x, run(&x));
	bool lost = rc == CX_E_STORE_FAILED || rc == CX_E_DISK_FULL;
	if (!lost && !in->store_failed) {
		*status = 200;
		if (rc < 0)
			*status = problem_write(reply, &e);
		else
			told(&x, reply);
	}
	arena_free(&x.texts);
	if (in->store_failed)
		return in->errs.v[0].code;
	return lost ? ingest_lost(in, &e) : CX_OK;
}
