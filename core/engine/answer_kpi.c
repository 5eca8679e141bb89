#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/answers.h"
#include "engine/quarantine.h"
#include "kpi/explain.h"
#include "lua/chart.h"
#include "lua/functext.h"

enum { PARAMS = 40, VALUE = 512, EXPLAIN_LIMIT = 100, EXPLAIN_MAX = 1000 };

/* A request about one KPI: the query, and the parameters that are the route's own. */
struct request {
	const struct kpi *k;
	struct plugin *owner;
	struct kpi_counting counting;
	struct kpi_param params[PARAMS + 1];
	int n;
	char names[PARAMS][32], values[PARAMS][VALUE], unit[VALUE];
	const char *own[2]; /* values of the route's own parameters */
};

static int wrong_param(const char *name, struct cx_err *e)
{
	return cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("%s: valor longo demais, mal codificado, ou parâmetros demais",
			"%s: value too long, badly encoded, or too many parameters"),
		name);
}

/* A caller bound to a unit asks about that unit only. */
static int bind_unit(struct request *r, const char *unit, struct cx_err *e)
{
	if (!unit[0])
		return CX_OK;
	if (kpi_dim(r->k, "unit") < 0)
		return cx_fail(e, CX_E_FORBIDDEN, NULL,
			CX_T("este KPI não se divide por unidade, e esta credencial só vê a "
			     "unidade %s",
				"this KPI has no unit dimension, and this token sees unit %s only"),
			unit);
	snprintf(r->unit, sizeof r->unit, "unit:%s", unit);
	r->params[r->n++] = (struct kpi_param){"where", r->unit};
	return CX_OK;
}

/* explain and control are about one figure; a chart about one series. */
static bool refuses(const char *const own[2], const char *name)
{
	static const char *const many[] = {"by", "compare", "pool", "every"};
	int n = !own[0] ? 0 : strcmp(own[0], "rules") == 0 ? 3 : 4;
	for (int i = 0; i < n; i++)
		if (strcmp(many[i], name) == 0)
			return true;
	return false;
}

/* own: names of the route's own parameters, NULL where there is none. */
static int read_request(struct engine *eng, const struct frame *f, const char *const own[2],
	struct request *r, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	*r = (struct request){0};
	if (engine_kpi_find(eng, id ? id : "", &r->k, &r->owner, &r->counting, e) < 0 ||
		quarantine_refuse(eng, r->owner, e) < 0)
		return e->code;
	for (int i = 0; query_name(query, i, r->names[i], sizeof r->names[i]); i++) {
		int seen = 0, wrong = 0, mine = -1;
		for (int j = 0; j < i; j++)
			seen += strcmp(r->names[j], r->names[i]) == 0;
		const char *v = query_get(query, r->names[i], seen, r->values[i], VALUE, &wrong);
		if (wrong || !v || i == PARAMS - 1)
			return wrong_param(r->names[i], e);
		for (int j = 0; j < 2; j++)
			if (own[j] && strcmp(own[j], r->names[i]) == 0)
				mine = j;
		if (mine >= 0 && seen)
			return cx_fail(e, CX_E_BAD_QUERY, own[mine],
				CX_T("está duas vezes", "is there twice"));
		if (mine < 0 && !kpi_param_known(r->names[i]))
			return kpi_param_unknown(r->names[i], own, e);
		if (mine < 0 && refuses(own, r->names[i]))
			return cx_fail(e, CX_E_BAD_QUERY, r->names[i],
				CX_T("isto é de um número só: escolha com where, from e to",
					"this is about one figure: choose it with where, from "
					"and to"));
		if (mine >= 0)
			r->own[mine] = v;
		else
			r->params[r->n++] = (struct kpi_param){r->names[i], v};
	}
	return bind_unit(r, f->head.caller.unit, e);
}

int answer_kpi(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	static const char *const own[2] = {NULL, NULL};
	static struct request r;
	int rc = read_request(eng, f, own, &r, e);
	return rc < 0 ? rc : engine_kpi(eng, r.k->id, r.params, r.n, f->head.now_ms, b, e);
}

static int whole(const char *name, const char *text, int min, int max, int *v, struct cx_err *e)
{
	char *end;
	long n = strtol(text, &end, 10);
	*v = (int)n;
	if (*text && !*end && n >= min && n <= max)
		return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, name,
		CX_T("%s é um número inteiro de %d a %d", "%s is a whole number from %d to %d"),
		name, min, max);
}

/* ---- explain */

static void write_function(struct buf *b, const char *key, struct plugin *p, int handle)
{
	struct function_text t;
	jw_key(b, key);
	if (!function_text(p, handle, &t)) {
		jw_null(b);
		return;
	}
	jw_obj(b);
	jw_key(b, "file");
	struct buf path = {0};
	buf_printf(&path, "plugins/%s/%s", p->name, t.path);
	jw_strn(b, path.p, path.len);
	jw_kint(b, "line", t.line);
	jw_key(b, "source");
	jw_strn(b, t.text.p ? t.text.p : "", t.text.len);
	jw_obj_end(b);
	buf_free(&path);
	buf_free(&t.text);
}

