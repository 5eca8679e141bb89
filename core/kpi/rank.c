#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "kpi/evaluate.h"
#include "kpi/pool.h"

static int by_value(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;
	return (a > b) - (a < b);
}

static int64_t below(const double *sorted, int64_t n, double v) /* how many are < v */
{
	int64_t lo = 0, hi = n;
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;
		if (sorted[mid] < v)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* What is pooled is no one's place. */
static bool can_rank(const struct evaluation *v, const struct shown_group *g)
{
	const struct shown *f = &g->total;
	const struct pooling *p = v->a->pooling;
	return !f->null && !f->few && !f->hidden && !f->iv.none && isfinite(f->iv.low) &&
	       isfinite(f->iv.high) && !(p && str_same(g->g->key, p->rest));
}

void rank_groups(struct evaluation *v)
{
	const char *better = v->a->k->better;
	double sign = better && strcmp(better, "lower") == 0 ? -1 : 1;
	double *best = xcalloc((size_t)v->ngroups + 1, sizeof *best);   /* the ends, sorted; */
	double *worst = xcalloc((size_t)v->ngroups + 1, sizeof *worst); /* greater is better */
	int64_t n = 0;
	for (int i = 0; i < v->ngroups; i++) {
		const struct kpi_interval *iv = &v->groups[i]->total.iv;
		if (!can_rank(v, v->groups[i]))
			continue;
		best[n] = sign > 0 ? iv->high : -iv->low;
		worst[n++] = sign > 0 ? iv->low : -iv->high;
	}
	qsort(best, (size_t)n, sizeof *best, by_value);
	qsort(worst, (size_t)n, sizeof *worst, by_value);
	for (int i = 0; i < v->ngroups; i++) {
		struct shown_group *g = v->groups[i];
		const struct kpi_interval *iv = &g->total.iv;
		if (!can_rank(v, g))
			continue;
		double high = sign > 0 ? iv->high : -iv->low, low = sign > 0 ? iv->low : -iv->high;
		g->worst = n - below(best, n, low);
		/* wholly better: those whose worse end is above this one's better end */
		g->best = 1 + n - below(worst, n, nextafter(high, INFINITY));
	}
	v->ranked = n;
	free(best);
	free(worst);
}
