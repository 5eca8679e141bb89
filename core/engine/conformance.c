#include "engine/conformance.h"

#include <stdlib.h>
#include <string.h>

#include "base/tz.h"
#include "engine/journeys.h"
#include "kpi/number.h"

#define EACH(d, list, i)                                                                           \
	for (uint32_t i = (list) + 1; (list) && i < (d)->nodes[list].next; i = (d)->nodes[i].next)

/* ---- counting ---- */

static struct deviation_sum *deviation_of(
	struct conformance *c, struct conformance_sum *s, struct str kind, struct str stage)
{
	for (int i = 0; i < s->n; i++)
		if (str_same(s->v[i].kind, kind) && str_same(s->v[i].stage, stage))
			return &s->v[i];
	s->v = xrealloc(s->v, sizeof *s->v * (size_t)(s->n + 1));
	s->v[s->n] = (struct deviation_sum){.kind = arena_str(&c->a, kind.p, kind.n),
		.stage = arena_str(&c->a, stage.p, stage.n)};
	return &s->v[s->n++];
}

static uint32_t deviations(const struct conformance *c)
{
	return json_get(&c->fit, 0, "deviations");
}

static struct str text_of(struct conformance *c, uint32_t at, const char *key)
{
	return json_text(&c->fit, json_get(&c->fit, at, key), &c->row);
}

static const char *text_of_number(struct conformance *c)
{
	struct str raw = json_raw(&c->fit, json_get(&c->fit, 0, "fitness"));
	return arena_str(&c->row, raw.p, raw.n).p;
}

static bool as_ideal(const struct conformance *c)
{
	uint32_t list = deviations(c);
	return !list || c->fit.nodes[list].count == 0;
}

static void count(struct conformance *c, struct conformance_sum *s)
{
	int bin = (int)(c->fitness * FITNESS_BINS);
	s->instances++;
	s->as_ideal += as_ideal(c);
	s->fitness += c->fitness;
	s->bins[bin < FITNESS_BINS ? bin : FITNESS_BINS - 1]++;
	EACH(&c->fit, deviations(c), i)
	{
		struct deviation_sum *d =
			deviation_of(c, s, text_of(c, i, "kind"), text_of(c, i, "stage"));
		d->count++;
		d->instances += d->seen != c->all.sum.instances;
		d->seen = c->all.sum.instances;
	}
}

/* The first day of the period. */
static int32_t period_of(const struct journey_query *q, int64_t ms)
{
	int y, m, d;
	int32_t day = tz_day(ms);
	civil_from_day(day, &y, &m, &d);
	switch (q->every[0] ? q->every[0] : 'm') {
	case 'd': return day;
	case 'w':
		return day - (int32_t)((((int64_t)day + 3) % 7 + 7) % 7); /* 1970-01-01: Thursday */
	case 'q': return civil_day(y, (m - 1) / 3 * 3 + 1, 1);
	case 'y': return civil_day(y, 1, 1);
	default: return civil_day(y, m, 1);
	}
}

/* Instances come by when they began: the last period, or a new one. */
static struct conformance_sum *period(struct conformance_group *g, int32_t first)
{
	if (!g->nperiods || g->periods[g->nperiods - 1].first != first) {
		g->periods = xrealloc(g->periods, sizeof *g->periods * (size_t)(g->nperiods + 1));
		g->periods[g->nperiods++] = (struct conformance_period){.first = first};
	}
	return &g->periods[g->nperiods - 1].sum;
}

static bool is_group(const void *item, const void *key)
{
	return str_same(((const struct conformance_group *)item)->key, *(const struct str *)key);
}

static struct conformance_group *group_of(struct conformance *c, struct str key)
{
	uint32_t hash = hash_bytes(key.p, key.n, 0);
	struct conformance_group *g = pmap_find(&c->by_key, hash, is_group, &key);
	if (g)
		return g;
	if (c->ngroups >= c->q->eng->conf->kpi_groups) {
		struct str rest = group_rest(c->q->nby, &c->q->row);
		if (!str_same(rest, key))
			return group_of(c, rest);
	}
	g = arena_alloc(&c->a, sizeof *g);
	*g = (struct conformance_group){.key = arena_str(&c->a, key.p, key.n)};
	c->groups = xrealloc(c->groups, sizeof *c->groups * (size_t)(c->ngroups + 1));
	c->groups[c->ngroups++] = g;
	pmap_add(&c->by_key, hash, g);
	return g;
}