static void write_measure(struct buf *b, struct plugin *p, const struct measure *m)
{
	static const char *const kinds[] = {"count", "sum", "histogram", "distinct"};
	jw_obj(b);
	jw_kstr(b, "name", m->name);
	jw_kstr(b, "kind", kinds[m->kind]);
	jw_kstr(b, "type", m->type_name);
	if (m->field_name)
		jw_kstr(b, "field", m->field_name);
	jw_kstr(b, "at", m->at < 0 ? "time" : m->at_name);
	if (m->times > 1)
		jw_kint(b, "times", m->times);
	if (m->days)
		jw_kbool(b, "days", true);
	if (m->kind == MEASURE_HISTOGRAM && m->bucket > 1)
		jw_kint(b, "bucket", m->bucket);
	if (m->choose != CHOOSE_ALL) {
		jw_key(b, m->choose == CHOOSE_LATEST ? "latest" : "first");
		jw_obj(b);
		jw_kstr(b, "key", m->key_name);
		jw_kstr(b, "by", m->rank_name);
		jw_obj_end(b);
	}
	if (m->where)
		write_function(b, "where", p, m->where);
	jw_obj_end(b);
}

static void write_definition(struct buf *b, const struct request *r)
{
	jw_key(b, "definition");
	jw_obj(b);
	jw_kstr(b, "plugin", r->k->plugin);
	jw_kstr(b, "version", r->owner->version);
	jw_kstr(b, "hash", r->k->hash);
	jw_kstr(b, "file", r->k->file);
	jw_kint(b, "line", r->k->line);
	write_function(b, "formula", r->owner, r->k->formula);
	write_function(b, "interval", r->owner, r->k->interval);
	jw_key(b, "measures");
	jw_arr(b);
	for (int i = 0; i < r->k->nmeasures; i++)
		write_measure(b, r->owner, &r->k->measures[i]);
	jw_arr_end(b);
	jw_obj_end(b);
}

int answer_explain(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	static const char *const own[2] = {"after", "limit"};
	static struct request r;
	struct explain_page page = {
		.limit = EXPLAIN_LIMIT, .personal = f->head.caller.level >= LEVEL_ADMIN};
	struct kpi_query q;
	struct kpi_host host;
	int rc = read_request(eng, f, own, &r, e);
	page.after = r.own[0];
	if (rc >= 0 && r.own[1])
		rc = whole("limit", r.own[1], 1, EXPLAIN_MAX, &page.limit, e);
	if (rc >= 0)
		rc = kpi_query_parse(&q, r.k, r.params, r.n, f->head.now_ms, e);
	if (rc < 0)
		return rc;
	if (r.k->suppress)
		return cx_fail(e, CX_E_FORBIDDEN, NULL,
			CX_T("este KPI protege grupos pequenos: seus eventos não são mostrados",
				"this KPI protects small groups: its events are not shown"));
	struct kpi_meta meta;
	engine_kpi_host(eng, &host);
	engine_kpi_meta(eng, r.owner, &meta);
	meta.counting = r.counting;
	jw_obj(b);
	jw_kstr(b, "id", r.k->id);
	write_definition(b, &r);
	jw_key(b, "figure");
	rc = kpi_query_run(eng->store, r.k, &q, &host, &meta, b, e);
	if (rc >= 0)
		rc = kpi_explain(eng->store, r.k, &q, &host, &meta, &page, b, e);
	jw_obj_end(b);
	return rc;
}

/* ---- control */

/* "1,2,3" → [1,2,3] */
static int write_rules(struct buf *b, const char *text, struct cx_err *e)
{
	jw_key(b, "rules");
	jw_arr(b);
	for (const char *p = text;; p++) {
		if (*p < '1' || *p > '8' || (p[1] && p[1] != ','))
			return cx_fail(e, CX_E_BAD_QUERY, "rules",
				CX_T("rules são números de 1 a 8 separados por vírgulas",
					"rules are numbers from 1 to 8 with commas between"));
		jw_int(b, *p - '0');
		if (!*++p)
			break;
	}
	jw_arr_end(b);
	return CX_OK;
}

static const char *every_of(struct request *r)
{
	for (int i = 0; i < r->n; i++)
		if (strcmp(r->params[i].name, "every") == 0)
			return r->params[i].value;
	r->params[r->n++] = (struct kpi_param){"every", "week"};
	return "week";
}

static int chart_options(struct request *r, struct buf *options, struct cx_err *e)
{
	int baseline, rc = CX_OK;
	jw_obj(options);
	jw_kstr(options, "every", every_of(r));
	if (r->own[0])
		rc = write_rules(options, r->own[0], e);
	if (rc >= 0 && r->own[1]) {
		rc = whole("baseline", r->own[1], 2, 100000, &baseline, e);
		jw_kint(options, "baseline", baseline);
	}
	jw_obj_end(options);
	return rc;
}

int answer_control(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	static const char *const own[2] = {"rules", "baseline"};
	static struct request r;
	struct buf options = {0}, reply = {0};
	struct lua_fail fail;
	int rc = read_request(eng, f, own, &r, e);
	if (rc >= 0)
		rc = chart_options(&r, &options, e);
	if (rc >= 0)
		rc = engine_kpi(eng, r.k->id, r.params, r.n, f->head.now_ms, &reply, e);
	if (rc >= 0 && control_chart(eng->conf, &reply, buf_cstr(&options), b, &fail) < 0) {
		char text[400];
		engine_fail_text(&fail, text, sizeof text);
		rc = cx_fail(e, CX_E_INTERNAL, NULL, "control: %s", text);
	}
	buf_free(&options);
	buf_free(&reply);
	return rc;
}
