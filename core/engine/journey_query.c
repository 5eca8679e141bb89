#include "engine/journey_query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "kpi/group.h"
#include "kpi/number.h"

enum { NODES = 65536 };

#define EACH(d, list, i)                                                                           \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

static struct str str_of(const char *s)
{
	return (struct str){s, (uint32_t)strlen(s)};
}

/* ---- definitions ---- */

static void read_stage(
	const struct json_doc *d, uint32_t at, struct journey_stage *s, struct arena *a)
{
	uint32_t title = json_get(d, at, "title"), window = json_get(d, at, "window");
	*s = (struct journey_stage){.id = json_text(d, json_get(d, at, "id"), a)};
	s->id = arena_str(a, s->id.p, s->id.n);
	if (title)
		s->title = json_raw(d, title);
	if (window) {
		struct str text = json_text(d, window, a);
		s->has_window = deadline_parse(text.p, text.n, &s->window);
	}
}

struct defs {
	struct journey_query *q;
	struct cx_err *e;
};

static int note_def(void *ctx, const struct journey_version_row *r)
{
	struct defs *x = ctx;
	struct journey_query *q = x->q;
	if (!str_same(r->journey, str_of(q->journey->id)))
		return 0;
	q->defs = xrealloc(q->defs, sizeof *q->defs * (size_t)(q->ndefs + 1));
	struct journey_def *d = &q->defs[q->ndefs++];
	struct str text = arena_str(&q->a, r->definition.p, r->definition.n);
	*d = (struct journey_def){.id = r->id, .number = r->number};
	int rc = json_scan(&d->doc, text.p, text.n, JSON_DEPTH, NODES, x->e);
	if (rc < 0)
		return rc;
	uint32_t stages = json_get(&d->doc, 0, "stages");
	d->stages = arena_alloc(
		&q->a, sizeof *d->stages * (stages ? d->doc.nodes[stages].count + 1 : 1));
	EACH(&d->doc, stages, i)
	read_stage(&d->doc, i, &d->stages[d->nstages++], &q->a);
	return 0;
}

static int by_identity(void *ctx, const struct journey_version_row *r)
{
	struct journey_query *q = ctx;
	for (int i = 0; i < q->ndefs; i++)
		if (q->defs[i].id == r->id && str_same(r->identity, str_of(q->journey->identity)))
			q->def = &q->defs[i];
	return 0;
}

static const struct plugin_journey *find(const struct engine *eng, const char *id)
{
	for (int i = 0; i < eng->set.n; i++) {
		const struct plugin_journey *j = plugin_journey_find(eng->set.v[i], str_of(id));
		if (j)
			return j;
	}
	return NULL;
}

const struct journey_def *journey_query_def(const struct journey_query *q, int64_t version)
{
	for (int i = q->ndefs - 1; i >= 0; i--)
		if (q->defs[i].id == version)
			return &q->defs[i];
	return q->def;
}

const struct journey_stage *journey_def_stage(const struct journey_def *d, struct str id)
{
	for (int i = 0; i < d->nstages; i++)
		if (str_same(d->stages[i].id, id))
			return &d->stages[i];
	return NULL;
}

int journey_query_open(struct journey_query *q, struct engine *eng, const char *id, int64_t now_ms,
	const char *unit, struct cx_err *e)
{
	struct defs x = {q, e};
	*q = (struct journey_query){.eng = eng,
		.now_ms = now_ms,
		.from_ms = INT64_MIN,
		.to_ms = INT64_MAX,
		.after_ms = INT64_MIN,
		.limit = JQ_LIMIT,
		.journey = find(eng, id)};
	snprintf(q->unit, sizeof q->unit, "%s", unit);
	if (!q->journey)
		return cx_fail(e, CX_E_NOT_FOUND, "id",
			CX_T("nenhum plugin declara a jornada \"%s\"",
				"no plugin declares the journey \"%s\""),
			id);
	int rc = store_journey_versions(eng->store, note_def, &x, e);
	if (rc >= 0)
		rc = store_journey_versions(eng->store, by_identity, q, e);
	if (rc >= 0 && !q->ndefs) { /* its code has never run here */
		const struct journey_version_row row = {.journey = str_of(q->journey->id),
			.definition = str_of(q->journey->definition)};
		rc = note_def(&x, &row);
	}
	if (rc < 0)
		return rc;
	if (!q->def)
		q->def = &q->defs[q->ndefs - 1];
	EACH(&q->def->doc, json_get(&q->def->doc, 0, "by"), i)
	if (q->ndims < JQ_DIMS) {
		struct str name = json_text(&q->def->doc, i, &q->a);
		q->dims[q->ndims++] = arena_str(&q->a, name.p, name.n);
	}
	return CX_OK;
}