static void share_json(struct buf *b, double value)
{
	char text[NUMBER_TEXT];
	jw_kdouble(b, "fitness", value);
	number_text(text, 100 * value, false, "%", -1, 0, NULL);
	jw_kstr(b, "fitness_text", text);
}

static void note_worst(struct conformance *c, const struct way_head *h)
{
	struct buf b = {0}, name = {0};
	char when[TZ_TEXT];
	int at = c->nworst;
	bool full = c->nworst == c->q->limit;
	if (as_ideal(c) || (full && c->worst[c->nworst - 1].fitness <= c->fitness))
		return;
	if (full)
		free(c->worst[--at].json);
	else
		c->worst = xrealloc(c->worst, sizeof *c->worst * (size_t)(++c->nworst));
	for (; at > 0 && c->worst[at - 1].fitness > c->fitness; at--)
		c->worst[at] = c->worst[at - 1];
	journeys_name(&name, h->key, h->n);
	tz_format(h->begun_ms, when);
	jw_obj(&b);
	jw_key(&b, "key");
	jw_strn(&b, name.p, name.len);
	jw_key(&b, "unit");
	if (h->unit.p)
		jw_strn(&b, h->unit.p, h->unit.n);
	else
		jw_null(&b);
	jw_kstr(&b, "begun", when);
	share_json(&b, c->fitness);
	struct str raw = json_raw(&c->fit, deviations(c));
	jw_key(&b, "deviations");
	jw_raw(&b, raw.p, raw.n);
	jw_obj_end(&b);
	c->worst[at] = (struct worst){c->fitness, xstrdup(buf_cstr(&b))};
	buf_free(&name);
	buf_free(&b);
}

/* ---- instances ---- */

static int one(void *ctx, const struct way_head *h, struct str fit)
{
	struct conformance *c = ctx;
	struct str key;
	int32_t first = period_of(c->q, h->begun_ms);
	int rc = journey_query_takes(c->q, h, &key, c->e);
	if (rc <= 0)
		return rc;
	arena_reset(&c->row);
	rc = json_scan(&c->fit, fit.p, fit.n, JSON_DEPTH, UINT32_MAX, c->e);
	if (rc < 0)
		return rc;
	c->fitness = strtod(text_of_number(c), NULL);
	count(c, &c->all.sum);
	count(c, period(&c->all, first));
	if (c->q->nby) {
		struct conformance_group *g = group_of(c, key);
		count(c, &g->sum);
		count(c, period(g, first));
	}
	note_worst(c, h);
	return 0;
}

static int check_ideal(const struct journey_query *q, struct cx_err *e)
{
	for (int i = 0; i < q->ndefs; i++)
		if (json_get(&q->defs[i].doc, 0, "ideal"))
			return CX_OK;
	return cx_fail(e, CX_E_NOT_FOUND, "id",
		CX_T("a jornada \"%s\" não diz qual é o seu ideal: ideal = { \"etapa\", … }",
			"the journey \"%s\" does not say what is ideal: ideal = { \"stage\", … }"),
		q->journey->id);
}

static int check_every(const struct journey_query *q, struct cx_err *e)
{
	static const char *const names[] = {"", "day", "week", "month", "quarter", "year"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(q->every, names[i]) == 0)
			return CX_OK;
	return cx_fail(e, CX_E_BAD_QUERY, "every",
		CX_T("\"%.60s\": use day, week, month, quarter ou year",
			"\"%.60s\": use day, week, month, quarter or year"),
		q->every);
}

/* ---- answer ---- */

static int by_count(const void *x, const void *y)
{
	const struct deviation_sum *a = x, *b = y;
	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	int c = str_compare(a->stage, b->stage);
	return c ? c : str_compare(a->kind, b->kind);
}

