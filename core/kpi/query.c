#include "kpi/query.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/tz.h"
#include "kpi/answer.h"
#include "kpi/cellvalue.h"

struct reading {
	struct answer *a;
	int set;     /* of sets */
	int32_t day; /* what targets were made for */
	struct buf group;
	bool fresh, skip; /* skip: the day is scanned */
	struct targets t;
	struct cell_value v;
};

/* Day by day: is this one scanned? */
static bool skipped(struct reading *r, int32_t day)
{
	if (!r->fresh || r->day != day)
		r->skip = window_scanned(&r->a->w, day);
	return r->skip;
}

static int read_measure(struct reading *r, const struct measure *m)
{
	if (m->hist >= 0)
		return answer_spread(r->a, &r->t, m, &r->v.h[m->hist]);
	return answer_add(r->a, &r->t, m, r->v.v[m->slot]);
}

static int read_cell(void *ctx, int32_t day, struct str group, const void *p, size_t n)
{
	struct reading *r = ctx;
	struct answer *a = r->a;
	const struct cube *c = a->k->cube;
	struct cell_at at = {a->cube, day, group};
	bool skip = skipped(r, day), have = false;
	r->day = day;
	r->fresh = true;
	if (skip)
		return CX_OK;
	if (!cell_read(p, n, at, &r->v))
		return cell_damaged(c, at, a->e);
	for (int i = 0; i < a->k->nmeasures; i++) {
		const struct measure *m = &a->k->measures[i];
		if (m->kind == MEASURE_DISTINCT || !cell_has(&r->v, m))
			continue;
		int rc = have ? CX_OK : answer_targets(a, day, group, &r->t);
		have = true;
		if (rc == CX_OK)
			rc = read_measure(r, m);
		if (rc < 0)
			return rc;
	}
	return CX_OK;
}

static void tell_span(const struct answer *a, int32_t first)
{
	char day[16];
	tz_day_text(first, day);
	log_warn(CX_T("%s, %s: um conjunto de %d dias danificado (set_span); os dias são lidos",
			 "%s, %s: a damaged set of %d days (set_span); the days are read"),
		a->k->id, day, SET_SPAN);
}

static int read_set(void *ctx, int32_t day, struct str group, const void *blob, size_t n,
	uint32_t id, uint32_t count)
{
	struct reading *r = ctx;
	struct answer *a = r->a;
	struct str was = {r->group.p, (uint32_t)r->group.len};
	if (!r->fresh || r->day != day || !group.p || !str_same(was, group)) {
		bool skip = skipped(r, day);
		int rc = skip ? CX_OK : answer_targets(a, day, group, &r->t);
		if (rc < 0)
			return rc;
		buf_clear(&r->group);
		buf_add(&r->group, group.p, group.n);
		r->day = day;
		r->fresh = true;
	}
	if (r->skip || !r->t.all)
		return CX_OK;
	struct kset *set = blob ? kset_read(blob, n) : NULL;
	if (!set && !group.p) {
		if (n)
			tell_span(a, day);
		return 1; /* its days are asked for instead */
	}
	if (blob && !set)
		return cell_damaged(a->k->cube, (struct cell_at){a->cube, day, group}, a->e);
	for (int i = 0; i < a->k->nmeasures; i++) {
		const struct measure *m = &a->k->measures[i];
		if (m->set != r->set)
			continue;
		if (blob)
			answer_merge(a, &r->t, m, day, set, !group.p);
		else
			answer_see(a, &r->t, m, day, id, count);
	}
	kset_free(set);
	return CX_OK;
}

/* Measures that differ in their options alone may share a set: it is read once. */
static bool read_before(const struct kpi *k, int i)
{
	for (int j = 0; j < i; j++)
		if (k->measures[j].set == k->measures[i].set)
			return true;
	return false;
}

/* A span holds no groups, and its days must all be answered by cells, in one bucket. */
static bool span_wanted(void *ctx, int32_t first, int32_t last)
{
	struct answer *a = ((struct reading *)ctx)->a;
	for (int32_t day = first; day <= last; day++)
		if (window_scanned(&a->w, day))
			return false;
	return !a->nbuckets || answer_bucket(a, first) == answer_bucket(a, last);
}

/* Do spans tell all there is to know of a set? Then how they must have been made. */
static bool by_spans(const struct answer *a, int set, struct set_spans *spans)
{
	bool any[2] = {false, false};
	for (int i = 0; i < a->k->nmeasures; i++)
		if (a->k->measures[i].set == set && a->lead[i] == i)
			any[measure_by_days(&a->k->measures[i])] = true;
	*spans = (struct set_spans){any[true], span_wanted};
	return !a->q->nby && !a->q->nwhere && any[true] != any[false];
}

