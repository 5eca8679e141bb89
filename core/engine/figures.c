#include <stdio.h>
#include <string.h>

#include "engine/quarantine.h"

void engine_fail_text(const struct lua_fail *f, char *out, size_t cap)
{
	if (f->file[0])
		snprintf(out, cap, "%s:%d: %s", f->file, f->line, f->msg);
	else
		snprintf(out, cap, "%s", f->msg);
}

static int raise(const struct lua_fail *f, struct cx_err *e)
{
	char text[400];
	engine_fail_text(f, text, sizeof text);
	return cx_fail(e, CX_E_PLUGIN_FAILED, NULL, "%s", text);
}

int engine_where_told(struct engine *eng, const struct measure *m, struct event *ev,
	struct lua_fail *f, struct cx_err *e)
{
	bool yes = false;
	(void)eng;
	if (plugin_where(m->kpi->from, m, ev, &yes, f) < 0)
		return raise(f, e);
	return yes;
}

int engine_where(void *ctx, const struct measure *m, struct event *ev, struct cx_err *e)
{
	struct lua_fail f;
	return engine_where_told(ctx, m, ev, &f, e);
}

static int formula(void *ctx, const struct kpi *k, struct kpi_view *v, double *value, bool *null,
	struct cx_err *e)
{
	struct lua_fail f;
	(void)ctx;
	if (plugin_formula(k->from, k, v, value, null, &f) < 0)
		return raise(&f, e);
	return CX_OK;
}

static int interval(void *ctx, const struct kpi *k, struct kpi_view *v, struct kpi_interval *out,
	struct cx_err *e)
{
	struct lua_fail f;
	(void)ctx;
	if (plugin_interval(k->from, k, v, out, &f) < 0)
		return raise(&f, e);
	return CX_OK;
}

static int compare(void *ctx, const struct kpi *k, struct kpi_view *now, struct kpi_view *before,
	struct kpi_change *out, struct cx_err *e)
{
	struct lua_fail f;
	(void)ctx;
	if (plugin_compare(k->from, k, now, before, out, &f) < 0)
		return raise(&f, e);
	return CX_OK;
}

void engine_kpi_host(struct engine *eng, struct kpi_host *host)
{
	*host = (struct kpi_host){.ctx = eng,
		.where = engine_where,
		.formula = formula,
		.interval = interval,
		.compare = compare,
		.company_currency = eng->conf->company_currency,
		.dictionary = eng->dictionary};
}

void engine_kpi_meta(const struct engine *eng, const struct plugin *owner, struct kpi_meta *meta)
{
	*meta = (struct kpi_meta){.plugin_version = owner->version,
		.company_currency = eng->conf->company_currency,
		.min_n = eng->conf->kpi_min_n};
}

int engine_no_kpi(const char *id, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, "id",
		CX_T("não existe o KPI \"%s\"; GET /v1/kpis lista todos",
			"there is no KPI \"%s\"; GET /v1/kpis lists them all"),
		id);
}

int engine_kpi_find(const struct engine *eng, const char *id, const struct kpi **k,
	struct plugin **owner, struct kpi_counting *counting, struct cx_err *e)
{
	struct plugin *old;
	*counting = (struct kpi_counting){0};
	*k = plugin_set_kpi(&eng->set, id, owner);
	if (!*k)
		return engine_no_kpi(id, e);
	if ((*k)->cube && (*k)->cube->upto == STORE_LIVE)
		return CX_OK;
	int rc = engine_progress(eng, NULL, (*k)->cube, counting, e);
	const struct kpi *was = plugin_set_kpi(&eng->before, id, &old);
	counting->empty = !was || !was->cube || was->cube->id < 0;
	if (!counting->empty) {
		*k = was;
		*owner = old;
	}
	return rc < 0 ? rc : CX_OK;
}

int engine_kpi(struct engine *eng, const char *id, const struct kpi_param *params, int n,
	int64_t now_ms, struct buf *json, struct cx_err *e)
{
	struct plugin *owner;
	struct kpi_query q;
	struct kpi_host host;
	struct kpi_meta meta;
	struct kpi_counting counting;
	const struct kpi *k;
	int rc = engine_kpi_find(eng, id, &k, &owner, &counting, e);
	if (rc >= 0)
		rc = quarantine_refuse(eng, owner, e);
	if (rc >= 0)
		rc = kpi_query_parse(&q, k, params, n, now_ms, e);
	if (rc < 0)
		return rc;
	engine_kpi_host(eng, &host);
	engine_kpi_meta(eng, owner, &meta);
	meta.counting = counting;
	return kpi_query_run(eng->store, k, &q, &host, &meta, json, e);
}
