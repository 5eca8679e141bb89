#include "kpi/answer.h"

#include <stdlib.h>

#include "base/buf.h"

/* The figures of one group and bucket, one per measure. */
static const struct figure *figures(
	const struct answer *a, const struct answer_group *g, int bucket)
{
	const struct figure *total = g ? g->total : a->total, *series = g ? g->series : a->series;
	return bucket < 0 ? total : series + (ptrdiff_t)bucket * a->k->nmeasures;
}

struct kpi_view *view_open(struct answer *a, struct answer_group *g, int bucket)
{
	const struct kpi *k = a->k;
	const struct figure *f = figures(a, g, bucket);
	struct kpi_view *view = xcalloc(1, sizeof *view);
	struct kpi_measured *v = xcalloc((size_t)k->nmeasures, sizeof *v);
	for (int i = 0; i < k->nmeasures; i++) {
		v[i].i = f[i].i;
		if (k->measures[i].kind != MEASURE_DISTINCT)
			continue;
		v[i].set = f[i].set ? kset_top(f[i].set) : kset_new(1);
		v[i].i = (int64_t)kset_count(v[i].set, 1);
	}
	*view = (struct kpi_view){v, a};
	return view;
}

void view_close(struct kpi_view *view)
{
	for (int i = 0; i < view->a->k->nmeasures; i++)
		kset_free(view->measured[i].set);
	free((void *)(uintptr_t)view->measured);
	free(view);
}

const struct kpi_measured *kpi_view_measured(const struct kpi_view *v)
{
	return v->measured;
}