static int read_days(struct answer *a)
{
	if (a->cube < 0 || a->w.first > a->w.last)
		return CX_OK;
	const struct cube *c = a->k->cube;
	struct reading r = {.a = a};
	struct set_spans spans;
	int rc = CX_OK;
	r.v = (struct cell_value){c->nslots, c->nhists,
		xcalloc((size_t)c->nslots + 1, sizeof *r.v.v),
		xcalloc((size_t)c->nhists + 1, sizeof *r.v.h)};
	if (c->nslots || c->nhists)
		rc = store_cells(a->s, a->cube, a->w.first, a->w.last, read_cell, &r, a->e);
	for (int i = 0; i < a->k->nmeasures && rc >= 0; i++) {
		r.set = a->k->measures[i].set;
		r.fresh = false;
		a->bucket = 0;
		if (r.set >= 0 && !read_before(a->k, i))
			rc = store_sets(a->s, a->cube, r.set, a->w.first, a->w.last,
				by_spans(a, r.set, &spans) ? &spans : NULL, read_set, &r, a->e);
	}
	for (int i = 0; i < c->nhists; i++)
		hist_free(&r.v.h[i]);
	free(r.v.h);
	free(r.v.v);
	buf_free(&r.group);
	return rc;
}

static int scan_day(void *ctx, int32_t day)
{
	window_scan(ctx, day, day);
	return 0;
}

/* The whole days that no cell answers: spoilt ones, and as known at some time those that learned
 * something since, as all did that had not ended yet. */
static int find_scanned(struct answer *a)
{
	struct window *w = &a->w;
	int rc = CX_OK;
	if (w->first <= w->last && a->cube >= 0)
		rc = store_spoilt_days(a->s, a->cube, w->first, w->last, scan_day, w, a->e);
	if (rc >= 0 && w->first <= w->last && a->q->known_ms != INT64_MAX) {
		int32_t then = tz_day(a->q->known_ms);
		int32_t upto = then - 1 < w->last ? then - 1 : w->last;
		if (a->cube >= 0 && w->first <= upto)
			rc = store_known_days(
				a->s, a->cube, w->first, upto, a->q->known_ms, scan_day, w, a->e);
		if (then <= w->last)
			window_scan(w, then > w->first ? then : w->first, w->last);
	}
	window_settle(w);
	return rc;
}

/* The days a series goes over; 0: none. Where the window is open: from the first day that anything
 * can be found on to the last; reply.c leaves out what is empty at the ends. */
static int series_days(struct answer *a, struct days *d)
{
	const struct kpi_query *q = a->q;
	const struct window *w = &a->w;
	struct days open = {INT32_MAX, INT32_MIN};
	int rc = 0;
	if (!q->has_from || !q->has_to) {
		if (a->cube >= 0)
			rc = store_cell_days(a->s, a->cube, &open.first, &open.last, a->e);
		for (int i = 0; i < w->nscanned && rc >= 0; i++)
			rc = answer_reach(a, &w->scanned[i], &open);
		if (rc < 0)
			return rc;
	}
	d->first = q->has_from ? tz_day(q->from_ms) : open.first;
	d->last = q->has_to ? tz_day(q->to_ms - 1) : open.last;
	if (q->has_from && w->before && d->last < d->first)
		d->last = d->first; /* what the edge day has */
	if (q->has_to && w->after && d->first > d->last)
		d->first = d->last;
	return d->first <= d->last;
}

static int too_many(struct answer *a)
{
	return cx_fail(a->e, CX_E_BAD_QUERY, "every",
		CX_T("mais de %d períodos × grupos: use um every maior ou uma janela menor",
			"more than %d buckets × groups: use a longer every or a smaller window"),
		SERIES_MAX);
}

static int begin_series(struct answer *a)
{
	struct days d;
	int rc = a->buckets ? 0 : series_days(a, &d);
	if (rc < 0)
		return rc;
	if (rc && window_buckets(a->q, d.first, d.last, &a->buckets, &a->nbuckets) < 0)
		return too_many(a);
	size_t n = (size_t)a->nbuckets;
	a->series = xcalloc(n * (size_t)a->k->nmeasures, sizeof *a->series);
	a->partial_in = xcalloc(n + 1, sizeof *a->partial_in);
	return CX_OK;
}

/* May filters be held against the events of "…"? Not where small groups are protected, as those in
 * there are not weighed; nor with sets by days, of which each day is fed at one time. */