static void sum_json(struct buf *b, struct conformance_sum *s)
{
	jw_kint(b, "instances", s->instances);
	if (s->instances) {
		share_json(b, s->fitness / (double)s->instances);
	} else {
		jw_knull(b, "fitness");
		jw_kstr(b, "fitness_text", "—");
	}
	jw_kint(b, "as_ideal", s->as_ideal);
	jw_key(b, "distribution");
	jw_arr(b);
	for (int i = 0; i < FITNESS_BINS; i++)
		jw_int(b, s->bins[i]);
	jw_arr_end(b);
	if (s->n)
		qsort(s->v, (size_t)s->n, sizeof *s->v, by_count);
	jw_key(b, "deviations");
	jw_arr(b);
	for (int i = 0; i < s->n; i++) {
		jw_obj(b);
		jw_key(b, "kind");
		jw_strn(b, s->v[i].kind.p, s->v[i].kind.n);
		jw_key(b, "stage");
		jw_strn(b, s->v[i].stage.p, s->v[i].stage.n);
		jw_kint(b, "count", s->v[i].count);
		jw_kint(b, "instances", s->v[i].instances);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static void group_json(struct buf *b, struct conformance_group *g)
{
	char day[16];
	sum_json(b, &g->sum);
	jw_key(b, "series");
	jw_arr(b);
	for (int i = 0; i < g->nperiods; i++) {
		tz_day_text(g->periods[i].first, day);
		jw_obj(b);
		jw_kstr(b, "period", day);
		sum_json(b, &g->periods[i].sum);
		jw_obj_end(b);
	}
	jw_arr_end(b);
}

static int by_values(const void *x, const void *y)
{
	struct str a[KPI_DIMS], b[KPI_DIMS];
	int n = group_split((*(struct conformance_group *const *)x)->key, a);
	group_split((*(struct conformance_group *const *)y)->key, b);
	return group_compare(a, b, n);
}

static void answer_json(struct conformance *c, struct buf *b)
{
	jw_obj(b);
	journey_query_json(b, c->q);
	group_json(b, &c->all);
	jw_key(b, "worst");
	jw_arr(b);
	for (int i = 0; i < c->nworst; i++)
		jw_raw(b, c->worst[i].json, strlen(c->worst[i].json));
	jw_arr_end(b);
	if (c->q->nby) {
		if (c->ngroups)
			qsort(c->groups, (size_t)c->ngroups, sizeof *c->groups, by_values);
		jw_key(b, "groups");
		jw_arr(b);
		for (int i = 0; i < c->ngroups; i++) {
			jw_obj(b);
			journey_by_json(b, c->q, c->groups[i]->key);
			group_json(b, c->groups[i]);
			jw_obj_end(b);
		}
		jw_arr_end(b);
	}
	jw_obj_end(b);
}

static void group_free(struct conformance_group *g)
{
	for (int i = 0; i < g->nperiods; i++)
		free(g->periods[i].sum.v);
	free(g->periods);
	free(g->sum.v);
}

static void conformance_free(struct conformance *c)
{
	for (int i = 0; i < c->ngroups; i++)
		group_free(c->groups[i]);
	for (int i = 0; i < c->nworst; i++)
		free(c->worst[i].json);
	group_free(&c->all);
	free(c->groups);
	free(c->worst);
	pmap_free(&c->by_key);
	json_doc_free(&c->fit);
	arena_free(&c->row);
	arena_free(&c->a);
}

int answer_conformance(struct engine *eng, const struct frame *f, struct buf *b, struct cx_err *e)
{
	struct journey_query q = {0};
	int rc = journey_query_read(&q, eng, f, e);
	struct conformance c = {.q = &q, .e = e};
	if (rc >= 0)
		rc = check_every(&q, e);
	if (rc >= 0)
		rc = check_ideal(&q, e);
	if (rc >= 0) {
		const struct way_filter filter = journey_query_ways(&q);
		rc = store_fits(eng->store, &filter, one, &c, e);
	}
	if (rc >= 0)
		answer_json(&c, b);
	conformance_free(&c);
	journey_query_free(&q);
	return rc;
}
