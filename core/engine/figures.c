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
	struct plugin *p = plugin_set_find(&eng->set, m->kpi->plugin);
	if (plugin_where(p, m, ev, &yes, f) < 0)
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
	struct engine *eng = ctx;
	struct lua_fail f;
	struct plugin *p = plugin_set_find(&eng->set, k->plugin);
	if (plugin_formula(p, k, v, value, null, &f) < 0)
		return raise(&f, e);
	return CX_OK;
}

static int interval(void *ctx, const struct kpi *k, struct kpi_view *v, struct kpi_interval *out,
	struct cx_err *e)
{
	struct engine *eng = ctx;
	struct lua_fail f;
	struct plugin *p = plugin_set_find(&eng->set, k->plugin);
	if (plugin_interval(p, k, v, out, &f) < 0)
		return raise(&f, e);
	return CX_OK;
}

static int compare(void *ctx, const struct kpi *k, struct kpi_view *now, struct kpi_view *before,
	struct kpi_change *out, struct cx_err *e)
{
	struct engine *eng = ctx;
	struct lua_fail f;
	struct plugin *p = plugin_set_find(&eng->set, k->plugin);
	if (plugin_compare(p, k, now, before, out, &f) < 0)
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
	*meta = (struct kpi_meta){
		owner->version, eng->conf->company_currency, eng->conf->kpi_min_n};
}

int engine_no_kpi(const char *id, struct cx_err *e)
{
	return cx_fail(e, CX_E_NOT_FOUND, "id",
		CX_T("não existe o KPI \"%s\"; GET /v1/kpis lista todos",
			"there is no KPI \"%s\"; GET /v1/kpis lists them all"),
		id);
}

int engine_kpi(struct engine *eng, const char *id, const struct kpi_param *params, int n,
	int64_t now_ms, struct buf *json, struct cx_err *e)
{
	struct plugin *owner;
	struct kpi_query q;
	struct kpi_host host;
	const struct kpi *k = plugin_set_kpi(&eng->set, id, &owner);
	if (!k)
		return engine_no_kpi(id, e);
	int rc = quarantine_refuse(eng, owner, e);
	if (rc >= 0)
		rc = kpi_query_parse(&q, k, params, n, now_ms, e);
	if (rc < 0)
		return rc;
	engine_kpi_host(eng, &host);
	struct kpi_meta meta;
	engine_kpi_meta(eng, owner, &meta);
	return kpi_query_run(eng->store, k, &q, &host, &meta, json, e);
}