void journey_query_free(struct journey_query *q)
{
	for (int i = 0; i < q->ndefs; i++)
		json_doc_free(&q->defs[i].doc);
	free(q->defs);
	json_doc_free(&q->values);
	arena_free(&q->row);
	arena_free(&q->a);
}

/* ---- parameters ---- */

static int take_dim(struct journey_query *q, const char *param, const char *name, size_t n,
	int *dim, struct cx_err *e)
{
	struct buf known = {0};
	for (int i = 0; i < q->ndims; i++) {
		if (str_same(q->dims[i], (struct str){name, (uint32_t)n})) {
			*dim = i;
			buf_free(&known);
			return CX_OK;
		}
		buf_printf(&known, "%s%s", i ? ", " : "", q->dims[i].p);
	}
	cx_fail(e, CX_E_BAD_QUERY, param,
		CX_T("a jornada %s não se divide por \"%.*s\"; em by tem: %s",
			"the journey %s is not divided by \"%.*s\"; its by has: %s"),
		q->journey->id, n > 60 ? 60 : (int)n, name, known.len ? buf_cstr(&known) : "—");
	buf_free(&known);
	return CX_E_BAD_QUERY;
}

static int take_by(struct journey_query *q, const char *value, struct cx_err *e)
{
	for (const char *p = value;; p++) {
		size_t n = strcspn(p, ",");
		int dim, rc = take_dim(q, "by", p, n, &dim, e);
		if (rc < 0)
			return rc;
		for (int i = 0; i < q->nby; i++)
			if (q->by[i] == dim)
				return cx_fail(e, CX_E_BAD_QUERY, "by",
					CX_T("%s está duas vezes", "%s is there twice"),
					q->dims[dim].p);
		q->by[q->nby++] = dim;
		p += n;
		if (!*p)
			return CX_OK;
	}
}

static int take_where(struct journey_query *q, const char *value, struct cx_err *e)
{
	const char *colon = strchr(value, ':');
	if (!colon)
		return cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("\"%.60s\": escreva dimensão:valor",
				"\"%.60s\": write dimension:value"),
			value);
	if (q->nwhere == JQ_WHERE)
		return cx_fail(e, CX_E_BAD_QUERY, "where",
			CX_T("mais de 16 filtros", "more than 16 filters"));
	int rc = take_dim(q, "where", value, (size_t)(colon - value), &q->where[q->nwhere].dim, e);
	if (rc < 0)
		return rc;
	snprintf(q->where[q->nwhere++].text, JQ_VALUE, "%s", colon + 1);
	return CX_OK;
}

static int take_time(const char *name, const char *value, bool *has, int64_t *ms, struct cx_err *e)
{
	if (!tz_parse_any(value, strlen(value), ms) || *ms < TZ_MS_MIN || *ms > TZ_MS_MAX)
		return cx_fail(e, CX_E_BAD_QUERY, name,
			CX_T("\"%.60s\" não é um instante: use 2018-01-31, 2018-01-31T12:00 ou "
			     "RFC 3339",
				"\"%.60s\" is not a time: use 2018-01-31, 2018-01-31T12:00 or RFC "
				"3339"),
			value);
	*has = true;
	return CX_OK;
}

