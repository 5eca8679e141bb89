#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "json/scan.h"
#include "kpi/compare.h"
#include "kpi/number.h"
#include "kpi/pool.h"

struct writing {
	struct buf *b;
	const struct evaluation *v;
	const struct kpi *k;
	const char *format; /* how the KPI's values are written */
	char currency[4];   /* of the group at hand, "" = of several */
	int scale;
};

static void write_time(struct buf *b, const char *key, bool has, int64_t ms)
{
	char t[TZ_TEXT];
	if (has)
		tz_format(ms, t);
	jw_kstr(b, key, has ? t : NULL);
}

static void write_window(struct buf *b, bool has_from, int64_t from_ms, bool has_to, int64_t to_ms)
{
	char text[PERIOD_TEXT];
	write_time(b, "from", has_from, from_ms);
	write_time(b, "to", has_to, to_ms);
	number_period_text(text, has_from, from_ms, has_to, to_ms);
	jw_kstr(b, "period_text", text);
}

static void write_known(struct buf *b, int64_t ms)
{
	char text[NUMBER_TEXT];
	bool given = ms != INT64_MAX;
	write_time(b, "as_known", given, ms);
	if (!given)
		return;
	number_time_text(text, ms);
	jw_kstr(b, "as_known_text", text);
}

static void write_title(struct buf *b, const struct kpi *k)
{
	struct json_doc d = {0};
	struct arena a = {0};
	struct str text = {k->id, (uint32_t)strlen(k->id)};
	if (k->title && json_scan(&d, k->title, strlen(k->title), JSON_DEPTH, 256, NULL) == CX_OK) {
		uint32_t at = 0;
		if (d.nodes[0].type == JSON_OBJECT && d.nodes[0].count) {
			at = json_get(&d, 0, cx_lang == CX_PT ? "pt-BR" : "en");
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

static void write_number(struct buf *b, const char *key, double v, bool null)
{
	jw_key(b, key);
	if (null)
		jw_null(b);
	else
		jw_double(b, v);
}

static void set_currency(struct writing *w, const struct answer_group *g)
{
	currency_of(w->v->a, g, w->currency);
	w->scale = currency_scale(w->currency);
}

static void write_currency(const struct writing *w)
{
	if (strcmp(w->format, "money") != 0)
		return;
	jw_kint(w->b, "scale", w->scale);
	jw_kstr(w->b, "currency", w->currency[0] ? w->currency : NULL);
}

static void own_text(const struct writing *w, const char *key, double v, bool null)
{
	char text[NUMBER_TEXT];
	number_text(text, v, null, w->format, -1, w->scale, w->currency);
	jw_kstr(w->b, key, text);
}

/* What has to be known with a figure: its code and its words. The first that applies. */
static void write_note(const struct writing *w, const struct shown *f)
{
	char n[NUMBER_TEXT], text[NUMBER_TEXT + 40];
	const char *note = f->hidden                     ? "suppressed"
			   : w->v->a->meta->counting.yes ? "rebuilding"
			   : f->null                     ? "no_data"
			   : f->partial                  ? "partial"
			   : f->few                      ? "few_answers"
							 : NULL;
	jw_kstr(w->b, "note", note);
	if (!note)
		return;
	if (f->hidden) {
		snprintf(text, sizeof text, CX_T("protegido (n<%lld)", "protected (n<%lld)"),
			(long long)w->k->suppress);
		jw_kstr(w->b, "text", text);
	} else if (w->v->a->meta->counting.yes) {
		snprintf(text, sizeof text, "%s",
			CX_T("a definição mudou: sendo contado de novo",
				"the definition changed: being counted again"));
	} else if (f->mixed) {
		snprintf(text, sizeof text, "%s", CX_T("várias moedas", "several currencies"));
	} else if (f->null) {
		snprintf(text, sizeof text, "%s", CX_T("sem dados", "no data"));
	} else if (f->partial) {
		snprintf(text, sizeof text, "%s",
			CX_T("parcial: eventos ficaram de fora", "partial: events were left out"));
	} else {
		number_count_text(n, f->iv.n);
		snprintf(text, sizeof text, CX_T("poucas respostas (%s)", "few answers (%s)"), n);
	}
	jw_kstr(w->b, "note_text", text);
}

/* A measure as people read it: numbers of events and ids; sums in the unit of their field. */
static void measure_text(
	const struct writing *w, const struct measure *m, int64_t v, char out[NUMBER_TEXT])
{
	const struct field *f = m->kind == MEASURE_SUM && m->field.attr == ATTR_FIELD
					? &m->type->fields[m->field.field]
					: NULL;
	double value = (double)v;
	if (f && f->kind == FIELD_MONEY) {
		const char *currency = f->currency[0] ? f->currency : w->currency;
		number_text(out, value, false, "money", -1, currency_scale(currency), currency);
	} else if (f && f->kind == FIELD_DURATION) {
		number_text(out, value, false, "duration", -1, 0, NULL);
	} else {
		for (int i = 0; f && f->kind == FIELD_DECIMAL && i < f->scale; i++)
			value /= 10;
		number_text(out, value, false, "number", -1, 0, NULL);
	}
}

static void write_measures(const struct writing *w, const struct shown *f)
{
	char text[NUMBER_TEXT];
	jw_key(w->b, "measures");
	jw_obj(w->b);
	for (int i = 0; i < w->k->nmeasures && !f->mixed; i++)
		jw_kint(w->b, w->k->measures[i].name, f->measures[i]);
	jw_obj_end(w->b);
	jw_key(w->b, "measures_text");
	jw_obj(w->b);
	for (int i = 0; i < w->k->nmeasures && !f->mixed; i++) {
		measure_text(w, &w->k->measures[i], f->measures[i], text);
		jw_kstr(w->b, w->k->measures[i].name, text);
	}
	jw_obj_end(w->b);
}

/* The members that every figure has: value, interval, note, text, measures. */
static void write_figure(const struct writing *w, const struct shown *f)
{
	const struct kpi_interval *iv = &f->iv;
	struct buf *b = w->b;
	bool interval = !iv->none && !f->hidden, bounds = interval && !isnan(iv->low);
	char text[NUMBER_TEXT];
	write_number(b, "value", f->value, f->null || f->hidden);
	if (bounds) {
		jw_kdouble(b, "low", iv->low);
		jw_kdouble(b, "high", iv->high);
	}
	if (interval && iv->method[0])
		jw_kstr(b, "method", iv->method);
	if (interval && iv->has_n)
		jw_kdouble(b, "n", iv->n);
	write_note(w, f);
	if (f->hidden)
		return;
	own_text(w, "text", f->value, f->null);
	if (bounds) {
		own_text(w, "low_text", iv->low, false);
		own_text(w, "high_text", iv->high, false);
	}
	if (interval && iv->has_n) {
		number_count_text(text, iv->n);
		jw_kstr(b, "n_text", text);
	}
	if (!w->v->a->meta->counting.empty)
		write_measures(w, f);
}

static void write_verdict_text(struct buf *b, const char *verdict)
{
	static const struct {
		const char *code, *pt, *en;
	} words[] = {{"better", "melhorou", "better"}, {"worse", "piorou", "worse"},
		{"not_proven", "não comprovado", "not proven"},
		{"few_data", "poucos dados", "few data"}};
	for (size_t i = 0; verdict && i < sizeof words / sizeof *words; i++)
		if (strcmp(verdict, words[i].code) == 0)
			jw_kstr(b, "verdict_text", CX_T(words[i].pt, words[i].en));
}

static void write_counting(struct buf *b, const struct kpi_counting *c)
{
	if (!c->yes)
		return;
	jw_key(b, "rebuilding");
	jw_obj(b);
	jw_kint(b, "done", c->done);
	jw_kint(b, "total", c->total);
	jw_obj_end(b);
}

static void write_compared(const struct writing *w, const struct kpi_query *before,
	const struct shown *now, const struct compared *c)
{
	struct buf *b = w->b;
	char text[NUMBER_TEXT];
	if (!c)
		return;
	jw_key(b, "previous");
	jw_obj(b);
	write_window(b, true, before->from_ms, true, before->to_ms);
	write_figure(w, &c->was);
	jw_obj_end(b);
	write_number(b, "change", c->change, !c->has_change);
	number_change_text(text, now->value, c->was.value, w->format, w->scale, w->currency);
	jw_kstr(b, "change_text", c->has_change ? text : NULL);
	write_number(b, "p", c->p, !c->has_p);
	if (c->has_p) {
		number_p_text(text, c->p);
		jw_kstr(b, "p_text", text);
	}
	jw_kstr(b, "test", c->test[0] ? c->test : NULL);
	jw_kstr(b, "verdict", c->verdict);
	write_verdict_text(b, c->verdict);
}

/* First and last bucket to show: where the window is open, from what was counted. */
static void shown_buckets(const struct answer *a, int *lo, int *hi)
{
	*lo = 0;
	*hi = a->nbuckets;
	if (a->q->has_from && a->q->has_to)
		return;
	if (!a->seen) {
		*hi = 0;
		return;
	}
	if (!a->q->has_from)
		*lo = window_bucket(a->buckets, a->nbuckets, a->seen_first);
	if (!a->q->has_to)
		*hi = window_bucket(a->buckets, a->nbuckets, a->seen_last) + 1;
	if (*lo < 0)
		*lo = 0;
}

static void write_series(const struct writing *w, const struct shown *series)
{
	const struct answer *a = w->v->a;
	int lo, hi;
	if (a->q->every == EVERY_NONE)
		return;
	shown_buckets(a, &lo, &hi);
	jw_key(w->b, "series");
	jw_arr(w->b);
	for (int i = lo; i < hi; i++) {
		jw_obj(w->b);
		write_window(w->b, true, a->buckets[i].from_ms, true, a->buckets[i].to_ms);
		if (a->buckets[i].cut)
			jw_kbool(w->b, "cut", true);
		write_figure(w, &series[i]);
		jw_obj_end(w->b);
	}
	jw_arr_end(w->b);
}

static void write_by(const struct writing *w, const struct str *el)
{
	const struct kpi_query *q = w->v->a->q;
	jw_key(w->b, "by");
	jw_obj(w->b);
	for (int i = 0; i < q->nby; i++) {
		jw_key(w->b, w->k->by[q->by[i]]);
		jw_raw(w->b, el[i].p, el[i].n);
	}
	jw_obj_end(w->b);
}

static void write_pooled(const struct writing *w, const struct answer_group *g)
{
	const struct pooling *p = w->v->a->pooling;
	struct str el[KPI_DIMS];
	if (!p && group_is_rest(g->el, w->v->a->q->nby)) /* more than [kpi] groups */
		jw_kbool(w->b, "overflow", true);
	if (!p || !str_same(g->key, p->rest))
		return;
	jw_key(w->b, "pooled");
	jw_arr(w->b);
	for (int i = 0; i < p->n; i++) {
		group_split(p->list[i], el);
		jw_obj(w->b);
		write_by(w, el);
		jw_obj_end(w->b);
	}
	jw_arr_end(w->b);
}

static void write_rank(const struct writing *w, const struct shown_group *g)
{
	char text[NUMBER_TEXT];
	if (!g->best)
		return;
	jw_key(w->b, "rank");
	jw_obj(w->b);
	jw_kint(w->b, "best", g->best);
	jw_kint(w->b, "worst", g->worst);
	jw_kint(w->b, "of", w->v->ranked);
	number_rank_text(text, g->best, g->worst);
	jw_kstr(w->b, "text", text);
	jw_obj_end(w->b);
}

static void write_groups(struct writing *w, const struct kpi_query *before)
{
	char one[4];
	memcpy(one, w->currency, sizeof one);
	if (!w->v->a->q->nby)
		return;
	jw_key(w->b, "groups");
	jw_arr(w->b);
	for (int i = 0; i < w->v->ngroups; i++) {
		const struct shown_group *g = w->v->groups[i];
		jw_obj(w->b);
		write_by(w, g->g->el);
		write_pooled(w, g->g);
		set_currency(w, g->g);
		if (strcmp(one, w->currency) != 0)
			write_currency(w);
		write_figure(w, &g->total);
		write_compared(w, before, &g->total, g->compared);
		write_rank(w, g);
		write_series(w, g->series);
		jw_obj_end(w->b);
	}
	jw_arr_end(w->b);
}

static void write_all(struct writing *w, const struct kpi_query *before)
{
	const struct kpi_query *q = w->v->a->q;
	const struct kpi *k = w->k;
	struct buf *b = w->b;
	jw_obj(b);
	jw_kstr(b, "id", k->id);
	write_title(b, k);
	write_window(b, q->has_from, q->from_ms, q->has_to, q->to_ms);
	write_known(b, q->known_ms);
	jw_kstr(b, "format", w->format);
	write_currency(w);
	jw_kstr(b, "better", k->better ? k->better : "higher");
	jw_kint(b, "min_n", k->min_n ? k->min_n : w->v->a->meta->min_n);
	write_number(b, "target", k->target, !k->has_target);
	if (k->has_target)
		own_text(w, "target_text", k->target, false);
	write_figure(w, &w->v->total);
	write_compared(w, before, &w->v->total, w->v->compared);
	write_counting(b, &w->v->a->meta->counting);
	jw_key(b, "definition");
	jw_obj(b);
	jw_kstr(b, "plugin", k->plugin);
	jw_kstr(b, "version", w->v->a->meta->plugin_version);
	jw_kstr(b, "hash", k->hash);
	jw_obj_end(b);
	write_series(w, w->v->series);
	write_groups(w, before);
	jw_obj_end(b);
}

/* The answer with everything that its figures say of each other. */
static int reply(struct answer *a, struct buf *json)
{
	const struct kpi *k = a->k;
	struct evaluation v = {.a = a};
	struct comparison c = {0};
	struct writing w = {.b = json, .v = &v, .k = k, .format = k->format ? k->format : "number"};
	int rc = evaluate(&v);
	if (rc >= 0 && a->q->compare) {
		rc = compare_windows(&v, &c);
	} else if (rc >= 0) {
		rc = evaluation_finish(&v);
		if (rc >= 0)
			rc = suppress(&v);
	}
	if (rc >= 0) {
		hide_mixed_currencies(&v);
		rank_groups(&v);
		set_currency(&w, NULL);
		write_all(&w, &c.q);
	}
	comparison_free(&c);
	evaluation_free(&v);
	return rc;
}

/* Which groups stay by themselves. */
static int find_pooled(struct answer *a, struct pooling *p)
{
	struct evaluation v = {.a = a, .totals_only = true};
	int rc = evaluate(&v);
	pool_init(p, a->q->nby);
	for (int i = 0; i < v.ngroups && rc >= 0; i++) {
		const struct shown *f = &v.groups[i]->total;
		struct str key = v.groups[i]->g->key;
		bool small =
			f->null || (!f->iv.none && f->iv.has_n && f->iv.n < (double)a->q->pool);
		if (!small && !str_same(key, p->rest))
			pool_keep(p, key);
	}
	for (int i = 0; i < v.ngroups && rc >= 0; i++)
		if (str_same(v.groups[i]->g->key, p->rest)) /* a group "…" joins them */
			pool_add(p, p->rest);
	evaluation_free(&v);
	return rc;
}

int answer_json(struct answer *a, struct buf *json)
{
	struct pooling p = {0};
	if (!a->q->pool)
		return reply(a, json);
	struct answer again = {.s = a->s,
		.k = a->k,
		.q = a->q,
		.host = a->host,
		.meta = a->meta,
		.e = a->e,
		.pooling = &p};
	int rc = find_pooled(a, &p);
	if (rc >= 0) {
		rc = answer_open(&again);
		if (rc >= 0)
			rc = reply(&again, json);
		answer_free(&again);
	}
	pool_free(&p);
	return rc;
}
