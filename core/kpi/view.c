#include "kpi/answer.h"

#include <stdlib.h>

#include "base/buf.h"

/* The figures of one group and bucket, one per measure. */
const struct figure *answer_figures(
	const struct answer *a, const struct answer_group *g, int bucket)
{
	const struct figure *total = g ? g->total : a->total, *series = g ? g->series : a->series;
	return bucket < 0 ? total : series + (ptrdiff_t)bucket * a->k->nmeasures;
}

/* Those seen at least so often, out of a set that may tell of more often too. */
static struct kset *seen(const struct kset *set, int times, bool own)
{
	if (!set)
		return kset_new(1);
	if (own)
		return kset_top(set);
	struct kset *levels = kset_new(times);
	kset_merge(levels, set);
	if (times == 1)
		return levels;
	struct kset *top = kset_top(levels);
	kset_free(levels);
	return top;
}

/* f NULL: figures of nothing. */
static const struct kpi_measured *measured(const struct answer *a, const struct figure *f)
{
	static struct hist nothing;
	const struct kpi *k = a->k;
	struct kpi_measured *v = xcalloc((size_t)k->nmeasures, sizeof *v);
	for (int i = 0; i < k->nmeasures; i++) {
		const struct measure *m = &k->measures[i];
		int lead = a->lead[i];
		v[i].i = f ? f[i].i : 0;
		if (m->kind == MEASURE_DISTINCT) {
			v[i].set = seen(f ? f[lead].set : NULL, m->times, lead == i);
			v[i].i = (int64_t)kset_count(v[i].set, 1);
		} else if (m->kind == MEASURE_HISTOGRAM) {
			v[i].hist = f && f[i].hist ? f[i].hist : &nothing;
			v[i].i = v[i].hist->total;
		}
	}
	return v;
}

struct kpi_view *view_open(struct answer *a, struct answer_group *g, int bucket)
{
	struct kpi_view *v = xcalloc(1, sizeof *v);
	*v = (struct kpi_view){.measured = measured(a, answer_figures(a, g, bucket)),
		.a = a,
		.group = g,
		.bucket = bucket};
	return v;
}

void view_close(struct kpi_view *v)
{
	while (v) {
		struct kpi_view *next = v->next;
		for (int i = 0; i < v->a->k->nmeasures; i++)
			kset_free(v->measured[i].set);
		figures_free(v->own, (size_t)v->a->k->nmeasures);
		free((void *)(uintptr_t)v->measured);
		free(v);
		v = next;
	}
}

const struct kpi_measured *kpi_view_measured(const struct kpi_view *v)
{
	if (v->lens)
		lens_share(v->a, v->lens);
	return v->measured;
}

/* The figures that a moved view shows; NULL: there is nothing. */
static int moved_figures(struct kpi_view *v, const struct figure **out)
{
	struct lens *l = v->lens;
	const struct answer_group *g = v->group;
	*out = NULL;
	if (!l)
		return CX_OK;
	if (l->run)
		return running_figures(l->run, g, v->bucket, out, &v->own);
	if (g)
		g = answer_group_find(l->a, g->key);
	if (g || !v->group)
		*out = answer_figures(l->a, g, l->bucket);
	return CX_OK;
}

static int view_move(struct kpi_view *v, struct move move, struct kpi_view **out, struct cx_err *e)
{
	struct kpi_view *first = v;
	if (!v->a)
		return 0;
	if (v->a->failed) /* what was read of it is no window, and the query ends in an error */
		return v->a->failed;
	struct span span = lens_span(v, v->bucket);
	if (!span_move(&span, &move))
		return 0;
	struct kpi_view *moved = xcalloc(1, sizeof *moved);
	*moved = (struct kpi_view){
		.a = v->a, .group = v->group, .bucket = v->bucket, .from = v, .move = move};
	const struct figure *f = NULL;
	int rc = lens_find(moved, &moved->lens);
	if (rc >= 0)
		rc = moved_figures(moved, &f);
	if (rc < 0) {
		v->a->failed = rc;
		if (e && e != v->a->e)
			*e = *v->a->e;
		figures_free(moved->own, (size_t)v->a->k->nmeasures);
		free(moved);
		return rc;
	}
	moved->measured = measured(v->a, f);
	while (first->from)
		first = first->from;
	moved->next = first->next;
	first->next = moved;
	*out = moved;
	return 1;
}

int kpi_view_shift(
	struct kpi_view *v, struct duration d, int sign, struct kpi_view **out, struct cx_err *e)
{
	return view_move(v, (struct move){.d = d, .sign = sign}, out, e);
}

int kpi_view_before(struct kpi_view *v, struct kpi_view **out, struct cx_err *e)
{
	return view_move(v, (struct move){.before = true}, out, e);
}
