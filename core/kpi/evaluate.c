#include "kpi/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static int figure(struct evaluation *v, struct answer_group *g, int bucket, struct shown *out)
{
	struct answer *a = v->a;
	const struct kpi *k = a->k;
	struct kpi_view *view = view_open(a, g, bucket);
	*out = (struct shown){.iv = {.none = true}};
	bool empty = a->meta->counting.empty;
	int rc = empty ? CX_OK
		       : a->host->formula(a->host->ctx, k, view, &out->value, &out->null, a->e);
	out->null = empty || out->null || !isfinite(out->value);
	out->value = out->null ? 0 : out->value + 0.0; /* no -0 */
	if (rc >= 0 && !out->null && k->interval && a->host->interval) {
		out->iv.none = false;
		rc = a->host->interval(a->host->ctx, k, view, &out->iv, a->e);
	}
	double least = (double)(k->min_n ? k->min_n : a->meta->min_n);
	out->few = !out->iv.none && out->iv.has_n && out->iv.n < least;
	const struct kpi_measured *m = kpi_view_measured(view);
	out->measures = arena_alloc(&v->arena, (size_t)k->nmeasures * sizeof *out->measures);
	for (int i = 0; i < k->nmeasures; i++)
		out->measures[i] = m[i].i;
	view_close(view);
	return rc < 0 ? rc : a->failed;
}

static int series(struct evaluation *v, struct answer_group *g, struct shown **out)
{
	int n = v->totals_only ? 0 : v->a->nbuckets, rc = CX_OK;
	*out = arena_alloc(&v->arena, ((size_t)n + 1) * sizeof **out);
	for (int i = 0; i < n && rc >= 0; i++)
		rc = figure(v, g, i, &(*out)[i]);
	return rc;
}

static int next_group(struct evaluation *v)
{
	struct shown_group *g = arena_alloc(&v->arena, sizeof *g);
	*g = (struct shown_group){.g = v->a->groups[v->ngroups]};
	if (v->ngroups == v->cap_groups) {
		v->cap_groups = v->cap_groups ? v->cap_groups * 2 : 64;
		v->groups =
			xrealloc(v->groups, (size_t)v->cap_groups * sizeof(struct shown_group *));
	}
	v->groups[v->ngroups++] = g;
	int rc = figure(v, g->g, -1, &g->total);
	return rc < 0 ? rc : series(v, g->g, &g->series);
}

int evaluate(struct evaluation *v)
{
	int rc = CX_OK;
	if (!v->series) {
		rc = figure(v, NULL, -1, &v->total);
		if (rc >= 0)
			rc = series(v, NULL, &v->series);
	}
	while (rc >= 0 && v->ngroups < v->a->ngroups) /* formulas may add some */
		rc = next_group(v);
	return rc;
}

static int by_key(const void *x, const void *y)
{
	const struct answer_group *a = (*(struct shown_group *const *)x)->g;
	const struct answer_group *b = (*(struct shown_group *const *)y)->g;
	int n = 0;
	while (n < KPI_DIMS && a->el[n].p)
		n++;
	return group_compare(a->el, b->el, n);
}

/* Which of the window and its buckets lack events. By group nobody knows: an event may be left out
 * before it has one, so a note stands at all of them. */
static int mark_partial(struct evaluation *v, int bucket, bool *yes)
{
	int rc = answer_partial(v->a, bucket, yes);
	for (int i = -1; i < v->ngroups && *yes && rc >= 0; i++)
		shown_at(v, i < 0 ? NULL : v->groups[i], bucket)->partial = true;
	return rc;
}

int evaluation_finish(struct evaluation *v)
{
	bool partial = false, bucket;
	int rc = mark_partial(v, -1, &partial);
	for (int b = 0; b < v->a->nbuckets && (partial || v->a->nmoved) && rc >= 0; b++) {
		bucket = false;
		rc = mark_partial(v, b, &bucket);
	}
	if (v->ngroups)
		qsort(v->groups, (size_t)v->ngroups, sizeof *v->groups, by_key);
	return rc;
}

struct shown *shown_at(struct evaluation *v, struct shown_group *g, int bucket)
{
	if (bucket < 0)
		return g ? &g->total : &v->total;
	return g ? &g->series[bucket] : &v->series[bucket];
}

void evaluation_free(struct evaluation *v)
{
	free(v->groups);
	arena_free(&v->arena);
}

double shown_n(const struct kpi *k, const struct shown *f)
{
	int64_t least = 0;
	bool counts = false, any = false;
	if (!f->iv.none && f->iv.has_n)
		return f->iv.n;
	for (int i = 0; i < k->nmeasures; i++) {
		int64_t n = f->measures[i];
		any = any || n != 0;
		if (k->measures[i].kind == MEASURE_SUM)
			continue;
		counts = true;
		if (n > 0 && (least == 0 || n < least))
			least = n;
	}
	return counts ? (double)least : any; /* sums alone say nothing: as if of one */
}