static bool sees_rest(const struct answer *a)
{
	bool yes = a->q->nwhere && !a->k->suppress;
	for (int i = 0; i < a->q->nwhere; i++)
		yes = yes && strcmp(a->q->where[i].text, "…") != 0;
	for (int i = 0; i < a->k->nmeasures; i++)
		yes = yes && !measure_by_days(&a->k->measures[i]);
	return yes;
}

int answer_begin(struct answer *a)
{
	int rc = CX_OK;
	a->cube = a->k->cube->id;
	window_of(a->q, &a->w);
	a->sees_rest = sees_rest(a);
	answer_leads(a);
	a->total = xcalloc((size_t)a->k->nmeasures, sizeof *a->total);
	if (rc >= 0)
		rc = find_scanned(a);
	if (rc >= 0 && (a->buckets || a->q->every != EVERY_NONE))
		rc = begin_series(a);
	for (int i = 0; i < a->q->nwhere; i++) {
		struct str text = {a->q->where[i].text, (uint32_t)strlen(a->q->where[i].text)};
		a->where[i][0] = a->q->where[i].null ? STR("null") : text;
		a->where[i][1] = a->q->where[i].null ? STR("null") : group_quote(text, &a->arena);
	}
	return rc;
}

void figures_free(struct figure *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++) {
		kset_free(v[i].set);
		if (v[i].hist)
			hist_free(v[i].hist);
		free(v[i].hist);
	}
	free(v);
}

void answer_free(struct answer *a)
{
	size_t nm = (size_t)a->k->nmeasures, nb = (size_t)a->nbuckets;
	figures_free(a->total, nm);
	figures_free(a->series, nb * nm);
	for (int i = 0; i < a->ngroups; i++) {
		figures_free(a->groups[i]->total, nm);
		figures_free(a->groups[i]->series, nb * nm);
	}
	lenses_free(a);
	scanning_free(a->scanning);
	window_free(&a->w);
	window_free(&a->rest);
	free(a->groups);
	free(a->buckets);
	free(a->partial_in);
	pmap_free(&a->memo);
	pmap_free(&a->map);
	arena_free(&a->arena);
}

int answer_read(struct answer *a)
{
	if (a->meta->counting.empty)
		return answer_close(a);
	int rc = read_days(a);
	if (rc >= 0)
		rc = answer_scan(a);
	if (rc >= 0)
		rc = answer_scan_rest(a);
	return rc < 0 ? rc : answer_close(a);
}

int answer_open(struct answer *a)
{
	int rc = answer_begin(a);
	return rc < 0 ? rc : answer_read(a);
}

/* Exclusions on whole days that cells answer. */
static int left_out(struct answer *a, int32_t first, int32_t last, bool *yes)
{
	const struct window *w = &a->w;
	int64_t from = first > w->first ? first : w->first;
	last = last < w->last ? last : w->last;
	for (int i = 0; i <= w->nscanned && !*yes && from <= last; i++) {
		int64_t n = 0, upto = last;
		if (i < w->nscanned && w->scanned[i].first <= upto)
			upto = (int64_t)w->scanned[i].first - 1;
		if (from <= upto) {
			int rc = store_excluded(
				a->s, a->cube, a->k->id, (int32_t)from, (int32_t)upto, &n, a->e);
			if (rc < 0)
				return rc;
			*yes = n > 0;
		}
		if (i < w->nscanned && from <= w->scanned[i].last)
			from = (int64_t)w->scanned[i].last + 1;
	}
	return CX_OK;
}

int answer_partial(struct answer *a, int bucket, bool *yes)
{
	int32_t first = INT32_MIN, last = INT32_MAX;
	*yes = bucket < 0 ? a->partial : a->partial_in[bucket];
	if (bucket >= 0) {
		first = a->buckets[bucket].first;
		if (bucket + 1 < a->nbuckets)
			last = a->buckets[bucket + 1].first - 1;
	}
	int rc = *yes ? CX_OK : left_out(a, first, last, yes);
	return *yes || rc < 0 ? rc : lenses_partial(a, bucket, yes);
}

int kpi_query_run(struct store *s, const struct kpi *k, const struct kpi_query *q,
	const struct kpi_host *host, const struct kpi_meta *meta, struct buf *json,
	struct cx_err *e)
{
	struct cx_err own = {0};
	struct answer a = {.s = s, .k = k, .q = q, .host = host, .meta = meta, .e = e ? e : &own};
	size_t start = json->len;
	int rc = answer_open(&a);
	if (rc >= 0)
		rc = answer_json(&a, json);
	if (rc < 0)
		json->len = start;
	answer_free(&a);
	return rc < 0 ? rc : CX_OK;
}