static bool whole(const char *text, int64_t min, int64_t max, int64_t *v)
{
	char *end;
	errno = 0;
	*v = strtoll(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *v >= min && *v <= max;
}

static int take_version(struct journey_query *q, const char *value, struct cx_err *e)
{
	int64_t number = 0;
	bool is_one = whole(value, 1, INT32_MAX, &number);
	for (int i = 0; i < q->ndefs && is_one; i++)
		if (q->defs[i].number == number) {
			q->def = &q->defs[i];
			q->version = q->def->id;
			return CX_OK;
		}
	return cx_fail(e, CX_E_BAD_QUERY, "version",
		CX_T("a jornada %s não tem a versão \"%.20s\"; tem de 1 a %d",
			"the journey %s has no version \"%.20s\"; it has 1 to %d"),
		q->journey->id, value, q->ndefs);
}

static int take_page(struct journey_query *q, const char *name, const char *value, struct cx_err *e)
{
	long long ms, id;
	int used = 0;
	int64_t n;
	if (strcmp(name, "limit") == 0 && whole(value, 1, JQ_LIMIT_MAX, &n)) {
		q->limit = (int)n;
		return CX_OK;
	}
	if (strcmp(name, "after") == 0 && sscanf(value, "%lld:%lld%n", &ms, &id, &used) == 2 &&
		!value[used]) {
		q->after_ms = ms;
		q->after = id;
		return CX_OK;
	}
	return strcmp(name, "limit") == 0 ? cx_fail(e, CX_E_BAD_QUERY, name,
						    CX_T("limit é um número de 1 a %d",
							    "limit is a number from 1 to %d"),
						    JQ_LIMIT_MAX)
					  : cx_fail(e, CX_E_BAD_QUERY, name,
						    CX_T("after é o next da página anterior",
							    "after is next of the page before"));
}

int journey_query_set(
	struct journey_query *q, const char *name, const char *value, struct cx_err *e)
{
	if (strcmp(name, "from") == 0)
		return take_time(name, value, &q->has_from, &q->from_ms, e);
	if (strcmp(name, "to") == 0)
		return take_time(name, value, &q->has_to, &q->to_ms, e);
	if (strcmp(name, "by") == 0)
		return take_by(q, value, e);
	if (strcmp(name, "where") == 0)
		return take_where(q, value, e);
	if (strcmp(name, "version") == 0)
		return take_version(q, value, e);
	char *own = strcmp(name, "kind") == 0    ? q->kind
		    : strcmp(name, "stage") == 0 ? q->stage
		    : strcmp(name, "every") == 0 ? q->every
						 : NULL;
	if (!own)
		return take_page(q, name, value, e);
	snprintf(own, JQ_VALUE, "%s", value);
	return CX_OK;
}

int journey_query_done(struct journey_query *q, struct cx_err *e)
{
	if (q->has_from && q->has_to && q->from_ms >= q->to_ms)
		return cx_fail(e, CX_E_BAD_QUERY, "to",
			CX_T("período vazio: to deve vir depois de from",
				"empty window: to must come after from"));
	return CX_OK;
}

int journey_query_read(
	struct journey_query *q, struct engine *eng, const struct frame *f, struct cx_err *e)
{
	const char *query = meta_get(f->meta, f->head.meta_len, "query");
	const char *id = meta_get(f->meta, f->head.meta_len, "id");
	char name[32], before[32], value[JQ_VALUE];
	int rc = journey_query_open(q, eng, id ? id : "", f->head.now_ms, f->head.caller.unit, e);
	for (int i = 0; rc >= 0 && query_name(query, i, name, sizeof name); i++) {
		int bad = 0, nth = 0;
		for (int k = 0; k < i; k++)
			nth += query_name(query, k, before, sizeof before) &&
			       strcmp(before, name) == 0;
		const char *v = query_get(query, name, nth, value, sizeof value, &bad);
		if (!v || bad)
			return cx_fail(e, CX_E_BAD_QUERY, name,
				CX_T("valor longo demais ou mal codificado",
					"value too long or badly encoded"));
		if (nth && strcmp(name, "where") != 0 && strcmp(name, "by") != 0)
			return cx_fail(
				e, CX_E_BAD_QUERY, name, CX_T("está duas vezes", "is there twice"));
		rc = journey_query_set(q, name, v, e);
	}
	return rc < 0 ? rc : journey_query_done(q, e);
}

/* ---- instances ---- */

struct way_filter journey_query_ways(const struct journey_query *q)
{
	return (struct way_filter){.journey = q->journey->id,
		.unit = q->unit,
		.from_ms = q->from_ms,
		.to_ms = q->to_ms,
		.version = q->version,
		.after_ms = q->after_ms,
		.after = q->after};
}

static uint32_t value_of(const struct journey_query *q, int dim)
{
	return json_get(&q->values, 0, q->dims[dim].p);
}

int journey_query_takes(
	struct journey_query *q, const struct way_head *h, struct str *group, struct cx_err *e)
{
	struct buf b = {0};
	if (!q->nby && !q->nwhere) {
		*group = STR("[]");
		return 1;
	}
	arena_reset(&q->row);
	int rc = json_scan(&q->values, h->by.p, h->by.n, JSON_DEPTH, NODES, e);
	if (rc < 0)
		return rc;
	for (int i = 0; i < q->nwhere; i++) {
		uint32_t at = value_of(q, q->where[i].dim);
		struct str is = at ? json_text(&q->values, at, &q->row) : (struct str){0};
		if (!str_same(is, str_of(q->where[i].text)))
			return 0;
	}
	jw_arr(&b);
	for (int i = 0; i < q->nby; i++) {
		uint32_t at = value_of(q, q->by[i]);
		struct str raw = at ? json_raw(&q->values, at) : STR("null");
		jw_raw(&b, raw.p, raw.n);
	}
	jw_arr_end(&b);
	*group = arena_str(&q->row, b.p, b.len);
	buf_free(&b);
	return 1;
}

bool journey_query_immature(const struct journey_query *q, const struct way_head *h,
	struct str stage, int64_t entered_ms)
{
	const struct journey_stage *s = journey_def_stage(journey_query_def(q, h->version), stage);
	int64_t till;
	if (!s || !s->has_window)
		return true;
	return !calendar_due(
		       q->eng->conf->calendar, h->unit, entered_ms, s->window, false, &till) ||
	       q->now_ms < till;
}

/* ---- answers ---- */

void journey_title_json(struct buf *b, struct str title, struct str id)
{
	struct json_doc d = {0};
	struct arena a = {0};
	struct str text = id;
	if (title.p && json_scan(&d, title.p, title.n, JSON_DEPTH, 256, NULL) == CX_OK) {
		uint32_t at = 0;
		if (d.nodes[0].type == JSON_OBJECT && d.nodes[0].count) {
			at = json_get(&d, 0, CX_T("pt-BR", "en"));
			at = at ? at : 2; /* the first there is */
		}
		if (d.nodes[at].type == JSON_STRING)
			text = json_text(&d, at, &a);
	}
	jw_key(b, "title");
	jw_strn(b, text.p, text.n);
	json_doc_free(&d);
	arena_free(&a);
}

static void time_json(struct buf *b, const char *key, bool has, int64_t ms)
{
	char text[TZ_TEXT];
	if (has)
		tz_format(ms, text);
	jw_kstr(b, key, has ? text : NULL);
}

void journey_query_json(struct buf *b, struct journey_query *q)
{
	char period[PERIOD_TEXT];
	uint32_t title = json_get(&q->def->doc, 0, "title");
	jw_kstr(b, "journey", q->journey->id);
	journey_title_json(
		b, title ? json_raw(&q->def->doc, title) : (struct str){0}, str_of(q->journey->id));
	time_json(b, "from", q->has_from, q->from_ms);
	time_json(b, "to", q->has_to, q->to_ms);
	number_period_text(period, q->has_from, q->from_ms, q->has_to, q->to_ms);
	jw_kstr(b, "period_text", period);
	if (q->version)
		jw_kint(b, "version", q->def->number);
	else
		jw_knull(b, "version");
}

void journey_span_json(struct buf *b, const char *name, double ms, bool null)
{
	char key[32], text[NUMBER_TEXT];
	snprintf(key, sizeof key, "%s_ms", name);
	jw_key(b, key);
	if (null)
		jw_null(b);
	else
		jw_double(b, ms);
	number_text(text, ms, null, "duration", -1, 0, NULL);
	snprintf(key, sizeof key, "%s_text", name);
	jw_kstr(b, key, text);
}

void journey_share_json(struct buf *b, const char *name, int64_t n, int64_t of)
{
	char key[32], text[NUMBER_TEXT];
	double share = of > 0 ? (double)n / (double)of : 0;
	jw_key(b, name);
	if (of > 0)
		jw_double(b, share);
	else
		jw_null(b);
	number_text(text, 100 * share, of <= 0, "%", -1, 0, NULL);
	snprintf(key, sizeof key, "%s_text", name);
	jw_kstr(b, key, text);
}

void journey_number_json(struct buf *b, const char *name, double v, const char *format)
{
	char key[32], text[NUMBER_TEXT];
	jw_kdouble(b, name, v);
	number_text(text, v, false, format, -1, 0, NULL);
	snprintf(key, sizeof key, "%s_text", name);
	jw_kstr(b, key, text);
}

void journey_by_json(struct buf *b, const struct journey_query *q, struct str key)
{
	struct str el[KPI_DIMS];
	group_split(key, el);
	jw_key(b, "by");
	jw_obj(b);
	for (int i = 0; i < q->nby; i++) {
		jw_key(b, q->dims[q->by[i]].p);
		jw_raw(b, el[i].p, el[i].n);
	}
	jw_obj_end(b);
}
